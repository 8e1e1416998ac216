//! Budgets: what is left, and when a backlog drains.

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::{FutureExt as _, StreamExt as _, TryStreamExt as _, stream};
use maud::{Markup, html};
use mlc_connections::BudgetLeft;
use mlc_model::ConnectionId;
use mlc_queue::Lane;
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    Rooms,
    console::{
        backlog::{Drain, LOOK_BACK, Taking, drain, speed},
        call::Call,
        components::{badge, empty, live, meter, number, segment, span, table, text, time},
        error::ConsoleError,
        reply::View,
        route::Route,
    },
};

/// Connections that are asked at once.
const AT_ONCE: usize = 8;

/// What each connection may still spend.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Budgets {
    /// Connections, by name.
    connections: Vec<ConnectionBudgets>,
    /// When this was so.
    at: DateTime<Utc>,
}

/// What one connection may still spend, and what waits for it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct ConnectionBudgets {
    /// Its name.
    connection: String,
    /// `epicor`, `hubspot` or `adobe`.
    system: &'static str,
    /// Its budgets; empty while they are not known.
    budgets: Vec<Budget>,
    /// Why they are not known, such as a secret that is not set; null when they are.
    problem: Option<String>,
    /// Jobs that wait for it.
    backlog: u64,
    /// Jobs done a minute, over the last quarter of an hour.
    done_per_minute: f64,
    /// When nothing waits any more, at that pace and within these budgets.
    drain: Drain,
}

/// One budget of a connection. All workers share it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Budget {
    /// The family of calls that it counts.
    pub(crate) family: &'static str,
    /// Calls allowed in `per_secs`; with 0 there, calls at a time.
    pub(crate) limit: u64,
    /// Of those, left now.
    pub(crate) left: u64,
    /// Of those, used or reserved.
    pub(crate) used: u64,
    /// Seconds in which the limit counts: 86,400 for a day, 0 for calls at a time.
    pub(crate) per_secs: u64,
    /// When it is whole again if nobody calls; null for calls at a time, and while it is whole.
    pub(crate) whole_at: Option<DateTime<Utc>>,
    /// Until when the server lets nothing through; null unless it said so.
    pub(crate) blocked_until: Option<DateTime<Utc>>,
}

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::show("/budgets", "What each connection may still spend, and when its backlog drains", show)
            .answers::<Budgets>(),
    ]
}

/// A budget at `now`.
pub(crate) fn seen(budget: &BudgetLeft, now: DateTime<Utc>) -> Budget {
    let later = |wait: std::time::Duration| {
        let wait = TimeDelta::from_std(wait).ok().filter(|wait| !wait.is_zero())?;
        now.checked_add_signed(wait)
    };
    Budget {
        family: budget.family,
        limit: budget.limit,
        left: budget.remaining,
        used: budget.limit.saturating_sub(budget.remaining),
        per_secs: budget.per.as_secs(),
        whole_at: later(budget.whole_in),
        blocked_until: later(budget.blocked_for),
    }
}

async fn show(call: Call) -> Result<View, ConsoleError> {
    let (rooms, now) = (&call.rooms, call.now);
    let unconsumed = rooms.queue.unconsumed().await?;
    let of = |id: &ConnectionId| of_connection(rooms, id.clone(), &unconsumed, now).boxed();
    let asked: Vec<_> = rooms.settings.connections.keys().map(of).collect();
    let connections = stream::iter(asked).buffered(AT_ONCE).try_collect().await?;
    Ok(View::new("/budgets", "Budgets", Budgets { connections, at: now }, |budgets, _viewer| page(budgets)))
}

async fn of_connection(
    rooms: &Rooms,
    id: ConnectionId,
    unconsumed: &[Lane],
    now: DateTime<Utc>,
) -> Result<ConnectionBudgets, ConsoleError> {
    let lane = Lane::from(id.clone());
    let (status, pace) = tokio::try_join!(rooms.queue.lane(&lane), rooms.queue.pace(Some(&lane), LOOK_BACK))?;
    let (left, problem) = match rooms.connections.budgets(&id).await {
        Ok(left) => (left, None),
        Err(fault) => (Vec::new(), Some(fault.message)),
    };
    let (backlog, speed) = (status.ready + status.delayed, speed(&pace, now));
    Ok(ConnectionBudgets {
        system: rooms.settings.connections.get(&id).map_or("unknown", |connection| connection.system().as_str()),
        connection: id.to_string(),
        budgets: left.iter().map(|budget| seen(budget, now)).collect(),
        problem,
        backlog,
        done_per_minute: (speed * 600.0).round() / 10.0,
        drain: drain(backlog, speed, Taking::of(&status, unconsumed), &left),
    })
}

/// The estimate in words.
pub(crate) fn drain_words(drain: &Drain) -> Markup {
    match (drain.state, drain.secs) {
        ("empty", _) => html! { span .muted { "nothing waits" } },
        ("stopped", _) => html! { (badge("warn", "stopped")) },
        ("unconsumed", _) => html! { (badge("bad", "nobody takes them")) },
        ("moving", Some(secs)) => html! {
            "about " (span(secs))
            @if let Some(family) = drain.limited_by { span .note { ", limited by " (family) } }
        },
        _ => html! { (badge("warn", "standing still")) },
    }
}

/// What the limit counts, in words.
pub(crate) fn per_words(budget: &Budget) -> String {
    match budget.per_secs {
        0 if budget.whole_at.is_none() => "at a time".to_owned(),
        0 => "under a second".to_owned(),
        1 => "a second".to_owned(),
        60 => "a minute".to_owned(),
        86_400 => "a day".to_owned(),
        secs => format!("in {}", span(secs)),
    }
}

fn page(budgets: &Budgets) -> Markup {
    let now = budgets.at;
    html! {
        h1 { "Budgets" }
        p .muted { "All workers share these budgets. What a server says about its limits counts more than the settings." }
        @if budgets.connections.is_empty() { (empty("No connection is configured.")) }
        @else {
            (live("budgets", "budgets lanes jobs", html! {
                @for connection in &budgets.connections { (section(connection, now)) }
            }))
        }
    }
}

fn section(connection: &ConnectionBudgets, now: DateTime<Utc>) -> Markup {
    let name = &connection.connection;
    let rows = html! {
        @for budget in &connection.budgets {
            tr {
                th scope="row" { (budget.family) @if budget.blocked_until.is_some() { " " (badge("bad", "blocked")) } }
                td .n { (number(budget.left)) }
                td .n { (number(budget.limit)) }
                td { (per_words(budget)) }
                td .n { (number(budget.used)) }
                td { (meter(&format!("{} of {name}: used", budget.family), budget.used, budget.limit)) }
                td .tight {
                    @match (budget.blocked_until, budget.whole_at) {
                        (Some(until), _) => { "opens " (time(until, now)) }
                        (None, Some(at)) => { (time(at, now)) }
                        (None, None) => { span .muted { "now" } }
                    }
                }
            }
        }
    };
    html! {
        section aria-labelledby=(format!("c-{name}")) {
            h2 id=(format!("c-{name}")) {
                a href=(format!("/connections/{}", segment(name))) { (text(name)) } " " (badge("plain", connection.system))
            }
            p {
                @if connection.backlog > 0 {
                    (number(connection.backlog)) @if connection.backlog == 1 { " job waits; " } @else { " jobs wait; " }
                    (format!("{:.1}", connection.done_per_minute)) " done a minute. "
                    @if connection.drain.secs.is_some() { "Drains in " }
                } @else { "Backlog: " }
                (drain_words(&connection.drain))
            }
            @if let Some(problem) = &connection.problem {
                p .message.warn { "Its budgets are not known yet: " (text(problem)) }
            } @else if connection.budgets.is_empty() {
                (empty("No limit is known yet: the first answers will tell."))
            } @else {
                (table(&format!("Budgets of {name}"), &["Calls", "#Left", "#Limit", "Counted", "#Used", "Share", "Whole again"], rows))
            }
        }
    }
}
