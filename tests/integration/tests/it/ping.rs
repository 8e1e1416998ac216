//! `mlc ping`: what a person reads when a connection does not work, or works in another way than hoped for.

use mlc_epicor::Entity;
use mlc_house::{House, HouseConfig, TOKEN};
use mlc_model::{ConnectionId, PingLine, PingReport, Verdict};
use mlc_simulators::epicor::Profile;

async fn house() -> House {
    House::open_without_worker(HouseConfig::default()).await.unwrap()
}

async fn ping_epicor(house: &House, connection: &str) -> PingReport {
    let connection = ConnectionId::parse(connection).unwrap();
    house.context.connections.epicor(&connection).await.unwrap().ping(&Entity::PARTIES).await
}

async fn ping_hubspot(house: &House) -> PingReport {
    let connection = ConnectionId::parse("hubspot-main").unwrap();
    house.context.connections.hubspot(&connection).await.unwrap().ping().await
}

#[track_caller]
pub(crate) fn line<'a>(report: &'a PingReport, what: &str) -> &'a PingLine {
    let found = report.lines.iter().find(|line| line.what == what);
    found.unwrap_or_else(|| panic!("no line about {what}: {report:#?}"))
}

/// The line is bad and says both, what is wrong and what to do.
#[track_caller]
pub(crate) fn assert_bad(report: &PingReport, what: &str, detail: &str, fix: &str) {
    let line = line(report, what);
    assert_eq!(line.verdict, Verdict::Bad, "{line:?}");
    assert!(line.detail.contains(detail), "{line:?}");
    let advice = line.fix.as_deref().unwrap_or_default();
    assert!(advice.contains(fix), "{line:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_without_updated_on_is_told_what_is_used_instead_and_why() {
    let report = ping_epicor(&house().await, "epicor-main").await;
    assert_eq!(report.worst(), Verdict::Good, "{report:#?}");
    for (what, why) in [
        (
            "vendors",
            "Vendors has no UpdatedOn. SysRevID grows with every write to a row, so it finds every change; it has no date of change at all",
        ),
        (
            "customers",
            "Customers has no UpdatedOn. SysRevID grows with every write to a row, so it finds every change; its ChangeDate knows days only",
        ),
        (
            "customer_contacts",
            "CustCnts has no UpdatedOn. SysRevID grows with every write to a row, so it finds every change; nothing maintains its ChangeDate",
        ),
    ] {
        let line = line(&report, &format!("{what}: change field"));
        assert!(line.detail.starts_with("SysRevID (revision): "), "{line:?}");
        assert!(line.detail.contains(why), "{line:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_with_updated_on_is_told_that_it_is_used() {
    let config = HouseConfig { profile: Profile::UpdatedOn, ..HouseConfig::default() };
    let report = ping_epicor(&House::open_without_worker(config).await.unwrap(), "epicor-main").await;
    assert_eq!(report.worst(), Verdict::Good, "{report:#?}");
    let line = line(&report, "vendors: change field");
    assert!(line.detail.starts_with("UpdatedOn (timestamp): "), "{line:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_epicor_key_is_told_apart_from_a_wrong_password() {
    let house = house().await;
    house.set_secret("epicor-main", "api_key", "mistyped-canary").await.unwrap();
    let report = ping_epicor(&house, "epicor-main").await;
    assert_eq!(line(&report, "server").verdict, Verdict::Good);
    assert_bad(&report, "api key", "refused the API key", "API Key Maintenance");
    assert!(!format!("{report:?}").contains("canary"), "Epicor repeats the key, the report must not");
    assert_eq!(report.lines.len(), 2, "what follows from it is not listed: {report:#?}");

    let house = self::house().await;
    house.set_secret("epicor-main", "password", "last-year-canary").await.unwrap();
    let report = ping_epicor(&house, "epicor-main").await;
    assert_bad(&report, "login", "refused the login", "Check `user` and `password`");
    assert!(!format!("{report:?}").contains("canary"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_company_is_named_with_what_to_correct() {
    let more_sections =
        "[connections.epicor-else]\nsystem = \"epicor\"\nbase_url = \"{epicor}\"\ncompany = \"EPIC99\"\n".to_owned();
    let house = House::open_without_worker(HouseConfig { more_sections, ..HouseConfig::default() }).await.unwrap();
    let config = house.epicor.config().clone();
    for (name, secret) in [("api_key", &config.api_key), ("user", &config.user), ("password", &config.password)] {
        house.set_secret("epicor-else", name, secret).await.unwrap();
    }
    let report = ping_epicor(&house, "epicor-else").await;
    assert_bad(&report, "company", "there is no company EPIC99", "Correct `company` (the company id, not its name)");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_right_that_the_epicor_key_lacks_is_named_for_the_entity_it_concerns() {
    let house = house().await;
    house.epicor.store().switches_mut().scope = Some(vec!["Erp.BO.Vendor".to_owned(), "Erp.BO.CustCnt".to_owned()]);
    let report = ping_epicor(&house, "epicor-main").await;
    assert_eq!(line(&report, "vendors: read").verdict, Verdict::Good);
    assert_eq!(line(&report, "customer_contacts: read").verdict, Verdict::Good);
    assert_bad(
        &report,
        "customers: read",
        "has no right to Erp.BO.Customer.GetRows",
        "the right to Erp.BO.CustomerSvc",
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_epicor_that_does_not_answer_leads_to_address_network_and_certificate() {
    // Nobody listens on port 1.
    let more_sections = "[connections.epicor-gone]\nsystem = \"epicor\"\nbase_url = \"http://127.0.0.1:1/Live\"\ncompany = \"EPIC06\"\n";
    let config = HouseConfig { more_sections: more_sections.to_owned(), ..HouseConfig::default() };
    let house = House::open_without_worker(config).await.unwrap();
    for name in ["api_key", "user", "password"] {
        house.set_secret("epicor-gone", name, "whatever").await.unwrap();
    }
    let report = ping_epicor(&house, "epicor-gone").await;
    assert_bad(&report, "server", "http://127.0.0.1:1/Live does not answer", "Check `base_url`, the network");
    assert_eq!(report.lines.len(), 1, "{report:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hubspot_token_that_is_not_accepted_is_told_with_what_to_do() {
    let house = house().await;
    assert!(house.hubspot.revoke_token(TOKEN));
    let report = ping_hubspot(&house).await;
    assert_bad(&report, "token", "does not accept the token", "mlc connection set-secret");
    assert!(!format!("{report:?}").contains(TOKEN));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_hubspot_scope_is_named_with_what_to_do() {
    let house = house().await;
    let scopes = [
        "oauth",
        "crm.objects.companies.read",
        "crm.objects.contacts.read",
        "crm.objects.contacts.write",
        "crm.schemas.companies.read",
        "crm.schemas.companies.write",
    ];
    house.hubspot.add_token(TOKEN, Some(&scopes));
    let report = ping_hubspot(&house).await;
    assert_bad(&report, "scopes", "lacks crm.objects.companies.write", "add the scope to the private app");
    let line = line(&report, "scopes");
    assert!(!line.detail.contains("contacts"), "only what is missing is named: {line:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hubspot_account_that_is_not_set_up_is_told_to_run_the_set_up() {
    let house = House::open_without_worker(HouseConfig { set_up: false, ..HouseConfig::default() }).await.unwrap();
    let report = ping_hubspot(&house).await;
    assert_eq!(line(&report, "token").verdict, Verdict::Good);
    for property in ["epicor_key", "epicor_record_type", "epicor_id"] {
        assert_bad(&report, &format!("property {property}"), "is missing", "run `mlc ping --set-up`");
    }
    house.set_up_hubspot().await.unwrap();
    let report = ping_hubspot(&house).await;
    assert_eq!(report.worst(), Verdict::Good, "{report:#?}");
}
