//! An order that the shop has.

use std::time::Duration;

use mlc_adobe::{Order, fault};
use mlc_ledger::Action;
use mlc_mapping::{LiveOrder, Mirror, mirror};
use mlc_model::{Fault, FaultKind};

use super::{Landed, Work, entity_id};

/// A change that adds lines and whose answer was lost may still be under way in the shop: nothing keeps it from adding them twice, so the next
/// look comes late.
const SETTLING: Duration = Duration::from_secs(3);
/// Rounds until an order must be in step: one for the change, one for what was found only then.
const ROUNDS: u32 = 3;

impl Work<'_> {
    /// Sends what differs, and looks again where lines were added.
    pub(super) async fn change(&self, live: &LiveOrder, found: Order) -> Result<Landed, Fault> {
        let id = entity_id(&found)?;
        let created = !self.is_delivered().await?;
        let mut read = found;
        let mut changed = false;
        for _ in 0..ROUNDS {
            let attributes = self.context.shop_capabilities(self.shop()).await?.line_attributes;
            let mirrored = mirror(live, &read, attributes)?;
            let Some(change) = &mirrored.change else { break };
            let what = mirrored.differences.join("; ");
            self.tell(Action::Corrected, Some(id), &format!("before: {what}")).await?;
            match self.client.update_order(&read, change).await {
                Ok(_) => {}
                Err(fault) if attributes && fault::refuses_custom_attributes(&fault) => {
                    self.context.learn_line_attributes(self.shop(), false).await?;
                    continue;
                }
                Err(fault) => return Err(unsettled(fault, &mirrored)),
            }
            self.tell(Action::Corrected, Some(id), &format!("after: {what}")).await?;
            changed = true;
            // The answer shows what was sent, not what stands there.
            read = self.client.order(id).await?;
            if !mirrored.adds {
                break;
            }
        }
        if changed {
            self.tell_adapted(live, id).await?;
        }
        self.keep_history(&live.notes, &read).await?;
        self.landed(id, created)
    }
}

fn unsettled(fault: Fault, mirrored: &Mirror) -> Fault {
    let waits = fault.retry_after().is_some_and(|wait| wait >= SETTLING);
    if mirrored.adds && fault.kind == FaultKind::Uncertain && !waits { fault.with_retry_after(SETTLING) } else { fault }
}
