//! Log lines about deliveries: one per minute, connection and reason, however many come.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use mlc_model::ConnectionId;
use tracing::warn;

const ONCE_IN: Duration = Duration::from_secs(60);

/// When what was said last, and how often it was kept back since. Bounded: connections and reasons are few.
#[derive(Debug, Default)]
pub(super) struct Notes(Mutex<HashMap<Subject, Said>>);

type Subject = (ConnectionId, &'static str);
type Said = (Instant, u64);

impl Notes {
    /// Says that deliveries of `connection` are not taken, and why. `detail` holds nothing of the delivery.
    pub(super) fn say(&self, connection: &ConnectionId, reason: &'static str, detail: &str) {
        if let Some(before) = self.due(connection, reason, Instant::now()) {
            warn!(
                connection.id = %connection,
                reason,
                more = before,
                "A webhook delivery to {connection} was not used: {detail}"
            );
        }
    }

    /// How many were kept back since the last line, when it is time for the next.
    fn due(&self, connection: &ConnectionId, reason: &'static str, now: Instant) -> Option<u64> {
        let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match said.get_mut(&(connection.clone(), reason)) {
            Some((at, kept_back)) if now.duration_since(*at) < ONCE_IN => {
                *kept_back += 1;
                None
            }
            Some(known) => Some(std::mem::replace(known, (now, 0)).1),
            None => {
                said.insert((connection.clone(), reason), (now, 0));
                Some(0)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]
    use super::*;

    #[test]
    fn a_thousand_forged_deliveries_make_one_line_a_minute() {
        let (notes, start) = (Notes::default(), Instant::now());
        let shop = ConnectionId::parse("shop").unwrap();
        let said: Vec<u64> = (0..1_000).filter_map(|_| notes.due(&shop, "wrong_signature", start)).collect();
        assert_eq!(said, [0]);
        assert_eq!(notes.due(&shop, "no_signature", start), Some(0));
        assert_eq!(notes.due(&shop, "wrong_signature", start + ONCE_IN), Some(999));
    }
}
