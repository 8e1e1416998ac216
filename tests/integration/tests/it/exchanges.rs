//! What was read, sent and answered is kept of every record that was pushed, and opens with the vault's keys only.

use mlc_house::{House, HouseConfig, SHOP_ORDERS, VENDORS};
use mlc_ledger::Exchange;
use mlc_model::{FlowId, RecordKey};
use mlc_simulators::epicor::SeedPurchasing;
use mlc_vault::KeyRing;
use serde_json::json;

use crate::shop_orders::rig::{config, poll};

async fn sealed(house: &House, flow: &str, key: &str) -> Option<Vec<u8>> {
    house.context.ledger.exchange(&FlowId::parse(flow).unwrap(), &RecordKey::from_text(key)).await.unwrap()
}

async fn exchange(house: &House, flow: &str, key: &str) -> Exchange {
    let keys = KeyRing::parse(&house.vault_keys).unwrap();
    let sealed = sealed(house, flow, key).await.unwrap_or_else(|| panic!("nothing is kept of {key}"));
    Exchange::open(&keys, &FlowId::parse(flow).unwrap(), &RecordKey::from_text(key), &sealed).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_record_of_a_hubspot_batch_has_its_own_exchange() {
    let house = House::open().await.unwrap();
    let vendor =
        |id: &str, name: &str| house.epicor.store().insert_vendor(&json!({"VendorID": id, "Name": name})).unwrap();
    let (first, second) =
        (vendor("NORDBOLT", "Nordic Bolt Supply AB"), vendor("ACME", "Acme <script>alert(1)</script>"));
    let contact = json!({"VendorNum": first, "PurPoint": "", "ConNum": 1, "Name": "Lena Berg", "EmailAddress": "Lena@NordBolt.example"});
    house.epicor.store().insert_vendor_contact(&contact).unwrap();
    house.sync(VENDORS).await.unwrap();

    let companies = house.hubspot.companies();
    for (number, name) in [(first, "Nordic Bolt Supply AB"), (second, "Acme <script>alert(1)</script>")] {
        let key = format!("EPIC06:VEND:{number}");
        let kept = exchange(&house, VENDORS, &key).await;
        let company = companies.iter().find(|company| company.value("epicor_key") == key).unwrap();
        assert_eq!(kept.source.unwrap()["vendor"]["name"], name);
        let sent = kept.sent.unwrap();
        assert_eq!((&sent["id"], &sent["properties"]["name"]), (&json!(key), &json!(name)));
        assert_eq!(kept.answered.unwrap()["id"], company.id.to_string());
        assert_eq!(kept.target_id.unwrap().as_str(), company.id.to_string());
        assert_eq!(
            (kept.operation.as_str(), kept.status.map(|status| status / 100)),
            ("companies.batch_upsert", Some(2))
        );
        assert!(kept.job.is_some());
    }
    let person = exchange(&house, VENDORS, &format!("EPIC06:VENDCNT:{first}:1")).await;
    assert_eq!(person.sent.unwrap()["id"], "lena@nordbolt.example");

    let stored = sealed(&house, VENDORS, &format!("EPIC06:VEND:{first}")).await.unwrap();
    for secret in ["Nordic", "companies", "token"] {
        assert!(!stored.windows(secret.len()).any(|part| part == secret.as_bytes()), "{secret} is readable");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_of_the_shop_has_the_body_that_made_it_and_the_shops_answer() {
    let house = House::open_with(config(HouseConfig::with_paas_shop())).await.unwrap();
    let wanted = SeedPurchasing { pos: 6, vendors: 2, seed: 7, ..SeedPurchasing::default() };
    let seeded = house.epicor.store().seed_purchasing(&wanted).unwrap();
    poll(&house).await;
    let orders = house.shop().orders();
    assert!(!orders.is_empty());
    for number in &seeded.approved {
        let made = house.shop().orders_numbered(&format!("EPIC06-PO-{number}"));
        let Some(made) = made.first() else { continue };
        let kept = exchange(&house, SHOP_ORDERS, &format!("EPIC06:PO:{number}")).await;
        assert_eq!(kept.operation, "orders.create");
        assert_eq!(kept.source.unwrap()["purchase_order"]["number"], json!(number));
        assert_eq!(kept.sent.unwrap()["entity"]["increment_id"], format!("EPIC06-PO-{number}"));
        assert_eq!(kept.answered.unwrap()["entity_id"].to_string(), made.row["entity_id"].to_string());
        assert!(kept.target_id.is_some());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_record_shows_what_the_target_said() {
    let house = House::open().await.unwrap();
    let vendor = json!({"VendorID": "LOUD", "Name": "Loud Ltd", "TermsCode": "N30"});
    let number = house.epicor.store().insert_vendor(&vendor).unwrap();
    assert!(house.hubspot.remove_company_property("epicor_terms"));
    house.sync(VENDORS).await.unwrap();
    let kept = exchange(&house, VENDORS, &format!("EPIC06:VEND:{number}")).await;
    assert_eq!(kept.target_id, None);
    assert_eq!((kept.operation.as_str(), kept.status), ("companies.batch_upsert", Some(207)));
    let answered = kept.answered.unwrap().to_string();
    assert!(answered.contains("epicor_terms") && answered.contains("PROPERTY_DOESNT_EXIST"), "{answered}");
    assert_eq!(kept.sent.unwrap()["properties"]["epicor_terms"].as_str().map(str::is_empty), Some(false));
    assert_eq!(house.dead_letters().await.unwrap().len(), 1);
}
