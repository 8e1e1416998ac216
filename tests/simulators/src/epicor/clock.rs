//! The simulator's clock: change stamps, token lifetimes and the `Date` header all follow it.

#![expect(
    clippy::disallowed_methods,
    reason = "a simulator shares no code with the product and keeps a clock of its own"
)]

use std::sync::Mutex;

use chrono::{DateTime, TimeDelta, Utc};

#[derive(Debug, Clone, Copy)]
enum Mode {
    /// Real time plus an offset.
    Running(TimeDelta),
    /// Stands still until somebody advances it.
    Frozen(DateTime<Utc>),
}

/// A clock that runs with real time until it is set.
#[derive(Debug)]
pub struct Clock(Mutex<Mode>);

impl Default for Clock {
    fn default() -> Self {
        Self(Mutex::new(Mode::Running(TimeDelta::zero())))
    }
}

impl Clock {
    /// The simulator's idea of now.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        match *super::locked(&self.0) {
            Mode::Running(offset) => Utc::now() + offset,
            Mode::Frozen(at) => at,
        }
    }

    /// Stops the clock at `at`.
    pub fn freeze(&self, at: DateTime<Utc>) {
        *super::locked(&self.0) = Mode::Frozen(at);
    }

    /// Sets the clock to `at` and lets it run on from there.
    pub fn run_from(&self, at: DateTime<Utc>) {
        *super::locked(&self.0) = Mode::Running(at - Utc::now());
    }

    /// Moves the clock by `step`, forwards or backwards.
    pub fn advance(&self, step: TimeDelta) {
        let mut mode = super::locked(&self.0);
        *mode = match *mode {
            Mode::Running(offset) => Mode::Running(offset + step),
            Mode::Frozen(at) => Mode::Frozen(at + step),
        };
    }

    /// Back to real time.
    pub fn reset(&self) {
        *super::locked(&self.0) = Mode::Running(TimeDelta::zero());
    }
}
