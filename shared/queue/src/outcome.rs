//! How a run ends.

use chrono::{DateTime, Utc};
use mlc_model::Fault;

use crate::Order;

/// The result of a run: what happens next.
#[derive(Debug)]
pub enum Outcome {
    /// Finished. Follow-ups and shelved orders are stored in the same step that acknowledges this job: both or neither.
    Done {
        /// Orders that follow from this one.
        then: Vec<Order>,
        /// Orders that go straight to the dead-letter shelf, each with its reason: the bad records of a batch.
        shelve: Vec<(Order, Fault)>,
    },
    /// Not now, through no fault of the job. Costs no attempt.
    Snooze {
        /// When to come back.
        until: DateTime<Utc>,
        /// What it waits for.
        why: SnoozeReason,
    },
    /// Failed. The queue decides from the fault's kind: try later, hold the lane, or the shelf.
    Failed(Fault),
}

impl Outcome {
    /// Finished, nothing follows.
    pub fn done() -> Self {
        Self::Done { then: Vec::new(), shelve: Vec::new() }
    }

    /// Finished, with follow-ups.
    pub fn then(then: Vec<Order>) -> Self {
        Self::Done { then, shelve: Vec::new() }
    }
}

impl From<Fault> for Outcome {
    fn from(fault: Fault) -> Self {
        Self::Failed(fault)
    }
}

/// What a snoozed job waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SnoozeReason {
    /// The server said: too many requests.
    RateLimited,
    /// Our own budget for the server is spent.
    BudgetEmpty,
    /// The connection is held.
    Held,
    /// The server is being maintained.
    Maintenance,
    /// The target's lane is full.
    Backpressure,
    /// Another job's work, named.
    WaitsFor(String),
    /// Another job works on the same record.
    RecordBusy,
}

/// What jobs wait for that could not store what they did.
const OWN_REDIS: &str = "redis";

impl SnoozeReason {
    /// This product's own Redis is full, read-only or was away. A worker that hears it starts no other job for a moment: each of a long backlog
    /// would only find the same.
    pub fn own_redis() -> Self {
        Self::WaitsFor(OWN_REDIS.to_owned())
    }

    pub(crate) fn is_own_redis(&self) -> bool {
        matches!(self, Self::WaitsFor(what) if what == OWN_REDIS)
    }

    /// Whether a reason is that one, as it stands in a job's history: the word and what is waited for.
    pub(crate) fn names_own_redis(why: &str) -> bool {
        why.split_once(' ') == Some((Self::own_redis().as_str(), OWN_REDIS))
    }

    /// The reason as it is logged.
    pub fn as_str(&self) -> &str {
        match self {
            Self::RateLimited => "rate_limited",
            Self::BudgetEmpty => "budget_empty",
            Self::Held => "held",
            Self::Maintenance => "maintenance",
            Self::Backpressure => "backpressure",
            Self::WaitsFor(_) => "waits_for",
            Self::RecordBusy => "record_busy",
        }
    }
}
