//! How far each entity has been read, and by which change field.

use chrono::{DateTime, TimeDelta, Utc};
use mlc_model::{ChangeField, ChangeMode, FlowId};
use serde::{Deserialize, Serialize};

use crate::{
    Ledger, LedgerError,
    audit::Header,
    packing::{Reader, unpack_i64},
    scripts,
};

/// Entries of [`Checkpoint::recent`].
pub(crate) const RECENT_KEPT: u32 = 64;

/// Upper bound of a window that was read wholly, in the unit of its change field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    /// An instant, to the millisecond; for all modes but `Revision`.
    Time(DateTime<Utc>),
    /// A row version.
    Revision(i64),
}

impl Mark {
    pub(crate) fn number(self) -> i64 {
        match self {
            Self::Time(at) => at.timestamp_millis(),
            Self::Revision(revision) => revision,
        }
    }

    fn from_number(mode: ChangeMode, number: i64) -> Result<Self, LedgerError> {
        match mode {
            ChangeMode::Revision => Ok(Self::Revision(number)),
            _ => DateTime::from_timestamp_millis(number)
                .map(Self::Time)
                .ok_or_else(|| LedgerError::unreadable("checkpoint", "a time is out of range")),
        }
    }

    /// Whether the mark is in the unit of this mode.
    pub fn fits(self, mode: ChangeMode) -> bool {
        matches!(self, Self::Revision(_)) == (mode == ChangeMode::Revision)
    }
}

/// How far an entity has been read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Checkpoint {
    /// What the marks are compared with.
    pub change_field: ChangeField,
    /// Everything up to here was read.
    pub until: Mark,
    /// At which instant a window up to which mark was opened, oldest first, at most 64, of those within
    /// five seconds the last. See [`Checkpoint::start`].
    pub recent: Vec<(DateTime<Utc>, Mark)>,
}

impl Checkpoint {
    /// Where the next poll starts so that it also finds versions that became visible up to `overlap` after they were given.
    /// `None` is the beginning.
    ///
    /// When the last window was opened, everything given longer than `overlap` before was visible to it or to one before:
    /// what is needed is the mark that was current at that earlier instant. It does not help to count back from now: with a
    /// pause longer than `overlap` between two polls that would be the last mark itself. While no mark is that old, the last
    /// one does until the first window's stragglers must have arrived; then all is read once more.
    pub fn start(&self, overlap: TimeDelta, now: DateTime<Utc>) -> Option<Mark> {
        let Some(((first, _), (last, _))) = self.recent.first().zip(self.recent.last()) else {
            return Some(self.until);
        };
        let older = self.recent.iter().rev().find(|(at, _)| *at <= *last - overlap);
        match older {
            Some((_, mark)) => Some(*mark),
            None if now < *first + overlap => Some(self.until),
            None => None,
        }
    }
}

/// The change field that stays in use for an entity, and why it was chosen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pin {
    /// The field.
    pub change_field: ChangeField,
    /// The reason, for people.
    pub why: String,
    /// When it was pinned.
    pub at: DateTime<Utc>,
}

impl Ledger {
    /// How far an entity has been read; `None` before its first closed window.
    ///
    /// # Errors
    /// `Redis`, or `Unreadable`.
    pub async fn checkpoint(&self, flow: &FlowId, entity: &str) -> Result<Option<Checkpoint>, LedgerError> {
        const WHAT: &str = "checkpoint";
        let (field, high, recent): (Option<String>, Option<Vec<u8>>, Option<Vec<u8>>) = redis::cmd("HMGET")
            .arg(self.keys(flow).checkpoint(entity))
            .arg(&["field", "high", "recent"])
            .query_async(&mut self.connection())
            .await?;
        let (Some(field), Some(high)) = (field, high) else { return Ok(None) };
        let change_field: ChangeField =
            serde_json::from_str(&field).map_err(|error| LedgerError::unreadable(WHAT, error))?;
        let mark = |bytes| Mark::from_number(change_field.mode, unpack_i64(bytes));
        let until = mark(Reader::new(WHAT, &high).array()?)?;
        let recent = recent.unwrap_or_default();
        let mut reader = Reader::new(WHAT, &recent);
        let mut pairs = Vec::new();
        while !reader.rest().is_empty() {
            let at = DateTime::from_timestamp_millis(i64::from_be_bytes(reader.array()?))
                .ok_or_else(|| LedgerError::unreadable(WHAT, "a time is out of range"))?;
            pairs.push((at, mark(reader.array()?)?));
        }
        Ok(Some(Checkpoint { change_field, until, recent: pairs }))
    }

    /// Forgets how far an entity was read: the next poll starts from the beginning. Leaves an audit entry of the flow.
    /// True when there was a checkpoint. It is the only way back, and the only way to another change field.
    ///
    /// # Errors
    /// `Redis`.
    pub async fn reset_checkpoint(
        &self,
        flow: &FlowId,
        entity: &str,
        reason: &str,
        at: DateTime<Utc>,
    ) -> Result<bool, LedgerError> {
        let keys = self.keys(flow);
        let reason: String = reason.chars().take(500).collect();
        let deleted: u64 = scripts::RESET_CHECKPOINT
            .key(keys.audit())
            .key(keys.meta())
            .key(keys.checkpoint(entity))
            .arg(Header { at, window: None, job: None }.pack(flow))
            .arg(self.audit_records)
            .arg(format!("checkpoint:{entity}"))
            .arg(reason)
            .invoke_async(&mut self.connection())
            .await?;
        Ok(deleted > 0)
    }

    /// How often the versions of an entity have begun anew, because its database was replaced by an older copy.
    ///
    /// # Errors
    /// `Redis`.
    pub async fn epoch(&self, flow: &FlowId, entity: &str) -> Result<i64, LedgerError> {
        let epoch: Option<i64> = redis::cmd("HGET")
            .arg(self.keys(flow).meta())
            .arg(format!("epoch:{entity}"))
            .query_async(&mut self.connection())
            .await?;
        Ok(epoch.unwrap_or(0))
    }

    /// Begins the next epoch and returns its number.
    ///
    /// # Errors
    /// `Redis`.
    pub async fn begin_epoch(&self, flow: &FlowId, entity: &str) -> Result<i64, LedgerError> {
        Ok(redis::cmd("HINCRBY")
            .arg(self.keys(flow).meta())
            .arg(format!("epoch:{entity}"))
            .arg(1)
            .query_async(&mut self.connection())
            .await?)
    }

    /// Pins the change field of an entity, so that a later look at `$metadata` does not change it silently.
    /// After another field is pinned, [`Ledger::reset_checkpoint`] is needed: marks of two fields cannot be compared.
    ///
    /// # Errors
    /// `Redis`.
    pub async fn pin_change_field(
        &self,
        flow: &FlowId,
        entity: &str,
        change_field: ChangeField,
        why: &str,
        at: DateTime<Utc>,
    ) -> Result<(), LedgerError> {
        let pin = Pin { change_field, why: why.to_owned(), at };
        let json = serde_json::to_string(&pin).map_err(|error| LedgerError::unreadable("pinned field", error))?;
        let _: u64 = redis::cmd("HSET")
            .arg(self.keys(flow).pins())
            .arg(entity)
            .arg(json)
            .query_async(&mut self.connection())
            .await?;
        Ok(())
    }

    /// The pinned change field of an entity; `None` when nothing was pinned yet.
    ///
    /// # Errors
    /// `Redis`, or `Unreadable`.
    pub async fn pinned(&self, flow: &FlowId, entity: &str) -> Result<Option<Pin>, LedgerError> {
        let json: Option<String> =
            redis::cmd("HGET").arg(self.keys(flow).pins()).arg(entity).query_async(&mut self.connection()).await?;
        json.map(|json| serde_json::from_str(&json).map_err(|error| LedgerError::unreadable("pinned field", error)))
            .transpose()
    }
}
