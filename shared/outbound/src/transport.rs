//! The HTTP client itself and what its failures mean.

use std::{
    error::Error,
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use mlc_model::{Fault, FaultKind, System};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, pem::PemObject},
};

use crate::{
    Answer, DoorConfig, DoorError, Request,
    connecting::ConnectTimer,
    hosts::{AllowedHosts, is_loopback},
};

/// A connection that was idle for longer is closed. Servers close theirs after one or two minutes.
const IDLE: Duration = Duration::from_secs(55);

/// Builds the client: HTTP/1.1 only, no redirects, no proxy from the environment, no compression.
#[expect(clippy::disallowed_methods, reason = "this is the room the ban points to")]
pub(crate) fn client(
    config: &DoorConfig,
    hosts: &AllowedHosts,
    connecting: Arc<AtomicU64>,
) -> Result<reqwest::Client, DoorError> {
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls(config, hosts)?)
        .user_agent(&config.user_agent)
        .connect_timeout(config.connect_timeout)
        .timeout(config.timeout)
        .pool_idle_timeout(IDLE)
        .tcp_keepalive(Duration::from_secs(30))
        .tcp_nodelay(true)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .no_proxy()
        .http1_only()
        .connector_layer(ConnectTimer(connecting))
        .build()
        .map_err(|error| DoorError::Tls { problem: root_cause(&error) })
}

/// A client for one message: as [`client`], but it keeps no connection.
#[expect(clippy::disallowed_methods, reason = "this is the room the ban points to")]
pub(crate) fn single_use(local: bool, timeout: Duration) -> Result<reqwest::Client, DoorError> {
    reqwest::Client::builder()
        .tls_backend_preconfigured(trust(local, Vec::new())?)
        .user_agent(concat!("ml-connector/", env!("CARGO_PKG_VERSION")))
        .timeout(timeout)
        .pool_max_idle_per_host(0)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .no_proxy()
        .http1_only()
        .build()
        .map_err(|error| DoorError::Tls { problem: root_cause(&error) })
}

fn tls(config: &DoorConfig, hosts: &AllowedHosts) -> Result<ClientConfig, DoorError> {
    let own = match &config.ca_pem {
        Some(pem) => authorities(pem)?,
        None => Vec::new(),
    };
    trust(hosts.base().scheme() == "http" && is_loopback(hosts.base()) && own.is_empty(), own)
}

fn trust(local: bool, own: Vec<CertificateDer<'static>>) -> Result<ClientConfig, DoorError> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| DoorError::Tls { problem: error.to_string() })?;
    let mut tls = if local {
        // A simulator on this machine: a container without any authorities installed will do.
        builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth()
    } else {
        builder.dangerous().with_custom_certificate_verifier(verifier(own, provider)?).with_no_client_auth()
    };
    tls.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(tls)
}

/// Trusts the machine's authorities and `own`.
fn verifier(
    own: Vec<CertificateDer<'static>>,
    provider: Arc<CryptoProvider>,
) -> Result<Arc<rustls_platform_verifier::Verifier>, DoorError> {
    rustls_platform_verifier::Verifier::new_with_extra_roots(own, provider)
        .map(Arc::new)
        .map_err(|error| DoorError::Tls { problem: error.to_string() })
}

fn authorities(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, DoorError> {
    let wrong = |problem: String| DoorError::CertificateAuthority { problem };
    let found: Vec<_> =
        CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().map_err(|error| wrong(error.to_string()))?;
    if found.is_empty() {
        return Err(wrong("it holds no certificate in PEM form".to_owned()));
    }
    let mut roots = RootCertStore::empty();
    for certificate in &found {
        roots.add(certificate.clone()).map_err(|error| wrong(error.to_string()))?;
    }
    Ok(found)
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The network, or TLS, or the server's HTTP.
    Transport(reqwest::Error),
    /// The answer is longer than the cap.
    TooBig { cap: usize },
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Transport(error) => f.write_str(&root_cause(error)),
            Self::TooBig { cap } => write!(f, "the answer is longer than {cap} bytes"),
        }
    }
}

impl Failure {
    /// Its value of the metric's label `status`.
    pub(crate) fn label(&self) -> &'static str {
        match self {
            Self::TooBig { .. } => "too_big",
            Self::Transport(error) if error.is_connect() => "not_connected",
            Self::Transport(error) if error.is_timeout() => "timeout",
            Self::Transport(_) => "broken",
        }
    }

    /// What it means for the caller. `text` is the redacted cause.
    pub(crate) fn into_fault(self, system: System, request: &Request, host: &str, text: &str) -> Fault {
        let unanswered = if request.writes { FaultKind::Uncertain } else { FaultKind::Transient };
        let (kind, code, problem) = match &self {
            Self::TooBig { .. } => (FaultKind::Rejected, "answer.too_big", format!("answer of {host}: {text}")),
            Self::Transport(error) if error.is_builder() => {
                (FaultKind::Defect, "request.url", format!("the request cannot be built: {text}"))
            }
            // No connection, so not a byte of the request has left.
            Self::Transport(error) if error.is_connect() => {
                (FaultKind::Transient, "net.connect", format!("no connection to {host}: {text}"))
            }
            Self::Transport(error) if error.is_timeout() => {
                (unanswered, "net.timeout", format!("{host} did not answer in time"))
            }
            Self::Transport(_) => (unanswered, "net.broken", format!("the connection to {host} broke: {text}")),
        };
        Fault::new(kind, system, request.operation, problem).with_code(code)
    }
}

/// What the network did, without the address.
pub(crate) fn in_words(error: &reqwest::Error) -> String {
    if error.is_timeout() { "it took too long".to_owned() } else { root_cause(error) }
}

/// The innermost cause: outer ones repeat it or hold the address with its query.
fn root_cause(error: &reqwest::Error) -> String {
    let mut cause: Option<&dyn Error> = error.source();
    while let Some(inner) = cause.and_then(Error::source) {
        cause = Some(inner);
    }
    let text = cause.map_or_else(|| "no cause was given".to_owned(), ToString::to_string);
    text.chars().take(200).collect()
}

/// Redirects are not followed: they would carry the credentials elsewhere.
pub(crate) fn refuse_redirect(system: System, answer: Answer) -> Result<Answer, Fault> {
    if !(300..400).contains(&answer.status) || answer.status == 304 {
        return Ok(answer);
    }
    let target = answer.header("location").unwrap_or_default();
    let to = match url::Url::parse(target).ok().as_ref().and_then(url::Url::host_str) {
        Some(host) => format!("host {host}"),
        None => "another address of the same host".to_owned(),
    };
    let message = format!("the server redirects to {to}; redirects are not followed: correct the base address");
    Err(Fault::new(FaultKind::Rejected, system, answer.operation.as_ref(), message)
        .with_status(answer.status)
        .with_code("answer.redirect"))
}
