//! The client against a simulated portal, with a Redis of its own for each test.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a failing unwrap fails the test")]

mod limits;
mod portal;
mod records;
mod set_up;
mod token;
mod trouble;
