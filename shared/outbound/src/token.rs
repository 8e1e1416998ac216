//! Access tokens: one worker renews, all use, nobody hammers the token endpoint.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, LazyLock, Mutex, PoisonError},
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;
use mlc_model::{Clock, Fault, FaultKind, Sealer};
use mlc_runtime::redis::RedisHandle;
use redis::Script;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use crate::{
    Door, RequestSigner, TokenFault,
    keys::Keys,
    spend::{random_mark, redis_fault},
    token_fault::{for_who_comes_later, remembered_for},
};

static UNLOCK: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("lua/unlock.lua")));

/// Longest time one renewal may take; after it another worker tries.
pub(crate) const RENEWAL_LOCK: Duration = Duration::from_secs(20);

/// The renewal itself gives up before its lock ends.
const RENEWAL_TIMEOUT: Duration = Duration::from_secs(18);

/// A failed renewal is not tried again for this long, by nobody; longer if the endpoint asks for it.
pub(crate) const FAILURE_REMEMBERED: Duration = Duration::from_secs(5);

/// How often those who wait for another's renewal look for its result.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// Part of a token's life after which it is renewed, in tenths.
const RENEWED_AT_TENTHS: i32 = 8;

/// A token of a second or less would be renewed by every request.
const SHORTEST_LIFE: Duration = Duration::from_secs(2);

/// Servers take no longer headers; the longest tokens known have a quarter of it.
const LONGEST_TOKEN: usize = 32 * 1024;

/// Longest life believed; a year.
const LONGEST_LIFE: Duration = Duration::from_secs(365 * 86_400);

/// Who a request is from. `Debug` shows header names only.
#[derive(Clone, Default)]
pub struct Credentials {
    /// Headers sent with every request.
    pub headers: Vec<(&'static str, SecretString)>,
    /// Where the bearer token comes from, if one is used that expires.
    pub token: Option<Arc<dyn TokenIssuer>>,
    /// Signs every try, where the system wants signatures instead of a token.
    pub signer: Option<Arc<dyn RequestSigner>>,
}

impl Credentials {
    /// A request from nobody, such as one for a token.
    pub fn none() -> Self {
        Self::default()
    }

    /// A token that does not expire, as `Authorization: Bearer`.
    pub fn bearer(token: &SecretString) -> Self {
        Self::none().with_header("authorization", SecretString::from(format!("Bearer {}", token.expose_secret())))
    }

    /// User and password, as `Authorization: Basic`.
    pub fn basic(user: &str, password: &SecretString) -> Self {
        let pair = STANDARD.encode(format!("{user}:{}", password.expose_secret()));
        Self::none().with_header("authorization", SecretString::from(format!("Basic {pair}")))
    }

    /// Adds a secret header.
    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: SecretString) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Adds a token, sent as `Authorization: Bearer`.
    #[must_use]
    pub fn with_token(mut self, issuer: Arc<dyn TokenIssuer>) -> Self {
        self.token = Some(issuer);
        self
    }

    /// Has every try signed.
    #[must_use]
    pub fn with_signer(mut self, signer: Arc<dyn RequestSigner>) -> Self {
        self.signer = Some(signer);
        self
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("headers", &self.headers.iter().map(|(name, _)| *name).collect::<Vec<_>>())
            .field("token", &self.token.is_some())
            .field("signer", &self.signer.is_some())
            .finish()
    }
}

/// A token as its issuer gave it.
#[derive(Debug)]
pub struct IssuedToken {
    /// The token.
    pub secret: SecretString,
    /// How long it holds from now.
    pub expires_in: Duration,
}

/// Knows how to get a token.
pub trait TokenIssuer: Send + Sync {
    /// Tells tokens of one connection apart, such as `client_credentials`. Becomes part of a Redis key: no secret,
    /// visible ASCII without braces.
    fn cache_key(&self) -> String;

    /// Asks for a new token by [`Door::ask_for_token`], with [`Credentials::none`] or a login. `Unauthorized` says that a person must do
    /// something and is told to all who come within five seconds. Any other fault is a bad moment of the endpoint: `Transient` (or
    /// `Limited`) for who asked, and a pause ([`crate::TOKEN_PAUSE`]) for those who come while it is remembered.
    fn issue<'a>(&'a self, door: &'a Door) -> BoxFuture<'a, Result<IssuedToken, TokenFault>>;
}

/// A token with its two instants.
#[derive(Clone)]
struct Held {
    secret: SecretString,
    renew_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
}

/// The form under which a token lies sealed in Redis.
#[derive(Serialize, Deserialize)]
struct Stored {
    secret: String,
    renew_at_ms: i64,
    expires_at_ms: i64,
}

impl Held {
    fn new(issued: IssuedToken, now: DateTime<Utc>) -> Self {
        let life = chrono::Duration::from_std(issued.expires_in.clamp(SHORTEST_LIFE, LONGEST_LIFE))
            .unwrap_or(chrono::Duration::hours(1));
        Self { secret: issued.secret, renew_at: now + life / 10 * RENEWED_AT_TENTHS, expires_at: now + life }
    }

    fn is_other_than(&self, refused: Option<&SecretString>) -> bool {
        refused.is_none_or(|refused| refused.expose_secret() != self.secret.expose_secret())
    }
}

/// The tokens of one connection.
pub(crate) struct Tokens {
    redis: RedisHandle,
    sealer: Arc<dyn Sealer>,
    clock: Arc<dyn Clock>,
    keys: Keys,
    held: Mutex<HashMap<String, Held>>,
    /// One task of this process at a time asks for a token.
    gate: tokio::sync::Mutex<()>,
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens").finish_non_exhaustive()
    }
}

impl Tokens {
    pub(crate) fn new(redis: RedisHandle, sealer: Arc<dyn Sealer>, clock: Arc<dyn Clock>, keys: Keys) -> Self {
        Self { redis, sealer, clock, keys, held: Mutex::default(), gate: tokio::sync::Mutex::default() }
    }

    /// The token this process would use now, for redaction.
    pub(crate) fn held(&self, cache_key: &str) -> Option<SecretString> {
        self.local(cache_key).map(|held| held.secret)
    }

    fn local(&self, cache_key: &str) -> Option<Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).get(cache_key).cloned()
    }

    fn keep(&self, cache_key: &str, held: &Held) {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).insert(cache_key.to_owned(), held.clone());
    }

    /// A token that holds. Once it is due for renewal one task of one worker renews it, the others go on with it.
    pub(crate) async fn current(&self, door: &Door, issuer: &dyn TokenIssuer) -> Result<SecretString, Fault> {
        let cache_key = issuer.cache_key();
        let now = self.clock.now();
        let gate = match self.local(&cache_key) {
            Some(held) if now < held.renew_at => return Ok(held.secret),
            Some(held) if now < held.expires_at => match self.gate.try_lock() {
                Ok(gate) => gate,
                Err(_) => return Ok(held.secret),
            },
            _ => self.gate.lock().await,
        };
        let token = self.shared(door, issuer, &cache_key, None).await;
        drop(gate);
        token
    }

    /// Another token than `refused`; `None` if a renewal has just been tried in vain by anybody.
    pub(crate) async fn replace(
        &self,
        door: &Door,
        issuer: &dyn TokenIssuer,
        refused: &SecretString,
    ) -> Result<Option<SecretString>, Fault> {
        let cache_key = issuer.cache_key();
        let _gate = self.gate.lock().await;
        let mut connection = self.redis.manager.clone();
        let in_vain: bool = redis::cmd("EXISTS")
            .arg(self.keys.token_refused(&cache_key))
            .query_async(&mut connection)
            .await
            .map_err(|error| redis_fault("token.read", &error))?;
        if in_vain {
            return Ok(None);
        }
        self.shared(door, issuer, &cache_key, Some(refused)).await.map(Some)
    }

    /// Notes that even a renewed token is refused.
    pub(crate) async fn refused_again(&self, issuer: &dyn TokenIssuer) {
        let mut connection = self.redis.manager.clone();
        let noted: redis::RedisResult<()> = redis::cmd("SET")
            .arg(self.keys.token_refused(&issuer.cache_key()))
            .arg(1)
            .arg("EX")
            .arg(FAILURE_REMEMBERED.as_secs())
            .query_async(&mut connection)
            .await;
        if let Err(error) = noted {
            tracing::debug!(%error, "Could not note that a renewed token is refused");
        }
    }

    /// From Redis, or renewed by us, or by another while we watch.
    async fn shared(
        &self,
        door: &Door,
        issuer: &dyn TokenIssuer,
        cache_key: &str,
        refused: Option<&SecretString>,
    ) -> Result<SecretString, Fault> {
        // Measured by the machine, not by the clock given: it bounds our own waiting.
        let started = std::time::Instant::now();
        loop {
            let found = self.read(cache_key).await?.filter(|held| held.is_other_than(refused));
            let now = self.clock.now();
            let stopgap = match found {
                Some(held) if now < held.renew_at => {
                    self.keep(cache_key, &held);
                    return Ok(held.secret);
                }
                Some(held) if now < held.expires_at => Some(held),
                _ => None,
            };
            if let Some(fault) = self.recent_failure(cache_key).await? {
                return stopgap.map(|held| held.secret).ok_or(fault);
            }
            if let Some(lock) = self.lock(cache_key).await? {
                // Somebody may have renewed, or tried in vain, between our look and our lock.
                let newest = self.read(cache_key).await?.filter(|held| held.is_other_than(refused));
                if let Some(held) = newest.filter(|held| now < held.renew_at) {
                    self.keep(cache_key, &held);
                    return Ok(held.secret);
                }
                if let Some(fault) = self.recent_failure(cache_key).await? {
                    return stopgap.map(|held| held.secret).ok_or(fault);
                }
                let renewed = self.renew(door, issuer, cache_key).await;
                drop(lock);
                return match (renewed, stopgap) {
                    (Err(fault), Some(held)) => {
                        tracing::debug!(fault.kind = %fault.kind, "Renewal failed; the token still holds");
                        Ok(held.secret)
                    }
                    (renewed, _) => renewed,
                };
            }
            if let Some(held) = stopgap {
                self.keep(cache_key, &held);
                return Ok(held.secret);
            }
            if started.elapsed() > RENEWAL_LOCK {
                return Err(door
                    .fault(FaultKind::Limited, "token.wait", "another worker renews the token and does not finish")
                    .with_code("token.wait")
                    .with_retry_after(FAILURE_REMEMBERED));
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// Asks the issuer and writes down what came.
    async fn renew(&self, door: &Door, issuer: &dyn TokenIssuer, cache_key: &str) -> Result<SecretString, Fault> {
        let asked = tokio::time::timeout(RENEWAL_TIMEOUT, issuer.issue(door)).await.unwrap_or_else(|_| {
            Err(TokenFault::new(FaultKind::Transient, door.system(), &["no token came in time"])
                .with_code("token.timeout"))
        });
        let usable =
            asked.and_then(|issued| if is_sendable(&issued.secret) { Ok(issued) } else { Err(unsendable(door)) });
        match usable.map_err(TokenFault::for_who_asked) {
            Ok(issued) => {
                let held = Held::new(issued, self.clock.now());
                self.write(cache_key, &held).await;
                self.keep(cache_key, &held);
                Ok(held.secret)
            }
            Err(fault) => {
                self.remember_failure(cache_key, &fault).await;
                Err(fault)
            }
        }
    }

    async fn read(&self, cache_key: &str) -> Result<Option<Held>, Fault> {
        let key = self.keys.token(cache_key);
        let mut connection = self.redis.manager.clone();
        let sealed: Option<Vec<u8>> = redis::cmd("GET")
            .arg(&key)
            .query_async(&mut connection)
            .await
            .map_err(|error| redis_fault("token.read", &error))?;
        let Some(sealed) = sealed else { return Ok(None) };
        // Sealed with a key that is gone, or of another release: as good as none, and overwritten by the next.
        let stored = self
            .sealer
            .open(key.as_bytes(), &sealed)
            .ok()
            .and_then(|plain| serde_json::from_slice::<Stored>(&plain).ok());
        Ok(stored.and_then(|stored| {
            Some(Held {
                secret: SecretString::from(stored.secret),
                renew_at: DateTime::from_timestamp_millis(stored.renew_at_ms)?,
                expires_at: DateTime::from_timestamp_millis(stored.expires_at_ms)?,
            })
        }))
    }

    /// A token that cannot be written is still used by this process.
    async fn write(&self, cache_key: &str, held: &Held) {
        let key = self.keys.token(cache_key);
        let stored = Stored {
            secret: held.secret.expose_secret().to_owned(),
            renew_at_ms: held.renew_at.timestamp_millis(),
            expires_at_ms: held.expires_at.timestamp_millis(),
        };
        let Ok(plain) = serde_json::to_vec(&stored) else { return };
        let life_ms = (held.expires_at - self.clock.now()).num_milliseconds().max(1);
        let mut connection = self.redis.manager.clone();
        let written: redis::RedisResult<()> = redis::cmd("SET")
            .arg(&key)
            .arg(self.sealer.seal(key.as_bytes(), &plain))
            .arg("PX")
            .arg(life_ms)
            .query_async(&mut connection)
            .await;
        if let Err(error) = written {
            tracing::debug!(%error, "Could not share a renewed token");
        }
    }

    /// What was remembered, as those are told who did not ask themselves.
    async fn recent_failure(&self, cache_key: &str) -> Result<Option<Fault>, Fault> {
        let key = self.keys.token_failure(cache_key);
        let mut connection = self.redis.manager.clone();
        let (stored, left_ms): (Option<String>, i64) = redis::pipe()
            .get(&key)
            .pttl(&key)
            .query_async(&mut connection)
            .await
            .map_err(|error| redis_fault("token.read", &error))?;
        let left = u64::try_from(left_ms).map_or(LOOK_AGAIN, Duration::from_millis);
        Ok(stored
            .and_then(|stored| serde_json::from_str(&stored).ok())
            .map(|fault| for_who_comes_later(fault, left.max(LOOK_AGAIN))))
    }

    async fn remember_failure(&self, cache_key: &str, fault: &Fault) {
        let Ok(stored) = serde_json::to_string(fault) else { return };
        let mut connection = self.redis.manager.clone();
        let written: redis::RedisResult<()> = redis::cmd("SET")
            .arg(self.keys.token_failure(cache_key))
            .arg(stored)
            .arg("EX")
            .arg(remembered_for(fault).as_secs())
            .query_async(&mut connection)
            .await;
        if let Err(error) = written {
            tracing::debug!(%error, "Could not remember a failed renewal");
        }
    }

    async fn lock(&self, cache_key: &str) -> Result<Option<RenewalLock>, Fault> {
        let (key, mark) = (self.keys.token_lock(cache_key), random_mark());
        let mut connection = self.redis.manager.clone();
        let set: Option<String> = redis::cmd("SET")
            .arg(&key)
            .arg(&mark)
            .arg("NX")
            .arg("EX")
            .arg(RENEWAL_LOCK.as_secs())
            .query_async(&mut connection)
            .await
            .map_err(|error| redis_fault("token.lock", &error))?;
        Ok(set.map(|_| RenewalLock { key, mark, redis: self.redis.clone() }))
    }
}

/// Whether a request can carry it. One that cannot would be kept for as long as it is said to hold, and each request until then would be
/// called a defect of ours, or be refused by the system.
fn is_sendable(token: &SecretString) -> bool {
    let token = token.expose_secret().as_bytes();
    (1..=LONGEST_TOKEN).contains(&token.len()) && token.iter().all(u8::is_ascii_graphic)
}

fn unsendable(door: &Door) -> TokenFault {
    let words = "the token endpoint answered with something that is no token: it is empty, too long, or holds blanks or letters that no header has";
    TokenFault::new(FaultKind::Transient, door.system(), &[words]).with_code("answer.shape")
}

/// The right to renew, given back when dropped, also by a task that is cancelled.
struct RenewalLock {
    key: String,
    mark: String,
    redis: RedisHandle,
}

impl Drop for RenewalLock {
    fn drop(&mut self) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let (key, mark, mut connection) =
            (std::mem::take(&mut self.key), std::mem::take(&mut self.mark), self.redis.manager.clone());
        runtime.spawn(async move {
            let freed: redis::RedisResult<i64> = UNLOCK.key(key).arg(mark).invoke_async(&mut connection).await;
            if let Err(error) = freed {
                tracing::debug!(%error, "The right to renew a token ends by its expiry only");
            }
        });
    }
}
