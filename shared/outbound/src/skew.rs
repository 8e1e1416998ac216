//! How far the server's clock is from ours, learned from `Date` headers and shared by all workers.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use mlc_runtime::redis::RedisHandle;

/// A process writes its view down this often.
const SHARED_EVERY: Duration = Duration::from_secs(60);

/// What is written down holds this long.
const KEPT: Duration = Duration::from_secs(3600);

/// A difference beyond this is no noise but a clock that was set: taken over at once.
const JUMP_MS: i64 = 5_000;

#[derive(Debug)]
pub(crate) struct Skew {
    key: String,
    redis: RedisHandle,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    ahead_ms: Option<i64>,
    shared: Option<Instant>,
}

impl Skew {
    pub(crate) fn new(key: String, redis: RedisHandle) -> Self {
        Self { key, redis, known: Mutex::default() }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Learns from one answer, whose request was sent and answered at the two instants.
    pub(crate) async fn observe(&self, server: DateTime<Utc>, sent: DateTime<Utc>, answered: DateTime<Utc>) {
        let seen = estimate_ms(server, sent, answered);
        let share = {
            let mut known = self.known();
            let ahead = known.ahead_ms.map_or(seen, |before| smoothed(before, seen));
            known.ahead_ms = Some(ahead);
            let due = known.shared.is_none_or(|shared| shared.elapsed() >= SHARED_EVERY);
            if due {
                known.shared = Some(Instant::now());
            }
            due.then_some(ahead)
        };
        if let Some(ahead) = share {
            let mut connection = self.redis.manager.clone();
            let written: redis::RedisResult<()> = redis::cmd("SET")
                .arg(&self.key)
                .arg(ahead)
                .arg("EX")
                .arg(KEPT.as_secs())
                .query_async(&mut connection)
                .await;
            if let Err(error) = written {
                tracing::debug!(%error, "Could not share the server's clock difference");
            }
        }
    }

    /// This process' view, or another's.
    pub(crate) async fn read(&self) -> Option<chrono::Duration> {
        let own = self.known().ahead_ms;
        let ahead = match own {
            Some(ahead) => Some(ahead),
            None => {
                let mut connection = self.redis.manager.clone();
                redis::cmd("GET").arg(&self.key).query_async(&mut connection).await.ok().flatten()
            }
        };
        ahead.map(chrono::Duration::milliseconds)
    }
}

/// `Date` has whole seconds, cut off: on average the answer was written half a second later, and between the two
/// instants of ours.
fn estimate_ms(server: DateTime<Utc>, sent: DateTime<Utc>, answered: DateTime<Utc>) -> i64 {
    let middle = sent.timestamp_millis().midpoint(answered.timestamp_millis());
    server.timestamp_millis() + 500 - middle
}

fn smoothed(before: i64, seen: i64) -> i64 {
    if (seen - before).abs() > JUMP_MS { seen } else { before + (seen - before) / 8 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_between_sending_and_answering_is_compared() {
        let at = |ms| DateTime::from_timestamp_millis(ms).unwrap_or_default();
        assert_eq!(estimate_ms(at(100_000), at(98_000), at(99_000)), 2_000);
    }

    #[test]
    fn noise_is_smoothed_and_a_set_clock_taken_over() {
        assert_eq!(smoothed(1_000, 1_400), 1_050);
        assert_eq!(smoothed(1_000, 61_000), 61_000);
    }
}
