#![doc = include_str!("../README.md")]

mod role;

pub use role::{InvalidRole, Role};
