#![doc = include_str!("../README.md")]

mod adobe;
mod clients;
mod epicor;
mod hubspot;
mod secrets;

pub use clients::Connections;
pub use mlc_outbound::BudgetLeft;
