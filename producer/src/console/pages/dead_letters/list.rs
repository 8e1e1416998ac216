//! `/dead-letters/list`: letters that match, newest first, and what an action on all of them would hit.

use chrono::{DateTime, Utc};
use maud::{Markup, html};
use mlc_accounts::Role;
use mlc_queue::Page;
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    actions,
    dto::{Hits, Letter},
    filter::{self, FormContext, Which},
};
use crate::console::{
    call::{Call, Viewer},
    components::{badge, empty, next_page, table, text, time},
    error::ConsoleError,
    forms::{address, cursor_error, page_limit},
    pages::jobs::dto::may_carry,
    reply::View,
    route::Route,
};

/// Letters looked at for the preview above the list; the page that asks for confirmation looks further.
const PREVIEW_LOOKS: usize = 500;

/// One page of letters.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Letters {
    /// Those that match, newest first.
    letters: Vec<Letter>,
    /// Hand it back as `after` for what follows; null at the end.
    next: Option<String>,
    /// Only part was looked at, because looking is bounded: there may be matches behind `next`.
    looked_at_part: bool,
    /// What an action on all that match would hit; null on later pages.
    hits: Option<Hits>,
}

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::show("/dead-letters/list", "Dead letters that match, newest first, page by page", show)
            .asks::<Which>()
            .answers::<Letters>(),
    ]
}

async fn show(call: Call) -> Result<View, ConsoleError> {
    let which: Which = call.query()?;
    let limit = page_limit(which.limit)?;
    let filter = which.read(&call).await?;
    let page = Page { after: which.after.clone(), limit };
    let found = call.rooms.queue.dead_letters(&filter, &page).await.map_err(cursor_error)?;
    let looked_at_part = found.next.is_some() && found.items.len() < limit;
    let hits = match (&which.after, &found.next) {
        (Some(_), _) => None,
        // All that match are on this page, or all that there was time to find: to look again would tell no more.
        (None, None) => Some(Hits::of_page(&found.items, true, &call.viewer)),
        (None, Some(_)) if looked_at_part => Some(Hits::of_page(&found.items, false, &call.viewer)),
        (None, Some(_)) => Some(Hits::seen_by(call.rooms.queue.preview(&filter, PREVIEW_LOOKS).await?, &call.viewer)),
    };
    let letters = Letters {
        looked_at_part,
        letters: found.items.iter().map(|letter| Letter::seen_by(letter, &call.viewer)).collect(),
        next: found.next,
        hits,
    };
    let (form, raw, now) = (FormContext::of(&call), call.raw_query().to_owned(), call.now);
    Ok(View::new("/dead-letters", "Dead letters that match", letters, move |letters, viewer| {
        html! {
            h1 { "Dead letters" }
            p .crumbs { a href="/dead-letters" { "Grouped by cause" } " · " a href="/bulk" { "Bulk operations" } }
            (filter::form(&which, &form))
            @if let Some(hits) = &letters.hits { (all_that_match(hits, &which, viewer, now)) }
            @if letters.letters.is_empty() && letters.next.is_none() {
                (empty(if which.is_filtered() { "No letter matches." } else { "The dead-letter shelf is empty." }))
            }
            @if !letters.letters.is_empty() { (table_of(&letters.letters, &which, viewer, now)) }
            @if letters.looked_at_part {
                p .message .warn { "Only part of the shelf was looked at: go on with Next to look at more." }
            }
            (next_page("/dead-letters/list", &raw, letters.next.as_deref()))
        }
    }))
}

fn all_that_match(hits: &Hits, which: &Which, viewer: &Viewer, now: DateTime<Utc>) -> Markup {
    if hits.letters == 0 && hits.complete {
        return hits.left_alone();
    }
    let query = which.query();
    html! {
        section aria-labelledby="matching" {
            h2 #matching { "All that match: " (hits.words()) }
            (hits.left_alone())
            details .confirm {
                summary { "What an action on all of them hits" }
                (hits.show(now))
            }
            @if viewer.may(Role::Operator) {
                p .actions {
                    a .button href=(address("/dead-letters/replay-matching", &query)) { "Replay all that match…" }
                    a .button href=(address("/dead-letters/discard-matching", &query)) { "Discard all that match…" }
                }
            }
        }
    }
}

fn table_of(letters: &[Letter], which: &Which, viewer: &Viewer, now: DateTime<Utc>) -> Markup {
    if !viewer.may(Role::Operator) {
        return html! { h2 { "Letters" } (rows(letters, false, now)) };
    }
    let back = address("/dead-letters/list", &which.query());
    html! {
        h2 { "Letters" }
        form #letters method="post" action=(actions::REPLAY) {
            input type="hidden" name="back" value=(back);
            (rows(letters, true, now))
            p .actions {
                button .primary type="submit" { "Replay the chosen letters" }
                button type="submit" formmethod="get" formaction="/dead-letters/chosen" { "Discard the chosen letters…" }
            }
        }
    }
}

/// The letters as a table, with a box to choose each.
pub(super) fn rows(letters: &[Letter], choose: bool, now: DateTime<Utc>) -> Markup {
    let rows = html! {
        @for letter in letters {
            @let name = letter.subject.as_deref().unwrap_or(&letter.id);
            tr {
                @if choose {
                    td {
                        label .choose {
                            span .hidden { "Choose " (text(name)) }
                            input type="checkbox" name="ids" value=(letter.id);
                        }
                    }
                }
                th scope="row" { a href={ "/dead-letters/" (letter.id) } { (text(name)) } (may_carry(letter.may_carry))
                    @if letter.came_back.is_some() { " " (badge("warn", "came back")) }
                }
                td { (badge("bad", letter.fault.kind)) }
                td .long { (text(&letter.fault.message)) br; (letter.fault.details()) }
                td .tight { (text(&letter.lane)) }
                td .tight { (text(&letter.kind)) }
                td { (time(letter.died_at, now)) }
                td .n { (letter.replays) }
                td { (letter.looked_after()) }
            }
        }
    };
    let columns = ["Choose", "Letter", "Fault", "Reason", "Connection", "Kind", "Died", "#Replays", "Looked after by"];
    table("Dead letters", if choose { &columns } else { &columns[1..] }, rows)
}
