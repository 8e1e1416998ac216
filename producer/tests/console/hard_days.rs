//! What must hold when Redis is full, and when a page elsewhere makes a browser look or send.

use mlc_ledger::{Action, Delivery};
use mlc_model::{Fingerprint, FlowId, RecordKey, Version};
use serde_json::json;

use crate::{
    browser::{Browser, PASSWORD, closed_site},
    dead_letters::readable,
    errands::{Errand, actions, dead, enqueue, kill, refusal},
    flows::{FLOW, open_window},
    private_redis::assert_fails,
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
async fn what_a_full_redis_refused_is_said_to_be_undone_and_is_not_in_the_audit() {
    let site = Site::start().await;
    let letter = readable(&site).await;
    let letter = letter.as_str();
    let window = open_window(&site).await;
    let payload = site.get_json(&format!("/dead-letters/{letter}/edit")).await;
    let mut edited = payload["payload"].clone();
    edited["ask"]["records"]["keys"] = json!(["18"]);
    // One record that the ledger knows, and one that it has never seen: what is written first differs.
    let known = RecordKey::from_text("EPIC06:VEND:118");
    let delivery = Delivery {
        key: known.clone(),
        version: Version(1),
        fingerprint: Fingerprint([7; 16]),
        target_id: None,
        action: Action::Created,
        window: None,
        job: None,
        at: site.rooms.clock.now(),
    };
    let flow = FlowId::parse(FLOW).unwrap();
    site.rooms.ledger.deliver(&flow, &[delivery]).await.unwrap();
    let before = actions(&site.rooms).await;
    site.redis.full(true).await;
    for (path, body) in [
        (format!("/flows/{FLOW}/sync"), json!({})),
        (format!("/flows/{FLOW}/sync"), json!({ "since": "2h" })),
        (format!("/flows/{FLOW}/full-sync"), json!({})),
        (format!("/windows/{window}/replay"), json!({})),
        (format!("/records/{FLOW}/{known}/read"), json!({})),
        (format!("/records/{FLOW}/EPIC06:VEND:9/read"), json!({})),
        (format!("/dead-letters/{letter}/triage"), json!({ "assignee": "otto" })),
        (format!("/dead-letters/{letter}/edit"), json!({ "digest": payload["digest"], "payload": edited })),
        ("/connections/hubspot-main/secrets/token".to_owned(), json!({ "value": "pat-1" })),
    ] {
        let answer = site.post_json(&path, &body).await;
        assert_eq!(answer.status, 503, "{path}: {}", answer.text());
        let error = answer.json()["error"].clone();
        assert_eq!(error["kind"], "unavailable", "{path}: {error}");
        let message = error["message"].as_str().unwrap();
        assert!(message.starts_with("nothing was done: Redis is full"), "{path}: {message}");
    }
    for arguments in [
        &["sync", FLOW, "--no-wait"][..],
        &["window", "replay", window.as_str()],
        &["dead-letters", "assign", letter, "--to", "otto"],
    ] {
        assert_fails(&site.redis.run(arguments), 4, &["nothing was done: Redis is full"]);
    }
    assert_eq!(actions(&site.rooms).await, before, "what was not done leaves no entry");
    site.redis.full(false).await;
    // It was not done indeed, and can be now.
    let row = site.rooms.ledger.row(&flow, &[known]).await.unwrap().remove(0).unwrap();
    assert!(!row.pending, "{row:?}");
    assert_eq!(site.get_json("/jobs").await["jobs"], json!([]));
    assert_eq!(site.get_json(&format!("/dead-letters/{letter}/edit")).await["payload"], payload["payload"]);
    let synced = site.post_json(&format!("/flows/{FLOW}/sync"), &json!({})).await;
    assert_eq!(synced.status, 200, "{}", synced.text());
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
