//! What the network can do to a request.

use std::{sync::Arc, time::Duration};

use axum::{Router, http::HeaderMap, routing::any};
use mlc_model::{Clock, Fault, FaultKind, SystemClock};
use mlc_outbound::{Credentials, Door, DoorConfig, DoorError, Method, Request};
use mlc_runtime::metrics::Metrics;
use mlc_vault::KeyRing;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use crate::support::{KEY, PrivateRedis, config, door, serve};

fn read() -> Request {
    Request::new(Method::GET, "/", "test.read")
}

fn write() -> Request {
    Request::new(Method::POST, "/", "test.write").json("{}")
}

/// Reads a request's head, writes `answer` as it stands and closes.
async fn raw_server(answer: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = [0; 4096];
            assert!(stream.read(&mut head).await.unwrap() > 0);
            stream.write_all(answer).await.unwrap();
        }
    });
    format!("http://{address}")
}

async fn faults(config: DoorConfig) -> (Fault, Fault) {
    let redis = PrivateRedis::start().await;
    let door = door(&redis, config).await;
    let none = Credentials::none();
    (door.send(&read(), &none).await.unwrap_err(), door.send(&write(), &none).await.unwrap_err())
}

pub(crate) const AUTHORITY: &[u8] = include_bytes!("fixtures/authority.pem");

#[tokio::test]
async fn a_write_that_found_no_connection_may_simply_be_repeated() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let (read, write) = faults(config(&format!("http://{closed}"))).await;
    for fault in [read, write] {
        assert_eq!((fault.kind, fault.code.as_deref()), (FaultKind::Transient, Some("net.connect")), "{fault}");
        assert!(fault.message.contains("127.0.0.1"), "{fault}");
    }
}

#[tokio::test]
async fn a_write_whose_answer_never_came_is_uncertain() {
    for answer in [b"".as_slice(), b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"half\":"] {
        let (read, write) = faults(config(&raw_server(answer).await)).await;
        assert_eq!((read.kind, read.code.as_deref()), (FaultKind::Transient, Some("net.broken")), "{read}");
        assert_eq!((write.kind, write.code.as_deref()), (FaultKind::Uncertain, Some("net.broken")), "{write}");
    }
}

#[tokio::test]
async fn a_write_that_timed_out_is_uncertain() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", silent.local_addr().unwrap());
    let (read, write) = faults(DoorConfig { timeout: Duration::from_millis(100), ..config(&base) }).await;
    assert_eq!((read.kind, read.code.as_deref()), (FaultKind::Transient, Some("net.timeout")), "{read}");
    assert_eq!((write.kind, write.code.as_deref()), (FaultKind::Uncertain, Some("net.timeout")), "{write}");
}

#[tokio::test]
async fn an_answer_beyond_the_cap_is_not_read() {
    let base = serve(Router::new().fallback(any(|| async { "x".repeat(100_000) }))).await;
    let (read, _) = faults(DoorConfig { max_body_bytes: 50_000, ..config(&base) }).await;
    assert_eq!((read.kind, read.code.as_deref()), (FaultKind::Rejected, Some("answer.too_big")), "{read}");
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_names_its_host_only() {
    let answer = b"HTTP/1.1 302 Found\r\nlocation: https://login.example/sso?session=abc\r\ncontent-length: 0\r\n\r\n";
    let (read, _) = faults(config(&raw_server(answer).await)).await;
    assert_eq!((read.kind, read.code.as_deref()), (FaultKind::Rejected, Some("answer.redirect")));
    assert!(read.message.contains("login.example") && !read.message.contains("abc"), "{read}");
}

#[tokio::test]
async fn a_host_that_is_not_listed_hears_nothing() {
    let redis = PrivateRedis::start().await;
    let door = door(&redis, config("http://127.0.0.1:9")).await;
    let request = Request::to(Method::GET, "https://evil.example/?key=abc", "test.read");
    let fault = door.send(&request, &Credentials::none()).await.unwrap_err();
    assert_eq!((fault.kind, fault.code.as_deref()), (FaultKind::Defect, Some("request.host")));
    assert!(!fault.message.contains("abc"), "{fault}");
}

#[tokio::test]
async fn every_status_is_an_answer_with_its_headers_and_body() {
    let answer =
        b"HTTP/1.1 477 Moving\r\nretry-after: 9\r\ndate: Sun, 22 Nov 2026 03:56:20 GMT\r\ncontent-length: 2\r\n\r\n[]";
    let redis = PrivateRedis::start().await;
    let door = door(&redis, config(&raw_server(answer).await)).await;
    let answer = door.send(&write(), &Credentials::none()).await.unwrap();
    assert_eq!((answer.status(), answer.is_success()), (477, false));
    assert_eq!(answer.retry_after(), Some(Duration::from_secs(9)));
    assert_eq!(answer.json::<Vec<u8>>().unwrap(), Vec::<u8>::new());
}

#[tokio::test]
async fn the_servers_clock_is_learned_by_one_and_known_to_all() {
    let redis = PrivateRedis::start().await;
    let ahead = || async {
        let now = SystemClock.now() + chrono::Duration::seconds(90);
        [("date", now.format("%a, %d %b %Y %H:%M:%S GMT").to_string())]
    };
    let base = serve(Router::new().fallback(any(ahead))).await;
    let (one, other) = (door(&redis, config(&base)).await, door(&redis, config(&base)).await);
    assert_eq!(other.server_skew().await, None);
    one.send(&read(), &Credentials::none()).await.unwrap();
    let skew = other.server_skew().await.unwrap().num_milliseconds();
    assert!((88_000..92_000).contains(&skew), "{skew} ms");
}

#[tokio::test]
async fn secrets_reach_the_server_and_nothing_else() {
    let redis = PrivateRedis::start().await;
    let echo = |headers: HeaderMap| async move {
        format!(
            "Invalid API Key {}. {}",
            headers["x-api-key"].to_str().unwrap(),
            headers["authorization"].to_str().unwrap()
        )
    };
    let base = serve(Router::new().fallback(any(echo))).await;
    let (keys, metrics) = (Arc::new(KeyRing::parse(KEY).unwrap()), Metrics::new());
    let door = Door::open(config(&base), redis.connect().await, keys, metrics.clone(), Arc::new(SystemClock)).unwrap();
    let credentials = Credentials::basic("anna", &"canary-pw".to_owned().into())
        .with_header("x-api-key", "canary-key".to_owned().into());
    let request = Request::new(Method::GET, "/a?q=canary-query", "test.read");
    let answer = door.send(&request, &credentials).await.unwrap();
    assert!(answer.text().contains("canary-key"), "the server must have got it");
    let shown = format!(
        "{answer:?} {request:?} {credentials:?} {door:?} {} {}",
        door.redact(&answer.text(), &credentials),
        metrics.render()
    );
    assert!(!shown.contains("canary"), "{shown}");
    assert!(!shown.contains("YW5uYTpj"), "{shown}");
    assert!(metrics.render().contains("test.read"));
}

#[tokio::test]
async fn the_customers_own_authority_is_trusted_once_it_is_configured() {
    let base = tls_server(Duration::ZERO, || ()).await;
    let redis = PrivateRedis::start().await;
    let trusting = DoorConfig { ca_pem: Some(AUTHORITY.to_vec()), ..config(&base) };
    let door = door(&redis, trusting).await;
    assert_eq!(door.send(&read(), &Credentials::none()).await.unwrap().status(), 204);
    // Only the machine's authorities, and a container may have none at all.
    let keys = Arc::new(KeyRing::parse(KEY).unwrap());
    match Door::open(config(&base), redis.connect().await, keys, Metrics::new(), Arc::new(SystemClock)) {
        Ok(door) => {
            let fault = door.send(&write(), &Credentials::none()).await.unwrap_err();
            assert_eq!((fault.kind, fault.code.as_deref()), (FaultKind::Transient, Some("net.connect")), "{fault}");
        }
        Err(error) => assert!(matches!(error, DoorError::Tls { .. }), "{error}"),
    }
}

#[tokio::test]
async fn a_file_without_certificates_is_refused_when_the_door_opens() {
    let redis = PrivateRedis::start().await;
    let wrong = DoorConfig { ca_pem: Some(b"not a certificate".to_vec()), ..config("https://erp.example") };
    let keys = Arc::new(KeyRing::parse(KEY).unwrap());
    let opened = Door::open(wrong, redis.connect().await, keys, Metrics::new(), Arc::new(SystemClock));
    assert!(matches!(opened, Err(DoorError::CertificateAuthority { .. })));
}

/// Certificate and key of the authority in `fixtures/`, both made for this test and used nowhere else.
pub(crate) fn tls_acceptor() -> tokio_rustls::TlsAcceptor {
    use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
    let chain = vec![CertificateDer::from_pem_slice(include_bytes!("fixtures/server.pem")).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(include_bytes!("fixtures/server.key.pem")).unwrap();
    let tls = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    tokio_rustls::TlsAcceptor::from(Arc::new(tls))
}

/// Takes `handshake` for a new connection, then answers 204 to every request on it after telling `arrived`.
pub(crate) async fn tls_server(handshake: Duration, arrived: impl Fn() + Clone + Send + 'static) -> String {
    let acceptor = tls_acceptor();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let (acceptor, arrived) = (acceptor.clone(), arrived.clone());
            tokio::spawn(async move {
                tokio::time::sleep(handshake).await;
                // A client that does not trust us breaks off here.
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let mut head = [0; 4096];
                while stream.read(&mut head).await.is_ok_and(|length| length > 0) {
                    arrived();
                    if stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    format!("https://localhost:{port}")
}
