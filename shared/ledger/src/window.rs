//! The row of a window.
//!
//! ```text
//!  open ──(a complete pass that saw one count before, during and after)──► closed, checkpoint moved
//!   │  └──(count differed: start_pass, by skip again, then by key)──► open
//!   └──(given up by a person or a newer plan)──► abandoned, checkpoint stays
//! ```
//! After a crash an open window is found again by its slot (entity and purpose): a second poll coalesces with it.

use chrono::{DateTime, Utc};
use mlc_model::{ChangeField, FlowId, JobId, Window, WindowBounds, WindowId};
use serde::{Deserialize, Serialize};

use crate::Mark;

/// Why a window is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// What changed since the checkpoint.
    Incremental,
    /// Everything, or everything since an instant that a person named.
    Full,
    /// An earlier window once more. Never coalesces.
    Replay,
}

impl Purpose {
    /// The purpose as it is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Incremental => "incremental",
            Self::Full => "full",
            Self::Replay => "replay",
        }
    }
}

/// How the pages of a pass are cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PageMode {
    /// `$top` and `$skip`: pages may be read in parallel, but shift when rows leave the window.
    Skip,
    /// `key gt last`: one page after the other, immune to shifting. `skip` then numbers the pages.
    Keyset,
}

impl PageMode {
    /// The mode as it is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Skip => "skip",
            Self::Keyset => "keyset",
        }
    }
}

/// Where a window stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WindowState {
    /// Being read.
    Open,
    /// Read wholly.
    Closed,
    /// Given up.
    Abandoned,
}

impl WindowState {
    /// The state as it is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Closed => "closed",
            Self::Abandoned => "abandoned",
        }
    }
}

/// A window to open.
#[derive(Debug, Clone)]
pub struct NewWindow {
    /// The flow that reads it.
    pub flow: FlowId,
    /// The source's entity, such as `vendors`.
    pub entity: String,
    /// Why it is read; with `entity` it decides what coalesces.
    pub purpose: Purpose,
    /// What the bounds are compared with.
    pub change_field: ChangeField,
    /// From where to where.
    pub bounds: WindowBounds,
    /// The exact OData query: a replay asks the same.
    pub query: String,
    /// How the first pass is paged.
    pub mode: PageMode,
    /// The window this one repeats.
    pub replay_of: Option<WindowId>,
    /// The job that opens it: after a crash that job finds its own window again and goes on.
    pub opened_by: Option<JobId>,
    /// Now.
    pub at: DateTime<Utc>,
}

/// Result of opening a window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opened {
    /// It is open now.
    New(WindowRow),
    /// One of the same entity and purpose was open already: this one.
    Coalesced(WindowRow),
}

impl Opened {
    /// The window that is open now, whichever it is.
    pub fn row(&self) -> &WindowRow {
        match self {
            Self::New(row) | Self::Coalesced(row) => row,
        }
    }
}

/// What one page held.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PageMark {
    /// Rows skipped, or the page's number in a walk by key. Identifies the page inside its pass.
    pub skip: u64,
    /// Rows read.
    pub read: u64,
    /// Of those, handed on.
    pub changed: u64,
    /// Of those, equal to what was delivered.
    pub unchanged: u64,
    /// Of those, older than what was seen.
    pub superseded: u64,
    /// Of those, put on the dead-letter shelf.
    pub refused: u64,
    /// Of those, deliberately not moved.
    pub excluded: u64,
    /// The source's own count of the window, where this page asked for it.
    pub rows_in_window: Option<u64>,
    /// Highest revision on the page, where the source has one.
    pub highest_revision: Option<i64>,
    /// Requests it took.
    pub requests: u64,
    /// What its first row is, as a number made from the key; the row that the page before ended with. `None` on a page that
    /// repeats no row of its predecessor.
    pub starts: Option<u64>,
    /// What its last row is, likewise.
    pub ends: Option<u64>,
}

/// Sums over the pages of the current pass (of the last pass, once the window is closed).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct PassTotals {
    /// Pages marked.
    pub pages: u64,
    /// Pages there will be, once known.
    pub expected_pages: Option<u64>,
    /// Rows read.
    pub read: u64,
    /// Handed on.
    pub changed: u64,
    /// Equal to what was delivered.
    pub unchanged: u64,
    /// Older than what was seen.
    pub superseded: u64,
    /// Put on the dead-letter shelf.
    pub refused: u64,
    /// Deliberately not moved.
    pub excluded: u64,
    /// Lowest count of the window that a page saw.
    pub rows_low: Option<u64>,
    /// Highest count of the window that a page saw.
    pub rows_high: Option<u64>,
    /// Highest revision that a page saw.
    pub highest_revision: Option<i64>,
}

/// State of a pass after a page was marked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageState {
    /// All expected pages are marked: time to close. True again when a page is marked twice.
    pub complete: bool,
    /// The window is not open any more or has gone on to another pass: the page did not count.
    pub stale: bool,
    /// Sums of the current pass.
    pub totals: PassTotals,
}

/// What closing a window takes.
#[derive(Debug, Clone, Copy)]
pub struct CloseRequest {
    /// The pass that was completed.
    pub pass: u32,
    /// The source's count of the window after the pass; a walk by key needs none.
    pub rows_after: Option<u64>,
    /// Where the checkpoint goes; `None` leaves it (a replay).
    pub mark: Option<Mark>,
    /// Now.
    pub at: DateTime<Utc>,
}

/// Result of closing a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseOutcome {
    /// It is closed. `checkpoint_moved` is false when none was asked for, when it stands as far already, or when it counts
    /// in another change field.
    Closed {
        /// Whether the entity's checkpoint went forward.
        checkpoint_moved: bool,
    },
    /// It was closed before: nothing to do.
    AlreadyClosed,
    /// It was abandoned before.
    Abandoned,
    /// Another pass is under way.
    StalePass {
        /// That pass.
        current: u32,
    },
    /// Pages are missing.
    Incomplete {
        /// Pages marked.
        pages: u64,
        /// Pages there will be; `None` while unknown.
        expected: Option<u64>,
    },
    /// The count differed during the pass or after it, or the pages do not join: rows left and shifted them. Start another
    /// pass.
    Unstable {
        /// Lowest count that a page saw; `None` when no page told one.
        lowest: Option<u64>,
        /// Highest count that a page saw.
        highest: Option<u64>,
        /// Count after the pass, as it was given.
        after: Option<u64>,
    },
}

/// A window as it stands in the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WindowRow {
    /// The flow that reads it.
    pub flow: FlowId,
    /// The source's entity.
    pub entity: String,
    /// Why it is read.
    pub purpose: Purpose,
    /// Id, change field and bounds.
    pub window: Window,
    /// The exact OData query.
    pub query: String,
    /// How the current pass is paged.
    pub mode: PageMode,
    /// Where it stands.
    pub state: WindowState,
    /// The current pass, from 1.
    pub pass: u32,
    /// When it was opened.
    pub opened_at: DateTime<Utc>,
    /// The job that opened it.
    pub opened_by: Option<JobId>,
    /// When a page of it was last read, or when it was opened, by Redis' clock: compare it with [`Ledger::server_time`](crate::Ledger::server_time).
    pub advanced_at: Option<DateTime<Utc>>,
    /// When it was closed or abandoned.
    pub closed_at: Option<DateTime<Utc>>,
    /// Sums of the current pass.
    pub totals: PassTotals,
    /// Requests over all passes, repeated pages included.
    pub requests: u64,
    /// Why it was abandoned.
    pub reason: Option<String>,
    /// The window this one repeats.
    pub replay_of: Option<WindowId>,
}
