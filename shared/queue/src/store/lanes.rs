//! Lanes: what stands in them, and their switches.

use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};

use chrono::{DateTime, Utc};
use redis::Value;
use serde::{Deserialize, Serialize};

use crate::{
    Lane, Priority, Queue, QueueError,
    envelope::Envelope,
    history::History,
    store::turn::could_start,
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
    /// Age of the oldest of the jobs that are next, since it was accepted; `None` when none is ready.
    pub oldest_age: Option<Duration>,
    /// How long the job that is next could have been running: less than its age when it was ordered for later, snoozed, tried
    /// again or replayed. `None` when none is ready.
    pub oldest_wait: Option<Duration>,
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

fn read_stop(stored: &[u8]) -> LaneStop {
    // A switch that cannot be read is still a switch.
    serde_json::from_slice(stored).unwrap_or(LaneStop {
        by: "unknown".to_owned(),
        reason: "the reason cannot be read".to_owned(),
        at: DateTime::default(),
    })
}

/// Heads of lanes read per step: an envelope holds its payload.
const HEADS: usize = 200;

/// How often lanes may come into use while they are listed, before those that come then are left out.
const NEW_LANES: usize = 5;

/// One field per lane each, but for the last, which has one per lane and kind of fault.
const LANE_HASHES: [&str; 7] = ["bytes", "waiting", "running", "caps", "paused", "held", "dead_count"];

type Counts = HashMap<String, i64>;
type Switches = HashMap<String, Vec<u8>>;
/// What stands in [`LANE_HASHES`].
type LaneFacts = (Counts, Counts, Counts, Counts, Switches, Switches, Counts);

/// Fields of `dead_count` have the fault's kind behind the lane.
fn lane_of(field: &str) -> &str {
    field.split('|').next().unwrap_or_default()
}

/// The head of a lane.
#[derive(Debug, Clone, Copy)]
struct Oldest {
    accepted_ms: i64,
    could_start_ms: i64,
}

impl Queue {
    /// Every lane that was ever used, by name. Costs three round trips, whatever the number of lanes. The counts of all lanes
    /// are of one moment: no job is missed because it moved on meanwhile.
    ///
    /// # Errors
    /// [`QueueError::Redis`].
    pub async fn lanes(&self) -> Result<Vec<LaneStatus>, QueueError> {
        let mut lanes = Vec::new();
        for _ in 0..NEW_LANES {
            let (facts, lists) = self.moment(&lanes).await?;
            let (bytes, _, _, caps, paused, held, dead) = &facts;
            let dead = dead.keys().map(|field| lane_of(field));
            let stopped = paused.keys().chain(held.keys()).map(String::as_str);
            let names = bytes.keys().chain(caps.keys()).map(String::as_str).chain(stopped).chain(dead);
            let mut known = names.map(Lane::parse).collect::<Result<BTreeSet<Lane>, _>>()?;
            // The first look tells their names; a later one may find that lanes have come into use since.
            if known.iter().all(|lane| lanes.binary_search(lane).is_ok()) {
                return self.statuses(lanes, &facts, &lists).await;
            }
            known.extend(lanes);
            lanes = known.into_iter().collect();
        }
        let (facts, lists) = self.moment(&lanes).await?;
        self.statuses(lanes, &facts, &lists).await
    }

    /// One lane; one that was never used is empty.
    ///
    /// # Errors
    /// [`QueueError::Redis`].
    pub async fn lane(&self, lane: &Lane) -> Result<LaneStatus, QueueError> {
        let lanes = vec![lane.clone()];
        let (facts, lists) = self.moment(&lanes).await?;
        let statuses = self.statuses(lanes, &facts, &lists).await?;
        statuses.into_iter().next().ok_or_else(|| QueueError::Answer("nothing about a lane".to_owned()))
    }

    /// What the hashes say about all lanes, and length and head of the ready lists of these, all at once.
    async fn moment(&self, lanes: &[Lane]) -> Result<(LaneFacts, Vec<Value>), QueueError> {
        let mut pipe = redis::pipe();
        for hash in LANE_HASHES {
            pipe.hgetall(self.keys().key(hash));
        }
        for lane in lanes {
            for priority in Priority::ALL {
                let key = self.keys().ready(lane.as_str(), priority.digit());
                pipe.llen(&key).lindex(&key, 0);
            }
        }
        let mut connection = self.connection();
        let mut facts = match pipe.clone().atomic().query_async::<Vec<Value>>(&mut connection).await {
            // A full Redis takes no transaction, not even one that only reads. Then counts of neighbouring moments must do:
            // people need them most when it is full.
            Err(error) if error.to_string().contains("OOM") => pipe.query_async(&mut connection).await?,
            other => other?,
        };
        let lists = facts.split_off(LANE_HASHES.len().min(facts.len()));
        let facts = redis::from_redis_value(Value::Array(facts)).map_err(redis::RedisError::from)?;
        Ok((facts, lists))
    }

    async fn statuses(
        &self,
        lanes: Vec<Lane>,
        facts: &LaneFacts,
        lists: &[Value],
    ) -> Result<Vec<LaneStatus>, QueueError> {
        let (mut ready, mut heads) = (Vec::with_capacity(lanes.len()), Vec::new());
        for (place, lists) in lists.chunks(2 * Priority::ALL.len()).enumerate() {
            ready.push(lists.iter().step_by(2).map(count).sum::<u64>());
            let first = lists.iter().skip(1).step_by(2).filter_map(|id| answer::text(id.clone()).ok());
            heads.extend(first.map(|id| (place, id)));
        }
        let oldest = self.oldest(&heads).await?;
        let (bytes, waiting, running, caps, paused, held, dead) = facts;
        let mut letters: Counts = HashMap::new();
        for (name, n) in dead {
            *letters.entry(lane_of(name).to_owned()).or_default() += n;
        }
        let now = self.now_ms();
        let age = |at: Option<i64>| at.map(|at| Duration::from_millis(u64::try_from(now - at).unwrap_or(0)));
        let status = |(place, (lane, ready)): (usize, (Lane, u64))| {
            let name = lane.as_str();
            let oldest = oldest.get(&place).copied();
            LaneStatus {
                ready,
                delayed: field(waiting, name),
                running: field(running, name),
                dead: field(&letters, name),
                bytes: field(bytes, name),
                oldest_age: age(oldest.map(|oldest| oldest.accepted_ms)),
                oldest_wait: age(oldest.map(|oldest| oldest.could_start_ms)),
                cap: caps.get(name).and_then(|n| u32::try_from(*n).ok()),
                paused: paused.get(name).map(|stored| read_stop(stored)),
                held: held.get(name).map(|stored| read_stop(stored)),
                lane,
            }
        };
        Ok(lanes.into_iter().zip(ready).enumerate().map(status).collect())
    }

    /// Since when the oldest of the jobs that are next in a lane waits, by the lane's place.
    async fn oldest(&self, heads: &[(usize, String)]) -> Result<HashMap<usize, Oldest>, QueueError> {
        let mut oldest: HashMap<usize, Oldest> = HashMap::new();
        for heads in heads.chunks(HEADS) {
            let ids: Vec<String> = heads.iter().map(|(_, id)| id.clone()).collect();
            let bodies = self.bodies(&ids).await?;
            for ((place, id), (stored, history)) in heads.iter().zip(bodies) {
                let Some(Ok((envelope, _))) = stored.as_deref().map(|stored| Envelope::read(id, stored)) else {
                    continue;
                };
                let history = history.as_deref().map(History::read);
                let head = Oldest {
                    accepted_ms: envelope.enqueued_ms,
                    could_start_ms: could_start(&envelope, history.as_ref()),
                };
                oldest
                    .entry(*place)
                    .and_modify(|known| {
                        known.accepted_ms = known.accepted_ms.min(head.accepted_ms);
                        known.could_start_ms = known.could_start_ms.min(head.could_start_ms);
                    })
                    .or_insert(head);
            }
        }
        Ok(oldest)
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
        self.open_up("resume", lane, by).await
    }

    /// Ends a person's pause; a hold stays. False when it was not paused.
    ///
    /// # Errors
    /// [`QueueError::Redis`].
    pub async fn unpause(&self, lane: &Lane, by: &str) -> Result<bool, QueueError> {
        self.open_up("unpause", lane, by).await
    }

    /// Ends a hold; a person's pause stays. False when it was not held.
    ///
    /// # Errors
    /// [`QueueError::Redis`].
    pub async fn release(&self, lane: &Lane, by: &str) -> Result<bool, QueueError> {
        self.open_up("release", lane, by).await
    }

    async fn open_up(&self, verb: &str, lane: &Lane, by: &str) -> Result<bool, QueueError> {
        let changed = self.switch(verb, lane, "").await?;
        if changed {
            tracing::info!(connection.id = %lane, by, verb, "A switch of lane {lane} was opened");
        }
        Ok(changed)
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

fn field(counts: &Counts, lane: &str) -> u64 {
    counts.get(lane).and_then(|n| u64::try_from(*n).ok()).unwrap_or(0)
}

fn count(value: &Value) -> u64 {
    answer::int(value).ok().and_then(|n| u64::try_from(n).ok()).unwrap_or(0)
}
