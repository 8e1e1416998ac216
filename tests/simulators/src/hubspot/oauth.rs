//! The OAuth endpoints: authorisation, token, introspection, revocation.

use serde_json::{Value, json};

use super::{
    answers::{Answer, Handled, PORTAL, correlation_id},
    clock,
    routes::{fields, percent_decoded},
    world::World,
};

/// A decoded form.
struct Form(Vec<(String, String)>);

impl Form {
    fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }
}

impl World {
    /// Answers a call below `/oauth/`; `None` when there is no such path.
    pub(super) fn oauth_call(
        &mut self,
        method: &str,
        path: &str,
        query: &str,
        content_type: &str,
        body: &[u8],
    ) -> Option<Handled> {
        let segments: Vec<&str> = path.trim_matches('/').split('/').skip(1).collect();
        let form = || Form(fields(&String::from_utf8_lossy(body)));
        Some(match (method, segments.as_slice()) {
            ("GET", ["authorize"]) => Ok(self.authorize(&Form(fields(query)))),
            ("POST", [version, "token"]) => {
                if content_type.starts_with("application/x-www-form-urlencoded") {
                    self.token_call(version, &form())
                } else {
                    let message = "HTTP 415 Unsupported Media Type";
                    Answer::json(415, json!({"status": "error", "message": message, "correlationId": correlation_id()}))
                        .refuse()
                }
            }
            ("POST", [_, "token", "introspect"]) => Ok(Answer::json(200, self.describe(form().get("token")))),
            ("POST", [_, "token", "revoke"]) => {
                self.tokens.revoke(form().get("token"));
                Ok(Answer::empty())
            }
            ("GET", [_, "access-tokens", token]) => {
                let about = self.describe(&percent_decoded(token));
                if about["active"] == true {
                    Ok(Answer::json(200, about))
                } else {
                    super::answers::not_found("access token not found").refuse()
                }
            }
            ("DELETE", [_, "refresh-tokens", token]) => {
                self.tokens.revoke(&percent_decoded(token));
                Ok(Answer::empty())
            }
            ("POST", ["v2", "private-apps", "get", "access-token-info"]) => {
                let key: Value = serde_json::from_slice(body).unwrap_or_default();
                let key = key["tokenKey"].as_str().unwrap_or_default();
                match self.tokens.check(key) {
                    Ok(token) if !token.oauth => Ok(Answer::json(
                        200,
                        json!({"userId": 7_001, "hubId": PORTAL, "appId": 90_210, "scopes": token.scopes}),
                    )),
                    _ => super::answers::not_found("token not found").refuse(),
                }
            }
            _ => return None,
        })
    }

    /// A user who agrees at once: straight back with the code.
    fn authorize(&self, asked: &Form) -> Answer {
        let back = asked.get("redirect_uri");
        let joint = if back.contains('?') { '&' } else { '?' };
        let location = format!("{back}{joint}code={}&state={}", self.tokens.code, asked.get("state"));
        let mut answer = Answer::empty();
        answer.status = 302;
        answer.headers.push(("location", location));
        answer
    }

    fn token_call(&mut self, version: &str, form: &Form) -> Handled {
        if !self.tokens.may_grant() {
            return Answer::json(
                429,
                json!({"status": "error", "message": "You have reached your rate limit.",
                    "correlationId": correlation_id(), "errorType": "RATE_LIMIT"}),
            )
            .refuse();
        }
        let refuse = |error: &str, status: &str, message: &str| {
            Answer::json(
                400,
                json!({"error": error, "error_description": message, "status": status,
                    "message": message, "correlationId": correlation_id()}),
            )
            .refuse()
        };
        if form.get("client_id") != self.tokens.client_id {
            return refuse("invalid_client", "BAD_CLIENT_ID", "missing or unknown client id");
        }
        if form.get("client_secret") != self.tokens.client_secret {
            return refuse("invalid_client", "BAD_CLIENT_SECRET", "missing or unknown client secret");
        }
        let granted = match form.get("grant_type") {
            "refresh_token" if self.tokens.refreshes(form.get("refresh_token")) => {
                let same = form.get("refresh_token").to_owned();
                self.tokens.grant(Some(same))
            }
            "refresh_token" => {
                return refuse("invalid_grant", "BAD_REFRESH_TOKEN", "refresh token is invalid, expired or revoked");
            }
            "authorization_code" if form.get("code") == self.tokens.code => self.tokens.grant(None),
            "authorization_code" => {
                return refuse("invalid_grant", "BAD_AUTH_CODE", "missing or unknown auth code");
            }
            _ => {
                return refuse("unsupported_grant_type", "BAD_GRANT_TYPE", "missing or unknown grant type");
            }
        };
        let mut body = json!({"token_type": "bearer", "access_token": granted.access_token,
            "refresh_token": granted.refresh_token, "expires_in": self.tokens.expires_in});
        if version != "v1" {
            body["hub_id"] = PORTAL.into();
            body["user_id"] = 7_001.into();
            body["token_use"] = "access_token".into();
            body["scopes"] = super::tokens::ALL_SCOPES.to_vec().into();
        }
        Ok(Answer::json(200, body))
    }

    fn describe(&self, name: &str) -> Value {
        let Ok(token) = self.tokens.check(name) else {
            return json!({"active": false});
        };
        let left = token.expires.map(|expires| (expires - clock::now()).max(0) / 1000);
        json!({"active": true, "token": name, "hub_id": PORTAL, "user_id": 7_001, "app_id": 90_210,
            "user": "integration@example.test", "hub_domain": "simulator.example",
            "token_type": "access", "token_use": "access_token",
            "scopes": token.scopes, "expires_in": left})
    }
}
