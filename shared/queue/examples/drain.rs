//! Measures the queue with jobs that do nothing. Prints one JSON line.
//!
//! `drain --redis-url URL --enqueue N [--batch B] | --drain N --concurrency C | --latency N` [--lanes L] [--namespace NAME]

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use mlc_model::{ConnectionId, SealBroken, Sealer};
use mlc_queue::{Job, Lane, Order, Outcome, Queue, QueueConfig, Registry, Workers, WorkersConfig};
use mlc_runtime::{metrics::Metrics, readiness::Readiness, redis::RedisHandle, settings::RedisSettings};
use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, mpsc};

#[derive(Serialize, Deserialize)]
struct Nothing {
    lane: String,
    sent_ns: u128,
    filler: String,
}

impl Job for Nothing {
    const KIND: &'static str = "nothing";
    const TIMEOUT: Duration = Duration::from_secs(30);
    fn lane(&self) -> Lane {
        Lane(ConnectionId::parse(&self.lane).expect("lanes are named by this program"))
    }
}

/// Stands in for the vault's key ring, with its cost in bytes only.
#[derive(Debug)]
struct Padding;

impl Sealer for Padding {
    fn seal(&self, _: &[u8], plain: &[u8]) -> Vec<u8> {
        [&[0; 42], plain].concat()
    }
    fn open(&self, _: &[u8], sealed: &[u8]) -> Result<Vec<u8>, SealBroken> {
        Ok(sealed[42..].to_vec())
    }
}

fn job(place: usize, lanes: usize, start: Instant) -> Nothing {
    let filler = (0..60).map(|n| format!("{:x}", (place * 7919 + n * 104_729) % 65_536)).collect();
    Nothing { lane: format!("lane-{}", place % lanes), sent_ns: start.elapsed().as_nanos(), filler }
}

fn workers_config(concurrency: usize) -> WorkersConfig {
    WorkersConfig { name: "drain".to_owned(), concurrency, shutdown_deadline: Duration::from_secs(5) }
}

#[tokio::main]
#[expect(clippy::print_stdout, reason = "the result of a measuring program")]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let options: HashMap<&str, &str> =
        arguments.chunks(2).filter_map(|pair| Some((pair[0].strip_prefix("--")?, pair.get(1)?.as_str()))).collect();
    let number = |name: &str, default: usize| options.get(name).and_then(|text| text.parse().ok()).unwrap_or(default);
    let settings = RedisSettings {
        url: options.get("redis-url").unwrap_or(&"redis://127.0.0.1:6379").to_string(),
        namespace: options.get("namespace").unwrap_or(&"drain").to_string(),
        ..RedisSettings::default()
    };
    let handle = RedisHandle::connect(&settings).await?;
    let queue = Queue::open(handle, Arc::new(Padding), QueueConfig::default()).await?;
    let lanes = number("lanes", 1);
    let line = if options.contains_key("enqueue") {
        enqueue(&queue, number("enqueue", 0), number("batch", 100), lanes).await?
    } else if options.contains_key("drain") {
        drain(&queue, number("drain", 0), number("concurrency", 200)).await?
    } else {
        latency(&queue, number("latency", 1000)).await?
    };
    println!("{line}");
    Ok(())
}

async fn enqueue(queue: &Queue, n: usize, batch: usize, lanes: usize) -> anyhow::Result<serde_json::Value> {
    let start = Instant::now();
    let next = Arc::new(AtomicUsize::new(0));
    let senders = (0..4).map(|_| {
        let (queue, next) = (queue.clone(), Arc::clone(&next));
        tokio::spawn(async move {
            loop {
                let first = next.fetch_add(batch, Ordering::Relaxed);
                if first >= n {
                    return anyhow::Ok(());
                }
                let orders: Result<Vec<Order>, _> =
                    (first..(first + batch).min(n)).map(|place| Order::of(&job(place, lanes, start))).collect();
                queue.enqueue(&orders?).await?;
            }
        })
    });
    for sender in senders.collect::<Vec<_>>() {
        sender.await??;
    }
    let secs = start.elapsed().as_secs_f64();
    Ok(serde_json::json!({"enqueued": n, "batch": batch, "secs": secs, "per_sec": n as f64 / secs}))
}

async fn drain(queue: &Queue, n: usize, concurrency: usize) -> anyhow::Result<serde_json::Value> {
    let left = Arc::new(AtomicUsize::new(n));
    let empty = Arc::new(Notify::new());
    let registry = {
        let (left, empty) = (Arc::clone(&left), Arc::clone(&empty));
        Registry::new().on(move |_: Nothing, _| {
            if left.fetch_sub(1, Ordering::Relaxed) == 1 {
                empty.notify_one();
            }
            std::future::ready(Outcome::done())
        })
    };
    let start = Instant::now();
    let stop = async move { empty.notified().await };
    let metrics = Metrics::new();
    Workers::run(queue.clone(), registry, workers_config(concurrency), stop, metrics, Readiness::default()).await?;
    let secs = start.elapsed().as_secs_f64();
    Ok(serde_json::json!({"drained": n, "concurrency": concurrency, "secs": secs, "per_sec": n as f64 / secs}))
}

async fn latency(queue: &Queue, n: usize) -> anyhow::Result<serde_json::Value> {
    let start = Instant::now();
    let (started, mut starts) = mpsc::unbounded_channel();
    let registry = Registry::new().on(move |job: Nothing, _| {
        let _ = started.send(start.elapsed().as_nanos() - job.sent_ns);
        std::future::ready(Outcome::done())
    });
    let stop = Arc::new(Notify::new());
    let stopped = Arc::clone(&stop);
    let worker = tokio::spawn(Workers::run(
        queue.clone(),
        registry,
        workers_config(16),
        async move { stopped.notified().await },
        Metrics::new(),
        Readiness::default(),
    ));
    let mut waits = Vec::with_capacity(n);
    for place in 0..n {
        // Long enough for the worker to be idle again.
        tokio::time::sleep(Duration::from_millis(3)).await;
        queue.enqueue(&[Order::of(&job(place, 1, start))?]).await?;
        waits.extend(starts.recv().await);
    }
    stop.notify_one();
    worker.await??;
    waits.sort_unstable();
    let at = |share: f64| waits[((waits.len() - 1) as f64 * share) as usize] as f64 / 1e6;
    Ok(serde_json::json!({"latency": n, "p50_ms": at(0.5), "p99_ms": at(0.99), "max_ms": at(1.0)}))
}
