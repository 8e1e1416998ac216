//! Paging through jobs while they come and go: what stood there all the time is on one of the pages.

use std::collections::{BTreeMap, BTreeSet};

use mlc_queue::{JobFilter, JobState, JobView, Order, Page, Priority};

use crate::{house::*, seed, support};

/// Numbers that look thrown, the same ones for the same seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % n.max(1)
    }
}

/// A queue without workers, in which jobs are moved by hand as the scripts would move them.
struct Yard {
    house: House,
    redis: redis::aio::MultiplexedConnection,
    dice: Dice,
    /// Ready list of every job.
    lists: BTreeMap<String, String>,
    running: BTreeMap<String, i64>,
    delayed: Vec<String>,
    /// Jobs that left their place.
    touched: BTreeSet<String>,
    due_ms: i64,
}

impl Yard {
    async fn open(seed: u64) -> Self {
        let redis = support::connection().await;
        let (house, due_ms) = (House::open().await, now().timestamp_millis() + 3_600_000);
        let (lists, running, delayed, touched) = Default::default();
        Self { house, redis, dice: Dice(seed), lists, running, delayed, touched, due_ms }
    }

    fn key(&self, name: &str) -> String {
        format!("{{mlcq:{}}}:{name}", self.house.namespace)
    }

    async fn run<T: redis::FromRedisValue>(&mut self, name: &str, key: &str, arguments: &[&str]) -> T {
        let mut command = redis::cmd(name);
        command.arg(self.key(key)).arg(arguments);
        command.query_async(&mut self.redis).await.unwrap()
    }

    async fn enqueue(&mut self, lane: &str, priority: Priority, n: u32) {
        let orders: Vec<Order> = (0..n).map(|n| errand_in(lane, n).priority(priority)).collect();
        self.house.enqueue(&orders).await;
        let digit = Priority::ALL.iter().position(|each| *each == priority).unwrap();
        self.lists.extend(orders.iter().map(|order| (order.id().to_string(), format!("ready:{lane}:{digit}"))));
    }

    async fn order_for_later(&mut self, n: u32) {
        for n in 0..n {
            // Many are due in the same millisecond.
            let at = chrono::DateTime::from_timestamp_millis(self.due_ms + i64::from(n / 20)).unwrap();
            let order = errand_in("a", n).at(at);
            self.house.enqueue(&[order.clone()]).await;
            self.lists.insert(order.id().to_string(), "ready:a:1".to_owned());
            self.delayed.push(format!("n:1:a:{}", order.id()));
        }
    }

    async fn claim(&mut self, list: &str, n: usize) {
        let ids: Option<Vec<String>> = self.run("LPOP", list, &[&n.to_string()]).await;
        for id in ids.unwrap_or_default() {
            let token: i64 = self.run("INCR", "token", &[]).await;
            let deadline = (now().timestamp_millis() + 60_000).to_string();
            let () = self.run("ZADD", "leased", &[&deadline, &format!("{id}:{token}")]).await;
            self.touched.insert(id.clone());
            self.running.insert(id, token);
        }
    }

    /// Takes a job from its worker.
    async fn release(&mut self, id: &str) {
        let token = self.running.remove(id).unwrap();
        let () = self.run("ZREM", "leased", &[&format!("{id}:{token}")]).await;
        self.touched.insert(id.to_owned());
    }

    async fn hand_back(&mut self, id: &str) {
        self.release(id).await;
        let list = self.lists[id].clone();
        let () = self.run("LPUSH", &list, &[id]).await;
    }

    async fn die_and_be_replayed(&mut self, id: &str) {
        self.release(id).await;
        let replays = self.house.queue.job(&mlc_model::JobId::parse(id).unwrap()).await.unwrap().unwrap().replays;
        let () = self.run("HSET", "history", &[id, &format!("1 0 0 0 {}\n{{}}", replays + 1)]).await;
        let list = self.lists[id].clone();
        let () = self.run("RPUSH", &list, &[id]).await;
    }

    /// Something that happens in a queue.
    async fn event(&mut self) {
        let (lists, running) = (self.lists.values().cloned().collect::<BTreeSet<_>>(), self.running.keys().cloned());
        let one = running.collect::<Vec<_>>();
        let one = one.get(self.dice.below(one.len())).cloned();
        match (self.dice.below(9), one) {
            (0 | 1, _) => {
                let (list, n) = (self.dice.below(lists.len()), 1 + self.dice.below(30));
                self.claim(lists.iter().nth(list).unwrap(), n).await;
            }
            (2, _) => {
                let () = self.run("INCRBY", "token", &["50"]).await;
            }
            (3, Some(id)) => self.hand_back(&id).await,
            (4, Some(id)) => self.die_and_be_replayed(&id).await,
            (5, Some(id)) => {
                self.release(&id).await;
                let () = self.run("HDEL", "job", &[&id]).await;
                self.lists.remove(&id);
            }
            (6, Some(id)) => {
                self.release(&id).await;
                let member = self.lists[&id].replacen("ready:", "r:", 1);
                let mut words = member.splitn(3, ':').skip(1);
                let (lane, priority) = (words.next().unwrap().to_owned(), words.next().unwrap().to_owned());
                let (due, member) = (self.due_ms.to_string(), format!("r:{priority}:{lane}:{id}"));
                let () = self.run("ZADD", "delayed", &[&due, &member]).await;
                self.delayed.push(member);
            }
            (7, _) if !self.delayed.is_empty() => {
                let member = self.delayed.swap_remove(self.dice.below(self.delayed.len()));
                let id = member.splitn(4, ':').nth(3).unwrap().to_owned();
                let (command, list) =
                    (if member.starts_with('r') { "LPUSH" } else { "RPUSH" }, self.lists[&id].clone());
                let () = self.run("ZREM", "delayed", &[&member]).await;
                let () = self.run(command, &list, &[&id]).await;
                self.touched.insert(id);
            }
            // Its workers live: all leases are prolonged, in no order.
            _ => {
                for (id, token) in self.running.clone() {
                    let deadline = now().timestamp_millis() + 60_000 + i64::try_from(self.dice.below(9)).unwrap();
                    let () = self.run("ZADD", "leased", &[&deadline.to_string(), &format!("{id}:{token}")]).await;
                }
                self.enqueue("b", Priority::Normal, 3).await;
            }
        }
    }

    async fn page(&self, filter: &JobFilter, after: Option<String>, limit: usize) -> mlc_queue::JobListing {
        self.house.queue.jobs(filter, &Page { after, limit }).await.unwrap()
    }
}

fn ids(jobs: &[JobView]) -> Vec<String> {
    jobs.iter().map(|job| job.id.to_string()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_job_that_stood_there_all_the_time_is_on_a_page_and_on_two_only_where_that_is_said() {
    let (mut moved_walks, mut left) = (0, 0);
    for seed in 0..16 {
        let mut yard = Yard::open(seed).await;
        yard.enqueue("busy", Priority::Normal, 40).await;
        yard.claim("ready:busy:1", 40).await;
        yard.enqueue("a", Priority::Normal, 60).await;
        yard.enqueue("a", Priority::Backfill, 30).await;
        yard.enqueue("b", Priority::Normal, 70).await;
        yard.order_for_later(60).await;
        yard.touched.clear();
        let all: BTreeSet<String> = yard.lists.keys().cloned().collect();
        let (mut seen, mut moved, mut after, mut pages) = (BTreeMap::<String, u32>::new(), false, None, 0);
        loop {
            let limit = 1 + yard.dice.below(25);
            let listing = yard.page(&JobFilter::default(), after, limit).await;
            assert!(listing.items.len() <= limit);
            for id in ids(&listing.items) {
                *seen.entry(id).or_default() += 1;
            }
            moved |= listing.moved;
            (after, pages) = (listing.next, pages + 1);
            if after.is_none() {
                break;
            }
            assert!(pages < 1000, "seed {seed}: it never ends");
            for _ in 0..yard.dice.below(4) {
                yard.event().await;
            }
        }
        let stood: Vec<&String> = all.difference(&yard.touched).collect();
        let missed: Vec<_> = stood.iter().filter(|id| !seen.contains_key(**id)).collect();
        assert!(missed.is_empty(), "seed {seed}: {} of {} are on no page: {missed:?}", missed.len(), stood.len());
        let twice = stood.iter().filter(|id| seen[**id] > 1).count();
        assert!(twice == 0 || moved, "seed {seed}: {twice} jobs stand there twice, and nothing says so");
        moved_walks += u32::from(moved);
        left += stood.len();
    }
    assert!(moved_walks > 0 && left > 500, "the walks were too quiet to show anything: {moved_walks} {left}");
}

#[tokio::test(flavor = "multi_thread")]
async fn letters_that_stay_dead_are_all_listed_while_others_are_replayed() {
    let (house, mut dice) = (House::open().await, Dice(7));
    seed::seed(&house, 400).await;
    let filter = JobFilter { state: Some(JobState::Dead), ..JobFilter::default() };
    let (mut seen, mut page) = (Vec::new(), Page { after: None, limit: 17 });
    loop {
        let listing = house.queue.jobs(&filter, &page).await.unwrap();
        assert!(listing.items.iter().all(|job| job.state == JobState::Dead));
        seen.extend(ids(&listing.items));
        page.after = listing.next;
        if page.after.is_none() {
            break;
        }
        let there = seed::on_shelf(&house.queue).await;
        let chosen: Vec<_> = (0..6).map(|_| there[dice.below(there.len().min(seen.len() + 40))].clone()).collect();
        house.queue.replay(&chosen, "test").await.unwrap();
    }
    let left: Vec<String> = seed::on_shelf(&house.queue).await.iter().map(ToString::to_string).collect();
    assert!((100..390).contains(&left.len()), "{}", left.len());
    let missed = left.iter().filter(|id| !seen.contains(id)).count();
    assert_eq!(missed, 0, "of {} letters that stood there all the time", left.len());
    let once: BTreeSet<&String> = seen.iter().collect();
    assert_eq!(once.len(), seen.len(), "some are listed twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lane_that_stands_still_is_paged_in_order_while_others_are_busy() {
    let mut yard = Yard::open(1).await;
    yard.enqueue("still", Priority::Normal, 30).await;
    let filter = JobFilter { lane: Some(lane("still")), ..JobFilter::default() };
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let listing = yard.page(&filter, after, 7).await;
        assert!(!listing.moved);
        seen.extend(ids(&listing.items));
        after = listing.next;
        if after.is_none() {
            break;
        }
        let () = yard.run("INCRBY", "token", &["100000"]).await;
    }
    let list: Vec<String> = yard.run("LRANGE", "ready:still:1", &["0", "-1"]).await;
    assert_eq!(seen, list);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_ended_at_a_job_that_was_replayed_since_goes_on_with_what_stood_there() {
    let mut yard = Yard::open(1).await;
    yard.enqueue("a", Priority::Normal, 12).await;
    let all: Vec<String> = yard.lists.keys().cloned().collect();
    let first = yard.page(&JobFilter::default(), None, 5).await;
    yard.claim("ready:a:1", 6).await;
    yard.die_and_be_replayed(&all[4]).await;
    for id in &all[..4] {
        yard.release(id).await;
    }
    let filter = JobFilter { state: Some(JobState::Ready), ..JobFilter::default() };
    let second = yard.page(&filter, first.next, 20).await;
    assert_eq!(ids(&second.items), [&all[6..], &all[4..5]].concat(), "it stands at the end now");
    assert!(second.moved);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_that_nobody_gave_out_is_refused_or_ends_the_list() {
    let mut yard = Yard::open(1).await;
    yard.enqueue("a", Priority::Normal, 3).await;
    for cursor in ["", "x", "dead:50", "ready:3", "running:", "ready,7,a", "ready,1,A!", "delayed:x:y", "1.x"] {
        let page = Page { after: Some(cursor.to_owned()), limit: 5 };
        assert!(yard.house.queue.jobs(&JobFilter::default(), &page).await.is_err(), "{cursor}");
    }
    for cursor in ["ready,1,a:9007199254740991:9007199254740991:0:\u{202e}", "delayed:9007199254740991:\0", "ready,1,z"]
    {
        let page = Page { after: Some(cursor.to_owned()), limit: 5 };
        yard.house.queue.jobs(&JobFilter::default(), &page).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_far_down_a_long_list_is_found_again_or_its_bound_is_gone_on_from() {
    let mut yard = Yard::open(1).await;
    for piece in 0..32 {
        // Ids without jobs: they stand in the way like all others.
        let ids: Vec<String> = (0..5000).map(|n| format!("gone{}", 5000 * piece + n)).collect();
        let () = yard.run("RPUSH", "ready:a:1", &ids.iter().map(String::as_str).collect::<Vec<_>>()).await;
    }
    yard.enqueue("a", Priority::Normal, 3).await;
    let all: Vec<String> = yard.lists.keys().cloned().collect();
    let filter = JobFilter { lane: Some(lane("a")), ..JobFilter::default() };
    let mut after = None;
    loop {
        let listing = yard.page(&filter, after, 1).await;
        after = listing.next;
        if !listing.items.is_empty() {
            assert_eq!(ids(&listing.items), all[..1]);
            break;
        }
    }
    for (claimed, rest, moved) in [(500, &all[1..], false), (30_000, &all[..], true)] {
        let _: Vec<String> = yard.run("LPOP", "ready:a:1", &[&claimed.to_string()]).await;
        let () = yard.run("INCRBY", "token", &[&claimed.to_string()]).await;
        let listing = yard.page(&filter, after.clone(), 5).await;
        assert_eq!((ids(&listing.items).as_slice(), listing.moved), (rest, moved), "{claimed} were claimed");
    }
}
