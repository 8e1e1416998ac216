//! Acting on all letters that match: the preview that asks for confirmation. The start itself is `/bulk`.

use chrono::{DateTime, Utc};
use maud::{Markup, html};
use mlc_accounts::Role;
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    dto::Hits,
    filter::{Which, told},
};
use crate::console::{
    call::Call,
    components::{empty, text},
    error::ConsoleError,
    forms::{address, carried, reason_field, text_field},
    reply::View,
    route::Route,
};

/// Letters looked at for the preview.
const PREVIEW_LOOKS: usize = 20_000;

/// What an action on all that match would hit.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Matching {
    /// `replay` or `discard`.
    verb: &'static str,
    /// The filter in words.
    filter: String,
    /// Letters that die later are not touched: hand it on as `until`.
    until: DateTime<Utc>,
    /// What would be hit.
    hits: Hits,
}

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::show("/dead-letters/replay-matching", "What a replay of all that match would hit", |call| {
            show(call, "replay")
        })
        .needs(Role::Operator)
        .asks::<Which>()
        .answers::<Matching>(),
        Route::show("/dead-letters/discard-matching", "What discarding all that match would hit", |call| {
            show(call, "discard")
        })
        .needs(Role::Operator)
        .asks::<Which>()
        .answers::<Matching>(),
    ]
}

async fn show(call: Call, verb: &'static str) -> Result<View, ConsoleError> {
    let which: Which = call.query()?;
    which.refuse_blank()?;
    let filter = which.read(&call).await?;
    let hits = Hits::seen_by(call.rooms.queue.preview(&filter, PREVIEW_LOOKS).await?, &call.viewer);
    // Times of death are Redis' own: its clock may be ahead of ours.
    let until = which.until.unwrap_or_else(|| hits.newest.map_or(call.now, |newest| newest.max(call.now)));
    let which = Which { until: Some(until), after: None, limit: None, ..which };
    let value = Matching { verb, filter: told(&call, &filter).await?, until, hits };
    let title = if verb == "replay" { "Replay all that match" } else { "Discard all that match" };
    let now = call.now;
    Ok(View::new("/dead-letters", title, value, move |value, _viewer| {
        html! {
            h1 { (title) }
            p { "Which: " strong { (text(&value.filter)) } ". Letters that die from now on are not touched." }
            (value.hits.left_alone())
            @if value.hits.letters == 0 && value.hits.complete { (empty("No letter matches: there is nothing to do.")) }
            @else { (value.hits.show(now)) (form(value, &which)) }
            p { a href=(address("/dead-letters/list", &Which { until: None, ..which.clone() }.query())) { "Back to the letters, change nothing" } }
        }
    }))
}

fn form(value: &Matching, which: &Which) -> Markup {
    let count = value.hits.words();
    html! {
        form .form method="post" action="/bulk" {
            input type="hidden" name="verb" value=(value.verb);
            (carried(&which.pairs()))
            @if !which.is_filtered() { input type="hidden" name="all" value="true"; }
            @if value.verb == "discard" {
                p { "They are deleted for good and never run again." }
                (reason_field("entered twice by mistake"))
                button .danger type="submit" { "Start to discard " (count) }
            } @else {
                (text_field("Rate, such as 50/s, 600/m or 1000/h; empty = as fast as it goes", "rate", Some("50/s")))
                (text_field("Reason, if others may wonder (no personal data)", "reason", None))
                button .primary type="submit" { "Start to replay " (count) }
            }
        }
    }
}
