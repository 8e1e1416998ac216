//! Dead letters found and chosen: filters, pages, groups, and what other people do meanwhile.

use std::time::{Duration, Instant};

use chrono::TimeDelta;
use mlc_flow::Extent;
use mlc_house::{CUSTOMERS, VENDORS};
use mlc_model::{Clock as _, SystemClock};
use mlc_queue::{DeadLetter, Triage, TriageKey};
use serde_json::json;

use super::{browser::Browser, site::Site};

const ROWS: &str = "[aria-label='Dead letters'] tbody th a";

/// Addresses of these letters, as a list links to them.
fn links<'a>(letters: impl IntoIterator<Item = &'a DeadLetter>) -> Vec<String> {
    letters.into_iter().map(|letter| format!("/dead-letters/{}", letter.job.id)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_filter_of_the_letters_shows_exactly_what_it_names() {
    let site = Site::furnished().await;
    let all = site.house.dead_letters().await.unwrap();
    assert!((20..=50).contains(&all.len()), "one page holds all of them: {}", all.len());
    let some = all.iter().find(|letter| letter.job.kind == "poll_page" && letter.fault.field.is_some()).unwrap();
    let lena = Triage { assignee: Some("lena".to_owned()), note: None, by: "otto".to_owned(), at: SystemClock.now() };
    site.house.context.queue.set_triage(&TriageKey::Letter(some.job.id.clone()), lena).await.unwrap();
    // Old enough for a second, whatever the machine's pace.
    let newest = all.iter().map(|letter| letter.died_at).max().unwrap();
    while SystemClock.now() < newest + TimeDelta::milliseconds(1_100) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    type Fits = Box<dyn Fn(&DeadLetter) -> bool>;
    let (cause, id) = (some.cause.clone(), some.job.id.clone());
    let cases: Vec<(Vec<(&str, &str)>, Fits)> = vec![
        (vec![("lane", "hubspot-main")], Box::new(|letter| letter.job.lane.as_str() == "hubspot-main")),
        (vec![("kind", "poll_page")], Box::new(|letter| letter.job.kind == "poll_page")),
        (vec![("fault", "rejected")], Box::new(|letter| letter.fault.kind.as_str() == "rejected")),
        (vec![("fault", "defect")], Box::new(|letter| letter.fault.kind.as_str() == "defect")),
        (vec![("subject", "epic06:custcnt")], Box::new(|letter| subject(letter).contains("EPIC06:CUSTCNT"))),
        (vec![("error", "E-MAIL ADDRESS")], Box::new(|letter| letter.fault.message.contains("e-mail address"))),
        (vec![("error", "name_missing")], Box::new(|letter| letter.fault.code.as_deref() == Some("NAME_MISSING"))),
        (vec![("cause", &some.cause)], Box::new(move |letter| letter.cause == cause)),
        (vec![("assignee", "lena")], Box::new(move |letter| letter.job.id == id)),
        (vec![("older_than", "1s")], Box::new(|_| true)),
        (vec![("older_than", "1h")], Box::new(|_| false)),
        (
            vec![("lane", "epicor-main"), ("kind", "poll_page"), ("error", "country")],
            Box::new(|letter| letter.job.lane.as_str() == "epicor-main" && letter.fault.message.contains("country")),
        ),
    ];
    let browser = Browser::open(&site.base).await;
    for (fields, fits) in &cases {
        browser.go("/dead-letters/list").await;
        for (name, value) in fields {
            browser.fill(&format!("form.filters [name={name}]"), value).await;
        }
        browser.press("form.filters", "Filter").await;
        // What was asked for stands in the form again, and whoever reads the page sees that it is filtered.
        browser.sees("Clear the filters").await;
        for (name, value) in fields {
            let typed =
                browser.script(&format!("return document.querySelector('form.filters [name={name}]').value")).await;
            assert_eq!(typed, *value, "{fields:?}");
        }
        let expected: Vec<&DeadLetter> = all.iter().filter(|letter| fits(letter)).collect();
        browser.shows(ROWS, "href", &links(expected.iter().copied())).await;
        match expected.len() {
            0 => browser.sees("No letter matches.").await,
            n => browser.sees(&format!("All that match: {n} letter")).await,
        }
    }
    browser.press("form.filters", "Clear the filters").await;
    browser.shows(ROWS, "href", &links(&all)).await;
}

fn subject(letter: &DeadLetter) -> String {
    letter.job.subject.clone().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_of_letters_follow_each_other_without_a_gap_and_keep_their_filter() {
    let site = Site::furnished().await;
    let all = site.house.dead_letters().await.unwrap();
    let pushes: Vec<&DeadLetter> = all.iter().filter(|letter| letter.job.kind == "push_record").collect();
    assert!(pushes.len() > 8);
    let browser = Browser::open(&site.base).await;
    browser.go("/dead-letters/list?kind=push_record&limit=4").await;
    let first = browser.path().await;
    let pages = browser.every_page_of(ROWS, "href").await;
    assert!(pages.len() > 2 && pages.iter().rev().skip(1).all(|page| page.len() == 4), "{pages:?}");
    assert_eq!(pages.concat(), links(pushes));
    let last = browser.path().await;
    assert!(last.contains("kind=push_record") && last.contains("limit=4") && last != first, "{last}");

    // From letter to letter of one cause, both ways.
    browser.go(&format!("/dead-letters/list?cause={}", all[0].cause)).await;
    let of_cause = browser.all(ROWS, "href").await;
    browser.go(&of_cause[0]).await;
    for (at, link) in of_cause.iter().enumerate() {
        browser.arrives(link).await;
        browser.sees(&format!("{} of {} with this cause", at + 1, of_cause.len())).await;
        if at + 1 < of_cause.len() {
            browser.press("main nav", "Older letter").await;
        }
    }
    assert_eq!(browser.count("main nav a[rel=next]").await, 0);
    browser.press("main nav", "Newer letter").await;
    browser.arrives(&of_cause[of_cause.len() - 2]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chosen_letters_are_discarded_after_a_second_look_and_no_others() {
    let site = Site::furnished().await;
    let queue = &site.house.context.queue;
    let all = site.house.dead_letters().await.unwrap();
    let pushes: Vec<&DeadLetter> = all.iter().filter(|letter| letter.job.kind == "push_record").collect();
    let browser = Browser::open(&site.base).await;
    let list = "/dead-letters/list?kind=push_record";
    let tick = async |letter: &DeadLetter| {
        browser
            .script(&format!("document.querySelector('main tbody input[value=\"{}\"]').click()", letter.job.id))
            .await;
    };
    browser.go(list).await;
    browser.press("main", "Discard the chosen letters…").await;
    browser.sees("No letter is chosen").await;

    // A second look that leads to nothing.
    browser.go(list).await;
    tick(pushes[1]).await;
    browser.press("main", "Discard the chosen letters…").await;
    browser.sees("Discard 1 letter?").await;
    browser.press("main", "Back, discard nothing").await;
    browser.arrives("/dead-letters/list").await;
    browser.shows(ROWS, "href", &links(pushes.iter().copied())).await;

    // One of three is gone meanwhile: that is told, and the other two are what is asked for.
    for at in [1, 2, 4] {
        tick(pushes[at]).await;
    }
    queue.discard(std::slice::from_ref(&pushes[2].job.id), "otto", "was quicker").await.unwrap();
    browser.press("main", "Discard the chosen letters…").await;
    browser.sees("Discard 2 letters?").await;
    browser.sees("Not on the shelf any more, of those chosen: 1 letter.").await;
    browser.shows(ROWS, "href", &links([pushes[1], pushes[4]])).await;
    // Without a reason the browser itself keeps the form back.
    browser.press("main", "Discard 2 letters").await;
    assert_eq!(
        browser.script("return document.querySelector('main input[name=reason]').matches(':invalid')").await,
        true
    );
    assert!(queue.dead_letter(&pushes[1].job.id).await.unwrap().is_some());
    browser.fill("main input[name=reason]", "entered twice by the test").await;
    browser.press("main", "Discard 2 letters").await;
    browser.sees("2 letters discarded.").await;
    assert_eq!(browser.path().await, list, "back where they were chosen");
    let left = pushes.iter().enumerate().filter(|(at, _)| ![1, 2, 4].contains(at)).map(|(_, letter)| *letter);
    browser.shows(ROWS, "href", &links(left)).await;
    assert_eq!(site.house.dead_letters().await.unwrap().len(), all.len() - 3);
    browser.go("/audit").await;
    browser.sees("2 discarded: entered twice by the test").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_is_given_to_somebody_and_its_letters_say_so() {
    let site = Site::furnished().await;
    let browser = Browser::open(&site.base).await;
    let group = "[aria-label='Groups by cause'] tbody tr:first-child";
    browser.go("/dead-letters").await;
    let link = browser.all(&format!("{group} th a"), "href").await.remove(0);
    let count: usize = browser.text(&format!("{group} td.n")).await.parse().unwrap();
    browser.press(group, "Assign or note").await;
    browser.fill(&format!("{group} input[name=assignee]"), "lena").await;
    browser.fill(&format!("{group} input[name=note]"), "waits for the supplier").await;
    browser.press(group, "Save who looks after it").await;
    browser.sees("Saved who looks after it.").await;
    let shown = browser.text(&format!("{group} td:nth-of-type(5)")).await;
    assert_eq!(shown, "lena waits for the supplier");

    // By its assignee the whole group is found, and every letter says who looks after it.
    browser.go("/dead-letters/list").await;
    browser.fill("form.filters [name=assignee]", "lena").await;
    browser.press("form.filters", "Filter").await;
    browser.sees(&format!("All that match: {count} letters")).await;
    let said = browser.all("#letters tbody tr td:last-child", "innerText").await;
    assert_eq!(said, vec!["Its cause: lena waits for the supplier"; count]);
    let letters = browser.all(ROWS, "href").await;
    browser.go(&letters[0]).await;
    browser.sees("Its cause: lena waits for the supplier").await;
    // One of them is somebody else's now.
    browser.press("main", "Assign or note").await;
    browser.fill("main details[open] input[name=assignee]", "otto").await;
    browser.press("main details[open]", "Save who looks after it").await;
    browser.sees("Saved who looks after it.").await;
    browser.sees("otto").await;
    browser.go("/dead-letters/list?assignee=lena").await;
    browser.shows(ROWS, "href", &letters[1..]).await;

    // Nothing new is refused; emptied, nobody looks after the group.
    browser.go("/dead-letters").await;
    browser.press(group, "Assign or note").await;
    browser.press(group, "Save who looks after it").await;
    browser.sees("Nothing changed: it says so already.").await;
    browser.go("/dead-letters").await;
    browser.press(group, "Assign or note").await;
    browser.fill(&format!("{group} input[name=assignee]"), "").await;
    browser.fill(&format!("{group} input[name=note]"), "").await;
    browser.press(group, "Save who looks after it").await;
    browser.sees("Saved who looks after it.").await;
    assert_eq!(browser.text(&format!("{group} td:nth-of-type(5)")).await, "–");
    browser.go(&link).await;
    browser.sees("otto").await;
    assert!(!browser.text("main").await.contains("lena"));
    browser.go("/audit").await;
    browser.sees("looked after by lena, with a note").await;
    assert!(!browser.text("main").await.contains("waits for the supplier"), "the audit holds no note");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_of_groups_follows_the_shelf_and_what_others_note_there() {
    let site = Site::furnished().await;
    let queue = &site.house.context.queue;
    let browser = Browser::open(&site.base).await;
    let shelf = site.house.dead_letters().await.unwrap();
    browser.go("/dead-letters").await;
    browser.sees(&format!("{} letters in", shelf.len())).await;
    browser.script("window.stays = 'here'").await;
    // As from another window.
    let elsewhere = format!(
        "return fetch('/dead-letters/causes/{}/triage', {{ method: 'POST', \
         body: new URLSearchParams({{ assignee: 'otto', note: 'seen without a reload' }}) }}).then(answer => answer.ok)",
        shelf[0].cause
    );
    assert_eq!(browser.script(&elsewhere).await, true);
    browser.sees("seen without a reload").await;
    queue.discard(&[shelf[0].job.id.clone(), shelf[1].job.id.clone()], "otto", "test").await.unwrap();
    browser.sees(&format!("{} letters in", shelf.len() - 2)).await;
    let vendor = json!({"VendorID": "NONAME", "Name": "", "City": "Duluth"});
    site.house.epicor.store().insert_vendor(&vendor).unwrap();
    site.house.order(VENDORS, Extent::Incremental).await.unwrap();
    browser.sees(&format!("{} letters in", shelf.len() - 1)).await;
    // Whoever types into the page is not disturbed, and what changed meanwhile comes afterwards.
    let group = "[aria-label='Groups by cause'] tbody tr:first-child";
    browser.press(group, "Assign or note").await;
    browser.fill(&format!("{group} input[name=note]"), "half a sentence").await;
    // A stream of our own beside that of the page: once it tells of the change, the page was told too.
    let listen = "window.told = []; new EventSource('/events').addEventListener('topics', \
        event => window.told.push(JSON.parse(event.data).dead));";
    browser.script(listen).await;
    let changed = async |is: &str| {
        let begun = Instant::now();
        while browser.script(&format!("return {is}")).await != true {
            assert!(begun.elapsed() < Duration::from_secs(20), "the page is not told of the shelf");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    changed("window.told.length > 0").await;
    queue.discard(std::slice::from_ref(&shelf[2].job.id), "otto", "test").await.unwrap();
    changed("window.told.at(-1) > window.told[0]").await;
    let typed = browser.script(&format!("return document.querySelector(\"{group} input[name=note]\").value")).await;
    assert_eq!(typed, "half a sentence");
    browser.script("document.activeElement.blur()").await;
    browser.sees(&format!("{} letters in", shelf.len() - 2)).await;
    assert_eq!(browser.script("return window.stays").await, "here", "the page was not loaded anew");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payload_is_put_right_and_replayed_in_one_step_and_the_record_arrives() {
    let site = Site::furnished().await;
    let all = site.house.dead_letters().await.unwrap();
    let letter = all.iter().find(|letter| letter.fault.code.as_deref() == Some("COMPANY_MISSING")).unwrap();
    let contacts = site.house.hubspot.contacts().len();
    let browser = Browser::open(&site.base).await;
    browser.go(&format!("/dead-letters/{}", letter.job.id)).await;
    browser.press("main", "Open and edit the payload").await;
    browser.sees("Look at the difference").await;
    let typed = browser.script("return document.querySelector('main textarea').value").await;
    let mut payload: serde_json::Value = typed.as_str().unwrap().parse().unwrap();
    // The firm that it belongs to is one that HubSpot has.
    let contact = &mut payload["records"][0]["contact"];
    let kind = contact["kind"].as_str().unwrap().to_owned();
    let firm = if kind == "vendor_contact" { "VEND" } else { "CUST" };
    contact["last_name"] = json!("Corrected");
    browser.script(&format!("document.querySelector('main textarea').value = {:?}", format!("{payload:#}"))).await;
    browser.press("main", "Look at the difference").await;
    browser.sees("records[0].contact.last_name").await;
    assert!(browser.text("main ins").await.contains("Corrected"));
    assert_eq!(browser.count("main del").await, 1);
    // On the way back nothing is changed.
    browser.press("main", "Back, change nothing").await;
    browser.arrives(&format!("/dead-letters/{}", letter.job.id)).await;
    browser.press("main", "Open and edit the payload").await;
    browser.sees("Look at the difference").await;
    assert!(
        !browser
            .script("return document.querySelector('main textarea').value")
            .await
            .as_str()
            .unwrap()
            .contains("Corrected")
    );

    // Its firm arrives first, as the reason asks for.
    let number = payload["records"][0]["contact"]["parent_number"].as_i64().unwrap();
    assert!(site.house.epicor.store().fix_broken().len() > 3);
    site.house.order(VENDORS, Extent::Incremental).await.unwrap();
    site.house.order(CUSTOMERS, Extent::Incremental).await.unwrap();
    site.comes_to_rest().await;
    assert!(site.house.hubspot.company_by("epicor_key", &format!("EPIC06:{firm}:{number}")).is_some());
    browser.script(&format!("document.querySelector('main textarea').value = {:?}", format!("{payload:#}"))).await;
    browser.press("main", "Look at the difference").await;
    browser.sees("Apply and replay the letter").await;
    browser.press("main", "Apply and replay the letter").await;
    browser.arrives(&format!("/jobs/{}", letter.job.id)).await;
    browser.sees("The payload is changed and the letter replayed.").await;
    browser.sees("It ended").await;
    let arrived = site.house.hubspot.contacts();
    assert!(arrived.len() > contacts && arrived.iter().any(|contact| contact.value("lastname") == "Corrected"));
    browser.go("/audit").await;
    for said in ["edit_dead_letter", "replay_dead_letters", "1 replayed, edited", "records[0].contact.last_name"] {
        browser.sees(said).await;
    }
    assert!(!browser.text("main").await.contains("Corrected"), "the audit names the field, not what stands in it");
}
