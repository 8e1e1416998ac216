//! Jobs of the tests' own, carried to where a test wants them.

use std::time::{Duration, Instant};

use mlc_model::{ConnectionId, Fault, FaultKind, JobId, System};
use mlc_producer::Rooms;
use mlc_queue::{Job, Lane, Order, Outcome, Registry, Workers, WorkersConfig};
use mlc_runtime::{metrics::Metrics, readiness::Readiness, shutdown::Shutdown};
use serde::{Deserialize, Serialize};

/// What a person would find hard to read, and a browser must not obey.
pub(crate) const HOSTILE: &str = "<script>alert('x')</script>\u{202e}txet\" onload=\"x";

/// A job that does as it was told.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Errand {
    lane: String,
    subject: String,
    fault: Option<Fault>,
    /// Once replayed it is done, and what it orders is refused.
    #[serde(default)]
    orders: bool,
}

impl Errand {
    /// One that will be done.
    pub(crate) fn to(lane: &str, subject: &str) -> Self {
        Self { lane: lane.to_owned(), subject: subject.to_owned(), fault: None, orders: false }
    }

    /// One that fails so every time.
    pub(crate) fn failing(lane: &str, subject: &str, fault: Fault) -> Self {
        Self { fault: Some(fault), ..Self::to(lane, subject) }
    }

    /// One that fails so, and once it is replayed orders another one that fails so.
    pub(crate) fn ordering(lane: &str, subject: &str, fault: Fault) -> Self {
        Self { orders: true, ..Self::failing(lane, subject, fault) }
    }

    pub(crate) fn order(&self) -> Order {
        Order::of(self).unwrap()
    }
}

impl Job for Errand {
    const KIND: &'static str = "errand";
    const TIMEOUT: Duration = Duration::from_secs(30);

    fn lane(&self) -> Lane {
        Lane::from(ConnectionId::parse(&self.lane).unwrap())
    }

    fn subject(&self) -> Option<String> {
        Some(self.subject.clone())
    }
}

/// A refusal by HubSpot, with everything that it can have.
pub(crate) fn refusal(field: &str, message: &str) -> Fault {
    Fault::new(FaultKind::Rejected, System::Hubspot, "companies.batch_upsert", message)
        .with_status(400)
        .with_code("INVALID_OPTION")
        .with_field(field)
        .with_correlation_id("c0ffee-1")
}

/// Orders these, and gives their ids.
pub(crate) async fn enqueue(rooms: &Rooms, orders: &[Order]) -> Vec<JobId> {
    rooms.queue.enqueue(orders).await.unwrap();
    orders.iter().map(|order| order.id().clone()).collect()
}

/// Works until `reached` says so.
pub(crate) async fn work(rooms: &Rooms, reached: impl AsyncFn() -> bool) {
    let stop = Shutdown::new();
    let registry = Registry::new().on(|errand: Errand, context| async move {
        match errand.fault.clone() {
            Some(fault) if errand.orders && context.replays > 0 => {
                Outcome::Done { then: Vec::new(), shelve: vec![(errand.order(), fault)] }
            }
            Some(fault) => Outcome::Failed(fault),
            None => Outcome::done(),
        }
    });
    let config = WorkersConfig { name: "w".to_owned(), concurrency: 8, shutdown_deadline: Duration::from_secs(5) };
    let workers =
        Workers::run(rooms.queue.clone(), registry, config, stop.waiting(), Metrics::new(), Readiness::default());
    let watch = async {
        let began = Instant::now();
        while !reached().await {
            assert!(began.elapsed() < Duration::from_secs(20), "the workers did not get there");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        stop.trigger();
    };
    let (ran, ()) = tokio::join!(workers, watch);
    ran.unwrap();
}

/// Carries these to the dead-letter shelf, and gives their ids.
pub(crate) async fn kill(rooms: &Rooms, errands: &[Errand]) -> Vec<JobId> {
    let before = dead(rooms).await;
    let orders: Vec<Order> = errands.iter().map(Errand::order).collect();
    let ids = enqueue(rooms, &orders).await;
    let wanted = before + ids.len() as u64;
    work(rooms, async || dead(rooms).await == wanted).await;
    ids
}

/// Letters on the shelf.
pub(crate) async fn dead(rooms: &Rooms) -> u64 {
    rooms.queue.lanes().await.unwrap().iter().map(|lane| lane.dead).sum()
}

/// Who did what to what, with what came of it: the newest first.
pub(crate) async fn actions(rooms: &Rooms) -> Vec<(String, String, Option<String>, Option<String>)> {
    let entries = rooms.ledger.audit_actions(50).await.unwrap();
    entries
        .into_iter()
        .map(|entry| (entry.action.what, entry.action.subject, entry.action.before, entry.action.after))
        .collect()
}
