//! A record as it stood at a time that is past, told from its trail.

use chrono::{DateTime, Utc};
use mlc_model::{FlowId, RecordKey};
use serde::Serialize;

use crate::{Action, AuditEntry, AuditId, Ledger, LedgerError};

/// Entries per look back.
const PER_READ: usize = 200;
/// Most entries that one look back reads; a record that was written every five minutes reaches back two months.
const LONGEST: usize = 20_000;

/// A record at a time that is past.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Past {
    /// What had happened to it.
    Known(Box<Standing>),
    /// Nothing had happened to it yet.
    NotYet,
    /// The trail does not reach back that far.
    Unknown {
        /// When its oldest entry was written; `None` when there is none at all.
        oldest: Option<DateTime<Utc>>,
    },
}

/// How a record stood.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Standing {
    /// The last thing that had happened.
    pub last: AuditEntry,
    /// The delivery whose content stood at the target; `None` when nothing was there, or when the trail does not reach back to it.
    pub delivered: Option<AuditEntry>,
}

impl Ledger {
    /// A record as it stood at `at`, on the clock of the workers. Reads its trail backwards, at most 20,000 entries.
    ///
    /// # Errors
    /// `Redis`, or `Unreadable`.
    pub async fn audit_at(&self, flow: &FlowId, key: &RecordKey, at: DateTime<Utc>) -> Result<Past, LedgerError> {
        let rows = self.row(flow, std::slice::from_ref(key)).await?;
        let mut from = rows.into_iter().next().flatten().and_then(|row| row.last_entry);
        let (mut oldest, mut read): (Option<DateTime<Utc>>, usize) = (None, 0);
        let mut last: Option<AuditEntry> = None;
        while let Some(start) = from.filter(|_| read < LONGEST) {
            let (entries, next) = self.audit_chain(flow, key, start, PER_READ).await?;
            read += entries.len();
            // A missing entry ends the chain where older ones were trimmed.
            let trimmed = entries.is_empty();
            for entry in entries {
                oldest = Some(entry.at);
                if entry.at > at {
                    continue;
                }
                let ends = match entry.action {
                    Action::Deleted => Some(None),
                    // Notes of the same name hold no content: they tell of something beside the delivery.
                    Action::Created | Action::Updated | Action::Unchanged | Action::Conflict
                        if entry.after.is_some() =>
                    {
                        Some(Some(entry.clone()))
                    }
                    _ => None,
                };
                let last = last.get_or_insert(entry);
                if let Some(delivered) = ends {
                    return Ok(Past::Known(Box::new(Standing { last: last.clone(), delivered })));
                }
            }
            if trimmed {
                break;
            }
            from = next;
            if next.is_none() {
                return Ok(last.map_or(Past::NotYet, |last| Past::Known(Box::new(Standing { last, delivered: None }))));
            }
        }
        Ok(last.map_or(Past::Unknown { oldest }, |last| Past::Known(Box::new(Standing { last, delivered: None }))))
    }

    /// A record's entries from one of them backwards, newest first, at most `limit`, and the entry that comes after them; `None` at the
    /// beginning of the trail. An entry that was trimmed, or is of another record, ends it: then there are fewer than `limit`, and it comes.
    ///
    /// # Errors
    /// `Redis`, or `Unreadable`.
    pub async fn audit_chain(
        &self,
        flow: &FlowId,
        key: &RecordKey,
        from: AuditId,
        limit: usize,
    ) -> Result<(Vec<AuditEntry>, Option<AuditId>), LedgerError> {
        let (mut next, mut trail) = (Some(from), Vec::new());
        while let Some(id) = next.filter(|_| trail.len() < limit) {
            let found = self.read_stream(flow, &id.to_string(), &id.to_string(), 1).await?;
            let Some(entry) = found.into_iter().flatten().find(|entry| entry.key == key.as_str()) else { break };
            // An entry always points to an older one; anything else would be a loop.
            next = entry.previous.filter(|previous| *previous < id);
            trail.push(entry);
        }
        Ok((trail, next))
    }
}
