//! What must hold beyond the form of single values.

use std::time::Duration;

use chrono::{DateTime, Utc};
use mlc_model::ConnectionId;

use super::{
    ChangeModeSetting, Connection, EpicorAuth, Settings,
    adobe_checks::{check_adobe, check_shared_stores},
    alert_checks::check_alerts,
    bounds::{
        COLUMN_FIX, DAY, HOUR, MIB, MINUTE, MS, NO_COLUMN, SECOND, check_rate, check_url, is_column, is_property,
        range, span,
    },
    flow_checks::{check_flow, check_overlaps, check_schedule},
    option_checks::check_options,
    process_checks::{check_file, check_level, check_ports, check_redis},
    reading::Reading,
    screens::check_screens,
};

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
    check_alerts(&settings.alerts, reading);
    for (id, connection) in &settings.connections {
        check_connection(id, connection, reading);
    }
    check_shared_stores(settings, reading);
    for (id, flow) in &settings.flows {
        check_flow(id, flow, settings, reading);
        check_options(id, flow, reading);
        check_schedule(id, flow, reading, now);
    }
    check_overlaps(settings, reading);
}

fn check_processes(settings: &Settings, reading: &mut Reading<'_>) {
    let Settings { redis, queue, worker, producer, console, audit, log, retry, .. } = settings;
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
    span(reading, &["console", "session"], console.session, 5 * MINUTE, 30 * DAY);
    range(reading, &["audit", "exchanges"], audit.exchanges, 0, 10_000_000);
    span(reading, &["retry", "base"], retry.base, 10 * MS, 10 * MINUTE);
    span(reading, &["retry", "cap"], retry.cap, retry.base, DAY);
    span(reading, &["retry", "unsettled"], retry.unsettled, Duration::ZERO, HOUR);
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
    check_screens(id, connection.screens(), reading);
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
            check_rate(reading, &at("requests_per_second"), epicor.requests_per_second);
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
        Connection::Adobe(adobe) => check_adobe(id, adobe, reading),
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

/// Whether companies have a property of that name for something else: ours, those we fill, and HubSpot's own.
fn is_taken(property: &str) -> bool {
    TAKEN.contains(&property) || property.starts_with("hs_") || property.starts_with("hubspot_")
}
