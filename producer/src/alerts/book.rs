//! The book of alerts: what changes in it with every look, and which messages follow. Pure.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use mlc_ledger::{Alert, AlertBook, AlertEvent, AlertMessage, AlertNews, ChannelBook, Told};
use mlc_model::{ChannelId, Fingerprint};
use mlc_runtime::settings::{AlertChannel, AlertKind, AlertSeverity, AlertsSettings};

use super::conditions::Condition;

/// Alerts in the book. Beyond it the oldest that are over go untold: a channel has been away for very long then.
const MOST_ALERTS: usize = 1000;
/// Events that one message spells out.
const MOST_EVENTS: usize = 50;
/// A message that could not be sent for so long tells of yesterday: another one is written instead.
const STALE_AFTER: TimeDelta = TimeDelta::hours(1);

/// Brings the book up to what was seen. Kinds in `unknown` stay as they are.
pub(super) fn note(
    book: &mut AlertBook,
    conditions: Vec<Condition>,
    unknown: &[AlertKind],
    settings: &AlertsSettings,
    now: DateTime<Utc>,
) {
    let wait = delta(settings.group_wait);
    let mut lasting = vec![false; book.alerts.len()];
    for condition in conditions {
        // One that was over for a moment only is still the same.
        let known = book.alerts.iter().rposition(|alert| {
            alert.kind == condition.kind
                && alert.subject == condition.subject
                && alert.ended_at.is_none_or(|ended| now - ended < wait)
        });
        match known {
            Some(place) => {
                let alert = &mut book.alerts[place];
                alert.ended_at = None;
                alert.severity = condition.severity;
                alert.changed_at = condition.changed_at;
                alert.text = condition.text;
                alert.path = condition.path;
                lasting[place] = true;
            }
            None => {
                book.alerts.push(begun(condition, now));
                lasting.push(true);
            }
        }
    }
    for (alert, lasts) in book.alerts.iter_mut().zip(lasting) {
        if !lasts && alert.ended_at.is_none() && !unknown.contains(&alert.kind) {
            alert.ended_at = Some(now);
        }
    }
}

fn begun(condition: Condition, now: DateTime<Utc>) -> Alert {
    let Condition { kind, subject, severity, since, changed_at, text, path } = condition;
    Alert {
        id: short_id(&(kind, &subject, now.timestamp_millis())),
        since: since.unwrap_or(now).min(now),
        noticed_at: now,
        ended_at: None,
        kind,
        subject,
        severity,
        changed_at,
        text,
        path,
    }
}

/// Writes the messages that are due, one per channel at most, and forgets what everybody knows. Tells the channels whose message
/// was given up for a fresh one.
pub(super) fn compose(book: &mut AlertBook, settings: &AlertsSettings, now: DateTime<Utc>) -> Vec<ChannelId> {
    let quiet = settings.is_quiet(now);
    let AlertBook { alerts, channels } = book;
    channels.retain(|name, _| settings.channels.contains_key(name));
    let mut given_up = Vec::new();
    for (name, channel) in &settings.channels {
        let entry = channels.entry(name.clone()).or_default();
        let stale = |message: &AlertMessage| message.attempts > 0 && now - message.created_at >= STALE_AFTER;
        if entry.message.as_ref().is_some_and(stale) {
            entry.message = None;
            given_up.push(name.clone());
        }
        if entry.message.is_none() {
            compose_one(name, channel, entry, alerts, settings, quiet, now);
        }
    }
    forget(alerts, channels, settings, now);
    given_up
}

fn compose_one(
    name: &ChannelId,
    channel: &AlertChannel,
    entry: &mut ChannelBook,
    alerts: &[Alert],
    settings: &AlertsSettings,
    quiet: bool,
    now: DateTime<Utc>,
) {
    let wait = delta(settings.group_wait);
    let mut wanted: Vec<(AlertNews, &Alert)> = Vec::new();
    let (mut is_due, mut kept_back) = (false, false);
    for alert in alerts {
        let Some((news, due_at)) = news_of(alert, channel, entry.told.get(&alert.id), settings) else { continue };
        if quiet && alert.severity < AlertSeverity::Critical {
            kept_back |= due_at <= now;
            continue;
        }
        is_due |= due_at <= now;
        // What has just begun joins those who are due. What is to be told again soon too, so that they keep together; but what is
        // over may come back until it is due.
        let joins = match news {
            AlertNews::Firing => true,
            AlertNews::StillFiring => due_at <= now + wait,
            AlertNews::Resolved => due_at <= now,
        };
        if joins {
            wanted.push((news, alert));
        }
    }
    let summary = entry.kept_back && !quiet;
    entry.kept_back = (entry.kept_back && quiet) || kept_back;
    if is_due {
        entry.message = Some(write(name, wanted, &entry.told, summary, now));
    } else if summary {
        // Nothing is left of what was kept back; or it comes with the next message, which is none of a quiet time then.
        entry.kept_back = !wanted.is_empty();
    }
}

/// What the channel should hear of an alert, and from when on.
fn news_of(
    alert: &Alert,
    channel: &AlertChannel,
    told: Option<&Told>,
    settings: &AlertsSettings,
) -> Option<(AlertNews, DateTime<Utc>)> {
    let wait = delta(settings.group_wait);
    match (told, alert.ended_at) {
        // It was told of the beginning, so it hears of the end, whatever its filters say by now.
        (Some(told), Some(ended)) => (!told.ended).then_some((AlertNews::Resolved, ended + wait)),
        _ if !channel.tells(alert.kind, alert.severity) => None,
        (None, None) => Some((AlertNews::Firing, alert.noticed_at + wait)),
        // Nobody needs to know what came and went; but what a quiet time or a dead channel hid is told.
        (None, Some(ended)) => (ended - alert.noticed_at >= wait).then_some((AlertNews::Resolved, ended + wait)),
        (Some(told), None) if told.ended || alert.severity > told.severity => Some((AlertNews::Firing, told.at)),
        (Some(told), None) => {
            let has_news = alert.changed_at.is_none_or(|changed| changed > told.at);
            has_news.then(|| (AlertNews::StillFiring, told.at + delta(settings.repeat)))
        }
    }
}

fn write(
    name: &ChannelId,
    mut wanted: Vec<(AlertNews, &Alert)>,
    told: &BTreeMap<String, Told>,
    summary: bool,
    now: DateTime<Utc>,
) -> AlertMessage {
    wanted.sort_by(|(news, alert), (other_news, other)| {
        let rank = |news: &AlertNews, alert: &Alert| {
            (*news == AlertNews::Resolved, std::cmp::Reverse(alert.severity), *news, alert.since)
        };
        rank(news, alert).cmp(&rank(other_news, other)).then_with(|| alert.id.cmp(&other.id))
    });
    let mut tells = BTreeMap::new();
    let mut events = Vec::new();
    for (news, alert) in wanted {
        let times = told.get(&alert.id).map_or(0, |told| told.times).saturating_add(1);
        let ended = news == AlertNews::Resolved;
        tells.insert(alert.id.clone(), Told { at: now, severity: alert.severity, ended, times });
        events.push(AlertEvent { id: format!("{}.{times}.{}", alert.id, news.as_str()), news, alert: alert.clone() });
    }
    let more = u32::try_from(events.len().saturating_sub(MOST_EVENTS)).unwrap_or(u32::MAX);
    events.truncate(MOST_EVENTS);
    let ids: Vec<&str> = events.iter().map(|event| event.id.as_str()).collect();
    let id = short_id(&(name, now.timestamp_millis(), ids));
    AlertMessage { id, created_at: now, summary, events, more, tells, attempts: 0, next_at: now }
}

/// Drops alerts that are over and that nobody waits to hear of, and what was told of those that are gone.
fn forget(
    alerts: &mut Vec<Alert>,
    channels: &mut BTreeMap<ChannelId, ChannelBook>,
    settings: &AlertsSettings,
    now: DateTime<Utc>,
) {
    let awaited = |alert: &Alert| {
        settings.channels.iter().any(|(name, channel)| {
            let told = channels.get(name).and_then(|entry| entry.told.get(&alert.id));
            news_of(alert, channel, told, settings).is_some()
        })
    };
    let may_come_back = |ended: DateTime<Utc>| now - ended < delta(settings.group_wait);
    alerts.retain(|alert| alert.ended_at.is_none_or(may_come_back) || awaited(alert));
    while alerts.len() > MOST_ALERTS {
        let Some(oldest) = alerts.iter().position(|alert| alert.ended_at.is_some()) else { break };
        alerts.remove(oldest);
    }
    for entry in channels.values_mut() {
        entry.told.retain(|id, _| alerts.iter().any(|alert| alert.id == *id));
    }
}

/// The channel has taken its message.
pub(super) fn taken(entry: &mut ChannelBook, now: DateTime<Utc>) {
    if let Some(message) = entry.message.take() {
        entry.told.extend(message.tells);
    }
    entry.sent_at = Some(now);
    entry.problem = None;
}

/// The channel has not taken its message, which is tried again at `next_at`.
pub(super) fn failed(entry: &mut ChannelBook, why: String, next_at: DateTime<Utc>) {
    entry.problem = Some(why);
    if let Some(message) = &mut entry.message {
        message.attempts = message.attempts.saturating_add(1);
        message.next_at = next_at;
    }
}

fn delta(time: std::time::Duration) -> TimeDelta {
    TimeDelta::from_std(time).unwrap_or(TimeDelta::MAX)
}

fn short_id(of: &impl serde::Serialize) -> String {
    Fingerprint::of(of).map(|print| print.to_string()[..16].to_owned()).unwrap_or_default()
}

#[cfg(test)]
#[path = "book_tests.rs"]
mod tests;
