//! `/dead-letters/{id}`: one letter, why it is there, and what can be done about it.

use chrono::{DateTime, Utc};
use maud::{Markup, html};
use mlc_accounts::Role;
use mlc_model::JobId;
use mlc_queue::Neighbours;
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    actions::{self, DISCARD, REPLAY},
    dto::Letter,
};
use crate::console::{
    call::{Call, Viewer},
    components::{badge, confirm, facts, number, or_dash, text, time},
    error::ConsoleError,
    forms::{query_with, reason_field},
    pages::jobs::timeline::{self, Event},
    reply::View,
    route::Route,
};

/// One letter.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct LetterPage {
    /// The letter.
    letter: Letter,
    /// What its job has been through, oldest first.
    timeline: Vec<Event>,
    /// Where it stands in its group; null when it left the shelf just now.
    group: Option<Place>,
}

/// Where a letter stands among those with the same cause, newest first.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Place {
    /// From 1.
    place: u64,
    /// Letters of the group.
    letters: u64,
    /// The letter that died next after it.
    newer: Option<String>,
    /// The letter that died last before it.
    older: Option<String>,
}

impl From<Neighbours> for Place {
    fn from(found: Neighbours) -> Self {
        let text = |id: Option<JobId>| id.map(|id| id.to_string());
        Self { place: found.place, letters: found.letters, newer: text(found.newer), older: text(found.older) }
    }
}

pub(super) fn routes() -> Vec<Route> {
    vec![Route::show("/dead-letters/{id}", "One dead letter: why, attempts, neighbours", show).answers::<LetterPage>()]
}

async fn show(call: Call) -> Result<View, ConsoleError> {
    let id: JobId = call.part("id")?;
    let queue = &call.rooms.queue;
    let letter = queue.dead_letter(&id).await?.ok_or_else(|| actions::not_there(&id))?;
    let page = LetterPage {
        timeline: timeline::of(&letter.job, Some(&letter.fault), &call.viewer),
        group: queue.neighbours(&id, &letter.cause).await?.map(Place::from),
        letter: Letter::seen_by(&letter, &call.viewer),
    };
    let now = call.now;
    let title = format!("Dead letter {id}");
    Ok(View::new("/dead-letters", title, page, move |page, viewer| page_of(page, viewer, now)))
}

fn page_of(page: &LetterPage, viewer: &Viewer, now: DateTime<Utc>) -> Markup {
    let letter = &page.letter;
    let group = format!("/dead-letters/list?{}", query_with("", &[("cause", Some(&letter.cause))]));
    html! {
        h1 { "Dead letter " (text(letter.subject.as_deref().unwrap_or(&letter.id))) }
        @if let Some(place) = &page.group { (neighbours(place, &group)) }
        section aria-labelledby="why" {
            h2 #why { "Why" }
            p { (badge("bad", letter.fault.kind)) " " strong { (text(&letter.fault.message)) } }
            (why(letter, &group, now))
        }
        @if viewer.may(Role::Operator) { (what_to_do(page, &group)) }
        @else { p .note { "Its payload is hidden for your role, and only operators may act on it." } }
        section aria-labelledby="timeline" {
            h2 #timeline { "Attempts" }
            (timeline::show(&page.timeline, now))
        }
    }
}

fn why(letter: &Letter, group: &str, now: DateTime<Utc>) -> Markup {
    let fault = &letter.fault;
    let record = letter.subject.as_deref().map(|subject| {
        html! { a href={ "/records?" (query_with("", &[("key", Some(subject))])) } { (text(subject)) } }
    });
    let mut told = vec![
        ("Said by", text(fault.system)),
        ("Doing", text(&fault.operation)),
        ("HTTP status", html! { @match fault.status { Some(status) => (status), None => (or_dash(None)) } }),
        ("Code", or_dash(fault.code.as_deref())),
        ("Field", or_dash(fault.field.as_deref())),
        (
            "Correlation id",
            html! { @match &fault.correlation_id { Some(id) => code { (text(id)) }, None => (or_dash(None)) } },
        ),
        ("Cause", html! { a href=(group) { (text(&letter.cause)) } }),
        ("Died", time(letter.died_at, now)),
        ("Connection", html! { a href={ "/connections/" (letter.lane) } { (text(&letter.lane)) } }),
        ("Kind", text(&letter.kind)),
        ("Record", record.unwrap_or_else(|| or_dash(None))),
        ("Job", html! { a href={ "/jobs/" (letter.id) } { code { (text(&letter.id)) } } }),
        ("Looked after by", letter.looked_after()),
    ];
    if let Some(back) = &letter.came_back {
        told.push(("Came back", back.line(&letter.id)));
    }
    facts(&told)
}

fn neighbours(place: &Place, group: &str) -> Markup {
    html! {
        nav .crumbs aria-label="Letters of the same cause" {
            @if let Some(newer) = &place.newer { a rel="prev" href={ "/dead-letters/" (newer) } { "Newer letter" } " · " }
            a href=(group) { (number(place.place)) " of " (number(place.letters)) " with this cause" }
            @if let Some(older) = &place.older { " · " a rel="next" href={ "/dead-letters/" (older) } { "Older letter" } }
        }
    }
}

fn what_to_do(page: &LetterPage, group: &str) -> Markup {
    let letter = &page.letter;
    // Whoever works through a group goes on with the next of it.
    let older = page.group.as_ref().and_then(|place| place.older.as_ref()).map(|id| format!("/dead-letters/{id}"));
    let back = older.as_deref().unwrap_or(group);
    html! {
        section aria-labelledby="do" {
            h2 #do { "What to do" }
            div .actions {
            form method="post" action=(REPLAY) {
                input type="hidden" name="ids" value=(letter.id);
                input type="hidden" name="back" value=(back);
                button .primary type="submit" { "Replay this letter" }
            }
            a .button href={ "/dead-letters/" (letter.id) "/edit" } { "Open and edit the payload (recorded)" }
            details .confirm {
                summary { "Assign or note" }
                (actions::triage_form(&format!("/dead-letters/{}/triage", letter.id), letter.triage.as_ref()))
            }
            (confirm(
                    DISCARD,
                    "Discard…",
                    "It is deleted for good and never runs again. Who did it and why is kept in the audit.",
                    html! {
                        input type="hidden" name="ids" value=(letter.id);
                        input type="hidden" name="back" value=(back);
                        (reason_field("entered twice by mistake"))
                    },
                    "Discard this letter",
                    "danger",
                ))
            }
        }
    }
}
