//! Faults, typed by what the caller will do about them.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

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
    /// The reason, for people. At most [`Fault::MESSAGE_LIMIT`] characters.
    pub message: String,
    /// How long the server asked to wait, in milliseconds. A retry is never earlier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
}

impl Fault {
    /// Longer messages are cut here.
    pub const MESSAGE_LIMIT: usize = 1000;

    /// A fault with its three necessary facts; the rest is added by the `with_*` methods.
    pub fn new(kind: FaultKind, system: System, operation: impl Into<String>, message: impl AsRef<str>) -> Self {
        let message = message.as_ref();
        let cut = match message.char_indices().nth(Self::MESSAGE_LIMIT) {
            Some((end, _)) => format!("{}…", &message[..end]),
            None => message.to_owned(),
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
    fn two_records_with_the_same_problem_share_a_cause() {
        let a = Fault::rejected_field("map", "email", "lena is not an address");
        let b = Fault::rejected_field("map", "email", "otto is not an address");
        assert_eq!(a.cause(), b.cause());
    }
}
