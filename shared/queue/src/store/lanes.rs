//! Lanes: what stands in them, and their switches.

use std::{collections::BTreeSet, time::Duration};

use chrono::{DateTime, Utc};
use redis::Value;
use serde::{Deserialize, Serialize};

use crate::{
    Lane, Priority, Queue, QueueError,
    envelope::Envelope,
    verb::{LANE, answer},
};

/// Why a lane does not give out jobs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaneStop {
    /// Who stopped it: a person's name, or `queue` for an automatic hold.
    pub by: String,
    /// Why.
    pub reason: String,
    /// Since when.
    pub at: DateTime<Utc>,
}

/// One lane at one moment.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LaneStatus {
    /// The lane.
    pub lane: Lane,
    /// Jobs that could start now, were there room.
    pub ready: u64,
    /// Jobs that wait for their time: enqueued for later, snoozed, to be retried.
    pub delayed: u64,
    /// Jobs that are being carried out.
    pub running: u64,
    /// Jobs on the dead-letter shelf.
    pub dead: u64,
    /// Bytes of waiting and running jobs in Redis.
    pub bytes: u64,
    /// Age of the oldest ready job; `None` when none is ready.
    pub oldest_age: Option<Duration>,
    /// Most jobs at once; `None` = no limit.
    pub cap: Option<u32>,
    /// Stopped by a person.
    pub paused: Option<LaneStop>,
    /// Stopped because the credentials were refused.
    pub held: Option<LaneStop>,
}

pub(crate) fn stop_json(by: &str, reason: &str, at: DateTime<Utc>) -> String {
    let stop = LaneStop { by: by.to_owned(), reason: reason.to_owned(), at };
    serde_json::to_string(&stop).unwrap_or_else(|_| "{}".to_owned())
}

fn read_stop(stored: Option<Vec<u8>>) -> Option<LaneStop> {
    let stored = stored?;
    // A switch that cannot be read is still a switch.
    Some(serde_json::from_slice(&stored).unwrap_or(LaneStop {
        by: "unknown".to_owned(),
        reason: "the reason cannot be read".to_owned(),
        at: DateTime::default(),
    }))
}

impl Queue {
    /// Every lane that was ever used, by name.
    ///
    /// # Errors
    /// [`QueueError::Redis`].
    pub async fn lanes(&self) -> Result<Vec<LaneStatus>, QueueError> {
        let mut pipe = redis::pipe();
        for hash in ["bytes", "caps", "paused", "held", "dead_count"] {
            pipe.hkeys(self.keys().key(hash));
        }
        let fields: Vec<Vec<String>> = pipe.query_async(&mut self.connection()).await?;
        // Fields of `dead_count` have the fault's kind behind the lane.
        let name = |field: String| field.split('|').next().unwrap_or_default().to_owned();
        let names: BTreeSet<String> = fields.into_iter().flatten().map(name).collect();
        let mut lanes = Vec::with_capacity(names.len());
        for name in names {
            lanes.push(self.lane(&Lane::parse(&name)?).await?);
        }
        Ok(lanes)
    }

    /// One lane; one that was never used is empty.
    ///
    /// # Errors
    /// [`QueueError::Redis`].
    pub async fn lane(&self, lane: &Lane) -> Result<LaneStatus, QueueError> {
        let (keys, name) = (self.keys(), lane.as_str());
        let mut pipe = redis::pipe();
        for priority in Priority::ALL {
            pipe.llen(keys.ready(name, priority.digit()));
        }
        for priority in Priority::ALL {
            pipe.lindex(keys.ready(name, priority.digit()), 0);
        }
        for hash in ["waiting", "running", "bytes", "caps", "paused", "held"] {
            pipe.hget(keys.key(hash), name);
        }
        pipe.hgetall(keys.key("dead_count"));
        let mut reply = pipe.query_async::<Vec<Value>>(&mut self.connection()).await?.into_iter();
        let mut next = || reply.next().unwrap_or(Value::Nil);
        let mut ready = 0;
        for _ in Priority::ALL {
            ready += count(&next());
        }
        let heads: Vec<String> = (0..3).filter_map(|_| answer::text(next()).ok()).collect();
        let (delayed, running, bytes) = (count(&next()), count(&next()), count(&next()));
        let cap = answer::int(&next()).ok().and_then(|n| u32::try_from(n).ok());
        let (paused, held) = (read_stop(answer::bytes(next())), read_stop(answer::bytes(next())));
        let counts: std::collections::HashMap<String, i64> = redis::from_redis_value(next()).unwrap_or_default();
        let mine = |(field, n): (&String, &i64)| (field.split('|').next() == Some(name)).then_some(*n);
        let dead = counts.iter().filter_map(mine).sum::<i64>();
        Ok(LaneStatus {
            lane: lane.clone(),
            ready,
            delayed,
            running,
            dead: u64::try_from(dead).unwrap_or(0),
            bytes,
            oldest_age: self.oldest_age(&heads).await?,
            cap,
            paused,
            held,
        })
    }

    async fn oldest_age(&self, ids: &[String]) -> Result<Option<Duration>, QueueError> {
        if ids.is_empty() {
            return Ok(None);
        }
        let mut command = redis::cmd("HMGET");
        command.arg(self.keys().key("job")).arg(ids);
        let stored: Vec<Option<Vec<u8>>> = command.query_async(&mut self.connection()).await?;
        let oldest = stored
            .iter()
            .flatten()
            .filter_map(|bytes| Envelope::read("", bytes).ok())
            .map(|(envelope, _)| envelope.enqueued_ms)
            .min();
        Ok(oldest.map(|at| Duration::from_millis(u64::try_from(self.now_ms() - at).unwrap_or(0))))
    }

    /// Bytes of the lane's waiting and running jobs: what backpressure looks at.
    ///
    /// # Errors
    /// [`QueueError::Redis`].
    pub async fn lane_bytes(&self, lane: &Lane) -> Result<u64, QueueError> {
        let mut command = redis::cmd("HGET");
        command.arg(self.keys().key("bytes")).arg(lane.as_str());
        let bytes: Option<i64> = command.query_async(&mut self.connection()).await?;
        Ok(u64::try_from(bytes.unwrap_or(0)).unwrap_or(0))
    }

    /// Stops a lane by a person's order. Running jobs end, the others wait. False when it was paused before.
    ///
    /// # Errors
    /// [`QueueError::Redis`].
    pub async fn pause(&self, lane: &Lane, by: &str, reason: &str) -> Result<bool, QueueError> {
        self.switch("pause", lane, &stop_json(by, reason, self.now())).await
    }

    /// Holds a lane because its credentials are refused. False when it was held before.
    ///
    /// # Errors
    /// [`QueueError::Redis`].
    pub async fn hold(&self, lane: &Lane, reason: &str) -> Result<bool, QueueError> {
        self.switch("hold", lane, &stop_json("queue", reason, self.now())).await
    }

    /// Ends a pause and a hold. False when the lane was not stopped.
    ///
    /// # Errors
    /// [`QueueError::Redis`].
    pub async fn resume(&self, lane: &Lane, by: &str) -> Result<bool, QueueError> {
        let resumed = self.switch("resume", lane, "").await?;
        if resumed {
            tracing::info!(connection.id = %lane, by, "Lane {lane} gives out jobs again");
        }
        Ok(resumed)
    }

    /// Sets the most jobs at once; `None` = no limit.
    ///
    /// # Errors
    /// [`QueueError::Redis`].
    pub async fn set_cap(&self, lane: &Lane, most: Option<u32>) -> Result<(), QueueError> {
        self.switch("cap", lane, &most.map(|n| n.to_string()).unwrap_or_default()).await.map(drop)
    }

    async fn switch(&self, verb: &str, lane: &Lane, value: &str) -> Result<bool, QueueError> {
        let mut command = LANE.command(self.keys(), 4, value.len());
        command.arg(verb).arg(lane.as_str()).arg(value);
        Ok(answer::int(&LANE.call(&mut self.connection(), &command).await?)? > 0)
    }
}

fn count(value: &Value) -> u64 {
    answer::int(value).ok().and_then(|n| u64::try_from(n).ok()).unwrap_or(0)
}
