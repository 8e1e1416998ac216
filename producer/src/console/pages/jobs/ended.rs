//! Jobs that ended: done, given up or discarded.

use chrono::{DateTime, Utc};
use maud::{Markup, html};
use mlc_model::JobId;
use mlc_queue::{Bearing, Ended, EndedJob, Lane, Listing, Page, Sought};
use schemars::JsonSchema;
use serde::Serialize;

use super::dto::{may_carry, state_badge};
use crate::console::{
    call::Call,
    components::{self, number, or_dash, text, time},
    error::ConsoleError,
    forms::cursor_error,
};

/// Entries read per step when few of them match.
const STEP: usize = 500;
/// Steps per page: a search that finds little hands out a cursor instead of reading on.
const STEPS: usize = 4;
/// Steps until one job is taken for forgotten; as many entries as are kept.
const SEARCH_STEPS: usize = 24;

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

/// How one job ended last; `None` when it did not, or so long ago that it is forgotten.
pub(crate) async fn find(call: &Call, id: &JobId) -> Result<Option<EndedRow>, ConsoleError> {
    let mut after = None;
    for _ in 0..SEARCH_STEPS {
        let found = call.rooms.queue.ended(&Page { after: after.take(), limit: STEP }).await?;
        if let Some(job) = found.items.into_iter().find(|job| job.id == *id) {
            return Ok(Some(job.into()));
        }
        after = found.next;
        if after.is_none() {
            break;
        }
    }
    Ok(None)
}

/// Facts for the page of one.
pub(crate) fn facts(job: &EndedRow, now: DateTime<Utc>) -> Markup {
    components::facts(&[
        ("Outcome", state_badge(job.outcome)),
        ("Ended", time(job.ended_at, now)),
        ("Connection", text(&job.lane)),
        ("Kind", text(&job.kind)),
        ("Attempts", html! { (job.attempts) }),
        ("Waited", html! { (number(job.wait_ms)) " ms" }),
        ("Ran", html! { (number(job.run_ms)) " ms" }),
    ])
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
                td { (state_badge(job.outcome)) }
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
