//! Section `[log]`.

use serde::{Deserialize, Serialize};

/// Log lines, on standard error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogSettings {
    /// `json` for machines, `human` for people. Default `json`.
    pub format: LogFormat,
    /// Least severe level shown: `error`, `warn`, `info`, `debug`, `trace`, or a filter such as `info,mlc_queue=debug`.
    /// Default `info`.
    pub level: String,
}

/// How a log line looks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// One JSON object per line.
    #[default]
    Json,
    /// Coloured text when standard error is a terminal.
    Human,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self { format: LogFormat::Json, level: "info".to_owned() }
    }
}
