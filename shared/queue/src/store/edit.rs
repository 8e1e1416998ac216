//! Another payload for a dead letter.

use chrono::{DateTime, Utc};
use mlc_model::JobId;
use redis::Value;
use serde::Serialize;

use crate::{
    Queue, QueueError,
    envelope::{self, Envelope},
    history::History,
    verb::{EDIT, EDITABLE, answer},
};

/// Tries when the letter's history moves under the edit.
const TRIES: usize = 5;
/// Far beyond anything that is enqueued.
const LARGEST: usize = 8 << 20;

/// A dead letter's payload, to be edited.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Editable {
    /// The job's arguments.
    pub payload: serde_json::Value,
    /// Names exactly this stored form: [`Queue::edit_payload`] wants it back.
    pub digest: String,
    /// Kind of job.
    pub kind: String,
}

/// What became of an edit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Edited {
    /// The letter has the new payload.
    Changed,
    /// It is not on the shelf any more.
    Gone,
    /// Somebody else has changed it since: nothing was done.
    ChangedMeanwhile,
}

struct Stored {
    envelope: Vec<u8>,
    digest: String,
    history: Vec<u8>,
    history_digest: String,
    /// When it was read, by Redis' clock: operations compare an edit with their own start.
    read_at: DateTime<Utc>,
}

impl Queue {
    /// The payload of a letter with the digest that an edit needs. `None` when it is not on the shelf.
    ///
    /// # Errors
    /// [`QueueError::Sealed`] when no key opens it, [`QueueError::Unreadable`] when it is no JSON, [`QueueError::Redis`].
    pub async fn editable(&self, id: &JobId) -> Result<Option<Editable>, QueueError> {
        let Some(stored) = self.stored_letter(id).await? else { return Ok(None) };
        let (envelope, sealed) = Envelope::read(id.as_str(), &stored.envelope)?;
        let payload = envelope::open(id.as_str(), &envelope.kind, sealed, self.0.sealer.as_ref())
            .map_err(|source| QueueError::Sealed { id: id.to_string(), source })?;
        let payload = serde_json::from_slice(&payload).map_err(|_| QueueError::Unreadable {
            what: format!("payload of job {id}"),
            why: "it is no JSON".to_owned(),
        })?;
        Ok(Some(Editable { payload, digest: stored.digest, kind: envelope.kind }))
    }

    /// Digest of a letter's stored form. `None` when it is not on the shelf.
    ///
    /// # Errors
    /// [`QueueError::Redis`].
    pub async fn payload_digest(&self, id: &JobId) -> Result<Option<String>, QueueError> {
        Ok(self.stored_letter(id).await?.map(|stored| stored.digest))
    }

    /// Gives a dead letter another payload, sealed anew. Lane, kind, subject and unique key stay what they are: whether the
    /// payload still belongs to them, the caller must know. The letter stays on the shelf, and its history tells who edited.
    ///
    /// # Errors
    /// [`QueueError::Refused`] for a payload over 8 MiB; [`QueueError::Redis`]: the edit may have taken effect. Repeating it
    /// then answers [`Edited::ChangedMeanwhile`].
    pub async fn edit_payload(
        &self,
        id: &JobId,
        payload: &serde_json::Value,
        expected_digest: &str,
        by: &str,
    ) -> Result<Edited, QueueError> {
        let plain = payload.to_string();
        if plain.len() > LARGEST {
            return Err(QueueError::Refused(format!("a payload has at most {} MiB", LARGEST >> 20)));
        }
        for _ in 0..TRIES {
            let Some(stored) = self.stored_letter(id).await? else { return Ok(Edited::Gone) };
            if stored.digest != expected_digest {
                return Ok(Edited::ChangedMeanwhile);
            }
            let (envelope, _) = Envelope::read(id.as_str(), &stored.envelope)?;
            let bytes = envelope.seal(id, plain.as_bytes(), self.0.sealer.as_ref());
            let mut history = History::read(&stored.history);
            history.edit(stored.read_at, by);
            let mut command = EDIT.command(self.keys(), 7, bytes.len() + 400);
            command.arg(id.as_str()).arg(expected_digest).arg(stored.history_digest).arg(bytes).arg(history.write());
            command.arg(stored.read_at.timestamp_millis());
            match answer::text(EDIT.call(&mut self.connection(), &command).await?)?.as_str() {
                "ok" => return Ok(Edited::Changed),
                "gone" => return Ok(Edited::Gone),
                "changed" => return Ok(Edited::ChangedMeanwhile),
                // Replayed and dead again in between, or an operation started: the payload is the one that was seen, its
                // past is not.
                "history" => {}
                other => return Err(QueueError::Answer(format!("`{other}`"))),
            }
        }
        Ok(Edited::ChangedMeanwhile)
    }

    async fn stored_letter(&self, id: &JobId) -> Result<Option<Stored>, QueueError> {
        let mut command = EDITABLE.command(self.keys(), 1, 32);
        command.arg(id.as_str());
        let mut parts = match EDITABLE.call(&mut self.connection(), &command).await? {
            Value::Nil => return Ok(None),
            found => answer::array(found)?.into_iter(),
        };
        let mut part = || parts.next().unwrap_or(Value::Nil);
        Ok(Some(Stored {
            envelope: answer::bytes(part()).unwrap_or_default(),
            digest: answer::text(part())?,
            history: answer::bytes(part()).unwrap_or_default(),
            history_digest: answer::text(part())?,
            read_at: DateTime::from_timestamp_millis(answer::int(&part())?).unwrap_or_default(),
        }))
    }
}
