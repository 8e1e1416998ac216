//! Flows and their windows.

use crate::console::route::Route;

pub(super) fn routes() -> Vec<Route> {
    Vec::new()
}
