//! What was already taken in: the guard against a message that is delivered again.

use std::time::Duration;

use mlc_model::Fingerprint;

use crate::{Ledger, LedgerError, keys, records::ttl_millis};

impl Ledger {
    /// Whether [`Ledger::remember_seen`] was called for this key of this scope, and its time is not over.
    ///
    /// Asking and remembering are two calls on purpose. A caller first asks, then makes its job durable, then remembers:
    /// were it remembered first, a crash between the two would lose the message, because its sender's next try would be
    /// taken for a repetition. So two deliveries at the same time may both pass; the job itself must stand being run twice.
    ///
    /// # Errors
    /// `Redis`: whether it was seen is not known then.
    pub async fn seen_before(&self, scope: &str, key: &str) -> Result<bool, LedgerError> {
        let found: u64 = redis::cmd("EXISTS").arg(self.seen(scope, key)?).query_async(&mut self.connection()).await?;
        Ok(found > 0)
    }

    /// Remembers a key of a scope, such as a webhook's id of one connection, for `ttl` from now on. Only a digest of both is
    /// stored, so they may have any length and content.
    ///
    /// # Errors
    /// `Redis`; the message may then be taken in once more.
    pub async fn remember_seen(&self, scope: &str, key: &str, ttl: Duration) -> Result<(), LedgerError> {
        let _: () = redis::cmd("SET")
            .arg(self.seen(scope, key)?)
            .arg(1)
            .arg("PX")
            .arg(ttl_millis(ttl))
            .query_async(&mut self.connection())
            .await?;
        Ok(())
    }

    fn seen(&self, scope: &str, key: &str) -> Result<String, LedgerError> {
        let digest =
            Fingerprint::of(&(scope, key)).map_err(|error| LedgerError::unreadable("key of something seen", error))?;
        Ok(keys::seen(self.namespace(), &digest.to_string()))
    }
}
