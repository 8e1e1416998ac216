//! `/`.

use std::collections::BTreeSet;

use mlc_queue::Lane;
use serde_json::json;

use crate::{
    errands::{Errand, enqueue},
    site::Site,
};

#[tokio::test]
async fn the_overview_is_a_page_and_the_same_as_json() {
    let site = Site::start().await;
    site.rooms.set_caps().await.unwrap();
    let page = site.page("/").await;
    assert!(page.starts_with("<!DOCTYPE html>") && page.contains("<h1>Overview</h1>"), "{page}");
    let json = site.get_json("/").await;
    let lanes: Vec<&str> = json["lanes"].as_array().unwrap().iter().filter_map(|lane| lane["lane"].as_str()).collect();
    assert_eq!(lanes, ["epicor-main", "hubspot-main"]);
    for lane in lanes {
        assert!(page.contains(lane), "{lane} is missing: {page}");
    }
}

#[tokio::test]
async fn a_live_region_is_asked_for_without_the_frame() {
    let site = Site::start().await;
    let answer = site.send("GET", "/", &[("x-console-fragment", "1")], b"").await;
    assert_eq!(answer.status, 200);
    let text = answer.text();
    assert!(text.contains("<h1>Overview</h1>") && !text.contains("<html"), "{text}");
}

#[tokio::test]
async fn an_address_takes_its_own_methods_only_and_every_answer_is_guarded() {
    let site = Site::start().await;
    let answer = site.post_form("/", &[]).await;
    assert_eq!((answer.status, answer.header("allow")), (405, "GET, HEAD"));
    let page = site.get("/").await;
    assert_eq!(page.header("x-content-type-options"), "nosniff");
    assert!(page.header("content-security-policy").contains("script-src 'nonce-"), "{:?}", page.headers);
    assert_eq!(site.get("/nowhere").await.status, 404);
    assert_eq!(site.get("/api/v1/nowhere").await.json()["error"]["kind"], "not_found");
}

#[tokio::test]
async fn a_lane_that_nobody_consumes_and_one_that_is_held_are_named_first() {
    let site = Site::start().await;
    assert_eq!(site.post_form("/flows/epicor_to_hubspot::vendors/sync", &[]).await.status, 303);
    site.rooms.queue.hold(&Lane::parse("hubspot-main").unwrap(), "<b>401</b>").await.unwrap();
    let page = site.page("/").await;
    assert!(page.contains("Nobody consumes this lane") && page.contains("No worker is alive"), "{page}");
    assert!(page.contains("&lt;b&gt;401") && !page.contains("<b>401"), "{page}");
    let json = site.get_json("/").await;
    assert_eq!(
        (&json["lanes"][0]["unconsumed"], &json["lanes"][0]["drain"]["state"]),
        (&json!(true), &json!("unconsumed"))
    );
    assert_eq!(json["figures"]["ready"], 1);
    assert_eq!(json["pace"].as_array().unwrap().len(), 60);
    assert_eq!(json["pace"][59]["enqueued"].as_u64().unwrap() + json["pace"][58]["enqueued"].as_u64().unwrap(), 1);
}

#[tokio::test]
async fn charts_look_back_as_far_as_asked() {
    let site = Site::start().await;
    assert_eq!(site.get_json("/?period=day").await["pace"].as_array().unwrap().len(), 24);
    assert_eq!(site.get_json("/?period=month").await["pace"].as_array().unwrap().len(), 840);
    assert_eq!(site.get("/?period=century").await.status, 400);
    let page = site.page("/").await;
    assert_eq!(page.matches("data-chart=").count(), 4);
    assert!(!page.contains(" style=") && !page.contains(" onclick="), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tables_of_35_days_tell_days_and_the_charts_hours() {
    let site = Site::start().await;
    let errands = ["EPIC06:VEND:1", "EPIC06:VEND:2"].map(|key| Errand::to("hubspot-main", key).order());
    enqueue(&site.rooms, &errands).await;
    let pace = site.get_json("/?period=month").await["pace"].clone();
    let days: BTreeSet<&str> =
        pace.as_array().unwrap().iter().filter_map(|hour| hour["at"].as_str()?.get(..10)).collect();
    assert!(days.len() == 36 || days.len() == 35, "{days:?}");
    let page = site.page("/?period=month").await;
    assert_eq!(page.matches("<time>20").count(), 4 * days.len(), "a row for each day in each of four tables");
    let (_, table) = page.split_once("Throughput by day as a table").unwrap();
    let newest = table.split("</tr>").nth(1).unwrap();
    let wanted = format!("<time>{}</time></th><td class=\"n\">2</td><td class=\"n\">0</td>", days.last().unwrap());
    assert!(newest.contains(&wanted), "{newest}");
    // Points of 35 days in four charts, and no table as long.
    let drawn = page.split("data-chart=\"").nth(1).unwrap().split('"').next().unwrap();
    assert_eq!(drawn.matches("0.0").count() + drawn.matches("2.0").count(), 2 * 840, "{drawn}");
    assert!(page.len() < 150_000, "{} bytes", page.len());
}
