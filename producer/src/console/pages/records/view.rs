//! How a record is shown.

use chrono::{DateTime, Utc};
use maud::{Markup, html};
use mlc_accounts::Role;

use super::{
    dto::{RecordPage, ReviewRow, TrailRow},
    exchange,
    find::state_badge,
    screens::Screen,
};
use crate::console::{
    call::Viewer,
    components::{self, badge, empty, facts, next_page, or_dash, record_path, segment, table, text, time},
    pages::jobs::dto::may_carry,
};

pub(super) fn page(page: &RecordPage, viewer: &Viewer, now: DateTime<Utc>) -> Markup {
    // Opened content is asked for, and recorded, once: the page stands still then.
    let live = |id: &str, topics: &str, content: Markup| {
        if page.exchange.is_open() { content } else { components::live(id, topics, content) }
    };
    html! {
        h1 { "Record " (text(&page.key)) }
        (live("record-state", "jobs audit", html! {
            (state(page, now))
            (links(&page.screens))
            (others(page))
        }))
        @if viewer.may(Role::Operator) {
            form method="post" action={ (record_path(&page.flow, &page.key)) "/read" } {
                button type="submit" { "Read this record afresh" }
                " " span .hint { "It is read at its source now and written again, also when nothing changed." }
            }
        }
        (exchange::section(&page.exchange, (&page.flow, &page.key), now))
        (live("record-work", "jobs dead reviews", html! {
            (history(page, now))
            (reviews(&page.reviews, now))
            (work(page, now))
        }))
    }
}

fn others(page: &RecordPage) -> Markup {
    html! {
        @if !page.other_flows.is_empty() {
            p {
                "Also in "
                @for (at, flow) in page.other_flows.iter().enumerate() {
                    @if at > 0 { ", " }
                    a href=(record_path(flow, &page.key)) { (text(flow)) }
                }
            }
        }
    }
}

fn history(page: &RecordPage, now: DateTime<Utc>) -> Markup {
    html! {
        h2 { "Trail" }
        @if page.trail.is_empty() {
            (empty("Nothing was written down about it in this part of the trail."))
        } @else {
            (table("Trail", &["When", "What", "#Version", "Before → after", "By", "Detail"], trail(&page.trail, now)))
            (next_page(&record_path(&page.flow, &page.key), "", page.next.as_deref()))
        }
    }
}

fn state(page: &RecordPage, now: DateTime<Utc>) -> Markup {
    let version = |version: Option<i64>| or_dash(version.map(|version| version.to_string()).as_deref());
    let delivered_at = match page.delivered_at {
        Some(at) => time(at, now),
        None => or_dash(None),
    };
    facts(&[
        ("Flow", html! { a href={ "/flows/" (segment(&page.flow)) } { (text(&page.flow)) } }),
        ("State", html! { @for word in &page.state { (state_badge(word)) " " } }),
        ("Last push", or_dash(page.push)),
        ("Id at the target", or_dash(page.target_id.as_deref())),
        ("Last delivered", delivered_at),
        ("Newest version seen", version(page.seen_version)),
        ("Version delivered", version(page.delivered_version)),
        ("Fingerprint delivered", or_dash(page.fingerprint.as_deref())),
    ])
}

fn links(screens: &[Screen]) -> Markup {
    html! {
        @if !screens.is_empty() {
            ul .links {
                @for screen in screens {
                    li { a href=(screen.address) rel="noopener noreferrer external" { "Open in " (screen.system) " (" (text(&screen.connection)) ")" } }
                }
            }
        }
    }
}

fn trail(rows: &[TrailRow], now: DateTime<Utc>) -> Markup {
    html! {
        @for row in rows {
            tr {
                th scope="row" { (time(row.at, now)) }
                td { (badge(tone(&row.action), &row.action)) }
                td .n { (or_dash(row.version.map(|version| version.to_string()).as_deref())) }
                td {
                    // Only what was deleted is not there any more; other entries without a content are about something else.
                    @if row.after.is_some() || row.action == "deleted" {
                        (print(row.before.as_deref())) " → " (print(row.after.as_deref()))
                    } @else { (or_dash(None)) }
                }
                td .long {
                    @if let Some(job) = &row.job { a href={ "/jobs/" (segment(job)) } { "job " (text(job)) } }
                    @if let (Some(_), Some(_)) = (&row.job, &row.window) { ", " }
                    @if let Some(window) = &row.window { a href={ "/windows/" (segment(window)) } { "window " (text(window)) } }
                    @if row.job.is_none() && row.window.is_none() { (or_dash(None)) }
                }
                td { (or_dash(row.detail.as_deref())) }
            }
        }
    }
}

/// The beginning of a fingerprint tells two of them apart; the whole one stands in its title.
fn print(print: Option<&str>) -> Markup {
    match print {
        Some(print) => html! { code title=(print) { (print.chars().take(8).collect::<String>()) } },
        None => or_dash(None),
    }
}

fn tone(action: &str) -> &'static str {
    match action {
        "created" | "updated" | "unchanged" | "associated" => "good",
        "refused" | "deleted" | "conflict" => "bad",
        "reviewed" | "corrected" | "cancelled" | "dropped" => "warn",
        _ => "plain",
    }
}

fn reviews(items: &[ReviewRow], now: DateTime<Utc>) -> Markup {
    html! {
        @if !items.is_empty() {
            h2 { "Review list" }
            (table("Review list", &["Item", "Why", "State", "Last raised", "What"], html! {
                @for item in items {
                    tr {
                        th scope="row" { a href={ "/reviews/" (segment(&item.id)) } { "Item " (item.id) } }
                        td { (item.kind) }
                        td { (badge(if item.state == "open" { "warn" } else { "plain" }, &item.state)) }
                        td { (time(item.last_at, now)) }
                        td .long { (text(&item.summary)) }
                    }
                }
            }))
        }
    }
}

fn work(page: &RecordPage, now: DateTime<Utc>) -> Markup {
    let work = &page.work;
    let query = serde_html_form::to_string([("subject", work.subject.as_str())]).unwrap_or_default();
    html! {
        h2 { "Jobs" }
        @if work.jobs.is_empty() { (empty("No job waits or runs for it.")) }
        @else {
            (table("Jobs", &["Job", "State", "Kind", "Connection", "Since", "Why it waits"], html! {
                @for job in &work.jobs {
                    tr {
                        th scope="row" { a href={ "/jobs/" (segment(&job.id)) } { (text(&job.id)) } (may_carry(job.may_carry)) }
                        td { (badge("busy", &job.state)) }
                        td .tight { (text(&job.kind)) }
                        td .tight { (text(&job.lane)) }
                        td { (time(job.enqueued_at, now)) }
                        td { (or_dash(job.why.as_deref())) }
                    }
                }
            }))
        }
        @if !work.all_jobs { p { a href={ "/jobs?" (query) } { "There are too many jobs to look at all of them here: look among jobs" } } }
        h2 { "Dead letters" }
        @if work.letters.is_empty() { (empty("No dead letter is about it.")) }
        @else {
            (table("Dead letters", &["Letter", "Fault", "Kind", "Died", "Reason"], html! {
                @for letter in &work.letters {
                    tr {
                        th scope="row" { a href={ "/dead-letters/" (segment(&letter.id)) } { (text(&letter.id)) } (may_carry(letter.may_carry)) }
                        td { (badge("bad", &letter.fault)) }
                        td .tight { (text(&letter.kind)) }
                        td { (time(letter.died_at, now)) }
                        td .long { (text(&letter.message)) }
                    }
                }
            }))
        }
        p { a href={ "/jobs?state=ended&" (query) } { "Its jobs that ended, with who discarded them and why" } }
        @if !work.all_letters {
            p { a href={ "/dead-letters/list?" (query) } { "There are too many letters to look at all of them here: look among dead letters" } }
        }
    }
}
