//! Who calls: integrations with their keys, tokens, rights, and the memory of nonces.

use std::collections::{BTreeSet, HashSet};

use serde_json::json;

use super::{
    base_string::{SignatureSort, Signed},
    header,
};
use crate::adobe::answers::{Answer, refusal};

/// Only this much ahead of the shop's clock may a timestamp be, in seconds. There is no lower bound.
const SECONDS_AHEAD: i64 = 600;
/// Longer nonces are cut by the column.
const NONCE_WIDTH: usize = 32;

/// An integration of the shop. Keys and token have 32 characters each in the real one.
#[derive(Clone, PartialEq, Eq)]
pub struct Integration {
    /// Consumer key.
    pub consumer_key: String,
    /// Consumer secret.
    pub consumer_secret: String,
    /// Access token.
    pub token: String,
    /// Access token secret.
    pub token_secret: String,
    /// Granted ACL resources; `None` grants all.
    pub resources: Option<BTreeSet<String>>,
    /// Switched off by the admin: its token is still known, its rights are gone.
    pub active: bool,
    /// The admin revoked the token.
    pub revoked: bool,
    /// The token is a request token, not yet exchanged.
    pub request_token: bool,
}

impl std::fmt::Debug for Integration {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Integration").field("consumer_key", &self.consumer_key).finish_non_exhaustive()
    }
}

impl Integration {
    /// An active integration with every right.
    #[must_use]
    pub fn new(consumer_key: &str, consumer_secret: &str, token: &str, token_secret: &str) -> Self {
        Self {
            consumer_key: consumer_key.to_owned(),
            consumer_secret: consumer_secret.to_owned(),
            token: token.to_owned(),
            token_secret: token_secret.to_owned(),
            resources: None,
            active: true,
            revoked: false,
            request_token: false,
        }
    }

    /// The same with these rights only.
    #[must_use]
    pub fn with_resources(mut self, resources: &[&str]) -> Self {
        self.resources = Some(resources.iter().map(|resource| (*resource).to_owned()).collect());
        self
    }
}

/// What of a request takes part in the signature.
pub(in crate::adobe) struct SignedCall<'a> {
    pub(in crate::adobe) method: &'a str,
    pub(in crate::adobe) scheme: &'a str,
    /// The `Host` header as received.
    pub(in crate::adobe) host: &'a str,
    pub(in crate::adobe) path: &'a str,
    pub(in crate::adobe) query: &'a str,
    pub(in crate::adobe) authorization: Option<&'a str>,
    pub(in crate::adobe) form: Option<&'a str>,
}

/// Who was recognised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::adobe) enum Caller {
    /// Nobody: no or other credentials. Has no rights.
    Nobody,
    /// The integration with this index.
    Integration(usize),
    /// A SaaS caller, who has all rights.
    Ims,
}

/// The door of the PaaS edition.
#[derive(Debug)]
pub(in crate::adobe) struct Door {
    pub(in crate::adobe) integrations: Vec<Integration>,
    pub(in crate::adobe) sort: SignatureSort,
    /// `oauth/consumer/enable_integration_as_bearer`.
    pub(in crate::adobe) bearer_allowed: bool,
    nonces: HashSet<(usize, String)>,
}

impl Door {
    pub(in crate::adobe) fn new(integrations: Vec<Integration>, sort: SignatureSort) -> Self {
        Self { integrations, sort, bearer_allowed: false, nonces: HashSet::new() }
    }

    /// Whether the caller may use the resource.
    pub(in crate::adobe) fn allows(&self, caller: &Caller, resource: &str) -> bool {
        match caller {
            Caller::Nobody => false,
            Caller::Ims => true,
            Caller::Integration(index) => self.integrations.get(*index).is_some_and(|integration| {
                integration.active && integration.resources.as_ref().is_none_or(|all| all.contains(resource))
            }),
        }
    }

    /// Checks in the shop's order: version, missing fields, token length, method, consumer, nonce, token, signature.
    /// The nonce is stored before the signature is looked at.
    pub(in crate::adobe) fn judge(&mut self, call: &SignedCall<'_>, now: i64) -> Result<Caller, Box<Answer>> {
        let Some(authorization) = call.authorization else {
            return Ok(Caller::Nobody);
        };
        let Some(fields) = header::fields(authorization) else {
            return Ok(self.bearer(authorization));
        };
        let field = |name: &str| fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        if let Some(version) = field("oauth_version").filter(|version| *version != "1.0") {
            return refusal(400, "The \"%1\" Oauth version isn't supported.").with(json!([version])).refuse();
        }
        let needed = ["consumer_key", "signature", "signature_method", "nonce", "timestamp", "token"];
        let missing: Vec<String> = needed
            .iter()
            .map(|name| format!("oauth_{name}"))
            .filter(|name| field(name).is_none_or(str::is_empty))
            .collect();
        if !missing.is_empty() {
            return Answer::missing_fields(&missing).refuse();
        }
        let value = |name: &str| field(name).unwrap_or_default();
        if value("oauth_token").len() != 32 {
            return refusal(400, "The token length is invalid. Check the length and try again.").refuse();
        }
        if value("oauth_signature_method") != "HMAC-SHA256" {
            return refusal(400, "Signature method %1 is not supported")
                .with(json!([value("oauth_signature_method")]))
                .refuse();
        }
        let consumer = self.consumer(value("oauth_consumer_key"))?;
        self.take_nonce(consumer, value("oauth_nonce"), value("oauth_timestamp"), now)?;
        let integration = self.token(consumer, value("oauth_token"))?;
        let port = if call.scheme == "https" { ":443" } else { ":80" };
        let host = call.host.strip_suffix(port).unwrap_or(call.host).to_lowercase();
        let signed = Signed {
            method: call.method,
            url: &format!("{}://{host}{}", call.scheme, call.path),
            query: call.query,
            form: call.form,
            fields: &fields,
        };
        let good = signed.verifies(
            self.sort,
            &integration.consumer_secret,
            &integration.token_secret,
            value("oauth_signature"),
        );
        if good {
            Ok(Caller::Integration(consumer))
        } else {
            refusal(401, "The signature is invalid. Verify and try again.").refuse()
        }
    }

    fn bearer(&self, authorization: &str) -> Caller {
        let known = |token: &str| self.integrations.iter().position(|known| known.token == token && !known.revoked);
        match header::bearer(authorization).filter(|_| self.bearer_allowed).and_then(known) {
            Some(index) => Caller::Integration(index),
            None => Caller::Nobody,
        }
    }

    fn consumer(&self, key: &str) -> Result<usize, Box<Answer>> {
        if key.len() != 32 {
            return refusal(401, "Consumer key is not the correct length").refuse();
        }
        match self.integrations.iter().position(|known| known.consumer_key == key) {
            Some(index) => Ok(index),
            None => refusal(401, "A consumer having the specified key does not exist").refuse(),
        }
    }

    fn take_nonce(&mut self, consumer: usize, nonce: &str, timestamp: &str, now: i64) -> Result<(), Box<Answer>> {
        let digits: String = timestamp.chars().take_while(char::is_ascii_digit).collect();
        let timestamp = digits.parse::<i64>().unwrap_or(0);
        if timestamp <= 0 || timestamp > now + SECONDS_AHEAD {
            return refusal(401, "An error occurred validating the nonce").refuse();
        }
        let nonce: String = nonce.to_lowercase().chars().take(NONCE_WIDTH).collect();
        if self.nonces.insert((consumer, nonce)) {
            return Ok(());
        }
        refusal(401, "The nonce is already being used by the consumer with ID %1")
            .with(json!([(consumer + 1).to_string()]))
            .refuse()
    }

    fn token(&self, consumer: usize, token: &str) -> Result<&Integration, Box<Answer>> {
        let Some((owner, integration)) = self.integrations.iter().enumerate().find(|(_, known)| known.token == token)
        else {
            return refusal(401, "Specified token does not exist").refuse();
        };
        if owner != consumer {
            return refusal(401, "Token is not associated with the specified consumer").refuse();
        }
        if integration.request_token {
            return refusal(401, "Token is not an access token").refuse();
        }
        if integration.revoked {
            return refusal(401, "Access token has been revoked").refuse();
        }
        Ok(integration)
    }
}
