//! Section `[redis]`.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Where the queue and the ledger live.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RedisSettings {
    /// Address: `redis://host:port/db` or `unix:///path/to/socket`. A password is not written here but comes from the
    /// environment: `MLC_REDIS_PASSWORD`, or the whole address in `MLC__REDIS__URL`. Default `redis://127.0.0.1:6379`.
    pub url: String,
    /// First part of every key: two installations can share a server. 1 to 32 lower-case letters, digits, `_`, `-`.
    /// Default `mlc`.
    pub namespace: String,
    /// Start even though the server could lose accepted work (no AOF, or keys evicted under memory pressure).
    /// Default false.
    pub allow_unsafe_persistence: bool,
}

impl RedisSettings {
    /// The defaults with another address.
    pub fn at(url: impl Into<String>) -> Self {
        Self { url: url.into(), ..Self::default() }
    }
}

impl Default for RedisSettings {
    fn default() -> Self {
        Self { url: "redis://127.0.0.1:6379".to_owned(), namespace: "mlc".to_owned(), allow_unsafe_persistence: false }
    }
}

impl fmt::Debug for RedisSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisSettings")
            .field("url", &crate::redis::without_password(&self.url))
            .field("namespace", &self.namespace)
            .field("allow_unsafe_persistence", &self.allow_unsafe_persistence)
            .finish()
    }
}
