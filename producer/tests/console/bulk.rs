//! `/bulk`: operations on many dead letters.

use serde_json::{Value, json};

use crate::{
    errands::{Errand, HOSTILE, actions, dead, kill, refusal},
    site::Site,
};

/// Letters for vendors 0 to n, all of one cause.
async fn letters(site: &Site, n: usize) {
    let errand = |n| Errand::failing("hubspot-main", &format!("EPIC06:VEND:{n}"), refusal("name", "no name"));
    kill(&site.rooms, &(0..n).map(errand).collect::<Vec<_>>()).await;
}

/// Drives the operations as a producer does, until nothing is left to do at once.
async fn drive(site: &Site) {
    for _ in 0..1000 {
        match site.rooms.queue.advance_bulks().await.unwrap() {
            Some(wait) if wait.is_zero() => {}
            _ => return,
        }
    }
    panic!("the operations do not end");
}

/// The path that the answer leads to.
fn path_of(location: &str) -> String {
    assert!(location.starts_with("/bulk/"), "{location}");
    location.to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn all_that_match_are_replayed_after_a_preview_and_the_progress_is_shown() {
    let site = Site::start().await;
    letters(&site, 7).await;
    kill(&site.rooms, &[Errand::failing("epicor-main", "EPIC06:CUST:1", refusal("email", "no address"))]).await;
    let asked = site.page("/dead-letters/replay-matching?lane=hubspot-main").await;
    for wanted in [
        "7 letters",
        "connection hubspot-main",
        "hubspot-main</bdi>: 7",
        "name=\"rate\"",
        "name=\"until\"",
        "EPIC06:VEND:",
    ] {
        assert!(asked.contains(wanted), "{wanted}: {asked}");
    }
    assert_eq!(
        (dead(&site.rooms).await, site.get_json("/bulk").await["bulks"].clone()),
        (8, json!([])),
        "looking starts nothing"
    );

    let fields = [("verb", "replay"), ("lane", "hubspot-main"), ("rate", ""), ("reason", "")];
    let answer = site.post_form("/bulk", &fields).await;
    assert_eq!(answer.status, 303, "{}", answer.text());
    let path = path_of(answer.header("location"));
    let page = site.page(&path).await;
    for wanted in ["max=\"7\" value=\"0\"", "0 of 7 letters replayed", "as fast as it goes", "Pause this operation"] {
        assert!(page.contains(wanted), "{wanted}: {page}");
    }
    let (what, subject, _, after) = actions(&site.rooms).await.remove(0);
    assert_eq!((what.as_str(), format!("/bulk/{subject}")), ("start_bulk", path.clone()));
    assert!(
        after
            .as_ref()
            .is_some_and(|after| after.starts_with("replay connection hubspot-main") && after.contains("7 match")),
        "{after:?}"
    );

    drive(&site).await;
    let done = site.get_json(&path).await;
    assert_eq!((&done["state"], &done["acted"], &done["by"]), (&json!("done"), &json!(7), &json!("test")));
    assert_eq!(dead(&site.rooms).await, 1);
    let page = site.page(&path).await;
    assert!(page.contains("100 %") && !page.contains("Pause this operation"), "{page}");
    let list = site.page("/bulk").await;
    assert!(list.contains(&path) && list.contains(">done<"), "{list}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_metered_operation_is_paused_resumed_and_aborted_each_under_a_name() {
    let site = Site::start().await;
    letters(&site, 5).await;
    let answer = site.post_json("/bulk", &json!({ "verb": "replay", "all": true, "rate": "1/h" })).await;
    let id = answer.json()["id"].as_str().unwrap().to_owned();
    drive(&site).await;
    let bulk = site.get_json(&format!("/bulk/{id}")).await;
    assert_eq!((&bulk["state"], &bulk["acted"], &bulk["matched"]), (&json!("running"), &json!(1), &json!(5)));
    assert!(bulk["left_s"].as_u64().is_some_and(|left| left > 3600), "{bulk}");
    for (verb, state, message) in
        [("pause", "paused", "Paused"), ("resume", "running", "goes on"), ("abort", "aborted", "Aborted")]
    {
        let answer = site.post_form(&format!("/bulk/{id}/{verb}"), &[]).await;
        assert_eq!((answer.status, answer.header("location")), (303, format!("/bulk/{id}").as_str()), "{verb}");
        assert!(answer.message().contains(message), "{}", answer.message());
        let bulk = site.get_json(&format!("/bulk/{id}")).await;
        assert_eq!((&bulk["state"], &bulk["switched_by"]), (&json!(state), &json!("test")));
        let entry = actions(&site.rooms).await.remove(0);
        assert_eq!((entry.0, entry.1), (format!("{verb}_bulk"), id.clone()));
        assert_eq!(entry.3, Some(format!("{state} after 1")));
    }
    for verb in ["pause", "resume", "abort"] {
        let answer = site.post_json(&format!("/bulk/{id}/{verb}"), &json!({})).await;
        assert_eq!((answer.status, &answer.json()["error"]["kind"]), (409, &json!("conflict")), "{verb}");
    }
    assert_eq!(actions(&site.rooms).await.len(), 4, "what changed nothing leaves no entry");
    assert_eq!(dead(&site.rooms).await, 4, "what it did stays done, the rest stays");
}

#[tokio::test(flavor = "multi_thread")]
async fn discarding_all_that_match_needs_a_reason_and_spares_what_dies_later() {
    let site = Site::start().await;
    letters(&site, 3).await;
    let seen = site.get_json("/dead-letters/discard-matching?fault=rejected").await;
    assert_eq!((&seen["verb"], &seen["hits"]["letters"]), (&json!("discard"), &json!(3)));
    let until = seen["until"].as_str().unwrap().to_owned();
    let page = site.page("/dead-letters/discard-matching?fault=rejected").await;
    assert!(page.contains("name=\"reason\" required") && page.contains("Start to discard 3 letters"), "{page}");
    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    kill(&site.rooms, &[Errand::failing("hubspot-main", "EPIC06:VEND:99", refusal("name", "no name"))]).await;

    let mut order = json!({ "verb": "discard", "fault": "rejected", "until": until });
    assert_eq!(site.post_json("/bulk", &order).await.status, 400);
    order["reason"] = json!("entered twice");
    let answer = site.post_json("/bulk", &order).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    drive(&site).await;
    let left = site.get_json("/dead-letters/list").await;
    assert_eq!((&left["hits"]["letters"], &left["letters"][0]["subject"]), (&json!(1), &json!("EPIC06:VEND:99")));
    let after = actions(&site.rooms).await.remove(0).3.unwrap();
    assert!(after.starts_with("discard fault rejected") && after.ends_with(": entered twice"), "{after}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_could_hit_more_than_was_meant_is_refused() {
    let site = Site::start().await;
    letters(&site, 2).await;
    for (order, status, needle) in [
        (json!({}), 400, "verb"),
        (json!({ "verb": "delete", "all": true }), 400, "verb"),
        (json!({ "verb": "replay" }), 400, "Nothing narrows"),
        (json!({ "verb": "replay", "lanes": "hubspot-main" }), 400, "lanes"),
        (json!({ "verb": "replay", "all": true, "rate": "fast" }), 400, "rate"),
        (json!({ "verb": "replay", "all": true, "rate": "0/s" }), 400, "rate"),
        (json!({ "verb": "discard", "all": true }), 400, "reason"),
        (json!({ "verb": "discard", "all": true, "reason": "a\nb" }), 400, "reason"),
        (json!({ "verb": "replay", "fault": "odd" }), 400, "fault"),
        (json!({ "verb": "replay", "lane": "nowhere" }), 404, "nowhere"),
        (json!({ "verb": "replay", "subject": "no such" }), 404, "No letter matches"),
        (json!({ "verb": "replay", "lane": "hubspot-main", "subject": "" }), 400, "`subject` is empty"),
        (json!([]), 400, ""),
    ] {
        let answer = site.post_json("/bulk", &order).await;
        assert_eq!(answer.status, status, "{order}: {}", answer.text());
        assert!(answer.json()["error"]["message"].as_str().unwrap().contains(needle), "{order}: {}", answer.text());
    }
    // What a shell makes of a variable that is not set.
    for field in ["cause", "lane", "kind", "fault", "subject", "error", "assignee", "older_than"] {
        for (text, all) in [("", false), ("", true), (" ", false)] {
            let order = json!({ "verb": "discard", "reason": "x", "all": all, field: text });
            let answer = site.post_json("/bulk", &order).await;
            assert_eq!(answer.status, 400, "{order}: {}", answer.text());
            let told = answer.json()["error"]["message"].as_str().unwrap().contains(&format!("`{field}` is empty"));
            assert!(told, "{order}: {}", answer.text());
        }
        let preview = site.get(&format!("/dead-letters/discard-matching?{field}=%20")).await;
        assert_eq!(preview.status, 400, "{field}: {}", preview.text());
    }
    for path in ["/bulk/none", "/bulk/%0a", "/bulk/a.b"] {
        assert_eq!(site.get(path).await.status, 404, "{path}");
    }
    assert_eq!(site.post_form("/bulk/none/abort", &[]).await.status, 404);
    assert_eq!((site.get_json("/bulk").await["bulks"].clone(), actions(&site.rooms).await.len()), (json!([]), 0));
    assert_eq!(dead(&site.rooms).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_filter_and_reason_show_and_do_nothing() {
    let site = Site::start().await;
    kill(&site.rooms, &[Errand::failing("hubspot-main", HOSTILE, refusal(HOSTILE, HOSTILE))]).await;
    let order = json!({ "verb": "discard", "subject": "<script>alert", "reason": HOSTILE });
    let answer = site.post_json("/bulk", &order).await;
    let bulk: Value = answer.json();
    for path in ["/bulk".to_owned(), format!("/bulk/{}", bulk["id"].as_str().unwrap())] {
        let page = site.page(&path).await;
        assert!(!page.contains("<script>alert") && !page.contains("\" onload=\""), "{path}: {page}");
        assert!(page.contains("&lt;script&gt;alert"), "{path}: {page}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_letter_and_only_some_contradict_each_other_and_nothing_is_started() {
    let site = Site::start().await;
    letters(&site, 2).await;
    let id = site.get_json("/dead-letters/list").await["letters"][0]["id"].clone();
    for verb in ["replay", "discard"] {
        let narrow = [
            ("cause", "x"),
            ("lane", "hubspot-main"),
            ("kind", "errand"),
            ("fault", "rejected"),
            ("subject", "EPIC06:VEND:1"),
            ("error", "no name"),
            ("assignee", "lena"),
            ("older_than", "1s"),
        ];
        for (name, value) in narrow {
            let body = json!({ "verb": verb, "reason": "x", "all": true, name: value });
            let answer = site.post_json("/bulk", &body).await;
            assert_eq!(answer.status, 400, "{body}: {}", answer.text());
            assert!(answer.text().contains(&format!("`all` and `{name}` contradict each other")), "{}", answer.text());
            let fields = [("verb", verb), ("reason", "x"), ("all", "true"), (name, value)];
            assert_eq!(site.post_form("/bulk", &fields).await.status, 400, "{name}");
        }
        let body = json!({ "verb": verb, "reason": "x", "all": true, "ids": [&id] });
        let answer = site.post_json("/bulk", &body).await;
        assert!(answer.status == 400 && answer.text().contains("`ids`"), "{}", answer.text());
        let body = json!({ "ids": [&id], "reason": "x", "all": true });
        let answer = site.post_json(&format!("/dead-letters/{verb}"), &body).await;
        assert!(answer.status == 400 && answer.text().contains("`all`"), "{}", answer.text());
    }
    assert!(site.actions().await.is_empty(), "{:?}", site.actions().await);
    assert_eq!(site.get_json("/bulk").await["bulks"], json!([]));
    assert_eq!(dead(&site.rooms).await, 2);
    // The time up to which letters count narrows nothing: the page sends it with every order.
    let body = json!({ "verb": "replay", "all": true, "until": "2000-01-01T00:00:00Z" });
    assert_eq!(site.post_json("/bulk", &body).await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn letters_that_left_the_shelf_before_they_were_reached_are_told_apart() {
    let site = Site::start().await;
    letters(&site, 5).await;
    let ids = site.get_json("/dead-letters/list").await["letters"].clone();
    let answer = site.post_json("/bulk", &json!({ "verb": "replay", "all": true, "rate": "1/h" })).await;
    let id = answer.json()["id"].as_str().unwrap().to_owned();
    // The newest is reached last.
    let gone = [&ids[0]["id"], &ids[1]["id"]];
    let answer = site.post_json("/dead-letters/discard", &json!({ "ids": gone, "reason": "entered twice" })).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let told = site.page(&format!("/bulk/{id}")).await;
    assert!(told.contains("0 of 5 letters replayed") && !told.contains("had left the shelf"), "{told}");
    site.post_json(&format!("/bulk/{id}/abort"), &json!({})).await;

    let answer = site.post_json("/bulk", &json!({ "verb": "replay", "all": true })).await;
    let id = answer.json()["id"].as_str().unwrap().to_owned();
    let answer = site.post_json("/dead-letters/discard", &json!({ "ids": [&ids[2]["id"]], "reason": "x" })).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    drive(&site).await;
    let bulk = site.get_json(&format!("/bulk/{id}")).await;
    assert_eq!((&bulk["state"], &bulk["acted"], &bulk["matched"]), (&json!("done"), &json!(2), &json!(3)));
    let told = site.page(&format!("/bulk/{id}")).await;
    assert!(told.contains("2 of 3 letters replayed; 1 had left the shelf before it was reached."), "{told}");
}
