//! A console of the test's own on a Redis of its own, and the smallest client that can use it.
#![allow(dead_code, reason = "each file of tests uses its part")]

use std::{collections::BTreeMap, net::SocketAddr};

use mlc_producer::{Person, Rooms, console};
use mlc_runtime::{settings::Settings, shutdown::Shutdown};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::private_redis::PrivateRedis;

/// A console on a free port of the loopback, in this process.
pub(crate) struct Site {
    /// Its Redis; also runs `mlc` on it.
    pub(crate) redis: PrivateRedis,
    /// What the console itself works with: to seed it, and to look at what an action left.
    pub(crate) rooms: Rooms,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    stop: Shutdown,
}

/// What was answered.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Names in lower case; of several with one name the last, but all cookies, joined by line feeds.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) bytes: Vec<u8>,
}

impl Site {
    /// As a person finds it on the own machine: no login, settings of [`PrivateRedis::settings`].
    pub(crate) async fn start() -> Self {
        Self::with(|settings| settings).await
    }

    /// With other settings: `change` gets the usual ones as TOML. The `mlc` of [`Site::redis`] reads the changed ones too.
    pub(crate) async fn with(change: impl FnOnce(String) -> String) -> Self {
        let redis = PrivateRedis::start();
        let text = change(redis.settings());
        std::fs::write(redis.settings_file(), &text).unwrap();
        let none: [(String, String); 0] = [];
        let settings = Settings::parse("mlc.toml", &text, none).unwrap();
        let rooms = mlc_producer::open(settings, Person::named("test").unwrap()).await.unwrap();
        let stop = Shutdown::new();
        let serving = console::serve(rooms.clone(), "127.0.0.1:0".parse().unwrap(), stop.clone()).await.unwrap();
        Self { redis, rooms, address: serving.address, stop }
    }

    /// Tells the console to stop, as a signal would.
    pub(crate) fn stop(&self) {
        self.stop.trigger();
    }

    /// The page at `path`, whatever its status.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], b"").await
    }

    /// The page at `path`, which must be there.
    pub(crate) async fn page(&self, path: &str) -> String {
        let answer = self.get(path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.text()
    }

    /// What the API answers at `/api/v1` and `path`, which must be there.
    pub(crate) async fn get_json(&self, path: &str) -> Value {
        let answer = self.get(&format!("/api/v1{path}")).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.json()
    }

    /// Sends a form as a page of the console would. What was done answers 303.
    pub(crate) async fn post_form(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let body = serde_html_form::to_string(fields).unwrap();
        let headers = [("content-type", "application/x-www-form-urlencoded"), ("sec-fetch-site", "same-origin")];
        self.send("POST", path, &headers, body.as_bytes()).await
    }

    /// Sends JSON to `/api/v1` and `path`, as a program would.
    pub(crate) async fn post_json(&self, path: &str, body: &Value) -> Answer {
        let headers = [("content-type", "application/json")];
        self.send("POST", &format!("/api/v1{path}"), &headers, body.to_string().as_bytes()).await
    }

    /// Any request. `host`, `content-length` and `connection` are set where `headers` leave them out.
    pub(crate) async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let mut stream = self.request(method, path, headers, body).await;
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await.unwrap();
        Answer::read(&bytes)
    }

    /// Like [`Site::send`], but leaves the answer in the stream: for what does not end.
    pub(crate) async fn request(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> TcpStream {
        let mut head = format!("{method} {path} HTTP/1.1\r\n");
        let own = [
            ("host", self.address.to_string()),
            ("connection", "close".to_owned()),
            ("content-length", body.len().to_string()),
        ];
        for (name, value) in own {
            if !headers.iter().any(|(given, _)| given.eq_ignore_ascii_case(name)) {
                head.push_str(&format!("{name}: {value}\r\n"));
            }
        }
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        // Who is refused for the head alone may close before the body is there.
        let _ = stream.write_all(body).await;
        stream
    }

    /// What people did, newest first, as `what subject`.
    pub(crate) async fn actions(&self) -> Vec<String> {
        let entries = self.rooms.ledger.audit_actions(100).await.unwrap();
        entries.into_iter().map(|entry| format!("{} {}", entry.action.what, entry.action.subject)).collect()
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.stop.trigger();
    }
}

impl Answer {
    fn read(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("the answer has a head");
        let head = std::str::from_utf8(&bytes[..end]).unwrap();
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let mut headers = BTreeMap::<String, String>::new();
        for (name, value) in lines.filter_map(|line| line.split_once(':')) {
            let (name, value) = (name.to_ascii_lowercase(), value.trim());
            let cookies = headers.get(&name).filter(|_| name == "set-cookie").map(|known| format!("{known}\n{value}"));
            headers.insert(name, cookies.unwrap_or_else(|| value.to_owned()));
        }
        let body = &bytes[end + 4..];
        let chunked = headers.get("transfer-encoding").is_some_and(|coding| coding == "chunked");
        Self { status, headers, bytes: if chunked { dechunked(body) } else { body.to_vec() } }
    }

    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// A header, or nothing.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(String::as_str).unwrap_or_default()
    }

    /// The sentence that an action left for the next page.
    pub(crate) fn message(&self) -> String {
        use base64::Engine as _;
        let cookies = self.header("set-cookie");
        let flash = cookies.lines().find_map(|line| line.strip_prefix("flash=")).unwrap_or_default();
        let value = flash.split(';').next().unwrap_or_default();
        let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(value).unwrap();
        String::from_utf8(bytes).unwrap()
    }
}

fn dechunked(mut body: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    while let Some(end) = body.windows(2).position(|two| two == b"\r\n") {
        let length = usize::from_str_radix(std::str::from_utf8(&body[..end]).unwrap(), 16).unwrap();
        if length == 0 {
            break;
        }
        whole.extend_from_slice(&body[end + 2..end + 2 + length]);
        body = &body[end + 4 + length..];
    }
    whole
}
