//! AP invoices at the shop.

use mlc_flow::PushRecord;
use mlc_model::{ApInvoice, Fault, Fingerprint};
use mlc_queue::JobContext;

use super::{Landed, ShopRules};
use crate::context::Context;

pub(super) fn judge(_invoice: &ApInvoice, _rules: &ShopRules) -> Result<Option<Fingerprint>, Fault> {
    Err(Fault::defect("epicor_to_adobe::ap_invoices", "not built yet"))
}

pub(super) async fn write(
    _context: &Context,
    _job: &PushRecord,
    _run: &JobContext,
    _rules: &ShopRules,
    _invoice: &ApInvoice,
) -> Result<Landed, Fault> {
    Err(Fault::defect("epicor_to_adobe::ap_invoices", "not built yet"))
}

/// The purchase orders that an invoice's lines name.
pub(super) fn touched_orders(invoice: &ApInvoice) -> Vec<mlc_model::RecordKey> {
    let key = |number: i64| {
        mlc_model::RecordKey::new(&invoice.company, mlc_model::RecordKind::PurchaseOrder, &number.to_string())
    };
    invoice.purchase_orders().into_iter().map(key).collect()
}
