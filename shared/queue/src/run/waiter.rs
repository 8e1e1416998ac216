//! An idle worker's ear: blocks on the wake-up list and claims in the same round trip.
//!
//! `BLPOP` and the claim are sent together. Redis runs the claim the moment a wake-up arrives, in the same loop as the
//! enqueue that caused it: one write to the append-only file and no further round trip between push and start.

use std::time::Duration;

use mlc_runtime::backoff::RetryPolicy;
use redis::{RedisError, Value, aio::MultiplexedConnection};
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
};

use crate::{
    Queue, QueueError,
    store::turn::Claim,
    verb::{TURN, is_unknown_script},
};

/// A dead network must not let us wait for ever.
const SLACK: Duration = Duration::from_secs(5);
const RECONNECT: RetryPolicy = RetryPolicy::new(Duration::from_millis(50), Duration::from_secs(1));

/// Wait at most this long, then claim `n`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wait {
    pub(crate) n: usize,
    pub(crate) longest: Duration,
    pub(crate) rescue: bool,
}

/// The waiting task. One wait at a time.
pub(crate) struct Waiter {
    waits: mpsc::UnboundedSender<Wait>,
    pub(crate) claims: mpsc::UnboundedReceiver<Result<Claim, QueueError>>,
    connection_id: watch::Receiver<Option<i64>>,
    task: JoinHandle<()>,
}

impl Waiter {
    /// Connects at once; no wait begins after `stopping`.
    pub(crate) fn start(queue: Queue, stopping: watch::Receiver<bool>) -> Self {
        let (waits, wanted) = mpsc::unbounded_channel();
        let (claimed, claims) = mpsc::unbounded_channel();
        let (id, connection_id) = watch::channel(None);
        let ear = Ear { queue, connection: None, id, stopping };
        let task = tokio::spawn(ear.listen(wanted, claimed));
        Self { waits, claims, connection_id, task }
    }

    pub(crate) fn arm(&self, wait: Wait) {
        // The task lives as long as we do.
        let _ = self.waits.send(wait);
    }

    /// Redis' id of the waiting connection, for `CLIENT UNBLOCK`.
    pub(crate) fn connection_id(&self) -> Option<i64> {
        *self.connection_id.borrow()
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Ear {
    queue: Queue,
    connection: Option<MultiplexedConnection>,
    id: watch::Sender<Option<i64>>,
    stopping: watch::Receiver<bool>,
}

impl Ear {
    async fn listen(
        mut self,
        mut wanted: mpsc::UnboundedReceiver<Wait>,
        claimed: mpsc::UnboundedSender<Result<Claim, QueueError>>,
    ) {
        // Before anyone waits, so that the first wake-up is as quick as the others. Should it fail, the first wait tells.
        let _ = self.connect().await;
        let mut failures = 0;
        while let Some(wait) = wanted.recv().await {
            let answer = self.wait_and_claim(wait).await;
            if answer.is_err() {
                self.connection = None;
                self.id.send_replace(None);
                failures += 1;
                tokio::time::sleep(RECONNECT.delay(failures, rand::random())).await;
            } else {
                failures = 0;
            }
            if claimed.send(answer).is_err() {
                return;
            }
        }
    }

    /// Connects if there is no connection; gives up when the worker stops. Whether there is one to wait with.
    async fn connect(&mut self) -> Result<bool, QueueError> {
        let mut stopping = self.stopping.clone();
        let opened = async {
            if self.connection.is_none() {
                let mut new = self.queue.0.handle.dedicated().await?;
                TURN.load(&mut new).await?;
                self.id.send_replace(Some(redis::cmd("CLIENT").arg("ID").query_async(&mut new).await?));
                self.connection = Some(new);
            }
            Ok(true)
        };
        tokio::select! {
            biased;
            // Fails when nobody is left who could tell us to stop: then there is nobody to wait for either.
            _ = stopping.wait_for(|stop| *stop) => Ok(false),
            opened = opened => opened,
        }
    }

    async fn wait_and_claim(&mut self, wait: Wait) -> Result<Claim, QueueError> {
        let Some(open) = self.connect().await?.then_some(self.connection.as_mut()).flatten() else {
            return Ok(Claim::default());
        };
        let mut pipe = redis::pipe();
        // 0 would mean for ever.
        let seconds = wait.longest.max(Duration::from_millis(1)).as_secs_f64();
        pipe.cmd("BLPOP").arg(self.queue.keys().key("wake")).arg(format!("{seconds:.3}")).ignore();
        pipe.add_command(self.queue.claim_command(wait.n, wait.rescue));
        let answer = tokio::time::timeout(wait.longest + SLACK, pipe.query_async::<(Value,)>(open)).await;
        let answer =
            answer.unwrap_or_else(|_| Err(RedisError::from((redis::ErrorKind::Io, "no answer to a blocking command"))));
        match answer {
            Ok((reply,)) => self.queue.read_turn_claim(reply),
            Err(error) if is_unknown_script(&error) => {
                // Somebody emptied the script cache: nothing was claimed.
                TURN.load(open).await?;
                Ok(Claim { next_ms: Some(0), ..Claim::default() })
            }
            Err(error) => Err(error.into()),
        }
    }
}
