#![doc = include_str!("../README.md")]

mod account;
mod error;
mod keys;
mod login;
mod name;
mod password;
mod role;
mod scripts;
mod secret;
mod session;
mod token;

use std::{fmt, time::Duration};

use mlc_runtime::redis::RedisHandle;
use redis::aio::ConnectionManager;

pub use account::{ACCOUNTS_AT_MOST, Account, NewAccount, ONE_TIME_FOR};
pub use error::AccountsError;
pub use login::{Attempt, DEVICE_FOR, Locked, Login, Recorded, Refusal, Welcome};
pub use name::{AccountName, InvalidAccountName};
pub use password::NewPassword;
pub use role::{InvalidRole, Role};
pub use secrecy::{ExposeSecret, SecretString};
pub use secret::Digest;
pub use session::{LoggedIn, SESSIONS_AT_MOST, Session};
pub use token::{Bearer, NewToken, TOKEN_FOR_AT_MOST, TOKEN_PREFIX, TOKENS_AT_MOST, Token};

/// The people who use the console, with their sessions and tokens. Clones share everything.
#[derive(Clone)]
pub struct Accounts {
    redis: RedisHandle,
    keys: keys::Keys,
    passwords: password::Passwords,
    idle: Duration,
}

impl Accounts {
    /// Accounts in `redis`. A session ends when it was not used for `idle`, and after seven days however much it is used; where
    /// `idle` is longer than that, after `idle`.
    pub fn new(redis: RedisHandle, idle: Duration) -> Self {
        let keys = keys::Keys::new(&redis.namespace);
        Self { redis, keys, passwords: password::Passwords::new(), idle }
    }

    fn connection(&self) -> ConnectionManager {
        self.redis.manager.clone()
    }
}

impl fmt::Debug for Accounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Accounts([redacted])")
    }
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}
