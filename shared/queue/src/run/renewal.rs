//! Keeps the leases of running jobs alive, from a task of its own: a job may last longer than its lease.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use mlc_runtime::{metrics::Metrics, readiness::Readiness};
use tokio::{
    task::JoinHandle,
    time::{Instant, MissedTickBehavior},
};
use tracing::warn;

use super::report::Held;
use crate::Queue;

/// The runs whose leases are extended, and whether this process may rescue those of others.
#[derive(Clone)]
pub(crate) struct Leases(Arc<State>);

struct State {
    running: Mutex<HashMap<u64, Arc<Held>>>,
    started: Instant,
    /// Milliseconds after `started` until which nobody is rescued by us.
    calm_until: AtomicU64,
    lease: Duration,
}

impl Leases {
    pub(crate) fn add(&self, jobs: impl Iterator<Item = Arc<Held>>) {
        self.running().extend(jobs.map(|held| (held.ticket.token, held)));
    }

    pub(crate) fn remove<'a>(&self, tokens: impl Iterator<Item = &'a u64>) {
        let mut running = self.running();
        for token in tokens {
            running.remove(token);
        }
    }

    /// Jobs that this process holds.
    pub(crate) fn held(&self) -> usize {
        self.running().len()
    }

    /// Tells every run to stop and hand its job back.
    pub(crate) fn stop_all(&self) -> usize {
        let running = self.running();
        running.values().for_each(|held| held.watch.stop());
        running.len()
    }

    /// After trouble with Redis the others had it too: their leases ran out while they could not extend them. For the
    /// length of a lease we leave them alone, so that no healthy worker is robbed.
    pub(crate) fn calm_down(&self) {
        let until = self.0.started.elapsed() + self.0.lease;
        self.0.calm_until.store(u64::try_from(until.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    pub(crate) fn may_rescue(&self) -> bool {
        self.0.started.elapsed().as_millis() >= u128::from(self.0.calm_until.load(Ordering::Relaxed))
    }

    fn running(&self) -> MutexGuard<'_, HashMap<u64, Arc<Held>>> {
        self.0.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The task.
pub(crate) struct Renewal {
    leases: Leases,
    task: JoinHandle<()>,
}

impl Renewal {
    pub(crate) fn start(queue: Queue, metrics: Metrics, readiness: Readiness) -> Self {
        let leases = Leases(Arc::new(State {
            running: Mutex::default(),
            started: Instant::now(),
            calm_until: AtomicU64::new(0),
            lease: queue.config().lease,
        }));
        let task = tokio::spawn(renew(queue, leases.clone(), metrics, readiness));
        Self { leases, task }
    }

    pub(crate) fn handle(&self) -> Leases {
        self.leases.clone()
    }

    pub(crate) fn stop(&self) {
        self.task.abort();
    }
}

async fn renew(queue: Queue, leases: Leases, metrics: Metrics, readiness: Readiness) {
    let period = queue.config().lease / 3;
    let mut tick = tokio::time::interval(period);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // Nothing is held yet: the first lease needs us after a third of it.
    tick.reset();
    let mut last_sweep: Option<Instant> = None;
    loop {
        tick.tick().await;
        if last_sweep.is_none_or(|at| at.elapsed() > Duration::from_secs(3600)) && queue.sweep_stats().await.is_ok() {
            last_sweep = Some(Instant::now());
        }
        let held: Vec<Arc<Held>> = leases.running().values().cloned().collect();
        if held.is_empty() {
            continue;
        }
        let members: Vec<String> = held.iter().map(|held| held.ticket.member()).collect();
        let asked = Instant::now();
        match queue.extend(&members).await {
            Ok(lost) => {
                readiness.beat();
                if asked.elapsed() > period {
                    leases.calm_down();
                }
                for held in lost.iter().filter_map(|place| held.get(*place)) {
                    // A job that has just been settled is no longer in Redis either: that is no loss.
                    if leases.running().remove(&held.ticket.token).is_some() {
                        held.watch.lose();
                        metrics.lease_lost(&held.ticket.envelope.kind);
                        warn!(
                            job.id = %held.ticket.id, job.kind = %held.ticket.envelope.kind,
                            "The lease of job {} was lost: its run is stopped", held.ticket.id
                        );
                    }
                }
            }
            Err(error) => {
                leases.calm_down();
                metrics.redis_error();
                warn!(%error, "Leases could not be extended; trying again");
                tick.reset_after((period / 10).max(Duration::from_millis(50)));
            }
        }
    }
}
