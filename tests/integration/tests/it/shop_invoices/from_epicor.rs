//! The whole way: orders and invoices that are entered in Epicor.

use mlc_flow::Extent;
use mlc_house::{House, HouseConfig, SHOP_INVOICES, SHOP_ORDERS};
use mlc_simulators::epicor::{NewInvoice, NewInvoiceLine, NewOrder, NewOrderLine};
use rust_decimal::Decimal;
use serde_json::{Value, json};

use crate::invoice_rig::{dec, house, shown, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_and_invoices_seeded_in_epicor_meet_in_the_shop_whichever_comes_first() {
    let bare = HouseConfig::with_paas_shop()
        .shop_flow(SHOP_ORDERS, "purchase_orders = { default_email = \"ap@house.example\" }");
    let house = house(bare, "60s").await;
    let store = || house.epicor.store();
    let supplier =
        json!({"VendorID": "NORDBOLT", "Name": "Nordbolt Supply", "CurrencyCode": "EUR", "TermsCode": "N30"});
    let vendor = store().insert_vendor(&supplier).unwrap();
    let line = |price: &str, account: &str| NewOrderLine {
        part: "BOLT-M8".into(),
        text: "Hex bolt".into(),
        price: price.into(),
        account: account.into(),
        releases: vec![4, 6],
        ..NewOrderLine::default()
    };
    let lines = vec![line("10.50", "6100|10|200"), line("2.25", "6100|10|210")];
    let order = NewOrder {
        vendor,
        currency: Some("EUR".into()),
        rate: "1.10".into(),
        freight: "5".into(),
        lines,
        ..NewOrder::default()
    };
    let first = store().add_order("EPIC06", &order).unwrap();
    let second = store().add_order("EPIC06", &order).unwrap();
    let bills = |order: i64, line: i64, release: i64, quantity: i64| NewInvoiceLine {
        order: Some([order, line, release]),
        quantity,
        ..NewInvoiceLine::default()
    };
    for (number, lines) in [
        ("A/1", vec![bills(first, 1, 1, 4), bills(second, 1, 2, 5)]),
        ("A/2", vec![bills(first, 1, 2, 6), bills(first, 2, 1, 4), bills(first, 2, 2, 6)]),
        ("A/3", vec![NewInvoiceLine { price: Some("10.60".into()), charge: "3.30".into(), ..bills(second, 1, 1, 4) }]),
    ] {
        let invoice = NewInvoice { vendor, number: number.into(), tax: "1.23".into(), lines, ..NewInvoice::default() };
        store().add_invoice("EPIC06", &invoice).unwrap();
    }
    house.order(SHOP_INVOICES, Extent::Incremental).await.unwrap();
    until(async || {
        let jobs = house.context.queue.jobs(&Default::default(), &Default::default()).await.unwrap().items;
        jobs.iter().filter(|job| job.snoozes > 0).count() == 3
    })
    .await;
    house.sync(SHOP_ORDERS).await.unwrap();
    assert!(house.dead_letters().await.unwrap().is_empty(), "{:?}", house.dead_letters().await.unwrap());
    let invoices = house.shop().invoices();
    assert_eq!(invoices.len(), 4, "one per order and invoice");
    // Epicor's own sums.
    for (number, doc, base) in epicor_totals(&house) {
        let mine = invoices.iter().filter(|found| found.transaction_id.as_deref() == Some(number.as_str()));
        let (found_doc, found_base) = mine.fold((Decimal::ZERO, Decimal::ZERO), |sum, found| {
            (sum.0 + shown(found.grand_total), sum.1 + shown(found.base_grand_total))
        });
        assert_eq!((found_doc, found_base), (doc, base), "{number}");
    }
    assert!(invoices.iter().all(|found| found.comments[0].contains(": 6100-10-2")), "accounts stand in the comment");
    // What the orders' flow sees of it afterwards changes nothing.
    house.sync(SHOP_ORDERS).await.unwrap();
    house.sync(SHOP_INVOICES).await.unwrap();
    assert_eq!(house.shop().invoices().len(), 4);
    let done = house.shop().orders_numbered(&format!("EPIC06-PO-{first}")).remove(0);
    assert_eq!((shown(done.total_due), done.state.as_deref()), (Decimal::ZERO, Some("complete")));
}

/// Number and total in both currencies of Epicor's invoices.
fn epicor_totals(house: &House) -> Vec<(String, Decimal, Decimal)> {
    let rows = house.epicor.store().rows("EPIC06", "APInvHed");
    let amount = |value: &Value| dec(value.to_string().trim_matches('"'));
    rows.iter()
        .map(|row| {
            let number = row["InvoiceNum"].as_str().unwrap().to_owned();
            (number, amount(&row["DocInvoiceAmt"]).normalize(), amount(&row["InvoiceAmt"]).normalize())
        })
        .collect()
}
