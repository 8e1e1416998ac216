//! A frozen stretch of changes: the unit in which polls are planned, closed and replayed.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{ChangeField, WindowId};

/// A window that would read nothing or everything by mistake.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("window is empty or backwards: since {since} must be before until {until}")]
pub struct InvalidWindow {
    since: String,
    until: String,
}

/// The bounds, in the unit of the change field. `since` is excluded, `until` included; `since: None` means from the beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum WindowBounds {
    /// Instants; also used for the two date modes, which widen them to whole days of the server's zone.
    Time {
        /// Excluded lower bound.
        since: Option<DateTime<Utc>>,
        /// Included upper bound.
        until: DateTime<Utc>,
    },
    /// Row versions. `until: None` means that there is no upper bound, because no version was known yet.
    Revision {
        /// Excluded lower bound.
        since: Option<i64>,
        /// Included upper bound.
        until: Option<i64>,
    },
    /// Every row; `until` is the server's time when the scan was planned.
    Everything {
        /// Server's time when the scan was planned.
        until: DateTime<Utc>,
    },
}

/// A frozen window: a replay asks exactly the same question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// Its row in the ledger.
    pub id: WindowId,
    /// What the bounds are compared with.
    pub change_field: ChangeField,
    /// From where to where.
    pub bounds: WindowBounds,
}

impl Window {
    /// # Errors
    /// Bounds that leave nothing between them.
    pub fn new(id: WindowId, change_field: ChangeField, bounds: WindowBounds) -> Result<Self, InvalidWindow> {
        let wrong = match bounds {
            WindowBounds::Time { since: Some(since), until } if since >= until => {
                Some((since.to_rfc3339(), until.to_rfc3339()))
            }
            WindowBounds::Revision { since: Some(since), until: Some(until) } if since > until => {
                Some((since.to_string(), until.to_string()))
            }
            _ => None,
        };
        match wrong {
            Some((since, until)) => Err(InvalidWindow { since, until }),
            None => Ok(Self { id, change_field, bounds }),
        }
    }
}
