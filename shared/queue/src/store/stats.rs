//! Counters by day, kind and outcome.

use std::collections::{BTreeMap, HashMap};

use chrono::{Days, NaiveDate};
use serde::Serialize;

use crate::{Queue, QueueError};

/// Older days are forgotten.
const DAYS_KEPT: i64 = 35;

/// What the queue has done, and what stands on its shelf.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct QueueStats {
    /// Jobs by day, kind and outcome: `enqueued`, `duplicate`, `done`, `snoozed`, `retried`, `dead`, `handed_back`,
    /// `rescued`, `poisoned`, `replayed`, `discarded`, `evicted`.
    pub days: BTreeMap<NaiveDate, BTreeMap<String, BTreeMap<String, u64>>>,
    /// Dead letters by lane and fault kind.
    pub dead: BTreeMap<String, BTreeMap<String, u64>>,
    /// Bytes on the dead-letter shelf.
    pub dead_bytes: u64,
    /// Bytes allowed there.
    pub dead_bytes_budget: u64,
}

impl QueueStats {
    /// Jobs that ended so, over all days and kinds.
    pub fn total(&self, outcome: &str) -> u64 {
        self.days.values().flat_map(BTreeMap::values).filter_map(|outcomes| outcomes.get(outcome)).sum()
    }
}

impl Queue {
    /// Counters of the last 35 days and the state of the shelf.
    ///
    /// # Errors
    /// [`QueueError::Redis`].
    pub async fn stats(&self) -> Result<QueueStats, QueueError> {
        let mut pipe = redis::pipe();
        pipe.hgetall(self.keys().key("stats"));
        pipe.hgetall(self.keys().key("dead_count"));
        pipe.get(self.keys().key("dead_bytes"));
        let (counters, dead, bytes): (HashMap<String, u64>, HashMap<String, u64>, Option<i64>) =
            pipe.query_async(&mut self.connection()).await?;
        let mut stats = QueueStats {
            dead_bytes: u64::try_from(bytes.unwrap_or(0)).unwrap_or(0),
            dead_bytes_budget: self.config().dead_letter_bytes,
            ..QueueStats::default()
        };
        for (field, n) in counters {
            let mut parts = field.split('|');
            if let (Some(day), Some(kind), Some(outcome)) = (parts.next().and_then(date), parts.next(), parts.next()) {
                stats.days.entry(day).or_default().entry(kind.to_owned()).or_default().insert(outcome.to_owned(), n);
            }
        }
        for (field, n) in dead {
            if let Some((lane, fault)) = field.split_once('|') {
                stats.dead.entry(lane.to_owned()).or_default().insert(fault.to_owned(), n);
            }
        }
        Ok(stats)
    }

    /// Deletes the counters of days long gone.
    pub(crate) async fn sweep_stats(&self) -> Result<(), QueueError> {
        let mut connection = self.connection();
        let key = self.keys().key("stats");
        let fields: Vec<String> = redis::cmd("HKEYS").arg(&key).query_async(&mut connection).await?;
        let oldest = self.now_ms() / 86_400_000 - DAYS_KEPT;
        let old = |field: &&String| {
            field.split('|').next().and_then(|day| day.parse::<i64>().ok()).is_some_and(|day| day < oldest)
        };
        let old: Vec<&String> = fields.iter().filter(old).collect();
        for piece in old.chunks(500) {
            redis::cmd("HDEL").arg(&key).arg(piece).query_async::<()>(&mut connection).await?;
        }
        Ok(())
    }
}

fn date(days_since_epoch: &str) -> Option<NaiveDate> {
    NaiveDate::from_ymd_opt(1970, 1, 1)?.checked_add_days(Days::new(days_since_epoch.parse().ok()?))
}
