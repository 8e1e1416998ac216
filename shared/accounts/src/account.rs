//! Accounts: who may come in, and what they may do.

use std::time::Duration;

use chrono::{DateTime, Utc};
use redis::AsyncCommands as _;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::{AccountName, Accounts, AccountsError, NewPassword, Role, scripts, secret::random_mark};

/// Most accounts.
pub const ACCOUNTS_AT_MOST: usize = 1_000;
/// How long a password that somebody else chose can be used to log in and choose another one.
pub const ONE_TIME_FOR: Duration = Duration::from_secs(72 * 60 * 60);
/// Tries to change an account that others change at the same time.
const TRIES: usize = 5;

/// What may be told about an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Account {
    /// The login name.
    pub name: AccountName,
    /// What the person may do.
    pub role: Role,
    /// Whether it may not log in.
    pub disabled: bool,
    /// Until when its password, chosen by somebody else, can be used to choose another one; `None` = it is the person's own.
    pub one_time_until: Option<DateTime<Utc>>,
    /// Whether somebody has logged in with that password, which opens no second login.
    pub one_time_used: bool,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// Who made it.
    pub created_by: String,
    /// When the password was last set.
    pub password_at: DateTime<Utc>,
}

/// An account as it is stored: `put_account.lua` reads `role`, `disabled` and `one_time_until`.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Stored {
    pub(crate) name: AccountName,
    pub(crate) role: Role,
    pub(crate) disabled: bool,
    /// Milliseconds since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) one_time_until: Option<i64>,
    /// Only of a one-time password: whether it has opened its one login.
    #[serde(default, skip_serializing_if = "is_false")]
    pub(crate) one_time_used: bool,
    created_at: i64,
    created_by: String,
    password_at: i64,
    pub(crate) hash: String,
    /// Random; tokens name it, so that a new account of the same name does not inherit them.
    pub(crate) id: String,
    /// Random, another one with every new password and every end of all sessions; sessions name it.
    pub(crate) epoch: String,
}

impl Stored {
    pub(crate) fn read(json: &str) -> Result<Self, AccountsError> {
        serde_json::from_str(json).map_err(|error| AccountsError::unreadable("account", error))
    }

    fn write(&self) -> Result<String, AccountsError> {
        serde_json::to_string(self).map_err(|error| AccountsError::unreadable("account", error))
    }

    pub(crate) fn account(&self) -> Account {
        let time = |ms: i64| DateTime::from_timestamp_millis(ms).unwrap_or_default();
        Account {
            name: self.name.clone(),
            role: self.role,
            disabled: self.disabled,
            one_time_until: self.one_time_until.map(time),
            one_time_used: self.one_time_used,
            created_at: time(self.created_at),
            created_by: self.created_by.clone(),
            password_at: time(self.password_at),
        }
    }

    fn set_password(&mut self, hash: String, one_time: bool, now: DateTime<Utc>) {
        let now = now.timestamp_millis();
        self.hash = hash;
        self.password_at = now;
        self.one_time_until = one_time.then(|| now + i64::try_from(ONE_TIME_FOR.as_millis()).unwrap_or(i64::MAX));
        self.one_time_used = false;
        self.epoch = random_mark();
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_false(value: &bool) -> bool {
    !value
}

/// What became of a one-time password at a login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OneTime {
    /// This login is its one.
    Taken,
    /// Another login was.
    Used,
    /// The account was closed or has another password meanwhile.
    Over,
}

/// An account to be made.
#[derive(Debug, Clone)]
pub struct NewAccount {
    /// The login name.
    pub name: AccountName,
    /// What the person may do.
    pub role: Role,
    /// The first password.
    pub password: NewPassword,
    /// Whether it is good for one login within [`ONE_TIME_FOR`], at which the person must choose another one.
    pub one_time: bool,
    /// Who makes it.
    pub by: String,
}

impl Accounts {
    /// Makes an account. Its name is in lower case, however it was written.
    ///
    /// # Errors
    /// `NewName`, `NameTaken`, `Full`, `Busy`, `Redis`.
    pub async fn add(&self, new: NewAccount, now: DateTime<Utc>) -> Result<Account, AccountsError> {
        let new = NewAccount { name: new.name.for_new()?, ..new };
        let hash = self.passwords.hash(self.passwords.turn(None).await?, &new.password).await?;
        let mut stored = Stored {
            name: new.name.clone(),
            role: new.role,
            disabled: false,
            one_time_until: None,
            one_time_used: false,
            created_at: now.timestamp_millis(),
            created_by: new.by,
            password_at: 0,
            hash: String::new(),
            id: random_mark(),
            epoch: String::new(),
        };
        stored.set_password(hash, new.one_time, now);
        match self.put(&new.name, "", &stored.write()?).await?.as_str() {
            "done" => {
                self.forget_tries(&new.name).await?;
                Ok(stored.account())
            }
            "full" => Err(AccountsError::Full("1,000 accounts")),
            _ => Err(AccountsError::NameTaken(new.name)),
        }
    }

    /// All accounts, by name.
    ///
    /// # Errors
    /// `Redis`, `Unreadable`.
    pub async fn list(&self) -> Result<Vec<Account>, AccountsError> {
        let stored: Vec<String> = self.connection().hvals(self.keys.accounts()).await?;
        let mut accounts: Vec<(String, Account)> = Vec::with_capacity(stored.len());
        for json in stored {
            let stored = Stored::read(&json)?;
            accounts.push((stored.name.folded(), stored.account()));
        }
        accounts.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(accounts.into_iter().map(|(_, account)| account).collect())
    }

    /// Whether there is no account at all.
    ///
    /// # Errors
    /// `Redis`.
    pub async fn is_empty(&self) -> Result<bool, AccountsError> {
        let count: usize = self.connection().hlen(self.keys.accounts()).await?;
        Ok(count == 0)
    }

    /// One account; `None` when there is none of that name.
    ///
    /// # Errors
    /// `Redis`, `Unreadable`.
    pub async fn account(&self, name: &AccountName) -> Result<Option<Account>, AccountsError> {
        Ok(self.stored(name).await?.map(|(_, stored)| stored.account()))
    }

    /// Gives an account another role, at once for its sessions too; its tokens never allow more than it. Returns the account as
    /// it was.
    ///
    /// # Errors
    /// `NoSuchAccount`, `Unchanged`, `LastAdmin`, `Conflict`, `Redis`.
    pub async fn set_role(&self, name: &AccountName, role: Role) -> Result<Account, AccountsError> {
        self.change(name, |stored| {
            if stored.role == role {
                return Err(AccountsError::Unchanged(format!("the role of `{}` is {role}", stored.name)));
            }
            stored.role = role;
            Ok(())
        })
        .await
    }

    /// Lets an account log in or not. Disabling ends its sessions, and its tokens rest. Returns the account as it was.
    ///
    /// # Errors
    /// `NoSuchAccount`, `Unchanged`, `LastAdmin`, `Conflict`, `Redis`.
    pub async fn set_disabled(&self, name: &AccountName, disabled: bool) -> Result<Account, AccountsError> {
        self.change(name, |stored| {
            if stored.disabled == disabled {
                let state = if disabled { "disabled" } else { "enabled" };
                return Err(AccountsError::Unchanged(format!("`{}` is {state}", stored.name)));
            }
            stored.disabled = disabled;
            stored.epoch = random_mark();
            Ok(())
        })
        .await
    }

    /// Gives an account a password without knowing the old one: ends its sessions and opens its lock. With `one_time` it is
    /// good for one login within [`ONE_TIME_FOR`], at which the person has to choose another one. Returns the account as it was.
    ///
    /// # Errors
    /// `NoSuchAccount`, `LastAdmin` for a one-time password of the last admin, `Busy`, `Conflict`, `Redis`.
    pub async fn set_password(
        &self,
        name: &AccountName,
        password: &NewPassword,
        one_time: bool,
        now: DateTime<Utc>,
    ) -> Result<Account, AccountsError> {
        let hash = self.passwords.hash(self.passwords.turn(None).await?, password).await?;
        let before = self
            .change(name, |stored| {
                stored.set_password(hash.clone(), one_time, now);
                Ok(())
            })
            .await?;
        self.forget_tries(name).await?;
        Ok(before)
    }

    /// Lets a person choose another password. Ends all sessions: the caller opens a new one for the person.
    ///
    /// # Errors
    /// `WrongPassword`, `TooManyTries` (whoever found a browser open must not guess there), `Unchanged` for the same password again, `NoSuchAccount`, `Busy`, `Conflict`, `Redis`.
    pub async fn change_password(
        &self,
        name: &AccountName,
        current: &SecretString,
        new: &NewPassword,
        now: DateTime<Utc>,
    ) -> Result<Account, AccountsError> {
        let (_, stored) = self.stored(name).await?.ok_or_else(|| AccountsError::NoSuchAccount(name.clone()))?;
        let (turn, tries) = self.turn_to_change(name, now).await?;
        if !self.passwords.verify(turn, current, Some(&stored.hash)).await? {
            return Err(AccountsError::WrongPassword);
        }
        let _: u64 = self.connection().del(tries).await?;
        if secrecy::ExposeSecret::expose_secret(current) == new.expose() {
            return Err(AccountsError::Unchanged("the new password is the old one".to_owned()));
        }
        let hash = self.passwords.hash(self.passwords.turn(None).await?, new).await?;
        self.change(name, |changed| {
            // Somebody else set another password while this one was hashed.
            if changed.hash != stored.hash {
                return Err(AccountsError::Conflict(name.clone()));
            }
            changed.set_password(hash.clone(), false, now);
            Ok(())
        })
        .await
    }

    /// Takes the one login of a one-time password. `seen` is the account whose password was found to be right: of many who log in
    /// with it at the same time, in any number of processes, one is let in.
    pub(crate) async fn take_one_time(&self, seen: &Stored) -> Result<OneTime, AccountsError> {
        for _ in 0..TRIES {
            let Some((json, mut stored)) = self.stored(&seen.name).await? else { return Ok(OneTime::Over) };
            if stored.disabled || stored.hash != seen.hash {
                return Ok(OneTime::Over);
            }
            if stored.one_time_used {
                return Ok(OneTime::Used);
            }
            stored.one_time_used = true;
            if self.put(&seen.name, &json, &stored.write()?).await? == "done" {
                return Ok(OneTime::Taken);
            }
        }
        Err(AccountsError::Conflict(seen.name.clone()))
    }

    /// Removes an account, its tokens and its sessions. Returns it as it was.
    ///
    /// # Errors
    /// `NoSuchAccount`, `LastAdmin`, `Conflict`, `Redis`. Once the account is gone, what is left of its tokens and sessions opens
    /// nothing, even for a new account of its name.
    pub async fn remove(&self, name: &AccountName) -> Result<Account, AccountsError> {
        for _ in 0..TRIES {
            let (json, stored) = self.stored(name).await?.ok_or_else(|| AccountsError::NoSuchAccount(name.clone()))?;
            match self.put(name, &json, "").await?.as_str() {
                "done" => {
                    self.remove_tokens_of(name).await?;
                    let _: u64 = self.connection().del(self.keys.sessions_of(&name.folded())).await?;
                    return Ok(stored.account());
                }
                "last_admin" => return Err(AccountsError::LastAdmin(name.clone())),
                _ => {}
            }
        }
        Err(AccountsError::Conflict(name.clone()))
    }

    /// Ends every session of an account but none of its tokens.
    pub(crate) async fn renew_epoch(&self, name: &AccountName) -> Result<Account, AccountsError> {
        self.change(name, |stored| {
            stored.epoch = random_mark();
            Ok(())
        })
        .await
    }

    /// The account as it is stored, and the text of it.
    pub(crate) async fn stored(&self, name: &AccountName) -> Result<Option<(String, Stored)>, AccountsError> {
        let json: Option<String> = self.connection().hget(self.keys.accounts(), name.folded()).await?;
        json.map(|json| Stored::read(&json).map(|stored| (json, stored))).transpose()
    }

    async fn change(
        &self,
        name: &AccountName,
        change: impl Fn(&mut Stored) -> Result<(), AccountsError>,
    ) -> Result<Account, AccountsError> {
        for _ in 0..TRIES {
            let (json, mut stored) =
                self.stored(name).await?.ok_or_else(|| AccountsError::NoSuchAccount(name.clone()))?;
            let before = stored.account();
            change(&mut stored)?;
            match self.put(name, &json, &stored.write()?).await?.as_str() {
                "done" => return Ok(before),
                "last_admin" => return Err(AccountsError::LastAdmin(before.name)),
                _ => {}
            }
        }
        Err(AccountsError::Conflict(name.clone()))
    }

    async fn put(&self, name: &AccountName, before: &str, after: &str) -> Result<String, AccountsError> {
        Ok(scripts::PUT_ACCOUNT
            .key(self.keys.accounts())
            .arg(name.folded())
            .arg(before)
            .arg(after)
            .arg(ACCOUNTS_AT_MOST)
            .invoke_async(&mut self.connection())
            .await?)
    }
}
