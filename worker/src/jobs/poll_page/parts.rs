//! Lines and releases of orders, which are only read to learn which orders changed.
//!
//! What stands there already is no news: all orders are read whole at the beginning. So the first poll of such a list only writes down how far it has
//! come, and then orders that reading, in this order: an edit in between is seen by one of the two.

use mlc_flow::{Ask, Entity, Extent, PollPage};
use mlc_model::{ChangeField, ChangeMode, Fault};
use mlc_queue::{Order, Outcome};

use super::Source;

/// How a poll of order parts starts.
pub(super) enum Beginning {
    /// As every other poll: there is a checkpoint, or it is no list of order parts.
    Known,
    /// From this moment on, with all orders read afterwards.
    Now,
    /// The list cannot tell what changed: all orders are read instead.
    Never,
    /// The orders themselves are read in full by the same request of a person or schedule.
    Covered,
}

impl Source<'_> {
    pub(super) async fn beginning_of_parts(&self, field: &ChangeField, extent: Extent) -> Result<Beginning, Fault> {
        if !self.listed.is_order_part() {
            return Ok(Beginning::Known);
        }
        Ok(match (extent, field.mode) {
            (Extent::Full, _) => Beginning::Covered,
            (_, ChangeMode::FullScan) => Beginning::Never,
            // Row versions know no instants.
            (Extent::Since(_), ChangeMode::Revision) => Beginning::Never,
            (Extent::Since(_), _) => Beginning::Known,
            (Extent::Incremental, _) => match self.checkpoint().await? {
                Some(_) => Beginning::Known,
                None => Beginning::Now,
            },
        })
    }

    /// Orders that every order is read whole, where `begins` says so, in the step that finishes this job.
    pub(super) fn followed_by_all_orders(&self, mut outcome: Outcome, begins: bool) -> Result<Outcome, Fault> {
        if let (true, Outcome::Done { then, .. }) = (begins, &mut outcome) {
            let all = PollPage { entity: Entity::PurchaseOrders, ask: Ask::Plan(Extent::Full), ..self.job.clone() };
            then.push(Order::of(&all)?.priority(self.run.priority));
        }
        Ok(outcome)
    }
}
