//! A job that does nothing, about as large as a record on its way, and the queue it goes through.

use std::{sync::Arc, time::Duration};

use anyhow::Context as _;
use mlc_model::ConnectionId;
use mlc_queue::{Job, Lane, Order, Queue, QueueConfig};
use mlc_runtime::{redis::RedisHandle, settings::RedisSettings};
use mlc_vault::KeyRing;
use serde::{Deserialize, Serialize};

/// Published, and worth nothing: enqueuing and draining are different processes and must agree on one.
const KEYS: &str = "bench:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
/// Everything goes through one lane, as the records of one connection do.
const LANE: &str = "bench";

/// About 340 bytes of JSON that do not compress well, as business data with many different values.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct NoOp {
    place: u64,
    /// When it was pushed, by the clock of the process that measures latency.
    pub(crate) pushed_ns: u64,
    filler: String,
}

impl NoOp {
    /// The job at this place of a run.
    pub(crate) fn new(place: u64, pushed_ns: u64) -> Self {
        // A cheap mixing of the place (splitmix64): the same run has the same payloads.
        let mut state = place;
        let mut filler = String::with_capacity(288);
        for _ in 0..18 {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            filler.push_str(&format!("{:016x}", mixed ^ (mixed >> 31)));
        }
        Self { place, pushed_ns, filler }
    }

    /// As an order.
    ///
    /// # Errors
    /// When it cannot be written, which is a defect.
    pub(crate) fn order(&self) -> anyhow::Result<Order> {
        Ok(Order::of(self)?)
    }
}

impl Job for NoOp {
    const KIND: &'static str = "no_op";
    const TIMEOUT: Duration = Duration::from_secs(30);

    #[expect(clippy::expect_used, reason = "a constant that is a valid name")]
    fn lane(&self) -> Lane {
        Lane(ConnectionId::parse(LANE).expect("a valid name"))
    }
}

/// Opens the queue as the product does: leases, sealing, confirmation by the append-only file.
///
/// # Errors
/// When Redis does not answer.
pub(crate) async fn open(url: &str, namespace: &str) -> anyhow::Result<(Queue, RedisHandle)> {
    let settings = RedisSettings { namespace: namespace.to_owned(), ..RedisSettings::at(url) };
    let redis = RedisHandle::connect(&settings).await?;
    let keys = Arc::new(KeyRing::parse(KEYS).context("the bench's own key")?);
    let queue = Queue::open(redis.clone(), keys, QueueConfig::default()).await?;
    Ok((queue, redis))
}

/// The lane of all no-op jobs.
pub(crate) fn lane() -> Lane {
    NoOp::new(0, 0).lane()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]
    use super::*;

    #[test]
    fn a_payload_has_about_340_bytes() {
        let size = serde_json::to_vec(&NoOp::new(99_999, 1_000_000_000)).unwrap().len();
        assert!((330..=350).contains(&size), "{size}");
    }
}
