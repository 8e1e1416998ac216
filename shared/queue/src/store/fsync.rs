//! Waiting until Redis has the append-only file on disk.
//!
//! With `appendfsync always` an answer means just that. With `everysec` Redis 7.2 and newer can be asked (`WAITAOF`). That
//! command blocks its connection and only counts writes of the same one; but the file is one log, so a small write made
//! *after* ours covers ours. One task does that for everybody who waits at the time.

use std::time::Duration;

use mlc_runtime::redis::RedisHandle;
use redis::aio::MultiplexedConnection;
use tokio::sync::{mpsc, oneshot};
use tracing::warn;

use crate::{QueueError, keys::Keys};

const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Lets callers pass when what they wrote is on disk.
pub(crate) struct FsyncGate(Option<mpsc::UnboundedSender<oneshot::Sender<()>>>);

impl FsyncGate {
    /// Asks the server once whether there is anything to wait for.
    pub(crate) async fn open(handle: &RedisHandle, keys: &Keys, wanted: bool) -> Self {
        if !wanted {
            return Self(None);
        }
        match handle.check_persistence(true).await {
            Ok(facts) if facts.waitaof && facts.aof && facts.appendfsync.as_deref() != Some("always") => {
                let (sender, receiver) = mpsc::unbounded_channel();
                tokio::spawn(confirm(handle.clone(), keys.key("fsync"), receiver));
                Self(Some(sender))
            }
            _ => Self(None),
        }
    }

    /// Returns when everything written before the call is on disk.
    pub(crate) async fn pass(&self) -> Result<(), QueueError> {
        let Some(gate) = &self.0 else { return Ok(()) };
        let (done, confirmed) = oneshot::channel();
        let unconfirmed = || {
            let error =
                redis::RedisError::from((redis::ErrorKind::Io, "the append-only file was not confirmed in time"));
            QueueError::Redis(error)
        };
        gate.send(done).map_err(|_| unconfirmed())?;
        match tokio::time::timeout(LONGEST_WAIT, confirmed).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(unconfirmed()),
        }
    }
}

async fn confirm(handle: RedisHandle, key: String, mut waiting: mpsc::UnboundedReceiver<oneshot::Sender<()>>) {
    let mut connection: Option<MultiplexedConnection> = None;
    while let Some(first) = waiting.recv().await {
        let mut crowd = vec![first];
        while let Ok(next) = waiting.try_recv() {
            crowd.push(next);
        }
        match sync_once(&handle, &key, &mut connection).await {
            Ok(true) => {
                for done in crowd {
                    // A caller that gave up does not listen any more.
                    let _ = done.send(());
                }
            }
            // Dropping the senders tells the callers.
            Ok(false) => warn!("Redis did not confirm its append-only file in time"),
            Err(error) => {
                connection = None;
                warn!(%error, "Redis could not be asked for its append-only file");
            }
        }
    }
}

async fn sync_once(
    handle: &RedisHandle,
    key: &str,
    connection: &mut Option<MultiplexedConnection>,
) -> Result<bool, redis::RedisError> {
    let mut open = match connection.take() {
        Some(open) => open,
        None => handle.dedicated().await?,
    };
    let mut pipe = redis::pipe();
    pipe.cmd("SET").arg(key).arg(1).arg("EX").arg(60).ignore();
    pipe.cmd("WAITAOF").arg(1).arg(0).arg(u64::try_from(LONGEST_WAIT.as_millis()).unwrap_or(5000));
    let ((local, _replicas),): ((u32, u32),) = pipe.query_async(&mut open).await?;
    *connection = Some(open);
    Ok(local >= 1)
}
