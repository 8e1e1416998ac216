//! Settings that look good and are not.
#![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]

use super::*;

const GOOD: &str = r#"
[connections.epicor-main]
system = "epicor"
base_url = "https://erp.example.com/EpicorERP"
company = "EPIC06"
#epicor

[connections.hubspot-main]
system = "hubspot"
#hubspot

[flows."epicor_to_hubspot::customers"]
from = "epicor-main"
to = "hubspot-main"
#flow
"#;

/// The good file with a line for Epicor, HubSpot, the flow, or a section of its own.
fn with(place: &str, line: &str) -> Result<Settings, SettingsErrors> {
    let text = if place.is_empty() { format!("{GOOD}\n{line}") } else { GOOD.replace(place, line) };
    Settings::parse("mlc.toml", &text, [])
}

/// Expects exactly one error, at that key, which says that.
fn refused(place: &str, line: &str, key: &str, says: &str) {
    let found = with(place, line).expect_err(line);
    let [error] = found.0.as_slice() else { panic!("{line}: {found}") };
    assert_eq!(error.key, key, "{found}");
    assert!(found.to_string().contains(says), "{found}");
    assert!(error.line.is_some(), "{found}");
}

fn in_environment(text: &str, variables: &[(&str, &str)]) -> Result<Settings, SettingsErrors> {
    Settings::parse("mlc.toml", text, variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
}

#[test]
fn a_word_that_is_no_level_is_refused_with_the_levels() {
    for level in ["verbose", "", "info,verbose", "warning"] {
        let line = format!("[log]\nlevel = \"{level}\"");
        refused("", &line, "log.level", "use error, warn, info, debug, trace or off");
    }
    for level in ["INFO", "off", "info,mlc_queue=debug", "mlc_queue=trace,warn"] {
        assert!(with("", &format!("[log]\nlevel = \"{level}\"")).is_ok(), "{level}");
    }
}

#[test]
fn a_key_property_that_means_something_else_is_refused() {
    for name in ["epicor_id", "epicor_record_type", "epicor_active", "name", "domain", "hs_object_id", "type"] {
        let line = format!("key_property = \"{name}\"");
        refused("#hubspot", &line, "connections.hubspot-main.key_property", "use \"epicor_key\"");
    }
    assert!(with("#hubspot", "key_property = \"erp_key\"").is_ok());
}

#[test]
fn a_change_column_that_is_no_name_is_refused() {
    let line = "change_fields = { vendors = { mode = \"timestamp\", column = \"A eq 1 or B\" } }";
    let key = "connections.epicor-main.change_fields.vendors.column";
    refused("#epicor", line, key, "is not a name of an Epicor column");
    assert!(with("#epicor", &line.replace("A eq 1 or B", "Changed_c")).is_ok());
}

#[test]
fn a_wrong_mode_does_not_hide_an_unknown_entity_beside_it() {
    let line = "change_fields = { vendors = { mode = \"best\" }, custmers = { mode = 5 }, customers = 7 }";
    let found = with("#epicor", line).unwrap_err().to_string();
    for says in [
        "change_fields.vendors.mode: `best` is not known here, expected `auto`",
        "change_fields.custmers: unknown entity; did you mean `customers`?",
        "change_fields.custmers.mode: is",
        "change_fields.customers: is a single value, not a section",
    ] {
        assert!(found.contains(says), "{says} not in {found}");
    }
}

#[test]
fn an_address_of_redis_is_read_as_the_client_reads_it() {
    refused("", "[redis]\nurl = \"redis://h/99x\"", "redis.url", "invalid database number; use");
    for url in
        ["redis://h?password=canary", "redis://h/0?pass=canary", "unix:///r.sock?pass=canary", "redis://:canary@h"]
    {
        refused("", &format!("[redis]\nurl = \"{url}\""), "redis.url", "holds a password");
        assert!(!with("", &format!("[redis]\nurl = \"{url}\"")).unwrap_err().to_string().contains("canary"));
    }
    for url in ["redis://h", "redis://h:6380/3", "unix:///r.sock", "unix:///r.sock?db=2", "redis://[::1]:6379/1"] {
        assert!(with("", &format!("[redis]\nurl = \"{url}\"")).is_ok(), "{url}");
    }
    assert!(in_environment(GOOD, &[("MLC__REDIS__URL", "unix:///r.sock?pass=canary")]).is_ok());
    assert!(in_environment(GOOD, &[("MLC__REDIS__URL", "redis://h?password=canary")]).is_err());
}

#[test]
fn a_file_that_cannot_be_opened_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let there = folder.path().join("there.pem");
    std::fs::write(&there, "x").unwrap();
    let line = |key: &str, file: &Path| format!("{key} = \"{}\"", file.display());
    let nowhere = folder.path().join("nowhere");
    refused("#epicor", &line("ca_file", &nowhere), "connections.epicor-main.ca_file", "cannot be opened");
    refused("#epicor", &line("ca_file", folder.path()), "connections.epicor-main.ca_file", "is a folder");
    assert!(with("#epicor", &line("ca_file", &there)).is_ok());
    let vault = format!("[vault]\n{}", line("key_file", &nowhere));
    refused("", &vault, "vault.key_file", "cannot be opened");
    assert!(in_environment(&vault, &[("MLC_VAULT_KEYS", "1:AAAA")]).is_ok(), "the file is not read then");
}

#[test]
fn no_type_of_customer_is_refused() {
    let key = "flows.epicor_to_hubspot::customers.customer_types";
    refused("#flow", "customer_types = []", key, "no customer would be carried over");
}

#[test]
fn one_port_for_producer_and_worker_is_refused() {
    refused("", "[producer]\nlisten = \"127.0.0.1:9465\"", "producer.listen", "is the port of `worker.listen` too");
    refused("", "[worker]\nlisten = \"0.0.0.0:9464\"", "worker.listen", "is the port of `producer.listen` too");
    let both =
        |one: &str, other: &str| with("", &format!("[producer]\nlisten = \"{one}\"\n[worker]\nlisten = \"{other}\""));
    assert!(both("127.0.0.1:7000", "127.0.0.1:7000").is_err());
    for (one, other) in [
        ("127.0.0.1:0", "127.0.0.1:0"),
        ("off", "off"),
        ("127.0.0.1:7000", "127.0.0.2:7000"),
        ("[::1]:7000", "[::1]:7001"),
    ] {
        assert!(both(one, other).is_ok(), "{one} {other}");
    }
    assert!(in_environment(GOOD, &[("MLC__WORKER__LISTEN", "0.0.0.0:9464")]).is_ok(), "for one process alone");
}

#[test]
fn a_number_with_too_many_digits_names_its_key() {
    let large = "99999999999999999999";
    refused("", &format!("[queue]\nlane_bytes = {large}"), "queue.lane_bytes", "too many digits");
    refused("#epicor", &format!("page_rows = {large}"), "connections.epicor-main.page_rows", "too many digits");
    refused("", &format!("[queue]\npoison_after = [1, {large}]"), "queue.poison_after", "too many digits");
    let found = in_environment(GOOD, &[("MLC__QUEUE__LANE_BYTES", large)]).unwrap_err().to_string();
    assert!(found.contains("MLC__QUEUE__LANE_BYTES: queue.lane_bytes"), "{found}");
}

#[test]
fn a_value_of_the_wrong_kind_is_told_in_words_for_people() {
    refused("", "[queue]\npoison_after = []", "queue.poison_after", "is a list, expected a whole number");
    refused("", "[worker]\nconcurrency = \"many\"", "worker.concurrency", "is a text, expected a whole number");
    refused("", "[worker]\nconcurrency = -1", "worker.concurrency", "is the number -1, expected a whole number");
    let key = "flows.epicor_to_hubspot::customers.contacts";
    refused("#flow", "contacts = \"yes\"", key, "is a text, expected true or false");
    refused("#epicor", "auth = 5", "connections.epicor-main.auth", "expected");
}

#[test]
fn a_screen_that_is_no_web_address_is_refused() {
    let place = "#hubspot";
    let key = "connections.hubspot-main.screens.vendors";
    refused(place, "screens = { vendors = \"javascript:alert({id})\" }", key, "is no web address");
    refused(place, "screens = { vendors = \"https://{id}.example.com/\" }", key, "leaves its host open");
    refused(place, "screens = { vendors = \"https://example.com/{name}\" }", key, "a placeholder that nobody fills in");
    let unknown = "connections.hubspot-main.screens.firms";
    refused(place, "screens = { firms = \"https://example.com/{id}\" }", unknown, "nothing that a screen is asked for");
    with(place, "screens = { vendors = \"https://app.hubspot.com/contacts/1/record/0-2/{id}\" }").unwrap();
}
