use mlc_ledger::{Action, AuditNote, Past, PersonAction};
use mlc_model::{JobId, Version, WindowId};

use crate::server::{Server, at, delivery, flow, key, print, sighting};

fn note(number: u32, action: Action, detail: Option<&str>) -> AuditNote {
    AuditNote {
        version: Some(Version(9)),
        detail: detail.map(str::to_owned),
        ..AuditNote::new(key(number), action, at(9))
    }
}

#[tokio::test]
async fn the_trail_of_a_record_goes_back_entry_by_entry() {
    let server = Server::start().await;
    let (ledger, flow) = (server.ledger(), flow());
    let window = WindowId::parse("epicor_to_hubspot::vendors.7").unwrap();
    let foreign = WindowId::parse("typed-by-hand").unwrap();
    let mut created = delivery(&sighting(1, 10, 1), "77");
    created.window = Some(window.clone());
    let others = (2..50).map(|n| delivery(&sighting(n, 10, 1), "78"));
    ledger.deliver(&flow, &others.chain([created]).collect::<Vec<_>>()).await.unwrap();
    let mut updated = delivery(&sighting(1, 20, 2), "77");
    (updated.action, updated.window, updated.at) = (Action::Updated, Some(foreign.clone()), at(5));
    ledger.deliver(&flow, &[updated]).await.unwrap();
    ledger.note(&flow, &[note(1, Action::Refused, Some("e-mail missing, äöü"))]).await.unwrap();

    let trail = ledger.audit_record(&flow, &key(1), 10).await.unwrap();
    let actions: Vec<Action> = trail.iter().map(|entry| entry.action).collect();
    assert_eq!(actions, [Action::Refused, Action::Updated, Action::Created]);
    assert_eq!(trail[0].detail.as_deref(), Some("e-mail missing, äöü"));
    assert_eq!((trail[0].version, trail[0].at), (Some(Version(9)), at(9)));
    assert_eq!((trail[1].before, trail[1].after), (Some(print(1)), Some(print(2))));
    assert_eq!((&trail[1].window, trail[1].at), (&Some(foreign), at(5)));
    assert_eq!(trail[1].previous, Some(trail[2].id));
    assert_eq!((trail[2].before, trail[2].previous), (None, None));
    assert_eq!((&trail[2].window, &trail[2].job), (&Some(window), &Some(JobId::parse("job-1").unwrap())));
    assert_eq!(trail[2].target_id.as_ref().unwrap().as_str(), "77");
    assert_eq!(ledger.audit_record(&flow, &key(1), 2).await.unwrap().len(), 2);
    assert!(ledger.audit_record(&flow, &key(999), 2).await.unwrap().is_empty());
    assert!(ledger.row(&flow, &[key(1)]).await.unwrap().remove(0).unwrap().refused);
}

#[tokio::test]
async fn a_record_twice_in_one_batch_has_two_entries() {
    let server = Server::start().await;
    let (ledger, flow) = (server.ledger(), flow());
    let twice = [delivery(&sighting(1, 10, 1), "77"), delivery(&sighting(1, 20, 2), "77")];
    ledger.deliver(&flow, &twice).await.unwrap();
    let trail = ledger.audit_record(&flow, &key(1), 10).await.unwrap();
    assert_eq!(trail.iter().map(|e| e.version.unwrap().0).collect::<Vec<_>>(), [20, 10]);
}

#[tokio::test]
async fn a_deleted_record_is_new_again_at_its_next_sighting() {
    let server = Server::start().await;
    let (ledger, flow) = (server.ledger(), flow());
    ledger.deliver(&flow, &[delivery(&sighting(1, 10, 1), "77")]).await.unwrap();
    ledger.note(&flow, &[note(1, Action::Deleted, None)]).await.unwrap();
    let row = ledger.row(&flow, &[key(1)]).await.unwrap().remove(0).unwrap();
    assert_eq!((row.target, row.delivered), (None, None));
    assert_eq!(ledger.audit_record(&flow, &key(1), 1).await.unwrap()[0].target_id.as_ref().unwrap().as_str(), "77");
    assert_eq!(ledger.classify(&flow, &[sighting(1, 10, 1)]).await.unwrap(), [mlc_ledger::Verdict::Changed]);
}

#[tokio::test]
async fn the_trail_is_bounded_and_a_chain_ends_where_it_was_trimmed() {
    let server = Server::start().await;
    let (ledger, flow) = (server.ledger().keep_audit_records(1_000), flow());
    // Single entries first: a batch must be able to push out a hundred of them.
    for version in 0..300 {
        ledger.deliver(&flow, &[delivery(&sighting(1, version, 1), "77")]).await.unwrap();
    }
    for round in 0..30 {
        let batch: Vec<_> = (100..200).map(|n| delivery(&sighting(n, round, 1), "77")).collect();
        ledger.deliver(&flow, &batch).await.unwrap();
        let kept = ledger.audit_flow(&flow, 10_000).await.unwrap().len();
        assert!(kept <= 1_000, "round {round}: {kept}");
    }
    assert_eq!(ledger.audit_record(&flow, &key(150), 100).await.unwrap().len(), 10);
    assert!(ledger.audit_record(&flow, &key(1), 100).await.unwrap().is_empty());
    let row = ledger.row(&flow, &[key(1)]).await.unwrap().remove(0).unwrap();
    assert!(row.last_entry.is_some(), "the row stays, whatever happens to the trail");
}

#[tokio::test]
async fn what_people_did_is_kept_newest_first() {
    let server = Server::start().await;
    let ledger = server.ledger();
    for what in ["lane.pause", "lane.resume"] {
        let action = PersonAction {
            who: "lena".into(),
            what: what.into(),
            subject: "hubspot-main".into(),
            before: None,
            after: Some("x".into()),
            sealed: None,
            at: at(0),
            unfinished: false,
        };
        ledger.record_action(&action).await.unwrap();
    }
    let actions = ledger.audit_actions(10).await.unwrap();
    assert_eq!(actions.iter().map(|a| a.action.what.as_str()).collect::<Vec<_>>(), ["lane.resume", "lane.pause"]);
}

#[tokio::test]
async fn a_record_is_told_as_it_stood_at_a_time_that_is_past() {
    let server = Server::start().await;
    let (ledger, flow) = (server.ledger(), flow());
    let mut created = delivery(&sighting(1, 10, 1), "77");
    created.at = at(1_000);
    ledger.deliver(&flow, &[created]).await.unwrap();
    ledger.note(&flow, &[AuditNote { at: at(2_000), ..note(1, Action::Refused, Some("no")) }]).await.unwrap();
    let mut updated = delivery(&sighting(1, 20, 2), "78");
    (updated.action, updated.at) = (Action::Updated, at(3_000));
    ledger.deliver(&flow, &[updated]).await.unwrap();
    ledger.note(&flow, &[AuditNote { at: at(3_500), ..note(1, Action::Updated, Some("cut")) }]).await.unwrap();
    ledger.note(&flow, &[AuditNote { at: at(4_000), ..note(1, Action::Deleted, None) }]).await.unwrap();

    let told = async |ms: i64| match ledger.audit_at(&flow, &key(1), at(ms)).await.unwrap() {
        Past::Known(standing) => {
            let delivered = standing.delivered.map(|entry| (entry.version.unwrap().0, entry.after.unwrap()));
            Some((standing.last.action, standing.last.target_id.map(|id| id.to_string()), delivered))
        }
        Past::NotYet => None,
        Past::Unknown { oldest } => panic!("unknown, oldest {oldest:?}"),
    };
    assert_eq!(told(999).await, None);
    let first = Some((10, print(1)));
    assert_eq!(told(1_000).await, Some((Action::Created, Some("77".to_owned()), first)));
    assert_eq!(told(2_500).await, Some((Action::Refused, Some("77".to_owned()), first)));
    let second = Some((20, print(2)));
    assert_eq!(told(3_000).await, Some((Action::Updated, Some("78".to_owned()), second)));
    assert_eq!(told(3_600).await.unwrap().2, second, "a note beside the delivery is none");
    assert_eq!(told(9_999).await.unwrap().2, None, "it was deleted at the target");
}

#[tokio::test]
async fn a_trail_that_was_trimmed_does_not_pretend_to_know() {
    let server = Server::start().await;
    let (ledger, flow) = (server.ledger().keep_audit_records(1_000), flow());
    for round in 0..3 {
        let mut all: Vec<_> = (0..1_000).map(|n| delivery(&sighting(n, 10 + round, 1), "7")).collect();
        all.iter_mut().for_each(|delivery| delivery.at = at(round * 1_000));
        ledger.deliver(&flow, &all).await.unwrap();
    }
    let before = ledger.audit_at(&flow, &key(1), at(500)).await.unwrap();
    assert!(matches!(before, Past::Unknown { oldest: Some(_) }), "{before:?}");
    let now = ledger.audit_at(&flow, &key(1), at(2_500)).await.unwrap();
    assert!(matches!(now, Past::Known(standing) if standing.delivered.is_some()));
    assert_eq!(ledger.audit_at(&flow, &key(5_000), at(0)).await.unwrap(), Past::Unknown { oldest: None });
}
