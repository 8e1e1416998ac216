//! Everything that one frame shows, read at one moment.

use chrono::{DateTime, Utc};
use mlc_queue::{Cause, Lane, LaneStatus, PaceMinute, WorkerPresence};
use serde::Serialize;

use crate::{Failure, Rooms, levels::budgets_left};

/// Minutes of throughput.
const MINUTES: u32 = 60;
/// Causes of dead letters, those with most letters first.
const CAUSES: usize = 8;

/// Everything that one frame shows.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Sample {
    /// When.
    pub(super) at: DateTime<Utc>,
    /// By name.
    pub(super) lanes: Vec<LaneStatus>,
    /// Lanes whose jobs nobody takes.
    pub(super) unconsumed: Vec<Lane>,
    /// Oldest first; the last minute has only begun.
    pub(super) pace: Vec<PaceMinute>,
    /// Those that live.
    pub(super) workers: Vec<WorkerPresence>,
    /// What is left.
    pub(super) budgets: Vec<BudgetLeft>,
    /// Why jobs were given up.
    pub(super) causes: Vec<Cause>,
}

/// What is left of one budget.
#[derive(Debug, Clone, Serialize)]
pub(super) struct BudgetLeft {
    /// Whose.
    pub(super) connection: String,
    /// Which, such as `burst`.
    pub(super) family: String,
    /// Requests, or free places.
    pub(super) left: u64,
}

/// Looks once.
///
/// # Errors
/// `Redis`.
pub(super) async fn take(rooms: &Rooms) -> Result<Sample, Failure> {
    let (queue, at) = (&rooms.queue, rooms.clock.now());
    let (lanes, unconsumed, pace, workers, mut causes) = tokio::try_join!(
        queue.lanes(),
        queue.unconsumed(),
        queue.pace(None, MINUTES),
        queue.workers(),
        queue.causes()
    )?;
    causes.truncate(CAUSES);
    let budgets = budgets_left(rooms).await.into_iter().map(|(connection, _, family, left)| BudgetLeft {
        connection: connection.to_string(),
        family: family.to_owned(),
        left,
    });
    let mut budgets: Vec<BudgetLeft> = budgets.collect();
    budgets.sort_by(|a, b| (&a.connection, &a.family).cmp(&(&b.connection, &b.family)));
    Ok(Sample { at, lanes, unconsumed, pace, workers, budgets, causes })
}
