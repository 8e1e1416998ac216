//! Entries of the audit trail, and how they are packed.

use std::fmt;

use chrono::{DateTime, Utc};
use mlc_model::{Fingerprint, FlowId, JobId, RecordKey, TargetId, Version, WindowId};
use serde::{Deserialize, Serialize, Serializer};

use crate::{
    LedgerError,
    packing::{Reader, numeric_target, text_target, unpack_i64},
};

const LAYOUT: u8 = 1;
/// Longer details are cut here, between characters.
pub(crate) const DETAIL_LIMIT: usize = 2_000;

macro_rules! actions {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $text:literal;)+) => {
        /// What happened to a record. The stored codes are for ever.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Action { $($(#[$doc])* $name = $code,)+ }

        impl Action {
            /// The action as it is stored, shown and counted.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }

            fn from_code(code: u8) -> Option<Self> {
                match code { $($code => Some(Self::$name),)+ _ => None }
            }
        }
    };
}

actions! {
    /// New at the target.
    Created = 1, "created";
    /// Changed at the target.
    Updated = 2, "updated";
    /// The target already held it.
    Unchanged = 3, "unchanged";
    /// Not written, because a newer version was seen.
    Superseded = 4, "superseded";
    /// Could not be carried over: it stands on the dead-letter shelf. Marks the row as refused.
    Refused = 5, "refused";
    /// A person put it back in the queue.
    Replayed = 6, "replayed";
    /// Something else stands at the target, or a write arrived after a newer one.
    Conflict = 7, "conflict";
    /// Gone at the target: link and delivered version are forgotten.
    Deleted = 8, "deleted";
    /// Associated with another record of the target.
    Associated = 9, "associated";
    /// Deliberately not moved. Marks the row as excluded.
    Excluded = 10, "excluded";
    /// The checkpoint of an entity was reset.
    CheckpointReset = 11, "checkpoint_reset";
    /// Called off at the target, because the source called it off.
    Cancelled = 12, "cancelled";
    /// Changed at the target so that it agrees again with the source: the detail says what from and to.
    Corrected = 13, "corrected";
    /// A person has to decide, or has decided: see the review list.
    Reviewed = 14, "reviewed";
    /// Announced by the source, but it never came to exist there: nothing was written.
    Dropped = 15, "dropped";
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Place in a flow's audit stream; shown as Redis shows it, `1764000000000-3`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AuditId {
    /// Milliseconds since the epoch, on the clock of Redis.
    pub ms: u64,
    /// Number inside that millisecond.
    pub sequence: u64,
}

impl AuditId {
    /// Nine zero bytes mean "none".
    pub(crate) fn unpack(bytes: [u8; 9]) -> Option<Self> {
        let [m @ .., s0, s1, s2] = bytes;
        let ms = m.iter().fold(0, |ms, byte| ms << 8 | u64::from(*byte));
        (bytes != [0; 9]).then_some(Self { ms, sequence: u64::from(u32::from_be_bytes([0, s0, s1, s2])) })
    }

    pub(crate) fn parse(text: &str) -> Result<Self, LedgerError> {
        text.split_once('-')
            .and_then(|(ms, sequence)| Some(Self { ms: ms.parse().ok()?, sequence: sequence.parse().ok()? }))
            .ok_or_else(|| LedgerError::unreadable("stream id", "it is not `ms-sequence`"))
    }
}

impl fmt::Display for AuditId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.ms, self.sequence)
    }
}

impl std::str::FromStr for AuditId {
    type Err = LedgerError;
    fn from_str(text: &str) -> Result<Self, LedgerError> {
        // Nothing stands at the very beginning, and Redis refuses it as a place.
        let id = Self::parse(text).ok().filter(|id| (id.ms, id.sequence) != (0, 0));
        id.ok_or(LedgerError::NoSuchPlace)
    }
}

impl Serialize for AuditId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Something worth recording that is not a delivery.
#[derive(Debug, Clone)]
pub struct AuditNote {
    /// The record.
    pub key: RecordKey,
    /// What happened.
    pub action: Action,
    /// Version it happened to, where known.
    pub version: Option<Version>,
    /// Content it happened to, where known.
    pub fingerprint: Option<Fingerprint>,
    /// Id at the target; `None` keeps the known one.
    pub target_id: Option<TargetId>,
    /// Window that brought the record in.
    pub window: Option<WindowId>,
    /// Job that carried it.
    pub job: Option<JobId>,
    /// When.
    pub at: DateTime<Utc>,
    /// Short text or JSON for people; no personal data, cut at 2,000 bytes.
    pub detail: Option<String>,
}

impl AuditNote {
    /// What happened to a record and when; nothing else is known.
    pub fn new(key: RecordKey, action: Action, at: DateTime<Utc>) -> Self {
        Self {
            key,
            action,
            version: None,
            fingerprint: None,
            target_id: None,
            window: None,
            job: None,
            at,
            detail: None,
        }
    }
}

/// One record's part of an audit entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AuditEntry {
    /// Place in the flow's stream; the records of one batch share it.
    pub id: AuditId,
    /// The record. `checkpoint:<entity>` for a checkpoint that was reset.
    pub key: String,
    /// What happened.
    pub action: Action,
    /// Version at the source.
    pub version: Option<Version>,
    /// Content at the target before; `None` when nothing was known to be there.
    pub before: Option<Fingerprint>,
    /// Content this is about; after a delivery it is what stands at the target.
    pub after: Option<Fingerprint>,
    /// Id at the target.
    pub target_id: Option<TargetId>,
    /// Window that brought the record in.
    pub window: Option<WindowId>,
    /// Job that carried it.
    pub job: Option<JobId>,
    /// When, on the clock of the worker.
    pub at: DateTime<Utc>,
    /// The record's entry before this one; it may have been trimmed.
    pub previous: Option<AuditId>,
    /// Short text or JSON for people.
    pub detail: Option<String>,
}

/// What a search in the stream found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AuditScan {
    /// In the order in which they happened.
    pub entries: Vec<AuditEntry>,
    /// False when the search stopped at its limit, so that there may be more.
    pub complete: bool,
}

/// What the records of one entry share. Entries are written per batch, because window and job of a hundred records
/// would otherwise cost more than the records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header<'a> {
    pub(crate) at: DateTime<Utc>,
    pub(crate) window: Option<&'a WindowId>,
    pub(crate) job: Option<&'a JobId>,
}

impl Header<'_> {
    pub(crate) fn pack(&self, flow: &FlowId) -> Vec<u8> {
        let mut bytes = self.at.timestamp_millis().to_be_bytes().to_vec();
        // Nearly every window id starts with its flow; a leading `.` stands for that.
        let window = match self.window.map(WindowId::as_str) {
            None => String::new(),
            Some(id) => match id.strip_prefix(flow.as_str()).filter(|rest| rest.starts_with('.')) {
                Some(rest) => rest.to_owned(),
                None => format!("={id}"),
            },
        };
        for text in [window.as_str(), self.job.map_or("", JobId::as_str)] {
            // Ids have at most 128 characters of ASCII.
            bytes.push(u8::try_from(text.len()).unwrap_or(0));
            bytes.extend(text.as_bytes());
        }
        bytes
    }
}

/// Reads the layout of `lua/audit.lua`: all records of one stream entry.
pub(crate) fn unpack(flow: &FlowId, id: AuditId, bytes: &[u8]) -> Result<Vec<AuditEntry>, LedgerError> {
    const WHAT: &str = "audit entry";
    let bad = |reason: &str| LedgerError::unreadable(WHAT, reason);
    let mut reader = Reader::new(WHAT, bytes);
    if reader.byte()? != LAYOUT {
        return Err(bad("its layout is unknown"));
    }
    let count = reader.length()?;
    let at = DateTime::from_timestamp_millis(i64::from_be_bytes(reader.array()?)).ok_or_else(|| bad("its time"))?;
    let length = usize::from(reader.byte()?);
    let window = match reader.text(length)? {
        "" => None,
        text => {
            let full = text.strip_prefix('=').map_or_else(|| format!("{flow}{text}"), str::to_owned);
            Some(WindowId::parse(&full).map_err(|_| bad("its window"))?)
        }
    };
    let length = usize::from(reader.byte()?);
    let job = match reader.text(length)? {
        "" => None,
        text => Some(JobId::parse(text).map_err(|_| bad("its job"))?),
    };
    let mut entries = Vec::with_capacity(count);
    for _ in 0..count {
        let action = Action::from_code(reader.byte()?).ok_or_else(|| bad("its action is unknown"))?;
        let flags = reader.byte()?;
        let has = |flag: u8| flags & flag != 0;
        let length = reader.length()?;
        let key = reader.text(length)?.to_owned();
        let version = if has(1) { Some(Version(unpack_i64(reader.array()?))) } else { None };
        let before = if has(2) { Some(Fingerprint(reader.array()?)) } else { None };
        let after = if has(4) { Some(Fingerprint(reader.array()?)) } else { None };
        let target_id = if has(8) {
            Some(numeric_target(reader.array()?)?)
        } else if has(16) {
            let length = usize::from(reader.byte()?);
            Some(text_target(reader.text(length)?)?)
        } else {
            None
        };
        let previous = if has(32) { AuditId::unpack(reader.array()?) } else { None };
        let detail = if has(64) {
            let length = reader.length()?;
            Some(reader.text(length)?.to_owned())
        } else {
            None
        };
        let (window, job) = (window.clone(), job.clone());
        entries.push(AuditEntry {
            id,
            key,
            action,
            version,
            before,
            after,
            target_id,
            window,
            job,
            at,
            previous,
            detail,
        });
    }
    Ok(entries)
}
