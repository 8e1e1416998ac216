//! What people did: narrowed, paged, and one action with what it changed.

use super::{
    browser::Browser,
    closed::{CLOSED, PASSWORD},
    site::Site,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn actions_are_narrowed_paged_and_opened_with_what_they_changed() {
    let site = Site::furnished_with(&[CLOSED]).await;
    for (name, role) in [("otto", "operator"), ("rita", "read_only")] {
        site.add_account(name, role);
    }
    let browser = Browser::open(&site.base).await;
    browser.logged_in("otto", PASSWORD).await;
    for connection in ["hubspot-main", "epicor-main"] {
        browser.go(&format!("/connections/{connection}")).await;
        browser.press("main", "Pause…").await;
        browser.fill("main details[open] input[name=reason]", "upgrade on Sunday").await;
        browser.press("main details[open]", &format!("Pause {connection}")).await;
        browser.sees(&format!("Paused {connection}")).await;
        browser.press("main", &format!("Resume {connection}")).await;
        browser.sees(&format!("Resumed {connection}")).await;
    }
    edit_a_letter(&browser).await;

    // Each field narrows; together they narrow further; nothing found is said in words.
    browser.go("/audit").await;
    let all = browser.count("main tbody tr").await;
    assert!(all >= 6, "{}", browser.text("main").await);
    for (who, what, subject, rows) in [
        ("otto", "pause", "", 2),
        ("OTTO", "", "hubspot-main", 2),
        ("", "resume", "epicor", 1),
        ("rita", "", "", 0),
        ("", "remove_account", "", 0),
    ] {
        browser.go("/audit").await;
        for (name, value) in [("who", who), ("what", what), ("subject", subject)] {
            browser.fill(&format!("main input[name={name}]"), value).await;
        }
        browser.press("main .filters", "Filter").await;
        while !browser.path().await.contains("subject=") {}
        assert_eq!(browser.count("main tbody tr").await, rows, "{who} {what} {subject}");
        if rows == 0 {
            browser.sees("None of the actions is like this.").await;
        }
        let kept = browser.script("return document.querySelector('main input[name=what]').value").await;
        assert_eq!(kept, what, "the filter stands in its field");
    }
    let mut wrong = browser.inspect("audit-nothing").await;
    browser.press("main .filters", "Clear").await;
    browser.arrives("/audit").await;
    assert_eq!(browser.count("main tbody tr").await, all);
    wrong.extend(browser.inspect("audit-actions").await);

    // Page by page, none twice and none left out.
    browser.go("/audit?who=otto&limit=2").await;
    let mut seen = Vec::new();
    loop {
        let page = listed(&browser).await;
        assert!(page.len() <= 2);
        seen.extend(page);
        if browser.count("main a[rel=next]").await == 0 {
            break;
        }
        let before = browser.path().await;
        browser.press("main .pager", "Next").await;
        while browser.path().await == before {}
    }
    browser.go("/audit?who=otto").await;
    assert_eq!(seen, listed(&browser).await);
    assert!(seen.len() >= 6, "{seen:?}");

    // One action: state before and after, and the fields that an edit changed, for those who may see them.
    browser.go("/audit?what=pause&subject=hubspot").await;
    browser.follow("main tbody th a").await;
    browser.sees("pause by otto").await;
    for words in ["hubspot-main", "Before", "After", "upgrade on Sunday"] {
        browser.sees(words).await;
    }
    wrong.extend(browser.inspect("action").await);
    browser.go("/audit?what=edit_dead_letter").await;
    browser.follow("main tbody th a").await;
    browser.sees("edit_dead_letter by otto").await;
    let edit = browser.path().await;
    browser.press("main", "Show what changed").await;
    browser.sees("What changed").await;
    assert!(browser.text("main").await.contains("canary-of-the-edit"), "{}", browser.text("main").await);
    wrong.extend(browser.inspect("action-changes").await);
    browser.go("/audit?what=open_action").await;
    assert_eq!(browser.count("main tbody tr").await, 1, "that somebody looked is recorded");
    browser.press("header", "Log out").await;
    browser.arrives("/login").await;
    browser.logged_in("rita", PASSWORD).await;
    for path in [edit.clone(), format!("{edit}?content=1")] {
        browser.go(&path).await;
        browser.sees("What changed in detail is hidden for your role.").await;
        assert!(!browser.text("main").await.contains("canary-of-the-edit"));
    }
    browser.go("/audit/1-1").await;
    browser.sees("This action is not in the audit").await;
    assert_eq!(wrong, [""; 0], "{}", wrong.join("\n"));
}

/// The actions of the page, in its order.
async fn listed(browser: &Browser) -> Vec<String> {
    let links = "return [...document.querySelectorAll('main tbody th a')].map(a => a.getAttribute('href'))";
    serde_json::from_value(browser.script(links).await).unwrap()
}

/// Gives the first letter of a record that was not pushed another text in its payload.
async fn edit_a_letter(browser: &Browser) {
    browser.go("/dead-letters/list?kind=push_record").await;
    browser.follow("main tbody a[href^=\"/dead-letters/\"]").await;
    browser.sees("Assign or note").await;
    browser.press("main", "Open and edit the payload").await;
    browser.sees("Look at the difference").await;
    let changed = browser
        .script(
            "const area = document.querySelector('main textarea'), before = area.value; \
             area.value = before.replace(/(\"(?:first_name|last_name|phone|city)\": \")/, '$1canary-of-the-edit '); \
             return area.value !== before;",
        )
        .await;
    assert_eq!(changed, true);
    browser.press("main", "Look at the difference").await;
    browser.press("main", "Apply, leave it on the shelf").await;
    browser.sees("The payload is changed").await;
}
