//! What a replayed letter left behind ends with the success of the last job about the same.

use std::time::Duration;

use mlc_model::{FaultKind, JobId};
use mlc_queue::{Job, Lane, Order, Outcome, Registry, UniqueKey};
use serde::{Deserialize, Serialize};

use super::{assign, carried, desk, is_at_rest, on_shelf, refuse};
use crate::house::*;

/// Works until nothing waits or runs any more.
async fn carry_out(house: &House, run: fn(&Errand) -> Outcome) {
    let worker = house.work(2, move |errand, _| Box::pin(async move { run(&errand) }));
    eventually("everything is done", async || is_at_rest(house).await).await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_success_ends_what_the_replayed_letter_left_behind() {
    let house = House::open().await;
    house.enqueue(&[unique_errand(1, "record 1"), errand(2)]).await;
    refuse(&house, 2).await;
    let ids: Vec<JobId> = on_shelf(&house).await.into_iter().map(|letter| letter.job.id).collect();
    assign(&house, &[&ids[0], &ids[1]]).await;
    house.queue.replay(&ids, "otto").await.unwrap();
    assert_eq!(carried(&house).await, (2, 2));
    carry_out(&house, |_| Outcome::done()).await;
    assert_eq!((house.lane().await.dead, carried(&house).await), (0, (0, 0)));
    // The next refusal is another matter.
    house.enqueue(&[unique_errand(1, "record 1"), errand(2)]).await;
    refuse(&house, 2).await;
    assert!(on_shelf(&house).await.iter().all(|letter| desk(letter) == (None, None)));
}

/// What was read afresh is pushed by a job of another key, which may have to wait in another one yet.
#[tokio::test(flavor = "multi_thread")]
async fn the_last_job_about_the_same_thing_tells_whether_it_has_succeeded() {
    fn read_and_push(job: &Errand, then: Outcome) -> Outcome {
        match job.unique.as_deref() {
            // Another record, which goes with it and is done long before.
            Some("record 1") => Outcome::Done { then: vec![errand(2), unique_errand(1, "push")], shelve: Vec::new() },
            Some("push") => Outcome::Done { then: vec![unique_errand(1, "push later")], shelve: Vec::new() },
            Some(_) => then,
            None => Outcome::done(),
        }
    }
    let house = House::open().await;
    house.enqueue(&[unique_errand(1, "record 1")]).await;
    refuse(&house, 1).await;
    let first = on_shelf(&house).await.remove(0).job.id;
    assign(&house, &[&first]).await;
    house.queue.replay(&[first.clone()], "otto").await.unwrap();
    carry_out(&house, |errand| {
        let shelve = vec![(unique_errand(1, "record 1"), fault(FaultKind::Rejected))];
        read_and_push(errand, Outcome::Done { then: Vec::new(), shelve })
    })
    .await;
    let second = on_shelf(&house).await.remove(0);
    assert_eq!(desk(&second), (Some("otto"), Some((1, first.as_str()))));
    house.queue.replay(&[second.job.id.clone()], "otto").await.unwrap();
    carry_out(&house, |errand| read_and_push(errand, Outcome::done())).await;
    assert_eq!((house.lane().await.dead, carried(&house).await), (0, (0, 0)));
}

/// A step of a chain, under a unique key of its own.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Stage {
    subject: String,
    step: u8,
    lane: String,
}

impl Job for Stage {
    const KIND: &'static str = "stage";
    const TIMEOUT: Duration = Duration::from_secs(20);
    fn lane(&self) -> Lane {
        lane(&self.lane)
    }
    fn unique_key(&self) -> Option<UniqueKey> {
        Some(UniqueKey::of(&format!("{}/{}", self.step, self.subject)))
    }
    fn subject(&self) -> Option<String> {
        Some(self.subject.clone())
    }
}

/// A vendor's row is read for a person in it; where both changed, the person goes with the vendor's push and has one only after that.
#[tokio::test(flavor = "multi_thread")]
async fn a_person_who_travels_with_the_firm_is_not_done_when_the_row_is_read() {
    let long = "EPIC06:APINV:118/".to_owned() + &"ü".repeat(150);
    for (about, by_way_of) in [
        ("EPIC06:VENDCNT:17:2", "EPIC06:VEND:17"),
        ("EPIC06:VENDCNT:17:2", "EPIC06:VEND:9 … EPIC06:VEND:20 (5)"),
        // Longer than what is stored of a subject.
        (&long[..], &long[..]),
    ] {
        let house = House::open().await;
        let stage = |subject: &str, step| {
            Order::of(&Stage { subject: subject.to_owned(), step, lane: "main".to_owned() }).unwrap()
        };
        house.enqueue(&[stage(about, 0)]).await;
        let carry_on = async |n: u64| {
            let (about, by_way_of) = (about.to_owned(), by_way_of.to_owned());
            let registry = Registry::new().on(move |job: Stage, context| {
                let stage = |subject: &str, step| {
                    Order::of(&Stage { subject: subject.to_owned(), step, lane: "main".to_owned() }).unwrap()
                };
                let outcome = match job.step {
                    0 if context.replays == 0 => fault(FaultKind::Rejected).into(),
                    0 => Outcome::Done { then: vec![stage(&by_way_of, 1)], shelve: Vec::new() },
                    1 => Outcome::Done { then: vec![stage(&about, 2)], shelve: Vec::new() },
                    _ => {
                        Outcome::Done { then: Vec::new(), shelve: vec![(stage(&about, 0), fault(FaultKind::Rejected))] }
                    }
                };
                async { outcome }
            });
            let worker = house.work_with(registry, 1, Duration::from_secs(10));
            eventually("it is dead", async || house.lane().await.dead == n && is_at_rest(&house).await).await;
            worker.stop().await;
        };
        carry_on(1).await;
        let first = on_shelf(&house).await.remove(0).job.id;
        assign(&house, &[&first]).await;
        house.queue.replay(&[first.clone()], "otto").await.unwrap();
        carry_on(1).await;
        let second = on_shelf(&house).await.remove(0);
        assert_eq!(desk(&second), (Some("otto"), Some((1, first.as_str()))), "{about} by way of {by_way_of}");
    }
}

/// The push of the first replay still waits when the record is refused anew, and replayed a second time.
#[tokio::test(flavor = "multi_thread")]
async fn the_success_of_an_earlier_replay_ends_nothing_of_a_later_one() {
    let house = House::open().await;
    let stage =
        |step, lane: &str| Order::of(&Stage { subject: "record 1".to_owned(), step, lane: lane.to_owned() }).unwrap();
    house.queue.pause(&lane("other"), "lena", "a long queue").await.unwrap();
    house.enqueue(&[stage(0, "main")]).await;
    let registry = Registry::new().on(|job: Stage, context| {
        let push = Order::of(&Stage { step: 1, lane: "other".to_owned(), ..job.clone() }).unwrap();
        let outcome = match job.step {
            0 if context.replays == 0 => fault(FaultKind::Rejected).into(),
            0 => Outcome::Done { then: vec![push], shelve: Vec::new() },
            _ => Outcome::done(),
        };
        async { outcome }
    });
    let worker = house.work_with(registry, 1, Duration::from_secs(10));
    let refused = async || {
        eventually("it is dead", async || house.lane().await.dead == 1).await;
        on_shelf(&house).await.remove(0)
    };
    let first = refused().await.job.id;
    assign(&house, &[&first]).await;
    house.queue.replay(&[first.clone()], "otto").await.unwrap();
    eventually("its push waits", async || house.total("done").await == 1).await;
    house.enqueue(&[stage(0, "main")]).await;
    let second = refused().await;
    assert_eq!(desk(&second), (Some("otto"), Some((1, first.as_str()))));
    house.queue.pause(&lane("main"), "lena", "until the first push is done").await.unwrap();
    house.queue.replay(&[second.job.id], "otto").await.unwrap();
    house.queue.resume(&lane("other"), "lena").await.unwrap();
    eventually("the first push is done", async || house.total("done").await == 2).await;
    assert_eq!(carried(&house).await, (1, 1), "the second reading has not begun");
    house.queue.resume(&lane("main"), "lena").await.unwrap();
    house.quiet().await;
    worker.stop().await;
    assert_eq!(carried(&house).await, (0, 0));
}

/// The push that a re-read ordered failed too often, and is replayed itself.
#[tokio::test(flavor = "multi_thread")]
async fn the_success_of_a_follow_up_that_was_a_letter_itself_ends_what_both_left_behind() {
    let house = House::open().await;
    let stage = |step| Order::of(&Stage { subject: "record 1".to_owned(), step, lane: "main".to_owned() }).unwrap();
    house.enqueue(&[stage(0)]).await;
    let carry_on = async |dead: u64| {
        let registry = Registry::new().on(|job: Stage, context| {
            let next = Order::of(&Stage { step: job.step + 1, ..job.clone() }).unwrap();
            let outcome = match job.step {
                0 | 1 if context.replays == 0 => fault(FaultKind::Rejected).into(),
                0 | 1 => Outcome::Done { then: vec![next], shelve: Vec::new() },
                _ => Outcome::done(),
            };
            async { outcome }
        });
        let worker = house.work_with(registry, 1, Duration::from_secs(10));
        eventually("it is at rest", async || house.lane().await.dead == dead && is_at_rest(&house).await).await;
        worker.stop().await;
    };
    carry_on(1).await;
    for waits in [1, 2] {
        let letter = on_shelf(&house).await.remove(0).job.id;
        assign(&house, &[&letter]).await;
        house.queue.replay(&[letter], "otto").await.unwrap();
        assert_eq!(carried(&house).await, (waits, waits));
        carry_on(2 - waits).await;
    }
    assert_eq!((house.lane().await.dead, carried(&house).await), (0, (0, 0)));
}
