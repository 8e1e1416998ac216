#![doc = include_str!("../README.md")]

mod context;
mod envelope;
mod error;
mod history;
mod job;
mod job_ids;
mod keys;
mod lane;
mod order;
mod outcome;
mod policy;
mod queue;
mod registry;
mod run;
mod shelf_record;
mod store;
mod subject;
mod verb;

#[cfg(test)]
mod bulk_walk;
#[cfg(test)]
mod invariants;
#[cfg(test)]
extern crate self as mlc_queue;

pub use context::{JobContext, LeaseWatch};
pub use error::QueueError;
pub use history::{AttemptNote, EditNote, ReplayNote};
pub use job::{Job, UniqueKey};
pub use lane::{Lane, Priority};
pub use order::Order;
pub use outcome::{Outcome, SnoozeReason};
pub use queue::{Enqueued, Queue, QueueConfig};
pub use registry::Registry;
pub use run::{Workers, WorkersConfig};
pub use shelf_record::CameBack;
pub use store::{
    ASSIGNEE_CHARS, Bulk, BulkId, BulkState, BulkVerb, Cause, DeadFilter, DeadLetter, Discarded, Editable, Edited,
    Ended, EndedJob, JobFilter, JobListing, JobState, JobView, LaneStatus, LaneStop, Listing, NOTE_CHARS, Neighbours,
    NewBulk, PaceMinute, Page, Preview, QueueStats, Replayed, Triage, TriageKey, WorkerPresence,
};
pub use subject::{Bearing, Sought};
