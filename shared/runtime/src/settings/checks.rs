//! What must hold beyond the form of single values.

use std::{fmt::Display, str::FromStr as _, time::Duration};

use chrono::{DateTime, Utc};
use croner::Cron;
use mlc_model::{ConnectionId, FlowId, System};
use url::{Host, Url};

use super::{
    ChangeModeSetting, Connection, EpicorAuth, FLOW_KINDS, FlowSettings, Settings, duration,
    nearest::nearest,
    process_checks::{check_file, check_level, check_ports, check_redis},
    reading::Reading,
};

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);
const MIB: u64 = 1 << 20;

const NO_COLUMN: &str = "is not a name of an Epicor column";
const COLUMN_FIX: &str = "use the column's name, such as \"ShortChar01\" or \"Region_c\"";
/// Company properties that hold something else than a key. First ours, then HubSpot's.
const TAKEN: [&str; 34] = [
    "epicor_active",
    "epicor_credit_hold",
    "epicor_currency",
    "epicor_group",
    "epicor_id",
    "epicor_record_type",
    "epicor_terms",
    "epicor_territory",
    "about_us",
    "address",
    "address2",
    "annualrevenue",
    "city",
    "closedate",
    "country",
    "createdate",
    "days_to_close",
    "description",
    "domain",
    "founded_year",
    "industry",
    "is_public",
    "lifecyclestage",
    "linkedin_company_page",
    "name",
    "numberofemployees",
    "owneremail",
    "phone",
    "state",
    "timezone",
    "total_money_raised",
    "type",
    "website",
    "zip",
];

/// Checks everything and notes what is wrong. `now` decides whether a cron pattern still fires.
pub(super) fn check(settings: &Settings, reading: &mut Reading<'_>, now: DateTime<Utc>) {
    check_processes(settings, reading);
    for (id, connection) in &settings.connections {
        check_connection(id, connection, reading);
    }
    for (id, flow) in &settings.flows {
        check_flow(id, flow, settings, reading);
        check_schedule(id, flow, reading, now);
    }
    check_overlaps(settings, reading);
}

fn check_processes(settings: &Settings, reading: &mut Reading<'_>) {
    let Settings { redis, queue, worker, producer, log, retry, .. } = settings;
    check_redis(&redis.url, reading);
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-';
    if redis.namespace.is_empty() || redis.namespace.len() > 32 || !redis.namespace.chars().all(good) {
        let fix = "use 1 to 32 lower-case letters, digits, `_` or `-`";
        reading.wrong(&["redis", "namespace"], "cannot be part of a key", fix);
    }
    span(reading, &["queue", "lease"], queue.lease, 2 * SECOND, 10 * MINUTE);
    range(reading, &["queue", "poison_after"], queue.poison_after, 1, 20);
    range(reading, &["queue", "dead_letter_bytes"], queue.dead_letter_bytes, MIB, 1 << 40);
    range(reading, &["queue", "lane_bytes"], queue.lane_bytes, MIB, 1 << 40);
    range(reading, &["queue", "default_concurrency"], queue.default_concurrency, 1, 1000);
    range(reading, &["worker", "concurrency"], worker.concurrency, 1, 1000);
    span(reading, &["worker", "shutdown_deadline"], worker.shutdown_deadline, SECOND, 10 * MINUTE);
    span(reading, &["worker", "ready_within"], worker.ready_within, 5 * SECOND, 10 * MINUTE);
    span(reading, &["producer", "lease"], producer.lease, 2 * SECOND, 5 * MINUTE);
    span(reading, &["retry", "base"], retry.base, 10 * MS, 10 * MINUTE);
    span(reading, &["retry", "cap"], retry.cap, retry.base, DAY);
    range(reading, &["retry", "max_attempts"], retry.max_attempts, 1, 100);
    check_level(&log.level, reading);
    check_ports(settings, reading);
    // The keys of the environment win over the file, which then need not be there.
    if let Some(file) = settings.vault.key_file.as_ref().filter(|_| !reading.has_vault_keys()) {
        check_file(&["vault", "key_file"], file, reading);
    }
}

fn check_connection(id: &ConnectionId, connection: &Connection, reading: &mut Reading<'_>) {
    let at = |key: &'static str| ["connections", id.as_str(), key];
    match connection {
        Connection::Epicor(epicor) => {
            check_url(reading, &at("base_url"), &epicor.base_url);
            if epicor.base_url.path().contains("/api/") {
                reading.wrong(
                    &at("base_url"),
                    "contains a part that we add",
                    "end it with the instance, before `/api`",
                );
            }
            if let EpicorAuth::Oauth2(oauth2) = &epicor.auth {
                check_url(reading, &["connections", id.as_str(), "auth", "oauth2", "token_url"], &oauth2.token_url);
            }
            if let Some(file) = &epicor.ca_file {
                check_file(&at("ca_file"), file, reading);
            }
            range(reading, &at("concurrency"), epicor.concurrency, 1, 64);
            span(reading, &at("timeout"), epicor.timeout, SECOND, 10 * MINUTE);
            span(reading, &at("lag"), epicor.lag, Duration::ZERO, 10 * MINUTE);
            span(reading, &at("overlap"), epicor.overlap, Duration::ZERO, DAY);
            range(reading, &at("page_rows"), epicor.page_rows, 1, 1000);
            if let Some(rate) = epicor.requests_per_second
                && !(rate > 0.0 && rate <= 1000.0)
            {
                reading.wrong(
                    &at("requests_per_second"),
                    format!("{rate} is out of range"),
                    "use more than 0, at most 1000",
                );
            }
            for (entity, setting) in &epicor.change_fields {
                let key = ["connections", id.as_str(), "change_fields", entity.as_str()];
                if setting.column.as_deref().is_some_and(|column| !is_column(column)) {
                    let key = ["connections", id.as_str(), "change_fields", entity.as_str(), "column"];
                    reading.wrong(&key, NO_COLUMN, COLUMN_FIX);
                }
                let chooses = matches!(setting.mode, ChangeModeSetting::Auto | ChangeModeSetting::FullScan);
                if chooses && setting.column.is_some() {
                    reading.wrong(
                        &key,
                        "names a column that its mode does not read",
                        "set the mode of the column, or remove it",
                    );
                }
            }
        }
        // Filled in with the checks of this section.
        Connection::Adobe(_) => {}
        Connection::Hubspot(hubspot) => {
            check_url(reading, &at("base_url"), &hubspot.base_url);
            range(reading, &at("concurrency"), hubspot.concurrency, 1, 64);
            span(reading, &at("timeout"), hubspot.timeout, SECOND, 5 * MINUTE);
            range(reading, &at("burst"), hubspot.burst.unwrap_or(100), 1, 1000);
            if !is_property(&hubspot.key_property) {
                let fix = "use 1 to 100 lower-case letters, digits and `_`, a letter first";
                reading.wrong(&at("key_property"), "is not a name of a HubSpot property", fix);
            } else if is_taken(&hubspot.key_property) {
                let problem = "is a property with another meaning, which the key would overwrite";
                reading.wrong(&at("key_property"), problem, "use \"epicor_key\", or a name of your own for it");
            }
        }
    }
}

fn check_flow(id: &FlowId, flow: &FlowSettings, settings: &Settings, reading: &mut Reading<'_>) {
    let at = |key: &'static str| ["flows", id.as_str(), key];
    let kind = flow.kind(id);
    if !FLOW_KINDS.contains(&kind.as_str()) {
        let meant = nearest(kind.as_str(), FLOW_KINDS);
        let fix = meant.map_or_else(|| format!("known: {}", FLOW_KINDS.join(", ")), |m| format!("did you mean `{m}`?"));
        let key: &[&str] = if flow.kind.is_some() { &at("kind") } else { &["flows", id.as_str()] };
        reading.wrong(key, "unknown flow", fix);
    }
    let (source, target) = ends(kind);
    for (key, end, system) in [("from", &flow.from, source), ("to", &flow.to, target)] {
        let known = settings.connections.keys().map(ConnectionId::as_str);
        match settings.connection(end) {
            Some(connection) if connection.system() != system => {
                let problem = format!("`{end}` is a connection to {}, this end needs {system}", connection.system());
                reading.wrong(&at(key), problem, format!("name a connection with system = \"{system}\""));
            }
            // A connection that stands there but could not be read has its own error already, as has a missing end.
            None if reading.is_set(&at(key)) && !reading.is_set(&["connections", end.as_str()]) => {
                let fix = match nearest(end.as_str(), known) {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None => format!("add a section [connections.{end}]"),
                };
                reading.wrong(&at(key), format!("unknown connection `{end}`"), fix);
            }
            _ => {}
        }
    }
    if flow.customer_types.is_empty() {
        reading.wrong(&at("customer_types"), "is empty: no customer would be carried over", "use CUS, PRO and SUS");
    }
    for code in flow.customer_types.iter().filter(|code| !["CUS", "PRO", "SUS"].contains(&code.as_str())) {
        let code: String = code.chars().take(20).collect();
        reading.wrong(&at("customer_types"), format!("`{code}` is not a type of customer"), "use CUS, PRO and SUS");
    }
    for (property, column) in &flow.fields {
        let key = ["flows", id.as_str(), "fields", property.as_str()];
        if !is_property(property) {
            reading.wrong(
                &key,
                "is not a name of a HubSpot property",
                "use lower-case letters, digits and `_`, a letter first",
            );
        }
        if !is_column(column) {
            reading.wrong(&key, NO_COLUMN, COLUMN_FIX);
        }
        let target = settings.connection(&flow.to).and_then(Connection::as_hubspot);
        if target.is_some_and(|hubspot| hubspot.key_property == *property) {
            reading.wrong(&key, "would overwrite the key property", "choose another property");
        }
    }
}

fn check_schedule(id: &FlowId, flow: &FlowSettings, reading: &mut Reading<'_>, now: DateTime<Utc>) {
    let at = |key: &'static str| ["flows", id.as_str(), key];
    span(reading, &at("jitter"), flow.jitter, Duration::ZERO, HOUR);
    if let Some(every) = flow.every {
        span(reading, &at("every"), every, SECOND, 31 * DAY);
        if flow.jitter >= every && reading.is_set(&at("jitter")) {
            reading.wrong(&at("jitter"), "is not shorter than `every`", "make it shorter");
        }
    }
    if let Some(every) = flow.full_every {
        span(reading, &at("full_every"), every, MINUTE, 366 * DAY);
    }
    let pairs =
        [("every", "cron", flow.every, &flow.cron), ("full_every", "full_cron", flow.full_every, &flow.full_cron)];
    for (every_key, cron_key, every, cron) in pairs {
        if every.is_some() && cron.is_some() {
            reading.wrong(&at(cron_key), format!("stands beside `{every_key}`"), "keep one of the two");
        }
        let Some(cron) = cron else { continue };
        match Cron::from_str(cron).map(|pattern| pattern.find_next_occurrence(&now, false).is_ok()) {
            Ok(true) => {}
            Ok(false) => {
                reading.wrong(&at(cron_key), format!("the schedule `{cron}` never fires"), "name a day that comes");
            }
            Err(error) => {
                let fix = "use minute, hour, day, month, weekday, such as \"*/10 6-20 * * MON-FRI\"";
                reading.wrong(&at(cron_key), format!("`{cron}` is not a cron pattern: {error}"), fix);
            }
        }
    }
}

/// Two flows that write the same records of the same target would overwrite each other for ever.
fn check_overlaps(settings: &Settings, reading: &mut Reading<'_>) {
    let company = |flow: &FlowSettings| {
        settings.connection(&flow.from).and_then(Connection::as_epicor).map(|epicor| epicor.company.clone())
    };
    let flows: Vec<_> = settings.flows.iter().filter(|(_, flow)| flow.enabled).collect();
    for (place, (id, flow)) in flows.iter().enumerate() {
        let earlier = flows[..place].iter().find(|(other_id, other)| {
            let same_source = other.from == flow.from || (company(other).is_some() && company(other) == company(flow));
            other.kind(other_id) == flow.kind(id) && other.to == flow.to && same_source
        });
        if let Some((other_id, _)) = earlier {
            let problem = format!("overlaps with `{other_id}`: both write the same records to `{}`", flow.to);
            reading.wrong(&["flows", id.as_str()], problem, "keep one, or set enabled = false on the other");
        }
    }
}

fn check_url(reading: &mut Reading<'_>, path: &[&str], url: &Url) {
    let loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    if !["http", "https"].contains(&url.scheme()) || url.host().is_none() {
        reading.wrong(path, "is not a web address", "use https://host/path");
    } else if url.scheme() == "http" && !loopback {
        reading.wrong(path, "would send credentials in the clear", "use https://");
    }
    if !url.username().is_empty() || url.password().is_some() {
        let problem = "secrets do not belong in the settings file: use mlc connection set-secret";
        reading.wrong(path, problem, "remove what stands before `@`");
    }
    if url.query().is_some() || url.fragment().is_some() {
        reading.wrong(path, "has a query or a fragment", "end it with the path");
    }
}

/// A name of a column goes into addresses and filters as it is.
fn is_column(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Whether companies have a property of that name for something else: ours, those we fill, and HubSpot's own.
fn is_taken(property: &str) -> bool {
    TAKEN.contains(&property) || property.starts_with("hs_") || property.starts_with("hubspot_")
}

fn is_property(name: &str) -> bool {
    name.len() <= 100
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

fn span(reading: &mut Reading<'_>, path: &[&str], value: Duration, least: Duration, most: Duration) {
    if value < least || value > most {
        let fix = format!("use {} to {}", duration::format(least), duration::format(most));
        reading.wrong(path, format!("{} is out of range", duration::format(value)), fix);
    }
}

fn range<N: PartialOrd + Display>(reading: &mut Reading<'_>, path: &[&str], value: N, least: N, most: N) {
    if value < least || value > most {
        reading.wrong(path, format!("{value} is out of range"), format!("use {least} to {most}"));
    }
}

/// The systems that a kind of flow stands between; for a kind that does not exist, those of the first flows.
fn ends(kind: &FlowId) -> (System, System) {
    match kind.as_str().split("::").next() {
        Some("epicor_to_adobe") => (System::Epicor, System::Adobe),
        Some("adobe_to_epicor") => (System::Adobe, System::Epicor),
        _ => (System::Epicor, System::Hubspot),
    }
}
