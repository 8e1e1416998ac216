//! Jobs: what waits and runs, and one job's timeline.

use crate::console::route::Route;

pub(super) fn routes() -> Vec<Route> {
    Vec::new()
}
