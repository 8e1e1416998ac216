//! SIGTERM: a worker ends within its deadline, and what it held is finished or goes on elsewhere at once.

use std::time::Duration;

use mlc_flow::Extent;
use mlc_house::{House, HouseConfig, VENDORS};
use mlc_queue::{JobFilter, JobView, Page};
use mlc_simulators::hubspot;

use crate::{
    end_state::{add_vendors, assert_in_step, assert_nothing_left_to_do},
    processes::{Process, eventually},
};

const SOON: Duration = Duration::from_secs(20);
/// A lease that nobody waits for: whoever has to go on faster than this was handed its jobs.
const LONG_LEASE: Duration = Duration::from_secs(60);
/// What a worker gets after its deadline to tell Redis. Source: the queue's README, "Stopping".
const LAST_WORDS: Duration = Duration::from_secs(5);

async fn house() -> House {
    let config = HouseConfig { page_rows: 10, lease: LONG_LEASE, ..HouseConfig::default() };
    let house = House::open_without_worker(config).await.unwrap();
    add_vendors(&house, "stop", 60);
    house
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_told_to_stop_finishes_the_jobs_that_it_holds() {
    let house = house().await;
    house.hubspot.set_latency(Duration::from_millis(700));
    let deadline = ("MLC__WORKER__SHUTDOWN_DEADLINE", "20s");
    let mut worker = Process::worker(&house, &[deadline]);
    house.order(VENDORS, Extent::Incremental).await.unwrap();
    eventually("pushes are under way", SOON, async || {
        running(&house).await.iter().any(|job| job.kind == "push_record")
    })
    .await;
    let held = running(&house).await;
    let (status, took) = worker.terminate(Duration::from_secs(20)).await;
    assert!(status.success(), "{status}\n{}", worker.log());
    assert!(took < Duration::from_secs(10), "short jobs kept it for {took:?}");

    assert!(running(&house).await.is_empty(), "a job is still leased to a process that ended");
    for job in held {
        assert_eq!(house.context.queue.job(&job.id).await.unwrap(), None, "a short job was not finished");
    }
    goes_on(&house).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_that_do_not_end_before_the_deadline_are_handed_back_and_no_attempt_is_burned() {
    let house = house().await;
    // HubSpot writes, and does not answer.
    let never =
        hubspot::Fault { delay_ms: Some(300_000), ..hubspot::Fault::always("batch/upsert", hubspot::FaultKind::Slow) };
    house.hubspot.faults().add(never);
    let deadline = Duration::from_secs(1);
    let mut worker = Process::worker(&house, &[("MLC__WORKER__SHUTDOWN_DEADLINE", "1s")]);
    house.order(VENDORS, Extent::Incremental).await.unwrap();
    eventually("companies are written", SOON, async || house.hubspot.stats().companies.created > 0).await;
    let held = running(&house).await;
    let (status, took) = worker.terminate(deadline + LAST_WORDS).await;
    assert!(status.success(), "{status}\n{}", worker.log());
    assert!(took >= deadline, "it did not give its jobs the time they had: {took:?}");

    assert!(running(&house).await.is_empty(), "a job is still leased to a process that ended");
    for job in held.into_iter().filter(|job| job.kind == "push_record") {
        let job = house.context.queue.job(&job.id).await.unwrap().unwrap();
        assert_eq!((job.attempts, job.crashes, job.failed.len()), (0, 0, 0), "the stop counts against {job:?}");
    }
    house.hubspot.faults().clear();
    goes_on(&house).await;
}

/// Another worker carries out what is left, without waiting for a lease.
async fn goes_on(house: &House) {
    house.hubspot.set_latency(Duration::ZERO);
    let _next = Process::worker(house, &[]);
    eventually("the rest is carried out", LONG_LEASE / 3, async || {
        let lanes = house.context.queue.lanes().await.unwrap();
        lanes.iter().all(|lane| lane.ready + lane.delayed + lane.running == 0)
    })
    .await;
    let stats = house.context.queue.stats().await.unwrap();
    let counted = ["retried", "rescued", "poisoned", "dead"].map(|outcome| stats.total(outcome));
    assert_eq!(counted, [0; 4], "retried, rescued, poisoned, dead");
    assert_in_step(house).await;
    assert_eq!(house.hubspot.stats().companies.created, 60);
    assert_nothing_left_to_do(house).await;
}

async fn running(house: &House) -> Vec<JobView> {
    let filter = JobFilter { state: Some(mlc_queue::JobState::Running), ..JobFilter::default() };
    house.context.queue.jobs(&filter, &Page::default()).await.unwrap().items
}
