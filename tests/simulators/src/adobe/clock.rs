//! The shop's clock: it runs with real time until somebody sets it.

#![expect(
    clippy::disallowed_methods,
    reason = "a simulator shares no code with the product and keeps a clock of its own"
)]

use chrono::{DateTime, TimeDelta, Utc};

/// Real time plus an offset, or a time that stands still.
#[derive(Debug, Default)]
pub(super) struct Clock {
    offset: TimeDelta,
    frozen: Option<DateTime<Utc>>,
}

impl Clock {
    pub(super) fn now(&self) -> DateTime<Utc> {
        self.frozen.unwrap_or_else(|| Utc::now() + self.offset)
    }

    pub(super) fn freeze(&mut self, at: DateTime<Utc>) {
        self.frozen = Some(at);
    }

    pub(super) fn advance(&mut self, step: TimeDelta) {
        match &mut self.frozen {
            Some(at) => *at += step,
            None => self.offset += step,
        }
    }

    pub(super) fn reset(&mut self) {
        *self = Self::default();
    }
}
