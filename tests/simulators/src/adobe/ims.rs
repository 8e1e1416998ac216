//! Adobe's identity service, as far as the SaaS edition needs it: client credentials for a bearer token.

use std::collections::HashMap;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;

use super::{answers::Answer, criteria::pairs};

/// The path of the token endpoint.
pub(super) const TOKEN_PATH: &str = "/ims/token/v3";

/// Credentials and the tokens given for them. Old tokens stay good when a new one is given.
pub(super) struct Tokens {
    client_id: String,
    client_secret: String,
    pub(super) expires_in_secs: u64,
    good_until: HashMap<String, DateTime<Utc>>,
    pub(super) issued: u64,
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Tokens").field("issued", &self.issued).finish_non_exhaustive()
    }
}

impl Tokens {
    pub(super) fn new(client_id: &str, client_secret: &str, expires_in_secs: u64) -> Self {
        let (client_id, client_secret) = (client_id.to_owned(), client_secret.to_owned());
        Self { client_id, client_secret, expires_in_secs, good_until: HashMap::new(), issued: 0 }
    }

    /// Answers a token request. The error texts are not documented; the shape is OAuth 2.0's.
    pub(super) fn issue(&mut self, body: &str, now: DateTime<Utc>) -> Answer {
        let fields = pairs(body);
        let field = |name: &str| fields.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.as_str());
        let error =
            |status, code: &str, text: &str| Answer::json(status, json!({ "error": code, "error_description": text }));
        if field("grant_type") != "client_credentials" {
            return error(400, "unsupported_grant_type", "grant type is not supported");
        }
        if field("client_id") != self.client_id {
            return error(400, "invalid_client", "invalid client_id parameter");
        }
        if field("client_secret") != self.client_secret {
            return error(401, "invalid_client", "invalid client_secret parameter");
        }
        if !field("scope").split([',', ' ']).any(|scope| scope == "commerce.accs") {
            return error(400, "invalid_scope", "invalid or missing scope parameter");
        }
        self.issued += 1;
        let id = URL_SAFE_NO_PAD.encode(rand::random::<[u8; 24]>());
        let token = format!("eyJhbGciOiJSUzI1NiJ9.{}.{id}", self.issued);
        let seconds = i64::try_from(self.expires_in_secs).unwrap_or(i64::MAX / 2);
        self.good_until.insert(token.clone(), now + TimeDelta::try_seconds(seconds).unwrap_or_default());
        Answer::ok(json!({ "access_token": token, "token_type": "bearer", "expires_in": self.expires_in_secs }))
    }

    pub(super) fn knows(&self, token: &str, now: DateTime<Utc>) -> bool {
        self.good_until.get(token).is_some_and(|until| now < *until)
    }

    /// Ends the life of every token given so far.
    pub(super) fn expire_all(&mut self) {
        self.good_until.clear();
    }
}
