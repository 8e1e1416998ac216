//! Rate limits, tokens, faults, the control API.

use std::time::{Duration, Instant};

use mlc_simulators::hubspot::{Fault, FaultKind, HubspotConfig, Limits};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::client::{Client, SEARCH, UPSERT, input, traced};

#[tokio::test]
async fn the_burst_limit_slides_and_search_has_its_own() {
    let client = Client::new(HubspotConfig {
        limits: Limits { burst: Some(6), ..Limits::default() },
        ..HubspotConfig::default()
    })
    .await;
    for left in (0..6).rev() {
        let answer = client.try_send(Method::GET, "/account-info/v3/details", String::new()).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
        assert_eq!(header("x-hubspot-ratelimit-max"), "6");
        assert_eq!(header("x-hubspot-ratelimit-remaining"), left.to_string());
        assert_eq!(header("x-hubspot-ratelimit-daily"), "625000");
    }
    let (status, body) = client.get("/account-info/v3/details").await;
    assert_eq!((status, &body["policyName"]), (429, &json!("TEN_SECONDLY_ROLLING")));
    for _ in 0..5 {
        assert_eq!(client.post(SEARCH, &json!({})).await.0, 200);
    }
    let (status, body) = client.post(SEARCH, &json!({})).await;
    assert_eq!((status, &body["policyName"]), (429, &json!("SECONDLY")));
    assert_eq!(body["message"], "You have reached your secondly limit.");
    let burst = client.sim.stats().burst;
    assert_eq!((burst.granted, burst.highest_in_a_window), (6, 6));
    assert_eq!((burst.refused, burst.possible_in_span), (1, 6));
    assert_eq!(client.sim.stats().answers_429, 2);
}

#[tokio::test]
async fn the_daily_limit_refuses_until_the_portals_midnight() {
    let client = Client::new(HubspotConfig::default()).await;
    assert_eq!(client.get("/account-info/v3/details").await.0, 200);
    client.sim.set_used_today(625_000);
    let (status, body) = client.get("/account-info/v3/details").await;
    assert_eq!((status, &body["policyName"]), (429, &json!("DAILY")));
}

#[tokio::test]
async fn tokens_are_refused_when_unknown_revoked_or_without_the_scope() {
    let mut client = Client::prepared().await;
    client.sim.add_token("reader", Some(&["crm.objects.companies.read"]));
    client.token = "reader".to_owned();
    assert_eq!(client.get("/crm/v3/objects/companies").await.0, 200);
    let (status, body) = client.upsert(&[input("V:1", json!({"name": "A"}))]).await;
    assert_eq!((status, &body["category"]), (403, &json!("MISSING_SCOPES")));
    let scopes = &body["errors"][0]["context"]["requiredGranularScopes"];
    assert_eq!(scopes, &json!(["crm.objects.companies.write"]));
    client.sim.revoke_token("reader");
    let (status, body) = client.get("/crm/v3/objects/companies").await;
    assert_eq!((status, &body["category"]), (401, &json!("INVALID_AUTHENTICATION")));
}

#[tokio::test]
async fn oauth_grants_expire_and_a_bad_refresh_token_is_told_in_both_dialects() {
    let mut client =
        Client::new(HubspotConfig { token_calls_per_10_s: 3, expires_in_secs: 90, ..HubspotConfig::default() }).await;
    let url = format!("{}/oauth/v3/token", client.sim.url());
    let ask = |refresh: &str| {
        client
            .http
            .post(&url)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(format!("grant_type=refresh_token&client_id=simulator-client&client_secret=simulator-secret&refresh_token={refresh}"))
            .send()
    };
    let granted = ask("simulator-refresh").await.unwrap();
    let granted: Value = serde_json::from_str(&granted.text().await.unwrap()).unwrap();
    assert_eq!(granted["expires_in"], 90);
    assert_eq!(granted["hub_id"], 48_112_233);
    assert_eq!(granted["refresh_token"], "simulator-refresh");
    let bad = ask("wrong").await.unwrap();
    assert_eq!(bad.status(), 400);
    let bad: Value = serde_json::from_str(&bad.text().await.unwrap()).unwrap();
    assert_eq!(bad["error"], "invalid_grant");
    assert_eq!(bad["status"], "BAD_REFRESH_TOKEN");
    ask("simulator-refresh").await.unwrap();
    assert_eq!(ask("simulator-refresh").await.unwrap().status(), 429);
    client.token = granted["access_token"].as_str().unwrap().to_owned();
    assert_eq!(client.get("/crm/v3/objects/companies").await.0, 200);
    client.sim.expire_oauth_tokens();
    let (status, body) = client.get("/crm/v3/objects/companies").await;
    assert_eq!((status, &body["category"]), (401, &json!("EXPIRED_AUTHENTICATION")));
}

#[tokio::test]
async fn a_cut_after_the_write_leaves_the_write_and_a_cut_before_does_not() {
    let client = Client::prepared().await;
    for (kind, companies) in [(FaultKind::ResetBefore, 0), (FaultKind::ResetAfterWrite, 1)] {
        client.sim.faults().add(Fault::times("batch/upsert", kind, 1));
        let body = json!({"inputs": [input("V:1", json!({"name": "A"}))]});
        let sent = client.try_send(Method::POST, UPSERT, body.to_string()).await;
        assert!(sent.is_err(), "{kind:?}");
        assert_eq!(client.sim.companies().len(), companies, "{kind:?}");
    }
    assert_eq!(client.sim.request_log().count_with_status("upsert", 0), 2);
}

#[tokio::test]
async fn faults_answer_with_their_status_as_often_as_asked() {
    let client = Client::prepared().await;
    for (kind, status, part) in [
        ("429_ten_secondly", 429, "TEN_SECONDLY_ROLLING"),
        ("429_daily", 429, "DAILY"),
        ("429_secondly", 429, "SECONDLY"),
        ("429_search", 429, "RATE_LIMITS"),
        ("429_edge", 429, "1015"),
        ("423", 423, "message"),
        ("477", 477, "message"),
        ("500", 500, "internal error"),
        ("502_html", 502, "<html>"),
        ("503", 503, "message"),
        ("504_html", 504, "<html>"),
        ("521_html", 521, "<html>"),
        ("expired_token", 401, "EXPIRED_AUTHENTICATION"),
        ("revoked_token", 401, "INVALID_AUTHENTICATION"),
        ("missing_scope", 403, "crm.objects.companies.read"),
        ("html_200", 200, "<!DOCTYPE html>"),
        ("wrong_types", 200, "17"),
        ("extra_fields", 200, "somethingNew"),
    ] {
        let order = json!({"route": "GET /crm/v3/objects", "kind": kind, "times": 1, "retry_after": 7});
        assert_eq!(client.control("faults", &order).await, 200);
        let path = "/crm/v3/objects/companies";
        let answer = client.try_send(Method::GET, path, String::new()).await.unwrap();
        assert_eq!(answer.status().as_u16(), status, "{kind}");
        if kind == "477" {
            assert_eq!(answer.headers()["retry-after"], "7");
        }
        let text = answer.text().await.unwrap();
        assert!(text.contains(part), "{kind}: {text}");
        assert_eq!(client.get(path).await.0, 200, "{kind} is over");
    }
    assert_eq!(client.sim.faults().committed(), 18);
    let unknown = json!({"kind": "418"});
    assert_eq!(client.control("faults", &unknown).await, 400);
}

#[tokio::test]
async fn spoiled_answers_come_after_the_write() {
    let client = Client::prepared().await;
    let bad =
        || [traced("V:1", "t:1", json!({"name": "A"})), traced("V:2", "t:2", json!({"name": "B", "type": "CUSTOMER"}))];
    let faults = client.sim.faults();
    faults.add(Fault::times("*", FaultKind::WithoutTraceIds, 1));
    let (status, body) = client.upsert(&bad()).await;
    assert_eq!(status, 207);
    assert_eq!(body["errors"][0]["context"], json!({}));
    faults.add(Fault::times("*", FaultKind::TruncatedJson, 1));
    let (_, body) = client.upsert(&bad()).await;
    assert!(body.is_string(), "no JSON: {body}");
    faults.add(Fault::times("*", FaultKind::HugeBody, 1));
    let (_, body) = client.upsert(&bad()).await;
    assert!(body["padding"].as_str().unwrap().len() >= 64 << 20);
    faults.add(Fault { delay_ms: Some(150), ..Fault::times("*", FaultKind::Slow, 1) });
    let began = Instant::now();
    assert_eq!(client.upsert(&bad()).await.0, 207);
    assert!(began.elapsed() >= Duration::from_millis(150));
    assert_eq!(client.sim.companies().len(), 1);
}

#[tokio::test]
async fn the_control_api_edits_as_a_sales_user_and_counts_what_happened() {
    let client = Client::prepared().await;
    let id = client.company("V:1", "One").await;
    let edit = json!({"properties": {"phone": "+32 59 11 22 33"}});
    let path = format!("companies/{id}/properties");
    assert_eq!(client.control(&path, &edit).await, 200);
    let (_, found) = client.get("/__control/companies?property=epicor_key&value=V:1").await;
    assert_eq!(found["results"][0]["properties"]["phone"], "+32 59 11 22 33");
    client.company("V:1", "One").await;
    let (_, stats) = client.get("/__control/stats").await;
    assert_eq!(stats["companies"]["created"], 1);
    assert_eq!(stats["companies"]["unchanged"], 1);
    assert_eq!(stats["requests"][format!("POST {UPSERT}")]["200"], 2);
    assert_eq!(client.control("archive", &json!({ "id": id })).await, 200);
    assert!(client.sim.companies().is_empty());
    let back = client.company("V:1", "One").await;
    assert_ne!(back, id, "an archived record does not hold its key");
    assert_eq!(client.control("reset", &json!({})).await, 200);
    assert!(client.sim.companies().is_empty());
}
