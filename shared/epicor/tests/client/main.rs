//! The client against the simulated Epicor.
#![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]

mod documents;
mod order_parts;
mod ping;
mod reading;
mod refusals;
mod support;
mod writing;
