//! What comes from the shop: orders as requisitions, invoices as AP invoices.
#![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]

use mlc_adobe::wire::{Invoice, Order};
use mlc_mapping::{
    InvoiceEntryRules, MappedRequisition, MappingProblem, RequisitionRules, is_ap_invoice_marker,
    mirrored_purchase_order, shop_invoice_to_ap_invoice, shop_order_to_requisition,
};
use mlc_model::{CompanyCode, NewApInvoice};
use proptest::prelude::*;

fn read<T: serde::de::DeserializeOwned>(text: &str) -> T {
    serde_json::from_str(text).unwrap()
}

fn order(items: &str) -> Order {
    read(&format!(r#"{{"increment_id":"000000412","created_at":"2026-04-23 09:14:02","items":[{items}]}}"#))
}

fn mapped(order: &Order) -> Result<Option<MappedRequisition>, MappingProblem> {
    shop_order_to_requisition(order, &RequisitionRules::default(), "2026-05-01".parse().unwrap())
}

/// Reference, part, quantity and price of each line.
fn lines(items: &str) -> Vec<(String, Option<String>, String, Option<String>)> {
    let requisition = mapped(&order(items)).unwrap().unwrap().requisition;
    let price = |price: Option<rust_decimal::Decimal>| price.map(|price| price.to_string());
    requisition
        .lines
        .into_iter()
        .map(|line| (line.reference, line.part, line.quantity.to_string(), price(line.unit_cost)))
        .collect()
}

fn line(id: u32, part: &str, quantity: &str, price: Option<&str>) -> (String, Option<String>, String, Option<String>) {
    (format!("adobe item {id}"), Some(part.to_owned()), quantity.to_owned(), price.map(str::to_owned))
}

#[test]
fn a_product_with_choices_counts_once_with_the_variants_number_and_its_own_price() {
    let items = r#"{"item_id":1,"sku":"SHIRT","name":"Shirt","product_type":"configurable","qty_ordered":2,"base_price":30},
        {"item_id":2,"parent_item_id":1,"sku":"SHIRT-XL","name":"Shirt XL","product_type":"simple","qty_ordered":2,"base_price":0}"#;
    assert_eq!(lines(items), [line(1, "SHIRT-XL", "2", Some("30"))]);
}

#[test]
fn of_a_bundle_its_parts_count() {
    let bundle = r#"{"item_id":1,"sku":"KIT","name":"Kit","product_type":"bundle","qty_ordered":2,"base_price":BUNDLE},
        {"item_id":2,"parent_item_id":1,"sku":"SAW","name":"Saw","product_type":"simple","qty_ordered":2,"base_price":PART},
        {"item_id":3,"parent_item_id":1,"sku":"NAIL","name":"Nail","product_type":"simple","qty_ordered":100,"base_price":PART}"#;
    let priced = |whole: &str, part: &str| lines(&bundle.replace("BUNDLE", whole).replace("PART", part));
    assert_eq!(priced("0", "1.5"), [line(2, "SAW", "2", Some("1.5")), line(3, "NAIL", "100", Some("1.5"))]);
    assert_eq!(priced("40", "0"), [line(2, "SAW", "2", None), line(3, "NAIL", "100", None)], "the price is the kit's");
}

#[test]
fn a_part_of_nothing_and_a_part_of_itself_count_as_they_are() {
    let items = r#"{"item_id":1,"parent_item_id":99,"sku":"A","qty_ordered":1},{"item_id":2,"parent_item_id":2,"sku":"B","qty_ordered":1}"#;
    assert_eq!(lines(items), [line(1, "A", "1", None), line(2, "B", "1", None)]);
}

#[test]
fn a_foreign_price_is_brought_to_the_base_currency_by_the_orders_rate() {
    let mut order = order(r#"{"item_id":1,"sku":"A","qty_ordered":1,"price":10,"base_price":0}"#);
    (order.base_currency_code, order.order_currency_code) = (Some("USD".to_owned()), Some("EUR".to_owned()));
    assert_eq!(mapped(&order).unwrap_err().code, "FOREIGN_CURRENCY_WITHOUT_RATE");
    order.base_to_order_rate = mlc_adobe::wire::Amount::parse("0.9");
    let requisition = mapped(&order).unwrap().unwrap().requisition;
    assert_eq!(requisition.lines[0].unit_cost.unwrap().to_string(), "11.11111");
}

#[test]
fn what_an_order_lacks_is_named_as_the_shop_names_it() {
    for (items, code, field) in [
        ("", "NO_ITEMS", "items"),
        (r#"{"sku":"A","qty_ordered":1}"#, "ITEM_ID_MISSING", "items.item_id"),
        (r#"{"item_id":1,"sku":"A"}"#, "QUANTITY_MISSING", "items.qty_ordered"),
        (r#"{"item_id":1,"sku":" ","name":"\u200b","qty_ordered":1}"#, "NAME_MISSING", "items.name"),
    ] {
        let problem = mapped(&order(items)).unwrap_err();
        assert_eq!((problem.code, problem.field.as_str()), (code, field), "{items}");
    }
    assert_eq!(mapped(&Order::default()).unwrap_err().code, "ORDER_NUMBER_MISSING");
}

const ORDER: &str = r#"{"increment_id":"EPIC06-PO-50231","ext_customer_id":"1042","items":[
    {"item_id":7,"sku":"HX","ext_order_item_id":"50231/1/2","additional_data":"{\"epicor\":{\"gl_segments\":{\"1\":\"6100\",\"3\":\"200\"}}}"},
    {"item_id":8,"sku":"OIL-46","ext_order_item_id":"50231/2/0","additional_data":"a shop module's own words"}]}"#;
const INVOICE: &str = r#"{"increment_id":"000000031","created_at":"2026-04-25 08:00:00","grand_total":28.5000,"shipping_amount":5,"tax_amount":1,
    "items":[{"order_item_id":7,"qty":2,"row_total":20.0000},{"order_item_id":8,"qty":1,"price":2.5}]}"#;

fn entered(invoice: &Invoice, order: &Order, rules: &InvoiceEntryRules) -> Result<NewApInvoice, MappingProblem> {
    shop_invoice_to_ap_invoice(invoice, order, 50231, rules, "2026-05-01".parse().unwrap())
}

#[test]
fn an_invoice_bills_releases_and_carries_shipping_and_tax_as_lines_of_their_own() {
    let rules = InvoiceEntryRules {
        group: "MLC".to_owned(),
        number_prefix: "ADB-".to_owned(),
        accounts: vec![("oil-*".to_owned(), vec!["6300".to_owned()]), ("tax".to_owned(), vec!["1900".to_owned()])],
        default_account: Vec::new(),
    };
    let invoice = entered(&read(INVOICE), &read(ORDER), &rules).unwrap();
    assert_eq!(
        (invoice.number.as_str(), invoice.vendor_number, invoice.header_order),
        ("ADB-000000031", 1042, Some(50231))
    );
    assert_eq!(
        (invoice.invoiced.to_string(), invoice.total.to_string()),
        ("2026-04-25".to_owned(), "28.50".to_owned())
    );
    let told: Vec<_> = invoice
        .lines
        .iter()
        .map(|line| {
            let place = line.purchase_order.map(|place| (place.line, place.release));
            (place, line.extended.to_string(), line.gl.as_ref().map(|gl| gl.account.clone()))
        })
        .collect();
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(
        told,
        [
            (Some((1, 2)), "20.00".to_owned(), some("6100||200")),
            (Some((2, 0)), "2.5".to_owned(), some("6300")),
            (None, "5".to_owned(), None),
            (None, "1".to_owned(), some("1900")),
        ]
    );
}

#[test]
fn an_invoice_that_cannot_be_right_is_refused_by_name() {
    let rules = InvoiceEntryRules::default();
    let code = |invoice: &str, order: &str| entered(&read(invoice), &read(order), &rules).unwrap_err().code;
    assert_eq!(code(&INVOICE.replace("28.5000", "27"), ORDER), "TOTAL_DIFFERS", "a discount, say");
    assert_eq!(code(INVOICE, &ORDER.replace("50231/1/2", "60000/1/2")), "LINE_WITHOUT_PURCHASE_ORDER");
    assert_eq!(code(INVOICE, &ORDER.replace("50231/2/0", "50231/2")), "LINE_WITHOUT_PURCHASE_ORDER");
    assert_eq!(code(INVOICE, &ORDER.replace("\"1042\"", "\"?\"")), "VENDOR_MISSING");
    assert_eq!(code(&INVOICE.replace(",\"price\":2.5", ""), ORDER), "AMOUNT_MISSING");
    assert_eq!(code(&INVOICE.replace("\"000000031\"", &format!("\"{}\"", "9".repeat(51))), ORDER), "NUMBER_TOO_LONG");
    assert_eq!(code(r#"{"increment_id":"1"}"#, ORDER), "NO_ITEMS");
}

#[test]
fn our_orders_and_markers_are_told_from_others() {
    let company = CompanyCode::parse("EPIC06").unwrap();
    assert_eq!(mirrored_purchase_order(" epic06-PO-50231 ", &company), Some(50231));
    for other in ["EPIC07-PO-50231", "EPIC06-PO-", "EPIC06-PO-5x", "000000412", "EPIC06-P"] {
        assert_eq!(mirrored_purchase_order(other, &company), None, "{other}");
    }
    assert!(is_ap_invoice_marker("Epicor AP invoice INV-7 (vendor 3, company EPIC06)\nline 1: 6100-10 5.00"));
    assert!(!is_ap_invoice_marker("please send the Epicor AP invoice again"));
}

proptest! {
    #[test]
    fn no_text_of_the_shop_makes_them_panic(number in "\\PC{0,60}", sku in "\\PC{0,80}", key in "\\PC{0,20}", quantity in any::<i64>(), data in "\\PC{0,40}") {
        let item = serde_json::json!({"item_id": 1, "sku": sku, "name": key, "qty_ordered": quantity, "price": quantity,
            "ext_order_item_id": key, "additional_data": data});
        let order: Order = serde_json::from_value(serde_json::json!({"increment_id": number, "ext_customer_id": key, "items": [item]})).unwrap();
        let _ = mapped(&order);
        let invoice: Invoice = serde_json::from_value(serde_json::json!({"increment_id": number, "grand_total": quantity,
            "items": [{"order_item_id": 1, "qty": quantity, "price": quantity}]})).unwrap();
        let _ = entered(&invoice, &order, &InvoiceEntryRules::default());
        let _ = mirrored_purchase_order(&number, &CompanyCode::parse("EPIC06").unwrap());
    }
}
