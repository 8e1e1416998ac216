//! How an operation on many dead letters gets on: look, decide, act in one script.
//!
//! Any number of processes may drive one operation. Each prepares a step from the cursor it saw; the script refuses a step
//! whose cursor is not the stored one any more, so that of two equal steps one is done. What is prepared and never sent has
//! changed nothing; what was sent is done whole or not at all, and the cursor tells which.

use std::time::Duration;

use redis::{Cmd, Value};
use tracing::{info, warn};

use super::{
    bulk::{Bulk, BulkState, BulkVerb},
    ended::discarded_words,
    look::{GIVE_MAX, Seen, Spot, Stretch, Way},
};
use crate::{
    Queue, QueueError,
    verb::{BULK_STEP, answer},
};

/// Matches no history.
const CHANGED: &str = "-";
/// After a refused step, which means that another process drives the same operation.
const AFTER_OTHERS: Duration = Duration::from_millis(5);

impl Queue {
    /// One bounded step of each running operation: at most 100 letters acted on and 1,000 looked at. Call it again after the
    /// time it answers; `None` = nothing runs. Any number of processes may call it: each letter is acted on once.
    ///
    /// # Errors
    /// [`QueueError::Redis`]: a step may have been done all the same. Go on calling.
    ///
    /// # Cancel safety
    /// A dropped call has done its step wholly or not at all.
    pub async fn advance_bulks(&self) -> Result<Option<Duration>, QueueError> {
        let mut next: Option<Duration> = None;
        for bulk in self.open_bulks().await?.iter().filter(|bulk| bulk.state == BulkState::Running) {
            if let Some(wait) = self.advance(bulk).await? {
                next = Some(next.map_or(wait, |next| next.min(wait)));
            }
        }
        Ok(next)
    }

    /// `None` when it is over.
    async fn advance(&self, bulk: &Bulk) -> Result<Option<Duration>, QueueError> {
        match self.prepare_step(bulk).await? {
            Prepared::Step(command) => self.send_step(bulk, &command).await,
            Prepared::Wait(wait) => Ok(Some(wait)),
        }
    }

    /// Looks along the shelf from the operation's cursor and decides. Changes nothing.
    pub(crate) async fn prepare_step(&self, bulk: &Bulk) -> Result<Prepared, QueueError> {
        let may = match self.allowance(bulk) {
            Allowance::Letters(n) => n,
            Allowance::Wait(wait) => return Ok(Prepared::Wait(wait)),
        };
        let after = match bulk.cursor.as_str() {
            "" => None,
            cursor => Some(Spot::parse(cursor)?),
        };
        let stretch = self.stretch(&bulk.filter, Way::OldestFirst, after.as_ref(), may).await?;
        Ok(Prepared::Step(self.step_command(bulk, &stretch)))
    }

    /// `None` when it is over.
    pub(crate) async fn send_step(&self, bulk: &Bulk, command: &Cmd) -> Result<Option<Duration>, QueueError> {
        let mut parts = answer::array(BULK_STEP.call(&mut self.connection(), command).await?)?.into_iter();
        let state = answer::text(parts.next().unwrap_or(Value::Nil))?;
        let wait = u64::try_from(answer::int(&parts.next().unwrap_or(Value::Nil))?).unwrap_or(0);
        match state.as_str() {
            "running" => Ok(Some(Duration::from_millis(wait))),
            "moved" => Ok(Some(AFTER_OTHERS)),
            "done" => {
                info!(bulk.id = %bulk.id, verb = bulk.verb.as_str(), "Operation {} on dead letters is done", bulk.id);
                Ok(None)
            }
            "paused" | "aborted" | "gone" => Ok(None),
            other => {
                warn!(bulk.id = %bulk.id, "Operation {} is in a state that this version does not know", bulk.id);
                Err(QueueError::Answer(format!("`{other}`")))
            }
        }
    }

    /// What the rate allows as far as we know; the script decides. Saves looking where nothing could be done.
    fn allowance(&self, bulk: &Bulk) -> Allowance {
        let Some(rate) = bulk.per_second else { return Allowance::Letters(GIVE_MAX) };
        #[expect(clippy::cast_precision_loss, reason = "microseconds since the epoch are below 2^53")]
        let elapsed_s = ((self.now_ms() as f64) * 1000.0 - bulk.tokens_at_us).max(0.0) / 1_000_000.0;
        let tokens = (bulk.tokens + elapsed_s * rate).min(rate.max(1.0));
        // Our idea of Redis' time can be some milliseconds behind.
        let nearly = tokens + 0.02 * rate;
        if nearly >= 1.0 {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float cast saturates")]
            return Allowance::Letters((nearly.ceil() as usize).clamp(1, GIVE_MAX));
        }
        Allowance::Wait(Duration::from_secs_f64(((1.0 - tokens) / rate).clamp(0.001, 3600.0)))
    }

    fn step_command(&self, bulk: &Bulk, stretch: &Stretch) -> Cmd {
        let start = bulk.cursor.clone();
        let end = stretch.last.as_ref().map(Spot::to_string).unwrap_or_else(|| start.clone());
        let chosen: Vec<&Seen> = stretch.seen.iter().filter(|seen| bulk.filter.admits(seen)).collect();
        let mut command = BULK_STEP.command(self.keys(), 6 * chosen.len() + 7, chosen.len() * 500 + 200);
        command.arg(bulk.id.as_str()).arg(&start).arg(end).arg(stretch.looked).arg(u8::from(stretch.ended));
        command.arg(discarded_words(&bulk.by, Some(bulk.id.as_str()), None)).arg(chosen.len());
        let (mut before, mut looked_before) = (start, 0);
        for seen in chosen {
            let mut history = seen.history();
            // Dealt with since the start: by this operation, or by a person who edits it.
            let ours = Some(bulk.id.as_str());
            let dealt_with = history.replayed.iter().any(|note| note.bulk.as_deref() == ours)
                || history.edited.iter().any(|note| note.at >= bulk.started_at);
            let digest = if dealt_with { CHANGED } else { seen.digest.as_str() };
            command.arg(&seen.id).arg(seen.at_ms).arg(digest).arg(&before).arg(looked_before);
            if bulk.verb == BulkVerb::Replay && !dealt_with {
                history.replay(self.now(), &bulk.by, ours);
                command.arg(history.write());
            } else {
                command.arg("");
            }
            (before, looked_before) = (seen.spot().to_string(), seen.place);
        }
        command
    }
}

enum Allowance {
    Letters(usize),
    Wait(Duration),
}

/// What to do for an operation now.
#[derive(Debug)]
pub(crate) enum Prepared {
    Step(Cmd),
    /// The rate allows nothing yet.
    Wait(Duration),
}
