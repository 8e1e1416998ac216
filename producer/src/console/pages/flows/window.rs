//! One window: what was asked, what came of it, and asking it again.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use mlc_ledger::{Action, AuditEntry};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use super::{value::WindowLine, window_page};
use crate::{
    action,
    console::{
        call::Call,
        components::segment,
        error::ConsoleError,
        reply::{Done, Entry, View},
        route::Route,
    },
};

/// Entries shown.
const ENTRIES: usize = 200;
/// Batches of the trail that are looked through for them.
const BATCHES: usize = 1_000;

/// A window with everything that is kept of it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Window {
    /// Where it stands, and its counts.
    #[serde(flatten)]
    pub(super) line: WindowLine,
    /// The flow that reads it.
    pub(super) flow: String,
    /// The field that tells what changed, and how it is read.
    pub(super) change_field: String,
    /// The question as it was sent.
    pub(super) query: String,
    /// `skip` or `keyset`.
    pub(super) mode: &'static str,
    /// The pass it is in; a window whose rows moved while it was read is read once more.
    pub(super) pass: u32,
    /// Requests over all passes.
    pub(super) requests: u64,
    /// Lowest and highest count of the window that the source told in this pass.
    pub(super) rows_seen: Option<(u64, u64)>,
    /// The job that opened it.
    pub(super) opened_by: Option<String>,
    /// When a page of it was last read.
    pub(super) advanced_at: Option<DateTime<Utc>>,
    /// Why it was given up.
    pub(super) reason: Option<String>,
    /// The window that this one repeats.
    pub(super) replay_of: Option<String>,
    /// Records written at the target because of it, as far as its entries were looked through.
    pub(super) pushed: u64,
    /// Records that were refused, while they were read or by the target, as far as its entries were looked through.
    pub(super) dead: u64,
    /// Its records by what happened to them, as far as its entries were looked through.
    pub(super) outcomes: BTreeMap<&'static str, u64>,
    /// Whether all its entries were looked through for these counts.
    pub(super) outcomes_complete: bool,
    /// What happened to its records, oldest first, at most 200.
    pub(super) entries: Vec<RecordEntry>,
    /// Whether these are all.
    pub(super) entries_complete: bool,
    /// When this was so.
    pub(super) at: DateTime<Utc>,
}

/// What happened to one record.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct RecordEntry {
    /// The record.
    pub(super) key: String,
    /// What happened.
    pub(super) action: &'static str,
    /// When.
    pub(super) at: DateTime<Utc>,
    /// Its id at the target.
    pub(super) target_id: Option<String>,
    /// The job that carried it.
    pub(super) job: Option<String>,
}

impl From<&AuditEntry> for RecordEntry {
    fn from(entry: &AuditEntry) -> Self {
        Self {
            key: entry.key.clone(),
            action: entry.action.as_str(),
            at: entry.at,
            target_id: entry.target_id.as_ref().map(ToString::to_string),
            job: entry.job.as_ref().map(ToString::to_string),
        }
    }
}

/// What was ordered.
#[derive(Debug, Clone, Serialize, JsonSchema)]
struct ReplayAnswer {
    /// The window that is read again.
    window: String,
    /// The job that stands for the order.
    job: String,
}

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::show("/windows/{window}", "One window: its question, its counts, its records", show).answers::<Window>(),
        Route::act("/windows/{window}/replay", "replay_window", "Read a window again with exactly its query", replay)
            .answers::<ReplayAnswer>(),
    ]
}

async fn show(call: Call) -> Result<View, ConsoleError> {
    let ledger = &call.rooms.ledger;
    let row = action::window::find(&call.rooms, call.text("window")).await?;
    let scan = ledger.audit_window_within(&row.window.id, 5_000, BATCHES).await?;
    let mut outcomes = BTreeMap::new();
    for entry in &scan.entries {
        *outcomes.entry(entry.action.as_str()).or_default() += 1;
    }
    let is_push = |entry: &&AuditEntry| matches!(entry.action, Action::Created | Action::Updated);
    let window = Window {
        line: WindowLine::from(&row),
        flow: row.flow.to_string(),
        change_field: row.window.change_field.to_string(),
        query: row.query.clone(),
        mode: row.mode.as_str(),
        pass: row.pass,
        requests: row.requests,
        rows_seen: row.totals.rows_low.zip(row.totals.rows_high),
        opened_by: row.opened_by.as_ref().map(ToString::to_string),
        advanced_at: row.advanced_at,
        reason: row.reason.clone(),
        replay_of: row.replay_of.as_ref().map(ToString::to_string),
        pushed: scan.entries.iter().filter(is_push).count() as u64,
        dead: row.totals.refused.max(outcomes.get(Action::Refused.as_str()).copied().unwrap_or_default()),
        outcomes,
        outcomes_complete: scan.complete,
        entries: scan.entries.iter().take(ENTRIES).map(RecordEntry::from).collect(),
        entries_complete: scan.complete && scan.entries.len() <= ENTRIES,
        at: call.now,
    };
    Ok(View::new("/flows", format!("Window {}", window.line.window), window, window_page::page))
}

async fn replay(call: Call) -> Result<Done, ConsoleError> {
    let replay = action::window::replay(&call.rooms, call.text("window")).await?;
    let (window, job) = (&replay.window, &replay.job);
    if !replay.new {
        return Err(ConsoleError::conflict(format!("This was ordered already and waits its turn: job {job}.")));
    }
    Ok(Done {
        message: format!("Ordered window {window} again as job {job}. It becomes a window of its own when it is read."),
        back: format!("/windows/{}", segment(window.as_str())),
        answer: json!(ReplayAnswer { window: window.to_string(), job: job.to_string() }),
        entry: Entry::about(window.as_str()).after(replay.after()),
    })
}
