//! The door against a real Redis and a local server.
#![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]

mod budgets;
mod post;
mod signatures;
mod support;
mod tokens;
mod transport;
mod witness;
