//! The way out: budget, authorise, send, observe.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::{Bytes, BytesMut};
use chrono::{DateTime, FixedOffset, Utc};
use mlc_model::{Clock, ConnectionId, Fault, FaultKind, Sealer, System};
use mlc_runtime::{metrics::Metrics, redis::RedisHandle};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use tracing::Instrument;
use url::Url;

use crate::{
    Answer, BudgetConfig, BudgetLeft, Credentials, Request, TokenFault,
    hosts::AllowedHosts,
    keys::Keys,
    redact::{hide, redact},
    request::Target,
    skew::Skew,
    spend::Budgets,
    token::Tokens,
    transport::{self, Failure},
    witness::{self, Said},
};

/// How one connection reaches its system.
#[derive(Debug, Clone)]
pub struct DoorConfig {
    /// The connection.
    pub connection: ConnectionId,
    /// The system behind it.
    pub system: System,
    /// Base address, https unless it is on this machine. A path in it stands before every request's.
    pub base_url: String,
    /// Hosts besides the base address' that absolute requests may go to, such as an identity provider's.
    pub allowed_hosts: Vec<String>,
    /// Limit for a whole request with its answer. Default 30 s.
    pub timeout: Duration,
    /// Limit for a new connection, TLS included. Default 5 s.
    pub connect_timeout: Duration,
    /// Longest answer read. Default 16 MiB.
    pub max_body_bytes: usize,
    /// Longest wait for a budget inside [`Door::send`]; beyond it the caller gets `Limited`. Default 2 s.
    pub max_inline_wait: Duration,
    /// Certificates (PEM) of the customer's own authority, trusted besides the machine's.
    pub ca_pem: Option<Vec<u8>>,
    /// Sent as `User-Agent`.
    pub user_agent: String,
    /// What it may spend. All workers of a connection give the same.
    pub budgets: Vec<BudgetConfig>,
}

impl DoorConfig {
    /// The defaults, with no budgets.
    pub fn new(connection: ConnectionId, system: System, base_url: impl Into<String>) -> Self {
        Self {
            connection,
            system,
            base_url: base_url.into(),
            allowed_hosts: Vec::new(),
            timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(5),
            max_body_bytes: 16 * 1024 * 1024,
            max_inline_wait: Duration::from_secs(2),
            ca_pem: None,
            user_agent: concat!("ml-connector/", env!("CARGO_PKG_VERSION")).to_owned(),
            budgets: Vec::new(),
        }
    }
}

/// A door that cannot be opened: the settings are wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DoorError {
    /// The base address is none.
    #[error("the base address is wrong: {problem}")]
    BaseUrl {
        /// What is wrong with it.
        problem: String,
    },
    /// Plain http to another machine.
    #[error("the base address on {host} must begin with https://: secrets would travel in the clear")]
    InsecureBaseUrl {
        /// The host.
        host: String,
    },
    /// The customer's authority cannot be read.
    #[error("the file of certificate authorities cannot be used: {problem}")]
    CertificateAuthority {
        /// What is wrong with it.
        problem: String,
    },
    /// No secure connection can be made from this machine.
    #[error("secure connections cannot be set up: {problem}")]
    Tls {
        /// Why.
        problem: String,
    },
    /// A budget that would let nothing through.
    #[error("budget {family} is wrong: {problem}")]
    Budget {
        /// Its name.
        family: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
}

/// The only way to a business system. Clones share connections, budgets and tokens.
#[derive(Debug, Clone)]
pub struct Door {
    inner: Arc<Inner>,
}

struct Inner {
    config: DoorConfig,
    hosts: AllowedHosts,
    client: reqwest::Client,
    budgets: Budgets,
    tokens: Tokens,
    skew: Skew,
    metrics: Metrics,
    clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inner").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Door {
    /// Opens the door. Nothing is sent.
    ///
    /// # Errors
    /// [`DoorError`] for settings that cannot work.
    pub fn open(
        config: DoorConfig,
        redis: RedisHandle,
        sealer: Arc<dyn Sealer>,
        metrics: Metrics,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, DoorError> {
        config.budgets.iter().try_for_each(BudgetConfig::check)?;
        let hosts = AllowedHosts::new(&config.base_url, &config.allowed_hosts)?;
        let keys = Keys::new(&redis.namespace, &config.connection);
        let budgets =
            Budgets::new(config.system, config.budgets.clone(), redis.clone(), keys.clone(), config.max_inline_wait);
        let client = transport::client(&config, &hosts, Arc::clone(&budgets.connecting))?;
        let skew = Skew::new(keys.skew(), redis.clone());
        let tokens = Tokens::new(redis, sealer, Arc::clone(&clock), keys);
        Ok(Self { inner: Arc::new(Inner { config, hosts, client, budgets, tokens, skew, metrics, clock }) })
    }

    /// Sends one request: one try, and after a 401 one more with a renewed token. Any status is an [`Answer`].
    ///
    /// # Errors
    /// `Limited` when the budget has no place soon; `Transient` when it was not sent, or a read got no answer;
    /// `Uncertain` when a write was sent and got no answer; `Rejected` for a redirect or an answer beyond the cap;
    /// `Defect` for a request that leads elsewhere; whatever the token's issuer said, or `Limited` ([`crate::TOKEN_PAUSE`]) if that
    /// was a moment ago to another; `Transient` of Redis.
    pub async fn send(&self, request: &Request, credentials: &Credentials) -> Result<Answer, Fault> {
        let url = self.address(request)?;
        let Some(issuer) = &credentials.token else { return self.try_once(request, &url, credentials, None).await };
        let tokens = &self.inner.tokens;
        let token = tokens.current(self, issuer.as_ref()).await?;
        let answer = self.try_once(request, &url, credentials, Some(&token)).await?;
        if answer.status() != 401 {
            return Ok(answer);
        }
        // A 401 means that nothing was done, so even a write may go again.
        let Some(token) = tokens.replace(self, issuer.as_ref(), &token).await? else { return Ok(answer) };
        let answer = self.try_once(request, &url, credentials, Some(&token)).await?;
        if answer.status() == 401 {
            tokens.refused_again(issuer.as_ref()).await;
        }
        Ok(answer)
    }

    /// Sends what an issuer asks a token with, as [`Door::send`] does.
    ///
    /// # Errors
    /// Those of [`Door::send`].
    pub async fn ask_for_token(&self, request: &Request, login: &Credentials) -> Result<Answer, TokenFault> {
        self.send(request, login).await.map_err(TokenFault::unanswered)
    }

    /// The connection this door belongs to.
    pub fn connection(&self) -> &ConnectionId {
        &self.inner.config.connection
    }

    /// The system behind it.
    pub fn system(&self) -> System {
        self.inner.config.system
    }

    /// Base address without a slash at its end of path.
    pub fn base_url(&self) -> &Url {
        self.inner.hosts.base()
    }

    /// A fault of this door's system.
    pub fn fault(&self, kind: FaultKind, operation: &str, message: &str) -> Fault {
        Fault::new(kind, self.system(), operation, message)
    }

    /// A text of the system without the credentials, which some systems echo, cut to [`Fault::MESSAGE_LIMIT`].
    pub fn redact(&self, text: &str, credentials: &Credentials) -> String {
        redact(text, &self.secrets(credentials))
    }

    fn secrets(&self, credentials: &Credentials) -> Vec<SecretString> {
        let mut secrets: Vec<SecretString> = credentials.headers.iter().map(|(_, value)| value.clone()).collect();
        secrets.extend(credentials.token.as_ref().and_then(|issuer| self.inner.tokens.held(&issuer.cache_key())));
        secrets.extend(credentials.signer.iter().flat_map(|signer| signer.secrets()));
        secrets
    }

    /// Tells whoever witnesses this task what was said.
    fn tell(&self, request: &Request, credentials: &Credentials, answer: Option<&Answer>) {
        if !witness::wants(request) {
            return;
        }
        let answered = answer.map(|answer| hide(&answer.text(), &self.secrets(credentials))).unwrap_or_default();
        witness::note(Said {
            operation: request.operation,
            status: answer.map(|answer| answer.status),
            sent: request.body.clone().unwrap_or_default(),
            answered: Bytes::from(answered),
        });
    }

    /// Learns a paced budget's allowance from an answer. Cheap; all workers follow from the next request on.
    pub fn learn(&self, family: &str, limit: u32, window: Duration) {
        if let Some(config) = self.inner.budgets.config(family) {
            self.inner.budgets.lessons.pace(config.family, limit, window);
        }
    }

    /// Learns a daily budget's state from an answer. Cheap; all workers follow from the next request on.
    pub fn learn_daily(&self, family: &str, limit: u64, remaining: u64) {
        if let Some(config) = self.inner.budgets.config(family) {
            self.inner.budgets.lessons.day(config.family, limit, remaining);
        }
    }

    /// Learns the account's zone, whose midnight begins a daily budget anew.
    pub fn learn_day_offset(&self, family: &str, offset: FixedOffset) {
        if let Some(config) = self.inner.budgets.config(family) {
            self.inner.budgets.lessons.offset(config.family, offset);
        }
    }

    /// Lets no request of a family through before `until`, in no worker. Never shortens an earlier block.
    ///
    /// # Errors
    /// `Transient` if Redis does not answer.
    pub async fn block(&self, family: &str, until: DateTime<Utc>) -> Result<(), Fault> {
        self.inner.budgets.block(family, Some(until), Duration::ZERO).await
    }

    /// The same for a length of time from now on, by Redis' clock.
    ///
    /// # Errors
    /// `Transient` if Redis does not answer.
    pub async fn block_for(&self, family: &str, wait: Duration) -> Result<(), Fault> {
        self.inner.budgets.block(family, None, wait).await
    }

    /// Time until a daily budget begins anew; zero for any other family.
    pub fn until_midnight(&self, family: &str) -> Duration {
        let Some(offset) = self.inner.budgets.day_offset(family) else { return Duration::ZERO };
        until_midnight(self.inner.clock.now(), offset)
    }

    /// What is left of each budget, for the gauges.
    ///
    /// # Errors
    /// `Transient` if Redis does not answer.
    pub async fn remaining(&self) -> Result<Vec<BudgetLeft>, Fault> {
        self.inner.budgets.remaining().await
    }

    /// How far the server's clock is ahead of ours, as any worker has learned it; `None` before the first answer.
    pub async fn server_skew(&self) -> Option<chrono::Duration> {
        self.inner.skew.read().await
    }

    fn address(&self, request: &Request) -> Result<Url, Fault> {
        let (hosts, system) = (&self.inner.hosts, self.system());
        match &request.target {
            Target::Below(path) => hosts.below_base(system, request.operation, path),
            Target::Absolute(url) => hosts.absolute(system, request.operation, url),
        }
    }

    async fn try_once(
        &self,
        request: &Request,
        url: &Url,
        credentials: &Credentials,
        token: Option<&SecretString>,
    ) -> Result<Answer, Fault> {
        let inner = &self.inner;
        let (system, operation) = (self.system().as_str(), request.operation);
        let mut headers = self.headers(request, credentials, token)?;
        let permit = match inner.budgets.take(operation, &request.families).await {
            Ok(permit) => permit,
            Err(fault) => {
                if fault.kind == FaultKind::Limited {
                    inner.metrics.rate_limited(system, "budget");
                }
                return Err(fault);
            }
        };
        if !request.families.is_empty() {
            inner.metrics.budget_wait(system, permit.waited.as_secs_f64());
        }
        if let Some(signer) = &credentials.signer {
            for (name, value) in signer.sign(&request.method, url, inner.clock.now())? {
                self.add_header(&mut headers, request, name, value.expose_secret(), true)?;
            }
        }
        let span = tracing::info_span!(
            "outbound",
            connection.id = %self.connection(),
            system,
            operation,
            status = tracing::field::Empty,
            duration_ms = tracing::field::Empty
        );
        let (started, sent_at) = (Instant::now(), inner.clock.now());
        let outcome = permit.keep(self.exchange(request, url, headers).instrument(span.clone())).await;
        drop(permit);
        let took = started.elapsed();
        self.tell(request, credentials, outcome.as_ref().ok());
        span.record("duration_ms", u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
        match outcome {
            Ok(answer) => {
                span.record("status", answer.status);
                inner.metrics.outbound_request(system, operation, status_label(answer.status), took.as_secs_f64());
                if answer.status == 429 {
                    inner.metrics.rate_limited(system, "answer");
                }
                if let Some(server) = answer.server_time() {
                    inner.skew.observe(server, sent_at, inner.clock.now()).await;
                }
                transport::refuse_redirect(self.system(), answer)
            }
            Err(failure) => {
                let label = failure.label();
                span.record("status", label);
                inner.metrics.outbound_request(system, operation, label, took.as_secs_f64());
                let text = self.redact(&failure.to_string(), credentials);
                Err(failure.into_fault(self.system(), request, url.host_str().unwrap_or_default(), &text))
            }
        }
    }

    fn headers(
        &self,
        request: &Request,
        credentials: &Credentials,
        token: Option<&SecretString>,
    ) -> Result<HeaderMap, Fault> {
        let mut headers = HeaderMap::new();
        for (name, value) in &request.headers {
            self.add_header(&mut headers, request, name, value, false)?;
        }
        for (name, value) in &credentials.headers {
            self.add_header(&mut headers, request, name, value.expose_secret(), true)?;
        }
        if let Some(token) = token {
            let value = format!("Bearer {}", token.expose_secret());
            self.add_header(&mut headers, request, "authorization", &value, true)?;
        }
        Ok(headers)
    }

    fn add_header(
        &self,
        headers: &mut HeaderMap,
        request: &Request,
        name: &'static str,
        value: &str,
        secret: bool,
    ) -> Result<(), Fault> {
        let wrong = || {
            let problem = format!("header {name} cannot be sent: not visible ASCII");
            self.fault(FaultKind::Defect, request.operation, &problem).with_code("request.header")
        };
        let mut value = HeaderValue::try_from(value).map_err(|_| wrong())?;
        value.set_sensitive(secret);
        headers.insert(HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong())?, value);
        Ok(())
    }

    async fn exchange(&self, request: &Request, url: &Url, headers: HeaderMap) -> Result<Answer, Failure> {
        let inner = &self.inner;
        let mut outgoing = inner
            .client
            .request(request.method.clone(), url.clone())
            .headers(headers)
            .timeout(request.timeout.unwrap_or(inner.config.timeout));
        if let Some(body) = &request.body {
            outgoing = outgoing.body(body.clone());
        }
        let mut response = outgoing.send().await.map_err(Failure::Transport)?;
        let (status, headers) = (response.status().as_u16(), std::mem::take(response.headers_mut()));
        let body = self.read(response).await?;
        Ok(Answer {
            system: self.system(),
            operation: request.operation.into(),
            writes: request.writes,
            status,
            headers,
            body,
        })
    }

    async fn read(&self, mut response: reqwest::Response) -> Result<Bytes, Failure> {
        let cap = self.inner.config.max_body_bytes;
        let mut body = BytesMut::new();
        while let Some(piece) = response.chunk().await.map_err(Failure::Transport)? {
            if body.len() + piece.len() > cap {
                return Err(Failure::TooBig { cap });
            }
            body.extend_from_slice(&piece);
        }
        Ok(body.freeze())
    }
}

/// Statuses that say something get their own label, the others share one, so that labels stay few.
fn status_label(status: u16) -> &'static str {
    match status {
        200 => "200",
        201 => "201",
        204 => "204",
        207 => "207",
        400 => "400",
        401 => "401",
        403 => "403",
        404 => "404",
        409 => "409",
        423 => "423",
        429 => "429",
        477 => "477",
        500 => "500",
        502 => "502",
        503 => "503",
        504 => "504",
        _ => match status / 100 {
            2 => "2xx",
            3 => "3xx",
            4 => "4xx",
            5 => "5xx",
            _ => "other",
        },
    }
}

fn until_midnight(now: DateTime<Utc>, offset: FixedOffset) -> Duration {
    const DAY_MS: i64 = 86_400_000;
    let local_ms = now.timestamp_millis() + i64::from(offset.local_minus_utc()) * 1000;
    Duration::from_millis(u64::try_from(DAY_MS - local_ms.rem_euclid(DAY_MS)).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]
    use super::*;

    #[test]
    fn midnight_is_the_accounts_not_ours() {
        let now: DateTime<Utc> = "2026-11-22T22:30:00Z".parse().unwrap();
        let brussels = FixedOffset::east_opt(3600).unwrap();
        assert_eq!(until_midnight(now, brussels), Duration::from_secs(30 * 60));
        let new_york = FixedOffset::west_opt(5 * 3600).unwrap();
        assert_eq!(until_midnight(now, new_york), Duration::from_secs((6 * 60 + 30) * 60));
    }
}
