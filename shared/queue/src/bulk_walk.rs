//! Property: whatever dies, is discarded, replayed or edited meanwhile, and however many processes drive or stall, an operation
//! acts once on every letter that was dead when it began and that nobody else dealt with, and on no other.

#![allow(clippy::unwrap_used, reason = "a failing unwrap fails the test")]

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use mlc_model::{Fault, JobId};
use proptest::{collection::vec, prelude::*, test_runner::TestRunner};
use serde::{Deserialize, Serialize};

use crate::{
    Bulk, BulkState, BulkVerb, DeadFilter, Job, Lane, NewBulk, Order, Page, Queue,
    invariants::support,
    policy::Step,
    store::{
        bulk_step::Prepared,
        turn::{Settled, Ticket},
    },
};

#[derive(Serialize, Deserialize)]
struct Errand {
    n: usize,
}

impl Job for Errand {
    const KIND: &'static str = "errand";
    const TIMEOUT: Duration = Duration::from_secs(1);
    fn lane(&self) -> Lane {
        Lane::parse(if self.n.is_multiple_of(3) { "b" } else { "a" }).unwrap()
    }
    fn subject(&self) -> Option<String> {
        Some(format!("errand {}", self.n % 7))
    }
}

#[derive(Debug, Clone)]
enum Event {
    /// So many new letters, all in one millisecond.
    Die(usize),
    /// Everything that waits runs and dies again.
    DieAgain,
    /// A process takes a whole step.
    Advance,
    /// A process prepares a step and stalls.
    Prepare,
    /// The stalled process comes back, however late.
    Send,
    Discard(usize),
    Replay(usize),
    Edit(usize),
    Pause,
    Resume,
    /// A person ends it and starts another one.
    StartAnew,
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        2 => (1..6usize).prop_map(Event::Die),
        2 => Just(Event::DieAgain),
        5 => Just(Event::Advance),
        3 => Just(Event::Prepare),
        3 => Just(Event::Send),
        2 => any::<usize>().prop_map(Event::Discard),
        2 => any::<usize>().prop_map(Event::Replay),
        2 => any::<usize>().prop_map(Event::Edit),
        1 => Just(Event::Pause),
        1 => Just(Event::Resume),
        1 => Just(Event::StartAnew),
    ];
    vec(event, 1..40)
}

struct Held(Ticket);

impl AsRef<Ticket> for Held {
    fn as_ref(&self) -> &Ticket {
        &self.0
    }
}

struct Walk {
    queue: Queue,
    kind: (BulkVerb, DeadFilter),
    made: usize,
    bulk: Bulk,
    /// Letters that the operation must act on.
    due: BTreeSet<String>,
    /// Letters that a person dealt with since it began: it may have been there first.
    dealt_with: BTreeSet<String>,
    /// Edited before it began, maybe in the same millisecond.
    edited: BTreeSet<String>,
    discarded: BTreeSet<String>,
    stalled: Option<(Bulk, redis::Cmd)>,
}

impl Walk {
    async fn begin(kind: (BulkVerb, DeadFilter), letters: usize) -> Self {
        let config = crate::QueueConfig { lease: Duration::from_secs(600), ..support::quick() };
        let queue = support::queue_named(&support::fresh_namespace(), config).await;
        die(&queue, 0, letters).await;
        let bulk = start(&queue, &kind).await;
        let mut walk = Self {
            queue,
            kind,
            made: letters,
            bulk,
            due: BTreeSet::new(),
            dealt_with: BTreeSet::new(),
            edited: BTreeSet::new(),
            discarded: BTreeSet::new(),
            stalled: None,
        };
        walk.due = walk.matching().await;
        walk
    }

    async fn matching(&self) -> BTreeSet<String> {
        shelf(&self.queue, &self.kind.1).await.into_iter().collect()
    }

    /// A letter of those that stand on the shelf now.
    async fn some(&self, place: usize) -> Option<JobId> {
        let all = shelf(&self.queue, &DeadFilter::default()).await;
        all.get(place.checked_rem(all.len())?).map(|id| JobId::parse(id).unwrap())
    }

    async fn apply(&mut self, event: Event) {
        match event {
            Event::Die(n) => {
                die(&self.queue, self.made, n).await;
                self.made += n;
            }
            Event::DieAgain => self.die_again().await,
            Event::Advance => drop(self.queue.advance_bulks().await.unwrap()),
            Event::Prepare => {
                let bulk = self.queue.bulk(&self.bulk.id).await.unwrap().unwrap();
                if let Prepared::Step(command) = self.queue.prepare_step(&bulk).await.unwrap() {
                    self.stalled = Some((bulk, command));
                }
            }
            Event::Send => {
                if let Some((bulk, command)) = self.stalled.take() {
                    self.queue.send_step(&bulk, &command).await.unwrap();
                }
            }
            Event::Discard(place) => {
                if let Some(id) = self.some(place).await {
                    self.queue.discard(std::slice::from_ref(&id), "otto", "wrong").await.unwrap();
                    self.dealt_with.insert(id.to_string());
                    self.discarded.insert(id.to_string());
                }
            }
            Event::Replay(place) => {
                if let Some(id) = self.some(place).await {
                    self.queue.replay(std::slice::from_ref(&id), "otto").await.unwrap();
                    self.dealt_with.insert(id.to_string());
                }
            }
            Event::Edit(place) => {
                if let Some(id) = self.some(place).await {
                    let old = self.queue.editable(&id).await.unwrap().unwrap();
                    let payload = serde_json::json!({ "n": old.payload["n"], "more": "x".repeat(place % 500) });
                    self.queue.edit_payload(&id, &payload, &old.digest, "otto").await.unwrap();
                    self.dealt_with.insert(id.to_string());
                    self.edited.insert(id.to_string());
                }
            }
            Event::Pause => drop(self.queue.pause_bulk(&self.bulk.id, "otto").await.unwrap()),
            Event::Resume => drop(self.queue.resume_bulk(&self.bulk.id, "otto").await.unwrap()),
            Event::StartAnew => {
                self.queue.abort_bulk(&self.bulk.id, "otto").await.unwrap();
                self.check(false).await;
                self.bulk = start(&self.queue, &self.kind).await;
                self.due = self.matching().await;
                self.dealt_with = self.edited.clone();
            }
        }
    }

    async fn die_again(&self) {
        loop {
            let none: &[Settled<Held>] = &[];
            let (_, claim) = self.queue.turn(&mut self.queue.connection(), none, 50, false).await.unwrap();
            if claim.jobs.is_empty() {
                return;
            }
            let results: Vec<Settled<Held>> = claim
                .jobs
                .into_iter()
                .map(|job| {
                    let mut history = job.ticket.history.clone().unwrap_or_default();
                    history.fail(self.queue.now(), fault());
                    Settled::new(Held(job.ticket), Step::Shelve { fault: fault(), history }, &self.queue)
                })
                .collect();
            self.queue.turn(&mut self.queue.connection(), &results, 0, false).await.unwrap();
        }
    }

    async fn check(&self, over: bool) {
        let bulk = self.queue.bulk(&self.bulk.id).await.unwrap().unwrap();
        let acted = self.acted_on().await;
        assert!(acted.values().all(|times| *times <= 1), "acted twice: {acted:?}");
        let acted: BTreeSet<String> = acted.into_keys().collect();
        let strangers: Vec<_> = acted.difference(&self.due).collect();
        assert!(strangers.is_empty(), "acted on what was not dead or does not match: {strangers:?}");
        assert!(acted.iter().all(|id| bulk.verb == BulkVerb::Discard || !self.discarded.contains(id)));
        // What a person discarded after the operation had replayed it is counted and cannot be seen any more.
        let unseen = if bulk.verb == BulkVerb::Replay { self.discarded.len() as u64 } else { 0 };
        let n = acted.len() as u64;
        assert!((n..=n + unseen).contains(&bulk.acted), "{} counted, {n} seen", bulk.acted);
        if over {
            assert_eq!(bulk.state, BulkState::Done);
            let left: Vec<_> =
                self.due.iter().filter(|id| !acted.contains(*id) && !self.dealt_with.contains(*id)).collect();
            assert!(left.is_empty(), "left out: {left:?}");
        }
    }

    /// How often the operation acted on which letter, as far as it can be seen.
    async fn acted_on(&self) -> BTreeMap<String, usize> {
        let page = Page { after: None, limit: 1000 };
        let waiting = self.queue.jobs(&crate::JobFilter::default(), &page).await.unwrap().items;
        let dead = self.queue.dead_letters(&DeadFilter::default(), &page).await.unwrap().items;
        let (mut times, mut there) = (BTreeMap::new(), BTreeSet::new());
        for job in waiting.into_iter().chain(dead.into_iter().map(|letter| letter.job)) {
            let ours = Some(self.bulk.id.as_str());
            let n = job.replayed.iter().filter(|note| note.bulk.as_deref() == ours).count();
            if n > 0 {
                times.insert(job.id.to_string(), n);
            }
            there.insert(job.id.to_string());
        }
        if self.kind.0 == BulkVerb::Discard {
            let gone = self.due.iter().filter(|id| !there.contains(*id) && !self.discarded.contains(*id));
            times.extend(gone.map(|id| (id.clone(), 1)));
        }
        times
    }
}

async fn start(queue: &Queue, kind: &(BulkVerb, DeadFilter)) -> Bulk {
    let (verb, filter) = kind.clone();
    let new = NewBulk { verb, filter, per_second: None, by: "lena".to_owned(), reason: Some("x".to_owned()) };
    let bulk = queue.start_bulk(new).await.unwrap();
    // What dies in the very millisecond of the start is dead when it begins, and the model could not tell.
    tokio::time::sleep(Duration::from_millis(2)).await;
    bulk
}

async fn shelf(queue: &Queue, filter: &DeadFilter) -> Vec<String> {
    let (mut ids, mut page) = (Vec::new(), Page { after: None, limit: 1000 });
    loop {
        let listing = queue.dead_letters(filter, &page).await.unwrap();
        ids.extend(listing.items.into_iter().map(|letter| letter.job.id.to_string()));
        // A page looks for a while and not for ever: on a busy machine several pages are needed.
        page.after = listing.next;
        if page.after.is_none() {
            return ids;
        }
    }
}

/// Orders that go straight to the shelf.
async fn die(queue: &Queue, from: usize, n: usize) {
    let carrier = Order::of(&Errand { n: 0 }).unwrap();
    queue.enqueue(std::slice::from_ref(&carrier)).await.unwrap();
    let none: &[Settled<Held>] = &[];
    let (_, claim) = queue.turn(&mut queue.connection(), none, 1000, false).await.unwrap();
    let results: Vec<Settled<Held>> = claim
        .jobs
        .into_iter()
        .map(|job| {
            let step = if job.ticket.id == *carrier.id() {
                let shelve = (from..from + n).map(|n| (Order::of(&Errand { n }).unwrap(), fault())).collect();
                Step::Done { then: Vec::new(), shelve }
            } else {
                // It was waiting: it stays where it was.
                Step::Release
            };
            Settled::new(Held(job.ticket), step, queue)
        })
        .collect();
    queue.turn(&mut queue.connection(), &results, 0, false).await.unwrap();
}

fn fault() -> Fault {
    Fault::rejected_field("vendor_to_company", "name", "it has no name")
}

fn walks(verb: BulkVerb, filter: DeadFilter) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let mut runner =
        TestRunner::new(ProptestConfig { cases: 30, failure_persistence: None, ..ProptestConfig::default() });
    let property = |(letters, events): (usize, Vec<Event>)| {
        runtime.block_on(async {
            let mut walk = Walk::begin((verb, filter.clone()), letters).await;
            for event in events {
                walk.apply(event).await;
            }
            walk.queue.resume_bulk(&walk.bulk.id, "lena").await.unwrap();
            while walk.queue.advance_bulks().await.unwrap().is_some() {}
            walk.check(true).await;
        });
        Ok(())
    };
    runner.run(&(1..160usize, events()), property).unwrap();
}

#[test]
fn a_replay_of_all_acts_once_on_each_that_was_dead() {
    walks(BulkVerb::Replay, DeadFilter::default());
}

#[test]
fn a_replay_by_lane_and_subject_acts_once_on_each_that_matches() {
    let lane = Some(Lane::parse("a").unwrap());
    walks(BulkVerb::Replay, DeadFilter { lane, subject: Some("errand 4".to_owned()), ..DeadFilter::default() });
}

#[test]
fn a_discard_acts_once_on_each_that_was_dead() {
    walks(BulkVerb::Discard, DeadFilter::default());
}

#[tokio::test]
async fn an_edit_after_the_start_is_known_as_such_however_far_behind_the_process_is() {
    let mut walk = Walk::begin((BulkVerb::Replay, DeadFilter::default()), 3).await;
    let id = walk.some(1).await.unwrap();
    walk.queue.learn_time(walk.queue.now_ms() - 10_000);
    let old = walk.queue.editable(&id).await.unwrap().unwrap();
    let edited = walk.queue.edit_payload(&id, &serde_json::json!({ "n": 7 }), &old.digest, "otto").await.unwrap();
    assert_eq!(edited, crate::Edited::Changed);
    walk.dealt_with.insert(id.to_string());
    while walk.queue.advance_bulks().await.unwrap().is_some() {}
    walk.check(true).await;
    let bulk = walk.queue.bulk(&walk.bulk.id).await.unwrap().unwrap();
    assert_eq!((bulk.acted, bulk.passed_over), (2, 1));
}
