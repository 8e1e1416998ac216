//! The connection test, against sites that are set up well and badly.

use mlc_epicor::{ChangeSetting, Entity, EpicorAuth, EpicorConfig};
use mlc_model::{ChangeMode, PingLine, PingReport, Verdict};

use crate::{refusals::echo, support::Site};

fn line<'a>(report: &'a PingReport, what: &str) -> &'a PingLine {
    report.lines.iter().find(|line| line.what == what).unwrap_or_else(|| panic!("no line {what} in {report:#?}"))
}

#[tokio::test]
async fn a_stock_site_says_what_it_uses_in_place_of_updated_on() {
    let site = Site::open().await;
    let report = site.client(site.config()).await.ping(&Entity::PARTIES).await;
    assert_eq!(report.worst(), Verdict::Good, "{report:#?}");
    let field = line(&report, "vendors: change field");
    assert!(field.detail.starts_with("SysRevID (revision): Vendors has no UpdatedOn."), "{}", field.detail);
    assert_eq!(line(&report, "vendors: read").detail, "60 rows");
    for what in ["server", "login", "api key", "company", "clock", "customers: read", "customer_contacts: change field"]
    {
        line(&report, what);
    }
}

#[tokio::test]
async fn a_token_service_that_is_elsewhere_or_ill_is_not_called_a_good_login() {
    let site = Site::open().await;
    for (status, fix) in [("404 Not Found", "Correct `token_url`"), ("403 Forbidden", "state of the token service")] {
        let token_url = format!("{}connect/token", echo(status).await);
        let EpicorAuth::OAuth2 { scope, grant, .. } = site.oauth2().auth else { unreachable!() };
        let auth = EpicorAuth::OAuth2 { token_url, scope, grant };
        let report = site.client(EpicorConfig { auth, ..site.config() }).await.ping(&Entity::PARTIES).await;
        let login = line(&report, "login");
        assert_eq!((login.verdict, report.lines.len()), (Verdict::Bad, 1), "{report:#?}");
        assert!(login.fix.as_ref().unwrap().contains(fix), "{report:#?}");
    }
}

#[tokio::test]
async fn a_wrong_key_login_or_company_says_which_and_what_to_do() {
    let site = Site::open().await;
    let mut secrets = site.secrets();
    secrets.api_key = Some("wrong-key".into());
    let report = site.client_with(site.config(), secrets).await.ping(&Entity::PARTIES).await;
    let key = line(&report, "api key");
    assert_eq!(key.verdict, Verdict::Bad);
    assert!(key.fix.as_ref().unwrap().contains("api_key"));
    assert!(!format!("{report:?}").contains("wrong-key"));

    for config in [site.config(), site.token_resource()] {
        let mut secrets = site.secrets();
        secrets.password = Some("wrong-password".into());
        let report = site.client_with(config, secrets).await.ping(&Entity::PARTIES).await;
        assert_eq!(line(&report, "login").verdict, Verdict::Bad);
    }

    let report = site.client(site.config_of("EPIC99")).await.ping(&Entity::PARTIES).await;
    let company = line(&report, "company");
    assert_eq!(company.verdict, Verdict::Bad);
    assert!(company.detail.contains("EPIC99") && company.fix.as_ref().unwrap().contains("company"), "{company:?}");
}

#[tokio::test]
async fn a_missing_right_stops_one_entity_only() {
    let site = Site::open().await;
    site.sim.store().switches_mut().scope = Some(vec!["Erp.BO.Vendor".to_owned()]);
    let report = site.client(site.config()).await.ping(&Entity::PARTIES).await;
    assert_eq!(line(&report, "login").verdict, Verdict::Good, "{report:#?}");
    assert_eq!(line(&report, "vendors: read").verdict, Verdict::Good, "{report:#?}");
    let customers = line(&report, "customers: read");
    assert_eq!(customers.verdict, Verdict::Bad);
    assert!(customers.fix.as_ref().unwrap().contains("Erp.BO.CustomerSvc"), "{customers:?}");
}

#[tokio::test]
async fn a_configured_change_field_that_is_not_there_names_the_alternatives() {
    let site = Site::open().await;
    let setting = ChangeSetting { mode: "timestamp".parse().unwrap(), column: None };
    let config = EpicorConfig { change_fields: [(Entity::Customers, setting)].into(), ..site.config() };
    let report = site.client(config).await.ping(&[Entity::Customers]).await;
    let field = line(&report, "customers: change field");
    assert_eq!(field.verdict, Verdict::Bad);
    assert!(field.detail.contains("ChangeDate with ChangeTime (date_plus_seconds), SysRevID (revision)"), "{field:?}");
}

#[tokio::test]
async fn an_extra_column_that_is_not_there_is_named() {
    let site = Site::open().await;
    let with = |columns: &[&str]| {
        let columns = columns.iter().map(|name| (*name).to_owned()).collect();
        EpicorConfig { extra_columns: [(Entity::Vendors, columns)].into(), ..site.config() }
    };
    let report =
        site.client(with(&["Name", "NAME", "Regoin_c"])).await.ping(&[Entity::Vendors, Entity::Customers]).await;
    let columns = line(&report, "vendors: extra columns");
    assert_eq!(columns.verdict, Verdict::Bad);
    assert!(columns.detail.contains("no column NAME (but Name), Regoin_c;"), "{columns:?}");
    assert!(!report.lines.iter().any(|line| line.what == "customers: extra columns"));
    let report = site.client(with(&["Name"])).await.ping(&[Entity::Vendors]).await;
    assert_eq!(line(&report, "vendors: extra columns").verdict, Verdict::Good, "{report:#?}");
}

#[tokio::test]
async fn a_servers_own_page_limit_is_seen() {
    let site = Site::open().await;
    site.sim.store().switches_mut().max_top = Some(25);
    let report = site.client(site.config()).await.ping(&[Entity::Vendors]).await;
    let size = line(&report, "vendors: page size");
    assert_eq!(size.verdict, Verdict::Warning);
    assert!(size.detail.contains("25 rows"), "{size:?}");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_said_so() {
    let site = Site::open().await;
    let mut config = site.config();
    // A port nobody listens on.
    config.address = mlc_epicor::Address::parse("http://127.0.0.1:9/Live", config.address.company().clone()).unwrap();
    let report = site.client(config).await.ping(&Entity::PARTIES).await;
    assert_eq!(line(&report, "server").verdict, Verdict::Bad, "{report:#?}");
    assert_eq!(report.lines.len(), 1);
}

#[tokio::test]
async fn a_site_with_updated_on_uses_it() {
    let site = Site::open().await;
    site.sim.store().switches_mut().updated_on = vec!["Vendors".to_owned()];
    let client = site.client(site.config()).await;
    assert_eq!(client.change_field(Entity::Vendors).await.unwrap().field.mode, ChangeMode::Timestamp);
    assert_eq!(client.change_field(Entity::Customers).await.unwrap().field.mode, ChangeMode::Revision);
    let report = client.ping(&[Entity::Vendors]).await;
    assert!(line(&report, "vendors: change field").detail.contains("Vendors has UpdatedOn"));
}
