//! Records: found by their key, and each one's page: what was read, sent and answered, when, and by which job.

mod about;
mod dto;
mod exchange;
mod find;
mod one;
mod screens;
mod view;

use crate::console::route::Route;

pub(super) fn routes() -> Vec<Route> {
    let mut routes = find::routes();
    routes.extend(one::routes());
    routes
}
