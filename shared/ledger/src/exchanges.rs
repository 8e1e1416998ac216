//! The last exchange of each record, kept for as many records as the settings say.

use mlc_model::{FlowId, RecordKey};

use crate::{Ledger, LedgerError, records::check_length, scripts};

/// Most records per script call: about 1 MiB at the most.
const PER_CALL: usize = 50;

impl Ledger {
    /// Keeps the last exchange of records, each sealed by [`crate::Exchange::seal`], in place of the one before. Beyond the number of records
    /// that this ledger keeps, those that were longest untouched go, up to 256 per call. With no exchanges it only does that.
    ///
    /// # Errors
    /// `Redis`; `TooLong` for a key beyond 512 bytes.
    pub async fn keep_exchanges(&self, flow: &FlowId, exchanges: Vec<(RecordKey, Vec<u8>)>) -> Result<(), LedgerError> {
        let keys = self.keys(flow);
        let kept: &[(RecordKey, Vec<u8>)] = if self.exchanges == 0 { &[] } else { &exchanges };
        for chunk in kept.chunks(PER_CALL).chain(kept.is_empty().then_some(kept)) {
            let mut call = scripts::KEEP_EXCHANGES.prepare_invoke();
            call.key(keys.exchanges()).key(keys.exchange_order()).key(keys.meta()).arg(self.exchanges);
            for (key, sealed) in chunk {
                check_length(key)?;
                call.arg(key.as_str()).arg(sealed.as_slice());
            }
            let _: u64 = call.invoke_async(&mut self.connection()).await?;
        }
        Ok(())
    }

    /// The last exchange of a record, as it was sealed; `None` when none is kept.
    ///
    /// # Errors
    /// `Redis`.
    pub async fn exchange(&self, flow: &FlowId, key: &RecordKey) -> Result<Option<Vec<u8>>, LedgerError> {
        Ok(redis::cmd("HGET")
            .arg(self.keys(flow).exchanges())
            .arg(key.as_str())
            .query_async(&mut self.connection())
            .await?)
    }
}
