use chrono::TimeDelta;
use mlc_ledger::{
    Action, CloseOutcome, CloseRequest, LedgerError, Mark, NewWindow, Opened, PageMark, PageMode, Purpose, WindowState,
};
use mlc_model::{ChangeField, ChangeMode, WindowBounds, WindowId};

use crate::server::{Server, at, delivery, flow, sighting};

const BIG: i64 = (1 << 53) + 1;

fn revision() -> ChangeField {
    ChangeField { mode: ChangeMode::Revision, column: "SysRevID".into() }
}

fn new(entity: &str, purpose: Purpose) -> NewWindow {
    NewWindow {
        flow: flow(),
        entity: entity.into(),
        purpose,
        change_field: revision(),
        bounds: WindowBounds::Revision { since: Some(BIG), until: Some(BIG + 1) },
        query: "$filter=SysRevID gt 9007199254740993&$top=100".into(),
        mode: PageMode::Skip,
        replay_of: None,
        opened_by: None,
        at: at(0),
    }
}

fn page(skip: u64, rows: u64) -> PageMark {
    PageMark {
        skip,
        read: 100,
        changed: 60,
        unchanged: 40,
        rows_in_window: Some(rows),
        requests: 1,
        ..PageMark::default()
    }
}

fn close(pass: u32, after: Option<u64>, mark: i64) -> CloseRequest {
    CloseRequest { pass, rows_after: after, mark: Some(Mark::Revision(mark)), at: at(60_000) }
}

#[tokio::test]
async fn a_second_poll_coalesces_with_the_open_window_and_a_full_one_does_not() {
    let server = Server::start().await;
    let ledger = server.ledger();
    let first = ledger.open_window(new("vendors", Purpose::Incremental)).await.unwrap();
    assert!(matches!(&first, Opened::New(row) if row.window.id.as_str() == "epicor_to_hubspot::vendors.1"));
    let second = ledger.open_window(new("vendors", Purpose::Incremental)).await.unwrap();
    assert!(matches!(&second, Opened::Coalesced(row) if row == first.row()));
    assert!(matches!(ledger.open_window(new("vendors", Purpose::Full)).await.unwrap(), Opened::New(_)));
    assert!(matches!(ledger.open_window(new("contacts", Purpose::Incremental)).await.unwrap(), Opened::New(_)));
    assert_eq!(ledger.open_windows(&flow()).await.unwrap().len(), 3);
    assert!(ledger.abandon_window(&first.row().window.id, "wrong company", at(1)).await.unwrap());
    assert!(!ledger.abandon_window(&first.row().window.id, "again", at(2)).await.unwrap());
    assert!(matches!(ledger.open_window(new("vendors", Purpose::Incremental)).await.unwrap(), Opened::New(_)));
    let row = ledger.window(&first.row().window.id).await.unwrap().unwrap();
    assert_eq!((row.state, row.reason.as_deref()), (WindowState::Abandoned, Some("wrong company")));
}

#[tokio::test]
async fn a_page_counts_once_however_often_it_runs() {
    let server = Server::start().await;
    let ledger = server.ledger();
    let id = ledger.open_window(new("vendors", Purpose::Incremental)).await.unwrap().row().window.id.clone();
    for _ in 0..3 {
        let state = ledger.record_page(&id, 1, page(0, 150), Some(2)).await.unwrap();
        assert!(!state.complete);
        assert_eq!((state.totals.pages, state.totals.read), (1, 100));
    }
    let highest = PageMark { read: 50, changed: 0, unchanged: 50, highest_revision: Some(BIG + 1), ..page(100, 150) };
    ledger.record_page(&id, 1, PageMark { highest_revision: Some(BIG), ..page(0, 150) }, None).await.unwrap();
    let state = ledger.record_page(&id, 1, highest, None).await.unwrap();
    assert!(state.complete);
    assert_eq!((state.totals.read, state.totals.changed, state.totals.unchanged), (150, 60, 90));
    assert_eq!(state.totals.highest_revision, Some(BIG + 1));
    assert_eq!(ledger.window(&id).await.unwrap().unwrap().requests, 5);
}

#[tokio::test]
async fn a_window_closes_only_when_complete_and_stable_and_moves_the_checkpoint_with_it() {
    let server = Server::start().await;
    let ledger = server.ledger();
    let id = ledger.open_window(new("vendors", Purpose::Incremental)).await.unwrap().row().window.id.clone();
    ledger.record_page(&id, 1, page(0, 200), Some(2)).await.unwrap();
    let early = ledger.close_window(&id, close(1, Some(200), BIG + 1)).await.unwrap();
    assert_eq!(early, CloseOutcome::Incomplete { pages: 1, expected: Some(2) });
    ledger.record_page(&id, 1, page(100, 200), None).await.unwrap();
    let shifted = ledger.close_window(&id, close(1, Some(199), BIG + 1)).await.unwrap();
    assert_eq!(shifted, CloseOutcome::Unstable { lowest: Some(200), highest: Some(200), after: Some(199) });
    assert_eq!(ledger.checkpoint(&flow(), "vendors").await.unwrap(), None);

    assert!(ledger.start_pass(&id, 2, PageMode::Skip).await.unwrap());
    assert!(ledger.start_pass(&id, 2, PageMode::Skip).await.unwrap());
    assert!(ledger.record_page(&id, 1, page(0, 200), Some(2)).await.unwrap().stale);
    assert_eq!(
        ledger.close_window(&id, close(1, Some(200), BIG)).await.unwrap(),
        CloseOutcome::StalePass { current: 2 }
    );
    ledger.record_page(&id, 2, page(0, 199), Some(2)).await.unwrap();
    ledger.record_page(&id, 2, PageMark { read: 99, ..page(100, 199) }, None).await.unwrap();
    let closed = ledger.close_window(&id, close(2, Some(199), BIG + 1)).await.unwrap();
    assert_eq!(closed, CloseOutcome::Closed { checkpoint_moved: true });
    assert_eq!(ledger.close_window(&id, close(2, Some(199), BIG + 1)).await.unwrap(), CloseOutcome::AlreadyClosed);
    assert!(!ledger.start_pass(&id, 3, PageMode::Skip).await.unwrap());

    let row = ledger.window(&id).await.unwrap().unwrap();
    assert_eq!((row.state, row.pass, row.totals.pages, row.totals.read), (WindowState::Closed, 2, 2, 199));
    assert_eq!(row.closed_at, Some(at(60_000)));
    assert!(server.keys("*:pages").await.is_empty() && ledger.open_windows(&flow()).await.unwrap().is_empty());
    let checkpoint = ledger.checkpoint(&flow(), "vendors").await.unwrap().unwrap();
    assert_eq!((checkpoint.until, checkpoint.change_field), (Mark::Revision(BIG + 1), revision()));
    assert_eq!(checkpoint.recent, [(at(0), Mark::Revision(BIG + 1))]);
}

#[tokio::test]
async fn a_count_that_wobbled_during_the_pass_is_unstable_even_when_it_came_back() {
    let server = Server::start().await;
    let ledger = server.ledger();
    let id = ledger.open_window(new("vendors", Purpose::Incremental)).await.unwrap().row().window.id.clone();
    ledger.record_page(&id, 1, page(0, 200), Some(2)).await.unwrap();
    ledger.record_page(&id, 1, page(100, 201), None).await.unwrap();
    let outcome = ledger.close_window(&id, close(1, Some(200), BIG)).await.unwrap();
    assert_eq!(outcome, CloseOutcome::Unstable { lowest: Some(200), highest: Some(201), after: Some(200) });
}

#[tokio::test]
async fn a_walk_by_key_closes_without_counts() {
    let server = Server::start().await;
    let ledger = server.ledger();
    let id = ledger.open_window(new("vendors", Purpose::Incremental)).await.unwrap().row().window.id.clone();
    ledger.start_pass(&id, 3, PageMode::Keyset).await.unwrap();
    let by_key = |skip| PageMark { rows_in_window: None, ..page(skip, 0) };
    assert!(!ledger.record_page(&id, 3, by_key(0), None).await.unwrap().complete);
    let open = ledger.close_window(&id, close(3, None, BIG)).await.unwrap();
    assert_eq!(open, CloseOutcome::Incomplete { pages: 1, expected: None });
    assert!(ledger.record_page(&id, 3, by_key(1), Some(2)).await.unwrap().complete);
    let closed = ledger.close_window(&id, close(3, None, BIG)).await.unwrap();
    assert_eq!(closed, CloseOutcome::Closed { checkpoint_moved: true });
}

async fn read_and_close(server: &Server, window: NewWindow, mark: Option<Mark>) -> CloseOutcome {
    let ledger = server.ledger();
    let id = ledger.open_window(window).await.unwrap().row().window.id.clone();
    ledger.record_page(&id, 1, page(0, 100), Some(1)).await.unwrap();
    ledger.close_window(&id, CloseRequest { pass: 1, rows_after: Some(100), mark, at: at(1) }).await.unwrap()
}

#[tokio::test]
async fn a_checkpoint_never_goes_back_except_by_a_reset_that_leaves_a_trace() {
    let server = Server::start().await;
    let ledger = server.ledger();
    let incremental = || new("vendors", Purpose::Incremental);
    read_and_close(&server, incremental(), Some(Mark::Revision(BIG + 1))).await;
    let back = read_and_close(&server, incremental(), Some(Mark::Revision(BIG))).await;
    assert_eq!(back, CloseOutcome::Closed { checkpoint_moved: false });
    let replay = read_and_close(&server, new("vendors", Purpose::Replay), None).await;
    assert_eq!(replay, CloseOutcome::Closed { checkpoint_moved: false });
    let by_time = NewWindow {
        change_field: ChangeField { mode: ChangeMode::Timestamp, column: "UpdatedOn".into() },
        bounds: WindowBounds::Time { since: None, until: at(0) },
        ..incremental()
    };
    let other_field = read_and_close(&server, by_time.clone(), Some(Mark::Time(at(0)))).await;
    assert_eq!(other_field, CloseOutcome::Closed { checkpoint_moved: false });
    assert_eq!(ledger.checkpoint(&flow(), "vendors").await.unwrap().unwrap().until, Mark::Revision(BIG + 1));

    assert!(ledger.reset_checkpoint(&flow(), "vendors", "UpdatedOn is there now", at(9)).await.unwrap());
    assert_eq!(ledger.checkpoint(&flow(), "vendors").await.unwrap(), None);
    let entry = ledger.audit_flow(&flow(), 1).await.unwrap().remove(0);
    assert_eq!((entry.action, entry.key.as_str()), (Action::CheckpointReset, "checkpoint:vendors"));
    assert_eq!(entry.detail.as_deref(), Some("UpdatedOn is there now"));
    let moved = read_and_close(&server, by_time, Some(Mark::Time(at(0)))).await;
    assert_eq!(moved, CloseOutcome::Closed { checkpoint_moved: true });
    assert_eq!(ledger.checkpoint(&flow(), "vendors").await.unwrap().unwrap().until, Mark::Time(at(0)));
}

#[tokio::test]
async fn a_checkpoint_remembers_which_mark_was_current_when() {
    let server = Server::start().await;
    for n in 0..70 {
        let window = NewWindow { at: at(n * 60_000), ..new("vendors", Purpose::Incremental) };
        read_and_close(&server, window, Some(Mark::Revision(n))).await;
    }
    let checkpoint = server.ledger().checkpoint(&flow(), "vendors").await.unwrap().unwrap();
    assert_eq!((checkpoint.recent.len(), checkpoint.recent[0]), (64, (at(6 * 60_000), Mark::Revision(6))));
    let start = |overlap_seconds| checkpoint.start(TimeDelta::seconds(overlap_seconds), at(500 * 60_000));
    assert_eq!(start(0), Some(Mark::Revision(69)));
    assert_eq!(
        start(90),
        Some(Mark::Revision(67)),
        "what was current 90 s before the last window, however long ago that is"
    );
    assert_eq!(start(64 * 60), None, "no mark is that old: from the beginning");
}

#[tokio::test]
async fn polls_in_quick_succession_do_not_push_out_older_marks() {
    let server = Server::start().await;
    for n in 0..200 {
        let window = NewWindow { at: at(n * 1_000), ..new("vendors", Purpose::Incremental) };
        read_and_close(&server, window, Some(Mark::Revision(n))).await;
    }
    let checkpoint = server.ledger().checkpoint(&flow(), "vendors").await.unwrap().unwrap();
    let Some(Mark::Revision(start)) = checkpoint.start(TimeDelta::minutes(2), at(200_000)) else {
        panic!("a revision")
    };
    assert!((74..=79).contains(&start), "{start}");
}

#[tokio::test]
async fn the_first_windows_stragglers_are_looked_for_once_their_time_has_come() {
    let server = Server::start().await;
    read_and_close(&server, new("vendors", Purpose::Incremental), Some(Mark::Revision(7))).await;
    let checkpoint = server.ledger().checkpoint(&flow(), "vendors").await.unwrap().unwrap();
    let opened = checkpoint.recent[0].0;
    let after = |seconds| checkpoint.start(TimeDelta::minutes(2), opened + TimeDelta::seconds(seconds));
    assert_eq!((after(119), after(120)), (Some(Mark::Revision(7)), None));
}

#[tokio::test]
async fn pages_that_do_not_join_do_not_close_a_window() {
    let server = Server::start().await;
    let ledger = server.ledger();
    let id = ledger.open_window(new("vendors", Purpose::Incremental)).await.unwrap().row().window.id.clone();
    let mark = |skip, read, starts, ends| PageMark { read, starts: Some(starts), ends: Some(ends), ..page(skip, 150) };
    ledger.record_page(&id, 1, mark(0, 100, 11, 12), Some(2)).await.unwrap();
    ledger.record_page(&id, 1, mark(99, 50, 13, 14), None).await.unwrap();
    let close = CloseRequest { pass: 1, rows_after: Some(150), mark: None, at: at(1) };
    let outcome = ledger.close_window(&id, close).await.unwrap();
    assert_eq!(outcome, CloseOutcome::Unstable { lowest: Some(150), highest: Some(150), after: Some(150) });
    ledger.record_page(&id, 1, mark(99, 50, 12, 14), None).await.unwrap();
    let outcome = ledger.close_window(&id, close).await.unwrap();
    assert_eq!(outcome, CloseOutcome::Closed { checkpoint_moved: false });
}

#[tokio::test]
async fn a_mark_in_the_wrong_unit_is_refused() {
    let server = Server::start().await;
    let ledger = server.ledger();
    let id = ledger.open_window(new("vendors", Purpose::Incremental)).await.unwrap().row().window.id.clone();
    let request = CloseRequest { mark: Some(Mark::Time(at(0))), ..close(1, Some(0), 0) };
    assert!(matches!(ledger.close_window(&id, request).await, Err(LedgerError::Unreadable { .. })));
}

#[tokio::test]
async fn a_replay_asks_the_same_question_under_a_new_id() {
    let server = Server::start().await;
    let ledger = server.ledger();
    let original = ledger.open_window(new("vendors", Purpose::Incremental)).await.unwrap().row().clone();
    let replay = ledger.replay_window(&original.window.id, at(7)).await.unwrap();
    assert_ne!(replay.window.id, original.window.id);
    assert_eq!((&replay.query, replay.window.bounds), (&original.query, original.window.bounds));
    assert_eq!((replay.purpose, replay.replay_of), (Purpose::Replay, Some(original.window.id)));
    assert_eq!(ledger.windows(&flow(), 10).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_window_nobody_opened_is_named_in_the_error() {
    let server = Server::start().await;
    let ledger = server.ledger();
    for id in ["epicor_to_hubspot::vendors.99", "nonsense"] {
        let id = WindowId::parse(id).unwrap();
        assert_eq!(ledger.window(&id).await.unwrap(), None);
        for error in [
            ledger.record_page(&id, 1, page(0, 1), None).await.unwrap_err(),
            ledger.close_window(&id, close(1, None, 0)).await.unwrap_err(),
            ledger.start_pass(&id, 2, PageMode::Skip).await.unwrap_err(),
            ledger.abandon_window(&id, "", at(0)).await.unwrap_err(),
            ledger.audit_window(&id, 5).await.unwrap_err(),
        ] {
            assert_eq!(error.to_string(), format!("window {id} is not in the ledger"));
        }
    }
    assert!(server.keys("*").await.is_empty());
}

#[tokio::test]
async fn empty_bounds_open_no_window() {
    let server = Server::start().await;
    let bounds = WindowBounds::Time { since: Some(at(1)), until: at(1) };
    let error = server.ledger().open_window(NewWindow { bounds, ..new("vendors", Purpose::Full) }).await;
    assert!(matches!(error, Err(LedgerError::InvalidWindow(_))));
}

#[tokio::test]
async fn the_trail_of_a_window_holds_its_records_and_no_others() {
    let server = Server::start().await;
    let (ledger, flow) = (server.ledger(), flow());
    ledger.deliver(&flow, &[delivery(&sighting(900, 1, 1), "1")]).await.unwrap();
    let first = ledger.open_window(new("vendors", Purpose::Incremental)).await.unwrap().row().window.id.clone();
    let other = ledger.open_window(new("vendors", Purpose::Full)).await.unwrap().row().window.id.clone();
    for number in 0..250 {
        let mut of_window = delivery(&sighting(number, 1, 1), "1");
        of_window.window = Some(if number % 5 == 0 { first.clone() } else { other.clone() });
        ledger.deliver(&flow, &[of_window]).await.unwrap();
    }
    let scan = ledger.audit_window(&first, 1_000).await.unwrap();
    assert!(scan.complete);
    let keys: Vec<String> = scan.entries.into_iter().map(|entry| entry.key).collect();
    assert_eq!(keys, (0..50).map(|n| format!("EPIC06:VEND:{}", n * 5)).collect::<Vec<_>>());
    let scan = ledger.audit_window(&other, 10).await.unwrap();
    assert!(!scan.complete && scan.entries.len() == 10);
}

#[tokio::test]
async fn old_windows_are_dropped_but_never_an_open_one() {
    let server = Server::start().await;
    let ledger = server.ledger();
    let open = ledger.open_window(new("contacts", Purpose::Incremental)).await.unwrap().row().window.id.clone();
    for _ in 0..u64::from(mlc_ledger::WINDOWS_KEPT) + 5 {
        let id = ledger.open_window(new("vendors", Purpose::Incremental)).await.unwrap().row().window.id.clone();
        ledger.abandon_window(&id, "", at(0)).await.unwrap();
    }
    let windows = ledger.windows(&flow(), 20_000).await.unwrap();
    assert_eq!(windows.len(), mlc_ledger::WINDOWS_KEPT as usize);
    assert_eq!(windows.last().unwrap().window.id, open);
    assert_eq!(server.keys("*:win:*").await.len(), windows.len());
}

#[tokio::test]
async fn a_pinned_change_field_says_why_it_was_chosen() {
    let server = Server::start().await;
    let ledger = server.ledger();
    assert_eq!(ledger.pinned(&flow(), "vendors").await.unwrap(), None);
    ledger.pin_change_field(&flow(), "vendors", revision(), "no UpdatedOn in $metadata", at(3)).await.unwrap();
    let pin = ledger.pinned(&flow(), "vendors").await.unwrap().unwrap();
    assert_eq!((pin.change_field, pin.why.as_str(), pin.at), (revision(), "no UpdatedOn in $metadata", at(3)));
}
