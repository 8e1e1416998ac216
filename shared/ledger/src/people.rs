//! What people did: who paused, replayed, discarded, reset.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use redis::streams::{StreamId, StreamRangeReply};
use serde::{Deserialize, Serialize};

use crate::{AuditId, Ledger, LedgerError, keys, scripts};

/// About this many actions are kept.
pub(crate) const ACTIONS_KEPT: u32 = 100_000;
/// Actions per read.
const PER_READ: usize = 500;
/// A search that found too little goes on in another call after this time.
const LONGEST_SEARCH: Duration = Duration::from_millis(60);

/// Something a person did. Holds no secret and no personal data beyond the login name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonAction {
    /// Login name, or `cli:<user>`.
    pub who: String,
    /// What, such as `dead_letters.replay`.
    pub what: String,
    /// What it was done to, such as a lane or a job.
    pub subject: String,
    /// State before, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// State after, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// What changed in words that may be personal data: sealed by who records it, as base64. `None` = nothing more to tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed: Option<String>,
    /// When.
    pub at: DateTime<Utc>,
    /// It began, and nobody has written down how it ended: it is under way, or whoever carried it out died with it. Whether its
    /// subject is changed is not known.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unfinished: bool,
}

/// A stored action with its place in the stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ActionEntry {
    /// Place in the stream.
    pub id: String,
    /// The action.
    #[serde(flatten)]
    pub action: PersonAction,
}

/// Which actions. Texts are looked for anywhere in their field, in any case; all that are given must be there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ActionFilter {
    /// Who did it.
    pub who: Option<String>,
    /// What was done, such as `dead_letters`.
    pub what: Option<String>,
    /// What it was done to.
    pub subject: Option<String>,
}

impl ActionFilter {
    fn lowered(&self) -> Self {
        let lowered = |text: &Option<String>| text.as_deref().map(str::to_lowercase);
        Self { who: lowered(&self.who), what: lowered(&self.what), subject: lowered(&self.subject) }
    }

    /// For a filter in lower case.
    fn matches(&self, action: &PersonAction) -> bool {
        let has = |wanted: &Option<String>, text: &str| {
            wanted.as_deref().is_none_or(|wanted| text.to_lowercase().contains(wanted))
        };
        has(&self.who, &action.who) && has(&self.what, &action.what) && has(&self.subject, &action.subject)
    }
}

impl Ledger {
    /// Records what a person did.
    ///
    /// # Errors
    /// `Redis`.
    pub async fn record_action(&self, action: &PersonAction) -> Result<(), LedgerError> {
        self.add_action(action).await.map(drop)
    }

    /// Records that a person begins something, before it is done: [`PersonAction::unfinished`] until [`Ledger::finish_action`] closes
    /// it or [`Ledger::withdraw_action`] takes it back, both by the place that this returns.
    ///
    /// # Errors
    /// `Redis`: the action must not be carried out then.
    pub async fn begin_action(&self, action: &PersonAction) -> Result<String, LedgerError> {
        self.add_action(&PersonAction { unfinished: true, ..action.clone() }).await
    }

    /// Puts what was done in the place of the entry that began at `place`.
    ///
    /// # Errors
    /// `Redis`: the entry stands as one that began.
    pub async fn finish_action(&self, place: &str, action: &PersonAction) -> Result<(), LedgerError> {
        self.close_action(place, write(action)?).await
    }

    /// Takes back the entry that began at `place`: nothing was done.
    ///
    /// # Errors
    /// `Redis`: the entry stands as one that began.
    pub async fn withdraw_action(&self, place: &str) -> Result<(), LedgerError> {
        self.close_action(place, String::new()).await
    }

    async fn add_action(&self, action: &PersonAction) -> Result<String, LedgerError> {
        Ok(scripts::RECORD_ACTION
            .key(keys::actions(self.namespace()))
            .arg(ACTIONS_KEPT)
            .arg(write(action)?)
            .invoke_async(&mut self.connection())
            .await?)
    }

    async fn close_action(&self, place: &str, json: String) -> Result<(), LedgerError> {
        let _: Option<String> = scripts::FINISH_ACTION
            .key(keys::actions(self.namespace()))
            .arg(place)
            .arg(ACTIONS_KEPT)
            .arg(json)
            .invoke_async(&mut self.connection())
            .await?;
        Ok(())
    }

    /// What people did, newest first, at most `limit`.
    ///
    /// # Errors
    /// `Redis`, or `Unreadable`.
    pub async fn audit_actions(&self, limit: usize) -> Result<Vec<ActionEntry>, LedgerError> {
        let reply: StreamRangeReply = redis::cmd("XREVRANGE")
            .arg(keys::actions(self.namespace()))
            .arg("+")
            .arg("-")
            .arg("COUNT")
            .arg(limit.max(1))
            .query_async(&mut self.connection())
            .await?;
        reply.ids.iter().take(limit).map(read).collect()
    }

    /// One action by its place; `None` when it is long past, or never was.
    ///
    /// # Errors
    /// `NoSuchPlace` for a text that is none; `Redis`, or `Unreadable`.
    pub async fn action(&self, place: &str) -> Result<Option<ActionEntry>, LedgerError> {
        let place = place.parse::<AuditId>()?.to_string();
        let reply: StreamRangeReply = redis::cmd("XRANGE")
            .arg(keys::actions(self.namespace()))
            .arg(&place)
            .arg(&place)
            .query_async(&mut self.connection())
            .await?;
        reply.ids.first().map(read).transpose()
    }

    /// The place of the oldest entry that is kept.
    async fn first_action(&self) -> Result<Option<AuditId>, LedgerError> {
        let reply: StreamRangeReply = redis::cmd("XRANGE")
            .arg(keys::actions(self.namespace()))
            .arg("-")
            .arg("+")
            .arg("COUNT")
            .arg(1)
            .query_async(&mut self.connection())
            .await?;
        reply.ids.first().map(|oldest| oldest.id.parse()).transpose()
    }

    /// What people did, as `filter` says, newest first: at most `limit`, and the place after which the next part begins; `None` when there
    /// is no more. A search among very many actions stops after a while with fewer, or none, and a place to go on from.
    ///
    /// # Errors
    /// `NoSuchPlace` for an `after` that this never gave; `Redis`, or `Unreadable`.
    pub async fn actions(
        &self,
        filter: &ActionFilter,
        after: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<ActionEntry>, Option<String>), LedgerError> {
        let begun = Instant::now();
        let mut end = match after {
            None => "+".to_owned(),
            Some(place) => {
                let place = place.parse::<AuditId>()?;
                // Redis would walk through all entries to find that none stands before the first one.
                if self.first_action().await?.is_none_or(|first| place <= first) {
                    return Ok((Vec::new(), None));
                }
                format!("({place}")
            }
        };
        let (limit, wanted) = (limit.max(1), filter.lowered());
        let mut found = Vec::new();
        loop {
            let reply: StreamRangeReply = redis::cmd("XREVRANGE")
                .arg(keys::actions(self.namespace()))
                .arg(&end)
                .arg("-")
                .arg("COUNT")
                .arg(PER_READ)
                .query_async(&mut self.connection())
                .await?;
            let read_all = reply.ids.len() < PER_READ;
            for (at, stored) in reply.ids.iter().enumerate() {
                let entry = read(stored)?;
                if wanted.matches(&entry.action) {
                    found.push(entry);
                }
                if found.len() == limit {
                    let more = !read_all || at + 1 < reply.ids.len();
                    return Ok((found, more.then(|| stored.id.clone())));
                }
            }
            let last = reply.ids.last().filter(|_| !read_all);
            let Some(last) = last else { return Ok((found, None)) };
            if begun.elapsed() >= LONGEST_SEARCH {
                return Ok((found, Some(last.id.clone())));
            }
            end = format!("({}", last.id);
        }
    }
}

fn write(action: &PersonAction) -> Result<String, LedgerError> {
    serde_json::to_string(action).map_err(|error| LedgerError::unreadable("person's action", error))
}

fn read(stored: &StreamId) -> Result<ActionEntry, LedgerError> {
    let json: String = stored.get("a").unwrap_or_default();
    let action = serde_json::from_str(&json).map_err(|error| LedgerError::unreadable("person's action", error))?;
    Ok(ActionEntry { id: stored.id.clone(), action })
}
