//! The queue as its users hold it.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::Duration,
};

use chrono::{DateTime, Utc};
use mlc_model::{Clock as _, JobId, Sealer, SystemClock};
use mlc_runtime::{backoff::RetryPolicy, redis::RedisHandle};
use redis::aio::ConnectionManager;

use crate::{error::QueueError, keys::Keys, store::fsync::FsyncGate, verb};

/// How the queue behaves. [`QueueConfig::default`] is right for production.
#[derive(Debug, Clone)]
pub struct QueueConfig {
    /// First part of every key; `None` takes the Redis handle's namespace.
    pub name: Option<String>,
    /// How long a job belongs to a worker that gives no sign of life. Extended every third of it. 1 s to 10 min.
    pub lease: Duration,
    /// A job that was running in this many workers when they died goes to the shelf.
    pub poison_after: u32,
    /// Most bytes on the dead-letter shelf. At 80 % an alarm is logged, above 100 % the oldest letters go, each with an entry.
    pub dead_letter_bytes: u64,
    /// Delays between failed attempts.
    pub retry: RetryPolicy,
    /// Most failed attempts of any job, where its own kind allows more.
    pub max_attempts: u32,
    /// Longest time an idle worker waits without looking: the net below the wake-ups.
    pub slow_poll: Duration,
    /// Whether `enqueue` returns only when the append-only file is on disk, where Redis can tell (7.2 and newer).
    pub confirm_fsync: bool,
}

impl Default for QueueConfig {
    fn default() -> Self {
        Self {
            name: None,
            lease: Duration::from_secs(6),
            poison_after: 3,
            dead_letter_bytes: 256 << 20,
            retry: RetryPolicy::default(),
            max_attempts: u32::MAX,
            slow_poll: Duration::from_secs(2),
            confirm_fsync: true,
        }
    }
}

/// What became of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Enqueued {
    /// A new job.
    Accepted(JobId),
    /// An open job has the same unique key; this is its id.
    Duplicate(JobId),
}

impl Enqueued {
    /// The id of the job that stands for the order.
    pub fn id(&self) -> &JobId {
        match self {
            Self::Accepted(id) | Self::Duplicate(id) => id,
        }
    }
}

/// Durable jobs on Redis. Clones share everything.
#[derive(Clone)]
pub struct Queue(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) handle: RedisHandle,
    pub(crate) keys: Keys,
    pub(crate) sealer: Arc<dyn Sealer>,
    pub(crate) config: QueueConfig,
    pub(crate) fsync: FsyncGate,
    /// Redis' clock minus ours, in ms.
    skew_ms: AtomicI64,
    /// Whether the shelf's alarm is on: one log line per crossing.
    pub(crate) shelf_alarm: AtomicBool,
}

impl Queue {
    /// Opens the queue and makes its scripts known to Redis.
    ///
    /// # Errors
    /// [`QueueError::Setting`] for a value out of range, [`QueueError::Redis`] when Redis does not answer.
    pub async fn open(handle: RedisHandle, sealer: Arc<dyn Sealer>, config: QueueConfig) -> Result<Self, QueueError> {
        if !(Duration::from_secs(1)..=Duration::from_secs(600)).contains(&config.lease) {
            return Err(QueueError::Setting { key: "lease", problem: "must be between 1s and 10m" });
        }
        if config.poison_after == 0 {
            return Err(QueueError::Setting { key: "poison_after", problem: "must be at least 1" });
        }
        if config.slow_poll < Duration::from_millis(10) || config.slow_poll > Duration::from_secs(60) {
            return Err(QueueError::Setting { key: "slow_poll", problem: "must be between 10ms and 60s" });
        }
        let name = config.name.clone().unwrap_or_else(|| handle.namespace.clone());
        if name.is_empty() || name.contains(['{', '}', ':', ' ']) {
            return Err(QueueError::Setting {
                key: "name",
                problem: "must not be empty nor contain braces, `:` or spaces",
            });
        }
        let mut connection = handle.manager.clone();
        for verb in verb::all() {
            verb.load(&mut connection).await?;
        }
        let (secs, micros): (i64, i64) = redis::cmd("TIME").query_async(&mut connection).await?;
        let skew = secs * 1000 + micros / 1000 - SystemClock.now().timestamp_millis();
        let fsync = FsyncGate::open(&handle, &Keys::new(&name), config.confirm_fsync).await;
        Ok(Self(Arc::new(Inner {
            keys: Keys::new(&name),
            handle,
            sealer,
            config,
            fsync,
            skew_ms: AtomicI64::new(skew),
            shelf_alarm: AtomicBool::new(false),
        })))
    }

    /// How the queue behaves.
    pub fn config(&self) -> &QueueConfig {
        &self.0.config
    }

    pub(crate) fn connection(&self) -> ConnectionManager {
        self.0.handle.manager.clone()
    }

    pub(crate) fn keys(&self) -> &Keys {
        &self.0.keys
    }

    /// Redis' time as far as we know it.
    pub(crate) fn now_ms(&self) -> i64 {
        SystemClock.now().timestamp_millis() + self.0.skew_ms.load(Ordering::Relaxed)
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(self.now_ms()).unwrap_or_default()
    }

    pub(crate) fn learn_time(&self, redis_now_ms: i64) {
        self.0.skew_ms.store(redis_now_ms - SystemClock.now().timestamp_millis(), Ordering::Relaxed);
    }

    /// Field of a counter: day, kind, outcome.
    pub(crate) fn counter(&self, kind: &str, outcome: &str) -> String {
        format!("{}|{kind}|{outcome}", self.now_ms() / 86_400_000)
    }
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue")
            .field("keys", &self.0.keys.prefix())
            .field("config", &self.0.config)
            .finish_non_exhaustive()
    }
}
