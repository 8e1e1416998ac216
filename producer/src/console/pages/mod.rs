//! One file per page: what it shows and what can be done there.

mod account;
mod audit;
pub(crate) mod budgets;
mod bulk;
mod connections;
mod dead_letters;
mod events;
mod flows;
mod jobs;
mod overview;
mod records;
mod reviews;

use super::route::Route;

/// The routes of all pages.
pub(super) fn routes() -> Vec<Route> {
    [
        overview::routes(),
        flows::routes(),
        jobs::routes(),
        dead_letters::routes(),
        bulk::routes(),
        records::routes(),
        reviews::routes(),
        connections::routes(),
        budgets::routes(),
        audit::routes(),
        account::routes(),
        events::routes(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
