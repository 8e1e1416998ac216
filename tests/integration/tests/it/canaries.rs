//! Canaries: texts that stand nowhere but in secrets and personal fields, and the search for them in any form.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use mlc_house::{API_KEY, House, PASSWORD, TOKEN, USER};
use serde_json::json;

/// Stands in every personal text.
pub(crate) const STEM: &str = "canaryzq";
/// Stands in every telephone number.
pub(crate) const PHONE: &str = "555 7731 904 881";
/// Of the OAuth application at HubSpot.
pub(crate) const CLIENT_SECRET: &str = "house-canary-client-secret-18";
/// Of the OAuth application at HubSpot.
pub(crate) const REFRESH_TOKEN: &str = "house-canary-refresh-token-27";

/// Consumer secret of the integration at the shop.
pub(crate) const SHOP_CONSUMER_SECRET: &str = "canaryshopconsumersecretcanary39";
/// Access token of the integration at the shop: 32 characters, as the shop demands.
pub(crate) const SHOP_TOKEN: &str = "canaryshopaccesstokencanaryshp41";
/// Secret of that token.
pub(crate) const SHOP_TOKEN_SECRET: &str = "canaryshoptokensecretcanarysho57";
/// Of the cloud shop's credential at Adobe's identity service.
pub(crate) const SHOP_CLIENT_SECRET: &str = "p8e-canary-ims-secret-63";
/// What the shop signs its webhooks with, and what it will sign them with.
pub(crate) const WEBHOOK_SECRETS: [&str; 2] = ["canary-webhook-secret-71", "canary-webhook-secret-next-77"];

/// What every token begins with that the simulated identity service gives.
const IMS_TOKEN: &str = "eyJhbGciOiJSUzI1NiJ9.";

/// Everything that was written, with a name for each place.
#[derive(Default)]
pub(crate) struct Findings(Vec<(String, String)>);

impl Findings {
    /// Takes down what stands at a place.
    pub(crate) fn look_at(&mut self, place: &str, text: &str) {
        self.0.push((place.to_owned(), text.to_owned()));
    }

    /// Every canary that was found, with its place and what stands around it.
    pub(crate) fn leaks(&self, needles: &[Needle]) -> Vec<String> {
        let mut leaks = Vec::new();
        for (place, text) in &self.0 {
            let lower = text.to_lowercase();
            for needle in needles {
                if let Some(at) = lower.find(&needle.text) {
                    leaks.push(format!("{place}: {}: {}", needle.what, around(&lower, at)));
                }
            }
            if let Some(at) = issued_token(text) {
                leaks.push(format!("{place}: an access token of HubSpot: {}", around(text, at)));
            }
            if let Some(at) = text.find(IMS_TOKEN) {
                leaks.push(format!("{place}: an access token of Adobe: {}", around(text, at)));
            }
        }
        leaks
    }

    /// What must be found is found, in every kind of place (its name begins so); and a planted canary is.
    pub(crate) fn prove_the_search_works(&self, needles: &[Needle], expected: &[(&str, &str)]) {
        for (place, expected) in expected {
            let seen =
                self.0.iter().any(|(name, text)| name.starts_with(*place) && text.to_lowercase().contains(*expected));
            assert!(seen, "{place} was expected to hold `{expected}`");
        }
        for planted in [
            format!("a {STEM}street3"),
            STANDARD.encode(format!("{USER}:{PASSWORD}")),
            format!("CKq{}", "a1".repeat(50)),
            format!("OAuth oauth_token=\"{SHOP_TOKEN}\""),
            hex::encode(WEBHOOK_SECRETS[0]),
            format!("Bearer {IMS_TOKEN}1.x"),
        ] {
            let findings = Self(vec![("planted".to_owned(), format!("\u{fffd}{planted}\n"))]);
            assert!(!findings.leaks(needles).is_empty(), "a planted `{planted}` was not found");
        }
    }
}

/// What must not be found.
pub(crate) struct Needle {
    what: String,
    /// In lower case.
    text: String,
}

/// The canaries as they are, in hexadecimal, in Base64 at any offset, and as they stand in an address.
pub(crate) fn needles(house: &House) -> Vec<Needle> {
    let vault = house.vault_keys.split_once(':').unwrap().1;
    let key = STANDARD.decode(vault).unwrap();
    let login = format!("{USER}:{PASSWORD}");
    let jwt = json!({ "alg": "HS256", "typ": "JWT" }).to_string();
    let digits: String = PHONE.chars().filter(char::is_ascii_digit).collect();
    let mut needles = Vec::new();
    for (what, value) in [
        ("personal text", STEM.as_bytes()),
        ("telephone number", PHONE.as_bytes()),
        ("telephone number", digits.as_bytes()),
        ("HubSpot token", TOKEN.as_bytes()),
        ("HubSpot client secret", CLIENT_SECRET.as_bytes()),
        ("HubSpot refresh token", REFRESH_TOKEN.as_bytes()),
        ("Epicor API key", API_KEY.as_bytes()),
        ("Epicor user", USER.as_bytes()),
        ("Epicor password", PASSWORD.as_bytes()),
        ("Epicor login", login.as_bytes()),
        ("vault key", key.as_slice()),
        ("vault key", vault.as_bytes()),
        ("token of Epicor", jwt.as_bytes()),
        ("consumer secret of the shop", SHOP_CONSUMER_SECRET.as_bytes()),
        ("token of the shop", SHOP_TOKEN.as_bytes()),
        ("token secret of the shop", SHOP_TOKEN_SECRET.as_bytes()),
        ("client secret at Adobe", SHOP_CLIENT_SECRET.as_bytes()),
        ("webhook secret", WEBHOOK_SECRETS[0].as_bytes()),
        ("webhook secret", WEBHOOK_SECRETS[1].as_bytes()),
    ] {
        let mut add = |form: &str, text: String| {
            needles.push(Needle { what: format!("{what} {form}"), text: text.to_lowercase() });
        };
        if let Ok(text) = std::str::from_utf8(value) {
            add("in clear", text.to_owned());
            add("in an address", text.replace(' ', "+"));
            add("in an address", text.replace(' ', "%20").replace('=', "%3D").replace('/', "%2F").replace('+', "%2B"));
        }
        add("in hexadecimal", hex::encode(value));
        for offset in 0..3 {
            add("in Base64", base64_inside(value, offset));
        }
    }
    needles
}

/// The part of the Base64 form that does not depend on what stands before and after the value.
fn base64_inside(value: &[u8], offset: usize) -> String {
    let padded = [vec![0; offset], value.to_vec()].concat();
    let whole = padded.len() / 3 * 3;
    // The first group of four letters is mixed with what stands before, unless the value starts it.
    let start = if offset == 0 { 0 } else { 4 };
    STANDARD.encode(&padded[..whole])[start..].to_owned()
}

/// Where a token as HubSpot issues them stands: `CKq` and at least 60 letters and digits.
fn issued_token(text: &str) -> Option<usize> {
    text.match_indices("CKq")
        .map(|(at, _)| at)
        .find(|at| text.as_bytes()[at + 3..].iter().take_while(|byte| byte.is_ascii_alphanumeric()).count() >= 60)
}

fn around(text: &str, at: usize) -> String {
    let before = text[..at].chars().rev().take(160).collect::<Vec<_>>();
    before.into_iter().rev().chain(text[at..].chars().take(80)).collect::<String>().escape_debug().to_string()
}
