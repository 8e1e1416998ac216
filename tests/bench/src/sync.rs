//! Vendors from the Epicor simulator into the HubSpot simulator, by one real worker process.

use std::time::Instant;

use anyhow::ensure;
use serde_json::json;

use crate::{
    control::count,
    processes::Processes,
    report::{Goal, Row},
    stage::{Stage, VENDORS},
    usage::{cpu_seconds, peak_megabytes, redis_usage},
};

/// One sync of so many vendors.
struct Run {
    vendors: u64,
    seconds: f64,
    worker_cpu: f64,
    redis_cpu: f64,
    peak: f64,
    requests: (u64, u64),
    simulators_cpu: [f64; 2],
}

/// Measures one sync after another, each with servers and a worker of its own.
pub(crate) async fn measure(processes: &Processes, million: bool) -> anyhow::Result<Vec<Row>> {
    let sizes: &[u64] = if million { &[10_000, 100_000, 1_000_000] } else { &[10_000, 100_000] };
    let mut rows = Vec::new();
    let mut smallest = None;
    for &vendors in sizes {
        let run = match run(processes, vendors).await {
            Ok(run) => run,
            Err(problem) => {
                rows.push(Row::not_measured(format!("sync of {vendors} vendors"), format!("{problem:#}")));
                continue;
            }
        };
        let first = *smallest.get_or_insert(run.peak);
        let named = |what: &str| format!("{what} [{vendors} vendors]");
        let thousands = run.vendors as f64 / 1e3;
        rows.extend([
            Row::new(named("records per second"), run.vendors as f64 / run.seconds, "/s").ratio(format!(
                "{} Epicor and {} HubSpot requests in {:.1} s",
                run.requests.0, run.requests.1, run.seconds
            )),
            Row::new(named("CPU s per 1,000 records, worker"), run.worker_cpu / thousands, "s").ratio(format!(
                "{:.2} of a core; the simulators took {:.2} (Epicor) and {:.2} (HubSpot)",
                run.worker_cpu / run.seconds,
                run.simulators_cpu[0] / run.seconds,
                run.simulators_cpu[1] / run.seconds
            )),
            Row::new(named("CPU s per 1,000 records, Redis"), run.redis_cpu / thousands, "s")
                .ratio(format!("{:.2} of the worker's", run.redis_cpu / run.worker_cpu)),
            Row::new(named("peak RSS of the worker"), run.peak, "MB")
                .ratio(format!("{:.2} × at {}", run.peak / first, sizes[0]))
                .goal(Goal::AtMost(60.0)),
        ]);
    }
    if !million {
        rows.push(
            Row::not_measured("peak RSS of the worker [1000000 vendors]", "only with --million")
                .goal(Goal::AtMost(60.0)),
        );
    }
    Ok(rows)
}

async fn run(processes: &Processes, vendors: u64) -> anyhow::Result<Run> {
    let stage = Stage::open(processes).await?;
    stage.epicor.post("seed_company", &json!({ "vendors": vendors, "seed": 7 })).await?;
    stage.hubspot.post("reset-stats", &json!({})).await?;
    let requests = count(&stage.epicor.stats().await?, "/requests")?;
    let mut redis = stage.redis.handle("bench-probe").await?.manager;
    let simulators = stage.simulators_cpu()?;
    let mut worker = stage.worker()?;
    let redis_cpu = redis_usage(&mut redis).await?.cpu_seconds;
    let began = Instant::now();
    stage.order(VENDORS).await?;
    stage.settle(&mut worker).await?;
    let seconds = began.elapsed().as_secs_f64();
    let redis_cpu = redis_usage(&mut redis).await?.cpu_seconds - redis_cpu;
    let after = stage.simulators_cpu()?;
    let simulators_cpu = [after[0] - simulators[0], after[1] - simulators[1]];
    let (worker_cpu, peak) = (cpu_seconds(worker.pid())?, peak_megabytes(worker.pid())?);
    let (epicor, hubspot) = (stage.epicor.stats().await?, stage.hubspot.stats().await?);
    worker.stop().await?;
    let total = count(&hubspot, "/companies/total")?;
    ensure!(total == vendors, "HubSpot holds {total} companies instead of {vendors}");
    let requests = (count(&epicor, "/requests")? - requests, count(&hubspot, "/total_requests")?);
    Ok(Run { vendors, seconds, worker_cpu, redis_cpu, peak, requests, simulators_cpu })
}
