//! The terms by which people choose dead letters: `lane=x kind=y fault=z subject~text error~text older>2h`.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use mlc_model::FaultKind;
use mlc_queue::{DeadFilter, Lane};
use mlc_runtime::settings::duration;

/// What a person may write.
pub(crate) const GRAMMAR: &str =
    "terms are lane=, kind=, fault=, cause=, assignee=, subject~, error~, older> and older<; quote a text with spaces";

/// Chosen by a person; empty = all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Terms {
    /// Connection.
    pub(crate) lane: Option<String>,
    /// Kind of job.
    pub(crate) kind: Option<String>,
    /// Kind of fault.
    pub(crate) fault: Option<FaultKind>,
    /// Hash of a cause.
    pub(crate) cause: Option<String>,
    /// Text in the subject.
    pub(crate) subject: Option<String>,
    /// Text in the reason.
    pub(crate) error: Option<String>,
    /// Who looks after it.
    pub(crate) assignee: Option<String>,
    /// At least so old.
    pub(crate) older: Option<Duration>,
    /// At most so old.
    pub(crate) younger: Option<Duration>,
}

impl Terms {
    /// Reads terms separated by spaces; all must hold.
    ///
    /// # Errors
    /// The term that cannot be read, and what terms there are.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut terms = Self::default();
        for term in split(text)? {
            let wrong = || format!("`{term}` is no term: {GRAMMAR}");
            let at = term.find(['=', '~', '>', '<']).ok_or_else(wrong)?;
            let (name, operator, value) = (&term[..at], &term[at..=at], term[at + 1..].trim());
            if value.is_empty() {
                return Err(wrong());
            }
            let fresh = match (name, operator) {
                ("lane" | "connection", "=") => put(&mut terms.lane, value.to_owned()),
                ("kind", "=") => put(&mut terms.kind, value.to_owned()),
                ("fault", "=") => put(&mut terms.fault, fault_kind(value)?),
                ("cause", "=") => put(&mut terms.cause, value.to_owned()),
                ("assignee", "=") => put(&mut terms.assignee, value.to_owned()),
                ("subject", "~") => put(&mut terms.subject, value.to_owned()),
                ("error", "~") => put(&mut terms.error, value.to_owned()),
                // Elsewhere `=` means exactly this, and a discard of one record must not take those whose keys begin with it.
                ("subject" | "error", "=") => {
                    return Err(format!(
                        "`{name}` can be asked for by a part only: write `{name}~{value}`, or choose letters by their ids"
                    ));
                }
                ("older", ">" | "=") => put(&mut terms.older, age(value)?),
                ("older", "<") | ("younger", "<" | "=") => put(&mut terms.younger, age(value)?),
                _ => return Err(wrong()),
            };
            if !fresh {
                return Err(format!("`{name}` stands there twice: all terms must hold, so one is enough"));
            }
        }
        Ok(terms)
    }

    /// Adds what the other one says.
    ///
    /// # Errors
    /// The name of what both say.
    pub(crate) fn and(self, other: Self) -> Result<Self, &'static str> {
        fn either<T>(name: &'static str, a: Option<T>, b: Option<T>) -> Result<Option<T>, &'static str> {
            if a.is_some() && b.is_some() { Err(name) } else { Ok(a.or(b)) }
        }
        Ok(Self {
            lane: either("connection", self.lane, other.lane)?,
            kind: either("kind", self.kind, other.kind)?,
            fault: either("fault", self.fault, other.fault)?,
            cause: either("cause", self.cause, other.cause)?,
            subject: either("subject", self.subject, other.subject)?,
            error: either("error", self.error, other.error)?,
            assignee: either("assignee", self.assignee, other.assignee)?,
            older: either("older", self.older, other.older)?,
            younger: either("younger", self.younger, other.younger)?,
        })
    }

    /// Whether nothing is said: every letter.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The name of a text that is empty: it would be in every letter, and comes of a variable that is not set.
    pub(crate) fn blank(&self) -> Option<&'static str> {
        let Self { lane, kind, fault: _, cause, subject, error, assignee, older: _, younger: _ } = self;
        blank([
            ("connection", lane),
            ("kind", kind),
            ("cause", cause),
            ("subject", subject),
            ("error", error),
            ("assignee", assignee),
        ])
    }

    /// The filter of the queue, with ages counted from `now`; `lane` is the one that the terms name.
    pub(crate) fn filter(self, lane: Option<Lane>, now: DateTime<Utc>) -> DeadFilter {
        let ago = |age: Duration| {
            TimeDelta::from_std(age).ok().and_then(|age| now.checked_sub_signed(age)).unwrap_or_default()
        };
        let Self { kind, fault, cause, subject, error, assignee, older, younger, .. } = self;
        let (until, since) = (older.map(ago), younger.map(ago));
        DeadFilter { lane, kind, fault, cause, subject, error, assignee, since, until }
    }
}

/// The name of the first text that is there and empty.
pub(crate) fn blank<'a>(texts: impl IntoIterator<Item = (&'static str, &'a Option<String>)>) -> Option<&'static str> {
    let is_blank = |text: &Option<String>| text.as_ref().is_some_and(|text| text.trim().is_empty());
    texts.into_iter().find(|(_, text)| is_blank(text)).map(|(name, _)| name)
}

fn put<T>(place: &mut Option<T>, value: T) -> bool {
    place.replace(value).is_none()
}

/// Cuts at spaces outside of double quotes, which vanish.
fn split(text: &str) -> Result<Vec<String>, String> {
    let (mut terms, mut term, mut quoted) = (Vec::new(), String::new(), false);
    for c in text.chars() {
        match c {
            '"' => quoted = !quoted,
            c if c.is_whitespace() && !quoted => {
                if !term.is_empty() {
                    terms.push(std::mem::take(&mut term));
                }
            }
            c => term.push(c),
        }
    }
    if quoted {
        return Err("a quote is not closed".to_owned());
    }
    terms.extend((!term.is_empty()).then_some(term));
    Ok(terms)
}

/// A kind of fault by its stored name.
///
/// # Errors
/// The names there are.
pub(crate) fn fault_kind(text: &str) -> Result<FaultKind, String> {
    use FaultKind::{Defect, Limited, Rejected, Transient, Unauthorized, Uncertain};
    let kinds = [Transient, Limited, Unauthorized, Rejected, Uncertain, Defect];
    kinds
        .into_iter()
        .find(|kind| kind.as_str() == text)
        .ok_or_else(|| format!("use one of {}", kinds.map(FaultKind::as_str).join(", ")))
}

/// An age such as 2h or 3d.
///
/// # Errors
/// What an age looks like.
pub(crate) fn age(text: &str) -> Result<Duration, String> {
    duration::parse(text).map_err(|error| error.to_string())
}

/// Letters per second, from 50/s, 600/m, 1000/h or a bare number.
///
/// # Errors
/// What a rate looks like.
pub(crate) fn rate(text: &str) -> Result<f64, String> {
    let (number, unit) = text.split_once('/').unwrap_or((text, "s"));
    let seconds = match unit {
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => f64::NAN,
    };
    let rate = number.parse::<f64>().unwrap_or(f64::NAN) / seconds;
    if (0.0001..=100_000.0).contains(&rate) {
        Ok(rate)
    } else {
        Err("use a number per s, m or h, such as 50/s".to_owned())
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]
    use super::*;

    #[test]
    fn all_terms_are_read_and_texts_may_be_quoted() {
        let text = r#"lane=hubspot-main kind=push_record fault=rejected  subject~"shop order" error~"two  words" older>2h older<3d"#;
        let terms = Terms::parse(text).unwrap();
        assert_eq!((terms.lane.as_deref(), terms.kind.as_deref()), (Some("hubspot-main"), Some("push_record")));
        assert_eq!((terms.subject.as_deref(), terms.error.as_deref()), (Some("shop order"), Some("two  words")));
        assert_eq!(terms.fault, Some(FaultKind::Rejected));
        let filter = terms.filter(None, DateTime::UNIX_EPOCH + TimeDelta::days(10));
        assert_eq!(filter.until, Some(DateTime::UNIX_EPOCH + TimeDelta::days(10) - TimeDelta::hours(2)));
        assert_eq!(filter.since, Some(DateTime::UNIX_EPOCH + TimeDelta::days(7)));
        assert!(Terms::parse("  ").unwrap().is_empty());
    }

    #[test]
    fn what_is_no_term_is_named() {
        for (text, word) in [
            ("lane", "lane"),
            ("lane=", "lane="),
            ("lanes=x", "lanes=x"),
            ("kind~x", "kind~x"),
            ("fault=bad", "transient"),
            ("older>soon", "soon"),
            ("subject~\"open", "quote"),
            ("kind=a kind=b", "twice"),
        ] {
            let error = Terms::parse(text).unwrap_err();
            assert!(error.contains(word), "{text}: {error}");
        }
    }

    #[test]
    fn an_empty_text_is_named() {
        let subject = |text: &str| Terms { subject: Some(text.to_owned()), ..Terms::default() };
        assert_eq!(
            (subject("").blank(), subject(" \t").blank(), subject("x").blank()),
            (Some("subject"), Some("subject"), None)
        );
        assert_eq!(
            (Terms { lane: Some(String::new()), ..subject("x") }.blank(), Terms::default().blank()),
            (Some("connection"), None)
        );
    }

    #[test]
    fn what_is_said_twice_is_refused() {
        let a = Terms::parse("kind=a").unwrap();
        assert_eq!(a.clone().and(Terms::parse("kind=b").unwrap()), Err("kind"));
        assert!(a.and(Terms::parse("lane=b").unwrap()).is_ok());
    }

    #[test]
    fn a_rate_has_a_number_and_a_unit() {
        assert_eq!(rate("50/s"), Ok(50.0));
        assert_eq!(rate("600/m"), Ok(10.0));
        assert_eq!(rate("7"), Ok(7.0));
        for wrong in ["0/s", "-1", "fast", "1/w", "inf", "", "0.1/h"] {
            assert!(rate(wrong).is_err(), "{wrong}");
        }
    }
}
