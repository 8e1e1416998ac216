//! Section `[audit]`.

use serde::{Deserialize, Serialize};

/// What is kept about records beside the trail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AuditSettings {
    /// Records per flow of which the last exchange is kept: what was read, sent and answered. Sealed, because it holds personal data.
    /// The longest untouched go first. Default 20000, 0 to 10000000; 0 keeps none.
    pub exchanges: u64,
}

impl Default for AuditSettings {
    fn default() -> Self {
        Self { exchanges: 20_000 }
    }
}
