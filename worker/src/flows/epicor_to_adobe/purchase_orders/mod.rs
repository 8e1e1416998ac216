//! Purchase orders at the shop: made once under our number, and kept in step afterwards.

mod call_off;
mod change;
mod history;
mod make;

use mlc_adobe::{AdobeClient, Order};
use mlc_flow::PushRecord;
use mlc_ledger::{Action, AuditNote};
use mlc_mapping::{OrderDraft, OrderRules, purchase_order_to_order};
use mlc_model::{ConnectionId, Fault, FaultKind, Fingerprint, PurchaseOrder, System, TargetId};
use mlc_queue::JobContext;

use super::{Landed, ShopRules};
use crate::context::Context;

/// The fingerprint of all that the shop shows of an order, its history included.
pub(super) fn judge(order: &PurchaseOrder, rules: &ShopRules) -> Result<Option<Fingerprint>, Fault> {
    let Some(draft) = purchase_order_to_order(order, &order_rules(rules))? else { return Ok(None) };
    let print = Fingerprint::of(&draft)
        .map_err(|problem| Fault::defect("epicor_to_adobe::purchase_orders", problem.to_string()))?;
    Ok(Some(print))
}

/// Makes the order, or brings the one that is there in step. Looks first, so it may be tried again after any fault.
pub(super) async fn write(
    context: &Context,
    job: &PushRecord,
    run: &JobContext,
    rules: &ShopRules,
    order: &PurchaseOrder,
) -> Result<Landed, Fault> {
    let Some(draft) = purchase_order_to_order(order, &order_rules(rules))? else { return Ok(Landed::LeftOut) };
    let work = Work { context, job, run, order, client: context.adobe(&job.to).await? };
    // Asked even where nothing custom is written: the client knows the shop from then on.
    context.shop_capabilities(&job.to).await?;
    match draft {
        OrderDraft::Void(void) => match work.find(&void.increment_id, &void.ext_order_id).await? {
            None => Ok(Landed::LeftOut),
            Some(found) => work.call_off(&void, found).await,
        },
        OrderDraft::Live(live) => {
            if let Some(found) = work.find(&live.increment_id, &live.ext_order_id).await? {
                return work.change(&live, found).await;
            }
            match work.make(&live).await? {
                Some(landed) => Ok(landed),
                None => match work.find(&live.increment_id, &live.ext_order_id).await? {
                    Some(found) => work.change(&live, found).await,
                    None => Err(work.refusal(
                        "NUMBER_TAKEN",
                        "the shop says that the number is taken, and does not find it in this store",
                    )),
                },
            }
        }
    }
}

/// One order on its way.
struct Work<'a> {
    context: &'a Context,
    job: &'a PushRecord,
    run: &'a JobContext,
    order: &'a PurchaseOrder,
    client: AdobeClient,
}

impl Work<'_> {
    fn shop(&self) -> &ConnectionId {
        &self.job.to
    }

    /// The order of our number, which must be ours.
    async fn find(&self, increment_id: &str, ext_order_id: &str) -> Result<Option<Order>, Fault> {
        let Some(found) = self.client.find_order(increment_id).await? else { return Ok(None) };
        if found.ext_order_id.as_deref().is_some_and(|there| !there.eq_ignore_ascii_case(ext_order_id)) {
            let message = format!(
                "order {increment_id} of the shop was not made by us: its ext_order_id is not {ext_order_id}. Give it another number."
            );
            return Err(self.refusal("NOT_OURS", message));
        }
        Ok(Some(found))
    }

    fn landed(&self, entity_id: i64, created: bool) -> Result<Landed, Fault> {
        Ok(Landed::Written { target: target(entity_id)?, created, then: Vec::new() })
    }

    /// Whether the ledger has this order delivered already. Not so after a crash between the shop's answer and the ledger's entry.
    async fn is_delivered(&self) -> Result<bool, Fault> {
        let rows = self.context.ledger.row(&self.job.flow, &[self.order.key()]).await?;
        Ok(rows.into_iter().flatten().any(|row| row.target.is_some()))
    }

    /// Writes into the audit what is about to happen, or has happened.
    async fn tell(&self, action: Action, entity_id: Option<i64>, detail: &str) -> Result<(), Fault> {
        let note = AuditNote {
            version: Some(self.order.version),
            target_id: entity_id.map(target).transpose()?,
            window: self.job.window.clone(),
            job: Some(self.run.job_id.clone()),
            detail: Some(detail.to_owned()),
            ..AuditNote::new(self.order.key(), action, self.context.clock.now())
        };
        Ok(self.context.ledger.note(&self.job.flow, &[note]).await?)
    }

    fn refusal(&self, code: &str, message: impl AsRef<str>) -> Fault {
        Fault::new(FaultKind::Rejected, System::Adobe, "purchase_orders.write", message).with_code(code)
    }
}

fn order_rules(rules: &ShopRules) -> OrderRules {
    let said = &rules.settings.purchase_orders;
    OrderRules {
        store_id: rules.connection.store_id,
        approved_only: said.approved_only,
        payment_method: said.payment_method.clone(),
        default_email: said.default_email.clone(),
        base_currency: said.base_currency.clone(),
        gl_segments: said.gl.segments.clone(),
        gl_separator: said.gl.separator.clone(),
        gl_attribute: said.gl.attribute.clone(),
    }
}

fn target(entity_id: i64) -> Result<TargetId, Fault> {
    TargetId::parse(&entity_id.to_string())
        .map_err(|problem| Fault::defect("purchase_orders.write", problem.to_string()))
}

fn entity_id(order: &Order) -> Result<i64, Fault> {
    order.entity_id.ok_or_else(|| Fault::defect("purchase_orders.write", "an order of the shop came without its id"))
}
