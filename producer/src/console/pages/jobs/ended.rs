//! Jobs that ended: done, given up or discarded.

use chrono::{DateTime, Utc};
use maud::{Markup, html};
use mlc_queue::{Bearing, Discarded, Ended, EndedJob, Lane, Listing, Page, Sought};
use schemars::JsonSchema;
use serde::Serialize;

use super::dto::{may_carry, state_badge};
use crate::console::{
    call::Call,
    components::{self, number, or_dash, segment, text, time},
    error::ConsoleError,
    forms::cursor_error,
};

/// Entries read per step when few of them match.
const STEP: usize = 500;
/// Steps per page: a search that finds little hands out a cursor instead of reading on.
const STEPS: usize = 4;

/// Which jobs that ended.
#[derive(Debug, Clone, Default)]
pub(crate) struct EndedFilter {
    pub(crate) lane: Option<Lane>,
    pub(crate) kind: Option<String>,
    pub(crate) subject: Option<String>,
    pub(crate) trace: Option<String>,
}

impl EndedFilter {
    fn row(&self, job: EndedJob) -> Option<EndedRow> {
        let sought = |text: &String| Sought::new(text).bearing(job.subject.as_deref());
        let bearing = self.subject.as_ref().map_or(Some(Bearing::Named), sought)?;
        let fits = self.lane.as_ref().is_none_or(|lane| *lane == job.lane)
            && self.kind.as_ref().is_none_or(|kind| *kind == job.kind)
            && self.trace.as_ref().is_none_or(|trace| *trace == job.trace);
        fits.then(|| EndedRow { may_carry: bearing == Bearing::MayCarry, ..EndedRow::from(job) })
    }

    fn is_empty(&self) -> bool {
        let Self { lane, kind, subject, trace } = self;
        lane.is_none() && kind.is_none() && subject.is_none() && trace.is_none()
    }
}

/// How a job ended.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct EndedRow {
    /// Its id.
    pub(crate) id: String,
    /// `done`, `dead` or `discarded`.
    outcome: &'static str,
    /// Its connection.
    lane: String,
    /// Kind of work.
    kind: String,
    /// Record key, window or flow.
    pub(crate) subject: Option<String>,
    /// Attempts that it took, the last one among them.
    attempts: u32,
    /// Between when it could start and when it started, in milliseconds.
    wait_ms: u64,
    /// Its last run, in milliseconds.
    run_ms: u64,
    /// When it ended.
    ended_at: DateTime<Utc>,
    /// The job it follows from.
    pub(crate) parent: Option<String>,
    /// The first job of its chain.
    pub(crate) trace: String,
    /// In a list that was asked for a whole record key: a batch between whose two ends the record lies. It may have carried it.
    may_carry: bool,
    /// Who took it off the shelf for good, and why; null for one that was not discarded, or that an older version discarded.
    discarded: Option<DiscardedSeen>,
}

/// Who discarded a job and why.
#[derive(Debug, Clone, Serialize, JsonSchema)]
struct DiscardedSeen {
    /// Who ordered it; `queue` when the shelf was over its byte budget.
    by: String,
    /// The operation on many letters it was part of, which has the reason; null for one that was chosen by its id.
    bulk: Option<String>,
    /// Why, cut after about 200 bytes; null for one that an operation took.
    reason: Option<String>,
}

impl From<Discarded> for DiscardedSeen {
    fn from(Discarded { by, bulk, reason }: Discarded) -> Self {
        Self { by, bulk, reason }
    }
}

impl From<EndedJob> for EndedRow {
    fn from(job: EndedJob) -> Self {
        Self {
            id: job.id.to_string(),
            outcome: match job.outcome {
                Ended::Done => "done",
                Ended::Dead => "dead",
                Ended::Discarded => "discarded",
            },
            lane: job.lane.to_string(),
            kind: job.kind,
            subject: job.subject,
            attempts: job.attempts,
            wait_ms: job.wait_ms,
            run_ms: job.run_ms,
            ended_at: job.ended_at,
            parent: job.parent.map(|id| id.to_string()),
            trace: job.trace,
            may_carry: false,
            discarded: job.discarded.map(DiscardedSeen::from),
        }
    }
}

/// Those that match, newest first.
pub(crate) async fn read(call: &Call, filter: &EndedFilter, page: &Page) -> Result<Listing<EndedRow>, ConsoleError> {
    let (mut items, mut after) = (Vec::new(), page.after.clone());
    for _ in 0..STEPS {
        // Without a filter everything that is read is shown.
        let limit = if filter.is_empty() { page.limit - items.len() } else { STEP };
        let step = Page { after: after.take(), limit };
        let found = call.rooms.queue.ended(&step).await.map_err(cursor_error)?;
        after = found.next;
        items.extend(found.items.into_iter().filter_map(|job| filter.row(job)));
        if after.is_none() || items.len() >= page.limit {
            break;
        }
    }
    Ok(Listing { items, next: after })
}

/// Facts for the page of one.
pub(crate) fn facts(job: &EndedRow, now: DateTime<Utc>) -> Markup {
    let mut known = vec![("Outcome", state_badge(job.outcome)), ("Ended", time(job.ended_at, now))];
    if let Some(discarded) = &job.discarded {
        known.push(("Discarded by", text(&discarded.by)));
        known.push(("Why", why(discarded)));
    }
    known.extend([
        ("Connection", text(&job.lane)),
        ("Kind", text(&job.kind)),
        ("Attempts", html! { (job.attempts) }),
        ("Waited", html! { (number(job.wait_ms)) " ms" }),
        ("Ran", html! { (number(job.run_ms)) " ms" }),
    ]);
    components::facts(&known)
}

/// The reason, or the operation that has it.
fn why(discarded: &DiscardedSeen) -> Markup {
    html! {
        @if let Some(reason) = &discarded.reason { (text(reason)) }
        @if let Some(bulk) = &discarded.bulk { "in " a href={ "/bulk/" (segment(bulk)) } { "bulk operation " (text(bulk)) } }
    }
}

/// The list.
pub(crate) fn table(jobs: &[EndedRow], now: DateTime<Utc>) -> Markup {
    let rows = html! {
        @for job in jobs {
            tr {
                th scope="row" {
                    a href={ "/jobs/" (job.id) } { (text(job.subject.as_deref().unwrap_or(&job.id))) }
                    (may_carry(job.may_carry))
                }
                td {
                    (state_badge(job.outcome))
                    @if let Some(discarded) = &job.discarded { " by " (text(&discarded.by)) ": " (why(discarded)) }
                }
                td .tight { (or_dash(Some(&job.lane))) }
                td .tight { (text(&job.kind)) }
                td .n { (job.attempts) }
                td .n { (number(job.wait_ms)) }
                td .n { (number(job.run_ms)) }
                td { (time(job.ended_at, now)) }
            }
        }
    };
    let columns = ["Job", "Outcome", "Connection", "Kind", "#Attempts", "#Waited (ms)", "#Ran (ms)", "Ended"];
    components::table("Jobs that ended", &columns, rows)
}
