//! What the shop sends: webhooks from inside its own requests, and I/O events from Adobe's gateway.

use std::{io, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sha2::Sha256;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{schema::Row, shop::Shop};

/// Names a SaaS shop says it supports.
pub(super) const SUPPORTED: [&str; 5] = [
    "observer.sales_order_place_before",
    "observer.sales_order_place_after",
    "observer.sales_order_invoice_save_after",
    "observer.company_save_commit_after",
    "plugin.sales.api.order_management.place",
];

/// The shape of a delivery's body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BodyForm {
    /// Webhook, `{"subject":[],"eventName":..,"data":{"order":{..}}}`.
    Observer,
    /// Webhook, `{"order":{..}}`.
    Plugin,
    /// One I/O event, `{"event":{"data":{"value":{..}}}}`.
    Event,
    /// A batch of I/O events with one member.
    EventBatch,
    /// `payload` as it is.
    Raw,
}

/// How a delivery is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scheme {
    /// Not at all.
    None,
    /// HMAC-SHA256 of the raw body with `secret`, base64.
    HmacSha256,
    /// The same in hex.
    HmacSha256Hex,
    /// `secret` itself as a header.
    StaticHeader,
}

/// One delivery to a receiver.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Delivery {
    /// Where to: plain `http://host:port/path`.
    pub url: String,
    /// The body's shape.
    pub form: BodyForm,
    /// How it is signed.
    pub scheme: Scheme,
    /// Shared secret.
    #[serde(default)]
    pub secret: String,
    /// Header of the signature; `x-adobe-signature` without it.
    #[serde(default)]
    pub header: Option<String>,
    /// Name of the event, such as `observer.sales_order_place_after`.
    #[serde(default)]
    pub event: String,
    /// Order of the shop to send; without it `payload` is the content.
    #[serde(default)]
    pub order_id: Option<u64>,
    /// Content when no order of the shop is named.
    #[serde(default)]
    pub payload: Value,
    /// Numbers as strings, lists keyed by number, as webhooks do at times.
    #[serde(default)]
    pub wobble: bool,
    /// The place hook: the order has no `entity_id` yet.
    #[serde(default)]
    pub before_save: bool,
    /// Id of the event or request; a retry keeps it. Random without it.
    #[serde(default)]
    pub id: Option<String>,
    /// How long the sender waits, in milliseconds.
    #[serde(default)]
    pub timeout_ms: Option<u64>,
}

/// What a receiver answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// Its status.
    pub status: u16,
    /// Its body as text.
    pub body: String,
}

impl Delivery {
    /// A delivery of `payload` to `url`, unsigned.
    #[must_use]
    pub fn new(url: &str, form: BodyForm, payload: Value) -> Self {
        Self {
            url: url.to_owned(),
            form,
            scheme: Scheme::None,
            secret: String::new(),
            header: None,
            event: "observer.sales_order_place_after".to_owned(),
            order_id: None,
            payload,
            wobble: false,
            before_save: false,
            id: None,
            timeout_ms: None,
        }
    }

    pub(super) fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms.unwrap_or(10_000))
    }

    /// The bytes that are sent.
    pub(super) fn body(&self, shop: &Shop) -> Vec<u8> {
        let order = self.order_id.and_then(|id| shop.tables.orders.get(&id)).map(|order| shop.read_order(order));
        let mut content = order.unwrap_or_else(|| self.payload.clone());
        if self.before_save
            && let Some(order) = content.as_object_mut()
        {
            order.remove("entity_id");
        }
        if self.wobble {
            content = wobble(content);
        }
        let short = self.event.trim_start_matches("observer.");
        let body = match self.form {
            BodyForm::Observer => json!({ "subject": [], "eventName": short, "data": { "order": content } }),
            BodyForm::Plugin => json!({ "order": content }),
            BodyForm::Event => self.event_body(content),
            BodyForm::EventBatch => json!([self.event_body(content)]),
            BodyForm::Raw => content,
        };
        body.to_string().into_bytes()
    }

    fn event_body(&self, content: Value) -> Value {
        json!({ "eventid": self.id, "recipientclientid": "5f0e3a7b9c", "event_id": self.id, "recipient_client_id": "5f0e3a7b9c",
            "event": { "data": { "value": content, "source": "merchant.test", "_metadata": {
                "commerceEdition": "Adobe Commerce", "commerceVersion": "2.4.8", "eventsClientVersion": "1.12.0",
                "storeId": "1", "websiteId": "1", "storeGroupId": "1" } } } })
    }

    /// Headers, the signature over the body among them.
    pub(super) fn headers(&self, shop: &Shop) -> Vec<(String, String)> {
        let random = || format!("{:032x}", rand::random::<u128>());
        let id = self.id.clone().unwrap_or_else(random);
        let mut headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        if matches!(self.form, BodyForm::Event | BodyForm::EventBatch) {
            headers.push(("x-adobe-event-code".to_owned(), format!("com.adobe.commerce.{}", self.event)));
            headers.push(("x-adobe-event-id".to_owned(), id));
            headers.push(("x-adobe-delivery-id".to_owned(), random()));
        } else {
            headers.push(("x-adobe-commerce-request-id".to_owned(), id));
        }
        let name = self.header.clone().unwrap_or_else(|| "x-adobe-signature".to_owned());
        let mac = || {
            let mut mac = Hmac::<Sha256>::new_from_slice(self.secret.as_bytes()).ok()?;
            mac.update(&self.body(shop));
            Some(mac.finalize().into_bytes())
        };
        let value = match self.scheme {
            Scheme::None => None,
            Scheme::HmacSha256 => mac().map(|bytes| STANDARD.encode(bytes)),
            Scheme::HmacSha256Hex => mac().map(|bytes| bytes.iter().map(|byte| format!("{byte:02x}")).collect()),
            Scheme::StaticHeader => Some(self.secret.clone()),
        };
        headers.extend(value.map(|value| (name, value)));
        headers
    }
}

/// Numbers become text, lists become objects keyed from `"1"`, empty objects become lists.
fn wobble(value: Value) -> Value {
    match value {
        Value::Number(number) => {
            Value::from(number.as_f64().map_or_else(|| number.to_string(), |number| format!("{number:.4}")))
        }
        Value::Array(values) if values.iter().any(Value::is_object) => {
            let keyed: Map<String, Value> =
                values.into_iter().enumerate().map(|(at, value)| ((at + 1).to_string(), wobble(value))).collect();
            Value::Object(keyed)
        }
        Value::Object(row) if row.is_empty() => json!([]),
        Value::Object(row) => {
            Value::Object(row.into_iter().map(|(name, value)| (name, wobble(value))).collect::<Row>())
        }
        other => other,
    }
}

/// Sends one request to a plain HTTP address.
///
/// # Errors
/// When the address is not plain HTTP, the receiver cannot be reached, or does not answer in time.
pub(super) async fn send(
    method: &str,
    url: &str,
    body: &[u8],
    headers: &[(String, String)],
    wait: Duration,
) -> io::Result<Reply> {
    let invalid = || io::Error::new(io::ErrorKind::InvalidInput, "only http://host:port/path is supported");
    let rest = url.strip_prefix("http://").ok_or_else(invalid)?;
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let exchange = async {
        let mut stream = TcpStream::connect(host).await?;
        let mut head = format!(
            "{method} /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: {}\r\n",
            body.len()
        );
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(body).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let status = answer
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok())
            .ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?;
        let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body).to_owned();
        Ok(Reply { status, body })
    };
    tokio::time::timeout(wait, exchange).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}
