//! The jobs of one record.

use chrono::{DateTime, Utc};
use mlc_model::RecordKey;
use mlc_queue::{DeadFilter, DeadLetter, JobFilter, JobState, JobView, Page, Queue, QueueError};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    action::record::{is_about, subject_of},
    console::{
        call::Viewer,
        pages::jobs::dto::{message_for, why_for},
    },
};

/// Most jobs and letters that are looked through for one record.
const MOST: usize = 50;

/// Jobs that wait or run for a record, and its dead letters. A batch names its first and last record only: where the
/// record lies between them, the batch may carry it, or not.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(super) struct Work {
    /// What jobs of this record are called, to look for more of them.
    pub(super) subject: String,
    /// Jobs that wait or run.
    pub(super) jobs: Vec<JobRow>,
    /// False when there were too many jobs to look at all of them.
    pub(super) all_jobs: bool,
    /// Its dead letters.
    pub(super) letters: Vec<LetterRow>,
    /// False when there were too many letters to look at all of them.
    pub(super) all_letters: bool,
}

/// One job.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(super) struct JobRow {
    /// Its id.
    pub(super) id: String,
    /// `ready`, `delayed` or `running`.
    pub(super) state: String,
    /// Kind of work.
    pub(super) kind: String,
    /// Its lane.
    pub(super) lane: String,
    /// A batch between whose two ends the record lies: it may carry it.
    pub(super) may_carry: bool,
    /// Why it waits; `null` when it does not, or was ordered for later.
    pub(super) why: Option<String>,
    /// When it was accepted.
    pub(super) enqueued_at: DateTime<Utc>,
}

/// One dead letter.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(super) struct LetterRow {
    /// The job's id.
    pub(super) id: String,
    /// Kind of work.
    pub(super) kind: String,
    /// A batch between whose two ends the record lies: it may carry it.
    pub(super) may_carry: bool,
    /// Kind of fault.
    pub(super) fault: String,
    /// Why it was given up.
    pub(super) message: String,
    /// When.
    pub(super) died_at: DateTime<Utc>,
}

impl Work {
    /// Looks for a record's jobs and letters side by side.
    pub(super) async fn of(queue: &Queue, key: &RecordKey, viewer: &Viewer) -> Result<Self, QueueError> {
        let subject = subject_of(key);
        let jobs = JobFilter { subject: Some(subject.clone()), ..JobFilter::default() };
        let letters = DeadFilter { subject: Some(subject.clone()), ..DeadFilter::default() };
        let page = Page { after: None, limit: MOST };
        let (jobs, letters) = tokio::join!(queue.jobs(&jobs, &page), queue.dead_letters(&letters, &page));
        let (jobs, letters) = (jobs?, letters?);
        let is_its =
            |job: &JobView| job.may_carry || job.subject.as_deref().is_some_and(|found| is_about(found, &subject));
        Ok(Self {
            all_jobs: jobs.next.is_none(),
            all_letters: letters.next.is_none(),
            jobs: jobs.items.iter().filter(|job| is_its(job)).map(|job| JobRow::seen_by(job, viewer)).collect(),
            letters: letters
                .items
                .iter()
                .filter(|letter| is_its(&letter.job))
                .map(|letter| LetterRow::seen_by(letter, viewer))
                .collect(),
            subject,
        })
    }
}

impl JobRow {
    fn seen_by(job: &JobView, viewer: &Viewer) -> Self {
        let state = match job.state {
            JobState::Ready => "ready",
            JobState::Delayed => "delayed",
            JobState::Running => "running",
            JobState::Dead => "dead",
        };
        Self {
            id: job.id.to_string(),
            state: state.to_owned(),
            kind: job.kind.clone(),
            lane: job.lane.to_string(),
            may_carry: job.may_carry,
            why: why_for(job, viewer),
            enqueued_at: job.enqueued_at,
        }
    }
}

impl LetterRow {
    fn seen_by(letter: &DeadLetter, viewer: &Viewer) -> Self {
        Self {
            id: letter.job.id.to_string(),
            kind: letter.job.kind.clone(),
            may_carry: letter.job.may_carry,
            fault: letter.fault.kind.as_str().to_owned(),
            message: message_for(&letter.fault, viewer),
            died_at: letter.died_at,
        }
    }
}
