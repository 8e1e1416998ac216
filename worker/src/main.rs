//! `mlc-worker`: wires the rooms together and decides nothing.

use std::{path::PathBuf, process::ExitCode, sync::Arc};

use anyhow::Context as _;
use clap::Parser;
use mlc_model::SystemClock;
use mlc_queue::{Workers, WorkersConfig};
use mlc_runtime::{logs, metrics::Metrics, probes, readiness::Readiness, settings::Settings, shutdown::Shutdown};

/// Carries out the jobs of ml-connector. Start as many as you like.
#[derive(Debug, Parser)]
#[command(name = "mlc-worker", version)]
struct Arguments {
    /// Settings file.
    #[arg(long, env = "MLC_CONFIG", default_value = "mlc.toml")]
    config: PathBuf,
    /// Name in logs and on the list of workers; made from host and process when not given.
    #[arg(long)]
    name: Option<String>,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            // One line for people; a trace would tell them nothing that they could act on.
            #[expect(clippy::print_stderr, reason = "logs may not be set up yet when a start fails")]
            {
                eprintln!("mlc-worker: {problem:#}");
            }
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let settings = Arc::new(Settings::load(&arguments.config)?);
    logs::init(&settings.log)?;
    let shutdown = Shutdown::on_signals().context("signals cannot be watched")?;
    let metrics = Metrics::new();
    let readiness = Readiness::new(settings.worker.ready_within);
    let context = mlc_worker::open(Arc::clone(&settings), metrics.clone(), Arc::new(SystemClock)).await?;
    if let Some(listen) = settings.worker.listen.address() {
        probes::serve(listen, metrics.clone(), readiness.clone(), shutdown.clone(), || async {}).await?;
    }
    let config = WorkersConfig {
        name: arguments.name.unwrap_or_else(|| format!("worker-{}", std::process::id())),
        concurrency: settings.worker.concurrency as usize,
        shutdown_deadline: settings.worker.shutdown_deadline,
    };
    let registry = mlc_worker::registry(&context);
    Workers::run(context.queue.clone(), registry, config, shutdown.waiting(), metrics, readiness).await?;
    Ok(())
}
