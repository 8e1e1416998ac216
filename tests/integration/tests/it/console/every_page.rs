//! Every page in light, dark and phone width: a picture, no violation, no sideways scrolling, no complaint of the policy.

use super::{
    browser::{Browser, Look},
    site::Site,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_page_is_accessible_and_fits_in_light_dark_and_on_a_phone() {
    let site = Site::furnished().await;
    let browser = Browser::open(&site.base).await;
    let mut wrong = Vec::new();
    let mut pages: Vec<(&str, String)> = pages().into_iter().map(|(name, path)| (name, path.to_owned())).collect();
    // Pages whose addresses only a list knows.
    for (name, list, link) in [
        ("letter", "/dead-letters/list?kind=push_record", "main tbody a[href^='/dead-letters/']"),
        ("job", "/jobs?state=ended", "main tbody a[href^='/jobs/']"),
        ("replay-matching", "/dead-letters", "main a[href^='/dead-letters/replay-matching']"),
        ("discard-matching", "/dead-letters", "main a[href^='/dead-letters/discard-matching']"),
        ("action", "/audit", "main tbody a[href^='/audit/']"),
    ] {
        browser.go(list).await;
        let found = browser.script(&format!("return document.querySelector(\"{link}\")?.getAttribute('href')")).await;
        pages.extend(found.as_str().map(|path| (name, path.to_owned())));
        if name == "letter" {
            pages.extend(found.as_str().map(|path| ("letter-edit", format!("{path}/edit"))));
        }
    }
    assert!(pages.len() >= 22, "{pages:?}");
    for (name, path) in &pages {
        for look in Look::ALL {
            browser.look(look).await;
            browser.go(path).await;
            browser.picture(look, name).await;
            wrong.extend(browser.violations().await.into_iter().map(|line| format!("{path} {look:?}: {line}")));
            wrong.extend(browser.complaints().await.into_iter().map(|line| format!("{path} {look:?}: {line}")));
            let sideways = browser.sideways().await;
            if sideways > 0 {
                wrong.push(format!("{path} {look:?}: {sideways} pixels too wide"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(!site.log().contains("\"ERROR\""), "{}", site.log());
}

/// Name of the picture, path.
fn pages() -> Vec<(&'static str, &'static str)> {
    vec![
        ("overview", "/"),
        ("flows", "/flows"),
        ("flow", "/flows/epicor_to_hubspot::vendors"),
        ("window", "/windows/epicor_to_hubspot::vendors.1"),
        ("jobs", "/jobs"),
        ("jobs-ended", "/jobs?state=ended"),
        ("dead-letters", "/dead-letters"),
        ("letters", "/dead-letters/list"),
        ("bulk-operations", "/bulk"),
        ("records", "/records"),
        ("record", "/records/epicor_to_hubspot::vendors/EPIC06:VEND:1"),
        ("reviews", "/reviews"),
        ("review", "/reviews/1"),
        ("connections", "/connections"),
        ("connection", "/connections/shop-main"),
        ("budgets", "/budgets"),
        ("audit", "/audit"),
        ("account", "/account"),
        ("people", "/people"),
    ]
}
