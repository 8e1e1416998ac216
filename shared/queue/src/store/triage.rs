//! Who looks after a dead letter, and what is known about it.
//!
//! Stored as one line of JSON without the note, then the sealed note: people write names into notes. A letter's note is sealed
//! for what the letter is about and not for its job: so it goes over, as it is, to the next letter about the same thing, and
//! opens in no other.

use chrono::{DateTime, Utc};
use mlc_model::JobId;
use serde::{Deserialize, Serialize};

use crate::{
    Queue, QueueError, shelf_record,
    verb::{TRIAGE, answer},
};

/// Longest name of who looks after a letter or a cause, in characters.
pub const ASSIGNEE_CHARS: usize = 100;
/// Longest note on a letter or a cause, in characters.
pub const NOTE_CHARS: usize = 2000;

/// What a triage is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TriageKey {
    /// One letter. Its triage goes with it when it leaves the shelf; after a replay the next letter of that lane, kind, unique
    /// key and subject has it, for seven days and of the last 10,000.
    Letter(JobId),
    /// All letters of a cause, by its hash. Its triage goes with the last of them.
    Cause(String),
}

/// Who looks after it, and what is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Triage {
    /// Login name, at most 100 characters; `None` = nobody yet.
    pub assignee: Option<String>,
    /// What is known, at most 2,000 characters. May hold what people write: personal data.
    pub note: Option<String>,
    /// Who wrote this.
    pub by: String,
    /// When.
    pub at: DateTime<Utc>,
}

#[derive(Serialize, Deserialize)]
struct Line {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    assignee: Option<String>,
    by: String,
    at: DateTime<Utc>,
}

impl Triage {
    fn seal(&self, name: &str, queue: &Queue) -> Vec<u8> {
        let line = Line { assignee: self.assignee.clone(), by: self.by.clone(), at: self.at };
        let mut stored = serde_json::to_vec(&line).unwrap_or_default();
        stored.push(b'\n');
        if let Some(note) = &self.note {
            stored.extend(queue.0.sealer.seal(&context(name), note.as_bytes()));
        }
        stored
    }

    /// `None` when there is none. `names` = what its note may have been sealed for. A note that no key opens is left out.
    pub(crate) fn read(names: &[&str], stored: &[u8], queue: &Queue) -> Option<Self> {
        let end = stored.iter().position(|byte| *byte == b'\n')?;
        let Line { assignee, by, at } = serde_json::from_slice(&stored[..end]).ok()?;
        let sealed = &stored[end + 1..];
        let open = |sealed: &[u8]| names.iter().find_map(|name| queue.0.sealer.open(&context(name), sealed).ok());
        let note = (!sealed.is_empty()).then(|| open(sealed)).flatten();
        Some(Self { assignee, note: note.map(|note| String::from_utf8_lossy(&note).into_owned()), by, at })
    }

    pub(crate) fn assignee_of(stored: &[u8]) -> Option<String> {
        let line = stored.split(|byte| *byte == b'\n').next()?;
        serde_json::from_slice::<Line>(line).ok()?.assignee
    }
}

fn context(name: &str) -> Vec<u8> {
    [b"triage/", name.as_bytes()].concat()
}

impl Queue {
    /// Says who looks after a letter or a cause, and what is known. Replaces what was said before; without assignee and
    /// note nothing is left. False when there is no such letter or cause on the shelf.
    ///
    /// # Errors
    /// [`QueueError::Refused`] for a text that is too long, [`QueueError::Redis`].
    pub async fn set_triage(&self, key: &TriageKey, triage: Triage) -> Result<bool, QueueError> {
        let length = |text: &Option<String>| text.as_ref().map_or(0, |text| text.chars().count());
        if length(&triage.assignee) > ASSIGNEE_CHARS || length(&triage.note) > NOTE_CHARS {
            let text = format!("an assignee has at most {ASSIGNEE_CHARS} characters, a note at most {NOTE_CHARS}");
            return Err(QueueError::Refused(text));
        }
        let (what, name, about) = match key {
            TriageKey::Letter(id) => ("letter", id.as_str(), self.about(id).await?),
            TriageKey::Cause(hash) => ("cause", hash.as_str(), None),
        };
        let filled = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
        let triage = Triage { assignee: filled(triage.assignee), note: filled(triage.note), ..triage };
        let empty = triage.assignee.is_none() && triage.note.is_none();
        let stored = if empty { Vec::new() } else { triage.seal(about.as_deref().unwrap_or(name), self) };
        let mut command = TRIAGE.command(self.keys(), 4, stored.len() + 100);
        command.arg(what).arg(name).arg(stored);
        Ok(answer::int(&TRIAGE.call(&mut self.connection(), &command).await?)? == 1)
    }

    /// What a letter is about; `None` too when there is no such letter.
    async fn about(&self, id: &JobId) -> Result<Option<String>, QueueError> {
        let mut command = redis::cmd("HGET");
        command.arg(self.keys().key("dead_record")).arg(id.as_str());
        let record: Option<Vec<u8>> = command.query_async(&mut self.connection()).await?;
        Ok(record.and_then(|record| shelf_record::about(id.as_str(), &record)))
    }
}
