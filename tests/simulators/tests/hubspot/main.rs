//! What the HubSpot simulator promises to those who test against it.
#![expect(clippy::unwrap_used, reason = "a test may panic")]
#![expect(clippy::disallowed_methods, reason = "the simulators share no code with the product, its door included")]

mod client;
mod limits_and_faults;
mod records;
