//! Live updates by server-sent events.

use crate::console::route::Route;

pub(super) fn routes() -> Vec<Route> {
    Vec::new()
}
