//! Where jobs stand that wait or run, and how a listing goes on along these places while jobs come and go.
//!
//! A page ends at a job and not at a number. Running jobs are walked by their ids, because their leases move all the time;
//! delayed ones by time and member, which stay. A ready list is taken from at its front only: its mark is the job's id, how
//! many stood before it, and the last token by then, which bounds how far the list can have moved. Where the job is not found
//! again, reading goes on from the first place where something unseen can stand: some are shown twice then, none is hidden.

use std::collections::{BTreeMap, VecDeque};

use redis::Value;

use super::jobs::{Bytes, JobState};
use crate::{
    Lane, Priority, Queue, QueueError,
    history::History,
    verb::{WALK, answer},
};

/// Leases read per step.
const LEASES: usize = 1000;
/// Numbers in cursors: beyond this, Lua does not count exactly.
const LARGEST: u64 = 1 << 53;

/// Where jobs stand in Redis, in the order of the listing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Source {
    Running,
    /// Before those that wait for their time: these tell of one lane at once, those stand in one list for all.
    Ready(Lane, Priority),
    Delayed,
}

impl Source {
    fn key(&self, queue: &Queue) -> String {
        let keys = queue.keys();
        match self {
            Self::Running => keys.key("leased"),
            Self::Delayed => keys.key("delayed"),
            Self::Ready(lane, priority) => keys.ready(lane.as_str(), priority.digit()),
        }
    }

    pub(super) fn state(&self) -> JobState {
        match self {
            Self::Running => JobState::Running,
            Self::Delayed => JobState::Delayed,
            Self::Ready(..) => JobState::Ready,
        }
    }

    /// Lanes hold neither colons nor commas.
    fn word(&self) -> String {
        match self {
            Self::Running => "running".to_owned(),
            Self::Delayed => "delayed".to_owned(),
            Self::Ready(lane, priority) => format!("ready,{},{lane}", priority.digit()),
        }
    }

    fn read(word: &str) -> Option<Self> {
        let mut words = word.split(',');
        match (words.next()?, words.next(), words.next(), words.next()) {
            ("running", None, None, None) => Some(Self::Running),
            ("delayed", None, None, None) => Some(Self::Delayed),
            ("ready", Some(priority), Some(lane), None) => {
                Some(Self::Ready(Lane::parse(lane).ok()?, Priority::from_digit(priority)?))
            }
            _ => None,
        }
    }
}

/// The job behind which to go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Mark {
    Running {
        id: String,
    },
    Delayed {
        due_ms: u64,
        member: String,
    },
    Ready {
        id: String,
        /// Jobs before it when it was read there.
        before: u64,
        /// Last fencing token given out before it was read there.
        token: u64,
        /// Its replays by then; `None` = unknown, which will do for the next milliseconds.
        replays: Option<u32>,
    },
}

/// A place between two jobs: behind the mark, or at the beginning of the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cursor {
    pub(super) source: Source,
    pub(super) mark: Option<Mark>,
}

impl Cursor {
    pub(super) fn write(&self) -> String {
        let source = self.source.word();
        match &self.mark {
            None => source,
            Some(Mark::Running { id }) => format!("{source}:{id}"),
            Some(Mark::Delayed { due_ms, member }) => format!("{source}:{due_ms}:{member}"),
            Some(Mark::Ready { id, before, token, replays }) => {
                format!("{source}:{before}:{token}:{}:{id}", replays.unwrap_or(0))
            }
        }
    }

    pub(super) fn read(text: &str) -> Option<Self> {
        let (word, mark) = match text.split_once(':') {
            Some((word, mark)) => (word, Some(mark)),
            None => (text, None),
        };
        let source = Source::read(word)?;
        let Some(mark) = mark else { return Some(Self { source, mark: None }) };
        let number = |word: &str| word.parse().ok().filter(|n| *n <= LARGEST);
        let id = |id: &str| (!id.is_empty()).then(|| id.to_owned());
        let mark = match source {
            Source::Running => Mark::Running { id: id(mark)? },
            Source::Delayed => {
                let (due, member) = mark.split_once(':')?;
                Mark::Delayed { due_ms: number(due)?, member: id(member)? }
            }
            Source::Ready(..) => {
                let mut words = mark.splitn(4, ':');
                let (before, token) = (number(words.next()?)?, number(words.next()?)?);
                let replays = Some(words.next()?.parse().ok()?);
                Mark::Ready { id: id(words.next()?)?, before, token, replays }
            }
        };
        Some(Self { source, mark: Some(mark) })
    }
}

/// One job's id, where it was found.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) source: Source,
    pub(super) mark: Mark,
    pub(super) id: String,
    /// When its lease ends, or when it is due.
    pub(super) at: Option<f64>,
    /// Class and lane, where the entry itself tells.
    pub(super) class: Option<(Priority, Lane)>,
}

impl Found {
    /// The place behind it. `replays` are its own.
    pub(super) fn cursor(self, replays: u32) -> Cursor {
        let mark = match self.mark {
            Mark::Ready { id, before, token, .. } => Mark::Ready { id, before, token, replays: Some(replays) },
            other => other,
        };
        Cursor { source: self.source, mark: Some(mark) }
    }
}

/// What is left of one source.
#[derive(Debug)]
struct Stretch {
    source: Source,
    mark: Option<Mark>,
    /// How many entries it had when the walk began.
    about: usize,
}

/// A walk along several sources.
#[derive(Debug)]
pub(super) struct Walk<'a> {
    queue: &'a Queue,
    left: VecDeque<Stretch>,
    /// Leases that are still to be given out, once they were read.
    leases: Option<VecDeque<Found>>,
    /// Whether a place was not found again.
    pub(super) moved: bool,
}

impl<'a> Walk<'a> {
    /// Every source that can hold wanted jobs and is not empty, from the cursor on. Of one lane, or of all.
    pub(super) async fn begin(
        queue: &'a Queue,
        lane: Option<&Lane>,
        wanted: impl Fn(&Source) -> bool,
        after: Option<Cursor>,
    ) -> Result<Self, QueueError> {
        let mut sources = vec![Source::Running, Source::Delayed];
        let lanes = match lane {
            Some(lane) => vec![lane.clone()],
            None => {
                let mut command = redis::cmd("HKEYS");
                command.arg(queue.keys().key("bytes"));
                let names: Vec<String> = command.query_async(&mut queue.connection()).await?;
                names.iter().map(|name| Lane::parse(name)).collect::<Result<_, _>>()?
            }
        };
        for lane in lanes {
            sources.extend(Priority::ALL.map(|priority| Source::Ready(lane.clone(), priority)));
        }
        let mut walk = Self { queue, left: VecDeque::new(), leases: None, moved: false };
        sources.retain(|source| wanted(source) && after.as_ref().is_none_or(|after| *source >= after.source));
        sources.sort_unstable();
        if sources.is_empty() {
            return Ok(walk);
        }
        let mut pipe = redis::pipe();
        for source in &sources {
            let command = if matches!(source, Source::Ready(..)) { "LLEN" } else { "ZCARD" };
            pipe.cmd(command).arg(source.key(queue));
        }
        let lengths: Vec<usize> = pipe.query_async(&mut queue.connection()).await?;
        for (source, about) in sources.into_iter().zip(lengths).filter(|(_, about)| *about > 0) {
            let mark = after.as_ref().filter(|after| after.source == source).and_then(|after| after.mark.clone());
            walk.left.push_back(Stretch { source, mark, about });
        }
        Ok(walk)
    }

    pub(super) fn is_over(&self) -> bool {
        self.left.is_empty()
    }

    /// Whether the entries that come next tell their lanes by themselves.
    pub(super) fn tells_lanes(&self) -> bool {
        self.left.front().is_some_and(|next| next.source == Source::Delayed)
    }

    /// Where the walk stands. `None` = at the end.
    pub(super) async fn cursor(&self) -> Result<Option<Cursor>, QueueError> {
        let Some(Stretch { source, mark, .. }) = self.left.front() else { return Ok(None) };
        let mut mark = mark.clone();
        if let Some(Mark::Ready { id, replays, .. }) = &mut mark
            && replays.is_none()
        {
            let mut command = redis::cmd("HGET");
            command.arg(self.queue.keys().key("history")).arg(id.as_str());
            let stored: Bytes = command.query_async(&mut self.queue.connection()).await?;
            *replays = Some(stored.as_deref().map(History::read).unwrap_or_default().replays);
        }
        Ok(Some(Cursor { source: source.clone(), mark }))
    }

    /// The next `n` ids, or fewer; more where many short sources follow each other. Empty can also mean that a source had ended.
    pub(super) async fn step(&mut self, n: usize) -> Result<Vec<Found>, QueueError> {
        match self.left.front() {
            None => Ok(Vec::new()),
            Some(Stretch { source: Source::Running, .. }) => self.running(n).await,
            Some(Stretch { mark: Some(_), .. }) => self.go_on(n).await,
            Some(_) => self.beginnings(n).await,
        }
    }

    /// Reads all leases at the first step: there are about as many as workers can hold, and only their ids stand still. Redis'
    /// scan gives every lease that is there from its beginning to its end.
    async fn running(&mut self, n: usize) -> Result<Vec<Found>, QueueError> {
        let Some(stretch) = self.left.front_mut() else { return Ok(Vec::new()) };
        if self.leases.is_none() {
            let after = match &stretch.mark {
                Some(Mark::Running { id }) => Some(id.as_str()),
                _ => None,
            };
            let (mut leases, mut cursor) = (BTreeMap::new(), 0_u64);
            loop {
                let mut scan = redis::cmd("ZSCAN");
                scan.arg(stretch.source.key(self.queue)).arg(cursor).arg("COUNT").arg(LEASES);
                let (next, found): (u64, Vec<(String, f64)>) = scan.query_async(&mut self.queue.connection()).await?;
                for (member, deadline) in found {
                    let id = member.split(':').next().unwrap_or_default();
                    if after.is_none_or(|after| id > after) {
                        leases.insert(id.to_owned(), deadline);
                    }
                }
                if next == 0 {
                    break;
                }
                cursor = next;
            }
            let found = |(id, deadline): (String, f64)| {
                let mark = Mark::Running { id: id.clone() };
                Found { source: Source::Running, mark, id, at: Some(deadline), class: None }
            };
            self.leases = Some(leases.into_iter().map(found).collect());
        }
        let Some(leases) = &mut self.leases else { return Ok(Vec::new()) };
        let found: Vec<Found> = leases.drain(..n.min(leases.len())).collect();
        stretch.mark = found.last().map(|last| last.mark.clone()).or(stretch.mark.take());
        if leases.is_empty() {
            self.left.pop_front();
        }
        Ok(found)
    }

    /// Reads the sources in front from their beginnings, as many short ones as it takes.
    async fn beginnings(&mut self, n: usize) -> Result<Vec<Found>, QueueError> {
        let (mut pipe, mut asked, mut room) = (redis::pipe(), Vec::new(), n);
        pipe.cmd("GET").arg(self.queue.keys().key("token"));
        for Stretch { source, about, .. } in &self.left {
            if room == 0 {
                break;
            }
            let command = if *source == Source::Delayed { "ZRANGE" } else { "LRANGE" };
            pipe.cmd(command).arg(source.key(self.queue)).arg(0).arg(room - 1);
            if *source == Source::Delayed {
                pipe.arg("WITHSCORES");
            }
            asked.push(room);
            room -= room.min(*about);
        }
        let mut replies = pipe.query_async::<Vec<Value>>(&mut self.queue.connection()).await?.into_iter();
        // Read before the lists: what is claimed in between counts as claimed since.
        let token = match replies.next() {
            None | Some(Value::Nil) => 0,
            Some(token) => u64::try_from(answer::int(&token)?).unwrap_or(0),
        };
        let mut found = Vec::new();
        for (asked, reply) in asked.into_iter().zip(replies) {
            let Some(stretch) = self.left.front_mut() else { break };
            let entries = entries(&stretch.source, token, 0, reply)?;
            let whole = entries.len() < asked;
            stretch.mark = entries.last().map(|last| last.mark.clone());
            found.extend(entries);
            if !whole {
                // It is longer than it was: what was read behind it is none of this step's business.
                break;
            }
            self.left.pop_front();
        }
        Ok(found)
    }

    /// Reads on behind the mark of the first source.
    async fn go_on(&mut self, n: usize) -> Result<Vec<Found>, QueueError> {
        let Some(stretch) = self.left.front_mut() else { return Ok(Vec::new()) };
        let mut command = WALK.command(self.queue.keys(), 10, 256);
        match (&stretch.source, &stretch.mark) {
            (Source::Ready(lane, priority), Some(Mark::Ready { id, before, token, replays })) => {
                command.arg("ready").arg(lane.as_str()).arg(priority.digit()).arg(id).arg(before).arg(token);
                command.arg(replays.map(|replays| replays.to_string()).unwrap_or_default());
            }
            (_, Some(Mark::Delayed { due_ms, member })) => {
                command.arg("delayed").arg(due_ms).arg(member);
            }
            _ => return Ok(Vec::new()),
        }
        command.arg(n);
        let reply = WALK.call(&mut self.queue.connection(), &command).await?;
        let mut parts = answer::array(reply)?.into_iter();
        let mut part = || parts.next().unwrap_or(Value::Nil);
        let token = u64::try_from(answer::int(&part())?).unwrap_or(0);
        self.moved |= answer::int(&part())? == 1;
        let first = u64::try_from(answer::int(&part())?).unwrap_or(0);
        let found = entries(&stretch.source, token, first, part())?;
        if let Some(last) = found.last() {
            stretch.mark = Some(last.mark.clone());
        }
        if found.len() < n {
            self.left.pop_front();
        }
        Ok(found)
    }
}

/// Entries of one source, of which `first` stand before the first one.
fn entries(source: &Source, token: u64, first: u64, reply: Value) -> Result<Vec<Found>, QueueError> {
    if *source != Source::Delayed {
        let numbered = answer::texts(reply)?.into_iter().zip(first..);
        let found = |(id, before): (String, u64)| {
            let mark = Mark::Ready { id: id.clone(), before, token, replays: None };
            Found { source: source.clone(), mark, id, at: None, class: None }
        };
        return Ok(numbered.map(found).collect());
    }
    // A script gives them one after the other, a command in pairs where the protocol has them.
    let scored: Vec<(String, f64)> = redis::from_redis_value(reply).map_err(redis::RedisError::from)?;
    let found = |(member, due): (String, f64)| {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "whole milliseconds far below 2^53"
        )]
        let mark = Mark::Delayed { due_ms: due as u64, member: member.clone() };
        let mut words = member.splitn(4, ':').skip(1);
        let class =
            words.next().and_then(Priority::from_digit).zip(words.next().and_then(|lane| Lane::parse(lane).ok()));
        let id = words.next().unwrap_or_default().to_owned();
        Found { source: source.clone(), mark, id, at: Some(due), class }
    };
    Ok(scored.into_iter().map(found).collect())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]
    use super::*;

    #[test]
    fn a_cursor_names_its_source_so_that_new_lanes_move_nothing() {
        let ready = Source::Ready(Lane::parse("epicor-main").unwrap(), Priority::Backfill);
        let id = "1m81r01db0000bzmapv".to_owned();
        for (source, mark) in [
            (Source::Running, Mark::Running { id: id.clone() }),
            (Source::Delayed, Mark::Delayed { due_ms: 1_763_800_000_123, member: format!("n:1:epicor-main:{id}") }),
            (ready.clone(), Mark::Ready { id, before: 1200, token: 77, replays: Some(2) }),
        ] {
            for mark in [Some(mark), None] {
                let cursor = Cursor { source: source.clone(), mark };
                assert_eq!(Cursor::read(&cursor.write()), Some(cursor));
            }
        }
        for broken in [
            "",
            "0.0",
            "dead:3",
            "ready:3",
            "running:",
            "delayed:-1:x",
            "delayed:1",
            "delayed:1:",
            "delayed:9007199254740993:x",
            "ready,7,a",
            "ready,1,A!",
            "ready,1,a,b",
            "ready,1,a:1:2:x",
            "ready,1,a:1:2:3:",
        ] {
            assert_eq!(Cursor::read(broken), None, "{broken}");
        }
    }
}
