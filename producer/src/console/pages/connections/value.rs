//! What is known about connections.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use mlc_ledger::LastPing;
use mlc_model::{ConnectionId, Verdict};
use mlc_queue::{Lane, LaneStatus, LaneStop};
use mlc_runtime::settings::Connection;
use mlc_vault::SecretInfo;
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    Rooms,
    action::secret::{missing, needed, possible},
    console::{
        call::Viewer,
        error::ConsoleError,
        pages::jobs::dto::{NOT_SHOWN, is_talkative, may_read_words},
        pings::Pings,
    },
};

/// Every connection, by name.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(super) struct ConnectionList {
    /// Those of the settings, and those that were removed from them but have jobs still.
    pub(super) connections: Vec<ConnectionRow>,
}

/// One connection.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(super) struct ConnectionRow {
    /// Its name.
    pub(super) name: String,
    /// `epicor`, `hubspot` or `adobe`; null when it is not in the settings any more.
    pub(super) system: Option<String>,
    /// Where it leads; null when it is not in the settings any more.
    pub(super) address: Option<String>,
    /// Its lane.
    pub(super) lane: LaneView,
    /// Credentials that it needs and that are not set.
    pub(super) missing: Vec<String>,
    /// Its last test that a person asked for, at any console or the command line; null when none is remembered.
    pub(super) last_ping: Option<PingBrief>,
    /// Since when it is being tested; null when it is not.
    pub(super) testing_since: Option<DateTime<Utc>>,
}

/// A lane at one moment.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(super) struct LaneView {
    /// Jobs that could start now.
    pub(super) ready: u64,
    /// Jobs that wait for their time.
    pub(super) delayed: u64,
    /// Jobs that are being carried out.
    pub(super) running: u64,
    /// Jobs on the dead-letter shelf.
    pub(super) dead: u64,
    /// Most jobs at once; null = no limit.
    pub(super) cap: Option<u32>,
    /// Stopped by a person; null when it is not.
    pub(super) paused: Option<Stop>,
    /// Stopped because the credentials were refused; null when it is not.
    pub(super) held: Option<Stop>,
}

/// Why a lane gives out no jobs.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(super) struct Stop {
    /// Who stopped it: a person, or `queue`.
    pub(super) by: String,
    /// Why.
    pub(super) reason: String,
    /// Since when.
    pub(super) at: DateTime<Utc>,
}

/// A test in one line.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(super) struct PingBrief {
    /// When it began.
    pub(super) at: DateTime<Utc>,
    /// `good`, `warning` or `bad`: that of its worst line.
    pub(super) verdict: String,
}

/// A test with its report.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(super) struct PingView {
    /// When it began.
    pub(super) at: DateTime<Utc>,
    /// Who asked for it.
    pub(super) by: String,
    /// `good`, `warning` or `bad`: that of its worst line.
    pub(super) verdict: String,
    /// What was checked, in the order of checking.
    pub(super) lines: Vec<PingLineView>,
    /// Whether it ended an automatic hold of the lane.
    pub(super) lane_released: bool,
}

/// One checked thing.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(super) struct PingLineView {
    /// What was checked.
    pub(super) what: String,
    /// `good`, `warning` or `bad`.
    pub(super) verdict: String,
    /// What was seen.
    pub(super) detail: String,
    /// What can be done about it; null when there is nothing to do.
    pub(super) fix: Option<String>,
}

/// One connection with its credentials and its last report.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(super) struct ConnectionPage {
    /// The connection.
    pub(super) connection: ConnectionRow,
    /// Flows that read from it or write to it.
    pub(super) flows: Vec<String>,
    /// Its last test; null when there was none.
    pub(super) ping: Option<PingView>,
    /// Every credential that it may have; never what it is.
    pub(super) secrets: Vec<SecretRow>,
}

/// A credential.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(super) struct SecretRow {
    /// Its name.
    pub(super) name: String,
    /// Whether the connection cannot work without it.
    pub(super) needed: bool,
    /// When it was last set; null when it is not.
    pub(super) set_at: Option<DateTime<Utc>>,
}

impl PingView {
    /// A test as it is shown.
    pub(super) fn seen_by(last: &LastPing, connection: Option<&Connection>, viewer: &Viewer) -> Self {
        // A check that failed tells what the system said.
        let theirs = connection.is_none_or(|connection| is_talkative(connection.system().as_str()));
        let hidden = |verdict| verdict != Verdict::Good && theirs && !may_read_words(viewer);
        let lines = last.report.lines.iter().map(|line| PingLineView {
            what: line.what.clone(),
            verdict: line.verdict.to_string(),
            detail: if hidden(line.verdict) { NOT_SHOWN.to_owned() } else { line.detail.clone() },
            fix: line.fix.clone(),
        });
        Self {
            at: last.at,
            by: last.by.clone(),
            verdict: last.report.worst().to_string(),
            lines: lines.collect(),
            lane_released: last.released,
        }
    }
}

/// Every connection.
pub(super) async fn list(rooms: &Rooms, pings: &Pings) -> Result<ConnectionList, ConsoleError> {
    let lanes = rooms.queue.lanes().await?;
    let secrets = rooms.secrets.list_all().await?;
    let tested = rooms.ledger.pings().await?;
    let mut lanes: BTreeMap<ConnectionId, LaneStatus> =
        lanes.into_iter().map(|status| (status.lane.0.clone(), status)).collect();
    let configured = &rooms.settings.connections;
    let names: BTreeSet<ConnectionId> = configured.keys().chain(lanes.keys()).cloned().collect();
    let mut connections = Vec::with_capacity(names.len());
    for id in names {
        let status = match lanes.remove(&id) {
            Some(status) => status,
            None => rooms.queue.lane(&Lane::from(id.clone())).await?,
        };
        let known = secrets.get(&id).map(Vec::as_slice).unwrap_or_default();
        connections.push(row(&id, configured.get(&id), &status, known, tested.get(&id), pings.since(&id)));
    }
    Ok(ConnectionList { connections })
}

/// One connection.
pub(super) async fn one(
    rooms: &Rooms,
    pings: &Pings,
    lane: &Lane,
    viewer: &Viewer,
) -> Result<ConnectionPage, ConsoleError> {
    let id = &lane.0;
    let (status, known) = (rooms.queue.lane(lane).await?, rooms.secrets.list(id).await?);
    let connection = rooms.settings.connection(id);
    let tested = rooms.ledger.pings().await?;
    let last = tested.get(id);
    let secret = |connection: &Connection| {
        let needed = needed(connection);
        let row = |name: &&'static str| SecretRow {
            name: (*name).to_owned(),
            needed: needed.contains(name),
            set_at: known.iter().find(|one| one.name == *name).map(|one| one.updated_at),
        };
        possible(connection).iter().map(row).collect::<Vec<_>>()
    };
    let flows = rooms.settings.flows.iter().filter(|(_, flow)| flow.from == *id || flow.to == *id);
    Ok(ConnectionPage {
        connection: row(id, connection, &status, &known, last, pings.since(id)),
        flows: flows.map(|(name, _)| name.to_string()).collect(),
        ping: last.map(|last| PingView::seen_by(last, connection, viewer)),
        secrets: connection.map(secret).unwrap_or_default(),
    })
}

fn row(
    id: &ConnectionId,
    connection: Option<&Connection>,
    status: &LaneStatus,
    secrets: &[SecretInfo],
    last: Option<&LastPing>,
    testing_since: Option<DateTime<Utc>>,
) -> ConnectionRow {
    let missing = connection.map(|connection| missing(connection, secrets)).unwrap_or_default();
    ConnectionRow {
        name: id.to_string(),
        system: connection.map(|connection| connection.system().to_string()),
        address: connection.map(Connection::address),
        lane: LaneView {
            ready: status.ready,
            delayed: status.delayed,
            running: status.running,
            dead: status.dead,
            cap: status.cap,
            paused: status.paused.as_ref().map(stop),
            held: status.held.as_ref().map(stop),
        },
        missing: missing.into_iter().map(str::to_owned).collect(),
        last_ping: last.map(|last| PingBrief { at: last.at, verdict: last.report.worst().to_string() }),
        testing_since,
    }
}

fn stop(stop: &LaneStop) -> Stop {
    Stop { by: stop.by.clone(), reason: stop.reason.clone(), at: stop.at }
}
