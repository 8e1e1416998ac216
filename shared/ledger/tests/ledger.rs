//! The ledger on a real Redis of its own.
#![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]

#[path = "ledger/records.rs"]
mod records;
#[path = "ledger/server.rs"]
mod server;
#[path = "ledger/trail.rs"]
mod trail;
#[path = "ledger/version_law.rs"]
mod version_law;
#[path = "ledger/windows.rs"]
mod windows;
