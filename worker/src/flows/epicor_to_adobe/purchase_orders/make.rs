//! A new order.

use mlc_adobe::{Order, fault};
use mlc_ledger::Action;
use mlc_mapping::LiveOrder;
use mlc_model::Fault;

use super::{Landed, Work, entity_id};

impl Work<'_> {
    /// Makes the order; `None` when the shop has its number already, since somebody was faster or an answer was lost.
    pub(super) async fn make(&self, live: &LiveOrder) -> Result<Option<Landed>, Fault> {
        let mut attributes = self.context.shop_capabilities(self.shop()).await?.line_attributes;
        let made = loop {
            match self.client.create_order(&live.to_new(attributes)?).await {
                Ok(made) => break made,
                Err(fault) if attributes && fault::refuses_custom_attributes(&fault) => {
                    tracing::info!(connection = %self.shop(), "The shop has no custom attributes on orders: accounts go into additional data only");
                    self.context.learn_line_attributes(self.shop(), false).await?;
                    attributes = false;
                }
                Err(fault) if fault.code.as_deref() == Some(fault::code::DUPLICATE) => return Ok(None),
                Err(fault) => return Err(fault),
            }
        };
        let id = entity_id(&made)?;
        self.tell_adapted(live, id).await?;
        self.check_first(live, id, attributes).await?;
        Ok(Some(self.landed(id, true)?))
    }

    pub(super) async fn tell_adapted(&self, live: &LiveOrder, id: i64) -> Result<(), Fault> {
        if live.adapted.is_empty() {
            return Ok(());
        }
        self.tell(Action::Corrected, Some(id), &format!("adapted to the shop: {}", live.adapted.join("; "))).await
    }

    /// The first order of a shop is read back: a shop may take accounts and lose them.
    async fn check_first(&self, live: &LiveOrder, id: i64, attributes: bool) -> Result<(), Fault> {
        if self.context.line_attributes_kept(self.shop()).await?.is_some() {
            return Ok(());
        }
        let read = self.client.order(id).await?;
        self.check_data(live, &read)?;
        let kept = attributes
            && live.lines.iter().filter(|line| !line.void).all(|line| {
                let found = read.line(&line.ext_order_item_id);
                found.and_then(|found| found.attribute(&live.gl_attribute)) == Some(line.gl_account.as_str())
            });
        if attributes && !kept {
            let detail = "the shop took the custom attributes of lines and does not give them back: accounts stand in additional data only";
            self.tell(Action::Conflict, Some(id), detail).await?;
        }
        self.context.learn_line_attributes(self.shop(), kept).await
    }

    fn check_data(&self, live: &LiveOrder, read: &Order) -> Result<(), Fault> {
        for line in live.lines.iter().filter(|line| !line.void) {
            let found = read.line(&line.ext_order_item_id);
            if !found.is_some_and(|found| line.is_told(found.additional_data.as_deref())) {
                let message = format!(
                    "the shop does not give back the additional data of line {}, so its account would be lost there",
                    line.ext_order_item_id
                );
                return Err(self.refusal("ADDITIONAL_DATA_LOST", message).with_field("additional_data"));
            }
        }
        Ok(())
    }
}
