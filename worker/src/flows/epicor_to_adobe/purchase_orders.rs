//! Purchase orders at the shop.

use mlc_flow::PushRecord;
use mlc_model::{Fault, Fingerprint, PurchaseOrder};
use mlc_queue::JobContext;

use super::{Landed, ShopRules};
use crate::context::Context;

pub(super) fn judge(_order: &PurchaseOrder, _rules: &ShopRules) -> Result<Option<Fingerprint>, Fault> {
    Err(Fault::defect("epicor_to_adobe::purchase_orders", "not built yet"))
}

pub(super) async fn write(
    _context: &Context,
    _job: &PushRecord,
    _run: &JobContext,
    _rules: &ShopRules,
    _order: &PurchaseOrder,
) -> Result<Landed, Fault> {
    Err(Fault::defect("epicor_to_adobe::purchase_orders", "not built yet"))
}
