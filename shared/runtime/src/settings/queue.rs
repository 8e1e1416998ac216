//! Section `[queue]`.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::duration;

/// How the queue treats jobs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct QueueSettings {
    /// How long a worker may be silent about a job before the job runs elsewhere. Workers extend it while a job runs.
    /// Default 8 s, 2 s to 10 min.
    #[serde(with = "duration")]
    pub lease: Duration,
    /// A job that took its worker down this often goes to the dead-letter shelf. Default 3, 1 to 20.
    pub poison_after: u32,
    /// Size in bytes from which the dead-letter shelf alarms and then drops its oldest entries, each with an audit entry.
    /// Default 268,435,456 (256 MiB), at least 1 MiB.
    pub dead_letter_bytes: u64,
    /// Pages wait while the target's lane holds more bytes than this. Default 67,108,864 (64 MiB), at least 1 MiB.
    pub lane_bytes: u64,
    /// Jobs of one lane that run at once over all workers, where the connection has no cap of its own.
    /// Default 8, 1 to 1000.
    pub default_concurrency: u32,
}

impl Default for QueueSettings {
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(8),
            poison_after: 3,
            dead_letter_bytes: 256 << 20,
            lane_bytes: 64 << 20,
            default_concurrency: 8,
        }
    }
}
