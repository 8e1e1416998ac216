//! The last test of each connection, whoever asked for it and wherever it ran.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use mlc_model::{ConnectionId, PingReport};
use serde::{Deserialize, Serialize};

use crate::{Ledger, LedgerError, keys};

/// A test of a connection that has ended. Holds no secret and no personal data but a person's own name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastPing {
    /// When it began.
    pub at: DateTime<Utc>,
    /// Who asked for it.
    pub by: String,
    /// What it found.
    pub report: PingReport,
    /// Whether it ended an automatic hold of the lane.
    pub released: bool,
}

impl Ledger {
    /// Keeps a test in place of the one before.
    ///
    /// # Errors
    /// `Redis`: whether it was kept is not known.
    pub async fn keep_ping(&self, connection: &ConnectionId, ping: &LastPing) -> Result<(), LedgerError> {
        let json = serde_json::to_string(ping).map_err(|error| LedgerError::unreadable("last ping", error))?;
        let key = keys::pings(self.namespace());
        redis::cmd("HSET").arg(key).arg(connection.as_str()).arg(json).exec_async(&mut self.connection()).await?;
        Ok(())
    }

    /// The last test of every connection that was ever tested. What another version has kept is left out: it was a look, and can
    /// be had again.
    ///
    /// # Errors
    /// `Redis`.
    pub async fn pings(&self) -> Result<BTreeMap<ConnectionId, LastPing>, LedgerError> {
        let key = keys::pings(self.namespace());
        let kept: Vec<(String, String)> = redis::cmd("HGETALL").arg(key).query_async(&mut self.connection()).await?;
        let readable = |(name, json): (String, String)| {
            Some((ConnectionId::parse(&name).ok()?, serde_json::from_str(&json).ok()?))
        };
        Ok(kept.into_iter().filter_map(readable).collect())
    }
}
