//! How runs end.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use mlc_model::FaultKind;
use mlc_queue::{DeadFilter, JobState, Outcome, Page, SnoozeReason, UniqueKey};

use crate::house::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_snooze_costs_no_attempt_and_comes_back_when_it_said() {
    let house = House::open().await;
    house.enqueue(&errands([1])).await;
    let start = Instant::now();
    let worker = house.work(4, |_, context| {
        Box::pin(async move {
            if context.snoozes < 8 {
                let until = now() + chrono::Duration::milliseconds(40);
                return Outcome::Snooze { until, why: SnoozeReason::BudgetEmpty };
            }
            Outcome::done()
        })
    });
    house.diary.wait_for(9).await;
    house.quiet().await;
    worker.stop().await;
    assert!(start.elapsed() >= Duration::from_millis(300));
    assert!(house.diary.runs().iter().all(|(_, context)| context.attempt == 1));
    assert_eq!((house.total("snoozed").await, house.total("done").await), (8, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn while_jobs_wait_for_our_own_redis_a_long_backlog_is_not_run_through_in_a_loop() {
    let house = House::open().await;
    house.enqueue(&errands(0..300)).await;
    let start = Instant::now();
    let full = Arc::new(AtomicBool::new(true));
    let is_full = Arc::clone(&full);
    let worker = house.work(4, move |_, _| {
        let waits = is_full.load(Ordering::SeqCst);
        Box::pin(async move {
            if waits {
                return Outcome::Snooze { until: now(), why: SnoozeReason::own_redis() };
            }
            Outcome::done()
        })
    });
    // It does try again, and not for each job that waits: a few times a second, as many as it has places.
    house.diary.wait_for(12).await;
    tokio::time::sleep(Duration::from_millis(600)).await;
    let (runs, passed) = (house.diary.runs().len(), start.elapsed());
    let most = 8.0 * (passed.as_secs_f64() / 0.5 + 2.0);
    assert!((runs as f64) <= most, "{runs} runs in {passed:?}");
    full.store(false, Ordering::SeqCst);
    house.quiet().await;
    worker.stop().await;
    assert_eq!(house.total("done").await, 300);
}

/// One record's key may be damaged while Redis serves everybody else.
#[tokio::test(flavor = "multi_thread")]
async fn jobs_that_find_our_own_redis_broken_for_ever_do_not_keep_the_others_of_their_lane_from_running() {
    let house = House::open().await;
    house.enqueue(&errands(0..20)).await;
    house.enqueue(&errands(100..200)).await;
    let worker = house.work(4, |errand, _| {
        Box::pin(async move {
            if errand.n < 100 {
                return Outcome::Snooze { until: now(), why: SnoozeReason::own_redis() };
            }
            Outcome::done()
        })
    });
    eventually("the others are done", async || house.total("done").await == 100).await;
    worker.stop().await;
    let lane = house.lane().await;
    assert_eq!((lane.ready + lane.delayed + lane.running, lane.dead), (20, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_snoozes_as_long_as_the_server_asked() {
    let house = House::open().await;
    house.enqueue(&errands([1])).await;
    let start = Instant::now();
    let worker = house.work(4, |_, context| {
        let limited = fault(FaultKind::Limited).with_retry_after(Duration::from_millis(300));
        Box::pin(async move { if context.snoozes == 0 { limited.into() } else { Outcome::done() } })
    });
    house.diary.wait_for(2).await;
    assert!(start.elapsed() >= Duration::from_millis(300));
    worker.stop().await;
    assert_eq!(house.diary.runs()[1].1.attempt, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delayed_job_starts_when_it_is_due_and_not_at_the_next_slow_poll() {
    let mut config = crate::support::quick();
    config.slow_poll = Duration::from_secs(20);
    let house = House::with(config).await;
    let worker = house.work_simply(4);
    tokio::time::sleep(Duration::from_millis(50)).await;
    let start = Instant::now();
    house.enqueue(&[errand(1).at(now() + chrono::Duration::milliseconds(250))]).await;
    house.diary.wait_for(1).await;
    assert!(start.elapsed() >= Duration::from_millis(240), "{:?}", start.elapsed());
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn follow_ups_and_shelved_orders_are_stored_with_the_end_of_their_job() {
    let house = House::open().await;
    let root = errand(1);
    house.enqueue(&[root.clone()]).await;
    let worker = house.work(4, |errand, _| {
        Box::pin(async move {
            if errand.n > 1 {
                return Outcome::done();
            }
            let then = (10..1310).map(crate::house::errand).collect();
            Outcome::Done { then, shelve: vec![(crate::house::errand(5), fault(FaultKind::Rejected))] }
        })
    });
    house.diary.wait_for(1301).await;
    house.quiet().await;
    worker.stop().await;
    assert!(house.diary.runs()[1..].iter().all(|(_, context)| context.trace == root.id().as_str()));
    let letter = house.queue.dead_letters(&DeadFilter::default(), &Page::default()).await.unwrap().items.remove(0);
    assert_eq!((letter.job.subject.as_deref(), letter.job.parent.as_ref()), (Some("errand 5"), Some(root.id())));
    assert_eq!(house.lane().await.bytes, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_under_way_until_its_job_is_done_or_stands_on_the_shelf() {
    let house = House::open().await;
    let keys = ["waits", "none"].map(UniqueKey::of);
    let under_way = async || house.queue.under_way(&keys).await.unwrap();
    assert_eq!(under_way().await, [false, false]);
    let order = unique_errand(1, "waits");
    house.enqueue(std::slice::from_ref(&order)).await;
    assert_eq!(under_way().await, [true, false]);
    let worker = house.work(1, |_, context| {
        Box::pin(async move { if context.replays == 0 { fault(FaultKind::Rejected).into() } else { Outcome::done() } })
    });
    eventually("it is dead", async || house.lane().await.dead == 1).await;
    assert_eq!(under_way().await, [false, false]);
    house.queue.pause(&lane("main"), "lena", "to look").await.unwrap();
    house.queue.replay(std::slice::from_ref(order.id()), "lena").await.unwrap();
    assert_eq!(under_way().await, [true, false]);
    house.queue.resume(&lane("main"), "lena").await.unwrap();
    eventually("it is done", async || under_way().await == [false, false]).await;
    worker.stop().await;
    assert!(house.queue.under_way(&[]).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follow_up_may_take_over_the_unique_key_of_its_job() {
    let house = House::open().await;
    house.enqueue(&[unique_errand(1, "page")]).await;
    let worker = house.work(4, |errand, _| {
        Box::pin(async move {
            match errand.n {
                // The second is absorbed by the first.
                1 => Outcome::then(vec![unique_errand(2, "page"), unique_errand(3, "page")]),
                _ => Outcome::done(),
            }
        })
    });
    house.diary.wait_for(2).await;
    house.quiet().await;
    worker.stop().await;
    assert_eq!((house.diary.numbers(), house.total("duplicate").await), (vec![1, 2], 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follow_up_that_is_open_already_is_absorbed() {
    let house = House::open().await;
    let open = unique_errand(9, "open").at(now() + chrono::Duration::seconds(60));
    house.enqueue(&[errand(1), open.clone()]).await;
    let worker = house.work(4, |_, _| Box::pin(async { Outcome::then(vec![unique_errand(2, "open")]) }));
    eventually("it is done", async || house.total("done").await == 1).await;
    worker.stop().await;
    assert_eq!(house.queue.job(open.id()).await.unwrap().unwrap().state, JobState::Delayed);
    assert_eq!(house.lane().await.ready, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_credentials_hold_the_lane_and_burn_nothing_until_a_person_resumes() {
    let house = House::open().await;
    let refused = Arc::new(AtomicBool::new(true));
    let revoked = Arc::clone(&refused);
    house.enqueue(&errands(0..20)).await;
    house.enqueue(&[errand_in("other", 100)]).await;
    let worker = house.work(4, move |errand, _| {
        let refuse = errand.n < 100 && revoked.load(Ordering::Relaxed);
        Box::pin(async move { if refuse { fault(FaultKind::Unauthorized).into() } else { Outcome::done() } })
    });
    eventually("the lane is held", async || {
        let lane = house.lane().await;
        lane.held.is_some() && lane.ready == 20 && house.total("done").await == 1
    })
    .await;
    assert!(house.lane().await.held.unwrap().reason.contains("the server said no"));
    refused.store(false, Ordering::Relaxed);
    assert!(house.queue.resume(&lane("main"), "lena").await.unwrap());
    house.quiet().await;
    worker.stop().await;
    assert_eq!(house.total("done").await, 21);
    assert!(house.diary.runs().iter().all(|(_, context)| context.attempt == 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_still_runs_at_the_deadline_is_handed_back_to_the_front_without_an_attempt() {
    let house = House::open().await;
    house.enqueue(&errands(0..5)).await;
    let registry = house.registry(|_, _| Box::pin(std::future::pending()));
    let worker = house.work_with(registry, 2, Duration::from_millis(200));
    house.diary.wait_for(2).await;
    let start = Instant::now();
    worker.stop().await;
    assert!(start.elapsed() < Duration::from_secs(4));
    let lane = house.lane().await;
    assert_eq!((lane.ready, lane.running, lane.delayed), (5, 0, 0));
    let second = house.work_simply(1);
    house.diary.wait_for(7).await;
    second.stop().await;
    assert_eq!(house.diary.numbers()[2..], [0, 1, 2, 3, 4]);
    assert!(house.diary.runs().iter().all(|(_, context)| context.attempt == 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_kind_goes_to_the_shelf_with_its_reason() {
    let house = House::open().await;
    house.enqueue(&[mlc_queue::Order::of(&Hasty { n: 1 }).unwrap()]).await;
    let worker = house.work_simply(1);
    eventually("it is dead", async || house.lane().await.dead == 1).await;
    worker.stop().await;
    let letter = house.queue.dead_letters(&DeadFilter::default(), &Page::default()).await.unwrap().items.remove(0);
    assert_eq!(letter.fault.message, "cannot be read: this worker has no handler for jobs of kind hasty");
}
