//! `/jobs`: what waits, runs, was given up or ended.

use maud::{Markup, html};
use mlc_model::ConnectionId;
use mlc_queue::{JobFilter, JobState, Lane, LaneStatus, Page, Priority};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    dto::{Job, may_carry, may_read_words, state_badge, words_may_be_searched},
    ended::{self, EndedRow},
};
use crate::console::{
    call::Call,
    components::{self, Tab, empty, next_page, number, or_dash, table, text, time},
    error::ConsoleError,
    forms::{address, choice, cursor_error, page_limit, query_with, text_field},
    reply::View,
    route::Route,
};

/// Which jobs.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct JobsQuery {
    /// `ready`, `delayed`, `running`, `dead` or `ended`; without it, all that wait or run.
    state: Option<String>,
    /// Only this connection.
    lane: Option<String>,
    /// Only this class: `person`, `normal` or `backfill`. Not for `ended`: it is not kept of those.
    priority: Option<String>,
    /// Only this kind of job, such as `push_record`.
    kind: Option<String>,
    /// Only subjects (record key, window, flow) that contain this text, in any case; for a whole record key also batches that
    /// may carry it.
    subject: Option<String>,
    /// Only jobs whose last fault contains this text, in any case. Not for `ended`: it is not kept of those.
    error: Option<String>,
    /// Only jobs of this chain: the id of its first job.
    trace: Option<String>,
    /// Where the page before ended: its `next`.
    after: Option<String>,
    /// Most jobs, 1 to 200; 50 without it.
    limit: Option<usize>,
}

/// One page of jobs.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Jobs {
    /// How many there are, by state, whatever the other filters: of the lane that is asked for, else of all.
    counts: Counts,
    /// Those that match, those that run first at the front (shelf: newest first). Empty for `ended`.
    jobs: Vec<Job>,
    /// For `ended`: those that match, newest first.
    ended: Vec<EndedRow>,
    /// Hand it back as `after` for what follows; null at the end.
    next: Option<String>,
    /// The page before ended at a job that was not found again: some of these may have stood on a page before.
    moved: bool,
    /// Only part was looked at, because looking is bounded: there may be matches behind `next`.
    looked_at_part: bool,
}

/// Jobs by state.
#[derive(Debug, Clone, Copy, Default, Serialize, JsonSchema)]
pub(crate) struct Counts {
    /// Can start.
    ready: u64,
    /// Wait for their time.
    delayed: u64,
    /// Are being carried out.
    running: u64,
    /// Stand on the dead-letter shelf.
    dead: u64,
}

/// What the filters offer, and what stands in them.
#[derive(Debug)]
struct Filters {
    query: JobsQuery,
    /// Whether failures may be searched.
    words: bool,
    raw: String,
    lanes: Vec<String>,
}

pub(super) fn routes() -> Vec<Route> {
    vec![Route::show("/jobs", "Jobs by state, with filters, page by page", show).asks::<JobsQuery>().answers::<Jobs>()]
}

async fn show(call: Call) -> Result<View, ConsoleError> {
    let query: JobsQuery = call.query()?;
    let limit = page_limit(query.limit)?;
    let statuses = call.rooms.queue.lanes().await?;
    let lane = match &query.lane {
        Some(name) => Some(lane_of(&call, name, &statuses)?),
        None => None,
    };
    let page = Page { after: query.after.clone(), limit };
    let mut jobs = Jobs {
        counts: counts(&statuses, lane.as_ref()),
        jobs: Vec::new(),
        ended: Vec::new(),
        next: None,
        moved: false,
        looked_at_part: false,
    };
    if query.wants_ended() {
        let found = ended::read(&call, &query.ended_filter(lane)?, &page).await?;
        (jobs.ended, jobs.next) = (found.items, found.next);
    } else {
        words_may_be_searched(query.error.as_deref(), &call.viewer)?;
        let filter = query.filter(lane)?;
        let found = call.rooms.queue.jobs(&filter, &page).await.map_err(cursor_error)?;
        jobs.jobs = found.items.iter().map(|job| Job::seen_by(job, &call.viewer)).collect();
        (jobs.next, jobs.moved) = (found.next, found.moved);
    }
    jobs.looked_at_part = jobs.next.is_some() && jobs.jobs.len() + jobs.ended.len() < limit;
    let words = may_read_words(&call.viewer);
    let filters = Filters { words, raw: call.raw_query().to_owned(), lanes: names(&call, &statuses), query };
    let now = call.now;
    Ok(View::new("/jobs", "Jobs", jobs, move |jobs, _viewer| page_of(jobs, &filters, now)))
}

impl JobsQuery {
    fn filter(&self, lane: Option<Lane>) -> Result<JobFilter, ConsoleError> {
        let state = match self.state.as_deref() {
            None => None,
            Some("ready") => Some(JobState::Ready),
            Some("delayed") => Some(JobState::Delayed),
            Some("running") => Some(JobState::Running),
            Some("dead") => Some(JobState::Dead),
            Some(_) => {
                let message = "`state` is none of ready, delayed, running, dead, ended.";
                return Err(ConsoleError::bad_input(message));
            }
        };
        let priority = match self.priority.as_deref() {
            None => None,
            Some(name) => match Priority::ALL.into_iter().find(|priority| priority.as_str() == name) {
                Some(priority) => Some(priority),
                None => return Err(ConsoleError::bad_input("`priority` is none of person, normal, backfill.")),
            },
        };
        let Self { kind, subject, error, trace, .. } = self.clone();
        Ok(JobFilter { lane, state, kind, subject, error, trace, priority })
    }

    /// A filter that nobody can apply is refused: its list would hold what was not asked for.
    fn ended_filter(&self, lane: Option<Lane>) -> Result<ended::EndedFilter, ConsoleError> {
        let Self { kind, subject, trace, .. } = self.clone();
        if self.priority.is_some() || self.error.is_some() {
            let message = "Neither `priority` nor `error` is kept of jobs that ended: leave them out.";
            return Err(ConsoleError::bad_input(message));
        }
        Ok(ended::EndedFilter { lane, kind, subject, trace })
    }

    fn wants_ended(&self) -> bool {
        self.state.as_deref() == Some("ended")
    }

    fn is_filtered(&self) -> bool {
        let Self { lane, priority, kind, subject, error, trace, .. } = self;
        [lane, priority, kind, subject, error, trace].into_iter().any(Option::is_some)
    }
}

/// The lane of that name, of a connection or of jobs that it left behind.
fn lane_of(call: &Call, name: &str, statuses: &[LaneStatus]) -> Result<Lane, ConsoleError> {
    match Lane::parse(name) {
        Ok(lane) if names(call, statuses).iter().any(|known| known == name) => Ok(lane),
        _ => Err(ConsoleError::not_found(format!(
            "There is no connection `{}`: choose one of the list.",
            name.chars().take(80).collect::<String>()
        ))),
    }
}

/// Lanes that can be asked for, by name.
fn names(call: &Call, statuses: &[LaneStatus]) -> Vec<String> {
    let configured = call.rooms.settings.connections.keys().map(ConnectionId::as_str);
    let names: std::collections::BTreeSet<&str> =
        configured.chain(statuses.iter().map(|status| status.lane.as_str())).collect();
    names.into_iter().map(str::to_owned).collect()
}

fn counts(statuses: &[LaneStatus], lane: Option<&Lane>) -> Counts {
    let asked = statuses.iter().filter(|status| lane.is_none_or(|lane| status.lane == *lane));
    asked.fold(Counts::default(), |sum, status| Counts {
        ready: sum.ready + status.ready,
        delayed: sum.delayed + status.delayed,
        running: sum.running + status.running,
        dead: sum.dead + status.dead,
    })
}

fn page_of(jobs: &Jobs, filters: &Filters, now: chrono::DateTime<chrono::Utc>) -> Markup {
    let query = &filters.query;
    let nothing = if query.is_filtered() { "No job matches." } else { "No job is here." };
    html! {
        h1 { "Jobs" }
        (tabs(&jobs.counts, filters))
        (filter_form(filters))
        div #jobs data-live="jobs lanes" {
            @if query.wants_ended() {
                p .note { "The newest of about the last 10,000 that ended." }
                @if jobs.ended.is_empty() && jobs.next.is_none() { (empty(nothing)) }
                @if !jobs.ended.is_empty() { (ended::table(&jobs.ended, now)) }
            } @else {
                @if jobs.jobs.is_empty() && jobs.next.is_none() { (empty(nothing)) }
                @if !jobs.jobs.is_empty() { (rows(&jobs.jobs, now)) }
            }
            @if jobs.moved {
                p .message .warn { "The list moved: some rows may be shown twice." }
            }
            @if jobs.looked_at_part {
                p .message .warn { "Only part of the jobs was looked at: go on with Next to look at more." }
            }
            (next_page("/jobs", &filters.raw, jobs.next.as_deref()))
        }
    }
}

fn tabs(counts: &Counts, filters: &Filters) -> Markup {
    let all = counts.ready + counts.delayed + counts.running;
    let tabs = [
        (None, "Waiting and running", Some(all)),
        (Some("running"), "Running", Some(counts.running)),
        (Some("ready"), "Ready", Some(counts.ready)),
        (Some("delayed"), "Delayed", Some(counts.delayed)),
        (Some("dead"), "Dead", Some(counts.dead)),
        (Some("ended"), "Ended", None),
    ];
    let named = tabs.map(|(state, name, count)| {
        (state, count.map_or_else(|| name.to_owned(), |count| format!("{name} {}", number(count))))
    });
    let shown: Vec<Tab<'_>> = named
        .iter()
        .map(|(state, name)| {
            let mut changes = vec![("state", *state), ("after", None)];
            if *state == Some("ended") {
                changes.extend([("priority", None), ("error", None)]);
            }
            let query = query_with(&filters.raw, &changes);
            let current = *state == filters.query.state.as_deref();
            Tab { href: address("/jobs", &query), name, current }
        })
        .collect();
    components::tabs("States", &shown)
}

fn filter_form(filters: &Filters) -> Markup {
    let query = &filters.query;
    let lanes = filters.lanes.iter().map(String::as_str);
    html! {
        form .filters method="get" action="/jobs" role="search" aria-label="Filter jobs" {
            @if let Some(state) = &query.state { input type="hidden" name="state" value=(state); }
            (choice("Connection", "lane", "any", lanes, query.lane.as_deref()))
            (choice("Kind", "kind", "any", mlc_flow::JOB_KINDS, query.kind.as_deref()))
            @if !query.wants_ended() {
                (choice("Priority", "priority", "any", Priority::ALL.map(Priority::as_str), query.priority.as_deref()))
            }
            (text_field("Record or subject", "subject", query.subject.as_deref()))
            @if filters.words && !query.wants_ended() { (text_field("Error", "error", query.error.as_deref())) }
            (text_field("Chain (its first job)", "trace", query.trace.as_deref()))
            button type="submit" { "Filter" }
            @if query.is_filtered() {
                @let state = query.state.as_deref();
                a href=(address("/jobs", &query_with("", &[("state", state)]))) { "Clear the filters" }
            }
        }
    }
}

fn rows(jobs: &[Job], now: chrono::DateTime<chrono::Utc>) -> Markup {
    let rows = html! {
        @for job in jobs {
            tr {
                th scope="row" {
                    a href={ "/jobs/" (job.id) } { (text(job.subject.as_deref().unwrap_or(&job.id))) }
                    (may_carry(job.may_carry))
                }
                td { (state_badge(job.state)) }
                td .tight { (text(&job.lane)) }
                td .tight { (text(&job.kind)) }
                td { (job.priority) }
                td .n { (job.attempts) "/" (job.max_attempts) }
                td { (time(job.enqueued_at, now)) }
                td { @if let Some(at) = job.at { (time(at, now)) } @else { (or_dash(None)) } }
                td { (or_dash(job.why.as_deref())) }
            }
        }
    };
    table(
        "Jobs",
        &["Job", "State", "Connection", "Kind", "Priority", "#Failed", "Accepted", "Due, lease or death", "Waits for"],
        rows,
    )
}
