//! An order that was called off.

use mlc_adobe::Order;
use mlc_ledger::Action;
use mlc_mapping::{Note, VoidOrder, mirror_void};
use mlc_model::Fault;

use super::{Landed, Work, entity_id};

impl Work<'_> {
    /// Cancels the order, or what is left of it where a part is invoiced.
    pub(super) async fn call_off(&self, void: &VoidOrder, found: Order) -> Result<Landed, Fault> {
        let id = entity_id(&found)?;
        let created = !self.is_delivered().await?;
        let mirrored = mirror_void(void, &found);
        let what = mirrored.differences.join("; ");
        if mirrored.cancel || mirrored.change.is_some() {
            self.tell(Action::Cancelled, Some(id), &format!("before: {what}")).await?;
        }
        let mut read = found;
        if mirrored.cancel {
            if read.state.as_deref() == Some("holded") {
                // Somebody put it on hold in the shop, where a held order cannot be cancelled.
                self.client.unhold_order(id).await?;
            }
            let cancelled = self.client.cancel_order(id).await?;
            read = self.client.order(id).await?;
            if !cancelled && !mirror_void(void, &read).differences.is_empty() {
                let state = read.state.as_deref().unwrap_or("unknown");
                let message = format!(
                    "the shop does not cancel the order, which is in state {state} there. Cancel it in the shop."
                );
                return Err(self.refusal("NOT_CANCELLED", message));
            }
        } else if let Some(change) = &mirrored.change {
            self.client.update_order(&read, change).await?;
            read = self.client.order(id).await?;
        }
        if mirrored.cancel || mirrored.change.is_some() {
            self.tell(Action::Cancelled, Some(id), &format!("after: {what}")).await?;
        }
        let heading = format!("Epicor purchase order {} was called off", self.order.number);
        let body = "Nothing more of it is expected.".to_owned();
        self.keep_history(&[Note { heading, body }], &read).await?;
        self.landed(id, created)
    }
}
