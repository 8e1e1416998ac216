//! `/flows` and `/windows`.

use mlc_ledger::{NewWindow, PageMark, PageMode, Purpose};
use mlc_model::{ChangeField, ChangeMode, FlowId, WindowBounds, WindowId};
use mlc_queue::{JobFilter, Page};
use serde_json::json;

use crate::site::Site;

pub(crate) const FLOW: &str = "epicor_to_hubspot::vendors";
const QUERY: &str = "$filter=Name ne '<script>alert(1)</script>'&$top=100";

pub(crate) async fn open_window(site: &Site) -> WindowId {
    let at = site.rooms.clock.now();
    let new = NewWindow {
        flow: FlowId::parse(FLOW).unwrap(),
        entity: "vendors".to_owned(),
        purpose: Purpose::Incremental,
        change_field: ChangeField { mode: ChangeMode::Timestamp, column: "UpdatedOn".to_owned() },
        bounds: WindowBounds::Time { since: None, until: at },
        query: QUERY.to_owned(),
        mode: PageMode::Skip,
        replay_of: None,
        opened_by: None,
        at,
    };
    site.rooms.ledger.open_window(new).await.unwrap().row().window.id.clone()
}

/// Opens so many windows; all but the newest are given up.
async fn open_windows(site: &Site, n: usize) {
    for place in 0..n {
        let id = open_window(site).await;
        if place + 1 < n {
            site.rooms.ledger.abandon_window(&id, "for the test", site.rooms.clock.now()).await.unwrap();
        }
    }
}

async fn ordered(site: &Site) -> usize {
    let page = Page { after: None, limit: 100 };
    site.rooms.queue.jobs(&JobFilter::default(), &page).await.unwrap().items.len()
}

#[tokio::test]
async fn flows_are_listed_with_schedule_and_lag() {
    let site = Site::start().await;
    let json = site.get_json("/flows").await;
    let vendors = json["flows"].as_array().unwrap().iter().find(|flow| flow["flow"] == FLOW).unwrap();
    assert_eq!(vendors["schedule"], "every 5 min");
    assert!(vendors["lag_secs"].is_null() && vendors["next_due"].is_string(), "{vendors}");
    let page = site.page("/flows").await;
    assert!(page.contains(&format!("href=\"/flows/{FLOW}\"")) && page.contains("never read"), "{page}");
}

#[tokio::test]
async fn windows_are_listed_page_by_page_and_by_state() {
    let site = Site::start().await;
    open_windows(&site, 60).await;
    let first = site.get_json(&format!("/flows/{FLOW}")).await;
    assert_eq!((first["windows"]["items"].as_array().unwrap().len(), &first["windows"]["next"]), (50, &json!(11)));
    let rest = site.get_json(&format!("/flows/{FLOW}?after=11")).await;
    assert_eq!((rest["windows"]["items"].as_array().unwrap().len(), &rest["windows"]["next"]), (10, &json!(null)));
    let open = site.get_json(&format!("/flows/{FLOW}?state=open")).await;
    assert_eq!(open["windows"]["items"][0]["window"], format!("{FLOW}.60"));
    assert_eq!(open["windows"]["items"].as_array().unwrap().len(), 1);
    let page = site.page(&format!("/flows/{FLOW}?state=abandoned")).await;
    assert!(page.contains("rel=\"next\"") && page.contains("state=abandoned&amp;after="), "{page}");
}

#[tokio::test]
async fn a_flow_is_read_now_once_and_the_audit_knows_who_asked() {
    let site = Site::start().await;
    let done = site.post_form(&format!("/flows/{FLOW}/sync"), &[]).await;
    assert_eq!((done.status, done.header("location")), (303, format!("/flows/{FLOW}").as_str()));
    assert!(done.message().contains("what changed will be read"), "{}", done.message());
    assert_eq!(ordered(&site).await, 1);
    let again = site.post_form(&format!("/flows/{FLOW}/sync"), &[]).await;
    assert_eq!(again.status, 409, "{}", again.text());
    assert_eq!(site.actions().await, [format!("sync {FLOW}")]);
}

#[tokio::test]
async fn a_flow_is_read_since_an_instant_or_wholly() {
    let site = Site::start().await;
    let since = site.post_json(&format!("/flows/{FLOW}/sync"), &json!({ "since": "2h" })).await;
    assert_eq!((since.status, &since.json()["extent"]), (200, &json!("since")));
    let full = site.post_json(&format!("/flows/{FLOW}/full-sync"), &json!({})).await;
    assert_eq!((full.status, &full.json()["extent"]), (200, &json!("full")));
    let wrong = site.post_json(&format!("/flows/{FLOW}/sync"), &json!({ "since": "tomorrow" })).await;
    assert_eq!((wrong.status, &wrong.json()["error"]["kind"]), (400, &json!("bad_input")));
    assert_eq!(ordered(&site).await, 2);
    assert_eq!(site.actions().await.len(), 2);
}

#[tokio::test]
async fn a_window_shows_its_question_and_is_asked_again() {
    let site = Site::start().await;
    let id = open_window(&site).await;
    let page = site.page(&format!("/windows/{id}")).await;
    assert!(page.contains("&lt;script&gt;alert(1)") && !page.contains("<script>alert"), "{page}");
    assert_eq!(site.get_json(&format!("/windows/{id}")).await["query"], QUERY);
    let done = site.post_form(&format!("/windows/{id}/replay"), &[]).await;
    assert_eq!((done.status, done.header("location")), (303, format!("/windows/{id}").as_str()));
    assert_eq!(site.post_form(&format!("/windows/{id}/replay"), &[]).await.status, 409);
    assert_eq!(site.actions().await, [format!("replay_window {id}")]);
    assert_eq!(ordered(&site).await, 1);
}

#[tokio::test]
async fn what_does_not_exist_is_not_found_and_leaves_no_entry() {
    let site = Site::start().await;
    for path in ["/flows/nope", "/windows/nope", "/windows/epicor_to_hubspot::vendors.7", "/windows/%00"] {
        assert_eq!(site.get(path).await.status, 404, "{path}");
    }
    for path in ["/flows/nope/sync", "/flows/nope/full-sync", "/windows/epicor_to_hubspot::vendors.7/replay"] {
        assert_eq!(site.post_form(path, &[]).await.status, 404, "{path}");
    }
    assert!(site.actions().await.is_empty());
}

#[tokio::test]
async fn a_flow_tells_how_many_records_each_of_its_windows_refused() {
    let site = Site::start().await;
    let id = open_window(&site).await;
    let row = |page: &str| {
        let at = page.find(&format!("href=\"/windows/{id}\"")).unwrap();
        let cells = page[at..].split("</tr>").next().unwrap().split("<td class=\"n\">").skip(1);
        let numbers = cells.map(|cell| cell.split(|c: char| !c.is_ascii_digit()).next().unwrap().to_owned());
        numbers.collect::<Vec<_>>()
    };
    let path = format!("/flows/{FLOW}");
    assert_eq!(row(&site.page(&path).await), ["0"; 5]);
    for (skip, refused) in [(0, 2), (100, 1)] {
        let page = PageMark { skip, read: 100, changed: 90, unchanged: 10 - refused, refused, ..PageMark::default() };
        site.rooms.ledger.record_page(&id, 1, page, Some(3)).await.unwrap();
    }
    let page = site.page(&path).await;
    assert!(page.contains("<th class=\"n\" scope=\"col\">Refused</th>"), "{page}");
    assert_eq!(row(&page), ["2", "200", "180", "17", "3"]);
    assert_eq!(site.get_json(&path).await["windows"]["items"][0]["refused"], 3);
    let window = site.get_json(&format!("/windows/{id}")).await;
    assert_eq!((&window["refused"], &window["dead"]), (&json!(3), &json!(3)));
}

#[tokio::test]
async fn a_field_that_a_sync_does_not_know_is_refused_by_its_name() {
    let site = Site::start().await;
    for (path, body, field) in [
        ("sync", json!({ "sinse": "2h" }), "sinse"),
        ("sync", json!({ "since": "2h", "full": true }), "full"),
        ("sync", json!({ "Since": "2h" }), "Since"),
    ] {
        let answer = site.post_json(&format!("/flows/{FLOW}/{path}"), &body).await;
        let error = answer.json()["error"].clone();
        assert_eq!((answer.status, &error["kind"]), (400, &json!("bad_input")), "{body}: {error}");
        assert!(error["message"].as_str().unwrap().contains(&format!("`{field}`")), "{body}: {error}");
    }
    let form = site.post_form(&format!("/flows/{FLOW}/sync"), &[("sinse", "2h")]).await;
    assert!(form.status == 400 && form.text().contains("sinse"), "{}", form.text());
    let full = site.post_json(&format!("/flows/{FLOW}/full-sync"), &json!({ "since": "2h" })).await;
    assert!(full.status == 400 && full.text().contains("takes nothing"), "{}", full.text());
    assert_eq!(ordered(&site).await, 0);
    assert!(site.actions().await.is_empty());
}
