//! Durations as people write them: `"250ms"`, `"30s"`, `"5m"`, `"1h30m"`, `"2d"`.

use std::{fmt::Write as _, time::Duration};

use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

/// Units from large to small, in milliseconds.
const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

/// A text that is not a duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a duration: every number needs a unit (ms, s, m, h, d)")]
pub struct InvalidDuration(String);

/// Reads a duration. Every number needs its unit.
///
/// # Errors
/// [`InvalidDuration`] for anything else, and for more than 584 million years.
pub fn parse(text: &str) -> Result<Duration, InvalidDuration> {
    let invalid = || InvalidDuration(text.chars().take(40).collect());
    let mut rest = text.trim();
    let mut total: u64 = 0;
    if rest.is_empty() {
        return Err(invalid());
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(invalid)?;
        let number: u64 = rest[..digits].parse().map_err(|_| invalid())?;
        rest = rest[digits..].trim_start();
        let letters = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
        let (_, size) = UNITS.iter().find(|(unit, _)| *unit == &rest[..letters]).ok_or_else(invalid)?;
        total = number.checked_mul(*size).and_then(|part| total.checked_add(part)).ok_or_else(invalid)?;
        rest = rest[letters..].trim_start();
    }
    Ok(Duration::from_millis(total))
}

/// Writes a duration in the form that [`parse`] reads. Parts below a millisecond are dropped.
pub fn format(duration: Duration) -> String {
    let mut left = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let mut text = String::new();
    for (unit, size) in UNITS {
        if left >= size {
            // Writing to a `String` cannot fail.
            let _ = write!(text, "{}{unit}", left / size);
            left %= size;
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

/// For `#[serde(with = "duration")]`.
///
/// # Errors
/// Those of the serializer.
pub fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&format(*duration))
}

/// For `#[serde(with = "duration")]`.
///
/// # Errors
/// A text that is not a duration.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
}

/// The same for durations that may be absent: `#[serde(with = "duration::option")]`.
pub mod option {
    use super::{Deserialize as _, Deserializer, Duration, Serializer};
    use serde::de::Error as _;

    /// For `#[serde(with = "duration::option")]`.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(duration: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
        match duration {
            Some(duration) => super::serialize(duration, serializer),
            None => serializer.serialize_none(),
        }
    }

    /// For `#[serde(with = "duration::option")]`.
    ///
    /// # Errors
    /// A text that is not a duration.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        text.map(|text| super::parse(&text).map_err(D::Error::custom)).transpose()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]
    use super::*;

    #[test]
    fn a_duration_is_read_and_written_the_same() {
        for text in ["250ms", "30s", "5m", "1h30m", "2d", "0s", "1m500ms"] {
            assert_eq!(format(parse(text).unwrap()), text);
        }
        assert_eq!(parse("90s").unwrap(), Duration::from_secs(90));
        assert_eq!(parse(" 1h 30m ").unwrap(), Duration::from_secs(5400));
    }

    #[test]
    fn a_number_without_a_unit_is_refused() {
        for text in ["", "30", "s", "30 parsecs", "-5s", "1.5s", "99999999999999999999s", "18446744073709551615d"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
