//! Flows and windows as the API tells them.

use chrono::{DateTime, SecondsFormat, Utc};
use mlc_ledger::{Mark, WindowRow};
use mlc_model::WindowBounds;
use mlc_runtime::settings::Schedule as Configured;
use schemars::JsonSchema;
use serde::Serialize;

use super::State;
use crate::{console::components::span, lag::Progress};

/// All flows.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Flows {
    /// By name.
    pub(crate) flows: Vec<Flow>,
    /// When this was so.
    pub(crate) at: DateTime<Utc>,
}

/// One flow and a page of its windows.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct FlowPage {
    /// The flow.
    pub(crate) flow: Flow,
    /// Its windows.
    pub(crate) windows: Windows,
    /// When this was so.
    pub(crate) at: DateTime<Utc>,
}

/// How a flow is configured and how far it is.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Flow {
    /// Its name.
    pub(crate) flow: String,
    /// What kind of flow it is.
    pub(crate) kind: &'static str,
    /// What it does, in one line.
    pub(crate) summary: &'static str,
    /// Connection that is read.
    pub(crate) from: String,
    /// Connection that is written.
    pub(crate) to: String,
    /// Whether it runs by itself.
    pub(crate) enabled: bool,
    /// Whether webhooks announce what is new, so that there is nothing to poll.
    pub(crate) announced: bool,
    /// When changes are polled, in words; null when only people order.
    pub(crate) schedule: Option<String>,
    /// When everything is scanned, in words; null when only people order.
    pub(crate) full_schedule: Option<String>,
    /// When changes were last ordered by the schedule.
    pub(crate) last_tick: Option<DateTime<Utc>>,
    /// When a full scan was last ordered by the schedule.
    pub(crate) last_full_tick: Option<DateTime<Utc>>,
    /// When changes are due next; null without a schedule.
    pub(crate) next_due: Option<DateTime<Utc>>,
    /// When a full scan is due next; null without a schedule.
    pub(crate) next_full_due: Option<DateTime<Utc>>,
    /// Seconds since everything was read, of the entity that is furthest behind; null before the first closed window.
    pub(crate) lag_secs: Option<u64>,
    /// What it polls.
    pub(crate) entities: Vec<EntityRow>,
    /// Windows that are being read; replays are not among them.
    pub(crate) open_windows: Vec<String>,
}

/// How far one entity has been read.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct EntityRow {
    /// Its name.
    pub(crate) entity: &'static str,
    /// The field that tells what changed, and how it is read; null before the first closed window.
    pub(crate) change_field: Option<String>,
    /// Everything up to here was read: an instant or a row version; null before the first closed window.
    pub(crate) checkpoint: Option<String>,
    /// Seconds behind.
    pub(crate) lag_secs: Option<u64>,
}

impl EntityRow {
    pub(crate) fn of(progress: &Progress, now: DateTime<Utc>) -> Self {
        let checkpoint = progress.checkpoint.as_ref();
        Self {
            entity: progress.entity.as_str(),
            change_field: checkpoint.map(|checkpoint| checkpoint.change_field.to_string()),
            checkpoint: checkpoint.map(|checkpoint| match checkpoint.until {
                Mark::Time(at) => instant(at),
                Mark::Revision(revision) => format!("row version {revision}"),
            }),
            lag_secs: progress.lag(now).map(|lag| lag.num_seconds().unsigned_abs()),
        }
    }
}

/// A page of windows, newest first.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Windows {
    /// Fewer than a full page can still have a next one.
    pub(crate) items: Vec<WindowLine>,
    /// `after` of the next page; null at the end.
    pub(crate) next: Option<u64>,
}

/// A window in a list.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct WindowLine {
    /// Its id.
    pub(crate) window: String,
    /// What was read.
    pub(crate) entity: String,
    /// `incremental`, `full` or `replay`.
    pub(crate) purpose: &'static str,
    /// Where it stands.
    pub(crate) state: State,
    /// From where to where, in words.
    pub(crate) bounds: String,
    /// When it was opened.
    pub(crate) opened_at: DateTime<Utc>,
    /// When it was closed or given up.
    pub(crate) closed_at: Option<DateTime<Utc>>,
    /// Pages read in this pass.
    pub(crate) pages: u64,
    /// Pages there will be; null while unknown.
    pub(crate) expected_pages: Option<u64>,
    /// Rows read.
    pub(crate) read: u64,
    /// Records handed on to be pushed.
    pub(crate) changed: u64,
    /// Records equal to what was delivered.
    pub(crate) unchanged: u64,
    /// Records older than what was seen.
    pub(crate) superseded: u64,
    /// Records put on the dead-letter shelf.
    pub(crate) refused: u64,
    /// Records deliberately not moved.
    pub(crate) excluded: u64,
}

impl From<&WindowRow> for WindowLine {
    fn from(row: &WindowRow) -> Self {
        let totals = &row.totals;
        Self {
            window: row.window.id.to_string(),
            entity: row.entity.clone(),
            purpose: row.purpose.as_str(),
            state: row.state.into(),
            bounds: bounds_words(&row.window.bounds),
            opened_at: row.opened_at,
            closed_at: row.closed_at,
            pages: totals.pages,
            expected_pages: totals.expected_pages,
            read: totals.read,
            changed: totals.changed,
            unchanged: totals.unchanged,
            superseded: totals.superseded,
            refused: totals.refused,
            excluded: totals.excluded,
        }
    }
}

fn instant(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// From where to where a window reaches.
pub(crate) fn bounds_words(bounds: &WindowBounds) -> String {
    match bounds {
        WindowBounds::Time { since: Some(since), until } => format!("after {} to {}", instant(*since), instant(*until)),
        WindowBounds::Time { since: None, until } => format!("everything to {}", instant(*until)),
        WindowBounds::Revision { since, until } => match (since, until) {
            (Some(since), Some(until)) => format!("row versions after {since} to {until}"),
            (Some(since), None) => format!("row versions after {since}"),
            (None, Some(until)) => format!("row versions to {until}"),
            (None, None) => "all row versions".to_owned(),
        },
        WindowBounds::Everything { until } => format!("everything, as of {}", instant(*until)),
    }
}

/// When something runs by itself; `None` when only people order.
pub(crate) fn schedule_words(schedule: Configured<'_>) -> Option<String> {
    match schedule {
        Configured::OnDemand => None,
        Configured::Every(every) => Some(format!("every {}", span(every.as_secs()))),
        Configured::Cron(pattern) => Some(format!("cron {pattern} (UTC)")),
    }
}
