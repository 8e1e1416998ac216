//! How long to wait before trying again. The only use of the crate `backoff`.

use std::time::Duration;

use ::backoff::{ExponentialBackoff, backoff::Backoff as _};

/// Exponential growth with full jitter: the delay after the n-th failure is spread evenly between zero and a ceiling,
/// and the ceiling doubles from `base` until it reaches `cap`.
///
/// With the defaults (1 s, 10 min) the ceilings are 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 600, 600 … seconds: twelve
/// attempts span about 18 minutes on average and 37 minutes at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Ceiling after the first failure.
    pub base: Duration,
    /// Highest ceiling.
    pub cap: Duration,
    /// The shortest delay after a write whose end is not known: the server may still be carrying it out, and only then can be asked whether it did.
    pub unsettled: Duration,
}

impl RetryPolicy {
    /// A policy that doubles from `base` to `cap`, without a pause of its own after uncertain writes.
    pub const fn new(base: Duration, cap: Duration) -> Self {
        Self { base, cap, unsettled: Duration::ZERO }
    }

    /// The same policy with the shortest delay after a write whose end is not known.
    #[must_use]
    pub const fn with_unsettled(self, unsettled: Duration) -> Self {
        Self { unsettled, ..self }
    }

    /// The longest delay possible after failure number `attempt` (counted from 1; 0 counts as 1).
    pub fn ceiling(&self, attempt: u32) -> Duration {
        let mut schedule = ExponentialBackoff {
            current_interval: self.base.min(self.cap),
            initial_interval: self.base.min(self.cap),
            // The jitter is applied in `delay`, from a number that the caller gives: so the policy stays pure.
            randomization_factor: 0.0,
            multiplier: 2.0,
            max_interval: self.cap,
            max_elapsed_time: None,
            ..ExponentialBackoff::default()
        };
        // 64 doublings exceed every cap, so that an absurd attempt number costs no time.
        for _ in 1..attempt.clamp(1, 64) {
            schedule.next_backoff();
        }
        schedule.current_interval.min(self.cap)
    }

    /// The delay after failure number `attempt`, counted from 1. `random` is uniform in `0..1`; values outside are clamped.
    pub fn delay(&self, attempt: u32, random: f64) -> Duration {
        let random = if random.is_finite() { random.clamp(0.0, 1.0) } else { 0.5 };
        self.ceiling(attempt).mul_f64(random)
    }

    /// The delay after failure number `attempt` with a number of its own.
    pub fn random_delay(&self, attempt: u32) -> Duration {
        self.delay(attempt, rand::random::<f64>())
    }
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self::new(Duration::from_secs(1), Duration::from_secs(600)).with_unsettled(Duration::from_secs(30))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ceiling_doubles_until_it_reaches_the_cap() {
        let ceilings: Vec<u64> = (1..=12).map(|attempt| RetryPolicy::default().ceiling(attempt).as_secs()).collect();
        assert_eq!(ceilings, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 600, 600]);
    }

    #[test]
    fn every_delay_lies_between_zero_and_its_ceiling() {
        let policy = RetryPolicy::new(Duration::from_millis(250), Duration::from_secs(30));
        for attempt in [0, 1, 2, 7, 100, u32::MAX] {
            for random in [-1.0, 0.0, 0.3, 0.999, 1.0, 7.0, f64::NAN, f64::INFINITY] {
                assert!(policy.delay(attempt, random) <= policy.ceiling(attempt));
            }
            assert!(policy.random_delay(attempt) <= policy.cap);
        }
        assert_eq!(policy.delay(3, 0.5), Duration::from_millis(500));
    }

    #[test]
    fn a_base_above_the_cap_is_cut_to_the_cap() {
        let policy = RetryPolicy::new(Duration::from_secs(10), Duration::from_secs(3));
        assert_eq!(policy.ceiling(1), Duration::from_secs(3));
    }
}
