//! A sync is broken off at each of its steps in turn: at every request to either system, before it took effect and after, and after every finished
//! job. Another worker finishes what is left.

use std::{sync::Arc, time::Duration};

use mlc_flow::Extent;
use mlc_house::{House, HouseConfig, VENDORS};
use mlc_model::SystemClock;
use mlc_queue::{Workers, WorkersConfig};
use mlc_runtime::{metrics::Metrics, readiness::Readiness};
use mlc_simulators::{epicor, hubspot};
use mlc_vault::KeyRing;
use tokio::{
    runtime::Runtime,
    task::{JoinSet, LocalSet},
};

use crate::{
    end_state::{add_vendors, assert_in_step, assert_nothing_left_to_do},
    processes::eventually,
};

const VENDOR_COUNT: usize = 12;
/// Longer than any of this lasts: a request that hangs so long is never answered.
const NEVER: u64 = 300_000;
const SOON: Duration = Duration::from_secs(30);

/// Where the first worker stands when it vanishes. Counted from 0.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// It waits for the answer to this request to Epicor.
    Reading(usize),
    /// It sent this request to HubSpot, which did not look at it.
    BeforeWrite(usize),
    /// HubSpot did what this request asked; the answer is not there yet.
    AfterWrite(usize),
    /// So many jobs are finished; anything may be going on.
    Finished(usize),
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sync_broken_off_at_any_step_ends_as_if_nothing_had_happened() {
    let (reads, writes, jobs) = undisturbed().await;
    assert!(
        reads >= 4 && writes >= 6 && jobs >= 6,
        "too little to break off: {reads} reads, {writes} writes, {jobs} jobs"
    );
    let steps = (0..reads)
        .map(Step::Reading)
        .chain((0..writes).flat_map(|at| [Step::BeforeWrite(at), Step::AfterWrite(at)]))
        .chain((0..jobs).map(Step::Finished));
    let local = LocalSet::new();
    let mut running = JoinSet::new();
    for step in steps {
        running.spawn_local_on(broken_off(step), &local);
    }
    local
        .run_until(async {
            while let Some(ended) = running.join_next().await {
                ended.unwrap();
            }
        })
        .await;
}

/// How many requests to Epicor, requests to HubSpot and jobs the sync takes.
async fn undisturbed() -> (usize, usize, usize) {
    let mut house = open().await;
    house.start_worker(1);
    house.sync(VENDORS).await.unwrap();
    assert_in_step(&house).await;
    let jobs = house.context.queue.stats().await.unwrap().total("done");
    let count = |number: u64| usize::try_from(number).unwrap();
    (count(house.epicor.stats().requests), count(house.hubspot.stats().total_requests), count(jobs))
}

async fn open() -> House {
    let config = HouseConfig { page_rows: 5, lease: Duration::from_secs(2), ..HouseConfig::default() };
    let house = House::open_without_worker(config).await.unwrap();
    add_vendors(&house, "step", VENDOR_COUNT);
    house.epicor.reset_stats();
    house
}

async fn broken_off(step: Step) {
    let mut house = open().await;
    prepare(&house, step);
    let first = Vanishing::start(&house);
    house.order(VENDORS, Extent::Incremental).await.unwrap();
    eventually(&format!("{step:?} is reached"), SOON, async || reached(&house, step).await).await;
    first.vanish().await;
    house.epicor.faults().clear();
    house.hubspot.faults().clear();

    house.start_worker(4);
    house.settle().await.unwrap();
    assert_in_step(&house).await;
    assert_eq!(house.hubspot.stats().companies.created, VENDOR_COUNT as u64, "{step:?}");
    let stats = house.context.queue.stats().await.unwrap();
    assert_eq!((stats.total("retried"), stats.total("dead")), (0, 0), "{step:?} burned an attempt");
    assert_nothing_left_to_do(&house).await;
}

fn prepare(house: &House, step: Step) {
    let hang = |at: usize, kind: hubspot::FaultKind| {
        let skip = u32::try_from(at).unwrap();
        house.hubspot.faults().add(hubspot::Fault {
            skip,
            delay_ms: Some(NEVER),
            ..hubspot::Fault::times("*", kind, 1)
        });
    };
    match step {
        Step::Reading(at) => house.epicor.faults().add(epicor::Fault {
            after: at as u64,
            delay_ms: Some(NEVER),
            ..epicor::Fault::once("*", epicor::FaultKind::Delay20s)
        }),
        Step::BeforeWrite(at) => hang(at, hubspot::FaultKind::ResetBefore),
        Step::AfterWrite(at) => hang(at, hubspot::FaultKind::Slow),
        Step::Finished(_) => {}
    }
}

async fn reached(house: &House, step: Step) -> bool {
    match step {
        // The fault has struck; it is counted when the call hangs already.
        Step::Reading(_) => house.epicor.faults().waiting().is_empty(),
        Step::BeforeWrite(_) | Step::AfterWrite(_) => house.hubspot.faults().committed() > 0,
        Step::Finished(jobs) => house.context.queue.stats().await.unwrap().total("done") >= jobs as u64,
    }
}

/// A worker with a runtime of its own. When that ends, everything it was doing ends in the middle, as in a process that is killed.
struct Vanishing(Runtime);

impl Vanishing {
    fn start(house: &House) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let settings = Arc::clone(&house.context.settings);
        let keys = Arc::new(KeyRing::parse(&house.vault_keys).unwrap());
        runtime.spawn(async move {
            let metrics = Metrics::new();
            let context =
                mlc_worker::open_with_keys(settings, keys, metrics.clone(), Arc::new(SystemClock)).await.unwrap();
            let config = WorkersConfig { name: "vanishing".to_owned(), concurrency: 4, ..WorkersConfig::default() };
            let registry = mlc_worker::registry(&context);
            Workers::run(
                context.queue.clone(),
                registry,
                config,
                std::future::pending(),
                metrics,
                Readiness::default(),
            )
            .await
            .unwrap();
        });
        Self(runtime)
    }

    async fn vanish(self) {
        let ended = tokio::task::spawn_blocking(move || self.0.shutdown_timeout(Duration::from_secs(10)));
        ended.await.unwrap();
    }
}
