//! Operations on many dead letters: started by a person, carried out in steps by whoever is there.

use std::{collections::HashMap, fmt};

use chrono::{DateTime, Utc};
use mlc_model::{JobId, is_blank};
use serde::{Deserialize, Serialize};
use tracing::debug;

use super::look::DeadFilter;
use crate::{
    Queue, QueueError, job_ids,
    verb::{BULK_START, BULK_SWITCH, answer},
};

/// Ended operations are remembered up to this many in all.
const KEPT: usize = 1000;
/// Operations that run or pause at once.
const OPEN_MAX: usize = 100;
const REASON_MAX: usize = 1000;

/// Names an operation.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct BulkId(JobId);

impl BulkId {
    /// # Errors
    /// A text that names no operation of ours.
    pub fn parse(text: &str) -> Result<Self, QueueError> {
        let usable = text.len() <= 40 && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        JobId::parse(text)
            .ok()
            .filter(|_| usable)
            .map(Self)
            .ok_or_else(|| QueueError::Refused("that is not the name of an operation".to_owned()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Display for BulkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What is done to each letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BulkVerb {
    /// Back into its lane.
    Replay,
    /// Deleted for good.
    Discard,
}

impl BulkVerb {
    /// The word as it is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Replay => "replay",
            Self::Discard => "discard",
        }
    }
}

/// Where an operation stands. `Aborted` and `Done` are for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BulkState {
    /// Goes on as long as any process drives it.
    Running,
    /// A person halted it; a person can let it go on.
    Paused,
    /// A person ended it. A new operation with the same filter takes the rest.
    Aborted,
    /// It has been along the whole shelf.
    Done,
}

impl BulkState {
    /// The word as it is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Aborted => "aborted",
            Self::Done => "done",
        }
    }

    /// Whether it can still act.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Running | Self::Paused)
    }
}

/// An operation that a person wants.
#[derive(Debug, Clone)]
pub struct NewBulk {
    /// What is done to each letter.
    pub verb: BulkVerb,
    /// Which letters. Without `until`, those that are dead now.
    pub filter: DeadFilter,
    /// Most letters per second; `None` = as fast as it goes.
    pub per_second: Option<f64>,
    /// Who wants it.
    pub by: String,
    /// Why. Discarding needs one.
    pub reason: Option<String>,
}

/// An operation on many dead letters.
///
/// It goes along the shelf from the oldest letter to `until`. Every letter is acted on at most once, in one step with the
/// counts: letters that die later, or that a person has replayed, discarded or edited since, are not touched.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Bulk {
    /// Its name.
    pub id: BulkId,
    /// What is done to each letter.
    pub verb: BulkVerb,
    /// Which letters.
    pub filter: DeadFilter,
    /// Most letters per second; `None` = as fast as it goes.
    pub per_second: Option<f64>,
    /// Who started it.
    pub by: String,
    /// Why.
    pub reason: Option<String>,
    /// Where it stands.
    pub state: BulkState,
    /// Letters that matched when it started; `None` = the shelf was too long to count them.
    pub matched: Option<u64>,
    /// Letters on the shelf, matching or not, when it started: what `looked_at` grows to, about.
    pub to_look_at: u64,
    /// Letters replayed or discarded so far.
    pub acted: u64,
    /// Letters left alone because a person had dealt with them meanwhile.
    pub passed_over: u64,
    /// Letters looked at so far.
    pub looked_at: u64,
    /// When it was started.
    pub started_at: DateTime<Utc>,
    /// When it was done or aborted; `None` while it is open.
    pub ended_at: Option<DateTime<Utc>>,
    /// Who paused, resumed or aborted it last.
    pub switched_by: Option<String>,
    /// Letters that died later are not touched.
    pub until: DateTime<Utc>,
    /// How far it has come along the shelf: time of death in ms and id of the last letter looked at; empty = not begun.
    pub cursor: String,
    #[serde(skip)]
    pub(crate) tokens: f64,
    #[serde(skip)]
    pub(crate) tokens_at_us: f64,
}

impl Queue {
    /// Starts an operation. Nothing is done to any letter yet: [`Queue::advance_bulks`] does that.
    ///
    /// # Errors
    /// [`QueueError::Refused`] for a rate out of range, a text in the filter that is empty, a reason that is missing or too long, or
    /// when 100 operations are open already; [`QueueError::Redis`]: it may have started all the same.
    pub async fn start_bulk(&self, new: NewBulk) -> Result<Bulk, QueueError> {
        let refused = |text: &str| Err(QueueError::Refused(text.to_owned()));
        if new.per_second.is_some_and(|rate| !(0.0001..=1_000_000.0).contains(&rate)) {
            return refused("a rate is between 0.0001 and 1000000 letters per second");
        }
        new.filter.refuse_blank()?;
        let reason = new.reason.as_deref().map(str::trim).filter(|reason| !is_blank(reason));
        if new.verb == BulkVerb::Discard && reason.is_none() {
            return refused("discarding needs a reason");
        }
        if reason.is_some_and(|reason| reason.chars().count() > REASON_MAX) {
            return refused("a reason has at most 1000 characters");
        }
        let mut connection = self.connection();
        let (secs, micros): (i64, i64) = redis::cmd("TIME").query_async(&mut connection).await?;
        let now_ms = secs * 1000 + micros / 1000;
        let until_ms = new.filter.until.map_or(now_ms, |until| until.timestamp_millis().min(now_ms));
        let filter = DeadFilter { until: DateTime::from_timestamp_millis(until_ms), ..new.filter };
        let preview = self.preview(&filter, usize::MAX).await?;
        let around = DeadFilter {
            cause: filter.cause.clone(),
            since: filter.since,
            until: filter.until,
            ..DeadFilter::default()
        };
        let to_look_at = self.count_letters(&around).await?;
        let id = BulkId(job_ids::next(now_ms));
        let json = serde_json::to_string(&filter).map_err(|error| QueueError::Refused(error.to_string()))?;
        let mut command = BULK_START.command(self.keys(), 12, json.len() + 300);
        command.arg(id.as_str()).arg(OPEN_MAX).arg(KEPT).arg(new.verb.as_str()).arg(json);
        command.arg(new.per_second.map(|rate| rate.to_string()).unwrap_or_default());
        command.arg(new.by).arg(reason.unwrap_or_default()).arg(until_ms);
        let matched = if preview.complete { preview.letters.to_string() } else { String::new() };
        command.arg(matched).arg(to_look_at);
        if answer::int(&BULK_START.call(&mut connection, &command).await?)? != 1 {
            return refused("100 operations are open already: end one first");
        }
        self.bulk(&id).await?.ok_or_else(|| QueueError::Answer("no operation that was just started".to_owned()))
    }

    /// One operation; `None` when there is none, or it ended long ago.
    ///
    /// # Errors
    /// [`QueueError::Redis`], [`QueueError::Unreadable`] for a form of a newer version.
    pub async fn bulk(&self, id: &BulkId) -> Result<Option<Bulk>, QueueError> {
        let mut command = redis::cmd("HGETALL");
        command.arg(self.keys().bulk(id.as_str()));
        let fields: HashMap<String, String> = command.query_async(&mut self.connection()).await?;
        read(id, &fields)
    }

    /// The last operations, newest first, at most `limit`.
    ///
    /// # Errors
    /// As [`Queue::bulk`].
    pub async fn bulks(&self, limit: usize) -> Result<Vec<Bulk>, QueueError> {
        let mut command = redis::cmd("ZRANGE");
        command.arg(self.keys().key("bulks")).arg(0).arg(limit.clamp(1, KEPT) - 1).arg("REV");
        self.read_bulks(command).await
    }

    /// Those that run or pause, oldest first.
    pub(crate) async fn open_bulks(&self) -> Result<Vec<Bulk>, QueueError> {
        let mut command = redis::cmd("ZRANGE");
        command.arg(self.keys().key("bulks_open")).arg(0).arg(OPEN_MAX);
        self.read_bulks(command).await
    }

    async fn read_bulks(&self, list: redis::Cmd) -> Result<Vec<Bulk>, QueueError> {
        let mut connection = self.connection();
        let ids: Vec<String> = list.query_async(&mut connection).await?;
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let mut pipe = redis::pipe();
        for id in &ids {
            pipe.hgetall(self.keys().bulk(id));
        }
        let found: Vec<HashMap<String, String>> = pipe.query_async(&mut connection).await?;
        let mut bulks = Vec::with_capacity(ids.len());
        for (id, fields) in ids.iter().zip(found) {
            match BulkId::parse(id).and_then(|id| read(&id, &fields)) {
                Ok(bulk) => bulks.extend(bulk),
                // Of a newer version: its own processes carry it out.
                Err(error) => debug!(bulk.id = %id, %error, "Operation {id} is left to others"),
            }
        }
        Ok(bulks)
    }

    /// Halts a running operation. False when it does not run.
    ///
    /// # Errors
    /// [`QueueError::Redis`].
    pub async fn pause_bulk(&self, id: &BulkId, by: &str) -> Result<bool, QueueError> {
        self.switch_bulk(id, "pause", by).await
    }

    /// Lets a paused operation go on. False when it is not paused.
    ///
    /// # Errors
    /// [`QueueError::Redis`].
    pub async fn resume_bulk(&self, id: &BulkId, by: &str) -> Result<bool, QueueError> {
        self.switch_bulk(id, "resume", by).await
    }

    /// Ends an operation before it is done. What it did stays done. False when it has ended already.
    ///
    /// # Errors
    /// [`QueueError::Redis`].
    pub async fn abort_bulk(&self, id: &BulkId, by: &str) -> Result<bool, QueueError> {
        self.switch_bulk(id, "abort", by).await
    }

    async fn switch_bulk(&self, id: &BulkId, verb: &str, by: &str) -> Result<bool, QueueError> {
        let mut command = BULK_SWITCH.command(self.keys(), 3, 100);
        command.arg(id.as_str()).arg(verb).arg(by);
        Ok(answer::int(&BULK_SWITCH.call(&mut self.connection(), &command).await?)? == 1)
    }
}

fn read(id: &BulkId, fields: &HashMap<String, String>) -> Result<Option<Bulk>, QueueError> {
    if fields.is_empty() {
        return Ok(None);
    }
    let unreadable =
        |what: &str| QueueError::Unreadable { what: format!("operation {id}"), why: format!("its {what} is unknown") };
    let text = |name: &str| fields.get(name).map(String::as_str).unwrap_or_default();
    let filled = |name: &str| Some(text(name)).filter(|text| !text.is_empty());
    let count = |name: &str| text(name).parse().unwrap_or(0);
    let instant = |name: &str| filled(name).and_then(|ms| DateTime::from_timestamp_millis(ms.parse().ok()?));
    let verb = [BulkVerb::Replay, BulkVerb::Discard].into_iter().find(|verb| verb.as_str() == text("verb"));
    let states = [BulkState::Running, BulkState::Paused, BulkState::Aborted, BulkState::Done];
    let state = states.into_iter().find(|state| state.as_str() == text("state"));
    Ok(Some(Bulk {
        id: id.clone(),
        verb: verb.ok_or_else(|| unreadable("verb"))?,
        filter: serde_json::from_str(text("filter")).map_err(|_| unreadable("filter"))?,
        per_second: filled("rate").and_then(|rate| rate.parse().ok()),
        by: text("by").to_owned(),
        reason: filled("reason").map(str::to_owned),
        state: state.ok_or_else(|| unreadable("state"))?,
        matched: filled("matched").and_then(|n| n.parse().ok()),
        to_look_at: count("to_look_at"),
        acted: count("acted"),
        passed_over: count("passed"),
        looked_at: count("looked"),
        started_at: instant("started").ok_or_else(|| unreadable("start"))?,
        ended_at: instant("ended"),
        switched_by: filled("switched_by").map(str::to_owned),
        until: instant("until").ok_or_else(|| unreadable("end"))?,
        cursor: text("cursor").to_owned(),
        tokens: text("tokens").parse().unwrap_or(0.0),
        tokens_at_us: text("tokens_at").parse().unwrap_or(0.0),
    }))
}
