//! Flows and their windows.

mod page;
mod value;
mod window;
mod window_page;

use chrono::{DateTime, Utc};
use mlc_flow::flow_kind;
use mlc_ledger::WindowState;
use mlc_model::FlowId;
use mlc_runtime::settings::{FlowSettings, Schedule as Configured};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use self::value::{Flow, FlowPage, Flows, Windows, schedule_words};
use crate::{
    Failure, Ordered, Rooms,
    action::sync::{self, Request},
    console::{
        call::Call,
        error::ConsoleError,
        reply::{Done, Entry, View},
        route::Route,
    },
    lag::progress_of,
    schedule::{Schedule, jitter_of},
};

/// Windows on one page of the list.
const WINDOWS: usize = 50;
/// Windows looked at for one page when only one state is wanted.
const LOOKED_AT: usize = 1_000;
/// Windows read at once.
const STEP: usize = 100;

/// Which windows are listed.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default)]
struct WindowsQuery {
    /// Only this state.
    state: Option<State>,
    /// Continue after this window's number: the `next` of the page before.
    after: Option<u64>,
}

/// Where a window stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    /// Being read.
    Open,
    /// Read wholly.
    Closed,
    /// Given up.
    Abandoned,
}

impl From<WindowState> for State {
    fn from(state: WindowState) -> Self {
        match state {
            WindowState::Open => Self::Open,
            WindowState::Closed => Self::Closed,
            WindowState::Abandoned => Self::Abandoned,
        }
    }
}

/// What is to be read.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct SyncInput {
    /// Read what changed since then: `2026-11-01`, `2026-11-01T06:00:00Z`, or how long ago, such as `2h`. Left out: since the
    /// checkpoint.
    since: Option<String>,
}

/// What was ordered.
#[derive(Debug, Clone, Serialize, JsonSchema)]
struct SyncAnswer {
    /// The flow.
    flow: String,
    /// `incremental`, `since` or `full`.
    extent: &'static str,
    /// The jobs that stand for the order, one for each entity.
    jobs: Vec<String>,
    /// Of those, how many waited already.
    coalesced: usize,
}

pub(super) fn routes() -> Vec<Route> {
    let mut routes = vec![
        Route::show("/flows", "Flows: schedule, lag, open windows", list).answers::<Flows>(),
        Route::show("/flows/{flow}", "One flow and its windows, newest first", one)
            .asks::<WindowsQuery>()
            .answers::<FlowPage>(),
        Route::act("/flows/{flow}/sync", "sync", "Read what changed, now", sync_now)
            .takes::<SyncInput>()
            .answers::<SyncAnswer>(),
        Route::act("/flows/{flow}/full-sync", "sync", "Read everything, now", full_sync).answers::<SyncAnswer>(),
    ];
    routes.extend(window::routes());
    routes
}

async fn list(call: Call) -> Result<View, ConsoleError> {
    let mut flows = Vec::new();
    for (id, settings) in &call.rooms.settings.flows {
        flows.push(flow(&call.rooms, id, settings, call.now).await?);
    }
    let flows = Flows { flows, at: call.now };
    Ok(View::new("/flows", "Flows", flows, |flows, _viewer| page::list(flows)))
}

async fn one(call: Call) -> Result<View, ConsoleError> {
    let query: WindowsQuery = call.query()?;
    let rooms = &call.rooms;
    let (id, settings) = rooms.flow(call.text("flow"))?;
    let found = FlowPage {
        flow: flow(rooms, &id, settings, call.now).await?,
        windows: windows(rooms, &id, &query).await?,
        at: call.now,
    };
    let raw = call.raw_query().to_owned();
    let shown = move |found: &FlowPage, viewer: &_| page::one(found, query.state, &raw, viewer);
    Ok(View::new("/flows", id.to_string(), found, shown))
}

/// A page of windows. With a state wanted, more are looked at than shown; a short page can have a next one.
async fn windows(rooms: &Rooms, id: &FlowId, query: &WindowsQuery) -> Result<Windows, Failure> {
    let mut found = Vec::new();
    let (mut before, mut looked_at) = (query.after, 0);
    let next = loop {
        let rows = rooms.ledger.windows_before(id, before, STEP).await?;
        let is_last = rows.len() < STEP;
        for row in rows {
            let is_wanted = query.state.is_none_or(|state| state == State::from(row.state));
            if is_wanted && found.len() == WINDOWS {
                // There is a next page only where something stands on it.
                return Ok(Windows { items: found, next: before });
            }
            looked_at += 1;
            let number = row.window.id.as_str().rsplit('.').next().and_then(|number| number.parse().ok());
            before = number.or(before);
            if is_wanted {
                found.push(value::WindowLine::from(&row));
            }
        }
        if is_last {
            break None;
        }
        if looked_at >= LOOKED_AT {
            break before;
        }
    };
    Ok(Windows { items: found, next })
}

async fn flow(rooms: &Rooms, id: &FlowId, settings: &FlowSettings, now: DateTime<Utc>) -> Result<Flow, Failure> {
    let kind = flow_kind(settings.kind(id))?;
    let progress = progress_of(rooms, id, settings).await?;
    let (last, last_full) = tokio::try_join!(rooms.ledger.last_tick(id), rooms.ledger.last_full_tick(id))?;
    let open = rooms.ledger.open_windows(id).await?;
    let due = |configured: Configured<'_>, last: Option<DateTime<Utc>>| {
        let schedule = Schedule::configured(configured, settings.jitter).ok().flatten()?;
        // One that never ticked is due at once.
        Some(last.map_or(Some(now), |last| schedule.next_after(last, jitter_of(id.as_str(), Some(last))))?.max(now))
    };
    Ok(Flow {
        flow: id.to_string(),
        kind: kind.name,
        summary: kind.summary,
        from: settings.from.to_string(),
        to: settings.to.to_string(),
        enabled: settings.enabled,
        announced: kind.entities.is_empty(),
        schedule: schedule_words(settings.schedule()),
        full_schedule: schedule_words(settings.full_schedule()),
        last_tick: last,
        last_full_tick: last_full,
        next_due: due(settings.schedule(), last),
        next_full_due: due(settings.full_schedule(), last_full),
        lag_secs: crate::lag::lag_of(&progress, now).map(|lag| lag.num_seconds().unsigned_abs()),
        entities: progress.iter().map(|entity| value::EntityRow::of(entity, now)).collect(),
        open_windows: open.iter().map(|row| row.window.id.to_string()).collect(),
    })
}

async fn sync_now(call: Call) -> Result<Done, ConsoleError> {
    let input: SyncInput = call.input()?;
    let since = input.since.as_deref().map(|text| sync::since_at(text.trim(), call.now)).transpose();
    order(&call, Request::new(since.map_err(ConsoleError::bad_input)?, false)).await
}

async fn full_sync(call: Call) -> Result<Done, ConsoleError> {
    order(&call, Request::new(None, true)).await
}

async fn order(call: &Call, request: Request) -> Result<Done, ConsoleError> {
    let (id, settings) = call.rooms.flow(call.text("flow"))?;
    let ordered = sync::order(&call.rooms, &id, settings, request).await?;
    let jobs: Vec<String> = ordered.iter().map(|order: &Ordered| order.job.to_string()).collect();
    let coalesced = ordered.iter().filter(|order| !order.new).count();
    if coalesced == ordered.len() {
        let message = format!("This was ordered already and waits its turn: job {}.", jobs.join(", "));
        return Err(ConsoleError::conflict(message));
    }
    let what = match request.word() {
        "full" => "everything",
        "since" => "what changed since then",
        _ => "what changed",
    };
    let answer = SyncAnswer { flow: id.to_string(), extent: request.word(), jobs, coalesced };
    Ok(Done {
        message: format!("Ordered {id}: {what} will be read. The windows below show how far it is."),
        back: format!("/flows/{}", crate::console::components::segment(id.as_str())),
        answer: json!(answer),
        entry: Entry::about(id.as_str()).after(request.after()),
    })
}
