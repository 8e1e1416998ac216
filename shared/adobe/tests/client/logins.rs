//! Signatures and tokens.

use mlc_adobe::{AdobeSecrets, fault};
use mlc_model::FaultKind;
use mlc_simulators::adobe::{AdobeConfig as SimConfig, Fault as SimFault, FaultKind as SimFaultKind};

use crate::support::{Site, code, purchase_order};

#[tokio::test]
async fn a_refused_nonce_or_signature_is_made_anew_once() {
    let site = Site::paas().await;
    let client = site.client().await;
    for kind in [SimFaultKind::NonceUsed, SimFaultKind::SignatureInvalid] {
        site.sim.add_fault(SimFault::times("POST", kind, 1));
        client.create_order(&purchase_order(&format!("P-{kind:?}"))).await.unwrap();
    }
    site.sim.add_fault(SimFault::times("POST", SimFaultKind::SignatureInvalid, 2));
    let fault = client.create_order(&purchase_order("P-3")).await.unwrap_err();
    assert_eq!((fault.kind, code(&fault)), (FaultKind::Unauthorized, fault::code::BAD_SIGNATURE));
}

#[tokio::test]
async fn a_wrong_secret_holds_the_connection_without_showing_itself() {
    let site = Site::paas().await;
    let secrets = AdobeSecrets { token_secret: Some("wr0ngsecretwr0ngsecretwr0ngsecre".into()), ..site.secrets() };
    let client = site.client_with(site.config(), secrets).await.unwrap();
    let fault = client.find_order("P-1").await.unwrap_err();
    assert_eq!((fault.kind, code(&fault)), (FaultKind::Unauthorized, fault::code::BAD_SIGNATURE));
    assert!(!format!("{fault:?} {client:?}").contains("wr0ng"));
}

#[tokio::test]
async fn a_missing_secret_is_named_before_anything_is_sent() {
    let paas = Site::paas().await;
    let secrets = AdobeSecrets { token_secret: None, ..paas.secrets() };
    let fault = paas.client_with(paas.config(), secrets).await.unwrap_err();
    assert_eq!((fault.kind, fault.field.as_deref()), (FaultKind::Unauthorized, Some("token_secret")));
    let saas = Site::saas().await;
    let secrets = AdobeSecrets { client_secret: None, ..saas.secrets() };
    let fault = saas.client_with(saas.config(), secrets).await.unwrap_err();
    assert_eq!(fault.field.as_deref(), Some("client_secret"));
}

#[tokio::test]
async fn a_saas_token_is_asked_for_once_and_replaced_once_when_it_is_refused() {
    let site = Site::saas().await;
    let (one, other) = (site.client().await, site.client().await);
    one.find_order("P-1").await.unwrap();
    other.find_order("P-1").await.unwrap();
    assert_eq!(site.sim.tokens_issued(), 1, "shared through Redis");
    site.sim.expire_tokens();
    one.create_order(&purchase_order("P-1")).await.unwrap();
    assert_eq!(site.sim.tokens_issued(), 2);
    assert_eq!(site.sim.orders().len(), 1);
}

#[tokio::test]
async fn a_saas_token_is_renewed_before_it_expires() {
    let site = Site::open(SimConfig { expires_in_secs: 2, ..SimConfig::saas() }).await;
    let client = site.client().await;
    client.find_order("P-1").await.unwrap();
    // The token of two seconds is due after 80 % of them.
    tokio::time::sleep(std::time::Duration::from_millis(1_700)).await;
    client.find_order("P-1").await.unwrap();
    assert_eq!(site.sim.tokens_issued(), 2);
}

#[tokio::test]
async fn a_wrong_client_secret_holds_the_connection() {
    let site = Site::saas().await;
    let secrets = AdobeSecrets { client_secret: Some("wr0ng-secret".into()), ..site.secrets() };
    let client = site.client_with(site.config(), secrets).await.unwrap();
    let fault = client.find_order("P-1").await.unwrap_err();
    assert_eq!((fault.kind, code(&fault)), (FaultKind::Unauthorized, fault::code::BAD_LOGIN));
    assert!(!fault.message.contains("wr0ng"));
}

#[tokio::test]
async fn a_page_instead_of_a_token_holds_nothing_and_condemns_nothing() {
    for kind in [
        SimFaultKind::Firewall,
        SimFaultKind::TooLarge,
        SimFaultKind::HugeBody,
        SimFaultKind::Html200,
        SimFaultKind::HtmlError,
    ] {
        let site = Site::saas().await;
        let client = site.client().await;
        site.sim.add_fault(SimFault::times("POST /ims/token", kind, 1));
        let fault = client.find_order("P-1").await.unwrap_err();
        assert_eq!((fault.kind, fault.operation.as_str()), (FaultKind::Transient, "token.issue"), "{kind:?}: {fault}");
        let pause = client.find_order("P-1").await.unwrap_err();
        assert_eq!((pause.kind, code(&pause)), (FaultKind::Limited, mlc_outbound::TOKEN_PAUSE), "{kind:?}: {pause}");
    }
}

#[tokio::test]
async fn a_shop_that_asks_for_fewer_requests_is_left_alone() {
    let site = Site::paas().await;
    let client = site.client().await;
    site.sim.add_fault(SimFault::times("*", SimFaultKind::TooManyRequests, 1));
    let fault = client.find_order("P-1").await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Limited);
    let calls = site.sim.request_log().count("orders");
    let fault = client.find_order("P-1").await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Limited, "the budget is blocked");
    assert_eq!(site.sim.request_log().count("orders"), calls, "nothing was sent");
}
