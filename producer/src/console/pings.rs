//! Tests of connections that were asked for here: one at a time for each connection.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use chrono::{DateTime, Utc};
use mlc_model::ConnectionId;

/// The tests that this process carries out now, with the instant when each began. Clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pings(Arc<Mutex<BTreeMap<ConnectionId, DateTime<Utc>>>>);

/// The right to test a connection, until it is dropped.
#[derive(Debug)]
pub(crate) struct Running {
    pings: Pings,
    id: ConnectionId,
}

impl Pings {
    /// Begins a test; the instant since which one is under way already, where one is.
    pub(crate) fn begin(&self, id: &ConnectionId, now: DateTime<Utc>) -> Result<Running, DateTime<Utc>> {
        let mut running = self.running();
        if let Some(since) = running.get(id) {
            return Err(*since);
        }
        running.insert(id.clone(), now);
        drop(running);
        Ok(Running { pings: self.clone(), id: id.clone() })
    }

    /// Since when a test of a connection is under way.
    pub(crate) fn since(&self, id: &ConnectionId) -> Option<DateTime<Utc>> {
        self.running().get(id).copied()
    }

    fn running(&self) -> MutexGuard<'_, BTreeMap<ConnectionId, DateTime<Utc>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.pings.running().remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]
    use super::*;

    #[test]
    fn a_connection_is_tested_once_at_a_time_and_again_when_a_test_has_ended_or_was_given_up() {
        let (pings, now) = (Pings::default(), DateTime::UNIX_EPOCH);
        let (one, other): (ConnectionId, ConnectionId) = ("a".parse().unwrap(), "b".parse().unwrap());
        let running = pings.begin(&one, now).unwrap();
        assert_eq!((pings.begin(&one, now).err(), pings.since(&one)), (Some(now), Some(now)));
        assert!(pings.begin(&other, now).is_ok());
        drop(running);
        assert!(pings.since(&one).is_none() && pings.begin(&one, now).is_ok());
    }
}
