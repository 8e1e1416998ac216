//! What a connection may spend, as it is configured and as the server teaches it.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use chrono::FixedOffset;

use crate::DoorError;

/// One budget of a connection. All workers share it.
#[derive(Debug, Clone)]
pub struct BudgetConfig {
    /// What requests call it, such as `burst`. Lower-case letters, digits and `_`.
    pub family: &'static str,
    /// How it is counted.
    pub kind: BudgetKind,
}

/// How a budget is counted.
#[derive(Debug, Clone, Copy)]
pub enum BudgetKind {
    /// So many requests in any stretch of a length, handed out evenly: one every `(window + margin) / limit`.
    Paced {
        /// Requests per window.
        limit: u32,
        /// Length of the server's window.
        window: Duration,
        /// How unevenly requests may travel before the server counts one too many in its window.
        margin: Duration,
    },
    /// So many requests a day of the account's zone.
    Daily {
        /// Requests per day; `None` until an answer tells.
        limit: Option<u64>,
        /// The account's zone; decides when midnight is.
        offset: FixedOffset,
    },
    /// So many requests at a time.
    Concurrency {
        /// Most in flight, over all workers.
        max: u32,
        /// A worker that vanishes frees its places after this long. Extended while a request is under way.
        lease: Duration,
    },
}

impl BudgetConfig {
    /// An evenly paced budget with a margin of one hundredth of the window: 99 % of the allowance is used at best.
    pub fn paced(family: &'static str, limit: u32, window: Duration) -> Self {
        Self { family, kind: BudgetKind::Paced { limit, window, margin: window / 100 } }
    }

    /// A daily budget.
    pub fn daily(family: &'static str, limit: Option<u64>, offset: FixedOffset) -> Self {
        Self { family, kind: BudgetKind::Daily { limit, offset } }
    }

    /// A limit of requests in flight, with a lease of four seconds: the jobs of a worker that died go on elsewhere within ten
    /// seconds, and they need its places.
    pub fn concurrency(family: &'static str, max: u32) -> Self {
        Self { family, kind: BudgetKind::Concurrency { max, lease: Duration::from_secs(4) } }
    }

    pub(crate) fn check(&self) -> Result<(), DoorError> {
        let problem = match self.kind {
            BudgetKind::Paced { limit: 0, .. } | BudgetKind::Concurrency { max: 0, .. } => {
                "a limit of 0 stops everything"
            }
            BudgetKind::Paced { window, .. } if window < Duration::from_millis(10) => "the window is under 10 ms",
            BudgetKind::Concurrency { lease, .. } if lease < Duration::from_millis(100) => "the lease is under 100 ms",
            _ => return Ok(()),
        };
        Err(DoorError::Budget { family: self.family, problem })
    }
}

/// What is left of one budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BudgetLeft {
    /// The budget.
    pub family: &'static str,
    /// Paced: what is not yet reserved of one window. Daily: the rest of the day. Concurrency: free places.
    /// 0 while it is blocked.
    pub remaining: u64,
    /// The whole of it, as far as is known now: as configured or as the server taught it.
    pub limit: u64,
    /// The stretch of time in which the limit counts: the window, or a day. Zero for a limit of requests at a time.
    pub per: Duration,
    /// Until nothing of it is used any more if nobody asks for anything. For a daily budget: until midnight.
    pub whole_in: Duration,
    /// For how long nothing is let through, because the server said so; zero when it is not blocked.
    pub blocked_for: Duration,
}

/// A pace repeated in every answer is written again after this long, in case Redis has lost it.
const PACE_REPEATED: Duration = Duration::from_secs(60);

/// What answers said since the last take. Carried to Redis with the next take, so that learning costs no command.
#[derive(Debug, Default)]
pub(crate) struct Lessons {
    book: Mutex<HashMap<&'static str, Lesson>>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Lesson {
    pace: Option<(u32, Duration)>,
    pace_written: Option<Instant>,
    day: Option<(u64, u64)>,
    offset: Option<FixedOffset>,
    offset_written: bool,
}

/// What one take carries along.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Carried {
    pub(crate) pace: Option<(u32, Duration)>,
    /// Limit and remaining.
    pub(crate) day: Option<(u64, u64)>,
    pub(crate) offset: Option<FixedOffset>,
}

impl Lessons {
    fn book(&self) -> MutexGuard<'_, HashMap<&'static str, Lesson>> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn pace(&self, family: &'static str, limit: u32, window: Duration) {
        if limit == 0 || window.is_zero() {
            return;
        }
        let mut book = self.book();
        let lesson = book.entry(family).or_default();
        if lesson.pace != Some((limit, window)) {
            lesson.pace = Some((limit, window));
            lesson.pace_written = None;
        }
    }

    pub(crate) fn day(&self, family: &'static str, limit: u64, remaining: u64) {
        let mut book = self.book();
        let lesson = book.entry(family).or_default();
        // Answers overtake each other: the smallest rest is the newest.
        lesson.day = Some(match lesson.day {
            Some((known, rest)) if known == limit => (limit, rest.min(remaining)),
            _ => (limit, remaining),
        });
    }

    pub(crate) fn offset(&self, family: &'static str, offset: FixedOffset) {
        let mut book = self.book();
        let lesson = book.entry(family).or_default();
        if lesson.offset != Some(offset) {
            lesson.offset = Some(offset);
            lesson.offset_written = false;
        }
    }

    pub(crate) fn known_offset(&self, family: &str) -> Option<FixedOffset> {
        self.book().get(family).and_then(|lesson| lesson.offset)
    }

    /// Hands out what is to be written. What cannot be written is learned again from the next answer.
    pub(crate) fn carry(&self, family: &str, now: Instant) -> Carried {
        let mut book = self.book();
        let Some(lesson) = book.get_mut(family) else { return Carried::default() };
        let due = lesson.pace_written.is_none_or(|written| now.duration_since(written) >= PACE_REPEATED);
        let pace = lesson.pace.filter(|_| due);
        if pace.is_some() {
            lesson.pace_written = Some(now);
        }
        let offset = lesson.offset.filter(|_| !lesson.offset_written);
        lesson.offset_written = true;
        Carried { pace, day: lesson.day.take(), offset }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pace_is_written_once_and_again_when_it_changes() {
        let lessons = Lessons::default();
        let (now, window) = (Instant::now(), Duration::from_secs(10));
        lessons.pace("burst", 190, window);
        assert_eq!(lessons.carry("burst", now).pace, Some((190, window)));
        lessons.pace("burst", 190, window);
        assert_eq!(lessons.carry("burst", now).pace, None);
        lessons.pace("burst", 100, window);
        assert_eq!(lessons.carry("burst", now).pace, Some((100, window)));
        assert_eq!(lessons.carry("burst", now + PACE_REPEATED).pace, Some((100, window)));
    }

    #[test]
    fn the_smallest_rest_of_the_day_counts() {
        let lessons = Lessons::default();
        lessons.day("daily", 1000, 17);
        lessons.day("daily", 1000, 18);
        assert_eq!(lessons.carry("daily", Instant::now()).day, Some((1000, 17)));
        assert_eq!(lessons.carry("daily", Instant::now()).day, None);
    }

    #[test]
    fn a_limit_of_nothing_is_a_mistake_in_the_settings() {
        assert!(BudgetConfig::concurrency("in_flight", 0).check().is_err());
        assert!(BudgetConfig::paced("burst", 0, Duration::from_secs(10)).check().is_err());
        assert!(BudgetConfig::paced("burst", 190, Duration::from_secs(10)).check().is_ok());
    }
}
