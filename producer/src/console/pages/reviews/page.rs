//! What the review list looks like.

use chrono::{DateTime, Utc};
use maud::{Markup, html};
use mlc_accounts::Role;
use mlc_ledger::{ReviewFilter, ReviewKind};

use super::{Amounts, Review, ReviewList, ReviewPage};
use crate::console::{
    call::Viewer,
    components::{
        Field, Step, Tab, badge, confirm, empty, facts, filters, head, live, next_page, number, options, record_path,
        select, table, tabs, text, time, timeline,
    },
};

/// What a list is shown with, beside its items.
pub(super) struct Frame {
    pub(super) filter: ReviewFilter,
    pub(super) flows: Vec<String>,
    pub(super) query: String,
    pub(super) now: DateTime<Utc>,
}

const KINDS: [ReviewKind; 5] = [
    ReviewKind::PriceDifference,
    ReviewKind::DebitMemo,
    ReviewKind::Correction,
    ReviewKind::Conflict,
    ReviewKind::Unmatched,
];

const DISMISSING: &str = "It is closed and nothing is written. A later version of the record asks again.";
const REOPENING: &str = "The decision is taken back and the item waits again. What it let through stays written.";

pub(super) fn list(list: &ReviewList, frame: &Frame) -> Markup {
    let state = frame.filter.state.map_or("all", |state| state.as_str());
    let counts = list.counts;
    let states = [
        ("open", "Open", counts.open),
        ("accepted", "Accepted", counts.accepted),
        ("dismissed", "Dismissed", counts.dismissed),
        ("all", "All", counts.open + counts.accepted + counts.dismissed),
    ];
    let is_filtered = frame.filter.kind.is_some() || frame.filter.flow.is_some();
    let names: Vec<String> = states.iter().map(|(_, name, items)| format!("{name} ({})", number(*items))).collect();
    let views: Vec<Tab<'_>> = states
        .iter()
        .zip(&names)
        .map(|((word, ..), name)| Tab { href: with_state(word, &frame.filter), name, current: *word == state })
        .collect();
    let listed = html! {
        (tabs("States", &views))
        @if list.items.is_empty() {
            @if list.next.is_some() { (empty("None of the items looked at so far fits. There are more: go on.")) }
            @else if is_filtered { (empty("No item fits the filter.")) }
            @else if state == "open" { (empty("Nothing waits for a decision.")) }
            @else { (empty("No item stands here.")) }
        } @else {
            (table("Items of the review list", &["Item", "Kind", "Record", "State", "Raised", "What"], rows(list, frame)))
        }
        (next_page("/reviews", &frame.query, list.next.as_deref()))
    };
    let kinds = KINDS.iter().map(|kind| kind.as_str());
    let chosen_kind = frame.filter.kind.map_or("", |kind| kind.as_str());
    let chosen_flow = frame.filter.flow.as_ref().map_or("", |flow| flow.as_str());
    let controls = html! {
        input type="hidden" name="state" value=(state);
        (select("reviews", "kind", "Kind", &options("Any", kinds), chosen_kind))
        (select("reviews", "flow", "Flow", &flows(frame), chosen_flow))
    };
    html! {
        (head(html! { "Review list" }, html! {}, html! {}))
        (filters("/reviews", controls))
        (live("review-list", "reviews", listed))
    }
}

/// Those of the settings, and the one that is asked for even when it is not configured any more.
fn flows(frame: &Frame) -> Vec<(String, String)> {
    let asked = frame.filter.flow.as_ref().map(ToString::to_string).filter(|flow| !frame.flows.contains(flow));
    let named = frame.flows.iter().cloned().chain(asked).map(|flow| (flow.clone(), flow));
    std::iter::once((String::new(), "Any".to_owned())).chain(named).collect()
}

fn with_state(state: &str, filter: &ReviewFilter) -> String {
    let mut pairs = vec![("state", state)];
    pairs.extend(filter.kind.map(|kind| ("kind", kind.as_str())));
    pairs.extend(filter.flow.as_ref().map(|flow| ("flow", flow.as_str())));
    format!("/reviews?{}", serde_html_form::to_string(&pairs).unwrap_or_default())
}

fn rows(list: &ReviewList, frame: &Frame) -> Markup {
    html! {
        @for item in &list.items {
            tr {
                th scope="row" { a href=(format!("/reviews/{}", item.id)) { "Item " (item.id) } }
                td .tight { (words(&item.kind)) }
                td { a href=(record_path(&item.flow, &item.key)) { (text(&item.key)) } }
                td { (state_badge(&item.state)) }
                td { (time(item.last_at, frame.now)) }
                td .long { (text(&item.summary)) }
            }
        }
    }
}

pub(super) fn one(shown: &ReviewPage, viewer: &Viewer, now: DateTime<Utc>) -> Markup {
    let item = &shown.item;
    let title = html! { "Item " (item.id) ": " (words(&item.kind)) };
    let known = html! {
        p { (text(&item.summary)) }
        @if !shown.amounts.is_empty() { h2 { "Amounts" } (amounts(&shown.amounts)) }
        h2 { "Facts" }
        (facts(&fact_pairs(shown, now)))
    };
    html! {
        p .crumbs { a href="/reviews" { "Review list" } " › " "Item " (item.id) }
        // Held as a whole: facts, state and the revision that a decision sends are of one moment.
        div #review data-live="reviews" data-held=(held(item)) {
            (head(title, state_badge(&item.state), html! {}))
            (known)
            (changed(&item.id))
            @if viewer.may(Role::Operator) { (actions(shown)) }
            h2 { "History of the record on this list" }
            (history(shown, now))
        }
    }
}

/// What tells that the item is another one: its facts, its state, and which decision that is.
fn held(item: &Review) -> String {
    let decided = item.decided_at.map(|at| format!(" {}", at.timestamp_millis())).unwrap_or_default();
    format!("{} {}{decided}", item.revision, item.state)
}

/// What the script shows once the item is another one than this page shows.
fn changed(id: &str) -> Markup {
    html! {
        div .changed role="status" {
            div .message.warn data-changed hidden {
                p {
                    "This item changed. You still see it as it was before, and a decision about that would be refused. "
                    a href={ "/reviews/" (id) } data-afresh { "Look at it again" }
                    "; what you wrote stays."
                }
            }
        }
    }
}

fn fact_pairs(shown: &ReviewPage, now: DateTime<Utc>) -> Vec<(&str, Markup)> {
    let item = &shown.item;
    let mut pairs = vec![
        ("Record", html! { a href=(record_path(&item.flow, &item.key)) { (text(&item.key)) } }),
        ("Flow", html! { a href=(format!("/flows/{}", item.flow)) { (text(&item.flow)) } }),
        ("First raised", time(item.first_at, now)),
        (
            "Last raised",
            html! { (time(item.last_at, now)) @if item.times > 1 { ", " (number(item.times)) " times in all" } },
        ),
    ];
    if let Some(job) = &item.job {
        pairs.push(("Raised by job", html! { a href=(format!("/jobs/{job}")) { (text(job)) } }));
    }
    if let (Some(who), Some(at)) = (&item.decided_by, item.decided_at) {
        pairs.push(("Decided by", html! { (text(who)) ", " (time(at, now)) }));
    }
    if let Some(note) = &item.note {
        pairs.push(("Note", text(note)));
    }
    pairs.extend(shown.facts.iter().map(|fact| (fact.name.as_str(), text(&fact.text))));
    pairs
}

/// One row per thing, one column per label, so that what belongs together stands side by side.
fn amounts(all: &[Amounts]) -> Markup {
    let mut labels: Vec<&str> = Vec::new();
    for amount in all.iter().flat_map(|amounts| &amounts.amounts) {
        if !labels.contains(&amount.label.as_str()) {
            labels.push(&amount.label);
        }
    }
    let find = |amounts: &Amounts, label: &str| {
        amounts.amounts.iter().find(|one| one.label == label).map(|one| one.amount.clone())
    };
    let numbers: Vec<String> = labels.iter().chain(&["Difference"]).map(|label| format!("#{label}")).collect();
    let columns: Vec<&str> = ["What"].into_iter().chain(numbers.iter().map(String::as_str)).collect();
    let rows = html! {
        @for amounts in all {
            tr {
                th scope="row" { (text(&amounts.name)) }
                @for label in &labels { td .n { (text(&find(amounts, label).unwrap_or_else(|| "–".to_owned()))) } }
                td .n {
                    (amounts.difference)
                    @if let Some(percent) = &amounts.percent { " (" (percent) " %)" }
                }
            }
        }
    };
    table("Amounts side by side", &columns, rows)
}

fn actions(shown: &ReviewPage) -> Markup {
    let item = &shown.item;
    let path = |verb: &str| format!("/reviews/{}/{verb}", item.id);
    let accepting = if shown.reads_afresh {
        "It is let through: the record is read afresh from Epicor and goes on as Epicor has it."
    } else {
        "It is marked as let through. Nothing is read or written by that alone."
    };
    let button = |verb: &str| format!("{verb} item {}", item.id);
    let note = |form: &str, label: &str, required: bool| {
        let field = Field {
            name: "note",
            form,
            label,
            hint: "Kept with the item; no personal data.",
            required,
            ..Field::default()
        };
        html! { input type="hidden" name="revision" value=(item.revision); (field.show()) }
    };
    let why = "Why, for those who wonder later";
    html! {
        h2 { "Decide" }
        div .actions {
            @if item.state == "open" {
                (confirm(&path("accept"), "Accept…", accepting, note("accept", why, false), &button("Accept"), "primary"))
                (confirm(&path("dismiss"), "Dismiss…", DISMISSING, note("dismiss", why, true), &button("Dismiss"), "danger"))
            } @else {
                (confirm(&path("reopen"), "Reopen…", REOPENING, note("reopen", why, false), &button("Reopen"), "primary"))
            }
        }
    }
}

fn history(shown: &ReviewPage, now: DateTime<Utc>) -> Markup {
    if shown.history.is_empty() {
        return empty("The record's trail tells of no decision.");
    }
    let step = |event: &super::Event| Step {
        tone: if event.job.is_some() { "warn" } else { "good" },
        when: time(event.at, now),
        title: text(&event.text),
        body: html! { @if let Some(job) = &event.job { p { "By job " a href=(format!("/jobs/{job}")) { (text(job)) } } } },
    };
    let steps: Vec<Step> = shown.history.iter().map(step).collect();
    timeline("History of the record on this list", &steps)
}

fn state_badge(state: &str) -> Markup {
    let tone = match state {
        "open" => "warn",
        "accepted" => "good",
        _ => "plain",
    };
    badge(tone, state)
}

/// A word of the API as people write it.
fn words(word: &str) -> String {
    word.replace('_', " ")
}

impl Review {
    /// Only what tests and pages of other states need to compare.
    #[cfg(test)]
    fn sample(state: &str) -> Self {
        Self {
            id: "7".to_owned(),
            flow: "epicor_to_adobe::ap_invoices".to_owned(),
            key: "EPIC06:<b>".to_owned(),
            kind: "price_difference".to_owned(),
            state: state.to_owned(),
            summary: "<script>".to_owned(),
            first_at: DateTime::UNIX_EPOCH,
            last_at: DateTime::UNIX_EPOCH,
            times: 1,
            revision: 1,
            decided_by: None,
            decided_at: None,
            note: None,
            job: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::pages::reviews::amounts::read;

    #[test]
    fn amounts_with_the_same_labels_share_their_columns() {
        let all: Vec<Amounts> = [
            ("line 1", "quantity 5, order 10, invoice 12"),
            ("line 2", "quantity 1, order 3, invoice 3"),
            ("total", "Epicor 1, shop 2"),
        ]
        .into_iter()
        .filter_map(|(name, text)| read(name, text))
        .collect();
        let shown = amounts(&all).into_string();
        assert_eq!(shown.matches(" scope=\"col\">").count(), 1 + 5 + 1, "{shown}");
        assert_eq!(shown.matches("+2 (+20 %)").count(), 1, "{shown}");
        assert_eq!(shown.matches("<tr>").count(), 1 + 3, "{shown}");
    }

    #[test]
    fn only_what_changes_something_is_offered_and_only_to_those_who_may() {
        let page = |state: &str, role: Role| {
            let shown = ReviewPage {
                item: Review::sample(state),
                amounts: Vec::new(),
                facts: Vec::new(),
                reads_afresh: true,
                history: Vec::new(),
            };
            let viewer = Viewer { person: crate::Person::at_this_machine(), role, logged_in: true };
            one(&shown, &viewer, DateTime::UNIX_EPOCH).into_string()
        };
        for (state, offered) in
            [("open", &["accept", "dismiss"][..]), ("accepted", &["reopen"]), ("dismissed", &["reopen"])]
        {
            let html = page(state, Role::Operator);
            let actions: Vec<&str> = ["accept", "dismiss", "reopen"]
                .into_iter()
                .filter(|verb| html.contains(&format!("action=\"/reviews/7/{verb}\"")))
                .collect();
            assert_eq!(actions, offered, "{state}: {html}");
            assert!(!html.contains("<script>") && !html.contains("<b>"), "{html}");
            assert!(!page(state, Role::ReadOnly).contains("<form"), "{state}");
        }
    }
}
