//! Tokens that expire, are revoked or lack a scope.

use mlc_hubspot::{HubspotAuth, HubspotClient, HubspotConfig, HubspotSecrets};
use mlc_model::{FaultKind, Verdict};
use mlc_simulators::hubspot::{DEFAULT_TOKEN, Fault, FaultKind as Sim, HubspotConfig as SimConfig};

use crate::portal::{Portal, vendor};

#[tokio::test]
async fn an_expired_oauth_token_is_renewed_once_and_the_call_goes_through() {
    let portal = Portal::open_with_oauth().await;
    portal.sim.expire_oauth_tokens();
    let entries = portal.client.upsert_companies(&[vendor(1)]).await.unwrap();
    assert!(entries[0].result.is_ok());
    assert_eq!(portal.sim.request_log().count_with_status("batch/upsert", 401), 1);
    assert_eq!(portal.sim.stats().tokens_granted, 1);
}

#[tokio::test]
async fn a_revoked_refresh_token_asks_a_person_to_connect_again() {
    let portal = Portal::open_with_oauth().await;
    portal.sim.expire_oauth_tokens();
    assert!(portal.sim.revoke_token(&SimConfig::default().refresh_token));
    let fault = portal.client.upsert_companies(&[vendor(1)]).await.unwrap_err();
    assert_eq!((fault.kind, fault.code.as_deref()), (FaultKind::Unauthorized, Some("BAD_REFRESH_TOKEN")));
    assert!(!fault.to_string().contains(&SimConfig::default().refresh_token));
}

#[tokio::test]
async fn a_revoked_static_token_is_unauthorized() {
    let portal = Portal::open().await;
    assert!(portal.sim.revoke_token(DEFAULT_TOKEN));
    let fault = portal.client.upsert_companies(&[vendor(1), vendor(2)]).await.unwrap_err();
    assert_eq!((fault.kind, fault.status), (FaultKind::Unauthorized, Some(401)));
    assert!(!fault.to_string().contains(DEFAULT_TOKEN));
    let report = portal.client.ping().await;
    assert_eq!((report.worst(), report.lines[0].what.as_str()), (Verdict::Bad, "token"));
}

#[tokio::test]
async fn an_expired_static_token_is_not_taken_for_something_to_renew() {
    let portal = Portal::open().await;
    portal.sim.faults().add(Fault::times("batch/upsert", Sim::ExpiredToken, 1));
    let fault = portal.client.upsert_companies(&[vendor(1)]).await.unwrap_err();
    assert_eq!((fault.kind, fault.code.as_deref()), (FaultKind::Unauthorized, Some("EXPIRED_AUTHENTICATION")));
}

#[tokio::test]
async fn a_missing_scope_is_named() {
    let portal = Portal::open().await;
    portal.sim.add_token("pat-eu1-reader", Some(&["crm.objects.companies.read", "crm.schemas.companies.read"]));
    let client = portal.client_with("pat-eu1-reader");
    let fault = client.upsert_companies(&[vendor(1)]).await.unwrap_err();
    assert_eq!((fault.kind, fault.code.as_deref()), (FaultKind::Unauthorized, Some("MISSING_SCOPES")));
    assert!(fault.message.contains("crm.objects.companies.write"), "{}", fault.message);
    let report = client.ping().await;
    let scopes = report.lines.iter().find(|line| line.what == "scopes").unwrap();
    assert_eq!(scopes.verdict, Verdict::Bad);
    assert!(scopes.detail.contains("crm.objects.contacts.write"), "{}", scopes.detail);
}

#[tokio::test]
async fn a_missing_secret_is_named_before_anything_is_sent() {
    let portal = Portal::open().await;
    let config = HubspotConfig { auth: HubspotAuth::OAuth2, ..HubspotConfig::default() };
    let fault = HubspotClient::new(portal.door.clone(), config, HubspotSecrets::default()).unwrap_err();
    assert_eq!((fault.kind, fault.field.as_deref()), (FaultKind::Unauthorized, Some("client_id")));
}
