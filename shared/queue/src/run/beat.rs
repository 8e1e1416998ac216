//! Tells Redis that this worker lives, and goodbye.

use std::time::Duration;

use tokio::{
    task::JoinHandle,
    time::{MissedTickBehavior, interval, timeout},
};
use tracing::debug;

use super::renewal::Leases;
use crate::{Queue, store::presence::Facts};

const PERIOD: Duration = Duration::from_secs(5);
/// A Redis that does not answer must not hold up a stop: the worker is forgotten by itself.
const GOODBYE: Duration = Duration::from_secs(1);

/// The task that beats.
pub(crate) struct Beat {
    queue: Queue,
    id: String,
    task: JoinHandle<()>,
}

impl Beat {
    /// Beats at once, and from then on every 5 seconds.
    pub(crate) fn start(queue: Queue, id: String, kinds: &[&str], places: usize, leases: Leases) -> Self {
        let mut facts = Facts {
            host: host(),
            process: std::process::id(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started_at: queue.now(),
            kinds: kinds.iter().map(|kind| (*kind).to_owned()).collect(),
            places: u32::try_from(places).unwrap_or(u32::MAX),
            running: 0,
        };
        let (beating, name) = (queue.clone(), id.clone());
        let task = tokio::spawn(async move {
            let mut tick = interval(PERIOD);
            tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                tick.tick().await;
                facts.running = u32::try_from(leases.held()).unwrap_or(u32::MAX);
                // Whoever needs Redis says so louder; here the next beat makes up for it.
                if let Err(error) = beating.beat(&name, &facts).await {
                    debug!(%error, "Redis could not be told that this worker lives; trying again");
                }
            }
        });
        Self { queue, id, task }
    }

    /// An orderly stop: the worker is not listed any more.
    pub(crate) async fn stop(self) {
        self.task.abort();
        match timeout(GOODBYE, self.queue.leave(&self.id)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => debug!(%error, "Redis could not be told goodbye"),
            Err(_) => debug!("Redis did not answer a goodbye"),
        }
    }
}

impl Drop for Beat {
    /// Whoever drops the run without a stop does not live on here.
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The name of the machine or container.
fn host() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .ok()
        .or_else(|| std::env::var("HOSTNAME").ok())
        .map(|name| name.trim().chars().take(100).collect::<String>())
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| "unknown".to_owned())
}
