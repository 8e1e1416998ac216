//! The control API: seeding, changes, faults, switches. The real system has no such paths.

use std::time::Duration;

use axum::{
    body::Body,
    http::{Method, Response},
};
use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    fault::Fault,
    locked,
    mutate::Mutator,
    purchasing::SeedPurchasing,
    purchasing_control::Deed,
    seed::SeedCompany,
    serve::Call,
    sim::Shared,
    store::{Store, Visibility},
};
use crate::control::{PREFIX, answer, body, refusal};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Seed {
    company: Option<String>,
    table: String,
    rows: Vec<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Update {
    company: Option<String>,
    table: String,
    key: Value,
    #[serde(default)]
    fields: Value,
    visible_after_pages: Option<u64>,
    #[serde(default)]
    hold: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Touch {
    company: Option<String>,
    table: String,
    rows: usize,
    #[serde(default)]
    seed: u64,
}

#[derive(Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
struct ClockOrder {
    now: Option<DateTime<Utc>>,
    running: bool,
    advance_ms: Option<i64>,
    real: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Latency {
    ms: u64,
    #[serde(default)]
    jitter_ms: u64,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum FaultOrder {
    Many(Vec<Fault>),
    One(Fault),
}

pub(crate) fn handle(shared: &Shared, call: &Call) -> Response<Body> {
    let name = call.path.strip_prefix(PREFIX).unwrap_or_default().trim_matches('/');
    let result = match (&call.method, name) {
        (&Method::GET, name) => look(shared, call, name),
        (&Method::DELETE, name) => clear(shared, name),
        (
            &Method::POST,
            "faults" | "latency" | "clock" | "switches" | "mutate_per_page" | "expire_tokens" | "reset",
        ) => set(shared, call, name),
        (&Method::POST, name) => write(shared, call, name),
        _ => Ok(None),
    };
    match result {
        Ok(Some(value)) => answer(&value),
        Ok(None) => refusal(404, "no such control path; see --help"),
        Err(response) => response,
    }
}

type Outcome = Result<Option<Value>, Response<Body>>;

fn wrong(why: impl AsRef<str>) -> Response<Body> {
    refusal(400, why.as_ref())
}

fn look(shared: &Shared, call: &Call, name: &str) -> Outcome {
    let argument = |wanted: &str| call.query.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str());
    Ok(Some(match name {
        "" => json!({ "system": "epicor", "help": "paths are listed by `mlc-simulators epicor --help`" }),
        "stats" => json!(&*locked(&shared.stats)),
        "faults" => json!(locked(&shared.faults).waiting()),
        "clock" => json!({ "now": shared.clock.now() }),
        "switches" => json!(locked(&shared.store).switches),
        "broken" => json!(locked(&shared.store).broken),
        "rows" => {
            let store = locked(&shared.store);
            let company = argument("company").map_or_else(|| store.default_company(), str::to_owned);
            let table = argument("table").ok_or_else(|| wrong("table is missing"))?;
            store.place(&company, table).map_err(wrong)?;
            match argument("key") {
                Some(key) => {
                    let key = serde_json::from_str(key).unwrap_or_else(|_| Value::from(key));
                    json!({ "rows": store.row(&company, table, &key).into_iter().collect::<Vec<_>>() })
                }
                None => {
                    let number = |name, default| argument(name).and_then(|text| text.parse().ok()).unwrap_or(default);
                    let (offset, limit) = (number("offset", 0), number("limit", 1_000));
                    json!({
                        "total": store.len(&company, table),
                        "max_rev": store.max_rev(),
                        "rows": store.rows_between(&company, table, offset, limit),
                    })
                }
            }
        }
        _ => return Ok(None),
    }))
}

fn clear(shared: &Shared, name: &str) -> Outcome {
    match name {
        "faults" => locked(&shared.faults).clear(),
        "stats" => locked(&shared.stats).reset(),
        "mutate_per_page" => *locked(&shared.mutator) = None,
        _ => return Ok(None),
    }
    Ok(Some(json!({})))
}

fn set(shared: &Shared, call: &Call, name: &str) -> Outcome {
    match name {
        "faults" => {
            let faults = match body(&call.body)? {
                FaultOrder::Many(faults) => faults,
                FaultOrder::One(fault) => vec![fault],
            };
            let mut waiting = locked(&shared.faults);
            for fault in faults {
                waiting.add(fault);
            }
            return Ok(Some(json!(waiting.waiting())));
        }
        "latency" => {
            let Latency { ms, jitter_ms } = body(&call.body)?;
            *locked(&shared.latency) = (Duration::from_millis(ms), Duration::from_millis(jitter_ms));
        }
        "clock" => {
            let order: ClockOrder = body(&call.body)?;
            if order.real {
                shared.clock.reset();
            }
            if let Some(now) = order.now {
                if order.running { shared.clock.run_from(now) } else { shared.clock.freeze(now) }
            }
            if let Some(step) = order.advance_ms.and_then(TimeDelta::try_milliseconds) {
                shared.clock.advance(step);
            }
            return Ok(Some(json!({ "now": shared.clock.now() })));
        }
        "switches" => {
            let changes: Map<String, Value> = body(&call.body)?;
            let mut store = locked(&shared.store);
            let mut all = json!(store.switches);
            for (name, value) in changes {
                all[name] = value;
            }
            store.switches = serde_json::from_value(all).map_err(|error| wrong(error.to_string()))?;
            return Ok(Some(json!(store.switches)));
        }
        "mutate_per_page" => {
            let mutator: Mutator = body(&call.body)?;
            *locked(&shared.mutator) = Some(mutator);
        }
        "expire_tokens" => locked(&shared.tokens).expire_all(),
        _ => shared.reset(),
    }
    Ok(Some(json!({})))
}

fn write(shared: &Shared, call: &Call, name: &str) -> Outcome {
    let mut store = locked(&shared.store);
    let company_or_default =
        |store: &Store, company: Option<String>| company.unwrap_or_else(|| store.default_company());
    Ok(Some(match name {
        "seed" => {
            let seed: Seed = body(&call.body)?;
            let company = company_or_default(&store, seed.company);
            let mut keys = Vec::with_capacity(seed.rows.len());
            for row in &seed.rows {
                keys.push(store.put(&company, &seed.table, row).map_err(wrong)?);
            }
            json!({ "keys": keys })
        }
        "seed_company" => {
            let order: SeedCompany = body(&call.body)?;
            json!(store.seed_company(&order).map_err(wrong)?)
        }
        "seed_purchasing" => {
            let order: SeedPurchasing = body(&call.body)?;
            json!(store.seed_purchasing(&order).map_err(wrong)?)
        }
        "purchasing" => {
            let deed: Deed = body(&call.body)?;
            store.purchasing(&deed).map_err(wrong)?
        }
        "fix_broken" => json!({ "fixed": store.fix_broken() }),
        "touch" => {
            let order: Touch = body(&call.body)?;
            let company = company_or_default(&store, order.company);
            json!({ "keys": store.touch(&company, &order.table, order.rows, order.seed).map_err(wrong)? })
        }
        "update" => {
            let order: Update = body(&call.body)?;
            let company = company_or_default(&store, order.company);
            let visibility = match (order.visible_after_pages, order.hold) {
                (Some(pages), _) => Visibility::AfterPages(pages),
                (None, true) => Visibility::OnCommit,
                (None, false) => Visibility::Now,
            };
            let hold =
                store.update_later(&company, &order.table, &order.key, &order.fields, visibility).map_err(wrong)?;
            json!({ "hold": hold, "max_rev": store.max_rev() })
        }
        "commit" => {
            let order: Map<String, Value> = body(&call.body)?;
            json!({ "committed": store.commit_held(order.get("hold").and_then(Value::as_u64)) })
        }
        "delete" => {
            let order: Update = body(&call.body)?;
            let company = company_or_default(&store, order.company);
            json!({ "deleted": store.delete(&company, &order.table, &order.key).map_err(wrong)? })
        }
        "revision" => {
            let order: Map<String, Value> = body(&call.body)?;
            let revision = order.get("set").and_then(Value::as_i64).ok_or_else(|| wrong("set is missing"))?;
            store.set_revision(revision);
            json!({ "max_rev": revision })
        }
        _ => return Ok(None),
    }))
}
