//! Reading along the shelf, in bounded steps and bounded time.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use mlc_model::{FaultKind, JobId};
use redis::Value;
use serde::{Deserialize, Serialize};

use super::{
    dead_letters::DeadLetter,
    jobs::{JobState, contains, instant, view},
    triage::Triage,
};
use crate::{
    Lane, Queue, QueueError,
    envelope::Envelope,
    history::History,
    shelf_record::{about, came_back, read_fault, words},
    subject::{Bearing, Sought},
    verb::{LOOK, answer},
};

/// Letters looked at per script call: about 2 ms of Redis.
pub(crate) const LOOK_MAX: usize = 1000;
/// Letters handed over per script call.
pub(crate) const GIVE_MAX: usize = 100;
/// How long one page of a search may look: what it has not seen then, the next one does.
pub(crate) const PATIENCE: Duration = Duration::from_millis(60);

/// Which letters. Empty = all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DeadFilter {
    /// Only this lane.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lane: Option<Lane>,
    /// Only this kind of job.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Only this kind of fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<FaultKind>,
    /// Only this cause: [`crate::Cause::hash`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// Only subjects that contain this text, in any case. For a whole record key, looking shows batches that may carry it too
    /// ([`JobView::may_carry`](crate::JobView::may_carry)); acting leaves them alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Only reasons that contain this text, in any case: message, code, field, operation or correlation id of the fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Only letters that this person looks after: the letter's own assignee or, without one, its cause's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assignee: Option<String>,
    /// Only letters that died at this time or later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<DateTime<Utc>>,
    /// Only letters that died at this time or earlier.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<DateTime<Utc>>,
}

impl DeadFilter {
    /// Whether times and the cause alone decide, so that Redis can count without looking at any letter.
    pub(crate) fn is_countable(&self) -> bool {
        let Self { lane, kind, fault, cause: _, subject, error, assignee, since: _, until: _ } = self;
        lane.is_none()
            && kind.is_none()
            && fault.is_none()
            && subject.is_none()
            && error.is_none()
            && assignee.is_none()
    }

    /// An empty text is in every letter: an operation must not take it for a choice.
    ///
    /// # Errors
    /// [`QueueError::Refused`], naming the field.
    pub(crate) fn refuse_blank(&self) -> Result<(), QueueError> {
        let Self { lane: _, kind, fault: _, cause, subject, error, assignee, since: _, until: _ } = self;
        let texts = [("kind", kind), ("cause", cause), ("subject", subject), ("error", error), ("assignee", assignee)];
        let is_blank = |text: &Option<String>| text.as_ref().is_some_and(|text| text.trim().is_empty());
        match texts.into_iter().find(|(_, text)| is_blank(text)) {
            None => Ok(()),
            Some((name, _)) => Err(QueueError::Refused(format!(
                "`{name}` is empty, which would be every letter: leave it out or say which"
            ))),
        }
    }

    pub(crate) fn bounds(&self) -> (String, String) {
        let ms = |at: Option<DateTime<Utc>>, open: &str| {
            at.map_or_else(|| open.to_owned(), |at| at.timestamp_millis().to_string())
        };
        (ms(self.since, "-inf"), ms(self.until, "+inf"))
    }

    /// Whether an action hits the letter: it names what is asked for.
    pub(crate) fn admits(&self, seen: &Seen) -> bool {
        self.bearing(seen) == Some(Bearing::Named)
    }

    /// What the script cannot decide. Lane, kind and fault it has decided already.
    pub(crate) fn bearing(&self, seen: &Seen) -> Option<Bearing> {
        let subject = |text: &String| Sought::new(text).bearing(seen.subject().as_deref());
        let error = |text: &String| contains(Some(&words(&read_fault(&seen.record))), text);
        let assignee = |name: &String| seen.assignee().as_ref() == Some(name);
        let bearing = self.subject.as_ref().map_or(Some(Bearing::Named), subject)?;
        let fits = self.error.as_ref().is_none_or(error) && self.assignee.as_ref().is_none_or(assignee);
        fits.then_some(bearing)
    }
}

/// A place on the shelf. Letters that come or go do not move it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Spot {
    pub(crate) at_ms: i64,
    pub(crate) id: String,
}

impl Spot {
    pub(crate) fn parse(text: &str) -> Result<Self, QueueError> {
        let read = || {
            let (at, id) = text.split_once('.')?;
            Some(Self { at_ms: at.parse().ok()?, id: String::from(JobId::parse(id).ok()?) })
        };
        read().ok_or_else(|| QueueError::Answer("a cursor that is none of this queue".to_owned()))
    }
}

impl std::fmt::Display for Spot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.at_ms, self.id)
    }
}

/// A letter as the script hands it over: nothing is read that nobody asks for.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) id: String,
    pub(crate) at_ms: i64,
    /// How many letters were looked at up to this one.
    pub(crate) place: u64,
    record: Vec<u8>,
    /// First line of the envelope; empty when that is missing or broken.
    head: Vec<u8>,
    bytes: usize,
    history: Vec<u8>,
    /// SHA-1 of the history.
    pub(crate) digest: String,
    triage: Vec<u8>,
    pub(crate) cause_triage: Vec<u8>,
}

impl Seen {
    pub(crate) fn spot(&self) -> Spot {
        Spot { at_ms: self.at_ms, id: self.id.clone() }
    }

    pub(crate) fn history(&self) -> History {
        History::read(&self.history)
    }

    /// Lane, kind and cause, which stand in the record's first line.
    pub(crate) fn words(&self) -> Option<(String, String, String)> {
        let text = String::from_utf8_lossy(self.record.split(|byte| *byte == b'\n').next()?);
        let mut words = text.split(' ').skip(1).map(str::to_owned);
        Some((words.next()?, words.next()?, words.next()?))
    }

    fn subject(&self) -> Option<String> {
        Envelope::read(&self.id, &self.stored()).ok()?.0.subject
    }

    fn assignee(&self) -> Option<String> {
        let of = |stored: &[u8]| Triage::assignee_of(stored);
        of(&self.triage).or_else(|| of(&self.cause_triage))
    }

    /// The envelope without its payload.
    fn stored(&self) -> Vec<u8> {
        [self.head.as_slice(), b"\n"].concat()
    }

    pub(crate) fn letter(&self, queue: &Queue) -> Option<DeadLetter> {
        #[expect(clippy::cast_precision_loss, reason = "milliseconds are far below 2^53")]
        let at = self.at_ms as f64;
        let fault = read_fault(&self.record);
        let (lane, kind, cause) = self.words()?;
        let read = |stored: &[u8]| view(&self.id, JobState::Dead, Some(at), stored, Some(&self.history)).ok();
        // Without a readable envelope: what its record knows.
        let nameless = || read(format!("1 {lane} 1 {kind} - 0 0 0 0 - {} -\n", self.id).as_bytes());
        let mut job = read(&self.stored()).or_else(nameless)?;
        job.bytes = self.bytes;
        let triage = (!self.triage.is_empty()).then(|| {
            // Notes of before they could go over to another letter are sealed for the job.
            let about = about(&self.id, &self.record).unwrap_or_default();
            Triage::read(&[&about, &self.id], &self.triage, queue)
        });
        let cause_triage = Triage::read(&[&cause], &self.cause_triage, queue);
        let came_back = came_back(&self.record);
        Some(DeadLetter { job, cause, fault, died_at: instant(at), triage: triage.flatten(), cause_triage, came_back })
    }

    /// One letter, read beside the script.
    pub(crate) fn of(
        id: &str,
        died: f64,
        record: Vec<u8>,
        envelope: Vec<u8>,
        history: Option<Vec<u8>>,
        triage: Option<Vec<u8>>,
    ) -> Self {
        Self {
            id: id.to_owned(),
            at_ms: instant(died).timestamp_millis(),
            place: 1,
            record,
            bytes: envelope.len(),
            head: envelope.split(|byte| *byte == b'\n').next().unwrap_or_default().to_vec(),
            history: history.unwrap_or_default(),
            digest: String::new(),
            triage: triage.unwrap_or_default(),
            cause_triage: Vec::new(),
        }
    }

    fn read(value: Value) -> Result<Self, QueueError> {
        let mut parts = answer::array(value)?.into_iter();
        let mut part = || parts.next().unwrap_or(Value::Nil);
        Ok(Self {
            id: answer::text(part())?,
            at_ms: answer::int(&part())?,
            place: u64::try_from(answer::int(&part())?).unwrap_or(0),
            record: answer::bytes(part()).unwrap_or_default(),
            head: answer::bytes(part()).unwrap_or_default(),
            bytes: usize::try_from(answer::int(&part())?).unwrap_or(0),
            history: answer::bytes(part()).unwrap_or_default(),
            digest: answer::text(part())?,
            triage: answer::bytes(part()).unwrap_or_default(),
            cause_triage: answer::bytes(part()).unwrap_or_default(),
        })
    }
}

/// One stretch of the shelf.
#[derive(Debug)]
pub(crate) struct Stretch {
    pub(crate) looked: u64,
    /// Where it ended; `None` = nothing was looked at yet.
    pub(crate) last: Option<Spot>,
    pub(crate) ended: bool,
    pub(crate) seen: Vec<Seen>,
}

/// Which way to go along the shelf.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    OldestFirst,
    NewestFirst,
}

impl Queue {
    /// One script call. The letters are of the filter's lane, kind, fault, cause and times; the rest is [`DeadFilter::admits`].
    pub(crate) async fn stretch(
        &self,
        filter: &DeadFilter,
        way: Way,
        after: Option<&Spot>,
        most: usize,
    ) -> Result<Stretch, QueueError> {
        let (since, until) = filter.bounds();
        let mut command = LOOK.command(self.keys(), 16, 256);
        command
            .arg(filter.cause.as_deref().unwrap_or_default())
            .arg(if way == Way::OldestFirst { "up" } else { "down" })
            .arg(since)
            .arg(until)
            .arg(after.map(|spot| spot.at_ms.to_string()).unwrap_or_default())
            .arg(after.map(|spot| spot.id.as_str()).unwrap_or_default())
            .arg(LOOK_MAX)
            .arg(most.clamp(1, GIVE_MAX))
            .arg(filter.lane.as_ref().map(Lane::as_str).unwrap_or_default())
            .arg(filter.kind.as_deref().unwrap_or_default())
            .arg(filter.fault.map(FaultKind::as_str).unwrap_or_default());
        let mut parts = answer::array(LOOK.call(&mut self.connection(), &command).await?)?.into_iter();
        let mut part = || parts.next().unwrap_or(Value::Nil);
        self.learn_time(answer::int(&part())?);
        let looked = u64::try_from(answer::int(&part())?).unwrap_or(0);
        let (at, id) = (part(), answer::text(part())?);
        let last = if id.is_empty() { None } else { Some(Spot { at_ms: answer::int(&at)?, id }) };
        let ended = answer::int(&part())? == 1;
        let seen = answer::array(part())?.into_iter().map(Seen::read).collect::<Result<_, _>>()?;
        Ok(Stretch { looked, last, ended, seen })
    }

    /// How many letters stand there, for a filter that is countable.
    pub(crate) async fn count_letters(&self, filter: &DeadFilter) -> Result<u64, QueueError> {
        let (since, until) = filter.bounds();
        let mut command = redis::cmd("ZCOUNT");
        command.arg(self.shelf_key(filter)).arg(since).arg(until);
        Ok(command.query_async(&mut self.connection()).await?)
    }

    pub(crate) fn shelf_key(&self, filter: &DeadFilter) -> String {
        match &filter.cause {
            Some(cause) => self.keys().dead_cause(cause),
            None => self.keys().key("dead"),
        }
    }
}

/// Ends a search in good time.
#[derive(Debug)]
pub(crate) struct Patience(Instant);

impl Patience {
    pub(crate) fn begin() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn is_over(&self) -> bool {
        self.0.elapsed() >= PATIENCE
    }
}
