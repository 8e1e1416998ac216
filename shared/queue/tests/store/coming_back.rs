//! A letter that was replayed and comes back keeps who looks after it.

mod cured;

use std::time::Duration;

use mlc_model::{FaultKind, JobId};
use mlc_queue::{BulkVerb, DeadFilter, DeadLetter, Job, Lane, NewBulk, Order, Outcome, Registry, Triage, TriageKey};
use serde::{Deserialize, Serialize};

use crate::{house::*, shelf::*, support};

const NOTE: &str = "Mrs Miller has asked the supplier";

/// Otto looks after these.
async fn assign(house: &House, ids: &[&JobId]) {
    for id in ids {
        let (assignee, note) = (Some("otto".to_owned()), Some(NOTE.to_owned()));
        let triage = Triage { assignee, note, by: "lena".to_owned(), at: now() };
        assert!(house.queue.set_triage(&TriageKey::Letter((*id).clone()), triage).await.unwrap());
    }
}

/// Who looks after it, and how often it came back from which job.
fn desk(letter: &DeadLetter) -> (Option<&str>, Option<(u32, &str)>) {
    if let Some(triage) = &letter.triage {
        assert_eq!((triage.note.as_deref(), triage.by.as_str()), (Some(NOTE), "lena"), "all of it or nothing");
    }
    let back = letter.came_back.as_ref().map(|back| (back.times, back.previous.as_str()));
    (letter.triage.as_ref().and_then(|triage| triage.assignee.as_deref()), back)
}

/// Works until so many letters are there.
async fn refuse(house: &House, n: u64) {
    let worker = house.work(4, |_, _| Box::pin(async { fault(FaultKind::Rejected).into() }));
    eventually("they are dead", async || {
        house.queue.lanes().await.unwrap().iter().map(|lane| lane.dead).sum::<u64>() == n
    })
    .await;
    worker.stop().await;
}

/// On the shelf, by their subjects.
async fn on_shelf(house: &House) -> Vec<DeadLetter> {
    let mut letters = letters(house, &DeadFilter::default()).await;
    letters.sort_by(|a, b| a.job.subject.cmp(&b.job.subject));
    letters
}

/// What waits for letters to come back.
async fn carried(house: &House) -> (u64, u64) {
    let key = |name: &str| format!("{{mlcq:{}}}:{name}", house.namespace);
    let mut pipe = redis::pipe();
    pipe.hlen(key("carried")).zcard(key("carried_at"));
    pipe.query_async(&mut support::connection().await).await.unwrap()
}

async fn is_at_rest(house: &House) -> bool {
    let lane = house.lane().await;
    lane.ready + lane.delayed + lane.running == 0
}

/// One that failed for good, which is read afresh, which orders it anew, which is refused by itself.
#[tokio::test(flavor = "multi_thread")]
async fn the_letter_of_a_follow_up_has_the_assignee_and_the_note_of_the_one_that_was_replayed() {
    let house = House::open().await;
    house.enqueue(&[unique_errand(1, "record 1")]).await;
    refuse(&house, 1).await;
    let first = on_shelf(&house).await.remove(0).job.id;
    assign(&house, &[&first]).await;
    house.queue.replay(&[first.clone()], "otto").await.unwrap();
    assert_eq!(carried(&house).await, (1, 1));
    // Straight to the shelf, in the step in which its job is done.
    let worker = house.work(1, |_, _| {
        let shelve = vec![(unique_errand(1, "record 1"), fault(FaultKind::Rejected))];
        Box::pin(async { Outcome::Done { then: Vec::new(), shelve } })
    });
    eventually("it is back", async || house.lane().await.dead == 1).await;
    worker.stop().await;
    let second = on_shelf(&house).await.remove(0);
    assert_ne!(second.job.id, first);
    assert_eq!(desk(&second), (Some("otto"), Some((1, first.as_str()))));
    assert_eq!(carried(&house).await, (0, 0), "nothing waits any more");
    assert_eq!(
        letters(&house, &DeadFilter { assignee: Some("otto".to_owned()), ..DeadFilter::default() }).await.len(),
        1
    );
    let alone = house.queue.dead_letter(&second.job.id).await.unwrap().unwrap();
    assert_eq!(desk(&alone), desk(&second));

    // Its edit changes nothing of that.
    let digest = house.queue.payload_digest(&second.job.id).await.unwrap().unwrap();
    let payload = serde_json::json!({ "lane": "main", "n": 1, "unique": "record 1" });
    house.queue.edit_payload(&second.job.id, &payload, &digest, "lena").await.unwrap();
    assert_eq!(desk(&on_shelf(&house).await[0]), desk(&second));

    // By way of a job that has to run first.
    house.queue.replay(&[second.job.id.clone()], "otto").await.unwrap();
    let worker = house.work(1, |_, context| {
        Box::pin(async move {
            match context.replays {
                0 => fault(FaultKind::Rejected).into(),
                _ => Outcome::Done { then: vec![unique_errand(1, "record 1")], shelve: Vec::new() },
            }
        })
    });
    eventually("it is back again", async || house.lane().await.dead == 1).await;
    worker.stop().await;
    let third = on_shelf(&house).await.remove(0);
    assert_ne!(third.job.id, second.job.id);
    assert_eq!(desk(&third), (Some("otto"), Some((2, second.job.id.as_str()))));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_chosen_letters_and_of_all_that_match_those_come_back_that_somebody_looked_after() {
    let house = House::open().await;
    house.enqueue(&errands(0..3)).await;
    refuse(&house, 3).await;
    let ids: Vec<JobId> = on_shelf(&house).await.into_iter().map(|letter| letter.job.id).collect();
    assign(&house, &[&ids[0], &ids[2]]).await;
    house.queue.replay(&ids, "lena").await.unwrap();
    assert_eq!(carried(&house).await, (2, 2), "the many do not push out the few");
    refuse(&house, 3).await;
    let back = on_shelf(&house).await;
    assert_eq!(desk(&back[0]), (Some("otto"), Some((1, ids[0].as_str()))));
    assert_eq!(desk(&back[1]), (None, None));
    assert_eq!(desk(&back[2]), (Some("otto"), Some((1, ids[2].as_str()))));

    // Nobody looks after the first one any more; that it came back is still known.
    let nobody = Triage { assignee: None, note: None, by: "lena".to_owned(), at: now() };
    assert!(house.queue.set_triage(&TriageKey::Letter(ids[0].clone()), nobody).await.unwrap());
    let filter = DeadFilter { lane: Some(lane("main")), ..DeadFilter::default() };
    let bulk = NewBulk { verb: BulkVerb::Replay, filter, per_second: None, by: "lena".to_owned(), reason: None };
    house.queue.start_bulk(bulk).await.unwrap();
    while let Some(wait) = house.queue.advance_bulks().await.unwrap() {
        tokio::time::sleep(wait.max(Duration::from_millis(1))).await;
    }
    assert_eq!(house.lane().await.dead, 0);
    refuse(&house, 3).await;
    let back = on_shelf(&house).await;
    assert_eq!(desk(&back[0]), (None, Some((2, ids[0].as_str()))));
    assert_eq!(desk(&back[1]), (None, None));
    assert_eq!(desk(&back[2]), (Some("otto"), Some((2, ids[2].as_str()))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_discarded_letter_leaves_nothing() {
    let house = House::open().await;
    house.enqueue(&[errand(1), errand(2)]).await;
    refuse(&house, 2).await;
    let ids: Vec<JobId> = on_shelf(&house).await.into_iter().map(|letter| letter.job.id).collect();
    assign(&house, &[&ids[0], &ids[1]]).await;
    house.queue.discard(&ids[..1], "lena", "entered twice").await.unwrap();
    let filter = DeadFilter { assignee: Some("otto".to_owned()), ..DeadFilter::default() };
    let reason = Some("old".to_owned());
    let bulk = NewBulk { verb: BulkVerb::Discard, filter, per_second: None, by: "lena".to_owned(), reason };
    house.queue.start_bulk(bulk).await.unwrap();
    while let Some(wait) = house.queue.advance_bulks().await.unwrap() {
        tokio::time::sleep(wait.max(Duration::from_millis(1))).await;
    }
    assert_eq!((house.lane().await.dead, carried(&house).await), (0, (0, 0)));
    house.enqueue(&[errand(1), errand(2)]).await;
    refuse(&house, 2).await;
    assert!(on_shelf(&house).await.iter().all(|letter| desk(letter) == (None, None)));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_lane_or_another_unique_key_takes_nothing_over_for_the_same_subject() {
    let house = House::open().await;
    house.enqueue(&[unique_errand(1, "vendors/1")]).await;
    refuse(&house, 1).await;
    let first = on_shelf(&house).await.remove(0).job.id;
    assign(&house, &[&first]).await;
    house.queue.pause(&lane("main"), "lena", "until the others are dead").await.unwrap();
    house.queue.replay(&[first.clone()], "otto").await.unwrap();
    house.enqueue(&[errand_in("other", 1)]).await;
    refuse(&house, 1).await;
    house.queue.resume(&lane("main"), "lena").await.unwrap();
    // Another flow about the same record, in the same lane.
    house.enqueue(&[unique_errand(1, "customers/1"), errand(1)]).await;
    refuse(&house, 4).await;
    for letter in on_shelf(&house).await {
        assert_eq!(letter.job.subject.as_deref(), Some("errand 1"));
        let wanted = (letter.job.id == first).then_some((1, first.as_str()));
        assert_eq!(desk(&letter), (wanted.map(|_| "otto"), wanted), "{letter:?}");
    }
}

/// A job with any subject.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Called(Option<String>);

impl Job for Called {
    const KIND: &'static str = "called";
    const TIMEOUT: Duration = Duration::from_secs(20);
    fn lane(&self) -> Lane {
        lane("main")
    }
    fn subject(&self) -> Option<String> {
        self.0.clone()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn any_subject_is_known_again_and_none_is_no_subject() {
    let house = House::open().await;
    let long = "x y".repeat(100);
    let mut subjects =
        ["-", "50 %", "a b\nc", "Ümläut\u{a0}ß", "EPIC06:VEND:1 … EPIC06:VEND:9 (9)", &long[..]].map(Some).to_vec();
    subjects.extend([Some(""), None]);
    let orders: Vec<Order> =
        subjects.iter().map(|subject| Order::of(&Called(subject.map(str::to_owned))).unwrap()).collect();
    house.enqueue(&orders).await;
    let refuse = async || {
        let registry = Registry::new().on(|_: Called, _context| async { Outcome::from(fault(FaultKind::Rejected)) });
        let worker = house.work_with(registry, 4, Duration::from_secs(10));
        eventually("they are dead", async || house.lane().await.dead == orders.len() as u64).await;
        worker.stop().await;
    };
    refuse().await;
    let ids: Vec<&JobId> = orders.iter().map(Order::id).collect();
    // The note of the nameless is sealed for their jobs.
    assign(&house, &ids).await;
    for id in &ids {
        assert_eq!(desk(&house.queue.dead_letter(id).await.unwrap().unwrap()), (Some("otto"), None));
    }
    let all: Vec<JobId> = ids.iter().map(|id| (*id).clone()).collect();
    house.queue.replay(&all, "lena").await.unwrap();
    refuse().await;
    for (id, subject) in ids.iter().zip(&subjects) {
        let letter = house.queue.dead_letter(id).await.unwrap().unwrap();
        let named = subject.is_some_and(|subject| !subject.is_empty());
        let wanted = if named { (Some("otto"), Some((1, id.as_str()))) } else { (None, None) };
        assert_eq!(desk(&letter), wanted, "{subject:?}");
    }
    // And is forgotten once it is done.
    house.queue.replay(&all, "lena").await.unwrap();
    let registry = Registry::new().on(|_: Called, _context| async { Outcome::done() });
    let worker = house.work_with(registry, 4, Duration::from_secs(10));
    eventually("they are done", async || is_at_rest(&house).await).await;
    worker.stop().await;
    assert_eq!(carried(&house).await, (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_a_letter_is_bounded_in_number_and_in_time() {
    let house = House::open().await;
    house.enqueue(&errands(1..4)).await;
    refuse(&house, 3).await;
    let ids: Vec<JobId> = on_shelf(&house).await.into_iter().map(|letter| letter.job.id).collect();
    assign(&house, &ids.iter().collect::<Vec<_>>()).await;
    let key = |name: &str| format!("{{mlcq:{}}}:{name}", house.namespace);
    let mut connection = support::connection().await;
    // As many as may wait, of yesterday, one of them of eight days ago.
    let (day, mut pipe) = (86_400_000_i64, redis::pipe());
    let yesterday = now().timestamp_millis() - day;
    for n in 0..10_000_i64 {
        let at = if n == 7 { yesterday - 7 * day } else { yesterday + n };
        pipe.hset(key("carried"), format!("main errand - old{n:05}"), format!("{at} 1 some\n")).ignore();
        pipe.zadd(key("carried_at"), format!("main errand - old{n:05}"), at).ignore();
    }
    pipe.query_async::<()>(&mut connection).await.unwrap();
    house.queue.replay(&ids[..1], "lena").await.unwrap();
    assert_eq!(carried(&house).await, (10_000, 10_000), "the one that was too old made room");
    house.queue.replay(&ids[1..], "lena").await.unwrap();
    assert_eq!(carried(&house).await, (10_000, 10_000), "the oldest made room");
    let gone: Vec<Option<f64>> = redis::cmd("ZMSCORE")
        .arg(key("carried_at"))
        .arg(&["main errand - old00007", "main errand - old00000", "main errand - old00001", "main errand - old00002"])
        .query_async(&mut connection)
        .await
        .unwrap();
    assert_eq!(gone.iter().map(Option::is_some).collect::<Vec<_>>(), [false, false, false, true]);
    let left: i64 = redis::cmd("PTTL").arg(key("carried")).query_async(&mut connection).await.unwrap();
    assert!(left > 6 * day && left <= 7 * day, "without replays nothing is kept for ever: {left}");

    // One that comes back after eight days has nobody any more.
    let name = "main errand - errand%201";
    let waits: String = redis::cmd("HGET").arg(key("carried")).arg(name).query_async(&mut connection).await.unwrap();
    let (_, rest) = waits.split_once(' ').unwrap();
    let old = format!("{} {rest}", yesterday - 7 * day);
    redis::cmd("HSET").arg(key("carried")).arg(name).arg(old).query_async::<()>(&mut connection).await.unwrap();
    refuse(&house, 3).await;
    let back = on_shelf(&house).await;
    let found: Vec<_> = back.iter().map(|letter| desk(letter).0).collect();
    assert_eq!(found, [None, Some("otto"), Some("otto")]);
    assert_eq!(carried(&house).await, (9_997, 9_997));
}

/// Batches have no unique key, and two of them the same ends when a poll and a full reading meet a system that is away.
#[tokio::test(flavor = "multi_thread")]
async fn of_two_batches_with_the_same_ends_each_keeps_its_own() {
    let house = House::open().await;
    let batch = || Order::of(&Called(Some("A:VEND:1 … A:VEND:100 (100)".to_owned()))).unwrap();
    house.enqueue(&[batch(), batch()]).await;
    let refuse_called = async || {
        let registry = Registry::new().on(|_: Called, _context| async { Outcome::from(fault(FaultKind::Rejected)) });
        let worker = house.work_with(registry, 1, Duration::from_secs(10));
        eventually("they are dead", async || house.lane().await.dead == 2).await;
        worker.stop().await;
    };
    refuse_called().await;
    let ids: Vec<JobId> = on_shelf(&house).await.into_iter().map(|letter| letter.job.id).collect();
    let note = |id: &JobId| format!("the note of {id}");
    for id in &ids {
        let triage = Triage { assignee: Some(id.to_string()), note: Some(note(id)), by: "lena".to_owned(), at: now() };
        assert!(house.queue.set_triage(&TriageKey::Letter(id.clone()), triage).await.unwrap());
    }
    house.queue.replay(&ids, "lena").await.unwrap();
    refuse_called().await;
    for letter in on_shelf(&house).await {
        let (id, triage) = (letter.job.id, letter.triage.unwrap());
        assert_eq!((triage.assignee.as_deref(), triage.note), (Some(id.as_str()), Some(note(&id))));
    }
}
