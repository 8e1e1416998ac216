//! One case for each of the 17 defects that were reproduced with the stock store.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use mlc_model::FaultKind;
use mlc_queue::{DeadFilter, Enqueued, JobFilter, JobState, Order, Outcome, Page, Priority, QueueConfig};
use tokio::sync::Semaphore;

use crate::{house::*, support};

#[tokio::test(flavor = "multi_thread")]
async fn defect_01_ten_thousand_jobs_due_at_once_are_all_carried_out() {
    let house = House::open().await;
    // Far enough ahead to enqueue them all before, on a busy machine too.
    let due = now() + chrono::Duration::milliseconds(2500);
    let orders: Vec<Order> = (0..10_000).map(|n| errand(n).at(due)).collect();
    house.enqueue(&orders).await;
    assert_eq!(house.lane().await.delayed, 10_000);
    let worker = house.work_simply(100);
    house.diary.wait_for(10_000).await;
    house.quiet().await;
    worker.stop().await;
    assert_eq!(house.total("done").await, 10_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn defect_02_a_job_that_waits_for_its_retry_survives_clean_up() {
    let house = House::open().await;
    house.enqueue(&errands([1])).await;
    let worker = house.work(4, |_, context| {
        let again = fault(FaultKind::Transient).with_retry_after(Duration::from_millis(700));
        Box::pin(async move { if context.attempt == 1 { again.into() } else { Outcome::done() } })
    });
    eventually("it waits", async || house.lane().await.delayed == 1).await;
    worker.stop().await;
    // A start cleans up old counters; the waiting job must not care.
    let worker = house.work_simply(4);
    house.diary.wait_for(2).await;
    house.quiet().await;
    worker.stop().await;
    assert_eq!((house.total("done").await, house.total("retried").await), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn defect_03_a_poison_payload_goes_to_the_shelf_and_its_neighbours_run() {
    let house = House::open().await;
    let mut orders = errands(0..10);
    let poison = Order::of(&OldErrand { lane: "main".to_owned() }).unwrap();
    orders.insert(5, poison.clone());
    house.enqueue(&orders).await;
    let worker = house.work_simply(4);
    house.diary.wait_for(10).await;
    house.quiet().await;
    let letter = house.queue.dead_letter(poison.id()).await.unwrap().unwrap();
    assert_eq!(letter.fault.kind, FaultKind::Defect);
    assert!(letter.fault.message.starts_with("cannot be read: missing field `n`"), "{}", letter.fault.message);
    worker.stop().await;
    assert_eq!(house.total("done").await, 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn defect_03_a_broken_envelope_goes_to_the_shelf_and_its_neighbours_run() {
    let house = House::open().await;
    let orders = errands(0..3);
    house.enqueue(&orders).await;
    redis::cmd("HSET")
        .arg(format!("{{mlcq:{}}}:job", house.namespace))
        .arg(orders[1].id().as_str())
        .arg("nonsense")
        .query_async::<()>(&mut support::connection().await)
        .await
        .unwrap();
    let worker = house.work_simply(4);
    house.diary.wait_for(2).await;
    house.quiet().await;
    worker.stop().await;
    let letters = house.queue.dead_letters(&DeadFilter::default(), &Page::default()).await.unwrap().items;
    assert_eq!(letters.len(), 1);
    assert!(letters[0].fault.message.starts_with("cannot be read"), "{}", letters[0].fault.message);
}

#[tokio::test(flavor = "multi_thread")]
async fn defect_04_a_healthy_worker_with_jobs_longer_than_the_lease_is_not_robbed() {
    let house = House::open().await;
    house.enqueue(&errands(0..6)).await;
    let slow = |_, _| -> futures_util::future::BoxFuture<'static, Outcome> {
        Box::pin(async {
            tokio::time::sleep(Duration::from_millis(2500)).await;
            Outcome::done()
        })
    };
    let busy = house.work(6, slow);
    house.diary.wait_for(6).await;
    let idle = house.work(6, slow);
    house.quiet().await;
    busy.stop().await;
    idle.stop().await;
    assert!(house.diary.times().values().all(|times| *times == 1), "{:?}", house.diary.times());
    assert_eq!(house.total("rescued").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn defect_05_a_stop_with_100_jobs_in_flight_finishes_them_all() {
    let house = House::open().await;
    house.enqueue(&errands(0..150)).await;
    let gate = Arc::new(Semaphore::new(0));
    let opened = Arc::clone(&gate);
    let worker = house.work(100, move |_, _| {
        let gate = Arc::clone(&gate);
        Box::pin(async move {
            let _passed = gate.acquire().await;
            Outcome::done()
        })
    });
    house.diary.wait_for(100).await;
    worker.signal();
    opened.add_permits(100);
    let start = Instant::now();
    worker.ended().await;
    assert!(start.elapsed() < Duration::from_secs(5));
    let lane = house.lane().await;
    // Those that could not start any more wait; nothing stays leased.
    assert_eq!((house.total("done").await, lane.ready, lane.running), (100, 50, 0));
    assert!(house.diary.runs().iter().all(|(_, context)| context.attempt == 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn defect_06_a_redis_pause_of_600_ms_cancels_nothing() {
    let server = support::OwnServer::start();
    let house = House::on(server.queue(support::quick()).await);
    house.enqueue(&errands(0..20)).await;
    let worker = house.work(20, |_, _| {
        Box::pin(async {
            tokio::time::sleep(Duration::from_millis(400)).await;
            Outcome::done()
        })
    });
    house.diary.wait_for(20).await;
    let mut connection = server.connection().await;
    redis::cmd("CLIENT").arg("PAUSE").arg(600).arg("ALL").query_async::<()>(&mut connection).await.unwrap();
    house.quiet().await;
    worker.stop().await;
    assert_eq!((house.total("done").await, house.diary.runs().len()), (20, 20));
}

#[tokio::test(flavor = "multi_thread")]
async fn defect_06_killed_connections_cancel_nothing_and_work_goes_on() {
    let server = support::OwnServer::start();
    let house = House::on(server.queue(support::quick()).await);
    house.enqueue(&errands(0..20)).await;
    let worker = house.work(20, |_, _| {
        Box::pin(async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            Outcome::done()
        })
    });
    house.diary.wait_for(20).await;
    let mut connection = server.connection().await;
    redis::cmd("CLIENT")
        .arg(&["KILL", "TYPE", "normal", "SKIPME", "yes"])
        .query_async::<()>(&mut connection)
        .await
        .unwrap();
    eventually("it is done", async || house.queue.stats().await.is_ok_and(|stats| stats.total("done") == 20)).await;
    assert!(house.diary.times().values().all(|times| *times == 1), "{:?}", house.diary.times());
    let start = Instant::now();
    house.enqueue(&errands([99])).await;
    house.diary.wait_for(21).await;
    assert!(start.elapsed() < Duration::from_secs(3));
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn defect_07_workers_start_again_under_the_same_name_at_once() {
    let house = House::open().await;
    for round in 0..5 {
        let worker = house.work_simply(4);
        house.enqueue(&errands([round])).await;
        house.diary.wait_for(round as usize + 1).await;
        worker.stop().await;
    }
    assert_eq!(house.total("done").await, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn defect_08_an_idle_worker_starts_a_new_job_at_once() {
    let mut config = support::quick();
    config.slow_poll = Duration::from_secs(20);
    let house = House::with(config).await;
    let worker = house.work_simply(4);
    for n in 0..50 {
        let start = Instant::now();
        house.enqueue(&errands([n])).await;
        house.diary.wait_for(n as usize + 1).await;
        // Far below the slow poll: so it was the wake-up.
        assert!(start.elapsed() < Duration::from_secs(2), "run {n} after {:?}", start.elapsed());
    }
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn defect_08_no_wake_up_is_lost_over_a_pause_of_redis() {
    let server = support::OwnServer::start();
    let mut config = support::quick();
    config.slow_poll = Duration::from_secs(20);
    let house = House::on(server.queue(config).await);
    let worker = house.work_simply(4);
    let mut connection = server.connection().await;
    for n in 0..3 {
        redis::cmd("CLIENT").arg("PAUSE").arg(300).arg("ALL").query_async::<()>(&mut connection).await.unwrap();
        let start = Instant::now();
        house.enqueue(&errands([n])).await;
        house.diary.wait_for(n as usize + 1).await;
        assert!(start.elapsed() < Duration::from_secs(3), "run {n} after {:?}", start.elapsed());
    }
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn defect_09_no_command_grows_with_the_backlog() {
    let server = support::OwnServer::start();
    let house = House::on(server.queue(support::quick()).await);
    let mut connection = server.connection().await;
    house.enqueue(&errands(0..20_000)).await;
    redis::cmd("CONFIG").arg("RESETSTAT").query_async::<()>(&mut connection).await.unwrap();
    let worker = house.work_simply(50);
    house.diary.wait_for(20_000).await;
    worker.stop().await;
    let stats: String = redis::cmd("INFO").arg("commandstats").query_async(&mut connection).await.unwrap();
    for forbidden in ["lrem", "lpos", "keys", "scan", "lrange", "hgetall", "smembers", "linsert", "hvals"] {
        assert!(!stats.contains(&format!("cmdstat_{forbidden}:")), "{forbidden} was used");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn defect_10_a_unique_key_absorbs_equal_orders_until_its_job_is_done() {
    let house = House::open().await;
    let first = house.queue.enqueue(&[unique_errand(1, "a")]).await.unwrap().remove(0);
    let again =
        house.queue.enqueue(&[unique_errand(2, "a"), unique_errand(3, "b"), unique_errand(4, "b")]).await.unwrap();
    assert_eq!(again[0], Enqueued::Duplicate(first.id().clone()));
    assert!(matches!(&again[1], Enqueued::Accepted(_)));
    assert_eq!(again[2], Enqueued::Duplicate(again[1].id().clone()));
    assert_eq!(house.lane().await.ready, 2);
    let worker = house.work_simply(4);
    house.quiet().await;
    assert!(matches!(house.queue.enqueue(&[unique_errand(5, "a")]).await.unwrap()[0], Enqueued::Accepted(_)));
    house.diary.wait_for(3).await;
    house.quiet().await;
    worker.stop().await;
    assert!(!house.keys().await.iter().any(|key| key.ends_with(":unique")));
}

#[tokio::test(flavor = "multi_thread")]
async fn defect_11_attempts_end_at_their_maximum_and_a_retry_waits_as_long_as_the_server_asked() {
    let house = House::open().await;
    house.enqueue(&errands([1])).await;
    let start = Instant::now();
    let worker = house.work(4, |_, _| {
        Box::pin(async { fault(FaultKind::Transient).with_retry_after(Duration::from_millis(200)).into() })
    });
    eventually("it is dead", async || house.lane().await.dead == 1).await;
    worker.stop().await;
    assert!(start.elapsed() >= Duration::from_millis(400));
    let attempts: Vec<u32> = house.diary.runs().iter().map(|(_, context)| context.attempt).collect();
    assert_eq!(attempts, [1, 2, 3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_settings_may_allow_fewer_attempts_than_the_kind() {
    let house = House::with(QueueConfig { max_attempts: 2, ..support::quick() }).await;
    house.enqueue(&errands([1])).await;
    let worker = house.work(4, |_, _| Box::pin(async { fault(FaultKind::Transient).into() }));
    eventually("it is dead", async || house.lane().await.dead == 1).await;
    worker.stop().await;
    assert_eq!(house.diary.runs().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn defect_12_a_panic_and_a_time_out_are_retried_and_then_shelved_with_their_text() {
    let house = House::open().await;
    let hasty_runs = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&hasty_runs);
    let registry = house.registry(|errand, _| Box::pin(async move { panic!("errand {} fell over", errand.n) })).on(
        move |_: Hasty, _| {
            counted.fetch_add(1, Ordering::Relaxed);
            std::future::pending()
        },
    );
    house.enqueue(&[errand(7), Order::of(&Hasty { n: 1 }).unwrap()]).await;
    let worker = house.work_with(registry, 4, Duration::from_secs(5));
    eventually("both are dead", async || house.lane().await.dead == 2).await;
    worker.stop().await;
    let letters = house.queue.dead_letters(&DeadFilter::default(), &Page::default()).await.unwrap().items;
    let of = |kind: &str| letters.iter().find(|letter| letter.job.kind == kind).unwrap();
    assert_eq!(of("errand").fault.message, "panicked: errand 7 fell over");
    assert_eq!(of("errand").job.failed.len(), 3);
    assert_eq!(of("hasty").fault.message, "took longer than 0.05 s");
    assert_eq!((house.diary.runs().len(), hasty_runs.load(Ordering::Relaxed)), (3, 2));
}

// Defect 13 (a heartbeat with a job in flight kills the worker) is covered by case 4: its jobs outlast several renewals.

#[tokio::test(flavor = "multi_thread")]
async fn defect_14_a_finished_job_is_acknowledged_and_leaves_nothing_but_counters() {
    let house = House::open().await;
    let mut orders = errands(0..50);
    orders.push(unique_errand(50, "x"));
    orders.push(errand(51).at(now() + chrono::Duration::milliseconds(50)));
    house.enqueue(&orders).await;
    let worker = house.work(8, |errand, context| {
        Box::pin(async move {
            if errand.n == 3 && context.attempt == 1 { fault(FaultKind::Transient).into() } else { Outcome::done() }
        })
    });
    house.diary.wait_for(53).await;
    house.quiet().await;
    worker.stop().await;
    let mut left: Vec<String> =
        house.keys().await.iter().map(|key| key.split("}:").nth(1).unwrap().to_owned()).collect();
    // What is remembered for people: bounded, and gone by itself.
    left.retain(|key| !key.starts_with("pace"));
    assert_eq!(left, ["bytes", "ended", "ended_count", "running", "stats", "token", "waiting"]);
    assert_eq!(house.lane().await.bytes, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn defect_15_jobs_can_be_listed_and_looked_at_in_every_state() {
    let house = House::open().await;
    let later = errand(3).at(now() + chrono::Duration::seconds(60));
    house.enqueue(&[errand(1), errand_in("other", 2), later.clone()]).await;
    let all = house.queue.jobs(&JobFilter::default(), &Page::default()).await.unwrap();
    assert_eq!((all.items.len(), all.next), (3, None));
    let view = house.queue.job(later.id()).await.unwrap().unwrap();
    assert_eq!(
        (view.state, view.kind.as_str(), view.subject.as_deref()),
        (JobState::Delayed, "errand", Some("errand 3"))
    );
    assert_eq!(house.queue.payload(later.id()).await.unwrap().unwrap()["n"], 3);
    assert_eq!(house.queue.lanes().await.unwrap().len(), 2);
    let only = JobFilter { lane: Some(lane("other")), ..JobFilter::default() };
    assert_eq!(house.queue.jobs(&only, &Page::default()).await.unwrap().items.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn defect_16_priorities_are_strict_and_order_is_kept_to_the_job() {
    let house = House::open().await;
    let mut orders: Vec<Order> = (0..300).map(|n| errand(n).priority(Priority::Backfill)).collect();
    orders.extend((300..600).map(errand));
    orders.extend((600..900).map(|n| errand(n).priority(Priority::Person)));
    house.enqueue(&orders).await;
    let worker = house.work_simply(1);
    house.diary.wait_for(900).await;
    worker.stop().await;
    let expected: Vec<u32> = (600..900).chain(300..600).chain(0..300).collect();
    assert_eq!(house.diary.numbers(), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn defect_17_all_keys_share_one_hash_tag() {
    let house = House::open().await;
    house.enqueue(&[errand(1), unique_errand(2, "u"), errand(3).at(now() + chrono::Duration::seconds(60))]).await;
    house.queue.set_cap(&lane("main"), Some(1)).await.unwrap();
    house.queue.pause(&lane("other"), "lena", "tea").await.unwrap();
    house.queue.hold(&lane("third"), "refused").await.unwrap();
    let worker = house.work(2, |_, _| Box::pin(async { fault(FaultKind::Rejected).into() }));
    eventually("both are dead", async || house.lane().await.dead == 2).await;
    worker.stop().await;
    let keys = house.keys().await;
    assert!(keys.len() > 10, "{keys:?}");
    let tag = format!("{{mlcq:{}}}:", house.namespace);
    assert!(keys.iter().all(|key| key.starts_with(&tag)), "{keys:?}");
}
