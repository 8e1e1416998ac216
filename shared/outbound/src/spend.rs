//! Spending from the budgets in Redis: one script takes a place in all that a request needs.

use std::{
    collections::HashMap,
    future::Future,
    sync::{
        Arc, LazyLock, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use chrono::{DateTime, FixedOffset, Utc};
use mlc_model::{Fault, FaultKind, System};
use mlc_runtime::redis::RedisHandle;
use redis::Script;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{BudgetConfig, BudgetKind, BudgetLeft, budget::Lessons, keys::Keys};

static TAKE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("lua/take.lua")));
static EXTEND: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("lua/extend.lua")));
static BLOCK: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("lua/block.lua")));
static REMAINING: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("lua/remaining.lua")));

/// How often a full concurrency budget is asked again; half of it is random, so that workers do not march in step.
const ASK_AGAIN: Duration = Duration::from_millis(40);

/// A place reserved too far behind this process' own delays is given up for a new one, so many times.
const RESERVATIONS: u32 = 4;

/// Waits up to here are not worth a look whether the budget was blocked meanwhile.
const WORTH_A_LOOK: Duration = Duration::from_millis(20);

/// Retry-after of a refusal whose end is not known.
const FULL_RETRY: Duration = Duration::from_secs(1);

/// All budgets of one connection.
#[derive(Debug)]
pub(crate) struct Budgets {
    system: System,
    configs: Vec<BudgetConfig>,
    redis: RedisHandle,
    keys: Keys,
    max_inline_wait: Duration,
    pub(crate) lessons: Lessons,
    /// Tasks of this process line up here first, so that only as many as could win ask Redis.
    queues: HashMap<&'static str, Arc<Semaphore>>,
    /// Until when this process knows a family to be blocked, in microseconds of Redis' clock.
    blocks: Mutex<HashMap<&'static str, u64>>,
    /// Longest time in microseconds that a new connection took since the last take.
    pub(crate) connecting: Arc<AtomicU64>,
}

/// What a script run decided.
enum Taken {
    Yes { wait: Duration, slot_us: u64 },
    Later { wait: Duration, family: &'static str },
    Full { family: &'static str },
}

/// The right to send one request now. Gives its places back when dropped.
#[derive(Debug)]
pub(crate) struct Permit {
    leases: Option<Leases>,
    /// Time spent waiting for it.
    pub(crate) waited: Duration,
}

impl Budgets {
    pub(crate) fn new(
        system: System,
        configs: Vec<BudgetConfig>,
        redis: RedisHandle,
        keys: Keys,
        max_inline_wait: Duration,
    ) -> Self {
        let queues = configs
            .iter()
            .filter_map(|config| match config.kind {
                BudgetKind::Concurrency { max, .. } => Some((config.family, Arc::new(Semaphore::new(max as usize)))),
                _ => None,
            })
            .collect();
        Self {
            system,
            configs,
            redis,
            keys,
            max_inline_wait,
            lessons: Lessons::default(),
            queues,
            blocks: Mutex::default(),
            connecting: Arc::default(),
        }
    }

    pub(crate) fn config(&self, family: &str) -> Option<&BudgetConfig> {
        self.configs.iter().find(|config| config.family == family)
    }

    /// Waits for a place in every budget among `families`.
    ///
    /// # Errors
    /// `Limited` if that would take longer than the longest inline wait; nothing is reserved then. `Transient` if Redis
    /// does not answer.
    pub(crate) async fn take(&self, operation: &str, families: &[&'static str]) -> Result<Permit, Fault> {
        let spent: Vec<&BudgetConfig> =
            self.configs.iter().filter(|config| families.contains(&config.family)).collect();
        let started = Instant::now();
        if spent.is_empty() {
            return Ok(Permit { leases: None, waited: Duration::ZERO });
        }
        let deadline = started + self.max_inline_wait;
        let queued = self.line_up(operation, &spent, deadline).await?;
        // Before the script runs, so that a task cancelled at any point gives its places back.
        let leases = Leases::of(&spent, &self.redis, &self.keys, queued);
        let mark = leases.as_ref().map_or("-", |leases| leases.mark.as_str());
        let mut reservations = 0;
        loop {
            let asked = Instant::now();
            match self.ask(operation, &spent, mark).await? {
                Taken::Yes { wait, slot_us } => {
                    let slot = Instant::now() + wait;
                    tokio::time::sleep_until(slot.into()).await;
                    reservations += 1;
                    let blocked = self.is_blocked(&spent, slot_us, wait).await;
                    let too_late = asked.elapsed().saturating_sub(wait) > smallest_margin(&spent) / 2;
                    if (blocked || too_late) && reservations < RESERVATIONS {
                        continue;
                    }
                    return Ok(Permit { leases, waited: started.elapsed() });
                }
                Taken::Later { wait, family } => return Err(self.limited(operation, family, come_back(wait))),
                Taken::Full { family } => {
                    let pause = ASK_AGAIN.mul_f64(0.5 + rand::random::<f64>() / 2.0);
                    if Instant::now() + pause > deadline {
                        return Err(self.limited(operation, family, come_back(FULL_RETRY)));
                    }
                    tokio::time::sleep(pause).await;
                }
            }
        }
    }

    /// A place in this process' own line of each concurrency budget.
    async fn line_up(
        &self,
        operation: &str,
        spent: &[&BudgetConfig],
        deadline: Instant,
    ) -> Result<Vec<OwnedSemaphorePermit>, Fault> {
        let mut places = Vec::new();
        for config in spent {
            let Some(queue) = self.queues.get(config.family) else { continue };
            match tokio::time::timeout_at(deadline.into(), Arc::clone(queue).acquire_owned()).await {
                Ok(Ok(place)) => places.push(place),
                Ok(Err(_)) | Err(_) => return Err(self.limited(operation, config.family, come_back(FULL_RETRY))),
            }
        }
        Ok(places)
    }

    /// Runs `take.lua`.
    async fn ask(&self, operation: &str, spent: &[&BudgetConfig], mark: &str) -> Result<Taken, Fault> {
        let mut run = TAKE.prepare_invoke();
        run.key(self.keys.budget());
        let paced = spent.iter().any(|config| matches!(config.kind, BudgetKind::Paced { .. }));
        let late_us = if paced { self.connecting.swap(0, Ordering::Relaxed) } else { 0 };
        run.arg(micros(self.max_inline_wait)).arg(mark).arg(late_us);
        let now = Instant::now();
        for config in spent {
            let carried = self.lessons.carry(config.family, now);
            match config.kind {
                BudgetKind::Paced { limit, window, margin } => {
                    let (learned, over) = carried.pace.unwrap_or((0, Duration::ZERO));
                    run.arg("P").arg(config.family).arg(limit).arg(micros(window)).arg(micros(margin));
                    run.arg(learned).arg(micros(over));
                }
                BudgetKind::Daily { limit, offset } => {
                    run.arg("D").arg(config.family).arg(limit.unwrap_or(0)).arg(offset.local_minus_utc());
                    match carried.day {
                        Some((limit, remaining)) => run.arg(limit).arg(remaining),
                        None => run.arg(-1).arg(0),
                    };
                    run.arg(carried.offset.map(|offset| offset.local_minus_utc().to_string()).unwrap_or_default());
                }
                BudgetKind::Concurrency { max, lease } => {
                    run.key(self.keys.in_flight(config.family));
                    run.arg("C").arg(config.family).arg(max).arg(millis(lease)).arg("").arg("").arg("");
                }
            }
        }
        let mut connection = self.redis.manager.clone();
        let (taken, wait, now_us, lacking): (u8, i64, u64, usize) =
            run.invoke_async(&mut connection).await.map_err(|error| redis_fault(operation, &error))?;
        let family = lacking.checked_sub(1).and_then(|index| spent.get(index)).map_or("budget", |config| config.family);
        Ok(match (taken, u64::try_from(wait)) {
            (1, Ok(wait_us)) => Taken::Yes { wait: Duration::from_micros(wait_us), slot_us: now_us + wait_us },
            (_, Ok(wait_us)) => Taken::Later { wait: Duration::from_micros(wait_us), family },
            (_, Err(_)) => Taken::Full { family },
        })
    }

    /// Whether a budget was blocked while the place was waited for. Another worker's block is looked up only after a
    /// wait long enough for it to have happened.
    async fn is_blocked(&self, spent: &[&BudgetConfig], slot_us: u64, waited: Duration) -> bool {
        if waited >= WORTH_A_LOOK {
            let fields: Vec<String> = spent.iter().map(|config| block_field(config.family)).collect();
            let mut connection = self.redis.manager.clone();
            let found: redis::RedisResult<Vec<Option<u64>>> =
                redis::cmd("HMGET").arg(self.keys.budget()).arg(fields).query_async(&mut connection).await;
            // A Redis that does not answer now will be noticed by the next take.
            return found.is_ok_and(|blocks| blocks.into_iter().flatten().any(|until| until > slot_us));
        }
        let blocks = self.blocks.lock().unwrap_or_else(PoisonError::into_inner);
        spent.iter().filter_map(|config| blocks.get(config.family)).any(|until| *until > slot_us)
    }

    /// Stops a budget until `until`, or for `wait` by Redis' clock, whichever is given.
    pub(crate) async fn block(&self, family: &str, until: Option<DateTime<Utc>>, wait: Duration) -> Result<(), Fault> {
        let Some(config) = self.config(family) else { return Ok(()) };
        let until_us = until.map_or(0, |until| u64::try_from(until.timestamp_micros()).unwrap_or(1));
        let mut connection = self.redis.manager.clone();
        let (until_us, _now): (u64, u64) = BLOCK
            .key(self.keys.budget())
            .arg(family)
            .arg(until_us)
            .arg(micros(wait))
            .invoke_async(&mut connection)
            .await
            .map_err(|error| redis_fault("budget.block", &error))?;
        self.blocks.lock().unwrap_or_else(PoisonError::into_inner).insert(config.family, until_us);
        Ok(())
    }

    /// What is left of each budget. A daily budget without a known limit is left out.
    pub(crate) async fn remaining(&self) -> Result<Vec<BudgetLeft>, Fault> {
        let mut run = REMAINING.prepare_invoke();
        run.key(self.keys.budget());
        for config in &self.configs {
            match config.kind {
                BudgetKind::Paced { limit, window, margin } => {
                    run.arg("P").arg(config.family).arg(limit).arg(micros(window + margin))
                }
                BudgetKind::Daily { limit, offset } => {
                    run.arg("D").arg(config.family).arg(limit.unwrap_or(0)).arg(offset.local_minus_utc())
                }
                BudgetKind::Concurrency { max, .. } => {
                    run.key(self.keys.in_flight(config.family));
                    run.arg("C").arg(config.family).arg(max).arg("")
                }
            };
        }
        let mut connection = self.redis.manager.clone();
        let left: Vec<i64> =
            run.invoke_async(&mut connection).await.map_err(|error| redis_fault("budget.remaining", &error))?;
        let span = |micros: i64| Duration::from_micros(u64::try_from(micros).unwrap_or(0));
        let read = |(config, numbers): (&BudgetConfig, &[i64])| {
            let [left, limit, whole, blocked, per] = *numbers else { return None };
            Some(BudgetLeft {
                family: config.family,
                remaining: u64::try_from(left).ok()?,
                limit: u64::try_from(limit).unwrap_or(0),
                per: span(per),
                whole_in: span(whole),
                blocked_for: span(blocked),
            })
        };
        Ok(self.configs.iter().zip(left.chunks(5)).filter_map(read).collect())
    }

    /// The zone whose midnight ends a daily budget's day.
    pub(crate) fn day_offset(&self, family: &str) -> Option<FixedOffset> {
        match self.config(family)?.kind {
            BudgetKind::Daily { offset, .. } => Some(self.lessons.known_offset(family).unwrap_or(offset)),
            _ => None,
        }
    }

    fn limited(&self, operation: &str, family: &'static str, wait: Duration) -> Fault {
        let message =
            format!("the {family} budget of {} is used up for the next {:.1} s", self.system, wait.as_secs_f64());
        Fault::new(FaultKind::Limited, self.system, operation, message)
            .with_code(format!("budget.{family}"))
            .with_retry_after(wait)
    }
}

impl Permit {
    /// Drives `request` while its leases are extended.
    pub(crate) async fn keep<T>(&self, request: impl Future<Output = T>) -> T {
        let Some(leases) = &self.leases else { return request.await };
        tokio::pin!(request);
        loop {
            tokio::select! {
                done = &mut request => return done,
                () = tokio::time::sleep(leases.shortest() / 3) => {
                    // The request must not wait for Redis.
                    tokio::select! {
                        done = &mut request => return done,
                        () = leases.extend() => {}
                    }
                }
            }
        }
    }
}

/// Places in concurrency budgets.
#[derive(Debug)]
struct Leases {
    mark: String,
    held: Vec<(String, Duration)>,
    redis: RedisHandle,
    /// Places in this process' own line, freed after those in Redis: the next in line then finds one.
    queued: Vec<OwnedSemaphorePermit>,
}

impl Leases {
    fn of(
        spent: &[&BudgetConfig],
        redis: &RedisHandle,
        keys: &Keys,
        queued: Vec<OwnedSemaphorePermit>,
    ) -> Option<Self> {
        let held: Vec<_> = spent
            .iter()
            .filter_map(|config| match config.kind {
                BudgetKind::Concurrency { lease, .. } => Some((keys.in_flight(config.family), lease)),
                _ => None,
            })
            .collect();
        (!held.is_empty()).then(|| Self { mark: random_mark(), held, redis: redis.clone(), queued })
    }

    fn shortest(&self) -> Duration {
        self.held.iter().map(|(_, lease)| *lease).min().unwrap_or(Duration::from_secs(10))
    }

    async fn extend(&self) {
        let mut connection = self.redis.manager.clone();
        for (key, lease) in &self.held {
            let extended: redis::RedisResult<i64> =
                EXTEND.key(key).arg(&self.mark).arg(millis(*lease)).invoke_async(&mut connection).await;
            if let Err(error) = extended {
                tracing::debug!(%error, "Could not extend the lease of a request in flight");
            }
        }
    }
}

impl Drop for Leases {
    fn drop(&mut self) {
        // Without a runtime (the process is going down) the lease ends by itself.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let (mark, held) = (std::mem::take(&mut self.mark), std::mem::take(&mut self.held));
        let (queued, mut connection) = (std::mem::take(&mut self.queued), self.redis.manager.clone());
        runtime.spawn(async move {
            let mut pipe = redis::pipe();
            for (key, _) in &held {
                pipe.cmd("ZREM").arg(key).arg(&mark).ignore();
            }
            if let Err(error) = pipe.query_async::<()>(&mut connection).await {
                tracing::debug!(%error, "A place of a request in flight is freed by its lease only");
            }
            drop(queued);
        });
    }
}

/// Short waits come back before the reserved places are used up, spread out; a long one comes back when it is over.
fn come_back(wait: Duration) -> Duration {
    let random = rand::random::<f64>();
    if wait < Duration::from_secs(5) {
        wait.mul_f64(0.5 + random / 2.0)
    } else {
        wait + Duration::from_secs(1).mul_f64(random)
    }
}

fn smallest_margin(spent: &[&BudgetConfig]) -> Duration {
    let margins = spent.iter().filter_map(|config| match config.kind {
        BudgetKind::Paced { margin, .. } => Some(margin),
        _ => None,
    });
    // Timers and scheduling cost milliseconds at any pace.
    margins.min().map_or(Duration::MAX, |margin| margin.max(Duration::from_millis(10)))
}

fn block_field(family: &str) -> String {
    format!("{family}.block")
}

pub(crate) fn random_mark() -> String {
    format!("{:032x}", rand::random::<u128>())
}

pub(crate) fn redis_fault(operation: &str, error: &redis::RedisError) -> Fault {
    Fault::new(FaultKind::Transient, System::Redis, operation, format!("Redis did not answer: {:?}", error.kind()))
        .with_code("redis")
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
