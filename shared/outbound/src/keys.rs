//! Every Redis key of this room. Keys of one connection share a hash tag, so that one script may touch several.

use mlc_model::ConnectionId;

/// Builds the keys of one connection.
#[derive(Debug, Clone)]
pub(crate) struct Keys {
    stem: String,
}

impl Keys {
    pub(crate) fn new(namespace: &str, connection: &ConnectionId) -> Self {
        Self { stem: format!("{namespace}:outbound:{{{connection}}}") }
    }

    /// Hash, fields `{family}.{fact}`: pace and day counters of all budgets. Written by the scripts of `lua/`, never
    /// deleted: at most ten fields per family.
    pub(crate) fn budget(&self) -> String {
        format!("{}:budget", self.stem)
    }

    /// Sorted set of leases, score = expiry in ms: requests in flight. Each take throws out what has expired; the key
    /// expires by itself one lease after the last request.
    pub(crate) fn in_flight(&self, family: &str) -> String {
        format!("{}:in_flight:{family}", self.stem)
    }

    /// String: one access token, sealed. Written by whoever renewed it, expires with the token.
    pub(crate) fn token(&self, cache_key: &str) -> String {
        format!("{}:token:{cache_key}", self.stem)
    }

    /// String: random mark of the one that renews the token now. Deleted by it, or expires (`token::RENEWAL_LOCK`).
    pub(crate) fn token_lock(&self, cache_key: &str) -> String {
        format!("{}:token_lock:{cache_key}", self.stem)
    }

    /// String: the fault (JSON) of the last failed renewal. Expires after seconds (`token::FAILURE_REMEMBERED`).
    pub(crate) fn token_failure(&self, cache_key: &str) -> String {
        format!("{}:token_failure:{cache_key}", self.stem)
    }

    /// String: mark that a fresh token was refused as well. Expires after seconds (`token::FAILURE_REMEMBERED`).
    pub(crate) fn token_refused(&self, cache_key: &str) -> String {
        format!("{}:token_refused:{cache_key}", self.stem)
    }

    /// String: milliseconds that the server's clock is ahead of ours. Written by any worker, expires after an hour.
    pub(crate) fn skew(&self) -> String {
        format!("{}:skew", self.stem)
    }
}
