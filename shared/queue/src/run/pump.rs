//! The heart: settles results and claims jobs, many at a time, and keeps count of the permits.
//!
//! A permit is taken when a job is leased and given back when Redis has confirmed its end, so a worker never holds more
//! jobs than it can run, and a stop waits for every confirmation. Every error of Redis is retried in here.
//!
//! Two turns may be under way: while Redis works on one and syncs its file, the results for the next come together.

use std::{sync::Arc, time::Duration};

use futures_util::{FutureExt as _, StreamExt as _, future::BoxFuture, stream::FuturesOrdered};
use mlc_model::{Clock as _, SystemClock};
use mlc_runtime::{backoff::RetryPolicy, metrics::Metrics, readiness::Readiness};
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
    time::Instant,
};
use tracing::{debug, error, info, warn};

use super::{
    inbox::Inbox,
    renewal::Leases,
    report::{End, Held, Report, Run},
    waiter::{Wait, Waiter},
};
use crate::{
    LeaseWatch, Outcome, Queue, QueueError,
    history::History,
    policy::{Step, decide},
    store::turn::{CLAIM_MAX, Claim, Settled, Settlement},
};

/// Results settled in one step.
const BATCH: usize = 256;
/// Fewest results for a second turn. It claims about as many; fewer would make the lanes' shares uneven.
const SECOND_TURN: usize = 8;
/// Longest wait for the reports of jobs that were told to stop, so that they are handed back together.
const GATHER: Duration = Duration::from_millis(100);
/// How often an idle worker that stops releases its waiting connection, until that answers.
const UNBLOCK_AGAIN: Duration = Duration::from_millis(10);
/// No job is claimed for so long after one found Redis full: each of a long backlog would find the same, thousands a second.
const REST: Duration = Duration::from_millis(500);
const AGAIN: RetryPolicy = RetryPolicy::new(Duration::from_millis(50), Duration::from_secs(1));

pub(crate) struct Parts {
    pub(crate) queue: Queue,
    pub(crate) inbox: Arc<Inbox>,
    pub(crate) reported: mpsc::UnboundedReceiver<Report>,
    /// For runs that never start.
    pub(crate) reports: mpsc::UnboundedSender<Report>,
    pub(crate) renewal: Leases,
    pub(crate) metrics: Metrics,
    pub(crate) readiness: Readiness,
    pub(crate) concurrency: usize,
    pub(crate) deadline: Duration,
    pub(crate) stopping: watch::Receiver<bool>,
}

/// A turn that Redis has answered, or not.
struct Answered {
    asked: Instant,
    results: Vec<Settled<Arc<Held>>>,
    n: usize,
    answer: Result<(Settlement, Claim), QueueError>,
}

/// What the pump knows about the work that is left in Redis.
enum Supply {
    /// There may be more: claim with every turn.
    Perhaps,
    /// Nothing, until the waiter answers, who asked for so many jobs.
    Waiting(usize),
}

pub(crate) struct Pump {
    parts: Parts,
    /// Answered in the order in which they were asked, so that jobs start in the order of their lanes.
    turns: FuturesOrdered<BoxFuture<'static, Answered>>,
    /// Results and claims of these turns.
    turns_settle: usize,
    turns_claim: usize,
    waiter: Waiter,
    supply: Supply,
    /// When the next delayed job or lease is due.
    next_due: Option<Instant>,
    /// Leased and not confirmed.
    permits_taken: usize,
    settled: Vec<Settled<Arc<Held>>>,
    stop_at: Option<Instant>,
    told_to_stop: bool,
    unblock_at: Option<Instant>,
    gather_until: Option<Instant>,
    rest_until: Option<Instant>,
    failures: u32,
}

impl Pump {
    pub(crate) fn start(parts: Parts) -> JoinHandle<()> {
        let inbox = Arc::clone(&parts.inbox);
        let pump = Self {
            turns: FuturesOrdered::new(),
            turns_settle: 0,
            turns_claim: 0,
            waiter: Waiter::start(parts.queue.clone(), parts.stopping.clone()),
            supply: Supply::Perhaps,
            next_due: None,
            permits_taken: 0,
            settled: Vec::new(),
            stop_at: None,
            told_to_stop: false,
            unblock_at: None,
            gather_until: None,
            rest_until: None,
            failures: 0,
            parts,
        };
        tokio::spawn(async move {
            // Whatever happens to the pump, the worker must be able to close.
            let _settled = SettleOnDrop(inbox);
            pump.run().await;
        })
    }

    async fn run(mut self) {
        loop {
            self.collect();
            let waiting = matches!(self.supply, Supply::Waiting(_));
            let idle = self.permits_taken == 0 && self.settled.is_empty() && self.turns.is_empty() && !waiting;
            if self.stop_at.is_some() && idle {
                return;
            }
            let free = self.free();
            self.rest_until = self.rest_until.filter(|until| Instant::now() < *until);
            let claims = self.stop_at.is_none() && !waiting && self.rest_until.is_none();
            if (self.settled.is_empty() && (!claims || free == 0)) || !self.may_send() || self.gathers() {
                self.wait().await;
                continue;
            }
            let batch = self.settled.len().min(BATCH);
            let n = if claims { (free + batch).min(CLAIM_MAX) } else { 0 };
            self.send(batch, n);
        }
    }

    /// Permits that are free when the turns under way bring all that they ask for.
    fn free(&self) -> usize {
        (self.parts.concurrency + self.turns_settle).saturating_sub(self.permits_taken + self.turns_claim)
    }

    /// A second turn is worth its round trip only with enough results. A stop sends one at a time: jobs that are handed
    /// back by a later turn would stand in front of those before.
    fn may_send(&self) -> bool {
        let enough = self.settled.len() >= (self.parts.concurrency / 4).clamp(SECOND_TURN, BATCH);
        match self.turns.len() {
            0 => true,
            1 => enough && self.stop_at.is_none(),
            _ => false,
        }
    }

    /// Whether more jobs that were told to stop are about to report: handed back together they keep their sequence.
    fn gathers(&mut self) -> bool {
        let wanted = self.permits_taken.saturating_sub(self.turns_settle).min(BATCH);
        if self.settled.len() >= wanted || self.gather_until.is_some_and(|at| Instant::now() >= at) {
            self.gather_until = None;
        }
        self.gather_until.is_some()
    }

    /// Waits for anything to happen.
    async fn wait(&mut self) {
        let overdue = self.stop_at.filter(|_| !self.told_to_stop);
        let give_up = self.stop_at.map(|at| at + super::LAST_WORDS);
        tokio::select! {
            // The turns first: a new one is not sent before it is looked at. The reports last: `collect` takes them too.
            biased;
            Some(turn) = self.turns.next() => self.answered(turn).await,
            Ok(()) = self.parts.stopping.changed(), if self.stop_at.is_none() => self.stop().await,
            () = at(give_up), if self.told_to_stop => self.give_up(),
            () = at(overdue) => self.tell_to_stop(),
            () = at(self.unblock_at) => self.unblock().await,
            () = at(self.gather_until) => {}
            () = at(self.rest_until) => {}
            Some(answer) = self.waiter.claims.recv() => self.waited(answer).await,
            Some(report) = self.parts.reported.recv() => self.settle(report),
        }
    }

    /// Takes all results that are there.
    fn collect(&mut self) {
        while self.settled.len() < BATCH {
            match self.parts.reported.try_recv() {
                Ok(report) => self.settle(report),
                Err(_) => return,
            }
        }
    }

    /// Decides what becomes of a job.
    fn settle(&mut self, report: Report) {
        let Report { held, end, started } = report;
        let (ticket, metrics) = (&held.ticket, &self.parts.metrics);
        let (lane, kind) = (ticket.envelope.lane.as_str(), ticket.envelope.kind.as_str());
        let took = started.map(|started| started.elapsed()).unwrap_or_default();
        if started.is_some() {
            metrics.job_duration(kind, took.as_secs_f64());
        }
        let step = match end {
            End::Lost => {
                metrics.job_finished(lane, kind, "lost");
                self.permits_taken = self.permits_taken.saturating_sub(1);
                return;
            }
            End::HandedBack => Step::Release,
            End::Outcome(outcome) => {
                let is_full = matches!(&outcome, Outcome::Snooze { why, .. } if why.is_own_redis());
                // Those that end during a rest do not prolong it.
                self.rest_until = self.rest_until.or(is_full.then(|| Instant::now() + REST));
                decide(
                    outcome,
                    ticket.history.clone().unwrap_or_default(),
                    ticket.envelope.max_attempts,
                    self.parts.queue.config().retry,
                    SystemClock.now(),
                    rand::random(),
                )
            }
        };
        self.settled.push(Settled::new(held, step, &self.parts.queue).took(took));
    }

    /// Begins a turn with Redis: settles the first `batch` results and claims `n` jobs.
    fn send(&mut self, batch: usize, n: usize) {
        let rescue = self.parts.renewal.may_rescue();
        let (queue, mut connection) = (self.parts.queue.clone(), self.parts.queue.connection());
        let results: Vec<_> = self.settled.drain(..batch).collect();
        self.turns_settle += batch;
        self.turns_claim += n;
        let turn = async move {
            let asked = Instant::now();
            let answer = queue.turn(&mut connection, &results, n, rescue).await;
            Answered { asked, results, n, answer }
        };
        self.turns.push_back(turn.boxed());
    }

    async fn answered(&mut self, turn: Answered) {
        let Answered { asked, mut results, n, answer } = turn;
        self.turns_settle -= results.len();
        self.turns_claim -= n;
        match answer {
            Ok((settlement, claim)) => {
                self.failures = 0;
                self.parts.readiness.beat();
                if asked.elapsed() > self.parts.queue.config().lease / 3 {
                    self.parts.renewal.calm_down();
                }
                self.confirmed(&results, &settlement);
                if n > 0 {
                    self.claimed(claim, n);
                }
            }
            Err(error) => {
                results.append(&mut self.settled);
                self.settled = results;
                self.failed(&error).await;
            }
        }
    }

    async fn failed(&mut self, error: &QueueError) {
        self.failures += 1;
        self.parts.renewal.calm_down();
        self.parts.metrics.redis_error();
        warn!(%error, failures = self.failures, "The queue's Redis did not answer; trying again");
        let give_up = self.stop_at.map(|at| at + super::LAST_WORDS);
        tokio::select! {
            () = tokio::time::sleep(AGAIN.delay(self.failures, rand::random())) => {}
            Ok(()) = self.parts.stopping.changed(), if self.stop_at.is_none() => self.stop().await,
            () = at(give_up) => self.give_up(),
        }
    }

    /// Redis has it: the permits are free again.
    fn confirmed(&mut self, settled: &[Settled<Arc<Held>>], settlement: &Settlement) {
        self.permits_taken = self.permits_taken.saturating_sub(settled.len());
        self.parts.renewal.remove(settled.iter().map(|result| &result.ticket.ticket.token));
        for (place, result) in settled.iter().enumerate() {
            let ticket = &result.ticket.ticket;
            let (lane, kind) = (ticket.envelope.lane.as_str(), ticket.envelope.kind.as_str());
            if settlement.late.contains(&place) {
                self.parts.metrics.late_result(kind);
                self.parts.metrics.job_finished(lane, kind, "lost");
                warn!(job.id = %ticket.id, job.kind = kind, "The result of job {} came after its lease and is refused", ticket.id);
                continue;
            }
            self.parts.metrics.job_finished(lane, kind, result.step.label());
            story(result);
        }
        for lane in &settlement.held {
            warn!(connection.id = %lane, "Lane {lane} is held: the credentials were refused. Its jobs wait; nothing is lost");
        }
        self.watch_shelf(settlement);
    }

    fn watch_shelf(&self, settlement: &Settlement) {
        for id in &settlement.evicted {
            error!(job.id = %id, "Dead letter {id} was removed: the shelf is over its byte budget");
        }
        if settlement.shelf_bytes > 0 {
            let (bytes, budget) = (settlement.shelf_bytes, self.parts.queue.config().dead_letter_bytes);
            let full = bytes.saturating_mul(10) >= budget.saturating_mul(8);
            let before = self.parts.queue.0.shelf_alarm.swap(full, std::sync::atomic::Ordering::Relaxed);
            if full && !before {
                error!(
                    bytes,
                    budget,
                    "The dead-letter shelf is more than 80 % full: replay or discard letters, or raise the budget"
                );
            }
        }
    }

    /// New jobs, or news that there are none.
    fn claimed(&mut self, claim: Claim, n: usize) {
        for id in &claim.rescued {
            info!(job.id = %id, "Job {id} was rescued from a worker that gave no sign of life");
        }
        for id in &claim.poisoned {
            error!(job.id = %id, "Job {id} is on the dead-letter shelf: it killed its workers");
        }
        let got = claim.jobs.len() + claim.broken.len();
        self.permits_taken += got;
        for broken in claim.broken {
            error!(job.id = %broken.ticket.id, why = broken.why, "Job {} cannot be read", broken.ticket.id);
            let fault =
                mlc_model::Fault::defect("job.read", format!("cannot be read: {}", broken.why)).with_code("unreadable");
            let held = Arc::new(Held { ticket: broken.ticket, watch: LeaseWatch::default() });
            self.settled.push(Settled::new(
                held,
                Step::Shelve { fault, history: History::default() },
                &self.parts.queue,
            ));
        }
        let runs: Vec<Run> = claim
            .jobs
            .into_iter()
            .map(|job| Run {
                held: Arc::new(Held { ticket: job.ticket, watch: LeaseWatch::default() }),
                sealed: job.sealed,
            })
            .collect();
        self.parts.renewal.add(runs.iter().map(|run| Arc::clone(&run.held)));
        if self.stop_at.is_some() {
            runs.into_iter().for_each(|run| self.hand_back(run));
        } else if !runs.is_empty() {
            self.parts.inbox.deliver(runs.into_iter());
        }
        if matches!(self.supply, Supply::Waiting(_)) {
            // The turn before this one found nothing more and has set up the wait.
            return;
        }
        self.next_due = claim.next_ms.map(|ms| Instant::now() + Duration::from_millis(ms));
        if got < n && claim.next_ms != Some(0) && self.stop_at.is_none() {
            self.arm();
        }
    }

    /// Lets the waiter claim as soon as there is something.
    fn arm(&mut self) {
        let free = self.free();
        if free == 0 {
            return;
        }
        let slow_poll = self.parts.queue.config().slow_poll;
        let due = self.next_due.map_or(slow_poll, |due| due.saturating_duration_since(Instant::now()));
        let rescue = self.parts.renewal.may_rescue();
        let n = free.min(CLAIM_MAX);
        self.waiter.arm(Wait { n, longest: due.min(slow_poll), rescue });
        self.supply = Supply::Waiting(n);
    }

    async fn waited(&mut self, answer: Result<Claim, QueueError>) {
        self.unblock_at = None;
        let asked = match std::mem::replace(&mut self.supply, Supply::Perhaps) {
            Supply::Waiting(n) => n,
            Supply::Perhaps => 0,
        };
        match answer {
            Ok(claim) => {
                self.failures = 0;
                self.parts.readiness.beat();
                self.claimed(claim, asked);
            }
            Err(error) => self.failed(&error).await,
        }
    }

    async fn stop(&mut self) {
        self.parts.readiness.drain();
        self.stop_at = Some(Instant::now() + self.parts.deadline);
        for run in self.parts.inbox.drain() {
            self.hand_back(run);
        }
        self.unblock().await;
    }

    /// Ends the wait of an idle worker that stops. Until it answers: the wait may not have reached Redis yet.
    async fn unblock(&mut self) {
        self.unblock_at = None;
        if !matches!(self.supply, Supply::Waiting(_)) {
            return;
        }
        self.unblock_at = Some(Instant::now() + UNBLOCK_AGAIN);
        if let Some(id) = self.waiter.connection_id() {
            let mut command = redis::cmd("CLIENT");
            command.arg("UNBLOCK").arg(id);
            let mut connection = self.parts.queue.connection();
            if let Err(error) = command.query_async::<i64>(&mut connection).await {
                debug!(%error, "The waiting connection could not be released; it ends by itself");
            }
        }
    }

    fn hand_back(&self, run: Run) {
        let _ = self.parts.reports.send(Report { held: run.held, end: End::HandedBack, started: None });
    }

    fn tell_to_stop(&mut self) {
        self.told_to_stop = true;
        self.gather_until = Some(Instant::now() + GATHER);
        let n = self.parts.renewal.stop_all();
        if n > 0 {
            warn!(jobs = n, "{n} jobs did not end before the deadline and are handed back");
        }
    }

    fn give_up(&mut self) {
        warn!(
            jobs = self.permits_taken,
            "Redis could not be told about {} jobs; their leases end by themselves", self.permits_taken
        );
        self.permits_taken = 0;
        self.settled.clear();
        self.turns.clear();
        (self.turns_settle, self.turns_claim) = (0, 0);
        self.supply = Supply::Perhaps;
    }
}

/// One log line where it is decided what happens.
fn story(result: &Settled<Arc<Held>>) {
    let ticket = &result.ticket.ticket;
    let (id, kind, lane) = (&ticket.id, ticket.envelope.kind.as_str(), &ticket.envelope.lane);
    match &result.step {
        Step::Done { .. } => debug!(job.id = %id, job.kind = kind, connection.id = %lane, "Job {id} is done"),
        Step::Later { retry: true, delay, why, history } => debug!(
            job.id = %id, job.kind = kind, job.attempt = history.attempts, connection.id = %lane,
            "Job {id} is tried again in {delay:?}: {}",
            history.failed.last().map_or_else(|| why.clone(), |note| note.fault.log_line())
        ),
        Step::Later { delay, why, .. } => {
            info!(job.id = %id, job.kind = kind, connection.id = %lane, "Job {id} is snoozed for {delay:?}: {why}");
        }
        Step::Release => info!(job.id = %id, job.kind = kind, connection.id = %lane, "Job {id} is handed back"),
        Step::Hold { .. } => {
            debug!(job.id = %id, job.kind = kind, connection.id = %lane, "Job {id} waits in its held lane")
        }
        Step::Shelve { fault, .. } => log_letter(id.as_str(), kind, fault),
    }
    for (order, fault) in &result.shelve {
        log_letter(order.id.as_str(), &order.envelope.kind, fault);
    }
}

fn log_letter(id: &str, kind: &str, fault: &mlc_model::Fault) {
    let why = fault.log_line();
    if fault.kind == mlc_model::FaultKind::Defect {
        error!(job.id = id, job.kind = kind, fault.kind = %fault.kind, "Job {id} is on the dead-letter shelf: {why}");
    } else {
        warn!(job.id = id, job.kind = kind, fault.kind = %fault.kind, "Job {id} is on the dead-letter shelf: {why}");
    }
}

async fn at(instant: Option<Instant>) {
    match instant {
        Some(instant) => tokio::time::sleep_until(instant).await,
        None => std::future::pending().await,
    }
}

struct SettleOnDrop(Arc<Inbox>);

impl Drop for SettleOnDrop {
    fn drop(&mut self) {
        self.0.settle();
    }
}
