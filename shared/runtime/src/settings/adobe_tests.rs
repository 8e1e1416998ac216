//! Connections to Adobe Commerce and their flows, as people write them wrong.
#![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]

mod endpoints;

use std::fmt::Write as _;

use rust_decimal::Decimal;

use super::*;

const GOOD: &str = r#"
[connections.epicor-main]
system = "epicor"
base_url = "https://erp.example.com/EpicorERP"
company = "EPIC06"

[connections.shop-main]
system = "adobe"
base_url = "https://shop.example.com"
edition = "paas"
#shop

[connections.shop-cloud]
system = "adobe"
base_url = "https://na1.api.commerce.adobe.com/q7Zt4nVb"
edition = "saas"
#cloud
"#;

const ORDERS: &str = "epicor_to_adobe::purchase_orders";
const INVOICES: &str = "epicor_to_adobe::ap_invoices";
const VENDORS: &str = "epicor_to_adobe::vendors";
const COMPANIES: &str = "adobe_to_epicor::companies";
const REQUISITIONS: &str = "adobe_to_epicor::requisitions";
const ENTRY: &str = "adobe_to_epicor::invoices";

fn parse(text: &str) -> Result<Settings, SettingsErrors> {
    Settings::parse("mlc.toml", text, [])
}

fn with(place: &str, lines: &str) -> Result<Settings, SettingsErrors> {
    parse(&GOOD.replace(place, lines))
}

fn flow(kind: &str, lines: &str) -> Result<Settings, SettingsErrors> {
    let (from, to) =
        if kind.starts_with("adobe") { ("shop-main", "epicor-main") } else { ("epicor-main", "shop-main") };
    parse(&format!("{GOOD}\n[flows.\"{kind}\"]\nfrom = \"{from}\"\nto = \"{to}\"\n{lines}\n"))
}

fn settings_of(settings: &Settings, kind: &str) -> FlowSettings {
    settings.flow(&FlowId::parse(kind).unwrap()).unwrap().clone()
}

/// Expects exactly one error, at that key, which says that.
#[track_caller]
fn refused(found: Result<Settings, SettingsErrors>, key: &str, says: &str) {
    let found = found.expect_err(key);
    let [error] = found.0.as_slice() else { panic!("{key}: {found}") };
    assert_eq!(error.key, key, "{found}");
    assert!(found.to_string().contains(says), "{found}");
    assert!(error.line.is_some(), "{found}");
    assert!(!error.fix.is_empty(), "{found}");
}

#[track_caller]
fn flow_refused(kind: &str, lines: &str, key: &str, says: &str) {
    refused(flow(kind, lines), &format!("flows.{kind}.{key}"), says);
}

#[test]
fn both_editions_are_read_with_their_defaults() {
    let settings = parse(GOOD).unwrap();
    let of = |name: &str| settings.connection(&name.parse().unwrap()).unwrap().as_adobe().unwrap().clone();
    let (shop, cloud) = (of("shop-main"), of("shop-cloud"));
    assert_eq!((shop.edition, cloud.edition), (AdobeEdition::Paas, AdobeEdition::Saas));
    assert_eq!((shop.store.as_str(), shop.store_id, shop.website_id, shop.page_size), ("default", 1, 1, 100));
    assert_eq!(shop.webhook, None);
    assert_eq!(cloud.ims.token_url.as_str(), "https://ims-na1.adobelogin.com/ims/token/v3");
}

#[test]
fn a_number_of_a_connection_out_of_its_range_is_refused() {
    for (key, bad, range) in [
        ("store_id", "0", "use 1 to 65535"),
        ("store_id", "65536", "use 1 to 65535"),
        ("website_id", "-1", "use 1 to 65535"),
        ("concurrency", "0", "use 1 to 64"),
        ("concurrency", "65", "use 1 to 64"),
        ("page_size", "301", "use 1 to 300"),
        ("requests_per_second", "0.0", "use more than 0, at most 1000"),
        ("requests_per_second", "nan", "use more than 0, at most 1000"),
        ("timeout", "\"11m\"", "use 1s to 10m"),
        ("store", "\"Deutsch / AT\"", "use the code of a store view"),
        ("store", "\"\"", "use the code of a store view"),
        ("ca_file", "\"/nowhere/ca.pem\"", "cannot be opened"),
    ] {
        refused(with("#shop", &format!("{key} = {bad}")), &format!("connections.shop-main.{key}"), range);
    }
    for good in ["store_id = 65535", "store = \"all\"", "page_size = 1", "requests_per_second = 0.5"] {
        assert!(with("#shop", good).is_ok(), "{good}");
    }
}

#[test]
fn an_address_with_the_part_that_we_add_is_refused() {
    let main = |url: &str| parse(&GOOD.replace("https://shop.example.com", url));
    refused(main("https://shop.example.com/rest"), "connections.shop-main.base_url", "end it before `/rest`");
    refused(main("https://shop.example.com/rest/default/V1"), "connections.shop-main.base_url", "before `/rest`");
    refused(main("http://shop.example.com"), "connections.shop-main.base_url", "use https://");
    assert!(main("https://shop.example.com/b2b/").is_ok());
    let cloud = |url: &str| parse(&GOOD.replace("https://na1.api.commerce.adobe.com/q7Zt4nVb", url));
    let key = "connections.shop-cloud.base_url";
    refused(cloud("https://na1.api.commerce.adobe.com"), key, "lacks the tenant");
    refused(cloud("https://na1.api.commerce.adobe.com/q7Zt4nVb/V1"), key, "before `/V1`");
}

#[test]
fn what_belongs_to_the_other_edition_is_refused() {
    let found = with("#shop", "ims = { org_id = \"1@AdobeOrg\" }");
    refused(found, "connections.shop-main.ims", "belongs to edition \"saas\" alone");
    let found = with("#cloud", "ims = { token_url = \"http://login.example.com/\" }");
    refused(found, "connections.shop-cloud.ims.token_url", "in the clear");
    refused(with("#cloud", "ims = { scopes = \"\" }"), "connections.shop-cloud.ims.scopes", "is empty");
    refused(
        parse(&GOOD.replace("\"paas\"", "\"cloud\"")),
        "connections.shop-main.edition",
        "`cloud` is not known here",
    );
}

#[test]
fn one_store_through_two_connections_is_refused() {
    let twice = |url: &str, store: i64| {
        parse(&format!(
            "{GOOD}\n[connections.shop-other]\nsystem = \"adobe\"\nbase_url = \"{url}\"\nedition = \"paas\"\nstore_id = {store}\n"
        ))
    };
    for url in ["https://shop.example.com", "https://SHOP.example.com:443/"] {
        refused(twice(url, 1), "connections.shop-other", "leads to the same store as `shop-main`");
    }
    assert!(twice("https://shop.example.com", 2).is_ok());
    assert!(twice("https://shop.example.com/second", 1).is_ok());
}

#[test]
fn invoices_of_two_shops_under_one_prefix_are_refused() {
    let both = |prefix: &str| {
        flow(
            ENTRY,
            &format!(
                "[flows.\"adobe_to_epicor::of_cloud\"]\nkind = \"{ENTRY}\"\nfrom = \"shop-cloud\"\nto = \"epicor-main\"\n{prefix}"
            ),
        )
    };
    let key = "flows.adobe_to_epicor::of_cloud.invoices.number_prefix";
    refused(both(""), key, "is that of `adobe_to_epicor::invoices` too");
    refused(both("invoices = { number_prefix = \"adb-\" }"), key, "a `number_prefix` of its own");
    assert!(both("invoices = { number_prefix = \"CLOUD-\" }").is_ok());
}

#[test]
fn a_slip_in_a_table_inside_a_section_is_told_with_its_full_name_and_what_was_meant() {
    let key = "connections.shop-main.webhook.recipent";
    let found = with("#shop", "webhook = { scheme = \"io_events_rsa\", recipient = \"me\", recipent = \"me\" }");
    refused(found, key, "unknown key; did you mean `recipient`?");
    refused(
        with("#cloud", "ims = { tokenurl = \"x\" }"),
        "connections.shop-cloud.ims.tokenurl",
        "did you mean `token_url`?",
    );
    flow_refused(ORDERS, "purchase_orders = { approved = true }", "purchase_orders.approved", "unknown key");
    let lines = "purchase_orders.gl.segment = [1]";
    flow_refused(ORDERS, lines, "purchase_orders.gl.segment", "did you mean `segments`?");
    flow_refused(INVOICES, "ap_invoices = { tolerence = 1 }", "ap_invoices.tolerence", "did you mean `tolerance`?");
    let lines = "invoices = { accounts = [{ sku = \"A\", segments = [\"1\"] }, { sku = \"B\", segments = [\"1\"], skuu = 1 }] }";
    flow_refused(ENTRY, lines, "invoices.accounts.2.skuu", "did you mean `sku`?");
    flow_refused(ENTRY, "invoices = { accounts = [{ sku = \"A\" }] }", "invoices.accounts.1.segments", "is missing");
    flow_refused(
        ORDERS,
        "purchase_orders = true",
        "purchase_orders",
        "is a single value, not a section; write it as [flows.\"epicor_to_adobe::purchase_orders\".purchase_orders]",
    );
}

#[test]
fn one_slip_in_a_table_does_not_hide_the_next() {
    let lines =
        "ap_invoices = { order_wait = 5, tolerance = \"much\", review_percent = 1001, gl = { segments = [0] } }";
    let found = flow(INVOICES, lines).unwrap_err().to_string();
    for says in [
        "ap_invoices.order_wait: is",
        "ap_invoices.tolerance: is a text, expected a number such as 0.05",
        "ap_invoices.review_percent: 1001 is out of range; use 0 to 1000",
        "ap_invoices.gl.segments: 0 is out of range; use 1 to 20",
    ] {
        assert!(found.contains(says), "{says} not in {found}");
    }
}

#[test]
fn a_secret_of_a_shop_in_the_file_is_refused_without_showing_it() {
    for (name, lines) in [
        ("consumer_secret", "consumer_secret = \"canary\""),
        ("token_secret", "token_secret = \"canary\""),
        ("webhook_secret", "webhook = { scheme = \"hmac_sha256\", webhook_secret = \"canary\" }"),
        ("client_secret", "ims = { client_secret = \"canary\" }"),
    ] {
        let found = with("#cloud", lines).unwrap_err();
        let text = format!("{found} {found:?}");
        assert!(text.contains(&format!("run `mlc connection set-secret shop-cloud {name}`")), "{text}");
        assert!(!text.contains("canary"), "{text}");
    }
}

#[test]
fn an_environment_variable_reaches_into_tables_inside_a_section() {
    let text = format!("{GOOD}\n[flows.\"{INVOICES}\"]\nfrom = \"epicor-main\"\nto = \"shop-main\"\n");
    let settings = Settings::parse(
        "mlc.toml",
        &text,
        [("TOLERANCE", "0.10"), ("ORDER_WAIT", "2h"), ("GL__SEGMENTS", "[1, 3]"), ("GL__SEPARATOR", "|")].map(
            |(key, value)| (format!("MLC__FLOWS__EPICOR_TO_ADOBE_AP_INVOICES__AP_INVOICES__{key}"), value.to_owned()),
        ),
    )
    .unwrap();
    let options = settings_of(&settings, INVOICES).ap_invoices;
    assert_eq!((options.tolerance, options.order_wait.as_secs()), (Decimal::new(10, 2), 7200));
    assert_eq!((options.gl.segments, options.gl.separator.as_str()), (vec![1, 3], "|"));
}

#[test]
fn an_amount_is_a_number_or_a_text_and_keeps_its_cents() {
    for (text, amount) in
        [("0.05", "0.05"), ("\"0.05\"", "0.05"), ("3", "3"), ("\"1000000.01\"", "1000000.01"), ("1234.56", "1234.56")]
    {
        let settings =
            flow(INVOICES, &format!("ap_invoices = {{ tolerance = {text}, review_amount = {text} }}")).unwrap();
        let options = settings_of(&settings, INVOICES).ap_invoices;
        assert_eq!(
            (options.tolerance.to_string(), options.review_amount.unwrap().to_string().as_str()),
            (amount.to_owned(), amount)
        );
    }
    for text in ["nan", "\"5 EUR\"", "true", "[1]"] {
        flow_refused(
            INVOICES,
            &format!("ap_invoices = {{ tolerance = {text} }}"),
            "ap_invoices.tolerance",
            "a number such as 0.05",
        );
    }
    for key in ["tolerance", "review_amount"] {
        flow_refused(
            INVOICES,
            &format!("ap_invoices = {{ {key} = -0.01 }}"),
            &format!("ap_invoices.{key}"),
            "use 0 or more",
        );
    }
}

#[test]
fn options_of_another_kind_of_flow_are_refused_with_the_kind_they_belong_to() {
    for (kind, section) in [
        (ORDERS, "ap_invoices"),
        (INVOICES, "invoices"),
        (ENTRY, "ap_invoices"),
        (VENDORS, "companies"),
        (COMPANIES, "vendors"),
        (REQUISITIONS, "purchase_orders"),
    ] {
        flow_refused(kind, &format!("{section} = {{}}"), section, "move the section to such a flow, or remove it");
    }
    let text = "[flows.\"epicor_to_adobe::second\"]\nkind = \"epicor_to_adobe::vendors\"\nfrom = \"epicor-main\"\nto = \"shop-main\"\n\
                vendors = { sources = true }";
    assert!(parse(&format!("{GOOD}\n{text}")).is_ok(), "the kind counts, not the name");
}

#[test]
fn a_flow_that_is_announced_by_webhook_takes_no_schedule() {
    for (key, value) in [
        ("every", "\"5m\""),
        ("cron", "\"0 * * * *\""),
        ("full_every", "\"1d\""),
        ("full_cron", "\"0 2 * * *\""),
        ("jitter", "\"1s\""),
    ] {
        for kind in [REQUISITIONS, ENTRY] {
            flow_refused(kind, &format!("{key} = {value}"), key, "announced by webhook");
        }
        assert!(flow(COMPANIES, &format!("{key} = {value}")).is_ok(), "{key}");
    }
    assert!(flow(REQUISITIONS, "").is_ok());
}

#[test]
fn keys_that_a_flow_does_not_look_at_are_refused() {
    for kind in [VENDORS, ORDERS, INVOICES, COMPANIES, REQUISITIONS, ENTRY] {
        for (key, value) in [("customer_types", "[\"CUS\"]"), ("contacts", "false"), ("clear_empty_fields", "true")] {
            flow_refused(kind, &format!("{key} = {value}"), key, "means something only in flows to HubSpot");
        }
        let fields = "fields = { region = \"Region_c\" }";
        if kind == VENDORS {
            assert!(flow(kind, fields).is_ok());
        } else {
            flow_refused(kind, fields, "fields", "only in flows of vendors and customers");
        }
    }
    flow_refused(VENDORS, "fields = { Region = \"Region_c\" }", "fields.Region", "attribute of Adobe Commerce");
    flow_refused(VENDORS, "fields = { region = \"A;B\" }", "fields.region", "name of an Epicor column");
}

#[test]
fn the_ends_of_a_flow_are_the_systems_of_its_direction() {
    let text = |from: &str, to: &str| format!("{GOOD}\n[flows.\"{COMPANIES}\"]\nfrom = \"{from}\"\nto = \"{to}\"\n");
    let found = parse(&text("epicor-main", "shop-main")).unwrap_err().to_string();
    assert!(found.contains("companies.from: `epicor-main` is a connection to epicor, this end needs adobe"), "{found}");
    assert!(found.contains("companies.to: `shop-main` is a connection to adobe, this end needs epicor"), "{found}");
    let twice = format!(
        "{}\n[flows.\"adobe_to_epicor::again\"]\nkind = \"{COMPANIES}\"\nfrom = \"shop-main\"\nto = \"epicor-main\"\n",
        text("shop-main", "epicor-main")
    );
    refused(parse(&twice), "flows.adobe_to_epicor::companies", "overlaps with `adobe_to_epicor::again`");
    let other = twice.replacen("from = \"shop-main\"", "from = \"shop-cloud\"", 1);
    assert!(parse(&other).is_ok(), "two shops may change vendors of one company");
}

#[test]
fn options_out_of_their_range_are_refused() {
    let twenty_one = format!("[{}]", vec!["\"1\""; 21].join(", "));
    let segments = format!("default_account = {twenty_one}");
    for (kind, section, key, value, says) in [
        (ORDERS, "purchase_orders", "gl.segments", "gl = { segments = [1, 21] }", "21 is out of range; use 1 to 20"),
        (ORDERS, "purchase_orders", "gl.segments", "gl = { segments = [1, 2, 1] }", "names segment 1 twice"),
        (INVOICES, "ap_invoices", "gl.separator", "gl = { separator = \" -- \" }", "use up to 3 characters"),
        (INVOICES, "ap_invoices", "gl.attribute", "gl = { attribute = \"GL Code\" }", "name of an attribute"),
        (ORDERS, "purchase_orders", "payment_method", "payment_method = \"\"", "code of a payment method"),
        (ORDERS, "purchase_orders", "default_email", "default_email = \"nobody\"", "is not an e-mail address"),
        (ORDERS, "purchase_orders", "base_currency", "base_currency = \"usd\"", "three capital letters"),
        (INVOICES, "ap_invoices", "order_wait", "order_wait = \"31d\"", "use 1s to 30d"),
        (INVOICES, "ap_invoices", "review_percent", "review_percent = 1000.01", "use 0 to 1000"),
        (INVOICES, "ap_invoices", "review_percent", "review_percent = -1", "use 0 to 1000"),
        (VENDORS, "vendors", "companies", "companies = false", "nothing would be written"),
        (VENDORS, "vendors", "customer_group_id", "customer_group_id = 0", "out of range"),
        (VENDORS, "vendors", "sales_representative_id", "sales_representative_id = -1", "out of range"),
        (VENDORS, "vendors", "default_email", "default_email = \"ap@example.com\"", "put {number} into it"),
        (VENDORS, "vendors", "default_phone", "default_phone = \" \"", "is empty"),
        (VENDORS, "vendors", "gl_dimension_column", "gl_dimension_column = \"a b\"", "name of an Epicor column"),
        (VENDORS, "vendors", "gl_dimension_attribute", "gl_dimension_attribute = \"gl\"", "has nothing to hold"),
        (REQUISITIONS, "requisitions", "requestor", "requestor = \"\"", "is empty"),
        (REQUISITIONS, "requisitions", "order_wait", "order_wait = \"8d\"", "use 1s to 7d"),
        (REQUISITIONS, "requisitions", "order_states", "order_states = []", "no order would become a requisition"),
        (REQUISITIONS, "requisitions", "order_states", "order_states = [\"procesing\"]", "did you mean `processing`?"),
        (REQUISITIONS, "requisitions", "order_states", "order_states = [\"canceled\"]", "never become requisitions"),
        (REQUISITIONS, "requisitions", "vendor_number", "vendor_number = 0", "out of range"),
        (REQUISITIONS, "requisitions", "due_in_days", "due_in_days = 3651", "use 0 to 3650"),
        (ENTRY, "invoices", "group", "group = \"TENLETTERS\"", "use 1 to 9 characters"),
        (ENTRY, "invoices", "group", "group = \"\"", "use 1 to 9 characters"),
        (ENTRY, "invoices", "number_prefix", "number_prefix = \"ADOBE-COMMERCE-INVOICE-\"", "up to 20 characters"),
        (ENTRY, "invoices", "invoice_wait", "invoice_wait = \"0s\"", "use 1s to 7d"),
        (ENTRY, "invoices", "default_account", segments.as_str(), "has 21 segments"),
        (ENTRY, "invoices", "accounts.1.sku", "accounts = [{ sku = \"A*B\", segments = [\"1\"] }]", "not its end"),
        (ENTRY, "invoices", "accounts.1.segments", "accounts = [{ sku = \"A\", segments = [] }]", "is empty"),
    ] {
        flow_refused(kind, &format!("{section} = {{ {value} }}"), &format!("{section}.{key}"), says);
    }
    let found = flow(COMPANIES, "companies = { adobe_owns = [\"name\", \"status\"] }");
    refused(
        found,
        "flows.adobe_to_epicor::companies.companies.adobe_owns",
        "`status` is not known here, expected `name`",
    );
}

#[test]
fn options_at_the_ends_of_their_ranges_are_taken() {
    for (kind, lines) in [
        (ORDERS, "purchase_orders = { gl = { segments = [20, 1], separator = \"\" }, base_currency = \"EUR\" }"),
        (INVOICES, "ap_invoices = { tolerance = 0, review_percent = 1000, review_amount = 0, order_wait = \"30d\" }"),
        (
            VENDORS,
            "vendors = { companies = false, sources = true, gl_dimension_column = \"Dim_c\", gl_dimension_attribute = \"gl\" }",
        ),
        (VENDORS, "vendors = { default_email = \"v{number}@example.com\" }"),
        (
            COMPANIES,
            "companies = { adobe_owns = [\"name\", \"address\", \"phone\", \"email\", \"tax_id\", \"comment\"] }",
        ),
        (REQUISITIONS, "requisitions = { order_states = [\"new\", \"holded\"], due_in_days = 0, vendor_number = 1 }"),
        (
            ENTRY,
            "invoices = { group = \"NINECHARS\", number_prefix = \"\", default_account = [\"5100\", \"\", \"00\"] }",
        ),
    ] {
        let found = flow(kind, lines);
        assert!(found.is_ok(), "{kind} {lines}: {}", found.unwrap_err());
    }
}

#[test]
fn a_rule_for_accounts_that_never_counts_is_refused() {
    let rules = |skus: &[&str]| {
        let mut lines = String::from("[flows.\"adobe_to_epicor::invoices\".invoices]\n");
        for sku in skus {
            let _ = write!(
                lines,
                "[[flows.\"adobe_to_epicor::invoices\".invoices.accounts]]\nsku = \"{sku}\"\nsegments = [\"5100\"]\n"
            );
        }
        flow(ENTRY, &lines)
    };
    let key = "flows.adobe_to_epicor::invoices.invoices.accounts.2.sku";
    for skus in [["A*", "AB"], ["A*", "AB*"], ["A", "A"], ["*", "A*"]] {
        refused(rules(&skus), key, "never counts");
    }
    for skus in [["AB", "A*"], ["AB*", "A*"], ["A", "B"], ["A", "A*"], ["A*", "*"]] {
        assert!(rules(&skus).is_ok(), "{skus:?}");
    }
    let found = rules(&["A*", "AB"]).unwrap_err();
    let text = format!("{GOOD}\n[flows");
    let rule = found.0[0].line.unwrap();
    assert!(rule > text.lines().count() + 6, "the line is the rule's own: {rule}");
}

#[test]
fn the_port_for_webhooks_is_the_producers_own() {
    let endpoint = "webhook = { scheme = \"hmac_sha256\" }";
    let port =
        |section: &str, line: &str| parse(&format!("{}\n[{section}]\n{line}\n", GOOD.replace("#shop", endpoint)));
    refused(
        port("producer", "webhooks = \"0.0.0.0:9464\""),
        "producer.webhooks",
        "is the port of `producer.listen` too",
    );
    refused(
        port("producer", "webhooks = \"127.0.0.1:9465\""),
        "producer.webhooks",
        "is the port of `worker.listen` too",
    );
    refused(port("worker", "listen = \"127.0.0.1:9466\""), "worker.listen", "is the port of `producer.webhooks` too");
    assert!(port("producer", "webhooks = \"0.0.0.0:8443\"").is_ok());
    assert!(port("producer", "webhooks = \"off\"").is_ok());
    assert!(parse("[producer]\nlisten = \"127.0.0.1:9466\"").is_ok(), "without an endpoint nobody listens there");
}
