//! What a job has been through: counts, the last attempts, the replays.
//!
//! Stored as `1 <attempts> <crashes> <snoozes> <replays>\n<JSON>`; the rescue script rewrites the first line and `due`, which
//! therefore comes first in the JSON.

use chrono::{DateTime, Utc};
use mlc_model::Fault;
use serde::{Deserialize, Serialize};

/// Older attempts are forgotten.
const ATTEMPTS_KEPT: usize = 12;
const REPLAYS_KEPT: usize = 12;
const EDITS_KEPT: usize = 12;

/// One failed attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptNote {
    /// Counted from 1, anew after a replay.
    pub attempt: u32,
    /// When it ended.
    pub at: DateTime<Utc>,
    /// Why it failed.
    pub fault: Fault,
}

/// One replay from the dead-letter shelf.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplayNote {
    /// Who ordered it.
    pub by: String,
    /// When.
    pub at: DateTime<Utc>,
    /// The operation on many letters it was part of; `None` for one that was chosen by its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bulk: Option<String>,
}

/// One change of the payload by a person, on the dead-letter shelf.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EditNote {
    /// Who changed it.
    pub by: String,
    /// When.
    pub at: DateTime<Utc>,
}

/// What a job has been through. A job that ends at once has none stored.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct History {
    /// Failed attempts since it was enqueued or replayed.
    pub(crate) attempts: u32,
    /// Workers that died while they held it.
    pub(crate) crashes: u32,
    pub(crate) snoozes: u32,
    pub(crate) replays: u32,
    pub(crate) failed: Vec<AttemptNote>,
    pub(crate) replayed: Vec<ReplayNote>,
    pub(crate) edited: Vec<EditNote>,
    /// Why it was last put off without a failure; none after a failure, whose fault tells why, and after a replay.
    pub(crate) why: Option<String>,
    /// When the job could start again, ms: after its last snooze, failure, rescue or replay.
    pub(crate) due: Option<i64>,
}

#[derive(Default, Serialize, Deserialize)]
struct Notes {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    due: Option<i64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    failed: Vec<AttemptNote>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    replayed: Vec<ReplayNote>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    edited: Vec<EditNote>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    why: Option<String>,
}

impl History {
    /// Reads the stored form. One that cannot be read counts as empty: a job must not be lost over its past.
    pub(crate) fn read(stored: &[u8]) -> Self {
        let Some((line, json)) = std::str::from_utf8(stored).ok().and_then(|text| text.split_once('\n')) else {
            return Self::default();
        };
        let mut words = line.split(' ').skip(1).map(|word| word.parse().unwrap_or(0));
        let mut count = || words.next().unwrap_or(0);
        let (attempts, crashes, snoozes, replays) = (count(), count(), count(), count());
        // A job that was rescued before it ever failed has `[]` here.
        let notes: Notes = serde_json::from_str(json).unwrap_or_default();
        let Notes { due, failed, replayed, edited, why } = notes;
        Self { attempts, crashes, snoozes, replays, failed, replayed, edited, why, due }
    }

    pub(crate) fn write(&self) -> String {
        let (failed, replayed, why) = (self.failed.clone(), self.replayed.clone(), self.why.clone());
        let notes = Notes { due: self.due, failed, replayed, edited: self.edited.clone(), why };
        format!(
            "1 {} {} {} {}\n{}",
            self.attempts,
            self.crashes,
            self.snoozes,
            self.replays,
            serde_json::to_string(&notes).unwrap_or_else(|_| "{}".to_owned())
        )
    }

    pub(crate) fn fail(&mut self, at: DateTime<Utc>, fault: Fault) {
        self.attempts += 1;
        self.why = None;
        self.failed.push(AttemptNote { attempt: self.attempts, at, fault });
        let surplus = self.failed.len().saturating_sub(ATTEMPTS_KEPT);
        self.failed.drain(..surplus);
    }

    /// Put off through no fault of the job.
    pub(crate) fn snooze(&mut self, why: String) {
        self.snoozes = self.snoozes.saturating_add(1);
        self.why = Some(why);
    }

    /// Why the job waits for its time: its last snooze or its last failure, whichever was later.
    pub(crate) fn waits_for(&self) -> Option<String> {
        self.why.clone().or_else(|| self.failed.last().filter(|_| self.attempts > 0).map(|note| note.fault.to_string()))
    }

    /// A replayed job starts its attempts anew.
    pub(crate) fn replay(&mut self, at: DateTime<Utc>, by: &str, bulk: Option<&str>) {
        self.attempts = 0;
        self.crashes = 0;
        self.replays += 1;
        self.why = None;
        self.due = Some(at.timestamp_millis());
        self.replayed.push(ReplayNote { by: by.to_owned(), at, bulk: bulk.map(str::to_owned) });
        let surplus = self.replayed.len().saturating_sub(REPLAYS_KEPT);
        self.replayed.drain(..surplus);
    }

    /// A person gave it another payload.
    pub(crate) fn edit(&mut self, at: DateTime<Utc>, by: &str) {
        self.edited.push(EditNote { by: by.to_owned(), at });
        let surplus = self.edited.len().saturating_sub(EDITS_KEPT);
        self.edited.drain(..surplus);
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]
    use super::*;
    use mlc_model::{FaultKind, System};

    #[test]
    fn the_stored_form_is_pinned() {
        let mut history = History { snoozes: 2, ..History::default() };
        let at = DateTime::from_timestamp_millis(1_763_800_000_000).unwrap();
        history.fail(at, Fault::new(FaultKind::Transient, System::Hubspot, "companies.batch_upsert", "no answer"));
        history.replay(at, "lena", None);
        assert_eq!(
            history.write(),
            "1 0 0 2 1\n{\"due\":1763800000000,\"failed\":[{\"attempt\":1,\"at\":\"2025-11-22T08:26:40Z\",\"fault\":{\"kind\":\"transient\",\
             \"system\":\"hubspot\",\"operation\":\"companies.batch_upsert\",\"message\":\"no answer\"}}],\
             \"replayed\":[{\"by\":\"lena\",\"at\":\"2025-11-22T08:26:40Z\"}]}"
        );
        assert_eq!(History::read(history.write().as_bytes()), history);
    }

    #[test]
    fn the_reason_of_a_snooze_is_stored_until_the_job_fails_or_is_replayed() {
        let mut history = History::default();
        history.snooze("rate_limited ACCOUNT_MOVING: the account moves".to_owned());
        assert_eq!(history.write(), "1 0 0 1 0\n{\"why\":\"rate_limited ACCOUNT_MOVING: the account moves\"}");
        assert_eq!(History::read(history.write().as_bytes()), history);
        assert_eq!(history.waits_for().as_deref(), Some("rate_limited ACCOUNT_MOVING: the account moves"));
        history.fail(DateTime::default(), Fault::defect("x", "y"));
        assert_eq!(history.waits_for().as_deref(), Some("connector x: y"));
        history.replay(DateTime::default(), "lena", None);
        assert_eq!(history.waits_for(), None);
        assert_eq!(History::read(b"1 0 0 3 0\n{}").waits_for(), None, "a form from before reasons were stored");
    }

    #[test]
    fn a_form_from_the_rescue_script_is_read() {
        let rescued = History::read(b"1 0 2 0 0\n[]");
        assert_eq!(rescued, History { crashes: 2, ..History::default() }, "by a worker of an older version");
        let rescued = History::read(b"1 0 2 0 0\n{\"due\":1763800000000}");
        assert_eq!(rescued, History { crashes: 2, due: Some(1_763_800_000_000), ..History::default() });
        assert_eq!(History::read(b"\xff"), History::default());
    }

    #[test]
    fn only_the_last_attempts_are_kept() {
        let mut history = History::default();
        for _ in 0..40 {
            history.fail(DateTime::default(), Fault::defect("x", "y"));
        }
        assert_eq!((history.attempts, history.failed.len()), (40, ATTEMPTS_KEPT));
    }
}
