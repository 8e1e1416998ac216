//! The people: who may come in, and what they may do, as an admin sees to it.

use mlc_house::{House, HouseConfig};

use super::{browser::Browser, closed::PASSWORD, site::Site};

const NINAS_PASSWORD: &str = "six-yellow-anvils-float";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_is_added_and_chooses_a_password_before_anything_else() {
    let house = House::open_with(HouseConfig::default()).await.unwrap();
    let site = Site::closed(house, &[("ada", "admin")]).await;
    let admin = Browser::open(&site.base).await;
    admin.logged_in("ada", PASSWORD).await;
    admin.press("header", "People").await;
    admin.arrives("/people").await;
    for (name, words) in [("ADA", "there is an account"), ("ada", "there is an account")] {
        admin.go("/people").await;
        admin.fill("#name", name).await;
        admin.press("main", "Add the person").await;
        admin.sees(words).await;
        assert_eq!(admin.count("main code.secret").await, 0, "{name}");
    }

    let one_time = add_nina(&admin, "operator").await;
    let mut wrong = admin.inspect("one-time-password").await;
    admin.press("main", "I have passed it on").await;
    admin.arrives("/people").await;
    admin.sees("has to choose a password").await;
    let page = admin.script("return document.documentElement.outerHTML").await.to_string();
    assert!(!page.contains(&one_time), "it is shown once");

    let nina = admin.another().await;
    nina.log_in("nina", &one_time).await;
    nina.arrives("/account").await;
    nina.sees("Choose one of your own before anything else").await;
    wrong.extend(nina.inspect("account-one-time").await);
    for path in ["/", "/jobs", "/connections/hubspot-main"] {
        nina.go(path).await;
        nina.arrives("/account").await;
    }
    // Good for one login, which was hers: also before she has chosen another.
    let other = nina.another().await;
    other.log_in("nina", &one_time).await;
    other.sees("do not belong together").await;
    drop(other);
    admin.go("/people").await;
    admin.sees("one-time password used").await;
    nina.go("/account").await;
    choose_own(&nina, &one_time).await;
    assert!(nina.may_see("/jobs").await);
    assert_eq!(nina.path().await, "/jobs");

    admin.go("/people").await;
    admin.press("main tr:has(input[value=nina])", "Change").await;
    admin.sees("Role of nina").await;
    wrong.extend(admin.inspect("people-changing").await);
    // What a person on the page People may not do is refused and said, and nothing is lost by it.
    nina.go("/people").await;
    nina.sees("This needs the role admin; yours is operator.").await;
    wrong.extend(nina.inspect("forbidden").await);
    assert_eq!(nina.count("header a[href='/people']").await, 0);
    assert_eq!(wrong, [""; 0], "{}", wrong.join("\n"));
    assert!(!site.log().contains(&one_time) && !site.log().contains(NINAS_PASSWORD));
    for browser in [&admin, &nina] {
        assert_eq!(browser.complaints_but_refusals().await, [""; 0]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_admin_changes_a_role_ends_sessions_disables_resets_and_removes() {
    let house = House::open_with(HouseConfig::default()).await.unwrap();
    let site = Site::closed(house, &[("ada", "admin"), ("nina", "operator")]).await;
    let admin = Browser::open(&site.base).await;
    let nina = admin.another().await;
    admin.logged_in("ada", PASSWORD).await;
    nina.logged_in("nina", PASSWORD).await;
    nina.go("/account").await;
    nina.fill("#token", "till").await;
    nina.choose("#token-role", "operator").await;
    nina.press("main", "Make a token").await;
    let token = nina.shown_once().await;

    // Another role counts from the next page on, for her token too.
    nina.go("/connections/hubspot-main").await;
    nina.sees("Pause…").await;
    change(&admin, "nina").await;
    admin.choose("main details[open] select[name=role]", "read_only").await;
    admin.press("main details[open]", "Set the role").await;
    admin.sees("nina is read-only now.").await;
    nina.go("/connections/hubspot-main").await;
    nina.sees("Connection hubspot-main").await;
    assert_eq!(nina.count("main form").await, 0, "{}", nina.text("main").await);
    assert_eq!(site.asked_with(&token, "GET", "/api/v1/jobs"), 200);
    assert_eq!(site.asked_with(&token, "POST", "/api/v1/connections/hubspot-main/ping"), 403);

    change(&admin, "nina").await;
    admin.press("main details[open]", "End all sessions").await;
    admin.sees("nina is logged out everywhere.").await;
    assert!(!nina.may_see("/jobs").await);

    nina.logged_in("nina", PASSWORD).await;
    change(&admin, "nina").await;
    admin.press("main details[open]", "Disable").await;
    admin.sees("nina is disabled.").await;
    assert_eq!(admin.count("main .badge.bad").await, 1);
    assert!(!nina.may_see("/jobs").await);
    nina.log_in("nina", PASSWORD).await;
    nina.sees("do not belong together").await;
    assert_eq!(site.asked_with(&token, "GET", "/api/v1/jobs"), 401, "it rests");
    change(&admin, "nina").await;
    admin.press("main details[open]", "Enable").await;
    admin.sees("nina is enabled.").await;
    nina.logged_in("nina", PASSWORD).await;
    assert_eq!(site.asked_with(&token, "GET", "/api/v1/jobs"), 200);

    // A password of the admin's, good for one login; the token of a person is removed apart.
    change(&admin, "nina").await;
    admin.press("main details[open]", "Give a one-time password").await;
    admin.sees("it is shown this once").await;
    let one_time = admin.shown_once().await;
    assert!(!nina.may_see("/jobs").await);
    nina.log_in("nina", PASSWORD).await;
    nina.sees("do not belong together").await;
    nina.log_in("nina", &one_time).await;
    nina.arrives("/account").await;
    choose_own(&nina, &one_time).await;
    admin.go("/people").await;
    let wrong = admin.inspect("people-and-tokens").await;
    assert_eq!(wrong, [""; 0], "{}", wrong.join("\n"));
    admin.press("main tr:has(input[value=till])", "Remove…").await;
    admin.press("main details[open]", "Remove till").await;
    admin.sees("Removed the token till of nina.").await;
    assert_eq!(site.asked_with(&token, "GET", "/api/v1/jobs"), 401);

    // Nobody locks everybody out.
    for (press, fill) in [("Disable", None), ("Remove ada", Some("the last one"))] {
        change(&admin, "ada").await;
        if let Some(reason) = fill {
            admin.fill("main details[open] input[name=reason]", reason).await;
        }
        admin.press("main details[open]", press).await;
        admin.sees("last admin").await;
    }
    change(&admin, "nina").await;
    admin.press("main details[open]", "Remove nina").await;
    assert_eq!(admin.script("return !!document.querySelector('main input[name=reason]:invalid')").await, true);
    admin.fill("main details[open] input[name=reason]", "left the firm").await;
    admin.press("main details[open]", "Remove nina").await;
    admin.sees("nina was removed.").await;
    assert_eq!(admin.count("main tbody tr").await, 1);
    assert!(!nina.may_see("/jobs").await);

    admin.go("/audit?subject=nina&limit=200").await;
    for word in ["set_role", "end_sessions", "disable_account", "enable_account", "set_password", "remove_account"] {
        admin.sees(word).await;
    }
    for word in ["left the firm", "nina/till", "read_only"] {
        admin.sees(word).await;
    }
    assert!(!admin.text("main").await.contains(&one_time));
}

async fn add_nina(admin: &Browser, role: &str) -> String {
    admin.go("/people").await;
    admin.fill("#name", "nina").await;
    admin.choose("#role", role).await;
    admin.press("main", "Add the person").await;
    admin.sees("it is shown this once").await;
    admin.shown_once().await
}

/// Opens what can be changed of an account.
async fn change(admin: &Browser, name: &str) {
    admin.go("/people").await;
    admin.press(&format!("main tr:has(input[name=name][value={name}])"), "Change").await;
}

async fn choose_own(browser: &Browser, one_time: &str) {
    browser.fill("#current", one_time).await;
    browser.fill("#new", NINAS_PASSWORD).await;
    browser.fill("#again", NINAS_PASSWORD).await;
    browser.press("main", "Change the password").await;
    browser.sees("The password is another one now").await;
}
