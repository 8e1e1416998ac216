//! Dead letters put right by hand: chosen, edited, assigned, discarded, and many at once.

use mlc_model::JobId;

use super::{browser::Browser, site::Site};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn letters_are_replayed_assigned_edited_and_discarded_by_hand() {
    let site = Site::furnished().await;
    let browser = Browser::open(&site.base).await;

    // Chosen ones, by their boxes.
    browser.go("/dead-letters/list?kind=push_record").await;
    browser.script("document.querySelector('main tbody input[type=checkbox]').click()").await;
    browser.press("main", "Replay the chosen letters").await;
    browser.sees("1 letter").await;

    // One, with somebody who looks after it.
    browser.go("/dead-letters/list?kind=push_record").await;
    browser.follow("main tbody th a, main tbody a").await;
    browser.sees("Assign or note").await;
    let letter = JobId::parse(browser.path().await.rsplit('/').next().unwrap()).unwrap();
    browser.press("main", "Assign or note").await;
    browser.fill("main input[name=assignee]", "lena").await;
    browser.fill("main input[name=note]", "asks the supplier").await;
    browser.press("main", "Save who looks after it").await;
    browser.sees("lena").await;

    // Its payload: what is no payload is refused and named, what differs is shown before it counts.
    browser.press("main", "Open and edit the payload").await;
    browser.sees("Look at the difference").await;
    let typed = browser.script("return document.querySelector('main textarea').value").await;
    browser.script("document.querySelector('main textarea').value = '{ \"flow\": 7 }'").await;
    browser.press("main", "Look at the difference").await;
    browser.sees("flow").await;
    assert!(browser.text("main").await.contains("flow"), "the field that is wrong is named");
    let changed = change_a_text(&typed.as_str().unwrap_or_default().parse().unwrap());
    let script = format!("document.querySelector('main textarea').value = {changed:?}");
    browser.script(&script).await;
    browser.press("main", "Look at the difference").await;
    browser.sees("Apply, leave it on the shelf").await;
    assert!(browser.count("main ins").await > 0 && browser.count("main del").await > 0);
    browser.press("main", "Apply, leave it on the shelf").await;
    browser.sees("The payload is changed").await;

    browser.press("main", "Discard…").await;
    browser.fill("main details[open] input[name=reason]", "the firm is closed").await;
    browser.press("main details[open]", "Discard this letter").await;
    browser.sees("iscarded").await;
    assert_eq!(site.house.context.queue.dead_letter(&letter).await.unwrap(), None);
    browser.go("/audit").await;
    for word in ["replay_dead_letters", "assign_dead_letters", "edit_dead_letter", "discard_dead_letters"] {
        browser.sees(word).await;
    }
    assert!(!browser.text("main").await.contains("asks the supplier"), "the audit holds no note");
}

/// The payload with another value in one text of its record.
fn change_a_text(payload: &serde_json::Value) -> String {
    fn change(value: &mut serde_json::Value) -> bool {
        match value {
            serde_json::Value::Object(fields) => fields.iter_mut().any(|(name, value)| match value {
                serde_json::Value::String(text)
                    if ["first_name", "last_name", "phone", "city"].contains(&name.as_str()) =>
                {
                    text.push('x');
                    true
                }
                other => change(other),
            }),
            serde_json::Value::Array(items) => items.iter_mut().any(change),
            _ => false,
        }
    }
    let mut payload = payload.clone();
    assert!(change(&mut payload), "{payload:#}");
    format!("{payload:#}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operation_on_many_letters_is_previewed_started_paused_resumed_and_aborted() {
    let site = Site::furnished().await;
    let browser = Browser::open(&site.base).await;
    browser.go("/dead-letters/list?kind=poll_page").await;
    browser.press("main", "What an action on all of them hits").await;
    browser.press("main", "Replay all that match…").await;
    browser.sees("Which:").await;
    browser.fill("main input[name=rate]", "6/m").await;
    browser.press("main", "Start to replay").await;
    browser.sees("Pause this operation").await;
    browser.press("main", "Pause this operation").await;
    browser.sees("Let it go on").await;
    browser.press("main", "Let it go on").await;
    browser.sees("Pause this operation").await;
    browser.press("main", "Abort…").await;
    browser.press("main", "Abort this operation").await;
    browser.sees("aborted").await;
    let letters = site.house.dead_letters().await.unwrap();
    assert!(letters.len() > 5, "those it did not reach stay on the shelf: {}", letters.len());

    // The list of operations leads back to it, and it cannot be taken up again.
    browser.go("/bulk").await;
    assert!(browser.text("main tbody tr").await.contains("aborted"));
    browser.press("main tbody", "Replay kind poll_page").await;
    browser.sees("Paused, resumed or aborted by").await;
    assert_eq!(browser.count("main form").await, 0);

    browser.go("/dead-letters").await;
    browser.press("main", "Discard…").await;
    browser.sees("Start to discard").await;
    browser.fill("main input[name=reason]", "entered twice").await;
    browser.press("main", "Start to discard").await;
    browser.sees("done").await;
    assert!(site.house.dead_letters().await.unwrap().len() < letters.len());
    browser.go("/audit").await;
    for word in ["start_bulk", "pause_bulk", "resume_bulk", "abort_bulk"] {
        browser.sees(word).await;
    }
}
