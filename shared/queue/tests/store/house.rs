//! Jobs, handlers and workers for the cases.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;
use mlc_model::{Clock as _, Fault, FaultKind, System, SystemClock};
use mlc_queue::{
    Job, JobContext, Lane, LaneStatus, Order, Outcome, Queue, QueueConfig, QueueError, Registry, UniqueKey, Workers,
    WorkersConfig,
};
use mlc_runtime::{metrics::Metrics, readiness::Readiness};
use serde::{Deserialize, Serialize};
use tokio::{sync::Notify, task::JoinHandle};

use crate::support;

/// A job that tells the test that it runs.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Errand {
    pub lane: String,
    pub n: u32,
    #[serde(default)]
    pub unique: Option<String>,
}

impl Job for Errand {
    const KIND: &'static str = "errand";
    const MAX_ATTEMPTS: u32 = 3;
    const TIMEOUT: Duration = Duration::from_secs(20);
    fn lane(&self) -> Lane {
        lane(&self.lane)
    }
    fn unique_key(&self) -> Option<UniqueKey> {
        self.unique.as_deref().map(UniqueKey::of)
    }
    fn subject(&self) -> Option<String> {
        Some(format!("errand {}", self.n))
    }
}

/// As an errand, with a short time limit.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Hasty {
    pub n: u32,
}

impl Job for Hasty {
    const KIND: &'static str = "hasty";
    const MAX_ATTEMPTS: u32 = 2;
    const TIMEOUT: Duration = Duration::from_millis(50);
    fn lane(&self) -> Lane {
        lane("main")
    }
}

/// An errand whose form has changed: it has no `n`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct OldErrand {
    pub lane: String,
}

impl Job for OldErrand {
    const KIND: &'static str = "errand";
    const TIMEOUT: Duration = Duration::from_secs(20);
    fn lane(&self) -> Lane {
        lane(&self.lane)
    }
}

/// These cases are about a real Redis, hence about the real time.
pub fn now() -> DateTime<Utc> {
    SystemClock.now()
}

pub fn lane(name: &str) -> Lane {
    Lane::parse(name).unwrap()
}

pub fn errand(n: u32) -> Order {
    errand_in("main", n)
}

pub fn errand_in(lane: &str, n: u32) -> Order {
    Order::of(&Errand { lane: lane.to_owned(), n, unique: None }).unwrap()
}

pub fn unique_errand(n: u32, key: &str) -> Order {
    Order::of(&Errand { lane: "main".to_owned(), n, unique: Some(key.to_owned()) }).unwrap()
}

pub fn errands(numbers: impl IntoIterator<Item = u32>) -> Vec<Order> {
    numbers.into_iter().map(errand).collect()
}

pub fn fault(kind: FaultKind) -> Fault {
    Fault::new(kind, System::Hubspot, "companies.batch_upsert", "the server said no")
}

type Script = Arc<dyn Fn(Errand, JobContext) -> BoxFuture<'static, Outcome> + Send + Sync>;

/// What ran, in the order of starting.
#[derive(Clone, Default)]
pub struct Diary {
    runs: Arc<Mutex<Vec<(u32, JobContext)>>>,
    changed: Arc<Notify>,
}

impl Diary {
    pub fn runs(&self) -> Vec<(u32, JobContext)> {
        self.runs.lock().unwrap().clone()
    }

    pub fn numbers(&self) -> Vec<u32> {
        self.runs().iter().map(|(n, _)| *n).collect()
    }

    pub fn times(&self) -> HashMap<u32, usize> {
        let mut times = HashMap::new();
        for n in self.numbers() {
            *times.entry(n).or_default() += 1;
        }
        times
    }

    pub fn note(&self, n: u32, context: JobContext) {
        self.runs.lock().unwrap().push((n, context));
        self.changed.notify_waiters();
    }

    /// Waits until `count` runs have started.
    pub async fn wait_for(&self, count: usize) {
        let wait = async {
            loop {
                let changed = self.changed.notified();
                if self.runs.lock().unwrap().len() >= count {
                    return;
                }
                changed.await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), wait)
            .await
            .unwrap_or_else(|_| panic!("{} of {count} runs have started", self.runs().len()));
    }
}

/// A queue of its own, and workers on it.
pub struct House {
    pub queue: Queue,
    pub namespace: String,
    pub diary: Diary,
    pub metrics: Metrics,
}

impl House {
    pub async fn open() -> Self {
        Self::with(support::quick()).await
    }

    pub async fn with(config: QueueConfig) -> Self {
        let namespace = support::fresh_namespace();
        let queue = support::queue_named(&namespace, config).await;
        Self { queue, namespace, diary: Diary::default(), metrics: Metrics::new() }
    }

    pub fn on(queue: Queue) -> Self {
        Self { queue, namespace: "own".to_owned(), diary: Diary::default(), metrics: Metrics::new() }
    }

    pub async fn enqueue(&self, orders: &[Order]) {
        self.queue.enqueue(orders).await.unwrap();
    }

    pub fn registry<F>(&self, script: F) -> Registry
    where
        F: Fn(Errand, JobContext) -> BoxFuture<'static, Outcome> + Send + Sync + 'static,
    {
        let (diary, script): (Diary, Script) = (self.diary.clone(), Arc::new(script));
        Registry::new().on(move |errand: Errand, context: JobContext| {
            diary.note(errand.n, context.clone());
            script(errand, context)
        })
    }

    /// Starts a worker whose errands end as `script` says.
    pub fn work<F>(&self, concurrency: usize, script: F) -> Worker
    where
        F: Fn(Errand, JobContext) -> BoxFuture<'static, Outcome> + Send + Sync + 'static,
    {
        self.work_with(self.registry(script), concurrency, Duration::from_secs(10))
    }

    /// Starts a worker whose errands are done at once.
    pub fn work_simply(&self, concurrency: usize) -> Worker {
        self.work(concurrency, |_, _| Box::pin(async { Outcome::done() }))
    }

    pub fn work_with(&self, registry: Registry, concurrency: usize, shutdown_deadline: Duration) -> Worker {
        let stop = Arc::new(Notify::new());
        let stopped = Arc::clone(&stop);
        let config = WorkersConfig { name: "same-name".to_owned(), concurrency, shutdown_deadline };
        let task = tokio::spawn(Workers::run(
            self.queue.clone(),
            registry,
            config,
            async move { stopped.notified().await },
            self.metrics.clone(),
            Readiness::default(),
        ));
        Worker { stop, task }
    }

    pub async fn lane(&self) -> LaneStatus {
        self.queue.lane(&lane("main")).await.unwrap()
    }

    /// Waits until nothing waits or runs any more in any lane.
    pub async fn quiet(&self) {
        eventually("the queue is empty", async || {
            self.queue.lanes().await.unwrap().iter().all(|lane| lane.ready + lane.delayed + lane.running == 0)
        })
        .await;
    }

    pub async fn total(&self, outcome: &str) -> u64 {
        self.queue.stats().await.unwrap().total(outcome)
    }

    /// All keys of this test's queue.
    pub async fn keys(&self) -> Vec<String> {
        let mut keys: Vec<String> = redis::cmd("KEYS")
            .arg(format!("*{}*", self.namespace))
            .query_async(&mut support::connection().await)
            .await
            .unwrap();
        keys.retain(|key| key.contains(&format!("{}}}", self.namespace)));
        keys.sort();
        keys
    }
}

pub struct Worker {
    stop: Arc<Notify>,
    pub task: JoinHandle<Result<(), QueueError>>,
}

impl Worker {
    pub fn signal(&self) {
        self.stop.notify_one();
    }

    /// Stops it gracefully and waits for its end.
    pub async fn stop(self) {
        self.signal();
        self.ended().await;
    }

    pub async fn ended(self) {
        tokio::time::timeout(Duration::from_secs(30), self.task).await.expect("the worker ends").unwrap().unwrap();
    }
}

/// Looks again until it holds.
pub async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let start = Instant::now();
    while !holds().await {
        assert!(start.elapsed() < Duration::from_secs(30), "it never happened that {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
