//! A person's own account: password, sessions, tokens.

use mlc_house::{House, HouseConfig};

use super::{browser::Browser, closed::PASSWORD, site::Site};

const OTHER_PASSWORD: &str = "nine-purple-kettles-sing";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_ends_sessions_of_other_browsers_and_chooses_another_password() {
    let house = House::open_with(HouseConfig::default()).await.unwrap();
    let site = Site::closed(house, &[("otto", "operator")]).await;
    let here = Browser::open(&site.base).await;
    let there = here.another().await;
    here.logged_in("otto", PASSWORD).await;
    here.press("header", "otto").await;
    here.arrives("/account").await;
    assert_eq!(here.count("main input[name=session]").await, 1);
    assert!(!here.text("main").await.contains("End all other sessions"), "there is no other");

    // Everywhere else at once.
    there.logged_in("otto", PASSWORD).await;
    here.go("/account").await;
    assert_eq!(here.count("main input[name=session]").await, 2);
    let wrong = here.inspect("account-own").await;
    assert_eq!(wrong, [""; 0], "{}", wrong.join("\n"));
    here.press("main", "End all other sessions").await;
    here.sees("All other sessions have ended.").await;
    assert!(!there.may_see("/jobs").await);
    assert!(here.may_see("/jobs").await);

    // One of them. The page tells which one is this browser's own.
    there.logged_in("otto", PASSWORD).await;
    here.go("/account").await;
    let script = "return [...document.querySelectorAll('main tbody tr')].filter(r => r.querySelector('[name=session]') \
         && !r.innerText.includes('(this one)')).map(r => r.querySelector('button').click()).length";
    assert_eq!(here.script(script).await, 1);
    here.sees("The session has ended.").await;
    assert!(!there.may_see("/jobs").await);
    assert!(here.may_see("/jobs").await);

    // Another password: what is wrong with it is said, and then every other browser is out.
    there.logged_in("otto", PASSWORD).await;
    for (current, new, again, words) in [
        ("not-the-current-one", OTHER_PASSWORD, OTHER_PASSWORD, "the current password is another one"),
        (PASSWORD, OTHER_PASSWORD, PASSWORD, "typed in two ways"),
        (PASSWORD, "short", "short", "the password is too short"),
        (PASSWORD, OTHER_PASSWORD, OTHER_PASSWORD, "The password is another one now"),
    ] {
        here.go("/account").await;
        here.fill("#current", current).await;
        here.fill("#new", new).await;
        here.fill("#again", again).await;
        here.press("main", "Change the password").await;
        here.sees(words).await;
        if words == "typed in two ways" {
            let wrong = here.inspect("account-refused").await;
            assert_eq!(wrong, [""; 0], "{}", wrong.join("\n"));
            here.press("main", "Back to the page before").await;
            here.arrives("/account").await;
        }
    }
    assert!(here.may_see("/jobs").await, "the browser in which it was changed stays in");
    assert!(!there.may_see("/jobs").await);
    there.log_in("otto", PASSWORD).await;
    there.sees("This name and this password do not belong together.").await;
    there.send_login("otto", OTHER_PASSWORD).await;
    there.sees("Welcome, otto.").await;
    there.press("header", "Log out").await;
    there.sees("Log in").await;
    assert!(here.may_see("/audit").await);
    for word in ["login", "logout", "end_session", "end_sessions", "change_password", "login_refused"] {
        here.sees(word).await;
    }
    let page = here.script("return document.documentElement.outerHTML").await.to_string();
    for password in [PASSWORD, OTHER_PASSWORD] {
        assert!(!page.contains(password) && !site.log().contains(password));
    }
    assert_eq!(here.complaints_but_refusals().await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_made_in_the_browser_opens_the_api_until_it_is_removed() {
    let house = House::open_with(HouseConfig::default()).await.unwrap();
    let site = Site::closed(house, &[("otto", "operator")]).await;
    let browser = Browser::open(&site.base).await;
    browser.logged_in("otto", PASSWORD).await;
    browser.go("/account").await;
    browser.sees("No token.").await;
    let roles = browser.script("return [...document.querySelector('#token-role').options].map(o => o.value)").await;
    assert_eq!(roles, serde_json::json!(["read_only", "operator"]), "no higher than the own role");

    make_token(&browser, "nightly", "for ever").await;
    browser.sees("How long the token lives is not a time").await;
    browser.go("/account").await;
    make_token(&browser, "nightly", "90d").await;
    browser.sees("it is shown this once").await;
    let token = browser.shown_once().await;
    assert!(token.starts_with("mlct_"), "{token}");
    let wrong = browser.inspect("token-shown").await;
    assert_eq!(wrong, [""; 0], "{}", wrong.join("\n"));

    let pause = "/api/v1/connections/hubspot-main/resume";
    assert_eq!(site.asked_with(&token, "GET", "/api/v1/jobs"), 200);
    assert_eq!(site.asked_with(&token, "POST", pause), 403, "it was made to look only");
    assert_eq!(site.asked_with(&token, "GET", "/jobs"), 303, "a page takes no token");
    browser.press("main", "I have copied it").await;
    browser.arrives("/account").await;
    browser.sees("nightly").await;
    assert!(!browser.text("main table").await.contains("never"), "it was used just now");
    let page = browser.script("return document.documentElement.outerHTML").await.to_string();
    assert!(!page.contains(&token), "it is shown once");
    let wrong = browser.inspect("account-token").await;
    assert_eq!(wrong, [""; 0], "{}", wrong.join("\n"));
    make_token(&browser, "nightly", "90d").await;
    browser.sees("nightly").await;
    assert_eq!(browser.count("main code.secret").await, 0, "a name is given once");

    browser.go("/account").await;
    browser.press("main tr:has(input[value=nightly])", "Remove…").await;
    browser.press("main details[open]", "Remove nightly").await;
    browser.sees("Removed the token nightly of otto.").await;
    assert_eq!(site.asked_with(&token, "GET", "/api/v1/jobs"), 401);
    browser.go("/audit?what=token").await;
    for word in ["add_token", "remove_token", "otto/nightly", "read_only, for 90d"] {
        browser.sees(word).await;
    }
}

async fn make_token(browser: &Browser, name: &str, lives: &str) {
    browser.fill("#token", name).await;
    browser.choose("#token-role", "read_only").await;
    browser.fill("#lives", lives).await;
    browser.press("main", "Make a token").await;
}
