//! Flows and their windows: by state, page by page, and what a replay of one leaves behind; the review list by its filters.

use mlc_house::VENDORS;
use mlc_model::{Clock as _, FlowId, SystemClock};

use super::{browser::Browser, site::Site};

const ROWS: &str = "main #windows tbody th a";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn windows_are_found_by_state_and_page_by_page() {
    let site = Site::furnished().await;
    let ledger = &site.house.context.ledger;
    let flow = FlowId::parse(VENDORS).unwrap();
    let first = ledger.windows(&flow, 10).await.unwrap().pop().unwrap();
    // As many as fill two pages, half of them given up.
    for number in 0..98 {
        let row = ledger.replay_window(&first.window.id, SystemClock.now()).await.unwrap();
        if number % 2 == 0 {
            ledger.abandon_window(&row.window.id, "given up by the test", SystemClock.now()).await.unwrap();
        }
    }
    let path = |number: usize| format!("/windows/{VENDORS}.{number}");
    let browser = Browser::open(&site.base).await;
    browser.go(&format!("/flows/{VENDORS}")).await;
    let pages = browser.every_page_of(ROWS, "href").await;
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [50, 50], "no page without a window follows");
    assert_eq!(pages.concat(), (1..=100).rev().map(path).collect::<Vec<_>>());
    for (tab, numbers) in [
        ("Open", (4..=100).rev().step_by(2).collect::<Vec<_>>()),
        ("Closed", vec![2, 1]),
        ("Abandoned", (3..=99).rev().step_by(2).collect()),
    ] {
        browser.go(&format!("/flows/{VENDORS}")).await;
        browser.press("main nav", tab).await;
        browser.shows(ROWS, "href", &numbers.into_iter().map(path).collect::<Vec<_>>()).await;
        assert_eq!(browser.text("main nav [aria-current]").await, tab);
    }
    browser.go(&path(3)).await;
    browser.sees("Given up: given up by the test").await;
    browser.press("main .facts", &format!("{VENDORS}.1")).await;
    browser.arrives(&path(1)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_of_a_window_tells_its_question_and_what_became_of_its_records() {
    let site = Site::furnished().await;
    let flow = FlowId::parse(VENDORS).unwrap();
    let row = site.house.context.ledger.windows(&flow, 10).await.unwrap().pop().unwrap();
    let browser = Browser::open(&site.base).await;
    browser.go("/flows").await;
    browser.press("main tbody", VENDORS).await;
    browser.arrives(&format!("/flows/{VENDORS}")).await;
    browser.press("main #windows tbody", "1").await;
    browser.arrives(&format!("/windows/{VENDORS}.1")).await;
    assert_eq!(browser.text("main pre").await, row.query, "the query as it was sent");
    let figures = browser.all("main .cards .figure", "innerText").await;
    assert_eq!(figures[1], row.totals.read.to_string(), "{figures:?}");
    // From an entry to the record and back to the window by its trail.
    let record = browser.all("main table tbody th a", "href").await.remove(0);
    browser.go(&record).await;
    browser.press("main", &format!("window {VENDORS}.1")).await;
    browser.arrives(&format!("/windows/{VENDORS}.1")).await;
    browser.press("main", "Replay this window…").await;
    browser.press("main details[open]", "Replay this window").await;
    site.house.context.queue.lanes().await.unwrap();
    let ledger = &site.house.context.ledger;
    let again = async || ledger.windows(&flow, 10).await.unwrap().len() == 3;
    crate::processes::eventually("a window that repeats it", std::time::Duration::from_secs(20), again).await;
    browser.go(&format!("/windows/{VENDORS}.3")).await;
    browser.sees("Repeats").await;
    assert_eq!(browser.text("main pre").await, row.query, "the same question");
    // Nothing can be polled where everything is announced.
    browser.go("/flows/adobe_to_epicor::requisitions").await;
    browser.sees("by webhook: there is nothing to poll").await;
    assert_eq!(browser.count("main form").await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_review_list_is_filtered_and_follows_decisions() {
    let site = Site::furnished().await;
    let browser = Browser::open(&site.base).await;
    let rows = "main tbody th a";
    let items = |numbers: &[u32]| numbers.iter().map(|number| format!("/reviews/{number}")).collect::<Vec<_>>();
    browser.go("/reviews").await;
    browser.shows(rows, "href", &items(&[3, 2, 1])).await;
    for (kind, numbers) in
        [("price_difference", &[1][..]), ("debit_memo", &[2]), ("conflict", &[3]), ("unmatched", &[])]
    {
        browser.go("/reviews").await;
        browser.fill("#reviews-kind", kind).await;
        browser.press("form.filters", "Filter").await;
        browser.shows(rows, "href", &items(numbers)).await;
        assert_eq!(browser.script("return document.querySelector('#reviews-kind').value").await, kind);
    }
    browser.sees("No item fits the filter.").await;
    browser.press("form.filters", "Clear").await;
    browser.fill("#reviews-flow", VENDORS).await;
    browser.press("form.filters", "Filter").await;
    browser.sees("No item fits the filter.").await;
    browser.fill("#reviews-flow", "epicor_to_adobe::ap_invoices").await;
    browser.press("form.filters", "Filter").await;
    browser.shows(rows, "href", &items(&[3, 2, 1])).await;

    // Another person decides while the list is looked at.
    browser.go("/reviews").await;
    browser.script("window.stays = 'here'").await;
    let (ledger, now) = (&site.house.context.ledger, SystemClock.now());
    let (second, accepted) = ("2".parse().unwrap(), mlc_ledger::ReviewState::Accepted);
    ledger.decide_review(&second, accepted, None, "otto", Some("agreed with the supplier"), now).await.unwrap();
    browser.shows(rows, "href", &items(&[3, 1])).await;
    browser.sees("Accepted (1)").await;
    assert_eq!(browser.script("return window.stays").await, "here");
    for (tab, numbers) in [("Accepted", &[2][..]), ("Dismissed", &[]), ("All", &[3, 2, 1]), ("Open", &[3, 1])] {
        browser.press("main nav", tab).await;
        browser.shows(rows, "href", &items(numbers)).await;
    }
    // Who changed his mind takes the decision back first.
    let (first, dismissed) = ("1".parse().unwrap(), mlc_ledger::ReviewState::Dismissed);
    let open = mlc_ledger::ReviewState::Open;
    ledger.decide_review(&first, dismissed, None, "otto", Some("a mistake"), now).await.unwrap();
    browser.go("/reviews?state=dismissed").await;
    browser.shows(rows, "href", &items(&[1])).await;
    ledger.decide_review(&first, open, None, "otto", None, now).await.unwrap();
    browser.sees("No item stands here.").await;
    ledger.decide_review(&first, accepted, None, "otto", None, now).await.unwrap();
    browser.go("/reviews/2").await;
    browser.sees("agreed with the supplier").await;
    browser.sees("otto").await;
}
