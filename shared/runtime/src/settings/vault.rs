//! Section `[vault]`.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Where the keys come from that seal secrets and payloads. The keys themselves are never in the settings.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct VaultSettings {
    /// File with the keys, one `id:base64` entry per line, the active one first; must not be readable by everybody.
    /// The environment variable `MLC_VAULT_KEYS` wins over it. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_file: Option<PathBuf>,
}
