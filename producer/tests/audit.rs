//! The audit on the command line: the built binary against a Redis of its own.
#![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]

mod private_redis;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use mlc_ledger::{Action, AuditNote, Delivery, Sighting};
use mlc_model::{Fingerprint, FlowId, JobId, RecordKey, TargetId, Version};
use private_redis::{PrivateRedis, assert_fails, stdout};

const VENDORS: &str = "epicor_to_hubspot::vendors";
const KEY: &str = "EPIC06:VEND:118";

fn delivery(version: i64, action: Action, at: DateTime<Utc>) -> Delivery {
    Delivery {
        key: RecordKey::from_text(KEY),
        version: Version(version),
        fingerprint: Fingerprint([u8::try_from(version).unwrap(); 16]),
        target_id: Some(TargetId::parse("19033410077").unwrap()),
        action,
        window: None,
        job: Some(JobId::parse(&format!("job-{version}")).unwrap()),
        at,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_is_told_as_it_stood_at_a_time() {
    let redis = PrivateRedis::start();
    let rooms = redis.open().await;
    let flow = FlowId::parse(VENDORS).unwrap();
    let now = rooms.clock.now();
    let ago = |hours: i64| now - TimeDelta::hours(hours);
    rooms.ledger.deliver(&flow, &[delivery(10, Action::Created, ago(4))]).await.unwrap();
    rooms.ledger.deliver(&flow, &[delivery(20, Action::Updated, ago(2))]).await.unwrap();
    let at = |hours: i64| ago(hours).to_rfc3339_opts(SecondsFormat::Secs, true);

    let then = redis.json(0, &["audit", "record", VENDORS, KEY, "--at", &at(3)]);
    assert_eq!(then["past"]["state"], "known");
    let delivered = &then["past"]["delivered"];
    assert_eq!((&delivered["version"], &delivered["job"]), (&10.into(), &"job-10".into()), "{then}");
    assert_eq!(then["past"]["last"]["target_id"], "19033410077");
    let told = stdout(&redis.run(&["audit", "record", VENDORS, KEY, "--at", "1h"]));
    assert!(told.contains("version 20") && told.contains("job-20"), "{told}");
    assert!(stdout(&redis.run(&["audit", "record", VENDORS, KEY, "--at", &at(5)])).contains("not moved yet"));
    let unknown = redis.run(&["audit", "record", VENDORS, "EPIC06:VEND:9", "--at", "1h"]);
    assert_fails(&unknown, 3, &["EPIC06:VEND:9", "nobody knows"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_people_did_is_found_by_who_what_and_to_what_and_gone_on_with() {
    let redis = PrivateRedis::start();
    let rooms = redis.open().await;
    for number in 0..7 {
        rooms.record("jobs.replay", format!("job {number}"), None, None).await.unwrap();
    }
    rooms.record("lanes.pause", "hubspot-main", Some("open".to_owned()), None).await.unwrap();
    let first = redis.json(0, &["audit", "people", "--what", "REPLAY", "--limit", "5"]);
    assert_eq!(first["items"].as_array().map(Vec::len), Some(5));
    let next = first["next"].as_str().unwrap();
    let second = redis.json(0, &["audit", "people", "--what", "replay", "--after", next]);
    let subjects: Vec<&str> =
        second["items"].as_array().unwrap().iter().filter_map(|item| item["subject"].as_str()).collect();
    assert_eq!(subjects, ["job 1", "job 0"]);
    assert!(second["next"].is_null());
    let lane = redis.json(0, &["audit", "people", "--who", "test", "--subject", "hubspot"]);
    assert_eq!(lane["items"][0]["before"], "open");
    assert!(stdout(&redis.run(&["audit", "people", "--who", "nobody"])).contains("Nobody has done this"));
    assert_fails(&redis.run(&["audit", "people", "--after", "x"]), 3, &["no place"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_record_without_a_job_is_not_told_to_be_on_its_way() {
    let redis = PrivateRedis::start();
    let rooms = redis.open().await;
    let flow = FlowId::parse(VENDORS).unwrap();
    let (key, version, fingerprint) = (RecordKey::from_text(KEY), Version(3), Fingerprint([3; 16]));
    rooms.ledger.begin(&flow, &[Sighting { key: key.clone(), version, fingerprint }]).await.unwrap();
    let told = || stdout(&redis.run(&["audit", "record", VENDORS, KEY]));
    assert!(told().contains("no job of its name was found") && !told().contains("on its way"), "{}", told());
    let note = AuditNote { version: Some(version), ..AuditNote::new(key, Action::Refused, rooms.clock.now()) };
    rooms.ledger.note(&flow, &[note]).await.unwrap();
    let words = "the last push was refused; what became of it: see dead letters and ended jobs";
    assert!(told().contains(words) && !told().contains("on its way"), "{}", told());
}
