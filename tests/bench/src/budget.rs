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
    processes::{Process, Processes},
    redis_server::{Persistence, RedisServer},
    report::{Goal, Row},
};

const LIMIT: u32 = 190;
const WINDOW: Duration = Duration::from_secs(10);
const TOKEN: &str = "pat-eu1-bench";
const FAMILY: &str = "burst";
/// Calls that a process has under way at once.
const TASKS: usize = 16;
/// Measured from the first call on: three whole windows, in which nobody can be granted more than three times the limit.
const MEASURED: Duration = Duration::from_secs(30);
/// How long the processes call: longer than is measured, the start of many processes included.
const CALLING: &str = "33";

/// Measures 1, 4 and 16 processes at the same time, each crowd with a simulator and a Redis of its own.
pub(crate) async fn measure(processes: &Processes) -> anyhow::Result<Vec<Row>> {
    let (one, four, sixteen) = tokio::join!(crowd(processes, 1), crowd(processes, 4), crowd(processes, 16));
    let mut rows = Vec::new();
    for (workers, result) in [(1, one), (4, four), (16, sixteen)] {
        let named = |what: &str| format!("{what} [{workers} processes]");
        match result {
            Ok(used) => rows.extend([
                Row::new(named("share of allowed calls used"), used.granted / used.allowed * 100.0, "%")
                    .ratio(format!("{} of {:.1} calls", used.granted, used.allowed))
                    .goal(Goal::AtLeast(98.0)),
                Row::new(named("answers with 429"), used.refused as f64, "")
                    .ratio(format!("most in any window: {} of {LIMIT}", used.highest))
                    .goal(Goal::Exactly(0.0)),
            ]),
            Err(problem) => rows.push(Row::not_measured(named("share of allowed calls used"), format!("{problem:#}"))),
        }
    }
    Ok(rows)
}

/// What a crowd of processes got.
struct Used {
    granted: f64,
    allowed: f64,
    refused: u64,
    highest: u64,
}

async fn crowd(processes: &Processes, workers: usize) -> anyhow::Result<Used> {
    let redis = RedisServer::start(processes, Persistence::Always).await?;
    let mut hubspot = Command::new(processes.own("mlc-simulators")?);
    hubspot.args(["hubspot", "--listen", "127.0.0.1:0", "--token", TOKEN, "--burst", &LIMIT.to_string()]);
    let mut hubspot = processes.start(hubspot, None)?;
    let line = hubspot.ready_line().await?;
    let base = line.get("listening").and_then(Value::as_str).context("no address")?;
    let control = Control::of(base)?;
    let mut children = Vec::new();
    for _ in 0..workers {
        let command = processes.myself(&["--redis-url", &redis.url(), "--push-at", base, "--seconds", CALLING])?;
        children.push(processes.start(command, None)?);
    }
    // The first call starts the clock.
    while granted(&control).await? == 0 {
        children.iter_mut().try_for_each(Process::check_alive)?;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let began = Instant::now();
    tokio::time::sleep(MEASURED).await;
    let (granted, elapsed) = (granted(&control).await?, began.elapsed());
    for child in children {
        child.result().await?;
    }
    let stats = control.stats().await?;
    Ok(Used {
        granted: granted as f64,
        allowed: f64::from(LIMIT) * elapsed.as_secs_f64() / WINDOW.as_secs_f64(),
        refused: count(&stats, "/answers_429")?,
        highest: count(&stats, "/burst/highest_in_a_window")?,
    })
}

async fn granted(control: &Control) -> anyhow::Result<u64> {
    count(&control.stats().await?, "/burst/granted")
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
