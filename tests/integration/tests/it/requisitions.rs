//! Orders placed in the shop become requisitions: once each, and only those that came to exist.

use std::time::Duration;

use mlc_flow::CreateRequisition;
use mlc_house::{House, HouseConfig, REQUISITIONS, SHOP_ORDERS};
use mlc_ledger::{Action, Delivery};
use mlc_model::{CompanyCode, ConnectionId, Fault, Fingerprint, FlowId, RecordKey, RecordKind, TargetId, Version};
use mlc_queue::Order;
use mlc_simulators::adobe::{AdobeConfig, StoreView};
use serde_json::{Value, json};

use crate::{
    processes::eventually,
    shopper::{announce_order, announced, audit, lines_of, order, piece, place, requisitions_of},
};

const SOON: Duration = Duration::from_secs(20);

fn house_lines(lines: &str) -> HouseConfig {
    HouseConfig::with_paas_shop().shop_flow(REQUISITIONS, &format!("[flows.\"{REQUISITIONS}\".requisitions]\n{lines}"))
}

async fn house() -> House {
    House::open_with(HouseConfig::with_paas_shop()).await.unwrap()
}

async fn only_letter(house: &House) -> Fault {
    let mut letters = house.dead_letters().await.unwrap();
    assert_eq!(letters.len(), 1, "{letters:#?}");
    letters.remove(0).fault
}

async fn replay_all(house: &House) {
    let ids: Vec<_> = house.dead_letters().await.unwrap().into_iter().map(|letter| letter.job.id).collect();
    house.context.queue.replay(&ids, "tester").await.unwrap();
    house.settle().await.unwrap();
}

fn texts(rows: &[Value], column: &str) -> Vec<String> {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    };
    rows.iter().map(|row| text(&row[column])).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_placed_in_the_shop_becomes_one_requisition_with_every_line() {
    let house = House::open_with(house_lines("requestor = \"SHOP\"\ndue_in_days = 14")).await.unwrap();
    place(&house, &order("000000412", &[piece("HX-M8-40", 250, "0.255"), piece("BRG-6204", 3, "12.4")]));
    announce_order(&house, "000000412").await;
    house.settle().await.unwrap();

    let found = requisitions_of(&house, "000000412");
    assert_eq!(found.len(), 1);
    assert_eq!(
        (&found[0]["RequestorID"], &found[0]["ShipName"], &found[0]["RequestDate"]),
        (&json!("SHOP"), &json!("Mia Shopper"), &json!("2026-04-23T00:00:00"))
    );
    let lines = lines_of(&house, &found[0]);
    let items: Vec<String> = house.shop().items().iter().map(|item| format!("adobe item {}", item.item_id)).collect();
    assert_eq!(texts(&lines, "PartNum"), ["HX-M8-40", "BRG-6204"]);
    assert_eq!(texts(&lines, "LineDesc"), ["HX-M8-40 in words", "BRG-6204 in words"]);
    assert_eq!(texts(&lines, "CommentText"), items);
    let amounts: Vec<_> = lines.iter().map(|line| (line["OrderQty"].as_f64(), line["UnitCost"].as_f64())).collect();
    assert_eq!(amounts, [(Some(250.0), Some(0.255)), (Some(3.0), Some(12.4))]);
    let due = house.context.clock.now().date_naive() + chrono::Days::new(14);
    assert_eq!(texts(&lines, "DueDate"), [format!("{due}T00:00:00"), format!("{due}T00:00:00")]);

    let trail = audit(&house, REQUISITIONS, "SHOPORD:000000412").await;
    assert_eq!(trail, [("created".to_owned(), String::new())]);
    let key = RecordKey::new(&CompanyCode::parse("EPIC06").unwrap(), RecordKind::ShopOrder, "000000412");
    let link = house.context.ledger.link(&FlowId::parse(REQUISITIONS).unwrap(), &[key]).await.unwrap();
    assert_eq!(link[0].as_ref().unwrap().to_string(), found[0]["ReqNum"].to_string());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_announced_before_it_is_saved_is_waited_for() {
    let house = house().await;
    announce_order(&house, "000000413").await;
    eventually("the order was looked for", SOON, async || house.shop().request_log().count("GET") > 0).await;
    assert!(requisitions_of(&house, "000000413").is_empty());
    place(&house, &order("000000413", &[piece("HX", 1, "1")]));
    house.settle().await.unwrap();
    assert_eq!(requisitions_of(&house, "000000413").len(), 1);
    assert!(house.dead_letters().await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_that_never_comes_to_exist_is_dropped_with_a_note_and_is_no_dead_letter() {
    let house = House::open_with(house_lines("order_wait = \"2s\"")).await.unwrap();
    announce_order(&house, "000000414").await;
    house.settle().await.unwrap();
    assert!(house.dead_letters().await.unwrap().is_empty());
    assert_eq!(house.epicor.stats().requests, 0, "Epicor was not asked for it");
    let trail = audit(&house, REQUISITIONS, "SHOPORD:000000414").await;
    assert_eq!(trail.len(), 1);
    assert_eq!(trail[0].0, "dropped");
    assert!(trail[0].1.contains("not found in store 1"), "{trail:?}");
    assert!(house.shop().request_log().count("GET") >= 2, "it was looked for again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_of_our_own_are_dropped_before_anything_is_asked() {
    let house = house().await;
    // A company that is not configured any more, but that the ledger remembers.
    let (flow, company) = (FlowId::parse(SHOP_ORDERS).unwrap(), CompanyCode::parse("OLD1").unwrap());
    let pushed = Delivery {
        key: RecordKey::new(&company, RecordKind::PurchaseOrder, "77"),
        version: Version(1),
        fingerprint: Fingerprint::of(&1).unwrap(),
        target_id: Some(TargetId::parse("5").unwrap()),
        action: Action::Created,
        window: None,
        job: None,
        at: house.context.clock.now(),
    };
    house.context.ledger.deliver(&flow, &[pushed]).await.unwrap();
    for number in ["EPIC06-PO-50231", "epic06-po-50232", "OLD1-PO-77"] {
        announce_order(&house, number).await;
    }
    house.settle().await.unwrap();
    assert_eq!((house.shop().request_log().calls, house.epicor.stats().requests), (0, 0));

    // A shopper's number that only looks alike is asked for.
    place(&house, &order("NEW1-PO-77", &[piece("HX", 1, "1")]));
    announce_order(&house, "NEW1-PO-77").await;
    house.settle().await.unwrap();
    assert_eq!(requisitions_of(&house, "NEW1-PO-77").len(), 1);
    assert!(house.dead_letters().await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_cancelled_is_not_asked_for() {
    let house = house().await;
    let mut cancelled = order("A-1", &[piece("HX", 5, "1")]);
    cancelled["state"] = json!("canceled");
    let mut partly = order("A-2", &[piece("HX", 5, "1"), piece("BRG", 4, "2")]);
    (partly["items"][0]["qty_canceled"], partly["items"][1]["qty_canceled"]) = (json!(5), json!(1));
    let mut emptied = order("A-3", &[piece("HX", 5, "1")]);
    emptied["items"][0]["qty_canceled"] = json!(5);
    for (number, placed) in [("A-1", &cancelled), ("A-2", &partly), ("A-3", &emptied)] {
        place(&house, placed);
        announce_order(&house, number).await;
    }
    house.settle().await.unwrap();
    for (number, why) in [("A-1", "the order is canceled"), ("A-3", "every line of the order is cancelled")] {
        assert!(requisitions_of(&house, number).is_empty());
        let trail = audit(&house, REQUISITIONS, number).await;
        assert!(trail.len() == 1 && trail[0].0 == "dropped" && trail[0].1.starts_with(why), "{trail:?}");
    }
    let lines = lines_of(&house, &requisitions_of(&house, "A-2")[0]);
    assert_eq!((texts(&lines, "PartNum"), lines[0]["OrderQty"].as_f64()), (vec!["BRG".to_owned()], Some(3.0)));
    assert!(house.dead_letters().await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_held_for_review_waits_goes_to_the_shelf_and_comes_through_by_a_replay() {
    let house = House::open_with(house_lines("order_wait = \"2s\"\norder_states = [\"processing\"]")).await.unwrap();
    let mut held = order("B-1", &[piece("HX", 5, "1")]);
    held["state"] = json!("payment_review");
    let id = place(&house, &held);
    announce_order(&house, "B-1").await;
    house.settle().await.unwrap();
    let fault = only_letter(&house).await;
    assert_eq!((fault.code.as_deref(), fault.field.as_deref()), (Some("ORDER_STATE"), Some("state")));
    assert!(fault.message.contains("`payment_review`") && fault.message.contains("order_states"), "{fault}");
    assert_eq!(audit(&house, REQUISITIONS, "B-1").await[0].0, "refused");

    house
        .shop()
        .place_order(&json!({"entity_id": id, "increment_id": "B-1", "store_id": 1, "state": "processing"}))
        .unwrap();
    replay_all(&house).await;
    assert_eq!(requisitions_of(&house, "B-1").len(), 1);
    assert!(house.dead_letters().await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_that_cannot_be_asked_for_go_to_the_shelf_with_the_field_and_the_cure() {
    let house = house().await;
    let mut foreign = order("C-2", &[piece("HX", 5, "1")]);
    foreign["order_currency_code"] = json!("EUR");
    foreign["base_to_order_rate"] = json!(0);
    foreign["items"][0]["base_price"] = json!(0);
    for (number, placed, code, field, word) in [
        ("C-1", order("C-1", &[]), "NO_ITEMS", "items", "no lines"),
        ("C-2", foreign, "FOREIGN_CURRENCY_WITHOUT_RATE", "base_to_order_rate", "Set the rate"),
    ] {
        place(&house, &placed);
        announce_order(&house, number).await;
        house.settle().await.unwrap();
        let letters = house.dead_letters().await.unwrap();
        let letter =
            letters.iter().find(|letter| letter.job.subject.as_deref() == Some(&format!("shop order {number}")));
        let fault = &letter.unwrap().fault;
        assert_eq!((fault.code.as_deref(), fault.field.as_deref()), (Some(code), Some(field)));
        assert!(fault.message.contains(word), "{fault}");
    }
    assert_eq!(house.epicor.stats().requests, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn texts_that_do_not_fit_are_carried_all_the_same_and_the_trail_says_so() {
    let house = house().await;
    let long = "SKU-".repeat(15);
    let mut wide = order("D-1", &[piece(&long, 2, "1"), piece("GL 🧤", 1, "3")]);
    wide["extension_attributes"]["shipping_assignments"][0]["shipping"]["address"]["company"] = json!("N".repeat(80));
    place(&house, &wide);
    announce_order(&house, "D-1").await;
    house.settle().await.unwrap();
    let found = requisitions_of(&house, "D-1");
    let lines = lines_of(&house, &found[0]);
    assert_eq!(texts(&lines, "PartNum"), ["", "GL ????"], "the shop itself keeps no emoji");
    assert!(lines[0]["LineDesc"].as_str().unwrap().starts_with(&format!("{long} {long}")));
    let name = found[0]["ShipName"].as_str().unwrap();
    assert!(name.chars().count() == 50 && name.ends_with('…'));
    let trail = audit(&house, REQUISITIONS, "SHOPORD:D-1").await;
    let told = &trail.iter().find(|(action, _)| action == "corrected").unwrap().1;
    assert!(told.contains("product number is longer than 50") && told.contains("recipient was cut"), "{told}");
    assert!(!told.contains("NNN"), "no personal data in the trail");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_orders_announced_again_and_again_make_one_requisition_each() {
    let mut house = House::open_without_worker(HouseConfig::with_paas_shop()).await.unwrap();
    let numbers: Vec<String> = (0..200).map(|number| format!("Ord-{number:06}")).collect();
    let mut orders = Vec::new();
    for (place_in_list, number) in numbers.iter().enumerate() {
        place(&house, &order(number, &[piece("HX", 2, "1.5")]));
        for _ in 0..=place_in_list % 3 {
            orders.push(Order::of(&announced(&house, number)).unwrap());
        }
        // The shop's database takes them for one order; the queue cannot know.
        orders.push(Order::of(&announced(&house, &number.to_uppercase())).unwrap());
    }
    house.context.queue.enqueue(&orders).await.unwrap();
    house.start_worker(8);
    house.start_worker(8);
    house.settle().await.unwrap();
    // Once more, after all was done.
    for number in numbers.iter().step_by(4) {
        announce_order(&house, number).await;
    }
    house.settle().await.unwrap();
    let stats = house.epicor.stats();
    assert_eq!((stats.saved.get("ReqHead A"), stats.saved.get("ReqDetail A")), (Some(&200), Some(&200)));
    for number in &numbers {
        assert_eq!(requisitions_of(&house, number).len(), 1, "{number}");
    }
    assert!(house.dead_letters().await.unwrap().is_empty());
    assert!(stats.gl_paths.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_epicor_refuses_is_told_with_the_cure_and_a_replay_goes_on_where_it_ended() {
    let house = House::open_with(house_lines("vendor_number = 4711")).await.unwrap();
    place(&house, &order("E-1", &[piece("HX", 2, "1.5"), piece("BRG", 1, "8")]));
    announce_order(&house, "E-1").await;
    house.settle().await.unwrap();
    let fault = only_letter(&house).await;
    assert!(fault.message.contains("Supplier is invalid") && fault.message.contains("then replay"), "{fault}");
    let before = requisitions_of(&house, "E-1");
    assert_eq!(before.len(), 1, "the header stands, and a replay goes on with it");

    let vendor = json!({"VendorNum": 4711, "VendorID": "LATE", "Name": "Late Supplies"});
    house.epicor.store().insert("EPIC06", "Vendor", &vendor).unwrap();
    replay_all(&house).await;
    let after = requisitions_of(&house, "E-1");
    assert_eq!(after.len(), 1);
    let lines = lines_of(&house, &after[0]);
    assert_eq!(texts(&lines, "VendorNum"), ["4711", "4711"]);
    assert!(house.dead_letters().await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_requisition_that_was_removed_meanwhile_is_made_anew_by_a_replay() {
    let house = House::open_with(house_lines("vendor_number = 4711")).await.unwrap();
    place(&house, &order("F-1", &[piece("HX", 2, "1.5")]));
    announce_order(&house, "F-1").await;
    house.settle().await.unwrap();
    let first = requisitions_of(&house, "F-1").remove(0);
    house.epicor.store().delete("EPIC06", "ReqHead", &first["ReqNum"]).unwrap();
    let vendor = json!({"VendorNum": 4711, "VendorID": "LATE", "Name": "Late Supplies"});
    house.epicor.store().insert("EPIC06", "Vendor", &vendor).unwrap();
    replay_all(&house).await;
    assert!(only_letter(&house).await.message.contains("was removed in Epicor"));
    replay_all(&house).await;
    let anew = requisitions_of(&house, "F-1");
    assert_eq!(anew.len(), 1);
    assert_eq!(lines_of(&house, &anew[0]).len(), 1);
}

const SECOND_SHOP: &str = r#"
[connections.shop-two]
system = "adobe"
edition = "paas"
base_url = "{shop}"
store = "second"
store_id = 2
website_id = 1

[flows."adobe_to_epicor::second_shop"]
kind = "adobe_to_epicor::requisitions"
from = "shop-two"
to = "epicor-main"
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_of_two_shops_under_one_number_become_a_requisition_each() {
    let shop = AdobeConfig {
        stores: vec![StoreView::new(1, "default"), StoreView::new(2, "second")],
        ..AdobeConfig::default()
    };
    let integration = shop.integrations[0].clone();
    let config = HouseConfig { more_sections: SECOND_SHOP.to_owned(), ..HouseConfig::with_shop(shop) };
    let house = House::open_with(config).await.unwrap();
    for (name, secret) in [
        ("consumer_key", &integration.consumer_key),
        ("consumer_secret", &integration.consumer_secret),
        ("token", &integration.token),
        ("token_secret", &integration.token_secret),
    ] {
        house.set_secret("shop-two", name, secret).await.unwrap();
    }
    place(&house, &order("000000001", &[piece("HX-M8-40", 250, "0.255")]));
    let mut second = order("000000001", &[piece("BRG-6204", 3, "12.4")]);
    second["store_id"] = json!(2);
    place(&house, &second);
    let flow = FlowId::parse("adobe_to_epicor::second_shop").unwrap();
    let from = ConnectionId::parse("shop-two").unwrap();
    // Two rounds: what is there is found again by its own shop only.
    for _ in 0..2 {
        announce_order(&house, "000000001").await;
        house.settle().await.unwrap();
        let of_second = CreateRequisition { flow: flow.clone(), from: from.clone(), ..announced(&house, "000000001") };
        house.context.queue.enqueue(&[Order::of(&of_second).unwrap()]).await.unwrap();
        house.settle().await.unwrap();
        let parts: Vec<Vec<String>> = requisitions_of(&house, "000000001")
            .iter()
            .map(|requisition| texts(&lines_of(&house, requisition), "PartNum"))
            .collect();
        assert_eq!(parts, [["HX-M8-40"], ["BRG-6204"]]);
        let key = RecordKey::new(&CompanyCode::parse("EPIC06").unwrap(), RecordKind::ShopOrder, "000000001");
        for flow in [FlowId::parse(REQUISITIONS).unwrap(), flow.clone()] {
            house.context.ledger.unsettle(&flow, std::slice::from_ref(&key)).await.unwrap();
        }
    }
}
