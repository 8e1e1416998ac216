//! One file per group of verbs: what is sent to the scripts, what comes back.

mod dead_letters;
pub(crate) mod ended;
mod enqueue;
mod extend;
pub(crate) mod fsync;
mod jobs;
mod lanes;
mod orders;
mod pace;
pub(crate) mod presence;
mod stats;
pub(crate) mod turn;

pub use dead_letters::{Cause, DeadFilter, DeadLetter, Replayed};
pub use ended::{Ended, EndedJob};
pub use jobs::{JobFilter, JobState, JobView, Listing, Page};
pub use lanes::{LaneStatus, LaneStop};
pub use pace::PaceMinute;
pub use presence::WorkerPresence;
pub use stats::QueueStats;
