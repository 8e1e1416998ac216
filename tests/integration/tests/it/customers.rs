//! Customers, prospects and the people who work there.

use std::sync::Arc;

use chrono::TimeDelta;
use mlc_house::{CUSTOMERS, House, HouseConfig, VENDORS};
use mlc_model::{Clock as _, ManualClock, SystemClock};
use mlc_simulators::hubspot::RecordView;
use serde_json::json;

use crate::trouble::{assert_no_dead_letters, replay_all, texts};

/// A house whose clock is behind: what waits for its time is due at once, and a contact is soon done waiting.
async fn impatient() -> House {
    let clock = ManualClock::at(SystemClock.now() - TimeDelta::days(1));
    House::open_with(HouseConfig { clock: Arc::new(clock), ..HouseConfig::default() }).await.unwrap()
}

fn customer(house: &House, name: &str, kind: &str) -> i64 {
    let fields = json!({"CustID": name.to_uppercase(), "Name": name, "CustomerType": kind, "City": "Duluth"});
    house.epicor.store().insert_customer(&fields).unwrap()
}

fn person(house: &House, customer: i64, name: &str, email: &str) -> serde_json::Value {
    let fields = json!({"CustNum": customer, "Name": name, "EMailAddress": email});
    house.epicor.store().insert_customer_contact(&fields).unwrap()
}

fn company(house: &House, key: &str) -> RecordView {
    house.hubspot.company_by("epicor_key", key).unwrap_or_else(|| panic!("{key} is not in HubSpot"))
}

/// E-mail addresses of the contacts of a company, sorted.
fn people_of(house: &House, company: &RecordView) -> Vec<String> {
    let contacts = house.hubspot.contacts();
    let mut addresses: Vec<String> = house
        .hubspot
        .associations()
        .iter()
        .filter(|link| link.company == company.id)
        .filter_map(|link| contacts.iter().find(|contact| contact.id == link.contact))
        .map(|contact| contact.value("email").to_owned())
        .collect();
    addresses.sort();
    addresses
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn contacts_of_customers_are_linked_and_prospects_stay_out_with_theirs() {
    let house = House::open().await.unwrap();
    let (buyer, prospect) = (customer(&house, "Harbor Works", "CUS"), customer(&house, "Maybe Later Inc", "PRO"));
    person(&house, buyer, "Ida Holm", "ida@harbor.example");
    person(&house, buyer, "Ole Berg", "OLE@harbor.example ");
    person(&house, buyer, "No Address", "");
    person(&house, prospect, "Pia Lund", "pia@later.example");
    for _ in 0..2 {
        house.sync(CUSTOMERS).await.unwrap();
    }
    assert_eq!(house.hubspot.companies().len(), 1);
    let harbor = company(&house, &format!("EPIC06:CUST:{buyer}"));
    assert_eq!(harbor.value("epicor_record_type"), "customer");
    assert_eq!(people_of(&house, &harbor), ["ida@harbor.example", "ole@harbor.example"]);
    assert_eq!(house.hubspot.contacts().len(), 2);
    assert_no_dead_letters(&house).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_prospect_that_becomes_a_customer_brings_its_contacts_although_they_did_not_change() {
    let house = House::open().await.unwrap();
    let prospect = customer(&house, "Maybe Later Inc", "PRO");
    person(&house, prospect, "Pia Lund", "pia@later.example");
    house.sync(CUSTOMERS).await.unwrap();
    assert_eq!(house.hubspot.contacts().len(), 0);

    house.epicor.store().update_customer(prospect, &json!({"CustomerType": "CUS"})).unwrap();
    house.sync(CUSTOMERS).await.unwrap();

    let joined = company(&house, &format!("EPIC06:CUST:{prospect}"));
    assert_eq!(people_of(&house, &joined), ["pia@later.example"]);
    assert_no_dead_letters(&house).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_contact_whose_customer_is_broken_waits_on_the_shelf_and_names_the_customer() {
    let house = impatient().await;
    let broken = customer(&house, "Harbor Works", "CUS");
    house.epicor.store().update_customer(broken, &json!({"Name": " "})).unwrap();
    person(&house, broken, "Ida Holm", "ida@harbor.example");
    house.sync(CUSTOMERS).await.unwrap();

    let key = format!("EPIC06:CUST:{broken}");
    let letters = texts(&house).await;
    assert_eq!(letters.len(), 2, "{letters:#?}");
    assert!(letters.iter().any(|letter| letter.contains("has no name")), "{letters:#?}");
    assert!(
        letters
            .iter()
            .any(|letter| letter.contains("CUSTCNT") && letter.contains(&format!("{key}, is not in HubSpot"))),
        "{letters:#?}"
    );
    assert!(house.hubspot.contacts().is_empty());

    house.epicor.store().update_customer(broken, &json!({"Name": "Harbor Works"})).unwrap();
    // As the reason says: the customer first.
    let letters = house.dead_letters().await.unwrap();
    let first = letters.iter().find(|letter| letter.job.subject.as_deref() == Some(key.as_str())).unwrap();
    house.context.queue.replay(std::slice::from_ref(&first.job.id), "tester").await.unwrap();
    house.settle().await.unwrap();
    replay_all(&house).await;

    assert_no_dead_letters(&house).await;
    assert_eq!(people_of(&house, &company(&house, &key)), ["ida@harbor.example"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vendor_and_a_customer_with_one_number_stay_two_companies() {
    let house = House::open().await.unwrap();
    let fields = json!({"VendorNum": 17, "VendorID": "ATLAS", "Name": "Atlas Supply"});
    house.epicor.store().insert_vendor(&fields).unwrap();
    let fields = json!({"CustNum": 17, "CustID": "ATLAS", "Name": "Atlas Supply", "CustomerType": "CUS"});
    house.epicor.store().insert_customer(&fields).unwrap();
    for flow in [VENDORS, CUSTOMERS] {
        house.sync(flow).await.unwrap();
    }
    let (vendor, buyer) = (company(&house, "EPIC06:VEND:17"), company(&house, "EPIC06:CUST:17"));
    assert_ne!(vendor.id, buyer.id);
    let types = [&vendor, &buyer].map(|company| company.value("epicor_record_type").to_owned());
    assert_eq!(types, ["vendor", "customer"]);
    assert_eq!(house.hubspot.companies().len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_address_shared_by_two_contacts_is_one_contact_of_two_companies() {
    let house = House::open().await.unwrap();
    let numbers = [customer(&house, "Harbor Works", "CUS"), customer(&house, "Delta Tools", "CUS")];
    for number in numbers {
        person(&house, number, "Shared Office", "office@shared.example");
    }
    house.sync(CUSTOMERS).await.unwrap();
    assert_eq!(house.hubspot.contacts().len(), 1);
    for number in numbers {
        let owner = company(&house, &format!("EPIC06:CUST:{number}"));
        assert_eq!(people_of(&house, &owner), ["office@shared.example"]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fields_that_are_empty_in_epicor_wipe_only_where_the_settings_say_so() {
    for (line, expected) in [("", "218-555-0101"), ("clear_empty_fields = true", "")] {
        let house =
            House::open_with(HouseConfig { flow_lines: line.to_owned(), ..HouseConfig::default() }).await.unwrap();
        let number = customer(&house, "Harbor Works", "CUS");
        house.sync(CUSTOMERS).await.unwrap();
        let key = format!("EPIC06:CUST:{number}");
        let id = company(&house, &key).id;
        house.hubspot.edit_company(&id, &[("phone", "218-555-0101"), ("description", "A good one")]).unwrap();

        house.epicor.store().update_customer(number, &json!({"City": "Tacoma"})).unwrap();
        house.sync(CUSTOMERS).await.unwrap();

        let after = company(&house, &key);
        assert_eq!(after.value("city"), "Tacoma");
        assert_eq!(after.value("phone"), expected, "with `{line}`");
        assert_eq!(after.value("description"), "A good one", "a property that no flow maps is never touched");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn labels_that_a_user_gave_a_contact_stay() {
    let house = House::open().await.unwrap();
    let number = customer(&house, "Harbor Works", "CUS");
    let ida = person(&house, number, "Ida Holm", "ida@harbor.example");
    house.sync(CUSTOMERS).await.unwrap();
    let link = house.hubspot.associations().remove(0);
    assert!(house.hubspot.link_as_user(&link.company, &link.contact, Some("Decision maker")));

    house.epicor.store().update("EPIC06", "CustCnt", &ida, &json!({"Name": "Ida Holm-Berg"})).unwrap();
    house.sync(CUSTOMERS).await.unwrap();

    assert_eq!(house.hubspot.contacts()[0].value("lastname"), "Holm-Berg");
    let links = house.hubspot.associations();
    assert_eq!(links.len(), 1);
    assert_eq!(links[0].labels, ["Decision maker"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn further_fields_of_the_settings_are_carried_over() {
    let lines = "fields = { description = \"LegalName\", epicor_region = \"Region_c\" }";
    let house = House::open_with(HouseConfig { flow_lines: lines.to_owned(), ..HouseConfig::default() }).await.unwrap();
    let fields = json!({"CustID": "HARBOR", "Name": "Harbor Works", "CustomerType": "CUS",
        "LegalName": "Harbor Works Holding Inc", "Region_c": "North"});
    let number = house.epicor.store().insert_customer(&fields).unwrap();
    house.sync(CUSTOMERS).await.unwrap();
    assert_no_dead_letters(&house).await;
    let harbor = company(&house, &format!("EPIC06:CUST:{number}"));
    assert_eq!(harbor.value("description"), "Harbor Works Holding Inc");
    assert_eq!(harbor.value("epicor_region"), "North");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_customer_that_was_a_prospect_for_a_while_gets_what_its_contacts_changed_meanwhile() {
    let house = House::open().await.unwrap();
    let number = customer(&house, "Harbor Works", "CUS");
    let ida = person(&house, number, "Ida Holm", "ida@harbor.example");
    house.sync(CUSTOMERS).await.unwrap();
    house.epicor.store().update_customer(number, &json!({"CustomerType": "PRO"})).unwrap();
    house.epicor.store().update("EPIC06", "CustCnt", &ida, &json!({"PhoneNum": "218-555-0199"})).unwrap();
    house.sync(CUSTOMERS).await.unwrap();
    house.epicor.store().update_customer(number, &json!({"CustomerType": "CUS"})).unwrap();
    house.sync(CUSTOMERS).await.unwrap();
    assert_eq!(house.hubspot.contacts()[0].value("phone"), "218-555-0199");
    assert_no_dead_letters(&house).await;
}
