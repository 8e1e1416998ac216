//! Bulk operations on dead letters: preview, progress, pause, abort.

use crate::console::route::Route;

pub(super) fn routes() -> Vec<Route> {
    Vec::new()
}
