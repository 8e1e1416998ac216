//! Carries out what people have started on many dead letters. Every replica does: the queue sees to it that no letter is
//! acted on twice.

use std::time::Duration;

use mlc_queue::{Queue, QueueError};
use mlc_runtime::shutdown::Shutdown;
use tracing::{info, warn};

/// How often to look whether something was started.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// While Redis is away.
const AFTER_AN_ERROR: Duration = Duration::from_secs(2);

/// Drives operations until the shutdown. A step that the shutdown cuts off has been done wholly or not at all.
pub async fn drive_bulks(queue: Queue, shutdown: Shutdown) {
    let mut troubled = false;
    loop {
        let step = tokio::select! {
            biased;
            () = shutdown.wait() => return,
            step = queue.advance_bulks() => step,
        };
        let wait = next(step, &mut troubled);
        if wait.is_zero() {
            continue;
        }
        tokio::select! {
            biased;
            () = shutdown.wait() => return,
            () = tokio::time::sleep(wait) => {}
        }
    }
}

fn next(step: Result<Option<Duration>, QueueError>, troubled: &mut bool) -> Duration {
    match step {
        Ok(wait) => {
            if std::mem::take(troubled) {
                info!("Operations on dead letters go on");
            }
            wait.map_or(LOOK_EVERY, |wait| wait.min(LOOK_EVERY))
        }
        Err(error) => {
            if !std::mem::replace(troubled, true) {
                warn!(%error, "Operations on dead letters wait: {error}");
            }
            AFTER_AN_ERROR
        }
    }
}
