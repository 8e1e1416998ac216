#![doc = include_str!("../README.md")]

pub mod backoff;
pub mod logs;
pub mod metrics;
pub mod probes;
pub mod readiness;
pub mod redis;
pub mod settings;
pub mod shutdown;
