//! Purchase orders from the Epicor simulator into the Adobe Commerce simulator, whose answers take a fixed time.

use std::{os::unix::fs::OpenOptionsExt as _, path::Path, sync::Arc, time::Instant};

use anyhow::{Context as _, ensure};
use mlc_flow::{Ask, Extent, PollPage, flow_kind};
use mlc_model::{ConnectionId, FlowId, SystemClock};
use mlc_queue::Order;
use mlc_runtime::{metrics::Metrics, redis::RedisHandle, settings::Settings};
use mlc_vault::{KeyRing, SecretStore, SecretString};
use serde_json::{Value, json};
use tokio::process::Command;

use crate::{
    control::{Control, count},
    processes::Processes,
    redis_server::{Persistence, RedisServer},
    report::{Goal, Row},
    stage::{EPICOR, settle, text},
    usage::{cpu_seconds, peak_megabytes},
};

const FLOW: &str = "epicor_to_adobe::purchase_orders";
const SHOP: &str = "shop-main";
/// How long the shop takes to answer.
const LATENCY_MS: u64 = 50;
/// Of the seeded orders about 78 in 100 are approved and not void; the others stay out.
const SEEDED: u64 = 6_400;
/// Requests in flight at once.
const CONCURRENCY: [u64; 2] = [4, 16];

const EPICOR_SECRETS: [(&str, &str); 3] =
    [("api_key", "bench-api-key"), ("user", "bench"), ("password", "bench-password")];
/// Keys and tokens have 32 characters.
const SHOP_SECRETS: [(&str, &str); 4] = [
    ("consumer_key", "benchconsumerkeybenchconsumerk01"),
    ("consumer_secret", "benchconsumersecretbenchconsum01"),
    ("token", "benchaccesstokenbenchaccesstok01"),
    ("token_secret", "benchtokensecretbenchtokensecr01"),
];

/// What one run took.
struct Run {
    orders: u64,
    calls: u64,
    in_flight: u64,
    seconds: f64,
    worker_cpu: f64,
    peak: f64,
}

/// Measures each concurrency with servers and a worker of its own. `quick`: a tenth of the orders.
pub(crate) async fn measure(processes: &Processes, quick: bool) -> anyhow::Result<Vec<Row>> {
    let seeded = if quick { SEEDED / 10 } else { SEEDED };
    let mut rows = Vec::new();
    for concurrency in CONCURRENCY {
        let named = |what: &str| format!("{what} [concurrency {concurrency}]");
        let run = match run(processes, seeded, concurrency).await {
            Ok(run) => run,
            Err(problem) => {
                rows.push(Row::not_measured(named("share of the ideal"), format!("{problem:#}")));
                continue;
            }
        };
        let (orders, calls) = (run.orders as f64, run.calls as f64);
        let ideal = calls * LATENCY_MS as f64 / 1e3 / concurrency as f64;
        rows.extend([
            Row::new(named("share of the ideal"), ideal / run.seconds * 100.0, "%")
                .ratio(format!(
                    "{} orders × {:.2} calls × {LATENCY_MS} ms / {concurrency} = {ideal:.1} s; took {:.1} s",
                    run.orders,
                    calls / orders,
                    run.seconds
                ))
                .goal(Goal::AtLeast(90.0)),
            Row::new(named("orders per second"), orders / run.seconds, "/s")
                .ratio(format!("most in flight at once: {}", run.in_flight)),
            Row::new(named("CPU s per 1,000 orders, worker"), run.worker_cpu / orders * 1e3, "s").ratio(format!(
                "{:.2} of a core, peak RSS {:.0} MB",
                run.worker_cpu / run.seconds,
                run.peak
            )),
        ]);
    }
    Ok(rows)
}

async fn run(processes: &Processes, seeded: u64, concurrency: u64) -> anyhow::Result<Run> {
    let folder = processes.folder("orders-")?;
    let redis = RedisServer::start(processes, Persistence::Always).await?;
    let program = processes.own("mlc-simulators")?;
    let mut epicor = Command::new(&program);
    epicor.args(["epicor", "--listen", "127.0.0.1:0", "--company", "EPIC06", "--profile", "stock"]);
    for (name, secret) in EPICOR_SECRETS {
        epicor.args([&format!("--{}", name.replace('_', "-")), secret]);
    }
    let mut epicor = processes.start(epicor, None)?;
    let epicor_base = text(&epicor.ready_line().await?, "base")?;
    let mut shop = Command::new(&program);
    shop.args(["adobe", "--listen", "127.0.0.1:0", "--edition", "paas", "--sort", "decoded"]);
    for (name, secret) in SHOP_SECRETS {
        shop.args([&format!("--{}", name.replace('_', "-")), secret]);
    }
    let mut shop = processes.start(shop, None)?;
    let shop_base = text(&shop.ready_line().await?, "listening")?;
    let (books, desk) = (Control::of(&epicor_base)?, Control::of(&shop_base)?);
    let seeded = books.post("seed_purchasing", &json!({ "pos": seeded, "vendors": 400, "seed": 7 })).await?;
    let approved = seeded.get("approved").and_then(Value::as_array).context("nothing was seeded")?.len() as u64;

    let (keys_file, entry) = (folder.path().join("vault.keys"), KeyRing::generate_key());
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&keys_file)?;
    std::io::Write::write_all(&mut file, entry.as_bytes())?;
    let written = settings(&redis.url(), &keys_file, &epicor_base, &shop_base, concurrency);
    let (config, log) = (folder.path().join("mlc.toml"), folder.path().join("worker.log"));
    std::fs::write(&config, &written)?;
    let settings = Settings::parse("mlc.toml", &written, [])?;
    let keys = Arc::new(KeyRing::parse(&entry)?);
    let secrets = SecretStore::new(RedisHandle::connect(&settings.redis).await?, Arc::clone(&keys));
    for (connection, all) in [(EPICOR, &EPICOR_SECRETS[..]), (SHOP, &SHOP_SECRETS[..])] {
        for (name, secret) in all {
            secrets.set(&ConnectionId::parse(connection)?, name, SecretString::from(*secret)).await?;
        }
    }
    let context = mlc_worker::open_with_keys(Arc::new(settings), keys, Metrics::new(), Arc::new(SystemClock)).await?;
    desk.post("latency", &json!({ "ms": LATENCY_MS })).await?;

    let mut worker = Command::new(processes.own("mlc-worker")?);
    worker.arg("--config").arg(&config);
    let mut worker = processes.start(worker, Some(&log))?;
    let before = count(&desk.stats().await?, "/calls")?;
    let flow = FlowId::parse(FLOW)?;
    let began = Instant::now();
    for entity in flow_kind(&flow)?.entities {
        let job = PollPage {
            flow: flow.clone(),
            entity: *entity,
            from: ConnectionId::parse(EPICOR)?,
            to: ConnectionId::parse(SHOP)?,
            ask: Ask::Plan(Extent::Incremental),
        };
        context.queue.enqueue(&[Order::of(&job)?]).await?;
    }
    settle(&context, &mut worker, &log).await?;
    let seconds = began.elapsed().as_secs_f64();
    let (worker_cpu, peak) = (cpu_seconds(worker.pid())?, peak_megabytes(worker.pid())?);
    worker.stop().await?;
    let stats = desk.stats().await?;
    let orders = count(&stats, "/orders")?;
    // An approved order whose every line is void stays out too: a few of a thousand. Nothing was refused, or the wait had failed.
    ensure!((approved * 99 / 100..=approved).contains(&orders), "the shop holds {orders} orders instead of {approved}");
    let calls = count(&stats, "/calls")? - before;
    Ok(Run { orders, calls, in_flight: count(&stats, "/in_flight_max")?, seconds, worker_cpu, peak })
}

fn settings(redis: &str, keys: &Path, epicor: &str, shop: &str, concurrency: u64) -> String {
    let keys = keys.display();
    format!(
        r#"
[redis]
url = "{redis}"

[vault]
key_file = "{keys}"

[worker]
listen = "off"

[log]
level = "warn"

[connections.{EPICOR}]
system = "epicor"
base_url = "{epicor}"
company = "EPIC06"

[connections.{SHOP}]
system = "adobe"
edition = "paas"
base_url = "{shop}"
concurrency = {concurrency}

[flows."{FLOW}"]
from = "{EPICOR}"
to = "{SHOP}"

[flows."{FLOW}".purchase_orders]
default_email = "purchasing@bench.example"
"#
    )
}
