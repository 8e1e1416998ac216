//! Reading the audit trail: of a record, of a window, of a flow.

use mlc_model::{FlowId, RecordKey, WindowId};
use redis::streams::StreamRangeReply;

use crate::{
    AuditEntry, AuditId, AuditScan, Ledger, LedgerError,
    audit::{self},
};

/// Stream entries per read.
const PER_READ: usize = 200;
/// Most stream entries that one search reads: with full batches that is 5,000,000 records.
const SCAN_LIMIT: usize = 50_000;

impl Ledger {
    /// A record's entries, newest first, at most `limit`. The chain ends where older entries were trimmed.
    ///
    /// # Errors
    /// `Redis`, or `Unreadable`.
    pub async fn audit_record(
        &self,
        flow: &FlowId,
        key: &RecordKey,
        limit: usize,
    ) -> Result<Vec<AuditEntry>, LedgerError> {
        let rows = self.row(flow, std::slice::from_ref(key)).await?;
        let Some(newest) = rows.into_iter().next().flatten().and_then(|row| row.last_entry) else {
            return Ok(Vec::new());
        };
        Ok(self.audit_chain(flow, key, newest, limit).await?.0)
    }

    /// The entries of one window, oldest first, at most `limit`. Reads the flow's stream from the window's opening on, and
    /// at most 50,000 batches of it.
    ///
    /// # Errors
    /// `NoSuchWindow`, `Redis`, or `Unreadable`.
    pub async fn audit_window(&self, window: &WindowId, limit: usize) -> Result<AuditScan, LedgerError> {
        self.audit_window_within(window, limit, SCAN_LIMIT).await
    }

    /// [`Ledger::audit_window`] for somebody who waits: reads at most about `batches` of the stream.
    ///
    /// # Errors
    /// `NoSuchWindow`, `Redis`, or `Unreadable`.
    pub async fn audit_window_within(
        &self,
        window: &WindowId,
        limit: usize,
        batches: usize,
    ) -> Result<AuditScan, LedgerError> {
        let most = batches.div_ceil(PER_READ);
        let (flow, keys, number) = self.locate(window)?;
        let from: Option<u64> =
            redis::cmd("HGET").arg(keys.window(number)).arg("audit_from").query_async(&mut self.connection()).await?;
        let from = from.ok_or_else(|| LedgerError::NoSuchWindow(window.clone()))?;
        let mut entries = Vec::new();
        let mut start = format!("{from}-0");
        for _ in 0..most {
            let batches = self.read_stream(&flow, &start, "+", PER_READ).await?;
            let (read, last) = (batches.len(), batches.last().and_then(|batch| batch.first()).map(|entry| entry.id));
            entries.extend(batches.into_iter().flatten().filter(|entry| entry.window.as_ref() == Some(window)));
            if entries.len() > limit {
                entries.truncate(limit);
                return Ok(AuditScan { entries, complete: false });
            }
            match last {
                Some(id) if read == PER_READ => start = format!("({id}"),
                _ => return Ok(AuditScan { entries, complete: true }),
            }
        }
        Ok(AuditScan { entries, complete: false })
    }

    /// A flow's newest entries, newest batch first, at most `limit`.
    ///
    /// # Errors
    /// `Redis`, or `Unreadable`.
    pub async fn audit_flow(&self, flow: &FlowId, limit: usize) -> Result<Vec<AuditEntry>, LedgerError> {
        let reply: StreamRangeReply = redis::cmd("XREVRANGE")
            .arg(self.keys(flow).audit())
            .arg("+")
            .arg("-")
            .arg("COUNT")
            .arg(limit.clamp(1, SCAN_LIMIT))
            .query_async(&mut self.connection())
            .await?;
        let mut entries: Vec<AuditEntry> = unpack_all(flow, reply)?.into_iter().flatten().collect();
        entries.truncate(limit);
        Ok(entries)
    }

    pub(crate) async fn read_stream(
        &self,
        flow: &FlowId,
        start: &str,
        end: &str,
        count: usize,
    ) -> Result<Vec<Vec<AuditEntry>>, LedgerError> {
        let reply: StreamRangeReply = redis::cmd("XRANGE")
            .arg(self.keys(flow).audit())
            .arg(start)
            .arg(end)
            .arg("COUNT")
            .arg(count)
            .query_async(&mut self.connection())
            .await?;
        unpack_all(flow, reply)
    }
}

fn unpack_all(flow: &FlowId, reply: StreamRangeReply) -> Result<Vec<Vec<AuditEntry>>, LedgerError> {
    reply
        .ids
        .iter()
        .map(|stored| {
            let bytes: Vec<u8> = stored.get("e").ok_or_else(|| LedgerError::unreadable("audit entry", "no field"))?;
            audit::unpack(flow, AuditId::parse(&stored.id)?, &bytes)
        })
        .collect()
}
