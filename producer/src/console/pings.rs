//! Tests of connections that were asked for here: one at a time for each connection, and the last report of each.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use chrono::{DateTime, Utc};
use mlc_model::{ConnectionId, PingReport};

/// The tests of this process. Clones share them; they are gone with the process.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pings(Arc<Mutex<BTreeMap<ConnectionId, Slot>>>);

#[derive(Debug, Default)]
struct Slot {
    since: Option<DateTime<Utc>>,
    last: Option<LastPing>,
}

/// A test that has ended.
#[derive(Debug, Clone)]
pub(crate) struct LastPing {
    /// When it began.
    pub(crate) at: DateTime<Utc>,
    /// Who asked for it.
    pub(crate) by: String,
    /// What it found.
    pub(crate) report: PingReport,
    /// Whether it ended an automatic hold of the lane.
    pub(crate) released: bool,
}

/// The right to test a connection, until it is dropped.
#[derive(Debug)]
pub(crate) struct Running {
    pings: Pings,
    id: ConnectionId,
}

impl Pings {
    /// Begins a test; the instant since which one is under way already, where one is.
    pub(crate) fn begin(&self, id: &ConnectionId, now: DateTime<Utc>) -> Result<Running, DateTime<Utc>> {
        let mut slots = self.slots();
        let slot = slots.entry(id.clone()).or_default();
        if let Some(since) = slot.since {
            return Err(since);
        }
        slot.since = Some(now);
        Ok(Running { pings: self.clone(), id: id.clone() })
    }

    /// The last test of a connection, and since when one is under way.
    pub(crate) fn of(&self, id: &ConnectionId) -> (Option<LastPing>, Option<DateTime<Utc>>) {
        self.slots().get(id).map_or((None, None), |slot| (slot.last.clone(), slot.since))
    }

    fn slots(&self) -> MutexGuard<'_, BTreeMap<ConnectionId, Slot>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Running {
    /// Ends the test with what it found.
    pub(crate) fn ended(self, last: LastPing) {
        if let Some(slot) = self.pings.slots().get_mut(&self.id) {
            slot.last = Some(last);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(slot) = self.pings.slots().get_mut(&self.id) {
            slot.since = None;
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]
    use super::*;

    #[test]
    fn a_connection_is_tested_once_at_a_time_and_again_when_a_test_was_given_up() {
        let (pings, now) = (Pings::default(), DateTime::UNIX_EPOCH);
        let (one, other): (ConnectionId, ConnectionId) = ("a".parse().unwrap(), "b".parse().unwrap());
        let running = pings.begin(&one, now).unwrap();
        assert_eq!(pings.begin(&one, now).err(), Some(now));
        assert!(pings.begin(&other, now).is_ok());
        drop(running);
        let running = pings.begin(&one, now).unwrap();
        running.ended(LastPing { at: now, by: "lena".to_owned(), report: PingReport::default(), released: false });
        assert!(pings.of(&one).0.is_some() && pings.of(&one).1.is_none() && pings.of(&other).0.is_none());
    }
}
