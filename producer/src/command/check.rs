//! `mlc check`: the settings, offline.

use mlc_flow::flow_kind;
use mlc_runtime::settings::{
    Connection, FlowSettings, Listen, Schedule as Configured, Settings, SettingsError, duration,
};
use serde_json::{Value, json};

use super::Caller;
use crate::{Exit, Failure, schedule::Schedule, webhook};

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
    webhook::check(&settings)?;
    output.line(format!(
        "{} is good: {} connections, {} flows",
        caller.config.display(),
        settings.connections.len(),
        settings.flows.len()
    ))?;
    let connections = settings.connections.iter().map(|(id, connection)| {
        [id.to_string(), connection.system().to_string(), connection.address(), connection.concurrency().to_string()]
    });
    output.table(["CONNECTION", "SYSTEM", "ADDRESS", "AT ONCE"], connections.collect())?;
    let flows = settings.flows.iter().map(|(id, flow)| {
        let polls = flow_kind(flow.kind(id)).is_ok_and(|kind| !kind.entities.is_empty());
        let everything = if polls { written(flow.full_schedule()) } else { "-".to_owned() };
        [id.to_string(), flow.from.to_string(), flow.to.to_string(), changes(flow, polls), everything]
    });
    output.table(["FLOW", "FROM", "TO", "CHANGES", "EVERYTHING"], flows.collect())?;
    let warnings = unheard(&settings);
    for warning in &warnings {
        output.line(format!("warning: {warning}"))?;
    }
    output.json(&json!({
        "good": true,
        "errors": [],
        "warnings": warnings,
        "connections": settings.connections.keys().collect::<Vec<_>>(),
        "flows": settings.flows.keys().collect::<Vec<_>>(),
    }))?;
    Ok(Exit::Done)
}

fn changes(flow: &FlowSettings, polls: bool) -> String {
    match (flow.enabled, polls) {
        (true, true) => written(flow.schedule()),
        (true, false) => "by webhook".to_owned(),
        (false, true) => "switched off, on demand".to_owned(),
        (false, false) => "switched off".to_owned(),
    }
}

/// Flows that only a webhook announces, where no webhook can arrive.
fn unheard(settings: &Settings) -> Vec<String> {
    let mut warnings = Vec::new();
    for (id, flow) in settings.flows.iter().filter(|(_, flow)| flow.enabled) {
        let announced = flow_kind(flow.kind(id)).is_ok_and(|kind| kind.entities.is_empty());
        let shop = settings.connection(&flow.from).and_then(Connection::as_adobe);
        if announced && shop.is_some_and(|shop| shop.webhook.is_none()) {
            warnings.push(format!(
                "flows.{id} never runs: nothing announces its work; add a section [connections.{}.webhook]",
                flow.from
            ));
        } else if announced && settings.producer.webhooks == Listen::Off {
            warnings.push(format!("flows.{id} never runs from here: producer.webhooks is \"off\""));
        }
    }
    warnings
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
