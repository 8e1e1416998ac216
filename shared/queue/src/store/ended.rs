//! Jobs that came to an end, the last 10,000 or so.
//!
//! Stored as a list of lines, newest first: `1 <d done, x dead, c discarded> <id> <lane> <kind> <attempts> <wait ms>
//! <run ms> <ended ms> <parent or -> <trace> <subject or ->`. A list takes all lines of a turn with one command; a stream would
//! cost one per job. `ended_count` counts every line that was ever written: what stands at place `i` is number `count - i`.

use chrono::{DateTime, Utc};
use mlc_model::JobId;
use serde::Serialize;

use super::jobs::{Listing, Page};
use crate::{
    Lane, Queue, QueueError,
    envelope::{Envelope, escape, optional_word},
};

/// Lines that may have come in between asking for the count and reading the list.
const SLACK: u64 = 500;
/// Most entries of one page: keeps one answer small.
const PAGE_MAX: usize = 1000;

/// How a job came to an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// Carried out.
    Done,
    /// Given up: it went to the dead-letter shelf, where it may still be.
    Dead,
    /// Deleted from the shelf, by a person or for want of room.
    Discarded,
}

impl Ended {
    /// The letter in the stored line.
    fn letter(self) -> &'static str {
        match self {
            Self::Done => "d",
            Self::Dead => "x",
            Self::Discarded => "c",
        }
    }

    fn from_letter(letter: &str) -> Option<Self> {
        [Self::Done, Self::Dead, Self::Discarded].into_iter().find(|ended| ended.letter() == letter)
    }

    /// The outcome as people read it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Dead => "dead",
            Self::Discarded => "discarded",
        }
    }
}

/// A job that came to an end. One that was replayed can end more than once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EndedJob {
    /// Its id.
    pub id: JobId,
    /// Its lane.
    pub lane: Lane,
    /// Kind of work.
    pub kind: String,
    /// Record key, window or flow.
    pub subject: Option<String>,
    /// How it ended.
    pub outcome: Ended,
    /// Attempts used. 0 for a record that went to the shelf without a run of its own.
    pub attempts: u32,
    /// Milliseconds that it waited before its last run, from when it could start. 0 for a discarded one.
    pub wait_ms: u64,
    /// Milliseconds that its last run took. 0 for a discarded one.
    pub run_ms: u64,
    /// When, by Redis' clock.
    pub ended_at: DateTime<Utc>,
    /// The job it followed from.
    pub parent: Option<JobId>,
    /// The first job of its chain.
    pub trace: String,
}

/// What a line says besides the job's envelope.
#[derive(Debug, Clone, Copy)]
pub(crate) struct End {
    pub(crate) outcome: Ended,
    pub(crate) attempts: u32,
    pub(crate) wait_ms: u64,
    pub(crate) run_ms: u64,
    pub(crate) at_ms: i64,
}

/// The line for a job.
pub(crate) fn line(id: &str, envelope: &Envelope, end: End) -> String {
    format!(
        "1 {} {id} {} {} {} {} {} {} {} {} {}",
        end.outcome.letter(),
        envelope.lane,
        envelope.kind,
        end.attempts,
        end.wait_ms,
        end.run_ms,
        end.at_ms,
        envelope.parent.as_deref().unwrap_or("-"),
        envelope.trace,
        envelope.subject.as_deref().map_or_else(|| "-".to_owned(), escape),
    )
}

/// A line that cannot be read is left out of the listing: it is of a newer version.
fn read(line: &str) -> Option<EndedJob> {
    let mut words = line.split(' ');
    if words.next() != Some("1") {
        return None;
    }
    let mut word = || words.next();
    Some(EndedJob {
        outcome: Ended::from_letter(word()?)?,
        id: JobId::parse(word()?).ok()?,
        lane: Lane::parse(word()?).ok()?,
        kind: word()?.to_owned(),
        attempts: word()?.parse().ok()?,
        wait_ms: word()?.parse().ok()?,
        run_ms: word()?.parse().ok()?,
        ended_at: DateTime::from_timestamp_millis(word()?.parse().ok()?)?,
        parent: match word()? {
            "-" => None,
            id => Some(JobId::parse(id).ok()?),
        },
        trace: word()?.to_owned(),
        subject: optional_word(word()?),
    })
}

impl Queue {
    /// The jobs that ended last, newest first; about 10,000 are remembered.
    ///
    /// # Errors
    /// [`QueueError::Redis`]; [`QueueError::Answer`] for a cursor that is none of ours.
    pub async fn ended(&self, page: &Page) -> Result<Listing<EndedJob>, QueueError> {
        let keys = self.keys();
        let mut connection = self.connection();
        let limit = page.limit.clamp(1, PAGE_MAX);
        // The cursor is the number of the last entry shown: jobs that end meanwhile move nothing.
        let (below, from) = match page.after.as_deref() {
            None => (u64::MAX, 0),
            Some(cursor) => {
                let below: u64 =
                    cursor.parse().map_err(|_| QueueError::Answer("a cursor that is none of this queue".to_owned()))?;
                let count: Option<u64> =
                    redis::cmd("GET").arg(keys.key("ended_count")).query_async(&mut connection).await?;
                (below, (count.unwrap_or(0) + 1).saturating_sub(below))
            }
        };
        let last = from + SLACK + u64::try_from(limit).unwrap_or(0);
        let mut pipe = redis::pipe();
        pipe.atomic().get(keys.key("ended_count"));
        pipe.cmd("LRANGE").arg(keys.key("ended")).arg(from).arg(last);
        let (count, lines): (Option<u64>, Vec<Vec<u8>>) = pipe.query_async(&mut connection).await?;
        let newest = count.unwrap_or(0).saturating_sub(from);
        let numbered = (0..=newest).rev().zip(&lines).filter(|(number, _)| *number < below);
        let (mut items, mut shown) = (Vec::new(), None);
        for (number, line) in numbered {
            if items.len() == limit {
                return Ok(Listing { items, next: shown.map(|number: u64| number.to_string()) });
            }
            shown = Some(number);
            items.extend(std::str::from_utf8(line).ok().and_then(read));
        }
        // Fewer than were asked for: the end, unless more than the slack came in between.
        let more = lines.len() as u64 > last - from;
        let next =
            if more { shown.or(page.after.as_ref().map(|_| below)).map(|number| number.to_string()) } else { None };
        Ok(Listing { items, next })
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]
    use super::*;
    use crate::Priority;

    #[test]
    fn the_stored_line_is_pinned_and_read_back() {
        let envelope = Envelope {
            lane: Lane::parse("hubspot-main").unwrap(),
            priority: Priority::Normal,
            kind: "push_record".to_owned(),
            unique: None,
            enqueued_ms: 0,
            max_attempts: 12,
            timeout: std::time::Duration::from_secs(60),
            version: 1,
            parent: Some("p1".to_owned()),
            trace: "t1".to_owned(),
            subject: Some("EPIC06:VEND:17 and more".to_owned()),
            due_ms: None,
        };
        let end = End { outcome: Ended::Dead, attempts: 12, wait_ms: 340, run_ms: 1200, at_ms: 1_763_800_000_000 };
        let line = line("j1", &envelope, end);
        assert_eq!(line, "1 x j1 hubspot-main push_record 12 340 1200 1763800000000 p1 t1 EPIC06:VEND:17%20and%20more");
        let job = read(&line).unwrap();
        assert_eq!((job.outcome, job.attempts, job.subject), (Ended::Dead, 12, envelope.subject.clone()));
        assert_eq!((job.parent.as_ref().map(JobId::as_str), job.ended_at.timestamp()), (Some("p1"), 1_763_800_000));
        let bare = Envelope { parent: None, subject: None, ..envelope };
        let job = read(&super::line("j1", &bare, end)).unwrap();
        assert_eq!((job.parent, job.subject), (None, None));
        for broken in ["", "1", "2 d j l k 1 1 1 1 - t -", "1 q j l k 1 1 1 1 - t -", "1 d j L! k 1 1 1 1 - t -"] {
            assert_eq!(read(broken), None, "{broken}");
        }
    }
}
