//! When flows are due: pure planning, and the one replica that holds the lease and ticks.

mod plan;
mod ticker;

pub(crate) use plan::jitter_of;
pub use plan::{InvalidSchedule, Rhythm, Schedule};
pub use ticker::{Ordered, TickError, Ticker, order_poll};
