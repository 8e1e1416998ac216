//! `mlc ping`: tests connections.

use clap::Args;
use mlc_ledger::LastPing;
use mlc_model::{ConnectionId, Verdict};
use mlc_runtime::settings::Connection;
use serde_json::{Value, json};

use super::Caller;
use crate::{
    Exit, Failure,
    action::ping::ping,
    output::{Output, or_dash},
};

#[derive(Debug, Args)]
pub(crate) struct Ping {
    /// The connection; all of them when not given.
    connection: Option<String>,
    /// Create what is missing at the target: property group, key property, classification properties.
    #[arg(long)]
    set_up: bool,
}

pub(crate) async fn run(command: Ping, caller: &Caller) -> Result<Exit, Failure> {
    let (rooms, output) = (caller.open().await?, caller.output);
    let chosen: Vec<(ConnectionId, &Connection)> = match &command.connection {
        Some(name) => vec![rooms.connection(name)?],
        None => rooms.settings.connections.iter().map(|(id, connection)| (id.clone(), connection)).collect(),
    };
    if chosen.is_empty() {
        return Err(Failure::NothingMatched(
            "no connection is configured; add a section [connections.NAME]".to_owned(),
        ));
    }
    let (mut worst, mut answers) = (Verdict::Good, Vec::new());
    for (id, connection) in chosen {
        let pinged = ping(&rooms, &id, connection, command.set_up).await?;
        worst = worst.max(pinged.report.worst());
        answers.push(tell(&id, connection, &pinged, output)?);
    }
    output.json(&json!({ "verdict": worst, "connections": answers }))?;
    Ok(if worst == Verdict::Bad { Exit::Wrong } else { Exit::Done })
}

fn tell(id: &ConnectionId, connection: &Connection, pinged: &LastPing, output: Output) -> Result<Value, Failure> {
    let LastPing { report, released, .. } = pinged;
    let verdict = report.worst();
    output.line(format!("{id} ({}, {}): {verdict}", connection.system(), connection.address()))?;
    let rows = report
        .lines
        .iter()
        .map(|line| [line.verdict.to_string(), line.what.clone(), line.detail.clone(), or_dash(line.fix.as_deref())]);
    output.table(["", "CHECKED", "FOUND", "TO DO"], rows.collect())?;
    if *released {
        output.line(format!("The lane of {id} was held and gives out jobs again."))?;
    }
    output.line("")?;
    Ok(json!({
        "connection": id,
        "system": connection.system(),
        "verdict": verdict,
        "lines": report.lines,
        "lane_released": released,
    }))
}
