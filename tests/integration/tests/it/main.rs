//! Behaviour across rooms, on a real Redis and the simulators.

#![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]

mod crashes;
mod end_state;
mod interruptions;
mod processes;
mod secrets_stay_hidden;
mod stopping;
mod vendors;
mod hubspot_faults;
mod trouble;
mod window_property;
mod holding;
mod epicor_faults;
mod bad_rows;
