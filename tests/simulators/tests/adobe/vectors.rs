//! Every signed request that real servers judged, judged again.

use std::collections::HashSet;

use chrono::DateTime;
use mlc_simulators::adobe::{AdobeConfig, AdobeSim, Integration, SignatureSort};
use serde_json::Value;

use crate::client::{Reply, send};

pub(crate) const VIEW_ONLY: &str = "Magento_Sales::actions_view";

pub(crate) fn fixture(name: &str) -> Vec<Value> {
    let path = format!("{}/../fixtures/adobe/{name}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn text<'a>(vector: &'a Value, name: &str) -> &'a str {
    vector[name].as_str().unwrap()
}

/// Requests without a recorded answer that were refused by OAuth with a 400.
const REFUSED_WITH_400: [&str; 9] = [
    "orders sha1",
    "only oauth_consumer_key",
    "version 1.0a",
    "version 2.0",
    "plaintext",
    "hmac-sha256 lower",
    "HMAC-SHA512",
    "missing timestamp",
    "missing token",
];

/// What an answer says about the credentials; `None` when they were accepted.
fn refusal(reply: &Reply) -> Option<String> {
    let message = reply.json()["message"].as_str().unwrap_or_default().to_owned();
    let body = reply.body.to_lowercase();
    let about_oauth =
        body.contains("oauth") || body.contains("token length") || message.starts_with("Signature method");
    (reply.status == 401 || (reply.status == 400 && about_oauth)).then_some(message)
}

fn nonce(authorization: &str) -> &str {
    let rest = authorization.split("oauth_nonce=").nth(1).unwrap();
    rest.split(',').next().unwrap().trim_matches('"')
}

fn integrations(vectors: &[&Value]) -> Vec<Integration> {
    let mut known: Vec<Integration> = Vec::new();
    for vector in vectors {
        if !known.iter().any(|integration| integration.consumer_key == text(vector, "consumer_key")) {
            let keys = ["consumer_key", "consumer_secret", "token", "token_secret"].map(|name| text(vector, name));
            let integration = Integration::new(keys[0], keys[1], keys[2], keys[3]);
            // The second one of either server is the one that may only look at orders.
            known.push(if known.is_empty() { integration } else { integration.with_resources(&[VIEW_ONLY]) });
        }
    }
    known
}

async fn judge(server: &str, sort: SignatureSort) -> (usize, usize) {
    let all = fixture("oauth1-vectors.json");
    let vectors: Vec<&Value> = all.iter().filter(|vector| text(vector, "server") == server).collect();
    let known = integrations(&vectors);
    let config = AdobeConfig { sort, integrations: known.clone(), ..AdobeConfig::default() };
    let sim = AdobeSim::start(config).await.unwrap();
    let address = sim.url().replace("http://", "");
    let mut nonces = HashSet::new();
    let mut wrong = Vec::new();
    let mut refused = 0;
    for vector in &vectors {
        let (label, authorization) = (text(vector, "label"), text(vector, "authorization"));
        let stamp = authorization.split("oauth_timestamp=").nth(1).and_then(|rest| rest.split(',').next());
        let stamp = stamp.and_then(|stamp| stamp.trim_matches('"').parse::<i64>().ok());
        if let Some(at) = stamp.filter(|stamp| *stamp > 0 && *stamp < 10_000_000_000) {
            let ahead = if label.starts_with("future timestamp") { 900 } else { 0 };
            sim.freeze_clock(DateTime::from_timestamp(at - ahead, 0).unwrap());
        }
        set_state(&sim, label);
        let expected = vector["answer"].as_str().map(|answer| {
            let answer: Value = serde_json::from_str(answer).unwrap_or_default();
            answer["message"].as_str().unwrap_or("The signature is invalid. Verify and try again.").to_owned()
        });
        let host = text(vector, "base_url").replace("http://", "");
        let form = label.contains("form");
        let content_type = if form { "application/x-www-form-urlencoded" } else { "application/json" };
        let headers = [("Host", host.as_str()), ("Authorization", authorization), ("Content-Type", content_type)];
        // Of all bodies, only a form takes part in the signature.
        let body: &[u8] = match label {
            "order: content type form" => b"a=b",
            label if form && label.starts_with("body signed?") => b"x=1",
            _ => b"",
        };
        if expected.as_deref().is_some_and(|text| text.contains("nonce is already"))
            && !nonces.contains(&nonce(authorization).to_lowercase())
        {
            // Its first use is not among the vectors.
            send(&address, text(vector, "method"), text(vector, "target"), &headers, body).await.unwrap();
        }
        if authorization.contains("oauth_nonce=") {
            nonces.insert(nonce(authorization).to_lowercase());
        }
        let reply = send(&address, text(vector, "method"), text(vector, "target"), &headers, body).await.unwrap();
        let verdict = refusal(&reply);
        let agrees = match (&expected, &verdict) {
            (Some(expected), Some(verdict)) => expected == verdict && vector["status"] == reply.status,
            (None, Some(_)) => REFUSED_WITH_400.contains(&label) && vector["status"] == reply.status,
            (None, None) => !REFUSED_WITH_400.contains(&label),
            (Some(_), None) => false,
        };
        refused += usize::from(verdict.is_some());
        if !agrees {
            wrong.push(format!("{label} {}: {expected:?} against {} {verdict:?}", vector["target"], reply.status));
        }
        sim.change_integration(0, |integration| *integration = known[0].clone());
        sim.change_integration(1, |integration| *integration = known[1].clone());
        sim.change_behaviour(|behaviour| behaviour.maintenance = false);
    }
    assert!(wrong.is_empty(), "{} of {} differ:\n{}", wrong.len(), vectors.len(), wrong.join("\n"));
    (vectors.len(), refused)
}

fn set_state(sim: &AdobeSim, label: &str) {
    for index in [0, 1] {
        sim.change_integration(index, |integration| match label {
            "integration inactive" => integration.active = false,
            "token revoked" => integration.revoked = true,
            "token not access" => integration.request_token = true,
            _ => {}
        });
    }
    sim.change_behaviour(|behaviour| behaviour.maintenance = label.starts_with("maintenance"));
}

#[tokio::test]
async fn every_signature_is_judged_as_2_4_7_judged_it() {
    let (judged, refused) = judge("2.4.7-p3", SignatureSort::Natural).await;
    assert_eq!(judged, 284);
    assert!(refused >= 33, "{refused}");
}

#[tokio::test]
async fn every_signature_is_judged_as_2_4_8_judged_it() {
    let (judged, refused) = judge("2.4.8-p2", SignatureSort::Decoded).await;
    assert_eq!(judged, 339);
    assert!(refused >= 29, "{refused}");
}

/// Invented keys (the defaults of the simulator), a public host name, TLS ended by a proxy.
#[tokio::test]
async fn the_documented_signatures_verify_behind_a_proxy_in_both_versions() {
    let filter = "searchCriteria%5Bfilter_groups%5D%5B0%5D%5Bfilters%5D%5B0%5D";
    let by_number = format!(
        "/rest/all/V1/orders?{filter}%5Bfield%5D=increment_id&{filter}%5Bvalue%5D=EPIC06-4500123&{filter}%5Bcondition_type%5D=eq&searchCriteria%5BpageSize%5D=2"
    );
    let by_time = format!(
        "/rest/all/V1/invoices?{filter}%5Bfield%5D=updated_at&{filter}%5Bcondition_type%5D=gteq&{filter}%5Bvalue%5D=2026-01-01%2000%3A00%3A00&searchCriteria%5BpageSize%5D=100&searchCriteria%5BcurrentPage%5D=1"
    );
    let known = [
        ("POST", "/rest/default/V1/orders", "T0bKNp9dsDB2CSjvACwxOsMUykiMCCWC625pMAqRQgM%3D", 400),
        ("GET", by_number.as_str(), "%2FUljbBt%2BY0nbOQx24nRePh7WAUUJNiTVQw5IecukOiY%3D", 200),
        ("GET", by_time.as_str(), "z9X6W4KvhuU5TZI%2BEE1a4jdRmBEAE5Qsl0CoSX0LvdM%3D", 200),
    ];
    for sort in [SignatureSort::Natural, SignatureSort::Decoded] {
        for (method, target, signature, status) in known {
            let sim = AdobeSim::start(AdobeConfig { sort, ..AdobeConfig::default() }).await.unwrap();
            let authorization = format!(
                "OAuth oauth_consumer_key=\"c0nsumerkeyc0nsumerkeyc0nsumer01\",oauth_nonce=\"4f1d7c2ab9e04d5c8a6b3e2f1c0d9e8f\",\
                 oauth_signature=\"{signature}\",oauth_signature_method=\"HMAC-SHA256\",oauth_timestamp=\"1767225600\",\
                 oauth_token=\"acc3sst0kenacc3sst0kenacc3sst001\",oauth_version=\"1.0\""
            );
            let headers = [
                ("Host", "shop.example.com"),
                ("X-Forwarded-Proto", "https"),
                ("Authorization", authorization.as_str()),
                ("Content-Type", "application/json"),
            ];
            let reply = send(&sim.url().replace("http://", ""), method, target, &headers, b"").await.unwrap();
            assert_eq!(reply.status, status, "{sort:?} {target}: {}", reply.body);
        }
    }
}
