#![doc = include_str!("../README.md")]

mod args;
mod catalogue;

pub use args::{Ask, CloseWindow, Extent, JOB_KINDS, PageStart, PollPage, PushRecord, Record};
pub use catalogue::{Entity, FlowKind, UnknownFlow, catalogue, flow_kind};
