#![doc = include_str!("../README.md")]

mod error;
mod key_ring;
mod keys;
mod secret_store;

pub use error::VaultError;
pub use key_ring::{KEYS_VARIABLE, KeyRing};
pub use secrecy::{ExposeSecret, SecretString};
pub use secret_store::{SecretInfo, SecretStore};
