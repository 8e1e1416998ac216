//! A window as people see it.

use maud::{Markup, html};
use mlc_accounts::Role;

use super::{page::state_badge, window::Window};
use crate::console::{
    call::Viewer,
    components::{
        badge, card, cards, confirm, empty, facts, head, live, number, or_dash, record_path, segment, table, text, time,
    },
};

pub(super) fn page(window: &Window, viewer: &Viewer) -> Markup {
    let id = &window.line.window;
    let replay = html! {
        @if viewer.may(Role::Operator) {
            (confirm(
                &format!("/windows/{}/replay", segment(id)),
                "Replay this window…",
                "Asks the source exactly the same again, as a new window. What is unchanged since is not written again, and the checkpoint \
                 does not move.",
                html! {},
                "Replay this window",
                "primary",
            ))
        }
    };
    html! {
        p .crumbs {
            a href="/flows" { "Flows" } " / " a href=(format!("/flows/{}", segment(&window.flow))) { (text(&window.flow)) }
        }
        (head(html! { "Window " (text(id.rsplit('.').next().unwrap_or(id))) }, state_badge(window.line.state), replay))
        (live("window", "flows jobs", content(window)))
    }
}

fn content(window: &Window) -> Markup {
    let (line, now) = (&window.line, window.at);
    let job = |id: &str| html! { a href=(format!("/jobs/{}", segment(id))) { (text(id)) } };
    let other = |id: &str| html! { a href=(format!("/windows/{}", segment(id))) { (text(id)) } };
    let count = |name: &str, n: u64, tone: &str, note: &str| {
        card(if n > 0 { tone } else { "" }, name, html! { (number(n)) }, html! { (note) })
    };
    let mut pairs = vec![
        ("Entity", text(&line.entity)),
        ("Purpose", html! { (line.purpose) }),
        ("Bounds", text(&line.bounds)),
        ("Change field", text(&window.change_field)),
        ("Opened", time(line.opened_at, now)),
        ("Ended", line.closed_at.map_or_else(|| or_dash(None), |at| time(at, now))),
        ("Opened by job", window.opened_by.as_deref().map_or_else(|| or_dash(None), job)),
        ("Passes", html! { (window.pass) " (paged by " (window.mode) ")" }),
        ("Requests", html! { (number(window.requests)) }),
    ];
    if let Some((low, high)) = window.rows_seen {
        let counts = if low == high { number(low) } else { format!("{} to {}", number(low), number(high)) };
        pairs.push(("Rows by the source's count", html! { (counts) }));
    }
    if let Some(of) = &window.replay_of {
        pairs.push(("Repeats", other(of)));
    }
    html! {
        @if let Some(reason) = &window.reason { p .message.warn { "Given up: " (text(reason)) } }
        (cards(&[
            card("", "Pages", html! { (number(line.pages)) @if let Some(all) = line.expected_pages { " / " (number(all)) } }, html! { "read in this pass" }),
            count("Read", line.read, "", "rows"),
            count("Changed", line.changed, "", "records handed on"),
            count("Unchanged", line.unchanged, "", "equal to what was delivered"),
            count("Pushed", window.pushed, "good", if window.outcomes_complete { "written at the target" } else { "at least" }),
            // Refused by what reads them, which the window counts, or later by the target, which its entries tell.
            count("Refused", window.dead, "bad", if window.outcomes_complete { "on the shelf, unless dealt with" } else { "at least; on the shelf, unless dealt with" }),
            count("Superseded", line.superseded, "", "older than what was seen"),
            count("Excluded", line.excluded, "", "deliberately not moved"),
        ]))
        (facts(&pairs))
        h2 { "Query as sent" }
        pre tabindex="0" role="region" aria-label="Query as sent" { code { (text(&window.query)) } }
        h2 { "What happened to its records" }
        (entries(window))
    }
}

fn entries(window: &Window) -> Markup {
    let tone = |action: &str| match action {
        "created" | "updated" | "associated" => "good",
        "refused" => "bad",
        "conflict" | "deleted" => "warn",
        _ => "plain",
    };
    let rows = html! {
        @for entry in &window.entries {
            tr {
                th scope="row" { a href=(record_path(&window.flow, &entry.key)) { (text(&entry.key)) } }
                td { (badge(tone(entry.action), entry.action)) }
                td { (or_dash(entry.target_id.as_deref())) }
                td { @match &entry.job { Some(job) => { a href=(format!("/jobs/{}", segment(job))) { (text(job)) } }, None => (or_dash(None)) } }
                td .tight { (time(entry.at, window.at)) }
            }
        }
    };
    let least = if window.outcomes_complete { "" } else { "at least " };
    html! {
        @if window.entries.is_empty() && window.entries_complete { (empty("No record of it has been written or refused yet.")) }
        @else {
            @if !window.outcomes.is_empty() {
                p { @for (action, n) in &window.outcomes { (badge(tone(action), &format!("{least}{n} {action}"))) " " } }
            }
            @if !window.entries.is_empty() { (table("Entries", &["Record", "What", "Id at the target", "Job", "When"], rows)) }
            @if !window.entries_complete {
                p .muted { "There may be more: " code { "mlc audit window " (window.line.window) " --limit 50000" } " shows them." }
            }
        }
    }
}
