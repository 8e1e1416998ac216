//! Random secrets that a browser or a script keeps, and the digests of them that Redis keeps.

use std::fmt;

use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};

/// SHA-256 of a secret or a name. What stands in Redis; nobody can log in with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digest(String);

impl Digest {
    /// The digest of a text.
    pub(crate) fn of(text: &str) -> Self {
        Self(hex::encode(Sha256::digest(text.as_bytes())))
    }

    /// The digest of a secret.
    pub(crate) fn of_secret(secret: &SecretString) -> Self {
        Self::of(secret.expose_secret())
    }

    /// One that was stored.
    pub(crate) fn stored(text: String) -> Self {
        Self(text)
    }

    /// Enough of it to tell one session from another on a page: 16 digits.
    pub fn short(&self) -> &str {
        self.0.get(..16).unwrap_or(&self.0)
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// 256 random bits as hexadecimal digits, behind a prefix.
pub(crate) fn random_secret(prefix: &str) -> SecretString {
    // The thread's generator is a cryptographic one, seeded by the operating system.
    SecretString::from(format!("{prefix}{}", hex::encode(rand::random::<[u8; 32]>())))
}

/// 64 random bits: what tells one state of an account from every other one.
pub(crate) fn random_mark() -> String {
    hex::encode(rand::random::<[u8; 8]>())
}
