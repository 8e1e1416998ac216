//! `/jobs/{id}`: one job's facts, timeline and lineage, and its payload for operators.

use chrono::{DateTime, Utc};
use maud::{Markup, html};
use mlc_accounts::Role;
use mlc_model::JobId;
use mlc_queue::JobState;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::{
    dto::{Job, state_badge},
    ended::{self, EndedRow},
    timeline::{self, Event},
};
use crate::console::{
    call::{Call, Viewer},
    components::{facts, number, or_dash, span, text, time},
    error::ConsoleError,
    forms::query_with,
    json_text::json_text,
    reply::{Entry, View},
    route::Route,
};

/// One job: as it stands, or how it ended.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct JobPage {
    /// Its id.
    id: String,
    /// As it stands; null when it ended.
    job: Option<Job>,
    /// What it has been through, oldest first.
    timeline: Vec<Event>,
    /// How it ended; null when it did not.
    ended: Option<EndedRow>,
}

/// The arguments of a job. Business data: that somebody looked is recorded.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Payload {
    /// The job.
    id: String,
    /// Its arguments.
    payload: Value,
}

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::show("/jobs/{id}", "One job: facts, timeline, lineage", show).answers::<JobPage>(),
        Route::show("/jobs/{id}/payload", "The arguments of one job; that you looked is recorded", payload)
            .needs(Role::Operator)
            .audited("view_payload")
            .answers::<Payload>(),
    ]
}

async fn show(call: Call) -> Result<View, ConsoleError> {
    let id: JobId = call.part("id")?;
    let queue = &call.rooms.queue;
    let job = queue.job(&id).await?;
    let letter = match &job {
        Some(job) if job.state == JobState::Dead => queue.dead_letter(&id).await?,
        _ => None,
    };
    let ended = if job.is_none() { queue.ended_job(&id).await?.map(EndedRow::from) } else { None };
    if job.is_none() && ended.is_none() {
        return Err(gone(&id));
    }
    let fault = letter.as_ref().map(|letter| &letter.fault);
    let timeline = job.as_ref().map(|job| timeline::of(job, fault, &call.viewer));
    let page = JobPage {
        id: id.to_string(),
        job: job.as_ref().map(|job| Job::seen_by(job, &call.viewer)),
        timeline: timeline.unwrap_or_default(),
        ended,
    };
    let now = call.now;
    Ok(View::new("/jobs", format!("Job {id}"), page, move |page, viewer| page_of(page, viewer, now)))
}

/// What is said of a job that is nowhere.
pub(crate) fn gone(id: &JobId) -> ConsoleError {
    let id: String = id.as_str().chars().take(80).collect();
    ConsoleError::not_found(format!(
        "Job {id} is not here: it ended too long ago to be remembered, was discarded, or never was."
    ))
}

async fn payload(call: Call) -> Result<View, ConsoleError> {
    let id: JobId = call.part("id")?;
    let payload = call.rooms.queue.payload(&id).await?.ok_or_else(|| gone(&id))?;
    let entry = Entry::about(id.as_str());
    let value = Payload { id: id.to_string(), payload };
    let view = View::new("/jobs", format!("Payload of job {id}"), value, |value, _viewer| {
        html! {
            h1 { "Payload of job " (text(&value.id)) }
            p .note { "Business data. That you looked is recorded." }
            p .crumbs { a href={ "/jobs/" (value.id) } { "Back to the job" } }
            (json_text("Payload", &value.payload))
        }
    });
    Ok(view.recorded(entry))
}

fn page_of(page: &JobPage, viewer: &Viewer, now: DateTime<Utc>) -> Markup {
    let (subject, trace, parent) = match (&page.job, &page.ended) {
        (Some(job), _) => (job.subject.as_deref(), job.trace.as_str(), job.parent.as_deref()),
        (None, Some(ended)) => (ended.subject.as_deref(), ended.trace.as_str(), ended.parent.as_deref()),
        (None, None) => (None, "", None),
    };
    html! {
        h1 { "Job " (text(subject.unwrap_or(&page.id))) }
        div #job data-live="jobs lanes dead" {
            @if let Some(job) = &page.job {
                (job_facts(job, now))
                @if job.state == "dead" {
                    p { a .button href={ "/dead-letters/" (job.id) } { "To its dead letter: replay, edit or discard" } }
                }
                @if viewer.may(Role::Operator) {
                    p { a href={ "/jobs/" (job.id) "/payload" } { "Open the payload (recorded)" } }
                } @else {
                    p .note { "The payload is hidden for your role." }
                }
                h2 { "Timeline" }
                (timeline::show(&page.timeline, now))
            }
            @if let Some(ended) = &page.ended {
                p { "It ended: Redis keeps no more of it than this." }
                (ended::facts(ended, now))
            }
            h2 { "Lineage" }
            (lineage(subject, trace, parent))
        }
    }
}

fn job_facts(job: &Job, now: DateTime<Utc>) -> Markup {
    let at = match job.state {
        "delayed" => "Due",
        "running" => "Lease until",
        "dead" => "Died",
        _ => "Since",
    };
    let counts = format!(
        "{} of {} attempts failed; snoozes: {}; crashed workers: {}; replays: {}",
        job.attempts, job.max_attempts, job.snoozes, job.crashes, job.replays
    );
    facts(&[
        ("State", state_badge(job.state)),
        ("Id", html! { code { (text(&job.id)) } }),
        ("Connection", html! { a href={ "/connections/" (job.lane) } { (text(&job.lane)) } }),
        ("Kind", text(&job.kind)),
        ("Priority", html! { (job.priority) }),
        ("Accepted", time(job.enqueued_at, now)),
        (at, job.at.map_or_else(|| or_dash(None), |at| time(at, now))),
        ("Waits for", or_dash(job.why.as_deref())),
        ("Counts", html! { (counts) }),
        ("Time limit", html! { (span(job.timeout_s)) }),
        ("Equal orders", html! { @if job.unique { "absorbed while it is open" } @else { "not absorbed" } }),
        ("Size", html! { (number(job.bytes)) " bytes" }),
    ])
}

fn lineage(subject: Option<&str>, trace: &str, parent: Option<&str>) -> Markup {
    let chain = |state: Option<&str>| format!("/jobs?{}", query_with("", &[("state", state), ("trace", Some(trace))]));
    html! {
        ul {
            @if let Some(subject) = subject {
                @if let Some(window) = window_of(subject) {
                    li { "Window: " a href={ "/windows/" (window) } { (text(window)) } }
                } @else {
                    li { "Record: " a href={ "/records?" (query_with("", &[("key", Some(subject))])) } { (text(subject)) } }
                }
            }
            @if let Some(parent) = parent {
                li { "Follows from " a href={ "/jobs/" (parent) } { "job " (text(parent)) } }
            } @else {
                li { "The first of its chain" }
            }
            li {
                "Jobs of this chain: "
                a href=(chain(None)) { "that wait or run" } ", "
                a href=(chain(Some("dead"))) { "on the shelf" } ", "
                a href=(chain(Some("ended"))) { "that ended" }
            }
        }
    }
}

/// The window that a subject names, such as `epicor_to_hubspot::vendors.42`.
fn window_of(subject: &str) -> Option<&str> {
    let (flow, number) = subject.rsplit_once('.')?;
    let is_window = mlc_model::FlowId::parse(flow).is_ok() && number.bytes().all(|b| b.is_ascii_digit());
    (is_window && !number.is_empty()).then_some(subject)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_told_from_a_record() {
        assert_eq!(window_of("epicor_to_hubspot::vendors.42"), Some("epicor_to_hubspot::vendors.42"));
        for other in ["EPIC06:VEND:118", "epicor_to_hubspot::vendors Vendor", "a::b.", "a::b.x", "x/../y::b.1"] {
            assert_eq!(window_of(other), None, "{other}");
        }
    }
}
