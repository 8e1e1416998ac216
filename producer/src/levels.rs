//! Service levels for the metrics page: read from Redis when scraped, served by the producer only.

use mlc_model::{ConnectionId, System};
use mlc_queue::{LaneStatus, QueueStats};
use mlc_runtime::settings::Connection;
use tracing::debug;

use crate::{
    Failure, Rooms,
    lag::{lag_of, progress_of},
};

/// Reads queue, shelf, budgets and checkpoints, and sets their gauges. What cannot be read keeps its last number.
pub async fn refresh_levels(rooms: &Rooms) {
    match tokio::try_join!(rooms.queue.lanes(), rooms.queue.stats()) {
        Ok((lanes, stats)) => set_queue_levels(rooms, &lanes, &stats),
        Err(error) => debug!(%error, "The levels of the queue could not be read"),
    }
    set_budget_levels(rooms).await;
    if let Err(error) = set_lags(rooms).await {
        debug!(%error, "The checkpoints could not be read");
    }
}

fn set_queue_levels(rooms: &Rooms, lanes: &[LaneStatus], stats: &QueueStats) {
    let metrics = &rooms.metrics;
    // Only after everything was read: a page must not show zeroes because Redis was slow.
    metrics.zero_levels();
    for status in lanes {
        let lane = status.lane.as_str();
        for (state, jobs) in [("ready", status.ready), ("delayed", status.delayed), ("running", status.running)] {
            metrics.queue_jobs(lane, state, jobs);
        }
        metrics.queue_oldest_age(lane, status.oldest_age.map_or(0.0, |age| age.as_secs_f64()));
        metrics.lane_held(lane, status.held.is_some() || status.paused.is_some());
    }
    for (lane, faults) in &stats.dead {
        for (fault, letters) in faults {
            metrics.dead_letters(lane, fault, *letters);
        }
    }
}

async fn set_budget_levels(rooms: &Rooms) {
    for (connection, system, family, left) in budgets_left(rooms).await {
        #[expect(clippy::cast_precision_loss, reason = "a gauge is a float; budgets are far below 2^52")]
        let left = left as f64;
        rooms.metrics.budget_remaining(system.as_str(), connection.as_str(), family, left);
    }
}

/// What is left of the budgets of all connections, as connection, family and number.
pub(crate) async fn budgets_left(rooms: &Rooms) -> Vec<(ConnectionId, System, &'static str, u64)> {
    for (id, connection) in &rooms.settings.connections {
        // Opens the door, which is all we want: a connection without its secrets has no budget to show.
        match connection {
            Connection::Epicor(_) => drop(rooms.connections.epicor(id).await),
            Connection::Hubspot(_) => drop(rooms.connections.hubspot(id).await),
            Connection::Adobe(_) => drop(rooms.connections.adobe(id).await),
        }
    }
    rooms.connections.budgets_left().await
}

/// One that never closed a window has no lag yet.
async fn set_lags(rooms: &Rooms) -> Result<(), Failure> {
    let now = rooms.clock.now();
    for (id, flow) in rooms.settings.flows.iter().filter(|(_, flow)| flow.enabled) {
        if let Some(lag) = lag_of(&progress_of(rooms, id, flow).await?, now) {
            rooms.metrics.sync_lag(id.as_str(), flow.from.as_str(), lag.as_seconds_f64());
        }
    }
    Ok(())
}
