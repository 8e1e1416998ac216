use std::time::{Duration, Instant};

use crate::server::Server;

const DAY: Duration = Duration::from_secs(86_400);

#[tokio::test]
async fn a_key_is_seen_only_after_it_was_remembered_and_only_in_its_scope() {
    let server = Server::start().await;
    let ledger = server.ledger();
    assert!(!ledger.seen_before("shop", "42").await.unwrap());
    assert!(!ledger.seen_before("shop", "42").await.unwrap(), "asking does not remember");
    ledger.remember_seen("shop", "42", DAY).await.unwrap();
    assert!(ledger.seen_before("shop", "42").await.unwrap());
    assert!(!ledger.seen_before("shop-two", "42").await.unwrap());
    assert!(!ledger.seen_before("shop", "43").await.unwrap());
    assert!(!ledger.seen_before("sho", "p42").await.unwrap());
}

#[tokio::test]
async fn what_was_seen_is_forgotten_when_its_time_is_over() {
    let server = Server::start().await;
    let ledger = server.ledger();
    ledger.remember_seen("shop", "long", DAY).await.unwrap();
    ledger.remember_seen("shop", "short", Duration::from_millis(50)).await.unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    while ledger.seen_before("shop", "short").await.unwrap() {
        assert!(Instant::now() < deadline, "it never expires");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(ledger.seen_before("shop", "long").await.unwrap());
    // Even a time to live of nothing must not be kept for ever.
    ledger.remember_seen("shop", "none", Duration::ZERO).await.unwrap();
    for key in server.keys("*").await {
        let left: i64 = redis::cmd("PTTL").arg(key).query_async(&mut server.handle.manager.clone()).await.unwrap();
        assert!(left != -1, "a key without an end");
    }
}

#[tokio::test]
async fn remembering_again_starts_the_time_anew() {
    let server = Server::start().await;
    let ledger = server.ledger();
    ledger.remember_seen("shop", "42", Duration::from_secs(60)).await.unwrap();
    ledger.remember_seen("shop", "42", DAY).await.unwrap();
    let key = server.keys("*").await.remove(0);
    let left: i64 = redis::cmd("PTTL").arg(key).query_async(&mut server.handle.manager.clone()).await.unwrap();
    assert!(left > 80_000_000, "{left}");
}

#[tokio::test]
async fn a_key_of_any_length_and_content_costs_the_same_and_does_not_show() {
    let server = Server::start().await;
    let ledger = server.ledger();
    let body = format!("{{\"email\":\"someone@example.test\"}}\r\n{}", "🦀".repeat(100_000));
    ledger.remember_seen("}:{", &body, DAY).await.unwrap();
    assert!(ledger.seen_before("}:{", &body).await.unwrap());
    let keys = server.keys("*").await;
    assert_eq!(keys.len(), 1);
    assert!(keys[0].starts_with("{mlcl:mlc}:seen:") && keys[0].len() == 48, "{}", keys[0]);
}
