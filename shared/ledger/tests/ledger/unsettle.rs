use mlc_ledger::{Action, Verdict::*};
use mlc_model::Version;

use crate::server::{Server, delivery, flow, key, sighting};

#[tokio::test]
async fn an_unsettled_record_is_written_again_although_its_content_is_equal() {
    let server = Server::start().await;
    let (ledger, flow) = (server.ledger(), flow());
    let both = [sighting(1, 10, 1), sighting(2, 10, 1)];
    ledger.classify(&flow, &both).await.unwrap();
    ledger.begin(&flow, &both).await.unwrap();
    ledger.deliver(&flow, &[delivery(&both[0], "77"), delivery(&both[1], "abc-9")]).await.unwrap();
    assert_eq!(ledger.classify(&flow, &both).await.unwrap(), [Unchanged, Unchanged]);

    let before = ledger.row(&flow, &[key(2)]).await.unwrap().remove(0).unwrap();
    ledger.unsettle(&flow, &[key(2)]).await.unwrap();
    let after = ledger.row(&flow, &[key(2)]).await.unwrap().remove(0).unwrap();
    assert!(!before.pending && after.pending);
    assert_eq!((after.target, after.delivered, after.seen), (before.target, before.delivered, before.seen));
    assert_eq!(after.last_entry, before.last_entry);

    assert_eq!(ledger.classify(&flow, &both).await.unwrap(), [Unchanged, Changed]);
    assert_eq!(ledger.begin(&flow, &both).await.unwrap(), [Unchanged, Changed]);
    ledger.deliver(&flow, &[delivery(&both[1], "abc-9")]).await.unwrap();
    assert_eq!(ledger.classify(&flow, &both).await.unwrap(), [Unchanged, Unchanged], "settled again");
    assert!(!ledger.row(&flow, &[key(2)]).await.unwrap().remove(0).unwrap().pending);
}

#[tokio::test]
async fn a_push_that_was_on_its_way_does_not_settle_what_was_unsettled_meanwhile() {
    let server = Server::start().await;
    let (ledger, flow) = (server.ledger(), flow());
    let seen = [sighting(1, 10, 1)];
    assert_eq!(ledger.begin(&flow, &seen).await.unwrap(), [Changed]);
    ledger.unsettle(&flow, &[key(1)]).await.unwrap();
    ledger.deliver(&flow, &[delivery(&seen[0], "77")]).await.unwrap();
    assert_eq!(ledger.classify(&flow, &seen).await.unwrap(), [Changed]);
    assert_eq!(ledger.begin(&flow, &seen).await.unwrap(), [Changed]);
    ledger.deliver(&flow, &[delivery(&seen[0], "77")]).await.unwrap();
    assert_eq!(ledger.begin(&flow, &seen).await.unwrap(), [Unchanged]);
}

#[tokio::test]
async fn a_push_that_dies_after_its_begin_leaves_the_record_unsettled() {
    let server = Server::start().await;
    let (ledger, flow) = (server.ledger(), flow());
    let seen = [sighting(1, 10, 1)];
    ledger.deliver(&flow, &[delivery(&seen[0], "77")]).await.unwrap();
    ledger.unsettle(&flow, &[key(1)]).await.unwrap();
    assert_eq!(ledger.begin(&flow, &seen).await.unwrap(), [Changed]);
    assert_eq!(ledger.classify(&flow, &seen).await.unwrap(), [Changed]);
    assert_eq!(ledger.begin(&flow, &seen).await.unwrap(), [Changed]);
}

#[tokio::test]
async fn unsettling_never_lets_an_older_version_through() {
    let server = Server::start().await;
    let (ledger, flow) = (server.ledger(), flow());
    ledger.deliver(&flow, &[delivery(&sighting(1, 20, 2), "77")]).await.unwrap();
    ledger.unsettle(&flow, &[key(1)]).await.unwrap();
    assert_eq!(ledger.classify(&flow, &[sighting(1, 10, 1)]).await.unwrap(), [Superseded]);
    assert_eq!(ledger.begin(&flow, &[sighting(1, 10, 2)]).await.unwrap(), [Superseded]);
    assert_eq!(
        ledger.classify(&flow, &[sighting(1, 20, 2)]).await.unwrap(),
        [Changed],
        "a begin in vain takes no mark off"
    );
    assert_eq!(ledger.row(&flow, &[key(1)]).await.unwrap()[0].as_ref().unwrap().seen, Some(Version(20)));
}

#[tokio::test]
async fn a_record_nobody_saw_gets_no_row_by_being_unsettled() {
    let server = Server::start().await;
    let (ledger, flow) = (server.ledger(), flow());
    let many: Vec<_> = (0..600).map(key).collect();
    ledger.deliver(&flow, &[delivery(&sighting(599, 10, 1), "77")]).await.unwrap();
    ledger.unsettle(&flow, &many).await.unwrap();
    let rows = ledger.row(&flow, &many).await.unwrap();
    assert_eq!(rows.iter().flatten().count(), 1);
    assert_eq!(ledger.classify(&flow, &[sighting(599, 10, 1)]).await.unwrap(), [Changed], "beyond one script call");
}

#[tokio::test]
async fn the_new_actions_are_read_back_as_they_were_noted() {
    let server = Server::start().await;
    let (ledger, flow) = (server.ledger(), flow());
    let actions = [Action::Cancelled, Action::Corrected, Action::Reviewed, Action::Dropped];
    for action in actions {
        let note = mlc_ledger::AuditNote::new(key(1), action, crate::server::at(0));
        ledger.note(&flow, &[note]).await.unwrap();
    }
    let trail = ledger.audit_record(&flow, &key(1), 10).await.unwrap();
    assert_eq!(trail.iter().rev().map(|entry| entry.action).collect::<Vec<_>>(), actions);
    assert_eq!(
        actions.map(|action| (action as u8, action.as_str())),
        [(12, "cancelled"), (13, "corrected"), (14, "reviewed"), (15, "dropped")]
    );
}
