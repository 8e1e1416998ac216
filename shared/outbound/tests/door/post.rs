//! One message to an address that a person has set.

use std::time::Duration;

use axum::{
    Router,
    body::Bytes,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use mlc_outbound::{PostAddress, PostError, post_json};
use tokio::net::TcpListener;

use crate::support::serve;

async fn address(router: Router) -> PostAddress {
    PostAddress::parse(&format!("{}/hook/canary", serve(router).await)).unwrap()
}

#[tokio::test]
async fn the_body_and_the_headers_arrive_as_they_were_given() {
    let router = Router::new().route(
        "/hook/canary",
        post(|headers: HeaderMap, body: Bytes| async move {
            let of = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("-").to_owned();
            format!("{} {} {}", of("content-type"), of("x-mlc-message"), String::from_utf8_lossy(&body))
        }),
    );
    let headers = [("x-mlc-message", "m1".to_owned())];
    let posted = post_json(&address(router).await, &headers, "{\"a\":1}").await.unwrap();
    assert!(posted.is_success());
    assert_eq!(posted.text, "application/json m1 {\"a\":1}");
}

#[tokio::test]
async fn a_redirect_and_a_refusal_are_answers() {
    let router = Router::new().fallback(|| async { (StatusCode::FOUND, [("location", "https://elsewhere.example/")]) });
    assert_eq!(post_json(&address(router).await, &[], "{}").await.unwrap().status, 302);
    let router =
        Router::new().fallback(|| async { (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "99999")], "slow") });
    let posted = post_json(&address(router).await, &[], "{}").await.unwrap();
    assert_eq!(
        (posted.status, posted.retry_after, posted.text.as_str()),
        (429, Some(Duration::from_secs(3600)), "slow")
    );
}

#[tokio::test]
async fn of_a_long_answer_only_the_beginning_is_read() {
    let router = Router::new().fallback(|| async { "x".repeat(50_000_000) });
    assert_eq!(post_json(&address(router).await, &[], "{}").await.unwrap().text.len(), 2048);
}

#[tokio::test]
async fn no_answer_is_told_without_the_address() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let address = PostAddress::parse(&format!("http://{closed}/hook/canary?token=canary")).unwrap();
    let error = post_json(&address, &[], "{}").await.unwrap_err();
    assert!(
        matches!(error, PostError::Unanswered { .. }) && !format!("{error} {error:?}").contains("canary"),
        "{error:?}"
    );
    let split = post_json(&address, &[("x-mlc-message", "a\r\nx: canary".to_owned())], "{}").await.unwrap_err();
    assert_eq!(split, PostError::Header("x-mlc-message"));
}
