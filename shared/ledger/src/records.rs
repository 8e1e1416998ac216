//! Records: what has been seen, what has been delivered, who is pushing.
//!
//! ```text
//!             classify                 begin                     deliver
//!  sighted ───────────────► changed ───────────► pending ───────────────────► delivered
//!     │ same content, nothing newer seen            │ worker died, write uncertain
//!     ├──► unchanged                                └──► stays pending: `unchanged` is not believed until delivered
//!     └──► superseded (a newer version was seen)
//! ```

use std::{collections::HashSet, time::Duration};

use chrono::{DateTime, Utc};
use mlc_model::{Fingerprint, FlowId, JobId, RecordKey, TargetId, Version, WindowId};
use redis::Script;
use serde::{Deserialize, Serialize};

use crate::{
    Action, AuditNote, Ledger, LedgerError, Row,
    audit::{DETAIL_LIMIT, Header},
    packing::{pack_i64, tag_target},
    scripts,
};

/// Most records per script call, so that no call keeps Redis from others for long.
const PER_CALL: usize = 250;
/// Most records per audit entry; a trail is read by whole entries.
const PER_ENTRY: usize = 100;
/// Longest record key in bytes.
const KEY_LIMIT: usize = 512;

/// A state of a record as its source shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sighting {
    /// The record.
    pub key: RecordKey,
    /// Its version at the source.
    pub version: Version,
    /// Its content. Sightings and deliveries of one flow must compute it from the same thing.
    pub fingerprint: Fingerprint,
}

/// What to do with a sighted record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Push it.
    Changed,
    /// The target holds exactly this.
    Unchanged,
    /// A newer version was seen: this one must not be written any more.
    Superseded,
}

/// A record that the target has taken.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// The record.
    pub key: RecordKey,
    /// Version that was written.
    pub version: Version,
    /// Content that was written.
    pub fingerprint: Fingerprint,
    /// Id at the target; `None` keeps the known one.
    pub target_id: Option<TargetId>,
    /// [`Action::Created`] or [`Action::Updated`].
    pub action: Action,
    /// Window that brought the record in.
    pub window: Option<WindowId>,
    /// Job that carried it.
    pub job: Option<JobId>,
    /// When. The records of one batch share it, which also saves memory.
    pub at: DateTime<Utc>,
}

/// One record of an audit entry, as `deliver.lua` and `note.lua` take it.
struct Item<'a> {
    key: &'a RecordKey,
    header: Header<'a>,
    action: Action,
    version: Option<Version>,
    fingerprint: Option<Fingerprint>,
    target_id: Option<&'a TargetId>,
    detail: &'a str,
}

impl Ledger {
    /// Sorts sighted records into those to push and those not, and remembers the newest version seen of each.
    /// Verdicts stand in the order of the sightings.
    ///
    /// `Unchanged` means that the content equals the last delivered one, that no newer version was seen since, and that no
    /// push was begun without a known end. A record never becomes deliverable by a version older than one seen.
    ///
    /// # Errors
    /// `Redis`; `TooLong` for a key beyond 512 bytes.
    pub async fn classify(&self, flow: &FlowId, sightings: &[Sighting]) -> Result<Vec<Verdict>, LedgerError> {
        self.judge(&scripts::CLASSIFY, flow, sightings).await
    }

    /// Asks again right before the write, under the record's lease. `Changed` means: write it now; from then on the
    /// record is pending until [`Ledger::deliver`].
    ///
    /// # Errors
    /// As [`Ledger::classify`].
    pub async fn begin(&self, flow: &FlowId, sightings: &[Sighting]) -> Result<Vec<Verdict>, LedgerError> {
        self.judge(&scripts::BEGIN, flow, sightings).await
    }

    async fn judge(&self, script: &Script, flow: &FlowId, sightings: &[Sighting]) -> Result<Vec<Verdict>, LedgerError> {
        let keys = self.keys(flow);
        let mut verdicts = Vec::with_capacity(sightings.len());
        for chunk in sightings.chunks(PER_CALL) {
            let mut call = script.prepare_invoke();
            for sighting in chunk {
                check_length(&sighting.key)?;
                call.key(keys.bucket(&sighting.key));
                call.arg(sighting.key.as_str());
                call.arg(&pack_i64(sighting.version.0)[..]).arg(&sighting.fingerprint.0[..]);
            }
            let letters: String = call.invoke_async(&mut self.connection()).await?;
            verdicts.extend(letters.bytes().map(|letter| match letter {
                b'u' => Verdict::Unchanged,
                b's' => Verdict::Superseded,
                _ => Verdict::Changed,
            }));
        }
        Ok(verdicts)
    }

    /// Records that the target has taken records: row and audit entry of each in one step.
    ///
    /// Returns the keys whose delivery came after that of a newer version. That cannot happen under a lease; when it does
    /// (a lease ran out during a write), the entry says `conflict` and the record counts as changed at its next sighting.
    ///
    /// # Errors
    /// `Redis`; a repetition after one leaves a second audit entry and nothing else. `TooLong` as [`Ledger::classify`].
    ///
    /// # Cancel safety
    /// Each part of up to 100 records is recorded wholly or not at all; a part that is not stays pending.
    pub async fn deliver(&self, flow: &FlowId, deliveries: &[Delivery]) -> Result<Vec<RecordKey>, LedgerError> {
        let items: Vec<Item<'_>> = deliveries
            .iter()
            .map(|delivery| Item {
                key: &delivery.key,
                header: Header { at: delivery.at, window: delivery.window.as_ref(), job: delivery.job.as_ref() },
                action: delivery.action,
                version: Some(delivery.version),
                fingerprint: Some(delivery.fingerprint),
                target_id: delivery.target_id.as_ref(),
                detail: "",
            })
            .collect();
        let mut late = Vec::new();
        for entry in entries(&items) {
            let digits: String = self.append(&scripts::DELIVER, flow, entry).await?;
            let of_entry = entry.iter().zip(digits.bytes()).filter(|(_, digit)| *digit == b'1');
            late.extend(of_entry.map(|(item, _)| item.key.clone()));
        }
        Ok(late)
    }

    /// Records what happened to records other than a delivery. `Refused`, `Excluded` and `Deleted` also mark the row.
    ///
    /// # Errors
    /// As [`Ledger::deliver`].
    pub async fn note(&self, flow: &FlowId, notes: &[AuditNote]) -> Result<(), LedgerError> {
        let items: Vec<Item<'_>> = notes
            .iter()
            .map(|note| Item {
                key: &note.key,
                header: Header { at: note.at, window: note.window.as_ref(), job: note.job.as_ref() },
                action: note.action,
                version: note.version,
                fingerprint: note.fingerprint,
                target_id: note.target_id.as_ref(),
                detail: note.detail.as_deref().map_or("", cut),
            })
            .collect();
        for entry in entries(&items) {
            let _: u64 = self.append(&scripts::NOTE, flow, entry).await?;
        }
        Ok(())
    }

    async fn append<T: redis::FromRedisValue>(
        &self,
        script: &Script,
        flow: &FlowId,
        items: &[Item<'_>],
    ) -> Result<T, LedgerError> {
        let keys = self.keys(flow);
        let mut call = script.prepare_invoke();
        call.key(keys.audit()).key(keys.meta());
        call.arg(items.first().map(|item| item.header.pack(flow)).unwrap_or_default()).arg(self.audit_records);
        for item in items {
            check_length(item.key)?;
            call.key(keys.bucket(item.key));
            call.arg(item.key.as_str()).arg(item.action as u8);
            call.arg(item.version.map(|version| pack_i64(version.0).to_vec()).unwrap_or_default());
            call.arg(item.fingerprint.map(|print| print.0.to_vec()).unwrap_or_default());
            call.arg(tag_target(item.target_id)).arg(item.detail);
        }
        Ok(call.invoke_async(&mut self.connection()).await?)
    }

    /// Marks records as deliberately not moved, without an audit entry. A delivery takes the mark off.
    /// Returns how many were not marked before.
    ///
    /// # Errors
    /// As [`Ledger::classify`].
    pub async fn exclude(&self, flow: &FlowId, records: &[RecordKey]) -> Result<u64, LedgerError> {
        let keys = self.keys(flow);
        let mut marked = 0;
        for chunk in records.chunks(PER_CALL) {
            let mut call = scripts::EXCLUDE.prepare_invoke();
            for key in chunk {
                check_length(key)?;
                call.key(keys.bucket(key)).arg(key.as_str());
            }
            marked += call.invoke_async::<u64>(&mut self.connection()).await?;
        }
        Ok(marked)
    }

    /// Makes records be written again: their next sighting is `Changed` even when the content is equal. Link and versions
    /// stay, so an older version is still `Superseded`. It also holds against a push that is on its way: one that was begun
    /// before does not settle the record when it is delivered. Leaves no audit entry. Returns how many have a row; one without is
    /// `Changed` at its first sighting anyway, and nothing was written for it.
    ///
    /// # Errors
    /// As [`Ledger::classify`].
    pub async fn unsettle(&self, flow: &FlowId, records: &[RecordKey]) -> Result<u64, LedgerError> {
        let (keys, mut marked) = (self.keys(flow), 0);
        for chunk in records.chunks(PER_CALL) {
            let mut call = scripts::UNSETTLE.prepare_invoke();
            for key in chunk {
                check_length(key)?;
                call.key(keys.bucket(key)).arg(key.as_str());
            }
            marked += call.invoke_async::<u64>(&mut self.connection()).await?;
        }
        Ok(marked)
    }

    /// Reads rows; `None` for a record that was never seen.
    ///
    /// # Errors
    /// `Redis`, or `Unreadable`.
    pub async fn row(&self, flow: &FlowId, records: &[RecordKey]) -> Result<Vec<Option<Row>>, LedgerError> {
        let keys = self.keys(flow);
        let mut rows = Vec::with_capacity(records.len());
        for chunk in records.chunks(PER_CALL) {
            let mut pipe = redis::pipe();
            for key in chunk {
                pipe.cmd("HGET").arg(keys.bucket(key)).arg(key.as_str());
            }
            let values: Vec<Option<Vec<u8>>> = pipe.query_async(&mut self.connection()).await?;
            for value in values {
                rows.push(value.as_deref().map(Row::unpack).transpose()?);
            }
        }
        Ok(rows)
    }

    /// Reads the ids at the target; `None` for a record that has none.
    ///
    /// # Errors
    /// As [`Ledger::row`].
    pub async fn link(&self, flow: &FlowId, records: &[RecordKey]) -> Result<Vec<Option<TargetId>>, LedgerError> {
        Ok(self.row(flow, records).await?.into_iter().map(|row| row?.target).collect())
    }

    /// Takes each record's lease for `holder`, or extends it; false where somebody else holds it.
    /// `ttl` must outlast the write, because an expired lease does not stop one.
    ///
    /// # Errors
    /// As [`Ledger::classify`].
    pub async fn lease(
        &self,
        flow: &FlowId,
        records: &[RecordKey],
        holder: &str,
        ttl: Duration,
    ) -> Result<Vec<bool>, LedgerError> {
        let keys = self.keys(flow);
        let mut held = Vec::with_capacity(records.len());
        for chunk in records.chunks(PER_CALL) {
            let mut call = scripts::LEASE.prepare_invoke();
            for key in chunk {
                check_length(key)?;
                call.key(keys.lease(key));
            }
            call.arg(holder).arg(ttl_millis(ttl));
            let digits: String = call.invoke_async(&mut self.connection()).await?;
            held.extend(digits.bytes().map(|digit| digit == b'1'));
        }
        Ok(held)
    }

    /// Gives leases back; those that somebody else holds by now are left alone.
    ///
    /// # Errors
    /// `Redis`; the leases then run out by themselves.
    pub async fn release(&self, flow: &FlowId, records: &[RecordKey], holder: &str) -> Result<(), LedgerError> {
        let keys = self.keys(flow);
        for chunk in records.chunks(PER_CALL) {
            let mut call = scripts::RELEASE.prepare_invoke();
            for key in chunk {
                call.key(keys.lease(key));
            }
            call.arg(holder);
            let _: u64 = call.invoke_async(&mut self.connection()).await?;
        }
        Ok(())
    }
}

/// Redis refuses a time to live of zero.
pub(crate) fn ttl_millis(ttl: Duration) -> u64 {
    u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX).clamp(1, 1 << 50)
}

pub(crate) fn check_length(key: &RecordKey) -> Result<(), LedgerError> {
    at_most("record key", key.as_str(), KEY_LIMIT)
}

/// Refuses what would be cut, where a cut text would be another one.
pub(crate) fn at_most(what: &'static str, text: &str, limit: usize) -> Result<(), LedgerError> {
    match text.len() {
        length if length > limit => Err(LedgerError::TooLong { what, length, limit }),
        _ => Ok(()),
    }
}

pub(crate) fn cut(detail: &str) -> &str {
    let mut end = detail.len().min(DETAIL_LIMIT);
    while !detail.is_char_boundary(end) {
        end -= 1;
    }
    &detail[..end]
}

/// Cuts items into entries: same header, at most [`PER_ENTRY`], and no key twice, because a record's chain could not
/// tell two items of one entry apart.
fn entries<'i, 'a>(items: &'i [Item<'a>]) -> Vec<&'i [Item<'a>]> {
    let mut entries = Vec::new();
    let (mut start, mut keys) = (0, HashSet::new());
    for (at, item) in items.iter().enumerate() {
        if at > start && (item.header != items[start].header || at - start == PER_ENTRY || keys.contains(item.key)) {
            entries.push(&items[start..at]);
            start = at;
            keys.clear();
        }
        keys.insert(item.key);
    }
    if start < items.len() {
        entries.push(&items[start..]);
    }
    entries
}
