//! One look at everything that alerts are about.

use mlc_flow::flow_kind;
use mlc_model::{ConnectionId, FlowId};
use mlc_queue::LaneStatus;
use mlc_runtime::settings::{Connection, FlowSettings};
use tracing::debug;

use super::conditions::{Cause, Filled, Held, Late, Seen, Store, Unconsumed, lateness};
use crate::{Failure, Rooms, Schedule};

/// Reads what can be read; what cannot stays unknown until the next look.
pub(super) async fn look(rooms: &Rooms, schedules: &[(FlowId, FlowSettings, Schedule)]) -> Seen {
    let lanes = known("lanes", rooms.queue.lanes().await);
    let causes = known("causes of dead letters", rooms.queue.causes().await);
    let unserved = known("lanes that nobody serves", rooms.queue.unconsumed().await);
    Seen {
        held: lanes.as_deref().map(held),
        causes: causes.map(|causes| causes.into_iter().map(cause).collect()),
        late: known("checkpoints", late(rooms, schedules).await),
        unconsumed: lanes.as_deref().zip(unserved).map(|(lanes, unserved)| {
            let mine = lanes.iter().filter(|status| unserved.contains(&status.lane));
            mine.map(|status| Unconsumed {
                lane: status.lane.clone(),
                ready: status.ready,
                waits: status.oldest_wait.unwrap_or_default(),
            })
            .collect()
        }),
        filled: match &lanes {
            Some(lanes) => known("bytes", filled(rooms, lanes).await),
            None => None,
        },
        refused: known("refused signatures", refused(rooms).await),
    }
}

fn known<T, E: std::fmt::Display>(what: &str, read: Result<T, E>) -> Option<T> {
    read.inspect_err(|error| debug!(%error, "Alerts: {what} could not be read")).ok()
}

/// Not the example: it is the other system's text, which may name persons.
fn cause(cause: mlc_queue::Cause) -> Cause {
    let mlc_queue::Cause { hash, text, letters, first_at, last_at, .. } = cause;
    Cause { hash, text, letters, first_at, last_at }
}

fn held(lanes: &[LaneStatus]) -> Vec<Held> {
    let held = |status: &LaneStatus| {
        let since = status.held.as_ref()?.at;
        Some(Held { lane: status.lane.clone(), since, waiting: status.ready + status.delayed })
    };
    lanes.iter().filter_map(held).collect()
}

/// A flow is as late as the entity that is read the longest ago. One that never closed a window is not judged: its first reading
/// takes as long as it takes.
async fn late(rooms: &Rooms, schedules: &[(FlowId, FlowSettings, Schedule)]) -> Result<Vec<Late>, Failure> {
    let now = rooms.clock.now();
    let mut late = Vec::new();
    for (id, flow, schedule) in schedules {
        let mut oldest = None;
        for entity in flow_kind(flow.kind(id))?.entities {
            let checkpoint = rooms.ledger.checkpoint(id, entity.as_str()).await?;
            let opened = checkpoint.and_then(|checkpoint| Some(checkpoint.recent.last()?.0));
            oldest = oldest.into_iter().chain(opened).min();
        }
        let limit = flow.lag_limit.unwrap_or(rooms.settings.alerts.lag);
        late.extend(oldest.and_then(|read| lateness(id, schedule, read, limit, now)));
    }
    Ok(late)
}

async fn filled(rooms: &Rooms, lanes: &[LaneStatus]) -> Result<Vec<Filled>, Failure> {
    let stats = rooms.queue.stats().await?;
    let memory = rooms.ledger.memory().await?;
    let limit = rooms.settings.queue.lane_bytes;
    let mut filled = vec![
        Filled { what: Store::Shelf, used: stats.dead_bytes, limit: stats.dead_bytes_budget },
        Filled { what: Store::Redis, used: memory.used, limit: memory.limit },
    ];
    let lane = |status: &LaneStatus| Filled { what: Store::Lane(status.lane.clone()), used: status.bytes, limit };
    filled.extend(lanes.iter().map(lane));
    Ok(filled)
}

async fn refused(rooms: &Rooms) -> Result<Vec<(ConnectionId, u64)>, Failure> {
    let announced = |connection: &Connection| connection.as_adobe().is_some_and(|adobe| adobe.webhook.is_some());
    let with_webhook = rooms.settings.connections.iter().filter(|(_, connection)| announced(connection));
    let ids: Vec<ConnectionId> = with_webhook.map(|(id, _)| id.clone()).collect();
    let counts = rooms.ledger.refused(&ids, rooms.clock.now()).await?;
    Ok(ids.into_iter().zip(counts).collect())
}
