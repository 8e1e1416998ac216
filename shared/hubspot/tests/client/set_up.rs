//! Properties and the connection test.

use mlc_hubspot::HubspotConfig;
use mlc_model::Verdict;
use mlc_simulators::hubspot::DEFAULT_TOKEN;

use crate::portal::{Portal, static_token};

#[tokio::test]
async fn the_set_up_makes_what_is_missing_once() {
    let extra = ["epicor_tax_id", "tier"].map(str::to_owned).to_vec();
    let config = HubspotConfig { extra_properties: extra, ..HubspotConfig::default() };
    let portal = Portal::empty(config, static_token(DEFAULT_TOKEN)).await;
    let before = portal.client.verify().await.unwrap();
    assert_eq!(before.worst(), Verdict::Bad);
    let first = portal.client.set_up().await.unwrap();
    for made in ["group epicor", "epicor_key", "epicor_record_type", "epicor_active", "epicor_tax_id"] {
        assert!(first.created.iter().any(|name| name == made), "{made}: {first:?}");
    }
    assert_eq!(first.present, ["type"]);
    // The user's own property is not made for them.
    assert_eq!(first.problems.len(), 1);
    assert_eq!(first.problems[0].property, "tier");
    let again = portal.client.set_up().await.unwrap();
    assert!(again.created.is_empty());
    assert_eq!(again.present.len(), first.created.len() + 1);
}

#[tokio::test]
async fn a_key_property_that_is_not_unique_is_a_problem() {
    let config = HubspotConfig { key_property: "domain".to_owned(), ..HubspotConfig::default() };
    let portal = Portal::empty(config, static_token(DEFAULT_TOKEN)).await;
    let report = portal.client.set_up().await.unwrap();
    let problem = report.problems.iter().find(|problem| problem.property == "domain").unwrap();
    assert!(problem.detail.contains("not unique"), "{}", problem.detail);
}

#[tokio::test]
async fn a_ping_of_a_ready_account_has_only_good_lines() {
    let portal = Portal::open().await;
    let report = portal.client.ping().await;
    assert_eq!(report.worst(), Verdict::Good, "{report:#?}");
    let text: String = report.lines.iter().map(|line| format!("{}: {}\n", line.what, line.detail)).collect();
    for part in
        ["token: accepted", "portal ", "time zone: Europe/", "50000 calls per 10 s", "property epicor_key", "clock: "]
    {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    assert!(!text.contains(DEFAULT_TOKEN));
}

#[tokio::test]
async fn a_ping_with_oauth_proves_the_refresh_token() {
    let portal = Portal::open_with_oauth().await;
    let report = portal.client.ping().await;
    assert_eq!(report.worst(), Verdict::Good, "{report:#?}");
    assert_eq!(portal.sim.stats().tokens_granted, 1);
}
