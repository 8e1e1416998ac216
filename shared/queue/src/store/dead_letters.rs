//! The shelf: look, replay, discard.

use std::{collections::BTreeMap, time::Duration};

use chrono::{DateTime, Utc};
use mlc_model::{Fault, JobId};
use redis::{FromRedisValue as _, Value};
use serde::Serialize;

use super::{
    ended::discarded_words,
    jobs::{JobView, Listing, Page, instant},
    look::{DeadFilter, Patience, Seen, Spot, Way},
    triage::Triage,
};
use crate::{
    Queue, QueueError,
    history::History,
    shelf_record::{CameBack, read_fault},
    subject::Bearing,
    verb::{DISCARD, REPLAY, answer},
};

/// Members of a sorted set with their scores.
type Scored = Vec<(String, f64)>;

/// Letters read or moved per step.
const STEP: usize = 100;
/// Tries when histories move under a replay. Each that fails means that somebody else's change was made.
const TRIES: usize = 20;
/// Kinds of faults times operations times fields: hundreds at the worst.
const CAUSES_MAX: usize = 2000;

/// A job that was given up, with the reason.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DeadLetter {
    /// The job with its attempts and replays.
    pub job: JobView,
    /// Why it was given up.
    pub fault: Fault,
    /// When.
    pub died_at: DateTime<Utc>,
    /// Names the set of letters with the same cause.
    pub cause: String,
    /// Who looks after it; `None` = nobody has said anything about it.
    pub triage: Option<Triage>,
    /// Who looks after all letters of its cause, whatever is said about this one; `None` = nobody has said anything.
    pub cause_triage: Option<Triage>,
    /// Where it was replayed before and came back; `None` = that is not known. Known of letters that somebody looked after or
    /// had a note on when they were replayed.
    pub came_back: Option<CameBack>,
}

/// Letters with the same cause.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Cause {
    /// Short name for filters.
    pub hash: String,
    /// `system/fault kind/operation/code/field`.
    pub text: String,
    /// Letters.
    pub letters: u64,
    /// The newest letter's reason, as an example.
    pub example: String,
    /// When the oldest one died.
    pub first_at: DateTime<Utc>,
    /// When the newest one died.
    pub last_at: DateTime<Utc>,
    /// Who looks after it; `None` = nobody has said anything about it.
    pub triage: Option<Triage>,
}

/// What a replay moved.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Replayed {
    /// Jobs that are back in their lanes.
    pub jobs: Vec<JobId>,
}

impl Queue {
    /// Letters that match, newest first. Looks for about 60 ms: a page can be short and still have a next.
    ///
    /// # Errors
    /// [`QueueError::Redis`]; [`QueueError::Answer`] for a cursor that is none of ours.
    pub async fn dead_letters(&self, filter: &DeadFilter, page: &Page) -> Result<Listing<DeadLetter>, QueueError> {
        let (limit, patience) = (page.limit.max(1), Patience::begin());
        let mut after = page.after.as_deref().map(Spot::parse).transpose()?;
        let mut items = Vec::new();
        loop {
            // Some more than are wanted, since the filter may drop some; few for a page of one.
            let most = if filter.is_countable() { limit - items.len() } else { STEP };
            let stretch = self.stretch(filter, Way::NewestFirst, after.as_ref(), most).await?;
            for seen in &stretch.seen {
                let Some((bearing, mut letter)) = filter.bearing(seen).zip(seen.letter(self)) else { continue };
                letter.job.may_carry = bearing == Bearing::MayCarry;
                items.push(letter);
                if items.len() == limit {
                    let last = stretch.ended && stretch.seen.last().is_some_and(|last| last.id == seen.id);
                    return Ok(Listing { items, next: (!last).then(|| seen.spot().to_string()) });
                }
            }
            if stretch.ended {
                return Ok(Listing { items, next: None });
            }
            after = stretch.last.or(after);
            if patience.is_over() {
                return Ok(Listing { items, next: after.map(|spot| spot.to_string()) });
            }
        }
    }

    /// One letter; `None` when it is not on the shelf.
    ///
    /// # Errors
    /// [`QueueError::Redis`].
    pub async fn dead_letter(&self, id: &JobId) -> Result<Option<DeadLetter>, QueueError> {
        let (keys, id) = (self.keys(), id.as_str());
        let mut pipe = redis::pipe();
        pipe.zscore(keys.key("dead"), id);
        for hash in ["dead_record", "job", "history", "triage"] {
            pipe.hget(keys.key(hash), id);
        }
        type Stored = Option<Vec<u8>>;
        let (died, record, job, history, triage): (Option<f64>, Stored, Stored, Stored, Stored) =
            pipe.query_async(&mut self.connection()).await?;
        let (Some(died), Some(record)) = (died, record) else { return Ok(None) };
        let mut seen = Seen::of(id, died, record, job.unwrap_or_default(), history, triage);
        if let Some((_, _, cause)) = seen.words() {
            let key = keys.key("triage_cause");
            let stored: Stored = redis::cmd("HGET").arg(key).arg(cause).query_async(&mut self.connection()).await?;
            seen.cause_triage = stored.unwrap_or_default();
        }
        Ok(seen.letter(self))
    }

    /// All causes on the shelf, most letters first; at most 2,000.
    ///
    /// # Errors
    /// [`QueueError::Redis`].
    pub async fn causes(&self) -> Result<Vec<Cause>, QueueError> {
        let (keys, mut connection) = (self.keys(), self.connection());
        let (mut texts, mut cursor) = (BTreeMap::<String, String>::new(), 0_u64);
        loop {
            let mut command = redis::cmd("HSCAN");
            command.arg(keys.key("causes")).arg(cursor).arg("COUNT").arg(500);
            let (next, found): (u64, Vec<(String, String)>) = command.query_async(&mut connection).await?;
            texts.extend(found);
            cursor = next;
            if cursor == 0 || texts.len() >= CAUSES_MAX {
                break;
            }
        }
        if texts.is_empty() {
            return Ok(Vec::new());
        }
        let mut pipe = redis::pipe();
        for hash in texts.keys() {
            let key = keys.dead_cause(hash);
            pipe.zcard(&key).zrange_withscores(&key, 0, 0).zrange_withscores(&key, -1, -1);
            pipe.hget(keys.key("triage_cause"), hash);
        }
        let facts: Vec<Value> = pipe.query_async(&mut connection).await?;
        let mut causes = Vec::with_capacity(texts.len());
        let mut newest = Vec::with_capacity(texts.len());
        for ((hash, text), facts) in texts.into_iter().zip(facts.chunks(4)) {
            let [letters, first, last, triage] = facts else { continue };
            let (first, last) = (Scored::from_redis_value(first.clone()), Scored::from_redis_value(last.clone()));
            let (Ok(first), Ok(last)) = (first, last) else { continue };
            // Gone since the causes were read.
            let (Some(first), Some(last)) = (first.into_iter().next(), last.into_iter().next()) else { continue };
            let triage = answer::bytes(triage.clone()).and_then(|stored| Triage::read(&[&hash], &stored, self));
            causes.push(Cause {
                letters: u64::try_from(answer::int(letters)?).unwrap_or(0),
                example: String::new(),
                first_at: instant(first.1),
                last_at: instant(last.1),
                hash,
                text,
                triage,
            });
            newest.push(last.0);
        }
        if !newest.is_empty() {
            let mut command = redis::cmd("HMGET");
            command.arg(keys.key("dead_record")).arg(&newest);
            let records: Vec<Option<Vec<u8>>> = command.query_async(&mut connection).await?;
            for (cause, record) in causes.iter_mut().zip(records) {
                cause.example = record.map(|record| read_fault(&record).message).unwrap_or_default();
            }
        }
        causes.sort_by(|a, b| b.letters.cmp(&a.letters).then_with(|| a.text.cmp(&b.text)));
        Ok(causes)
    }

    /// Puts letters back into their lanes, at once. Ids that are not on the shelf are left out of the answer.
    ///
    /// # Errors
    /// [`QueueError::Redis`], or [`QueueError::Refused`] when a letter is edited again and again meanwhile: some may be back already;
    /// repeating is safe.
    pub async fn replay(&self, ids: &[JobId], by: &str) -> Result<Replayed, QueueError> {
        let mut replayed = Replayed::default();
        for piece in ids.chunks(STEP) {
            let mut left = piece.to_vec();
            for _ in 0..TRIES {
                let (back, changed) = self.replay_step(&left, by).await?;
                replayed.jobs.extend(back);
                left = changed;
                if left.is_empty() {
                    break;
                }
            }
            if let Some(id) = left.first() {
                return Err(QueueError::Refused(format!("letter {id} is being edited again and again: try once more")));
            }
        }
        Ok(replayed)
    }

    /// Deletes letters for good; [`Queue::ended`] tells who did it and why. Returns those that were on the shelf.
    ///
    /// # Errors
    /// [`QueueError::Redis`]: some may be gone already; repeating is safe.
    pub async fn discard(&self, ids: &[JobId], by: &str, reason: &str) -> Result<Vec<JobId>, QueueError> {
        let mut gone = Vec::new();
        for piece in ids.chunks(STEP) {
            let told = discarded_words(by, None, Some(reason));
            let mut command =
                DISCARD.command(self.keys(), piece.len() + 5, piece.len() * 24 + reason.len() + told.len());
            command.arg(by).arg(reason).arg(told).arg(piece.len());
            for id in piece {
                command.arg(id.as_str());
            }
            for id in answer::texts(DISCARD.call(&mut self.connection(), &command).await?)? {
                gone.push(JobId::parse(&id)?);
            }
        }
        Ok(gone)
    }

    /// Those that were put back, and those whose history was another one by then: their edit would be forgotten.
    async fn replay_step(&self, ids: &[JobId], by: &str) -> Result<(Vec<JobId>, Vec<JobId>), QueueError> {
        let names: Vec<String> = ids.iter().map(ToString::to_string).collect();
        let mut read = redis::cmd("HMGET");
        read.arg(self.keys().key("history")).arg(&names);
        let histories: Vec<Option<Vec<u8>>> = read.query_async(&mut self.connection()).await?;
        let mut command = REPLAY.command(self.keys(), 3 * ids.len() + 2, ids.len() * 800);
        command.arg(ids.len());
        for (id, seen) in names.iter().zip(histories) {
            let seen = seen.unwrap_or_default();
            let mut history = History::read(&seen);
            history.replay(self.now(), by, None);
            command.arg(id).arg(seen).arg(history.write());
        }
        let mut parts = answer::array(REPLAY.call(&mut self.connection(), &command).await?)?.into_iter();
        let mut ids = || -> Result<Vec<JobId>, QueueError> {
            let names = answer::texts(parts.next().unwrap_or(Value::Nil))?;
            names.iter().map(|id| Ok(JobId::parse(id)?)).collect()
        };
        Ok((ids()?, ids()?))
    }
}

impl DeadLetter {
    /// How long ago it died.
    pub fn age(&self, now: DateTime<Utc>) -> Duration {
        (now - self.died_at).to_std().unwrap_or_default()
    }
}
