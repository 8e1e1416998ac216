//! Signs our own requests to a PaaS shop.

use std::fmt;

use chrono::{DateTime, Utc};
use mlc_model::{Fault, FaultKind, System};
use mlc_outbound::{Method, RequestSigner, Url};
use rand::Rng;
use secrecy::{ExposeSecret, SecretString};

use crate::{
    fault::code,
    oauth1::{ParameterOrder, base_string, encode, signature},
};

/// The four texts that activating an integration gives. Each has 32 characters.
#[derive(Clone)]
pub struct IntegrationKeys {
    /// Consumer key.
    pub consumer_key: SecretString,
    /// Consumer secret.
    pub consumer_secret: SecretString,
    /// Access token.
    pub token: SecretString,
    /// Access token secret.
    pub token_secret: SecretString,
}

impl fmt::Debug for IntegrationKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IntegrationKeys([redacted])")
    }
}

/// OAuth 1.0a with HMAC-SHA256.
#[derive(Debug, Clone)]
pub struct OAuth1Signer {
    keys: IntegrationKeys,
}

impl OAuth1Signer {
    /// A signer for one integration.
    pub fn new(keys: IntegrationKeys) -> Self {
        Self { keys }
    }

    /// Value of the `Authorization` header for this nonce and instant.
    ///
    /// # Errors
    /// `Defect` for an address that 2.4.7 and 2.4.8 would sign differently: it would be refused by one of them.
    pub fn authorization(&self, method: &str, url: &Url, nonce: &str, now: DateTime<Utc>) -> Result<String, Fault> {
        let timestamp = now.timestamp().to_string();
        let keys = &self.keys;
        let protocol = [
            ("oauth_consumer_key", keys.consumer_key.expose_secret()),
            ("oauth_nonce", nonce),
            ("oauth_signature_method", "HMAC-SHA256"),
            ("oauth_timestamp", timestamp.as_str()),
            ("oauth_token", keys.token.expose_secret()),
            ("oauth_version", "1.0"),
        ];
        let (address, query) = (address(url), url.query().unwrap_or_default());
        let of = |order| base_string(order, method, &address, query, &protocol);
        let base = of(ParameterOrder::Natural);
        if base != of(ParameterOrder::DecodedBytes) || !is_plain(query) {
            let problem = "the address has a form that shops of different versions sign differently";
            return Err(
                Fault::new(FaultKind::Defect, System::Adobe, "request.sign", problem).with_code(code::UNSIGNABLE)
            );
        }
        let signature = signature(&base, keys.consumer_secret.expose_secret(), keys.token_secret.expose_secret());
        let fields: Vec<String> = protocol
            .iter()
            .copied()
            .chain([("oauth_signature", signature.as_str())])
            .map(|(name, value)| format!("{name}=\"{}\"", encode(value.as_bytes())))
            .collect();
        Ok(format!("OAuth {}", fields.join(", ")))
    }
}

impl RequestSigner for OAuth1Signer {
    fn sign(&self, method: &Method, url: &Url, now: DateTime<Utc>) -> Result<Vec<(&'static str, SecretString)>, Fault> {
        let value = self.authorization(method.as_str(), url, &nonce(), now)?;
        Ok(vec![("authorization", SecretString::from(value))])
    }

    fn secrets(&self) -> Vec<SecretString> {
        let keys = &self.keys;
        [&keys.consumer_key, &keys.consumer_secret, &keys.token, &keys.token_secret].map(Clone::clone).to_vec()
    }
}

/// 32 lower-case hex digits: shops compare nonces without regard to case and keep 32 characters.
fn nonce() -> String {
    hex::encode(rand::rng().random::<[u8; 16]>())
}

/// Scheme, host, port where it is not the scheme's own, path: what the server takes from the `Host` header.
fn address(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}://{host}{port}{}", url.scheme(), url.path())
}

/// Whether every pair has one name, one `=`, no bare plus, no space in its name, and comes once.
fn is_plain(query: &str) -> bool {
    let mut names: Vec<&str> = Vec::new();
    for pair in query.split('&').filter(|_| !query.is_empty()) {
        let Some((name, value)) = pair.split_once('=') else { return false };
        if name.is_empty() || value.contains('=') || pair.contains('+') || name.contains("%20") {
            return false;
        }
        names.push(name);
    }
    names.sort_unstable();
    names.windows(2).all(|pair| pair[0] != pair[1])
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]
    use super::*;

    fn signer() -> OAuth1Signer {
        OAuth1Signer::new(IntegrationKeys {
            consumer_key: "c0nsumerkeyc0nsumerkeyc0nsumer01".into(),
            consumer_secret: "c0nsumersecretc0nsumersecretc001".into(),
            token: "acc3sst0kenacc3sst0kenacc3sst001".into(),
            token_secret: "t0kensecrett0kensecrett0kensec01".into(),
        })
    }

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn the_header_holds_the_signature_of_the_reference() {
        let now = DateTime::from_timestamp(1_767_225_600, 0).unwrap();
        let url = url("https://shop.example.com:443/rest/default/V1/orders");
        let header = signer().authorization("POST", &url, "4f1d7c2ab9e04d5c8a6b3e2f1c0d9e8f", now).unwrap();
        assert!(header.ends_with("oauth_signature=\"T0bKNp9dsDB2CSjvACwxOsMUykiMCCWC625pMAqRQgM%3D\""), "{header}");
    }

    #[test]
    fn a_form_that_only_one_version_accepts_is_not_sent() {
        let ten = (0..11).map(|index| format!("a%5B{index}%5D=x")).collect::<Vec<_>>().join("&");
        for query in ["a=b+c", "flag", "a=b=c", "a%20b=1", "a=1&a=2", ten.as_str()] {
            let url = url(&format!("https://shop.example.com/rest/V1/orders?{query}"));
            let fault = signer().authorization("GET", &url, "n", DateTime::UNIX_EPOCH).unwrap_err();
            assert_eq!(fault.kind, FaultKind::Defect, "{query}");
        }
    }

    #[test]
    fn every_try_has_a_nonce_of_its_own_of_32_lower_case_digits() {
        let (one, other) = (nonce(), nonce());
        assert_ne!(one, other);
        assert!(one.len() == 32 && one.chars().all(|c| c.is_ascii_digit() || c.is_ascii_lowercase()));
    }

    #[test]
    fn keys_do_not_show_in_debug_output() {
        let shown = format!("{:?}", signer());
        assert!(!shown.contains("secret") && !shown.contains("c0nsumer"), "{shown}");
    }

    #[test]
    fn a_port_of_its_own_is_signed() {
        assert_eq!(address(&url("http://127.0.0.1:8471/rest/V1/orders?a=b")), "http://127.0.0.1:8471/rest/V1/orders");
    }
}
