//! Operations on many dead letters.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use mlc_model::{FaultKind, JobId};
use mlc_queue::{Bulk, BulkId, BulkState, BulkVerb, DeadFilter, NewBulk, Page, Queue, QueueError};
use tokio::task::JoinHandle;

use crate::{house::*, seed::*, shelf::*, support};

fn replay(per_second: Option<f64>) -> NewBulk {
    let filter = DeadFilter::default();
    NewBulk { verb: BulkVerb::Replay, filter, per_second, by: "lena".to_owned(), reason: None }
}

fn discard() -> NewBulk {
    NewBulk { verb: BulkVerb::Discard, reason: Some("old firms".to_owned()), ..replay(None) }
}

async fn look(queue: &Queue, id: &BulkId) -> Bulk {
    queue.bulk(id).await.unwrap().unwrap()
}

/// Drives whatever runs until nothing does.
async fn drive(queue: &Queue) {
    while let Some(wait) = queue.advance_bulks().await.unwrap() {
        tokio::time::sleep(wait).await;
    }
}

/// A process that drives until it is killed.
fn driver(queue: &Queue) -> JoinHandle<()> {
    let queue = queue.clone();
    tokio::spawn(async move {
        loop {
            let wait = queue.advance_bulks().await.unwrap().unwrap_or(Duration::from_millis(2));
            tokio::time::sleep(wait).await;
        }
    })
}

/// Must show: a bulk replay of 100,000 letters at a set rate, aborted half way, the rest taken by another one.
#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_thousand_letters_start_once_each_over_kills_an_abort_and_a_second_operation() {
    let house = House::open().await;
    let ids = seed(&house, 100_000).await;
    // Another process, with a connection of its own.
    let other = support::queue_named(&house.namespace, support::quick()).await;
    let first = house.queue.start_bulk(replay(Some(25_000.0))).await.unwrap();
    assert_eq!((first.matched, first.to_look_at, first.state), (Some(100_000), 100_000, BulkState::Running));
    let mut drivers = [driver(&house.queue), driver(&other)];
    // People discard some meanwhile, at both ends and in the middle; whether each is still there decides the race.
    let mut discarded = BTreeSet::new();
    let mut round = 0;
    while look(&house.queue, &first.id).await.acted < 50_000 {
        let victims: Vec<JobId> = ids.iter().skip(round * 37).step_by(9973).take(5).cloned().collect();
        discarded.extend(house.queue.discard(&victims, "otto", "wrong").await.unwrap());
        round += 1;
        // A process dies in the middle of a step, and a new one comes.
        let place = round % 2;
        drivers[place].abort();
        drivers[place] = driver(if place == 0 { &house.queue } else { &other });
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(house.queue.abort_bulk(&first.id, "lena").await.unwrap());
    let aborted = look(&house.queue, &first.id).await;
    let half = startable(&house).await;
    assert_eq!(aborted.state, BulkState::Aborted);
    assert!((50_000..100_000).contains(&half.len()), "{} were started", half.len());
    assert_eq!(aborted.acted, half.len() as u64);
    discarded.extend(house.queue.discard(&ids[99_000..99_100], "otto", "wrong").await.unwrap());
    assert_eq!(startable(&house).await, half, "an aborted operation goes on");

    let second = house.queue.start_bulk(replay(None)).await.unwrap();
    assert_eq!(second.matched, Some((100_000 - half.len() - discarded.len()) as u64));
    eventually("the rest is done", async || look(&house.queue, &second.id).await.state == BulkState::Done).await;
    drivers.iter().for_each(JoinHandle::abort);
    let started = startable(&house).await;
    let once: BTreeSet<&str> = started.iter().map(String::as_str).collect();
    assert_eq!(once.len(), started.len(), "none is started twice");
    let wanted: BTreeSet<&str> = ids.iter().filter(|id| !discarded.contains(id)).map(JobId::as_str).collect();
    assert!(discarded.len() >= 100);
    assert_eq!(once, wanted, "each that was not discarded, and no other");
    let done = look(&house.queue, &second.id).await;
    assert_eq!(aborted.acted + done.acted, started.len() as u64);
    assert!(done.ended_at.is_some());
    assert_eq!(house.lane().await.dead, 0);
    // Oldest first, within what two processes did in turn.
    assert!(started[..half.len()].is_sorted(), "the first operation went by the time of death");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_replayed_letter_runs_once_and_a_discarded_one_never() {
    let house = House::open().await;
    let ids = seed(&house, 3000).await;
    let bulk = house.queue.start_bulk(replay(Some(5000.0))).await.unwrap();
    let gone = house.queue.discard(&ids[2000..2100], "otto", "wrong").await.unwrap();
    assert_eq!(gone.len(), 100);
    let worker = house.work_simply(8);
    let drivers = [driver(&house.queue), driver(&house.queue)];
    eventually("it is done", async || look(&house.queue, &bulk.id).await.state == BulkState::Done).await;
    house.diary.wait_for(2900).await;
    house.quiet().await;
    drivers.iter().for_each(JoinHandle::abort);
    worker.stop().await;
    let expected: Vec<u32> = (0..2000).chain(2100..3000).collect();
    let times: BTreeMap<u32, usize> = house.diary.times().into_iter().collect();
    assert_eq!(times.keys().copied().collect::<Vec<_>>(), expected);
    assert!(times.values().all(|n| *n == 1));
    assert_eq!(house.total("replayed").await, 2900);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rate_is_kept_however_many_processes_drive() {
    let house = House::open().await;
    seed(&house, 2000).await;
    let mut connection = support::connection().await;
    let time = async |connection: &mut redis::aio::MultiplexedConnection| {
        let (secs, micros): (f64, f64) = redis::cmd("TIME").query_async(connection).await.unwrap();
        secs + micros / 1_000_000.0
    };
    let rate = 400.0;
    let start = time(&mut connection).await;
    let bulk = house.queue.start_bulk(replay(Some(rate))).await.unwrap();
    let drivers = [(); 4].map(|()| driver(&house.queue));
    let mut last = 0;
    while last < 600 {
        last = look(&house.queue, &bulk.id).await.acted;
        let elapsed = time(&mut connection).await - start;
        // Never ahead of the rate by more than the one that starts at once.
        assert!((last as f64) <= elapsed * rate + 1.0, "{last} after {elapsed} s");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let elapsed = time(&mut connection).await - start;
    assert!(elapsed < 600.0 / rate * 2.0, "600 letters took {elapsed} s");
    // What was not used while it stood still is not made up for.
    assert!(house.queue.pause_bulk(&bulk.id, "lena").await.unwrap());
    assert!(!house.queue.pause_bulk(&bulk.id, "lena").await.unwrap());
    let paused = look(&house.queue, &bulk.id).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(look(&house.queue, &bulk.id).await, paused, "a paused operation stands still");
    let resumed_at = time(&mut connection).await;
    assert!(house.queue.resume_bulk(&bulk.id, "otto").await.unwrap());
    tokio::time::sleep(Duration::from_millis(200)).await;
    let resumed = look(&house.queue, &bulk.id).await;
    let elapsed = time(&mut connection).await - resumed_at;
    assert!(((resumed.acted - paused.acted) as f64) <= elapsed * rate + 1.0);
    assert_eq!((resumed.state, resumed.switched_by.as_deref()), (BulkState::Running, Some("otto")));
    drivers.iter().for_each(JoinHandle::abort);
}

#[tokio::test(flavor = "multi_thread")]
async fn letters_that_die_again_after_the_start_are_left_for_the_next_operation() {
    let house = with_dead(300).await;
    let bulk = house.queue.start_bulk(replay(None)).await.unwrap();
    let worker = house.work(8, |_, _| Box::pin(async { fault(FaultKind::Rejected).into() }));
    drive(&house.queue).await;
    // Every one dies again, one that comes anew too, while the operation may still be going on.
    house.enqueue(&[errand(1000)]).await;
    house.diary.wait_for(601).await;
    house.quiet().await;
    worker.stop().await;
    let done = look(&house.queue, &bulk.id).await;
    assert_eq!((done.acted, done.state), (300, BulkState::Done));
    let dead = letters(&house, &DeadFilter::default()).await;
    assert!(dead.iter().all(|letter| letter.job.replays <= 1));
    assert_eq!(dead[1].job.replayed[0].bulk.as_deref(), Some(bulk.id.as_str()));
    assert_eq!(house.lane().await.dead, 301);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operation_takes_what_its_filter_says_and_nothing_else() {
    let house = with_dead(60).await;
    let causes = house.queue.causes().await.unwrap();
    let filter = DeadFilter { cause: Some(causes[0].hash.clone()), ..DeadFilter::default() };
    let bulk = house.queue.start_bulk(NewBulk { filter, ..replay(None) }).await.unwrap();
    drive(&house.queue).await;
    let lane = house.lane().await;
    assert_eq!((lane.dead, lane.ready), (30, 30));
    let filter = DeadFilter { error: Some("VENDOR 1".to_owned()), ..DeadFilter::default() };
    let second = house.queue.start_bulk(NewBulk { filter: filter.clone(), ..discard() }).await.unwrap();
    drive(&house.queue).await;
    let done = look(&house.queue, &second.id).await;
    // Vendors 10 to 19 and 1, of those the half with the other cause.
    assert_eq!((done.matched, done.acted), (Some(5 + u64::from(causes[0].text.ends_with("name"))), done.acted));
    assert_eq!(done.matched, Some(done.acted));
    assert_eq!(house.total("discarded").await, done.acted);
    assert_eq!((done.filter.error.as_deref(), done.reason.as_deref()), (Some("VENDOR 1"), Some("old firms")));
    let all: Vec<BulkId> = house.queue.bulks(10).await.unwrap().into_iter().map(|bulk| bulk.id).collect();
    assert_eq!(all, [second.id.clone(), bulk.id], "newest first");
    let gone = house.queue.ended(&Page::default()).await.unwrap().items;
    let gone: Vec<_> = gone.into_iter().filter_map(|job| job.discarded).collect();
    assert_eq!(gone.len() as u64, done.acted);
    assert!(gone.iter().all(|told| told.by == "lena" && told.bulk.as_deref() == Some(second.id.as_str())));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_that_a_person_edits_or_replays_meanwhile_is_passed_over() {
    let house = House::open().await;
    let ids = seed(&house, 20).await;
    let bulk = house.queue.start_bulk(replay(None)).await.unwrap();
    let editable = house.queue.editable(&ids[3]).await.unwrap().unwrap();
    let payload = serde_json::json!({ "lane": "main", "n": 99 });
    house.queue.edit_payload(&ids[3], &payload, &editable.digest, "otto").await.unwrap();
    house.queue.replay(&ids[5..6], "otto").await.unwrap();
    drive(&house.queue).await;
    let done = look(&house.queue, &bulk.id).await;
    assert_eq!((done.acted, done.passed_over, done.looked_at), (18, 1, 19));
    assert_eq!(on_shelf(&house.queue).await, ids[3..4]);
    assert_eq!(startable(&house).await.iter().filter(|id| **id == ids[5].as_str()).count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operation_goes_on_after_redis_was_away() {
    let server = support::OwnServer::start();
    let house = House::on(server.queue(support::quick()).await);
    house.enqueue(&errands(0..250)).await;
    let worker = house.work(8, |_, _| Box::pin(async { fault(FaultKind::Rejected).into() }));
    eventually("all are dead", async || house.lane().await.dead == 250).await;
    worker.stop().await;
    let bulk = house.queue.start_bulk(replay(None)).await.unwrap();
    assert!(house.queue.advance_bulks().await.unwrap().is_some());
    let mut connection = server.connection().await;
    let replicas = async |connection: &mut redis::aio::MultiplexedConnection, n: u8| {
        let mut command = redis::cmd("CONFIG");
        command.arg("SET").arg("min-replicas-to-write").arg(n).query_async::<()>(connection).await.unwrap();
    };
    // Every script that would write is refused as a whole.
    replicas(&mut connection, 1).await;
    let before = look(&house.queue, &bulk.id).await;
    assert!(matches!(house.queue.advance_bulks().await, Err(QueueError::Redis(_))));
    assert_eq!(look(&house.queue, &bulk.id).await, before);
    replicas(&mut connection, 0).await;
    let kill = ["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"];
    redis::cmd(kill[0]).arg(&kill[1..]).query_async::<redis::Value>(&mut connection).await.unwrap();
    // The step may find its connection gone.
    eventually("it is done", async || {
        let _ = house.queue.advance_bulks().await;
        house.queue.bulk(&bulk.id).await.is_ok_and(|found| found.is_some_and(|bulk| bulk.state == BulkState::Done))
    })
    .await;
    let worker = house.work_simply(8);
    house.diary.wait_for(500).await;
    house.quiet().await;
    worker.stop().await;
    assert!(house.diary.times().values().all(|n| *n == 2), "each died once and ran once more");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_started_is_refused_with_a_reason() {
    let house = House::open().await;
    let refused = async |new: NewBulk| match house.queue.start_bulk(new).await {
        Err(QueueError::Refused(text)) => text,
        other => panic!("{other:?}"),
    };
    assert!(refused(replay(Some(0.0))).await.contains("rate"));
    assert!(refused(replay(Some(f64::NAN))).await.contains("rate"));
    assert!(refused(NewBulk { reason: Some("  ".to_owned()), ..discard() }).await.contains("reason"));
    let mut bulks = Vec::new();
    for _ in 0..100 {
        bulks.push(house.queue.start_bulk(replay(None)).await.unwrap().id);
    }
    assert!(refused(replay(None)).await.contains("100 operations are open"));
    assert!(house.queue.abort_bulk(&bulks[0], "lena").await.unwrap());
    assert!(!house.queue.abort_bulk(&bulks[0], "lena").await.unwrap());
    assert!(!house.queue.resume_bulk(&bulks[0], "lena").await.unwrap());
    house.queue.start_bulk(replay(None)).await.unwrap();
    assert!(house.queue.bulk(&BulkId::parse("unknown").unwrap()).await.unwrap().is_none());
    assert!(BulkId::parse("a:b").is_err() && BulkId::parse("").is_err());
}

/// An empty variable of somebody's shell must not mean every letter.
#[tokio::test(flavor = "multi_thread")]
async fn a_filter_with_an_empty_text_is_refused_by_its_name_before_it_hits_every_letter() {
    let house = House::open().await;
    seed(&house, 3).await;
    let with = |field: &str, text: &str| {
        let text = Some(text.to_owned());
        match field {
            "kind" => DeadFilter { kind: text, ..DeadFilter::default() },
            "cause" => DeadFilter { cause: text, ..DeadFilter::default() },
            "subject" => DeadFilter { subject: text, ..DeadFilter::default() },
            "error" => DeadFilter { error: text, ..DeadFilter::default() },
            _ => DeadFilter { assignee: text, ..DeadFilter::default() },
        }
    };
    for field in ["kind", "cause", "subject", "error", "assignee"] {
        for text in ["", " \t"] {
            let filter = with(field, text);
            let previewed = house.queue.preview(&filter, 10).await.map(drop);
            let started = house.queue.start_bulk(NewBulk { filter, ..discard() }).await.map(drop);
            for answer in [previewed, started] {
                let told = matches!(&answer, Err(QueueError::Refused(text)) if text.contains(&format!("`{field}`")));
                assert!(told, "{field} as {text:?}: {answer:?}");
            }
        }
    }
    assert!(house.queue.bulks(10).await.unwrap().is_empty());
    drive(&house.queue).await;
    assert_eq!(on_shelf(&house.queue).await.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_history_of_operations_is_bounded_and_open_ones_stay_in_it() {
    let house = House::open().await;
    let first = house.queue.start_bulk(replay(Some(0.001))).await.unwrap();
    assert!(house.queue.pause_bulk(&first.id, "lena").await.unwrap());
    for _ in 0..1010 {
        let bulk = house.queue.start_bulk(replay(None)).await.unwrap();
        house.queue.abort_bulk(&bulk.id, "lena").await.unwrap();
    }
    let kept = house.keys().await.into_iter().filter(|key| key.contains(":bulk:")).count();
    assert_eq!(kept, 1000);
    assert_eq!(look(&house.queue, &first.id).await.state, BulkState::Paused);
    assert_eq!(house.queue.bulks(5).await.unwrap().len(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_tells_what_would_be_hit_and_where_it_could_not_look() {
    let house = with_dead(40).await;
    let all = house.queue.preview(&DeadFilter::default(), usize::MAX).await.unwrap();
    assert_eq!((all.letters, all.complete, all.counted, all.examples.len()), (40, true, 40, 5));
    assert_eq!((all.by_lane["main"], all.by_kind["errand"]), (40, 40));
    assert!(all.oldest <= all.newest && all.newest == Some(all.examples[0].died_at));
    let some = DeadFilter { subject: Some("errand 3".to_owned()), ..DeadFilter::default() };
    let some = house.queue.preview(&some, 3).await.unwrap();
    assert_eq!((some.letters, some.complete), (3, false), "errands 3 and 30 to 39 match");
    // Redis can count what it need not look at.
    let few = house.queue.preview(&DeadFilter::default(), 3).await.unwrap();
    assert_eq!((few.letters, few.complete, few.counted), (40, true, 3));
    assert_eq!(few.oldest, all.oldest);
}
