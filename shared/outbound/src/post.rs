//! One message to an address that a person has set, such as a channel of alerts: no budget, no connection kept, nothing tried again.

use std::{fmt, time::Duration};

use bytes::Bytes;
use futures_util::StreamExt as _;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use url::Url;

use crate::{
    hosts::{is_loopback, is_safe_scheme},
    transport,
};

/// Longest wait for the answer, connecting included.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes of an answer that are looked at; the rest is not waited for.
const ANSWER_BYTES: usize = 2048;
/// A longer wait is none that anybody meant.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// Where messages are posted to. Whole addresses can be secrets, so that none shows in `Debug` or in errors.
#[derive(Clone, PartialEq, Eq)]
pub struct PostAddress(Url);

impl PostAddress {
    /// Reads an address.
    ///
    /// # Errors
    /// [`PostError::Address`] for anything but https, or http to this machine; for one with a user before `@`.
    pub fn parse(text: &str) -> Result<Self, PostError> {
        let url = Url::parse(text.trim()).map_err(|problem| PostError::Address(problem.to_string()))?;
        let refuse = |problem: &str| Err(PostError::Address(problem.to_owned()));
        if url.host_str().is_none_or(str::is_empty) {
            return refuse("it names no host");
        }
        if !is_safe_scheme(&url) {
            return refuse("use https; http only leads to this machine");
        }
        if !url.username().is_empty() || url.password().is_some() {
            return refuse("it holds a user before `@`");
        }
        Ok(Self(url))
    }

    /// The host, which is no secret.
    pub fn host(&self) -> &str {
        self.0.host_str().unwrap_or_default()
    }
}

impl fmt::Debug for PostAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostAddress({}/[redacted])", self.host())
    }
}

/// Why there is no answer. No text holds the address beyond its host.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PostError {
    /// Not an address that messages may go to.
    #[error("the address cannot be used: {0}")]
    Address(String),
    /// A header that cannot be sent.
    #[error("a header cannot be sent: {0}")]
    Header(&'static str),
    /// The network, or TLS, or the server's HTTP. It may have arrived all the same.
    #[error("{host} gave no answer: {problem}")]
    Unanswered {
        /// The host.
        host: String,
        /// What happened.
        problem: String,
    },
}

/// What the server said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posted {
    /// HTTP status; a redirect is not followed.
    pub status: u16,
    /// How long it asks to be left alone, in whole seconds, at most an hour.
    pub retry_after: Option<Duration>,
    /// The beginning of its body, at most 2 KiB. It is the server's: it may repeat what was sent.
    pub text: String,
}

impl Posted {
    /// Whether the status is 2xx.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// Posts a JSON body once, with these headers besides. Waits at most ten seconds.
///
/// # Errors
/// [`PostError`]. After `Unanswered` nobody knows whether the message arrived.
pub async fn post_json(
    address: &PostAddress,
    headers: &[(&'static str, String)],
    body: impl Into<Bytes>,
) -> Result<Posted, PostError> {
    let mut all = HeaderMap::new();
    all.insert(reqwest::header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    for (name, value) in headers {
        let mut value = HeaderValue::try_from(value).map_err(|_| PostError::Header(name))?;
        value.set_sensitive(true);
        all.insert(HeaderName::from_static(name), value);
    }
    let unanswered = |problem: String| PostError::Unanswered { host: address.host().to_owned(), problem };
    let local = address.0.scheme() == "http" && is_loopback(&address.0);
    let client = transport::single_use(local, TIMEOUT).map_err(|error| unanswered(error.to_string()))?;
    let broken = |error: &reqwest::Error| unanswered(transport::in_words(error));
    let sent = client.post(address.0.clone()).headers(all).body(body.into()).send();
    let answer = sent.await.map_err(|error| broken(&error))?;
    let status = answer.status().as_u16();
    let retry_after = answer.headers().get(reqwest::header::RETRY_AFTER).and_then(|value| value.to_str().ok());
    let retry_after =
        retry_after.and_then(|text| text.trim().parse().ok()).map(|secs| Duration::from_secs(secs).min(LONGEST_WAIT));
    // The status is the answer: a body that breaks off changes nothing about it.
    let (mut text, mut parts) = (Vec::new(), answer.bytes_stream());
    while let Some(Ok(part)) = parts.next().await {
        let room = ANSWER_BYTES - text.len();
        text.extend_from_slice(&part[..part.len().min(room)]);
        if text.len() >= ANSWER_BYTES {
            break;
        }
    }
    Ok(Posted { status, retry_after, text: String::from_utf8_lossy(&text).into_owned() })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]
    use super::*;

    #[test]
    fn only_https_and_this_machine_are_posted_to() {
        for text in
            ["https://hooks.example.com/services/T0/B0/x", "http://127.0.0.1:8080/x", "http://[::1]/", " https://a/\n"]
        {
            assert!(PostAddress::parse(text).is_ok(), "{text}");
        }
        for text in
            ["http://hooks.example.com/", "ftp://127.0.0.1/", "https://u:canary@a.example/", "canary", "file:///etc/x"]
        {
            let error = PostAddress::parse(text).unwrap_err().to_string();
            assert!(!error.contains("canary"), "{error}");
        }
    }

    #[test]
    fn an_address_does_not_show_what_stands_behind_its_host() {
        let address = PostAddress::parse("https://hooks.example.com/services/canary?t=canary").unwrap();
        assert_eq!(format!("{address:?}"), "PostAddress(hooks.example.com/[redacted])");
    }
}
