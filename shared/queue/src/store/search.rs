//! Listing and searching jobs: a bounded time of looking, then a cursor.
//!
//! The places where jobs stand are read one after the other: running, delayed, the shelf, then the ready lists by lane and
//! class. A step reads the next ids, from as many short lists as it takes, and then only those envelopes that the ids, and the
//! histories where a fault is looked for, do not rule out.

use std::{collections::VecDeque, time::Duration};

use mlc_model::Fault;
use redis::Value;
use tokio::time::Instant;

use super::jobs::{Bytes, JobFilter, JobState, JobView, Listing, Page, contains, view};
use crate::{
    Lane, Priority, Queue, QueueError, envelope::Envelope, history::History, shelf_record::read_fault, verb::answer,
};

/// Most ids read per step: Redis answers each command in a millisecond or so.
const STEP: usize = 500;
/// The same where ids tell their lanes, so that few of the envelopes are read.
const TELLING_STEP: usize = 4 * STEP;
/// How long a page looks. Then it answers with what it has, and where to go on.
const LOOKING: Duration = Duration::from_millis(60);

/// Where jobs stand in Redis, in the order of the listing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Source {
    Running,
    /// Before those that wait for their time: these tell of one lane at once, those stand in one list for all.
    Ready(Lane, Priority),
    Delayed,
    Dead,
}

impl Source {
    fn key(&self, queue: &Queue) -> String {
        let keys = queue.keys();
        match self {
            Self::Running => keys.key("leased"),
            Self::Delayed => keys.key("delayed"),
            Self::Dead => keys.key("dead"),
            Self::Ready(lane, priority) => keys.ready(lane.as_str(), priority.digit()),
        }
    }

    fn state(&self) -> JobState {
        match self {
            Self::Running => JobState::Running,
            Self::Delayed => JobState::Delayed,
            Self::Dead => JobState::Dead,
            Self::Ready(..) => JobState::Ready,
        }
    }

    /// Lanes hold neither colons nor commas.
    fn cursor(&self, offset: usize) -> String {
        match self {
            Self::Running => format!("running:{offset}"),
            Self::Delayed => format!("delayed:{offset}"),
            Self::Dead => format!("dead:{offset}"),
            Self::Ready(lane, priority) => format!("ready,{},{lane}:{offset}", priority.digit()),
        }
    }

    fn read(cursor: &str) -> Option<(Self, usize)> {
        let (source, offset) = cursor.rsplit_once(':')?;
        let mut words = source.split(',');
        let source = match (words.next()?, words.next(), words.next()) {
            ("running", None, None) => Self::Running,
            ("delayed", None, None) => Self::Delayed,
            ("dead", None, None) => Self::Dead,
            ("ready", Some(priority), Some(lane)) => {
                Self::Ready(Lane::parse(lane).ok()?, Priority::from_digit(priority)?)
            }
            _ => return None,
        };
        Some((source, offset.parse().ok()?))
    }
}

/// What is left of one source.
#[derive(Debug, Clone)]
struct Stretch {
    source: Source,
    from: usize,
    to: usize,
}

/// One job's id, where it was found.
struct Found {
    /// Where to go on after it.
    next: (Source, usize),
    id: String,
    at: Option<f64>,
}

/// The filter, prepared.
struct Wanted<'a> {
    filter: &'a JobFilter,
    subject: Option<String>,
    error: Option<String>,
}

impl<'a> Wanted<'a> {
    fn new(filter: &'a JobFilter) -> Self {
        let lower = |text: &Option<String>| text.as_ref().map(|text| text.to_lowercase());
        Self { filter, subject: lower(&filter.subject), error: lower(&filter.error) }
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
        let state = self.filter.state.map_or(*source != Source::Dead, |only| only == source.state());
        let Source::Ready(lane, priority) = source else { return state };
        state && self.class(lane.as_str(), *priority)
    }

    fn class(&self, lane: &str, priority: Priority) -> bool {
        self.filter.lane.as_ref().is_none_or(|wanted| wanted.as_str() == lane)
            && self.filter.priority.is_none_or(|wanted| wanted == priority)
    }

    fn envelope(&self, envelope: &Envelope) -> bool {
        self.class(envelope.lane.as_str(), envelope.priority)
            && self.filter.kind.as_ref().is_none_or(|kind| *kind == envelope.kind)
            && self.filter.trace.as_ref().is_none_or(|trace| *trace == envelope.trace)
            && self.subject.as_ref().is_none_or(|text| contains(envelope.subject.as_deref(), text))
    }

    fn reason(&self, reason: &str) -> bool {
        self.error.as_ref().is_none_or(|text| contains(Some(reason), text))
    }
}

impl Queue {
    /// Jobs that match. Looks for about 60 ms: a page can be short and still have a next.
    ///
    /// Lists may move while they are read: a job that starts meanwhile can be missing or appear twice.
    ///
    /// # Errors
    /// [`QueueError::Redis`]; [`QueueError::Answer`] for a cursor that is none of ours.
    pub async fn jobs(&self, filter: &JobFilter, page: &Page) -> Result<Listing<JobView>, QueueError> {
        let begun = Instant::now();
        let after = page.after.as_deref().map(|cursor| {
            Source::read(cursor).ok_or_else(|| QueueError::Answer("a cursor that is none of this queue".to_owned()))
        });
        let wanted = Wanted::new(filter);
        let mut left = self.stretches(&wanted, after.transpose()?).await?;
        let limit = page.limit.max(1);
        let mut items = Vec::new();
        loop {
            let delayed = left.front().is_some_and(|next| next.source == Source::Delayed);
            let found = self.read_ids(take(&mut left, wanted.step(delayed, limit - items.len()))).await?;
            let ends_at = found.last().map(|found| found.next.clone());
            for (next, job) in self.look(&wanted, found).await? {
                items.push(job);
                if items.len() == limit {
                    let last = left.is_empty() && ends_at.as_ref() == Some(&next);
                    return Ok(Listing { items, next: (!last).then(|| next.0.cursor(next.1)) });
                }
            }
            let Some(next) = left.front() else { return Ok(Listing { items, next: None }) };
            if begun.elapsed() >= LOOKING {
                return Ok(Listing { items, next: Some(next.source.cursor(next.from)) });
            }
        }
    }

    /// What is to be read: every source that can hold wanted jobs and is not empty, from the cursor on.
    async fn stretches(
        &self,
        wanted: &Wanted<'_>,
        after: Option<(Source, usize)>,
    ) -> Result<VecDeque<Stretch>, QueueError> {
        let mut sources = vec![Source::Running, Source::Delayed, Source::Dead];
        let lanes = match &wanted.filter.lane {
            Some(lane) => vec![lane.clone()],
            None => {
                let mut command = redis::cmd("HKEYS");
                command.arg(self.keys().key("bytes"));
                let names: Vec<String> = command.query_async(&mut self.connection()).await?;
                names.iter().map(|name| Lane::parse(name)).collect::<Result<_, _>>()?
            }
        };
        for lane in lanes {
            sources.extend(Priority::ALL.map(|priority| Source::Ready(lane.clone(), priority)));
        }
        sources.retain(|source| wanted.source(source) && after.as_ref().is_none_or(|(from, _)| source >= from));
        sources.sort_unstable();
        let mut pipe = redis::pipe();
        for source in &sources {
            let command = if matches!(source, Source::Ready(..)) { "LLEN" } else { "ZCARD" };
            pipe.cmd(command).arg(source.key(self));
        }
        if sources.is_empty() {
            return Ok(VecDeque::new());
        }
        let lengths: Vec<usize> = pipe.query_async(&mut self.connection()).await?;
        let stretch = |(source, to): (Source, usize)| {
            let from = after.as_ref().filter(|(at, _)| *at == source).map_or(0, |(_, offset)| *offset);
            (from < to).then_some(Stretch { source, from, to })
        };
        Ok(sources.into_iter().zip(lengths).filter_map(stretch).collect())
    }

    async fn read_ids(&self, stretches: Vec<Stretch>) -> Result<Vec<Found>, QueueError> {
        if stretches.is_empty() {
            return Ok(Vec::new());
        }
        let mut pipe = redis::pipe();
        for Stretch { source, from, to } in &stretches {
            match source {
                Source::Ready(..) => pipe.cmd("LRANGE").arg(source.key(self)).arg(*from).arg(to - 1),
                Source::Dead => {
                    pipe.cmd("ZRANGE").arg(source.key(self)).arg(*from).arg(to - 1).arg("REV").arg("WITHSCORES")
                }
                _ => pipe.cmd("ZRANGE").arg(source.key(self)).arg(*from).arg(to - 1).arg("WITHSCORES"),
            };
        }
        let replies: Vec<Value> = pipe.query_async(&mut self.connection()).await?;
        let mut found = Vec::new();
        for (Stretch { source, from, .. }, reply) in stretches.into_iter().zip(replies) {
            let entries: Vec<(String, Option<f64>)> = match source {
                Source::Ready(..) => answer::texts(reply)?.into_iter().map(|id| (id, None)).collect(),
                _ => {
                    let scored: Vec<(String, f64)> = redis::from_redis_value(reply).map_err(redis::RedisError::from)?;
                    scored.into_iter().map(|(member, at)| (member, Some(at))).collect()
                }
            };
            let entries = entries.into_iter().zip(from + 1..);
            found.extend(entries.map(|((id, at), next)| Found { next: (source.clone(), next), id, at }));
        }
        Ok(found)
    }

    /// Reads what the filter cannot rule out before, in the order in which it was found.
    async fn look(
        &self,
        wanted: &Wanted<'_>,
        mut found: Vec<Found>,
    ) -> Result<Vec<((Source, usize), JobView)>, QueueError> {
        found.retain_mut(|found| match found.next.0 {
            Source::Running => cut(&mut found.id, |member| member.split(':').next()),
            Source::Delayed => {
                let mut words = found.id.splitn(4, ':').skip(1);
                let class = words.next().and_then(Priority::from_digit).zip(words.next());
                class.is_none_or(|(priority, lane)| wanted.class(lane, priority))
                    && cut(&mut found.id, |member| member.splitn(4, ':').nth(3))
            }
            _ => true,
        });
        if wanted.error.is_some() {
            let mut reasons = self.reasons(&found).await?.into_iter();
            found.retain(|_| reasons.next().flatten().is_some_and(|reason| wanted.reason(&reason)));
        }
        let ids: Vec<String> = found.iter().map(|found| found.id.clone()).collect();
        let bodies = self.bodies(&ids).await?;
        let mut jobs = Vec::new();
        for (Found { next, id, at }, (stored, history)) in found.into_iter().zip(bodies) {
            // Gone meanwhile, or of a newer version.
            let Some(stored) = stored else { continue };
            let Ok((envelope, _)) = Envelope::read(&id, &stored) else { continue };
            if wanted.envelope(&envelope)
                && let Ok(job) = view(&id, next.0.state(), at, &stored, history.as_deref())
            {
                jobs.push((next, job));
            }
        }
        Ok(jobs)
    }

    /// What each of them has met last: on the shelf its reason, elsewhere its last failed attempt and what put it off since.
    /// Most have met nothing, and nothing is longer than a few lines, so this costs less than the envelopes.
    async fn reasons(&self, found: &[Found]) -> Result<Vec<Option<String>>, QueueError> {
        if found.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<&str> = found.iter().map(|found| found.id.as_str()).collect();
        let dead = found.iter().any(|found| found.next.0 == Source::Dead);
        let mut command = redis::cmd("HMGET");
        command.arg(self.keys().key(if dead { "dead_record" } else { "history" })).arg(ids);
        let stored: Vec<Bytes> = command.query_async(&mut self.connection()).await?;
        let reason = |stored: Vec<u8>| {
            if dead {
                return words(&read_fault(&stored));
            }
            let history = History::read(&stored);
            let last = history.failed.last().map(|note| words(&note.fault));
            [last, history.why].into_iter().flatten().collect::<Vec<_>>().join("\n")
        };
        Ok(stored.into_iter().map(|stored| stored.map(reason)).collect())
    }
}

/// Code and field can be looked for as well as the words.
fn words(fault: &Fault) -> String {
    format!("{fault} {}", fault.cause())
}

/// The next stretches with up to `n` ids, taken off the front.
fn take(left: &mut VecDeque<Stretch>, mut n: usize) -> Vec<Stretch> {
    let mut taken = Vec::new();
    while n > 0
        && let Some(first) = left.front_mut()
    {
        let to = first.to.min(first.from + n);
        n -= to - first.from;
        taken.push(Stretch { to, ..first.clone() });
        first.from = to;
        if first.from == first.to {
            left.pop_front();
        }
    }
    taken
}

/// Keeps a part of the text, if there is one.
fn cut(text: &mut String, part: impl Fn(&str) -> Option<&str>) -> bool {
    let Some(part) = part(text).map(str::to_owned) else { return false };
    *text = part;
    true
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]
    use super::*;

    fn ready(lane: &str, priority: Priority) -> Source {
        Source::Ready(Lane::parse(lane).unwrap(), priority)
    }

    #[test]
    fn a_cursor_names_its_source_so_that_new_lanes_move_nothing() {
        for source in [Source::Running, Source::Delayed, Source::Dead, ready("epicor-main", Priority::Backfill)] {
            assert_eq!(Source::read(&source.cursor(1200)), Some((source, 1200)));
        }
        for broken in ["", "0.0", "ready:3", "running:-1", "running:x", "ready,7,a:1", "ready,1,A!:1", "ready,1,a,b:"] {
            assert_eq!(Source::read(broken), None, "{broken}");
        }
    }

    #[test]
    fn a_step_takes_as_many_short_lists_as_it_needs() {
        let stretch = |source, from, to| Stretch { source, from, to };
        let mut left = VecDeque::from([
            stretch(Source::Running, 3, 5),
            stretch(ready("a", Priority::Person), 0, 2),
            stretch(ready("b", Priority::Person), 0, 9),
        ]);
        let taken: Vec<_> = take(&mut left, 6).into_iter().map(|part| (part.from, part.to)).collect();
        assert_eq!(taken, [(3, 5), (0, 2), (0, 2)]);
        let rest: Vec<_> = left.iter().map(|part| (part.from, part.to)).collect();
        assert_eq!(rest, [(2, 9)]);
    }
}
