//! Budgets: what is left, and when a backlog drains.

use crate::console::route::Route;

pub(super) fn routes() -> Vec<Route> {
    Vec::new()
}
