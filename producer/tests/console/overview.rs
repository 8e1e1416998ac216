//! `/`.

use crate::site::Site;

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
