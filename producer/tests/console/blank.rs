//! A reason, a note or a name of which nothing can be seen: refused wherever one is written.

use std::collections::BTreeMap;

use mlc_ledger::{NewReview, ReviewKind};
use mlc_model::{FlowId, RecordKey};
use serde_json::json;

use crate::{
    errands::{Errand, dead, kill, refusal},
    private_redis::assert_fails,
    site::Site,
};

/// Each looks like nothing at all.
const BLANKS: [&str; 5] = ["\u{200b}", "\u{2060}\u{feff}", " \u{ad} \u{202e}", "\u{3164}", " "];

/// A letter on the shelf and an open item of the review list: their ids.
async fn seeded(site: &Site) -> (String, String) {
    let letter = Errand::failing("hubspot-main", "EPIC06:VEND:1", refusal("name", "vendor 1 has no name"));
    let letter = kill(&site.rooms, &[letter]).await.remove(0).to_string();
    let review = NewReview {
        flow: FlowId::parse("epicor_to_hubspot::vendors").unwrap(),
        key: RecordKey::from_text("EPIC06:VEND:118"),
        kind: ReviewKind::PriceDifference,
        about: "1".to_owned(),
        summary: "Invoice 1 differs from its orders' prices".to_owned(),
        facts: BTreeMap::new(),
        job: None,
        at: chrono::DateTime::from_timestamp(1_790_000_000, 0).unwrap(),
    };
    (letter, site.rooms.ledger.raise_review(&review).await.unwrap().id.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_seen_is_no_reason_no_note_and_no_name_on_pages_and_in_the_api() {
    let site = Site::start().await;
    let (letter, item) = seeded(&site).await;
    let triage = format!("/dead-letters/{letter}/triage");
    let review = |verb: &str| format!("/reviews/{item}/{verb}");
    for (path, with, field) in [
        ("/dead-letters/discard".to_owned(), Some(("ids", letter.as_str())), "reason"),
        ("/bulk".to_owned(), Some(("verb", "discard")), "reason"),
        ("/bulk".to_owned(), Some(("verb", "replay")), "reason"),
        (triage.clone(), None, "assignee"),
        (triage, Some(("assignee", "otto")), "note"),
        ("/connections/hubspot-main/pause".to_owned(), None, "reason"),
        ("/connections/hubspot-main/release".to_owned(), None, "reason"),
        ("/connections/hubspot-main/secrets/token/delete".to_owned(), None, "reason"),
        (review("accept"), None, "note"),
        (review("dismiss"), None, "note"),
        (review("reopen"), None, "note"),
        ("/people/remove".to_owned(), Some(("name", "otto")), "reason"),
    ] {
        for blank in BLANKS {
            let mut fields = vec![(field, blank)];
            fields.extend(with);
            if path == "/bulk" {
                fields.push(("lane", "hubspot-main"));
            }
            let answer = site.post_form(&path, &fields).await;
            assert_eq!(answer.status, 400, "{path} {blank:?}: {}", answer.text());
            assert!(answer.text().contains(field), "{path}: {}", answer.text());
            // What only pages do has no other face.
            if path.starts_with("/people") {
                continue;
            }
            let text = |(name, value): (&str, &str)| {
                let value = if name == "ids" { json!([value]) } else { json!(value) };
                (name.to_owned(), value)
            };
            let body = serde_json::Value::Object(fields.into_iter().map(text).collect());
            let answer = site.post_json(&path, &body).await;
            assert_eq!(answer.status, 400, "{path} {body}: {}", answer.text());
            let error = &answer.json()["error"];
            assert_eq!(error["kind"], "bad_input", "{path}: {error}");
            assert!(error["message"].as_str().is_some_and(|text| text.contains(&format!("`{field}`"))), "{error}");
        }
    }
    assert!(site.actions().await.is_empty(), "{:?}", site.actions().await);
    assert_eq!(dead(&site.rooms).await, 1);
    let answer = site.post_json(&review("dismiss"), &json!({ "note": "" })).await;
    assert_eq!(answer.status, 400, "{}", answer.text());
    // What can be seen counts, whatever stands around it; and what is left empty is left out.
    let triage = format!("/dead-letters/{letter}/triage");
    assert_eq!(site.post_json(&triage, &json!({ "assignee": "\u{200b}otto", "note": "" })).await.status, 200);
    assert_eq!(site.post_json(&triage, &json!({ "assignee": "" })).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_seen_is_no_reason_no_note_and_no_name_at_the_command_line() {
    let site = Site::start().await;
    let (letter, item) = seeded(&site).await;
    for blank in BLANKS {
        for (arguments, named) in [
            (vec!["dead-letters", "discard", &letter, "--reason", blank], "`reason`"),
            (vec!["dead-letters", "discard", "--all", "--reason", blank], "`reason`"),
            (vec!["dead-letters", "assign", &letter, "--to", blank], "`--to`"),
            (vec!["dead-letters", "assign", &letter, "--note", blank], "`--note`"),
            (vec!["pause", "hubspot-main", "--reason", blank], "`reason`"),
            (vec!["review", "accept", &item, "--note", blank], "`note`"),
            (vec!["review", "dismiss", &item, "--note", blank], "`note`"),
        ] {
            assert_fails(&site.redis.run(&arguments), 2, &[named]);
        }
        assert_eq!(site.redis.run(&["--as", blank, "pause", "hubspot-main", "--reason", "x"]).status.code(), Some(2));
    }
    assert_fails(&site.redis.run(&["review", "dismiss", &item, "--note", ""]), 2, &["`note`"]);
    assert!(site.actions().await.is_empty(), "{:?}", site.actions().await);
}
