//! Operations on many dead letters: started by a person, carried out by every producer, halted and ended here.

use chrono::{DateTime, Utc};
use maud::{Markup, html};
use mlc_accounts::Role;
use mlc_queue::{Bulk, BulkId, BulkState, BulkVerb, NewBulk};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::dead_letters::filter::{Which, told, words};
use crate::{
    action::letter_terms,
    console::{
        call::Call,
        components::{self, act, badge, confirm, empty, facts, number, or_dash, span, table, text, time},
        error::ConsoleError,
        forms::{needed_reason, typed},
        reply::{Done, Entry, View},
        route::Route,
    },
};

/// Operations on the page.
const SHOWN: usize = 100;
/// The last operations.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Bulks {
    /// Newest first, at most 100.
    bulks: Vec<BulkSeen>,
}

/// An operation on many dead letters.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct BulkSeen {
    /// Its name.
    id: String,
    /// `replay` or `discard`.
    verb: &'static str,
    /// Which letters, in words.
    filter: String,
    /// Most letters a second; null = as fast as it goes.
    per_second: Option<f64>,
    /// Who started it.
    by: String,
    /// Why.
    reason: Option<String>,
    /// `running`, `paused`, `aborted` or `done`.
    state: &'static str,
    /// Letters that matched at the start; null where they were too many to count.
    matched: Option<u64>,
    /// Letters on the shelf at the start, matching or not: what `looked_at` grows to, about.
    to_look_at: u64,
    /// Letters replayed or discarded so far.
    acted: u64,
    /// Letters left alone, because a person had dealt with them meanwhile.
    passed_over: u64,
    /// Letters looked at so far.
    looked_at: u64,
    /// When it was started.
    started_at: DateTime<Utc>,
    /// When it was done or aborted.
    ended_at: Option<DateTime<Utc>>,
    /// Who paused, resumed or aborted it last.
    switched_by: Option<String>,
    /// Letters that died later are not touched.
    until: DateTime<Utc>,
    /// Seconds until it is done at its rate; null when that cannot be told.
    left_s: Option<u64>,
}

impl From<Bulk> for BulkSeen {
    fn from(bulk: Bulk) -> Self {
        let left = bulk.matched.map(|matched| matched.saturating_sub(bulk.acted + bulk.passed_over));
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "an estimate"
        )]
        let left_s = match (left, bulk.per_second) {
            (Some(left), Some(rate)) if bulk.state == BulkState::Running && rate > 0.0 => {
                Some((left as f64 / rate).ceil() as u64)
            }
            _ => None,
        };
        Self {
            id: bulk.id.to_string(),
            verb: bulk.verb.as_str(),
            filter: words(&bulk.filter),
            per_second: bulk.per_second,
            by: bulk.by,
            reason: bulk.reason,
            state: bulk.state.as_str(),
            matched: bulk.matched,
            to_look_at: bulk.to_look_at,
            acted: bulk.acted,
            passed_over: bulk.passed_over,
            looked_at: bulk.looked_at,
            started_at: bulk.started_at,
            ended_at: bulk.ended_at,
            switched_by: bulk.switched_by,
            until: bulk.until,
            left_s,
        }
    }
}

/// An operation to start.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct StartBulk {
    /// `replay` or `discard`.
    verb: Option<String>,
    /// Only this cause, as the groups name it.
    cause: Option<String>,
    /// Only this connection.
    lane: Option<String>,
    /// Only this kind of job.
    kind: Option<String>,
    /// Only this kind of fault.
    fault: Option<String>,
    /// Only subjects that contain this text, in any case.
    subject: Option<String>,
    /// Only reasons that contain this text, in any case.
    error: Option<String>,
    /// Only letters that this person looks after.
    assignee: Option<String>,
    /// Only letters at least so old, such as `2h`.
    older_than: Option<String>,
    /// Only letters that died at this time or earlier; without it, those that are dead now.
    until: Option<DateTime<Utc>>,
    /// Really every letter: needed where nothing narrows the choice, and refused where something does.
    all: bool,
    /// Letters per second, minute or hour, such as `50/s`; without it, as fast as it goes.
    rate: Option<String>,
    /// Why. Needed to discard. Without personal data.
    reason: Option<String>,
}

impl StartBulk {
    fn verb(&self) -> Result<BulkVerb, ConsoleError> {
        match self.verb.as_deref() {
            Some("replay") => Ok(BulkVerb::Replay),
            Some("discard") => Ok(BulkVerb::Discard),
            _ => Err(ConsoleError::bad_input("`verb` is neither `replay` nor `discard`.")),
        }
    }

    fn which(&self) -> Result<Which, ConsoleError> {
        let Self { cause, lane, kind, fault, subject, error, assignee, older_than, until, .. } = self.clone();
        let which = Which { cause, lane, kind, fault, subject, error, assignee, older_than, until, ..Which::default() };
        which.refuse_blank()?;
        match (which.narrowed_by(), self.all) {
            // Whoever says both means one of them, and only that person knows which.
            (Some(name), true) => Err(ConsoleError::bad_input(format!(
                "`all` and `{name}` contradict each other: `all` = true is every letter, `{name}` only some. Send one of them."
            ))),
            (None, false) => {
                let text = "Nothing narrows the choice: give a filter, or `all` = true for every letter.";
                Err(ConsoleError::bad_input(text))
            }
            _ => Ok(which),
        }
    }
}

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::show("/bulk", "Operations on many dead letters, newest first", list).answers::<Bulks>(),
        Route::act("/bulk", "start_bulk", "Replay or discard all dead letters that match", start)
            .takes::<StartBulk>()
            .answers::<BulkSeen>(),
        Route::show("/bulk/{id}", "One operation with its progress", show).answers::<BulkSeen>(),
        Route::act("/bulk/{id}/pause", "pause_bulk", "Halt an operation", |call| switch(call, Switch::Pause))
            .answers::<BulkSeen>(),
        Route::act("/bulk/{id}/resume", "resume_bulk", "Let a paused operation go on", |call| {
            switch(call, Switch::Resume)
        })
        .answers::<BulkSeen>(),
        Route::act("/bulk/{id}/abort", "abort_bulk", "End an operation; what it did stays done", |call| {
            switch(call, Switch::Abort)
        })
        .answers::<BulkSeen>(),
    ]
}

async fn start(call: Call) -> Result<Done, ConsoleError> {
    let input: StartBulk = call.input()?;
    let verb = input.verb()?;
    let which = input.which()?;
    let reason = match verb {
        BulkVerb::Discard => Some(needed_reason(input.reason.as_deref())?),
        BulkVerb::Replay => Some(typed("reason", input.reason.as_deref().unwrap_or_default())?),
    };
    let per_second = input.rate.as_deref().map(rate).transpose()?;
    let filter = which.read(&call).await?;
    // An order for nothing is a mistake that its maker wants to know of.
    let preview = call.rooms.queue.preview(&filter, 1).await?;
    if preview.letters == 0 && preview.complete {
        return Err(ConsoleError::not_found("No letter matches: nothing was started."));
    }
    let by = call.viewer.person.to_string();
    let told = told(&call, &filter).await?;
    let bulk = call.rooms.queue.start_bulk(NewBulk { verb, filter, per_second, by, reason }).await?;
    let bulk = BulkSeen::from(bulk);
    let rate = per_second.map(|rate| format!(", {}", rate_words(rate))).unwrap_or_default();
    let matched = bulk.matched.map(|n| format!(", {n} match")).unwrap_or_default();
    let reason = bulk.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    Ok(Done {
        message: format!("Started to {}: {}.", bulk.verb, bulk.filter),
        back: format!("/bulk/{}", bulk.id),
        entry: Entry::about(bulk.id.as_str()).after(format!("{} {told}{matched}{rate}{reason}", bulk.verb)),
        answer: json!(bulk),
    })
}

/// Letters per second.
fn rate(text: &str) -> Result<f64, ConsoleError> {
    letter_terms::rate(text).map_err(|why| ConsoleError::bad_input(format!("`rate` is no rate: {why}.")))
}

fn id_of(call: &Call) -> Result<BulkId, ConsoleError> {
    BulkId::parse(call.text("id")).map_err(|_| nowhere())
}

fn nowhere() -> ConsoleError {
    ConsoleError::not_found("There is no such operation: it ended long ago, or never was.")
}

async fn find(call: &Call, id: &BulkId) -> Result<Bulk, ConsoleError> {
    call.rooms.queue.bulk(id).await?.ok_or_else(nowhere)
}

/// What a person can do to an operation.
#[derive(Debug, Clone, Copy)]
enum Switch {
    Pause,
    Resume,
    Abort,
}

async fn switch(call: Call, to: Switch) -> Result<Done, ConsoleError> {
    let id = id_of(&call)?;
    let before = find(&call, &id).await?;
    let (queue, by) = (&call.rooms.queue, call.viewer.person.as_str());
    let (switched, message) = match to {
        Switch::Pause => (queue.pause_bulk(&id, by).await?, "Paused: it waits for a person to let it go on."),
        Switch::Resume => (queue.resume_bulk(&id, by).await?, "It goes on."),
        Switch::Abort => (queue.abort_bulk(&id, by).await?, "Aborted: what it did stays done."),
    };
    let after = find(&call, &id).await?;
    if !switched {
        return Err(ConsoleError::conflict(format!("Nothing changed: the operation is {}.", after.state.as_str())));
    }
    let after = BulkSeen::from(after);
    Ok(Done {
        message: message.to_owned(),
        back: format!("/bulk/{id}"),
        entry: Entry::about(id.as_str())
            .before(format!("{} after {}", before.state.as_str(), before.acted))
            .after(format!("{} after {}", after.state, after.acted)),
        answer: json!(after),
    })
}

async fn list(call: Call) -> Result<View, ConsoleError> {
    let bulks = call.rooms.queue.bulks(SHOWN).await?;
    let value = Bulks { bulks: bulks.into_iter().map(BulkSeen::from).collect() };
    let now = call.now;
    Ok(View::new("/dead-letters", "Bulk operations", value, move |value, _viewer| {
        html! {
            h1 { "Bulk operations" }
            p .crumbs { a href="/dead-letters" { "Dead letters by cause" } " · " a href="/dead-letters/list" { "All letters" } }
            div #bulks data-live="dead jobs audit" {
                @if value.bulks.is_empty() {
                    (empty("None yet: choose letters by their cause or by a filter, and replay or discard all that match."))
                } @else { (rows(&value.bulks, now)) }
            }
        }
    }))
}

fn rows(bulks: &[BulkSeen], now: DateTime<Utc>) -> Markup {
    let rows = html! {
        @for bulk in bulks {
            tr {
                th scope="row" { a href={ "/bulk/" (bulk.id) } { (verb_word(bulk.verb)) " " (text(&bulk.filter)) } }
                td { (state_badge(bulk.state)) }
                td { (bulk.progress()) }
                td .n { (number(bulk.acted)) }
                td { (text(&bulk.by)) }
                td { (time(bulk.started_at, now)) }
                td { @if let Some(at) = bulk.ended_at { (time(at, now)) } @else { (or_dash(None)) } }
            }
        }
    };
    table("Bulk operations", &["Operation", "State", "Progress", "#Done to", "Started by", "Started", "Ended"], rows)
}

async fn show(call: Call) -> Result<View, ConsoleError> {
    let id = id_of(&call)?;
    let bulk = BulkSeen::from(find(&call, &id).await?);
    let now = call.now;
    let title = format!("Bulk {} {id}", bulk.verb);
    Ok(View::new("/dead-letters", title, bulk, move |bulk, viewer| {
        html! {
            h1 { (verb_word(bulk.verb)) " many letters" }
            p .crumbs { a href="/bulk" { "All bulk operations" } }
            div #bulk data-live="dead jobs audit" {
                p role="status" { (state_badge(bulk.state)) " " (bulk.sentence()) }
                p { (bulk.progress()) }
                (bulk.facts(now))
                @if viewer.may(Role::Operator) { (bulk.buttons()) }
            }
        }
    }))
}

impl BulkSeen {
    /// How far it is, of how much. What it acts on is told apart from what it looks at where the former was not counted.
    fn reach(&self) -> (u64, u64) {
        match self.matched {
            Some(matched) => ((self.acted + self.passed_over).min(matched), matched),
            None => (self.looked_at.min(self.to_look_at), self.to_look_at),
        }
    }

    fn percent(&self) -> u64 {
        let (done, all) = self.reach();
        if self.state == "done" || all == 0 { 100 } else { done * 100 / all }
    }

    fn progress(&self) -> Markup {
        let (done, all) = self.reach();
        let (done, all) = if self.state == "done" { (1, 1) } else { (done, all.max(1)) };
        html! {
            (components::progress("Progress", done, all))
            " " (self.percent()) " %"
        }
    }

    fn sentence(&self) -> String {
        let word = if self.verb == "replay" { "replayed" } else { "discarded" };
        let acted = match self.matched {
            Some(matched) => format!("{} of {} letters {word}", number(self.acted), number(matched)),
            None => {
                let (looked, all) = (number(self.looked_at), number(self.to_look_at));
                format!("{} letters {word}; {looked} of about {all} looked at", number(self.acted))
            }
        };
        let passed = match self.passed_over {
            0 => String::new(),
            1 => "; 1 left alone, because a person dealt with it meanwhile".to_owned(),
            n => format!("; {} left alone, because a person dealt with them meanwhile", number(n)),
        };
        let gone = match self.matched {
            Some(matched) if self.state == "done" => matched.saturating_sub(self.acted + self.passed_over),
            _ => 0,
        };
        let gone = match gone {
            0 => String::new(),
            1 => "; 1 had left the shelf before it was reached".to_owned(),
            n => format!("; {} had left the shelf before they were reached", number(n)),
        };
        let left = self.left_s.map(|left| format!("; about {} left", span(left))).unwrap_or_default();
        format!("{acted}{passed}{gone}{left}.")
    }

    fn facts(&self, now: DateTime<Utc>) -> Markup {
        let rate = self.per_second.map_or_else(|| "as fast as it goes".to_owned(), rate_words);
        facts(&[
            ("Which", text(&self.filter)),
            ("Rate", html! { (rate) }),
            ("Done to", html! { (number(self.acted)) }),
            ("Looked at", html! { (number(self.looked_at)) " of about " (number(self.to_look_at)) }),
            (
                "Matched at the start",
                html! { @match self.matched { Some(n) => (number(n)), None => "too many to count" } },
            ),
            ("Started by", text(&self.by)),
            ("Reason", or_dash(self.reason.as_deref())),
            ("Started", time(self.started_at, now)),
            ("Ended", self.ended_at.map_or_else(|| or_dash(None), |at| time(at, now))),
            ("Paused, resumed or aborted by", or_dash(self.switched_by.as_deref())),
            ("Letters that died until", time(self.until, now)),
            ("Id", html! { code { (text(&self.id)) } }),
        ])
    }

    fn buttons(&self) -> Markup {
        html! {
            @if matches!(self.state, "running" | "paused") {
                div .actions {
                    @if self.state == "running" {
                        (act(&format!("/bulk/{}/pause", self.id), "Pause this operation", ""))
                    } @else {
                        (act(&format!("/bulk/{}/resume", self.id), "Let it go on", "primary"))
                    }
                    (confirm(
                        &format!("/bulk/{}/abort", self.id),
                        "Abort…",
                        "What it did stays done; the letters it did not reach stay on the shelf. It cannot be taken up again.",
                        html! {},
                        "Abort this operation",
                        "danger",
                    ))
                }
            }
        }
    }
}

/// Letters in the unit in which people would say it, such as `6 a minute`.
fn rate_words(per_second: f64) -> String {
    let (times, unit) = match per_second {
        1.0.. => (1.0, "a second"),
        rate if rate * 60.0 > 0.999 => (60.0, "a minute"),
        _ => (3_600.0, "an hour"),
    };
    let shown = format!("{:.2}", per_second * times);
    format!("{} {unit}", shown.trim_end_matches('0').trim_end_matches('.'))
}

fn verb_word(verb: &str) -> &'static str {
    if verb == "replay" { "Replay" } else { "Discard" }
}

fn state_badge(state: &str) -> Markup {
    let tone = match state {
        "running" => "busy",
        "done" => "good",
        "paused" => "warn",
        _ => "plain",
    };
    badge(tone, state)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_told_in_the_unit_in_which_it_was_meant() {
        let told =
            ["50/s", "1", "6/m", "90/m", "1/h", "1000/h"].map(|text| rate(text).map(rate_words).unwrap_or_default());
        assert_eq!(told, ["50 a second", "1 a second", "6 a minute", "1.5 a second", "1 an hour", "16.67 a minute"]);
    }
}
