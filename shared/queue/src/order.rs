//! A job on its way into the queue.

use std::time::Duration;

use chrono::{DateTime, Utc};
use mlc_model::{Clock as _, Fault, JobId, Sealer, SystemClock};

use crate::{Job, Lane, Priority, UniqueKey, envelope::Envelope, job_ids};

/// One job to be enqueued. Its id is fixed here, so that an order can be named before it is accepted.
#[derive(Clone)]
pub struct Order {
    id: JobId,
    lane: Lane,
    priority: Priority,
    kind: &'static str,
    version: u16,
    max_attempts: u32,
    timeout: Duration,
    unique: Option<UniqueKey>,
    subject: Option<String>,
    due: Option<DateTime<Utc>>,
    payload: Vec<u8>,
    parent: Option<JobId>,
    trace: Option<String>,
    letters: Vec<String>,
}

impl Order {
    /// An order for `job`, to be carried out as soon as possible with normal priority.
    ///
    /// # Errors
    /// A `Defect` when the job's arguments cannot be written as JSON, or its kind is no stored name.
    pub fn of<J: Job>(job: &J) -> Result<Self, Fault> {
        let valid = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if J::KIND.is_empty() || J::KIND.len() > 64 || !J::KIND.chars().all(valid) {
            return Err(Fault::defect("queue.order", format!("`{}` cannot be the name of a job kind", J::KIND)));
        }
        let payload = serde_json::to_vec(job).map_err(|error| {
            Fault::defect("queue.order", format!("the arguments of {} cannot be written: {error}", J::KIND))
        })?;
        Ok(Self {
            id: job_ids::next(SystemClock.now().timestamp_millis()),
            lane: job.lane(),
            priority: Priority::Normal,
            kind: J::KIND,
            version: J::VERSION,
            max_attempts: J::MAX_ATTEMPTS,
            timeout: J::TIMEOUT,
            unique: job.unique_key(),
            subject: job.subject(),
            due: None,
            payload,
            parent: None,
            trace: None,
            letters: Vec::new(),
        })
    }

    /// Puts it into another class.
    #[must_use]
    pub fn priority(mut self, priority: Priority) -> Self {
        self.priority = priority;
        self
    }

    /// Not before this instant, by this machine's clock.
    #[must_use]
    pub fn at(mut self, due: DateTime<Utc>) -> Self {
        self.due = Some(due);
        self
    }

    /// Replaces the job's own unique key.
    #[must_use]
    pub fn unique(mut self, key: UniqueKey) -> Self {
        self.unique = Some(key);
        self
    }

    /// The id the job will have if it is accepted.
    pub fn id(&self) -> &JobId {
        &self.id
    }

    /// The lane it goes to.
    pub fn lane(&self) -> &Lane {
        &self.lane
    }

    /// The kind of job it is.
    pub fn kind(&self) -> &'static str {
        self.kind
    }

    /// The job's readable label.
    pub fn subject(&self) -> Option<&str> {
        self.subject.as_deref()
    }

    /// Names the job it follows from, and the replayed letters where that is one or follows from one.
    pub(crate) fn follows(mut self, parent: &JobId, trace: &str, letters: Vec<String>) -> Self {
        self.parent = Some(parent.clone());
        self.letters = letters;
        self.trace = Some(trace.to_owned());
        self
    }

    /// The form that Redis gets. `now_ms` is Redis' time as far as we know it.
    pub(crate) fn prepare(&self, now_ms: i64, most_attempts: u32, sealer: &dyn Sealer) -> Prepared {
        // Delays travel as durations: the clocks of this machine and of Redis need not agree.
        let delay_ms = self.due.map_or(0, |due| (due - SystemClock.now()).num_milliseconds().max(0));
        let envelope = Envelope {
            lane: self.lane.clone(),
            priority: self.priority,
            kind: self.kind.to_owned(),
            unique: self.unique.as_ref().map(|key| key.0.clone()),
            enqueued_ms: now_ms,
            max_attempts: self.max_attempts.min(most_attempts).max(1),
            timeout: self.timeout,
            version: self.version,
            parent: self.parent.clone().map(String::from),
            trace: self.trace.clone().unwrap_or_else(|| self.id.as_str().to_owned()),
            subject: self.subject.clone(),
            letters: self.letters.clone(),
            due_ms: (delay_ms > 0).then_some(now_ms + delay_ms),
        };
        let bytes = envelope.seal(&self.id, &self.payload, sealer);
        Prepared { id: self.id.clone(), envelope, bytes, delay_ms }
    }
}

impl std::fmt::Debug for Order {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Without the payload: it holds business data.
        f.debug_struct("Order")
            .field("id", &self.id)
            .field("lane", &self.lane)
            .field("kind", &self.kind)
            .field("priority", &self.priority)
            .field("subject", &self.subject)
            .field("due", &self.due)
            .finish_non_exhaustive()
    }
}

/// A sealed order.
#[derive(Debug, Clone)]
pub(crate) struct Prepared {
    pub(crate) id: JobId,
    pub(crate) envelope: Envelope,
    pub(crate) bytes: Vec<u8>,
    pub(crate) delay_ms: i64,
}
