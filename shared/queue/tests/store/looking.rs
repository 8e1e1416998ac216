//! What the console looks at: pace, workers, lanes that nobody serves, jobs that ended.

use std::time::Duration;

use mlc_model::{FaultKind, JobId};
use mlc_queue::{DeadFilter, Ended, EndedJob, Outcome, PaceMinute, Page, SnoozeReason};

use crate::{house::*, support};

/// All minutes together: a test may run across the end of one.
fn sum(minutes: &[PaceMinute]) -> PaceMinute {
    minutes.iter().fold(PaceMinute::default(), |sum, minute| PaceMinute {
        at: sum.at,
        started: sum.started + minute.started,
        done: sum.done + minute.done,
        failed: sum.failed + minute.failed,
        snoozed: sum.snoozed + minute.snoozed,
        dead: sum.dead + minute.dead,
        enqueued: sum.enqueued + minute.enqueued,
        ended: sum.ended + minute.ended,
        wait_ms: sum.wait_ms + minute.wait_ms,
        run_ms: sum.run_ms + minute.run_ms,
    })
}

async fn ended(house: &House) -> Vec<EndedJob> {
    house.queue.ended(&Page::default()).await.unwrap().items
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pace_counts_starts_and_ends_by_lane_and_in_all() {
    let house = House::open().await;
    let mut orders = errands(0..6);
    orders.extend([errand_in("other", 6), errand(7).at(now() + chrono::Duration::milliseconds(30))]);
    house.enqueue(&orders).await;
    let worker = house.work(8, |errand, context| {
        Box::pin(async move {
            match errand.n {
                0 => fault(FaultKind::Rejected).into(),
                1 if context.attempt == 1 => fault(FaultKind::Transient).into(),
                2 if context.snoozes == 0 => Outcome::Snooze { until: now(), why: SnoozeReason::BudgetEmpty },
                3 => Outcome::then(vec![errand_in("other", 30)]),
                4 => Outcome::Done { then: vec![], shelve: vec![(errand_in("main", 40), fault(FaultKind::Rejected))] },
                5 => {
                    tokio::time::sleep(Duration::from_millis(60)).await;
                    Outcome::done()
                }
                _ => Outcome::done(),
            }
        })
    });
    house.diary.wait_for(11).await;
    house.quiet().await;
    worker.stop().await;
    let minutes = house.queue.pace(Some(&lane("main")), 3).await.unwrap();
    assert_eq!(minutes.len(), 3);
    assert!(minutes.windows(2).all(|pair| pair[1].at - pair[0].at == chrono::Duration::minutes(1)));
    let main = sum(&minutes);
    assert_eq!((main.enqueued, main.started, main.ended, main.done), (7, 9, 9, 6));
    assert_eq!((main.failed, main.snoozed, main.dead), (1, 1, 2), "the refused record is a letter, but no run");
    assert!((60..5000).contains(&main.run_ms), "{main:?}");
    let other = sum(&house.queue.pace(Some(&lane("other")), 3).await.unwrap());
    assert_eq!((other.enqueued, other.started, other.done), (2, 2, 2));
    let all = sum(&house.queue.pace(None, 500).await.unwrap());
    assert_eq!((all.enqueued, all.started, all.done, all.dead), (9, 11, 8, 2));
    assert_eq!((all.wait_ms, all.run_ms), (main.wait_ms + other.wait_ms, main.run_ms + other.run_ms));
    let hours = sum(&house.queue.pace_hours(2).await.unwrap());
    assert_eq!(
        (hours.started, hours.done, hours.wait_ms, hours.run_ms),
        (all.started, all.done, all.wait_ms, all.run_ms)
    );
    assert_eq!(house.queue.pace(None, 500).await.unwrap().len(), 120);
    assert_eq!(house.queue.pace_hours(10_000).await.unwrap().len(), 840);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_is_counted_from_when_the_job_could_start() {
    let house = House::open().await;
    house.queue.pause(&lane("main"), "test", "so that it waits").await.unwrap();
    house.enqueue(&[errand(1)]).await;
    // The one ordered for later waits on purpose, the one put off as well: neither is the queue's doing.
    house.enqueue(&[errand_in("later", 2).at(now() + chrono::Duration::milliseconds(400))]).await;
    house.enqueue(&[errand_in("put-off", 3)]).await;
    let worker = house.work(4, |errand, context| {
        Box::pin(async move {
            if errand.n == 3 && context.snoozes == 0 {
                return Outcome::Snooze { until: now() + chrono::Duration::milliseconds(400), why: SnoozeReason::Held };
            }
            Outcome::done()
        })
    });
    house.diary.wait_for(3).await;
    house.queue.resume(&lane("main"), "test").await.unwrap();
    house.diary.wait_for(4).await;
    house.quiet().await;
    worker.stop().await;
    let wait = async |name: &str| sum(&house.queue.pace(Some(&lane(name)), 2).await.unwrap()).wait_ms;
    assert!(wait("main").await >= 400, "{} ms", wait("main").await);
    for name in ["later", "put-off"] {
        assert!(wait(name).await < 300, "{name}: {} ms", wait(name).await);
    }
    let first = ended(&house).await.into_iter().find(|job| job.lane == lane("main")).unwrap();
    assert_eq!(first.wait_ms, wait("main").await, "the script and the worker count alike");
}

#[tokio::test(flavor = "multi_thread")]
async fn counters_of_the_pace_go_away_by_themselves() {
    let house = House::open().await;
    house.enqueue(&errands(0..3)).await;
    let mut connection = support::connection().await;
    let paces: Vec<String> = house.keys().await.into_iter().filter(|key| key.contains("}:pace")).collect();
    assert_eq!(paces.len(), 3, "{paces:?}");
    for key in paces {
        let secs: i64 = redis::cmd("TTL").arg(&key).query_async(&mut connection).await.unwrap();
        let most = if key.contains("pace_hour") { 36 * 86_400 } else { 7500 };
        assert!((1..=most).contains(&secs), "{key} lives {secs} s");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ended_jobs_are_listed_newest_first_with_how_they_ended() {
    let house = House::open().await;
    house.enqueue(&[errand(1)]).await;
    let worker = house.work(1, |errand, context| {
        Box::pin(async move {
            match errand.n {
                1 => Outcome::then(vec![errand_in("other", 2)]),
                2 if context.attempt == 1 => fault(FaultKind::Transient).into(),
                3 => fault(FaultKind::Rejected).into(),
                _ => Outcome::done(),
            }
        })
    });
    eventually("the follow-up is done", async || house.total("done").await == 2).await;
    house.enqueue(&[errand(3)]).await;
    eventually("one is dead", async || house.total("dead").await == 1).await;
    worker.stop().await;
    let letter = house.queue.dead_letters(&DeadFilter::default(), &Page::default()).await.unwrap().items.remove(0);
    house.queue.discard(&[letter.job.id.clone()], "lena", "a test").await.unwrap();
    let jobs = ended(&house).await;
    let outcomes: Vec<_> =
        jobs.iter().map(|job| (job.subject.as_deref().unwrap(), job.outcome, job.attempts)).collect();
    assert_eq!(
        outcomes,
        [
            ("errand 3", Ended::Discarded, 1),
            ("errand 3", Ended::Dead, 1),
            ("errand 2", Ended::Done, 2),
            ("errand 1", Ended::Done, 1)
        ]
    );
    let discarded = house.queue.ended_job(&letter.job.id).await.unwrap().unwrap();
    assert_eq!(discarded, jobs[0], "the last one of its ends");
    let told = discarded.discarded.unwrap();
    assert_eq!((told.by.as_str(), told.bulk, told.reason.as_deref()), ("lena", None, Some("a test")));
    assert!(jobs[1..].iter().all(|job| job.discarded.is_none()));
    assert!(house.queue.ended_job(&JobId::parse("unknown").unwrap()).await.unwrap().is_none());
    assert_eq!((&jobs[2].parent.as_ref(), &jobs[2].trace), (&Some(&jobs[3].id), &jobs[3].trace));
    assert_eq!((jobs[2].lane.as_str(), jobs[2].kind.as_str(), &jobs[0].id), ("other", "errand", &letter.job.id));
    assert!(jobs.windows(2).all(|pair| pair[0].ended_at >= pair[1].ended_at));
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_ended_jobs_stay_in_place_while_more_end() {
    let house = House::open().await;
    let run = async |numbers: std::ops::Range<u32>| {
        let before = house.total("done").await;
        let more = u64::from(numbers.end - numbers.start);
        house.enqueue(&errands(numbers)).await;
        let worker = house.work_simply(1);
        eventually("they are done", async || house.total("done").await == before + more).await;
        worker.stop().await;
    };
    run(0..50).await;
    let mut page = Page { after: None, limit: 20 };
    let mut subjects = Vec::new();
    for round in 0..3 {
        let listing = house.queue.ended(&page).await.unwrap();
        subjects.extend(listing.items.into_iter().filter_map(|job| job.subject));
        page.after = listing.next;
        assert_eq!(page.after.is_none(), round == 2);
        run(100 + round..101 + round).await;
    }
    assert_eq!(subjects, (0..50).rev().map(|n| format!("errand {n}")).collect::<Vec<_>>());
    let wrong = Page { after: Some("nonsense".to_owned()), limit: 1 };
    assert!(house.queue.ended(&wrong).await.is_err());
    let beyond = Page { after: Some("1".to_owned()), limit: 1 };
    assert_eq!(house.queue.ended(&beyond).await.unwrap().next, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn about_ten_thousand_ended_jobs_are_remembered() {
    let house = House::open().await;
    for piece in 0..21 {
        house.enqueue(&errands(piece * 500..(piece + 1) * 500)).await;
    }
    let worker = house.work_simply(200);
    eventually("all are done", async || house.total("done").await == 10_500).await;
    worker.stop().await;
    let mut page = Page { after: None, limit: 700 };
    let mut subjects = Vec::new();
    loop {
        let listing = house.queue.ended(&page).await.unwrap();
        subjects.extend(listing.items.into_iter().filter_map(|job| job.subject));
        page.after = listing.next;
        if page.after.is_none() {
            break;
        }
    }
    // The oldest go in bundles of up to one turn.
    assert!((10_000..10_500).contains(&subjects.len()), "{}", subjects.len());
    let different: std::collections::HashSet<&String> = subjects.iter().collect();
    assert_eq!(different.len(), subjects.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_killed_its_workers_is_among_the_ended_ones() {
    let house = House::with(mlc_queue::QueueConfig { poison_after: 1, ..support::quick() }).await;
    let order = errand(1);
    house.enqueue(&[order.clone()]).await;
    let key = |name: &str| format!("{{mlcq:{}}}:{name}", house.namespace);
    let worker = house.work_with(
        house.registry(|_, _| Box::pin(std::future::pending::<Outcome>())),
        1,
        Duration::from_millis(50),
    );
    house.diary.wait_for(1).await;
    // As if its worker had died: the lease is over.
    let mut connection = support::connection().await;
    let member = format!("{}:1", order.id());
    redis::cmd("ZADD").arg(key("leased")).arg("XX").arg(0).arg(member).exec_async(&mut connection).await.unwrap();
    let rescuer = house.work_simply(1);
    eventually("it is dead", async || house.total("poisoned").await == 1).await;
    rescuer.stop().await;
    worker.task.abort();
    let jobs = ended(&house).await;
    assert_eq!((jobs[0].outcome, &jobs[0].id, jobs[0].subject.as_deref()), (Ended::Dead, order.id(), Some("errand 1")));
    assert_eq!(sum(&house.queue.pace(None, 2).await.unwrap()).dead, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_is_listed_while_it_lives_and_not_after_an_orderly_stop() {
    let house = House::open().await;
    assert!(house.queue.workers().await.unwrap().is_empty());
    let (first, second) = (house.work_simply(3), house.work_simply(5));
    eventually("both are there", async || house.queue.workers().await.unwrap().len() == 2).await;
    let workers = house.queue.workers().await.unwrap();
    let mut places: Vec<u32> = workers.iter().map(|worker| worker.places).collect();
    places.sort_unstable();
    assert_eq!(places, [3, 5]);
    assert!(workers.iter().all(|worker| worker.kinds == ["errand"] && worker.process == std::process::id()));
    assert!(workers.iter().all(|worker| !worker.host.is_empty() && worker.seen_at >= worker.started_at));
    assert!(workers[0].id < workers[1].id);
    first.stop().await;
    assert_eq!(house.queue.workers().await.unwrap().len(), 1);
    second.stop().await;
    assert!(house.queue.workers().await.unwrap().is_empty());
    assert!(!house.keys().await.iter().any(|key| key.contains("worker")), "nothing of them is left");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_died_is_not_listed_and_is_forgotten_by_the_next_beat() {
    let house = House::open().await;
    let key = |name: &str| format!("{{mlcq:{}}}:{name}", house.namespace);
    let mut connection = support::connection().await;
    let facts = r#"{"host":"h","process":1,"version":"0.1.0","started_at":"2025-11-22T08:26:40Z","kinds":[],"places":1,"running":0}"#;
    let now = now().timestamp_millis();
    let mut pipe = redis::pipe();
    for (id, seen) in [("lives", now - 10_000), ("late", now - 20_000), ("died", now - 70_000)] {
        pipe.zadd(key("workers"), id, seen).hset(key("worker_facts"), id, facts);
    }
    pipe.zadd(key("workers"), "of another version", now).hset(key("worker_facts"), "of another version", "{}");
    pipe.exec_async(&mut connection).await.unwrap();
    let listed = house.queue.workers().await.unwrap();
    assert_eq!(listed.iter().map(|worker| worker.id.as_str()).collect::<Vec<_>>(), ["lives"]);
    let worker = house.work_simply(1);
    eventually("it beats", async || house.queue.workers().await.unwrap().len() == 2).await;
    let left: Vec<String> = redis::cmd("HKEYS").arg(key("worker_facts")).query_async(&mut connection).await.unwrap();
    assert!(left.contains(&"late".to_owned()) && !left.contains(&"died".to_owned()), "{left:?}");
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lane_without_any_worker_is_unconsumed_until_one_comes() {
    let house = House::open().await;
    house.queue.pause(&lane("paused"), "lena", "month end").await.unwrap();
    house.enqueue(&[errand(1), errand_in("paused", 2)]).await;
    house.enqueue(&[errand_in("later", 3).at(now() + chrono::Duration::seconds(60))]).await;
    assert_eq!(house.queue.unconsumed().await.unwrap(), [lane("main")]);
    let worker = house.work_simply(1);
    house.diary.wait_for(1).await;
    eventually("it is done", async || house.lane().await.running == 0).await;
    assert!(house.queue.unconsumed().await.unwrap().is_empty());
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_job_is_missing_from_the_lanes_because_it_moves_on_meanwhile() {
    let house = House::open().await;
    house.enqueue(&(0..1500).map(|n| errand_in(&format!("lane-{}", n % 5), n)).collect::<Vec<_>>()).await;
    // Every job waits, runs, waits for its time, runs again and has a follower in a new lane.
    let worker = house.work(16, |errand, context| {
        Box::pin(async move {
            match (context.snoozes, errand.n) {
                (0, _) => Outcome::Snooze { until: now(), why: SnoozeReason::RecordBusy },
                (_, 0..1500) => Outcome::then(vec![errand_in(&format!("next-{}", errand.n % 7), 1500 + errand.n)]),
                _ => Outcome::done(),
            }
        })
    });
    loop {
        let lanes = house.queue.lanes().await.unwrap();
        if lanes.iter().all(|lane| lane.ready + lane.delayed + lane.running == 0) {
            break;
        }
    }
    assert_eq!(house.total("done").await, 3000);
    worker.stop().await;
}
