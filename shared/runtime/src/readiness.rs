//! Whether the process does its work, as opposed to merely being alive.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// Why a process is not ready.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotReady {
    /// It has not done its first round yet.
    #[error("starting: nothing taken from the queue yet")]
    Starting,
    /// It is alive but has not looked for work for too long.
    #[error("silent: last looked for work {} s ago, {} s are allowed", .silent_for.as_secs(), .allowed.as_secs())]
    Silent {
        /// Time since the last beat.
        silent_for: Duration,
        /// Longest time allowed.
        allowed: Duration,
    },
    /// It finishes what it has and takes nothing new.
    #[error("draining: the process is stopping")]
    Draining,
}

/// Kept alive by [`Readiness::beat`]; turns red when the beats stop or the process drains. Clones share the state.
#[derive(Debug, Clone)]
pub struct Readiness(Arc<State>);

#[derive(Debug)]
struct State {
    started: Instant,
    allowed: Duration,
    /// Milliseconds after `started`, plus one; 0 = never.
    last_beat: AtomicU64,
    draining: AtomicBool,
}

impl Readiness {
    /// Red until the first beat, and whenever there was none for longer than `allowed`.
    pub fn new(allowed: Duration) -> Self {
        Self(Arc::new(State {
            started: Instant::now(),
            allowed,
            last_beat: AtomicU64::new(0),
            draining: AtomicBool::new(false),
        }))
    }

    /// Says that the process has just looked for work, whether it found some or not. Costs next to nothing.
    pub fn beat(&self) {
        self.beat_at(self.elapsed_ms());
    }

    /// Says that the process takes no new work. It cannot be taken back.
    pub fn drain(&self) {
        self.0.draining.store(true, Ordering::Relaxed);
    }

    /// # Errors
    /// Why the process is not ready.
    pub fn check(&self) -> Result<(), NotReady> {
        self.check_at(self.elapsed_ms())
    }

    fn beat_at(&self, elapsed_ms: u64) {
        self.0.last_beat.store(elapsed_ms + 1, Ordering::Relaxed);
    }

    fn check_at(&self, elapsed_ms: u64) -> Result<(), NotReady> {
        if self.0.draining.load(Ordering::Relaxed) {
            return Err(NotReady::Draining);
        }
        let last = self.0.last_beat.load(Ordering::Relaxed);
        if last == 0 {
            return Err(NotReady::Starting);
        }
        let silent_for = Duration::from_millis((elapsed_ms + 1).saturating_sub(last));
        if silent_for > self.0.allowed {
            return Err(NotReady::Silent { silent_for, allowed: self.0.allowed });
        }
        Ok(())
    }

    fn elapsed_ms(&self) -> u64 {
        u64::try_from(self.0.started.elapsed().as_millis()).unwrap_or(u64::MAX - 1)
    }
}

impl Default for Readiness {
    /// Allows 30 seconds between beats.
    fn default() -> Self {
        Self::new(Duration::from_secs(30))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_stops_consuming_turns_red_and_recovers() {
        let readiness = Readiness::new(Duration::from_secs(10));
        assert_eq!(readiness.check(), Err(NotReady::Starting));
        readiness.beat_at(0);
        assert_eq!(readiness.check_at(10_000), Ok(()));
        assert!(matches!(readiness.check_at(10_001), Err(NotReady::Silent { .. })));
        readiness.beat_at(11_000);
        assert_eq!(readiness.check_at(11_500), Ok(()));
        readiness.clone().drain();
        assert_eq!(readiness.check_at(11_500), Err(NotReady::Draining));
    }
}
