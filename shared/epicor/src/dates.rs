//! Dates in the four shapes Epicor writes them: without zone, with `Z`, with an offset, or null.

use std::{fmt, str::FromStr};

use chrono::{DateTime, Days, Duration, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, TimeZone, Utc};
use chrono_tz::Tz;

/// The zone of Epicor's server: what a date without zone means, and where its days begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerZone {
    /// A constant distance from UTC.
    Fixed(FixedOffset),
    /// A place with its own rules, such as `America/Chicago`.
    Named(Tz),
}

/// A zone that is neither an offset nor a place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a time zone: use minutes from UTC such as `-360`, `+01:00`, or a name such as `America/Chicago`")]
pub struct InvalidZone(String);

impl Default for ServerZone {
    fn default() -> Self {
        Self::Named(Tz::UTC)
    }
}

impl FromStr for ServerZone {
    type Err = InvalidZone;

    /// Minutes east of UTC (`-360`), an offset (`-06:00`), `Z`, or a name of the IANA list.
    fn from_str(text: &str) -> Result<Self, InvalidZone> {
        let invalid = || InvalidZone(text.chars().take(64).collect());
        let text = text.trim();
        if text == "Z" {
            return Ok(Self::default());
        }
        if let Ok(tz) = text.parse::<Tz>() {
            return Ok(Self::Named(tz));
        }
        let minutes = match text.parse::<i32>() {
            Ok(minutes) => minutes,
            Err(_) => {
                let (sign, rest) = match text.split_at_checked(1) {
                    Some(("+", rest)) => (1, rest),
                    Some(("-", rest)) => (-1, rest),
                    _ => return Err(invalid()),
                };
                let (hours, minutes) = rest.split_once(':').ok_or_else(invalid)?;
                let number = |text: &str| text.parse::<u8>().map(i32::from).map_err(|_| invalid());
                sign * (number(hours)? * 60 + number(minutes)?)
            }
        };
        minutes
            .checked_mul(60)
            .filter(|_| minutes.abs() <= 14 * 60)
            .and_then(FixedOffset::east_opt)
            .map(Self::Fixed)
            .ok_or_else(invalid)
    }
}

impl fmt::Display for ServerZone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(offset) => write!(f, "{offset}"),
            Self::Named(tz) => write!(f, "{tz}"),
        }
    }
}

impl ServerZone {
    /// The instant of a wall clock reading on the server. An hour that occurs twice is taken as its second pass, one that
    /// does not occur as if the clock had not been moved: an error then makes a change look newer, so it is read twice
    /// rather than not at all.
    pub fn instant(&self, local: NaiveDateTime) -> DateTime<Utc> {
        // The gap of a clock change is an hour, in rare places up to a day.
        (0..=24)
            .map(Duration::hours)
            .find_map(|gap| Some(self.latest(local.checked_sub_signed(gap)?)? + gap))
            .unwrap_or_else(|| local.and_utc())
    }

    fn latest(&self, local: NaiveDateTime) -> Option<DateTime<Utc>> {
        match self {
            Self::Fixed(offset) => offset.from_local_datetime(&local).latest().map(|at| at.with_timezone(&Utc)),
            Self::Named(tz) => tz.from_local_datetime(&local).latest().map(|at| at.with_timezone(&Utc)),
        }
    }

    /// The server's calendar day at an instant.
    pub fn day(&self, at: DateTime<Utc>) -> NaiveDate {
        match self {
            Self::Fixed(offset) => at.with_timezone(offset).date_naive(),
            Self::Named(tz) => at.with_timezone(tz).date_naive(),
        }
    }
}

/// A text that is no date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a date: expected `2025-10-31T00:00:00`, with `Z`, with an offset, or null")]
pub struct NotADate;

/// The instant in one of the shapes. A missing zone is the server's. Empty text = `None`, like null.
///
/// # Errors
/// [`NotADate`] for anything else.
///
/// Source: Epicor reference, section 3.1, value formats.
pub fn instant(text: &str, zone: ServerZone) -> Result<Option<DateTime<Utc>>, NotADate> {
    Ok(match read(text)? {
        None => None,
        Some(Reading::Zoned(at)) => Some(at.with_timezone(&Utc)),
        Some(Reading::Local(local)) => Some(zone.instant(local)),
    })
}

/// The calendar day a date-only column means. Midnight as printed is that day whatever zone was appended to it; any
/// other time is an instant, whose day on the server counts.
///
/// # Errors
/// [`NotADate`] for anything that is not a date.
pub fn day(text: &str, zone: ServerZone) -> Result<Option<NaiveDate>, NotADate> {
    Ok(match read(text)? {
        None => None,
        Some(Reading::Local(local)) => Some(local.date()),
        Some(Reading::Zoned(at)) if at.time() == NaiveTime::MIN => Some(at.date_naive()),
        Some(Reading::Zoned(at)) => Some(zone.day(at.with_timezone(&Utc))),
    })
}

enum Reading {
    Zoned(DateTime<FixedOffset>),
    Local(NaiveDateTime),
}

fn read(text: &str) -> Result<Option<Reading>, NotADate> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Ok(Some(Reading::Zoned(at)));
    }
    if let Ok(local) = NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f") {
        return Ok(Some(Reading::Local(local)));
    }
    match NaiveDate::parse_from_str(text, "%Y-%m-%d") {
        Ok(date) => Ok(Some(Reading::Local(date.and_time(NaiveTime::MIN)))),
        Err(_) => Err(NotADate),
    }
}

/// An instant as v2 takes it in `$filter`: bare ISO 8601 in UTC, so that no `+` needs encoding.
pub fn literal(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true)
}

/// The day before the server's day at `since`, as a literal: where a read of a date-only column starts.
pub fn day_before_literal(since: DateTime<Utc>, zone: ServerZone) -> String {
    let day = zone.day(since);
    let start = day.checked_sub_days(Days::new(1)).unwrap_or(day);
    format!("{}T00:00:00Z", start.format("%Y-%m-%d"))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]
    use super::*;

    fn utc(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn all_four_shapes_are_read() {
        let zone: ServerZone = "America/Chicago".parse().unwrap();
        let at = |text| instant(text, zone).unwrap();
        assert_eq!(at("2025-10-31T08:00:00"), Some(utc("2025-10-31T13:00:00Z")));
        assert_eq!(at("2025-10-31T08:00:00Z"), Some(utc("2025-10-31T08:00:00Z")));
        assert_eq!(at("2025-10-31T08:00:00.25+02:00"), Some(utc("2025-10-31T06:00:00.25Z")));
        assert_eq!(at(""), None);
        assert_eq!(at("2025-10-31"), Some(utc("2025-10-31T05:00:00Z")));
        for wrong in ["31.10.2025", "2025-13-01T00:00:00", "yesterday", "/Date(1761868800000)/"] {
            assert_eq!(instant(wrong, zone), Err(NotADate), "{wrong}");
        }
    }

    #[test]
    fn a_date_only_value_keeps_its_printed_day() {
        let zone: ServerZone = "+120".parse().unwrap();
        let on = |text| day(text, zone).unwrap().unwrap().to_string();
        assert_eq!(on("2026-04-07T00:00:00"), "2026-04-07");
        assert_eq!(on("2026-04-07T00:00:00Z"), "2026-04-07");
        assert_eq!(on("2026-04-07T00:00:00-05:00"), "2026-04-07");
        // Local midnight, written as the instant it is.
        assert_eq!(on("2026-04-06T22:00:00Z"), "2026-04-07");
    }

    #[test]
    fn a_zone_is_minutes_an_offset_or_a_name() {
        for (text, offset) in [("-360", -360), ("-06:00", -360), ("+05:30", 330), ("0", 0)] {
            let expected = ServerZone::Fixed(FixedOffset::east_opt(offset * 60).unwrap());
            assert_eq!(text.parse::<ServerZone>().unwrap(), expected, "{text}");
        }
        assert_eq!("Z".parse::<ServerZone>().unwrap(), ServerZone::default());
        for wrong in ["", "Chicago", "9999", "2147483647", "+aa:bb", "ä"] {
            assert!(wrong.parse::<ServerZone>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_doubtful_hour_is_never_taken_too_early() {
        let zone: ServerZone = "America/Chicago".parse().unwrap();
        let at = |text| instant(text, zone).unwrap().unwrap();
        assert_eq!(at("2025-11-02T01:30:00"), utc("2025-11-02T07:30:00Z"), "the second of the two");
        assert_eq!(at("2025-03-09T02:30:00"), utc("2025-03-09T08:30:00Z"), "the skipped hour");
    }

    #[test]
    fn a_read_by_day_starts_on_the_day_before_on_the_server() {
        let zone: ServerZone = "America/Chicago".parse().unwrap();
        assert_eq!(day_before_literal(utc("2026-04-07T03:00:00Z"), zone), "2026-04-05T00:00:00Z");
        assert_eq!(literal(utc("2026-04-07T03:00:00.120Z")), "2026-04-07T03:00:00.120Z");
    }
}
