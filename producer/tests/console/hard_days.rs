//! What must hold when Redis is full, and when a page elsewhere makes a browser look or send.

use serde_json::json;

use crate::{
    browser::{Browser, PASSWORD, closed_site},
    errands::{Errand, actions, dead, enqueue, kill, refusal},
    site::Site,
};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_done_while_redis_is_full_stands_in_the_audit_too() {
    let site = Site::start().await;
    let letter = Errand::failing("hubspot-main", "EPIC06:VEND:1", refusal("name", "vendor 1 has no name"));
    let id = kill(&site.rooms, &[letter]).await.remove(0);
    site.redis.full(true).await;
    let answer = site.post_json("/dead-letters/discard", &json!({ "ids": [id], "reason": "nobody needs it" })).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(dead(&site.rooms).await, 0);
    for path in ["/", "/connections", "/jobs", "/dead-letters", "/audit", "/budgets", "/flows"] {
        assert!(site.page(path).await.contains("<h1"), "{path}");
    }
    assert_eq!(actions(&site.rooms).await.iter().filter(|action| action.0 == "discard_dead_letters").count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn people_log_in_make_room_and_log_out_while_redis_is_full_and_guessing_stays_locked() {
    let site = closed_site().await;
    let letter = Errand::failing("hubspot-main", "EPIC06:VEND:1", refusal("name", "vendor 1 has no name"));
    let id = kill(&site.rooms, &[letter]).await.remove(0);
    site.redis.full(true).await;
    let mut guesser = Browser::at(&site);
    for _ in 0..5 {
        assert_eq!(guesser.login("olga", "wrong").await.status, 401);
    }
    assert_eq!(guesser.login("olga", PASSWORD).await.status, 429);
    let mut root = Browser::of(&site, "root").await;
    for path in ["/", "/dead-letters", "/audit", "/account", "/people"] {
        assert_eq!(root.get(path).await.status, 200, "{path}");
    }
    let discarded = root.post("/dead-letters/discard", &[("ids", id.as_str()), ("reason", "nobody needs it")]).await;
    assert_eq!(discarded.status, 303, "{}", discarded.text());
    assert_eq!(dead(&site.rooms).await, 0);
    assert_eq!(root.post("/people/disable", &[("name", "rita")]).await.status, 303);
    assert_eq!(root.post("/logout", &[]).await.header("location"), "/login");
    let told: Vec<String> = actions(&site.rooms).await.into_iter().map(|action| action.0).collect();
    for what in ["login", "login_locked", "discard_dead_letters", "disable_account", "logout"] {
        assert!(told.iter().any(|told| told == what), "{what}: {told:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_elsewhere_cannot_make_a_browser_leave_entries_by_looking() {
    let site = Site::start().await;
    let order = Errand::to("hubspot-main", "EPIC06:VEND:1").order();
    let id = enqueue(&site.rooms, &[order]).await.remove(0);
    for from in ["cross-site", "same-site"] {
        let path = format!("/jobs/{id}/payload");
        let answer = site.send("GET", &path, &[("sec-fetch-site", from)], b"").await;
        assert_eq!(answer.status, 403, "{from}");
    }
    assert!(actions(&site.rooms).await.is_empty());
    assert_eq!(site.get(&format!("/jobs/{id}/payload")).await.status, 200);
    assert_eq!(actions(&site.rooms).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_open_to_everybody_takes_small_bodies_only() {
    let site = Site::start().await;
    let body = [b"name=".to_vec(), vec![b'x'; 20 << 10]].concat();
    let head = [("content-type", "application/x-www-form-urlencoded")];
    assert_eq!(site.send("POST", "/login", &head, &body).await.status, 413);
}
