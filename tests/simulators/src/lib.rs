#![doc = include_str!("../README.md")]

pub mod adobe;
pub mod control;
pub mod epicor;
pub mod hubspot;
pub mod server;
