//! The overview as the API tells it.

use chrono::{DateTime, Utc};
use mlc_queue::{Cause, LaneStatus, LaneStop, PaceMinute, WorkerPresence};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::console::{
    backlog::Drain,
    call::Viewer,
    pages::{budgets::Budget, jobs::dto::example_for},
};

/// How far back the charts look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Period {
    /// 60 minutes.
    #[default]
    Hour,
    /// 24 hours.
    Day,
    /// 35 days, by hours.
    Month,
}

/// How the whole stands.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Overview {
    /// When this was so.
    pub(crate) at: DateTime<Utc>,
    /// How far back `pace` looks.
    pub(crate) period: Period,
    /// Sums over all lanes.
    pub(crate) figures: Figures,
    /// What happened, by minute or hour, oldest first; the last one is not over yet.
    pub(crate) pace: Vec<Minute>,
    /// The same by day (UTC) where that is 35 days, for tables that people read; else nothing. The first and the last day are parts.
    #[serde(skip)]
    pub(crate) days: Vec<Minute>,
    /// How far each flow is behind.
    pub(crate) flows: Vec<FlowLag>,
    /// Lanes, by name.
    pub(crate) lanes: Vec<LaneRow>,
    /// The causes with the most dead letters, at most five.
    pub(crate) causes: Vec<CauseRow>,
    /// Causes there are.
    pub(crate) causes_in_all: u64,
    /// Workers that live.
    pub(crate) workers: Vec<Worker>,
}

/// Sums over all lanes.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Figures {
    /// Jobs that could start now.
    pub(crate) ready: u64,
    /// Jobs that wait for their time.
    pub(crate) delayed: u64,
    /// Jobs that are being carried out.
    pub(crate) running: u64,
    /// Jobs on the dead-letter shelf.
    pub(crate) dead: u64,
    /// Jobs done in the last 60 minutes.
    pub(crate) done_last_hour: u64,
    /// Runs that failed and are tried again, in the last 60 minutes.
    pub(crate) failed_last_hour: u64,
    /// Letters that came onto the shelf in the last 60 minutes.
    pub(crate) dead_last_hour: u64,
    /// Cases that wait for a person's decision.
    pub(crate) reviews_open: u64,
    /// Workers that live.
    pub(crate) workers: u64,
    /// Jobs that they can carry out at once.
    pub(crate) places: u64,
    /// Lanes that are paused or held.
    pub(crate) stopped_lanes: u64,
}

/// What happened in one minute or one hour.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Minute {
    /// When it began.
    pub(crate) at: DateTime<Utc>,
    /// Jobs accepted.
    pub(crate) enqueued: u64,
    /// Jobs that a worker took.
    pub(crate) started: u64,
    /// Jobs done.
    pub(crate) done: u64,
    /// Runs that failed and are tried again.
    pub(crate) failed: u64,
    /// Runs put off through no fault of the job.
    pub(crate) snoozed: u64,
    /// Letters that came onto the shelf.
    pub(crate) dead: u64,
    /// Mean milliseconds that jobs waited; null when none started.
    pub(crate) wait_ms: Option<f64>,
    /// Mean milliseconds that a run took; null when none ended.
    pub(crate) run_ms: Option<f64>,
}

impl From<&PaceMinute> for Minute {
    fn from(minute: &PaceMinute) -> Self {
        let ms = |mean: std::time::Duration| (mean.as_secs_f64() * 10_000.0).round() / 10.0;
        Self {
            at: minute.at,
            enqueued: minute.enqueued,
            started: minute.started,
            done: minute.done,
            failed: minute.failed,
            snoozed: minute.snoozed,
            dead: minute.dead,
            wait_ms: minute.mean_wait().map(ms),
            run_ms: minute.mean_run().map(ms),
        }
    }
}

/// How far a flow is behind its source.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct FlowLag {
    /// Its name.
    pub(crate) flow: String,
    /// Whether it runs by itself.
    pub(crate) enabled: bool,
    /// Whether webhooks announce what is new: it has no lag then.
    pub(crate) announced: bool,
    /// Seconds since everything was read; null before its first closed window.
    pub(crate) lag_secs: Option<u64>,
    /// Windows that are being read.
    pub(crate) open_windows: u64,
}

/// Why a lane gives out no jobs.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Stop {
    /// Who stopped it; `queue` for a hold.
    pub(crate) by: String,
    /// Why.
    pub(crate) reason: String,
    /// Since when.
    pub(crate) at: DateTime<Utc>,
}

impl From<&LaneStop> for Stop {
    fn from(stop: &LaneStop) -> Self {
        Self { by: stop.by.clone(), reason: stop.reason.clone(), at: stop.at }
    }
}

/// One lane at one moment.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct LaneRow {
    /// The connection.
    pub(crate) lane: String,
    /// Whether the settings know it still.
    pub(crate) configured: bool,
    /// Jobs that could start now.
    pub(crate) ready: u64,
    /// Jobs that wait for their time.
    pub(crate) delayed: u64,
    /// Jobs that are being carried out.
    pub(crate) running: u64,
    /// Jobs on the dead-letter shelf.
    pub(crate) dead: u64,
    /// Most jobs at once; null = no limit.
    pub(crate) cap: Option<u32>,
    /// Age of the oldest ready job in seconds; null when none is ready.
    pub(crate) oldest_secs: Option<u64>,
    /// Stopped by a person.
    pub(crate) paused: Option<Stop>,
    /// Stopped because the credentials were refused.
    pub(crate) held: Option<Stop>,
    /// Jobs could start, and nobody takes them.
    pub(crate) unconsumed: bool,
    /// When its backlog drains; null for the smaller ones of very many lanes.
    pub(crate) drain: Option<Drain>,
    /// The budget with the smallest share left; null where none is known.
    pub(crate) tightest: Option<Budget>,
}

impl From<&LaneStatus> for LaneRow {
    fn from(status: &LaneStatus) -> Self {
        Self {
            lane: status.lane.to_string(),
            configured: false,
            ready: status.ready,
            delayed: status.delayed,
            running: status.running,
            dead: status.dead,
            cap: status.cap,
            oldest_secs: status.oldest_age.map(|age| age.as_secs()),
            paused: status.paused.as_ref().map(Stop::from),
            held: status.held.as_ref().map(Stop::from),
            unconsumed: false,
            drain: None,
            tightest: None,
        }
    }
}

/// Dead letters with one cause.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct CauseRow {
    /// Short name for filters.
    pub(crate) hash: String,
    /// System, kind of fault, operation, code and field.
    pub(crate) cause: String,
    /// Letters.
    pub(crate) letters: u64,
    /// The newest letter's reason.
    pub(crate) example: String,
    /// When the newest one died.
    pub(crate) last_at: DateTime<Utc>,
}

impl CauseRow {
    pub(super) fn seen_by(cause: &Cause, viewer: &Viewer) -> Self {
        Self {
            hash: cause.hash.clone(),
            cause: cause.text.clone(),
            letters: cause.letters,
            example: example_for(&cause.text, &cause.example, viewer),
            last_at: cause.last_at,
        }
    }
}

/// A worker that lives.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Worker {
    /// Names this start of it.
    pub(crate) id: String,
    /// Where it runs.
    pub(crate) host: String,
    /// Its process number there.
    pub(crate) process: u32,
    /// Version of the program.
    pub(crate) version: String,
    /// Since when.
    pub(crate) started_at: DateTime<Utc>,
    /// Its last sign of life.
    pub(crate) seen_at: DateTime<Utc>,
    /// Most jobs at once.
    pub(crate) places: u32,
    /// Jobs it held then.
    pub(crate) running: u32,
    /// Kinds of jobs it can carry out.
    pub(crate) kinds: Vec<String>,
}

impl From<&WorkerPresence> for Worker {
    fn from(worker: &WorkerPresence) -> Self {
        Self {
            id: worker.id.clone(),
            host: worker.host.clone(),
            process: worker.process,
            version: worker.version.clone(),
            started_at: worker.started_at,
            seen_at: worker.seen_at,
            places: worker.places,
            running: worker.running,
            kinds: worker.kinds.clone(),
        }
    }
}
