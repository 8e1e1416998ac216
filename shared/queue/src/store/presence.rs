//! Which workers live, and which lanes nobody serves.

use std::{collections::HashMap, time::Duration};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::jobs::instant;
use crate::{
    Lane, LaneStatus, Queue, QueueError,
    verb::{PRESENCE, answer},
};

/// A worker that was not seen for this long counts as gone.
const ALIVE_FOR: Duration = Duration::from_secs(15);
/// A job that could start and did not for this long, with nothing running in its lane, tells that nobody serves it.
const NOBODY_AFTER: Duration = Duration::from_secs(60);
/// Most workers listed, those seen last first.
const LISTED: isize = 1000;

/// Redis' time, workers with the time of their last sign of life, their facts.
type Seen = ((i64, i64), Vec<(String, f64)>, HashMap<String, Vec<u8>>);

/// What a worker says about itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Facts {
    pub(crate) host: String,
    pub(crate) process: u32,
    pub(crate) version: String,
    pub(crate) started_at: DateTime<Utc>,
    pub(crate) kinds: Vec<String>,
    pub(crate) places: u32,
    pub(crate) running: u32,
}

/// A worker that lives: it was seen in the last 15 seconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WorkerPresence {
    /// Names this start of this worker; another start has another name.
    pub id: String,
    /// The machine or container it runs on.
    pub host: String,
    /// Its process number there.
    pub process: u32,
    /// Version of the program.
    pub version: String,
    /// Since when, by Redis' clock.
    pub started_at: DateTime<Utc>,
    /// When it last gave a sign of life, by Redis' clock; every 5 seconds unless Redis is away.
    pub seen_at: DateTime<Utc>,
    /// Kinds of jobs it can carry out, sorted.
    pub kinds: Vec<String>,
    /// Most jobs at once.
    pub places: u32,
    /// Jobs it held when it was seen.
    pub running: u32,
}

impl Queue {
    /// The workers that live, by name.
    ///
    /// # Errors
    /// [`QueueError::Redis`].
    pub async fn workers(&self) -> Result<Vec<WorkerPresence>, QueueError> {
        let keys = self.keys();
        let mut pipe = redis::pipe();
        pipe.cmd("TIME");
        pipe.cmd("ZRANGE").arg(keys.key("workers")).arg(0).arg(LISTED - 1).arg("REV").arg("WITHSCORES");
        pipe.hgetall(keys.key("worker_facts"));
        let (now, seen, mut facts): Seen = pipe.query_async(&mut self.connection()).await?;
        let (secs, micros) = now;
        let now = DateTime::from_timestamp_millis(secs * 1000 + micros / 1000).unwrap_or_default();
        let mut workers: Vec<WorkerPresence> = seen
            .into_iter()
            .map(|(id, at)| (id, instant(at)))
            .filter(|(_, seen_at)| (now - *seen_at).to_std().unwrap_or_default() <= ALIVE_FOR)
            .filter_map(|(id, seen_at)| {
                // Facts of a newer version that this one cannot read: the worker lives all the same, but tells nothing.
                let facts: Facts = serde_json::from_slice(&facts.remove(&id)?).ok()?;
                let Facts { host, process, version, started_at, kinds, places, running } = facts;
                Some(WorkerPresence { id, host, process, version, started_at, seen_at, kinds, places, running })
            })
            .collect();
        workers.sort_unstable_by(|a, b| a.id.cmp(&b.id));
        Ok(workers)
    }

    /// Lanes whose ready jobs nobody takes: no worker lives at all, or the next job could have started more than a minute ago
    /// and nothing runs. Lanes that are paused, held or capped at 0 stand still on purpose and are left out.
    ///
    /// # Errors
    /// [`QueueError::Redis`].
    pub async fn unconsumed(&self) -> Result<Vec<Lane>, QueueError> {
        let (lanes, workers) = tokio::try_join!(self.lanes(), self.workers())?;
        Ok(nobody_serves(lanes, !workers.is_empty()))
    }

    /// A sign of life. Forgets workers that gave none for long.
    pub(crate) async fn beat(&self, id: &str, facts: &Facts) -> Result<(), QueueError> {
        let facts = serde_json::to_string(facts).unwrap_or_else(|_| "{}".to_owned());
        self.presence(id, &facts).await
    }

    /// The worker stops in an orderly way.
    pub(crate) async fn leave(&self, id: &str) -> Result<(), QueueError> {
        self.presence(id, "").await
    }

    async fn presence(&self, id: &str, facts: &str) -> Result<(), QueueError> {
        let mut command = PRESENCE.command(self.keys(), 2, id.len() + facts.len());
        command.arg(id).arg(facts);
        self.learn_time(answer::int(&PRESENCE.call(&mut self.connection(), &command).await?)?);
        Ok(())
    }
}

fn nobody_serves(lanes: Vec<LaneStatus>, somebody_lives: bool) -> Vec<Lane> {
    let stands = |lane: &LaneStatus| {
        let late = lane.oldest_wait.is_some_and(|wait| wait > NOBODY_AFTER) && lane.running == 0;
        let on_purpose = lane.paused.is_some() || lane.held.is_some() || lane.cap == Some(0);
        lane.ready > 0 && !on_purpose && (!somebody_lives || late)
    };
    lanes.into_iter().filter(stands).map(|status| status.lane).collect()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]
    use super::*;
    use crate::LaneStop;

    fn lane(name: &str, ready: u64, waited_secs: u64) -> LaneStatus {
        LaneStatus {
            lane: Lane::parse(name).unwrap(),
            ready,
            delayed: 0,
            running: 0,
            dead: 0,
            bytes: 0,
            oldest_age: None,
            oldest_wait: (ready > 0).then(|| Duration::from_secs(waited_secs)),
            cap: None,
            paused: None,
            held: None,
        }
    }

    #[test]
    fn a_lane_is_unconsumed_when_its_jobs_wait_and_nobody_takes_them() {
        let stop = LaneStop { by: "lena".to_owned(), reason: "month end".to_owned(), at: DateTime::default() };
        let lanes = vec![
            lane("empty", 0, 0),
            lane("fresh", 3, 59),
            lane("stale", 3, 61),
            LaneStatus { running: 1, ..lane("busy", 3, 600) },
            LaneStatus { paused: Some(stop.clone()), ..lane("paused", 3, 600) },
            LaneStatus { held: Some(stop), ..lane("held", 3, 600) },
            LaneStatus { cap: Some(0), ..lane("shut", 3, 600) },
        ];
        let names = |lanes: Vec<Lane>| lanes.into_iter().map(|lane| lane.to_string()).collect::<Vec<_>>();
        assert_eq!(names(nobody_serves(lanes.clone(), true)), ["stale"]);
        assert_eq!(names(nobody_serves(lanes, false)), ["fresh", "stale", "busy"]);
    }
}
