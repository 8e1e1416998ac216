//! `mlc pause`, `mlc resume`: the switches of a connection's lane.

use clap::Args;
use mlc_queue::{LaneStatus, LaneStop};
use serde_json::json;

use super::Caller;
use crate::{Exit, Failure, Rooms};

#[derive(Debug, Args)]
pub(crate) struct Pause {
    /// The connection.
    connection: String,
    /// Why, for those who wonder later.
    #[arg(long)]
    reason: String,
}

#[derive(Debug, Args)]
pub(crate) struct Resume {
    /// The connection.
    connection: String,
}

pub(crate) async fn pause(command: Pause, caller: &Caller) -> Result<Exit, Failure> {
    let rooms = caller.open().await?;
    let lane = rooms.lane(&command.connection).await?;
    let before = rooms.queue.lane(&lane).await?;
    rooms.queue.pause(&lane, rooms.person.as_str(), &command.reason).await?;
    rooms.record("pause", lane.as_str(), Some(state(&before)), Some(format!("paused: {}", command.reason))).await?;
    let waiting = before.ready + before.delayed;
    let text = format!("Paused {lane}: {} running jobs end, {waiting} wait until `mlc resume {lane}`", before.running);
    let value = json!({ "connection": lane, "paused": true, "running": before.running, "waiting": waiting });
    caller.output.answer(text, &value)?;
    Ok(Exit::Done)
}

pub(crate) async fn resume(command: Resume, caller: &Caller) -> Result<Exit, Failure> {
    let rooms = caller.open().await?;
    let lane = rooms.lane(&command.connection).await?;
    let before = rooms.queue.lane(&lane).await?;
    let resumed = rooms.queue.resume(&lane, rooms.person.as_str()).await?;
    if resumed {
        rooms.record("resume", lane.as_str(), Some(state(&before)), Some("open".to_owned())).await?;
    }
    let waiting = before.ready + before.delayed;
    let text = match resumed {
        true => format!("Resumed {lane}, which was {}; {waiting} jobs wait there", state(&before)),
        false => format!("{lane} was neither paused nor held; nothing to do"),
    };
    caller.output.answer(text, &json!({ "connection": lane, "resumed": resumed, "waiting": waiting }))?;
    Ok(Exit::Done)
}

/// Ends the automatic hold of a lane whose credentials work again; a person's pause stays. False when it was not held.
pub(super) async fn release_hold(rooms: &Rooms, lane: &mlc_queue::Lane, why: &str) -> Result<bool, Failure> {
    let before = rooms.queue.lane(lane).await?;
    if before.held.is_none() {
        return Ok(false);
    }
    rooms.queue.resume(lane, rooms.person.as_str()).await?;
    if let Some(LaneStop { by, reason, .. }) = &before.paused {
        rooms.queue.pause(lane, by, reason).await?;
    }
    rooms.record("release_hold", lane.as_str(), Some(state(&before)), Some(why.to_owned())).await?;
    Ok(true)
}

/// The switches of a lane in words.
pub(super) fn state(status: &LaneStatus) -> String {
    let stops = [("held", &status.held), ("paused", &status.paused)];
    let words: Vec<String> = stops
        .into_iter()
        .filter_map(|(word, stop)| stop.as_ref().map(|stop| format!("{word} by {}: {}", stop.by, stop.reason)))
        .collect();
    if words.is_empty() { "open".to_owned() } else { words.join("; ") }
}
