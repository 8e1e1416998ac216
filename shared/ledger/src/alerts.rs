//! What people were told of by themselves: what fires since when, what each channel was told, what is on its way there.
//!
//! One text holds all of it, so that a look and what follows from it are one write. Only the producer that leads writes it: a
//! producer that was asleep while another took over finds its write refused.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use mlc_model::{ChannelId, ConnectionId};
use mlc_runtime::settings::{AlertKind, AlertSeverity};
use redis::InfoDict;
use serde::{Deserialize, Serialize};

use crate::{Ledger, LedgerError, keys, scripts};

/// Refused deliveries are counted by the minute, and told for this many.
pub const REFUSED_MINUTES: i64 = 5;
/// Seconds that a minute's count is kept.
const REFUSED_KEPT: i64 = 600;

/// Everything about alerts that must survive.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct AlertBook {
    /// What fires, and what has ended but was not told everywhere yet.
    pub alerts: Vec<Alert>,
    /// By channel.
    pub channels: BTreeMap<ChannelId, ChannelBook>,
}

/// Something that a person should know. Holds no secret and no personal data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    /// Stays the same from beginning to end; another one when it comes back later.
    pub id: String,
    /// What it is about.
    pub kind: AlertKind,
    /// What it is about exactly: a connection, a flow, a cause.
    pub subject: String,
    /// How much it matters.
    pub severity: AlertSeverity,
    /// Since when it is so.
    pub since: DateTime<Utc>,
    /// When it was noticed.
    pub noticed_at: DateTime<Utc>,
    /// When it was seen to be over; `None` while it lasts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<DateTime<Utc>>,
    /// When there was last something new about it; `None` for what needs nothing new to be told again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed_at: Option<DateTime<Utc>>,
    /// A sentence for people.
    pub text: String,
    /// Where the console shows it: a path.
    pub path: String,
}

/// What one channel was told.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ChannelBook {
    /// By alert.
    pub told: BTreeMap<String, Told>,
    /// On its way: kept before it is sent, and unchanged until the channel has taken it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<AlertMessage>,
    /// Whether a quiet time keeps something back.
    #[serde(default)]
    pub kept_back: bool,
    /// When the channel last took a message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_at: Option<DateTime<Utc>>,
    /// Why it did not take the last one; `None` when it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// What a channel was last told of an alert.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Told {
    /// When.
    pub at: DateTime<Utc>,
    /// With which severity.
    pub severity: AlertSeverity,
    /// That it is over.
    #[serde(default)]
    pub ended: bool,
    /// How often.
    #[serde(default)]
    pub times: u32,
}

/// One message to one channel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AlertMessage {
    /// Stays the same however often it is sent: receivers tell repetitions by it.
    pub id: String,
    /// When it was written.
    pub created_at: DateTime<Utc>,
    /// Whether it sums up what a quiet time kept back.
    pub summary: bool,
    /// What it tells, most important first.
    pub events: Vec<AlertEvent>,
    /// Events that found no room in it.
    pub more: u32,
    /// What the channel knows once it has taken it, by alert.
    pub tells: BTreeMap<String, Told>,
    /// How often it was tried in vain.
    pub attempts: u32,
    /// When it is tried next.
    pub next_at: DateTime<Utc>,
}

/// One line of a message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AlertEvent {
    /// Stays the same however often and in whichever message it is sent.
    pub id: String,
    /// What happened.
    pub news: AlertNews,
    /// The alert as it was then.
    pub alert: Alert,
}

/// What is new about an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertNews {
    /// It fires, or matters more than before.
    Firing,
    /// It still fires.
    StillFiring,
    /// It is over.
    Resolved,
}

impl AlertNews {
    /// As messages spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Firing => "firing",
            Self::StillFiring => "still_firing",
            Self::Resolved => "resolved",
        }
    }
}

/// Redis' memory in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RedisMemory {
    /// In use.
    pub used: u64,
    /// Limit; 0 = none.
    pub limit: u64,
}

impl Ledger {
    /// The book of alerts; an empty one where none was kept yet.
    ///
    /// # Errors
    /// `Redis`, or `Unreadable`: another version has kept it.
    pub async fn alert_book(&self) -> Result<AlertBook, LedgerError> {
        let key = keys::alert_book(self.namespace());
        let json: Option<String> = redis::cmd("GET").arg(key).query_async(&mut self.connection()).await?;
        let Some(json) = json else { return Ok(AlertBook::default()) };
        // The text of the error quotes values, which are nobody's business.
        serde_json::from_str(&json).map_err(|error| {
            LedgerError::unreadable("book of alerts", format!("line {}, column {}", error.line(), error.column()))
        })
    }

    /// Keeps the book, as long as `holder` holds the lead called `name`. False when another one does: nothing is kept then.
    ///
    /// # Errors
    /// `Redis`: whether it was kept is not known.
    pub async fn keep_alert_book(&self, name: &str, holder: &str, book: &AlertBook) -> Result<bool, LedgerError> {
        let json = serde_json::to_string(book).map_err(|error| LedgerError::unreadable("book of alerts", error))?;
        let digit: String = scripts::KEEP_ALERTS
            .key(keys::lead(self.namespace(), name))
            .key(keys::alert_book(self.namespace()))
            .arg(holder)
            .arg(json)
            .invoke_async(&mut self.connection())
            .await?;
        Ok(digit == "1")
    }

    /// Counts a webhook delivery whose signature was refused.
    ///
    /// # Errors
    /// `Redis`.
    pub async fn count_refused(&self, connection: &ConnectionId, at: DateTime<Utc>) -> Result<(), LedgerError> {
        let key = keys::refused(self.namespace(), connection, at.timestamp().div_euclid(60));
        let mut both = redis::pipe();
        both.atomic().incr(&key, 1).ignore().expire(&key, REFUSED_KEPT).ignore();
        both.query_async::<()>(&mut self.connection()).await?;
        Ok(())
    }

    /// Refused deliveries of each of `connections` in the present minute and the four before it.
    ///
    /// # Errors
    /// `Redis`.
    pub async fn refused(&self, connections: &[ConnectionId], now: DateTime<Utc>) -> Result<Vec<u64>, LedgerError> {
        if connections.is_empty() {
            return Ok(Vec::new());
        }
        let minute = now.timestamp().div_euclid(60);
        let mut command = redis::cmd("MGET");
        for connection in connections {
            for before in 0..REFUSED_MINUTES {
                command.arg(keys::refused(self.namespace(), connection, minute - before));
            }
        }
        let counts: Vec<Option<u64>> = command.query_async(&mut self.connection()).await?;
        let minutes = usize::try_from(REFUSED_MINUTES).unwrap_or(1);
        Ok(counts.chunks(minutes).map(|counts| counts.iter().flatten().sum()).collect())
    }

    /// What Redis uses of its memory.
    ///
    /// # Errors
    /// `Redis`.
    pub async fn memory(&self) -> Result<RedisMemory, LedgerError> {
        let info: InfoDict = redis::cmd("INFO").arg("memory").query_async(&mut self.connection()).await?;
        Ok(RedisMemory {
            used: info.get("used_memory").unwrap_or_default(),
            limit: info.get("maxmemory").unwrap_or_default(),
        })
    }
}
