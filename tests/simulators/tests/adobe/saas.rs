//! The SaaS edition: tokens, paths, attributes.

use mlc_simulators::adobe::{AdobeConfig, AdobeSim, DEFAULT_TENANT};
use serde_json::{Value, json};

use crate::{client::send, orders::purchase_order};

struct Saas {
    sim: AdobeSim,
    address: String,
}

impl Saas {
    async fn start() -> Self {
        let sim = AdobeSim::start(AdobeConfig::saas()).await.unwrap();
        let address = sim.url().replace("http://", "");
        Self { sim, address }
    }

    async fn token(&self, secret: &str) -> (u16, Value) {
        let body = format!(
            "client_id=simulator-client&client_secret={secret}&grant_type=client_credentials&scope=openid%2CAdobeID%2Ccommerce.accs"
        );
        let headers = [("Content-Type", "application/x-www-form-urlencoded")];
        let reply = send(&self.address, "POST", "/ims/token/v3", &headers, body.as_bytes()).await.unwrap();
        (reply.status, reply.json())
    }

    async fn call(&self, method: &str, path: &str, token: &str, store: &str, body: &Value) -> (u16, Value) {
        let bearer = format!("Bearer {token}");
        let headers = [("Authorization", bearer.as_str()), ("Store", store), ("Content-Type", "application/json")];
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        let reply = send(&self.address, method, &format!("/{DEFAULT_TENANT}{path}"), &headers, &body).await.unwrap();
        (reply.status, reply.json())
    }
}

#[tokio::test]
async fn a_token_opens_the_shop_until_it_expires() {
    let shop = Saas::start().await;
    let (status, refused) = shop.token("wrong").await;
    assert_eq!((status, refused["error"].as_str()), (401, Some("invalid_client")));
    let (_, granted) = shop.token("simulator-secret").await;
    assert_eq!(granted["expires_in"], 86_399);
    let token = granted["access_token"].as_str().unwrap();
    assert_eq!(shop.call("GET", "/V1/orders?searchCriteria[pageSize]=1", token, "default", &Value::Null).await.0, 200);
    assert_eq!(shop.call("GET", "/V1/orders?searchCriteria[pageSize]=1", token, "nosuch", &Value::Null).await.0, 400);
    assert_eq!(shop.call("GET", "/V1/orders", "other", "default", &Value::Null).await.0, 401);
    shop.sim.advance_clock(chrono::TimeDelta::hours(25));
    assert_eq!(shop.call("GET", "/V1/orders?searchCriteria[pageSize]=1", token, "default", &Value::Null).await.0, 401);
    assert_eq!(shop.sim.tokens_issued(), 1);
}

#[tokio::test]
async fn lines_carry_custom_attributes_natively() {
    let shop = Saas::start().await;
    let token = shop.token("simulator-secret").await.1["access_token"].as_str().unwrap().to_owned();
    let mut body = purchase_order("PO-1");
    body["entity"]["items"][0]["custom_attributes"] = json!([{ "attribute_code": "gl", "value": "5000" }]);
    assert_eq!(shop.call("POST", "/V1/orders", &token, "default", &body).await.0, 200);
    assert_eq!(shop.sim.items()[0].attribute("gl").as_deref(), Some("5000"));
    assert_eq!(shop.call("GET", "/V1/order-statuses", &token, "default", &Value::Null).await.0, 200);
    assert_eq!(shop.call("POST", "/V1/company/setCustomAttributes", &token, "default", &json!({})).await.0, 400);
}
