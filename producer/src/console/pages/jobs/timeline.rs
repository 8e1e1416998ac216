//! What a job has been through, in order.

use chrono::{DateTime, Utc};
use maud::{Markup, html};
use mlc_queue::{JobState, JobView};
use schemars::JsonSchema;
use serde::Serialize;

use super::dto::{FaultSeen, why_for};
use crate::console::{
    call::Viewer,
    components::{Step, badge, span, text, time, timeline},
};

/// One thing that happened to a job, or will.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Event {
    /// When; null for what is counted without its time.
    pub(crate) at: Option<DateTime<Utc>>,
    /// `accepted`, `failed`, `replayed`, `edited`, `crashed`, `snoozed`, `ready`, `due`, `running` or `died`.
    pub(crate) what: &'static str,
    /// One sentence.
    pub(crate) text: String,
    /// Why, for a failed attempt and for a death.
    pub(crate) fault: Option<FaultSeen>,
}

impl Event {
    fn at(at: DateTime<Utc>, what: &'static str, text: impl Into<String>) -> Self {
        Self { at: Some(at), what, text: text.into(), fault: None }
    }

    fn counted(what: &'static str, text: String) -> Self {
        Self { at: None, what, text, fault: None }
    }
}

/// Everything that is known, oldest first; what was only counted stands before what is to come.
pub(crate) fn of(job: &JobView, died_of: Option<&mlc_model::Fault>, viewer: &Viewer) -> Vec<Event> {
    let origin = match &job.parent {
        Some(parent) => format!("Accepted, as a follow-up of job {parent}"),
        None => "Accepted".to_owned(),
    };
    let mut events = vec![Event::at(job.enqueued_at, "accepted", origin)];
    for note in &job.failed {
        let text = format!("Attempt {} of {} failed", note.attempt, job.max_attempts.max(note.attempt));
        events
            .push(Event { fault: Some(FaultSeen::seen_by(&note.fault, viewer)), ..Event::at(note.at, "failed", text) });
    }
    for replay in &job.replayed {
        let bulk = replay.bulk.as_ref().map(|bulk| format!(", in bulk operation {bulk}")).unwrap_or_default();
        events.push(Event::at(replay.at, "replayed", format!("Replayed by {}{bulk}; attempts start anew", replay.by)));
    }
    for edit in &job.edited {
        events.push(Event::at(edit.at, "edited", format!("Payload edited by {}", edit.by)));
    }
    events.sort_by_key(|event| event.at);
    let forgotten = job.replays.saturating_sub(u32::try_from(job.replayed.len()).unwrap_or(u32::MAX));
    if forgotten > 0 {
        let text = format!("{} before the oldest one shown", counted(forgotten, "replay"));
        events.insert(1, Event::counted("replayed", text));
    }
    if job.snoozes > 0 {
        let text = format!("Put off {} through no fault of its own: no attempt used", times(job.snoozes));
        events.push(Event::counted("snoozed", text));
    }
    if job.crashes > 0 {
        let text = format!("{} died while carrying it out", counted(job.crashes, "worker"));
        events.push(Event::counted("crashed", text));
    }
    events.push(now(job, died_of, viewer));
    events
}

fn now(job: &JobView, died_of: Option<&mlc_model::Fault>, viewer: &Viewer) -> Event {
    let at = |what, text: String| Event { at: job.at, what, text, fault: None };
    match job.state {
        JobState::Ready => at("ready", "Can start as soon as its lane has room".to_owned()),
        JobState::Running => {
            at("running", "Is being carried out; its lease ends then unless the worker extends it".into())
        }
        JobState::Delayed => match why_for(job, viewer) {
            Some(why) => at("due", format!("Waits until then: {why}")),
            None => at("due", "Waits until then: it was ordered for later".to_owned()),
        },
        JobState::Dead => {
            let mut event = at("died", "Given up: it stands on the dead-letter shelf".to_owned());
            // Most die of their last failure, which stands there already.
            let last = job.failed.last().map(|note| &note.fault);
            event.fault = died_of.filter(|fault| Some(*fault) != last).map(|fault| FaultSeen::seen_by(fault, viewer));
            event
        }
    }
}

fn counted(n: u32, thing: &str) -> String {
    if n == 1 { format!("1 {thing}") } else { format!("{n} {thing}s") }
}

fn times(n: u32) -> String {
    match n {
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        _ => format!("{n} times"),
    }
}

/// The timeline on a page.
pub(crate) fn show(events: &[Event], at: DateTime<Utc>) -> Markup {
    let step = |(place, event): (usize, &Event)| Step {
        tone: tone(event.what),
        when: html! {
            @if let Some(when) = event.at {
                (time(when, at))
                @if let Some(pause) = pause(events, place) { ", " (pause) " later" }
            } @else { "counted, without its time" }
        },
        title: text(&event.text),
        body: html! {
            @if let Some(fault) = &event.fault {
                p { (badge("bad", fault.kind)) " " (text(&fault.message)) }
                p { (fault.details()) }
            }
        },
    };
    let steps: Vec<Step> = events.iter().enumerate().map(step).collect();
    timeline("What happened", &steps)
}

/// How long after the event before; none below a second.
fn pause(events: &[Event], place: usize) -> Option<String> {
    let before = events.get(..place)?.iter().rev().find_map(|event| event.at)?;
    let secs = (events.get(place)?.at? - before).num_seconds();
    u64::try_from(secs).ok().filter(|secs| *secs > 0).map(span)
}

fn tone(what: &str) -> &'static str {
    match what {
        "failed" | "crashed" | "died" => "bad",
        "snoozed" | "due" => "warn",
        "running" | "replayed" | "edited" => "busy",
        _ => "plain",
    }
}
