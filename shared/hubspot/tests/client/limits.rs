//! The 429 policies, locks and moves.

use std::time::Duration;

use mlc_model::{Fault as ModelFault, FaultKind};
use mlc_simulators::hubspot::{Fault, FaultKind as Sim};

use crate::portal::{Portal, vendor};

/// The fault of an upsert that meets this trouble once.
async fn meets(portal: &Portal, fault: Fault) -> ModelFault {
    portal.sim.faults().add(fault);
    portal.client.upsert_companies(&[vendor(1), vendor(2)]).await.unwrap_err()
}

fn once(kind: Sim) -> Fault {
    Fault::times("batch/upsert", kind, 1)
}

#[track_caller]
fn assert_between(fault: &ModelFault, least: u64, most: u64) {
    let wait = fault.retry_after().expect("it says how long to wait");
    assert!((Duration::from_secs(least)..=Duration::from_secs(most)).contains(&wait), "{wait:?}");
}

#[tokio::test]
async fn a_ten_secondly_429_keeps_every_worker_away_for_the_window() {
    let portal = Portal::open().await;
    let fault = meets(&portal, once(Sim::TenSecondly)).await;
    assert_eq!((fault.kind, fault.code.as_deref()), (FaultKind::Limited, Some("TEN_SECONDLY")));
    assert_between(&fault, 10, 12);
    // The next call does not even leave the house.
    let calls = portal.sim.request_log().count("");
    let blocked = portal.client.upsert_companies(&[vendor(1)]).await.unwrap_err();
    assert_eq!(blocked.kind, FaultKind::Limited);
    assert_between(&blocked, 5, 12);
    assert_eq!(portal.sim.request_log().count(""), calls);
}

#[tokio::test]
async fn a_secondly_429_waits_a_second() {
    let portal = Portal::open().await;
    for kind in [Sim::Secondly, Sim::SearchRecorded] {
        let fault = meets(&portal, once(kind)).await;
        assert_eq!((fault.kind, fault.code.as_deref()), (FaultKind::Limited, Some("SECONDLY")));
        assert_between(&fault, 1, 2);
    }
}

#[tokio::test]
async fn a_daily_429_waits_until_the_accounts_midnight() {
    let portal = Portal::open().await;
    let fault = meets(&portal, once(Sim::Daily)).await;
    assert_eq!((fault.kind, fault.code.as_deref()), (FaultKind::Limited, Some("DAILY")));
    // The portal says Europe/Brussels; the account was asked for it on the way.
    assert_eq!(portal.sim.request_log().count("account-info"), 1);
    let midnight = portal.door.until_midnight(mlc_hubspot::DAILY).as_secs();
    assert_between(&fault, midnight, midnight + 60);
    assert_eq!(portal.client.upsert_companies(&[vendor(1)]).await.unwrap_err().kind, FaultKind::Limited);
}

#[tokio::test]
async fn the_edges_plain_text_429_is_a_limit_too() {
    let portal = Portal::open().await;
    let fault = meets(&portal, Fault { retry_after: Some(30), ..once(Sim::Edge) }).await;
    assert_eq!(fault.kind, FaultKind::Limited);
    assert_between(&fault, 30, 32);
}

#[tokio::test]
async fn a_423_comes_back_after_at_least_two_seconds() {
    let portal = Portal::open().await;
    let fault = meets(&portal, once(Sim::Locked)).await;
    assert_eq!((fault.kind, fault.status), (FaultKind::Transient, Some(423)));
    assert_between(&fault, 2, 120);
}

#[tokio::test]
async fn a_477_waits_as_long_as_the_move_takes() {
    let portal = Portal::open().await;
    let fault = meets(&portal, Fault { retry_after: Some(7200), ..once(Sim::Moving) }).await;
    assert_eq!((fault.kind, fault.code.as_deref()), (FaultKind::Limited, Some("ACCOUNT_MOVING")));
    assert_between(&fault, 7200, 7200);
    assert_eq!(portal.client.upsert_companies(&[vendor(1)]).await.unwrap_err().kind, FaultKind::Limited);
}

#[tokio::test]
async fn a_limit_in_the_middle_keeps_what_is_written() {
    let portal = Portal::open().await;
    portal.sim.faults().add(Fault { skip: 1, ..once(Sim::TenSecondly) });
    let inputs: Vec<_> = (0..200).map(vendor).collect();
    let entries = portal.client.upsert_companies(&inputs).await.unwrap();
    assert!(entries[..100].iter().all(|entry| entry.result.is_ok()));
    for entry in &entries[100..] {
        assert_eq!(entry.result.as_ref().unwrap_err().kind, FaultKind::Limited);
    }
}
