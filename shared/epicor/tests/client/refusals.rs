//! Faults on order: what they become.

use mlc_epicor::{Address, Entity, EpicorAuth, EpicorConfig, Page, PageAsk, fault::code, page_query, vendor};
use mlc_model::{CompanyCode, Fault, FaultKind};
use mlc_simulators::epicor::{Fault as SimFault, FaultKind as Sim, SeedCompany};

use crate::support::Site;

async fn read(site: &Site) -> Result<Page, Fault> {
    let client = site.client(site.config()).await;
    let query = page_query(Entity::Vendors, None, &PageAsk::Skip { skip: 0 }, &client.shape(&[]));
    client.fetch_page(Entity::Vendors, &query).await
}

#[tokio::test]
async fn every_refusal_has_its_kind() {
    let site = Site::open().await;
    for (fault, kind, code) in [
        (Sim::Licence400, FaultKind::Limited, Some(code::NO_LICENSE)),
        (Sim::Hidden500, FaultKind::Transient, None),
        (Sim::RecordNotFound500, FaultKind::Rejected, Some(code::RECORD_NOT_FOUND)),
        (Sim::Business400, FaultKind::Rejected, None),
        (Sim::ODataError400, FaultKind::Rejected, None),
        (Sim::Session410, FaultKind::Transient, Some(code::SESSION_EXPIRED)),
        (Sim::TooMany429, FaultKind::Limited, Some(code::TOO_MANY_REQUESTS)),
        (Sim::Html502, FaultKind::Transient, None),
        (Sim::Conversions503, FaultKind::Transient, Some(code::CONVERSIONS_PENDING)),
        (Sim::Empty504, FaultKind::Transient, None),
        (Sim::Login401, FaultKind::Unauthorized, Some(code::BAD_LOGIN)),
        (Sim::Key401, FaultKind::Unauthorized, Some(code::BAD_API_KEY)),
        (Sim::Access401, FaultKind::Rejected, Some(code::ACCESS_DENIED)),
        (Sim::TruncatedJson, FaultKind::Transient, Some(code::NOT_JSON)),
        (Sim::Html200, FaultKind::Transient, Some(code::NOT_JSON)),
        (Sim::ResetBefore, FaultKind::Transient, None),
    ] {
        site.fault("Vendors", fault);
        let got = read(&site).await.unwrap_err();
        assert_eq!(got.kind, kind, "{fault:?}: {got:?}");
        if let Some(code) = code {
            assert_eq!(got.code.as_deref(), Some(code), "{fault:?}");
        }
        assert!(!format!("{got:?}").contains(&site.sim.config().api_key), "{fault:?}");
        assert!(read(&site).await.is_ok(), "the fault was for one call");
    }
}

#[tokio::test]
async fn damaged_rows_do_not_hold_back_the_others() {
    let site = Site::open().await;
    let company = CompanyCode::parse("EPIC06").unwrap();
    for kind in [Sim::WrongTypes, Sim::NullKeys, Sim::HugeString] {
        site.sim.faults().add(SimFault { rows: Some(3), size: Some(1_000_000), ..SimFault::once("Vendors", kind) });
        let page = read(&site).await.unwrap();
        assert_eq!(page.received, 60);
        let good = page.rows.iter().flatten().filter(|row| vendor(row, &company, &[]).is_ok()).count();
        assert_eq!(good, 57, "{kind:?}");
    }
    site.sim.faults().add(SimFault { rows: Some(3), ..SimFault::once("Vendors", Sim::DuplicateRows) });
    let page = read(&site).await.unwrap();
    assert_eq!((page.received, page.duplicates, page.rows.len()), (63, 3, 60));
}

#[tokio::test]
async fn a_column_that_is_not_there_is_named() {
    let site = Site::open().await;
    let client = site.client(site.config()).await;
    let query = page_query(Entity::Vendors, None, &PageAsk::Skip { skip: 0 }, &client.shape(&["Tier_c".to_owned()]));
    let fault = client.fetch_page(Entity::Vendors, &query).await.unwrap_err();
    assert_eq!((fault.kind, fault.field.as_deref()), (FaultKind::Rejected, Some("Tier_c")), "{fault:?}");
}

#[tokio::test]
async fn a_refused_token_holds_the_connection() {
    let site = Site::open().await;
    let mut secrets = site.secrets();
    secrets.client_secret = Some("wrong".into());
    secrets.password = Some("wrong".into());
    for config in [site.token_resource(), site.oauth2()] {
        let client = site.client_with(config, secrets.clone()).await;
        let fault = client.newest(Entity::Vendors).await.unwrap_err();
        assert_eq!(fault.kind, FaultKind::Unauthorized, "{fault:?}");
    }
}

#[tokio::test]
async fn a_company_with_broken_rows_is_read_to_the_end() {
    let site = Site::open().await;
    let order = SeedCompany { vendors: 40, customers: 40, contacts: true, broken: true, ..SeedCompany::default() };
    let broken = site.sim.store().seed_company(&order).unwrap().broken;
    assert!(!broken.is_empty());
    let client = site.client(site.config()).await;
    for entity in Entity::PARTIES {
        let mut last = None;
        loop {
            let query = page_query(entity, None, &PageAsk::After { key: last }, &client.shape(&[]));
            let page = client.fetch_page(entity, &query).await.unwrap();
            for problem in page.rows.iter().filter_map(|row| row.as_ref().err()) {
                assert!(problem.key.is_some() && !problem.field.is_empty(), "{problem:?}");
            }
            if page.received == 0 {
                break;
            }
            last = page.last_key;
        }
    }
}

/// A server that is not well and repeats the headers it was sent, as Epicor does elsewhere.
pub(crate) async fn echo(status: &'static str) -> String {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}/Live/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut sent = vec![0; 8192];
                let length = stream.read(&mut sent).await.unwrap();
                let sent = String::from_utf8_lossy(&sent[..length]).replace(['\r', '\n', '"'], " ");
                let body = format!(
                    r#"{{"ErrorMessage":"Could not validate {sent}","ErrorType":"System.Exception","CorrelationId":"{sent}"}}"#
                );
                let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
                stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
            });
        }
    });
    base
}

#[tokio::test]
async fn a_token_service_that_repeats_the_password_puts_it_into_no_fault_and_no_pause() {
    let site = Site::open().await;
    let secrets = site.secrets();
    let password = site.sim.config().password.clone();
    for (status, kinds) in [
        ("500 Internal Server Error", [FaultKind::Transient, FaultKind::Limited]),
        ("401 Unauthorized", [FaultKind::Unauthorized, FaultKind::Unauthorized]),
    ] {
        let address = Address::parse(&echo(status).await, CompanyCode::parse("EPIC06").unwrap()).unwrap();
        let config = EpicorConfig { auth: EpicorAuth::TokenResource, ..EpicorConfig::new(address) };
        let client = site.client_with(config, secrets.clone()).await;
        for kind in kinds {
            let fault = client.newest(Entity::Vendors).await.unwrap_err();
            assert_eq!(fault.kind, kind, "{fault}");
            let told = format!("{fault:?}");
            assert!(!told.contains(&password) && !told.contains("validate"), "{told}");
        }
    }
}
