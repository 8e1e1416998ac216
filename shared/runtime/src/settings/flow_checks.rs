//! What must hold for flows: their ends, their schedules, and what they have in common.

use std::{str::FromStr as _, time::Duration};

use chrono::{DateTime, Utc};
use croner::Cron;
use mlc_model::{ConnectionId, FlowId, System};

use super::{
    Connection, FLOW_KINDS, FlowSettings, Settings,
    bounds::{COLUMN_FIX, DAY, HOUR, MINUTE, NO_COLUMN, SECOND, is_attribute, is_column, is_property, span},
    nearest::nearest,
    reading::Reading,
};

/// Kinds of flows that poll nothing.
const ANNOUNCED: [&str; 2] = ["adobe_to_epicor::requisitions", "adobe_to_epicor::invoices"];

pub(super) fn check_flow(id: &FlowId, flow: &FlowSettings, settings: &Settings, reading: &mut Reading<'_>) {
    let at = |key: &'static str| ["flows", id.as_str(), key];
    let kind = flow.kind(id);
    if !FLOW_KINDS.contains(&kind.as_str()) {
        let meant = nearest(kind.as_str(), FLOW_KINDS);
        let fix = meant.map_or_else(|| format!("known: {}", FLOW_KINDS.join(", ")), |m| format!("did you mean `{m}`?"));
        let key: &[&str] = if flow.kind.is_some() { &at("kind") } else { &["flows", id.as_str()] };
        reading.wrong(key, "unknown flow", fix);
    }
    let (source, target) = ends(kind);
    for (key, end, system) in [("from", &flow.from, source), ("to", &flow.to, target)] {
        let known = settings.connections.keys().map(ConnectionId::as_str);
        match settings.connection(end) {
            Some(connection) if connection.system() != system => {
                let problem = format!("`{end}` is a connection to {}, this end needs {system}", connection.system());
                reading.wrong(&at(key), problem, format!("name a connection with system = \"{system}\""));
            }
            // A connection that stands there but could not be read has its own error already, as has a missing end.
            None if reading.is_set(&at(key)) && !reading.is_set(&["connections", end.as_str()]) => {
                let fix = match nearest(end.as_str(), known) {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None => format!("add a section [connections.{end}]"),
                };
                reading.wrong(&at(key), format!("unknown connection `{end}`"), fix);
            }
            _ => {}
        }
    }
    check_idle_keys(id, kind, reading);
    check_prefix(id, flow, settings, reading);
    if let Some(limit) = flow.lag_limit {
        span(reading, &at("lag_limit"), limit, MINUTE, 31 * DAY);
    }
    if flow.customer_types.is_empty() {
        reading.wrong(&at("customer_types"), "is empty: no customer would be carried over", "use CUS, PRO and SUS");
    }
    for code in flow.customer_types.iter().filter(|code| !["CUS", "PRO", "SUS"].contains(&code.as_str())) {
        let code: String = code.chars().take(20).collect();
        reading.wrong(&at("customer_types"), format!("`{code}` is not a type of customer"), "use CUS, PRO and SUS");
    }
    check_fields(id, flow, target, settings, reading);
}

/// Every shop counts its invoices from 1: under one prefix the second shop's would be taken for the first one's.
fn check_prefix(id: &FlowId, flow: &FlowSettings, settings: &Settings, reading: &mut Reading<'_>) {
    let kind = flow.kind(id);
    let is_alike = |other: &FlowSettings| {
        let (ours, theirs) = (flow.invoices.number_prefix.trim(), other.invoices.number_prefix.trim());
        other.to == flow.to && other.from != flow.from && ours.eq_ignore_ascii_case(theirs)
    };
    let mut earlier = settings.flows.iter().take_while(|(other, _)| *other != id);
    if kind.as_str() == "adobe_to_epicor::invoices"
        && let Some((other, _)) = earlier.find(|(other, flow)| flow.kind(other) == kind && is_alike(flow))
    {
        let problem = format!("is that of `{other}` too, which enters another shop's invoices in the same Epicor");
        let fix = "give each shop a `number_prefix` of its own in the section `invoices`";
        reading.wrong(&["flows", id.as_str(), "invoices", "number_prefix"], problem, fix);
    }
}

/// Keys that a flow does not look at: whoever sets one expects something that will not happen.
fn check_idle_keys(id: &FlowId, kind: &FlowId, reading: &mut Reading<'_>) {
    let (source, target) = ends(kind);
    if !FLOW_KINDS.contains(&kind.as_str()) || (source, target) == (System::Epicor, System::Hubspot) {
        return;
    }
    let mut refuse = |key: &'static str, problem: &str| {
        let at = ["flows", id.as_str(), key];
        if reading.is_set(&at) {
            reading.wrong(&at, problem, "remove the line");
        }
    };
    for key in ["customer_types", "contacts", "clear_empty_fields"] {
        refuse(key, "means something only in flows to HubSpot");
    }
    if kind.as_str() != "epicor_to_adobe::vendors" {
        refuse("fields", "means something only in flows of vendors and customers");
    }
    if ANNOUNCED.contains(&kind.as_str()) {
        for key in ["every", "cron", "full_every", "full_cron", "jitter", "lag_limit"] {
            refuse(key, "has nothing to poll: this flow is announced by webhook, see `webhook` of the connection");
        }
    }
}

fn check_fields(id: &FlowId, flow: &FlowSettings, target: System, settings: &Settings, reading: &mut Reading<'_>) {
    for (name, column) in &flow.fields {
        let key = ["flows", id.as_str(), "fields", name.as_str()];
        let fix = "use lower-case letters, digits and `_`, a letter first";
        if target == System::Adobe && !is_attribute(name) {
            reading.wrong(&key, "is not a name of an attribute of Adobe Commerce", fix);
        } else if target == System::Hubspot && !is_property(name) {
            reading.wrong(&key, "is not a name of a HubSpot property", fix);
        }
        if !is_column(column) {
            reading.wrong(&key, NO_COLUMN, COLUMN_FIX);
        }
        let hubspot = settings.connection(&flow.to).and_then(Connection::as_hubspot);
        if hubspot.is_some_and(|hubspot| hubspot.key_property == *name) {
            reading.wrong(&key, "would overwrite the key property", "choose another property");
        }
        let dimension = (target == System::Adobe).then_some(&flow.vendors);
        if dimension
            .is_some_and(|vendors| vendors.gl_dimension_column.is_some() && vendors.gl_dimension_attribute == *name)
        {
            let problem = "would overwrite the attribute of the GL dimension";
            reading.wrong(&key, problem, "choose another attribute, or another `gl_dimension_attribute`");
        }
    }
}

pub(super) fn check_schedule(id: &FlowId, flow: &FlowSettings, reading: &mut Reading<'_>, now: DateTime<Utc>) {
    let at = |key: &'static str| ["flows", id.as_str(), key];
    span(reading, &at("jitter"), flow.jitter, Duration::ZERO, HOUR);
    if let Some(every) = flow.every {
        span(reading, &at("every"), every, SECOND, 31 * DAY);
        if flow.jitter >= every && reading.is_set(&at("jitter")) {
            reading.wrong(&at("jitter"), "is not shorter than `every`", "make it shorter");
        }
    }
    if let Some(every) = flow.full_every {
        span(reading, &at("full_every"), every, MINUTE, 366 * DAY);
    }
    let pairs =
        [("every", "cron", flow.every, &flow.cron), ("full_every", "full_cron", flow.full_every, &flow.full_cron)];
    for (every_key, cron_key, every, cron) in pairs {
        if every.is_some() && cron.is_some() {
            reading.wrong(&at(cron_key), format!("stands beside `{every_key}`"), "keep one of the two");
        }
        let Some(cron) = cron else { continue };
        match Cron::from_str(cron).map(|pattern| pattern.find_next_occurrence(&now, false).is_ok()) {
            Ok(true) => {}
            Ok(false) => {
                reading.wrong(&at(cron_key), format!("the schedule `{cron}` never fires"), "name a day that comes");
            }
            Err(error) => {
                let fix = "use minute, hour, day, month, weekday, such as \"*/10 6-20 * * MON-FRI\"";
                reading.wrong(&at(cron_key), format!("`{cron}` is not a cron pattern: {error}"), fix);
            }
        }
    }
}

/// Two flows that write the same records of the same target would overwrite each other for ever.
pub(super) fn check_overlaps(settings: &Settings, reading: &mut Reading<'_>) {
    // Two connections to one company of Epicor are the same end.
    let end = |id: &ConnectionId| match settings.connection(id) {
        Some(Connection::Epicor(epicor)) => (None, Some(epicor.company.clone())),
        _ => (Some(id.clone()), None),
    };
    let flows: Vec<_> = settings.flows.iter().filter(|(_, flow)| flow.enabled).collect();
    for (place, (id, flow)) in flows.iter().enumerate() {
        let earlier = flows[..place].iter().find(|(other_id, other)| {
            other.kind(other_id) == flow.kind(id)
                && end(&other.to) == end(&flow.to)
                && end(&other.from) == end(&flow.from)
        });
        if let Some((other_id, _)) = earlier {
            let problem = format!("overlaps with `{other_id}`: both write the same records to `{}`", flow.to);
            reading.wrong(&["flows", id.as_str()], problem, "keep one, or set enabled = false on the other");
        }
    }
}

/// The systems that a kind of flow stands between; for a kind that does not exist, those of the first flows.
fn ends(kind: &FlowId) -> (System, System) {
    match kind.as_str().split("::").next() {
        Some("epicor_to_adobe") => (System::Epicor, System::Adobe),
        Some("adobe_to_epicor") => (System::Adobe, System::Epicor),
        _ => (System::Epicor, System::Hubspot),
    }
}
