//! Which process does what only one may do, and what the schedule remembers.

use std::time::Duration;

use chrono::{DateTime, Utc};
use mlc_model::FlowId;

use crate::{Ledger, LedgerError, keys, records::ttl_millis, scripts};

impl Ledger {
    /// Takes, or extends, the lead called `name` for `holder`. True while it is held; call again well before `ttl` ends.
    ///
    /// # Errors
    /// `Redis`: the caller must then act as if it did not lead.
    pub async fn lead(&self, name: &str, holder: &str, ttl: Duration) -> Result<bool, LedgerError> {
        let digit: String = scripts::LEASE
            .key(keys::lead(self.namespace(), name))
            .arg(holder)
            .arg(ttl_millis(ttl))
            .invoke_async(&mut self.connection())
            .await?;
        Ok(digit == "1")
    }

    /// Gives the lead back, so that another replica need not wait for it to run out.
    ///
    /// # Errors
    /// `Redis`; the lead then runs out by itself.
    pub async fn resign(&self, name: &str, holder: &str) -> Result<(), LedgerError> {
        let _: u64 = scripts::RELEASE
            .key(keys::lead(self.namespace(), name))
            .arg(holder)
            .invoke_async(&mut self.connection())
            .await?;
        Ok(())
    }

    /// Who leads, for display.
    ///
    /// # Errors
    /// `Redis`.
    pub async fn leader(&self, name: &str) -> Result<Option<String>, LedgerError> {
        Ok(redis::cmd("GET").arg(keys::lead(self.namespace(), name)).query_async(&mut self.connection()).await?)
    }

    /// When the schedule of a flow last ticked; `None` when it never did.
    ///
    /// # Errors
    /// `Redis`.
    pub async fn last_tick(&self, flow: &FlowId) -> Result<Option<DateTime<Utc>>, LedgerError> {
        self.tick_memory(flow, "last_tick").await
    }

    /// Remembers a tick, so that ticks missed while no producer ran are caught up with one.
    ///
    /// # Errors
    /// `Redis`.
    pub async fn set_last_tick(&self, flow: &FlowId, at: DateTime<Utc>) -> Result<(), LedgerError> {
        self.set_tick_memory(flow, "last_tick", at).await
    }

    /// As [`Ledger::last_tick`], for the schedule of full scans.
    ///
    /// # Errors
    /// `Redis`.
    pub async fn last_full_tick(&self, flow: &FlowId) -> Result<Option<DateTime<Utc>>, LedgerError> {
        self.tick_memory(flow, "last_full_tick").await
    }

    /// As [`Ledger::set_last_tick`], for the schedule of full scans.
    ///
    /// # Errors
    /// `Redis`.
    pub async fn set_last_full_tick(&self, flow: &FlowId, at: DateTime<Utc>) -> Result<(), LedgerError> {
        self.set_tick_memory(flow, "last_full_tick", at).await
    }

    async fn tick_memory(&self, flow: &FlowId, field: &str) -> Result<Option<DateTime<Utc>>, LedgerError> {
        let ms: Option<i64> =
            redis::cmd("HGET").arg(self.keys(flow).meta()).arg(field).query_async(&mut self.connection()).await?;
        Ok(ms.and_then(DateTime::from_timestamp_millis))
    }

    async fn set_tick_memory(&self, flow: &FlowId, field: &str, at: DateTime<Utc>) -> Result<(), LedgerError> {
        let _: u64 = redis::cmd("HSET")
            .arg(self.keys(flow).meta())
            .arg(field)
            .arg(at.timestamp_millis())
            .query_async(&mut self.connection())
            .await?;
        Ok(())
    }
}
