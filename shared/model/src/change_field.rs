//! How an entity tells what has changed since last time.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Kind of change detection. Source: Epicor reference, section 4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeMode {
    /// A date and time, such as `UpdatedOn`.
    Timestamp,
    /// A day, such as `ChangeDate`: filtered from the day before the last one, told apart by fingerprint.
    Date,
    /// A day and whole seconds since midnight, such as `ChangeDate` with `ChangeTime`.
    DatePlusSeconds,
    /// A row version that grows over the whole database, such as `SysRevID`.
    Revision,
    /// Nothing usable: every row, every time, told apart by fingerprint.
    FullScan,
}

impl ChangeMode {
    /// The mode as settings and people spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Timestamp => "timestamp",
            Self::Date => "date",
            Self::DatePlusSeconds => "date_plus_seconds",
            Self::Revision => "revision",
            Self::FullScan => "full_scan",
        }
    }
}

impl fmt::Display for ChangeMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The mode together with the column it reads. `column` is empty for a full scan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeField {
    /// How to read the column.
    pub mode: ChangeMode,
    /// Epicor's column, such as `UpdatedOn`, `ChangeDate` or `SysRevID`.
    pub column: String,
}

impl fmt::Display for ChangeField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.column.is_empty() { write!(f, "{}", self.mode) } else { write!(f, "{} ({})", self.column, self.mode) }
    }
}
