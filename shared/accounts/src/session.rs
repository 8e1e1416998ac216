//! Sessions: who is logged in, and where.

use std::time::Duration;

use chrono::{DateTime, Utc};
use redis::AsyncCommands as _;
use secrecy::SecretString;
use serde::Serialize;

use crate::{
    Account, AccountName, Accounts, AccountsError,
    account::Stored,
    millis, scripts,
    secret::{Digest, random_secret},
};

/// Most sessions of one account; a further one ends the oldest.
pub const SESSIONS_AT_MOST: usize = 20;
/// Greatest age of a session, however much it is used, unless `console.session` is longer.
const OLDEST: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// A use is noted this often: not every page is a write.
const NOTED_EVERY: Duration = Duration::from_secs(60);
/// Longest description of a browser that is kept.
const AGENT_CHARS: usize = 60;

/// A person who is logged in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedIn {
    /// Whose session it is.
    pub account: Account,
    /// Its digest.
    pub session: Digest,
}

/// What may be told about a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Session {
    /// What it is called on a page; nobody can use it to get in.
    pub id: String,
    /// When it began.
    pub at: DateTime<Utc>,
    /// When it was last used, to the minute.
    pub seen_at: DateTime<Utc>,
    /// The browser in a few words, as it describes itself.
    pub agent: String,
}

impl Accounts {
    /// Begins a session. The secret goes into a cookie and nowhere else: Redis holds its digest.
    ///
    /// # Errors
    /// `NoSuchAccount`, `Redis`.
    pub async fn open_session(
        &self,
        name: &AccountName,
        agent: &str,
        now: DateTime<Utc>,
    ) -> Result<SecretString, AccountsError> {
        let (_, stored) = self.stored(name).await?.ok_or_else(|| AccountsError::NoSuchAccount(name.clone()))?;
        self.open_session_of(&stored, agent, now).await
    }

    pub(crate) async fn open_session_of(
        &self,
        stored: &Stored,
        agent: &str,
        now: DateTime<Utc>,
    ) -> Result<SecretString, AccountsError> {
        let secret = random_secret("");
        let digest = Digest::of_secret(&secret);
        let name = stored.name.folded();
        let agent: String = agent.chars().filter(|c| !c.is_control()).take(AGENT_CHARS).collect();
        let _: u64 = scripts::OPEN_SESSION
            .key(self.keys.session(&digest))
            .key(self.keys.sessions_of(&name))
            .arg(digest.as_str())
            .arg(&name)
            .arg(&stored.epoch)
            .arg(agent)
            .arg(now.timestamp_millis())
            .arg(millis(self.idle))
            .arg(millis(self.oldest()))
            .arg(SESSIONS_AT_MOST)
            .arg(self.keys.session_prefix())
            .invoke_async(&mut self.connection())
            .await?;
        Ok(secret)
    }

    /// Who is logged in with this secret; `None` when nobody is, any more. Notes the use.
    ///
    /// # Errors
    /// `Redis`, `Unreadable`.
    pub async fn session(&self, secret: &str, now: DateTime<Utc>) -> Result<Option<LoggedIn>, AccountsError> {
        if secret.len() != 64 {
            return Ok(None);
        }
        let session = Digest::of(secret);
        let found: Option<(String, String, String)> = scripts::LOOK_SESSION
            .key(self.keys.session(&session))
            .key(self.keys.accounts())
            .arg(now.timestamp_millis())
            .arg(millis(self.idle))
            .arg(millis(self.oldest()))
            .arg(millis(NOTED_EVERY))
            .invoke_async(&mut self.connection())
            .await?;
        let Some((_, epoch, json)) = found else { return Ok(None) };
        let stored = Stored::read(&json)?;
        let late = stored.one_time_until.is_some_and(|until| now.timestamp_millis() >= until);
        let valid = !stored.disabled && stored.epoch == epoch && !late;
        Ok(valid.then(|| LoggedIn { account: stored.account(), session }))
    }

    /// The sessions of an account, newest first.
    ///
    /// # Errors
    /// `Redis`.
    pub async fn sessions(&self, name: &AccountName, now: DateTime<Utc>) -> Result<Vec<Session>, AccountsError> {
        let Some((_, stored)) = self.stored(name).await? else { return Ok(Vec::new()) };
        let digests = self.digests(name).await?;
        if digests.is_empty() {
            return Ok(Vec::new());
        }
        let mut pipe = redis::pipe();
        for digest in &digests {
            pipe.cmd("HMGET").arg(self.keys.session(digest)).arg(&["at", "seen", "agent", "epoch"]);
        }
        type Row = (Option<i64>, Option<i64>, Option<String>, Option<String>);
        let rows: Vec<Row> = pipe.query_async(&mut self.connection()).await?;
        let now = now.timestamp_millis();
        let time = |ms: i64| DateTime::from_timestamp_millis(ms).unwrap_or_default();
        let session = |(digest, row): (&Digest, Row)| {
            let (Some(at), Some(seen), agent, Some(epoch)) = row else { return None };
            let over = now - seen > millis(self.idle) || now - at > millis(self.oldest());
            (!over && epoch == stored.epoch).then(|| Session {
                id: digest.short().to_owned(),
                at: time(at),
                seen_at: time(seen),
                agent: agent.unwrap_or_default(),
            })
        };
        Ok(digests.iter().zip(rows).filter_map(session).collect())
    }

    /// Ends the session that is called `id`. False when the account has none of that name.
    ///
    /// # Errors
    /// `Redis`.
    pub async fn end_session(&self, name: &AccountName, id: &str) -> Result<bool, AccountsError> {
        let digests = self.digests(name).await?;
        let Some(digest) = digests.iter().find(|digest| digest.short() == id) else { return Ok(false) };
        let ended: u64 = scripts::END_SESSION
            .key(self.keys.session(digest))
            .key(self.keys.sessions_of(&name.folded()))
            .arg(digest.as_str())
            .invoke_async(&mut self.connection())
            .await?;
        Ok(ended > 0)
    }

    /// Ends every session of an account. Its tokens stay.
    ///
    /// # Errors
    /// `NoSuchAccount`, `Conflict`, `Redis`.
    pub async fn end_sessions(&self, name: &AccountName) -> Result<(), AccountsError> {
        self.renew_epoch(name).await?;
        let _: u64 = self.connection().del(self.keys.sessions_of(&name.folded())).await?;
        Ok(())
    }

    async fn digests(&self, name: &AccountName) -> Result<Vec<Digest>, AccountsError> {
        let most = isize::try_from(SESSIONS_AT_MOST).unwrap_or(isize::MAX);
        let stored: Vec<String> =
            self.connection().zrevrange(self.keys.sessions_of(&name.folded()), 0, most - 1).await?;
        Ok(stored.into_iter().map(Digest::stored).collect())
    }

    fn oldest(&self) -> Duration {
        OLDEST.max(self.idle)
    }
}
