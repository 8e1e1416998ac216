#![doc = include_str!("../README.md")]

mod alone;
mod arguments;
mod budget;
mod console;
mod control;
mod latency;
mod ledger;
mod no_op_job;
mod orders;
mod processes;
mod queue;
mod redis_server;
mod report;
mod stage;
mod sync;
mod usage;
mod webhooks;
mod window;

use std::time::Instant;

use clap::{Parser as _, ValueEnum as _};

use crate::{
    alone::Place,
    arguments::{Arguments, Measurement},
    processes::Processes,
    redis_server::Persistence,
    report::Row,
};

#[tokio::main]
#[expect(clippy::print_stdout, reason = "the result of a measuring program")]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    if let Some(url) = &arguments.redis_url {
        let line = one_operation(&arguments, url).await?;
        println!("{line}");
        return Ok(());
    }
    everything(&arguments).await
}

async fn one_operation(arguments: &Arguments, url: &str) -> anyhow::Result<serde_json::Value> {
    let place = Place { url: url.to_owned(), namespace: arguments.namespace.clone() };
    match arguments {
        Arguments { enqueue: Some(jobs), .. } => {
            alone::enqueue(&place, *jobs, arguments.batch, arguments.senders).await
        }
        Arguments { drain: Some(jobs), .. } => {
            let patience = std::time::Duration::from_millis(arguments.patience);
            alone::drain(&place, *jobs, usize::try_from(arguments.concurrency)?, patience).await
        }
        Arguments { latency: Some(jobs), .. } => alone::latency(&place, *jobs).await,
        Arguments { idle: Some(seconds), .. } => alone::idle(&place, *seconds).await,
        Arguments { push_at: Some(base), .. } => budget::push(&place, base, arguments.seconds).await,
        _ => anyhow::bail!("--redis-url goes with one of --enqueue, --drain, --latency, --idle"),
    }
}

#[expect(clippy::print_stdout, reason = "the tables are what the program is for")]
async fn everything(arguments: &Arguments) -> anyhow::Result<()> {
    let began = Instant::now();
    let processes = Processes::new()?;
    let cores = std::thread::available_parallelism()?;
    println!("{cores} cores; medians of 3 rounds for the queue; every Redis is private to its measurement");
    let all = Measurement::value_variants();
    let wanted = if arguments.only.is_empty() { all } else { &arguments.only };
    for measurement in all.iter().filter(|one| wanted.contains(one)) {
        let (title, rows) = match measurement {
            Measurement::Queue => {
                let mut rows = Vec::new();
                for persistence in [Persistence::EverySecond, Persistence::Always] {
                    rows.extend(or_reason(queue::measure(&processes, persistence).await));
                }
                ("Queue: jobs of 340 bytes that do nothing, leased and sealed, concurrency 200", rows)
            }
            Measurement::Latency => ("Latency: one idle worker", or_reason(latency::measure(&processes).await)),
            Measurement::Sync => (
                "Sync: Epicor simulator to HubSpot simulator, limits lifted, AOF always, one worker process",
                or_reason(sync::measure(&processes, arguments.million).await),
            ),
            Measurement::Orders => (
                "Orders: Epicor simulator to Adobe Commerce simulator (PaaS, 50 ms an answer), AOF always, one worker process",
                or_reason(orders::measure(&processes, arguments.quick).await),
            ),
            Measurement::Budget => (
                "Budget: 190 calls per sliding 10 s, shared by processes",
                or_reason(budget::measure(&processes).await),
            ),
            Measurement::Window => ("Unchanged window", or_reason(window::measure(&processes).await)),
            Measurement::Webhooks => (
                "Webhooks: deliveries of 1 KiB on loopback, signed, to one `mlc produce`",
                or_reason(webhooks::measure(&processes).await),
            ),
            Measurement::Console => (
                "Console: 1,000,000 jobs, 1,000,000 dead letters, 100 lanes; pages and API of one `mlc produce` on loopback",
                or_reason(console::measure(&processes).await),
            ),
            Measurement::Ledger => ("Ledger: memory", or_reason(ledger::measure(&processes).await)),
        };
        report::print(title, &rows);
    }
    println!("\nTook {:.0} s", began.elapsed().as_secs_f64());
    Ok(())
}

/// A measurement that fails says why in its table; the others go on.
fn or_reason(result: anyhow::Result<Vec<Row>>) -> Vec<Row> {
    result.unwrap_or_else(|problem| vec![Row::not_measured("everything below this heading", format!("{problem:#}"))])
}
