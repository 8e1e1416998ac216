//! One file per group of verbs: what is sent to the scripts, what comes back.

mod bulk;
pub(crate) mod bulk_step;
mod dead_letters;
mod edit;
pub(crate) mod ended;
mod enqueue;
mod extend;
pub(crate) mod fsync;
mod jobs;
mod lanes;
mod look;
mod neighbours;
mod orders;
mod pace;
pub(crate) mod presence;
mod preview;
mod search;
mod stats;
mod triage;
pub(crate) mod turn;
mod walk;

pub use bulk::{Bulk, BulkId, BulkState, BulkVerb, NewBulk};
pub use dead_letters::{Cause, DeadLetter, Replayed};
pub use edit::{Editable, Edited};
pub use ended::{Discarded, Ended, EndedJob};
pub use jobs::{JobFilter, JobState, JobView, Listing, Page};
pub use lanes::{LaneStatus, LaneStop};
pub use look::DeadFilter;
pub use neighbours::Neighbours;
pub use pace::PaceMinute;
pub use presence::WorkerPresence;
pub use preview::Preview;
pub use search::JobListing;
pub use stats::QueueStats;
pub use triage::{ASSIGNEE_CHARS, NOTE_CHARS, Triage, TriageKey};
