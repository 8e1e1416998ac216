//! The Epicor stand-in, seen through HTTP as a client sees it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::disallowed_methods, reason = "a simulator is tested without any room of the product")]

mod change;
mod door;
mod edits;
mod purchasing;
mod reading;
mod site;
mod trouble;
mod writing;
