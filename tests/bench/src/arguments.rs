//! The command line.

use clap::{ArgGroup, Parser, ValueEnum};

/// Measures the queue, the sync, orders, the budget and the ledger. Without arguments: everything, as tables.
///
/// With `--redis-url` and one operation it prints one JSON line instead, to stand beside other queues in one run.
#[derive(Debug, Parser)]
#[command(name = "mlc-bench", version)]
#[command(group = ArgGroup::new("operation").args(["enqueue", "drain", "latency", "idle", "push_at"]).requires("redis_url"))]
pub(crate) struct Arguments {
    /// Only these measurements.
    #[arg(long, value_enum, value_delimiter = ',', conflicts_with = "operation")]
    pub(crate) only: Vec<Measurement>,
    /// Also sync 1,000,000 vendors; takes many minutes.
    #[arg(long, conflicts_with = "operation")]
    pub(crate) million: bool,
    /// A tenth of the purchase orders.
    #[arg(long, conflicts_with = "operation")]
    pub(crate) quick: bool,
    /// A Redis for one operation. Nothing but the namespace is touched.
    #[arg(long, value_name = "URL", requires = "operation")]
    pub(crate) redis_url: Option<String>,
    /// Namespace of the keys.
    #[arg(long, default_value = "mlc-bench")]
    pub(crate) namespace: String,
    /// Enqueue this many jobs.
    #[arg(long, value_name = "N")]
    pub(crate) enqueue: Option<u64>,
    /// Jobs per enqueue call.
    #[arg(long, value_name = "B", default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub(crate) batch: u64,
    /// Enqueue calls under way at once.
    #[arg(long, value_name = "S", default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..=1_000))]
    pub(crate) senders: u64,
    /// Carry out this many waiting jobs, which do nothing. Ends early when none comes for a while (`--patience`).
    #[arg(long, value_name = "N")]
    pub(crate) drain: Option<u64>,
    /// Milliseconds without a job after which a drain ends.
    #[arg(long, value_name = "MS", default_value_t = 5_000)]
    pub(crate) patience: u64,
    /// Jobs at once.
    #[arg(long, value_name = "C", default_value_t = 200, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub(crate) concurrency: u64,
    /// Time from push to start on an idle worker, this many times.
    #[arg(long, value_name = "N")]
    pub(crate) latency: Option<u64>,
    /// Redis commands that a worker without work sends, over this many seconds.
    #[arg(long, value_name = "SECONDS")]
    pub(crate) idle: Option<u64>,
    /// One worker process of the budget measurement: calls this HubSpot.
    #[arg(long, value_name = "BASE", hide = true)]
    pub(crate) push_at: Option<String>,
    /// How long it calls.
    #[arg(long, hide = true, default_value_t = 30)]
    pub(crate) seconds: u64,
}

/// A measurement of the full run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Measurement {
    /// Enqueue and drain, as shares of redis-benchmark; CPU; memory left behind.
    Queue,
    /// Push to start on an idle worker; commands of an idle worker.
    Latency,
    /// 100,000 vendors from the Epicor simulator into the HubSpot simulator.
    Sync,
    /// 5,000 purchase orders from the Epicor simulator into the Adobe Commerce simulator, which answers in 50 ms.
    Orders,
    /// Use of a rate limit by 1, 4 and 16 processes.
    Budget,
    /// Requests that an unchanged window costs.
    Window,
    /// Webhooks per second, and the time to their answer.
    Webhooks,
    /// The console's pages over a million jobs and a million dead letters.
    Console,
    /// Bytes a record takes in Redis.
    Ledger,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_grammar_is_consistent() {
        Arguments::command().debug_assert();
    }
}
