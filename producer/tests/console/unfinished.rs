//! The entry of an action, in two halves: what stands in the audit when only the first one could be written.

use serde_json::json;

use crate::site::Site;

const PAUSE: &str = "/connections/hubspot-main/pause";

async fn is_paused(site: &Site) -> bool {
    let lane = site.rooms.lane("hubspot-main").await.unwrap();
    site.rooms.queue.lane(&lane).await.unwrap().paused.is_some()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_done_when_its_end_could_not_be_written_stands_in_the_audit_as_begun() {
    let site = Site::start().await;
    site.redis.forbid("xdel", true).await;
    let answer = site.post_json(PAUSE, &json!({ "reason": "upgrade" })).await;
    assert_eq!(answer.status, 503, "{}", answer.text());
    assert!(answer.text().contains("this was done"), "{}", answer.text());
    assert!(is_paused(&site).await);
    let listed = site.get_json("/audit").await;
    let items = listed["items"].as_array().unwrap();
    assert_eq!(items.len(), 1, "{listed}");
    let row = &items[0];
    assert_eq!((&row["who"], &row["what"], &row["subject"]), (&"test".into(), &"pause".into(), &"hubspot-main".into()));
    assert_eq!(row["unfinished"], true);
    let page = site.page("/audit").await;
    assert_eq!(page.matches("began, outcome unknown").count(), 1, "{page}");
    let one = site.page(&format!("/audit/{}", row["id"].as_str().unwrap())).await;
    assert!(one.contains("Nobody wrote down how this ended"), "{one}");
    let told = site.redis.run(&["audit", "people"]);
    assert!(crate::private_redis::stdout(&told).contains("began, outcome unknown"), "{told:?}");

    // The command line leaves the same.
    let resumed = site.redis.run(&["resume", "hubspot-main"]);
    crate::private_redis::assert_fails(&resumed, 4, &["this was done"]);
    assert!(!is_paused(&site).await);
    let people = site.redis.json(0, &["audit", "people"]);
    let row = &people["items"][0];
    assert_eq!((&row["who"], &row["what"], &row["unfinished"]), (&"lena".into(), &"resume".into(), &true.into()));
    site.redis.forbid("xdel", false).await;
    assert_eq!(site.post_json(PAUSE, &json!({ "reason": "upgrade" })).await.status, 200);
    let newest = &site.get_json("/audit").await["items"][0];
    assert_eq!((&newest["unfinished"], &newest["after"]), (&false.into(), &"paused: upgrade".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_written_into_the_audit_is_not_done() {
    let site = Site::start().await;
    site.redis.forbid("xadd", true).await;
    let answer = site.post_json(PAUSE, &json!({ "reason": "upgrade" })).await;
    assert_eq!(answer.status, 503, "{}", answer.text());
    assert!(answer.text().contains("nothing was done"), "{}", answer.text());
    let paused = site.redis.run(&["pause", "hubspot-main", "--reason", "upgrade"]);
    crate::private_redis::assert_fails(&paused, 4, &["nothing was done"]);
    assert!(!is_paused(&site).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_failed_in_the_middle_is_told_as_begun_and_what_was_refused_is_not_told() {
    let site = Site::start().await;
    assert_eq!(site.post_json(PAUSE, &json!({ "reason": " " })).await.status, 400);
    assert_eq!(site.post_json("/connections/hubspot-main/resume", &json!({})).await.status, 409);
    assert_eq!(site.post_json("/dead-letters/discard", &json!({ "ids": ["job-x"], "reason": "r" })).await.status, 404);
    assert_eq!(site.redis.run(&["resume", "hubspot-main"]).status.code(), Some(0));
    assert_eq!(site.redis.run(&["dead-letters", "replay", "job-x"]).status.code(), Some(3));
    assert!(site.actions().await.is_empty(), "{:?}", site.actions().await);
    // As a Redis that dies between the entry and the action.
    site.redis.forbid("hset", true).await;
    let answer = site.post_json(PAUSE, &json!({ "reason": "upgrade" })).await;
    site.redis.forbid("hset", false).await;
    assert_eq!(answer.status, 503, "{}", answer.text());
    assert!(!is_paused(&site).await);
    let listed = site.get_json("/audit").await;
    assert_eq!((&listed["items"][0]["what"], &listed["items"][0]["unfinished"]), (&"pause".into(), &true.into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_that_began_names_what_it_is_about_and_nothing_else_that_was_sent() {
    let site = Site::start().await;
    site.redis.forbid("xdel", true).await;
    let secret = site.post_json("/connections/hubspot-main/secrets/token", &json!({ "value": "canary-4711" })).await;
    assert_eq!(secret.status, 503, "{}", secret.text());
    let mistaken = site.post_json("/connections/hubspot-main/secrets/pat-canary-4713", &json!({ "value": "x" })).await;
    assert_eq!(mistaken.status, 404, "{}", mistaken.text());
    let ids: Vec<String> = (0..205).map(|n| format!("job-{n}")).collect();
    site.post_json("/dead-letters/discard", &json!({ "ids": ids, "reason": "canary-4712" })).await;
    let entries = site.rooms.ledger.audit_actions(10).await.unwrap();
    let subjects: Vec<&str> = entries.iter().map(|entry| entry.action.subject.as_str()).collect();
    assert!(subjects[0].starts_with("job-0 job-1 ") && subjects[0].ends_with(" job-199 … (205)"), "{subjects:?}");
    assert_eq!(subjects[1..], ["hubspot-main", "hubspot-main token"]);
    assert!(!format!("{entries:?}").contains("canary"), "{entries:?}");
}
