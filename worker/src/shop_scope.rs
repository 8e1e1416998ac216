//! Names in the ledger for what belongs to a shop, whichever flow asks.

use mlc_model::{ConnectionId, Fault, Fingerprint, FlowId};

/// The name under which orders and vendors of a shop are leased: a lease of their key there excludes every other writer.
///
/// # Errors
/// Never in practice: the name is built of hexadecimal digits.
pub(crate) fn order_lock(shop: &ConnectionId) -> Result<FlowId, Fault> {
    scope("adobe_orders", shop)
}

/// The name under which facts of a shop are kept, whichever flow learned them.
///
/// # Errors
/// As [`order_lock`].
pub(crate) fn shop_facts(shop: &ConnectionId) -> Result<FlowId, Fault> {
    scope("adobe_shops", shop)
}

fn scope(what: &str, shop: &ConnectionId) -> Result<FlowId, Fault> {
    let defect = |problem: String| Fault::defect("shop_scope", problem);
    // A connection's name may hold what a flow's may not.
    let print = Fingerprint::of(&shop.as_str()).map_err(|problem| defect(problem.to_string()))?;
    FlowId::parse(&format!("{what}::{print}")).map_err(|problem| defect(problem.to_string()))
}
