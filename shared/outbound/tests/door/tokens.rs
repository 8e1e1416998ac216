//! Tokens over several workers.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    http::{HeaderMap, StatusCode},
    routing::{any, post},
};
use mlc_model::FaultKind;
use mlc_outbound::{
    BoxFuture, Credentials, Door, DoorConfig, IssuedToken, Method, Request, TOKEN_PAUSE, TokenFault, TokenIssuer,
};

use crate::support::{PrivateRedis, config, door, serve};

/// A business system with tokens: `token-1`, `token-2` …, of which only the newest holds.
#[derive(Clone, Default)]
struct Bank {
    issued: Arc<AtomicUsize>,
    served: Arc<AtomicUsize>,
    refuses_renewal: Arc<AtomicBool>,
    is_down: Arc<AtomicBool>,
    refuses_all: Arc<AtomicBool>,
    valid: Arc<Mutex<String>>,
}

impl Bank {
    async fn open(&self) -> String {
        let (issuing, serving) = (self.clone(), self.clone());
        let router = Router::new()
            .route(
                "/token",
                post(move || async move {
                    let number = issuing.issued.fetch_add(1, Ordering::SeqCst) + 1;
                    // Long enough for the others to come along meanwhile.
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    if issuing.refuses_renewal.load(Ordering::SeqCst) {
                        return (StatusCode::BAD_REQUEST, "BAD_REFRESH_TOKEN".to_owned());
                    }
                    if issuing.is_down.load(Ordering::SeqCst) {
                        return (StatusCode::SERVICE_UNAVAILABLE, String::new());
                    }
                    let token = format!("token-secret-{number}");
                    *issuing.valid.lock().unwrap() = token.clone();
                    (StatusCode::OK, token)
                }),
            )
            .fallback(any(move |headers: HeaderMap| async move {
                let expected = format!("Bearer {}", serving.valid.lock().unwrap());
                let given = headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
                if serving.refuses_all.load(Ordering::SeqCst) || given != expected {
                    return StatusCode::UNAUTHORIZED;
                }
                serving.served.fetch_add(1, Ordering::SeqCst);
                StatusCode::OK
            }));
        serve(router).await
    }

    fn issued(&self) -> usize {
        self.issued.load(Ordering::SeqCst)
    }
}

struct Login {
    life: Duration,
}

impl TokenIssuer for Login {
    fn cache_key(&self) -> String {
        "login".to_owned()
    }

    fn issue<'a>(&'a self, door: &'a Door) -> BoxFuture<'a, Result<IssuedToken, TokenFault>> {
        Box::pin(async move {
            let url = door.base_url().join("/token").unwrap();
            let request = Request::to(Method::POST, url, "token.issue").form(&[("grant", "x")]).writes(false);
            let answer = door.ask_for_token(&request, &Credentials::none()).await?;
            if answer.status() == 503 {
                return Err(TokenFault::of(FaultKind::Transient, &answer, &["out of order"]));
            }
            if !answer.is_success() {
                return Err(TokenFault::of(FaultKind::Unauthorized, &answer, &["connect again"]));
            }
            Ok(IssuedToken { secret: answer.text().into_owned().into(), expires_in: self.life })
        })
    }
}

fn login(life: Duration) -> Credentials {
    Credentials::none().with_token(Arc::new(Login { life }))
}

fn write() -> Request {
    Request::new(Method::POST, "/companies", "companies.write").json("{}")
}

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test(flavor = "multi_thread")]
async fn forty_requests_of_four_workers_ask_for_one_token() {
    let (redis, bank) = (PrivateRedis::start().await, Bank::default());
    let base = bank.open().await;
    let mut tasks = Vec::new();
    for _ in 0..4 {
        let door = door(&redis, config(&base)).await;
        for _ in 0..10 {
            let door = door.clone();
            tasks.push(tokio::spawn(async move { door.send(&write(), &login(HOUR)).await.unwrap().status() }));
        }
    }
    for task in tasks {
        assert_eq!(task.await.unwrap(), 200);
    }
    assert_eq!(bank.issued(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_expires_early_is_replaced_once_for_all() {
    let (redis, bank) = (PrivateRedis::start().await, Bank::default());
    let base = bank.open().await;
    let doors = [door(&redis, config(&base)).await, door(&redis, config(&base)).await];
    for door in &doors {
        assert_eq!(door.send(&write(), &login(HOUR)).await.unwrap().status(), 200);
    }
    "revoked".clone_into(&mut bank.valid.lock().unwrap());
    let mut tasks = Vec::new();
    for door in doors.iter().cycle().take(10) {
        let door = door.clone();
        tasks.push(tokio::spawn(async move { door.send(&write(), &login(HOUR)).await.unwrap().status() }));
    }
    for task in tasks {
        assert_eq!(task.await.unwrap(), 200);
    }
    assert_eq!(bank.issued(), 2);
    assert_eq!(bank.served.load(Ordering::SeqCst), 12, "each request took effect once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_renewed_before_it_expires() {
    let (redis, bank) = (PrivateRedis::start().await, Bank::default());
    let door = door(&redis, config(&bank.open().await)).await;
    let short = login(Duration::from_millis(2_000));
    let started = std::time::Instant::now();
    while started.elapsed() < Duration::from_millis(1_900) {
        assert_eq!(door.send(&write(), &short).await.unwrap().status(), 200);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(bank.issued(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_login_is_reported_and_not_hammered() {
    let (redis, bank) = (PrivateRedis::start().await, Bank::default());
    bank.refuses_renewal.store(true, Ordering::SeqCst);
    let base = bank.open().await;
    let doors = [door(&redis, config(&base)).await, door(&redis, config(&base)).await];
    for _ in 0..10 {
        for door in &doors {
            let fault = door.send(&write(), &login(HOUR)).await.unwrap_err();
            assert_eq!((fault.kind, fault.operation.as_str()), (FaultKind::Unauthorized, "token.issue"));
        }
    }
    assert_eq!(bank.issued(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tired_token_endpoint_costs_one_request_its_try_and_has_the_others_wait() {
    let (redis, bank) = (PrivateRedis::start().await, Bank::default());
    bank.is_down.store(true, Ordering::SeqCst);
    let base = bank.open().await;
    let mut tasks = Vec::new();
    for _ in 0..4 {
        let door = door(&redis, config(&base)).await;
        for _ in 0..10 {
            let door = door.clone();
            tasks.push(tokio::spawn(async move { door.send(&write(), &login(HOUR)).await.unwrap_err() }));
        }
    }
    let mut kinds = Vec::new();
    for task in tasks {
        let fault = task.await.unwrap();
        assert!(fault.message.contains("out of order"), "{fault}");
        if fault.kind == FaultKind::Limited {
            let wait = fault.retry_after().unwrap();
            assert!(wait > Duration::ZERO && wait <= Duration::from_secs(5), "{wait:?}");
        }
        kinds.push(fault.kind);
    }
    assert_eq!(bank.issued(), 1);
    assert_eq!(kinds.iter().filter(|kind| **kind == FaultKind::Transient).count(), 1, "{kinds:?}");
    assert_eq!(kinds.iter().filter(|kind| **kind == FaultKind::Limited).count(), 39, "{kinds:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_endpoint_that_asks_for_time_is_given_it_by_all() {
    let redis = PrivateRedis::start().await;
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let router = Router::new().route(
        "/token",
        post(async move || {
            count.fetch_add(1, Ordering::SeqCst);
            (StatusCode::SERVICE_UNAVAILABLE, [("retry-after", "600")])
        }),
    );
    let base = serve(router).await;
    let doors = [door(&redis, config(&base)).await, door(&redis, config(&base)).await];
    let first = doors[0].send(&write(), &login(HOUR)).await.unwrap_err();
    assert_eq!((first.kind, first.retry_after()), (FaultKind::Transient, Some(Duration::from_secs(600))));
    for _ in 0..5 {
        for door in &doors {
            let pause = door.send(&write(), &login(HOUR)).await.unwrap_err();
            assert_eq!((pause.kind, pause.code.as_deref()), (FaultKind::Limited, Some(TOKEN_PAUSE)));
            let left = pause.retry_after().unwrap();
            assert!(left > Duration::from_secs(40) && left <= Duration::from_secs(60), "a minute from then: {left:?}");
        }
    }
    // What is told is what is left, not a minute each time.
    let mut connection = redis.connect().await.manager;
    let key = "mlc:outbound:{hubspot-main}:token_failure:login";
    let cut: i64 = redis::cmd("PEXPIRE").arg(key).arg(10_000).query_async(&mut connection).await.unwrap();
    assert_eq!(cut, 1, "it is remembered under this key");
    let pause = doors[1].send(&write(), &login(HOUR)).await.unwrap_err();
    assert!(pause.retry_after().unwrap() <= Duration::from_secs(10), "{pause:?}");
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

/// An issuer that reads JSON, at a path of its own.
struct Reader {
    path: &'static str,
}

#[derive(serde::Deserialize)]
struct Issued {
    token: String,
}

impl TokenIssuer for Reader {
    fn cache_key(&self) -> String {
        format!("reader-{}", self.path)
    }

    fn issue<'a>(&'a self, door: &'a Door) -> BoxFuture<'a, Result<IssuedToken, TokenFault>> {
        Box::pin(async move {
            let request = Request::new(Method::POST, self.path, "token.issue").writes(false);
            let issued: Issued = door.ask_for_token(&request, &Credentials::none()).await?.token_json()?;
            Ok(IssuedToken { secret: issued.token.into(), expires_in: HOUR })
        })
    }
}

/// A page of maintenance, an answer without end, an answer of another shape.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_of_the_token_endpoint_that_cannot_be_used_condemns_no_request() {
    let redis = PrivateRedis::start().await;
    let router = Router::new()
        .route("/moved", post(|| async { (StatusCode::FOUND, [("location", "https://status.example/maintenance")]) }))
        .route("/endless", post(|| async { "x".repeat(2_000) }))
        .route("/other", post(|| async { r#"{"token":{"is":"an object"}}"# }));
    let base = serve(router).await;
    for (path, code, words) in [
        ("/moved", "answer.redirect", "redirects to host status.example"),
        ("/endless", "answer.too_big", "longer than 1000 bytes"),
        ("/other", "answer.shape", "documented shape"),
    ] {
        let mut tasks = Vec::new();
        for _ in 0..8 {
            let door = door(&redis, DoorConfig { max_body_bytes: 1_000, ..config(&base) }).await;
            let credentials = Credentials::none().with_token(Arc::new(Reader { path }));
            tasks.push(tokio::spawn(async move { door.send(&write(), &credentials).await.unwrap_err() }));
        }
        let mut told = Vec::new();
        for task in tasks {
            let fault = task.await.unwrap();
            assert!(fault.message.contains(words), "{path}: {fault}");
            told.push((fault.kind, fault.code.unwrap()));
        }
        let asked = told.iter().filter(|told| **told == (FaultKind::Transient, code.to_owned())).count();
        let paused = told.iter().filter(|told| **told == (FaultKind::Limited, TOKEN_PAUSE.to_owned())).count();
        assert_eq!((asked, paused), (1, 7), "{path}: {told:?}");
    }
}

/// Once in a header, such a token would condemn each request for as long as it is said to hold.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_no_request_can_carry_is_none() {
    let redis = PrivateRedis::start().await;
    let router = Router::new()
        .route("/lines", post(|| async { r#"{"token":"p8e-s3cret\n"}"# }))
        .route("/page", post(|| async { r#"{"token":"Wartung: Zugänge gesperrt"}"# }))
        .route("/empty", post(|| async { r#"{"token":""}"# }))
        .route("/endless", post(|| async { format!(r#"{{"token":"{}"}}"#, "x".repeat(100_000)) }))
        .fallback(any(|| async { StatusCode::OK }));
    let base = serve(router).await;
    for path in ["/lines", "/page", "/empty", "/endless"] {
        let credentials = Credentials::none().with_token(Arc::new(Reader { path }));
        let doors = [door(&redis, config(&base)).await, door(&redis, config(&base)).await];
        let first = doors[0].send(&write(), &credentials).await.unwrap_err();
        assert_eq!((first.kind, first.code.as_deref()), (FaultKind::Transient, Some("answer.shape")), "{path}");
        assert!(first.message.contains("token") && !first.message.contains("s3cret"), "{path}: {first}");
        for door in &doors {
            let later = door.send(&write(), &credentials).await.unwrap_err();
            assert_eq!((later.kind, later.code.as_deref()), (FaultKind::Limited, Some(TOKEN_PAUSE)), "{path}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewed_token_that_is_refused_too_comes_back_as_an_answer_and_renews_no_more() {
    let (redis, bank) = (PrivateRedis::start().await, Bank::default());
    bank.refuses_all.store(true, Ordering::SeqCst);
    let door = door(&redis, config(&bank.open().await)).await;
    for _ in 0..10 {
        assert_eq!(door.send(&write(), &login(HOUR)).await.unwrap().status(), 401);
    }
    assert_eq!(bank.issued(), 2, "the first token and one renewal");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_lies_sealed_in_redis() {
    let (redis, bank) = (PrivateRedis::start().await, Bank::default());
    let door = door(&redis, config(&bank.open().await)).await;
    door.send(&write(), &login(HOUR)).await.unwrap();
    let mut connection = redis.connect().await.manager;
    let stored: Vec<u8> =
        redis::cmd("GET").arg("mlc:outbound:{hubspot-main}:token:login").query_async(&mut connection).await.unwrap();
    assert!(!String::from_utf8_lossy(&stored).contains("token-secret"));
    let echoed = door.redact("you sent token-secret-1", &login(HOUR));
    assert_eq!(echoed, "you sent [redacted]");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_dies_while_it_renews_stops_the_others_no_longer_than_its_right_lasts() {
    let (redis, bank) = (PrivateRedis::start().await, Bank::default());
    let base = bank.open().await;
    // What a killed worker leaves: the right to renew, which nobody gives back. It is taken as a worker takes it.
    let dying = door(&redis, config(&silent().await)).await;
    let renewing = tokio::spawn(async move { dying.send(&write(), &login(HOUR)).await });
    let mut connection = redis.connect().await.manager;
    let key = "mlc:outbound:{hubspot-main}:token_lock:login";
    let mark = loop {
        let mark: Option<String> = redis::cmd("GET").arg(key).query_async(&mut connection).await.unwrap();
        if let Some(mark) = mark {
            break mark;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    let lasts: i64 = redis::cmd("PTTL").arg(key).query_async(&mut connection).await.unwrap();
    assert!((1..=20_000).contains(&lasts), "{lasts} ms");

    let tries = async |mut connection: redis::aio::ConnectionManager| -> u64 {
        let info: String = redis::cmd("INFO").arg("commandstats").query_async(&mut connection).await.unwrap();
        let calls = info.split("cmdstat_set:calls=").nth(1).and_then(|rest| rest.split(',').next());
        calls.unwrap().parse().unwrap()
    };
    let before = tries(connection.clone()).await;
    let heirs = [door(&redis, config(&base)).await, door(&redis, config(&base)).await];
    let tasks: Vec<_> = heirs
        .iter()
        .cycle()
        .take(10)
        .cloned()
        .map(|door| tokio::spawn(async move { door.send(&write(), &login(HOUR)).await }))
        .collect();
    while tries(connection.clone()).await < before + 4 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // They wanted the right, and wait. Its 20 s pass at once here.
    let still: Option<String> = redis::cmd("GET").arg(key).query_async(&mut connection).await.unwrap();
    assert_eq!(still, Some(mark));
    assert_eq!(bank.issued(), 0);
    let over: i64 = redis::cmd("PEXPIRE").arg(key).arg(1).query_async(&mut connection).await.unwrap();
    assert_eq!(over, 1);
    for task in tasks {
        assert_eq!(task.await.unwrap().unwrap().status(), 200);
    }
    assert_eq!(bank.issued(), 1);
    renewing.abort();
}

/// A system whose token endpoint takes the question and never answers.
async fn silent() -> String {
    serve(Router::new().route("/token", post(std::future::pending::<StatusCode>))).await
}
