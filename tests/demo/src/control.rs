//! A tiny HTTP client for loopback: the control APIs of the simulators and the metrics pages.

use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

/// Seeding a company or listing all of it takes a while on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// One server on loopback.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    address: String,
}

impl Server {
    /// `http://127.0.0.1:8765`, with or without a path behind.
    pub(crate) fn at(url: &str) -> anyhow::Result<Self> {
        let rest = url.strip_prefix("http://").with_context(|| format!("{url} is not http"))?;
        Ok(Self { address: rest.split('/').next().unwrap_or(rest).to_owned() })
    }

    /// Address for people.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A page as JSON.
    pub(crate) async fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.json("GET", path, "").await
    }

    /// An order with a JSON body.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.json("POST", path, &body.to_string()).await
    }

    /// Takes something back.
    pub(crate) async fn delete(&self, path: &str) -> anyhow::Result<()> {
        self.json("DELETE", path, "").await.map(drop)
    }

    /// A page as it is, with its status.
    pub(crate) async fn page(&self, path: &str) -> anyhow::Result<(u16, String)> {
        self.call("GET", path, "").await
    }

    async fn json(&self, method: &str, path: &str, body: &str) -> anyhow::Result<Value> {
        let (status, text) = self.call(method, path, body).await?;
        if status != 200 {
            bail!("{method} {}{path} answered {status}: {}", self.address, text.trim());
        }
        serde_json::from_str(&text).with_context(|| format!("{method} {}{path} did not answer with JSON", self.address))
    }

    async fn call(&self, method: &str, path: &str, body: &str) -> anyhow::Result<(u16, String)> {
        timeout(PATIENCE, self.exchange(method, path, body))
            .await
            .with_context(|| format!("{} does not answer", self.address))?
            .with_context(|| format!("{method} {}{path}", self.address))
    }

    async fn exchange(&self, method: &str, path: &str, body: &str) -> anyhow::Result<(u16, String)> {
        let mut stream = TcpStream::connect(&self.address).await?;
        // HTTP/1.0: the answer is not chunked and ends with the connection.
        let request = format!(
            "{method} {path} HTTP/1.0\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        );
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        let answer = String::from_utf8_lossy(&answer);
        let (head, body) = answer.split_once("\r\n\r\n").context("the answer has no end of headers")?;
        let status =
            head.split(' ').nth(1).and_then(|status| status.parse().ok()).context("the answer has no status")?;
        Ok((status, body.to_owned()))
    }
}

/// A number in a JSON answer, by pointer; 0 where there is none.
pub(crate) fn number(value: &Value, pointer: &str) -> u64 {
    value.pointer(pointer).and_then(Value::as_u64).unwrap_or(0)
}

/// A text in a JSON object; empty where there is none.
pub(crate) fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// Sum of a metric's samples whose labels contain all of `labels`, such as `state="ready"`.
pub(crate) fn metric(page: &str, name: &str, labels: &[&str]) -> u64 {
    page.lines()
        .filter_map(|line| {
            let rest = line.strip_prefix(name)?;
            let (found, value) = rest.strip_prefix('{')?.rsplit_once("} ")?;
            let wanted = labels.iter().all(|label| found.split(',').any(|one| one == *label));
            wanted.then(|| value.trim().parse::<f64>().ok()).flatten()
        })
        .map(|value| value.max(0.0) as u64)
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_of_one_metric_are_summed_by_label() {
        let page = "# HELP a_total x\na_total{flow=\"v\",action=\"created\"} 3\na_total{flow=\"c\",action=\"created\"} 4\n\
                    a_total{flow=\"c\",action=\"updated\"} 9\na_total_other{action=\"created\"} 100\n";
        assert_eq!(metric(page, "a_total", &["action=\"created\""]), 7);
        assert_eq!(metric(page, "a_total", &[]), 16);
        assert_eq!(metric(page, "b_total", &[]), 0);
    }
}
