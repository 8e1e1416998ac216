//! Flows as people see them.

use chrono::{DateTime, Utc};
use maud::{Markup, html};
use mlc_accounts::Role;

use super::{
    State,
    value::{Flow, FlowPage, Flows, WindowLine},
};
use crate::console::{
    call::Viewer,
    components::{
        Field, Tab, act, badge, confirm, empty, facts, head, live, next_page, number, or_dash, segment, span, table,
        tabs, text, time,
    },
};

fn path(flow: &Flow) -> String {
    format!("/flows/{}", segment(&flow.flow))
}

fn lag(flow: &Flow) -> Markup {
    match (flow.lag_secs, flow.announced) {
        (Some(secs), _) => html! { (span(secs)) },
        (None, true) => html! { span .muted { "by webhook" } },
        (None, false) => html! { span .muted { "never read" } },
    }
}

fn due(at: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Markup {
    match at {
        Some(at) => time(at, now),
        None => html! { span .muted { "on demand" } },
    }
}

pub(super) fn list(flows: &Flows) -> Markup {
    let now = flows.at;
    let rows = html! {
        @for flow in &flows.flows {
            tr {
                th scope="row" {
                    a href=(path(flow)) { (text(&flow.flow)) }
                    @if !flow.enabled { " " (badge("plain", "on demand")) }
                    div .note { (flow.summary) }
                }
                td .tight { (text(&flow.from)) " → " (text(&flow.to)) }
                td .tight { (or_dash(flow.schedule.as_deref())) @if let Some(full) = &flow.full_schedule { div .note { "full scan " (text(full)) } } }
                td .tight { @if flow.announced { span .muted { "–" } } @else { (due(flow.next_due, now)) } }
                td .n { (lag(flow)) }
                td .n { (number(flow.open_windows.len() as u64)) }
            }
        }
    };
    html! {
        h1 { "Flows" }
        @if flows.flows.is_empty() { (empty("No flow is configured: the settings file names them under [flows].")) }
        @else {
            (live("flows", "flows", table("Flows", &["Flow", "From and to", "Schedule", "Next due", "#Behind", "#Open windows"], rows)))
        }
    }
}

pub(super) fn one(found: &FlowPage, state: Option<State>, query: &str, viewer: &Viewer) -> Markup {
    let (flow, now) = (&found.flow, found.at);
    let path = path(flow);
    let tab = |name, wanted: Option<State>, query: &str| Tab {
        href: if query.is_empty() { path.clone() } else { format!("{path}?{query}") },
        name,
        current: wanted == state,
    };
    html! {
        p .crumbs { a href="/flows" { "Flows" } }
        (head(html! { (text(&flow.flow)) }, html! { @if !flow.enabled { (badge("plain", "on demand")) } }, actions(flow, viewer)))
        p .muted { (flow.summary) "." }
        (live("progress", "flows", progress(flow, now)))
        @if !flow.announced {
            h2 { "Windows" }
            p .muted { "Each asked the source one question and kept it: a replay asks exactly the same." }
            (tabs("State of the windows", &[
                tab("All", None, ""),
                tab("Open", Some(State::Open), "state=open"),
                tab("Closed", Some(State::Closed), "state=closed"),
                tab("Abandoned", Some(State::Abandoned), "state=abandoned"),
            ]))
            (live("windows", "flows", windows(found, &path, query)))
        }
    }
}

fn actions(flow: &Flow, viewer: &Viewer) -> Markup {
    if flow.announced || !viewer.may(Role::Operator) {
        return html! {};
    }
    let path = path(flow);
    let since = Field {
        name: "since",
        form: "sync",
        label: "Since",
        hint: "2026-11-01, 2026-11-01T06:00:00Z, or how long ago: 2h, 3d",
        required: true,
        ..Field::default()
    };
    html! {
        (act(&format!("{path}/sync"), "Sync now", "primary"))
        (confirm(
            &format!("{path}/sync"),
            "Sync since…",
            "Reads what changed since then. The checkpoint does not move with it, and what is unchanged is not written again.",
            since.show(),
            "Sync since then",
            "primary",
        ))
        (confirm(
            &format!("{path}/full-sync"),
            "Full resync…",
            &format!("Reads every row of {}, whatever the checkpoint says. It costs as many requests as there are pages; what is unchanged \
                      is not written again.", flow.from),
            html! {},
            "Read everything",
            "primary",
        ))
    }
}

fn progress(flow: &Flow, now: DateTime<Utc>) -> Markup {
    let connection = |name: &str| html! { a href=(format!("/connections/{}", segment(name))) { (text(name)) } };
    let mut pairs = vec![("Reads", connection(&flow.from)), ("Writes", connection(&flow.to))];
    if flow.announced {
        pairs.push(("Announced", html! { "by webhook: there is nothing to poll" }));
    } else {
        pairs.push(("Behind", lag(flow)));
        pairs.push(("Polls", or_dash(flow.schedule.as_deref())));
        pairs.push(("Last ordered", flow.last_tick.map_or_else(|| or_dash(None), |at| time(at, now))));
        pairs.push(("Next due", due(flow.next_due, now)));
        pairs.push(("Full scan", or_dash(flow.full_schedule.as_deref())));
        pairs.push(("Next full scan", due(flow.next_full_due, now)));
    }
    let rows = html! {
        @for entity in &flow.entities {
            tr {
                th scope="row" { (entity.entity) }
                td { (or_dash(entity.checkpoint.as_deref())) }
                td { (or_dash(entity.change_field.as_deref())) }
                td .n { @match entity.lag_secs { Some(secs) => (span(secs)), None => { span .muted { "never read" } } } }
            }
        }
    };
    html! {
        (facts(&pairs))
        @if !flow.entities.is_empty() { (table("Checkpoints", &["Entity", "Read up to", "Change field", "#Behind"], rows)) }
    }
}

/// The state as a coloured word.
pub(super) fn state_badge(state: State) -> Markup {
    match state {
        State::Open => badge("busy", "open"),
        State::Closed => badge("good", "closed"),
        State::Abandoned => badge("warn", "abandoned"),
    }
}

fn windows(found: &FlowPage, path: &str, query: &str) -> Markup {
    let (windows, now) = (&found.windows, found.at);
    let row = |line: &WindowLine| {
        html! {
            tr {
                th scope="row" {
                    a href=(format!("/windows/{}", segment(&line.window))) { (text(line.window.rsplit('.').next().unwrap_or(&line.window))) }
                    " " span .muted { (text(&line.entity)) }
                }
                td { (state_badge(line.state)) }
                td { (line.purpose) }
                td .tight { (time(line.opened_at, now)) }
                td .n { (number(line.pages)) @if let Some(expected) = line.expected_pages { span .muted { " / " (number(expected)) } } }
                td .n { (number(line.read)) }
                td .n { (number(line.changed)) }
                td .n { (number(line.unchanged)) }
                td .n { (number(line.refused)) }
            }
        }
    };
    html! {
        @if windows.items.is_empty() && windows.next.is_none() { (empty("There is no such window.")) }
        @else {
            @if windows.items.is_empty() { (empty("None among the last thousand windows that were looked at; there are older ones.")) }
            @else {
                (table(
                    "Windows",
                    &["Window", "State", "Purpose", "Opened", "#Pages", "#Read", "#Changed", "#Unchanged", "#Refused"],
                    html! { @for line in &windows.items { (row(line)) } },
                ))
            }
            (next_page(path, query, windows.next.map(|number| number.to_string()).as_deref()))
        }
    }
}
