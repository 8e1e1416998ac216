//! Pure planning: when is a flow due next?

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use croner::Cron;

/// How often.
#[derive(Debug, Clone)]
pub enum Rhythm {
    /// So long after the last tick.
    Every(Duration),
    /// At the times of a cron expression, in UTC.
    Cron(Box<Cron>),
}

/// How often, and spread over how much time.
#[derive(Debug, Clone)]
pub struct Schedule {
    rhythm: Rhythm,
    jitter: Duration,
}

/// A cron expression that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("cron expression `{expression}` cannot be read: {problem}")]
pub struct InvalidSchedule {
    expression: String,
    problem: String,
}

impl Schedule {
    /// An interval.
    pub fn every(interval: Duration, jitter: Duration) -> Self {
        Self { rhythm: Rhythm::Every(interval), jitter }
    }

    /// A cron expression in UTC: five fields, or six with seconds in front.
    ///
    /// # Errors
    /// When the expression cannot be read.
    pub fn cron(expression: &str, jitter: Duration) -> Result<Self, InvalidSchedule> {
        let cron = croner::parser::CronParser::builder()
            .seconds(croner::parser::Seconds::Optional)
            .build()
            .parse(expression)
            .map_err(|problem| InvalidSchedule { expression: expression.to_owned(), problem: problem.to_string() })?;
        Ok(Self { rhythm: Rhythm::Cron(Box::new(cron)), jitter })
    }

    /// The first tick after `last`; none when the schedule never fires again. `random` (0 to 1) places it inside the jitter.
    ///
    /// However many ticks were missed, this is one instant in the past: they coalesce into one.
    pub fn next_after(&self, last: DateTime<Utc>, random: f64) -> Option<DateTime<Utc>> {
        let due = match &self.rhythm {
            Rhythm::Every(interval) => last.checked_add_signed(TimeDelta::from_std(*interval).ok()?)?,
            Rhythm::Cron(cron) => cron.find_next_occurrence(&last, false).ok()?,
        };
        due.checked_add_signed(TimeDelta::from_std(self.jitter.mul_f64(random.clamp(0.0, 1.0))).ok()?)
    }

    /// Whether a tick is due at `now`. A flow that never ticked is due at once.
    pub fn is_due(&self, last: Option<DateTime<Utc>>, now: DateTime<Utc>, random: f64) -> bool {
        last.is_none_or(|last| self.next_after(last, random).is_some_and(|next| next <= now))
    }
}

/// A number from 0 to 1 that is the same for every replica: jitter that does not depend on who holds the lease.
pub(crate) fn jitter_of(flow: &str, last: Option<DateTime<Utc>>) -> f64 {
    let seed = last.map_or(0, |last| last.timestamp_millis()).unsigned_abs();
    // FNV-1a: a few instructions, and nobody's secret depends on it.
    let hash = flow
        .bytes()
        .chain(seed.to_le_bytes())
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    f64::from(u32::try_from(hash >> 32).unwrap_or(0)) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn a_flow_that_never_ticked_is_due_at_once() {
        let schedule = Schedule::every(Duration::from_secs(300), Duration::ZERO);
        assert!(schedule.is_due(None, at("2026-11-22T00:00:00Z"), 0.0));
    }

    #[test]
    fn ticks_missed_for_a_day_are_one_tick() {
        let schedule = Schedule::every(Duration::from_secs(300), Duration::ZERO);
        let (last, now) = (at("2026-11-21T00:00:00Z"), at("2026-11-22T00:00:00Z"));
        assert!(schedule.is_due(Some(last), now, 0.0));
        assert!(!schedule.is_due(Some(now), now, 0.0));
    }

    #[test]
    fn jitter_delays_a_tick_by_at_most_itself() {
        let schedule = Schedule::every(Duration::from_secs(300), Duration::from_secs(30));
        let last = at("2026-11-22T00:00:00Z");
        assert_eq!(schedule.next_after(last, 0.0).unwrap(), at("2026-11-22T00:05:00Z"));
        assert_eq!(schedule.next_after(last, 1.0).unwrap(), at("2026-11-22T00:05:30Z"));
    }

    #[test]
    fn a_cron_expression_fires_at_its_times_in_utc() {
        let schedule = Schedule::cron("30 2 * * *", Duration::ZERO).unwrap();
        assert_eq!(schedule.next_after(at("2026-11-22T02:30:00Z"), 0.0).unwrap(), at("2026-11-23T02:30:00Z"));
        assert!(Schedule::cron("61 2 * * *", Duration::ZERO).is_err());
    }

    #[test]
    fn two_replicas_agree_on_the_jitter() {
        let last = Some(at("2026-11-22T02:30:00Z"));
        let one = jitter_of("epicor_to_hubspot::vendors", last);
        assert!((0.0..=1.0).contains(&one));
        assert!((one - jitter_of("epicor_to_hubspot::vendors", last)).abs() < f64::EPSILON);
        assert!((one - jitter_of("epicor_to_hubspot::customers", last)).abs() > f64::EPSILON);
    }
}
