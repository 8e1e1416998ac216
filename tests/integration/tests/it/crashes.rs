//! Workers and Redis die without a word; the rest goes on, and the end state is the one of a quiet day.

use std::time::Duration;

use mlc_flow::Extent;
use mlc_house::{House, HouseConfig, Persistence, PrivateRedis, VENDORS};
use mlc_queue::{JobFilter, JobState, JobView, Page};
use mlc_runtime::settings::QueueSettings;
use mlc_simulators::hubspot;

use crate::{
    end_state::{add_vendors, assert_in_step, assert_nothing_left_to_do, rename_vendors},
    processes::{Process, eventually},
};

/// Five houses, twenty rounds in all.
const ROUNDS_EACH: usize = 4;
/// Jobs of a dead worker run elsewhere within this time.
const ELSEWHERE_WITHIN: Duration = Duration::from_secs(10);
/// Once Redis is back, workers go on by themselves within this time.
const RESUMED_WITHIN: Duration = Duration::from_secs(5);
const SOON: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_of_a_killed_worker_run_elsewhere_and_nothing_is_lost_doubled_or_burned() {
    let (short, usual) = (Duration::from_secs(2), QueueSettings::default().lease);
    // Side by side on this thread; a failing crew ends the test at once. The last one shows that the usual lease is short enough.
    tokio::join!(
        crew(0, short, ROUNDS_EACH),
        crew(1, short, ROUNDS_EACH),
        crew(2, short, ROUNDS_EACH),
        crew(3, short, ROUNDS_EACH),
        crew(4, short, ROUNDS_EACH),
        crew(5, usual, 1),
    );
}

/// Some rounds in a house of their own. The first moment differs from crew to crew.
async fn crew(number: usize, lease: Duration, rounds: usize) {
    let config = HouseConfig { page_rows: 10, lease, ..HouseConfig::default() };
    let house = House::open_without_worker(config).await.unwrap();
    let mut worker = Process::worker(&house, &[("MLC__LOG__LEVEL", "info")]);
    let mut known = Vec::new();
    for round in number..number + rounds {
        worker = killed_in_mid_flight(&house, worker, round, &mut known).await;
    }
    assert_nothing_left_to_do(&house).await;
}

/// One round: `worker` dies with jobs in its hands, and the one that is returned takes over.
async fn killed_in_mid_flight(house: &House, mut worker: Process, round: usize, known: &mut Vec<i64>) -> Process {
    rename_vendors(house, &format!("r{round}"), &known[..known.len().min(10)]);
    known.extend(add_vendors(house, &format!("r{round}"), 50));
    let before = house.context.queue.stats().await.unwrap();
    reach_moment(house, round).await;
    worker.kill();
    let orphans = running(house).await;
    assert!(!orphans.is_empty(), "the worker held no job when it was killed");
    house.hubspot.faults().clear();
    house.hubspot.set_latency(Duration::from_millis(20));
    house.epicor.set_latency(Duration::from_millis(5), Duration::ZERO);

    let heir = Process::worker(house, &[("MLC__LOG__LEVEL", "info")]);
    eventually("the jobs of the killed worker are carried out", ELSEWHERE_WITHIN, async || {
        let mut left = 0;
        for orphan in &orphans {
            if let Some(job) = house.context.queue.job(&orphan.id).await.unwrap() {
                assert_eq!((job.attempts, job.failed.len()), (0, 0), "the kill burned an attempt: {job:?}");
                left += 1;
            }
        }
        left == 0
    })
    .await;
    house.settle().await.unwrap();

    let after = house.context.queue.stats().await.unwrap();
    let counted = |outcome: &str| after.total(outcome) - before.total(outcome);
    assert_eq!(counted("rescued"), orphans.len() as u64);
    assert_eq!((counted("retried"), counted("dead"), counted("poisoned")), (0, 0, 0));
    assert_in_step(house).await;
    assert_eq!(house.hubspot.stats().companies.created, known.len() as u64);
    heir
}

/// Orders a sync and waits until it is in the middle of something; in what, depends on the round.
async fn reach_moment(house: &House, round: usize) {
    let writes = |stats: &hubspot::Stats| stats.companies.created + stats.companies.updated;
    let start = house.hubspot.stats();
    let hang = |route: &str| {
        house.hubspot.faults().add(hubspot::Fault {
            delay_ms: Some(120_000),
            ..hubspot::Fault::times(route, hubspot::FaultKind::Slow, 1)
        });
    };
    match round % 4 {
        0 => house.epicor.set_latency(Duration::from_millis(400), Duration::ZERO),
        1 => house.hubspot.set_latency(Duration::from_millis(400)),
        2 => hang("companies/batch/upsert"),
        _ => hang("associations"),
    }
    house.order(VENDORS, Extent::Incremental).await.unwrap();
    match round % 4 {
        // As many pages are asked for as Epicor may be asked for at once.
        0 => eventually("pages are being read", SOON, async || house.epicor.stats().in_flight >= 4).await,
        1 => eventually("pushes are under way", SOON, async || pushes(&running(house).await) >= 2).await,
        // The write took effect; its answer never comes.
        2 => eventually("companies are written", SOON, async || writes(&house.hubspot.stats()) > writes(&start)).await,
        _ => {
            eventually("contacts are linked", SOON, async || house.hubspot.stats().associations > start.associations)
                .await
        }
    };
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_dies_while_it_renews_the_token_stops_the_others_no_longer_than_its_right_lasts() {
    let lease = Duration::from_secs(2);
    let config = HouseConfig { hubspot_lines: "auth = \"oauth2\"".to_owned(), lease, ..HouseConfig::default() };
    let house = House::open_without_worker(config).await.unwrap();
    let known = add_vendors(&house, "r", 20);
    house.hubspot.expire_oauth_tokens();
    let endless = hubspot::Fault::times("oauth/", hubspot::FaultKind::Slow, 1);
    house.hubspot.faults().add(hubspot::Fault { delay_ms: Some(120_000), ..endless });
    let granted = house.hubspot.stats().tokens_granted;

    let mut dying = Process::worker(&house, &[("MLC__LOG__LEVEL", "info")]);
    house.order(VENDORS, Extent::Incremental).await.unwrap();
    eventually("the token is being renewed", SOON, async || house.hubspot.stats().tokens_granted > granted).await;
    dying.kill();
    let mut redis = mlc_runtime::redis::RedisHandle::connect(&house.context.settings.redis).await.unwrap().manager;
    let lock = renewal_lock(&house, &mut redis).await;
    let lasts: i64 = redis::cmd("PTTL").arg(&lock).query_async(&mut redis).await.unwrap();
    assert!((1..=20_000).contains(&lasts), "{lasts} ms");

    let _heirs = [(); 2].map(|()| Process::worker(&house, &[("MLC__LOG__LEVEL", "info")]));
    eventually("its push runs elsewhere", ELSEWHERE_WITHIN, async || pushes(&running(&house).await) > 0).await;
    // It waits for the right of the dead one, whose 20 s pass at once here.
    let _: i64 = redis::cmd("PEXPIRE").arg(&lock).arg(1).query_async(&mut redis).await.unwrap();
    house.settle().await.unwrap();
    assert_in_step(&house).await;
    let stats = house.context.queue.stats().await.unwrap();
    assert_eq!((stats.total("retried"), stats.total("dead"), stats.total("poisoned")), (0, 0, 0));
    assert_eq!(house.hubspot.stats().companies.created, known.len() as u64);
    assert_eq!(house.hubspot.stats().tokens_granted, granted + 2, "one that nobody heard of, and one for all");
}

/// The key under which a worker holds the right to renew the portal's token.
async fn renewal_lock(house: &House, redis: &mut redis::aio::ConnectionManager) -> String {
    let pattern = format!("{}:outbound:*:token_lock:*", house.context.settings.redis.namespace);
    let mut cursor = 0_u64;
    loop {
        let (next, keys): (u64, Vec<String>) =
            redis::cmd("SCAN").arg(cursor).arg("MATCH").arg(&pattern).query_async(redis).await.unwrap();
        if let Some(key) = keys.into_iter().next() {
            return key;
        }
        assert_ne!(next, 0, "nobody holds the right to renew");
        cursor = next;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workers_resume_by_themselves_after_redis_was_killed_and_the_end_state_is_the_same() {
    tokio::join!(redis_dies(Duration::ZERO), redis_dies(Duration::from_secs(4)));
}

/// A sync with two workers, in which Redis is killed while pages are read and again while companies are written.
async fn redis_dies(outage: Duration) {
    let mut redis = PrivateRedis::start(Persistence::AofAlways).unwrap();
    let config = HouseConfig { redis_url: Some(redis.url()), page_rows: 10, ..HouseConfig::default() };
    let house = House::open_without_worker(config).await.unwrap();
    let quietly = [("MLC__LOG__LEVEL", "info")];
    let _workers = [Process::worker(&house, &quietly), Process::worker(&house, &quietly)];
    let mut known = Vec::new();
    for (round, label) in ["reading", "writing"].into_iter().enumerate() {
        rename_vendors(&house, label, &known[..known.len().min(10)]);
        known.extend(add_vendors(&house, label, 60));
        reach_moment(&house, round).await;
        redis.kill();
        // How long Redis is away is what differs between the two cases.
        tokio::time::sleep(outage).await;
        redis.restart().unwrap();
        let back = done(&house).await;
        eventually("a job is carried out", RESUMED_WITHIN, async || done(&house).await > back).await;
        house.epicor.set_latency(Duration::ZERO, Duration::ZERO);
        house.hubspot.set_latency(Duration::ZERO);
        house.settle().await.unwrap();
        assert_in_step(&house).await;
        assert_eq!(house.hubspot.stats().companies.created, known.len() as u64);
    }
    assert_nothing_left_to_do(&house).await;
}

/// Jobs that came to an end so far. The first answer after Redis was away may take a new connection.
async fn done(house: &House) -> u64 {
    let started = std::time::Instant::now();
    loop {
        match house.context.queue.stats().await {
            Ok(stats) => return stats.total("done"),
            Err(error) => assert!(started.elapsed() < SOON, "Redis does not answer: {error}"),
        }
    }
}

async fn running(house: &House) -> Vec<JobView> {
    let filter = JobFilter { state: Some(JobState::Running), ..JobFilter::default() };
    house.context.queue.jobs(&filter, &Page::default()).await.unwrap().items
}

fn pushes(jobs: &[JobView]) -> usize {
    jobs.iter().filter(|job| job.kind == "push_record").count()
}
