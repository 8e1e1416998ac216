//! Control APIs of the simulators: a tiny HTTP client for loopback.

use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

/// Seeding a million rows takes a while.
const PATIENCE: Duration = Duration::from_secs(300);

/// A simulator.
#[derive(Debug, Clone)]
pub(crate) struct Control {
    address: String,
}

impl Control {
    /// Of the server that a URL names, with or without a path.
    pub(crate) fn of(url: &str) -> anyhow::Result<Self> {
        let rest = url.strip_prefix("http://").with_context(|| format!("{url} is not http"))?;
        Ok(Self { address: rest.split('/').next().unwrap_or(rest).to_owned() })
    }

    /// Counters.
    pub(crate) async fn stats(&self) -> anyhow::Result<Value> {
        self.call("GET", "stats", "").await
    }

    /// An order.
    pub(crate) async fn post(&self, name: &str, body: &Value) -> anyhow::Result<Value> {
        self.call("POST", name, &body.to_string()).await
    }

    async fn call(&self, method: &str, name: &str, body: &str) -> anyhow::Result<Value> {
        let exchange = async {
            let mut stream = TcpStream::connect(&self.address).await?;
            // HTTP/1.0: the answer is not chunked and ends with the connection.
            let request = format!(
                "{method} /__control/{name} HTTP/1.0\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
                self.address,
                body.len()
            );
            stream.write_all(request.as_bytes()).await?;
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).await?;
            anyhow::Ok(String::from_utf8_lossy(&answer).into_owned())
        };
        let answer =
            timeout(PATIENCE, exchange).await.with_context(|| format!("{} does not answer", self.address))??;
        let (head, body) = answer.split_once("\r\n\r\n").context("the answer has no end of headers")?;
        if head.split(' ').nth(1) != Some("200") {
            bail!("{method} {name} at {} answered: {}", self.address, body.trim());
        }
        Ok(serde_json::from_str(body)?)
    }
}

/// A counter in an answer, by pointer.
pub(crate) fn count(value: &Value, pointer: &str) -> anyhow::Result<u64> {
    value.pointer(pointer).and_then(Value::as_u64).with_context(|| format!("the simulator has no counter {pointer}"))
}
