#![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]
use super::*;

fn at(text: &str) -> DateTime<Utc> {
    format!("2026-11-22T{text}Z").parse().unwrap()
}

fn lane() -> Lane {
    Lane::parse("shop-main").unwrap()
}

fn cause(hash: &str, minute: u32, letters: u64) -> Cause {
    let first_at = at("00:00:00") + TimeDelta::minutes(i64::from(minute));
    Cause {
        hash: hash.to_owned(),
        text: "hubspot/rejected/companies.batch_upsert/VALIDATION_ERROR/\u{202e}name\r\n".to_owned(),
        letters,
        first_at,
        last_at: first_at + TimeDelta::minutes(1),
    }
}

/// What a look finds, as `kind subject severity path`.
fn found(seen: &Seen) -> Vec<String> {
    let (all, _) = conditions(seen, &AlertsSettings::default(), at("12:00:00"));
    all.iter().map(|one| format!("{} {} {} {}", one.kind, one.subject, one.severity, one.path)).collect()
}

fn filled(what: Store, used: u64, limit: u64) -> Seen {
    Seen { filled: Some(vec![Filled { what, used, limit }]), ..Seen::default() }
}

#[test]
fn each_kind_is_told_with_its_subject_severity_and_page() {
    let shop = ConnectionId::parse("shop-main").unwrap();
    let flow = FlowId::parse("epicor_to_hubspot::vendors").unwrap();
    let table = [
        (
            Seen { held: Some(vec![Held { lane: lane(), since: at("11:00:00"), waiting: 1 }]), ..Seen::default() },
            vec!["held shop-main critical /connections/shop-main"],
        ),
        (
            Seen { causes: Some(vec![cause("b4099a31f465b5bf", 1, 3)]), ..Seen::default() },
            vec!["dead_letters b4099a31f465b5bf warning /dead-letters/list?cause=b4099a31f465b5bf"],
        ),
        (
            Seen { late: Some(vec![Late { flow, since: at("11:00:00"), read: at("10:00:00") }]), ..Seen::default() },
            vec!["lag epicor_to_hubspot::vendors warning /flows/epicor_to_hubspot::vendors"],
        ),
        (
            Seen {
                unconsumed: Some(vec![Unconsumed { lane: lane(), ready: 2, waits: Duration::from_secs(90) }]),
                ..Seen::default()
            },
            vec!["unconsumed shop-main critical /jobs?lane=shop-main"],
        ),
        (Seen { refused: Some(vec![(shop.clone(), 19)]), ..Seen::default() }, vec![]),
        (
            Seen { refused: Some(vec![(shop, 20)]), ..Seen::default() },
            vec!["signatures shop-main warning /connections/shop-main"],
        ),
        (filled(Store::Shelf, 79, 100), vec![]),
        (filled(Store::Shelf, 80, 100), vec!["bytes dead_letters warning /dead-letters"]),
        (filled(Store::Shelf, 130, 100), vec!["bytes dead_letters critical /dead-letters"]),
        (filled(Store::Lane(lane()), 95, 100), vec!["bytes lane/shop-main info /jobs?lane=shop-main"]),
        (filled(Store::Redis, u64::MAX, 100), vec!["bytes redis critical /"]),
        // Without a limit nothing is near.
        (filled(Store::Redis, 1 << 40, 0), vec![]),
    ];
    for (seen, expected) in table {
        assert_eq!(found(&seen), expected);
    }
}

#[test]
fn what_could_not_be_read_is_unknown_and_what_was_read_is_not() {
    let seen = Seen { held: Some(Vec::new()), filled: Some(Vec::new()), ..Seen::default() };
    let (all, unknown) = conditions(&seen, &AlertsSettings::default(), at("12:00:00"));
    assert!(all.is_empty());
    use AlertKind::{DeadLetters, Lag, Signatures, Unconsumed};
    assert_eq!(unknown, [DeadLetters, Lag, Unconsumed, Signatures]);
}

#[test]
fn a_cause_is_told_without_what_breaks_lines_or_addresses() {
    let (all, _) = conditions(
        &Seen { causes: Some(vec![cause("b4/&?#x", 1, 1)]), ..Seen::default() },
        &AlertsSettings::default(),
        at("12:00:00"),
    );
    let one = &all[0];
    assert_eq!(
        one.text,
        "1 dead letter on the shelf for one cause: hubspot/rejected/companies.batch_upsert/VALIDATION_ERROR/name."
    );
    assert_eq!(one.path, "/dead-letters/list?cause=b4x");
}

#[test]
fn ten_thousand_causes_are_two_hundred_alerts_and_one_more_whichever_are_the_biggest() {
    let mut causes: Vec<Cause> = (0..10_000).map(|n| cause(&format!("c{n:05}"), n, u64::from(n))).collect();
    causes.reverse();
    let all = dead_letters(&causes);
    assert_eq!(all.len(), 201);
    assert_eq!(
        (all[0].subject.as_str(), all[199].subject.as_str(), all[200].subject.as_str()),
        ("c00000", "c00199", "more")
    );
    assert!(all[200].text.contains("9800 more than 200"), "{}", all[200].text);
}

#[test]
fn a_flow_is_late_only_after_its_poll_was_due_and_its_limit_has_passed() {
    let flow = FlowId::parse("epicor_to_hubspot::vendors").unwrap();
    let minutes = |n: u64| Duration::from_secs(n * 60);
    let every = Schedule::every(minutes(5), Duration::from_secs(30));
    let nightly = Schedule::cron("0 2 * * *", Duration::ZERO).unwrap();
    let hour = minutes(60);
    let late = |schedule: &Schedule, read: &str, now: &str| lateness(&flow, schedule, at(read), hour, at(now));
    // Due at 00:05 with half a minute of jitter and a minute for clocks.
    assert_eq!(late(&every, "00:00:00", "01:06:29"), None);
    assert_eq!(late(&every, "00:00:00", "01:06:30").unwrap().since, at("01:06:30"));
    // Read this night: nothing is due for a day, however long ago that is.
    assert_eq!(late(&nightly, "02:00:01", "23:59:59"), None);
    // A window that was opened by a clock some seconds behind is this night's all the same.
    assert_eq!(late(&nightly, "01:59:50", "23:59:59"), None);
    assert_eq!(late(&nightly, "00:30:00", "02:59:59"), None);
    assert_eq!(late(&nightly, "00:30:00", "03:00:00").unwrap().since, at("03:00:00"));
}
