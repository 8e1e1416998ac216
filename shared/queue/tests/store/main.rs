//! What the store of the queue must hold, one case for each defect known of the stock store and each gap of the prototype.
#![allow(clippy::unwrap_used, reason = "a failing unwrap fails the test")]
#![allow(clippy::cloned_ref_to_slice_refs, reason = "a list of one reads better so")]
#![allow(missing_docs, unreachable_pub, reason = "tests")]

mod bulk;
mod coming_back;
mod crashes;
mod edit;
mod full;
mod house;
mod inspection;
mod lanes;
mod looking;
mod outcomes;
mod paging;
mod seed;
mod shelf;
mod stock_defects;
mod stops;
#[path = "../support/mod.rs"]
mod support;
mod triage;
