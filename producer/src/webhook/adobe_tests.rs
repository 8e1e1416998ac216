#![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]
use mlc_adobe::webhook::{Delivery, DeliveryHeaders};
use mlc_model::{Clock as _, SystemClock};
use serde_json::json;

use super::*;

const SETTINGS: &str = r#"
[connections.shop]
system = "adobe"
base_url = "https://shop.example.com"
edition = "paas"
[connections.epicor-main]
system = "epicor"
base_url = "https://epicor.example.com/KineticLive"
company = "EPIC06"
[flows."adobe_to_epicor::requisitions"]
from = "shop"
to = "epicor-main"
[flows."adobe_to_epicor::invoices"]
from = "shop"
to = "epicor-main"
enabled = false
[flows."adobe_to_epicor::companies"]
from = "shop"
to = "epicor-main"
"#;

fn routes() -> Routes {
    let settings = Settings::parse("test.toml", SETTINGS, []).unwrap();
    Routes::of(&settings, &ConnectionId::parse("shop").unwrap(), 1)
}

fn sort(event: &str, value: &Value) -> Sorted {
    let body = json!({ "event": { "data": { "value": value } } }).to_string();
    let headers = DeliveryHeaders::new([("x-adobe-event-code", format!("com.adobe.commerce.observer.{event}"))]);
    let Delivery::Events(events) = Delivery::read(&headers, body.as_bytes()).unwrap() else { panic!("no events") };
    routes().sort(&events, SystemClock.now())
}

fn numbers(sorted: &Sorted) -> Vec<&str> {
    assert!(sorted.unusable.is_empty() && sorted.echoes == 0);
    sorted
        .wanted
        .iter()
        .map(|wanted| match wanted {
            Wanted::Requisition { job, .. } => job.increment_id.as_str(),
            other => panic!("{other:?}"),
        })
        .collect()
}

#[test]
fn a_placed_order_becomes_one_requisition() {
    let sorted = sort("checkout_submit_all_after", &json!({ "increment_id": "000000041" }));
    assert_eq!(numbers(&sorted), ["000000041"]);
    // Numbers wobble.
    let sorted = sort("sales_order_place_after", &json!({ "increment_id": 41 }));
    assert_eq!(numbers(&sorted), ["41"]);
}

#[test]
fn our_own_orders_are_dropped_at_the_door() {
    for event in ["checkout_submit_all_after", "sales_order_save_commit_after"] {
        let sorted = sort(event, &json!({ "increment_id": "EPIC06-PO-4500123" }));
        assert_eq!(sorted, Sorted { echoes: 1, ..Sorted::default() });
        let sorted = sort(event, &json!({ "increment_id": "epic06-po-4500123" }));
        assert_eq!(sorted, Sorted { echoes: 1, ..Sorted::default() });
    }
    // Another company's number, or ours as a part, is a shopper's.
    assert_eq!(numbers(&sort("checkout_submit_all_after", &json!({ "increment_id": "X-EPIC06-PO-1" }))).len(), 1);
}

#[test]
fn a_saved_order_counts_only_when_it_says_that_it_is_new() {
    let event = "sales_order_save_commit_after";
    let saved = |more: Value| {
        let mut value = json!({ "increment_id": "000000041" });
        value.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        sort(event, &value)
    };
    let (first, later) = ("2026-11-22 07:00:00", "2026-11-22 07:00:09");
    assert_eq!(numbers(&saved(json!({ "created_at": first, "updated_at": first }))).len(), 1);
    assert_eq!(numbers(&saved(json!({ "_isNew": true }))).len(), 1);
    assert_eq!(saved(json!({ "created_at": first, "updated_at": later })).ignored, 1);
    assert_eq!(saved(json!({ "_isNew": false })).ignored, 1);
    let unknown = saved(json!({}));
    assert!(unknown.wanted.is_empty() && unknown.unusable[0].contains("created_at"), "{unknown:?}");
}

#[test]
fn an_order_of_another_store_is_ignored() {
    let value = |store: Value| json!({ "increment_id": "2000000041", "store_id": store });
    assert_eq!(sort("checkout_submit_all_after", &value(json!("2"))).ignored, 1);
    assert_eq!(numbers(&sort("checkout_submit_all_after", &value(json!("1")))).len(), 1);
}

#[test]
fn what_cannot_be_a_number_is_unusable() {
    for value in [json!({}), json!({ "increment_id": "7".repeat(51) }), json!({ "increment_id": "00\u{7}1" })] {
        let sorted = sort("checkout_submit_all_after", &value);
        assert!(sorted.wanted.is_empty() && sorted.unusable.len() == 1, "{sorted:?}");
    }
    for id in [json!(null), json!("x"), json!(0), json!(-3)] {
        assert_eq!(sort("company_save_commit_after", &json!({ "entity_id": id })).unusable.len(), 1);
    }
}

#[test]
fn only_enabled_flows_are_served() {
    let company = sort("company_save_commit_after", &json!({ "entity_id": "7" }));
    assert!(matches!(&company.wanted[..], [Wanted::VendorEdit(job)] if job.company_id == 7), "{company:?}");
    assert_eq!(sort("sales_order_invoice_save_after", &json!({ "entity_id": 9 })).ignored, 1);
    assert_eq!(sort("customer_save_commit_after", &json!({ "entity_id": 9 })).ignored, 1);
}
