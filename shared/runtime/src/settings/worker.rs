//! Section `[worker]`.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Listen, duration};

/// Worker processes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WorkerSettings {
    /// Jobs that one process runs at once, over all lanes. Default 32, 1 to 1000.
    pub concurrency: u32,
    /// Time that running jobs get to finish after SIGTERM; what is left is handed back. Default 25 s, 1 s to 10 min. Keep
    /// it below the grace period of the orchestrator.
    #[serde(with = "duration")]
    pub shutdown_deadline: Duration,
    /// Where `/metrics`, `/healthz` and `/readyz` are served. Default `127.0.0.1:9465`.
    pub listen: Listen,
    /// `/readyz` turns red when the process has not looked for work for this long. Default 30 s, 5 s to 10 min.
    #[serde(with = "duration")]
    pub ready_within: Duration,
}

impl Default for WorkerSettings {
    fn default() -> Self {
        Self {
            concurrency: 32,
            shutdown_deadline: Duration::from_secs(25),
            listen: Listen::loopback(9465),
            ready_within: Duration::from_secs(30),
        }
    }
}
