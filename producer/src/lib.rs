#![doc = include_str!("../README.md")]

mod action;
mod alerts;
mod arguments;
mod bulk_driver;
mod command;
pub mod console;
mod failure;
mod lag;
mod levels;
mod open;
mod output;
mod person;
mod schedule;
mod serving;
pub mod webhook;

pub use alerts::Notifier;
pub use arguments::Arguments;
pub use bulk_driver::drive_bulks;
pub use command::run;
pub use failure::{Exit, Failure};
pub use levels::refresh_levels;
pub use open::{Rooms, open};
pub use person::Person;
pub use schedule::{InvalidSchedule, Ordered, Rhythm, Schedule, TickError, Ticker, order_poll};
