//! One operation against a given Redis, as one JSON line: enqueue, drain, latency, idle.

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::Context as _;
use mlc_queue::{Outcome, Queue, Registry, Workers, WorkersConfig};
use mlc_runtime::{metrics::Metrics, readiness::Readiness};
use serde_json::{Value, json};
use tokio::sync::{Notify, mpsc, watch};

use crate::{
    no_op_job::{self, NoOp},
    usage::{self, cpu_seconds, redis_usage},
};

/// A latency sample that takes so long has failed.
const NOTHING_LEFT: Duration = Duration::from_secs(5);
/// Long enough for a worker to be idle again.
const REST: Duration = Duration::from_millis(3);

/// Where the operation works.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) url: String,
    pub(crate) namespace: String,
}

/// Enqueues `jobs` in calls of `batch`, `senders` calls at once.
pub(crate) async fn enqueue(place: &Place, jobs: u64, batch: u64, senders: u64) -> anyhow::Result<Value> {
    let (queue, redis) = no_op_job::open(&place.url, &place.namespace).await?;
    let mut connection = redis.manager.clone();
    let (cpu, redis_cpu) = (cpu_seconds(std::process::id())?, redis_usage(&mut connection).await?.cpu_seconds);
    let began = Instant::now();
    let next = Arc::new(AtomicU64::new(0));
    let tasks: Vec<_> = (0..senders)
        .map(|_| {
            let (queue, next) = (queue.clone(), Arc::clone(&next));
            tokio::spawn(async move {
                loop {
                    let first = next.fetch_add(batch, Ordering::Relaxed);
                    if first >= jobs {
                        return anyhow::Ok(());
                    }
                    let orders = (first..(first + batch).min(jobs)).map(|place| NoOp::new(place, 0).order());
                    queue.enqueue(&orders.collect::<anyhow::Result<Vec<_>>>()?).await?;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await??;
    }
    let seconds = began.elapsed().as_secs_f64();
    Ok(json!({
        "op": "enqueue", "jobs": jobs, "batch": batch, "senders": senders,
        "seconds": seconds, "per_second": jobs as f64 / seconds,
        "cpu_seconds": cpu_seconds(std::process::id())? - cpu,
        "redis_cpu_seconds": redis_usage(&mut connection).await?.cpu_seconds - redis_cpu,
    }))
}

/// Carries out `jobs` waiting jobs, or as many as there are: ends when none has come for `patience`.
pub(crate) async fn drain(place: &Place, jobs: u64, concurrency: usize, patience: Duration) -> anyhow::Result<Value> {
    let (queue, redis) = no_op_job::open(&place.url, &place.namespace).await?;
    let mut connection = redis.manager.clone();
    let done = Arc::new(AtomicU64::new(0));
    let enough = Arc::new(Notify::new());
    let epoch = Instant::now();
    let last_start = Arc::new(AtomicU64::new(0));
    let registry = {
        let (done, enough, last_start) = (Arc::clone(&done), Arc::clone(&enough), Arc::clone(&last_start));
        Registry::new().on(move |_: NoOp, _| {
            last_start.store(nanoseconds_since(epoch), Ordering::Relaxed);
            if done.fetch_add(1, Ordering::Relaxed) + 1 == jobs {
                enough.notify_one();
            }
            std::future::ready(Outcome::done())
        })
    };
    let (cpu, redis_cpu) = (cpu_seconds(std::process::id())?, redis_usage(&mut connection).await?.cpu_seconds);
    let (began, began_at) = (Instant::now(), SystemTime::now().duration_since(UNIX_EPOCH)?);
    let (last, ran_dry) = (Arc::clone(&last_start), Arc::new(AtomicBool::new(false)));
    let dry = Arc::clone(&ran_dry);
    let stop = async move {
        loop {
            tokio::select! {
                () = enough.notified() => return,
                () = tokio::time::sleep(patience / 10) => {}
            }
            let quiet = nanoseconds_since(epoch).saturating_sub(last.load(Ordering::Relaxed));
            if Duration::from_nanos(quiet) >= patience {
                dry.store(true, Ordering::Relaxed);
                return;
            }
        }
    };
    let config = worker("drain", concurrency);
    let (stopping, stopped) = watch::channel(false);
    let stop = async move {
        stop.await;
        stopping.send_replace(true);
    };
    let mut run = pin!(Workers::run(queue.clone(), registry, config, stop, Metrics::new(), Readiness::default()));
    // The figure ends when Redis has every result. How long the worker takes to stop after that is another figure.
    let settled = tokio::select! {
        result = &mut run => { result?; began.elapsed() }
        result = all_settled(&queue, stopped) => {
            result?;
            let settled = began.elapsed();
            run.await?;
            settled
        }
    };
    let stop_seconds = (began.elapsed() - settled).as_secs_f64();
    // The patience was waited for nothing: then the figure ends with the last job's start.
    let last_start = epoch + Duration::from_nanos(last_start.load(Ordering::Relaxed));
    let settled = if ran_dry.load(Ordering::Relaxed) { last_start.saturating_duration_since(began) } else { settled };
    let seconds = settled.as_secs_f64();
    let drained = done.load(Ordering::Relaxed);
    Ok(json!({
        "op": "drain", "jobs": drained, "concurrency": concurrency,
        "seconds": seconds, "per_second": drained as f64 / seconds,
        "cpu_seconds": cpu_seconds(std::process::id())? - cpu,
        "redis_cpu_seconds": redis_usage(&mut connection).await?.cpu_seconds - redis_cpu,
        "began_at": began_at.as_secs_f64(), "stop_seconds": stop_seconds,
        "peak_rss_mb": usage::peak_megabytes(std::process::id())?,
    }))
}

/// Returns when the worker was told to stop and no job is leased any more.
async fn all_settled(queue: &Queue, mut stopped: watch::Receiver<bool>) -> anyhow::Result<()> {
    stopped.wait_for(|stop| *stop).await?;
    while queue.lane(&no_op_job::lane()).await?.running > 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    Ok(())
}

/// Pushes `jobs` single jobs to a worker without work, each after the one before has started.
pub(crate) async fn latency(place: &Place, jobs: u64) -> anyhow::Result<Value> {
    let (queue, _) = no_op_job::open(&place.url, &place.namespace).await?;
    let epoch = Instant::now();
    let nanoseconds = move || nanoseconds_since(epoch);
    let (started, mut starts) = mpsc::unbounded_channel();
    let registry = Registry::new().on(move |job: NoOp, _| {
        // The receiver is gone only when the measurement is over.
        let _ = started.send(nanoseconds() - job.pushed_ns);
        std::future::ready(Outcome::done())
    });
    let running = Running::start(queue.clone(), registry);
    let mut waits = Vec::new();
    for place in 0..jobs {
        tokio::time::sleep(REST).await;
        queue.enqueue(&[NoOp::new(place, nanoseconds()).order()?]).await?;
        let wait = tokio::time::timeout(NOTHING_LEFT, starts.recv()).await.context("a job did not start within 5 s")?;
        waits.extend(wait);
    }
    let seconds = epoch.elapsed().as_secs_f64();
    running.stop().await?;
    waits.sort_unstable();
    let at = |share: f64| waits.get((waits.len().saturating_sub(1) as f64 * share) as usize).map(|ns| *ns as f64 / 1e3);
    Ok(json!({
        "op": "latency", "jobs": jobs, "seconds": seconds,
        "p50_us": at(0.5), "p99_us": at(0.99), "max_us": at(1.0),
    }))
}

/// Counts the commands that a worker without work sends.
pub(crate) async fn idle(place: &Place, seconds: u64) -> anyhow::Result<Value> {
    let (queue, redis) = no_op_job::open(&place.url, &place.namespace).await?;
    let running = Running::start(queue, Registry::new().on(|_: NoOp, _| std::future::ready(Outcome::done())));
    // What a start costs is no part of the figure.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let mut connection = redis.manager.clone();
    let (before, began) = (redis_usage(&mut connection).await?, Instant::now());
    let cpu = cpu_seconds(std::process::id())?;
    // The span over which the rate is measured.
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    let (after, elapsed) = (redis_usage(&mut connection).await?, began.elapsed().as_secs_f64());
    let cpu = cpu_seconds(std::process::id())? - cpu;
    running.stop().await?;
    // INFO itself is counted when it has ended: the first one stands between the two figures.
    let commands = after.commands - before.commands - 1.0;
    Ok(json!({
        "op": "idle", "seconds": elapsed, "commands": commands, "commands_per_second": commands / elapsed,
        "cpu_seconds": cpu, "redis_cpu_seconds": after.cpu_seconds - before.cpu_seconds,
    }))
}

fn nanoseconds_since(epoch: Instant) -> u64 {
    u64::try_from(epoch.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

fn worker(name: &str, concurrency: usize) -> WorkersConfig {
    WorkersConfig { name: name.to_owned(), concurrency, shutdown_deadline: Duration::from_secs(5) }
}

/// A worker inside this process.
struct Running {
    stop: Arc<Notify>,
    task: tokio::task::JoinHandle<Result<(), mlc_queue::QueueError>>,
}

impl Running {
    fn start(queue: Queue, registry: Registry) -> Self {
        let stop = Arc::new(Notify::new());
        let stopped = Arc::clone(&stop);
        let stopped = async move { stopped.notified().await };
        let run = Workers::run(queue, registry, worker("bench", 16), stopped, Metrics::new(), Readiness::default());
        Self { stop, task: tokio::spawn(run) }
    }

    async fn stop(self) -> anyhow::Result<()> {
        self.stop.notify_one();
        Ok(self.task.await??)
    }
}
