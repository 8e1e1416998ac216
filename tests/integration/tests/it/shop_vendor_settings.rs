//! What settings make of vendors in the shop: sources alone, nobody owns but Epicor, two companies with one key.

use mlc_flow::Extent;
use mlc_house::{COMPANIES, House, HouseConfig, SHOP_VENDORS};
use mlc_ledger::ReviewState;
use mlc_simulators::adobe::CompanyView;
use serde_json::{Value, json};

use crate::shop_vendors::vendor;

fn insert(house: &House) -> i64 {
    house.epicor.store().insert_vendor(&vendor(&json!({}))).unwrap()
}

fn phone_in_epicor(house: &House, number: i64) -> String {
    let row = house.epicor.store().row("EPIC06", "Vendor", &json!([number])).unwrap();
    row["PhoneNum"].as_str().unwrap().to_owned()
}

fn companies_of(house: &House, number: i64) -> Vec<CompanyView> {
    let key = format!("EPIC06-V-{number}");
    house.shop().companies().into_iter().filter(|company| company.reseller_id.as_deref() == Some(&key)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_companies_a_vendor_is_a_source_alone_and_needs_no_customer() {
    let lines = "vendors = { companies = false, sources = true }";
    let house = House::open_with(HouseConfig::with_paas_shop().shop_flow(SHOP_VENDORS, lines)).await.unwrap();
    house.shop().change_behaviour(|behaviour| behaviour.b2b = false);
    let number = insert(&house);
    house.sync(SHOP_VENDORS).await.unwrap();
    house.epicor.store().update_vendor(number, &json!({"City": "Superior"})).unwrap();
    house.sync(SHOP_VENDORS).await.unwrap();
    assert!(house.dead_letters().await.unwrap().is_empty());
    assert!(house.shop().customers().is_empty());
    let sources = house.shop().sources();
    let source = sources.iter().find(|source| source.source_code == format!("epic06-v-{number}")).unwrap();
    assert_eq!((&source.row["city"], &source.row["country_id"]), (&json!("Superior"), &json!("US")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_way_back_is_off_all_is_epicors() {
    let lines = "enabled = false\ncompanies = { adobe_owns = [\"phone\"] }";
    let house = House::open_with(HouseConfig::with_saas_shop().shop_flow(COMPANIES, lines)).await.unwrap();
    let number = insert(&house);
    house.sync(SHOP_VENDORS).await.unwrap();
    let company = companies_of(&house, number).remove(0);
    house.shop().edit_company(company.id, &json!({"telephone": "1"}));
    house.epicor.store().update_vendor(number, &json!({"PhoneNum": "2"})).unwrap();
    house.sync(SHOP_VENDORS).await.unwrap();
    assert_eq!(companies_of(&house, number)[0].row["telephone"], "2");
    assert_eq!(phone_in_epicor(&house, number), "2");
    let listed = house.context.ledger.reviews(Some(ReviewState::Open), 10, None).await.unwrap();
    assert_eq!(listed.len(), 1, "the edit in the shop was overwritten: {listed:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_company_with_the_key_of_a_vendor_is_left_alone() {
    let lines = r#"companies = { adobe_owns = ["phone"] }"#;
    let house = House::open_with(HouseConfig::with_paas_shop().shop_flow(COMPANIES, lines)).await.unwrap();
    let (number, other) = (insert(&house), {
        let own = json!({"VendorID": "OTHER", "EMailAddress": "o@other.example"});
        house.epicor.store().insert_vendor(&vendor(&own)).unwrap()
    });
    house.sync(SHOP_VENDORS).await.unwrap();
    house.sync(COMPANIES).await.unwrap();
    let second = companies_of(&house, other).remove(0);
    let key: Value = json!(format!("EPIC06-V-{number}"));
    house.shop().edit_company(second.id, &json!({"reseller_id": key, "telephone": "7"}));
    for _ in 0..2 {
        house.sync(COMPANIES).await.unwrap();
        house.order(SHOP_VENDORS, Extent::Full).await.unwrap();
        house.settle().await.unwrap();
    }
    assert_eq!(phone_in_epicor(&house, number), "218-555-0142");
    assert!(house.dead_letters().await.unwrap().is_empty());
    assert_eq!(house.epicor.stats().by_method.get("Erp.BO.VendorSvc/Update"), None);
}
