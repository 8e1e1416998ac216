//! Property: whatever is called in whatever sequence, workers dying in between, every accepted job is in exactly one place
//! and all counts are true.

#![allow(clippy::unwrap_used, reason = "a failing unwrap fails the test")]

#[path = "../tests/support/mod.rs"]
#[allow(dead_code, reason = "shared with the conformance suite, which uses all of it")]
#[allow(unreachable_pub, reason = "shared with the conformance suite")]
pub(crate) mod support;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    time::Duration,
};

use mlc_model::{Clock as _, Fault, FaultKind, JobId, System, SystemClock};
use mlc_runtime::backoff::RetryPolicy;
use proptest::{collection::vec, prelude::*, test_runner::TestRunner};
use serde::{Deserialize, Serialize};

use crate::{
    DeadFilter, Enqueued, Job, Lane, Order, Outcome, Page, Priority, Queue, SnoozeReason, Triage, TriageKey, UniqueKey,
    envelope::Envelope,
    policy::{Step, decide},
    shelf_record::about,
    store::turn::{Claimed, Settled, Ticket},
};

const LANES: [&str; 3] = ["a", "b", "c"];

#[derive(Serialize, Deserialize)]
struct Anything {
    lane: usize,
}

impl Job for Anything {
    const KIND: &'static str = "anything";
    const MAX_ATTEMPTS: u32 = 2;
    const TIMEOUT: Duration = Duration::from_secs(1);
    fn lane(&self) -> Lane {
        Lane::parse(LANES[self.lane]).unwrap()
    }
    fn subject(&self) -> Option<String> {
        Some(format!("100 % of {}", LANES[self.lane]))
    }
}

#[derive(Debug, Clone)]
enum Verb {
    Enqueue {
        lane: usize,
        priority: usize,
        unique: Option<u8>,
        later: bool,
        n: usize,
    },
    Claim {
        n: usize,
    },
    /// Ends up to `n` claimed jobs; each way of ending is drawn from its number.
    Finish {
        n: usize,
        ways: Vec<u8>,
    },
    /// The worker dies with up to `n` jobs, whose leases run out.
    Crash {
        n: usize,
    },
    /// A result that comes after the lease ran out and the job was claimed again.
    Late,
    /// Everything delayed is due.
    TimePasses,
    /// Somebody looks after the newest letter.
    Assign,
    Replay,
    Discard,
    Pause {
        lane: usize,
    },
    Resume {
        lane: usize,
    },
    Cap {
        lane: usize,
        most: Option<u32>,
    },
}

fn verbs() -> impl Strategy<Value = Vec<Verb>> {
    let lane = 0..LANES.len();
    let enqueue =
        (lane.clone(), 0..3usize, proptest::option::weighted(0.4, 0..6u8), proptest::bool::weighted(0.2), 1..8usize)
            .prop_map(|(lane, priority, unique, later, n)| Verb::Enqueue { lane, priority, unique, later, n });
    let verb = prop_oneof![
        4 => enqueue,
        4 => (1..12usize).prop_map(|n| Verb::Claim { n }),
        4 => (1..12usize, vec(any::<u8>(), 12)).prop_map(|(n, ways)| Verb::Finish { n, ways }),
        2 => (1..6usize).prop_map(|n| Verb::Crash { n }),
        1 => Just(Verb::Late),
        2 => Just(Verb::TimePasses),
        2 => Just(Verb::Assign),
        1 => Just(Verb::Replay),
        1 => Just(Verb::Discard),
        1 => lane.clone().prop_map(|lane| Verb::Pause { lane }),
        1 => lane.clone().prop_map(|lane| Verb::Resume { lane }),
        1 => (lane, proptest::option::of(0..4u32)).prop_map(|(lane, most)| Verb::Cap { lane, most }),
    ];
    vec(verb, 1..40)
}

struct Held(Ticket);

impl AsRef<Ticket> for Held {
    fn as_ref(&self) -> &Ticket {
        &self.0
    }
}

/// What should be true, beside the real queue.
struct Model {
    queue: Queue,
    /// Accepted and neither done nor discarded.
    open: BTreeSet<String>,
    claimed: Vec<Claimed>,
    /// Leases of workers that died.
    ghosts: Vec<Ticket>,
}

impl Model {
    async fn apply(&mut self, verb: Verb) {
        match verb {
            Verb::Enqueue { lane, priority, unique, later, n } => {
                let orders: Vec<Order> = (0..n).map(|_| order(lane, Priority::ALL[priority], unique, later)).collect();
                for result in self.queue.enqueue(&orders).await.unwrap() {
                    match result {
                        Enqueued::Accepted(id) => assert!(self.open.insert(id.into())),
                        Enqueued::Duplicate(id) => assert!(self.open.contains(id.as_str())),
                    }
                }
            }
            Verb::Claim { n } => {
                let none: &[Settled<Held>] = &[];
                let (_, claim) = self.queue.turn(&mut self.queue.connection(), none, n, true).await.unwrap();
                assert!(claim.jobs.len() <= n && claim.broken.is_empty());
                assert!(claim.jobs.iter().all(|job| self.open.contains(job.ticket.id.as_str())));
                self.claimed.extend(claim.jobs);
            }
            Verb::Finish { n, ways } => self.finish(n, &ways).await,
            Verb::Crash { n } => {
                let n = n.min(self.claimed.len());
                for job in self.claimed.drain(..n).collect::<Vec<_>>() {
                    self.redis("ZADD", "leased", &["XX", "0", &job.ticket.member()]).await;
                    self.ghosts.push(job.ticket);
                }
            }
            Verb::Late => {
                if let Some(ghost) = self.ghosts.pop() {
                    let id = ghost.id.to_string();
                    let late = Settled::new(Held(ghost), nothing_follows(), &self.queue);
                    let (settlement, _) =
                        self.queue.turn(&mut self.queue.connection(), &[late], 0, false).await.unwrap();
                    if settlement.late.is_empty() {
                        // Nobody had rescued it yet: the result counts.
                        assert!(self.open.remove(&id));
                    }
                }
            }
            Verb::TimePasses => {
                for member in self.list("ZRANGE", "delayed").await {
                    self.redis("ZADD", "delayed", &["XX", "0", &member]).await;
                }
            }
            Verb::Assign => {
                let page = Page { after: None, limit: 1 };
                for letter in self.queue.dead_letters(&DeadFilter::default(), &page).await.unwrap().items {
                    let (assignee, note) = (Some("otto".to_owned()), Some("asks".to_owned()));
                    let triage = Triage { assignee, note, by: "lena".to_owned(), at: SystemClock.now() };
                    assert!(self.queue.set_triage(&TriageKey::Letter(letter.job.id), triage).await.unwrap());
                }
            }
            Verb::Replay => {
                let page = Page { after: None, limit: 1000 };
                let letters = self.queue.dead_letters(&DeadFilter::default(), &page).await.unwrap().items;
                let ids: Vec<JobId> = letters.into_iter().map(|letter| letter.job.id).collect();
                self.queue.replay(&ids, "test").await.unwrap();
            }
            Verb::Discard => {
                let page = Page { after: None, limit: 2 };
                let letters = self.queue.dead_letters(&DeadFilter::default(), &page).await.unwrap().items;
                let ids: Vec<JobId> = letters.into_iter().map(|letter| letter.job.id).collect();
                for id in self.queue.discard(&ids, "test", "because").await.unwrap() {
                    assert!(self.open.remove(id.as_str()));
                }
            }
            Verb::Pause { lane } => drop(self.queue.pause(&name(lane), "test", "because").await.unwrap()),
            Verb::Resume { lane } => drop(self.queue.resume(&name(lane), "test").await.unwrap()),
            Verb::Cap { lane, most } => self.queue.set_cap(&name(lane), most).await.unwrap(),
        }
    }

    async fn finish(&mut self, n: usize, ways: &[u8]) {
        let n = n.min(self.claimed.len());
        let retry = RetryPolicy::new(Duration::from_secs(100), Duration::from_secs(100));
        let mut results = Vec::new();
        for (job, way) in self.claimed.drain(..n).zip(ways.iter().cycle()) {
            let history = job.ticket.history.clone().unwrap_or_default();
            let step = match way % 8 {
                0..=2 => {
                    done(vec![order(0, Priority::Normal, Some(way % 6), false), order(1, Priority::Person, None, true)])
                }
                3 => Step::Release,
                4 => Step::Hold { fault: fault(FaultKind::Unauthorized) },
                5 => {
                    let until = SystemClock.now() + chrono::Duration::seconds(100);
                    decide(
                        Outcome::Snooze { until, why: SnoozeReason::Held },
                        history,
                        2,
                        retry,
                        SystemClock.now(),
                        0.9,
                    )
                }
                6 => decide(fault(FaultKind::Transient).into(), history, 2, retry, SystemClock.now(), 0.9),
                _ => decide(fault(FaultKind::Rejected).into(), history, 2, retry, SystemClock.now(), 0.9),
            };
            results.push(Settled::new(Held(job.ticket), step, &self.queue));
        }
        let before: BTreeSet<String> = self.list("HKEYS", "job").await.into_iter().collect();
        let (settlement, claim) = self.queue.turn(&mut self.queue.connection(), &results, 3, true).await.unwrap();
        assert!(settlement.late.is_empty(), "a lease that nobody took is not lost");
        for result in &results {
            if matches!(result.step, Step::Done { .. }) {
                assert!(self.open.remove(result.ticket.0.id.as_str()));
            }
        }
        let after: BTreeSet<String> = self.list("HKEYS", "job").await.into_iter().collect();
        let offered: BTreeSet<&str> = results
            .iter()
            .flat_map(|result| result.then.iter().chain(result.shelve.iter().map(|(order, _)| order)))
            .map(|order| order.id.as_str())
            .collect();
        for new in after.difference(&before) {
            assert!(offered.contains(new.as_str()));
            self.open.insert(new.clone());
        }
        self.claimed.extend(claim.jobs);
    }

    async fn check(&self) {
        let stored: Vec<(String, Vec<u8>)> = self.ask("HGETALL", "job", &[]).await;
        let stored: BTreeMap<String, Vec<u8>> = stored.into_iter().collect();
        assert_eq!(stored.keys().cloned().collect::<BTreeSet<_>>(), self.open, "jobs in Redis");
        let (mut places, mut bytes, mut running, mut waiting) = <(Vec<String>, Counts, Counts, Counts)>::default();
        let envelope = |id: &str| Envelope::read(id, &stored[id]).unwrap().0;
        let mut account = |id: &str, counts: Option<&mut Counts>| {
            let lane = envelope(id).lane.to_string();
            *bytes.entry(lane.clone()).or_default() += i64::try_from(stored[id].len()).unwrap();
            if let Some(counts) = counts {
                *counts.entry(lane).or_default() += 1;
            }
            places.push(id.to_owned());
        };
        for lane in LANES {
            for priority in Priority::ALL {
                for id in self.list("LRANGE", &format!("ready:{lane}:{}", priority.digit())).await {
                    assert_eq!((envelope(&id).lane.as_str(), envelope(&id).priority), (lane, priority));
                    account(&id, None);
                }
            }
        }
        for member in self.list("ZRANGE", "delayed").await {
            account(member.splitn(4, ':').nth(3).unwrap(), Some(&mut waiting));
        }
        for member in self.list("ZRANGE", "leased").await {
            account(member.split(':').next().unwrap(), Some(&mut running));
        }
        let dead = self.list("ZRANGE", "dead").await;
        places.extend(dead.clone());
        places.sort();
        assert_eq!(places, self.open.iter().cloned().collect::<Vec<_>>(), "every job is in exactly one place");
        for (hash, expected) in [("bytes", &bytes), ("running", &running), ("waiting", &waiting)] {
            let counts: HashMap<String, i64> = self.ask("HGETALL", hash, &[]).await;
            let counts: Counts = counts.into_iter().filter(|(_, n)| *n != 0).collect();
            assert_eq!(&counts, expected, "{hash}");
        }
        self.check_shelf(&dead).await;
        self.check_desk(&dead).await;
        let unique: HashMap<String, String> = self.ask("HGETALL", "unique", &[]).await;
        let expected: HashMap<String, String> =
            stored.keys().filter_map(|id| Some((envelope(id).unique?, id.clone()))).collect();
        assert_eq!(unique, expected, "unique keys");
        let histories = self.list("HKEYS", "history").await;
        assert!(histories.iter().all(|id| stored.contains_key(id)), "a history without its job");
    }

    async fn check_shelf(&self, dead: &[String]) {
        let records: HashMap<String, String> = self.ask("HGETALL", "dead_record", &[]).await;
        assert_eq!(
            records.keys().collect::<BTreeSet<_>>(),
            dead.iter().collect::<BTreeSet<_>>(),
            "records of the shelf"
        );
        let size: i64 = records.values().map(|record| record.split(' ').nth(5).unwrap().parse::<i64>().unwrap()).sum();
        let counted: Option<i64> = self.ask("GET", "dead_bytes", &[]).await;
        assert_eq!(counted.unwrap_or(0), size, "bytes of the shelf");
        let causes: u64 = self.queue.causes().await.unwrap().iter().map(|cause| cause.letters).sum();
        assert_eq!(causes, dead.len() as u64, "letters by cause");
        let lanes = self.queue.lanes().await.unwrap();
        assert_eq!(lanes.iter().map(|lane| lane.dead).sum::<u64>(), dead.len() as u64, "letters by lane");
    }

    /// A triage is of a letter, or waits for one: whichever comes to the shelf takes it.
    async fn check_desk(&self, dead: &[String]) {
        let triaged = self.list("HKEYS", "triage").await;
        assert!(triaged.iter().all(|id| dead.contains(id)), "a triage without its letter");
        let carried: HashMap<String, String> = self.ask("HGETALL", "carried", &[]).await;
        let waiting: BTreeSet<String> = self.list("ZRANGE", "carried_at").await.into_iter().collect();
        assert_eq!(carried.keys().cloned().collect::<BTreeSet<_>>(), waiting, "triages that wait");
        for id in dead {
            let record: Vec<u8> = self.ask("HGET", "dead_record", &[id]).await;
            let name = about(id, &record).unwrap();
            let Some(since) = carried.get(&name).and_then(|carried| carried.split(' ').next()?.parse::<f64>().ok())
            else {
                continue;
            };
            let died: f64 = self.ask("ZSCORE", "dead", &[id]).await;
            assert!(died <= since, "{name} came to the shelf and left its triage waiting");
        }
    }

    /// In the end everything can be carried out: nothing is stuck.
    async fn run_dry(&mut self) {
        for lane in 0..LANES.len() {
            self.queue.set_cap(&name(lane), None).await.unwrap();
            self.queue.resume(&name(lane), "test").await.unwrap();
        }
        for _ in 0..200 {
            self.apply(Verb::TimePasses).await;
            self.apply(Verb::Replay).await;
            self.apply(Verb::Claim { n: 50 }).await;
            let results: Vec<Settled<Held>> = self
                .claimed
                .drain(..)
                .map(|job| Settled::new(Held(job.ticket), nothing_follows(), &self.queue))
                .collect();
            for result in &results {
                self.open.remove(result.ticket.0.id.as_str());
            }
            self.queue.turn(&mut self.queue.connection(), &results, 0, true).await.unwrap();
            if self.open.is_empty() {
                return;
            }
        }
        panic!("{} jobs are stuck", self.open.len());
    }

    async fn ask<T: redis::FromRedisValue>(&self, command: &str, key: &str, arguments: &[&str]) -> T {
        let mut command = redis::cmd(command);
        command.arg(self.queue.keys().key(key)).arg(arguments);
        command.query_async(&mut self.queue.connection()).await.unwrap()
    }

    async fn redis(&self, command: &str, key: &str, arguments: &[&str]) {
        self.ask::<redis::Value>(command, key, arguments).await;
    }

    async fn list(&self, command: &str, key: &str) -> Vec<String> {
        let all: &[&str] = if command == "HKEYS" { &[] } else { &["0", "-1"] };
        self.ask(command, key, all).await
    }
}

type Counts = BTreeMap<String, i64>;

fn name(lane: usize) -> Lane {
    Lane::parse(LANES[lane]).unwrap()
}

fn order(lane: usize, priority: Priority, unique: Option<u8>, later: bool) -> Order {
    let mut order = Order::of(&Anything { lane }).unwrap().priority(priority);
    if let Some(key) = unique {
        order = order.unique(UniqueKey::of(&key.to_string()));
    }
    if later { order.at(SystemClock.now() + chrono::Duration::seconds(100)) } else { order }
}

fn done(then: Vec<Order>) -> Step {
    Step::Done { then, shelve: vec![(order(2, Priority::Normal, Some(5), false), fault(FaultKind::Rejected))] }
}

fn nothing_follows() -> Step {
    Step::Done { then: Vec::new(), shelve: Vec::new() }
}

fn fault(kind: FaultKind) -> Fault {
    Fault::new(kind, System::Hubspot, "x", "y")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_kills_its_workers_after_its_replay_keeps_who_looks_after_it() {
    let config = crate::QueueConfig { lease: Duration::from_secs(600), ..support::quick() };
    let queue = support::queue_named(&support::fresh_namespace(), config).await;
    let mut model = Model { queue, open: BTreeSet::new(), claimed: Vec::new(), ghosts: Vec::new() };
    model.apply(Verb::Enqueue { lane: 0, priority: 1, unique: Some(3), later: false, n: 1 }).await;
    model.apply(Verb::Claim { n: 1 }).await;
    model.apply(Verb::Finish { n: 1, ways: vec![7] }).await;
    model.apply(Verb::Assign).await;
    model.apply(Verb::Replay).await;
    for _ in 0..3 {
        model.apply(Verb::Claim { n: 1 }).await;
        model.apply(Verb::Crash { n: 1 }).await;
    }
    model.apply(Verb::Claim { n: 1 }).await;
    model.check().await;
    let letters = model.queue.dead_letters(&DeadFilter::default(), &Page::default()).await.unwrap().items;
    let [letter] = letters.as_slice() else { panic!("{letters:?}") };
    assert_eq!(letter.fault.code.as_deref(), Some("poison"));
    let triage = letter.triage.as_ref().unwrap();
    assert_eq!((triage.assignee.as_deref(), triage.note.as_deref()), (Some("otto"), Some("asks")));
    assert_eq!(letter.came_back.as_ref().map(|back| (back.times, &back.previous)), Some((1, &letter.job.id)));
}

#[test]
fn every_accepted_job_is_in_exactly_one_place_and_all_counts_are_true() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let mut runner =
        TestRunner::new(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() });
    let property = |verbs: Vec<Verb>| {
        runtime.block_on(async {
            // Leases run out when the test says so, never by the clock.
            let config = crate::QueueConfig { lease: Duration::from_secs(600), ..support::quick() };
            let queue = support::queue_named(&support::fresh_namespace(), config).await;
            let mut model = Model { queue, open: BTreeSet::new(), claimed: Vec::new(), ghosts: Vec::new() };
            for verb in verbs {
                model.apply(verb).await;
                model.check().await;
            }
            model.run_dry().await;
            model.check().await;
        });
        Ok(())
    };
    runner.run(&verbs(), property).unwrap();
}
