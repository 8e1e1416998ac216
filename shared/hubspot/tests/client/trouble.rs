//! Servers and lines that misbehave.

use mlc_model::FaultKind;
use mlc_simulators::hubspot::{Fault, FaultKind as Sim};

use crate::portal::{Portal, key, vendor};

#[tokio::test]
async fn a_5xx_in_json_or_html_is_transient() {
    let portal = Portal::open().await;
    for (kind, status) in [
        (Sim::Internal, 500),
        (Sim::BadGateway, 502),
        (Sim::Unavailable, 503),
        (Sim::GatewayTimeout, 504),
        (Sim::EdgeDown, 521),
    ] {
        portal.sim.faults().add(Fault::times("batch/upsert", kind, 1));
        let fault = portal.client.upsert_companies(&[vendor(1), vendor(2)]).await.unwrap_err();
        assert_eq!((fault.kind, fault.status), (FaultKind::Transient, Some(status)));
        assert!(!fault.message.contains('<'), "{}", fault.message);
    }
}

#[tokio::test]
async fn a_reset_after_the_write_is_uncertain_and_a_repetition_makes_no_double() {
    let portal = Portal::open().await;
    portal.sim.faults().add(Fault::times("batch/upsert", Sim::ResetAfterWrite, 1));
    let fault = portal.client.upsert_companies(&[vendor(1), vendor(2)]).await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Uncertain);
    let again = portal.client.upsert_companies(&[vendor(1), vendor(2)]).await.unwrap();
    assert!(again.iter().all(|entry| !entry.result.as_ref().unwrap().created));
    assert_eq!(portal.sim.companies().len(), 2);
}

#[tokio::test]
async fn truncated_json_and_a_200_in_html_are_uncertain_after_a_write() {
    let portal = Portal::open().await;
    for kind in [Sim::TruncatedJson, Sim::Html200] {
        portal.sim.faults().add(Fault::times("batch/upsert", kind, 1));
        let fault = portal.client.upsert_companies(&[vendor(1), vendor(2)]).await.unwrap_err();
        assert_eq!(fault.kind, FaultKind::Uncertain, "{kind:?}");
    }
    portal.sim.faults().add(Fault::times("batch/read", Sim::TruncatedJson, 1));
    assert_eq!(portal.client.read_companies(&[key(1)], &["name"]).await.unwrap_err().kind, FaultKind::Transient);
    assert!(portal.client.upsert_companies(&[vendor(1)]).await.unwrap()[0].result.is_ok());
}

#[tokio::test]
async fn wrong_types_and_unknown_fields_in_an_answer_break_nothing() {
    let portal = Portal::open().await;
    portal.sim.faults().add(Fault::times("batch/upsert", Sim::ExtraFields, 1));
    assert!(portal.client.upsert_companies(&[vendor(1)]).await.unwrap()[0].result.is_ok());
    portal.sim.faults().add(Fault::times("batch/upsert", Sim::WrongTypes, 1));
    match portal.client.upsert_companies(&[vendor(1), vendor(2)]).await {
        Ok(entries) => assert_eq!(entries.len(), 2),
        Err(fault) => assert!(matches!(fault.kind, FaultKind::Uncertain | FaultKind::Rejected), "{fault}"),
    }
}

#[tokio::test]
async fn an_answer_without_end_is_cut_off_with_a_reason() {
    let portal = Portal::open().await;
    portal.sim.faults().add(Fault::times("batch/upsert", Sim::HugeBody, 1));
    let fault = portal.client.upsert_companies(&[vendor(1)]).await.unwrap_err();
    // The write may have taken effect, so the record is not to blame.
    assert_eq!((fault.kind, fault.code.as_deref()), (FaultKind::Uncertain, Some("answer.too_big")));
}

#[tokio::test]
async fn a_batch_that_keeps_failing_with_500_can_be_halved() {
    let portal = Portal::open().await;
    portal.sim.faults().add(Fault::times("batch/upsert", Sim::Internal, 2));
    let inputs: Vec<_> = (0..4).map(vendor).collect();
    // The whole and its first half fail; both quarters of that half and the other half go through.
    let entries = portal.client.split_on_500().upsert_companies(&inputs).await.unwrap();
    assert!(entries.iter().all(|entry| entry.result.is_ok()));
    assert_eq!(portal.upserts(), [4, 2, 1, 1, 2]);
}
