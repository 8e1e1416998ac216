//! Which invoice of the shop an AP invoice was entered from: known before it stands in Epicor, so that the way back cannot make a second one.

use mlc_model::{ConnectionId, Fault, FlowId, RecordKey};

use crate::context::Context;

/// The name under which every flow of AP invoices to a shop keeps the shop's id of the invoice, by the key of the AP invoice.
const KEPT_SHOP_INVOICE: &str = "shop_invoice";

/// Tells every flow that carries AP invoices from `epicor` to `shop` that this one came from there.
///
/// # Errors
/// When the ledger cannot be written.
pub(crate) async fn entered_from_shop(
    context: &Context,
    (epicor, shop): (&ConnectionId, &ConnectionId),
    ap_invoice: &RecordKey,
    invoice_id: i64,
) -> Result<(), Fault> {
    for (id, flow) in &context.settings.flows {
        if flow.kind(id).as_str() == "epicor_to_adobe::ap_invoices" && flow.from == *epicor && flow.to == *shop {
            context.ledger.keep(id, ap_invoice.as_str(), KEPT_SHOP_INVOICE, &invoice_id.to_string()).await?;
        }
    }
    Ok(())
}

/// The invoice of the shop that this AP invoice was entered from; `None` for one that was not. Asked by a flow to the shop.
///
/// # Errors
/// When the ledger cannot be read.
pub(crate) async fn shop_invoice_of(
    context: &Context,
    flow: &FlowId,
    ap_invoice: &RecordKey,
) -> Result<Option<i64>, Fault> {
    let kept = context.ledger.kept(flow, ap_invoice.as_str(), KEPT_SHOP_INVOICE).await?;
    Ok(kept.and_then(|text| text.parse().ok()))
}
