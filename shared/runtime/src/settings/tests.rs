//! Settings as people write them, right and wrong.
#![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]

use serde::{Serialize, de::DeserializeOwned};
use toml::{Table, Value};

use super::{
    field_names::field_names,
    needed::{account_rule_example, adobe_example, epicor_example, flow_example, mail_example, webhook_example},
    *,
};

const EXAMPLE: &str = include_str!("../../../../deploy/example.toml");
const GOOD: &str = r#"
[connections.epicor-main]
system = "epicor"
base_url = "https://erp.example.com/EpicorERP"
company = "EPIC06"

[connections.hubspot-main]
system = "hubspot"

[flows."epicor_to_hubspot::vendors"]
from = "epicor-main"
to = "hubspot-main"
every = "5m"
"#;

fn parse(text: &str) -> Result<Settings, SettingsErrors> {
    Settings::parse("mlc.toml", text, [])
}

fn with_environment(text: &str, variables: &[(&str, &str)]) -> Result<Settings, SettingsErrors> {
    Settings::parse("mlc.toml", text, variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
}

/// The errors of a file, one line each.
fn errors(text: &str) -> String {
    parse(text).unwrap_err().to_string()
}

/// Compares one section of the example with the type behind it, both ways.
fn compare<T: Serialize + DeserializeOwned>(name: &str, shown: &Table, all: &Table, needed: &Table) {
    let known = field_names::<T>();
    assert!(!known.is_empty(), "{name}: no fields found");
    for key in known {
        assert!(all.contains_key(*key), "deploy/example.toml lacks {name}.{key}");
    }
    for key in all.keys().filter(|key| !["system", "kind"].contains(&key.as_str()) || known.contains(&key.as_str())) {
        assert!(known.contains(&key.as_str()), "deploy/example.toml has {name}.{key}, which no setting reads");
    }
    // Through the type, so that "90s" and "1m30s" are the same.
    let written = |table: Table| Table::try_from(T::deserialize(Value::Table(table)).unwrap()).unwrap();
    let defaults = written(needed.clone());
    for (key, default) in defaults.iter().filter(|(key, _)| !needed.contains_key(*key)) {
        let value = shown.get(key).unwrap_or_else(|| panic!("{name}.{key} has a default and stands in a comment"));
        let mut alone = needed.clone();
        alone.insert(key.clone(), value.clone());
        assert_eq!(written(alone).get(key), Some(default), "{name}.{key} in deploy/example.toml is not the default");
    }
}

fn section_of(table: &Table, path: &[&str]) -> Table {
    path.iter().fold(table.clone(), |table, key| table[*key].as_table().unwrap().clone())
}

#[test]
fn the_example_file_and_the_types_agree_both_ways() {
    let shown: Table = toml::from_str(EXAMPLE).unwrap();
    let uncommented: Vec<&str> = EXAMPLE
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(rest) if rest.starts_with(|c: char| c.is_ascii_lowercase()) => rest,
            _ => line,
        })
        .collect();
    let all: Table = toml::from_str(&uncommented.join("\n")).unwrap();
    let none = Table::new();
    macro_rules! same {
        ($type:ty, $needed:expr, $($key:expr),+) => {
            compare::<$type>([$($key),+].join(".").as_str(), &section_of(&shown, &[$($key),+]), &section_of(&all, &[$($key),+]), $needed)
        };
    }
    same!(RedisSettings, &none, "redis");
    same!(QueueSettings, &none, "queue");
    same!(WorkerSettings, &none, "worker");
    same!(ProducerSettings, &none, "producer");
    same!(ConsoleSettings, &none, "console");
    same!(AuditSettings, &none, "audit");
    same!(WebhookChannel, &none, "alerts", "channels", "hook");
    same!(SlackChannel, &none, "alerts", "channels", "chat");
    same!(MailChannel, &mail_example(), "alerts", "channels", "post");
    let without_channels = |table: &Table| {
        let mut alerts = section_of(table, &["alerts"]);
        alerts.remove("channels");
        alerts
    };
    compare::<AlertsSettings>("alerts", &without_channels(&shown), &without_channels(&all), &none);
    same!(VaultSettings, &none, "vault");
    same!(LogSettings, &none, "log");
    same!(RetrySettings, &none, "retry");
    same!(EpicorConnection, &epicor_example(), "connections", "epicor-main");
    same!(HubspotConnection, &none, "connections", "hubspot-main");
    same!(WebhookEndpoint, &webhook_example(), "connections", "shop-main", "webhook");
    same!(AdobeIms, &none, "connections", "shop-cloud", "ims");
    same!(VendorOptions, &none, "flows", "epicor_to_adobe::vendors", "vendors");
    same!(PurchaseOrderOptions, &none, "flows", "epicor_to_adobe::purchase_orders", "purchase_orders");
    same!(GlOptions, &none, "flows", "epicor_to_adobe::purchase_orders", "purchase_orders", "gl");
    same!(ApInvoiceOptions, &none, "flows", "epicor_to_adobe::ap_invoices", "ap_invoices");
    same!(CompanyOptions, &none, "flows", "adobe_to_epicor::companies", "companies");
    same!(RequisitionOptions, &none, "flows", "adobe_to_epicor::requisitions", "requisitions");
    same!(InvoiceEntryOptions, &none, "flows", "adobe_to_epicor::invoices", "invoices");
    // No single one may have all keys: some belong to one edition, or to one kind of flow.
    let merged = |table: &Table, section: &str, names: &[&str]| -> Table {
        let mut merged = Table::new();
        for name in names {
            for (key, value) in section_of(table, &[section, name]) {
                merged.entry(key).or_insert(value);
            }
        }
        merged
    };
    let shops = ["shop-main", "shop-cloud"];
    let (some, every) = (merged(&shown, "connections", &shops), merged(&all, "connections", &shops));
    compare::<AdobeConnection>("connections.shop", &some, &every, &adobe_example());
    let flows: Vec<&str> = std::iter::once("epicor_to_hubspot::vendors").chain(FLOW_KINDS).collect();
    let (some, every) = (merged(&shown, "flows", &flows), merged(&all, "flows", &flows));
    compare::<FlowSettings>("flows", &some, &every, &flow_example());
    let rule = field_names::<AccountRule>();
    assert!(rule.iter().all(|key| EXAMPLE.contains(&format!("{key} = "))), "{rule:?}");
    assert_eq!(rule.len(), account_rule_example().len());
    let sections: Table = Table::try_from(Settings::default()).unwrap();
    assert_eq!(all.keys().collect::<Vec<_>>(), sections.keys().collect::<Vec<_>>());
}

/// What a section or key of a second flow means stands with the first one that has it.
#[test]
fn every_key_of_the_example_file_is_explained() {
    let lines: Vec<&str> = EXAMPLE.lines().collect();
    let mut of_flows = std::collections::BTreeSet::new();
    let mut section = "";
    for (place, line) in lines.iter().enumerate() {
        if line.starts_with('[') {
            section = line;
            assert!(lines[place - 1].starts_with("# "), "{line} has no comment");
        }
        let Some((key, _)) = line.trim_start_matches('#').split_once(" = ") else { continue };
        if line.starts_with("# ") || key == "system" {
            continue;
        }
        let known = !of_flows.insert(key) && section.starts_with("[flows.");
        assert!(known || lines[place - 1].starts_with("# "), "{section} {line} has no comment");
        if !section.starts_with("[flows.") {
            of_flows.remove(key);
        }
    }
}

#[test]
fn the_example_file_is_accepted() {
    let settings = parse(EXAMPLE).unwrap();
    let epicor = settings.connection(&"epicor-main".parse().unwrap()).unwrap();
    assert_eq!(epicor.as_epicor().unwrap().company.as_str(), "EPIC06");
    let id = "epicor_to_hubspot::vendors".parse().unwrap();
    let flow = settings.flow(&id).unwrap();
    assert_eq!(flow.schedule(), Schedule::Every(std::time::Duration::from_secs(300)));
    assert_eq!(flow.full_schedule(), Schedule::Cron("0 2 * * SUN"));
    assert_eq!(flow.kind(&id), &id);
}

#[test]
fn an_empty_file_gives_the_defaults() {
    assert_eq!(parse("").unwrap(), Settings::default());
    assert_eq!(Settings::default().retry.policy(), crate::backoff::RetryPolicy::default());
}

#[test]
fn everything_wrong_is_found_in_one_run() {
    let text = r#"
[redis]
url = "http://127.0.0.1"

[worker]
concurency = 5
shutdown_deadline = "25"
ready_within = "1s"

[conections.x]
a = 1

[connections.epicor-main]
system = "epicor"
base_url = "not an address"
password = "hunter2"
timeout = 90
page_rows = 0

[connections.plain]
system = "epicor"
base_url = "http://erp.example.com/EpicorERP"
company = "EPIC06"

[connections.hubspot-main]
system = "hubspot"
key_property = "Epicor Key"

[flows."epicor_to_hubspot::vendors"]
from = "epicor-man"
to = "plain"
every = "5m"
cron = "0 0 30 2 *"

[flows."epicor_to_hubspot::customers"]
from = "plain"
to = "hubspot-main"
cron = "every day"
customer_types = ["CUS", "VIP"]
fields = { epicor_key = "Key;", "Bad Name" = "Region_c" }

[flows.vendors]
from = "plain"
to = "hubspot-main"
"#;
    insta::assert_snapshot!(errors(text));
}

#[test]
fn a_secret_in_the_file_is_refused_without_showing_it() {
    let text = GOOD
        .replace("company =", "api_key = \"canary\"\nauth = { oauth2 = { client_secret = \"canary\" } }\ncompany =");
    let text = format!("token = \"canary\"\n{text}\n[redis]\nurl = \"redis://:canary@localhost\"");
    let text = format!("{text}\n[connections.b]\nsystem = \"hubspot\"\nbase_url = \"https://u:canary@host:port\"");
    let found = parse(&text).unwrap_err();
    let shown = format!("{found} {found:?}");
    assert_eq!(found.0.len(), 5, "{found}");
    assert!(shown.contains("secrets do not belong in the settings file: use mlc connection set-secret"), "{shown}");
    assert!(!shown.contains("canary"), "{shown}");
}

#[test]
fn a_missing_company_is_told_with_key_line_and_fix() {
    let found = parse(&GOOD.replace("company = \"EPIC06\"", "")).unwrap_err();
    let [error] = found.0.as_slice() else { panic!("{found}") };
    assert_eq!((error.key.as_str(), error.line), ("connections.epicor-main.company", Some(2)));
    assert!(error.fix.contains("company = \"EPIC06\""), "{error}");
}

#[test]
fn two_flows_that_would_write_the_same_records_are_refused() {
    let twice = |from: &str| {
        format!(
            "{GOOD}\n[connections.epicor-copy]\nsystem = \"epicor\"\nbase_url = \"https://b.example.com/E\"\ncompany = \"{from}\"\n\
             [flows.\"epicor_to_hubspot::vendors_copy\"]\nkind = \"epicor_to_hubspot::vendors\"\nfrom = \"epicor-copy\"\nto = \"hubspot-main\"\n"
        )
    };
    assert!(parse(&twice("EPIC07")).is_ok());
    assert!(errors(&twice("EPIC06")).contains("overlaps with `epicor_to_hubspot::vendors`"));
    let disabled =
        twice("EPIC06").replace("to = \"hubspot-main\"\nevery", "to = \"hubspot-main\"\nenabled = false\nevery");
    assert!(parse(&disabled).is_ok());
}

#[test]
fn a_schedule_that_never_fires_is_refused() {
    for cron in ["0 0 30 2 *", "0 0 31 11 *"] {
        let text = GOOD.replace("every = \"5m\"", &format!("cron = \"{cron}\""));
        assert!(errors(&text).contains("never fires"), "{cron}");
    }
    assert!(parse(&GOOD.replace("every = \"5m\"", "cron = \"0 0 29 2 *\"")).is_ok());
}

#[test]
fn the_environment_wins_over_the_file() {
    let settings = with_environment(
        GOOD,
        &[
            ("MLC__REDIS__URL", "redis://:secret@cache:6379"),
            ("MLC__WORKER__CONCURRENCY", "64"),
            ("MLC__WORKER__LISTEN", "0.0.0.0:0"),
            ("MLC__CONNECTIONS__EPICOR_MAIN__COMPANY", "19593"),
            ("MLC__CONNECTIONS__EPICOR_MAIN__BASE_URL", "http://127.0.0.1:8080/E"),
            ("MLC__FLOWS__EPICOR_TO_HUBSPOT_VENDORS__EVERY", "30s"),
            ("MLC__FLOWS__EPICOR_TO_HUBSPOT_VENDORS__CONTACTS", "false"),
            ("MLC_VAULT_KEYS", "not ours"),
        ],
    )
    .unwrap();
    assert_eq!(settings.redis.url, "redis://:secret@cache:6379");
    assert!(!format!("{settings:?}").contains("secret@"));
    assert_eq!(settings.worker.concurrency, 64);
    let epicor = settings.connections.values().find_map(Connection::as_epicor).unwrap();
    assert_eq!((epicor.company.as_str(), epicor.base_url.as_str()), ("19593", "http://127.0.0.1:8080/E"));
    let flow = settings.flows.values().next().unwrap();
    assert_eq!((flow.every, flow.contacts), (Some(std::time::Duration::from_secs(30)), false));
}

#[test]
fn an_error_in_the_environment_names_the_variable() {
    let found = with_environment(GOOD, &[("MLC__WORKER__CONCURRENCY", "many"), ("MLC__WORKR__X", "1")]).unwrap_err();
    let text = found.to_string();
    assert!(text.contains("environment variable MLC__WORKER__CONCURRENCY: worker.concurrency"), "{text}");
    assert!(text.contains("did you mean `worker`?"), "{text}");
}

#[test]
fn what_is_not_toml_is_told_with_its_line() {
    let found = parse("[redis]\nurl = redis\n[worker\n").unwrap_err();
    assert!(found.0.iter().any(|error| error.line == Some(2) || error.line == Some(3)), "{found}");
    let missing = Settings::load("/nowhere/mlc.toml").unwrap_err().to_string();
    assert!(missing.starts_with("/nowhere/mlc.toml: cannot be read"), "{missing}");
}

#[test]
fn odd_shapes_are_errors_not_panics() {
    for text in [
        "redis = 5",
        "connections = []",
        "connections.x = 1",
        "flows.y = \"z\"",
        "[connections.\"A B\"]\nsystem = 7",
        "[flows.\"a::b\"]\nfields = 3\nfrom = 1\nto = []",
        "[connections.e]\nsystem = \"epicor\"\nchange_fields = { vendors = 5, nobody = {} }\nauth = \"basics\"",
        "password = \"x\"",
    ] {
        assert!(parse(text).is_err(), "{text}");
    }
}

#[test]
fn a_server_zone_turns_bare_dates_into_instants() {
    let zone = |text: &str| ServerTimeZone::try_from(text.to_owned()).unwrap();
    let local = |text: &str| text.parse::<chrono::NaiveDateTime>().unwrap();
    let berlin = zone("Europe/Berlin");
    assert_eq!(berlin.instant(local("2026-07-01T12:00:00")).to_rfc3339(), "2026-07-01T10:00:00+00:00");
    assert_eq!(berlin.instant(local("2026-03-29T02:30:00")).to_rfc3339(), "2026-03-29T01:30:00+00:00");
    assert_eq!(berlin.local(berlin.instant(local("2026-01-15T08:00:00"))), local("2026-01-15T08:00:00"));
    assert_eq!(zone("+02:00").instant(local("2026-01-01T00:00:00")).to_rfc3339(), "2025-12-31T22:00:00+00:00");
    assert!(ServerTimeZone::try_from("Mars/Base".to_owned()).is_err());
}
