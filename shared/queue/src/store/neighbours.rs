//! From one dead letter to the next of the same cause.

use mlc_model::JobId;
use serde::Serialize;

use crate::{Queue, QueueError};

/// Where a letter stands among those with the same cause, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Neighbours {
    /// Its place, from 1.
    pub place: u64,
    /// Letters with that cause.
    pub letters: u64,
    /// The letter that died next after it; `None` for the newest.
    pub newer: Option<JobId>,
    /// The letter that died last before it; `None` for the oldest.
    pub older: Option<JobId>,
}

impl Queue {
    /// The letters next to this one among those with `cause`. `None` when it is not one of them.
    ///
    /// # Errors
    /// [`QueueError::Redis`].
    pub async fn neighbours(&self, id: &JobId, cause: &str) -> Result<Option<Neighbours>, QueueError> {
        let key = self.keys().dead_cause(cause);
        let mut pipe = redis::pipe();
        pipe.cmd("ZREVRANK").arg(&key).arg(id.as_str());
        pipe.zcard(&key);
        let (rank, letters): (Option<u64>, u64) = pipe.query_async(&mut self.connection()).await?;
        let Some(rank) = rank else { return Ok(None) };
        let first = rank.saturating_sub(1);
        let mut command = redis::cmd("ZRANGE");
        command.arg(&key).arg(first).arg(rank + 1).arg("REV");
        let around: Vec<String> = command.query_async(&mut self.connection()).await?;
        // Letters that come or go between the two questions shift the places: its own id tells where it stands now.
        let own = around.iter().position(|other| other == id.as_str());
        let at =
            |place: Option<usize>| place.and_then(|place| around.get(place)).map(|id| JobId::parse(id)).transpose();
        Ok(Some(Neighbours {
            place: rank + 1,
            letters,
            newer: at(own.and_then(|own| own.checked_sub(1)))?,
            older: at(own.map(|own| own + 1))?,
        }))
    }
}
