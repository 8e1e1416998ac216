//! What buyers and clerks do: only the rows they touch are raised, and everything adds up afterwards, in both currencies.

use std::collections::BTreeMap;

use mlc_simulators::epicor::{NewInvoice, NewInvoiceLine, NewOrder, NewOrderLine, Store};
use serde_json::{Value, json};

use crate::site::Site;

const COMPANY: &str = "EPIC06";

/// A number; a column that was never set is not among those of a row.
fn number(value: &Value) -> f64 {
    if value.is_null() { 0.0 } else { value.as_f64().unwrap() }
}

fn cents(value: &Value) -> i64 {
    format!("{:.0}", number(value) * 100.0).parse().unwrap()
}

/// Quantity times price in cents, from prices with up to five decimals.
fn extended(row: &Value, quantity: &str, price: &str) -> i64 {
    let per = match row["CostPerCode"].as_str().unwrap() {
        "C" => 100,
        "M" => 1_000,
        _ => 1,
    };
    let quantity = i128::from(row[quantity].as_f64().unwrap() as i64);
    let price: i128 = format!("{:.0}", row[price].as_f64().unwrap() * 100_000.0).parse().unwrap();
    let (value, by) = (quantity * price, 1_000 * per);
    ((value + if value < 0 { -by / 2 } else { by / 2 }) / by) as i64
}

fn of_order(store: &Store, table: &str, column: &str, order: i64) -> Vec<Value> {
    store.rows(COMPANY, table).into_iter().filter(|row| row[column] == order).collect()
}

fn check_order(store: &Store, order: i64) {
    let header = store.row(COMPANY, "POHeader", &json!(order)).unwrap();
    let lines = of_order(store, "PODetail", "PONUM", order);
    for (ext, price, charges, misc, tax, total) in [
        ("ExtCost", "UnitCost", "TotalCharges", "TotalMiscCharges", "TotalTax", "TotalOrder"),
        ("DocExtCost", "DocUnitCost", "DocTotalCharges", "DocTotalMisc", "DocTotalTax", "DocTotalOrder"),
    ] {
        let mut sum = 0;
        for line in &lines {
            assert_eq!(cents(&line[ext]), extended(line, "OrderQty", price), "{line}");
            sum += if line["VoidLine"] == true { 0 } else { cents(&line[ext]) };
        }
        assert_eq!(sum, cents(&header[charges]));
        assert_eq!(sum + cents(&header[misc]) + cents(&header[tax]), cents(&header[total]));
    }
    for line in &lines {
        let releases = of_order(store, "PORel", "PONum", order);
        let mine = releases.iter().filter(|release| release["POLine"] == line["POLine"]);
        assert_eq!(line["OrderQty"].as_f64().unwrap(), mine.map(|row| row["RelQty"].as_f64().unwrap()).sum::<f64>());
    }
}

/// Revisions of header, lines and releases of an order, by `H`, `L1`, `R1.2`.
fn revisions(store: &Store, order: i64) -> BTreeMap<String, i64> {
    let revision = |row: &Value| row["SysRevID"].as_i64().unwrap();
    let mut found = BTreeMap::new();
    found.insert("H".to_owned(), revision(&store.row(COMPANY, "POHeader", &json!(order)).unwrap()));
    for row in of_order(store, "PODetail", "PONUM", order) {
        found.insert(format!("L{}", row["POLine"]), revision(&row));
    }
    for row in of_order(store, "PORel", "PONum", order) {
        found.insert(format!("R{}.{}", row["POLine"], row["PORelNum"]), revision(&row));
    }
    found
}

/// What an edit raised; the order adds up after it.
fn raised(store: &mut Store, order: i64, edit: impl FnOnce(&mut Store) -> Result<(), String>) -> Vec<String> {
    let before = revisions(store, order);
    edit(store).unwrap();
    check_order(store, order);
    let after = revisions(store, order);
    after.into_iter().filter(|(row, revision)| before.get(row) != Some(revision)).map(|(row, _)| row).collect()
}

fn order(vendor: i64) -> NewOrder {
    let line = NewOrderLine { price: "25.505".into(), cost_per: "C".into(), releases: vec![333], ..Default::default() };
    let split = NewOrderLine { price: "9.99".into(), releases: vec![2, 3], ..Default::default() };
    NewOrder {
        vendor,
        currency: Some("EUR".into()),
        rate: "1.0837".into(),
        freight: "12.34".into(),
        tax: "7.77".into(),
        lines: vec![line, split],
        ..Default::default()
    }
}

#[tokio::test]
async fn an_edit_of_an_order_raises_what_it_touches_and_the_totals_follow_silently() {
    let site = Site::stock().await;
    let mut store = site.sim.store();
    let store = &mut *store;
    let vendor = store.insert_vendor(&json!({ "VendorID": "V1", "Name": "Vendor 1", "CurrencyCode": "USD" })).unwrap();
    let po = store.add_order(COMPANY, &order(vendor)).unwrap();
    check_order(store, po);
    let total = |store: &Store| cents(&store.row(COMPANY, "POHeader", &json!(po)).unwrap()["DocTotalOrder"]);
    assert_eq!(total(store), 8493 + 4995 + 1234 + 777);

    let price = json!({ "DocUnitCost": "30.00" });
    assert_eq!(raised(store, po, |store| store.edit_line(COMPANY, po, 1, &price)), ["L1"]);
    assert_eq!(total(store), 9990 + 4995 + 1234 + 777);
    let quantity = json!({ "OrderQty": 400 });
    assert_eq!(raised(store, po, |store| store.edit_line(COMPANY, po, 1, &quantity)), ["L1", "R1.1"]);
    assert!(store.edit_line(COMPANY, po, 2, &quantity).is_err(), "several releases");
    let dates = json!({ "DueDate": "2026-07-01T00:00:00", "PromiseDt": "2026-07-02T00:00:00", "ReceivedQty": 1 });
    assert_eq!(raised(store, po, |store| store.edit_release(COMPANY, po, 2, 1, &dates)), ["R2.1"]);
    let more = json!({ "RelQty": 7 });
    assert_eq!(raised(store, po, |store| store.edit_release(COMPANY, po, 2, 2, &more)), ["L2", "R2.2"]);
    let line = NewOrderLine { releases: vec![5, 5], ..Default::default() };
    assert_eq!(
        raised(store, po, |store| store.add_line(COMPANY, po, &line).map(|line| assert_eq!(line, 3))),
        ["L3", "R3.1", "R3.2"]
    );
    assert_eq!(raised(store, po, |store| store.void_line(COMPANY, po, 3)), ["L3", "R3.1", "R3.2"]);
    assert_eq!(raised(store, po, |store| store.close_line(COMPANY, po, 1)), ["L1", "R1.1"]);
    assert_eq!(raised(store, po, |store| store.set_approval(COMPANY, po, "P")), ["H"]);
    assert_eq!(raised(store, po, |store| store.approve_order(COMPANY, po)), ["H"]);
    let rate = json!({ "ExchangeRate": "1.2001" });
    assert_eq!(raised(store, po, |store| store.edit_order(COMPANY, po, &rate)), ["H"]);
    assert_eq!(raised(store, po, |store| store.delete_line(COMPANY, po, 3)), ["H"]);
    assert_eq!(raised(store, po, |store| store.close_order(COMPANY, po)), ["H", "L1", "L2", "R1.1", "R2.1", "R2.2"]);
    raised(store, po, |store| store.void_order(COMPANY, po));
    assert_eq!(total(store), 1234 + 777);
}

#[tokio::test]
async fn child_sets_are_filtered_ordered_paged_and_counted_by_revision_where_the_server_can() {
    let site = Site::stock().await;
    let since = {
        let mut store = site.sim.store();
        store.switches_mut().child_filter_empty = false;
        let vendor = store.insert_vendor(&json!({ "VendorID": "V1", "Name": "Vendor 1" })).unwrap();
        let first = store.add_order(COMPANY, &order(vendor)).unwrap();
        let second = store.add_order(COMPANY, &order(vendor)).unwrap();
        let since = store.max_rev();
        for po in [second, first] {
            store.edit_line(COMPANY, po, 2, &json!({ "LineDesc": "Changed" })).unwrap();
            store.edit_release(COMPANY, po, 2, 1, &json!({ "DueDate": "2026-07-01T00:00:00" })).unwrap();
        }
        since
    };
    let filter = format!("SysRevID gt {since}");
    for (set, order) in [("PODetails", "PONUM,POLine"), ("PORels", "PONum,POLine,PORelNum")] {
        let path = format!("Erp.BO.POSvc/{set}");
        let number = order.split(',').next().unwrap();
        let mut seen = Vec::new();
        for skip in ["0", "1", "2"] {
            let options =
                [("$filter", filter.as_str()), ("$orderby", order), ("$top", "1"), ("$skip", skip), ("$count", "true")];
            let (status, body) = site.get(&path, &options).await;
            assert_eq!((status, &body["@odata.count"]), (200, &json!(2)), "{body}");
            seen.extend(body["value"].as_array().unwrap().iter().map(|row| row[number].as_i64().unwrap()));
        }
        assert_eq!(seen, [50_001, 50_002], "{set}");
        let (_, newest) = site.get(&path, &[("$orderby", "SysRevID desc"), ("$top", "1")]).await;
        assert_eq!(newest["value"][0][number], 50_001, "{set}");
    }
}

fn check_invoice(store: &Store, number: &str) -> Value {
    let mine = |row: &Value| row["InvoiceNum"] == number;
    let header = store.rows(COMPANY, "APInvHed").into_iter().find(mine).unwrap();
    let lines: Vec<Value> = store.rows(COMPANY, "APInvDtl").into_iter().filter(mine).collect();
    let expenses: Vec<Value> = store.rows(COMPANY, "APInvExp").into_iter().filter(mine).collect();
    for (ext, price, charge, tax, total, share) in [
        ("ExtCost", "UnitCost", "TotalMiscChrg", "TaxAmt", "InvoiceAmt", "ExpAmt"),
        ("DocExtCost", "DocUnitCost", "DocTotalMiscChrg", "DocTaxAmt", "DocInvoiceAmt", "DocExpAmt"),
    ] {
        let mut sum = cents(&header[tax]);
        for line in &lines {
            assert_eq!(cents(&line[ext]), extended(line, "VendorQty", price), "{line}");
            sum += cents(&line[ext]) + cents(&line[charge]);
            let expense = expenses.iter().find(|expense| expense["InvoiceLine"] == line["InvoiceLine"]).unwrap();
            assert_eq!(cents(&expense[share]), cents(&line[ext]));
        }
        assert_eq!(sum, cents(&header[total]), "{number} {total}");
    }
    header
}

#[tokio::test]
async fn invoices_of_every_kind_add_up_and_posting_bills_the_releases() {
    let site = Site::stock().await;
    let mut store = site.sim.store();
    let store = &mut *store;
    let vendor = store.insert_vendor(&json!({ "VendorID": "V1", "Name": "Vendor 1", "CurrencyCode": "USD" })).unwrap();
    let first = store.add_order(COMPANY, &order(vendor)).unwrap();
    let second = store.add_order(COMPANY, &order(vendor)).unwrap();
    let line = |order: [i64; 3], quantity| NewInvoiceLine { order: Some(order), quantity, ..Default::default() };
    let invoice = |number: &str, lines| NewInvoice { vendor, number: number.into(), lines, ..Default::default() };

    let dearer = NewInvoiceLine { price: Some("10.49".into()), charge: "3.33".into(), ..line([second, 2, 1], 2) };
    let misc = NewInvoiceLine { price: Some("45.00".into()), text: "Handling".into(), ..Default::default() };
    let spanning = NewInvoice {
        tax: "8.01".into(),
        posted: false,
        ..invoice("NB/20'26 #7 100%", vec![line([first, 1, 1], 100), dearer, misc])
    };
    store.add_invoice(COMPANY, &spanning).unwrap();
    let header = check_invoice(store, &spanning.number);
    assert_eq!(header["CurrencyCode"], "EUR");
    assert_eq!(cents(&header["DocInvoiceAmt"]), 2551 + 2098 + 333 + 4500 + 801);
    let invoiced = |store: &Store| number(&store.row(COMPANY, "PORel", &json!([second, 2, 1])).unwrap()["InvoicedQty"]);
    assert_eq!(invoiced(store), 0.0, "not before it is posted");

    let change = json!({ "VendorQty": 1, "DocUnitCost": "9.99" });
    store.edit_invoice_line(COMPANY, vendor, &spanning.number, 2, &change).unwrap();
    let after = check_invoice(store, &spanning.number);
    assert_eq!(cents(&after["DocInvoiceAmt"]), 2551 + 999 + 333 + 4500 + 801);
    assert!(after["SysRevID"].as_i64() > header["SysRevID"].as_i64());
    store.edit_invoice(COMPANY, vendor, &spanning.number, &json!({ "DocTaxAmt": "0.00" })).unwrap();
    assert_eq!(cents(&check_invoice(store, &spanning.number)["DocInvoiceAmt"]), 2551 + 999 + 333 + 4500);
    store.post_invoice(COMPANY, vendor, &spanning.number).unwrap();
    assert_eq!((invoiced(store), check_invoice(store, &spanning.number)["Posted"] == true), (1.0, true));

    let memo = NewInvoice { debit_memo: true, tax: "0.11".into(), ..invoice("DM-1", vec![line([second, 2, 1], 1)]) };
    store.add_invoice(COMPANY, &memo).unwrap();
    assert_eq!(cents(&check_invoice(store, "DM-1")["DocInvoiceAmt"]), -999 - 11);
    assert_eq!(invoiced(store), 0.0, "a debit memo takes back");
    let correction = NewInvoice { correction: true, ..invoice("COR-1", vec![line([second, 2, 1], 1)]) };
    store.add_invoice(COMPANY, &correction).unwrap();
    assert_eq!(check_invoice(store, "COR-1")["CorrectionInv"], true);
    assert!(store.add_invoice(COMPANY, &correction).is_err(), "the number is taken");
    assert!(store.add_invoice(COMPANY, &invoice("X", vec![line([second, 9, 1], 1)])).is_err());
    assert!(store.add_invoice(COMPANY, &invoice("Y", vec![NewInvoiceLine::default()])).is_err(), "a price is needed");
}
