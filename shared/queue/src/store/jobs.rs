//! Looking at jobs.

use std::time::Duration;

use chrono::{DateTime, Utc};
use mlc_model::JobId;
use redis::Value;
use serde::Serialize;

use crate::{
    AttemptNote, EditNote, Lane, Priority, Queue, QueueError, ReplayNote,
    envelope::{self, Envelope},
    history::History,
    verb::answer,
};

/// Leases looked through per step: Redis' own work is a fraction of a millisecond.
const LEASES: usize = 1000;

/// A stored form that may be missing.
pub(crate) type Bytes = Option<Vec<u8>>;

/// Where a job stands. Every job is in exactly one place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// Can start.
    Ready,
    /// Waits for its time.
    Delayed,
    /// Is being carried out.
    Running,
    /// On the dead-letter shelf.
    Dead,
}

/// One job, without its payload.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct JobView {
    /// Its id.
    pub id: JobId,
    /// Where it stands.
    pub state: JobState,
    /// Its lane.
    pub lane: Lane,
    /// Its class.
    pub priority: Priority,
    /// Kind of work.
    pub kind: String,
    /// Record key, window or flow.
    pub subject: Option<String>,
    /// When it was accepted.
    pub enqueued_at: DateTime<Utc>,
    /// `Delayed`: when it is due. `Running`: when its lease ends unless extended. `Dead`: when it died. Else `None`.
    pub at: Option<DateTime<Utc>>,
    /// `Delayed`: why it waits, from its last snooze or failure. `None` when it was ordered for later, and in every other state.
    pub why: Option<String>,
    /// Failed attempts since it was enqueued or replayed.
    pub attempts: u32,
    /// Attempts until the shelf.
    pub max_attempts: u32,
    /// Longest run.
    pub timeout: Duration,
    /// Workers that died while they held it.
    pub crashes: u32,
    /// Snoozes.
    pub snoozes: u32,
    /// Replays from the shelf.
    pub replays: u32,
    /// The last failed attempts, oldest first.
    pub failed: Vec<AttemptNote>,
    /// The last replays, oldest first.
    pub replayed: Vec<ReplayNote>,
    /// Who gave it another payload while it was on the shelf, oldest first, at most 12.
    pub edited: Vec<EditNote>,
    /// Whether other orders like it are absorbed.
    pub unique: bool,
    /// The job it follows from.
    pub parent: Option<JobId>,
    /// The first job of its chain.
    pub trace: String,
    /// Size in Redis.
    pub bytes: usize,
    /// In a listing by subject: whether the subject does not name the record key that was looked for, but the two ends of a
    /// batch between which it lies. Else false.
    pub may_carry: bool,
}

/// Which jobs to list. Empty = all that wait or run in any lane, of any kind.
#[derive(Debug, Clone, Default)]
pub struct JobFilter {
    /// Only this lane.
    pub lane: Option<Lane>,
    /// Only this state. `Dead` lists the shelf; `None` lists everything else.
    pub state: Option<JobState>,
    /// Only this kind.
    pub kind: Option<String>,
    /// Only subjects that contain this text, in any case; for a whole record key also batches that may carry it
    /// ([`JobView::may_carry`]).
    pub subject: Option<String>,
    /// Only jobs whose last failure, or what put them off since, contains this text, in any case.
    pub error: Option<String>,
    /// Only this chain: the id of its first job.
    pub trace: Option<String>,
    /// Only this class.
    pub priority: Option<Priority>,
}

/// Which part of a listing.
#[derive(Debug, Clone)]
pub struct Page {
    /// Where the previous page ended: its `next`. `None` = the beginning.
    pub after: Option<String>,
    /// Most entries, at least 1.
    pub limit: usize,
}

impl Default for Page {
    fn default() -> Self {
        Self { after: None, limit: 100 }
    }
}

/// One page of a listing.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Listing<T> {
    /// The entries, in the order in which they will run (shelf: newest first).
    pub items: Vec<T>,
    /// Hand it back for the next page; `None` = this was the last one. A page can be short and still have a next.
    pub next: Option<String>,
}

impl Queue {
    /// One job. `None` when it is done, discarded or never was.
    ///
    /// # Errors
    /// [`QueueError::Redis`]; [`QueueError::Unreadable`] for a stored form of a newer version.
    pub async fn job(&self, id: &JobId) -> Result<Option<JobView>, QueueError> {
        let keys = self.keys();
        let mut pipe = redis::pipe();
        pipe.hget(keys.key("job"), id.as_str()).hget(keys.key("history"), id.as_str());
        pipe.zscore(keys.key("dead"), id.as_str());
        let (stored, history, dead): (Bytes, Bytes, Option<f64>) = pipe.query_async(&mut self.connection()).await?;
        let Some(stored) = stored else { return Ok(None) };
        let (envelope, _) = Envelope::read(id.as_str(), &stored)?;
        let (state, at) = match dead {
            Some(at) => (JobState::Dead, Some(at)),
            None => self.place(id, &envelope).await?,
        };
        view(id.as_str(), state, at, &stored, history.as_deref()).map(Some)
    }

    /// Where a job stands that is not dead.
    async fn place(&self, id: &JobId, envelope: &Envelope) -> Result<(JobState, Option<f64>), QueueError> {
        let keys = self.keys();
        let (lane, priority) = (envelope.lane.as_str(), envelope.priority.digit());
        let mut pipe = redis::pipe();
        pipe.cmd("ZMSCORE").arg(keys.key("delayed"));
        for origin in ["n", "r"] {
            pipe.arg(format!("{origin}:{priority}:{lane}:{id}"));
        }
        pipe.hget(keys.key("running"), lane);
        let (due, running): (Vec<Option<f64>>, Option<i64>) = pipe.query_async(&mut self.connection()).await?;
        if let Some(due) = due.into_iter().flatten().next() {
            return Ok((JobState::Delayed, Some(due)));
        }
        // The token of its lease is unknown, so Redis looks through the leases, a bounded number a step; but only where the
        // lane has any.
        let mut cursor = 0_u64;
        while running.unwrap_or(0) > 0 {
            let mut scan = redis::cmd("ZSCAN");
            scan.arg(keys.key("leased")).arg(cursor).arg("MATCH").arg(format!("{id}:*")).arg("COUNT").arg(LEASES);
            let (next, found): (u64, Vec<(String, f64)>) = scan.query_async(&mut self.connection()).await?;
            let lease = found.iter().find(|(member, _)| member.split(':').next() == Some(id.as_str()));
            if let Some((_, deadline)) = lease {
                return Ok((JobState::Running, Some(*deadline)));
            }
            if next == 0 {
                break;
            }
            cursor = next;
        }
        Ok((JobState::Ready, None))
    }

    /// The job's arguments as JSON. `None` when there is no such job.
    ///
    /// # Errors
    /// [`QueueError::Sealed`] when no key opens it, [`QueueError::Unreadable`] when it is no JSON, [`QueueError::Redis`].
    pub async fn payload(&self, id: &JobId) -> Result<Option<serde_json::Value>, QueueError> {
        let mut command = redis::cmd("HGET");
        command.arg(self.keys().key("job")).arg(id.as_str());
        let stored: Option<Vec<u8>> = command.query_async(&mut self.connection()).await?;
        let Some(stored) = stored else { return Ok(None) };
        let (envelope, sealed) = Envelope::read(id.as_str(), &stored)?;
        let payload = envelope::open(id.as_str(), &envelope.kind, sealed, self.0.sealer.as_ref())
            .map_err(|source| QueueError::Sealed { id: id.to_string(), source })?;
        serde_json::from_slice(&payload).map(Some).map_err(|_| QueueError::Unreadable {
            what: format!("payload of job {id}"),
            why: "it is no JSON".to_owned(),
        })
    }

    /// Envelopes and histories of these ids.
    pub(crate) async fn bodies(&self, ids: &[String]) -> Result<Vec<(Bytes, Bytes)>, QueueError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let mut pipe = redis::pipe();
        for hash in ["job", "history"] {
            pipe.cmd("HMGET").arg(self.keys().key(hash)).arg(ids);
        }
        let mut reply = pipe.query_async::<Vec<Value>>(&mut self.connection()).await?.into_iter();
        let mut column = || answer::array(reply.next().unwrap_or(Value::Nil));
        let (stored, histories) = (column()?, column()?);
        Ok(stored.into_iter().map(answer::bytes).zip(histories.into_iter().map(answer::bytes)).collect())
    }
}

pub(crate) fn contains(subject: Option<&str>, text: &str) -> bool {
    subject.is_some_and(|subject| subject.to_lowercase().contains(&text.to_lowercase()))
}

pub(crate) fn instant(ms: f64) -> DateTime<Utc> {
    #[expect(clippy::cast_possible_truncation, reason = "scores are whole milliseconds far below 2^53")]
    DateTime::from_timestamp_millis(ms as i64).unwrap_or_default()
}

pub(crate) fn view(
    id: &str,
    state: JobState,
    at: Option<f64>,
    stored: &[u8],
    history: Option<&[u8]>,
) -> Result<JobView, QueueError> {
    let (envelope, _) = Envelope::read(id, stored)?;
    let history = history.map(History::read).unwrap_or_default();
    Ok(JobView {
        id: JobId::parse(id)?,
        state,
        lane: envelope.lane,
        priority: envelope.priority,
        kind: envelope.kind,
        subject: envelope.subject,
        enqueued_at: DateTime::from_timestamp_millis(envelope.enqueued_ms).unwrap_or_default(),
        at: at.map(instant),
        why: if state == JobState::Delayed { history.waits_for() } else { None },
        attempts: history.attempts,
        max_attempts: envelope.max_attempts,
        timeout: envelope.timeout,
        crashes: history.crashes,
        snoozes: history.snoozes,
        replays: history.replays,
        failed: history.failed,
        replayed: history.replayed,
        edited: history.edited,
        unique: envelope.unique.is_some(),
        parent: envelope.parent.as_deref().map(JobId::parse).transpose()?,
        trace: envelope.trace,
        bytes: stored.len(),
        may_carry: false,
    })
}
