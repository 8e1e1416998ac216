//! Why the queue could not do what it was asked.

use mlc_model::{InvalidId, SealBroken};

/// A failure of the queue itself, not of a job.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// Redis did not answer, or answered with an error. Whether the request took effect is unknown.
    #[error("the queue's Redis failed: {0}")]
    Redis(#[from] redis::RedisError),
    /// Redis answered something that this version does not understand.
    #[error("the queue's Redis answered {0}, which this version does not understand")]
    Answer(String),
    /// A stored payload cannot be opened.
    #[error("the payload of job {id} cannot be opened: {source}")]
    Sealed {
        /// The job.
        id: String,
        /// Why.
        source: SealBroken,
    },
    /// A stored form that this version cannot read.
    #[error("{what} cannot be read: {why}")]
    Unreadable {
        /// Which form of which job.
        what: String,
        /// What is wrong with it.
        why: String,
    },
    /// A name from Redis that is none.
    #[error(transparent)]
    Name(#[from] InvalidId),
    /// A setting out of range.
    #[error("queue setting `{key}`: {problem}")]
    Setting {
        /// Its name.
        key: &'static str,
        /// Allowed range.
        problem: &'static str,
    },
    /// Asked for something that cannot be done; the text says what and why.
    #[error("{0}")]
    Refused(String),
    /// The worker runtime ended by itself, which it must not.
    #[error("the workers stopped by themselves: {0}")]
    Workers(String),
}
