//! The console over HTTP: every page, its JSON face, and what its actions leave behind.
#![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]

#[path = "../private_redis/mod.rs"]
mod private_redis;

mod errands;
mod jobs;
mod connections;
mod events;
mod overview;
mod reviews;
mod site;
