//! `/reviews`.

use std::collections::BTreeMap;

use mlc_ledger::{NewReview, ReviewKind, ReviewState};
use mlc_model::{FlowId, RecordKey};
use serde_json::json;

use crate::{
    browser::{Browser, closed_site},
    site::Site,
};

const VENDORS: &str = "epicor_to_hubspot::vendors";
const HOSTILE: &str = "<script>alert(1)</script>\u{202e}\"'&";

pub(crate) fn review(number: u32, kind: ReviewKind) -> NewReview {
    NewReview {
        flow: FlowId::parse(VENDORS).unwrap(),
        key: RecordKey::from_text(&format!("EPIC06:VEND:{number}")),
        kind,
        about: number.to_string(),
        summary: format!("Invoice {number} differs from its orders' prices"),
        facts: BTreeMap::from([
            ("line 1".to_owned(), "quantity 5, order 10, invoice 12".to_owned()),
            ("invoice".to_owned(), format!("INV-{number}")),
        ]),
        job: None,
        at: chrono::DateTime::from_timestamp(1_790_000_000, 0).unwrap(),
    }
}

async fn raised(site: &Site, review: &NewReview) -> String {
    site.rooms.ledger.raise_review(review).await.unwrap().id.to_string()
}

#[tokio::test]
async fn the_list_tells_what_waits_and_is_filtered_and_paged() {
    let site = Site::start().await;
    assert!(site.page("/reviews").await.contains("Nothing waits for a decision."));
    for number in 1..=53 {
        let kind = if number == 7 { ReviewKind::Conflict } else { ReviewKind::PriceDifference };
        raised(&site, &review(number, kind)).await;
    }
    let page = site.page("/reviews").await;
    for needle in ["Open (53)", "Accepted (0)", "/records/epicor_to_hubspot::vendors/EPIC06:VEND:53", "rel=\"next\""] {
        assert!(page.contains(needle), "{needle}: {page}");
    }
    let first = site.get_json("/reviews").await;
    assert_eq!((first["items"].as_array().unwrap().len(), &first["next"]), (50, &json!("4")));
    let rest = site.get_json("/reviews?after=4").await;
    assert_eq!((rest["items"].as_array().unwrap().len(), &rest["next"]), (3, &json!(null)));
    let conflicts = site.get_json(&format!("/reviews?kind=conflict&flow={VENDORS}&state=all")).await;
    assert_eq!((conflicts["items"].as_array().unwrap().len(), &conflicts["items"][0]["id"]), (1, &json!("7")));
    assert!(site.page("/reviews?flow=adobe_to_epicor::invoices").await.contains("No item fits the filter."));
    for bad in ["state=x", "kind=x", "flow=%00", "after=x", "after=-1"] {
        assert_eq!(site.get(&format!("/reviews?{bad}")).await.status, 400, "{bad}");
    }
    for unknown in ["99", "x", "0", "%F0%9F%A6%80"] {
        assert_eq!(site.get(&format!("/reviews/{unknown}")).await.status, 404, "{unknown}");
    }
}

#[tokio::test]
async fn amounts_stand_side_by_side_and_what_comes_from_outside_shows_harmlessly() {
    let site = Site::start().await;
    let mut hostile = review(1, ReviewKind::PriceDifference);
    hostile.key = RecordKey::from_text(&format!("EPIC06:VEND:{HOSTILE}/../x"));
    hostile.summary = HOSTILE.repeat(60);
    hostile.facts.insert(HOSTILE.to_owned(), "x".repeat(8_000));
    hostile.facts.insert(format!("{HOSTILE} 2"), "a 1, b 2".to_owned());
    let id = raised(&site, &hostile).await;
    let page = site.page(&format!("/reviews/{id}")).await;
    for needle in [">quantity<", ">order<", ">invoice<", "+2 (+20 %)", "INV-1", "8000 bytes, cut here"] {
        assert!(page.contains(needle), "{needle}: {page}");
    }
    for page in [page, site.page("/reviews").await] {
        assert!(!page.contains("<script>alert") && page.contains("&lt;script&gt;alert"), "{page}");
        assert!(!page.contains("\u{202e}\"'&<"), "{page}");
    }
    let json = site.get_json(&format!("/reviews/{id}")).await;
    assert_eq!(json["amounts"].as_array().map(Vec::len), Some(2));
    assert_eq!(json["item"]["key"], hostile.key.as_str());
}

#[tokio::test]
async fn who_saw_other_facts_than_those_of_now_does_not_decide_about_them() {
    let site = Site::start().await;
    let mut item = review(118, ReviewKind::PriceDifference);
    let id = raised(&site, &item).await;
    let path = format!("/reviews/{id}");
    let page = site.page(&path).await;
    assert!(page.contains("name=\"revision\" value=\"1\""), "{page}");
    // One part of the page holds the facts and the forms that decide about them, and names what both are of.
    let held = page.find("data-held=\"1 open\"").unwrap();
    assert!(held < page.find("+2 (+20 %)").unwrap() && held < page.find("name=\"revision\"").unwrap(), "{page}");
    assert_eq!(page.matches("data-live=").count(), 1, "{page}");
    item.facts.insert("line 1".to_owned(), "quantity 5, order 1, invoice 12".to_owned());
    raised(&site, &item).await;
    assert!(site.page(&path).await.contains("data-held=\"2 open\""));

    let stale = site.post_json(&format!("{path}/accept"), &json!({ "revision": 1 })).await;
    assert_eq!((stale.status, &stale.json()["error"]["kind"]), (409, &json!("conflict")));
    assert!(stale.text().contains("look at it again"), "{}", stale.text());
    let dismissed = ["review", "dismiss", &id, "--note", "entered by hand", "--revision", "1"];
    let output = site.redis.command(&dismissed).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && told.contains("look at it again"), "{told}");
    let misspelt = site.post_json(&format!("{path}/accept"), &json!({ "revisions": 1 })).await;
    assert!(misspelt.status == 400 && misspelt.text().contains("revisions"), "{}", misspelt.text());
    assert!(site.actions().await.is_empty(), "what changed nothing leaves no entry");

    assert_eq!(site.get_json(&path).await["item"]["revision"], 2);
    assert_eq!(site.post_form(&format!("{path}/accept"), &[("revision", "2")]).await.status, 303);
    assert_eq!(site.get_json(&path).await["item"]["state"], "accepted");
}

/// Taken back and accepted by somebody else meanwhile: the state is the same word, the decision is another one.
#[tokio::test]
async fn who_saw_another_decision_is_told_that_the_item_changed() {
    let site = Site::start().await;
    let id = raised(&site, &review(118, ReviewKind::PriceDifference)).await;
    let item = site.rooms.ledger.reviews(None, 1, None).await.unwrap().pop().unwrap().id;
    let held = async || {
        let page = site.page(&format!("/reviews/{id}")).await;
        page.split("data-held=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
    };
    let decide = async |state, who, secs: i64| {
        let at = chrono::DateTime::from_timestamp(1_795_000_000 + secs, 0).unwrap();
        site.rooms.ledger.decide_review(&item, state, None, who, None, at).await.unwrap();
        held().await
    };
    let open = held().await;
    let lena = decide(ReviewState::Accepted, "lena", 1).await;
    assert_eq!(decide(ReviewState::Open, "otto", 2).await, open, "as it was before");
    let otto = decide(ReviewState::Accepted, "otto", 3).await;
    assert!(lena.starts_with("1 accepted") && otto.starts_with("1 accepted") && lena != otto, "{lena} {otto}");
}

#[tokio::test]
async fn an_accepted_item_is_read_afresh_and_the_audit_holds_one_entry_for_each_decision() {
    let site = Site::start().await;
    let id = raised(&site, &review(118, ReviewKind::PriceDifference)).await;
    let path = format!("/reviews/{id}");
    let answer = site.post_form(&format!("{path}/accept"), &[("note", "agreed with the supplier")]).await;
    assert_eq!((answer.status, answer.header("location")), (303, path.as_str()), "{}", answer.text());
    assert!(answer.message().contains("the record is read afresh by job "), "{}", answer.message());
    assert_eq!(site.redis.json(0, &["jobs", "list"])["items"].as_array().map(Vec::len), Some(1));
    let subject = format!("review {id}: {VENDORS} EPIC06:VEND:118 price_difference");
    assert_eq!(site.actions().await, [format!("reviews.accept {subject}")]);

    let again = site.post_json(&format!("{path}/accept"), &json!({})).await;
    assert_eq!((again.status, &again.json()["error"]["kind"]), (409, &json!("conflict")));
    assert!(again.text().contains("accepted by test at 20"), "{}", again.text());
    // Who has the open item on the screen still does not turn the decision over.
    let late = site.post_json(&format!("{path}/dismiss"), &json!({ "note": "entered by hand" })).await;
    assert_eq!(late.status, 409);
    let told = late.text();
    assert!(told.contains("accepted by test at 20") && told.contains("no note was kept"), "{told}");
    assert_eq!(site.actions().await.len(), 1, "what changed nothing leaves no entry");
    assert_eq!(site.get(&format!("{path}/accept")).await.status, 405);

    let page = site.page(&path).await;
    for needle in ["agreed with the supplier", "price_difference accepted by test", "Reopen item 1"] {
        assert!(page.contains(needle), "{needle}: {page}");
    }
    let reopened = site.post_json(&format!("{path}/reopen"), &json!({ "note": "the supplier called" })).await;
    assert_eq!((reopened.status, &reopened.json()["item"]["state"]), (200, &json!("open")));
    assert!(site.page(&path).await.contains("open by test: the supplier called"));

    let without = site.post_form(&format!("{path}/dismiss"), &[("note", " ")]).await;
    assert_eq!(without.status, 400);
    let dismissed = site.post_form(&format!("{path}/dismiss"), &[("note", "entered by hand")]).await;
    assert_eq!(dismissed.status, 303);
    let actions = site.actions().await;
    let words: Vec<&str> = actions.iter().filter_map(|action| action.split(' ').next()).collect();
    assert_eq!(words, ["reviews.dismiss", "reviews.reopen", "reviews.accept"]);
    assert_eq!(site.redis.json(0, &["jobs", "list"])["items"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn a_decision_for_a_flow_that_is_gone_is_told_as_half_done() {
    let site = Site::start().await;
    let mut gone = review(1, ReviewKind::DebitMemo);
    gone.flow = FlowId::parse("epicor_to_adobe::ap_invoices").unwrap();
    let id = raised(&site, &gone).await;
    assert!(site.page(&format!("/reviews/{id}")).await.contains("Nothing is read or written by that alone."));
    let answer = site.post_json(&format!("/reviews/{id}/accept"), &json!({})).await;
    let told = answer.json()["error"]["message"].to_string();
    assert!(answer.status == 409 && told.contains("is accepted, but its record could not be ordered"), "{told}");
    let too_long = "x".repeat(4_001);
    let answer = site.post_json(&format!("/reviews/{id}/dismiss"), &json!({ "note": too_long })).await;
    assert_eq!(answer.status, 400, "{}", answer.text());
    assert!(answer.text().contains("`note` has 4001 bytes: use at most 4000"), "{}", answer.text());
    let told = site.redis.run(&["review", "dismiss", &id, "--note", &too_long]);
    crate::private_redis::assert_fails(&told, 2, &["`note` has 4001 bytes"]);
    assert_eq!(site.actions().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_eight_decisions_at_once_one_is_made_noted_and_audited() {
    let site = Site::start().await;
    let id = raised(&site, &review(118, ReviewKind::PriceDifference)).await;
    let decisions = (0..8).map(|person| {
        let verb = if person % 2 == 0 { "accept" } else { "dismiss" };
        let (site, path) = (&site, format!("/reviews/{id}/{verb}"));
        async move { (verb, site.post_json(&path, &json!({ "note": format!("by person {person}") })).await) }
    });
    let answers = futures_util::future::join_all(decisions).await;
    let (made, late): (Vec<_>, Vec<_>) = answers.into_iter().partition(|(_, answer)| answer.status == 200);
    assert_eq!((made.len(), late.len()), (1, 7));
    let (verb, item) = (made[0].0, made[0].1.json()["item"].clone());
    for (_, answer) in &late {
        assert_eq!((answer.status, &answer.json()["error"]["kind"]), (409, &json!("conflict")));
        let words = format!("item {id} was {} by test at ", item["state"].as_str().unwrap());
        assert!(answer.text().contains(&words), "{words}: {}", answer.text());
    }
    let shown = site.get_json(&format!("/reviews/{id}")).await;
    assert_eq!(shown["item"], item, "the note of the one who decided stands");
    assert_eq!(shown["history"].as_array().map(Vec::len), Some(1), "{shown}");
    let subject = format!("review {id}: {VENDORS} EPIC06:VEND:118 price_difference");
    assert_eq!(site.actions().await, [format!("reviews.{verb} {subject}")]);
}

#[tokio::test]
async fn the_note_of_whoever_reopens_is_for_those_who_may_decide() {
    let site = closed_site().await;
    let mut to_write = review(118, ReviewKind::PriceDifference);
    to_write.job = Some(mlc_model::JobId::parse("job-1").unwrap());
    let id = raised(&site, &to_write).await;
    let (mut olga, mut rita) = (Browser::of(&site, "olga").await, Browser::of(&site, "rita").await);
    for (verb, note) in [("dismiss", "agreed with Otto Meier"), ("reopen", "asked: Otto Meier, otto@private.example")] {
        let answer = olga.post(&format!("/reviews/{id}/{verb}"), &[("note", note)]).await;
        assert_eq!(answer.status, 303, "{}", answer.text());
    }
    let record = format!("/records/{VENDORS}/EPIC06:VEND:118");
    for path in [format!("/reviews/{id}"), format!("/api/v1/reviews/{id}"), record.clone(), format!("/api/v1{record}")]
    {
        let (full, without) = (olga.get(&path).await.text(), rita.get(&path).await.text());
        assert!(full.contains("price_difference open by olga: asked: Otto Meier"), "{path}: {full}");
        assert!(without.contains("price_difference open by olga"), "{path}: {without}");
        assert!(!without.contains("Otto") && !without.contains("asked"), "{path}: {without}");
    }
}
