//! The connection test.

use std::collections::BTreeSet;

use mlc_adobe::{AdobeConfig, AdobeNeeds, AdobeSecrets};
use mlc_model::{PingReport, Verdict};

use crate::support::{Site, purchase_order};

fn bad(report: &PingReport) -> Vec<&str> {
    report.lines.iter().filter(|line| line.verdict == Verdict::Bad).map(|line| line.what.as_str()).collect()
}

#[tokio::test]
async fn a_whole_shop_is_good_and_nothing_is_written() {
    for site in Site::all().await {
        let client = site.client().await;
        client.create_order(&purchase_order("P-1")).await.unwrap();
        let report = client.ping(AdobeNeeds::default()).await;
        assert_eq!(report.worst(), Verdict::Good, "{report:#?}");
        assert_eq!((site.sim.orders().len(), site.sim.invoices().len()), (1, 0));
        assert!(site.sim.companies().is_empty() && site.sim.customers().is_empty());
    }
}

#[tokio::test]
async fn a_missing_right_is_named() {
    let site = Site::paas().await;
    let granted = ["Magento_Sales::actions_view", "Magento_Sales::sales_invoice", "Magento_Sales::create"];
    let granted: BTreeSet<String> = granted.into_iter().map(str::to_owned).collect();
    site.sim.change_integration(0, |integration| integration.resources = Some(granted));
    let needs = AdobeNeeds { companies: false, sources: false, ..AdobeNeeds::default() };
    let report = site.client().await.ping(needs).await;
    let save = report.lines.iter().find(|line| line.what == "orders: save").unwrap();
    assert_eq!(save.verdict, Verdict::Bad);
    assert!(save.fix.as_deref().unwrap().contains("Magento_Sales::api_actions"), "{report:#?}");
    assert!(bad(&report).contains(&"invoices: create"), "{report:#?}");
}

#[tokio::test]
async fn a_shop_without_b2b_and_inventory_says_so() {
    let site = Site::paas().await;
    site.sim.change_behaviour(|behaviour| {
        behaviour.b2b = false;
        behaviour.sources = false;
    });
    let client = site.client().await;
    let report = client.ping(AdobeNeeds::default()).await;
    assert_eq!(bad(&report), ["companies: read", "companies: save", "sources: read", "sources: save"]);
    let report = client.ping(AdobeNeeds { companies: false, sources: false, ..AdobeNeeds::default() }).await;
    assert_eq!(report.worst(), Verdict::Good, "{report:#?}");
    let capabilities = client.capabilities().await.unwrap();
    assert!(!capabilities.companies && !capabilities.sources && !capabilities.line_attributes);
}

#[tokio::test]
async fn what_a_shop_can_do_is_asked_once_and_can_be_remembered() {
    let site = Site::saas().await;
    let client = site.client().await;
    let capabilities = client.capabilities().await.unwrap();
    assert!(capabilities.line_attributes && capabilities.company_attributes && capabilities.sources);
    assert_eq!(capabilities.store(1).unwrap().base_currency_code, "USD");
    let calls = site.sim.request_log().count("modules");
    assert_eq!(client.capabilities().await.unwrap(), capabilities);
    assert_eq!(site.sim.request_log().count("modules"), calls);
    let other = site.client().await;
    other.set_capabilities(serde_json::from_str(&serde_json::to_string(&capabilities).unwrap()).unwrap());
    assert_eq!(other.capabilities().await.unwrap(), capabilities);
    assert_eq!(site.sim.request_log().count("modules"), calls);
}

#[tokio::test]
async fn a_wrong_secret_an_unknown_store_and_a_dead_address_have_a_line_each() {
    let site = Site::paas().await;
    let secrets = AdobeSecrets { consumer_secret: Some("x".repeat(32).into()), ..site.secrets() };
    let report = site.client_with(site.config(), secrets).await.unwrap().ping(AdobeNeeds::default()).await;
    assert_eq!(bad(&report), ["signature"]);
    for config in [
        AdobeConfig { store: "nosuch".to_owned(), ..site.config() },
        AdobeConfig { base_url: "http://127.0.0.1:9".to_owned(), ..site.config() },
    ] {
        let report = site.client_with(config, site.secrets()).await.unwrap().ping(AdobeNeeds::default()).await;
        assert_eq!(bad(&report), ["signature"], "{report:#?}");
    }
    let config = AdobeConfig { store_id: 7, ..site.config() };
    let report = site.client_with(config, site.secrets()).await.unwrap().ping(AdobeNeeds::default()).await;
    assert_eq!(bad(&report), ["store"], "{report:#?}");
}
