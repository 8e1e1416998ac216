//! Jobs that came to an end, the last 10,000 or so.
//!
//! Stored as a list, one element per turn, newest first: the number of the element's last job, then a line for each job, the
//! last one ended last: `1 <d done, x dead, c discarded> <id> <lane> <kind> <attempts> <wait ms> <run ms> <ended ms> <parent or ->
//! <trace> <subject or ->`, and for a discarded one ` <by> <operation or -> <reason or ->`. Jobs are numbered for ever. One element for all jobs of a turn costs Redis hardly anything; a
//! stream, or an element each, would cost as much as the rest of their end.

use chrono::{DateTime, Utc};
use mlc_model::JobId;
use serde::Serialize;

use super::{
    jobs::{Listing, Page},
    orders::Section,
};
use crate::{
    Lane, Queue, QueueError,
    envelope::{Envelope, escape, escape_within, optional_word},
};

/// Most jobs in one element.
const ELEMENT: usize = 256;
/// Most entries of one page: keeps one answer small.
const PAGE_MAX: usize = 1000;
/// Bytes of a reason that are kept with each job.
const REASON_MAX: usize = 200;
/// Entries read at once when one job is looked for.
const SEARCH_STEP: usize = 500;

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
    /// Who discarded it and why; `None` for one that was not discarded, or by a version that did not write it down.
    pub discarded: Option<Discarded>,
}

/// Who took a job off the shelf for good, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Discarded {
    /// Who ordered it; `queue` when the shelf was over its byte budget.
    pub by: String,
    /// The operation on many letters it was part of, which has the reason; `None` for one that was chosen by its id.
    pub bulk: Option<String>,
    /// Why, cut after about 200 bytes; `None` for one that an operation took.
    pub reason: Option<String>,
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

/// The words of a line that tell who discarded a job and why.
pub(crate) fn discarded_words(by: &str, bulk: Option<&str>, reason: Option<&str>) -> String {
    let reason = reason.map_or_else(
        || "-".to_owned(),
        |reason| {
            let end = (0..=REASON_MAX.min(reason.len())).rev().find(|at| reason.is_char_boundary(*at)).unwrap_or(0);
            let cut = if end < reason.len() { format!("{}…", &reason[..end]) } else { reason.to_owned() };
            // Escaped, a character takes up to three times as much.
            escape_within(&cut, 4 * REASON_MAX)
        },
    );
    format!("{} {} {reason}", escape(by), bulk.unwrap_or("-"))
}

/// As many elements as it takes: how many jobs, their lines, and so on.
pub(crate) fn section(lines: &[String]) -> Section {
    let mut section = Section::default();
    for lines in lines.chunks(ELEMENT) {
        section.push(lines.len());
        section.push(lines.join("\n"));
    }
    section
}

/// The number of an element's last job, and its lines.
fn element(stored: &[u8]) -> Result<(u64, &str), QueueError> {
    std::str::from_utf8(stored)
        .ok()
        .and_then(|text| text.split_once('\n'))
        .and_then(|(number, lines)| Some((number.parse().ok()?, lines)))
        .ok_or_else(|| QueueError::Answer("ended jobs of another form".to_owned()))
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
        discarded: match (word(), word(), word()) {
            (Some(by), Some(bulk), Some(reason)) => {
                let by = optional_word(by).unwrap_or_default();
                Some(Discarded { by, bulk: optional_word(bulk), reason: optional_word(reason) })
            }
            _ => None,
        },
    })
}

impl Queue {
    /// The jobs that ended last, newest first; about 10,000 are remembered.
    ///
    /// # Errors
    /// [`QueueError::Redis`]; [`QueueError::Answer`] for a cursor that is none of ours.
    pub async fn ended(&self, page: &Page) -> Result<Listing<EndedJob>, QueueError> {
        let limit = page.limit.clamp(1, PAGE_MAX);
        // The cursor is the number of the last entry shown: jobs that end meanwhile move nothing.
        let below = match page.after.as_deref() {
            None => u64::MAX,
            Some(cursor) => {
                cursor.parse().map_err(|_| QueueError::Answer("a cursor that is none of this queue".to_owned()))?
            }
        };
        let mut place = if page.after.is_some() { self.place_of(below).await? } else { 0 };
        let (mut items, mut shown, mut step) = (Vec::new(), None, 4);
        loop {
            let elements = self.elements(place, step).await?;
            for stored in &elements {
                let (last, lines) = element(stored)?;
                for (line, number) in lines.lines().rev().zip((0..=last).rev()).filter(|(_, number)| *number < below) {
                    if items.len() == limit {
                        return Ok(Listing { items, next: shown.map(|number: u64| number.to_string()) });
                    }
                    shown = Some(number);
                    items.extend(read(line));
                }
            }
            if elements.len() < step {
                return Ok(Listing { items, next: None });
            }
            place += step;
            step = (2 * step).min(64);
        }
    }

    /// How a job ended last. `None` when it has not ended, or so long ago that it is forgotten.
    ///
    /// # Errors
    /// [`QueueError::Redis`].
    pub async fn ended_job(&self, id: &JobId) -> Result<Option<EndedJob>, QueueError> {
        let mut page = Page { after: None, limit: SEARCH_STEP };
        loop {
            let found = self.ended(&page).await?;
            if let Some(job) = found.items.into_iter().find(|job| job.id == *id) {
                return Ok(Some(job));
            }
            page.after = found.next;
            if page.after.is_none() {
                return Ok(None);
            }
        }
    }

    async fn elements(&self, place: usize, n: usize) -> Result<Vec<Vec<u8>>, QueueError> {
        let mut command = redis::cmd("LRANGE");
        command.arg(self.keys().key("ended")).arg(place).arg(place + n - 1);
        Ok(command.query_async(&mut self.connection()).await?)
    }

    /// Where the first element stands whose last job is number `below - 1` at most, or the element before it, which may begin
    /// lower. Elements that come in meanwhile push it further: then the answer is too low, which does no harm.
    async fn place_of(&self, below: u64) -> Result<usize, QueueError> {
        let mut length = redis::cmd("LLEN");
        length.arg(self.keys().key("ended"));
        let (mut low, mut high) = (0, length.query_async::<usize>(&mut self.connection()).await?);
        while low < high {
            let middle = low.midpoint(high);
            match self.elements(middle, 1).await?.first() {
                Some(stored) if element(stored)?.0 >= below => low = middle + 1,
                _ => high = middle,
            }
        }
        Ok(low.saturating_sub(1))
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
            letters: Vec::new(),
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
        let discarded = |by: &str, bulk: Option<&str>, reason: Option<&str>| {
            let told = discarded_words(by, bulk, reason);
            let job = read(&format!("1 c j1 main errand 1 0 0 1763800000000 - t1 - {told}")).unwrap();
            (told, job.discarded.unwrap())
        };
        let (told, by_id) = discarded("lena", None, Some("closed — 100 % sure"));
        assert_eq!(told, "lena - closed%20—%20100%20%25%20sure");
        assert_eq!((by_id.by.as_str(), by_id.reason.as_deref()), ("lena", Some("closed — 100 % sure")));
        let (told, by_operation) = discarded("lena b", Some("b17"), None);
        assert_eq!(
            (told.as_str(), by_operation.bulk.as_deref(), by_operation.reason),
            ("lena%20b b17 -", Some("b17"), None)
        );
        let (_, long) = discarded("lena", None, Some(&"ä ".repeat(500)));
        let kept = long.reason.unwrap();
        assert!(kept.ends_with('…') && (190..=203).contains(&kept.len()), "{kept}");
        let old = read("1 c j1 main errand 1 0 0 1763800000000 - t1 -").unwrap();
        assert_eq!((old.outcome, old.discarded), (Ended::Discarded, None), "of an older version");
        for broken in ["", "1", "2 d j l k 1 1 1 1 - t -", "1 q j l k 1 1 1 1 - t -", "1 d j L! k 1 1 1 1 - t -"] {
            assert_eq!(read(broken), None, "{broken}");
        }
    }
}
