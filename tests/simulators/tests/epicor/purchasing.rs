//! Seeded orders and invoices: they nest, they add up, they repeat.

use mlc_simulators::epicor::SeedPurchasing;
use serde_json::{Value, json};

use crate::site::Site;

const ORDERS: &str = "Erp.BO.POSvc/POes";
const INVOICES: &str = "Erp.BO.APInvoiceSvc/APInvoices";

/// An amount in cents; the seed has two decimals in every total.
fn cents(value: &Value) -> i64 {
    format!("{:.0}", value.as_f64().unwrap() * 100.0).parse().unwrap()
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

fn rows(value: &Value) -> &Vec<Value> {
    value.as_array().unwrap()
}

async fn all(site: &Site, path: &str, expand: &str, order: &str) -> Vec<Value> {
    let (status, body) = site.get(path, &[("$expand", expand), ("$orderby", order), ("$top", "1000")]).await;
    assert_eq!(status, 200, "{body}");
    rows(&body["value"]).clone()
}

#[tokio::test]
async fn seeded_orders_add_up_in_both_currencies_through_three_levels_of_expand() {
    let site = Site::stock().await;
    let order = SeedPurchasing { pos: 300, invoices: 250, seed: 7, ..SeedPurchasing::default() };
    let seeded = site.sim.store().seed_purchasing(&order).unwrap();
    assert_eq!((seeded.orders.len(), seeded.invoices.len()), (300, 250));
    let expand = "PODetails($expand=PORels($expand=PORelTGLCs)),POHeadMiscs";
    let orders = all(&site, ORDERS, expand, "PONum").await;
    assert_eq!(orders.len(), 300);
    let (mut total, mut foreign, mut split, mut codes) = (0, 0, 0, [0; 3]);
    for order in &orders {
        for (ext, price, charges, misc, misc_row, tax, sum) in [
            ("ExtCost", "UnitCost", "TotalCharges", "TotalMiscCharges", "MiscAmt", "TotalTax", "TotalOrder"),
            (
                "DocExtCost",
                "DocUnitCost",
                "DocTotalCharges",
                "DocTotalMisc",
                "DocMiscAmt",
                "DocTotalTax",
                "DocTotalOrder",
            ),
        ] {
            let mut found = 0;
            for line in rows(&order["PODetails"]) {
                assert_eq!(cents(&line[ext]), extended(line, "OrderQty", price), "{line}");
                found += if line["VoidLine"] == true { 0 } else { cents(&line[ext]) };
            }
            assert_eq!(found, cents(&order[charges]), "{}", order["PONum"]);
            let miscs: i64 = rows(&order["POHeadMiscs"]).iter().map(|row| cents(&row[misc_row])).sum();
            assert_eq!(miscs, cents(&order[misc]));
            assert_eq!(found + miscs + cents(&order[tax]), cents(&order[sum]));
        }
        total += cents(&order["DocTotalOrder"]);
        foreign += i32::from(order["CurrencyCode"] != "USD" && order["ExchangeRate"] != 1.0);
        for line in rows(&order["PODetails"]) {
            codes["ECM".find(line["CostPerCode"].as_str().unwrap()).unwrap()] += 1;
            let releases = rows(&line["PORels"]);
            split += i32::from(releases.len() > 1);
            let quantity: f64 = releases.iter().map(|release| release["RelQty"].as_f64().unwrap()).sum();
            assert_eq!(Some(quantity), line["OrderQty"].as_f64());
            for release in releases {
                let books = rows(&release["PORelTGLCs"]);
                assert_eq!(books.iter().filter(|row| row["IsMainBook"] == true).count(), 1);
                assert!(books.iter().all(|row| {
                    let segments = [1, 2, 3].map(|at| row[format!("SegValue{at}")].as_str().unwrap().to_owned());
                    row["GLAccount"] == segments.join("|")
                }));
                assert!(release["InvoicedQty"].as_f64() <= release["RelQty"].as_f64());
            }
        }
    }
    assert_eq!(total, seeded.doc_total_order_cents);
    assert!(foreign > 0 && split > 50 && codes.iter().all(|count| *count > 20), "{foreign} {split} {codes:?}");
    let (_, wrong) = site.get(ORDERS, &[("$filter", "UpdatedOn ge 2025-01-31T00:00:00Z")]).await;
    assert_eq!(wrong["ErrorMessage"], "Could not find a property named 'UpdatedOn' on type 'Erp.PO'.");
    let (_, lost) = site.get("Erp.BO.POSvc/PODetails", &[("$filter", "PONUM eq 50001")]).await;
    assert_eq!(lost["value"], json!([]));
    let (_, nested) = site.get("Erp.BO.POSvc/POes('EPIC06',50001)/PODetails", &[]).await;
    assert_eq!(nested["value"][0]["PONUM"], 50_001);
    let key = "Erp.BO.GLAccountSvc/GLAccounts('EPIC06','MAINCOA','6100%7C10%7C200')";
    assert_eq!(site.get(key, &[]).await.1["AccountDesc"], "Shop supplies");
}

#[tokio::test]
async fn seeded_invoices_equal_their_lines_and_every_gl_row_and_never_pass_the_order() {
    let site = Site::stock().await;
    let seeded = site.control("seed_purchasing", json!({ "pos": 300, "invoices": 250, "seed": 3 })).await;
    for kind in ["unposted", "debit_memos", "spanning", "partial", "price_differs", "void"] {
        assert!(!rows(&seeded[kind]).is_empty(), "{kind}");
    }
    let expand = "APInvDtls($expand=APInvExps($expand=APInvExpTGLCs))";
    let invoices = all(&site, INVOICES, expand, "VendorNum,InvoiceNum").await;
    assert_eq!(invoices.len(), 250);
    for invoice in &invoices {
        let lines = rows(&invoice["APInvDtls"]);
        for (ext, price, total) in
            [("ExtCost", "UnitCost", "InvoiceAmt"), ("DocExtCost", "DocUnitCost", "DocInvoiceAmt")]
        {
            let sum: i64 = lines.iter().map(|line| cents(&line[ext])).sum();
            assert_eq!(sum, cents(&invoice[total]));
            assert!(lines.iter().all(|line| cents(&line[ext]) == extended(line, "VendorQty", price)));
        }
        assert_eq!(invoice["DebitMemo"] == true, cents(&invoice["DocInvoiceAmt"]) < 0);
        for line in lines {
            let expense = &line["APInvExps"][0];
            assert_eq!(expense["DocExpAmt"], line["DocExtCost"]);
            let main: Vec<_> = rows(&expense["APInvExpTGLCs"]).iter().filter(|row| row["IsMainBook"] == true).collect();
            assert_eq!((main.len(), &main[0]["TransAmt"]), (1, &line["ExtCost"]));
            let release = json!([line["PONum"], line["POLine"], line["PORelNum"], "MAIN"]);
            let ordered = site.sim.store().row("EPIC06", "PORelTGLC", &release).unwrap();
            assert_eq!(ordered["GLAccount"], main[0]["GLAccount"]);
        }
    }
    for key in rows(&seeded["spanning"]) {
        let of = |row: &&Value| row["VendorNum"] == key[0] && row["InvoiceNum"] == key[1];
        let invoice = invoices.iter().find(of).unwrap();
        let orders: std::collections::BTreeSet<_> =
            rows(&invoice["APInvDtls"]).iter().map(|line| line["PONum"].as_i64()).collect();
        assert!(orders.len() > 1);
    }
    let again = Site::stock().await;
    assert_eq!(again.control("seed_purchasing", json!({ "pos": 300, "invoices": 250, "seed": 3 })).await, seeded);
    assert!(site.sim.stats().gl_paths.is_empty());
}
