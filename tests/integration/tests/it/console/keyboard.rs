//! The console without a mouse.

use super::{browser::Browser, site::Site};

const ENTER: &str = "\u{e007}";
const TAB: &str = "\u{e004}";
const ESCAPE: &str = "\u{e00c}";
const SPACE: &str = " ";

/// Presses Tab until the focus is on something with this text, and gives up after two hundred.
async fn tab_to(browser: &Browser, words: &str) {
    for _ in 0..200 {
        browser.keys(TAB).await;
        let text = browser
            .script("return document.activeElement.innerText || document.activeElement.getAttribute('name') || ''")
            .await;
        if text.as_str().unwrap_or_default().trim().starts_with(words) {
            let seen = browser
                .script("const s = getComputedStyle(document.activeElement); return s.outlineStyle !== 'none' || s.boxShadow !== 'none'")
                .await;
            assert_eq!(seen, true, "whoever tabs sees where he is: {words}");
            return;
        }
    }
    panic!("no Tab leads to `{words}` at {}", browser.path().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_can_be_done_without_a_mouse() {
    let site = Site::furnished().await;
    let browser = Browser::open(&site.base).await;

    // The keys that a person finds by asking for them.
    browser.go("/").await;
    browser.keys("?").await;
    assert_eq!(browser.script("return document.querySelector('#shortcuts').open").await, true);
    browser.keys(ESCAPE).await;
    assert_eq!(browser.script("return document.querySelector('#shortcuts').open").await, false);
    for (key, path) in [("j", "/jobs"), ("d", "/dead-letters"), ("f", "/flows"), ("a", "/audit")] {
        browser.keys("g").await;
        browser.keys(key).await;
        browser.arrives(path).await;
    }
    browser.keys("/").await;
    assert_eq!(browser.script("return document.activeElement.id").await, "find");
    browser.keys("EPIC06:VEND:1").await;
    browser.keys(ENTER).await;
    browser.arrives("/records").await;

    // The first Tab leads past the navigation.
    browser.go("/dead-letters/list").await;
    browser.keys(TAB).await;
    browser.keys(ENTER).await;
    assert_eq!(browser.script("return location.hash").await, "#main");
    // Through the rows, into a letter, and an action there.
    browser.keys("j").await;
    browser.keys("j").await;
    browser.keys("k").await;
    browser.keys(ENTER).await;
    browser.sees("Replay this letter").await;
    tab_to(&browser, "Discard…").await;
    browser.keys(SPACE).await;
    tab_to(&browser, "reason").await;
    browser.keys("done without a mouse").await;
    tab_to(&browser, "Discard this letter").await;
    browser.keys(ENTER).await;
    browser.go("/audit").await;
    browser.sees("done without a mouse").await;
}
