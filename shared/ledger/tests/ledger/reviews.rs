use std::collections::BTreeMap;

use mlc_ledger::{
    LedgerError, NewReview, ReviewFilter, ReviewId, ReviewItem, ReviewKind, ReviewKind::*, ReviewState, ReviewState::*,
};
use mlc_model::{Fault, FaultKind, FlowId, JobId};

use crate::server::{Server, at, flow, key};

fn new(number: u32, kind: ReviewKind, about: &str) -> NewReview {
    NewReview {
        flow: flow(),
        key: key(number),
        kind,
        about: about.to_owned(),
        summary: "Line 1 costs 12.50 and was ordered at 11.00".to_owned(),
        facts: BTreeMap::from([("billed".to_owned(), "12.50".to_owned()), ("ordered".to_owned(), "11.00".to_owned())]),
        job: Some(JobId::parse("job-1").unwrap()),
        at: at(0),
    }
}

fn ids(items: &[ReviewItem]) -> Vec<ReviewId> {
    items.iter().map(|item| item.id).collect()
}

#[tokio::test]
async fn an_item_comes_back_as_it_was_raised() {
    let server = Server::start().await;
    let ledger = server.ledger();
    let mut raised = new(1, PriceDifference, "fp:1|{}\r\nä");
    raised.facts = BTreeMap::from([("q\"\\\u{1}".to_owned(), "🦀".to_owned())]);
    let item = ledger.raise_review(&raised).await.unwrap();
    let expected = ReviewItem {
        id: "1".parse().unwrap(),
        flow: raised.flow.clone(),
        key: raised.key.clone(),
        kind: PriceDifference,
        about: raised.about.clone(),
        summary: raised.summary.clone(),
        facts: raised.facts.clone(),
        revision: 1,
        state: Open,
        first_at: at(0),
        last_at: at(0),
        times: 1,
        decided_by: None,
        decided_at: None,
        note: None,
        job: raised.job.clone(),
    };
    assert_eq!(item, expected);
    assert_eq!(ledger.review(&item.id).await.unwrap().as_ref(), Some(&expected));
    assert_eq!(ledger.reviews(None, 10, None).await.unwrap(), std::slice::from_ref(&expected));
    assert_eq!(ledger.reviews_of(&raised.flow, &raised.key).await.unwrap(), [expected]);
    let json = serde_json::to_value(&item).unwrap();
    assert_eq!((&json["id"], &json["kind"], &json["state"]), (&"1".into(), &"price_difference".into(), &"open".into()));

    let bare = NewReview { job: None, facts: BTreeMap::new(), about: String::new(), ..new(1, Unmatched, "") };
    let item = ledger.raise_review(&bare).await.unwrap();
    assert_eq!((item.job, item.facts, item.about.as_str()), (None, BTreeMap::new(), ""));
}

#[tokio::test]
async fn raising_again_updates_the_item_and_makes_no_second_one() {
    let server = Server::start().await;
    let ledger = server.ledger();
    let first = ledger.raise_review(&new(1, PriceDifference, "v1")).await.unwrap();
    let again = NewReview {
        summary: "Line 1 costs 13".into(),
        facts: BTreeMap::from([("billed".to_owned(), "13".to_owned())]),
        job: Some(JobId::parse("job-2").unwrap()),
        at: at(50),
        ..new(1, PriceDifference, "v1")
    };
    let second = ledger.raise_review(&again).await.unwrap();
    assert_eq!((second.id, second.times), (first.id, 2));
    assert_eq!((second.first_at, second.last_at), (at(0), at(50)));
    assert_eq!((&second.summary, &second.facts, &second.job), (&again.summary, &again.facts, &again.job));
    let late = ledger.raise_review(&NewReview { at: at(20), job: None, ..again.clone() }).await.unwrap();
    assert_eq!((late.last_at, late.times), (at(50), 3), "a time never goes back");
    assert_eq!(late.job, again.job);

    // Each part of the identity counts.
    let elsewhere =
        NewReview { flow: FlowId::parse("epicor_to_adobe::invoices").unwrap(), ..new(1, PriceDifference, "v1") };
    for other in [new(2, PriceDifference, "v1"), new(1, DebitMemo, "v1"), new(1, PriceDifference, "v2"), elsewhere] {
        assert_eq!(ledger.raise_review(&other).await.unwrap().times, 1);
    }
    assert_eq!(ledger.review_count(None).await.unwrap(), 5);
    let of_record = ledger.reviews_of(&flow(), &key(1)).await.unwrap();
    assert_eq!(of_record.iter().map(|item| item.id.to_string()).collect::<Vec<_>>(), ["4", "3", "1"]);
}

#[tokio::test]
async fn many_workers_that_raise_the_same_make_one_item() {
    let server = Server::start().await;
    let mut racers = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let ledger = server.ledger();
        racers.spawn(async move { ledger.raise_review(&new(1, Conflict, "phone")).await.unwrap().id });
    }
    let all = racers.join_all().await;
    assert!(all.iter().all(|id| *id == all[0]));
    assert_eq!(server.ledger().review(&all[0]).await.unwrap().unwrap().times, 50);
}

#[tokio::test]
async fn a_decision_holds_for_its_own_version_and_no_other() {
    let server = Server::start().await;
    let (ledger, flow) = (server.ledger(), flow());
    let item = ledger.raise_review(&new(1, PriceDifference, "v1")).await.unwrap();
    let accepted = async |kind, about: &str| {
        ledger
            .accepted_review(&flow, &key(1), kind, about)
            .await
            .unwrap()
            .is_some_and(|item| item.facts == new(1, kind, about).facts)
    };
    assert!(!accepted(PriceDifference, "v1").await);
    let decided = ledger.decide_review(&item.id, Accepted, None, "lena", Some("agreed by phone"), at(9)).await.unwrap();
    assert_eq!(decided.state, Accepted);
    assert_eq!((decided.decided_by.as_deref(), decided.decided_at), (Some("lena"), Some(at(9))));
    assert_eq!(decided.note.as_deref(), Some("agreed by phone"));
    assert!(accepted(PriceDifference, "v1").await);
    assert!(!accepted(PriceDifference, "v2").await);
    assert!(!accepted(DebitMemo, "v1").await);
    assert!(ledger.accepted_review(&flow, &key(2), PriceDifference, "v1").await.unwrap().is_none());

    let again = ledger.raise_review(&NewReview { at: at(20), ..new(1, PriceDifference, "v1") }).await.unwrap();
    assert_eq!((again.state, again.times, again.last_at), (Accepted, 2, at(20)), "it stays decided");
    assert!(accepted(PriceDifference, "v1").await);
    ledger.decide_review(&item.id, Open, None, "tom", None, at(30)).await.unwrap();
    assert!(!accepted(PriceDifference, "v1").await);
    ledger.decide_review(&item.id, Dismissed, None, "tom", None, at(31)).await.unwrap();
    assert!(!accepted(PriceDifference, "v1").await);
    assert_eq!(ledger.raise_review(&new(1, PriceDifference, "v1")).await.unwrap().state, Dismissed);
}

#[tokio::test]
async fn a_decision_holds_for_the_facts_that_were_seen_and_no_others() {
    let server = Server::start().await;
    let (ledger, flow) = (server.ledger(), flow());
    let with = |price: &str| NewReview {
        facts: BTreeMap::from([("line 1".to_owned(), price.to_owned())]),
        ..new(1, PriceDifference, "v1")
    };
    let item = ledger.raise_review(&with("10")).await.unwrap();
    assert_eq!(ledger.raise_review(&with("10")).await.unwrap().revision, 1);
    let changed = ledger.raise_review(&with("20")).await.unwrap();
    assert_eq!((changed.id, changed.revision), (item.id, 2));
    assert_eq!(ledger.review_changes().await.unwrap(), 1);

    for state in [Accepted, Dismissed] {
        let stale = ledger.decide_review(&item.id, state, Some(1), "lena", Some("agreed"), at(1)).await.unwrap_err();
        let LedgerError::FactsChanged(stands) = &stale else { panic!("{stale:?}") };
        assert_eq!((stands.state, stands.revision, stands.note.as_ref()), (Open, 2, None));
    }
    assert!(ledger.audit_actions(10).await.unwrap().is_empty(), "what changed nothing leaves no entry");
    ledger.decide_review(&item.id, Accepted, Some(2), "lena", None, at(2)).await.unwrap();
    let accepted = ledger.accepted_review(&flow, &key(1), PriceDifference, "v1").await.unwrap().unwrap();
    assert_eq!(accepted.facts, with("20").facts);

    // The same facts once more leave the decision alone, others ask anew.
    assert_eq!(ledger.raise_review(&with("20")).await.unwrap().state, Accepted);
    let asked = ledger.raise_review(&with("30")).await.unwrap();
    assert_eq!((asked.state, asked.revision, asked.decided_by), (Open, 3, None));
    assert!(ledger.accepted_review(&flow, &key(1), PriceDifference, "v1").await.unwrap().is_none());
    assert_eq!(ledger.review_count(Some(Open)).await.unwrap(), 1);
    assert_eq!(ledger.review_count(Some(Accepted)).await.unwrap(), 0);
}

#[tokio::test]
async fn a_conflict_that_comes_again_after_its_decision_is_open_again() {
    let server = Server::start().await;
    let ledger = server.ledger();
    for state in [Accepted, Dismissed] {
        let item = ledger.raise_review(&new(1, Conflict, "phone")).await.unwrap();
        ledger.decide_review(&item.id, state, None, "lena", Some("no matter"), at(9)).await.unwrap();
        assert_eq!(ledger.review_count(Some(Open)).await.unwrap(), 0);
        let again = ledger.raise_review(&new(1, Conflict, "phone")).await.unwrap();
        assert_eq!((again.id, again.state), (item.id, Open));
        assert_eq!((again.decided_by, again.decided_at, again.note), (None, None, None));
        assert_eq!(ledger.review_count(Some(state)).await.unwrap(), 0);
        assert_eq!(ids(&ledger.reviews(Some(Open), 10, None).await.unwrap()), [item.id]);
    }
    assert_eq!(ledger.review_count(None).await.unwrap(), 1);
}

#[tokio::test]
async fn each_decision_is_audited_once_with_what_was_before_and_after() {
    let server = Server::start().await;
    let ledger = server.ledger();
    let id = ledger.raise_review(&new(1, PriceDifference, "v1")).await.unwrap().id;
    let quoted = "cli:le\"na\\/ä\u{7}";
    ledger.decide_review(&id, Accepted, None, quoted, Some("first"), at(1)).await.unwrap();
    // Neither the same once more nor the opposite: whoever asks for it saw the item open.
    for state in [Accepted, Dismissed] {
        let late = ledger.decide_review(&id, state, None, "tom", Some("second"), at(2)).await.unwrap_err();
        let LedgerError::Decided(stands) = &late else { panic!("{late:?}") };
        assert_eq!((stands.state, stands.decided_by.as_deref()), (Accepted, Some(quoted)), "the first one stands");
        assert_eq!((stands.decided_at, stands.note.as_deref()), (Some(at(1)), Some("first")));
        let (told, when) = (late.to_string(), at(1).format("%Y-%m-%dT%H:%M:%SZ").to_string());
        assert!(told.contains("accepted by") && told.contains(&when) && told.contains("nothing was changed"), "{told}");
        assert_eq!(Fault::from(late).kind, FaultKind::Rejected);
    }
    let reopened = ledger.decide_review(&id, Open, None, "tom", Some("not kept"), at(4)).await.unwrap();
    assert_eq!((reopened.decided_by, reopened.decided_at, reopened.note), (None, None, None));
    let again = ledger.decide_review(&id, Open, None, "lena", None, at(5)).await.unwrap_err();
    assert!(again.to_string().contains("item 1 is open"), "{again}");
    ledger.decide_review(&id, Dismissed, None, "tom", None, at(6)).await.unwrap();

    let actions: Vec<_> = ledger.audit_actions(10).await.unwrap().into_iter().rev().map(|entry| entry.action).collect();
    let told: Vec<_> = actions
        .iter()
        .map(|a| (a.who.as_str(), a.what.as_str(), a.before.as_deref().unwrap(), a.after.as_deref().unwrap(), a.at))
        .collect();
    assert_eq!(
        told,
        [
            (quoted, "reviews.accept", "open", "accepted", at(1)),
            ("tom", "reviews.reopen", "accepted", "open", at(4)),
            ("tom", "reviews.dismiss", "open", "dismissed", at(6)),
        ]
    );
    assert_eq!(actions[0].subject, "review 1: epicor_to_hubspot::vendors EPIC06:VEND:1 price_difference");
}

#[tokio::test]
async fn of_eight_who_decide_at_once_one_does_and_the_others_hear_of_it() {
    let server = Server::start().await;
    let ledger = server.ledger();
    for round in 1..=20 {
        let id = ledger.raise_review(&new(round, PriceDifference, "v1")).await.unwrap().id;
        let mut racers = tokio::task::JoinSet::new();
        for person in 0..8 {
            let (ledger, state) = (server.ledger(), if person % 2 == 0 { Accepted } else { Dismissed });
            let who = format!("person{person}");
            racers.spawn(async move { ledger.decide_review(&id, state, None, &who, Some(&who), at(1)).await });
        }
        let (won, lost): (Vec<_>, Vec<_>) = racers.join_all().await.into_iter().partition(Result::is_ok);
        assert_eq!((won.len(), lost.len()), (1, 7), "round {round}");
        let won = won.into_iter().next().unwrap().unwrap();
        for late in lost {
            assert!(matches!(late, Err(LedgerError::Decided(stands)) if *stands == won), "round {round}");
        }
        assert_eq!(ledger.review(&id).await.unwrap().as_ref(), Some(&won));
        let subject = format!("review {id}: ");
        let entries = ledger.audit_actions(500).await.unwrap();
        let entries: Vec<_> = entries.iter().filter(|entry| entry.action.subject.starts_with(&subject)).collect();
        assert_eq!(entries.len(), 1, "round {round}");
        assert_eq!(entries[0].action.who, won.decided_by.unwrap());
    }
}

#[tokio::test]
async fn an_item_that_does_not_exist_cannot_be_decided() {
    let server = Server::start().await;
    let ledger = server.ledger();
    let id: ReviewId = "7".parse().unwrap();
    let error = ledger.decide_review(&id, Accepted, None, "lena", None, at(0)).await.unwrap_err();
    assert_eq!(error.to_string(), "item 7 is not on the review list");
    assert!(matches!(error, LedgerError::NoSuchReview(missing) if missing == id));
    assert_eq!(ledger.review(&id).await.unwrap(), None);
    assert!(server.keys("*").await.is_empty(), "a refused decision leaves nothing, not even an action");
    for text in ["", "0", "-1", "+1", "1.0", "x", "9007199254740993", "99999999999999999999"] {
        assert!(text.parse::<ReviewId>().is_err(), "{text}");
    }
}

#[tokio::test]
async fn pages_join_newest_first_while_items_are_raised_and_decided() {
    let server = Server::start().await;
    let ledger = server.ledger();
    for number in 1..=450 {
        let item = ledger.raise_review(&new(number, Unmatched, "x")).await.unwrap();
        if number % 3 == 0 {
            ledger.decide_review(&item.id, Dismissed, None, "lena", None, at(1)).await.unwrap();
        }
    }
    let counts = [None, Some(Open), Some(Dismissed), Some(Accepted)];
    for (state, expected) in counts.into_iter().zip([450, 300, 150, 0]) {
        assert_eq!(ledger.review_count(state).await.unwrap(), expected);
        assert_eq!(ledger.reviews(state, 10_000, None).await.unwrap().len() as u64, expected);
    }
    let mut read = Vec::new();
    let mut after = None;
    loop {
        let page = ledger.reviews(Some(Open), 7, after).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        // What is on the page read last is decided, and something new comes in: neither moves the next page.
        ledger.decide_review(&page[0].id, Accepted, None, "lena", None, at(2)).await.unwrap();
        ledger.raise_review(&new(10_000 + read.len() as u32, Unmatched, "x")).await.unwrap();
        assert!(page.iter().all(|item| item.state == Open));
        read.extend(page);
    }
    assert_eq!(read.len(), 300);
    assert!(read.windows(2).all(|pair| pair[0].id > pair[1].id));
    assert!(ledger.reviews(None, 0, None).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_search_finds_each_item_once_and_stops_before_it_has_looked_for_long() {
    let server = Server::start().await;
    let ledger = server.ledger();
    for number in 1..=30 {
        let kind = if number % 10 == 0 { Conflict } else { DebitMemo };
        ledger.raise_review(&new(number, kind, "")).await.unwrap();
    }
    let search = async |filter: &ReviewFilter, limit: usize| {
        let (mut found, mut after, mut parts) = (Vec::new(), None, 0);
        loop {
            let (items, next) = ledger.search_reviews(filter, after, limit).await.unwrap();
            found.extend(ids(&items).iter().map(ToString::to_string));
            parts += 1;
            after = next;
            if after.is_none() {
                return (found, parts);
            }
        }
    };
    let all = ReviewFilter::default();
    let (found, parts) = search(&all, 10).await;
    let expected: Vec<String> = (1..=30).rev().map(|number: u32| number.to_string()).collect();
    assert_eq!((found, parts), (expected, 3), "an exact end has no empty part behind it");
    let conflicts = ReviewFilter { kind: Some(Conflict), ..all.clone() };
    assert_eq!(search(&conflicts, 2).await, (vec!["30".to_owned(), "20".to_owned(), "10".to_owned()], 2));
    let elsewhere = ReviewFilter { flow: Some(FlowId::parse("adobe_to_epicor::invoices").unwrap()), ..all.clone() };
    assert_eq!(search(&elsewhere, 2).await, (Vec::new(), 1));
    let decided = ReviewFilter { state: Some(Accepted), ..conflicts };
    assert_eq!(search(&decided, 2).await, (Vec::new(), 1));
    let twenty: ReviewId = "20".parse().unwrap();
    ledger.decide_review(&twenty, Accepted, None, "lena", None, at(1)).await.unwrap();
    assert_eq!(search(&decided, 2).await, (vec!["20".to_owned()], 1));
}

#[tokio::test]
async fn the_oldest_decisions_are_dropped_and_open_items_never() {
    let server = Server::start().await;
    let ledger = server.ledger().keep_decided_reviews(10);
    let mut raised = Vec::new();
    for number in 0..40 {
        raised.push(ledger.raise_review(&new(number, DebitMemo, "x")).await.unwrap().id);
    }
    // The oldest number is decided last: what counts is when it was decided.
    for id in raised[5..30].iter().chain(&raised[..1]) {
        ledger.decide_review(id, Accepted, None, "lena", None, at(1)).await.unwrap();
    }
    let kept: Vec<_> = raised[21..30].iter().rev().chain(&raised[..1]).copied().collect();
    assert_eq!(ids(&ledger.reviews(Some(Accepted), 100, None).await.unwrap()), kept);
    let open: Vec<_> = raised[30..].iter().rev().chain(raised[1..5].iter().rev()).copied().collect();
    assert_eq!(ids(&ledger.reviews(Some(Open), 100, None).await.unwrap()), open);
    assert_eq!(ledger.review_count(None).await.unwrap(), 24);
    assert_eq!(ledger.review(&raised[5]).await.unwrap(), None);
    assert!(ledger.reviews_of(&flow(), &key(5)).await.unwrap().is_empty());
    assert!(ledger.accepted_review(&flow(), &key(5), DebitMemo, "x").await.unwrap().is_none());
    assert!(ledger.accepted_review(&flow(), &key(0), DebitMemo, "x").await.unwrap().is_some());
    assert_eq!(server.keys("*:review:item:*").await.len(), 24);
    assert_eq!(server.keys("*:review:of:*").await.len(), 24);
    let again = ledger.raise_review(&new(5, DebitMemo, "x")).await.unwrap();
    assert_eq!((again.state, again.times), (Open, 1), "a dropped one is new");
    assert!(again.id > raised[39], "a number is never given twice");
}

#[tokio::test]
async fn an_item_that_was_opened_again_is_not_dropped_with_the_decided_ones() {
    let server = Server::start().await;
    let ledger = server.ledger().keep_decided_reviews(10);
    let raised_again = ledger.raise_review(&new(1, Conflict, "phone")).await.unwrap().id;
    let taken_back = ledger.raise_review(&new(2, DebitMemo, "x")).await.unwrap().id;
    for id in [raised_again, taken_back] {
        ledger.decide_review(&id, Accepted, None, "lena", None, at(1)).await.unwrap();
    }
    ledger.raise_review(&new(1, Conflict, "phone")).await.unwrap();
    ledger.decide_review(&taken_back, Open, None, "lena", None, at(2)).await.unwrap();
    for number in 100..130 {
        let id = ledger.raise_review(&new(number, DebitMemo, "x")).await.unwrap().id;
        ledger.decide_review(&id, Dismissed, None, "lena", None, at(3)).await.unwrap();
    }
    assert_eq!(ids(&ledger.reviews(Some(Open), 100, None).await.unwrap()), [taken_back, raised_again]);
    assert_eq!(ledger.review_count(Some(Dismissed)).await.unwrap(), 10, "an open one takes no place of a decided one");
}

#[tokio::test]
async fn the_keys_of_the_list_share_one_hash_tag() {
    let server = Server::start().await;
    let ledger = server.ledger();
    let id = ledger.raise_review(&new(1, Conflict, "phone")).await.unwrap().id;
    ledger.decide_review(&id, Accepted, None, "lena", None, at(1)).await.unwrap();
    for key in server.keys("*").await {
        assert!(key.starts_with("{mlcl:mlc}:"), "{key}");
    }
}

#[tokio::test]
async fn what_is_too_long_for_an_item_is_refused_and_a_long_summary_is_cut() {
    let server = Server::start().await;
    let ledger = server.ledger();
    let long = "ä".repeat(20_000);
    let item = ledger.raise_review(&NewReview { summary: long.clone(), ..new(1, Unmatched, "x") }).await.unwrap();
    assert_eq!(item.summary.len(), 2_000);
    let facts = BTreeMap::from([("a".to_owned(), long.clone())]);
    let refusals = [
        ledger.raise_review(&new(1, Unmatched, &long[..514])).await,
        ledger.raise_review(&NewReview { facts, ..new(1, Unmatched, "x") }).await,
        ledger.decide_review(&item.id, Accepted, None, &long, None, at(0)).await,
        ledger.decide_review(&item.id, Accepted, None, "lena", Some(&long), at(0)).await,
    ];
    for refusal in refusals {
        let error = refusal.unwrap_err();
        assert!(matches!(error, LedgerError::TooLong { .. }), "{error}");
        assert_eq!(Fault::from(error).kind, FaultKind::Rejected);
    }
    assert_eq!(ledger.review(&item.id).await.unwrap(), Some(item));
}

#[tokio::test]
async fn kinds_and_states_are_the_same_words_everywhere() {
    for kind in [PriceDifference, DebitMemo, Correction, Conflict, Unmatched] {
        assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        assert_eq!(kind.as_str().parse::<ReviewKind>().unwrap(), kind);
    }
    for state in [Open, Accepted, Dismissed] {
        assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
        assert_eq!(state.to_string().parse::<ReviewState>().unwrap(), state);
    }
    assert!("Open".parse::<ReviewState>().unwrap_err().to_string().contains("open, accepted or dismissed"));
}

/// A job that waits for a well Redis would wait for ever when it is a value that is ill.
#[tokio::test]
async fn a_damaged_value_is_a_defect_and_a_full_or_lost_redis_a_bad_moment() {
    let mut server = Server::start().await;
    let ledger = server.ledger();
    let raised = async |about: &str| match ledger.raise_review(&new(1, PriceDifference, about)).await {
        Ok(item) => Ok(item.id.to_string()),
        Err(error) => Err(Fault::from(error).kind),
    };
    assert_eq!(raised("one").await, Ok("1".to_owned()));
    let mut connection = server.handle.manager.clone();
    let mut run = async |words: &[&str]| {
        redis::cmd(words[0]).arg(&words[1..]).query_async::<redis::Value>(&mut connection).await.unwrap();
    };
    let meta = server.keys("*:review:meta").await.remove(0);
    run(&["HSET", &meta, "items", "no number"]).await;
    assert_eq!(raised("two").await, Err(FaultKind::Defect));
    run(&["HSET", &meta, "items", "1"]).await;
    let all = server.keys("*:review:in:all").await.remove(0);
    run(&["RENAME", &all, "kept"]).await;
    run(&["SET", &all, "a text where members belong"]).await;
    assert_eq!(raised("three").await, Err(FaultKind::Defect));
    run(&["RENAME", "kept", &all]).await;

    run(&["CONFIG", "SET", "maxmemory", "1"]).await;
    assert_eq!(raised("four").await, Err(FaultKind::Transient));
    run(&["CONFIG", "SET", "maxmemory", "0"]).await;
    assert!(raised("five").await.is_ok());
    server.stop();
    assert_eq!(raised("six").await, Err(FaultKind::Transient));
}
