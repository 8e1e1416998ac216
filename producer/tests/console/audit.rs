//! `/audit`: what people did.

use crate::site::Site;

#[tokio::test]
async fn actions_are_listed_page_by_page_with_their_filters() {
    let site = Site::start().await;
    for number in 0..12 {
        site.rooms.record("replay", format!("job <i>{number}</i>"), Some("dead".to_owned()), None).await.unwrap();
    }
    site.rooms.record("pause", "hubspot-main", None, Some("paused: upgrade".to_owned())).await.unwrap();
    let page = site.page("/audit?what=replay&limit=10").await;
    assert!(page.contains("job &lt;i&gt;11&lt;/i&gt;") && !page.contains("<i>"), "{page}");
    assert!(!page.contains("hubspot-main"));
    let first = site.get_json("/audit?what=replay&limit=10").await;
    assert_eq!(first["items"].as_array().map(Vec::len), Some(10));
    let next = first["next"].as_str().unwrap();
    assert!(page.contains(&format!("after={next}")) && page.contains("what=replay&amp;limit=10"), "{page}");
    let rest = site.get_json(&format!("/audit?what=replay&limit=10&after={next}")).await;
    assert_eq!((rest["items"].as_array().map(Vec::len), rest["next"].is_null()), (Some(2), true));
    let one = site.get_json("/audit?subject=HUBSPOT&who=test&what=").await;
    assert_eq!(one["items"][0]["after"], "paused: upgrade");
    assert!(site.page("/audit?who=nobody").await.contains("Nobody has done this"));
}

#[tokio::test]
async fn one_action_has_a_page_and_a_wrong_place_is_refused() {
    let site = Site::start().await;
    site.rooms.record("pause", "hubspot-main", Some("open".to_owned()), Some("paused".to_owned())).await.unwrap();
    let id = site.get_json("/audit").await["items"][0]["id"].as_str().unwrap().to_owned();
    let page = site.page(&format!("/audit/{id}")).await;
    assert!(page.contains("hubspot-main") && page.contains("paused"), "{page}");
    for gone in ["1-1", "x", "0-18446744073709551615"] {
        assert_eq!(site.get(&format!("/audit/{gone}")).await.status, 404, "{gone}");
    }
    for wrong in ["/audit?after=x", "/audit?limit=0", "/audit?limit=1000", "/audit?limit=x"] {
        assert_eq!(site.get(wrong).await.status, 400, "{wrong}");
    }
    assert_eq!(site.actions().await.len(), 1, "looking leaves nothing");
}
