//! The ledger on a real Redis of its own.
#![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]

#[path = "ledger/alerts.rs"]
mod alerts;
#[path = "ledger/exchanges.rs"]
mod exchanges;
#[path = "ledger/kept.rs"]
mod kept;
#[path = "ledger/people.rs"]
mod people;
#[path = "ledger/pings.rs"]
mod pings;
#[path = "ledger/records.rs"]
mod records;
#[path = "ledger/reviews.rs"]
mod reviews;
#[path = "ledger/seen.rs"]
mod seen;
#[path = "ledger/server.rs"]
mod server;
#[path = "ledger/trail.rs"]
mod trail;
#[path = "ledger/unsettle.rs"]
mod unsettle;
#[path = "ledger/version_law.rs"]
mod version_law;
#[path = "ledger/windows.rs"]
mod windows;
