//! Logging in: who may see and do what.

use std::time::{Duration, Instant};

use mlc_house::{House, HouseConfig, VENDORS};

use super::{
    browser::Browser,
    closed::{CLOSED, PASSWORD},
    site::Site,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_sees_anything_before_logging_in_and_a_low_role_sees_no_payload() {
    let house = House::open_with(HouseConfig::default()).await.unwrap();
    house.epicor.store().insert_vendor(&serde_json::json!({"VendorID": "ACME", "Name": "Acme Supply"})).unwrap();
    house.sync(VENDORS).await.unwrap();
    let site = Site::closed(house, &[("rita", "read_only"), ("otto", "operator")]).await;
    let browser = Browser::open(&site.base).await;
    browser.go("/jobs").await;
    browser.arrives("/login").await;
    browser.send_login("rita", "wrong").await;
    browser.sees("Log in").await;
    assert!(browser.path().await.starts_with("/login"));
    browser.send_login("rita", PASSWORD).await;
    browser.arrives("/jobs").await;
    browser.go("/records/epicor_to_hubspot::vendors/EPIC06:VEND:1?content=1").await;
    let page = browser.text("body").await;
    assert!(!page.contains("Acme Supply"), "{page}");
    assert!(browser.count("main button").await == 0 || !page.contains("Read this record afresh"), "{page}");
    browser.press("header", "Log out").await;
    browser.arrives("/login").await;
    browser.go("/jobs").await;
    browser.arrives("/login").await;
    browser.send_login("otto", PASSWORD).await;
    browser.arrives("/jobs").await;
    browser.go("/records/epicor_to_hubspot::vendors/EPIC06:VEND:1?content=1").await;
    browser.sees("Acme Supply").await;
    for path in ["/login", "/account"] {
        browser.go(path).await;
        assert_eq!(browser.violations().await, [""; 0], "{path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_guesses_is_locked_out_is_told_for_how_long_and_is_seen_in_the_audit() {
    let house = House::open_with(HouseConfig::default()).await.unwrap();
    let site = Site::of(house, &[CLOSED]).await;
    let browser = Browser::open(&site.base).await;
    browser.go("/").await;
    browser.sees("mlc account add NAME --role admin").await;
    let mut wrong = browser.inspect("login-no-account").await;
    for (name, role) in [("ada", "admin"), ("otto", "operator")] {
        site.add_account(name, role);
    }
    let admin = browser.another().await;
    admin.logged_in("ada", PASSWORD).await;
    admin.go("/audit").await;

    // The way back survives wrong tries, and so does the name.
    browser.go("/jobs?kind=push_record").await;
    browser.sees("Forgotten?").await;
    wrong.extend(browser.inspect("login").await);
    for tries in 1..=5 {
        assert_eq!(browser.script("return document.querySelector('#password').value").await, "", "try {tries}");
        // The words of the try before must not pass for those of this one.
        browser.script("document.querySelectorAll('.message').forEach(message => message.remove())").await;
        browser.send_login("otto", "a-canary-of-a-guess").await;
        browser.sees("This name and this password do not belong together.").await;
        assert_eq!(browser.script("return document.querySelector('#name').value").await, "otto");
        if tries == 1 {
            wrong.extend(browser.inspect("login-refused").await);
        }
    }
    browser.send_login("otto", PASSWORD).await;
    browser.sees("Too many tries: wait ").await;
    wrong.extend(browser.inspect("login-locked").await);
    let begun = Instant::now();
    loop {
        assert!(begun.elapsed() < Duration::from_secs(60), "the lock of seconds does not end");
        browser.script("document.querySelectorAll('.message').forEach(message => message.remove())").await;
        browser.send_login("otto", PASSWORD).await;
        // Refused once more, or on the way back: a page that is just being left is neither.
        while browser.path().await.starts_with("/login") && browser.count("main .message").await == 0 {
            assert!(begun.elapsed() < Duration::from_secs(60), "the login does not answer");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        if !browser.path().await.starts_with("/login") {
            break;
        }
    }
    assert_eq!(browser.path().await, "/jobs?kind=push_record");

    // The admin's page told it by itself; what was typed stands nowhere.
    admin.sees("login_locked").await;
    admin.go("/audit?what=login_locked").await;
    admin.follow("main tbody th a").await;
    admin.sees("the name is locked for 5 s").await;
    assert!(admin.text("main").await.contains("otto"));
    admin.go("/audit").await;
    let page = admin.script("return document.documentElement.outerHTML").await.to_string();
    assert!(!page.contains("canary"), "{page}");
    assert!(!site.log().contains("canary"));
    assert_eq!(wrong, [""; 0], "{}", wrong.join("\n"));
}
