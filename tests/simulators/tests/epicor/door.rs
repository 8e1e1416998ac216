//! Credentials, companies, licences.

use std::time::Duration;

use serde_json::json;

use crate::site::{Site, VENDORS, read};

#[tokio::test]
async fn each_of_the_three_401s_has_its_own_text() {
    let site = Site::stock().await;
    let bad_login =
        site.client.get(site.url(VENDORS)).basic_auth("mlc", Some("wrong")).header("x-api-key", "sim-api-key");
    let (status, body) = read(bad_login.send().await.unwrap()).await;
    assert_eq!((status, body["ErrorMessage"].as_str()), (401, Some("Invalid username or password.")));
    let bad_key =
        site.client.get(site.url(VENDORS)).basic_auth("mlc", Some("sim-password")).header("x-api-key", "abc123");
    let (status, body) = read(bad_key.send().await.unwrap()).await;
    assert_eq!((status, body["ErrorMessage"].as_str()), (401, Some("Invalid API Key abc123.\r\nCompany EPIC06.")));
    assert_eq!(body["ErrorType"], "System.UnauthorizedAccessException");
    site.switch(|switches| switches.scope = Some(vec!["Erp.BO.CustomerSvc".into()]));
    let (status, body) = site.get(VENDORS, &[]).await;
    assert_eq!((status, body["ErrorMessage"].as_str()), (401, Some("Access denied (Erp.BO.Vendor.GetRows).")));
    assert_eq!(site.get("Erp.BO.CustomerSvc/Customers", &[]).await.0, 200);
}

#[tokio::test]
async fn unknown_companies_services_sets_and_records_are_404() {
    let site = Site::stock().await;
    for path in ["Erp.BO.NoSvc/Things", "Erp.BO.VendorSvc/Nothing", "Erp.BO.VendorSvc/Vendors('EPIC06',99)"] {
        assert_eq!(site.get(path, &[]).await.0, 404, "{path}");
    }
    let url = site.url(VENDORS).replace("EPIC06", "NOPE");
    let request = site.client.get(url).basic_auth("mlc", Some("sim-password")).header("x-api-key", "sim-api-key");
    assert_eq!(request.send().await.unwrap().status(), 404);
    let url = format!("{}/api/v1/Erp.BO.VendorSvc/Vendors", site.sim.base_url());
    assert_eq!(site.client.get(url).send().await.unwrap().status(), 404);
}

#[tokio::test]
async fn tokens_come_in_three_ways_and_expire_by_the_simulators_clock() {
    let site = Site::stock().await;
    let url = format!("{}/TokenResource.svc/", site.sim.base_url());
    let json = "application/json";
    let by_header =
        site.client.post(&url).header("accept", json).header("username", "mlc").header("password", "sim-password");
    let by_form =
        site.client.post(&url).header("accept", json).body("grant_type=password&username=mlc&password=sim-password");
    let by_basic = site.client.post(&url).header("accept", json).basic_auth("mlc", Some("sim-password")).body("{}");
    let mut token = String::new();
    for request in [by_header, by_form, by_basic] {
        let (status, body) = read(request.send().await.unwrap()).await;
        assert_eq!((status, &body["ExpiresIn"], &body["TokenType"]), (200, &json!(3600), &json!("Bearer")));
        token = body["AccessToken"].as_str().unwrap().to_owned();
    }
    let xml =
        site.client.post(&url).basic_auth("mlc", Some("sim-password")).send().await.unwrap().text().await.unwrap();
    assert!(xml.contains("<AccessToken>"), "{xml}");
    let call = || site.client.get(site.url(VENDORS)).bearer_auth(&token).header("x-api-key", "sim-api-key").send();
    assert_eq!(call().await.unwrap().status(), 200);
    site.control("clock", json!({ "advance_ms": 3_600_000 })).await;
    assert_eq!(call().await.unwrap().status(), 401);
}

#[tokio::test]
async fn the_oauth_issuer_speaks_snake_case_and_refuses_unknown_clients() {
    let site = Site::stock().await;
    let url = format!("{}/connect/token", site.sim.origin());
    let body = |secret: &str| {
        format!("grant_type=client_credentials&client_id=mlc-client&client_secret={secret}&scope=epicor_erp")
    };
    let (status, answer) = read(site.client.post(&url).body(body("mlc-secret")).send().await.unwrap()).await;
    assert_eq!((status, &answer["expires_in"]), (200, &json!(3600)));
    let token = answer["access_token"].as_str().unwrap();
    let call = site.client.get(site.url(VENDORS)).bearer_auth(token).header("x-api-key", "sim-api-key");
    assert_eq!(call.send().await.unwrap().status(), 200);
    let (status, answer) = read(site.client.post(&url).body(body("wrong")).send().await.unwrap()).await;
    assert_eq!((status, &answer["error"]), (400, &json!("invalid_client")));
}

#[tokio::test]
async fn too_many_calls_at_once_run_out_of_licences() {
    let site = Site::stock().await;
    site.switch(|switches| switches.max_in_flight = Some(2));
    site.sim.set_latency(Duration::from_millis(150), Duration::ZERO);
    let licence = r#"{"ClaimedLicense":"00000003-9439-4B30-A6F4-6D2FD4B9FD0F"}"#;
    let calls = (0..5).map(|_| site.request(VENDORS, &[]).header("License", licence).send());
    let mut statuses: Vec<u16> = Vec::new();
    for answer in futures_util::future::join_all(calls).await {
        statuses.push(answer.unwrap().status().as_u16());
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 200, 400, 400, 400]);
    let stats = site.sim.stats();
    assert_eq!((stats.in_flight_max, stats.licences["00000003-9439-4B30-A6F4-6D2FD4B9FD0F"]), (5, 5));
}
