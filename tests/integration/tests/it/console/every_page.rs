//! Every page in light, dark and phone width: a picture, no violation, no sideways scrolling, no complaint of the policy.

use std::collections::BTreeSet;

use mlc_producer::console::route_table;

use super::{
    browser::{Browser, Look},
    site::Site,
};

/// What the table of routes holds beside pages: files, a stream, and what other tests of this folder look at, which log in.
const NO_PAGES: [&str; 4] = ["/assets/{digest}/{name}", "/events", "/openapi.json", "/login"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_page_is_accessible_and_fits_in_light_dark_and_on_a_phone() {
    let site = Site::furnished().await;
    let browser = Browser::open(&site.base).await;
    start_an_operation(&browser).await;
    let mut wrong = Vec::new();
    let mut pages: Vec<(&str, String)> = pages().into_iter().map(|(name, path)| (name, path.to_owned())).collect();
    // Pages whose addresses only a list knows.
    for (name, list, link) in [
        ("letter", "/dead-letters/list?kind=push_record", "main tbody a[href^='/dead-letters/']"),
        ("job", "/jobs?state=dead", "main tbody a[href^='/jobs/']"),
        ("job-ended", "/jobs?state=ended", "main tbody a[href^='/jobs/']"),
        ("replay-matching", "/dead-letters", "main a[href^='/dead-letters/replay-matching']"),
        ("discard-matching", "/dead-letters", "main a[href^='/dead-letters/discard-matching']"),
        ("bulk-operation", "/bulk", "main tbody a[href^='/bulk/']"),
        ("action", "/audit", "main tbody a[href^='/audit/']"),
    ] {
        browser.go(list).await;
        let found = browser.script(&format!("return document.querySelector(\"{link}\")?.getAttribute('href')")).await;
        let path = found.as_str().unwrap_or_else(|| panic!("no {name} at {list}")).to_owned();
        match name {
            "letter" => {
                let ids = browser.all("#letters tbody input", "value").await;
                pages.push(("letters-chosen", format!("/dead-letters/chosen?ids={}&ids={}", ids[0], ids[1])));
                pages.push(("letter-edit", format!("{path}/edit")));
            }
            "job" => pages.push(("job-payload", format!("{path}/payload"))),
            _ => {}
        }
        pages.push((name, path));
    }
    assert_eq!(without_picture(&pages), BTreeSet::new());
    for (name, path) in &pages {
        browser.go(path).await;
        look_at(&browser, name, Some(path), &mut wrong).await;
    }
    // A page that answers what was sent, and what a mistake is answered with.
    let letter = pages.iter().find(|(name, _)| *name == "letter-edit").map(|(_, path)| path.clone()).unwrap();
    for (name, change) in
        [("letter-difference", "value.replace(/\"name\": \"/, '\"name\": \"x')"), ("letter-mistake", "'{'")]
    {
        browser.look(Look::Light).await;
        browser.go(&letter).await;
        browser
            .script(&format!(
                "const area = document.querySelector('main textarea'); const value = area.value; area.value = {change}"
            ))
            .await;
        browser.press("main", "Look at the difference").await;
        browser.sees(if name == "letter-mistake" { "This is no JSON" } else { "Nothing is changed yet." }).await;
        // The mistake is answered with the status of a refusal, which the browser notes too.
        browser.complaints().await;
        look_at(&browser, name, None, &mut wrong).await;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(!site.log().contains("\"ERROR\""), "{}", site.log());
}

/// One that goes on for hours.
async fn start_an_operation(browser: &Browser) {
    browser.go("/dead-letters/replay-matching?kind=push_record").await;
    browser.fill("main input[name=rate]", "1/h").await;
    browser.press("main", "Start to replay").await;
    browser.sees("Pause this operation").await;
}

/// Looks at the page in every way; where it has no address of its own, as it stands.
async fn look_at(browser: &Browser, name: &str, path: Option<&str>, wrong: &mut Vec<String>) {
    for look in Look::ALL {
        browser.look(look).await;
        if let Some(path) = path {
            browser.go(path).await;
        }
        browser.picture(look, name).await;
        wrong.extend(browser.violations().await.into_iter().map(|line| format!("{name} {look:?}: {line}")));
        wrong.extend(browser.complaints().await.into_iter().map(|line| format!("{name} {look:?}: {line}")));
        let sideways = browser.sideways().await;
        if sideways > 0 {
            wrong.push(format!("{name} {look:?}: {sideways} pixels too wide"));
        }
    }
}

/// Pages of the table of routes that none of these addresses leads to.
fn without_picture(pages: &[(&str, String)]) -> BTreeSet<&'static str> {
    let is_of = |route: &str, path: &str| {
        let path = path.split('?').next().unwrap_or_default();
        let (wanted, parts): (Vec<&str>, Vec<&str>) = (route.split('/').collect(), path.split('/').collect());
        wanted.len() == parts.len()
            && wanted.iter().zip(parts).all(|(wanted, part)| wanted.starts_with('{') || *wanted == part)
    };
    let routes: Vec<&'static str> = route_table()
        .iter()
        .filter(|row| row.verb == "GET")
        .map(|row| row.path)
        .filter(|path| !NO_PAGES.contains(path))
        .collect();
    assert!(routes.len() > 20, "{routes:?}");
    // Of several routes that fit, the one with the most words of its own answers, as `/dead-letters/list`.
    let answered: BTreeSet<&str> = pages
        .iter()
        .filter_map(|(_, path)| {
            routes.iter().copied().filter(|route| is_of(route, path)).min_by_key(|route| route.matches('{').count())
        })
        .collect();
    routes.into_iter().filter(|route| !answered.contains(route)).collect()
}

/// Name of the picture, path.
pub(super) fn pages() -> Vec<(&'static str, &'static str)> {
    vec![
        ("overview", "/"),
        ("flows", "/flows"),
        ("flow", "/flows/epicor_to_hubspot::vendors"),
        ("window", "/windows/epicor_to_hubspot::vendors.1"),
        ("jobs", "/jobs"),
        ("jobs-ended", "/jobs?state=ended"),
        ("dead-letters", "/dead-letters"),
        ("letters", "/dead-letters/list"),
        ("letters-none", "/dead-letters/list?error=nothing+says+this"),
        ("bulk-operations", "/bulk"),
        ("records", "/records"),
        ("records-found", "/records?key=1"),
        ("record", "/records/epicor_to_hubspot::vendors/EPIC06:VEND:1"),
        ("record-content", "/records/epicor_to_hubspot::vendors/EPIC06:VEND:1?content=1"),
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
