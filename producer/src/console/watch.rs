//! What changed and when, by topic: one look at Redis every two seconds for all pages that are open, and none while none is.
//!
//! A topic's digest is compared with that of the look before. Pages are told the instant of the last change, not the digest: a
//! page knows when it was made, so it sees by itself whether it is older.

use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tracing::debug;

use super::Console;
use crate::{Failure, Person, Rooms};

const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Streams at once. A page that gets none works all the same; it is only not live.
const STREAMS: usize = 100;
/// Streams of one person at once: nobody takes all places.
const STREAMS_OF_ONE: usize = 20;

/// What pages can wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Topic {
    /// What stands in the lanes, and their switches.
    Lanes,
    /// What was done: counters of jobs by kind and outcome.
    Jobs,
    /// The dead-letter shelf, what is noted on its letters, and operations on many of them.
    Dead,
    /// The review list.
    Reviews,
    /// Schedules, checkpoints and windows.
    Flows,
    /// What is left of the budgets.
    Budgets,
    /// Workers that live.
    Workers,
    /// What people did.
    Audit,
}

/// When each topic was last seen to change, in milliseconds since 1970.
pub(crate) type Changes = BTreeMap<Topic, i64>;

/// Shared by all streams of this process.
#[derive(Debug)]
pub(crate) struct Watch {
    changes: watch::Sender<Changes>,
    digests: Mutex<Digests>,
    places: Arc<Semaphore>,
    people: Arc<Mutex<BTreeMap<String, usize>>>,
}

/// A place among the streams; free again when it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    _of_all: OwnedSemaphorePermit,
    person: String,
    people: Arc<Mutex<BTreeMap<String, usize>>>,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut people = self.people.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(streams) = people.get_mut(&self.person) {
            *streams -= 1;
            if *streams == 0 {
                people.remove(&self.person);
            }
        }
    }
}

#[derive(Debug, Default)]
struct Digests {
    known: BTreeMap<Topic, u64>,
    /// Whether the task that looks runs.
    looking: bool,
}

impl Default for Watch {
    fn default() -> Self {
        Self {
            changes: watch::Sender::new(Changes::new()),
            digests: Mutex::default(),
            places: Arc::new(Semaphore::new(STREAMS)),
            people: Arc::default(),
        }
    }
}

impl Watch {
    /// Starts to look, unless that is done already. `None` when too many do, or this person does it too often.
    pub(crate) fn join(console: &Arc<Console>, person: &Person) -> Option<(watch::Receiver<Changes>, Place)> {
        let this = &console.watch;
        let place = this.place(person)?;
        // Before the look at `looking`: else the task could end in between.
        let receiver = this.changes.subscribe();
        let mut digests = this.digests.lock().unwrap_or_else(PoisonError::into_inner);
        if !std::mem::replace(&mut digests.looking, true) {
            tokio::spawn(look(Arc::clone(console)));
        }
        Some((receiver, place))
    }

    fn place(&self, person: &Person) -> Option<Place> {
        let of_all = Arc::clone(&self.places).try_acquire_owned().ok()?;
        let mut people = self.people.lock().unwrap_or_else(PoisonError::into_inner);
        let streams = people.entry(person.to_string()).or_default();
        if *streams >= STREAMS_OF_ONE {
            return None;
        }
        *streams += 1;
        drop(people);
        Some(Place { _of_all: of_all, person: person.to_string(), people: Arc::clone(&self.people) })
    }

    /// Whether nobody listens any more; then the task must end.
    fn is_done(&self) -> bool {
        let mut digests = self.digests.lock().unwrap_or_else(PoisonError::into_inner);
        digests.looking = self.changes.receiver_count() > 0;
        !digests.looking
    }

    fn note(&self, seen: Vec<(Topic, u64)>, at: i64) {
        let mut digests = self.digests.lock().unwrap_or_else(PoisonError::into_inner);
        let changed: Vec<Topic> = seen
            .into_iter()
            .filter(|(topic, digest)| digests.known.insert(*topic, *digest) != Some(*digest))
            .map(|(topic, _)| topic)
            .collect();
        drop(digests);
        if !changed.is_empty() {
            self.changes.send_modify(|changes| changes.extend(changed.into_iter().map(|topic| (topic, at))));
        }
    }
}

async fn look(console: Arc<Console>) {
    let mut every = tokio::time::interval(LOOK_EVERY);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = console.shutdown.wait() => return,
            _ = every.tick() => {}
        }
        if console.watch.is_done() {
            return;
        }
        let seen = digests(&console.rooms).await;
        // After the look: what a page showed before may be older than what was found.
        console.watch.note(seen, console.rooms.clock.now().timestamp_millis());
    }
}

/// The topics that could be read.
async fn digests(rooms: &Rooms) -> Vec<(Topic, u64)> {
    let (a, b, c, d, e, f) =
        tokio::join!(lanes(rooms), jobs_and_dead(rooms), reviews(rooms), flows(rooms), workers(rooms), audit(rooms));
    let mut seen = Vec::new();
    for read in [a, b, c, d, e, f] {
        match read {
            Ok(topics) => seen.extend(topics),
            // The pages keep what they show, and say themselves what is wrong when they are loaded again.
            Err(error) => debug!(%error, "What changed could not be looked up"),
        }
    }
    let budgets: Vec<_> = rooms.connections.budgets_left().await;
    seen.push((Topic::Budgets, digest_of(&format!("{budgets:?}"))));
    seen
}

async fn lanes(rooms: &Rooms) -> Result<Vec<(Topic, u64)>, Failure> {
    let mut lanes = rooms.queue.lanes().await?;
    // An age grows while nothing changes.
    lanes.iter_mut().for_each(|lane| lane.oldest_age = None);
    Ok(vec![(Topic::Lanes, digest_of(&format!("{lanes:?}")))])
}

async fn jobs_and_dead(rooms: &Rooms) -> Result<Vec<(Topic, u64)>, Failure> {
    let stats = rooms.queue.stats().await?;
    // A paused operation, a note on a letter: nothing on the shelf tells of them.
    let (bulks, newest) = tokio::try_join!(async { Ok::<_, Failure>(rooms.queue.bulks(20).await?) }, async {
        Ok(rooms.ledger.audit_actions(1).await?)
    })?;
    let dead = digest_of(&format!("{:?} {} {bulks:?} {newest:?}", stats.dead, stats.dead_bytes));
    let jobs = digest_of(&format!("{:?}", stats.days.last_key_value()));
    Ok(vec![(Topic::Jobs, jobs), (Topic::Dead, dead)])
}

async fn reviews(rooms: &Rooms) -> Result<Vec<(Topic, u64)>, Failure> {
    let count = |state| rooms.ledger.review_count(state);
    let (open, accepted) = (Some(mlc_ledger::ReviewState::Open), Some(mlc_ledger::ReviewState::Accepted));
    // A decision that is taken back between two looks leaves the counts as they were; a page may have been read in between.
    let newest = async { rooms.ledger.audit_actions(1).await };
    // Facts that become others leave an open item where it stands.
    let changes = rooms.ledger.review_changes();
    let counts = tokio::try_join!(count(open), count(accepted), count(None), newest, changes)?;
    Ok(vec![(Topic::Reviews, digest_of(&format!("{counts:?}")))])
}

async fn flows(rooms: &Rooms) -> Result<Vec<(Topic, u64)>, Failure> {
    let mut text = String::new();
    for id in rooms.settings.flows.keys() {
        let (ledger, newest) = (&rooms.ledger, 3);
        let found = tokio::try_join!(ledger.last_tick(id), ledger.windows(id, newest), ledger.open_windows(id))?;
        text.push_str(&format!("{found:?}"));
    }
    Ok(vec![(Topic::Flows, digest_of(&text))])
}

async fn workers(rooms: &Rooms) -> Result<Vec<(Topic, u64)>, Failure> {
    let workers = rooms.queue.workers().await?;
    let facts: Vec<_> = workers.iter().map(|worker| (&worker.id, worker.places, worker.running)).collect();
    Ok(vec![(Topic::Workers, digest_of(&format!("{facts:?}")))])
}

async fn audit(rooms: &Rooms) -> Result<Vec<(Topic, u64)>, Failure> {
    let newest = rooms.ledger.audit_actions(1).await?;
    Ok(vec![(Topic::Audit, digest_of(&format!("{newest:?}")))])
}

fn digest_of(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_from_the_look_before_counts_as_changed() {
        let watch = Watch::default();
        watch.note(vec![(Topic::Lanes, 1), (Topic::Dead, 1)], 1_000);
        watch.note(vec![(Topic::Lanes, 1), (Topic::Dead, 2)], 2_000);
        // A topic that could not be read keeps its instant.
        watch.note(vec![(Topic::Lanes, 1)], 3_000);
        assert_eq!(*watch.changes.borrow(), Changes::from([(Topic::Lanes, 1_000), (Topic::Dead, 2_000)]));
    }

    #[test]
    fn the_task_ends_with_the_last_listener() {
        let watch = Watch::default();
        let listener = watch.changes.subscribe();
        assert!(!watch.is_done());
        drop(listener);
        assert!(watch.is_done());
    }
}
