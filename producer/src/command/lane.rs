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
    let begun = rooms.begin("pause", lane.as_str()).await?;
    let paused = begun.unless_refused(lane::pause(&rooms, &lane, &command.reason).await).await?;
    begun.close_with(&paused.change).await?;
    let (running, waiting) = (paused.before.running, paused.waiting());
    let text = format!("Paused {lane}: {running} running jobs end, {waiting} wait until `mlc resume {lane}`");
    let value = json!({ "connection": lane, "paused": true, "running": running, "waiting": waiting });
    caller.output.answer(text, &value)?;
    Ok(Exit::Done)
}

pub(crate) async fn resume(command: Resume, caller: &Caller) -> Result<Exit, Failure> {
    let rooms = caller.open().await?;
    let lane = rooms.lane(&command.connection).await?;
    let begun = rooms.begin("resume", lane.as_str()).await?;
    let (text, waiting) = match begun.unless_refused(lane::resume(&rooms, &lane).await).await? {
        Some(resumed) => {
            begun.close_with(&resumed.change).await?;
            let (was, waiting) = (state(&resumed.before), resumed.waiting());
            (format!("Resumed {lane}, which was {was}; {waiting} jobs wait there"), Some(waiting))
        }
        None => {
            begun.withdraw().await?;
            (format!("{lane} was neither paused nor held; nothing to do"), None)
        }
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
