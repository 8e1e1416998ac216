//! What connections look like.

use chrono::{DateTime, Utc};
use maud::{Markup, html};
use mlc_accounts::Role;

use super::value::{ConnectionList, ConnectionPage, ConnectionRow, LaneView, PingView, SecretRow, Stop};
use crate::{
    action::secret::LONGEST_SECRET,
    console::{
        call::Viewer,
        components::{
            Field, act, badge, confirm, empty, facts, head, live, number, or_dash, stacked, table, text, time,
        },
    },
};

pub(super) fn list(list: &ConnectionList, now: DateTime<Utc>) -> Markup {
    let columns = ["Connection", "Lane", "#Waiting", "#Running", "Credentials", "Last test", "System", "Address"];
    let rows = html! {
        @for one in &list.connections {
            tr {
                th scope="row" { a href=(format!("/connections/{}", one.name)) { (text(&one.name)) } }
                td .wide { (lane_words(&one.lane, now)) }
                td .n { (number(one.lane.ready + one.lane.delayed)) }
                td .n { (number(one.lane.running)) }
                td { (credentials_badge(one)) }
                td { (last_test(one, now)) }
                td { @match &one.system { Some(system) => (system), None => (badge("warn", "not in the settings")) } }
                td .wide { (or_dash(one.address.as_deref())) }
            }
        }
    };
    let listed = html! {
        @if list.connections.is_empty() { (empty("No connection is configured: add a section [connections.NAME] to the settings.")) }
        @else { (table("Connections", &columns, rows)) }
    };
    html! {
        (head(html! { "Connections" }, html! {}, html! {}))
        (live("connection-list", "lanes audit", listed))
    }
}

fn lane_words(lane: &LaneView, now: DateTime<Utc>) -> Markup {
    html! {
        @if let Some(held) = &lane.held { div { (badge("bad", "held")) " " (why(held, now)) } }
        @if let Some(paused) = &lane.paused { div { (badge("warn", "paused")) " " (why(paused, now)) } }
        @if lane.held.is_none() && lane.paused.is_none() { (badge("good", "open")) }
    }
}

fn why(stop: &Stop, now: DateTime<Utc>) -> Markup {
    html! { (text(&stop.reason)) " (" (text(&stop.by)) ", " (time(stop.at, now)) ")" }
}

fn credentials_badge(one: &ConnectionRow) -> Markup {
    match (&one.system, one.missing.len()) {
        (None, _) => or_dash(None),
        (Some(_), 0) => badge("good", "set"),
        (Some(_), missing) => html! { (badge("bad", &format!("{missing} missing"))) " " (one.missing.join(", ")) },
    }
}

fn last_test(one: &ConnectionRow, now: DateTime<Utc>) -> Markup {
    html! {
        @if let Some(since) = one.testing_since { (badge("busy", "testing")) " since " (time(since, now)) }
        @else if let Some(last) = &one.last_ping { (verdict_badge(&last.verdict)) " " (time(last.at, now)) }
        @else { (or_dash(None)) }
    }
}

fn verdict_badge(verdict: &str) -> Markup {
    let tone = match verdict {
        "good" => "good",
        "warning" => "warn",
        _ => "bad",
    };
    badge(tone, verdict)
}

pub(super) fn one(shown: &ConnectionPage, viewer: &Viewer, now: DateTime<Utc>) -> Markup {
    let connection = &shown.connection;
    let acts = viewer.may(Role::Operator);
    let state = html! {
        @if connection.system.is_none() {
            div .message.warn { p { "This connection is not in the settings any more. Its jobs wait until it is there again." } }
        }
        @if let Some(held) = &connection.lane.held {
            div .message.bad { p { (badge("bad", "held")) " Its credentials were refused: " (why(held, now)) ". Its jobs wait; none is burned." } }
        }
        @if let Some(paused) = &connection.lane.paused {
            div .message.warn { p { (badge("warn", "paused")) " " (why(paused, now)) } }
        }
        (facts(&pairs(shown)))
    };
    html! {
        p .crumbs { a href="/connections" { "Connections" } " › " (text(&connection.name)) }
        (head(html! { "Connection " (text(&connection.name)) }, html! {}, html! {}))
        (live("connection-state", "lanes", state))
        @if acts { h2 { "Lane" } (switches(connection, now)) }
        @if connection.system.is_some() {
            h2 { "Test" }
            // A test that somebody else asked for leaves its entry when it has ended.
            (live("connection-test", "audit", test(shown, acts, now)))
            h2 { "Credentials" }
            (credentials(shown, viewer, now))
        }
    }
}

fn pairs(shown: &ConnectionPage) -> Vec<(&'static str, Markup)> {
    let (connection, lane) = (&shown.connection, &shown.connection.lane);
    let name = &connection.name;
    let jobs = |state: &str, n: u64| html! { a href=(format!("/jobs?lane={name}&state={state}")) { (number(n)) } };
    let flows = html! {
        @if shown.flows.is_empty() { (or_dash(None)) }
        @for (place, flow) in shown.flows.iter().enumerate() {
            @if place > 0 { ", " }
            a href=(format!("/flows/{flow}")) { (text(flow)) }
        }
    };
    vec![
        ("System", or_dash(connection.system.as_deref())),
        ("Address", or_dash(connection.address.as_deref())),
        ("Flows", flows),
        ("Ready", jobs("ready", lane.ready)),
        ("Waiting for their time", jobs("delayed", lane.delayed)),
        ("Running", html! { (jobs("running", lane.running)) @if let Some(cap) = lane.cap { " of at most " (cap) } }),
        ("Dead letters", html! { a href=(format!("/dead-letters/list?lane={name}")) { (number(lane.dead)) } }),
    ]
}

fn switches(connection: &ConnectionRow, now: DateTime<Utc>) -> Markup {
    let (name, lane) = (&connection.name, &connection.lane);
    let path = |verb: &str| format!("/connections/{name}/{verb}");
    let pausing = "Jobs that run now end; all others wait until somebody resumes it.";
    html! {
        div .actions {
            @if let Some(held) = &lane.held {
                details .confirm {
                    summary { "Release the hold…" }
                    form .form method="post" action=(path("release")) {
                        p { "It is held because its credentials were refused: " (why(held, now)) }
                        p { "Set the credential that is wrong, or test the connection: a good test releases it by itself. Released \
                             with the same credentials, the next job holds it again." }
                        (reason_field("release", "Why it is released"))
                        button .primary type="submit" { "Release " (name) }
                    }
                }
            }
            @if lane.paused.is_some() { (act(&path("resume"), &format!("Resume {name}"), "primary")) }
            @else {
                (confirm(&path("pause"), "Pause…", pausing, reason_field("pause", "Why it is paused"), &format!("Pause {name}"), "primary"))
            }
        }
    }
}

fn reason_field(form: &str, label: &str) -> Markup {
    Field {
        name: "reason",
        form,
        label,
        hint: "Kept in the audit; no personal data.",
        required: true,
        ..Field::default()
    }
    .show()
}

fn test(shown: &ConnectionPage, acts: bool, now: DateTime<Utc>) -> Markup {
    let connection = &shown.connection;
    html! {
        @if let Some(since) = connection.testing_since {
            p { (badge("busy", "testing")) " since " (time(since, now)) ". Its report is here when it ends: load the page again." }
        } @else if acts {
            form method="post" action=(format!("/connections/{}/ping", connection.name)) {
                button type="submit" { "Test " (connection.name) " now" }
                span .note { " Login, rights, limits, clock, fields; nothing is written there. It takes up to 45 s." }
            }
        }
        @match &shown.ping {
            Some(ping) => (report(ping, now)),
            None => (empty("It was not tested yet.")),
        }
    }
}

fn report(ping: &PingView, now: DateTime<Utc>) -> Markup {
    let rows = html! {
        @for line in &ping.lines {
            tr {
                th scope="row" { (text(&line.what)) }
                td { (verdict_badge(&line.verdict)) }
                td .wide { (text(&line.detail)) }
                td .wide { (or_dash(line.fix.as_deref())) }
            }
        }
    };
    html! {
        p {
            (verdict_badge(&ping.verdict)) " " (time(ping.at, now)) ", asked for by " (text(&ping.by)) "."
            @if ping.lane_released { " It released the lane, which was held." }
        }
        (table("Report of the last test", &["Checked", "Verdict", "Found", "To do"], rows))
    }
}

fn credentials(shown: &ConnectionPage, viewer: &Viewer, now: DateTime<Utc>) -> Markup {
    let is_admin = viewer.may(Role::Admin);
    let columns: &[&str] =
        if is_admin { &["Credential", "Needed", "Set", "Change"] } else { &["Credential", "Needed", "Set"] };
    let rows = html! {
        @for secret in &shown.secrets {
            tr {
                th scope="row" { code { (secret.name) } }
                td data-label="Needed" { (if secret.needed { "yes" } else { "no" }) }
                td data-label="Set" {
                    @match (secret.set_at, secret.needed) {
                        (Some(at), _) => (time(at, now)),
                        (None, true) => (badge("bad", "missing")),
                        (None, false) => (or_dash(None)),
                    }
                }
                @if is_admin { td { (change(&shown.connection.name, secret)) } }
            }
        }
    };
    html! {
        p .note {
            "They are kept sealed and cannot be read back, here or anywhere."
            @if !is_admin { " Changing them needs the role admin." }
        }
        (stacked("Credentials", columns, rows))
    }
}

fn change(connection: &str, secret: &SecretRow) -> Markup {
    let path = format!("/connections/{connection}/secrets/{}", secret.name);
    let (verb, word) = if secret.set_at.is_some() { ("Replace", "Replace…") } else { ("Set", "Set…") };
    let value_id = format!("value-{}", secret.name);
    html! {
        details {
            summary { (word) span .hidden { " " (secret.name) } }
            form .form method="post" action=(path) autocomplete="off" {
                div .field {
                    label for=(value_id) { "New value of " (secret.name) }
                    input id=(value_id) type="password" name="value" required maxlength=(LONGEST_SECRET) autocomplete="off" spellcheck="false";
                }
                button .primary type="submit" { (verb) " " (secret.name) }
            }
        }
        @if secret.set_at.is_some() {
            details {
                summary { "Delete…" span .hidden { " " (secret.name) } }
                form .form method="post" action=(format!("{path}/delete")) {
                    @if secret.needed { p { "The connection cannot work without it: its lane will be held." } }
                    (reason_field(&format!("delete-{}", secret.name), "Why it is deleted"))
                    button .danger type="submit" { "Delete " (secret.name) }
                }
            }
        }
    }
}
