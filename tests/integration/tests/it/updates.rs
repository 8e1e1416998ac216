//! Changes of what HubSpot holds already.

use chrono::TimeDelta;
use mlc_flow::{PushRecord, Record};
use mlc_house::{House, VENDORS};
use mlc_ledger::Action;
use mlc_model::{Address, CompanyCode, ConnectionId, FlowId, RecordKey, RecordKind, Vendor, Version};
use mlc_queue::Order;
use serde_json::json;

use crate::trouble::{assert_no_dead_letters, seed_vendors};

fn key(number: i64) -> RecordKey {
    RecordKey::new(&CompanyCode::parse("EPIC06").unwrap(), RecordKind::Vendor, &number.to_string())
}

fn flow() -> FlowId {
    FlowId::parse(VENDORS).unwrap()
}

async fn actions(house: &House, number: i64) -> Vec<Action> {
    let trail = house.context.ledger.audit_record(&flow(), &key(number), 20).await.unwrap();
    trail.into_iter().map(|entry| entry.action).collect()
}

fn city(house: &House, number: i64) -> String {
    let company = house.hubspot.company_by("epicor_key", key(number).as_str());
    company.map(|company| company.value("city").to_owned()).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_changes_of_fifty_vendors_are_exactly_five_updates() {
    let house = House::open().await.unwrap();
    seed_vendors(&house, 50);
    house.sync(VENDORS).await.unwrap();
    assert_eq!(house.hubspot.stats().companies.created, 50);
    house.hubspot.reset_stats();
    for number in [3, 11, 12, 30, 50] {
        house.epicor.store().update_vendor(number, &json!({"City": "Erie"})).unwrap();
    }
    // A write in Epicor that changes nothing we move is no update.
    house.epicor.store().update_vendor(7, &json!({"Comment": "called twice"})).unwrap();
    house.sync(VENDORS).await.unwrap();

    let written = house.hubspot.stats().companies;
    assert_eq!((written.created, written.updated, written.unchanged), (0, 5, 0));
    assert_eq!(house.hubspot.stats().total_requests, 1, "five changes travel in one call");
    assert_eq!(actions(&house, 11).await, [Action::Updated, Action::Created]);
    assert_eq!(actions(&house, 7).await, [Action::Created]);
    house.hubspot.reset_stats();
    house.sync(VENDORS).await.unwrap();
    assert_eq!(house.hubspot.stats().total_requests, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_push_that_arrives_late_is_superseded() {
    let house = House::open().await.unwrap();
    seed_vendors(&house, 1);
    let older = house.epicor.store().max_rev();
    house.epicor.store().update_vendor(1, &json!({"City": "Boise"})).unwrap();
    house.sync(VENDORS).await.unwrap();
    house.hubspot.reset_stats();
    let vendor = Vendor {
        company: CompanyCode::parse("EPIC06").unwrap(),
        number: 1,
        code: "V1".to_owned(),
        name: "Vendor 1 Ltd".to_owned(),
        address: Address { city: Some("Tulsa".to_owned()), ..Address::default() },
        phone: None,
        email: None,
        website: None,
        terms: None,
        group: None,
        currency: None,
        tax_id: None,
        comment: None,
        active: true,
        contacts: Vec::new(),
        version: Version(older),
        extra: Default::default(),
    };
    let late = PushRecord {
        flow: flow(),
        from: ConnectionId::parse("epicor-main").unwrap(),
        to: ConnectionId::parse("hubspot-main").unwrap(),
        window: None,
        records: vec![Record::Vendor(vendor)],
        waits: 0,
        readings: 0,
    };
    house.context.queue.enqueue(&[Order::of(&late).unwrap()]).await.unwrap();
    house.settle().await.unwrap();

    assert_eq!(house.hubspot.stats().total_requests, 0);
    assert_eq!(city(&house, 1), "Boise");
    assert_eq!(actions(&house, 1).await, [Action::Superseded, Action::Created]);
    assert_no_dead_letters(&house).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_company_that_a_user_deleted_comes_back_and_the_audit_says_that_it_was_replaced() {
    let house = House::open().await.unwrap();
    seed_vendors(&house, 2);
    house.sync(VENDORS).await.unwrap();
    let old = house.hubspot.company_by("epicor_key", key(1).as_str()).unwrap();
    let survivor = house.hubspot.company_by("epicor_key", key(2).as_str()).unwrap();
    assert!(house.hubspot.merge_companies(&survivor.id, &old.id));

    house.epicor.store().update_vendor(1, &json!({"City": "Fargo"})).unwrap();
    house.sync(VENDORS).await.unwrap();

    let new = house.hubspot.company_by("epicor_key", key(1).as_str()).unwrap();
    assert_ne!(new.id, old.id);
    assert_eq!(actions(&house, 1).await, [Action::Created, Action::Conflict, Action::Created]);
    let trail = house.context.ledger.audit_record(&flow(), &key(1), 20).await.unwrap();
    let detail = trail[1].detail.clone().unwrap_or_default();
    assert!(detail.contains(&old.id) && detail.contains(&new.id), "{detail}");
    assert_eq!(actions(&house, 2).await, [Action::Created], "the survivor is left alone");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_changes_twice_between_polls_is_written_once_in_its_last_state() {
    let house = House::open().await.unwrap();
    seed_vendors(&house, 3);
    house.sync(VENDORS).await.unwrap();
    house.hubspot.reset_stats();
    for town in ["Akron", "Macon", "Provo"] {
        house.epicor.clock().advance(TimeDelta::seconds(1));
        house.epicor.store().update_vendor(2, &json!({"City": town})).unwrap();
    }
    house.sync(VENDORS).await.unwrap();
    assert_eq!(city(&house, 2), "Provo");
    assert_eq!(house.hubspot.stats().companies.updated, 1);
}
