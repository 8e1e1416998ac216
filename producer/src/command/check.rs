//! `mlc check`: the settings, offline.

use mlc_runtime::settings::{Connection, FlowSettings, Schedule as Configured, Settings, SettingsError, duration};
use serde_json::{Value, json};

use super::Caller;
use crate::{Exit, Failure, schedule::Schedule};

pub(crate) fn run(caller: &Caller) -> Result<Exit, Failure> {
    let output = caller.output;
    let settings = match Settings::load(&caller.config) {
        Ok(settings) => settings,
        Err(errors) => {
            output.json(&json!({ "good": false, "errors": errors.0.iter().map(error_json).collect::<Vec<_>>() }))?;
            return if output.is_json() { Ok(Exit::Wrong) } else { Err(errors.into()) };
        }
    };
    for flow in settings.flows.values() {
        for schedule in [flow.schedule(), flow.full_schedule()] {
            Schedule::configured(schedule, flow.jitter)?;
        }
    }
    output.line(format!(
        "{} is good: {} connections, {} flows",
        caller.config.display(),
        settings.connections.len(),
        settings.flows.len()
    ))?;
    let connections = settings.connections.iter().map(|(id, connection)| {
        [id.to_string(), connection.system().to_string(), address(connection), connection.concurrency().to_string()]
    });
    output.table(["CONNECTION", "SYSTEM", "ADDRESS", "AT ONCE"], connections.collect())?;
    let flows = settings.flows.iter().map(|(id, flow)| {
        [id.to_string(), flow.from.to_string(), flow.to.to_string(), changes(flow), written(flow.full_schedule())]
    });
    output.table(["FLOW", "FROM", "TO", "CHANGES", "EVERYTHING"], flows.collect())?;
    output.json(&json!({
        "good": true,
        "errors": [],
        "connections": settings.connections.keys().collect::<Vec<_>>(),
        "flows": settings.flows.keys().collect::<Vec<_>>(),
    }))?;
    Ok(Exit::Done)
}

/// Where the connection leads, for people.
pub(super) fn address(connection: &Connection) -> String {
    match connection {
        Connection::Epicor(epicor) => format!("{} company {}", epicor.base_url, epicor.company),
        Connection::Hubspot(hubspot) => hubspot.base_url.to_string(),
        Connection::Adobe(adobe) => format!("{} store {}", adobe.base_url, adobe.store),
    }
}

fn changes(flow: &FlowSettings) -> String {
    if flow.enabled { written(flow.schedule()) } else { "switched off, on demand".to_owned() }
}

fn written(schedule: Configured<'_>) -> String {
    match schedule {
        Configured::OnDemand => "on demand".to_owned(),
        Configured::Every(interval) => format!("every {}", duration::format(interval)),
        Configured::Cron(pattern) => format!("cron {pattern}"),
    }
}

fn error_json(error: &SettingsError) -> Value {
    json!({
        "file": error.file,
        "key": error.key,
        "line": error.line,
        "problem": error.problem,
        "fix": error.fix,
    })
}
