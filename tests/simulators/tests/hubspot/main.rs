//! What the HubSpot simulator promises to those who test against it.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod client;
mod limits_and_faults;
mod records;
