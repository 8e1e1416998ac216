//! Vendors on their way to companies.

use mlc_house::{House, VENDORS};
use serde_json::json;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vendor_becomes_one_company_of_type_vendor_with_its_contact() {
    let house = House::open().await.unwrap();
    let number = house
        .epicor
        .store()
        .insert_vendor(&json!({"VendorID": "NORDBOLT", "Name": "Nordic Bolt Supply AB", "City": "Duluth", "TermsCode": "N30", "CurrencyCode": "USD"}))
        .unwrap();
    house
        .epicor
        .store()
        .insert_vendor_contact(&json!({"VendorNum": number, "PurPoint": "", "ConNum": 1, "Name": "Lena Berg", "EmailAddress": "Lena@NordBolt.example"}))
        .unwrap();

    house.sync(VENDORS).await.unwrap();

    let companies = house.hubspot.companies();
    assert_eq!(companies.len(), 1, "dead letters: {:?}", house.dead_letters().await.unwrap());
    assert_eq!(companies[0].value("epicor_key"), format!("EPIC06:VEND:{number}"));
    assert_eq!(companies[0].value("epicor_record_type"), "vendor");
    assert_eq!(companies[0].value("type"), "VENDOR");
    let contacts = house.hubspot.contacts();
    assert_eq!(contacts.len(), 1);
    assert_eq!(contacts[0].value("email"), "lena@nordbolt.example");
    assert_eq!(house.hubspot.associations().len(), 1);
}
