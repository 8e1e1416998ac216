//! How much of a rate limit several processes use together: HubSpot's simulator at 190 calls per sliding 10 s.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use mlc_model::{ConnectionId, System, SystemClock};
use mlc_outbound::{BudgetConfig, Credentials, Door, DoorConfig, Method, Request};
use mlc_runtime::{metrics::Metrics, redis::RedisHandle, settings::RedisSettings};
use mlc_vault::{KeyRing, SecretString};
use serde_json::{Value, json};
use tokio::process::Command;

use crate::{
    alone::Place,
    control::{Control, count},
    processes::Processes,
    redis_server::{Persistence, RedisServer},
    report::{Goal, Row},
};

const LIMIT: u32 = 190;
const WINDOW: Duration = Duration::from_secs(10);
const TOKEN: &str = "pat-eu1-bench";
const FAMILY: &str = "burst";
/// Calls that a process has under way at once.
const TASKS: usize = 16;
/// Just under three windows: the simulator counts a window as allowed from its first call on.
const SECONDS: u64 = 30;

/// Measures 1, 4 and 16 processes at the same time, each crowd with a simulator and a Redis of its own.
pub(crate) async fn measure(processes: &Processes) -> anyhow::Result<Vec<Row>> {
    let (one, four, sixteen) = tokio::join!(crowd(processes, 1), crowd(processes, 4), crowd(processes, 16));
    let mut rows = Vec::new();
    for (workers, result) in [(1, one), (4, four), (16, sixteen)] {
        let named = |what: &str| format!("{what} [{workers} processes]");
        match result {
            Ok((used, granted, refused)) => rows.extend([
                Row::new(named("share of allowed calls used"), used * 100.0, "%")
                    .ratio(format!("{granted} calls in {SECONDS} s; {:.1} a second", granted as f64 / SECONDS as f64))
                    .goal(Goal::AtLeast(98.0)),
                Row::new(named("answers with 429"), refused as f64, "").goal(Goal::Exactly(0.0)),
            ]),
            Err(problem) => rows.push(Row::not_measured(named("share of allowed calls used"), format!("{problem:#}"))),
        }
    }
    Ok(rows)
}

/// Share of the allowance used, calls granted, calls refused.
async fn crowd(processes: &Processes, workers: usize) -> anyhow::Result<(f64, u64, u64)> {
    let redis = RedisServer::start(processes, Persistence::Always).await?;
    let mut hubspot = Command::new(processes.own("mlc-simulators")?);
    hubspot.args(["hubspot", "--listen", "127.0.0.1:0", "--token", TOKEN, "--burst", &LIMIT.to_string()]);
    let mut hubspot = processes.start(hubspot, None)?;
    let line = hubspot.ready_line().await?;
    let base = line.get("listening").and_then(Value::as_str).context("no address")?;
    let control = Control::of(base)?;
    let seconds = SECONDS.to_string();
    let mut children = Vec::new();
    for _ in 0..workers {
        let command = processes.myself(&["--redis-url", &redis.url(), "--push-at", base, "--seconds", &seconds])?;
        children.push(processes.start(command, None)?);
    }
    for child in children {
        child.result().await?;
    }
    let stats = control.stats().await?;
    let (granted, refused) = (count(&stats, "/burst/granted")?, count(&stats, "/answers_429")?);
    // Three windows of 10 s: what a perfect client gets in 30 s.
    let allowed = u64::from(LIMIT) * SECONDS / WINDOW.as_secs();
    Ok((granted as f64 / allowed as f64, granted, refused))
}

/// One worker process: tasks that call until the time is over. What the budget refuses is slept over, as the queue does.
pub(crate) async fn push(place: &Place, base: &str, seconds: u64) -> anyhow::Result<Value> {
    let mut config = DoorConfig::new(ConnectionId::parse("hubspot-main")?, System::Hubspot, base);
    config.budgets = vec![BudgetConfig::paced(FAMILY, LIMIT, WINDOW)];
    let settings = RedisSettings { namespace: place.namespace.clone(), ..RedisSettings::at(&place.url) };
    let redis = RedisHandle::connect(&settings).await?;
    let keys = Arc::new(KeyRing::parse(&KeyRing::generate_key())?);
    let door = Door::open(config, redis, keys, Metrics::new(), Arc::new(SystemClock))?;
    let until = Instant::now() + Duration::from_secs(seconds);
    let tasks: Vec<_> = (0..TASKS)
        .map(|_| {
            let door = door.clone();
            tokio::spawn(async move {
                let credentials = Credentials::bearer(&SecretString::from(TOKEN));
                let request = Request::new(Method::GET, "/crm/v3/properties/companies/name", "budget.measure");
                let request = request.family(FAMILY);
                let (mut sent, mut waited) = (0_u64, 0_u64);
                while Instant::now() < until {
                    match door.send(&request, &credentials).await {
                        Ok(answer) if answer.is_success() || answer.status() == 429 => sent += 1,
                        Ok(answer) => bail!("HubSpot answered {}", answer.status()),
                        Err(fault) => {
                            waited += 1;
                            let wait = fault.retry_after().with_context(|| fault.to_string())?;
                            let left = until.saturating_duration_since(Instant::now());
                            tokio::time::sleep(wait.min(left)).await;
                        }
                    }
                }
                Ok((sent, waited))
            })
        })
        .collect();
    let (mut sent, mut waited) = (0, 0);
    for task in tasks {
        let (more, longer) = task.await??;
        sent += more;
        waited += longer;
    }
    Ok(json!({ "op": "push", "sent": sent, "refused_by_budget": waited }))
}
