//! Which of two states of a record is the newer one.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Version of one record at its source; only ever compared with versions of the same record.
///
/// From Epicor it is the row's `SysRevID`. Sources without one
/// give milliseconds since the epoch of their change stamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Version(pub i64);

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
