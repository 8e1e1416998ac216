//! One job per order of the shop at a time: what an order push and an invoice push both lease.

use mlc_model::{ConnectionId, Fault, Fingerprint, FlowId};

/// The name under which orders of a shop are leased, whichever flow asks: a lease of the purchase order's key there excludes every other
/// writer of that order.
///
/// # Errors
/// Never in practice: the name is built of hexadecimal digits.
pub(crate) fn order_lock(shop: &ConnectionId) -> Result<FlowId, Fault> {
    let defect = |problem: String| Fault::defect("order_lock", problem);
    // A connection's name may hold what a flow's may not.
    let print = Fingerprint::of(&shop.as_str()).map_err(|problem| defect(problem.to_string()))?;
    FlowId::parse(&format!("adobe_orders::{print}")).map_err(|problem| defect(problem.to_string()))
}
