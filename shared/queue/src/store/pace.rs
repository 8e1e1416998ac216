//! How fast the queue works: counters by minute and lane, and by hour.
//!
//! One string per minute and lane, one per minute, one per hour, each holding the counters as 64-bit numbers: a turn reads and
//! writes each string once, whatever the number of its jobs. They expire by themselves.

use std::{collections::BTreeMap, time::Duration};

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::orders::Section;
use crate::{Lane, Queue, QueueError, policy::Step};

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 3_600_000;
/// Minutes that can be asked for; the scripts keep a few more.
const MINUTES_KEPT: u32 = 120;
/// Hours that can be asked for: 35 days.
const HOURS_KEPT: u32 = 35 * 24;

/// What happened in one minute, or in one hour. The counters of a turn are written together with it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct PaceMinute {
    /// When the minute, or the hour, began.
    pub at: DateTime<Utc>,
    /// Jobs that a worker took.
    pub started: u64,
    /// Runs that ended well.
    pub done: u64,
    /// Runs that failed and are tried again. What was given up counts in `dead` only.
    pub failed: u64,
    /// Runs that were put off through no fault of the job.
    pub snoozed: u64,
    /// Letters that came onto the shelf: jobs that were given up, and records that a run refused.
    pub dead: u64,
    /// Jobs that were accepted, follow-ups included.
    pub enqueued: u64,
    /// Runs that ended in any of these ways. Those that were handed back or lost do not count.
    pub ended: u64,
    /// Milliseconds that the `started` jobs had waited, in all: from when they could start to when they were taken.
    pub wait_ms: u64,
    /// Milliseconds that the `ended` runs took, in all.
    pub run_ms: u64,
}

impl PaceMinute {
    /// How long a job waited on average; `None` when none started.
    pub fn mean_wait(&self) -> Option<Duration> {
        self.wait_ms.checked_div(self.started).map(Duration::from_millis)
    }

    /// How long a run took on average; `None` when none ended.
    pub fn mean_run(&self) -> Option<Duration> {
        self.run_ms.checked_div(self.ended).map(Duration::from_millis)
    }

    /// Reads the numbers in their order in `shared.lua`.
    fn read(at_ms: i64, stored: Option<&[u8]>) -> Self {
        let number = |slot: usize| {
            let bytes = stored?.get(8 * slot..8 * slot + 8)?;
            u64::try_from(i64::from_be_bytes(bytes.try_into().ok()?)).ok()
        };
        let slot = |slot| number(slot).unwrap_or(0);
        Self {
            at: DateTime::from_timestamp_millis(at_ms).unwrap_or_default(),
            started: slot(0),
            wait_ms: slot(1),
            ended: slot(2),
            run_ms: slot(3),
            done: slot(4),
            enqueued: slot(5),
            failed: slot(6),
            snoozed: slot(7),
            dead: slot(8),
        }
    }
}

/// What the results of one turn add to the counters: a few numbers a lane, whatever the number of results.
#[derive(Default)]
pub(crate) struct PaceCounts<'a>(BTreeMap<&'a str, Ends>);

#[derive(Default)]
struct Ends {
    ended: u64,
    run_ms: u64,
    done: u64,
    failed: u64,
    snoozed: u64,
}

impl<'a> PaceCounts<'a> {
    /// Letters are counted by the script that puts them on the shelf.
    pub(crate) fn add(&mut self, lane: &'a str, step: &Step, run_ms: u64) {
        if matches!(step, Step::Release | Step::Hold { .. }) {
            return;
        }
        let ends = self.0.entry(lane).or_default();
        ends.ended += 1;
        ends.run_ms = ends.run_ms.saturating_add(run_ms);
        match step {
            Step::Done { .. } => ends.done += 1,
            Step::Later { retry: true, .. } => ends.failed += 1,
            Step::Later { .. } => ends.snoozed += 1,
            Step::Shelve { .. } | Step::Release | Step::Hold { .. } => {}
        }
    }

    pub(crate) fn section(&self) -> Section {
        let mut section = Section::default();
        for (lane, ends) in &self.0 {
            section.push(lane);
            for n in [ends.ended, ends.run_ms, ends.done, ends.failed, ends.snoozed] {
                section.push(n);
            }
        }
        section
    }
}

impl Queue {
    /// The last `minutes` (1 to 120), oldest first, the present one included; of one lane, or of all together. Minutes in
    /// which nothing happened are there with zeros.
    ///
    /// # Errors
    /// [`QueueError::Redis`].
    pub async fn pace(&self, lane: Option<&Lane>, minutes: u32) -> Result<Vec<PaceMinute>, QueueError> {
        let key = |minute| match lane {
            Some(lane) => format!("pace:{minute}:{lane}"),
            None => format!("pace:{minute}"),
        };
        self.read_pace(minutes.clamp(1, MINUTES_KEPT), MINUTE_MS, key).await
    }

    /// The last `hours` (1 to 840, which is 35 days) of all lanes together, oldest first, the present one included. `at` is
    /// the beginning of the hour.
    ///
    /// # Errors
    /// [`QueueError::Redis`].
    pub async fn pace_hours(&self, hours: u32) -> Result<Vec<PaceMinute>, QueueError> {
        self.read_pace(hours.clamp(1, HOURS_KEPT), HOUR_MS, |hour| format!("pace_hour:{hour}")).await
    }

    async fn read_pace(
        &self,
        spans: u32,
        span_ms: i64,
        key: impl Fn(i64) -> String,
    ) -> Result<Vec<PaceMinute>, QueueError> {
        let last = self.now_ms() / span_ms;
        let spans: Vec<i64> = (last + 1 - i64::from(spans)..=last).collect();
        let mut command = redis::cmd("MGET");
        for span in &spans {
            command.arg(self.keys().key(&key(*span)));
        }
        let stored: Vec<Option<Vec<u8>>> = command.query_async(&mut self.connection()).await?;
        let read = |(span, stored): (i64, Option<Vec<u8>>)| PaceMinute::read(span * span_ms, stored.as_deref());
        Ok(spans.into_iter().zip(stored).map(read).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_that_are_missing_are_zero() {
        let stored: Vec<u8> = [3_i64, 4500, 2].iter().flat_map(|n| n.to_be_bytes()).collect();
        let pace = PaceMinute::read(60_000, Some(&stored));
        assert_eq!((pace.started, pace.wait_ms, pace.ended, pace.run_ms, pace.dead), (3, 4500, 2, 0, 0));
        assert_eq!(pace.mean_wait(), Some(Duration::from_millis(1500)));
        assert_eq!(PaceMinute::read(0, None).mean_wait(), None);
        assert_eq!(PaceMinute::read(0, Some(b"short")), PaceMinute::default());
    }
}
