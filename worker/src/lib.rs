#![doc = include_str!("../README.md")]

mod capabilities;
mod context;
mod entities;
mod exchanges;
mod flows;
mod jobs;
mod open;
mod registry;
mod shop_invoices;
mod shop_scope;

pub use context::Context;
pub use open::{OpenError, open, open_with_keys};
pub use registry::registry;
