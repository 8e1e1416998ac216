//! The steps of the recorded sessions: what was missing from the record is put into the shop first.

use mlc_simulators::adobe::{AdobeConfig, AdobeSim, Integration, SignatureSort};
use serde_json::{Value, json};

use crate::{
    client::{Order, Reply, Signer, send},
    vectors::{VIEW_ONLY, fixture},
};

const LOOKER: [&str; 4] = [
    "lookerconsumerkeylookerconsumer1",
    "lookersecretlookersecretlookers1",
    "lookertokenlookertokenlookertok1",
    "lookertokensecretlookertokensec1",
];

/// A shop that lives through the recorded session.
pub(crate) struct Session {
    pub(crate) sim: AdobeSim,
    /// The order that most steps send.
    full: Value,
    /// The uuid that was recorded, and ours.
    bulk: Option<(String, String)>,
    used_nonce: String,
}

impl Session {
    pub(crate) async fn start() -> Self {
        let full = fixture("observed-exchanges.json").into_iter().find(|step| step["label"] == "full order").unwrap();
        let mut integrations = AdobeConfig::default().integrations;
        integrations.push(Integration::new(LOOKER[0], LOOKER[1], LOOKER[2], LOOKER[3]).with_resources(&[VIEW_ONLY]));
        let config = AdobeConfig { sort: SignatureSort::Natural, integrations, ..AdobeConfig::default() };
        let sim = AdobeSim::start(config).await.unwrap();
        sim.change_behaviour(|behaviour| {
            behaviour.random_order = false;
            behaviour.consumers_running = false;
        });
        Self { sim, full: full["request"]["entity"].clone(), bulk: None, used_nonce: String::new() }
    }

    fn knows(&self, id: u64) -> bool {
        self.sim.orders().iter().any(|order| order.entity_id == id)
    }

    /// Puts an order into the shop that the record does not show being made.
    fn ensure(&self, id: u64, first_item: Option<u64>, change: impl FnOnce(&mut Value)) {
        if self.knows(id) {
            return;
        }
        let mut entity = self.full.clone();
        change(&mut entity);
        self.sim.continue_ids(id, first_item, None);
        self.sim.place_order(&entity).unwrap();
    }

    fn invoice_all(&self, id: u64) {
        self.sim.place_invoice(id, &json!({})).unwrap();
    }

    /// What went before this step and was not recorded.
    pub(crate) fn prepare(&mut self, at: usize, step: &Value) {
        let (label, target) = (step["label"].as_str().unwrap(), step["target"].as_str().unwrap());
        let (request, response) = (&step["request"], &step["response"]);
        let saved = step["method"] == "POST" && target == "/rest/V1/orders" && step["status"] == 200;
        let item = response["items"][0]["item_id"].as_u64();
        if label == "order: accept text" {
            let small = json!({ "customer_email": "a@example.com", "grand_total": 10, "base_grand_total": 10,
                "items": [{ "sku": "SKU-1", "name": "Widget one", "qty_ordered": 1, "price": 10 }], "payment": { "method": "checkmo" } });
            self.sim.place_order(&small).unwrap();
        }
        if let Some(id) = request["entity"]["entity_id"].as_u64().filter(|_| saved) {
            self.ensure(id, item, |_| {});
        } else if saved {
            let number = response["increment_id"].as_str().and_then(|number| number.parse().ok());
            self.sim.continue_ids(response["entity_id"].as_u64().unwrap(), item, number);
        }
        let path = target.split('?').next().unwrap().replace("/orders/", "/order/");
        let id = path.split("/order/").nth(1).and_then(|rest| rest.split('/').next()?.parse::<u64>().ok());
        if let Some(id) = id.filter(|id| *id > 0 && *id < 999_999) {
            let first = item.or_else(|| request["items"][0]["order_item_id"].as_u64());
            self.ensure(id, first, |entity| overlay(entity, label, target, response));
        }
        match label {
            "A: order after" => self.invoice_all(7),
            "race inv" => self.invoice_all(101),
            "  after: shipping missing, grand 45.5" => self.invoice_all(136),
            "  inv" => {
                self.ensure(123, None, |entity| entity["items"][0]["qty_ordered"] = 1.into());
                self.invoice_all(123);
            }
            "race incr" => drop(self.sim.place_order(&request["entity"])),
            "after client abort at 0.0s" => {
                self.ensure(127, None, |entity| entity["ext_order_id"] = "ABORT-0.0-1795310685".into())
            }
            "bulk status before" => self.take_bulk(target),
            "bulk status after" => self.sim.run_consumers(),
            _ => {}
        }
        self.sim.change_behaviour(|behaviour| {
            behaviour.maintenance = label.starts_with("maintenance");
            behaviour.bearer_allowed = label.starts_with("bearer allowed");
        });
        self.sim.change_integration(0, |integration| {
            integration.active = label != "integration inactive";
            integration.revoked = label == "token revoked";
            integration.request_token = label == "token not access";
        });
        let _ = at;
    }

    fn take_bulk(&mut self, target: &str) {
        let uuid = target.split("/bulk/").nth(1).unwrap().split('/').next().unwrap().to_owned();
        let mut good = self.full.clone();
        good["increment_id"] = "BULK-1".into();
        let bodies = [json!({ "entity": good }), json!({ "entity": good }), json!({ "entity": {} })];
        self.bulk = Some((uuid, self.sim.place_bulk(&bodies)));
    }

    /// Sends the step as the recording client did.
    pub(crate) async fn send(&mut self, step: &Value) -> Reply {
        let (label, method) = (step["label"].as_str().unwrap(), step["method"].as_str().unwrap());
        let mut target = step["target"].as_str().unwrap().to_owned();
        if let Some((recorded, ours)) = &self.bulk {
            target = target.replace(recorded, ours);
        }
        let request = &step["request"];
        let mut body = match (label, request) {
            ("json null body", _) => b"null".to_vec(),
            ("json string body", _) => b"\"x\"".to_vec(),
            (_, Value::Null) => Vec::new(),
            (_, Value::String(raw)) => raw.clone().into_bytes(),
            (_, value) => value.to_string().into_bytes(),
        };
        if label == "invalid utf8" {
            body = json!({ "entity": self.full }).to_string().replace("Austin", "Aust~").into_bytes();
            body.iter_mut().filter(|byte| **byte == b'~').for_each(|byte| *byte = 0xff);
        }
        let authorization = self.authorization(label, method, &target, &String::from_utf8_lossy(&body));
        let mut headers: Vec<(&str, &str)> = Vec::new();
        if let Some(authorization) = &authorization {
            headers.push(("Authorization", authorization));
        }
        let quoted = label.split('\'').nth(1).unwrap_or_default();
        let accept = match label {
            "order: accept text" => "text/html",
            "accept None" => "",
            label if label.starts_with("accept ") => quoted,
            _ => "*/*",
        };
        if !accept.is_empty() {
            headers.push(("Accept", accept));
        }
        let content_type = match label {
            "order: content type form" => "application/x-www-form-urlencoded",
            label if label.starts_with("ctype ") => quoted,
            _ => "application/json",
        };
        if !content_type.is_empty() && !body.is_empty() {
            headers.push(("Content-Type", content_type));
        }
        let address = self.sim.url().replace("http://", "");
        send(&address, method, &target, &headers, &body).await.unwrap()
    }

    fn authorization(&mut self, label: &str, method: &str, target: &str, body: &str) -> Option<String> {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut url = format!("{}{path}", self.sim.url());
        let mut signed_query = query;
        let mut signer = Signer::default();
        let now = chrono::Utc::now().timestamp();
        match label {
            "no auth"
            | "oauth params in query"
            | "known route, no credentials, bad id"
            | "unknown route, no credentials" => return None,
            "bearer with the integration access token" | "bearer allowed" | "bearer off again" => {
                return Some(format!("Bearer {}", signer.token));
            }
            "bearer wrong" | "bearer allowed, wrong" => return Some("Bearer wrong".to_owned()),
            "orders sha1" => signer = signer.bend("oauth_signature_method", "HMAC-SHA1"),
            "HMAC-SHA512" => signer = signer.bend("oauth_signature_method", "HMAC-SHA512"),
            "bad consumer secret" | "bad signature, bad body" => signer.consumer_secret.push('x'),
            "bad token secret" => signer.token_secret.push('x'),
            "unknown token" => signer.token = "unknowntokenunknowntokenunknownt".to_owned(),
            "short token" => signer.token = "short".to_owned(),
            "unknown consumer key" => signer.consumer_key = "unknownconsumerkeyunknownconsume".to_owned(),
            "short consumer key" => signer.consumer_key = "short".to_owned(),
            "token of another consumer" => signer.token = LOOKER[2].to_owned(),
            "old timestamp" => signer = signer.bend("oauth_timestamp", &(now - 30 * 86_400).to_string()),
            "timestamp 0" => signer = signer.bend("oauth_timestamp", "0"),
            "timestamp ms" => signer = signer.bend("oauth_timestamp", &(now * 1_000).to_string()),
            "nonce first" | "nonce case-variant a" => {
                self.used_nonce = format!("abcdef{now}{}", label.len());
                signer = signer.bend("oauth_nonce", &self.used_nonce);
            }
            "nonce reused" => signer = signer.bend("oauth_nonce", &self.used_nonce),
            "nonce case-variant b" => signer = signer.bend("oauth_nonce", &self.used_nonce.to_uppercase()),
            "nonce 64 chars" => signer = signer.bend("oauth_nonce", &"n".repeat(64)),
            "nonce 33 chars" => signer = signer.bend("oauth_nonce", &"m".repeat(33)),
            "nonce short 1" => signer = signer.bend("oauth_nonce", "k"),
            "no version" => signer = signer.bend("oauth_version", ""),
            "missing timestamp" => signer = signer.bend("oauth_timestamp", ""),
            "missing token" => signer = signer.bend("oauth_token", ""),
            "oauth_callback extra param" => signer = signer.bend("oauth_callback", "oob"),
            "only oauth_consumer_key" => {
                let nothing = ["token", "nonce", "timestamp", "signature_method", "version", "signature"];
                signer = nothing.iter().fold(signer, |signer, name| signer.bend(&format!("oauth_{name}"), ""));
            }
            "signed without the query" => signed_query = "",
            "signed with trailing slash url" => url.push('/'),
            "signed without port" => url = format!("http://127.0.0.1{path}"),
            label if label.contains("natural") => signer.order = Order::Natural,
            label if label.contains("byte(decoded)") => signer.order = Order::Decoded,
            label if label.starts_with("viewonly") => {
                let [key, secret, token, token_secret] = LOOKER.map(str::to_owned);
                signer = Signer { consumer_key: key, consumer_secret: secret, token, token_secret, ..signer };
            }
            _ => {}
        }
        let method = if label == "signed lower method" { method.to_lowercase() } else { method.to_owned() };
        let form = if label == "order: content type form" { body } else { "" };
        let header = signer.header_with_form(&method, &url, signed_query, form);
        Some(match label {
            "realm" => header.replacen("OAuth ", "OAuth realm=\"x\", ", 1),
            "realm empty" => header.replacen("OAuth ", "OAuth realm=\"\", ", 1),
            "no space sep" => header.replace(", ", ","),
            "scheme lower" => header.replacen("OAuth", "oauth", 1),
            "scheme OAUTH" => header.replacen("OAuth", "OAUTH", 1),
            _ => header,
        })
    }
}

/// Makes the full order into the one whose reading was recorded: the record's values, and nothing where it shows nothing.
fn overlay(entity: &mut Value, label: &str, target: &str, response: &Value) {
    if label == "invoice no items" {
        entity["items"] = json!([]);
    }
    let totals = match label {
        "invoice total mismatch" => Some((45.5, 99.0)),
        "partial invoice 1 of 2 of line 1" => Some((100.0, 105.0)),
        _ => None,
    };
    if let Some((subtotal, grand_total)) = totals {
        for prefix in ["", "base_"] {
            entity[format!("{prefix}subtotal")] = subtotal.into();
            entity[format!("{prefix}grand_total")] = grand_total.into();
        }
    }
    if !response.is_object() || !target.contains("fields=") || label == "A: order after" {
        return;
    }
    let asked = target.split("fields=").nth(1).unwrap();
    let top: String = {
        let mut depth = 0;
        asked
            .chars()
            .filter(|letter| {
                depth += i32::from(*letter == '[') - i32::from(*letter == ']');
                depth == 0 && *letter != ']'
            })
            .collect()
    };
    for name in top.split(',') {
        match (&response[name], name) {
            (_, "increment_id") if response[name].as_str().is_none_or(|number| number.starts_with("0000")) => {}
            (
                _,
                "entity_id"
                | "updated_at"
                | "total_due"
                | "total_item_count"
                | "items"
                | "payment"
                | "extension_attributes"
                | "total_invoiced"
                | "total_paid",
            ) => {}
            (Value::Null, _) => drop(entity.as_object_mut().unwrap().remove(name)),
            (Value::Object(part), _) => {
                for (inner, value) in part {
                    entity[name][inner] = value.clone();
                }
                let whole = part.contains_key("entity_id");
                if whole && let Some(sent) = entity[name].as_object_mut() {
                    sent.retain(|inner, _| part.contains_key(inner) && inner != "entity_id" && inner != "parent_id");
                }
            }
            (value, _) => entity[name] = value.clone(),
        }
    }
    if response["payment"].is_object() {
        entity["payment"]["additional_information"] = response["payment"]["additional_information"].clone();
    }
    if response["total_item_count"] == 0 {
        entity.as_object_mut().unwrap().remove("items");
    }
    if let Some(items) = response["items"].as_array().filter(|_| label.starts_with("  read back")) {
        let line = json!({ "sku": "SKU-1", "name": "Widget one", "product_id": 1, "product_type": "simple", "qty_ordered": 1,
            "price": 10, "base_price": 10, "row_total": 10, "base_row_total": 10 });
        entity["items"] = items
            .iter()
            .map(|item| {
                let mut line = line.clone();
                for (name, value) in item
                    .as_object()
                    .unwrap()
                    .iter()
                    .filter(|(name, _)| *name != "item_id" && *name != "extension_attributes")
                {
                    line[name] = value.clone();
                }
                line
            })
            .collect();
    }
}
