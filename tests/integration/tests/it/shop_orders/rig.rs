//! Small things that the tests of orders share.

use mlc_flow::{Ask, Entity, Extent, PollPage};
use mlc_house::{House, HouseConfig, SHOP_ORDERS};
use mlc_ledger::AuditEntry;
use mlc_model::{FlowId, RecordKey};
use mlc_queue::{DeadLetter, Order, Priority};
use mlc_simulators::{adobe::OrderView, epicor::NewOrderLine};
use serde_json::json;

pub(crate) const COMPANY: &str = "EPIC06";

/// With an address for suppliers that have none.
pub(crate) fn config(house: HouseConfig) -> HouseConfig {
    let section = "[flows.\"epicor_to_adobe::purchase_orders\".purchase_orders]\ndefault_email = \"purchasing@distributor.example\"";
    house.shop_flow(SHOP_ORDERS, section)
}

pub(crate) fn vendor(house: &House, code: &str) -> i64 {
    let vendor = json!({"VendorID": code, "Name": format!("{code} Supply"), "City": "Duluth", "CurrencyCode": "USD", "TermsCode": "N30"});
    house.epicor.store().insert_vendor(&vendor).unwrap()
}

pub(crate) fn line() -> NewOrderLine {
    NewOrderLine::default()
}

/// Reads the headers that changed. How changes of lines are found is tested elsewhere.
pub(crate) async fn poll(house: &House) {
    ask(house, Ask::Plan(Extent::Incremental)).await;
    house.settle().await.unwrap();
}

/// Reads one order afresh.
pub(crate) async fn reread(house: &House, number: i64) {
    ask(house, Ask::Records { keys: vec![number.to_string()], about: None }).await;
    house.settle().await.unwrap();
}

pub(crate) async fn ask(house: &House, ask: Ask) {
    let flow = FlowId::parse(SHOP_ORDERS).unwrap();
    let settings = house.context.settings.flow(&flow).unwrap();
    let job =
        PollPage { from: settings.from.clone(), to: settings.to.clone(), flow, entity: Entity::PurchaseOrders, ask };
    house.context.queue.enqueue(&[Order::of(&job).unwrap().priority(Priority::Person)]).await.unwrap();
}

pub(crate) fn shown(house: &House, number: i64) -> OrderView {
    let mut found = house.shop().orders_numbered(&format!("{COMPANY}-PO-{number}"));
    assert_eq!(found.len(), 1, "order {number} stands {} times in the shop", found.len());
    found.remove(0)
}

/// All that the audit says of a flow's orders.
pub(crate) async fn trail(house: &House, flow: &str) -> Vec<AuditEntry> {
    let flow = FlowId::parse(flow).unwrap();
    let mut all = Vec::new();
    let headers = house.epicor.store().rows(COMPANY, "POHeader");
    for row in headers {
        let key = RecordKey::from_text(&format!("{COMPANY}:PO:{}", row["PONum"]));
        all.extend(house.context.ledger.audit_record(&flow, &key, 1000).await.unwrap());
    }
    all
}

/// The only dead letter.
pub(crate) async fn letter(house: &House) -> DeadLetter {
    let mut letters = house.dead_letters().await.unwrap();
    assert_eq!(letters.len(), 1, "{letters:#?}");
    letters.remove(0)
}
