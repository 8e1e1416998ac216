//! A tiny HTTP client with the calls the tests make most.

use mlc_simulators::hubspot::{DEFAULT_TOKEN, HubspotConfig, HubspotSim};
use reqwest::Method;
use serde_json::{Value, json};

pub(crate) const UPSERT: &str = "/crm/v3/objects/companies/batch/upsert";
pub(crate) const READ: &str = "/crm/v3/objects/companies/batch/read";
pub(crate) const SEARCH: &str = "/crm/v3/objects/companies/search";
pub(crate) const LINKS: &str = "/crm/v4/associations/companies/contacts/batch";

/// A tiny client: one simulator, one token.
pub(crate) struct Client {
    pub(crate) sim: HubspotSim,
    pub(crate) http: reqwest::Client,
    pub(crate) token: String,
}

impl Client {
    pub(crate) async fn new(config: HubspotConfig) -> Self {
        // The client library wants to know its TLS provider even for plain http.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let sim = HubspotSim::start(config).await.unwrap();
        Self { sim, http: reqwest::Client::builder().no_proxy().build().unwrap(), token: DEFAULT_TOKEN.to_owned() }
    }

    /// A portal without limits that has the key and the classification property.
    pub(crate) async fn prepared() -> Self {
        let client = Self::new(HubspotConfig::without_limits()).await;
        client.set_up().await;
        client
    }

    pub(crate) async fn set_up(&self) {
        let path = "/crm/v3/properties/companies";
        let group = json!({"name": "epicor", "label": "Epicor Kinetic"});
        let (status, _) = self.post(&format!("{path}/groups"), &group).await;
        assert_eq!(status, 201);
        let key = json!({"name": "epicor_key", "label": "Epicor key", "groupName": "epicor",
            "type": "string", "fieldType": "text", "hasUniqueValue": true});
        assert_eq!(self.post(path, &key).await.0, 201);
        let kind = json!({"name": "epicor_record_type", "label": "Type", "groupName": "epicor",
            "type": "enumeration", "fieldType": "select",
            "options": [{"label": "Vendor", "value": "vendor"}, {"label": "Customer", "value": "customer"}]});
        assert_eq!(self.post(path, &kind).await.0, 201);
    }

    pub(crate) async fn try_send(
        &self,
        method: Method,
        path: &str,
        body: String,
    ) -> Result<reqwest::Response, reqwest::Error> {
        self.http
            .request(method, format!("{}{path}", self.sim.url()))
            .bearer_auth(&self.token)
            .header("content-type", "application/json")
            .body(body)
            .send()
            .await
    }

    pub(crate) async fn send(&self, method: Method, path: &str, body: String) -> (u16, Value) {
        let answer = self.try_send(method, path, body).await.unwrap();
        let status = answer.status().as_u16();
        let text = answer.text().await.unwrap();
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        (status, body)
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        self.send(Method::POST, path, body.to_string()).await
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, Value) {
        self.send(Method::GET, path, String::new()).await
    }

    pub(crate) async fn upsert(&self, inputs: &[Value]) -> (u16, Value) {
        self.post(UPSERT, &json!({ "inputs": inputs })).await
    }

    /// Upserts one good company and returns its id.
    pub(crate) async fn company(&self, key: &str, name: &str) -> String {
        let (status, body) = self.upsert(&[input(key, json!({ "name": name }))]).await;
        assert_eq!(status, 200, "{body}");
        body["results"][0]["id"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn contact(&self, email: &str) -> String {
        let input = json!({"id": email, "idProperty": "email", "properties": {"email": email}});
        let path = "/crm/v3/objects/contacts/batch/upsert";
        let (status, body) = self.post(path, &json!({"inputs": [input]})).await;
        assert_eq!(status, 200, "{body}");
        body["results"][0]["id"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn control(&self, path: &str, body: &Value) -> u16 {
        self.post(&format!("/__control/{path}"), body).await.0
    }
}

pub(crate) fn input(key: &str, properties: Value) -> Value {
    json!({"id": key, "idProperty": "epicor_key", "properties": properties})
}

pub(crate) fn traced(key: &str, trace: &str, properties: Value) -> Value {
    let mut input = input(key, properties);
    input["objectWriteTraceId"] = trace.into();
    input
}
