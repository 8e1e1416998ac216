//! The client against the simulated shop, in both editions.
#![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]

mod event_keys;
mod invoices;
mod logins;
mod orders;
mod partners;
mod ping;
mod support;
