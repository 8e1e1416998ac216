//! The review list on the command line: the built binary against a Redis of its own.
#![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]

mod private_redis;

use std::collections::BTreeMap;

use mlc_ledger::{NewReview, ReviewKind};
use mlc_model::{FlowId, RecordKey};
use private_redis::{PrivateRedis, assert_fails, stdout};

/// Any flow of the settings will do: what stands on the list does not depend on the target.
const VENDORS: &str = "epicor_to_hubspot::vendors";

fn difference(at: chrono::DateTime<chrono::Utc>) -> NewReview {
    NewReview {
        flow: FlowId::parse(VENDORS).unwrap(),
        key: RecordKey::from_text("EPIC06:VEND:118"),
        kind: ReviewKind::PriceDifference,
        about: "4f1d7c2a".to_owned(),
        summary: "line 1 of order 4500123 was invoiced at 12.00 instead of 10.00".to_owned(),
        facts: BTreeMap::from([("line 1".to_owned(), "10.00 -> 12.00".to_owned())]),
        job: None,
        at,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_accepted_is_read_afresh_once_and_both_trails_tell_who_decided() {
    let redis = PrivateRedis::start();
    let rooms = redis.open().await;
    assert!(stdout(&redis.run(&["review", "list"])).contains("Nothing waits"));
    let item = rooms.ledger.raise_review(&difference(rooms.clock.now())).await.unwrap();
    let id = item.id.to_string();

    let listed = redis.json(0, &["review", "list"]);
    assert_eq!((&listed["items"][0]["kind"], &listed["more"]), (&"price_difference".into(), &false.into()));
    assert!(stdout(&redis.run(&["review", "show", &id])).contains("10.00 -> 12.00"));

    let accepted = redis.json(0, &["review", "accept", &id, "--note", "agreed with the supplier"]);
    assert_eq!(accepted["item"]["decided_by"], "lena");
    let late = redis.run(&["review", "accept", &id, "--note", "me too"]);
    assert_fails(&late, 1, &["accepted by lena at 20", "nothing was changed, and no note was kept"]);
    let late = redis.run(&["review", "dismiss", &id, "--note", "entered by hand"]);
    assert_fails(&late, 1, &["accepted by lena at 20", "reopen it"]);
    assert_eq!(redis.json(0, &["jobs", "list"])["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(redis.json(0, &["review", "list"])["items"].as_array().map(Vec::len), Some(0));

    let trail = redis.json(0, &["audit", "record", VENDORS, "EPIC06:VEND:118"]);
    assert_eq!(trail.to_string().matches("price_difference ").count(), 1, "one line for one decision: {trail}");
    assert!(trail.to_string().contains("price_difference accepted by lena"), "{trail}");
    let people = redis.json(0, &["audit", "people"]);
    assert!(people.to_string().contains("reviews.accept"), "{people}");
    assert!(!people.to_string().contains("reviews.dismiss"), "{people}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_dismissed_orders_nothing_and_can_be_put_back() {
    let redis = PrivateRedis::start();
    let rooms = redis.open().await;
    let id = rooms.ledger.raise_review(&difference(rooms.clock.now())).await.unwrap().id.to_string();
    assert_eq!(redis.json(0, &["review", "dismiss", &id, "--note", "wrong"])["item"]["state"], "dismissed");
    assert_eq!(redis.json(0, &["jobs", "list"])["items"].as_array().map(Vec::len), Some(0));
    assert_eq!(redis.json(0, &["review", "reopen", &id])["item"]["state"], "open");
    assert_fails(&redis.run(&["review", "reopen", &id]), 1, &["is open, there is no decision to take back"]);
    for unknown in ["4711", "x"] {
        assert_fails(&redis.run(&["review", "accept", unknown]), 3, &["is not on the review list"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listing_ends_with_code_3_when_its_state_was_asked_for_and_holds_nothing() {
    let redis = PrivateRedis::start();
    let rooms = redis.open().await;
    let list = |code: i32, state: &[&str]| {
        let listed = redis.json(code, &[&["review", "list"], state].concat());
        listed["items"].as_array().map(Vec::len)
    };
    // What is open is what the command lists anyway: that nothing waits is no miss.
    let cases: [(&[&str], i32); 5] = [
        (&[], 0),
        (&["--state", "open"], 0),
        (&["--state", "all"], 0),
        (&["--state", "accepted"], 3),
        (&["--state", "dismissed"], 3),
    ];
    for (state, code) in cases {
        assert_eq!(list(code, state), Some(0), "{state:?}");
    }
    let told = redis.run(&["review", "list", "--state", "dismissed"]);
    assert_eq!((told.status.code(), stdout(&told).trim()), (Some(3), "There is no such item."));
    let id = rooms.ledger.raise_review(&difference(rooms.clock.now())).await.unwrap().id.to_string();
    redis.json(0, &["review", "dismiss", &id, "--note", "entered by hand"]);
    for (state, code, items) in [("open", 0, 0), ("all", 0, 1), ("dismissed", 0, 1), ("accepted", 3, 0)] {
        assert_eq!(list(code, &["--state", state]), Some(items), "{state}");
    }
}
