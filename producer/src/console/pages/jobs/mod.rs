//! Jobs: what waits, runs and ended, and one job's timeline.

pub(crate) mod dto;
mod ended;
mod list;
mod one;
pub(crate) mod timeline;

use crate::console::route::Route;

pub(super) fn routes() -> Vec<Route> {
    let mut routes = list::routes();
    routes.extend(one::routes());
    routes
}
