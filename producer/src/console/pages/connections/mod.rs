//! Connections: where they lead, whether they work, whether their lanes give out jobs, and their credentials, which can be
//! written but never read.

mod page;
mod value;

use std::time::Duration;

use mlc_accounts::Role;
use mlc_ledger::LastPing;
use mlc_model::{ConnectionId, PingReport, Verdict};
use mlc_queue::Lane;
use mlc_runtime::settings::Connection;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use self::value::{ConnectionList, ConnectionPage, PingView};
use crate::{
    Failure,
    action::{
        lane::{self, Switched},
        ping::{keep, ping},
        reason, secret,
    },
    console::{
        call::Call,
        error::{ConsoleError, ErrorKind},
        reply::{Done, Entry, View},
        route::Route,
    },
};

/// Longest test of a connection: a person waits for it, and the frame for no answer longer than a minute.
const PING_WITHIN: Duration = Duration::from_secs(45);

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::show("/connections", "Every connection: its lane, what is missing, its last test", list)
            .answers::<ConnectionList>(),
        Route::show("/connections/{name}", "One connection", show).answers::<ConnectionPage>(),
        Route::act("/connections/{name}/ping", "ping", "Test the connection now and wait for the report", test),
        Route::act("/connections/{name}/pause", "pause", "Stop giving out its jobs; running ones end", pause)
            .takes::<Reason>(),
        Route::act("/connections/{name}/resume", "resume", "End a person's pause; an automatic hold stays", resume),
        Route::act("/connections/{name}/release", "release_hold", "End the automatic hold; a pause stays", release)
            .takes::<Reason>(),
        Route::act("/connections/{name}/secrets/{secret}", "set_secret", "Set or replace a credential", set_secret)
            .takes::<SecretInput>()
            .needs(Role::Admin),
        Route::act(
            "/connections/{name}/secrets/{secret}/delete",
            "delete_secret",
            "Delete a credential",
            delete_secret,
        )
        .takes::<Reason>()
        .needs(Role::Admin),
    ]
}

/// Why something is done.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Reason {
    /// One line of 1 to 500 characters, for those who wonder later.
    reason: String,
}

/// A credential. It cannot be read back.
#[derive(Clone, Deserialize, JsonSchema)]
struct SecretInput {
    /// The credential itself: one line of at most 64 KiB.
    value: String,
}

async fn list(call: Call) -> Result<View, ConsoleError> {
    let list = value::list(&call.rooms, &call.console.pings).await?;
    let now = call.now;
    Ok(View::new("/connections", "Connections", list, move |list, _| page::list(list, now)))
}

async fn show(call: Call) -> Result<View, ConsoleError> {
    let lane = lane_of(&call).await?;
    let shown = value::one(&call.rooms, &call.console.pings, &lane, &call.viewer).await?;
    let now = call.now;
    Ok(View::new("/connections", lane.to_string(), shown, move |shown, viewer| page::one(shown, viewer, now)))
}

async fn test(call: Call) -> Result<Done, ConsoleError> {
    let (id, connection) = configured(&call)?;
    let running = call.console.pings.begin(&id, call.now).map_err(|since| {
        let secs = (call.now - since).num_seconds();
        ConsoleError::conflict(format!(
            "{id} is being tested already, since {secs} s: look at its report when it ends."
        ))
    })?;
    let rooms = &call.rooms;
    let ended = tokio::time::timeout(PING_WITHIN, ping(rooms, &id, connection, false)).await;
    let last = match ended {
        Ok(last) => last?,
        Err(_) => {
            let report = without_end(&id);
            let last = LastPing { at: call.now, by: rooms.person.to_string(), report, released: false };
            keep(rooms, &id, &last).await;
            last
        }
    };
    drop(running);
    let (verdict, answer) = (last.report.worst(), PingView::seen_by(&last, Some(connection), &call.viewer));
    let more = if last.released { " Its lane was held and gives out jobs again." } else { "" };
    let bad = answer.lines.iter().filter(|line| line.verdict == Verdict::Bad.as_str()).count();
    let found = match verdict {
        Verdict::Good => "everything is as it should be.".to_owned(),
        Verdict::Warning => "it works, with something to know.".to_owned(),
        Verdict::Bad => format!("{bad} of {} checks failed.", answer.lines.len()),
    };
    Ok(Done {
        message: format!("{id}: {found}{more}"),
        back: path(&id),
        answer: json!(answer),
        entry: Entry::about(id.as_str()).after(verdict.as_str()),
    })
}

/// What is told of a system that answers too slowly to be told more of.
fn without_end(id: &ConnectionId) -> PingReport {
    let mut report = PingReport::default();
    let fix = format!("See whether the system answers at all, or wait longer with `mlc ping {id}`.");
    report.bad("test", format!("no end within {} s", PING_WITHIN.as_secs()), fix);
    report
}

async fn pause(call: Call) -> Result<Done, ConsoleError> {
    let (lane, input) = (lane_of(&call).await?, call.input::<Reason>()?);
    let paused = lane::pause(&call.rooms, &lane, &input.reason).await?;
    let (running, waiting) = (paused.before.running, paused.waiting());
    let message = format!("Paused {lane}: {running} running jobs end, {waiting} wait until it is resumed.");
    Ok(switched(&lane, paused, message))
}

async fn resume(call: Call) -> Result<Done, ConsoleError> {
    let lane = lane_of(&call).await?;
    let resumed = lane::unpause(&call.rooms, &lane).await?;
    let resumed =
        resumed.ok_or_else(|| ConsoleError::conflict(format!("{lane} is not paused: nothing was changed.")))?;
    let message = match resumed.before.held {
        None => format!("Resumed {lane}; {} jobs wait there.", resumed.waiting()),
        Some(_) => format!("{lane} is not paused any more, but still held: see why before you release it."),
    };
    Ok(switched(&lane, resumed, message))
}

async fn release(call: Call) -> Result<Done, ConsoleError> {
    let (lane, input) = (lane_of(&call).await?, call.input::<Reason>()?);
    let released = lane::release(&call.rooms, &lane, reason(&input.reason)?).await?;
    let released =
        released.ok_or_else(|| ConsoleError::conflict(format!("{lane} is not held: nothing was changed.")))?;
    let message = match released.before.paused {
        None => format!("Released {lane}; {} jobs wait there.", released.waiting()),
        Some(_) => format!("{lane} is not held any more, but still paused."),
    };
    Ok(switched(&lane, released, message))
}

async fn set_secret(call: Call) -> Result<Done, ConsoleError> {
    let (id, connection) = configured(&call)?;
    let name = secret::known(&id, connection, call.text("secret"))?;
    // What the reader of JSON says about a wrong input would quote the credential.
    let input = call.input::<SecretInput>().map_err(|_| {
        ConsoleError::bad_input("Send the credential as a text in the field `value`: nothing was stored.")
    })?;
    let value = secret::usable(name, input.value).map_err(|failure| ConsoleError::bad_input(failure.to_string()))?;
    let stored = secret::set(&call.rooms, &id, name, value).await?;
    let verb = if stored.replaced { "Replaced" } else { "Set" };
    let more = if stored.released { " Its lane was held and gives out jobs again." } else { "" };
    Ok(Done {
        message: format!("{verb} {name} of {id}.{more} Running workers use it within seconds; test the connection."),
        back: path(&id),
        answer: json!({ "connection": id, "secret": name, "replaced": stored.replaced, "lane_released": stored.released }),
        entry: stored.change.into(),
    })
}

async fn delete_secret(call: Call) -> Result<Done, ConsoleError> {
    let (id, connection) = configured(&call)?;
    let name = secret::known(&id, connection, call.text("secret"))?;
    let why = call.input::<Reason>()?.reason;
    let why = reason(&why)?;
    let change = secret::delete(&call.rooms, &id, name).await?;
    let after = format!("{}: {why}", change.after);
    Ok(Done {
        message: format!("Deleted {name} of {id}."),
        back: path(&id),
        answer: json!({ "connection": id, "secret": name }),
        entry: Entry::from(change).after(after),
    })
}

/// The lane that the path names: of a connection of the settings, or of one that has jobs still.
async fn lane_of(call: &Call) -> Result<Lane, ConsoleError> {
    Ok(call.rooms.lane(call.text("name")).await?)
}

/// The connection that the path names, which must be in the settings.
fn configured(call: &Call) -> Result<(ConnectionId, &Connection), ConsoleError> {
    call.rooms.connection(call.text("name")).map_err(|failure| match failure {
        Failure::NothingMatched(text) => ConsoleError::not_found(text),
        other => ConsoleError::new(ErrorKind::Defect, other.to_string()),
    })
}

fn switched(lane: &Lane, switched: Switched, message: String) -> Done {
    Done {
        message,
        back: path(&lane.0),
        answer: json!({
            "connection": lane,
            "running": switched.before.running,
            "waiting": switched.waiting(),
            "before": switched.change.before,
            "after": switched.change.after,
        }),
        entry: switched.change.into(),
    }
}

fn path(id: &ConnectionId) -> String {
    format!("/connections/{id}")
}
