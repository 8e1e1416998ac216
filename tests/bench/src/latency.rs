//! From push to start on an idle worker, and what an idle worker costs.

use anyhow::Context as _;
use serde_json::Value;

use crate::{
    processes::Processes,
    redis_server::{Persistence, RedisServer},
    report::{Goal, Row},
};

const SAMPLES: &str = "2000";
const IDLE_SECONDS: &str = "8";

/// Measures on servers of its own.
pub(crate) async fn measure(processes: &Processes) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for persistence in [Persistence::EverySecond, Persistence::Always] {
        let server = RedisServer::start(processes, persistence).await?;
        let result = run(processes, &server, &["--latency", SAMPLES]).await?;
        let milliseconds = |name: &str| -> anyhow::Result<f64> {
            Ok(result.get(name).and_then(Value::as_f64).with_context(|| format!("no `{name}`"))? / 1e3)
        };
        let (p50, p99, most) = (milliseconds("p50_us")?, milliseconds("p99_us")?, milliseconds("max_us")?);
        let row =
            |what: &str, value: f64| Row::new(format!("push → start, {what} [{}]", persistence.name()), value, "ms");
        let mut half = row("p50", p50);
        let mut high = row("p99", p99).ratio(format!("{:.1} × p50, worst {most:.2} ms", p99 / p50));
        if persistence == Persistence::Always {
            (half, high) = (half.goal(Goal::AtMost(0.5)), high.goal(Goal::AtMost(1.5)));
        }
        rows.extend([half, high]);
        if persistence == Persistence::Always {
            let idle = run(processes, &server, &["--idle", IDLE_SECONDS]).await?;
            let figure = |name: &str| idle.get(name).and_then(Value::as_f64).with_context(|| format!("no `{name}`"));
            let cpu = (figure("cpu_seconds")? + figure("redis_cpu_seconds")?) / figure("seconds")?;
            // The prototype's figure, from the issue: not more than that.
            let row = Row::new("Redis commands per second, idle worker", figure("commands_per_second")?, "/s");
            rows.push(row.ratio(format!("{:.2} % of a core, worker + Redis", cpu * 100.0)).goal(Goal::AtMost(12.0)));
        }
    }
    Ok(rows)
}

async fn run(processes: &Processes, server: &RedisServer<'_>, operation: &[&str]) -> anyhow::Result<Value> {
    let mut command = processes.myself(&["--redis-url", &server.url()])?;
    command.args(operation);
    processes.start(command, None)?.result().await
}
