#![doc = include_str!("../README.md")]

pub mod control;
pub mod epicor;
pub mod hubspot;
pub mod server;
