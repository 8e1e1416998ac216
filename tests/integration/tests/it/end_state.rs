//! What must hold after any trouble: the target shows the source, each thing once, and the ledger tells why.

use std::collections::BTreeMap;

use mlc_house::{House, VENDORS};
use mlc_ledger::Action;
use mlc_model::{FlowId, RecordKey};
use serde_json::{Value, json};

const COMPANY: &str = "EPIC06";

/// Adds vendors named after `label`, every third with a contact. Returns their numbers.
pub(crate) fn add_vendors(house: &House, label: &str, count: usize) -> Vec<i64> {
    let mut store = house.epicor.store();
    (0..count)
        .map(|place| {
            let vendor = json!({"VendorID": format!("{label}{place}"), "Name": format!("{label} Supply {place}"), "City": "Duluth"});
            let number = store.insert_vendor(&vendor).unwrap();
            if place % 3 == 0 {
                let email = format!("{label}.{place}@vendors.example");
                let person = json!({"VendorNum": number, "PurPoint": "", "ConNum": 1, "Name": format!("Person {place}"), "EmailAddress": email});
                store.insert_vendor_contact(&person).unwrap();
            }
            number
        })
        .collect()
}

/// Gives some vendors a new name.
pub(crate) fn rename_vendors(house: &House, label: &str, numbers: &[i64]) {
    let mut store = house.epicor.store();
    for number in numbers {
        store.update_vendor(*number, &json!({"Name": format!("{label} Renamed {number}")})).unwrap();
    }
}

/// HubSpot holds every vendor and every contact of the source exactly once, up to date and linked; nothing was written twice to make it so;
/// and no version was delivered twice.
pub(crate) async fn assert_in_step(house: &House) {
    let (vendors, persons) = {
        let store = house.epicor.store();
        (store.rows(COMPANY, "Vendor"), store.rows(COMPANY, "VendCntMain"))
    };
    let letters = house.dead_letters().await.unwrap();
    assert!(letters.is_empty(), "dead letters: {letters:?}");

    let expected: BTreeMap<String, String> = vendors.iter().map(|row| (key(row), text(row, "Name"))).collect();
    let companies = house.hubspot.companies();
    let found: BTreeMap<String, String> = companies
        .iter()
        .map(|company| (company.value("epicor_key").to_owned(), company.value("name").to_owned()))
        .collect();
    assert_eq!(found, expected);
    assert_eq!(companies.len(), expected.len(), "a company stands there twice");

    let mut emails: Vec<String> = persons.iter().map(|row| text(row, "EmailAddress")).collect();
    emails.sort();
    let mut contacts: Vec<String> =
        house.hubspot.contacts().iter().map(|contact| contact.value("email").to_owned()).collect();
    contacts.sort();
    assert_eq!(contacts, emails);
    assert_eq!(house.hubspot.associations().len(), emails.len());

    let flow = FlowId::parse(VENDORS).unwrap();
    for row in &vendors {
        let record = RecordKey::from_text(&key(row));
        let trail = house.context.ledger.audit_record(&flow, &record, 1000).await.unwrap();
        let mut delivered: Vec<_> = trail
            .iter()
            .filter(|entry| matches!(entry.action, Action::Created | Action::Updated))
            .map(|entry| entry.version)
            .collect();
        let deliveries = delivered.len();
        delivered.dedup();
        assert!(deliveries > 0, "{record} stands in HubSpot, but not in the audit");
        assert_eq!(delivered.len(), deliveries, "a version of {record} was delivered twice: {trail:?}");
    }
}

/// A further poll finds nothing to do.
pub(crate) async fn assert_nothing_left_to_do(house: &House) {
    house.hubspot.reset_stats();
    house.sync(VENDORS).await.unwrap();
    assert_eq!(house.hubspot.stats().total_requests, 0, "an unchanged source led to requests");
}

fn key(row: &Value) -> String {
    format!("{COMPANY}:VEND:{}", row["VendorNum"])
}

fn text(row: &Value, column: &str) -> String {
    row[column].as_str().unwrap_or_default().to_owned()
}
