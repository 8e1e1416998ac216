//! Section `[retry]`.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::duration;
use crate::backoff::RetryPolicy;

/// Delays between attempts; see [`RetryPolicy`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RetrySettings {
    /// Longest delay after the first failure; it doubles with every further one. Default 1 s, 10 ms to 10 min.
    #[serde(with = "duration")]
    pub base: Duration,
    /// The delay never grows beyond this. Default 10 min, at least `base`, at most 1 d.
    #[serde(with = "duration")]
    pub cap: Duration,
    /// Attempts after which a job goes to the dead-letter shelf. Default 12, 1 to 100.
    pub max_attempts: u32,
    /// A write whose answer was lost is looked up and repeated no earlier than this: the server may still be carrying it out.
    /// Default 30 s, 0 s to 1 h.
    #[serde(with = "duration")]
    pub unsettled: Duration,
}

impl RetrySettings {
    /// The delays as a policy.
    pub fn policy(&self) -> RetryPolicy {
        RetryPolicy::new(self.base, self.cap).with_unsettled(self.unsettled)
    }
}

impl Default for RetrySettings {
    fn default() -> Self {
        Self {
            base: Duration::from_secs(1),
            cap: Duration::from_secs(600),
            max_attempts: 12,
            unsettled: Duration::from_secs(30),
        }
    }
}
