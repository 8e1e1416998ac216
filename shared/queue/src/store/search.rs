//! Listing and searching jobs: a bounded time of looking, then a cursor.
//!
//! The places where jobs stand are read one after the other: running, then the ready lists by lane and class, then delayed. A
//! step reads the next ids, from as many short lists as it takes, and then only those envelopes that the ids, and the histories
//! where a fault is looked for, do not rule out. The shelf is read along its own order, as a search for letters does.

use std::{collections::HashSet, time::Duration};

use serde::Serialize;
use tokio::time::Instant;

use super::{
    jobs::{Bytes, JobFilter, JobState, JobView, Listing, Page, contains, view},
    look::{DeadFilter, Patience, Spot, Way},
    walk::{Cursor, Found, Source, Walk},
};
use crate::{
    Priority, Queue, QueueError,
    envelope::Envelope,
    history::History,
    shelf_record::words,
    subject::{Bearing, Sought},
};

/// Most ids read per step: Redis answers each command in a millisecond or so.
const STEP: usize = 500;
/// The same where ids tell their lanes, so that few of the envelopes are read.
const TELLING_STEP: usize = 4 * STEP;
/// How long a page looks. Then it answers with what it has, and where to go on.
const LOOKING: Duration = Duration::from_millis(60);

/// Letters handed over per step where most will turn out not to be wanted.
const LETTERS: usize = 100;

/// One page of jobs.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct JobListing {
    /// The jobs: running ones by id, then those that can start in the order in which they will, then the delayed ones; the
    /// shelf's newest first.
    pub items: Vec<JobView>,
    /// Hand it back for the next page; `None` = this was the last one. A page can be short and still have a next.
    pub next: Option<String>,
    /// Whether the page before ended at a job that was not found again: some of these may have stood on a page before.
    pub moved: bool,
}

impl From<JobListing> for Listing<JobView> {
    fn from(JobListing { items, next, .. }: JobListing) -> Self {
        Self { items, next }
    }
}

/// The filter, prepared.
struct Wanted<'a> {
    filter: &'a JobFilter,
    subject: Option<Sought>,
    error: Option<String>,
}

impl<'a> Wanted<'a> {
    fn new(filter: &'a JobFilter) -> Self {
        let subject = filter.subject.as_deref().map(Sought::new);
        Self { filter, subject, error: filter.error.as_ref().map(|text| text.to_lowercase()) }
    }

    /// How many ids to read for so many entries: one more, to know whether there is more, or a full step when most will
    /// turn out not to be wanted; more where the ids tell that already.
    fn step(&self, delayed: bool, missing: usize) -> usize {
        let JobFilter { lane, state, kind, subject, error, trace, priority } = self.filter;
        let by_place = *state == Some(JobState::Ready) || (lane.is_none() && priority.is_none());
        let looks_inside = kind.is_some() || subject.is_some() || error.is_some() || trace.is_some();
        match (by_place, looks_inside) {
            (true, false) => (missing + 1).min(STEP),
            (false, _) if delayed && lane.is_some() => TELLING_STEP,
            _ => STEP,
        }
    }

    fn source(&self, source: &Source) -> bool {
        let state = self.filter.state.is_none_or(|only| only == source.state());
        let Source::Ready(lane, priority) = source else { return state };
        state && self.class(lane.as_str(), *priority)
    }

    fn class(&self, lane: &str, priority: Priority) -> bool {
        self.filter.lane.as_ref().is_none_or(|wanted| wanted.as_str() == lane)
            && self.filter.priority.is_none_or(|wanted| wanted == priority)
    }

    /// What the head of an envelope has to say; `None` = it is not wanted.
    fn bearing(
        &self,
        lane: &str,
        priority: Priority,
        kind: &str,
        trace: &str,
        subject: Option<&str>,
    ) -> Option<Bearing> {
        let fits = self.class(lane, priority)
            && self.filter.kind.as_ref().is_none_or(|wanted| wanted == kind)
            && self.filter.trace.as_ref().is_none_or(|wanted| wanted == trace);
        let by_subject = || self.subject.as_ref().map_or(Some(Bearing::Named), |sought| sought.bearing(subject));
        fits.then(by_subject).flatten()
    }

    fn reason(&self, reason: &str) -> bool {
        self.error.as_ref().is_none_or(|text| contains(Some(reason), text))
    }
}

impl Queue {
    /// Jobs that match. Looks for about 60 ms: a page can be short and still have a next.
    ///
    /// A job that stays where it is while the pages are read is on one of them; on two only where [`JobListing::moved`] says
    /// so. One that changes its place meanwhile (starts, is put off, comes back) can be missing or appear twice.
    ///
    /// # Errors
    /// [`QueueError::Redis`]; [`QueueError::Answer`] for a cursor that is none of ours.
    pub async fn jobs(&self, filter: &JobFilter, page: &Page) -> Result<JobListing, QueueError> {
        let (wanted, limit) = (Wanted::new(filter), page.limit.max(1));
        if filter.state == Some(JobState::Dead) {
            return self.dead_jobs(&wanted, page.after.as_deref(), limit).await;
        }
        let begun = Instant::now();
        let foreign = || QueueError::Answer("a cursor that is none of this queue".to_owned());
        let after = page.after.as_deref().map(|cursor| Cursor::read(cursor).ok_or_else(foreign)).transpose()?;
        let mut walk = Walk::begin(self, filter.lane.as_ref(), |source| wanted.source(source), after).await?;
        // A place that was not found again can bring a job twice to the same page.
        let (mut items, mut shown) = (Vec::new(), HashSet::new());
        while !walk.is_over() {
            let found = walk.step(wanted.step(walk.tells_lanes(), limit - items.len())).await?;
            let ends_at = found.last().map(|found| found.mark.clone());
            for (found, job) in self.look(&wanted, found).await? {
                if !shown.insert(found.id.clone()) {
                    continue;
                }
                let replays = job.replays;
                items.push(job);
                if items.len() == limit {
                    let last = walk.is_over() && ends_at.as_ref() == Some(&found.mark);
                    let next = (!last).then(|| found.cursor(replays).write());
                    return Ok(JobListing { items, next, moved: walk.moved });
                }
            }
            if begun.elapsed() >= LOOKING {
                let next = walk.cursor().await?.map(|cursor| cursor.write());
                return Ok(JobListing { items, next, moved: walk.moved });
            }
        }
        Ok(JobListing { items, next: None, moved: walk.moved })
    }

    /// The shelf, newest first.
    async fn dead_jobs(
        &self,
        wanted: &Wanted<'_>,
        after: Option<&str>,
        limit: usize,
    ) -> Result<JobListing, QueueError> {
        let JobFilter { lane, kind, subject, error, trace, priority, .. } = wanted.filter;
        let letters = DeadFilter { lane: lane.clone(), kind: kind.clone(), ..DeadFilter::default() };
        let looks_inside = subject.is_some() || error.is_some() || trace.is_some() || priority.is_some();
        let (mut after, patience) = (after.map(Spot::parse).transpose()?, Patience::begin());
        let mut listing = JobListing::default();
        loop {
            let most = if looks_inside { LETTERS } else { limit - listing.items.len() };
            let stretch = self.stretch(&letters, Way::NewestFirst, after.as_ref(), most).await?;
            for seen in &stretch.seen {
                let Some(letter) = seen.letter(self) else { continue };
                let mut job = letter.job;
                let bearing =
                    wanted.bearing(job.lane.as_str(), job.priority, &job.kind, &job.trace, job.subject.as_deref());
                let Some(bearing) = bearing.filter(|_| wanted.reason(&words(&letter.fault))) else { continue };
                job.may_carry = bearing == Bearing::MayCarry;
                listing.items.push(job);
                if listing.items.len() == limit {
                    let last = stretch.ended && stretch.seen.last().is_some_and(|last| last.id == seen.id);
                    listing.next = (!last).then(|| seen.spot().to_string());
                    return Ok(listing);
                }
            }
            if stretch.ended {
                return Ok(listing);
            }
            after = stretch.last.or(after);
            if patience.is_over() {
                listing.next = after.map(|spot| spot.to_string());
                return Ok(listing);
            }
        }
    }

    /// Reads what the filter cannot rule out before, in the order in which it was found.
    async fn look(&self, wanted: &Wanted<'_>, mut found: Vec<Found>) -> Result<Vec<(Found, JobView)>, QueueError> {
        found
            .retain(|found| found.class.as_ref().is_none_or(|(priority, lane)| wanted.class(lane.as_str(), *priority)));
        if wanted.error.is_some() {
            let mut reasons = self.reasons(&found).await?.into_iter();
            found.retain(|_| reasons.next().flatten().is_some_and(|reason| wanted.reason(&reason)));
        }
        let ids: Vec<String> = found.iter().map(|found| found.id.clone()).collect();
        let bodies = self.bodies(&ids).await?;
        let mut jobs = Vec::new();
        for (found, (stored, history)) in found.into_iter().zip(bodies) {
            // Gone meanwhile, or of a newer version.
            let Some(stored) = stored else { continue };
            let Ok((head, _)) = Envelope::read(&found.id, &stored) else { continue };
            let bearing =
                wanted.bearing(head.lane.as_str(), head.priority, &head.kind, &head.trace, head.subject.as_deref());
            if let Some(bearing) = bearing
                && let Ok(mut job) = view(&found.id, found.source.state(), found.at, &stored, history.as_deref())
            {
                job.may_carry = bearing == Bearing::MayCarry;
                jobs.push((found, job));
            }
        }
        Ok(jobs)
    }

    /// What each of them has met last: its last failed attempt, and what put it off since. Most have met nothing, and nothing
    /// is longer than a few lines, so this costs less than the envelopes.
    async fn reasons(&self, found: &[Found]) -> Result<Vec<Option<String>>, QueueError> {
        if found.is_empty() {
            return Ok(Vec::new());
        }
        let mut command = redis::cmd("HMGET");
        command.arg(self.keys().key("history")).arg(found.iter().map(|found| found.id.as_str()).collect::<Vec<_>>());
        let stored: Vec<Bytes> = command.query_async(&mut self.connection()).await?;
        let reason = |stored: Vec<u8>| {
            let history = History::read(&stored);
            let last = history.failed.last().map(|note| words(&note.fault));
            [last, history.why].into_iter().flatten().collect::<Vec<_>>().join("\n")
        };
        Ok(stored.into_iter().map(|stored| stored.map(reason)).collect())
    }
}
