//! `mlc ping`, `mlc check` and `mlc connection list` for a shop: what a person reads when it does not work, or works in another way than
//! hoped for.

use std::{collections::BTreeSet, time::Duration};

use mlc_adobe::AdobeNeeds;
use mlc_house::{House, HouseConfig};
use mlc_model::{ConnectionId, FaultKind, PingReport, Verdict};
use serde_json::Value;

use crate::{
    ping::{assert_bad, line},
    processes::Process,
};

const WEBHOOK: &str = "[connections.shop-main.webhook]\nscheme = \"hmac_sha256\"\n";
/// Every right that the flows of a whole house need.
const RIGHTS: [&str; 14] = [
    "Magento_Sales::actions_view",
    "Magento_Sales::api_actions",
    "Magento_Sales::create",
    "Magento_Sales::comment",
    "Magento_Sales::cancel",
    "Magento_Sales::sales_invoice",
    "Magento_Sales::invoice",
    "Magento_Customer::customer",
    "Magento_Customer::manage",
    "Magento_Company::index",
    "Magento_InventoryApi::source",
    "Magento_InventoryApi::source_edit",
    "Magento_Backend::store",
    "Magento_Backend::system",
];

async fn house(config: HouseConfig) -> House {
    House::open_without_worker(config).await.unwrap()
}

fn shop_main() -> ConnectionId {
    ConnectionId::parse("shop-main").unwrap()
}

async fn ping(house: &House) -> PingReport {
    house.context.connections.adobe(&shop_main()).await.unwrap().ping(AdobeNeeds::default()).await
}

fn bad(report: &PingReport) -> Vec<&str> {
    report.lines.iter().filter(|line| line.verdict == Verdict::Bad).map(|line| line.what.as_str()).collect()
}

/// Runs `mlc` as a process of its own; its exit code, what it wrote and the document it answered with.
async fn mlc(house: &House, arguments: &[&str]) -> (Option<i32>, String, Value) {
    let mut process = Process::mlc(house, arguments);
    let status = process.ended(Duration::from_secs(60)).await;
    let text = process.log();
    // The document comes first, log lines after it.
    let document = serde_json::Deserializer::from_str(&text).into_iter().next().and_then(Result::ok);
    (status.code(), text, document.unwrap_or_default())
}

fn reported<'a>(document: &'a Value, what: &str) -> &'a Value {
    let lines = document["connections"][0]["lines"].as_array().unwrap();
    lines.iter().find(|line| line["what"] == what).unwrap_or_else(|| panic!("no line about {what}: {document:#}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_shop_can_do_stands_in_its_ping_in_either_edition() {
    for (config, b2b, attributes) in [
        (HouseConfig::with_paas_shop(), "without custom attributes", "not in this shop"),
        (HouseConfig::with_older_paas_shop(), "without custom attributes", "not in this shop"),
        (HouseConfig::with_saas_shop(), "which take custom attributes", "GL codes go there"),
    ] {
        let report = ping(&house(config).await).await;
        assert_eq!(report.worst(), Verdict::Good, "{report:#?}");
        for (what, detail) in [
            ("store", "default (id 1), base currency USD"),
            ("modules", "enabled"),
            ("B2B", b2b),
            ("inventory sources", "can be kept as supplier records"),
            ("custom attributes on lines", attributes),
            ("announces changes", "by webhooks and by I/O Events"),
        ] {
            assert!(line(&report, what).detail.contains(detail), "{what}: {detail}: {report:#?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shop_without_b2b_and_sources_says_so_and_how_to_go_on() {
    let house = house(HouseConfig::with_paas_shop()).await;
    house.shop().change_behaviour(|behaviour| {
        behaviour.b2b = false;
        behaviour.sources = false;
    });
    let report = ping(&house).await;
    assert!(line(&report, "B2B").detail.contains("there are no companies"), "{report:#?}");
    assert_eq!(line(&report, "inventory sources").detail, "not in this shop");
    assert_bad(&report, "companies: save", "does not offer this call", "or leave the flow out");
    assert_eq!(bad(&report), ["companies: read", "companies: save", "sources: read", "sources: save"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_right_that_a_shops_integration_lacks_is_named_and_no_other() {
    let house = house(HouseConfig::with_paas_shop()).await;
    let grant = |rights: BTreeSet<String>| {
        house.shop().change_integration(0, |integration| integration.resources = Some(rights));
    };
    let all: BTreeSet<String> = RIGHTS.into_iter().map(str::to_owned).collect();
    grant(all.clone());
    let report = ping(&house).await;
    assert_eq!(report.worst(), Verdict::Good, "{report:#?}");
    for (resource, what) in [
        ("Magento_Sales::api_actions", "orders: save"),
        ("Magento_Sales::comment", "orders: comment"),
        ("Magento_Sales::cancel", "orders: cancel"),
        ("Magento_Sales::sales_invoice", "invoices: read"),
        ("Magento_Sales::invoice", "invoices: create"),
        ("Magento_InventoryApi::source_edit", "sources: save"),
    ] {
        let mut rights = all.clone();
        assert!(rights.remove(resource), "{resource}");
        grant(rights);
        let report = ping(&house).await;
        assert_eq!(bad(&report), [what], "{resource}: {report:#?}");
        assert_bad(&report, what, resource, &format!("Grant {resource} to the integration"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_secret_of_a_shop_is_one_line_with_what_to_do() {
    let (paas, saas) = (HouseConfig::with_paas_shop, HouseConfig::with_saas_shop);
    let (again, four) = ("Enter the credentials again", "Check the four secrets");
    for (config, what, secret, fix) in [
        (paas(), "signature", "consumer_key", again),
        (paas(), "signature", "consumer_secret", four),
        (paas(), "signature", "token", again),
        (paas(), "signature", "token_secret", four),
        (saas(), "token", "client_id", again),
        (saas(), "token", "client_secret", again),
    ] {
        let house = house(config).await;
        house.set_secret("shop-main", secret, "mistyped0canary0mistyped0canary0").await.unwrap();
        let report = ping(&house).await;
        assert_eq!(report.lines.len(), 1, "what follows from it is not listed: {report:#?}");
        assert_bad(&report, what, "", fix);
        assert!(!format!("{report:?}").contains("canary"), "{secret}: {report:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_of_a_shop_that_is_not_set_is_named() {
    for (config, secret) in
        [(HouseConfig::with_paas_shop(), "token_secret"), (HouseConfig::with_saas_shop(), "client_id")]
    {
        let house = house(config).await;
        assert!(house.secrets.delete(&shop_main(), secret).await.unwrap());
        let fault = house.context.connections.adobe(&shop_main()).await.err().unwrap();
        assert_eq!((fault.kind, fault.field.as_deref()), (FaultKind::Unauthorized, Some(secret)), "{fault:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn customers_of_another_web_site_than_the_stores_are_warned_of() {
    let mut house = house(HouseConfig::with_paas_shop()).await;
    house.settings_text = house.settings_text.replace("website_id = 1", "website_id = 4");
    let (code, text, document) = mlc(&house, &["ping", "shop-main", "--json"]).await;
    assert_eq!(code, Some(0), "{text}");
    let line = reported(&document, "web site");
    assert_eq!(line["verdict"], "warning");
    assert!(line["fix"].as_str().unwrap().contains("`website_id`"), "{line}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_line_tells_of_an_endpoint_whose_secret_is_not_set() {
    let config = HouseConfig { shop_lines: WEBHOOK.to_owned(), ..HouseConfig::with_saas_shop() };
    let house = house(config).await;
    let (code, text, document) = mlc(&house, &["ping", "shop-main", "--json"]).await;
    assert_eq!(code, Some(1), "{text}");
    let line = reported(&document, "webhook");
    assert_eq!(line["verdict"], "bad");
    assert!(line["fix"].as_str().unwrap().contains("mlc connection set-secret shop-main webhook_secret"), "{line}");

    let missing = |document: &Value| {
        let items = document["items"].as_array().unwrap();
        let shop = items.iter().find(|item| item["connection"] == "shop-main").unwrap();
        (shop["missing"].clone(), shop["address"].as_str().unwrap().to_owned())
    };
    let (code, text, document) = mlc(&house, &["connection", "list", "--json"]).await;
    assert_eq!(code, Some(0), "{text}");
    let (names, address) = missing(&document);
    assert_eq!(names, serde_json::json!(["webhook_secret"]));
    assert!(address.ends_with("store default"), "{address}");

    house.set_secret("shop-main", "webhook_secret", "webhook-canary").await.unwrap();
    let (_, text, document) = mlc(&house, &["connection", "list", "--json"]).await;
    assert_eq!(missing(&document).0, serde_json::json!([]));
    assert!(!text.contains("canary"), "{text}");
    let (code, text, document) = mlc(&house, &["ping", "shop-main", "--json"]).await;
    assert_eq!((code, &document["verdict"]), (Some(0), &Value::from("good")), "{text}");
    assert_eq!(reported(&document, "webhook")["detail"], "/webhooks/adobe/shop-main takes hmac_sha256");
    assert!(reported(&document, "B2B")["detail"].as_str().unwrap().contains("companies"));
    assert!(!text.contains("canary"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_check_of_the_settings_warns_of_a_flow_that_nothing_can_announce() {
    let house = house(HouseConfig::with_paas_shop()).await;
    let (code, text, document) = mlc(&house, &["check", "--json"]).await;
    assert_eq!((code, &document["good"]), (Some(0), &Value::Bool(true)), "{text}");
    let warnings = document["warnings"].as_array().unwrap();
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert!(warnings.iter().all(|warning| warning.as_str().unwrap().contains("[connections.shop-main.webhook]")));

    let house = self::house(HouseConfig { shop_lines: WEBHOOK.to_owned(), ..HouseConfig::with_paas_shop() }).await;
    let (_, text, document) = mlc(&house, &["check", "--json"]).await;
    assert_eq!(document["warnings"], serde_json::json!([]), "{text}");
    let (_, text, _) = mlc(&house, &["check"]).await;
    assert!(text.lines().any(|line| line.contains("requisitions") && line.contains("by webhook")), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_access_token_of_the_wrong_length_is_a_bad_login_and_no_right_is_called_granted() {
    let house = house(HouseConfig::with_paas_shop()).await;
    house.set_secret("shop-main", "token", "cut-short-when-pasted").await.unwrap();
    let report = ping(&house).await;
    assert_bad(&report, "signature", "`token`", "Enter the credentials again");
    assert_eq!(report.lines.len(), 1, "{report:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flow_that_webhooks_announce_cannot_be_synchronised_and_says_so() {
    let house = house(HouseConfig::with_paas_shop()).await;
    for arguments in
        [&["sync", "adobe_to_epicor::requisitions"][..], &["sync", "adobe_to_epicor::invoices", "--no-wait"]]
    {
        let (code, text, _) = mlc(&house, arguments).await;
        assert_eq!(code, Some(3), "{text}");
        assert!(text.contains("webhooks of shop-main") && text.contains("nothing to poll"), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_holds_no_public_key_is_found_by_a_check() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "no key\n").unwrap();
    let lines = format!("webhook = {{ scheme = \"commerce_rsa\", public_keys = [\"{}\"] }}", file.path().display());
    let house = house(HouseConfig { shop_lines: lines, ..HouseConfig::with_paas_shop() }).await;
    let (code, text, _) = mlc(&house, &["check"]).await;
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("connections.shop-main.webhook.public_keys"), "{text}");
}
