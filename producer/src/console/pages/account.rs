//! Logging in and out.

use crate::console::route::Route;

pub(super) fn routes() -> Vec<Route> {
    Vec::new()
}
