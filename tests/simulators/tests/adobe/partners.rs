//! Customers, companies, sources.

use serde_json::{Value, json};

use crate::client::{Client, filter};

fn company(user: u64) -> Value {
    json!({ "company": { "company_name": "Northwind Castings Ltd", "company_email": "office@northwind-castings.example", "status": 1,
        "reseller_id": "EPIC06-V-1042", "street": ["14 Foundry Road"], "city": "Duluth", "country_id": "US", "region_id": "34",
        "postcode": "55802", "telephone": "218-555-0142", "customer_group_id": 1, "super_user_id": user, "sales_representative_id": 1 } })
}

async fn with_customer() -> Client {
    let client = Client::paas().await;
    let customer = json!({ "customer": { "email": "ida@northwind.example", "firstname": "Ida", "lastname": "Brandt", "website_id": 1 } });
    let (status, made) = client.post("/V1/customers", &customer).await;
    assert_eq!((status, made["id"].as_u64()), (200, Some(1)), "{made}");
    let (status, double) = client.post("/V1/customers", &customer).await;
    assert_eq!(status, 400, "{double}");
    client
}

#[tokio::test]
async fn a_company_needs_a_customer_who_administers_no_other() {
    let client = with_customer().await;
    assert_eq!(client.post("/V1/company/", &company(884)).await.0, 404);
    let (status, made) = client.post("/V1/company/", &company(1)).await;
    assert_eq!((status, made["id"].as_u64()), (200, Some(1)), "{made}");
    assert_eq!(client.post("/V1/company/", &company(1)).await.0, 400);
    let (_, found) = client.get(&format!("/V1/company/?{}", filter("reseller_id", "EPIC06-V-1042", "eq"))).await;
    assert_eq!(found["items"][0]["company_name"], "Northwind Castings Ltd");
    let mut blocked = made.clone();
    blocked["status"] = 3.into();
    let (status, changed) = client.call("PUT", "/V1/company/1", &json!({ "company": blocked })).await;
    assert_eq!((status, changed["status"].as_u64()), (200, Some(3)), "{changed}");
    assert_eq!(client.sim.companies()[0].status, 3);
}

#[tokio::test]
async fn companies_and_their_attributes_exist_only_where_the_modules_are() {
    let client = with_customer().await;
    client.post("/V1/company/", &company(1)).await;
    let attributes =
        json!({ "companyId": 1, "customAttributes": [{ "attribute_code": "epicor_vendor_num", "value": "1042" }] });
    assert_eq!(client.post("/V1/company/setCustomAttributes", &attributes).await.0, 404);
    client.sim.change_behaviour(|behaviour| behaviour.company_attributes = true);
    assert_eq!(client.post("/V1/company/setCustomAttributes", &attributes).await, (200, json!(true)));
    assert_eq!(client.sim.companies()[0].attribute("epicor_vendor_num").as_deref(), Some("1042"));
    client.sim.change_behaviour(|behaviour| behaviour.b2b = false);
    let (status, refused) = client.get("/V1/company/1").await;
    assert_eq!((status, refused["message"].as_str()), (404, Some("Request does not match any route.")));
    let (_, modules) = client.get("/V1/modules").await;
    assert!(!modules.as_array().unwrap().contains(&json!("Magento_Company")));
}

#[tokio::test]
async fn a_source_is_overwritten_by_its_code_and_needs_a_postcode() {
    let client = Client::paas().await;
    let source = |name: &str, postcode: &str| {
        json!({ "source": { "source_code": "epic06-v-1042", "name": name, "enabled": false,
        "postcode": postcode, "country_id": "US" } })
    };
    let (status, refused) = client.post("/V1/inventory/sources", &source("Northwind", "")).await;
    assert_eq!((status, refused["errors"][0]["parameters"]["field"].as_str()), (400, Some("postcode")));
    assert_eq!(client.post("/V1/inventory/sources", &source("Northwind", "55802")).await, (200, json!([])));
    assert_eq!(client.post("/V1/inventory/sources", &source("Other", "55802")).await, (200, json!([])));
    let sources = client.sim.sources();
    assert_eq!((sources.len(), sources[1].name.as_str(), sources[1].enabled), (2, "Other", false));
    assert_eq!(client.call("DELETE", "/V1/inventory/sources/epic06-v-1042", &Value::Null).await.0, 404);
}
