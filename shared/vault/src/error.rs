//! What can go wrong in the vault. No text holds a secret or a key.

use std::path::PathBuf;

use crate::KEYS_VARIABLE;

/// Why the vault could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// No keys are configured.
    #[error("the vault has no keys: set {KEYS_VARIABLE} or `vault.key_file`; `mlc vault generate-key` makes one")]
    NoKeys,
    /// The text of the keys is wrong. Names the entry by its place, never by its content.
    #[error("the vault's keys from {origin} are not usable: {problem}")]
    BadKeys {
        /// Where they come from.
        origin: String,
        /// What is wrong.
        problem: String,
    },
    /// The key file cannot be read.
    #[error("the vault's key file {path} cannot be read: {source}")]
    KeyFile {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Everybody on the machine could use the keys.
    #[error("the vault's key file {path} is open to everybody (mode {mode:o}): run `chmod o= {path}`")]
    KeyFileOpen {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// A secret's name that would not be found again.
    #[error("`{0}` is not a name of a secret: use 1 to 64 lower-case letters, digits and `_`, such as `api_key`")]
    BadName(String),
    /// A stored secret does not open.
    #[error("secret `{name}` cannot be opened: {reason}; set it again")]
    Broken {
        /// `connection/name`.
        name: String,
        /// Why, without content.
        reason: String,
    },
    /// Redis did not do its part.
    #[error("secrets could not be reached in Redis: {0}")]
    Redis(#[from] redis::RedisError),
}
