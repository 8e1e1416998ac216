//! Alerts from Redis to receivers that listen: a webhook, a chat and a mail server of the test's own.
#![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]

#[path = "../private_redis/mod.rs"]
mod private_redis;

mod channels;
mod command;
mod house;
mod mail_server;
mod telling;
