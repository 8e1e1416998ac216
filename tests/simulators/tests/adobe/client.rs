//! A client that writes its requests byte by byte and signs them as common libraries do.

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, Mac};
use mlc_simulators::adobe::{
    AdobeConfig, AdobeSim, DEFAULT_CONSUMER_KEY, DEFAULT_CONSUMER_SECRET, DEFAULT_TOKEN, DEFAULT_TOKEN_SECRET,
};
use serde_json::Value;
use sha2::Sha256;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// An answer, read to its end.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) content_type: String,
    pub(crate) headers: String,
    pub(crate) body: String,
}

impl Reply {
    /// The body as JSON, or as a JSON text when it is none.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| Value::from(self.body.clone()))
    }
}

/// Sends one request over a connection of its own; `None` when the line is cut.
pub(crate) async fn send(
    address: &str,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Option<Reply> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let mut head = format!("{method} {target} HTTP/1.1\r\nConnection: close\r\n");
    if !headers.iter().any(|(name, _)| *name == "Host") {
        head.push_str(&format!("Host: {address}\r\n"));
    }
    if !body.is_empty() || method == "POST" {
        head.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes()).await.ok()?;
    stream.write_all(body).await.ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.ok()?;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let field = |name: &str| {
        head.lines().find_map(|line| {
            let (known, value) = line.split_once(':')?;
            known.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
        })
    };
    Some(Reply {
        status: head.split(' ').nth(1)?.parse().ok()?,
        content_type: field("content-type").unwrap_or_default(),
        headers: head.to_lowercase(),
        body: body.to_owned(),
    })
}

/// How a client sorts the parameters it signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// RFC 5849: byte order of the encoded names.
    Rfc,
    /// Numbers by value.
    Natural,
    /// Byte order of the decoded names.
    Decoded,
}

/// Keys of an integration and the details a test may bend.
#[derive(Debug, Clone)]
pub(crate) struct Signer {
    pub(crate) consumer_key: String,
    pub(crate) consumer_secret: String,
    pub(crate) token: String,
    pub(crate) token_secret: String,
    pub(crate) order: Order,
    /// Replaces or (when empty) drops `oauth_` fields.
    pub(crate) bent: Vec<(String, String)>,
}

impl Default for Signer {
    fn default() -> Self {
        Self {
            consumer_key: DEFAULT_CONSUMER_KEY.to_owned(),
            consumer_secret: DEFAULT_CONSUMER_SECRET.to_owned(),
            token: DEFAULT_TOKEN.to_owned(),
            token_secret: DEFAULT_TOKEN_SECRET.to_owned(),
            order: Order::Rfc,
            bent: Vec::new(),
        }
    }
}

fn encode(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

/// Decodes as form data, where a plus is a blank: what common libraries do.
fn decode(text: &str) -> String {
    let text = text.replace('+', " ");
    let mut out = Vec::new();
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let hex: String = bytes.by_ref().take(2).map(char::from).collect();
            out.push(u8::from_str_radix(&hex, 16).unwrap());
        } else {
            out.push(byte);
        }
    }
    String::from_utf8(out).unwrap()
}

/// Pads runs of digits, so that byte order is natural order.
fn natural(name: &str) -> String {
    let mut out = String::new();
    let mut digits = String::new();
    for letter in encode(name).chars().chain([' ']) {
        if letter.is_ascii_digit() {
            digits.push(letter);
        } else {
            if !digits.is_empty() {
                out.push_str(&format!("{digits:0>12}"));
                digits.clear();
            }
            out.push(letter);
        }
    }
    out
}

impl Signer {
    pub(crate) fn bend(mut self, name: &str, value: &str) -> Self {
        self.bent.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The `Authorization` header for this request.
    pub(crate) fn header(&self, method: &str, url: &str, query: &str) -> String {
        self.header_with_form(method, url, query, "")
    }

    /// The same when a form body is signed too.
    pub(crate) fn header_with_form(&self, method: &str, url: &str, query: &str, form: &str) -> String {
        let mut fields: Vec<(String, String)> = vec![
            ("oauth_consumer_key".into(), self.consumer_key.clone()),
            ("oauth_token".into(), self.token.clone()),
            ("oauth_nonce".into(), format!("{:032x}", rand::random::<u128>())),
            ("oauth_timestamp".into(), chrono::Utc::now().timestamp().to_string()),
            ("oauth_signature_method".into(), "HMAC-SHA256".into()),
            ("oauth_version".into(), "1.0".into()),
        ];
        for (name, value) in &self.bent {
            fields.retain(|(known, _)| known != name);
            if !value.is_empty() {
                fields.push((name.clone(), value.clone()));
            }
        }
        let mut pairs = fields.clone();
        for pair in query.split('&').chain(form.split('&')).filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            pairs.push((decode(name), decode(value)));
        }
        pairs.sort_by_key(|(name, value)| match self.order {
            Order::Rfc => (encode(name), encode(value)),
            Order::Natural => (natural(name), encode(value)),
            Order::Decoded => (name.clone(), encode(value)),
        });
        let text: Vec<String> =
            pairs.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
        let base = format!("{method}&{}&{}", encode(url), encode(&text.join("&")));
        let key = format!("{}&{}", encode(&self.consumer_secret), encode(&self.token_secret));
        let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).unwrap();
        mac.update(base.as_bytes());
        if !self.bent.iter().any(|(name, _)| name == "oauth_signature") {
            fields.push(("oauth_signature".into(), STANDARD.encode(mac.finalize().into_bytes())));
        }
        let fields: Vec<String> = fields.iter().map(|(name, value)| format!("{name}=\"{}\"", encode(value))).collect();
        format!("OAuth {}", fields.join(", "))
    }
}

/// A shop with a client that holds good keys.
pub(crate) struct Client {
    pub(crate) sim: AdobeSim,
    pub(crate) signer: Signer,
}

impl Client {
    pub(crate) async fn new(config: AdobeConfig) -> Self {
        Self { sim: AdobeSim::start(config).await.unwrap(), signer: Signer::default() }
    }

    pub(crate) async fn paas() -> Self {
        Self::new(AdobeConfig::default()).await
    }

    pub(crate) fn address(&self) -> String {
        self.sim.url().replace("http://", "")
    }

    pub(crate) async fn try_call(&self, method: &str, path: &str, body: &Value) -> Option<Reply> {
        let target = format!("/rest/default{path}");
        let (plain, query) = target.split_once('?').unwrap_or((&target, ""));
        let header = self.signer.header(method, &format!("{}{plain}", self.sim.url()), query);
        let headers = [("Authorization", header.as_str()), ("Content-Type", "application/json")];
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        send(&self.address(), method, &target, &headers, &body).await
    }

    pub(crate) async fn call(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let reply = self.try_call(method, path, body).await.unwrap();
        (reply.status, reply.json())
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, Value) {
        self.call("GET", path, &Value::Null).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        self.call("POST", path, body).await
    }
}

/// One filter of a search, index 0.
pub(crate) fn filter(field: &str, value: &str, condition: &str) -> String {
    let name = "searchCriteria[filter_groups][0][filters][0]";
    format!("{name}[field]={field}&{name}[value]={}&{name}[condition_type]={condition}", encode(value))
}
