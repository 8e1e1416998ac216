use std::time::Duration;

use mlc_ledger::{Action, LedgerError, Verdict::*};
use mlc_model::{Fault, FaultKind, RecordKey, TargetId, Version};

use crate::server::{Server, at, delivery, flow, key, sighting};

#[tokio::test]
async fn a_record_is_changed_until_it_is_delivered_and_unchanged_after() {
    let server = Server::start().await;
    let (ledger, flow) = (server.ledger(), flow());
    let first = [sighting(1, 10, 1)];
    assert_eq!(ledger.classify(&flow, &first).await.unwrap(), [Changed]);
    assert_eq!(ledger.classify(&flow, &first).await.unwrap(), [Changed]);
    assert_eq!(ledger.begin(&flow, &first).await.unwrap(), [Changed]);
    assert!(ledger.deliver(&flow, &[delivery(&first[0], "77")]).await.unwrap().is_empty());
    assert_eq!(ledger.classify(&flow, &first).await.unwrap(), [Unchanged]);
    assert_eq!(ledger.begin(&flow, &first).await.unwrap(), [Unchanged]);
    let row = ledger.row(&flow, &[key(1)]).await.unwrap().remove(0).unwrap();
    assert_eq!(row.delivered.unwrap().version, Version(10));
    assert_eq!(row.target.unwrap().as_str(), "77");
    assert!(!row.pending);
}

#[tokio::test]
async fn an_older_version_is_superseded_once_a_newer_one_was_seen() {
    let server = Server::start().await;
    let (ledger, flow) = (server.ledger(), flow());
    assert_eq!(ledger.classify(&flow, &[sighting(1, 20, 2)]).await.unwrap(), [Changed]);
    assert_eq!(ledger.classify(&flow, &[sighting(1, 10, 1)]).await.unwrap(), [Superseded]);
    assert_eq!(ledger.begin(&flow, &[sighting(1, 10, 1)]).await.unwrap(), [Superseded]);
    assert_eq!(ledger.begin(&flow, &[sighting(1, 30, 3)]).await.unwrap(), [Changed]);
    assert_eq!(ledger.begin(&flow, &[sighting(1, 20, 2)]).await.unwrap(), [Superseded]);
}

#[tokio::test]
async fn versions_that_a_double_cannot_tell_apart_are_told_apart() {
    let server = Server::start().await;
    let (ledger, flow) = (server.ledger(), flow());
    let big = (1_i64 << 53) + 1;
    for (number, older, newer) in [
        (1, big, big + 1),
        (2, -1, 0),
        (3, i64::MAX - 1, i64::MAX),
        (4, 0xff, 0x100),
        (5, 0x7f_ffff_ffff, 0x80_0000_0000),
    ] {
        assert_eq!(ledger.classify(&flow, &[sighting(number, newer, 1)]).await.unwrap(), [Changed]);
        assert_eq!(
            ledger.begin(&flow, &[sighting(number, older, 2)]).await.unwrap(),
            [Superseded],
            "{older} < {newer}"
        );
        let row = ledger.row(&flow, &[key(number)]).await.unwrap().remove(0).unwrap();
        assert_eq!(row.seen, Some(Version(newer)));
    }
}

#[tokio::test]
async fn the_same_content_under_a_newer_version_is_unchanged_and_moves_the_delivered_version() {
    let server = Server::start().await;
    let (ledger, flow) = (server.ledger(), flow());
    let first = sighting(1, 10, 1);
    ledger.deliver(&flow, &[delivery(&first, "77")]).await.unwrap();
    assert_eq!(ledger.classify(&flow, &[sighting(1, 11, 1)]).await.unwrap(), [Unchanged]);
    let row = ledger.row(&flow, &[key(1)]).await.unwrap().remove(0).unwrap();
    assert_eq!(row.delivered.unwrap().version, Version(11));
    assert_eq!(ledger.classify(&flow, &[sighting(1, 10, 2)]).await.unwrap(), [Superseded]);
}

#[tokio::test]
async fn content_that_returns_while_a_write_is_uncertain_is_written_again() {
    let server = Server::start().await;
    let (ledger, flow) = (server.ledger(), flow());
    ledger.deliver(&flow, &[delivery(&sighting(1, 10, 1), "77")]).await.unwrap();
    // The write of content 2 was begun, and its answer never came. Same version: the source counts in days.
    assert_eq!(ledger.begin(&flow, &[sighting(1, 10, 2)]).await.unwrap(), [Changed]);
    assert_eq!(ledger.classify(&flow, &[sighting(1, 10, 1)]).await.unwrap(), [Changed]);
    assert_eq!(ledger.begin(&flow, &[sighting(1, 10, 1)]).await.unwrap(), [Changed]);
    ledger.deliver(&flow, &[delivery(&sighting(1, 10, 1), "77")]).await.unwrap();
    assert_eq!(ledger.classify(&flow, &[sighting(1, 10, 1)]).await.unwrap(), [Unchanged]);
}

#[tokio::test]
async fn a_delivery_that_comes_after_a_newer_one_is_a_conflict_and_is_pushed_again() {
    let server = Server::start().await;
    let (ledger, flow) = (server.ledger(), flow());
    ledger.deliver(&flow, &[delivery(&sighting(1, 20, 2), "77")]).await.unwrap();
    let late = ledger.deliver(&flow, &[delivery(&sighting(1, 10, 1), "77")]).await.unwrap();
    assert_eq!(late, [key(1)]);
    assert_eq!(ledger.audit_record(&flow, &key(1), 1).await.unwrap()[0].action, Action::Conflict);
    assert_eq!(ledger.classify(&flow, &[sighting(1, 20, 2)]).await.unwrap(), [Changed]);
}

#[tokio::test]
async fn verdicts_stand_in_the_order_of_the_sightings_over_many_calls() {
    let server = Server::start().await;
    let (ledger, flow) = (server.ledger(), flow());
    let sightings: Vec<_> = (0..1_000).map(|n| sighting(n, 5, 1)).collect();
    let even: Vec<_> = sightings.iter().step_by(2).map(|s| delivery(s, "77")).collect();
    ledger.deliver(&flow, &even).await.unwrap();
    let verdicts = ledger.classify(&flow, &sightings).await.unwrap();
    assert_eq!(verdicts.len(), 1_000);
    assert!(verdicts.chunks(2).all(|pair| pair == [Unchanged, Changed]));
}

#[tokio::test]
async fn links_come_back_as_they_were_given_numbers_and_texts_alike() {
    let server = Server::start().await;
    let (ledger, flow) = (server.ledger(), flow());
    let ids = ["19033410077", "0042", "18446744073709551616", &"x".repeat(128)];
    for (number, id) in (0..).zip(ids) {
        ledger.deliver(&flow, &[delivery(&sighting(number, 1, 1), id)]).await.unwrap();
    }
    let keys: Vec<RecordKey> = (0..5).map(key).collect();
    let links = ledger.link(&flow, &keys).await.unwrap();
    let texts: Vec<Option<&str>> = links.iter().map(|id| id.as_ref().map(TargetId::as_str)).collect();
    assert_eq!(texts, [Some(ids[0]), Some(ids[1]), Some(ids[2]), Some(ids[3]), None]);
    let again = mlc_ledger::Delivery { target_id: None, ..delivery(&sighting(0, 2, 2), "1") };
    ledger.deliver(&flow, &[again]).await.unwrap();
    assert_eq!(ledger.link(&flow, &keys[..1]).await.unwrap()[0].as_ref().unwrap().as_str(), ids[0]);
}

#[tokio::test]
async fn a_lease_keeps_others_out_until_it_is_released() {
    let server = Server::start().await;
    let (ledger, flow, hour) = (server.ledger(), flow(), Duration::from_secs(3600));
    let both = [key(1), key(2)];
    assert_eq!(ledger.lease(&flow, &both[..1], "a", hour).await.unwrap(), [true]);
    assert_eq!(ledger.lease(&flow, &both, "b", hour).await.unwrap(), [false, true]);
    assert_eq!(ledger.lease(&flow, &both, "a", hour).await.unwrap(), [true, false]);
    ledger.release(&flow, &both, "a").await.unwrap();
    assert_eq!(ledger.lease(&flow, &both, "c", hour).await.unwrap(), [true, false]);
}

#[tokio::test]
async fn a_rescued_job_takes_over_what_its_dead_run_held() {
    let server = Server::start().await;
    let (ledger, flow, hour) = (server.ledger(), flow(), Duration::from_secs(3600));
    let one = [key(1)];
    assert_eq!(ledger.lease(&flow, &one, "job1:9", hour).await.unwrap(), [true]);
    assert_eq!(ledger.lease(&flow, &one, "job2:10", hour).await.unwrap(), [false]);
    assert_eq!(ledger.lease(&flow, &one, "job1:10", hour).await.unwrap(), [true]);
    // The dead run was only stalled: it neither takes the lease back nor frees it.
    assert_eq!(ledger.lease(&flow, &one, "job1:9", hour).await.unwrap(), [false]);
    ledger.release(&flow, &one, "job1:9").await.unwrap();
    assert_eq!(ledger.lease(&flow, &one, "job2:11", hour).await.unwrap(), [false]);
}

#[tokio::test]
async fn an_excluded_record_keeps_its_mark_until_it_is_delivered() {
    let server = Server::start().await;
    let (ledger, flow) = (server.ledger(), flow());
    assert_eq!(ledger.exclude(&flow, &[key(1), key(2)]).await.unwrap(), 2);
    assert_eq!(ledger.exclude(&flow, &[key(1)]).await.unwrap(), 0);
    let row = ledger.row(&flow, &[key(1)]).await.unwrap().remove(0).unwrap();
    assert!(row.excluded && row.seen.is_none() && row.delivered.is_none());
    ledger.deliver(&flow, &[delivery(&sighting(1, 1, 1), "77")]).await.unwrap();
    assert!(!ledger.row(&flow, &[key(1)]).await.unwrap().remove(0).unwrap().excluded);
}

#[tokio::test]
async fn a_key_of_ten_megabytes_is_refused_before_it_reaches_redis() {
    let server = Server::start().await;
    let mut huge = sighting(1, 1, 1);
    huge.key = RecordKey::from_text(&"X".repeat(10_000_000));
    let error = server.ledger().classify(&flow(), &[huge]).await.unwrap_err();
    assert!(matches!(error, LedgerError::TooLong { .. }));
    assert_eq!(Fault::from(error).kind, FaultKind::Rejected);
    assert!(server.keys("*").await.is_empty());
}

#[tokio::test]
async fn only_one_holder_leads_and_a_resigned_lead_is_free_at_once() {
    let server = Server::start().await;
    let (ledger, hour) = (server.ledger(), Duration::from_secs(3600));
    assert!(ledger.lead("ticker", "a", hour).await.unwrap());
    assert!(!ledger.lead("ticker", "b", hour).await.unwrap());
    assert!(ledger.lead("ticker", "a", hour).await.unwrap());
    ledger.resign("ticker", "b").await.unwrap();
    assert_eq!(ledger.leader("ticker").await.unwrap().as_deref(), Some("a"));
    ledger.resign("ticker", "a").await.unwrap();
    assert!(ledger.lead("ticker", "b", hour).await.unwrap());
}

#[tokio::test]
async fn the_schedule_remembers_its_ticks_per_flow() {
    let server = Server::start().await;
    let (ledger, flow) = (server.ledger(), flow());
    assert_eq!(ledger.last_tick(&flow).await.unwrap(), None);
    ledger.set_last_tick(&flow, at(5)).await.unwrap();
    assert_eq!(ledger.last_tick(&flow).await.unwrap(), Some(at(5)));
    assert_eq!(ledger.last_full_tick(&flow).await.unwrap(), None);
}

#[tokio::test]
async fn all_keys_of_a_flow_share_one_hash_tag() {
    let server = Server::start().await;
    let (ledger, flow) = (server.ledger(), flow());
    ledger.deliver(&flow, &[delivery(&sighting(1, 1, 1), "77")]).await.unwrap();
    ledger.lease(&flow, &[key(1)], "a", Duration::from_secs(60)).await.unwrap();
    ledger.set_last_tick(&flow, at(0)).await.unwrap();
    let keys = server.keys("*").await;
    assert_eq!(keys.len(), 4, "{keys:?}");
    assert!(keys.iter().all(|key| key.starts_with("{mlcl:mlc:epicor_to_hubspot::vendors}:")), "{keys:?}");
}
