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
    browser.enter().await;
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
    browser.enter().await;
    browser.sees("Replay this letter").await;
    tab_to(&browser, "Discard…").await;
    browser.keys(SPACE).await;
    tab_to(&browser, "reason").await;
    browser.keys("done without a mouse").await;
    tab_to(&browser, "Discard this letter").await;
    browser.enter().await;
    browser.go("/audit").await;
    browser.sees("done without a mouse").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_key_of_the_list_of_keys_does_what_the_list_says_until_they_are_switched_off() {
    let site = Site::furnished().await;
    let browser = Browser::open(&site.base).await;
    browser.go("/").await;
    browser.press("footer", "Keys: ?").await;
    let listed = browser
        .script("return [...document.querySelectorAll('#shortcuts dt')].map(dt => [[...dt.querySelectorAll('kbd')].map(k => k.textContent), dt.nextElementSibling.textContent])")
        .await;
    let is_open = "return document.querySelector('#shortcuts').open";
    assert_eq!(browser.script(is_open).await, true);
    browser.press("#shortcuts", "Close").await;
    assert_eq!(browser.script(is_open).await, false);
    let listed = listed.as_array().unwrap();
    assert_eq!(listed.len(), 15);
    let focused = "const row = document.activeElement.closest('tr'); return row ? row.sectionRowIndex : -1";
    for line in listed {
        let keys: Vec<&str> = line[0].as_array().unwrap().iter().map(|key| key.as_str().unwrap()).collect();
        let what = line[1].as_str().unwrap();
        browser.go("/dead-letters/list?limit=5").await;
        match keys[..] {
            ["g", key] => {
                browser.keys("g").await;
                browser.keys(key).await;
                browser.sees(what).await;
                browser.shows("header nav [aria-current]", "innerText", &[what.to_owned()]).await;
            }
            ["?"] => {
                browser.keys("?").await;
                assert_eq!(browser.script(is_open).await, true, "{what}");
                // Behind the list nothing moves.
                browser.strike("n").await;
                assert_eq!(browser.path().await, "/dead-letters/list?limit=5");
            }
            ["/"] => {
                browser.keys("/").await;
                assert_eq!(browser.script("return document.activeElement.id").await, "find", "{what}");
                // In a field the keys are letters.
                browser.keys("gjn?").await;
                assert_eq!(browser.script("return document.querySelector('#find').value").await, "gjn?");
                assert_eq!(browser.path().await, "/dead-letters/list?limit=5");
            }
            ["j", "k"] => {
                for (key, row) in [("j", 0), ("j", 1), ("j", 2), ("k", 1), ("k", 0), ("k", 0)] {
                    browser.keys(key).await;
                    assert_eq!(browser.script(focused).await, row, "{key}: {what}");
                }
            }
            ["Enter"] => {
                browser.keys("j").await;
                let row = browser.script("return document.activeElement.getAttribute('href')").await;
                browser.keys(ENTER).await;
                browser.arrives(row.as_str().unwrap()).await;
            }
            ["n"] => {
                let next = browser.all(".pager a[rel=next]", "href").await.remove(0);
                browser.keys("n").await;
                browser.comes_to(&next).await;
            }
            ["Esc"] => {
                browser.keys("/").await;
                browser.keys(ESCAPE).await;
                assert_eq!(browser.script("return document.activeElement === document.body").await, true, "{what}");
            }
            ref unknown => panic!("nothing is known of {unknown:?}: {what}"),
        }
    }

    // Whoever speaks to the computer, or has a shaking hand, switches single keys off; the choice stays.
    browser.go("/dead-letters/list?limit=5").await;
    browser.keys("?").await;
    browser.script("document.querySelector('#shortcuts-on').click()").await;
    browser.press("#shortcuts", "Close").await;
    browser.go("/dead-letters/list?limit=5").await;
    for key in ["n", "j", "g", "j", "/"] {
        browser.keys(key).await;
    }
    assert_eq!(browser.path().await, "/dead-letters/list?limit=5");
    assert_eq!(browser.script("return document.activeElement === document.body").await, true);
    browser.keys("?").await;
    assert_eq!(browser.script(is_open).await, true, "the list can still be asked for, to switch them on again");
    browser.script("document.querySelector('#shortcuts-on').click()").await;
    browser.press("#shortcuts", "Close").await;
    let next = browser.all(".pager a[rel=next]", "href").await.remove(0);
    browser.keys("n").await;
    browser.comes_to(&next).await;
    assert!(browser.complaints().await.is_empty());
}
