use mlc_ledger::{ActionFilter, LedgerError, PersonAction};

use crate::server::{Server, at};

fn action(number: i64, who: &str, what: &str, subject: &str) -> PersonAction {
    let json = serde_json::json!({ "who": who, "what": what, "subject": subject, "at": at(number) });
    serde_json::from_value(json).unwrap()
}

fn subject(text: &str) -> ActionFilter {
    ActionFilter { subject: Some(text.to_owned()), ..ActionFilter::default() }
}

#[tokio::test]
async fn pages_of_actions_meet_without_gap_or_repetition() {
    let server = Server::start().await;
    let ledger = server.ledger();
    for number in 0..25 {
        ledger.record_action(&action(number, "lena", "jobs.replay", &format!("job {number}"))).await.unwrap();
    }
    let (mut subjects, mut after) = (Vec::new(), None);
    loop {
        let (page, next) = ledger.actions(&ActionFilter::default(), after.as_deref(), 10).await.unwrap();
        subjects.extend(page.into_iter().map(|entry| entry.action.subject));
        match next {
            Some(place) => after = Some(place),
            None => break,
        }
    }
    assert_eq!(subjects, (0..25).rev().map(|number| format!("job {number}")).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_page_that_ends_with_the_last_action_has_none_after_it() {
    let server = Server::start().await;
    let ledger = server.ledger();
    for number in 0..10 {
        ledger.record_action(&action(number, "lena", "jobs.replay", "job")).await.unwrap();
    }
    let (page, next) = ledger.actions(&ActionFilter::default(), None, 10).await.unwrap();
    assert_eq!((page.len(), next), (10, None));
}

#[tokio::test]
async fn a_filter_finds_what_it_names_in_any_case_and_nothing_else() {
    let server = Server::start().await;
    let ledger = server.ledger();
    for (number, who, what, about) in [
        (0, "Lena@ops", "dead_letters.replay", "job 7"),
        (1, "tom", "dead_letters.discard", "job 8"),
        (2, "lena@ops", "lanes.pause", "shop-main"),
    ] {
        ledger.record_action(&action(number, who, what, about)).await.unwrap();
    }
    let found = async |who: &str, what: &str, subject: &str| {
        let given = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        let filter = ActionFilter { who: given(who), what: given(what), subject: given(subject) };
        let (entries, next) = ledger.actions(&filter, None, 50).await.unwrap();
        assert_eq!(next, None);
        entries.into_iter().map(|entry| entry.action.what).collect::<Vec<_>>()
    };
    assert_eq!(found("LENA", "", "").await, ["lanes.pause", "dead_letters.replay"]);
    assert_eq!(found("", "dead_letters", "").await, ["dead_letters.discard", "dead_letters.replay"]);
    assert_eq!(found("lena", "dead", "job 7").await, ["dead_letters.replay"]);
    assert!(found("tom", "lanes", "").await.is_empty());
}

#[tokio::test]
async fn a_search_among_very_many_finds_the_rare_one_in_bounded_steps() {
    let server = Server::start().await;
    let ledger = server.ledger();
    ledger.record_action(&action(0, "lena", "jobs.replay", "the needle")).await.unwrap();
    let hay = serde_json::to_string(&action(1, "tom", "jobs.replay", "hay")).unwrap();
    for _ in 0..20 {
        let mut pipe = redis::pipe();
        for _ in 0..1_000 {
            pipe.cmd("XADD").arg("{mlcl:mlc}:actions").arg("*").arg("a").arg(&hay).ignore();
        }
        let () = pipe.query_async(&mut server.handle.manager.clone()).await.unwrap();
    }
    let (mut found, mut after, mut calls) = (Vec::new(), None, 0);
    loop {
        calls += 1;
        let (page, next) = ledger.actions(&subject("needle"), after.as_deref(), 50).await.unwrap();
        found.extend(page);
        match next {
            Some(place) => after = Some(place),
            None => break,
        }
    }
    assert_eq!(found.len(), 1);
    assert!(calls <= 41, "each call goes on from where the last one ended: {calls}");
}

#[tokio::test]
async fn a_place_that_was_never_given_is_refused() {
    let server = Server::start().await;
    for wrong in ["", "x", "1", "(5-0", "-"] {
        let answer = server.ledger().actions(&ActionFilter::default(), Some(wrong), 5).await;
        assert!(matches!(answer, Err(LedgerError::NoSuchPlace)), "{wrong}");
    }
}

#[tokio::test]
async fn an_action_that_began_stands_so_until_it_is_closed_and_is_then_one_entry() {
    let server = Server::start().await;
    let ledger = server.ledger();
    let told = async || {
        let (entries, _) = ledger.actions(&ActionFilter::default(), None, 10).await.unwrap();
        entries.into_iter().map(|entry| (entry.action.subject, entry.action.unfinished)).collect::<Vec<_>>()
    };
    let begun = ledger.begin_action(&action(0, "lena", "pause", "begun")).await.unwrap();
    let elsewhere = ledger.begin_action(&action(1, "tom", "pause", "elsewhere")).await.unwrap();
    assert_eq!(told().await, [("elsewhere".to_owned(), true), ("begun".to_owned(), true)]);
    assert!(ledger.action(&begun).await.unwrap().unwrap().action.unfinished);
    ledger.finish_action(&begun, &action(2, "lena", "pause", "done")).await.unwrap();
    assert_eq!(told().await, [("done".to_owned(), false), ("elsewhere".to_owned(), true)]);
    ledger.withdraw_action(&elsewhere).await.unwrap();
    assert_eq!(told().await, [("done".to_owned(), false)]);
    // One that is long past leaves what is known all the same.
    ledger.finish_action(&begun, &action(3, "lena", "pause", "late")).await.unwrap();
    assert_eq!(told().await.len(), 2);
}

#[tokio::test]
async fn nothing_stands_before_the_oldest_action_and_redis_is_not_made_to_look_for_it() {
    let server = Server::start().await;
    let ledger = server.ledger();
    assert_eq!(ledger.actions(&ActionFilter::default(), Some("9-9"), 10).await.unwrap(), (Vec::new(), None));
    for number in 0..3 {
        ledger.record_action(&action(number, "lena", "jobs.replay", "job")).await.unwrap();
    }
    let oldest = ledger.audit_actions(3).await.unwrap().pop().unwrap().id;
    let mut redis = server.handle.manager.clone();
    redis::cmd("CONFIG").arg("RESETSTAT").exec_async(&mut redis).await.unwrap();
    for place in ["9-9", "1-1", oldest.as_str()] {
        assert_eq!(ledger.actions(&ActionFilter::default(), Some(place), 10).await.unwrap(), (Vec::new(), None));
    }
    let calls: String = redis::cmd("INFO").arg("commandstats").query_async(&mut redis).await.unwrap();
    assert!(calls.contains("cmdstat_xrange:") && !calls.contains("cmdstat_xrevrange:"), "{calls}");
    assert!(matches!(ledger.actions(&ActionFilter::default(), Some("0-0"), 10).await, Err(LedgerError::NoSuchPlace)));
}
