//! What should worry somebody, told from what was seen. Pure.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use mlc_ledger::REFUSED_MINUTES;
use mlc_model::{ConnectionId, FlowId};
use mlc_queue::Lane;
use mlc_runtime::settings::{AlertKind, AlertSeverity, AlertsSettings};

use super::wording::{clean, lasting};
use crate::Schedule;

/// Causes of dead letters that get an alert of their own; the rest shares one.
const CAUSES: usize = 200;
/// A window is opened a moment after its tick, by another machine's clock.
const CLOCKS: TimeDelta = TimeDelta::seconds(60);

/// What was seen in one look. A part that could not be read is `None`: it neither raises nor ends an alert.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) held: Option<Vec<Held>>,
    pub(super) causes: Option<Vec<Cause>>,
    pub(super) late: Option<Vec<Late>>,
    pub(super) unconsumed: Option<Vec<Unconsumed>>,
    pub(super) filled: Option<Vec<Filled>>,
    pub(super) refused: Option<Vec<(ConnectionId, u64)>>,
}

/// A lane that refused credentials hold.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) lane: Lane,
    pub(super) since: DateTime<Utc>,
    pub(super) waiting: u64,
}

/// Dead letters with one cause, without anything that a person wrote.
#[derive(Debug, Clone)]
pub(super) struct Cause {
    pub(super) hash: String,
    /// `system/fault kind/operation/code/field`.
    pub(super) text: String,
    pub(super) letters: u64,
    pub(super) first_at: DateTime<Utc>,
    pub(super) last_at: DateTime<Utc>,
}

/// A flow that is late.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Late {
    pub(super) flow: FlowId,
    /// When its limit was passed.
    pub(super) since: DateTime<Utc>,
    /// When the newest window that is completely handed on was opened.
    pub(super) read: DateTime<Utc>,
}

/// A lane that nobody serves.
#[derive(Debug)]
pub(super) struct Unconsumed {
    pub(super) lane: Lane,
    pub(super) ready: u64,
    /// How long its next job could have been running.
    pub(super) waits: Duration,
}

/// What holds bytes within a limit.
#[derive(Debug)]
pub(super) struct Filled {
    pub(super) what: Store,
    pub(super) used: u64,
    pub(super) limit: u64,
}

/// Who has the limit.
#[derive(Debug)]
pub(super) enum Store {
    Shelf,
    Lane(Lane),
    Redis,
}

/// Something that should worry somebody, as it is now.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Condition {
    pub(super) kind: AlertKind,
    pub(super) subject: String,
    pub(super) severity: AlertSeverity,
    /// Since when; `None` when nobody can tell.
    pub(super) since: Option<DateTime<Utc>>,
    /// When there was last something new about it; `None` when lasting is news enough.
    pub(super) changed_at: Option<DateTime<Utc>>,
    pub(super) text: String,
    pub(super) path: String,
}

/// All conditions, and the kinds of which nothing is known now.
pub(super) fn conditions(
    seen: &Seen,
    settings: &AlertsSettings,
    now: DateTime<Utc>,
) -> (Vec<Condition>, Vec<AlertKind>) {
    let mut all = Vec::new();
    let mut unknown = Vec::new();
    let mut of = |kind: AlertKind, found: Option<Vec<Condition>>| match found {
        Some(found) => all.extend(found),
        None => unknown.push(kind),
    };
    let each = |held: &Vec<Held>| held.iter().map(held_lane).collect();
    of(AlertKind::Held, seen.held.as_ref().map(each));
    of(AlertKind::DeadLetters, seen.causes.as_ref().map(|causes| dead_letters(causes)));
    let each = |late: &Vec<Late>| late.iter().map(|late| late_flow(late, now)).collect();
    of(AlertKind::Lag, seen.late.as_ref().map(each));
    let each = |lanes: &Vec<Unconsumed>| lanes.iter().map(|lane| unconsumed(lane, now)).collect();
    of(AlertKind::Unconsumed, seen.unconsumed.as_ref().map(each));
    let each = |filled: &Vec<Filled>| filled.iter().filter_map(|one| bytes(one, settings.bytes_near)).collect();
    of(AlertKind::Bytes, seen.filled.as_ref().map(each));
    let limit = u64::from(settings.signature_failures);
    let each = |refused: &Vec<(ConnectionId, u64)>| {
        refused.iter().filter(|(_, count)| *count >= limit).map(|(id, count)| signatures(id, *count)).collect()
    };
    of(AlertKind::Signatures, seen.refused.as_ref().map(each));
    (all, unknown)
}

fn held_lane(held: &Held) -> Condition {
    let lane = &held.lane;
    Condition {
        kind: AlertKind::Held,
        subject: lane.to_string(),
        severity: AlertSeverity::Critical,
        since: Some(held.since),
        changed_at: None,
        text: format!(
            "Connection {lane} is held because its credentials are refused; {} wait. Set new ones, or resume it.",
            count(held.waiting, "job", "jobs")
        ),
        path: format!("/connections/{lane}"),
    }
}

/// The oldest causes have an alert of their own, so that a new one beyond them takes none away.
fn dead_letters(causes: &[Cause]) -> Vec<Condition> {
    let mut oldest_first: Vec<&Cause> = causes.iter().collect();
    oldest_first.sort_by(|a, b| (a.first_at, &a.hash).cmp(&(b.first_at, &b.hash)));
    let (own, rest) = oldest_first.split_at(oldest_first.len().min(CAUSES));
    let mut all: Vec<Condition> = own
        .iter()
        .map(|cause| Condition {
            kind: AlertKind::DeadLetters,
            subject: clean(&cause.hash, 64),
            severity: AlertSeverity::Warning,
            since: Some(cause.first_at),
            changed_at: Some(cause.last_at),
            text: format!(
                "{} on the shelf for one cause: {}.",
                count(cause.letters, "dead letter", "dead letters"),
                clean(&cause.text, 200)
            ),
            path: format!("/dead-letters/list?cause={}", path_part(&cause.hash)),
        })
        .collect();
    if let Some(newest) = rest.iter().map(|cause| cause.last_at).max() {
        all.push(Condition {
            kind: AlertKind::DeadLetters,
            subject: "more".to_owned(),
            severity: AlertSeverity::Warning,
            since: rest.first().map(|cause| cause.first_at),
            changed_at: Some(newest),
            text: format!("Dead letters stand on the shelf for {} more than {CAUSES} causes.", rest.len()),
            path: "/dead-letters".to_owned(),
        });
    }
    all
}

fn late_flow(late: &Late, now: DateTime<Utc>) -> Condition {
    let flow = &late.flow;
    Condition {
        kind: AlertKind::Lag,
        subject: flow.to_string(),
        severity: AlertSeverity::Warning,
        since: Some(late.since),
        changed_at: None,
        text: format!(
            "Flow {flow} is late: changes of the last {} are not completely handed on.",
            lasting(now - late.read)
        ),
        path: format!("/flows/{flow}"),
    }
}

fn unconsumed(unconsumed: &Unconsumed, now: DateTime<Utc>) -> Condition {
    let Unconsumed { lane, ready, waits } = unconsumed;
    let waits = TimeDelta::from_std(*waits).unwrap_or_default();
    Condition {
        kind: AlertKind::Unconsumed,
        subject: lane.to_string(),
        severity: AlertSeverity::Critical,
        since: now.checked_sub_signed(waits),
        changed_at: None,
        text: format!(
            "Nobody takes the jobs of {lane}: {} could run, the next one for {}. Is a worker running?",
            count(*ready, "job", "jobs"),
            lasting(waits)
        ),
        path: format!("/jobs?lane={lane}"),
    }
}

fn bytes(filled: &Filled, near: u8) -> Option<Condition> {
    let percent = filled.used.saturating_mul(100).checked_div(filled.limit)?;
    if percent < u64::from(near) {
        return None;
    }
    let (subject, severity, what, path) = match &filled.what {
        Store::Shelf if percent >= 100 => (
            "dead_letters".to_owned(),
            AlertSeverity::Critical,
            "The dead-letter shelf is full, and its oldest letters are dropped".to_owned(),
            "/dead-letters".to_owned(),
        ),
        Store::Shelf => (
            "dead_letters".to_owned(),
            AlertSeverity::Warning,
            "The dead-letter shelf is nearly full; then its oldest letters are dropped".to_owned(),
            "/dead-letters".to_owned(),
        ),
        // Reading waits until there is room, so nothing is lost.
        Store::Lane(lane) => (
            format!("lane/{lane}"),
            AlertSeverity::Info,
            format!("Jobs of {lane} pile up; reading waits when they fill their room"),
            format!("/jobs?lane={lane}"),
        ),
        Store::Redis => (
            "redis".to_owned(),
            AlertSeverity::Critical,
            "Redis' memory is nearly full; then no work is accepted".to_owned(),
            "/".to_owned(),
        ),
    };
    let mib = |bytes: u64| bytes.div_ceil(1 << 20);
    Some(Condition {
        kind: AlertKind::Bytes,
        subject,
        severity,
        since: None,
        changed_at: None,
        text: format!("{what}: {percent} % of {} MiB.", mib(filled.limit)),
        path,
    })
}

fn signatures(connection: &ConnectionId, refused: u64) -> Condition {
    Condition {
        kind: AlertKind::Signatures,
        subject: connection.to_string(),
        severity: AlertSeverity::Warning,
        since: None,
        changed_at: None,
        text: format!(
            "{refused} webhook deliveries to {connection} within {REFUSED_MINUTES} minutes were refused for their signature: the secret differs, or \
             somebody tries."
        ),
        path: format!("/connections/{connection}"),
    }
}

/// Whether a flow is late: the poll that was due first after the newest complete window is not handed on `limit` after it was due.
pub(super) fn lateness(
    flow: &FlowId,
    schedule: &Schedule,
    read: DateTime<Utc>,
    limit: Duration,
    now: DateTime<Utc>,
) -> Option<Late> {
    // With all of the jitter: a flow is not late before it had to begin.
    let due = schedule.next_after(read.checked_add_signed(CLOCKS)?, 1.0)?;
    let since = due.checked_add_signed(TimeDelta::from_std(limit).ok()?)?;
    (since <= now).then(|| Late { flow: flow.clone(), since, read })
}

fn count(n: u64, one: &str, many: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{n} {many}") }
}

/// A hash is letters and digits; whatever else stood there must not become another query.
fn path_part(text: &str) -> String {
    text.chars().filter(char::is_ascii_alphanumeric).take(64).collect()
}

#[cfg(test)]
#[path = "conditions_tests.rs"]
mod tests;
