//! `mlc window`: what was asked of the source, and asking it again.

use clap::{Subcommand, ValueEnum};
use mlc_flow::flow_kind;
use mlc_ledger::{WindowRow, WindowState};
use serde_json::json;

use super::{Caller, limit};
use crate::{
    Exit, Failure, Rooms, action,
    output::{Output, instant, or_dash},
};

#[derive(Debug, Subcommand)]
pub(crate) enum Window {
    /// List the windows of a flow, newest first.
    List {
        /// The flow.
        flow: String,
        /// Only this state.
        #[arg(long, value_enum)]
        state: Option<State>,
        /// Show the exact question of each window too.
        #[arg(long)]
        queries: bool,
        /// Most windows to list.
        #[arg(long, default_value = "50", value_parser = limit)]
        limit: usize,
    },
    /// Read a window again with exactly its query. What is unchanged since is dropped.
    Replay {
        /// The window.
        window: String,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum State {
    Open,
    Closed,
    Abandoned,
}

impl State {
    fn is(self, state: WindowState) -> bool {
        matches!(
            (self, state),
            (Self::Open, WindowState::Open)
                | (Self::Closed, WindowState::Closed)
                | (Self::Abandoned, WindowState::Abandoned)
        )
    }
}

pub(crate) async fn run(command: Window, caller: &Caller) -> Result<Exit, Failure> {
    let (rooms, output) = (caller.open().await?, caller.output);
    match command {
        Window::List { flow, state, queries, limit } => list(&flow, state, queries, limit, &rooms, output).await,
        Window::Replay { window } => replay(&window, &rooms, output).await,
    }
}

async fn list(
    flow: &str,
    state: Option<State>,
    queries: bool,
    limit: usize,
    rooms: &Rooms,
    output: Output,
) -> Result<Exit, Failure> {
    let (id, settings) = rooms.flow(flow)?;
    // The filter is ours, so more must be read than shown.
    let read = if state.is_some() { 100_000 } else { limit };
    let mut windows = rooms.ledger.windows(&id, read).await?;
    windows.retain(|row| state.is_none_or(|state| state.is(row.state)));
    windows.truncate(limit);
    output.json(&json!({ "items": windows }))?;
    if windows.is_empty() {
        if state.is_some() {
            return Err(Failure::NothingMatched(format!("no window of {id} is in that state")));
        }
        output.line(match flow_kind(settings.kind(&id)) {
            Ok(kind) if kind.entities.is_empty() => {
                format!("{id} has no windows: the webhooks of {} announce what is new.", settings.from)
            }
            _ => format!("{id} has opened no window yet; `mlc sync {id}` orders one."),
        })?;
    }
    let header =
        ["WINDOW", "ENTITY", "PURPOSE", "STATE", "OPENED", "CLOSED", "READ", "CHANGED", "UNCHANGED", "REFUSED"];
    output.table(header, windows.iter().map(row).collect())?;
    for row in windows.iter().filter(|_| queries) {
        output.line(format!("\n{}\n  {}", row.window.id, row.query))?;
    }
    Ok(Exit::Done)
}

fn row(row: &WindowRow) -> [String; 10] {
    let totals = &row.totals;
    [
        row.window.id.to_string(),
        row.entity.clone(),
        row.purpose.as_str().to_owned(),
        row.state.as_str().to_owned(),
        instant(row.opened_at),
        or_dash(row.closed_at.map(instant)),
        totals.read.to_string(),
        totals.changed.to_string(),
        totals.unchanged.to_string(),
        totals.refused.to_string(),
    ]
}

async fn replay(window: &str, rooms: &Rooms, output: Output) -> Result<Exit, Failure> {
    let begun = rooms.begin("replay_window", window.chars().take(200).collect::<String>()).await?;
    let replay = begun.unless_refused(action::window::replay(rooms, window).await).await?;
    let (id, flow, job) = (&replay.window, &replay.flow, &replay.job);
    begun.close(id.as_str(), None, Some(replay.after())).await?;
    let text = format!("Ordered window {id} again as job {job}; `mlc window list {flow}` shows it when it is read");
    output.answer(text, &json!({ "window": id, "job": job }))?;
    Ok(Exit::Done)
}
