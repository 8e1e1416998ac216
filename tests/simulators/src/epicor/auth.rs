//! Logins: Basic, bearer tokens of `TokenResource.svc` and of `/connect/token`.

use std::collections::HashMap;

use axum::{
    body::Body,
    http::{HeaderMap, Response, header},
};
use base64::{Engine, engine::general_purpose::STANDARD, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::{
    config::EpicorConfig,
    errors::{Refusal, answer, json_answer},
    options,
};

/// Tokens handed out, with the moment they end.
#[derive(Default)]
pub(crate) struct Tokens {
    good_until: HashMap<String, DateTime<Utc>>,
    sold: u64,
}

impl Tokens {
    /// Makes a token that looks like Epicor's: a JWT whose `exp` and `iat` are strings.
    pub(crate) fn issue(&mut self, user: &str, now: DateTime<Utc>, lifetime_secs: u64) -> String {
        self.sold += 1;
        let until = now + TimeDelta::seconds(i64::try_from(lifetime_secs).unwrap_or(i64::MAX / 2_000));
        let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let token = format!(
            "{}.{}.{}",
            part(json!({ "alg": "HS256", "typ": "JWT" })),
            part(json!({
                "iss": "epicor", "aud": "epicor", "username": user,
                "exp": until.timestamp().to_string(), "iat": now.timestamp().to_string(),
            })),
            URL_SAFE_NO_PAD.encode(format!("simulated-signature-{:08}", self.sold)),
        );
        self.good_until.insert(token.clone(), until);
        token
    }

    pub(crate) fn is_good(&self, token: &str, now: DateTime<Utc>) -> bool {
        self.good_until.get(token).is_some_and(|until| now < *until)
    }

    /// Ends every token at once.
    pub(crate) fn expire_all(&mut self) {
        self.good_until.clear();
    }
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let encoded = text(headers, header::AUTHORIZATION.as_str())?.strip_prefix("Basic ")?;
    let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (user, password) = decoded.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}

/// Checks the login of a call.
pub(crate) fn check_login(
    config: &EpicorConfig,
    tokens: &Tokens,
    headers: &HeaderMap,
    now: DateTime<Utc>,
) -> Result<(), Refusal> {
    if let Some(token) = text(headers, header::AUTHORIZATION.as_str()).and_then(|value| value.strip_prefix("Bearer ")) {
        return if tokens.is_good(token.trim(), now) { Ok(()) } else { Err(Refusal::bad_login()) };
    }
    match basic(headers) {
        Some((user, password)) if user == config.user && password == config.password => Ok(()),
        _ => Err(Refusal::bad_login()),
    }
}

/// Checks the API key of a call, from the header or the query.
pub(crate) fn check_key(
    config: &EpicorConfig,
    headers: &HeaderMap,
    query: &[(String, String)],
    company: &str,
) -> Result<(), Refusal> {
    let key = sent_key(headers, query);
    if key == config.api_key { Ok(()) } else { Err(Refusal::bad_key(&key, company)) }
}

pub(crate) fn sent_key(headers: &HeaderMap, query: &[(String, String)]) -> String {
    text(headers, "x-api-key")
        .or_else(|| query.iter().find(|(name, _)| name == "api-key").map(|(_, value)| value.as_str()))
        .unwrap_or_default()
        .to_owned()
}

/// `TokenResource.svc`: plain headers, a form, or Basic with a JSON body.
pub(crate) fn token_resource(
    config: &EpicorConfig,
    tokens: &mut Tokens,
    headers: &HeaderMap,
    body: &[u8],
    now: DateTime<Utc>,
    lifetime_secs: u64,
) -> Result<Response<Body>, Refusal> {
    let form = options::pairs(&String::from_utf8_lossy(body));
    let field = |name: &str| form.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
    let by_header = text(headers, "username").zip(text(headers, "password"));
    let login = by_header
        .map(|(user, password)| (user.to_owned(), password.to_owned()))
        .or_else(|| basic(headers))
        .or_else(|| field("username").zip(field("password")));
    match login {
        Some((user, password)) if user == config.user && password == config.password => {
            let token = tokens.issue(&user, now, lifetime_secs);
            if text(headers, "accept").is_some_and(|accept| accept.contains("json")) {
                let body = json!({ "AccessToken": token, "ExpiresIn": lifetime_secs, "TokenType": "Bearer" });
                return Ok(json_answer(200, &body));
            }
            let xml = format!(
                "<Token xmlns:i=\"http://www.w3.org/2001/XMLSchema-instance\"><AccessToken>{token}</AccessToken><ExpiresIn>{lifetime_secs}</ExpiresIn><TokenType>Bearer</TokenType></Token>"
            );
            Ok(answer(200, "application/xml; charset=utf-8", xml.into_bytes()))
        }
        _ => Err(Refusal::bad_login()),
    }
}

/// `/connect/token` of an OAuth issuer: client credentials in the form or as Basic.
pub(crate) fn connect_token(
    config: &EpicorConfig,
    tokens: &mut Tokens,
    headers: &HeaderMap,
    body: &[u8],
    now: DateTime<Utc>,
    lifetime_secs: u64,
) -> Response<Body> {
    let form = options::pairs(&String::from_utf8_lossy(body));
    let field = |name: &str| form.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
    let refuse = |error: &str, why: &str| json_answer(400, &json!({ "error": error, "error_description": why }));
    let grant = field("grant_type").unwrap_or_default();
    if grant != "client_credentials" && grant != "password" {
        return refuse("unsupported_grant_type", "Only client_credentials and password are supported.");
    }
    let client = basic(headers).or_else(|| field("client_id").zip(field("client_secret")));
    if client != Some((config.client_id.clone(), config.client_secret.clone())) {
        return refuse("invalid_client", "Client authentication failed.");
    }
    let user_fits =
        field("username") == Some(config.user.clone()) && field("password") == Some(config.password.clone());
    if grant == "password" && !user_fits {
        return refuse("invalid_grant", "Invalid username or password.");
    }
    if !field("scope").unwrap_or_default().split(' ').any(|scope| scope == "epicor_erp" || scope.ends_with("/.default"))
    {
        return refuse("invalid_scope", "The requested scope is invalid.");
    }
    let token = tokens.issue(&config.user, now, lifetime_secs);
    json_answer(
        200,
        &json!({ "access_token": token, "expires_in": lifetime_secs, "token_type": "Bearer", "scope": "epicor_erp" }),
    )
}
