//! Epicor's orders and the shop's, side by side. Reads both simulators' tables and shares no code with the product.

use std::collections::BTreeMap;

use mlc_house::House;
use mlc_simulators::adobe::{ItemView, OrderView};
use serde_json::Value;

use super::rig::COMPANY;

/// Every approved order that is not void stands in the shop exactly once, and equals Epicor's to the cent: totals, lines, quantities,
/// accounts, in both currencies. Nothing else stands there. Answers how many.
pub(crate) fn assert_equal(house: &House) -> usize {
    let (headers, lines, releases, accounts) = {
        let store = house.epicor.store();
        let rows = |table: &str| store.rows(COMPANY, table);
        (rows("POHeader"), rows("PODetail"), rows("PORel"), rows("PORelTGLC"))
    };
    let mut expected = 0;
    let mut by_number: BTreeMap<String, Vec<OrderView>> = BTreeMap::new();
    for order in house.shop().orders() {
        by_number.entry(order.increment_id.clone()).or_default().push(order);
    }
    for header in headers.iter().filter(|row| row["ApprovalStatus"] == "A" && row["VoidOrder"] != true) {
        let number = &header["PONum"];
        let lines: Vec<&Value> =
            lines.iter().filter(|row| row["PONUM"] == *number && row["VoidLine"] != true).collect();
        if lines.is_empty() {
            continue;
        }
        expected += 1;
        let found = by_number.remove(&format!("{COMPANY}-PO-{number}")).unwrap_or_default();
        let [shown] = found.as_slice() else { panic!("order {number} stands {} times in the shop", found.len()) };
        for (columns, there) in [
            (["DocTotalOrder", "DocTotalTax", "DocTotalMisc", "DocTotalCharges"], ""),
            (["TotalOrder", "TotalTax", "TotalMiscCharges", "TotalCharges"], "base_"),
        ] {
            for (ours, theirs) in columns.iter().zip(["grand_total", "tax_amount", "shipping_amount", "subtotal"]) {
                let theirs = format!("{there}{theirs}");
                assert_eq!(cents(&shown.row[&theirs]), cents(&header[*ours]), "order {number}: {theirs} is not {ours}");
            }
        }
        let open: Vec<&ItemView> = shown.items.iter().filter(|item| item.qty_canceled < item.qty_ordered).collect();
        let mut counted = 0;
        for line in &lines {
            let of_line = |row: &&Value| row["PONum"] == *number && row["POLine"] == line["POLine"];
            let mut sums = [0, 0];
            for release in releases.iter().filter(of_line).filter(|row| row["VoidRelease"] != true) {
                let key = format!("{number}/{}/{}", line["POLine"], release["PORelNum"]);
                let mine: Vec<_> =
                    open.iter().filter(|item| item.ext_order_item_id.as_deref() == Some(key.as_str())).collect();
                let [item] = mine.as_slice() else { panic!("line {key} stands {} times in the shop", mine.len()) };
                counted += 1;
                assert_eq!(item.row["qty_ordered"].as_f64(), number_of(&release["RelQty"]), "quantity of {key}");
                sums[0] += cents(&item.row["row_total"]);
                sums[1] += cents(&item.row["base_row_total"]);
                let account = accounts
                    .iter()
                    .filter(of_line)
                    .find(|row| row["PORelNum"] == release["PORelNum"] && row["BookID"] == "MAIN")
                    .map(|row| row["GLAccount"].as_str().unwrap_or_default().replace('|', "-"));
                let data: Value = serde_json::from_str(item.additional_data.as_deref().unwrap_or("{}")).unwrap();
                assert_eq!(data["epicor"]["gl_account"].as_str(), account.as_deref(), "account of {key}");
                if let Some(attribute) = item.attribute("epicor_gl_account") {
                    assert_eq!(Some(attribute), account, "attribute of {key}");
                }
            }
            assert_eq!(
                sums,
                [cents(&line["DocExtCost"]), cents(&line["ExtCost"])],
                "line {} of order {number}",
                line["POLine"]
            );
        }
        assert_eq!(open.len(), counted, "order {number} has lines in the shop that Epicor has not");
        let taxes = |column: &str| open.iter().map(|item| cents(&item.row[column])).sum::<i64>();
        assert_eq!(taxes("tax_amount"), cents(&shown.row["tax_amount"]), "taxes of order {number}");
        assert_eq!(taxes("base_tax_amount"), cents(&shown.row["base_tax_amount"]), "base taxes of order {number}");
    }
    let strange: Vec<_> = by_number.keys().collect();
    assert!(strange.is_empty(), "orders in the shop that should not be: {strange:?}");
    expected
}

fn number_of(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.parse().ok())
}

/// Hundredths of a cent, so that nothing hides behind rounding.
fn cents(value: &Value) -> i64 {
    (number_of(value).unwrap_or_default() * 10_000.0).round() as i64
}
