//! A simulator with a client that has good credentials.

use mlc_simulators::epicor::{EpicorConfig, EpicorSim, Switches};
use reqwest::{Client, RequestBuilder, Response};
use serde_json::{Value, json};

pub(crate) struct Site {
    pub(crate) sim: EpicorSim,
    pub(crate) client: Client,
}

impl Site {
    pub(crate) async fn start(config: EpicorConfig) -> Self {
        // Another test of this process may have installed it already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self { sim: EpicorSim::start(config).await.unwrap(), client: Client::new() }
    }

    pub(crate) async fn stock() -> Self {
        Self::start(EpicorConfig::default()).await
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}/api/v2/odata/EPIC06/{path}", self.sim.base_url())
    }

    pub(crate) fn request(&self, path: &str, query: &[(&str, &str)]) -> RequestBuilder {
        self.client
            .get(format!("{}{}", self.url(path), encoded(query)))
            .basic_auth("mlc", Some("sim-password"))
            .header("x-api-key", "sim-api-key")
    }

    pub(crate) async fn send(&self, path: &str, query: &[(&str, &str)]) -> Response {
        self.request(path, query).send().await.unwrap()
    }

    pub(crate) async fn get(&self, path: &str, query: &[(&str, &str)]) -> (u16, Value) {
        read(self.send(path, query).await).await
    }

    /// A call with a JSON body.
    pub(crate) fn sending(&self, verb: &str, path: &str, body: &Value) -> RequestBuilder {
        self.client
            .request(verb.parse().unwrap(), self.url(path))
            .basic_auth("mlc", Some("sim-password"))
            .header("x-api-key", "sim-api-key")
            .header("content-type", "application/json")
            .body(body.to_string())
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        read(self.sending("POST", path, body).send().await.unwrap()).await
    }

    /// A method that must succeed; its tableset.
    pub(crate) async fn ds(&self, path: &str, body: Value) -> Value {
        let (status, answer) = self.post(path, &body).await;
        assert_eq!(status, 200, "{path}: {answer}");
        answer["parameters"]["ds"].clone()
    }

    pub(crate) async fn vendors(&self, query: &[(&str, &str)]) -> Vec<Value> {
        let (status, body) = self.get(VENDORS, query).await;
        assert_eq!(status, 200, "{body}");
        body["value"].as_array().unwrap().clone()
    }

    pub(crate) async fn control(&self, path: &str, body: Value) -> Value {
        let url = format!("{}/__control/{path}", self.sim.origin());
        let request = self.client.post(url).header("content-type", "application/json").body(body.to_string());
        let (status, body) = read(request.send().await.unwrap()).await;
        assert_eq!(status, 200, "{body}");
        body
    }

    pub(crate) fn seed_vendors(&self, count: usize) {
        let mut store = self.sim.store();
        for number in 1..=count {
            store
                .insert_vendor(&json!({ "VendorID": format!("V{number}"), "Name": format!("Vendor {number}") }))
                .unwrap();
        }
    }

    pub(crate) fn switch(&self, change: impl FnOnce(&mut Switches)) {
        change(self.sim.store().switches_mut());
    }
}

pub(crate) const VENDORS: &str = "Erp.BO.VendorSvc/Vendors";

/// Percent-encodes everything that is not plainly safe.
pub(crate) fn encoded(query: &[(&str, &str)]) -> String {
    let mut text = String::new();
    for (at, (name, value)) in query.iter().enumerate() {
        text += if at == 0 { "?" } else { "&" };
        text += name;
        text += "=";
        for byte in value.bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => text.push(char::from(byte)),
                other => text += &format!("%{other:02X}"),
            }
        }
    }
    text
}

pub(crate) async fn read(response: Response) -> (u16, Value) {
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

pub(crate) fn numbers(rows: &[Value], column: &str) -> Vec<i64> {
    rows.iter().map(|row| row[column].as_i64().unwrap()).collect()
}
