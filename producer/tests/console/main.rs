//! The console over HTTP: every page, its JSON face, and what its actions leave behind.
#![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]

#[path = "../private_redis/mod.rs"]
mod private_redis;

mod access;
mod audit;
mod blank;
mod browser;
mod budgets;
mod bulk;
mod connections;
mod dead_letters;
mod errands;
mod events;
mod flows;
mod hard_days;
mod jobs;
mod openapi;
mod overview;
mod people;
mod records;
mod reviews;
mod routes;
mod site;
mod unfinished;
