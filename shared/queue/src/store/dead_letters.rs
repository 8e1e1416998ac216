//! The shelf: look, replay, discard.

use std::{collections::HashMap, time::Duration};

use chrono::{DateTime, Utc};
use mlc_model::{Fault, FaultKind, JobId};
use redis::Value;
use serde::Serialize;

use super::jobs::{JobState, JobView, Listing, Page, contains, instant, view};
use crate::{
    Lane, Queue, QueueError,
    history::History,
    shelf_record::{cause_hash, read_fault},
    verb::{DISCARD, REPLAY, answer},
};

/// Members of a sorted set with their scores.
type Scored = Vec<(String, f64)>;

/// Letters read or moved per step.
const STEP: usize = 100;
/// Steps per page.
const STEPS: usize = 100;

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
}

/// Which letters. Empty = all.
#[derive(Debug, Clone, Default)]
pub struct DeadFilter {
    /// Only this lane.
    pub lane: Option<Lane>,
    /// Only this kind of job.
    pub kind: Option<String>,
    /// Only this kind of fault.
    pub fault: Option<FaultKind>,
    /// Only this cause: [`Cause::hash`].
    pub cause: Option<String>,
    /// Only subjects that contain this text, in any case.
    pub subject: Option<String>,
    /// Only letters that died at this time or later.
    pub since: Option<DateTime<Utc>>,
    /// Only letters that died at this time or earlier.
    pub until: Option<DateTime<Utc>>,
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
}

/// What a replay moved.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Replayed {
    /// Jobs that are back in their lanes.
    pub jobs: Vec<JobId>,
    /// When the last of them starts, for a metered replay; `None` = at once.
    pub last_at: Option<DateTime<Utc>>,
}

impl Queue {
    /// Letters that match, newest first.
    ///
    /// # Errors
    /// [`QueueError::Redis`]; [`QueueError::Answer`] for a cursor that is none of ours.
    pub async fn dead_letters(&self, filter: &DeadFilter, page: &Page) -> Result<Listing<DeadLetter>, QueueError> {
        let bad = || QueueError::Answer("a cursor that is none of this queue".to_owned());
        // The cursor is an instant and how many letters of that instant were seen: letters that die or leave meanwhile
        // move nothing.
        let (mut until, mut skip) = match page.after.as_deref() {
            None => (filter.until.map(|at| at.timestamp_millis()), 0),
            Some(cursor) => {
                let (at, seen) = cursor.split_once('.').ok_or_else(bad)?;
                (Some(at.parse().map_err(|_| bad())?), seen.parse().map_err(|_| bad())?)
            }
        };
        let limit = page.limit.max(1);
        let mut items = Vec::new();
        for _ in 0..STEPS {
            let entries = self.shelf_step(filter, until, skip).await?;
            let letters = self.read_letters(&entries).await?;
            for ((_, at), letter) in entries.iter().zip(letters) {
                let at_ms = instant(*at).timestamp_millis();
                skip = if until == Some(at_ms) { skip + 1 } else { 1 };
                until = Some(at_ms);
                if let Some(letter) = letter.filter(|letter| matches(filter, letter)) {
                    items.push(letter);
                    if items.len() == limit {
                        return Ok(Listing { items, next: Some(format!("{at_ms}.{skip}")) });
                    }
                }
            }
            if entries.len() < STEP {
                return Ok(Listing { items, next: None });
            }
        }
        Ok(Listing { items, next: until.map(|at| format!("{at}.{skip}")) })
    }

    /// One letter; `None` when it is not on the shelf.
    ///
    /// # Errors
    /// [`QueueError::Redis`].
    pub async fn dead_letter(&self, id: &JobId) -> Result<Option<DeadLetter>, QueueError> {
        let mut command = redis::cmd("ZSCORE");
        command.arg(self.keys().key("dead")).arg(id.as_str());
        let died: Option<f64> = command.query_async(&mut self.connection()).await?;
        let Some(died) = died else { return Ok(None) };
        Ok(self.read_letters(&[(id.to_string(), died)]).await?.pop().flatten())
    }

    /// All causes on the shelf, most letters first.
    ///
    /// # Errors
    /// [`QueueError::Redis`].
    pub async fn causes(&self) -> Result<Vec<Cause>, QueueError> {
        let mut connection = self.connection();
        let texts: HashMap<String, String> =
            redis::cmd("HGETALL").arg(self.keys().key("causes")).query_async(&mut connection).await?;
        let mut causes = Vec::with_capacity(texts.len());
        for (hash, text) in texts {
            let key = self.keys().dead_cause(&hash);
            let mut pipe = redis::pipe();
            pipe.zcard(&key).zrange_withscores(&key, 0, 0).zrange_withscores(&key, -1, -1);
            let (letters, first, last): (u64, Scored, Scored) = pipe.query_async(&mut connection).await?;
            let (Some(first), Some(last)) = (first.into_iter().next(), last.into_iter().next()) else { continue };
            let record: Option<Vec<u8>> = redis::cmd("HGET")
                .arg(self.keys().key("dead_record"))
                .arg(&last.0)
                .query_async(&mut connection)
                .await?;
            let example = record.map(|record| read_fault(&record).message).unwrap_or_default();
            causes.push(Cause { hash, text, letters, example, first_at: instant(first.1), last_at: instant(last.1) });
        }
        causes.sort_by(|a, b| b.letters.cmp(&a.letters).then_with(|| a.text.cmp(&b.text)));
        Ok(causes)
    }

    /// Puts letters back into their lanes, at once. Ids that are not on the shelf are left out of the answer.
    ///
    /// # Errors
    /// [`QueueError::Redis`]: some may be back already; repeating is safe.
    pub async fn replay(&self, ids: &[JobId], by: &str) -> Result<Replayed, QueueError> {
        let mut replayed = Replayed::default();
        for piece in ids.chunks(STEP) {
            let jobs: Vec<(String, i64)> = piece.iter().map(|id| (id.to_string(), 0)).collect();
            replayed.jobs.extend(self.replay_step(&jobs, by).await?);
        }
        Ok(replayed)
    }

    /// Puts all letters that match back, oldest first. With `per_second` they start spread out: the waiting is in Redis, so
    /// it goes on when this process ends.
    ///
    /// # Errors
    /// [`QueueError::Redis`]: some may be back already; repeating is safe.
    pub async fn replay_matching(
        &self,
        filter: &DeadFilter,
        per_second: Option<f64>,
        by: &str,
    ) -> Result<Replayed, QueueError> {
        // Letters that die again while we replay are left for the next time.
        let until = filter.until.unwrap_or_else(|| self.now()).min(self.now());
        let ids = self.matching_ids(&DeadFilter { until: Some(until), ..filter.clone() }).await?;
        let gap_ms = per_second.filter(|rate| *rate > 0.0 && rate.is_finite()).map(|rate| 1000.0 / rate);
        let mut replayed = Replayed::default();
        let mut place = 0.0;
        for piece in ids.chunks(STEP) {
            let mut jobs = Vec::with_capacity(piece.len());
            for id in piece {
                #[expect(clippy::cast_possible_truncation, reason = "a float cast saturates")]
                jobs.push((id.clone(), gap_ms.map_or(0, |gap| (place * gap) as i64)));
                place += 1.0;
            }
            let delay = jobs.last().map_or(0, |(_, delay)| *delay);
            if delay > 0 {
                replayed.last_at = Some(self.now() + chrono::Duration::milliseconds(delay));
            }
            replayed.jobs.extend(self.replay_step(&jobs, by).await?);
        }
        Ok(replayed)
    }

    /// Deletes letters for good; the stream of removals keeps who and why. Returns those that were on the shelf.
    ///
    /// # Errors
    /// [`QueueError::Redis`]: some may be gone already; repeating is safe.
    pub async fn discard(&self, ids: &[JobId], by: &str, reason: &str) -> Result<Vec<JobId>, QueueError> {
        let mut gone = Vec::new();
        for piece in ids.chunks(STEP) {
            let mut command = DISCARD.command(self.keys(), piece.len() + 4, piece.len() * 24 + reason.len());
            command.arg(by).arg(reason).arg(piece.len());
            for id in piece {
                command.arg(id.as_str());
            }
            for id in answer::texts(DISCARD.call(&mut self.connection(), &command).await?)? {
                gone.push(JobId::parse(&id)?);
            }
        }
        Ok(gone)
    }

    /// Ids of all letters that match, oldest first.
    async fn matching_ids(&self, filter: &DeadFilter) -> Result<Vec<String>, QueueError> {
        let mut ids = Vec::new();
        let mut page = Page { after: None, limit: 1000 };
        loop {
            let listing = self.dead_letters(filter, &page).await?;
            ids.extend(listing.items.into_iter().map(|letter| String::from(letter.job.id)));
            page.after = listing.next;
            if page.after.is_none() {
                ids.reverse();
                return Ok(ids);
            }
        }
    }

    async fn replay_step(&self, jobs: &[(String, i64)], by: &str) -> Result<Vec<JobId>, QueueError> {
        let ids: Vec<String> = jobs.iter().map(|(id, _)| id.clone()).collect();
        let bodies = self.bodies(&ids).await?;
        let mut command = REPLAY.command(self.keys(), 3 * jobs.len() + 2, jobs.len() * 400);
        command.arg(jobs.len());
        for ((id, delay), (_, history)) in jobs.iter().zip(bodies) {
            let mut history = history.as_deref().map(History::read).unwrap_or_default();
            history.replay(self.now(), by);
            command.arg(id).arg(history.write()).arg(*delay);
        }
        let back = answer::texts(REPLAY.call(&mut self.connection(), &command).await?)?;
        back.iter().map(|id| Ok(JobId::parse(id)?)).collect()
    }

    async fn shelf_step(
        &self,
        filter: &DeadFilter,
        until: Option<i64>,
        skip: usize,
    ) -> Result<Vec<(String, f64)>, QueueError> {
        let key = match &filter.cause {
            Some(cause) => self.keys().dead_cause(cause),
            None => self.keys().key("dead"),
        };
        let until = until.map_or_else(|| "+inf".to_owned(), |at| at.to_string());
        let since = filter.since.map_or_else(|| "-inf".to_owned(), |at| at.timestamp_millis().to_string());
        let mut command = redis::cmd("ZRANGE");
        command
            .arg(key)
            .arg(until)
            .arg(since)
            .arg("BYSCORE")
            .arg("REV")
            .arg("LIMIT")
            .arg(skip)
            .arg(STEP)
            .arg("WITHSCORES");
        Ok(command.query_async(&mut self.connection()).await?)
    }

    async fn read_letters(&self, entries: &[(String, f64)]) -> Result<Vec<Option<DeadLetter>>, QueueError> {
        if entries.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<String> = entries.iter().map(|(id, _)| id.clone()).collect();
        let mut command = redis::cmd("HMGET");
        command.arg(self.keys().key("dead_record")).arg(&ids);
        let records = answer::array(command.query_async::<Value>(&mut self.connection()).await?)?;
        let bodies = self.bodies(&ids).await?;
        let letters = entries.iter().zip(records).zip(bodies).map(|(((id, at), record), (stored, history))| {
            let record = answer::bytes(record)?;
            let fault = read_fault(&record);
            let job = match stored.map(|stored| view(id, JobState::Dead, Some(*at), &stored, history.as_deref())) {
                Some(Ok(job)) => job,
                _ => nameless(id, &record, *at)?,
            };
            Some(DeadLetter { job, cause: cause_hash(&fault), fault, died_at: instant(*at) })
        });
        Ok(letters.collect())
    }
}

/// A letter whose envelope is missing or broken: what its record knows.
fn nameless(id: &str, record: &[u8], at: f64) -> Option<JobView> {
    let text = String::from_utf8_lossy(record);
    let mut words = text.lines().next()?.split(' ').skip(1);
    let (lane, kind) = (words.next()?, words.next()?);
    let stored = format!("1 {lane} 1 {kind} - 0 0 0 0 - {id} -\n");
    view(id, JobState::Dead, Some(at), stored.as_bytes(), None).ok()
}

fn matches(filter: &DeadFilter, letter: &DeadLetter) -> bool {
    filter.lane.as_ref().is_none_or(|lane| *lane == letter.job.lane)
        && filter.kind.as_ref().is_none_or(|kind| *kind == letter.job.kind)
        && filter.fault.is_none_or(|kind| kind == letter.fault.kind)
        && filter.subject.as_ref().is_none_or(|text| contains(letter.job.subject.as_deref(), text))
}

impl DeadLetter {
    /// How long ago it died.
    pub fn age(&self, now: DateTime<Utc>) -> Duration {
        (now - self.died_at).to_std().unwrap_or_default()
    }
}
