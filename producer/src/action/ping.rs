//! A test of a connection: the one place where the producer calls a business system.

use mlc_adobe::AdobeNeeds;
use mlc_flow::{Entity, flow_kind};
use mlc_ledger::LastPing;
use mlc_model::{ConnectionId, Fault, FaultKind, PingReport, Verdict};
use mlc_queue::Lane;
use mlc_runtime::settings::{AdobeConnection, Connection};

use super::{lane, secret::webhook_secret};
use tracing::warn;

use crate::{Failure, Rooms, output::instant};

/// Tests a configured connection and keeps the report. With `set_up` creates what is missing at the target first. A good one
/// releases the lane.
///
/// # Errors
/// `Redis`; what is wrong with the connection stands in the report.
pub(crate) async fn ping(
    rooms: &Rooms,
    id: &ConnectionId,
    connection: &Connection,
    set_up: bool,
) -> Result<LastPing, Failure> {
    let at = rooms.clock.now();
    let report = match connection {
        Connection::Epicor(_) => ping_epicor(rooms, id).await?,
        Connection::Hubspot(_) => ping_hubspot(rooms, id, set_up).await?,
        Connection::Adobe(adobe) => ping_adobe(rooms, id, adobe).await?,
    };
    let works = report.worst() != Verdict::Bad;
    let released = works && lane::release_after(rooms, &Lane::from(id.clone()), "a ping was good").await?;
    let ping = LastPing { at, by: rooms.person.to_string(), report, released };
    keep(rooms, id, &ping).await;
    Ok(ping)
}

/// Keeps what a test found for those who look later. A Redis that cannot keep it takes nothing from whoever waits for the report.
pub(crate) async fn keep(rooms: &Rooms, id: &ConnectionId, ping: &LastPing) {
    if let Err(error) = rooms.ledger.keep_ping(id, ping).await {
        warn!(connection = %id, %error, "The report of a test could not be kept");
    }
}

async fn ping_epicor(rooms: &Rooms, id: &ConnectionId) -> Result<PingReport, Failure> {
    let client = match rooms.connections.epicor(id).await {
        Ok(client) => client,
        Err(fault) => return Ok(cannot_start(id, &fault)),
    };
    let mut entities: Vec<Entity> = Vec::new();
    let mut pinned = PingReport::default();
    for (flow, settings) in rooms.settings.flows.iter().filter(|(_, settings)| settings.from == *id) {
        for &entity in flow_kind(settings.kind(flow))?.entities {
            if !entities.contains(&entity) {
                entities.push(entity);
            }
            if let Some(pin) = rooms.ledger.pinned(flow, entity.as_str()).await? {
                let what = format!("{entity}: in use by {flow}");
                pinned.good(what, format!("{} since {}: {}", pin.change_field, instant(pin.at), pin.why));
            }
        }
    }
    if entities.is_empty() {
        // Nothing reads from it yet: test with what it could be asked for.
        entities = vec![Entity::Vendors, Entity::Customers, Entity::CustomerContacts];
    }
    let asked: Vec<mlc_epicor::Entity> =
        entities.into_iter().filter_map(|entity| mlc_epicor::Entity::parse(entity.as_str())).collect();
    let mut report = client.ping(&asked).await;
    report.lines.extend(pinned.lines);
    Ok(report)
}

async fn ping_hubspot(rooms: &Rooms, id: &ConnectionId, set_up: bool) -> Result<PingReport, Failure> {
    let client = match rooms.connections.hubspot(id).await {
        Ok(client) => client,
        Err(fault) => return Ok(cannot_start(id, &fault)),
    };
    let mut report = PingReport::default();
    if set_up {
        let begun = rooms.begin("set_up", id.as_str()).await?;
        match client.set_up().await {
            Ok(done) => {
                for created in &done.created {
                    report.good("set up", format!("{created} created"));
                }
                if done.created.is_empty() {
                    begun.withdraw().await?;
                    report.good("set up", "nothing was missing");
                } else {
                    begun.close(id.as_str(), None, Some(done.created.join(", "))).await?;
                }
                // Properties that cannot be used stand in the ping's own lines, with what to do.
            }
            Err(fault) => report.bad("set up", fault.to_string(), "See the lines below, correct, then ping again."),
        }
    }
    report.lines.extend(client.ping().await.lines);
    Ok(report)
}

async fn ping_adobe(rooms: &Rooms, id: &ConnectionId, adobe: &AdobeConnection) -> Result<PingReport, Failure> {
    let client = match rooms.connections.adobe(id).await {
        Ok(client) => client,
        Err(fault) => return Ok(cannot_start(id, &fault)),
    };
    let flows = || rooms.settings.flows.iter().filter(|(_, flow)| flow.to == *id || flow.from == *id);
    let uses = |kinds: &[&str]| flows().any(|(name, flow)| kinds.contains(&flow.kind(name).as_str()));
    let needs = if flows().next().is_none() {
        // Nothing uses it yet: test with what it could be used for.
        AdobeNeeds::default()
    } else {
        AdobeNeeds {
            orders: uses(&[
                "epicor_to_adobe::purchase_orders",
                "epicor_to_adobe::ap_invoices",
                "adobe_to_epicor::requisitions",
            ]),
            invoices: uses(&["epicor_to_adobe::ap_invoices", "adobe_to_epicor::invoices"]),
            companies: flows().any(|(name, flow)| match flow.kind(name).as_str() {
                "epicor_to_adobe::vendors" => flow.vendors.companies,
                kind => kind == "adobe_to_epicor::companies",
            }),
            sources: flows()
                .any(|(name, flow)| flow.kind(name).as_str() == "epicor_to_adobe::vendors" && flow.vendors.sources),
        }
    };
    let mut report = client.ping(needs).await;
    if let Some(webhook) = &adobe.webhook {
        let secrets = rooms.secrets.list(id).await?;
        match webhook_secret(adobe).filter(|name| !secrets.iter().any(|secret| secret.name == *name)) {
            Some(missing) => report.bad(
                "webhook",
                format!("the secret {missing} is not set: every delivery is refused"),
                format!("Run `mlc connection set-secret {id} {missing}`."),
            ),
            None => report.good("webhook", format!("/webhooks/adobe/{id} takes {}", webhook.scheme)),
        }
    }
    Ok(report)
}

fn cannot_start(id: &ConnectionId, fault: &Fault) -> PingReport {
    let mut report = PingReport::default();
    let fix = match fault.kind {
        FaultKind::Unauthorized => {
            format!("Run `mlc connection set-secret {id} {}`.", fault.field.as_deref().unwrap_or("NAME"))
        }
        // The section is right: what was sealed for it does not open.
        _ if fault.operation == "vault.read" && !fault.message.contains("in Redis") => format!(
            "Give the vault's key ring the key it was sealed with (MLC_VAULT_KEYS or `vault.key_file`). Where that key is \
             lost: `mlc connection set-secret {id} NAME`."
        ),
        _ if fault.operation == "vault.read" => "See that Redis is running, then ping again.".to_owned(),
        _ => format!("Correct the section [connections.{id}] of the settings."),
    };
    report.bad("connection", fault.message.clone(), fix);
    report
}
