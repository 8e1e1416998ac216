//! Section `[producer]`.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Listen, duration};

/// Producer processes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ProducerSettings {
    /// Where `/metrics`, `/healthz` and `/readyz` are served. Default `127.0.0.1:9464`.
    pub listen: Listen,
    /// Where shops post to `/webhooks/adobe/<connection>`; opened when a connection has a section `webhook`. Default `127.0.0.1:9466`.
    /// Put a proxy with TLS in front of it.
    pub webhooks: Listen,
    /// Of several producers one ticks; when it falls silent for this long another takes over. Default 10 s, 2 s to 5 min.
    #[serde(with = "duration")]
    pub lease: Duration,
}

impl Default for ProducerSettings {
    fn default() -> Self {
        Self { listen: Listen::loopback(9464), webhooks: Listen::loopback(9466), lease: Duration::from_secs(10) }
    }
}
