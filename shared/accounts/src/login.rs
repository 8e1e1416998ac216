//! Logging in, and what happens to those who guess.

use std::{net::IpAddr, time::Duration};

use chrono::{DateTime, Utc};
use redis::AsyncCommands as _;
use secrecy::SecretString;

use crate::{
    Account, AccountName, Accounts, AccountsError,
    account::OneTime,
    millis,
    password::Turn,
    scripts,
    secret::{Digest, random_secret},
};

/// How many attempts, and for how long none.
struct Lock {
    /// From this failure on.
    from: u32,
    /// First lock; it doubles with every further failure.
    first: Duration,
    /// Longest lock, which is how long a guesser can keep anybody out with one attempt.
    longest: Duration,
}

/// For one name, whoever tries it: after the 5th failure in a row 5 s, then 10, 20, 40, 80, 160 and 300 s.
const OF_NAME: Lock = Lock { from: 5, first: Duration::from_secs(5), longest: Duration::from_secs(300) };
/// For one address, whatever names it tries: after the 20th failure 5 s, doubling up to 15 min.
const OF_ADDRESS: Lock = Lock { from: 20, first: Duration::from_secs(5), longest: Duration::from_secs(900) };
/// Failures are remembered this long after the last one. Longer than every lock.
const REMEMBERED: Duration = Duration::from_secs(3_600);
/// A browser is known this long after its last login.
pub const DEVICE_FOR: Duration = Duration::from_secs(180 * 24 * 60 * 60);
/// Refused logins that are written into the audit within an hour: guessing must not push out what people did.
const REFUSALS_KEPT: u64 = 100;

/// An attempt to log in.
#[derive(Debug, Clone)]
pub struct Attempt<'a> {
    /// The name as it was typed.
    pub name: &'a str,
    /// The password as it was typed.
    pub password: &'a SecretString,
    /// Where it comes from; `None` = not known.
    pub address: Option<IpAddr>,
    /// The cookie of a browser that has logged in before.
    pub device: Option<&'a str>,
    /// How the browser describes itself.
    pub agent: &'a str,
}

/// What became of an attempt.
#[derive(Debug)]
pub enum Login {
    /// Come in.
    In(Box<Welcome>),
    /// Not with this name and password.
    Refused(Refusal),
    /// Not yet: too many attempts failed.
    Locked {
        /// How long still.
        wait: Duration,
    },
}

/// A session has begun.
#[derive(Debug)]
pub struct Welcome {
    /// Who came in.
    pub account: Account,
    /// For the session's cookie.
    pub session: SecretString,
    /// For the cookie by which this browser is known; lives [`DEVICE_FOR`].
    pub device: SecretString,
}

/// Why an attempt failed. For the audit; whoever tried is told nothing of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The account, where there is one of the name that was typed. What is no account's name may be a password in the wrong
    /// field and is told to nobody.
    pub account: Option<AccountName>,
    /// Whether that account is disabled, or its one-time password too old.
    pub closed: bool,
    /// Whether the password was right and a one-time one that somebody has logged in with before.
    pub used: bool,
    /// The lock that begins with this failure.
    pub lock: Option<Locked>,
}

/// What is locked, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Locked {
    /// The name, except for browsers in which it has logged in before.
    Name(Duration),
    /// The address.
    Address(Duration),
}

/// Whether a refused login goes into the audit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recorded {
    /// It does.
    Yes,
    /// It is the last one for up to an hour.
    Last,
    /// It does not.
    No,
}

impl Accounts {
    /// Looks at a name and a password, and begins a session when they belong together.
    ///
    /// What is locked is told so at once. Every other attempt counts as failed before it is looked at, in Redis: many at the same
    /// time, in any number of processes, are not one. A name that is none takes the same time and is locked in the same way. A
    /// browser in which the account has logged in before is counted for itself alone: guessing elsewhere cannot keep its person out.
    ///
    /// # Errors
    /// `Busy` when too many log in at the same time (nothing is counted then), `Redis`, `Unreadable`, `Defect`.
    pub async fn login(&self, attempt: &Attempt<'_>, now: DateTime<Utc>) -> Result<Login, AccountsError> {
        let name = AccountName::parse(attempt.name).ok();
        let stored = match &name {
            Some(name) => self.stored(name).await?.map(|(_, stored)| stored),
            None => None,
        };
        let device = self.known_device(attempt.device, name.as_ref()).await?;
        let keys = match &device {
            Some(device) => vec![(self.keys.tries("browser", device), OF_NAME)],
            None => {
                let typed = name.as_ref().map_or_else(|| attempt.name.to_lowercase(), AccountName::folded);
                let mut keys = vec![(self.keys.tries("name", &Digest::of(&typed)), OF_NAME)];
                keys.extend(attempt.address.map(|address| (self.address_tries(address), OF_ADDRESS)));
                keys
            }
        };
        // What is locked takes no turn from others. It is counted under the lock's own eyes once more: many may look here at once.
        if let Some(wait) = self.locked(&keys, now).await? {
            return Ok(Login::Locked { wait });
        }
        // The browser, else the address, else the name: what one flood has in common.
        let turn = self.passwords.turn(keys.last().map(|(key, _)| key.as_str())).await?;
        let locks = match self.count(&keys, now).await? {
            Ok(locks) => locks,
            Err(wait) => return Ok(Login::Locked { wait }),
        };
        let right =
            self.passwords.verify(turn, attempt.password, stored.as_ref().map(|stored| stored.hash.as_str())).await?;
        let late = |until: i64| now.timestamp_millis() >= until;
        let (Some(stored), true) = (&stored, right) else {
            let closed = stored.as_ref().is_some_and(|stored| stored.disabled);
            return Ok(Login::Refused(Refusal {
                account: stored.map(|stored| stored.name),
                closed,
                used: false,
                lock: worst(&locks),
            }));
        };
        let refused = |closed: bool, used: bool| {
            let account = Some(stored.name.clone());
            Ok(Login::Refused(Refusal { account, closed, used, lock: worst(&locks) }))
        };
        if stored.disabled || stored.one_time_until.is_some_and(late) {
            return refused(true, stored.one_time_used);
        }
        // Before the session: whoever dies in between has lost a password that an admin can give anew, and opened no second login.
        if stored.one_time_until.is_some() {
            match self.take_one_time(stored).await? {
                OneTime::Taken => {}
                OneTime::Used => return refused(false, true),
                OneTime::Over => return refused(true, false),
            }
        }
        let mut call = scripts::SUCCEED.prepare_invoke();
        keys.iter().for_each(|(key, _)| {
            call.key(key);
        });
        let _: u64 = call.invoke_async(&mut self.connection()).await?;
        let device = self.remember_device(device.and(attempt.device), &stored.name).await?;
        let session = self.open_session_of(stored, attempt.agent, now).await?;
        Ok(Login::In(Box::new(Welcome { account: stored.account(), session, device })))
    }

    /// Whether one more refused login goes into the audit: about a hundred an hour do.
    ///
    /// # Errors
    /// `Redis`.
    pub async fn records_refusal(&self) -> Result<Recorded, AccountsError> {
        let n: u64 = scripts::COUNT_REFUSAL
            .key(self.keys.refusals())
            .arg(millis(REMEMBERED))
            .invoke_async(&mut self.connection())
            .await?;
        Ok(match n {
            ..REFUSALS_KEPT => Recorded::Yes,
            REFUSALS_KEPT => Recorded::Last,
            _ => Recorded::No,
        })
    }

    /// How long something of this is locked still; `None` = nothing is. Counts nothing.
    async fn locked(&self, keys: &[(String, Lock)], now: DateTime<Utc>) -> Result<Option<Duration>, AccountsError> {
        let mut pipe = redis::pipe();
        for (key, _) in keys {
            pipe.hget(key, "until");
        }
        let until: Vec<Option<i64>> = pipe.query_async(&mut self.connection()).await?;
        let waits = keys.iter().zip(until).filter_map(|((_, lock), until)| {
            let wait = until? - now.timestamp_millis();
            // As `attempt.lua` reads it: what is further away than the longest lock was written by a clock that went wrong.
            (0 < wait && wait <= millis(lock.longest)).then_some(wait)
        });
        Ok(waits.max().and_then(|wait| u64::try_from(wait).ok()).map(Duration::from_millis))
    }

    /// Takes a turn to look at the current password, and counts it as at a login. Returns the key that forgets it.
    pub(crate) async fn turn_to_change(
        &self,
        name: &AccountName,
        now: DateTime<Utc>,
    ) -> Result<(Turn, String), AccountsError> {
        let keys = [(self.keys.tries("change", &Digest::of(&name.folded())), OF_NAME)];
        if let Some(wait) = self.locked(&keys, now).await? {
            return Err(AccountsError::TooManyTries(wait));
        }
        let turn = self.passwords.turn(Some(&keys[0].0)).await?;
        match self.count(&keys, now).await? {
            Ok(_) => {
                let [(key, _)] = keys;
                Ok((turn, key))
            }
            Err(wait) => Err(AccountsError::TooManyTries(wait)),
        }
    }

    /// Opens the lock of a name.
    pub(crate) async fn forget_tries(&self, name: &AccountName) -> Result<(), AccountsError> {
        let _: u64 = self.connection().del(self.keys.tries("name", &Digest::of(&name.folded()))).await?;
        Ok(())
    }

    /// Counts an attempt: the locks that begin should it fail, or how long to wait.
    async fn count(
        &self,
        keys: &[(String, Lock)],
        now: DateTime<Utc>,
    ) -> Result<Result<Vec<Option<Locked>>, Duration>, AccountsError> {
        let mut call = scripts::ATTEMPT.prepare_invoke();
        for (key, _) in keys {
            call.key(key);
        }
        call.arg(now.timestamp_millis()).arg(millis(REMEMBERED));
        for (_, lock) in keys {
            call.arg(lock.from).arg(millis(lock.first)).arg(millis(lock.longest));
        }
        let answer: Vec<i64> = call.invoke_async(&mut self.connection()).await?;
        let span = |until: i64| Duration::from_millis(u64::try_from(until - now.timestamp_millis()).unwrap_or(0));
        if answer.first() == Some(&1) {
            return Ok(Err(span(answer.get(2).copied().unwrap_or_default())));
        }
        let lock = |(place, until): (usize, &i64)| match (*until, place) {
            (0, _) => None,
            (until, 0) => Some(Locked::Name(span(until))),
            (until, _) => Some(Locked::Address(span(until))),
        };
        Ok(Ok(answer.iter().skip(1).enumerate().map(lock).collect()))
    }

    fn address_tries(&self, address: IpAddr) -> String {
        self.keys.tries("address", &Digest::of(&network(address)))
    }

    /// The digest of a browser's cookie, when it is one that this account has logged in with.
    async fn known_device(
        &self,
        cookie: Option<&str>,
        name: Option<&AccountName>,
    ) -> Result<Option<Digest>, AccountsError> {
        let (Some(cookie), Some(name)) = (cookie.filter(|cookie| cookie.len() == 64), name) else { return Ok(None) };
        let digest = Digest::of(cookie);
        let known: Option<String> = self.connection().get(self.keys.device(&digest)).await?;
        Ok((known == Some(name.folded())).then_some(digest))
    }

    async fn remember_device(&self, known: Option<&str>, name: &AccountName) -> Result<SecretString, AccountsError> {
        let secret = known.map_or_else(|| random_secret(""), SecretString::from);
        let _: u64 = scripts::REMEMBER_DEVICE
            .key(self.keys.device(&Digest::of_secret(&secret)))
            .arg(name.folded())
            .arg(millis(DEVICE_FOR))
            .invoke_async(&mut self.connection())
            .await?;
        Ok(secret)
    }
}

/// What counts as one address: whoever has an IPv6 address has a whole network of them.
fn network(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("{:x?}", address.segments().get(..4).unwrap_or_default()),
    }
}

/// The longest lock of an attempt.
fn worst(locks: &[Option<Locked>]) -> Option<Locked> {
    locks.iter().flatten().copied().max_by_key(|lock| match lock {
        Locked::Name(span) | Locked::Address(span) => *span,
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]
    use super::*;

    #[test]
    fn a_network_of_ipv6_counts_as_one_address_and_a_mapped_address_as_what_it_is() {
        let network = |text: &str| network(text.parse().unwrap());
        assert_eq!(network("2001:db8:1:2::1"), network("2001:db8:1:2:ffff::9"));
        assert_ne!(network("2001:db8:1:2::1"), network("2001:db8:1:3::1"));
        assert_eq!(network("::ffff:192.0.2.7"), network("192.0.2.7"));
        assert_ne!(network("192.0.2.8"), network("192.0.2.7"));
    }
}
