//! The switches of a connection's lane.

use mlc_queue::{Lane, LaneStatus};

use super::{Change, reason};
use crate::{Failure, Rooms};

/// A switch that was moved.
#[derive(Debug)]
pub(crate) struct Switched {
    /// The lane before.
    pub(crate) before: LaneStatus,
    /// For the audit.
    pub(crate) change: Change,
}

impl Switched {
    fn of(before: LaneStatus, after: String) -> Self {
        let change = Change { subject: before.lane.to_string(), before: state(&before), after };
        Self { before, change }
    }

    /// Jobs that stood in the lane without running.
    pub(crate) fn waiting(&self) -> u64 {
        self.before.ready + self.before.delayed
    }
}

/// Stops giving out the lane's jobs; a lane that is paused already gets the new reason.
///
/// # Errors
/// `Usage` for a reason that says nothing; `Redis`.
pub(crate) async fn pause(rooms: &Rooms, lane: &Lane, why: &str) -> Result<Switched, Failure> {
    let why = reason(why)?;
    let before = rooms.queue.lane(lane).await?;
    rooms.queue.pause(lane, rooms.person.as_str(), why).await?;
    Ok(Switched::of(before, format!("paused: {why}")))
}

/// Ends a pause and a hold; `None` when the lane was not stopped.
///
/// # Errors
/// `Redis`.
pub(crate) async fn resume(rooms: &Rooms, lane: &Lane) -> Result<Option<Switched>, Failure> {
    let before = rooms.queue.lane(lane).await?;
    let resumed = rooms.queue.resume(lane, rooms.person.as_str()).await?;
    Ok(resumed.then(|| Switched::of(before, "open".to_owned())))
}

/// Ends a person's pause; a hold stays, because whoever resumes has not necessarily seen why it is there. `None` when the
/// lane was not paused.
///
/// # Errors
/// `Redis`.
pub(crate) async fn unpause(rooms: &Rooms, lane: &Lane) -> Result<Option<Switched>, Failure> {
    let before = rooms.queue.lane(lane).await?;
    let unpaused = rooms.queue.unpause(lane, rooms.person.as_str()).await?;
    let after = state(&LaneStatus { paused: None, ..before.clone() });
    Ok(unpaused.then(|| Switched::of(before, after)))
}

/// Ends the automatic hold of a lane; a person's pause stays. `None` when it was not held.
///
/// # Errors
/// `Redis`.
pub(crate) async fn release(rooms: &Rooms, lane: &Lane, why: &str) -> Result<Option<Switched>, Failure> {
    let before = rooms.queue.lane(lane).await?;
    let released = rooms.queue.release(lane, rooms.person.as_str()).await?;
    Ok(released.then(|| Switched::of(before, why.to_owned())))
}

/// Ends the hold of a lane whose credentials work again, and records it. False when it was not held.
///
/// # Errors
/// `Redis`.
pub(super) async fn release_after(rooms: &Rooms, lane: &Lane, why: &str) -> Result<bool, Failure> {
    // Most lanes are not held: no entry begins for those.
    if rooms.queue.lane(lane).await?.held.is_none() {
        return Ok(false);
    }
    let begun = rooms.begin("release_hold", lane.as_str()).await?;
    let released = begun.unless_refused(release(rooms, lane, why).await).await?;
    match &released {
        Some(released) => begun.close_with(&released.change).await?,
        None => begun.withdraw().await?,
    }
    Ok(released.is_some())
}

/// The switches of a lane in words.
pub(crate) fn state(status: &LaneStatus) -> String {
    let stops = [("held", &status.held), ("paused", &status.paused)];
    let words: Vec<String> = stops
        .into_iter()
        .filter_map(|(word, stop)| stop.as_ref().map(|stop| format!("{word} by {}: {}", stop.by, stop.reason)))
        .collect();
    if words.is_empty() { "open".to_owned() } else { words.join("; ") }
}
