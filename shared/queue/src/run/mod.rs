//! Carrying jobs out: apalis' workers, layers, monitor and graceful stop over our store.
//!
//! ```text
//!            turn.lua                    Inbox                 apalis worker
//!  Redis <-------------- Pump ----------------------> Backend ------> layers ------> handler
//!    ^                    ^ ^                                          |
//!    |  BLPOP + claim     | |            Report (result)               |
//!    +------- Waiter -----+ +------------------------------------------+
//!    +------- Renewal: extends every lease, tells the runs that lost theirs
//!    +------- Beat: tells that this worker lives
//! ```

mod backend;
mod beat;
mod inbox;
mod layers;
mod pump;
mod renewal;
mod report;
mod waiter;

use std::{future::Future, sync::Arc, time::Duration};

use apalis::prelude::{Monitor, WorkerBuilder};
use mlc_runtime::{metrics::Metrics, readiness::Readiness};
use tokio::sync::{mpsc, watch};
use tracing::{info, warn};

use self::{
    backend::JobBackend,
    beat::Beat,
    inbox::Inbox,
    layers::{CatchPanic, JobService, Limits, Parallel, RunSpan},
    pump::Pump,
    renewal::Renewal,
};
use crate::{Queue, QueueError, Registry};

/// Time after the deadline for telling Redis; then the leases end by themselves.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// How a worker process works.
#[derive(Debug, Clone)]
pub struct WorkersConfig {
    /// Shown in logs; made unique per start.
    pub name: String,
    /// Jobs at once. As many are leased, never more.
    pub concurrency: usize,
    /// Time for running jobs to end after the stop signal. What still runs then is handed back; no attempt is burned.
    pub shutdown_deadline: Duration,
}

impl Default for WorkersConfig {
    fn default() -> Self {
        Self { name: "worker".to_owned(), concurrency: 32, shutdown_deadline: Duration::from_secs(25) }
    }
}

/// The running side of a queue.
#[derive(Debug)]
pub struct Workers;

impl Workers {
    /// Carries out jobs until `shutdown` is ready and everything is finished or handed back.
    ///
    /// Redis may go away and come back meanwhile: nothing ends because of that.
    ///
    /// # Errors
    /// [`QueueError::Setting`] for a concurrency of 0; [`QueueError::Workers`] when apalis' worker ended by itself.
    pub async fn run(
        queue: Queue,
        registry: Registry,
        config: WorkersConfig,
        shutdown: impl Future<Output = ()> + Send + 'static,
        metrics: Metrics,
        readiness: Readiness,
    ) -> Result<(), QueueError> {
        if config.concurrency == 0 {
            return Err(QueueError::Setting { key: "concurrency", problem: "must be at least 1" });
        }
        // Two starts never share a name: the second would look like the first come back.
        let name = format!("{}-{}-{:06x}", config.name, std::process::id(), rand::random::<u32>() & 0xff_ffff);
        let inbox = Arc::new(Inbox::default());
        let (reports, reported) = mpsc::unbounded_channel();
        let (stop, stopping) = watch::channel(false);
        let renewal = Renewal::start(queue.clone(), metrics.clone(), readiness.clone());
        let pump = Pump::start(pump::Parts {
            queue: queue.clone(),
            inbox: Arc::clone(&inbox),
            reported,
            reports: reports.clone(),
            renewal: renewal.handle(),
            metrics: metrics.clone(),
            readiness,
            concurrency: config.concurrency,
            deadline: config.shutdown_deadline,
            stopping: stopping.clone(),
        });
        let kinds = registry.kinds();
        let beat = Beat::start(queue.clone(), name.clone(), &kinds, config.concurrency, renewal.handle());
        info!(worker = %name, concurrency = config.concurrency, ?kinds, "Worker {name} takes jobs");

        let monitor = {
            let (queue, inbox, name) = (queue, Arc::clone(&inbox), name.clone());
            let service = JobService::new(registry, Arc::clone(&queue.0.sealer));
            Monitor::new()
                .register(move |restarts| {
                    WorkerBuilder::new(format!("{name}-{restarts}"))
                        .backend(JobBackend::new(Arc::clone(&inbox), reports.clone(), queue.clone(), metrics.clone()))
                        .layer(Parallel)
                        .layer(RunSpan)
                        .layer(CatchPanic)
                        .layer(Limits)
                        .build(service.clone())
                })
                // Our backend never fails. Should the worker end all the same, its jobs are handed back by their guards
                // and a new one takes over.
                .should_restart(|worker, error| {
                    warn!(%error, "The worker {} ended by itself and is started again", worker.name());
                    std::thread::sleep(Duration::from_millis(100));
                    worker.restarts() < 1000
                })
        };
        let deadline = config.shutdown_deadline;
        let signal = async move {
            shutdown.await;
            info!(worker = %name, "Worker {name} stops: takes no new jobs, finishes or hands back the others");
            let _ = stop.send(true);
            Ok(())
        };
        let mut stopped = stopping;
        let overdue = async move {
            // Fails only when the sender is gone, which it is after the signal as well.
            let _ = stopped.wait_for(|stop| *stop).await;
            tokio::time::sleep(deadline + 2 * LAST_WORDS).await;
        };
        let result = tokio::select! {
            ended = monitor.run_with_signal(signal) => ended.map_err(|error| QueueError::Workers(error.to_string())),
            () = overdue => {
                warn!("Jobs that block their thread did not end in time; their leases end by themselves");
                Ok(())
            }
        };
        pump.abort();
        renewal.stop();
        beat.stop().await;
        result
    }
}
