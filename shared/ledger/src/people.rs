//! What people did: who paused, replayed, discarded, reset.

use chrono::{DateTime, Utc};
use redis::streams::StreamRangeReply;
use serde::{Deserialize, Serialize};

use crate::{Ledger, LedgerError, keys};

/// About this many actions are kept.
pub(crate) const ACTIONS_KEPT: u32 = 100_000;

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
    /// When.
    pub at: DateTime<Utc>,
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

impl Ledger {
    /// Records what a person did.
    ///
    /// # Errors
    /// `Redis`.
    pub async fn record_action(&self, action: &PersonAction) -> Result<(), LedgerError> {
        let json = serde_json::to_string(action).map_err(|error| LedgerError::unreadable("person's action", error))?;
        let _: String = redis::cmd("XADD")
            .arg(keys::actions(self.namespace()))
            .arg("MAXLEN")
            .arg("~")
            .arg(ACTIONS_KEPT)
            .arg("*")
            .arg("a")
            .arg(json)
            .query_async(&mut self.connection())
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
        let read = |stored: &redis::streams::StreamId| {
            let json: String = stored.get("a").unwrap_or_default();
            let action =
                serde_json::from_str(&json).map_err(|error| LedgerError::unreadable("person's action", error))?;
            Ok(ActionEntry { id: stored.id.clone(), action })
        };
        reply.ids.iter().take(limit).map(read).collect()
    }
}
