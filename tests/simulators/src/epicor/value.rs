//! Values of rows: how they are kept, read from JSON, written as JSON and compared.

use std::{cmp::Ordering, sync::Arc};

use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, TimeDelta, Utc};
use serde_json::Value;

use super::{config::DateShape, schema::Edm};

/// One part of a key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum KeyPart {
    Int(i64),
    Text(Arc<str>),
}

/// Key of a row inside its company.
pub(crate) type Key = Box<[KeyPart]>;

/// A stored value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Cell {
    Null,
    Bool(bool),
    Int(i64),
    /// As written, so that decimals keep their digits.
    Decimal(Arc<str>),
    Text(Arc<str>),
    /// Days since 1970-01-01.
    Day(i32),
    /// Microseconds since 1970-01-01 UTC.
    Moment(i64),
    /// A value of a wrong type, served as it is.
    Odd(Arc<Value>),
}

/// A value as filters and orderings see it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Scalar<'a> {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(&'a str),
    /// Microseconds since 1970-01-01 UTC.
    Moment(i64),
    Guid(u128),
}

impl Scalar<'_> {
    /// Orders two values of one type, nulls first; `None` where they cannot be compared.
    #[expect(clippy::cast_precision_loss, reason = "decimals are compared roughly, revisions never")]
    pub(crate) fn order(&self, other: &Scalar<'_>) -> Option<Ordering> {
        Some(match (self, other) {
            (Scalar::Null, Scalar::Null) => Ordering::Equal,
            (Scalar::Null, _) => Ordering::Less,
            (_, Scalar::Null) => Ordering::Greater,
            (Scalar::Bool(a), Scalar::Bool(b)) => a.cmp(b),
            (Scalar::Int(a), Scalar::Int(b)) | (Scalar::Moment(a), Scalar::Moment(b)) => a.cmp(b),
            (Scalar::Int(a), Scalar::Float(b)) => (*a as f64).total_cmp(b),
            (Scalar::Float(a), Scalar::Int(b)) => a.total_cmp(&(*b as f64)),
            (Scalar::Float(a), Scalar::Float(b)) => a.total_cmp(b),
            (Scalar::Text(a), Scalar::Text(b)) => a.cmp(b),
            (Scalar::Guid(a), Scalar::Guid(b)) => a.cmp(b),
            _ => return None,
        })
    }
}

/// The server's zone and the shape it writes dates in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Dates {
    pub(crate) shape: DateShape,
    pub(crate) zone: FixedOffset,
}

impl Dates {
    pub(crate) fn new(shape: DateShape, offset_minutes: i32) -> Self {
        let utc = FixedOffset::east_opt(0).unwrap_or_else(|| unreachable!("zero is a valid offset"));
        let zone = FixedOffset::east_opt(offset_minutes.saturating_mul(60)).unwrap_or(utc);
        Self { shape, zone }
    }

    /// The moment a day column stands for: midnight in the zone the client is shown.
    pub(crate) fn midnight(self, day: i32) -> i64 {
        let utc = i64::from(day) * 86_400_000_000;
        if self.shape == DateShape::Z { utc } else { utc - i64::from(self.zone.local_minus_utc()) * 1_000_000 }
    }

    /// Day and second of the day of `at` in the server's zone.
    pub(crate) fn local_day_and_second(self, at: DateTime<Utc>) -> (i32, i64) {
        let local = at.timestamp() + i64::from(self.zone.local_minus_utc());
        (i32::try_from(local.div_euclid(86_400)).unwrap_or(0), local.rem_euclid(86_400))
    }

    fn shape_of(self, row: u32) -> DateShape {
        match self.shape {
            DateShape::Mixed => match row % 4 {
                0 => DateShape::NoZone,
                1 => DateShape::Z,
                2 => DateShape::Offset,
                _ => DateShape::Null,
            },
            shape => shape,
        }
    }

    fn write(self, local: NaiveDateTime, utc: NaiveDateTime, row: u32, out: &mut Vec<u8>) {
        let format = "%Y-%m-%dT%H:%M:%S%.f";
        let text = match self.shape_of(row) {
            DateShape::Null | DateShape::Mixed => "null".to_owned(),
            DateShape::NoZone => format!("\"{}\"", local.format(format)),
            DateShape::Z => format!("\"{}Z\"", utc.format(format)),
            DateShape::Offset => format!("\"{}{}\"", local.format(format), self.zone),
        };
        out.extend_from_slice(text.as_bytes());
    }
}

fn naive(micros: i64) -> NaiveDateTime {
    DateTime::from_timestamp_micros(micros).unwrap_or_default().naive_utc()
}

/// Reads a date as a client may send it; without a zone it is local to `zone`.
pub(crate) fn parse_moment(text: &str, zone: FixedOffset) -> Option<DateTime<Utc>> {
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Some(at.to_utc());
    }
    let local = NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f")
        .or_else(|_| NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M"))
        .ok()
        .or_else(|| text.parse::<NaiveDate>().ok()?.and_hms_opt(0, 0, 0))?;
    Some((local - TimeDelta::seconds(i64::from(zone.local_minus_utc()))).and_utc())
}

pub(crate) fn parse_guid(text: &str) -> Option<u128> {
    let dashes = [8, 13, 18, 23];
    let shaped = text.len() == 36
        && text.bytes().enumerate().all(
            |(at, byte)| {
                if dashes.contains(&at) { byte == b'-' } else { byte.is_ascii_hexdigit() }
            },
        );
    shaped.then(|| u128::from_str_radix(&text.replace('-', ""), 16).ok())?
}

pub(crate) fn guid_text(guid: u128) -> String {
    let hex = format!("{guid:032x}");
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

impl Cell {
    /// Takes a JSON value into a column. What does not fit the type is kept and served as it is.
    pub(crate) fn from_json(value: &Value, edm: Edm, zone: FixedOffset) -> Self {
        let odd = || Cell::Odd(Arc::new(value.clone()));
        match (edm, value) {
            (_, Value::Null) => Cell::Null,
            (Edm::Boolean, Value::Bool(flag)) => Cell::Bool(*flag),
            (Edm::Int32 | Edm::Int64, Value::Number(number)) => number.as_i64().map_or_else(odd, Cell::Int),
            (Edm::Decimal, Value::Number(number)) => Cell::Decimal(with_decimals(&number.to_string())),
            (Edm::Decimal, Value::String(text)) if text.parse::<f64>().is_ok_and(f64::is_finite) => {
                Cell::Decimal(with_decimals(text))
            }
            (Edm::Text | Edm::Binary | Edm::Guid, Value::String(text)) => Cell::Text(text.as_str().into()),
            (Edm::Day, Value::String(text)) => text
                .get(..10)
                .and_then(|day| day.parse::<NaiveDate>().ok())
                .map_or_else(odd, |day| Cell::Day(days_since_epoch(day))),
            (Edm::Moment, Value::String(text)) => {
                parse_moment(text, zone).map_or_else(odd, |at| Cell::Moment(at.timestamp_micros()))
            }
            _ => odd(),
        }
    }

    /// What a column holds when nobody wrote to it.
    pub(crate) fn default_of(edm: Edm) -> Self {
        match edm {
            Edm::Boolean => Cell::Bool(false),
            Edm::Int32 | Edm::Int64 => Cell::Int(0),
            Edm::Decimal => Cell::Decimal("0.00".into()),
            Edm::Text | Edm::Guid => Cell::Text("".into()),
            Edm::Binary => Cell::Text("AAAAAAAAAAA=".into()),
            Edm::Day | Edm::Moment => Cell::Null,
        }
    }

    pub(crate) fn scalar(&self, edm: Edm, dates: Dates) -> Scalar<'_> {
        match self {
            Cell::Null | Cell::Odd(_) => Scalar::Null,
            Cell::Bool(flag) => Scalar::Bool(*flag),
            Cell::Int(number) => Scalar::Int(*number),
            Cell::Decimal(text) => text.parse().map_or(Scalar::Null, Scalar::Float),
            Cell::Text(text) if edm == Edm::Guid => parse_guid(text).map_or(Scalar::Null, Scalar::Guid),
            Cell::Text(text) => Scalar::Text(text),
            Cell::Day(day) => Scalar::Moment(dates.midnight(*day)),
            Cell::Moment(micros) => Scalar::Moment(*micros),
        }
    }

    /// Writes the value as JSON. `row` picks the shape of dates when shapes are mixed.
    pub(crate) fn write(&self, dates: Dates, row: u32, out: &mut Vec<u8>) {
        match self {
            Cell::Null => out.extend_from_slice(b"null"),
            Cell::Bool(flag) => out.extend_from_slice(if *flag { b"true" } else { b"false" }),
            Cell::Int(number) => out.extend_from_slice(number.to_string().as_bytes()),
            Cell::Decimal(text) => out.extend_from_slice(text.as_bytes()),
            Cell::Text(text) => write_text(text, out),
            Cell::Odd(value) => out.extend_from_slice(value.to_string().as_bytes()),
            Cell::Day(day) => {
                let midnight = naive(i64::from(*day) * 86_400_000_000);
                dates.write(midnight, midnight, row, out);
            }
            Cell::Moment(micros) => {
                let local = naive(micros + i64::from(dates.zone.local_minus_utc()) * 1_000_000);
                dates.write(local, naive(*micros), row, out);
            }
        }
    }
}

pub(crate) fn write_text(text: &str, out: &mut Vec<u8>) {
    // Writing a string into memory cannot fail.
    let _ = serde_json::to_writer(out, text);
}

fn with_decimals(text: &str) -> Arc<str> {
    if text.contains(['.', 'e', 'E']) { text.into() } else { format!("{text}.00").into() }
}

fn days_since_epoch(day: NaiveDate) -> i32 {
    let days = day.and_time(chrono::NaiveTime::MIN).and_utc().timestamp() / 86_400;
    i32::try_from(days).unwrap_or(0)
}
