//! What is going on while the demo waits: one line that changes on a terminal, a plain line every few seconds elsewhere.

#![expect(clippy::print_stdout, reason = "a demo prints")]

use std::{
    io::{IsTerminal as _, Write as _},
    time::{Duration, Instant},
};

use anyhow::bail;

use crate::{
    control::{metric, number},
    house::House,
    processes::Processes,
    shop::Shop,
};

const LOOK_EVERY: Duration = Duration::from_millis(250);
const PLAIN_LINE_EVERY: Duration = Duration::from_secs(3);
/// The queue counts as empty when it was empty so many looks in a row.
const QUIET_LOOKS: u32 = 4;
/// A demo that takes longer has gone wrong.
const PATIENCE: Duration = Duration::from_secs(180);

/// The queue as the producer's metrics tell.
struct Queue {
    /// Ready, delayed or running.
    jobs: u64,
    /// Of those, waiting for their time: contacts whose company is not there yet, retries.
    delayed: u64,
    dead: u64,
}

async fn queue(house: &House) -> anyhow::Result<Queue> {
    let (status, page) = house.producer.page("/metrics").await?;
    if status != 200 || !page.contains("mlc_queue_jobs") {
        bail!("the producer's metrics do not tell about the queue");
    }
    let jobs = |state: &str| metric(&page, "mlc_queue_jobs", &[&format!("state=\"{state}\"")]);
    let delayed = jobs("delayed");
    Ok(Queue { jobs: jobs("ready") + jobs("running") + delayed, delayed, dead: metric(&page, "mlc_dead_letters", &[]) })
}

/// Waits until all work that was ordered is done, showing how far it is. `goal`: companies that HubSpot should hold then.
pub(crate) async fn until_quiet(house: &House, processes: &mut Processes, goal: usize) -> anyhow::Result<()> {
    watch(house, processes, &Target::Hubspot { goal }).await
}

/// The same, showing what the shop holds.
pub(crate) async fn until_shop_quiet(house: &House, processes: &mut Processes, shop: &Shop) -> anyhow::Result<()> {
    watch(house, processes, &Target::Shop(shop)).await
}

/// Where the work goes.
enum Target<'a> {
    Hubspot { goal: usize },
    Shop(&'a Shop),
}

impl Target<'_> {
    async fn line(&self, house: &House, queue: &Queue, seconds: f64) -> anyhow::Result<String> {
        let Queue { jobs, delayed, dead } = queue;
        Ok(match self {
            Target::Hubspot { goal } => {
                let stats = house.hubspot.get("/__control/stats").await?;
                format!(
                    "  {seconds:>4.1} s  {} of {goal} companies, {} contacts, {} links, {jobs} jobs ({delayed} wait for their time), {dead} dead letters, {} requests, {} × 429",
                    number(&stats, "/companies/total"),
                    number(&stats, "/contacts/total"),
                    number(&stats, "/associations"),
                    number(&stats, "/total_requests"),
                    number(&stats, "/answers_429"),
                )
            }
            Target::Shop(shop) => {
                let stats = shop.server.get("/__control/stats").await?;
                format!(
                    "  {seconds:>4.1} s  {} companies, {} orders, {} invoices; {jobs} jobs, {dead} dead letters",
                    number(&stats, "/companies"),
                    number(&stats, "/orders"),
                    number(&stats, "/invoices"),
                )
            }
        })
    }
}

async fn watch(house: &House, processes: &mut Processes, target: &Target<'_>) -> anyhow::Result<()> {
    let live = std::io::stdout().is_terminal();
    let started = Instant::now();
    let (mut quiet, mut last_line) = (0, Instant::now());
    let mut shown = String::new();
    while quiet < QUIET_LOOKS {
        processes.check_alive()?;
        let queue = queue(house).await?;
        quiet = if queue.jobs == 0 { quiet + 1 } else { 0 };
        let line = target.line(house, &queue, started.elapsed().as_secs_f64()).await?;
        if live {
            print!("\r\x1b[2K{line}");
            std::io::stdout().flush()?;
        } else if last_line.elapsed() >= PLAIN_LINE_EVERY || shown.is_empty() {
            println!("{line}");
            last_line = Instant::now();
        }
        shown = line;
        if started.elapsed() > PATIENCE {
            println!();
            bail!("the work did not end within {} seconds:{shown}", PATIENCE.as_secs());
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    println!("{}{shown}", if live { "\r\x1b[2K" } else { "" });
    Ok(())
}
