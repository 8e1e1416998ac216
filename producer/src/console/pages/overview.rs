//! The overview: how the whole stands.

use maud::html;
use schemars::JsonSchema;
use serde::Serialize;

use crate::console::{
    call::Call,
    components::{badge, empty, number, table, text},
    error::ConsoleError,
    reply::View,
    route::Route,
};

/// How the whole stands.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Overview {
    /// Lanes, by name.
    lanes: Vec<LaneRow>,
}

/// One lane at one moment.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct LaneRow {
    /// The connection.
    lane: String,
    /// Jobs that could start now.
    ready: u64,
    /// Jobs that wait for their time.
    delayed: u64,
    /// Jobs that are being carried out.
    running: u64,
    /// Jobs on the dead-letter shelf.
    dead: u64,
    /// Whether it is paused or held.
    stopped: bool,
}

pub(super) fn routes() -> Vec<Route> {
    vec![Route::show("/", "How the whole stands", show).answers::<Overview>()]
}

async fn show(call: Call) -> Result<View, ConsoleError> {
    let lanes = call.rooms.queue.lanes().await?;
    let row = |lane: &mlc_queue::LaneStatus| LaneRow {
        lane: lane.lane.to_string(),
        ready: lane.ready,
        delayed: lane.delayed,
        running: lane.running,
        dead: lane.dead,
        stopped: lane.paused.is_some() || lane.held.is_some(),
    };
    let overview = Overview { lanes: lanes.iter().map(row).collect() };
    Ok(View::new("/", "Overview", overview, |overview, _viewer| {
        let rows = html! {
            @for lane in &overview.lanes {
                tr {
                    th scope="row" { (text(&lane.lane)) @if lane.stopped { " " (badge("warn", "stopped")) } }
                    td .n { (number(lane.ready)) }
                    td .n { (number(lane.delayed)) }
                    td .n { (number(lane.running)) }
                    td .n { (number(lane.dead)) }
                }
            }
        };
        html! {
            h1 { "Overview" }
            @if overview.lanes.is_empty() { (empty("No lane was used yet.")) }
            @else { (table("Lanes", &["Connection", "Ready", "Delayed", "Running", "Dead letters"], rows)) }
        }
    }))
}
