//! The control API: switches, faults, seeds, looks into the tables. The real shop has no such paths.

use std::time::Duration;

use axum::{
    body::Body,
    http::{Method, Response},
};
use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    answers::Content,
    faults::Fault,
    gate::{Shared, lock},
    invoice_calls,
    outbox::{self, Delivery},
    shop::Shop,
};
use crate::control::{PREFIX, answer, body, refusal};

pub(super) const HELP: &str = "\
Control API (JSON, no credentials), below /__control:
  GET  stats                       calls by status and route, in flight, faults committed
  GET  calls                       the last calls
  GET  orders|items|invoices|customers|companies|sources|groups|webhooks|subscriptions
  GET  lines                       order lines as they are stored, where `items` shows them as a read of the shop does
  GET  behaviour                   the switches; POST behaviour {\"b2b\":false,..} changes those named
  POST faults {route,kind,times?,probability?,body_contains?,skip?,retry_after?,delay_ms?}; GET, DELETE faults
  POST latency {\"ms\":50}           delay of every answer
  POST clock {now?,advance_secs?,real?}
  POST orders {entity}             places an order as a shopper would: no credentials, no checks of rights
  POST companies {\"id\":1,\"changes\":{\"comment\":\"..\"}}   an admin edits a company
  POST integration {\"index\":0,\"active\":false|\"revoked\":true|\"resources\":[..]}
  POST expire_tokens               SaaS: every token given so far is refused from now on
  POST run_consumers               carries out asynchronous calls that are open
  POST deliver {url,form,scheme,secret?,header?,..} sends a webhook or an I/O event; answers what came back
  DELETE stats                     counters to zero; POST reset empties the shop
Fault kinds: too_many_requests gateway_too_many_requests unavailable firewall bad_gateway gateway_timeout too_large
  masked_error php_error html_error report_error deadlock not_authorized signature_invalid nonce_used token_refused
  forbidden slow reset_before reset_after_write truncated_json html200 huge_body";

#[derive(Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
struct ClockOrder {
    now: Option<DateTime<Utc>>,
    advance_secs: Option<i64>,
    real: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Latency {
    ms: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct IntegrationOrder {
    index: usize,
    active: Option<bool>,
    revoked: Option<bool>,
    request_token: Option<bool>,
    resources: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CompanyEdit {
    id: u64,
    changes: Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum FaultOrder {
    Many(Vec<Fault>),
    One(Fault),
}

type Outcome = Result<Option<Value>, Response<Body>>;

pub(super) async fn handle(shared: &Shared, method: &Method, path: &str, query: &str, bytes: &[u8]) -> Response<Body> {
    let name = path.strip_prefix(PREFIX).unwrap_or_default().trim_matches('/');
    let outcome = match (method.as_str(), name) {
        ("POST", "deliver") => deliver(shared, bytes).await,
        ("GET", name) => Ok(look(&lock(shared), name, query)),
        ("DELETE", name) => Ok(clear(&mut lock(shared), name)),
        ("POST", name) => set(&mut lock(shared), name, bytes),
        _ => Ok(None),
    };
    match outcome {
        Ok(Some(value)) => answer(&value),
        Ok(None) => refusal(404, "no such control path; see --help"),
        Err(response) => response,
    }
}

async fn deliver(shared: &Shared, bytes: &[u8]) -> Outcome {
    let delivery: Delivery = body(bytes)?;
    let (payload, headers) = {
        let shop = lock(shared);
        (delivery.body(&shop), delivery.headers(&shop))
    };
    match outbox::send("POST", &delivery.url, &payload, &headers, delivery.timeout()).await {
        Ok(reply) => Ok(Some(json!({ "status": reply.status, "body": reply.body }))),
        Err(error) => Err(refusal(502, &error.to_string())),
    }
}

fn look(shop: &Shop, name: &str, _query: &str) -> Option<Value> {
    let tables = &shop.tables;
    Some(match name {
        "" => json!({ "system": "adobe", "help": "paths are listed by `mlc-simulators adobe --help`" }),
        "stats" => json!({ "calls": shop.log.calls, "by_status": shop.log.by_status, "by_route": shop.log.by_route,
            "in_flight": shop.log.in_flight, "in_flight_max": shop.log.in_flight_max,
            "faults_committed": shop.faults.committed, "tokens_issued": shop.tokens.issued,
            "orders": tables.orders.len(), "invoices": tables.invoices.len(), "companies": tables.companies.len() }),
        "calls" => json!(shop.log.last),
        "orders" => tables.orders.values().map(|order| shop.read_order(order)).collect(),
        "items" => tables.items.values().map(|row| shop.read_item(row)).collect(),
        "lines" => json!(tables.items.values().collect::<Vec<_>>()),
        "invoices" => tables.invoices.values().map(invoice_calls::show).collect(),
        "customers" => json!(tables.customers.values().collect::<Vec<_>>()),
        "companies" => json!(tables.companies.values().collect::<Vec<_>>()),
        "groups" => json!(tables.groups.values().collect::<Vec<_>>()),
        "sources" => json!(tables.sources.values().collect::<Vec<_>>()),
        "webhooks" => json!(tables.webhooks),
        "subscriptions" => json!(tables.subscriptions),
        "behaviour" => json!(shop.behaviour),
        "faults" => json!(shop.faults.switches),
        "clock" => json!({ "now": shop.clock.now() }),
        _ => return None,
    })
}

fn clear(shop: &mut Shop, name: &str) -> Option<Value> {
    match name {
        "faults" => shop.faults.switches.clear(),
        "stats" => shop.log.reset(),
        _ => return None,
    }
    Some(json!({}))
}

fn set(shop: &mut Shop, name: &str, bytes: &[u8]) -> Outcome {
    match name {
        "faults" => {
            match body(bytes)? {
                FaultOrder::Many(faults) => shop.faults.switches.extend(faults),
                FaultOrder::One(fault) => shop.faults.switches.push(fault),
            }
            return Ok(Some(json!(shop.faults.switches)));
        }
        "latency" => shop.latency = Duration::from_millis(body::<Latency>(bytes)?.ms),
        "behaviour" => {
            let changes: Map<String, Value> = body(bytes)?;
            let mut all = json!(shop.behaviour);
            for (name, value) in changes {
                all[name] = value;
            }
            shop.behaviour = serde_json::from_value(all).map_err(|error| refusal(400, &error.to_string()))?;
            return Ok(Some(json!(shop.behaviour)));
        }
        "clock" => {
            let order: ClockOrder = body(bytes)?;
            if order.real {
                shop.clock.reset();
            }
            if let Some(now) = order.now {
                shop.clock.freeze(now);
            }
            if let Some(step) = order.advance_secs.and_then(TimeDelta::try_seconds) {
                shop.clock.advance(step);
            }
            return Ok(Some(json!({ "now": shop.clock.now() })));
        }
        "integration" => {
            let order: IntegrationOrder = body(bytes)?;
            let Some(integration) = shop.door.integrations.get_mut(order.index) else {
                return Err(refusal(404, "no such integration"));
            };
            integration.active = order.active.unwrap_or(integration.active);
            integration.revoked = order.revoked.unwrap_or(integration.revoked);
            integration.request_token = order.request_token.unwrap_or(integration.request_token);
            if let Some(resources) = order.resources {
                integration.resources = Some(resources.into_iter().collect());
            }
        }
        "orders" => {
            let order: Map<String, Value> = body(bytes)?;
            let saved = shop.save_order(&order).unwrap_or_else(|refused| *refused);
            let (status, Content::Json(value)) = (saved.status, saved.body) else {
                return Err(refusal(500, "not saved"));
            };
            if status != 200 {
                return Err(refusal(status, &value.to_string()));
            }
            return Ok(Some(value));
        }
        "companies" => {
            let CompanyEdit { id, changes } = body(bytes)?;
            let Some(row) = shop.tables.companies.get_mut(&id) else { return Err(refusal(404, "no such company")) };
            row.extend(changes);
        }
        "expire_tokens" => shop.tokens.expire_all(),
        "run_consumers" => shop.run_consumers(),
        "reset" => *shop = Shop::new(shop.config.clone()),
        _ => return Ok(None),
    }
    Ok(Some(json!({})))
}
