//! What each role is offered: exactly what the table of routes lets it do, and no page that it may not see.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use mlc_accounts::Role;
use mlc_producer::console::{RouteRow, route_table};
use mlc_queue::{BulkVerb, DeadFilter, NewBulk};

use super::{
    browser::Browser,
    closed::{CLOSED, PASSWORD},
    every_page::pages,
    site::Site,
};

/// Addresses that are looked at of each page, such as jobs or filters of their list.
const OF_EACH: usize = 4;
/// Offered only on the answer to a question that has to be sent first; the test of dead letters presses it.
const BEHIND_A_QUESTION: [&str; 1] = ["/dead-letters/{id}/edit"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_role_is_offered_exactly_the_actions_that_it_may_do_and_no_page_that_refuses_it() {
    let site = Site::furnished_with(&[CLOSED]).await;
    for (name, role) in [("ada", "admin"), ("otto", "operator"), ("rita", "read_only"), ("nina", "read_only")] {
        site.add_account(name, role);
    }
    let browser = Browser::open(&site.base).await;
    everything_can_be_acted_on(&site, &browser).await;
    let mut wrong = Vec::new();
    for (name, role) in [("rita", Role::ReadOnly), ("otto", Role::Operator), ("ada", Role::Admin)] {
        // A token, and a session elsewhere, so that there is something to remove and to end.
        browser.logged_in(name, PASSWORD).await;
        browser.go("/account").await;
        browser.fill("#token", "of-the-test").await;
        browser.press("main", "Make a token").await;
        browser.sees("it is shown this once").await;
        browser.lose_cookies().await;
        browser.logged_in(name, PASSWORD).await;

        let offered = offered(&browser, name, &mut wrong).await;
        let may: BTreeSet<&str> = route_table()
            .iter()
            .filter(|row| row.verb == "POST" && row.role.is_some_and(|needs| needs <= role))
            .filter(|row| row.addresses.iter().any(|address| address == row.path))
            .map(|row| row.path)
            .filter(|path| !BEHIND_A_QUESTION.contains(path))
            .collect();
        wrong.extend(offered.difference(&may).map(|path| format!("{name} is offered {path} and may not")));
        wrong.extend(may.difference(&offered).map(|path| format!("{name} may {path} and is offered it nowhere")));
        browser.press("header", "Log out").await;
        browser.arrives("/login").await;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(!site.log().contains("\"ERROR\""), "{}", site.log());
}

/// Brings about every state in which there is something to do.
async fn everything_can_be_acted_on(site: &Site, admin: &Browser) {
    let queue = &site.house.context.queue;
    let paused = site.house.lane("hubspot-main").unwrap();
    queue.pause(&paused, "lena", "upgrade on Sunday").await.unwrap();
    for is_paused in [true, false] {
        let slow = NewBulk {
            verb: BulkVerb::Replay,
            filter: DeadFilter::default(),
            per_second: Some(0.0001),
            by: "lena".to_owned(),
            reason: None,
        };
        let bulk = queue.start_bulk(slow).await.unwrap();
        if is_paused {
            assert!(queue.pause_bulk(&bulk.id, "lena").await.unwrap());
        }
    }
    admin.logged_in("ada", PASSWORD).await;
    admin.go("/people").await;
    admin.press("main tr:has(input[name=name][value=nina])", "Change").await;
    admin.press("main details[open]", "Disable").await;
    admin.sees("nina is disabled.").await;
    admin.go("/reviews/1").await;
    admin.press("main", "Dismiss…").await;
    admin.fill("main details[open] input[name=note]", "entered by hand").await;
    admin.press("main details[open]", "Dismiss item 1").await;
    admin.sees("Reopen…").await;
    admin.press("header", "Log out").await;
    admin.arrives("/login").await;
}

/// The actions that a person finds by following every link. Links that lead to a refusal are `wrong`.
async fn offered(browser: &Browser, name: &str, wrong: &mut Vec<String>) -> BTreeSet<&'static str> {
    let table = route_table();
    let mut offered = BTreeSet::new();
    let mut looked: BTreeMap<&str, usize> = BTreeMap::new();
    let mut known: BTreeSet<String> = pages().into_iter().map(|(_, path)| path.to_owned()).collect();
    // Who may not see the people, or not search in reasons, gets there by no link.
    known.retain(|path| path != "/people" && !path.contains("error="));
    let mut ahead: VecDeque<(String, String)> =
        known.iter().map(|path| (path.clone(), "the navigation".to_owned())).collect();
    while let Some((address, from)) = ahead.pop_front() {
        let path = address.split(['?', '#']).next().unwrap_or_default().to_owned();
        let Some(row) = row_of(&table, "GET", &path) else {
            wrong.push(format!("{name}: {from} leads to {address}, where nothing is"));
            continue;
        };
        let times = looked.entry(row.path).or_default();
        *times += 1;
        if *times > OF_EACH {
            continue;
        }
        browser.go(&address).await;
        let seen = browser.script(LOOK).await;
        if seen["status"] != 200 || browser.path().await.starts_with("/login") {
            wrong.push(format!("{name}: {from} leads to {address}, which answers {}", seen["status"]));
            continue;
        }
        for action in texts(&seen["actions"]) {
            let path = action.split(['?', '#']).next().unwrap_or_default();
            match row_of(&table, "POST", path) {
                Some(row) => drop(offered.insert(row.path)),
                None => wrong.push(format!("{name}: a form at {address} goes to {action}, where nothing is")),
            }
        }
        for link in texts(&seen["links"]) {
            if known.insert(link.clone()) {
                ahead.push_back((link, address.clone()));
            }
        }
    }
    offered
}

/// What a page offers, closed forms included.
const LOOK: &str = "
    const own = [...document.querySelectorAll('a[href^=\"/\"]')].map(a => a.getAttribute('href'));
    const forms = [...document.querySelectorAll('form[method=post]')].map(f => f.getAttribute('action') || location.pathname);
    const buttons = [...document.querySelectorAll('[formaction]:not([formmethod=get])')].map(b => b.getAttribute('formaction'));
    return { status: performance.getEntriesByType('navigation')[0].responseStatus, links: own, actions: forms.concat(buttons) };
";

fn texts(list: &serde_json::Value) -> Vec<String> {
    list.as_array().into_iter().flatten().filter_map(|text| text.as_str().map(str::to_owned)).collect()
}

/// The route of a path: the one with the fewest parts left open.
fn row_of<'a>(table: &'a [RouteRow], verb: &str, path: &str) -> Option<&'a RouteRow> {
    let fits = |row: &&RouteRow| {
        let (known, asked): (Vec<&str>, Vec<&str>) = (row.path.split('/').collect(), path.split('/').collect());
        known.len() == asked.len()
            && known.iter().zip(&asked).all(|(known, asked)| known == asked || known.starts_with('{'))
    };
    let rows = table.iter().filter(|row| row.verb == verb && row.addresses.iter().any(|one| one == row.path));
    rows.filter(fits).min_by_key(|row| row.path.matches('{').count())
}
