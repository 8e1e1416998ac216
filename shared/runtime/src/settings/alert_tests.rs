//! `[alerts]` as people write it, right and wrong.
#![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]

use chrono::{DateTime, Utc};

use super::*;

fn parse(text: &str) -> Result<Settings, SettingsErrors> {
    Settings::parse("mlc.toml", text, [])
}

/// Expects exactly one error, at that key, which says that.
fn refused(text: &str, key: &str, says: &str) {
    let found = parse(text).expect_err(text);
    let [error] = found.0.as_slice() else { panic!("{text}: {found}") };
    assert_eq!(error.key, key, "{found}");
    assert!(found.to_string().contains(says), "{found}");
    assert!(error.line.is_some(), "{found}");
}

#[test]
fn channels_of_all_kinds_are_read_by_name() {
    let settings = parse(
        r#"
[alerts]
every = "20s"
quiet = [{ days = ["SAT", "SUN"], from = "00:00", until = "24:00" }, { from = "20:00", until = "07:00", time_zone = "Europe/Berlin" }]
[alerts.channels.hook]
kind = "webhook"
min_severity = "critical"
[alerts.channels.chat]
kind = "slack"
except = ["lag"]
[alerts.channels.post]
kind = "mail"
host = "localhost"
tls = "none"
from = "mlc@example.com"
to = ["a@example.com"]
only = ["held", "signatures"]
"#,
    )
    .unwrap();
    let alerts = settings.alerts;
    assert_eq!((alerts.every.as_secs(), alerts.quiet.len(), alerts.channels.len()), (20, 2, 3));
    let tells = |name: &str, kind, severity| alerts.channels[&name.parse().unwrap()].tells(kind, severity);
    use AlertKind::{Held, Lag, Signatures};
    use AlertSeverity::{Critical, Info, Warning};
    assert!(tells("hook", Held, Critical) && !tells("hook", Held, Warning));
    assert!(tells("chat", Held, Info) && !tells("chat", Lag, Critical));
    assert!(tells("post", Signatures, Warning) && !tells("post", Lag, Critical));
}

#[test]
fn the_environment_reaches_into_channels() {
    let variables = [
        ("MLC__ALERTS__CHANNELS__ON_CALL__MIN_SEVERITY", "critical"),
        ("MLC__ALERTS__CHANNELS__ON_CALL__ONLY", "[\"held\"]"),
        ("MLC__ALERTS__REPEAT", "1h"),
    ];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let alerts = Settings::parse("mlc.toml", "[alerts.channels.on-call]\nkind = \"slack\"", variables).unwrap().alerts;
    let channel = &alerts.channels[&"on-call".parse().unwrap()];
    assert_eq!((channel.min_severity(), channel.kinds().0), (AlertSeverity::Critical, &[AlertKind::Held][..]));
    assert_eq!(alerts.repeat.as_secs(), 3600);
}

#[test]
fn a_secret_of_a_channel_in_the_file_is_refused_without_showing_it() {
    for (kind, line, secret) in [
        ("slack", "url = \"https://hooks.example.com/canary\"", "url"),
        ("webhook", "webhook_url = \"https://canary\"", "url"),
        ("webhook", "signing_key = \"canary\"", "signing_key"),
        ("webhook", "token = \"canary\"", "token"),
    ] {
        let text = format!("[alerts.channels.ops]\nkind = \"{kind}\"\n{line}");
        let key = format!("alerts.channels.ops.{}", line.split(' ').next().unwrap());
        refused(&text, &key, &format!("mlc alerts set-secret ops {secret}"));
        assert!(!parse(&text).unwrap_err().to_string().contains("canary"));
    }
}

#[test]
fn what_cannot_work_is_refused_with_its_key() {
    let mail = |line: &str| {
        let rest = ["host = \"mail.example.com\"", "from = \"mlc@example.com\"", "to = [\"a@example.com\"]"];
        let key = line.split(' ').next().unwrap();
        let rest: Vec<&str> = rest.into_iter().filter(|other| !other.starts_with(key)).collect();
        format!("[alerts.channels.post]\nkind = \"mail\"\n{line}\n{}", rest.join("\n"))
    };
    let at = |key: &str| format!("alerts.channels.post.{key}");
    refused(&mail("tls = \"none\""), &at("tls"), "in the clear");
    refused(&mail("from = \"Lena <lena@example.com>\""), &at("from"), "is not a mail address");
    refused(&mail("to = []"), &at("to"), "holds no receiver");
    refused(&mail("to = [\"a@example.com\", \"b@example.com\\r\\nBcc: c@example.com\"]"), &at("to"), "number 2");
    refused(&mail("host = \"https://mail\""), &at("host"), "is not the name of a server");
    refused(&mail("hots = \"x\""), &at("hots"), "did you mean `host`?");
    refused("[alerts.channels.a]\nkind = \"slak\"", "alerts.channels.a.kind", "did you mean `slack`?");
    refused("[alerts.channels.a]\nonly = [\"lag\"]", "alerts.channels.a.kind", "is missing");
    refused("[alerts.channels.\"A b\"]\nkind = \"slack\"", "alerts.channels.A b", "choose another name");
    refused("[alerts.channels.a]\nkind = \"slack\"\nonly = [\"lags\"]", "alerts.channels.a.only", "lags");
    let both = "[alerts.channels.a]\nkind = \"slack\"\nonly = [\"lag\"]\nexcept = [\"held\"]";
    refused(both, "alerts.channels.a.except", "does not go together");
    refused("[alerts]\nevery = \"1s\"", "alerts.every", "use 5s to 5m");
    refused("[alerts]\nbytes_near = 0", "alerts.bytes_near", "use 1 to 100");
    refused("[alerts]\nconsole_url = \"http://console.example.com\"", "alerts.console_url", "use https://");
    refused("[alerts]\nquiet = [{ from = \"25:00\", until = \"07:00\" }]", "alerts.quiet.1.from", "such as \"20:00\"");
    refused("[alerts]\nquiet = [{ from = \"20:00\" }]", "alerts.quiet.1.until", "is missing");
    let day = "[alerts]\nquiet = [{ days = [\"Someday\"], from = \"20:00\", until = \"07:00\" }]";
    refused(day, "alerts.quiet.1.days", "MON, TUE");
    for odd in ["alerts = 5", "[alerts]\nchannels = 5", "[alerts]\nquiet = 5", "[alerts]\nquiet = [5]"] {
        assert!(parse(odd).is_err(), "{odd}");
    }
}

#[test]
fn a_quiet_time_begins_on_its_days_and_ends_on_the_next_morning_of_its_own_zone() {
    let quiet = |text: &str| {
        let settings = parse(&format!("[alerts]\nquiet = [{text}]")).unwrap().alerts;
        move |at: &str| settings.is_quiet(at.parse::<DateTime<Utc>>().unwrap())
    };
    // 2026-11-20 is a Friday; Berlin is an hour ahead of UTC, two in summer.
    let nights = quiet(r#"{ days = ["FRI"], from = "20:00", until = "07:00", time_zone = "Europe/Berlin" }"#);
    let table = [
        ("2026-11-20T18:59:59Z", false),
        ("2026-11-20T19:00:00Z", true),
        ("2026-11-21T05:59:59Z", true),
        ("2026-11-21T06:00:00Z", false),
        ("2026-11-21T19:00:00Z", false),
        ("2026-11-20T05:00:00Z", false),
        ("2026-07-17T18:00:00Z", true),
    ];
    for (at, is_quiet) in table {
        assert_eq!(nights(at), is_quiet, "{at}");
    }
    let day = quiet(r#"{ days = ["SUN"], from = "00:00", until = "24:00" }"#);
    assert!(day("2026-11-22T00:00:00Z") && day("2026-11-22T23:59:59Z") && !day("2026-11-23T00:00:00Z"));
    let noon = quiet(r#"{ from = "12:00", until = "13:00" }"#);
    assert!(noon("2026-11-22T12:59:00Z") && !noon("2026-11-22T13:00:00Z") && !noon("2026-11-22T11:59:00Z"));
}
