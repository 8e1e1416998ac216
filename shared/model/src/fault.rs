//! Faults, typed by what the caller will do about them.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

use crate::is_hidden_mark;

/// What the queue does about a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// The network or the server had a bad moment: retry with exponential backoff.
    Transient,
    /// Too many requests: snooze, no attempt is used.
    Limited,
    /// Credentials or rights refused after one renewal: hold the connection, keep its jobs.
    Unauthorized,
    /// The record or the request is wrong: dead letter now, with the reason.
    Rejected,
    /// A write was sent and its answer never came: retry, but read back before writing again.
    Uncertain,
    /// Our own payload or an invariant is broken: dead letter now, logged as an error.
    Defect,
}

impl FaultKind {
    /// The kind as it is stored, filtered by and counted.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Transient => "transient",
            Self::Limited => "limited",
            Self::Unauthorized => "unauthorized",
            Self::Rejected => "rejected",
            Self::Uncertain => "uncertain",
            Self::Defect => "defect",
        }
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where a fault arose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum System {
    /// Epicor Kinetic.
    Epicor,
    /// HubSpot.
    Hubspot,
    /// Adobe Commerce.
    Adobe,
    /// Redis.
    Redis,
    /// This product itself.
    Connector,
}

impl System {
    /// The name as it stands in labels and stored forms.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Epicor => "epicor",
            Self::Hubspot => "hubspot",
            Self::Adobe => "adobe",
            Self::Redis => "redis",
            Self::Connector => "connector",
        }
    }
}

impl fmt::Display for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What went wrong, in words that a finance person understands, with what support needs.
/// Holds neither headers, nor credentials, nor a body, nor personal data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// What to do about it.
    pub kind: FaultKind,
    /// Who said so.
    pub system: System,
    /// What was being done, such as `companies.batch_upsert`.
    pub operation: String,
    /// HTTP status, where there was an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The system's own code for the cause, such as `INVALID_OPTION`. Groups equal causes together with `field`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The field it is about, where one is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// The system's correlation id: its support asks for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<String>,
    /// The reason, for people, on one line. At most [`Fault::MESSAGE_LIMIT`] characters.
    pub message: String,
    /// How long the server asked to wait, in milliseconds. A retry is never earlier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
}

impl Fault {
    /// Longer messages are cut here.
    pub const MESSAGE_LIMIT: usize = 1000;

    /// A fault with its three necessary facts; the rest is added by the `with_*` methods.
    ///
    /// The message may be another system's, who says what it likes: e-mail addresses and telephone numbers (`+49 …`) are left out, and so
    /// is what a terminal would obey or write backwards. Names of people cannot be told from other words and stay.
    pub fn new(kind: FaultKind, system: System, operation: impl Into<String>, message: impl AsRef<str>) -> Self {
        let message = without_contacts(message.as_ref());
        let cut = match message.char_indices().nth(Self::MESSAGE_LIMIT) {
            Some((end, _)) => format!("{}…", &message[..end]),
            None => message,
        };
        Self {
            kind,
            system,
            operation: operation.into(),
            status: None,
            code: None,
            field: None,
            correlation_id: None,
            message: cut,
            retry_after_ms: None,
        }
    }

    /// A broken invariant of our own.
    pub fn defect(operation: impl Into<String>, message: impl AsRef<str>) -> Self {
        Self::new(FaultKind::Defect, System::Connector, operation, message)
    }

    /// A record that cannot be carried over, with the field that stops it.
    pub fn rejected_field(operation: impl Into<String>, field: impl Into<String>, message: impl AsRef<str>) -> Self {
        Self::new(FaultKind::Rejected, System::Connector, operation, message).with_field(field)
    }

    /// Adds the HTTP status.
    #[must_use]
    pub fn with_status(mut self, status: u16) -> Self {
        self.status = Some(status);
        self
    }

    /// Adds the system's code for the cause.
    #[must_use]
    pub fn with_code(mut self, code: impl Into<String>) -> Self {
        self.code = Some(code.into());
        self
    }

    /// Adds the field it is about.
    #[must_use]
    pub fn with_field(mut self, field: impl Into<String>) -> Self {
        self.field = Some(field.into());
        self
    }

    /// Adds the system's correlation id.
    #[must_use]
    pub fn with_correlation_id(mut self, id: impl Into<String>) -> Self {
        self.correlation_id = Some(id.into());
        self
    }

    /// Adds the wait the server asked for.
    #[must_use]
    pub fn with_retry_after(mut self, wait: Duration) -> Self {
        self.retry_after_ms = Some(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
        self
    }

    /// The wait the server asked for.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after_ms.map(Duration::from_millis)
    }

    /// Whether the message is what Epicor or a shop answered: they put values into their refusals, which may name people. HubSpot's
    /// answers are rid of values before they become a message, and all others are ours.
    pub fn is_in_their_words(&self) -> bool {
        matches!(self.system, System::Epicor | System::Adobe) && self.status.is_some()
    }

    /// The fault for a log, which holds no personal data: without the words of Epicor and of shops. Whoever looks the job up reads them.
    pub fn log_line(&self) -> String {
        if !self.is_in_their_words() {
            return self.to_string();
        }
        let part = |name: &str, value: &Option<String>| {
            value.as_ref().map(|value| format!(", {name} {value}")).unwrap_or_default()
        };
        let (code, field) = (part("code", &self.code), part("field", &self.field));
        let bare = Self { message: format!("{}{code}{field}", self.kind.as_str()), ..self.clone() };
        bare.to_string()
    }

    /// What makes two dead letters the same problem: kind, system, operation, code and field, not the words.
    pub fn cause(&self) -> String {
        format!(
            "{}/{}/{}/{}/{}",
            self.system,
            self.kind,
            self.operation,
            self.code.as_deref().unwrap_or("-"),
            self.field.as_deref().unwrap_or("-")
        )
    }
}

/// The text without addresses and numbers by which people are reached, and without characters that are none.
fn without_contacts(text: &str) -> String {
    // Far more than is kept; what follows is nobody's business.
    let start = text.char_indices().nth(8 * Fault::MESSAGE_LIMIT).map_or(text, |(end, _)| &text[..end]);
    let plain: String =
        start.chars().filter(|c| !is_hidden_mark(*c)).map(|c| if c.is_control() { ' ' } else { c }).collect();
    let mut kept = String::with_capacity(plain.len());
    for word in plain.split_inclusive(' ') {
        let (word, space) = word.strip_suffix(' ').map_or((word, ""), |word| (word, " "));
        if is_address(word) {
            let begins = word.len() - word.trim_start_matches(|c: char| !c.is_alphanumeric()).len();
            let ends = word.trim_end_matches(|c: char| !c.is_alphanumeric()).len();
            kept.push_str(&word[..begins]);
            kept.push_str("[e-mail]");
            kept.push_str(&word[ends..]);
        } else {
            kept.push_str(word);
        }
        kept.push_str(space);
    }
    without_telephones(&kept)
}

fn is_address(word: &str) -> bool {
    word.split_once('@').is_some_and(|(before, after)| {
        before.ends_with(|c: char| c.is_alphanumeric() || "._%+-'\"".contains(c))
            && after.contains(char::is_alphanumeric)
    })
}

/// Only numbers that begin with `+`: without it a number may be an order's or a part's.
fn without_telephones(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('+') {
        let number = &rest[at + 1..];
        let end = number.find(|c: char| !c.is_ascii_digit() && !" -/().".contains(c)).unwrap_or(number.len());
        let number = number[..end].trim_end_matches(|c: char| !c.is_ascii_digit());
        let digits = number.chars().filter(char::is_ascii_digit).count();
        let is_telephone = number.starts_with(|c: char| c.is_ascii_digit() || c == '(') && digits >= 7;
        kept.push_str(&rest[..at]);
        kept.push_str(if is_telephone { "[telephone]" } else { "+" });
        rest = &rest[at + 1 + if is_telephone { number.len() } else { 0 }..];
    }
    kept.push_str(rest);
    kept
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.system, self.operation, self.message)?;
        if let Some(status) = self.status {
            write!(f, " (HTTP {status})")?;
        }
        if let Some(id) = &self.correlation_id {
            write!(f, " [correlation id {id}]")?;
        }
        Ok(())
    }
}

impl std::error::Error for Fault {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_message_is_cut_between_characters() {
        let fault = Fault::defect("x", "ä".repeat(5000));
        assert_eq!(fault.message.chars().count(), Fault::MESSAGE_LIMIT + 1);
    }

    #[test]
    fn what_another_system_says_loses_addresses_telephones_and_marks_and_nothing_else() {
        for (said, kept) in [
            (
                "Contact Otto Meier (otto.meier@private.example, +49 171 5551234) is not valid \u{202e}gnp\u{2066}",
                "Contact Otto Meier ([e-mail], [telephone]) is not valid gnp",
            ),
            ("mail <lena@x.example>; call +1 (217) 555-0100.", "mail <[e-mail]>; call [telephone]."),
            ("\"lena@x\" is no address", "\"[e-mail]\" is no address"),
            ("two\nlines\u{1b}[2J", "two lines [2J"),
            (
                "PO 4500123 of 2026-11-22, part 12-3456-78, +5 pieces, 7+8, @@FIELD, ~@~",
                "PO 4500123 of 2026-11-22, part 12-3456-78, +5 pieces, 7+8, @@FIELD, ~@~",
            ),
            ("größer als +", "größer als +"),
            ("", ""),
        ] {
            assert_eq!(Fault::defect("x", said).message, kept);
        }
    }

    #[test]
    fn a_log_holds_our_words_and_not_those_of_epicor_and_shops() {
        let said = |system| {
            Fault::new(FaultKind::Rejected, system, "x.write", "Otto Meier is not valid")
                .with_code("BAD_CONTACT")
                .with_correlation_id("c-1")
        };
        let theirs = said(System::Epicor).with_status(400);
        assert_eq!(theirs.log_line(), "epicor x.write: rejected, code BAD_CONTACT (HTTP 400) [correlation id c-1]");
        assert!(!said(System::Adobe).with_status(400).log_line().contains("Otto"));
        for ours in [said(System::Epicor), said(System::Hubspot).with_status(400), said(System::Connector)] {
            assert_eq!(ours.log_line(), ours.to_string());
        }
    }

    #[test]
    fn two_records_with_the_same_problem_share_a_cause() {
        let a = Fault::rejected_field("map", "email", "lena is not an address");
        let b = Fault::rejected_field("map", "email", "otto is not an address");
        assert_eq!(a.cause(), b.cause());
    }
}
