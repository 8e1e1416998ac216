//! The text that is signed. Both server versions differ from RFC 5849 in the order of parameters.

use std::fmt::Write;

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use super::natural;

/// How the shop sorts parameters before it computes the signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum SignatureSort {
    /// Natural order of the encoded names, as up to 2.4.7.
    Natural,
    /// Byte order of the decoded names, as from 2.4.8.
    Decoded,
}

/// Decodes `%XX`; a plus stays a plus (`rawurldecode`). Bytes that are no UTF-8 are replaced.
pub(in crate::adobe) fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escaped = (bytes[at] == b'%')
            .then(|| bytes.get(at + 1..at + 3))
            .flatten()
            .and_then(|hex| std::str::from_utf8(hex).ok())
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match escaped {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8(out).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// Encodes everything but RFC 3986's unreserved characters.
pub(super) fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
    out
}

impl SignatureSort {
    /// The parameters of a query (or form body) as this version sees them, decoded.
    ///
    /// A pair with more than one `=` is dropped by both; one without `=` by the older only.
    fn pairs(self, query: &str) -> Vec<(String, String)> {
        let mut pairs: Vec<(String, String)> = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let parts: Vec<&str> = pair.split('=').collect();
            let (name, value) = match (parts.as_slice(), self) {
                ([name, value], _) => (decode(name), decode(value)),
                ([name], Self::Decoded) => (decode(name), String::new()),
                _ => continue,
            };
            // PHP turns blanks in names into underscores; the newer version signs that name.
            let name = if self == Self::Decoded { name.replace(' ', "_") } else { name };
            // A name that comes twice counts once, with the later value.
            pairs.retain(|(known, _)| *known != name);
            pairs.push((name, value));
        }
        pairs
    }

    fn order(self, pairs: &mut [(String, String)]) {
        match self {
            Self::Natural => pairs.sort_by(|left, right| natural::compare(&encode(&left.0), &encode(&right.0))),
            Self::Decoded => pairs.sort_by(|left, right| left.0.as_bytes().cmp(right.0.as_bytes())),
        }
    }
}

/// What a signature is computed over.
pub(super) struct Signed<'a> {
    pub(super) method: &'a str,
    /// Scheme, host, port unless it is the scheme's own, path; no query.
    pub(super) url: &'a str,
    /// Raw query.
    pub(super) query: &'a str,
    /// Raw form body, when the content type says it is one.
    pub(super) form: Option<&'a str>,
    /// All `oauth_` fields.
    pub(super) fields: &'a [(String, String)],
}

impl Signed<'_> {
    fn base_string(&self, sort: SignatureSort) -> String {
        let mut pairs = sort.pairs(self.query);
        if let Some(form) = self.form {
            pairs.extend(sort.pairs(form));
        }
        pairs.extend(self.fields.iter().filter(|(name, _)| name != "oauth_signature").cloned());
        sort.order(&mut pairs);
        let parameters: Vec<String> =
            pairs.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
        format!("{}&{}&{}", self.method.to_uppercase(), encode(self.url), encode(&parameters.join("&")))
    }

    /// Whether `signature` (base64) is the one these secrets give.
    pub(super) fn verifies(
        &self,
        sort: SignatureSort,
        consumer_secret: &str,
        token_secret: &str,
        signature: &str,
    ) -> bool {
        let key = format!("{}&{}", encode(consumer_secret), encode(token_secret));
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key.as_bytes()) else {
            return false;
        };
        mac.update(self.base_string(sort).as_bytes());
        STANDARD.decode(signature).is_ok_and(|signature| mac.verify_slice(&signature).is_ok())
    }
}
