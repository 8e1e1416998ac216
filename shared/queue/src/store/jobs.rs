//! Looking at jobs.

use std::time::Duration;

use chrono::{DateTime, Utc};
use mlc_model::JobId;
use redis::Value;
use serde::Serialize;

use crate::{
    AttemptNote, Lane, Priority, Queue, QueueError, ReplayNote,
    envelope::{self, Envelope},
    history::History,
    verb::answer,
};

/// Ids read per step of a listing.
const STEP: isize = 200;
/// Steps per page: a listing that finds little answers with a cursor instead of reading on for ever.
const STEPS: usize = 50;

/// A stored form that may be missing.
type Bytes = Option<Vec<u8>>;

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
    /// Whether other orders like it are absorbed.
    pub unique: bool,
    /// The job it follows from.
    pub parent: Option<JobId>,
    /// The first job of its chain.
    pub trace: String,
    /// Size in Redis.
    pub bytes: usize,
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
    /// Only subjects that contain this text, in any case.
    pub subject: Option<String>,
    /// Only jobs whose last failure's text contains this, in any case.
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

/// A list of ids in Redis.
#[derive(Clone)]
struct Source {
    state: JobState,
    key: String,
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
        pipe.zrange_withscores(keys.key("leased"), 0, -1);
        let reply: (Bytes, Bytes, Option<f64>, Vec<(String, f64)>) = pipe.query_async(&mut self.connection()).await?;
        let (stored, history, dead, leased) = reply;
        let Some(stored) = stored else { return Ok(None) };
        let (envelope, _) = Envelope::read(id.as_str(), &stored)?;
        let lease = leased.iter().find(|(member, _)| member.split(':').next() == Some(id.as_str()));
        let (state, at) = match (dead, lease) {
            (Some(at), _) => (JobState::Dead, Some(at)),
            (None, Some((_, deadline))) => (JobState::Running, Some(*deadline)),
            (None, None) => {
                let (lane, priority) = (envelope.lane.as_str(), envelope.priority.digit());
                let mut command = redis::cmd("ZMSCORE");
                command.arg(keys.key("delayed"));
                for origin in ["n", "r"] {
                    command.arg(format!("{origin}:{priority}:{lane}:{id}"));
                }
                let due: Vec<Option<f64>> = command.query_async(&mut self.connection()).await?;
                match due.into_iter().flatten().next() {
                    Some(due) => (JobState::Delayed, Some(due)),
                    None => (JobState::Ready, None),
                }
            }
        };
        view(id.as_str(), state, at, &stored, history.as_deref()).map(Some)
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

    /// Jobs that match. Lists may move while they are read: a job that starts meanwhile can be missing or appear twice.
    ///
    /// # Errors
    /// [`QueueError::Redis`]; [`QueueError::Answer`] for a cursor that is none of ours.
    pub async fn jobs(&self, filter: &JobFilter, page: &Page) -> Result<Listing<JobView>, QueueError> {
        let sources = self.sources(filter).await?;
        let (mut source, mut offset) = read_cursor(page.after.as_deref())?;
        let limit = page.limit.max(1);
        let mut items = Vec::new();
        for _ in 0..STEPS {
            let Some(current) = sources.get(source) else { return Ok(Listing { items, next: None }) };
            let entries = self.read_ids(current, offset).await?;
            let ids: Vec<String> = entries.iter().map(|(id, _)| id.clone()).collect();
            let bodies = self.bodies(&ids).await?;
            for ((id, at), (stored, history)) in entries.iter().zip(bodies) {
                offset += 1;
                let Some(stored) = stored else { continue };
                let Ok(job) = view(id, current.state, *at, &stored, history.as_deref()) else { continue };
                if matches(filter, &job) {
                    items.push(job);
                    if items.len() == limit {
                        return Ok(Listing { items, next: Some(format!("{source}.{offset}")) });
                    }
                }
            }
            if isize::try_from(entries.len()).unwrap_or(isize::MAX) < STEP {
                source += 1;
                offset = 0;
            }
        }
        let next = (source < sources.len()).then(|| format!("{source}.{offset}"));
        Ok(Listing { items, next })
    }

    async fn sources(&self, filter: &JobFilter) -> Result<Vec<Source>, QueueError> {
        let keys = self.keys();
        let wanted = |state| filter.state.map_or(state != JobState::Dead, |only| only == state);
        let mut sources = Vec::new();
        for (state, name) in [(JobState::Running, "leased"), (JobState::Delayed, "delayed"), (JobState::Dead, "dead")] {
            if wanted(state) {
                sources.push(Source { state, key: keys.key(name) });
            }
        }
        if wanted(JobState::Ready) {
            let lanes: Vec<String> = match &filter.lane {
                Some(lane) => vec![lane.to_string()],
                None => {
                    let mut lanes: Vec<String> =
                        redis::cmd("HKEYS").arg(keys.key("bytes")).query_async(&mut self.connection()).await?;
                    lanes.sort_unstable();
                    lanes
                }
            };
            for lane in &lanes {
                for priority in Priority::ALL {
                    sources.push(Source { state: JobState::Ready, key: keys.ready(lane, priority.digit()) });
                }
            }
        }
        Ok(sources)
    }

    async fn read_ids(&self, source: &Source, offset: isize) -> Result<Vec<(String, Option<f64>)>, QueueError> {
        let mut connection = self.connection();
        let last = offset + STEP - 1;
        if source.state == JobState::Ready {
            let ids: Vec<String> =
                redis::cmd("LRANGE").arg(&source.key).arg(offset).arg(last).query_async(&mut connection).await?;
            return Ok(ids.into_iter().map(|id| (id, None)).collect());
        }
        let mut command = redis::cmd("ZRANGE");
        command.arg(&source.key).arg(offset).arg(last);
        if source.state == JobState::Dead {
            command.arg("REV");
        }
        let entries: Vec<(String, f64)> = command.arg("WITHSCORES").query_async(&mut connection).await?;
        let id = |member: String| match source.state {
            JobState::Running => member.split(':').next().unwrap_or_default().to_owned(),
            JobState::Delayed => member.splitn(4, ':').nth(3).unwrap_or_default().to_owned(),
            _ => member,
        };
        Ok(entries.into_iter().map(|(member, at)| (id(member), Some(at))).collect())
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

fn read_cursor(cursor: Option<&str>) -> Result<(usize, isize), QueueError> {
    let Some(cursor) = cursor else { return Ok((0, 0)) };
    cursor
        .split_once('.')
        .and_then(|(source, offset)| Some((source.parse().ok()?, offset.parse().ok().filter(|n| *n >= 0)?)))
        .ok_or_else(|| QueueError::Answer("a cursor that is none of this queue".to_owned()))
}

fn matches(filter: &JobFilter, job: &JobView) -> bool {
    filter.lane.as_ref().is_none_or(|lane| *lane == job.lane)
        && filter.kind.as_ref().is_none_or(|kind| *kind == job.kind)
        && filter.priority.is_none_or(|priority| priority == job.priority)
        && filter.trace.as_ref().is_none_or(|trace| *trace == job.trace)
        && filter
            .error
            .as_ref()
            .is_none_or(|text| contains(job.failed.last().map(|note| note.fault.to_string()).as_deref(), text))
        && filter.subject.as_ref().is_none_or(|text| contains(job.subject.as_deref(), text))
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
        unique: envelope.unique.is_some(),
        parent: envelope.parent.as_deref().map(JobId::parse).transpose()?,
        trace: envelope.trace,
        bytes: stored.len(),
    })
}
