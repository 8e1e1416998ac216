//! From settings to a context: what a worker needs before it may claim anything.

use std::sync::Arc;

use mlc_connections::Connections;
use mlc_ledger::Ledger;
use mlc_model::{Clock, Sealer};
use mlc_queue::{Lane, Queue, QueueConfig};
use mlc_runtime::{metrics::Metrics, redis::RedisHandle, settings::Settings};
use mlc_vault::KeyRing;

use crate::{Context, capabilities::KnownShops};

/// Why a worker does not start. Each message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Redis does not answer.
    #[error(transparent)]
    Redis(#[from] mlc_runtime::redis::RedisUnavailable),
    /// Redis would forget.
    #[error(transparent)]
    Unsafe(#[from] mlc_runtime::redis::UnsafeRedis),
    /// No key ring.
    #[error(transparent)]
    Vault(#[from] mlc_vault::VaultError),
    /// The queue cannot be opened.
    #[error(transparent)]
    Queue(#[from] mlc_queue::QueueError),
}

/// Connects to Redis, checks that it keeps what it is given, and opens the rooms.
///
/// # Errors
/// [`OpenError`]; nothing was claimed.
pub async fn open(settings: Arc<Settings>, metrics: Metrics, clock: Arc<dyn Clock>) -> Result<Context, OpenError> {
    let keys = Arc::new(KeyRing::load(&settings.vault)?);
    open_with_keys(settings, keys, metrics, clock).await
}

/// As [`open`], with a key ring that is at hand already.
///
/// # Errors
/// As [`open`].
pub async fn open_with_keys(
    settings: Arc<Settings>,
    keys: Arc<KeyRing>,
    metrics: Metrics,
    clock: Arc<dyn Clock>,
) -> Result<Context, OpenError> {
    let redis = RedisHandle::connect(&settings.redis).await?;
    redis.check_persistence(settings.redis.allow_unsafe_persistence).await?;
    let sealer: Arc<dyn Sealer> = keys.clone();
    let config = QueueConfig {
        lease: settings.queue.lease,
        poison_after: settings.queue.poison_after,
        dead_letter_bytes: settings.queue.dead_letter_bytes,
        retry: settings.retry.policy(),
        max_attempts: settings.retry.max_attempts,
        ..QueueConfig::default()
    };
    let queue = Queue::open(redis.clone(), Arc::clone(&sealer), config).await?;
    for (id, connection) in &settings.connections {
        queue.set_cap(&Lane::from(id.clone()), Some(connection.lane_cap())).await?;
    }
    let connections = Connections::new(Arc::clone(&settings), redis.clone(), keys, metrics.clone(), Arc::clone(&clock));
    let ledger = Ledger::new(redis).keep_exchanges_of(settings.audit.exchanges);
    Ok(Context { settings, queue, ledger, connections, metrics, clock, sealer, shops: KnownShops::default() })
}
