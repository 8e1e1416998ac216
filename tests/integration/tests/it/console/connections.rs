//! Credentials, holds and tests of connections: what an operator does about a system that refuses.

use mlc_house::{House, HouseConfig, VENDORS};

use super::{browser::Browser, site::Site};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_credential_is_deleted_its_lane_is_held_and_another_one_releases_it() {
    let mut house = House::open_with(HouseConfig::default()).await.unwrap();
    let vendor = |id: &str| serde_json::json!({"VendorID": id, "Name": format!("{id} Supply"), "City": "Duluth"});
    house.epicor.store().insert_vendor(&vendor("ACME")).unwrap();
    house.sync(VENDORS).await.unwrap();
    house.stop_workers().await;
    let site = Site::of(house, &[]).await;
    let browser = Browser::open(&site.base).await;
    let page = "/connections/hubspot-main";

    // Without a reason nothing is deleted.
    browser.go(page).await;
    browser.press("main tr:has(#value-token)", "Delete…").await;
    browser.sees("The connection cannot work without it: its lane will be held.").await;
    browser.press("main details[open]", "Delete token").await;
    assert_eq!(browser.script("return !!document.querySelector('#delete-token-reason:invalid')").await, true);
    let mut wrong = browser.inspect("connection-deleting").await;
    browser.fill("#delete-token-reason", "it was seen in a mail").await;
    browser.press("main details[open]", "Delete token").await;
    browser.sees("Deleted token of hubspot-main.").await;
    assert_eq!(browser.text("main tr:has(#value-token) .badge").await, "missing");
    assert_eq!(browser.count("main #delete-token-reason").await, 0, "what is not set cannot be deleted");

    // The list, the budgets and a test tell of it.
    browser.go("/connections").await;
    browser.sees("1 missing").await;
    browser.go("/budgets").await;
    browser.sees("Its budgets are not known yet").await;
    wrong.extend(browser.inspect("budgets-unknown").await);
    browser.go(page).await;
    browser.press("main", "Test hubspot-main now").await;
    browser.sees("checks failed.").await;
    wrong.extend(browser.inspect("connection-tested-bad").await);

    // What is no credential is not stored, and not said again.
    set(&browser, "token", "  ").await;
    browser.sees("the secret token is blank: nothing was stored").await;
    browser.press("main", "Back to the page before").await;
    browser.arrives(page).await;

    // A lane that was held because of it gives out jobs again with another one.
    let lane = site.house.lane("hubspot-main").unwrap();
    site.house.context.queue.hold(&lane, "the token is not set").await.unwrap();
    browser.sees("Its credentials were refused").await;
    set(&browser, "token", "pat-na1-canary-of-the-browser").await;
    browser.sees("Set token of hubspot-main. Its lane was held and gives out jobs again.").await;
    assert!(site.house.context.queue.lane(&lane).await.unwrap().held.is_none());
    assert_eq!(browser.count("main .message.bad").await, 0);

    // One that can be left out comes and goes.
    set(&browser, "refresh_token", "another-canary").await;
    browser.sees("Replaced refresh_token of hubspot-main.").await;
    browser.press("main tr:has(#value-refresh_token)", "Delete…").await;
    assert!(!browser.text("main details[open]").await.contains("its lane will be held"));
    browser.fill("#delete-refresh_token-reason", "not used here").await;
    browser.press("main details[open]", "Delete refresh_token").await;
    browser.sees("Deleted refresh_token of hubspot-main.").await;

    // Before and after are told, never what it was.
    browser.go("/audit?subject=hubspot-main%2Ftoken").await;
    browser.sees("not set: it was seen in a mail").await;
    assert_eq!(browser.count("main tbody tr").await, 2);
    for path in ["/audit", "/api/v1/audit", page, "/api/v1/connections/hubspot-main"] {
        browser.go(path).await;
        let shown = browser.script("return document.documentElement.outerHTML").await.to_string();
        assert!(!shown.contains("canary"), "{path}");
    }
    assert!(!site.log().contains("canary"));
    assert_eq!(wrong, [""; 0], "{}", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_held_and_paused_connection_says_both_and_is_opened_step_by_step() {
    let house = House::open_with(HouseConfig::default()).await.unwrap();
    let site = Site::of(house, &[]).await;
    let browser = Browser::open(&site.base).await;
    let queue = &site.house.context.queue;
    let lane = site.house.lane("epicor-main").unwrap();
    queue.hold(&lane, "401: the key was refused").await.unwrap();
    queue.pause(&lane, "lena", "upgrade on Sunday").await.unwrap();
    browser.go("/connections").await;
    for words in ["held", "401: the key was refused", "paused", "upgrade on Sunday", "lena"] {
        browser.sees(words).await;
    }
    let mut wrong = browser.inspect("connections-stopped").await;
    browser.press("main tbody", "epicor-main").await;
    browser.arrives("/connections/epicor-main").await;
    browser.press("main", "Resume epicor-main").await;
    browser.sees("epicor-main is not paused any more, but still held").await;
    browser.press("main", "Release the hold…").await;
    wrong.extend(browser.inspect("connection-releasing").await);
    browser.fill("main details[open] input[name=reason]", "the key is back").await;
    browser.press("main details[open]", "Release epicor-main").await;
    browser.sees("Released epicor-main").await;
    let open = queue.lane(&lane).await.unwrap();
    assert!(open.held.is_none() && open.paused.is_none());

    // Somebody else was faster: said, not done twice.
    browser.press("main", "Pause…").await;
    browser.fill("main details[open] input[name=reason]", "a second time").await;
    queue.pause(&lane, "lena", "a first time").await.unwrap();
    browser.press("main details[open]", "Pause epicor-main").await;
    browser.sees("epicor-main").await;
    browser.go("/connections/epicor-main").await;
    browser.press("main", "Resume epicor-main").await;
    browser.sees("Resumed epicor-main").await;
    browser.press("main", "Test epicor-main now").await;
    browser.sees("Epicor's clock agrees with ours").await;
    wrong.extend(browser.inspect("connection-tested").await);
    browser.go("/connections/nowhere").await;
    browser.sees("nowhere").await;
    browser.go("/audit?subject=epicor-main").await;
    for word in ["pause", "resume", "release_hold", "ping", "the key is back"] {
        browser.sees(word).await;
    }
    assert_eq!(wrong, [""; 0], "{}", wrong.join("\n"));
}

/// Sets or replaces a credential on the page of its connection.
async fn set(browser: &Browser, name: &str, value: &str) {
    let field = format!("#value-{name}");
    let script = format!("document.querySelector('{field}').closest('details').querySelector('summary').click()");
    browser.script(&script).await;
    browser.fill(&field, value).await;
    browser.follow(&format!("form:has({field}) button")).await;
}
