//! The connection to Redis, and whether that Redis may be trusted with accepted work.

use std::{fmt, time::Duration};

use ::redis::{
    AsyncConnectionConfig, Client, ConnectionInfo, InfoDict, IntoConnectionInfo, RedisError,
    aio::{ConnectionManager, ConnectionManagerConfig, MultiplexedConnection},
    io::tcp::TcpSettings,
};

use crate::{backoff::RetryPolicy, settings::RedisSettings};

/// Longest wait for an answer to a command that does not block by itself.
pub const RESPONSE_TIMEOUT: Duration = Duration::from_secs(10);
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(3);
/// A connection is given up when what was sent reached no machine for so long. The kernel alone waits a quarter of an hour, and after a cut of
/// half a minute up to another half. A server that is busy or stopped is not meant: its machine confirms all the same.
const UNCONFIRMED: Duration = Duration::from_secs(3);
/// Reconnecting: after 50, 100, 200, 400, 500, 500 … ms and up to as much again at random. A command fails after three to
/// five seconds without a server, and the next one starts over.
const RECONNECT: RetryPolicy = RetryPolicy::new(Duration::from_millis(50), Duration::from_millis(500));
const RECONNECT_TRIES: usize = 8;
/// Commands that wait in our process for the socket. The default of 50 made 200 concurrent jobs wait for each other.
const PIPELINE_BUFFER: usize = 1024;
const OLDEST_VERSION: u32 = 7;
/// Environment variable with the password, used when the address has none.
pub const PASSWORD_VARIABLE: &str = "MLC_REDIS_PASSWORD";

/// Redis cannot be reached or refuses us. The text names the address without its password.
#[derive(Debug, thiserror::Error)]
#[error("Redis at {address} is not available: {reason}")]
pub struct RedisUnavailable {
    address: String,
    reason: String,
    #[source]
    source: Option<RedisError>,
}

/// Redis works, but could lose accepted work.
#[derive(Debug, thiserror::Error)]
pub enum UnsafeRedis {
    /// It could not be asked.
    #[error("Redis could not be asked how it keeps its data: {0}")]
    Unknown(#[from] RedisError),
    /// What is wrong, one entry each, with the line of `redis.conf` that helps.
    #[error("this Redis could lose accepted work: {}. Start anyway with `redis.allow_unsafe_persistence = true`", .0.join("; "))]
    Unsafe(Vec<String>),
}

/// What [`RedisHandle::check_persistence`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedisFacts {
    /// Version as the server writes it, such as `7.2.5`.
    pub version: String,
    /// Whether every write goes to the append-only file.
    pub aof: bool,
    /// `always`, `everysec` or `no`; `None` when the server does not tell (managed servers forbid `CONFIG`).
    pub appendfsync: Option<String>,
    /// What happens when memory is full; `noeviction` is the only safe answer.
    pub maxmemory_policy: String,
    /// Memory limit in bytes; 0 = none.
    pub maxmemory: u64,
    /// Memory in use, in bytes.
    pub used_memory: u64,
    /// Whether the server has `WAITAOF` (7.2 and newer).
    pub waitaof: bool,
}

/// Our connection. Clones share it; it reconnects by itself.
#[derive(Clone)]
pub struct RedisHandle {
    /// For further connections.
    pub client: Client,
    /// The shared connection, for commands that answer at once. Clone it to use it.
    pub manager: ConnectionManager,
    /// First part of every key.
    pub namespace: String,
}

impl RedisHandle {
    /// Connects and checks that the server answers.
    ///
    /// # Errors
    /// [`RedisUnavailable`] for an address that is none, a server that does not answer within three to five seconds, or a
    /// refused login.
    pub async fn connect(settings: &RedisSettings) -> Result<Self, RedisUnavailable> {
        let unavailable = |source: RedisError| RedisUnavailable {
            address: without_password(&settings.url),
            reason: reason(&source),
            source: Some(source),
        };
        if settings.url.starts_with("rediss://") {
            return Err(RedisUnavailable {
                address: without_password(&settings.url),
                reason: "TLS to Redis is not part of this build; use a private network, a tunnel or a unix socket"
                    .into(),
                source: None,
            });
        }
        let info =
            connection_info(settings.url.as_str(), std::env::var(PASSWORD_VARIABLE).ok()).map_err(unavailable)?;
        let client = Client::open(info).map_err(unavailable)?;
        let config = ConnectionManagerConfig::new()
            .set_min_delay(RECONNECT.base)
            .set_max_delay(RECONNECT.cap)
            .set_number_of_retries(RECONNECT_TRIES)
            .set_connection_timeout(Some(CONNECTION_TIMEOUT))
            .set_response_timeout(Some(RESPONSE_TIMEOUT))
            .set_pipeline_buffer_size(PIPELINE_BUFFER);
        let mut manager = ConnectionManager::new_with_config(client.clone(), config).await.map_err(unavailable)?;
        ::redis::cmd("PING").query_async::<String>(&mut manager).await.map_err(unavailable)?;
        Ok(Self { client, manager, namespace: settings.namespace.clone() })
    }

    /// A fresh connection without a response time-out, for commands that block. It does not reconnect by itself.
    ///
    /// # Errors
    /// Those of connecting.
    pub async fn dedicated(&self) -> Result<MultiplexedConnection, RedisError> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECTION_TIMEOUT))
            .set_response_timeout(None)
            .set_pipeline_buffer_size(PIPELINE_BUFFER);
        self.client.get_multiplexed_async_connection_with_config(&config).await
    }

    /// The server's address without its password, for people.
    pub fn address(&self) -> String {
        self.client.get_connection_info().addr().to_string()
    }

    /// Reads how the server keeps its data and refuses what could lose accepted work, unless that is allowed.
    ///
    /// # Errors
    /// [`UnsafeRedis::Unsafe`] lists everything that is wrong at once. A server below version 7 is refused always.
    pub async fn check_persistence(&self, allow_unsafe: bool) -> Result<RedisFacts, UnsafeRedis> {
        let mut connection = self.manager.clone();
        let info: InfoDict = ::redis::cmd("INFO").query_async(&mut connection).await?;
        let fsync: Result<Vec<String>, RedisError> =
            ::redis::cmd("CONFIG").arg("GET").arg("appendfsync").query_async(&mut connection).await;
        let version: String = info.get("redis_version").unwrap_or_default();
        let facts = RedisFacts {
            aof: info.get::<u8>("aof_enabled") == Some(1),
            appendfsync: fsync.ok().and_then(|pair| pair.into_iter().nth(1)),
            maxmemory_policy: info.get("maxmemory_policy").unwrap_or_default(),
            maxmemory: info.get("maxmemory").unwrap_or_default(),
            used_memory: info.get("used_memory").unwrap_or_default(),
            waitaof: version_parts(&version) >= (7, 2),
            version,
        };
        let problems = facts.problems();
        let too_old = version_parts(&facts.version).0 < OLDEST_VERSION;
        if too_old || (!problems.is_empty() && !allow_unsafe) {
            return Err(UnsafeRedis::Unsafe(problems));
        }
        Ok(facts)
    }
}

impl fmt::Debug for RedisHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The client's own form would print the password.
        f.debug_struct("RedisHandle")
            .field("address", &self.address())
            .field("namespace", &self.namespace)
            .finish_non_exhaustive()
    }
}

impl RedisFacts {
    /// Everything about this server that could lose accepted work.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if version_parts(&self.version).0 < OLDEST_VERSION {
            problems.push(format!("version {} is too old, {OLDEST_VERSION}.0 or newer is needed", self.version));
        }
        if !self.aof {
            problems.push("the append-only file is off (set `appendonly yes`)".to_owned());
        }
        if self.aof && self.appendfsync.as_deref() == Some("no") {
            problems.push("the append-only file is never synced (set `appendfsync everysec` or `always`)".to_owned());
        }
        if self.maxmemory_policy != "noeviction" {
            problems.push(format!(
                "keys are evicted when memory is full, policy `{}` (set `maxmemory-policy noeviction`)",
                self.maxmemory_policy
            ));
        }
        problems
    }
}

fn version_parts(version: &str) -> (u32, u32) {
    let mut parts = version.split('.').map(|part| part.parse().unwrap_or(0));
    (parts.next().unwrap_or(0), parts.next().unwrap_or(0))
}

fn connection_info(url: &str, password: Option<String>) -> Result<ConnectionInfo, RedisError> {
    // Off by default: a small command would wait for the acknowledgement of the one before it, up to 40 ms.
    let tcp = noticing_cuts(TcpSettings::default().set_nodelay(true));
    let info = url.into_connection_info()?.set_tcp_settings(tcp);
    match password {
        Some(password) if info.redis_settings().password().is_none() => {
            let login = info.redis_settings().clone().set_password(password);
            Ok(info.set_redis_settings(login))
        }
        _ => Ok(info),
    }
}

#[cfg(target_os = "linux")]
fn noticing_cuts(tcp: TcpSettings) -> TcpSettings {
    // A waiting connection sends nothing; the probes do.
    let probes =
        ::redis::io::tcp::socket2::TcpKeepalive::new().with_time(UNCONFIRMED).with_interval(Duration::from_secs(1));
    tcp.set_user_timeout(UNCONFIRMED).set_keepalive(probes)
}

#[cfg(not(target_os = "linux"))]
fn noticing_cuts(tcp: TcpSettings) -> TcpSettings {
    tcp
}

/// The address without what stands between `//` and `@`, and without the query, where `unix:` addresses keep passwords.
pub(crate) fn without_password(url: &str) -> String {
    let shown = url.split('?').next().unwrap_or_default();
    match (shown.split_once("://"), shown.rfind('@')) {
        (Some((scheme, _)), Some(at)) => format!("{scheme}://{}", &shown[at + 1..]),
        _ => shown.to_owned(),
    }
}

fn reason(error: &RedisError) -> String {
    if error.is_connection_refusal() {
        return "nothing listens there; is Redis running?".to_owned();
    }
    match error.code() {
        Some("WRONGPASS") => format!("the password is wrong (see {PASSWORD_VARIABLE})"),
        Some("NOAUTH") => format!("a password is needed: set {PASSWORD_VARIABLE}"),
        _ if error.is_timeout() => "no answer in time".to_owned(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn safe() -> RedisFacts {
        RedisFacts {
            version: "7.2.4".into(),
            aof: true,
            appendfsync: Some("everysec".into()),
            maxmemory_policy: "noeviction".into(),
            maxmemory: 0,
            used_memory: 1,
            waitaof: true,
        }
    }

    #[test]
    fn a_server_that_keeps_its_data_has_no_problems() {
        assert!(safe().problems().is_empty());
    }

    #[test]
    fn all_problems_of_a_server_are_named_at_once() {
        let facts =
            RedisFacts { version: "6.2.1".into(), aof: false, maxmemory_policy: "allkeys-lru".into(), ..safe() };
        let text = facts.problems().join("; ");
        assert!(text.contains("6.2.1") && text.contains("appendonly yes") && text.contains("allkeys-lru"), "{text}");
    }

    #[test]
    fn an_address_is_shown_without_its_password() {
        assert_eq!(without_password("redis://user:p@ss@host:6379/2"), "redis://host:6379/2");
        assert_eq!(without_password("unix:///run/redis.sock?pass=hidden"), "unix:///run/redis.sock");
        assert_eq!(without_password("redis://host"), "redis://host");
    }

    #[test]
    fn a_password_from_the_environment_does_not_replace_one_in_the_address() {
        let kept = connection_info("redis://:inside@host", Some("outside".into()));
        assert_eq!(kept.ok().and_then(|i| i.redis_settings().password().map(str::to_owned)).as_deref(), Some("inside"));
        let added = connection_info("redis://host", Some("outside".into()));
        assert_eq!(
            added.ok().and_then(|i| i.redis_settings().password().map(str::to_owned)).as_deref(),
            Some("outside")
        );
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_cut_network_is_noticed_within_seconds() {
        let info = connection_info("redis://host", None);
        let noticed = info.ok().and_then(|info| info.tcp_settings().user_timeout());
        assert!(noticed.is_some_and(|noticed| noticed <= Duration::from_secs(3)), "{noticed:?}");
    }

    #[test]
    fn commands_are_sent_without_delay() {
        for password in [None, Some("secret".to_owned())] {
            let info = connection_info("redis://host", password);
            assert!(info.is_ok_and(|info| info.tcp_settings().nodelay()));
        }
    }
}
