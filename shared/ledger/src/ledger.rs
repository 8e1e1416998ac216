//! The handle.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use chrono::{DateTime, Utc};
use mlc_model::{FlowId, WindowId};
use mlc_runtime::redis::RedisHandle;
use redis::aio::ConnectionManager;

use crate::{
    LedgerError,
    keys::{self, FlowKeys},
};

/// Records kept in each flow's audit trail unless set otherwise: at most about 100 bytes each when pushed in batches.
pub const DEFAULT_AUDIT_RECORDS: u64 = 5_000_000;
/// Decided items kept on the review list unless set otherwise. An open one is never dropped.
pub const DECIDED_REVIEWS_KEPT: u64 = 100_000;
/// Records per flow whose last exchange is kept, unless set otherwise.
pub const EXCHANGES_KEPT: u64 = 20_000;
/// Windows kept per flow. An open window is never dropped.
pub const WINDOWS_KEPT: u32 = 10_000;

/// What has been moved. Clones share the connection.
#[derive(Clone)]
pub struct Ledger {
    handle: RedisHandle,
    pub(crate) audit_records: u64,
    pub(crate) decided_reviews: u64,
    pub(crate) exchanges: u64,
    without_waitaof: Arc<AtomicBool>,
}

impl std::fmt::Debug for Ledger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ledger")
            .field("namespace", &self.handle.namespace)
            .field("audit_records", &self.audit_records)
            .finish_non_exhaustive()
    }
}

impl Ledger {
    /// A ledger in the handle's namespace that keeps [`DEFAULT_AUDIT_RECORDS`] per flow.
    pub fn new(handle: RedisHandle) -> Self {
        Self {
            handle,
            audit_records: DEFAULT_AUDIT_RECORDS,
            decided_reviews: DECIDED_REVIEWS_KEPT,
            exchanges: EXCHANGES_KEPT,
            without_waitaof: Arc::default(),
        }
    }

    /// Keeps the trail of this many records per flow (at least 1,000); older entries go, and chains end where they did.
    #[must_use]
    pub fn keep_audit_records(mut self, records: u64) -> Self {
        self.audit_records = records.max(1_000);
        self
    }

    /// Keeps this many decided items on the review list (at least 10), by the time of their decision; older ones go.
    #[must_use]
    pub fn keep_decided_reviews(mut self, items: u64) -> Self {
        self.decided_reviews = items.max(10);
        self
    }

    /// Keeps the last exchange of this many records per flow. With 0 nothing is kept, and what was goes bit by bit.
    #[must_use]
    pub fn keep_exchanges_of(mut self, records: u64) -> Self {
        self.exchanges = records;
        self
    }

    pub(crate) fn connection(&self) -> ConnectionManager {
        self.handle.manager.clone()
    }

    pub(crate) fn namespace(&self) -> &str {
        &self.handle.namespace
    }

    pub(crate) fn keys(&self, flow: &FlowId) -> FlowKeys {
        FlowKeys::new(&self.handle.namespace, flow)
    }

    /// Redis' present time. Whoever judges how long ago something happened in Redis asks its clock, not his own.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn server_time(&self) -> Result<DateTime<Utc>, LedgerError> {
        let (seconds, micros): (i64, u32) = redis::cmd("TIME").query_async(&mut self.connection()).await?;
        Ok(DateTime::from_timestamp(seconds, micros.min(999_999) * 1_000).unwrap_or_default())
    }

    /// Flow, keys and number of a window.
    pub(crate) fn locate(&self, id: &WindowId) -> Result<(FlowId, FlowKeys, u64), LedgerError> {
        let (flow, number) = keys::split_window_id(id).ok_or_else(|| LedgerError::NoSuchWindow(id.clone()))?;
        let keys = self.keys(&flow);
        Ok((flow, keys, number))
    }

    /// Waits until everything written so far has reached the append-only file, where Redis can tell (`WAITAOF`, 7.2).
    /// Elsewhere it returns at once: `appendfsync` alone decides. After three seconds it goes on all the same, because with
    /// `appendfsync no` the wait has no end.
    ///
    /// It needs a connection of its own, because a waiting command would stop all others on the shared one.
    ///
    /// # Errors
    /// When Redis fails for another reason than not knowing the command or running without a file.
    pub(crate) async fn confirm_durable(&self) -> Result<(), LedgerError> {
        const LONGEST_WAIT_MS: u32 = 3_000;
        if self.without_waitaof.load(Ordering::Relaxed) {
            return Ok(());
        }
        let mut connection = self.handle.dedicated().await?;
        // WAITAOF waits for this connection's own last write; the file is in order, so all earlier ones are in it too.
        let answer: redis::RedisResult<redis::Value> = redis::pipe()
            .cmd("SET")
            .arg(keys::durable(self.namespace()))
            .arg(1)
            .ignore()
            .cmd("WAITAOF")
            .arg(1)
            .arg(0)
            .arg(LONGEST_WAIT_MS)
            .query_async(&mut connection)
            .await;
        match answer {
            Ok(_) => Ok(()),
            // An older server, or one without the file: asking again would not help.
            Err(error) if error.code() == Some("ERR") => {
                self.without_waitaof.store(true, Ordering::Relaxed);
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }
}
