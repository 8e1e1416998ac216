//! Behaviour across rooms, on a real Redis and the simulators.

#![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]

mod vendors;
