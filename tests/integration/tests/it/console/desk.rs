//! What else people do at the console: decide, test and pause connections, order reads, look a record up.

use mlc_ledger::ReviewState;
use mlc_model::{Clock as _, ConnectionId, SystemClock};
use mlc_queue::Lane;

use super::{
    browser::Browser,
    site::{Site, review},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reviews_are_decided_and_connections_are_tested_paused_released_and_given_secrets() {
    let site = Site::furnished().await;
    let browser = Browser::open(&site.base).await;

    browser.go("/reviews/1").await;
    browser.press("main", "Dismiss…").await;
    browser.fill("main details[open] input[name=note]", "entered by hand").await;
    browser.press("main details[open]", "Dismiss item 1").await;
    browser.sees("Reopen…").await;
    browser.press("main", "Reopen…").await;
    browser.press("main details[open]", "Reopen item 1").await;
    browser.sees("Accept…").await;
    browser.press("main", "Accept…").await;
    browser.press("main details[open]", "Accept item 1").await;
    browser.sees("Reopen…").await;
    browser.go("/reviews").await;
    browser.sees("2").await;

    browser.go("/connections/hubspot-main").await;
    browser.press("main", "Test hubspot-main now").await;
    browser.sees("token").await;
    browser.press("main", "Pause…").await;
    browser.fill("main details[open] input[name=reason]", "upgrade on Sunday").await;
    browser.press("main details[open]", "Pause hubspot-main").await;
    browser.sees("upgrade on Sunday").await;
    let lane = Lane(ConnectionId::parse("hubspot-main").unwrap());
    assert!(site.house.context.queue.lane(&lane).await.unwrap().paused.is_some());
    browser.press("main", "Resume hubspot-main").await;
    browser.sees("Pause…").await;
    assert!(site.house.context.queue.lane(&lane).await.unwrap().paused.is_none());

    browser.go("/connections/shop-main").await;
    browser.press("main", "Release the hold…").await;
    browser.fill("main details[open] input[name=reason]", "the token is there again").await;
    browser.press("main details[open]", "Release shop-main").await;
    browser.sees("Pause…").await;

    browser.go("/connections/hubspot-main").await;
    browser.script("document.querySelector('#value-token').closest('details').querySelector('summary').click()").await;
    browser.fill("#value-token", "pat-na1-canary-of-the-browser").await;
    browser.press("main details[open]", "Replace token").await;
    browser.sees("token").await;
    for path in ["/connections/hubspot-main", "/audit", "/api/v1/audit", "/api/v1/connections/hubspot-main"] {
        browser.go(path).await;
        let page = browser.script("return document.documentElement.outerHTML").await;
        assert!(!page.as_str().unwrap_or_default().contains("canary-of-the-browser"), "{path}");
    }
    assert!(!site.log().contains("canary-of-the-browser"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_item_that_changes_while_somebody_decides_says_so_and_stands_as_it_was_seen() {
    const NOTE: &str = "#dismiss-note";
    let site = Site::furnished().await;
    let ledger = &site.house.context.ledger;
    let browser = Browser::open(&site.base).await;
    let note = "return document.querySelector('#dismiss-note').value";
    let revisions = "return [...document.querySelectorAll('main [name=revision]')].map(e => e.value).join()";
    browser.go("/reviews/1").await;
    browser.press("main", "Dismiss…").await;
    browser.fill(NOTE, "entered by hand").await;
    // Whoever reads once more what is about to be decided stands in no field.
    browser.script("document.activeElement.blur()").await;
    ledger.raise_review(&review(0, "250.00")).await.unwrap();
    browser.sees("This item changed").await;
    let shown = browser.text("main").await;
    assert!(shown.contains("112.50") && !shown.contains("250.00"), "{shown}");
    assert_eq!((browser.script(revisions).await, browser.script(note).await), ("1,1".into(), "entered by hand".into()));
    assert_eq!(browser.inspect("review-changed").await, [""; 0]);

    browser.press("main [role=status]", "Look at it again").await;
    browser.sees("250.00").await;
    let shown = browser.text("main").await;
    assert!(!shown.contains("112.50") && !shown.contains("This item changed"), "{shown}");
    assert_eq!((browser.script(revisions).await, browser.script(note).await), ("2,2".into(), "entered by hand".into()));
    browser.press("main details[open]", "Dismiss item 1").await;
    browser.sees("Reopen…").await;
    browser.sees("entered by hand").await;

    // What somebody else decides is told in the same way; the same facts once more are no news.
    browser.go("/reviews/2").await;
    ledger.raise_review(&review(1, "112.50")).await.unwrap();
    let item = ledger.reviews(None, 2, None).await.unwrap().pop().unwrap().id;
    ledger.decide_review(&item, ReviewState::Accepted, None, "lena", None, SystemClock.now()).await.unwrap();
    browser.sees("This item changed").await;
    browser.press("main [role=status]", "Look at it again").await;
    browser.sees("Reopen…").await;
    assert!(browser.text("main .head").await.contains("accepted"));
    assert!(browser.complaints().await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_are_ordered_and_records_jobs_and_windows_are_looked_up() {
    let site = Site::furnished().await;
    let browser = Browser::open(&site.base).await;
    // Held, its jobs would never be done.
    let shop = Lane(ConnectionId::parse("shop-main").unwrap());
    site.house.context.queue.resume(&shop, "test").await.unwrap();
    let flow = "/flows/epicor_to_hubspot::vendors";
    for (open, press) in
        [(None, "Sync now"), (Some("Sync since…"), "Sync since then"), (Some("Full resync…"), "Read everything")]
    {
        browser.go(flow).await;
        if let Some(open) = open {
            browser.press("main", open).await;
        }
        if press == "Sync since then" {
            browser.fill("main details[open] input[name=since]", "2h").await;
        }
        browser.press("main", press).await;
        browser.sees("order").await;
        site.house.settle().await.unwrap();
    }
    browser.go("/windows/epicor_to_hubspot::vendors.1").await;
    browser.sees("VendorNum").await;
    browser.press("main", "Replay this window…").await;
    browser.press("main details[open]", "Replay this window").await;
    site.house.settle().await.unwrap();

    // From the search in the head of every page to one record and what was said about it.
    browser.fill("#find", "EPIC06:VEND:1").await;
    browser.enter().await;
    browser.sees("EPIC06:VEND:1").await;
    browser.go("/records/epicor_to_hubspot::vendors/EPIC06:VEND:1").await;
    browser.sees("created").await;
    browser.go("/records/epicor_to_hubspot::vendors/EPIC06:VEND:1?content=1").await;
    browser.sees("\"name\"").await;
    browser.go("/records/epicor_to_hubspot::vendors/EPIC06:VEND:1").await;
    browser.press("main", "Read this record afresh").await;
    site.house.settle().await.unwrap();

    browser.go("/jobs?state=ended&kind=poll_page").await;
    browser.sees("poll_page").await;
    browser.follow("main tbody a").await;
    browser.sees("Lineage").await;
    browser.go("/audit").await;
    for word in ["sync", "replay_window", "read_record", "open_exchange"] {
        browser.sees(word).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_that_is_looked_at_follows_what_happens_and_texts_that_mean_harm_do_none() {
    let site = Site::furnished().await;
    let browser = Browser::open(&site.base).await;
    browser.go("/").await;
    browser.script("window.stays = 'here'").await;
    let lane = Lane(ConnectionId::parse("hubspot-main").unwrap());
    site.house.context.queue.pause(&lane, "lena", "<b onclick=alert(1)>seen without a reload</b>").await.unwrap();
    browser.sees("seen without a reload").await;
    assert_eq!(browser.script("return window.stays").await, "here", "the page was not loaded anew");
    for path in
        ["/", "/connections", "/reviews", "/reviews/1", "/dead-letters", "/dead-letters/list", "/records?key=EVIL"]
    {
        browser.go(path).await;
        assert_eq!(browser.script("return document.title === 'owned' || document.querySelectorAll('main script, main img, main b[onclick]').length > 0").await, false, "{path}");
    }
    assert!(browser.complaints().await.is_empty());
}
