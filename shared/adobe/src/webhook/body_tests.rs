#![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]
use super::*;

fn read(headers: &[(&str, &str)], body: &str) -> Result<Delivery, BodyProblem> {
    Delivery::read(&DeliveryHeaders::new(headers.iter().copied()), body.as_bytes())
}

fn events(headers: &[(&str, &str)], body: &str) -> Vec<ShopEvent> {
    match read(headers, body).unwrap() {
        Delivery::Events(events) => events,
        Delivery::Validation { .. } => Vec::new(),
    }
}

#[test]
fn a_webhook_of_an_observer_says_its_name_and_its_order() {
    let body = include_str!("fixtures/commerce-body.json");
    let event = events(&[], body).remove(0);
    assert_eq!((event.kind, event.name.as_str()), (EventKind::OrderPlaced, "sales_order_place_after"));
    assert_eq!((event.increment_id.as_deref(), event.store_id, event.entity_id), (Some("000000412"), Some(1), None));
}

#[test]
fn a_webhook_of_a_plugin_holds_the_order_alone() {
    let body = r#"{"order":{"increment_id":"000000412","items":{"1":{"sku":"A"}},"postcode":49628},"result":{}}"#;
    let event = events(&[], body).remove(0);
    assert_eq!((event.kind, event.name.as_str()), (EventKind::OrderPlaced, ""));
    assert_eq!(event.increment_id.as_deref(), Some("000000412"));
}

#[test]
fn an_event_of_the_gateway_is_named_by_its_header() {
    let headers = [
        ("X-Adobe-Event-Code", "com.adobe.commerce.observer.sales_order_invoice_save_after"),
        ("X-Adobe-Event-Id", "0b9d7c52"),
    ];
    let event = events(&headers, include_str!("fixtures/event-body.json")).remove(0);
    assert_eq!((event.kind, event.name.as_str()), (EventKind::InvoiceSaved, "sales_order_invoice_save_after"));
    assert_eq!((event.entity_id, event.order_id, event.store_id), (Some(732), Some(5130), Some(1)));
    assert_eq!(event.event_id.as_deref(), Some("0b9d7c52"));
}

#[test]
fn a_batch_holds_several_events_each_with_its_own_id() {
    let one = |id: u32| {
        format!(
            r#"{{"event_id":"e{id}","recipient_client_id":"c","event":{{"data":{{"value":{{"entity_id":"{id}","increment_id":{id}}}}}}}}}"#
        )
    };
    let body = format!("[{},{}]", one(1), one(2));
    let headers = [
        ("x-adobe-event-code", "com.adobe.commerce.observer.sales_order_save_commit_after"),
        ("x-adobe-event-id", "of the batch"),
    ];
    let events = events(&headers, &body);
    let ids: Vec<_> = events.iter().map(|event| event.event_id.clone().unwrap()).collect();
    assert_eq!(ids, ["e1", "e2"]);
    assert!(events.iter().all(|event| event.kind == EventKind::OrderSaved));
    assert_eq!(events[1].increment_id.as_deref(), Some("2"));
}

#[test]
fn a_cloud_event_is_read_too() {
    let body = r#"{"specversion":"1.0","id":"ce-1","type":"com.adobe.commerce.observer.company_save_commit_after","data":{"value":{"entity_id":57}}}"#;
    let event = events(&[], body).remove(0);
    assert_eq!(
        (event.kind, event.entity_id, event.event_id.as_deref()),
        (EventKind::CompanySaved, Some(57), Some("ce-1"))
    );
}

#[test]
fn a_name_in_the_signed_body_counts_and_a_header_cannot_change_it() {
    let one = |name: &str, id: u32| {
        format!(
            r#"{{"specversion":"1.0","type":"com.adobe.commerce.observer.{name}","data":{{"value":{{"entity_id":{id}}}}}}}"#
        )
    };
    let headers = [("x-adobe-event-code", "com.adobe.commerce.observer.checkout_submit_all_after")];
    let alone = events(&headers, &one("sales_order_save_commit_after", 1));
    assert_eq!(alone[0].kind, EventKind::OrderSaved);
    let batch = format!("[{},{}]", one("company_save_commit_after", 2), one("sales_order_invoice_save_after", 3));
    let kinds: Vec<_> = events(&headers, &batch).iter().map(|event| event.kind).collect();
    assert_eq!(kinds, [EventKind::CompanySaved, EventKind::InvoiceSaved]);
}

#[test]
fn numbers_come_as_numbers_or_as_texts() {
    for (text, expected) in
        [("5", Some(5)), ("\"5\"", Some(5)), ("\"5.0000\"", Some(5)), ("\"5.5\"", None), ("[]", None)]
    {
        let value: Value = serde_json::from_str(text).unwrap();
        assert_eq!(whole(&value), expected, "{text}");
    }
}

#[test]
fn a_validation_names_the_address_to_fetch() {
    let delivery = read(&[], r#"{"validationUrl":"https://csm.adobe.io/x"}"#).unwrap();
    assert_eq!(delivery, Delivery::Validation { url: "https://csm.adobe.io/x".to_owned() });
}

#[test]
fn bad_bodies_have_a_reason_each() {
    assert_eq!(read(&[], "{\"a\":"), Err(BodyProblem::NotJson));
    let invalid_text = Delivery::read(&DeliveryHeaders::default(), b"{\"order\":{\"increment_id\":\"\xff\"}}");
    assert_eq!(invalid_text, Err(BodyProblem::NotJson));
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(read(&[], &deep), Err(BodyProblem::NotJson));
    for body in ["{}", "[]", "5", "null", r#"{"order":[]}"#] {
        assert_eq!(read(&[], body), Err(BodyProblem::NoEvent), "{body}");
    }
    let many = format!("[{}]", vec!["{}"; 201].join(","));
    assert_eq!(read(&[], &many), Err(BodyProblem::TooMany));
}

#[test]
fn our_own_orders_are_recognised_by_their_number() {
    let event = events(&[], r#"{"order":{"increment_id":"EPIC06-PO-4500123"}}"#).remove(0);
    assert!(event.is_echo("EPIC06-PO-") && !event.is_echo("EPIC07-") && !event.is_echo(""));
}

#[test]
fn a_repetition_has_the_same_key_and_another_body_has_not() {
    let with = |id: &str| DeliveryHeaders::new([("x-adobe-event-id", id), ("x-adobe-delivery-id", id)]);
    let key = Delivery::replay_key(&with("a"), b"{}");
    assert_eq!(key, Delivery::replay_key(&with("a"), b"{}"));
    assert_ne!(key, Delivery::replay_key(&with("b"), b"{}"));
    assert_ne!(key, Delivery::replay_key(&with("a"), b"[]"));
}
