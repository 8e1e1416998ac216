//! Our rules of signing, held against the verdicts of two real servers over 623 recorded requests.
#![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]

use std::{collections::BTreeMap, path::Path};

use mlc_adobe::oauth1::{ParameterOrder, base_string, decode, verifies};
use serde::Deserialize;

#[derive(Deserialize)]
struct Vector {
    server: String,
    label: String,
    method: String,
    base_url: String,
    target: String,
    authorization: String,
    consumer_key: String,
    consumer_secret: String,
    token: String,
    token_secret: String,
    status: u16,
    #[serde(default)]
    answer: String,
}

impl Vector {
    fn order(&self) -> ParameterOrder {
        match self.server.as_str() {
            "2.4.7-p3" => ParameterOrder::Natural,
            "2.4.8-p2" => ParameterOrder::DecodedBytes,
            other => unreachable!("no vectors of {other}"),
        }
    }

    /// The fields of the header, as the servers read it.
    fn fields(&self) -> BTreeMap<String, String> {
        let (scheme, fields) = self.authorization.split_once(' ').unwrap_or((&self.authorization, ""));
        if !scheme.eq_ignore_ascii_case("oauth") {
            return BTreeMap::new();
        }
        let pairs = fields.split(',').filter_map(|field| field.trim().split_once('='));
        let value = |value: &str| String::from_utf8(decode(value.trim_matches('"'))).unwrap();
        pairs.filter(|(name, _)| *name != "realm").map(|(name, text)| (name.to_owned(), value(text))).collect()
    }

    /// Whether keys, method, version and signature are as they must be. Nonce, time, rights and the state of the
    /// integration are not looked at.
    fn verifies(&self) -> bool {
        let mut fields = self.fields();
        let Some(signature) = fields.remove("oauth_signature") else { return false };
        let is = |name: &str, expected: &str| fields.get(name).is_some_and(|value| value == expected);
        let known = is("oauth_consumer_key", &self.consumer_key)
            && is("oauth_token", &self.token)
            && is("oauth_signature_method", "HMAC-SHA256")
            && fields.get("oauth_version").is_none_or(|version| version == "1.0")
            && fields.contains_key("oauth_nonce")
            && fields.get("oauth_timestamp").is_some_and(|time| time.parse::<u64>().is_ok());
        let (path, query) = self.target.split_once('?').unwrap_or((&self.target, ""));
        let address = format!("{}{path}", self.base_url);
        let protocol: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let base = base_string(self.order(), &self.method, &address, query, &protocol);
        known && verifies(&base, &self.consumer_secret, &self.token_secret, &signature)
    }

    /// Refused for keys, method, version or signature, not for what came before or after.
    fn was_refused_for_its_signature(&self) -> bool {
        let texts = [
            "signature is invalid",
            "token does not exist",
            "token length is invalid",
            "Token is not associated",
            "having the specified key",
            "Consumer key is not the correct length",
        ];
        // Of the other refusals the recording holds no text; a plain search can only have failed in its header.
        let header =
            self.status == 400 && self.target.ends_with("V1/orders?searchCriteria%5BpageSize%5D=1&fields=total_count");
        header || self.status >= 400 && texts.iter().any(|text| self.answer.contains(text))
    }
}

fn vectors() -> Vec<Vector> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/adobe/oauth1-vectors.json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

#[test]
fn every_request_that_a_server_accepted_verifies_by_the_rules_of_its_version() {
    let accepted: Vec<Vector> = vectors().into_iter().filter(|vector| vector.status == 200).collect();
    assert_eq!(accepted.len(), 358);
    let bearer = |vector: &Vector| !vector.authorization.to_ascii_lowercase().starts_with("oauth");
    let wrong: Vec<String> = accepted
        .iter()
        .filter(|vector| !bearer(vector) && !vector.verifies())
        .map(|vector| format!("{} {}", vector.server, vector.label))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(accepted.iter().filter(|vector| bearer(vector)).count() <= 2);
}

#[test]
fn every_request_that_was_refused_for_its_signature_does_not_verify() {
    let refused: Vec<Vector> = vectors().into_iter().filter(Vector::was_refused_for_its_signature).collect();
    assert!(refused.len() >= 40, "{}", refused.len());
    let wrong: Vec<String> = refused
        .iter()
        .filter(|vector| vector.verifies())
        .map(|vector| format!("{} {}", vector.server, vector.label))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn requests_that_came_as_far_as_the_body_or_the_path_verify_too() {
    let late = |vector: &Vector| {
        // A form, unlike JSON, is signed with its fields; we send none.
        let order = vector.label.starts_with("order: ") && !vector.label.contains("content type form");
        vector.status == 400 && order || vector.status == 202
    };
    let checked: Vec<Vector> = vectors().into_iter().filter(late).collect();
    assert!(checked.len() >= 10, "{}", checked.len());
    assert!(checked.iter().all(Vector::verifies));
}
