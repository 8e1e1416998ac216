//! What the ledger keeps of an order until its invoice exists: how it stood before it was corrected.

use mlc_mapping::OrderBefore;
use mlc_model::Fault;

use super::{Desk, OPERATION};

/// Name of the first piece; the others have their number behind it.
const BEFORE: &str = "before_invoice";
/// Lines of a piece: a kept text has at most 16 KiB, and a line with every earlier price some 400 bytes.
const LINES: usize = 30;
/// Pieces of an order. Prices of lines beyond them are not put back after a partial invoice; its own amounts are right all the same.
const PIECES: usize = 34;

impl Desk<'_> {
    /// What the order was before an invoice corrected it, where one did and did not end.
    pub(super) async fn before(&self, number: &str) -> Result<OrderBefore, Fault> {
        let mut whole = OrderBefore::default();
        for piece in 0..PIECES {
            let kept = self.context.ledger.kept(&self.job.flow, number, &name(piece)).await?;
            // What another version of this program kept may not be readable: the order's present prices count then.
            let read: OrderBefore = kept.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
            let is_last = read.lines.len() < LINES;
            if piece == 0 {
                whole = read;
            } else {
                whole.lines.extend(read.lines);
            }
            if is_last {
                break;
            }
        }
        Ok(whole)
    }

    /// Called before the order is corrected: what dies half way has corrected nothing.
    pub(super) async fn keep_before(&self, number: &str, before: &OrderBefore) -> Result<(), Fault> {
        if before.is_empty() {
            return Ok(());
        }
        let mut lines = before.lines.clone();
        while lines.len() > LINES * PIECES {
            // Those that matter only when the invoice does not come about go first.
            let least = lines.iter().rev().find(|(_, line)| line.whole).map(|(id, _)| *id);
            match least {
                Some(id) => lines.remove(&id),
                None => lines.pop_last().map(|(_, line)| line),
            };
        }
        let mut lines = lines.into_iter();
        let mut pieces = Vec::new();
        for piece in 0..PIECES {
            let own = lines.by_ref().take(LINES).collect();
            let kept = match piece {
                0 => OrderBefore { lines: own, ..before.clone() },
                _ => OrderBefore { lines: own, ..OrderBefore::default() },
            };
            let text = serde_json::to_string(&kept).map_err(|defect| Fault::defect(OPERATION, defect.to_string()))?;
            pieces.push((name(piece), text));
            // A full piece says that another one follows: one is written even where it is empty.
            if kept.lines.len() < LINES {
                break;
            }
        }
        // At once: lines move from piece to piece, and one that is in neither has lost its price.
        Ok(self.context.ledger.keep_all(&self.job.flow, number, &pieces).await?)
    }

    /// Once the order shows its own prices again. What a crash leaves of further pieces is not read without the first, and written anew.
    pub(super) async fn forget_before(&self, number: &str) -> Result<(), Fault> {
        for piece in 0..PIECES {
            if !self.context.ledger.forget_kept(&self.job.flow, number, &name(piece)).await? {
                break;
            }
        }
        Ok(())
    }
}

fn name(piece: usize) -> String {
    if piece == 0 { BEFORE.to_owned() } else { format!("{BEFORE}_{piece}") }
}
