//! HubSpot's forms of points in time. Inside the simulator a time is milliseconds since 1970, UTC.

#![expect(
    clippy::disallowed_methods,
    reason = "a simulator shares no code with the product and keeps a clock of its own"
)]

use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};

/// Now, in milliseconds.
pub(super) fn now() -> i64 {
    Utc::now().timestamp_millis()
}

/// `2026-11-20T08:00:02.690Z`.
pub(super) fn iso(milliseconds: i64) -> String {
    DateTime::<Utc>::from_timestamp_millis(milliseconds)
        .unwrap_or_default()
        .to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// A `date` value: `YYYY-MM-DD`, or epoch milliseconds at midnight UTC.
pub(super) fn date_value(value: &str) -> Option<String> {
    if let Ok(milliseconds) = value.parse::<i64>() {
        let time = DateTime::<Utc>::from_timestamp_millis(milliseconds)?;
        return (milliseconds % 86_400_000 == 0).then(|| time.format("%Y-%m-%d").to_string());
    }
    NaiveDate::parse_from_str(value, "%Y-%m-%d").ok().map(|date| date.to_string())
}

/// A `datetime` value: epoch milliseconds or ISO text with a zone.
pub(super) fn datetime_value(value: &str) -> Option<String> {
    instant(value).map(iso)
}

/// The point in time a stored or sent text means, in milliseconds.
pub(super) fn instant(value: &str) -> Option<i64> {
    if let Ok(milliseconds) = value.parse::<i64>() {
        return DateTime::<Utc>::from_timestamp_millis(milliseconds).map(|_| milliseconds);
    }
    if let Ok(time) = DateTime::parse_from_rfc3339(value) {
        return Some(time.timestamp_millis());
    }
    NaiveDate::parse_from_str(value, "%Y-%m-%d")
        .ok()?
        .and_hms_opt(0, 0, 0)
        .map(|time| time.and_utc().timestamp_millis())
}
