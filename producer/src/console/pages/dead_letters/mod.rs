//! Dead letters: by cause, as a list, one by one, and what can be done about them.

mod actions;
pub(crate) mod dto;
mod edit;
pub(crate) mod filter;
pub(crate) mod groups;
mod letter;
mod list;
mod matching;

use crate::console::route::Route;

pub(super) fn routes() -> Vec<Route> {
    [groups::routes(), list::routes(), matching::routes(), actions::routes(), edit::routes(), letter::routes()].concat()
}
