//! Tokens: how scripts call the API.

use std::time::Duration;

use chrono::{DateTime, Utc};
use redis::AsyncCommands as _;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::{
    AccountName, Accounts, AccountsError, Role,
    account::Stored,
    millis, scripts,
    secret::{Digest, random_secret},
};

/// Most tokens.
pub const TOKENS_AT_MOST: usize = 1_000;
/// Longest life of a token.
pub const TOKEN_FOR_AT_MOST: Duration = Duration::from_secs(366 * 24 * 60 * 60);
/// What every token begins with, so that scanners for leaked secrets know it.
pub const TOKEN_PREFIX: &str = "mlct_";
/// Longest name in characters.
const NAME_CHARS: usize = 30;
/// A use is noted this often.
const NOTED_EVERY: Duration = Duration::from_secs(60);

/// What may be told about a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Token {
    /// Whose it is.
    pub owner: AccountName,
    /// What it is for.
    pub name: String,
    /// What it allows, unless its owner's role is a lower one.
    pub role: Role,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it ends.
    pub expires_at: DateTime<Utc>,
    /// When it was last used, to the minute; `None` = never.
    pub used_at: Option<DateTime<Utc>>,
}

/// A call with a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bearer {
    /// Whose token it is.
    pub owner: AccountName,
    /// The token's name.
    pub token: String,
    /// The lower one of the token's role and its owner's.
    pub role: Role,
}

/// A token to be made.
#[derive(Debug, Clone)]
pub struct NewToken {
    /// Whose it will be.
    pub owner: AccountName,
    /// What it is for: 1 to 30 letters, digits, `_`, `-` or `.`; no two of one owner alike.
    pub name: String,
    /// What it will allow, at most the owner's role.
    pub role: Role,
    /// How long it lives, 1 minute to 366 days.
    pub lives: Duration,
}

/// As it is stored; `look_token.lua` reads `owner_key` and `expires_at`.
#[derive(Serialize, Deserialize)]
struct StoredToken {
    owner: AccountName,
    owner_key: String,
    owner_id: String,
    name: String,
    role: Role,
    created_at: i64,
    expires_at: i64,
}

impl StoredToken {
    fn read(json: &str) -> Result<Self, AccountsError> {
        serde_json::from_str(json).map_err(|error| AccountsError::unreadable("token", error))
    }

    fn token(self, used_at: Option<i64>) -> Token {
        let time = |ms: i64| DateTime::from_timestamp_millis(ms).unwrap_or_default();
        Token {
            owner: self.owner,
            name: self.name,
            role: self.role,
            created_at: time(self.created_at),
            expires_at: time(self.expires_at),
            used_at: used_at.map(time),
        }
    }
}

impl Accounts {
    /// Makes a token. Its text is returned once and never again: Redis holds its digest.
    ///
    /// # Errors
    /// `Token` for a name, a life or a role out of bounds, or a name that is in use; `NoSuchAccount`, `Full`, `Redis`.
    pub async fn add_token(&self, new: &NewToken, now: DateTime<Utc>) -> Result<SecretString, AccountsError> {
        let (_, owner) =
            self.stored(&new.owner).await?.ok_or_else(|| AccountsError::NoSuchAccount(new.owner.clone()))?;
        check(new, &owner)?;
        let secret = random_secret(TOKEN_PREFIX);
        let stored = StoredToken {
            owner_key: owner.name.folded(),
            owner: owner.name,
            owner_id: owner.id,
            name: new.name.clone(),
            role: new.role,
            created_at: now.timestamp_millis(),
            expires_at: now.timestamp_millis() + millis(new.lives),
        };
        let json = serde_json::to_string(&stored).map_err(|error| AccountsError::unreadable("token", error))?;
        let put: String = scripts::PUT_TOKEN
            .key(self.keys.tokens())
            .key(self.keys.token_names())
            .arg(Digest::of_secret(&secret).as_str())
            .arg(field(&stored.owner, &new.name))
            .arg(json)
            .arg(TOKENS_AT_MOST)
            .invoke_async(&mut self.connection())
            .await?;
        match put.as_str() {
            "done" => Ok(secret),
            "full" => Err(AccountsError::Full("1,000 tokens")),
            _ => Err(AccountsError::Token(format!("`{}` has a token `{}` already", stored.owner, new.name))),
        }
    }

    /// Who calls with this token; `None` when it opens nothing, any more. Notes the use.
    ///
    /// # Errors
    /// `Redis`, `Unreadable`.
    pub async fn bearer(&self, token: &str, now: DateTime<Utc>) -> Result<Option<Bearer>, AccountsError> {
        if token.len() != TOKEN_PREFIX.len() + 64 || !token.starts_with(TOKEN_PREFIX) {
            return Ok(None);
        }
        let found: Option<(String, String)> = scripts::LOOK_TOKEN
            .key(self.keys.tokens())
            .key(self.keys.accounts())
            .key(self.keys.token_uses())
            .arg(Digest::of(token).as_str())
            .arg(now.timestamp_millis())
            .arg(millis(NOTED_EVERY))
            .invoke_async(&mut self.connection())
            .await?;
        let Some((token, account)) = found else { return Ok(None) };
        let (token, account) = (StoredToken::read(&token)?, Stored::read(&account)?);
        let valid = !account.disabled && account.id == token.owner_id;
        Ok(valid.then(|| Bearer { role: token.role.min(account.role), owner: account.name, token: token.name }))
    }

    /// Tokens by owner and name, those that have ended too; with `owner` only that account's.
    ///
    /// # Errors
    /// `Redis`, `Unreadable`.
    pub async fn tokens(&self, owner: Option<&AccountName>) -> Result<Vec<Token>, AccountsError> {
        let mut connection = self.connection();
        let stored: Vec<(String, String)> = connection.hgetall(self.keys.tokens()).await?;
        let uses: std::collections::HashMap<String, i64> = connection.hgetall(self.keys.token_uses()).await?;
        let mut tokens = Vec::with_capacity(stored.len());
        for (digest, json) in stored {
            let token = StoredToken::read(&json)?.token(uses.get(&digest).copied());
            if owner.is_none_or(|owner| *owner == token.owner) {
                tokens.push(token);
            }
        }
        tokens.sort_by(|a, b| (a.owner.folded(), &a.name).cmp(&(b.owner.folded(), &b.name)));
        Ok(tokens)
    }

    /// Removes a token at once. Returns what it allowed; `None` when its owner has none of that name.
    ///
    /// # Errors
    /// `Redis`, `Unreadable`.
    pub async fn remove_token(&self, owner: &AccountName, name: &str) -> Result<Option<Token>, AccountsError> {
        let removed: Option<String> = scripts::REMOVE_TOKEN
            .key(self.keys.tokens())
            .key(self.keys.token_names())
            .key(self.keys.token_uses())
            .arg(field(owner, name))
            .invoke_async(&mut self.connection())
            .await?;
        removed.filter(|json| !json.is_empty()).map(|json| Ok(StoredToken::read(&json)?.token(None))).transpose()
    }

    pub(crate) async fn remove_tokens_of(&self, owner: &AccountName) -> Result<(), AccountsError> {
        for token in self.tokens(Some(owner)).await? {
            self.remove_token(owner, &token.name).await?;
        }
        Ok(())
    }
}

fn field(owner: &AccountName, name: &str) -> String {
    format!("{}/{name}", owner.folded())
}

fn check(new: &NewToken, owner: &Stored) -> Result<(), AccountsError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    let problem = if new.name.is_empty() || new.name.len() > NAME_CHARS || !new.name.chars().all(allowed) {
        format!(
            "not a name for a token: use 1 to {NAME_CHARS} letters, digits, `_`, `-` or `.`, such as `nightly-report`"
        )
    } else if new.lives < Duration::from_secs(60) || new.lives > TOKEN_FOR_AT_MOST {
        "a token lives from 1 minute to 366 days".to_owned()
    } else if new.role > owner.role {
        format!("a token allows at most what its owner may do: `{}` is {}", owner.name, owner.role)
    } else {
        return Ok(());
    };
    Err(AccountsError::Token(problem))
}
