//! Where a job stands: in which lane, and before whom.

use std::fmt;

use mlc_model::{ConnectionId, InvalidId};
use serde::{Deserialize, Serialize};

/// The queue of one connection: a dead target blocks nobody but itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Lane(pub ConnectionId);

impl Lane {
    /// # Errors
    /// A name that is no connection's name.
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        ConnectionId::parse(text).map(Self)
    }

    /// The connection's name.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl From<ConnectionId> for Lane {
    fn from(connection: ConnectionId) -> Self {
        Self(connection)
    }
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Strict inside a lane: a later class starts only when no earlier one waits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// Somebody waits for it.
    Person,
    /// The ordinary schedule.
    #[default]
    Normal,
    /// First loads and repairs, whenever there is room.
    Backfill,
}

impl Priority {
    /// All, most urgent first.
    pub const ALL: [Self; 3] = [Self::Person, Self::Normal, Self::Backfill];

    /// The digit that stands in keys and envelopes.
    pub(crate) fn digit(self) -> &'static str {
        match self {
            Self::Person => "0",
            Self::Normal => "1",
            Self::Backfill => "2",
        }
    }

    pub(crate) fn from_digit(digit: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|priority| priority.digit() == digit)
    }

    /// The class as settings and people spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Normal => "normal",
            Self::Backfill => "backfill",
        }
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
