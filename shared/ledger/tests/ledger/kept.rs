use mlc_ledger::{BUCKETS, LedgerError};
use mlc_model::{Fault, FaultKind, FlowId};

use crate::server::{Server, flow};

#[tokio::test]
async fn a_kept_value_is_found_by_its_flow_subject_and_name_only() {
    let server = Server::start().await;
    let (ledger, flow) = (server.ledger(), flow());
    let other = FlowId::parse("epicor_to_adobe::vendors").unwrap();
    ledger.keep(&flow, "EPIC06:VEND:1", "agreed", "äöü 🦀 \r\n\0 {}").await.unwrap();
    assert_eq!(ledger.kept(&flow, "EPIC06:VEND:1", "agreed").await.unwrap().as_deref(), Some("äöü 🦀 \r\n\0 {}"));
    assert_eq!(ledger.kept(&other, "EPIC06:VEND:1", "agreed").await.unwrap(), None);
    assert_eq!(ledger.kept(&flow, "EPIC06:VEND:2", "agreed").await.unwrap(), None);
    assert_eq!(ledger.kept(&flow, "EPIC06:VEND:1", "progress").await.unwrap(), None);
    ledger.keep(&flow, "EPIC06:VEND:1", "agreed", "").await.unwrap();
    assert_eq!(
        ledger.kept(&flow, "EPIC06:VEND:1", "agreed").await.unwrap().as_deref(),
        Some(""),
        "empty is not absent"
    );
    assert!(ledger.forget_kept(&flow, "EPIC06:VEND:1", "agreed").await.unwrap());
    assert!(!ledger.forget_kept(&flow, "EPIC06:VEND:1", "agreed").await.unwrap());
    assert_eq!(ledger.kept(&flow, "EPIC06:VEND:1", "agreed").await.unwrap(), None);
    assert!(server.keys("*").await.is_empty(), "nothing is left behind");
}

#[tokio::test]
async fn a_name_with_a_separator_in_it_is_not_taken_for_another_bucket() {
    let server = Server::start().await;
    let (ledger, flow) = (server.ledger(), flow());
    // Every bucket of the name `a` is spelled `a:<bucket>`; the name `a:<bucket>` must not meet it.
    ledger.keep(&flow, "x", "a", "of a").await.unwrap();
    let bucket = server.keys("*").await.remove(0).rsplit(':').next().unwrap().to_owned();
    ledger.keep(&flow, "x", &format!("a:{bucket}"), "of another").await.unwrap();
    assert_eq!(ledger.kept(&flow, "x", "a").await.unwrap().as_deref(), Some("of a"));
}

#[tokio::test]
async fn many_subjects_come_back_in_their_order_and_share_buckets() {
    let server = Server::start().await;
    let (ledger, flow) = (server.ledger(), flow());
    let subjects: Vec<String> = (0..1_000).map(|number| format!("EPIC06:VEND:{number}")).collect();
    for subject in subjects.iter().step_by(3) {
        ledger.keep(&flow, subject, "agreed", &format!("of {subject}")).await.unwrap();
    }
    let kept = ledger.kept_many(&flow, &subjects, "agreed").await.unwrap();
    assert_eq!(kept.len(), 1_000);
    for (number, (subject, value)) in subjects.iter().zip(&kept).enumerate() {
        assert_eq!(value.as_deref(), (number % 3 == 0).then(|| format!("of {subject}")).as_deref());
    }
    assert!(ledger.kept_many(&flow, &[], "agreed").await.unwrap().is_empty());
    // All keys carry the flow's hash tag and one of a fixed number of buckets.
    for key in server.keys("*").await {
        let bucket = key.strip_prefix("{mlcl:mlc:epicor_to_hubspot::vendors}:kept:agreed:").unwrap();
        assert!(u32::from_str_radix(bucket, 16).unwrap() < BUCKETS);
    }
}

#[tokio::test]
async fn a_value_is_replaced_only_while_it_is_the_expected_one() {
    let server = Server::start().await;
    let (ledger, flow) = (server.ledger(), flow());
    let keep_if = async |expected, value| ledger.keep_if(&flow, "REQ:1", "progress", expected, value).await.unwrap();
    assert!(!keep_if(Some(""), "a").await, "absent is not empty");
    assert!(keep_if(None, "a").await);
    assert!(!keep_if(None, "b").await);
    assert!(!keep_if(Some("b"), "c").await);
    assert!(keep_if(Some("a"), "").await);
    assert!(!keep_if(None, "b").await, "empty is not absent");
    assert!(keep_if(Some(""), "d").await);
    assert_eq!(ledger.kept(&flow, "REQ:1", "progress").await.unwrap().as_deref(), Some("d"));
}

#[tokio::test]
async fn of_many_who_expect_the_same_one_wins() {
    let server = Server::start().await;
    let mut racers = tokio::task::JoinSet::new();
    for number in 0..50 {
        let ledger = server.ledger();
        racers.spawn(async move {
            ledger.keep_if(&flow(), "REQ:1", "progress", None, &format!("{number}")).await.unwrap().then_some(number)
        });
    }
    let winners: Vec<u32> = racers.join_all().await.into_iter().flatten().collect();
    assert_eq!(winners.len(), 1);
    let kept = server.ledger().kept(&flow(), "REQ:1", "progress").await.unwrap();
    assert_eq!(kept, Some(winners[0].to_string()));
}

#[tokio::test]
async fn what_is_too_long_is_refused_and_changes_nothing() {
    let server = Server::start().await;
    let (ledger, flow) = (server.ledger(), flow());
    let longest = "x".repeat(16 * 1024);
    ledger.keep(&flow, &longest[..512], &longest[..64], &longest).await.unwrap();
    let refusals = [
        ledger.keep(&flow, &longest[..512], &longest[..64], &format!("{longest}x")).await,
        ledger.keep(&flow, &longest[..513], "name", "v").await,
        ledger.keep(&flow, "subject", &longest[..65], "v").await,
        ledger.keep_if(&flow, "subject", "name", None, &format!("{longest}x")).await.map(drop),
        ledger.kept_many(&flow, &["a".into(), longest.clone()], "name").await.map(drop),
    ];
    for refusal in refusals {
        let error = refusal.unwrap_err();
        assert!(matches!(error, LedgerError::TooLong { .. }), "{error}");
        assert!(!error.to_string().contains("xxx"), "an error never shows the value");
        assert_eq!(Fault::from(error).kind, FaultKind::Rejected);
    }
    assert_eq!(ledger.kept(&flow, &longest[..512], &longest[..64]).await.unwrap(), Some(longest));
    assert_eq!(server.keys("*").await.len(), 1);
}

#[tokio::test]
async fn pieces_of_a_text_are_kept_all_or_none() {
    let server = Server::start().await;
    let (ledger, flow) = (server.ledger(), flow());
    let pieces = |texts: [&str; 2]| {
        let names = ["before".to_owned(), "before_1".to_owned()];
        names.into_iter().zip(texts.map(str::to_owned)).collect::<Vec<_>>()
    };
    let kept = async || {
        let read = async |name: &str| ledger.kept(&flow, "EPIC06-PO-1", name).await.unwrap();
        (read("before").await, read("before_1").await)
    };
    let old = (Some("a".to_owned()), Some("b".to_owned()));
    ledger.keep_all(&flow, "EPIC06-PO-1", &pieces(["a", "b"])).await.unwrap();
    assert_eq!(kept().await, old);
    let long = "x".repeat(16 * 1024 + 1);
    let refused = ledger.keep_all(&flow, "EPIC06-PO-1", &pieces(["c", &long])).await.unwrap_err();
    assert!(matches!(refused, LedgerError::TooLong { .. }), "{refused}");
    assert_eq!(kept().await, old);

    // A full Redis takes none of them.
    let mut connection = server.handle.manager.clone();
    let _: () = redis::cmd("CONFIG").arg("SET").arg("maxmemory").arg("1").query_async(&mut connection).await.unwrap();
    ledger.keep_all(&flow, "EPIC06-PO-1", &pieces(["c", "d"])).await.unwrap_err();
    assert_eq!(kept().await, old);
}
