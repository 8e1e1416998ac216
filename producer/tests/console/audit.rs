//! `/audit`: what people did.

use crate::site::Site;

#[tokio::test]
async fn actions_are_listed_page_by_page_with_their_filters() {
    let site = Site::start().await;
    assert!(site.page("/audit?who=&what=").await.contains("Nobody has done anything yet"));
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
    assert!(site.page("/audit?who=nobody").await.contains("None of the actions is like this"));
}

#[tokio::test]
async fn one_action_has_a_page_and_a_wrong_place_is_refused() {
    let site = Site::start().await;
    site.rooms.record("pause", "hubspot-main", Some("open".to_owned()), Some("paused".to_owned())).await.unwrap();
    let id = site.get_json("/audit").await["items"][0]["id"].as_str().unwrap().to_owned();
    let page = site.page(&format!("/audit/{id}")).await;
    assert!(page.contains("hubspot-main") && page.contains("paused") && !page.contains("Show what changed"), "{page}");
    for gone in ["1-1", "x", "0-18446744073709551615"] {
        assert_eq!(site.get(&format!("/audit/{gone}")).await.status, 404, "{gone}");
    }
    for wrong in ["/audit?after=x", "/audit?limit=0", "/audit?limit=1000", "/audit?limit=x"] {
        assert_eq!(site.get(wrong).await.status, 400, "{wrong}");
    }
    assert_eq!(site.actions().await.len(), 1, "looking leaves nothing");
}

#[tokio::test]
async fn what_was_sealed_opens_when_asked_for_and_that_is_recorded() {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let site = Site::start().await;
    let changes = br#"[{"path":"records[0].vendor.name","before":"Lena <b>Berg</b>","after":null}]"#;
    let sealed = STANDARD.encode(site.rooms.sealer.seal(b"person_action/edit/job-7", changes));
    let done = Some("edited: records[0].vendor.name".to_owned());
    site.rooms.record_sealed("edit_dead_letter", "job-7", None, done.clone(), Some(sealed.clone())).await.unwrap();
    // Sealed for another subject: moved here by somebody.
    site.rooms.record_sealed("edit_dead_letter", "job-8", None, done, Some(sealed)).await.unwrap();
    let list = site.get_json("/audit").await;
    let place = |at: usize| list["items"][at]["id"].as_str().unwrap().to_owned();
    assert_eq!(list["items"][1]["has_more"], true);
    let (moved, own) = (format!("/audit/{}", place(0)), format!("/audit/{}", place(1)));
    let closed = site.page(&own).await;
    assert!(closed.contains("Show what changed") && !closed.contains("Lena"), "{closed}");
    assert!(site.page(&format!("{moved}?content=1")).await.contains("no key of the vault opens it"));
    assert_eq!(site.actions().await.len(), 2, "nothing was opened yet");
    let open = site.page(&format!("{own}?content=1")).await;
    assert!(open.contains("Lena &lt;b&gt;Berg") && open.contains("records[0].vendor.name"), "{open}");
    assert_eq!(site.actions().await[0], format!("open_action action {}", place(1)));
}
