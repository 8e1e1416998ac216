//! `mlc pause`, `mlc resume`: the switches of a connection's lane.

use clap::Args;
use serde_json::json;

use super::Caller;
use crate::{
    Exit, Failure,
    action::lane::{self, state},
};

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
    let paused = lane::pause(&rooms, &lane, &command.reason).await?;
    paused.change.record("pause", &rooms).await?;
    let (running, waiting) = (paused.before.running, paused.waiting());
    let text = format!("Paused {lane}: {running} running jobs end, {waiting} wait until `mlc resume {lane}`");
    let value = json!({ "connection": lane, "paused": true, "running": running, "waiting": waiting });
    caller.output.answer(text, &value)?;
    Ok(Exit::Done)
}

pub(crate) async fn resume(command: Resume, caller: &Caller) -> Result<Exit, Failure> {
    let rooms = caller.open().await?;
    let lane = rooms.lane(&command.connection).await?;
    let (text, waiting) = match lane::resume(&rooms, &lane).await? {
        Some(resumed) => {
            resumed.change.record("resume", &rooms).await?;
            let (was, waiting) = (state(&resumed.before), resumed.waiting());
            (format!("Resumed {lane}, which was {was}; {waiting} jobs wait there"), Some(waiting))
        }
        None => (format!("{lane} was neither paused nor held; nothing to do"), None),
    };
    let resumed = waiting.is_some();
    let waiting = match waiting {
        Some(waiting) => waiting,
        None => {
            let status = rooms.queue.lane(&lane).await?;
            status.ready + status.delayed
        }
    };
    caller.output.answer(text, &json!({ "connection": lane, "resumed": resumed, "waiting": waiting }))?;
    Ok(Exit::Done)
}
