//! Reading a window again with exactly its query.

use mlc_flow::{Ask, Entity, PollPage};
use mlc_ledger::WindowRow;
use mlc_model::{FlowId, JobId, WindowId};
use mlc_queue::{Order, Priority};

use crate::{Failure, Rooms};

/// What was ordered.
#[derive(Debug, Clone)]
pub(crate) struct Replay {
    pub(crate) window: WindowId,
    pub(crate) flow: FlowId,
    /// The job that stands for the order.
    pub(crate) job: JobId,
    /// False when an equal order was waiting already.
    pub(crate) new: bool,
}

impl Replay {
    /// What the audit keeps.
    pub(crate) fn after(&self) -> String {
        format!("job {}", self.job)
    }
}

/// A window of the ledger.
///
/// # Errors
/// `NothingMatched`; `Redis`.
pub(crate) async fn find(rooms: &Rooms, window: &str) -> Result<WindowRow, Failure> {
    let unknown = || {
        let window: String = window.chars().take(80).collect();
        Failure::NothingMatched(format!(
            "window `{window}` is not in the ledger; `mlc window list FLOW` shows those that are"
        ))
    };
    let id = WindowId::parse(window).map_err(|_| unknown())?;
    rooms.ledger.window(&id).await?.ok_or_else(unknown)
}

/// Orders a window again. What is unchanged since is dropped.
///
/// # Errors
/// `NothingMatched` when the window or its flow is unknown; `Wrong` for an entity that this version does not read; `Full`; `Redis`.
pub(crate) async fn replay(rooms: &Rooms, window: &str) -> Result<Replay, Failure> {
    let row = find(rooms, window).await?;
    let id = row.window.id;
    let (flow, settings) = rooms.flow(row.flow.as_str())?;
    let entity = Entity::parse(&row.entity).ok_or_else(|| {
        Failure::Wrong(format!("window {id} is of `{}`, which this version does not read", row.entity))
    })?;
    let (from, to) = (settings.from.clone(), settings.to.clone());
    let poll = PollPage { flow: flow.clone(), entity, from, to, ask: Ask::Replay(id.clone()) };
    let order = Order::of(&poll)?.priority(Priority::Person);
    let answers = rooms.queue.enqueue(std::slice::from_ref(&order)).await.map_err(Failure::of_first_write)?;
    let answer = answers.first();
    let job = answer.map_or_else(|| order.id().clone(), |answer| answer.id().clone());
    let new = answer.is_none_or(|answer| matches!(answer, mlc_queue::Enqueued::Accepted(_)));
    Ok(Replay { window: id, flow, job, new })
}
