//! `/jobs`: lists with filters, one job, its payload.

use chrono::TimeDelta;
use mlc_model::{Fault, FaultKind, System};
use mlc_queue::Priority;
use serde_json::Value;

use crate::{
    errands::{Errand, HOSTILE, actions, enqueue, kill, refusal, work},
    site::Site,
};

fn subjects(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().filter_map(|job| job["subject"].as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_stand_under_their_state_and_every_filter_narrows_them() {
    let site = Site::start().await;
    kill(&site.rooms, &[Errand::failing("hubspot-main", "EPIC06:VEND:9", refusal("name", "no name"))]).await;
    let later = site.rooms.clock.now() + TimeDelta::hours(1);
    let orders = [
        Errand::to("hubspot-main", "EPIC06:VEND:1").order(),
        Errand::to("hubspot-main", "EPIC06:VEND:2").order().priority(Priority::Person),
        Errand::to("epicor-main", "EPIC06:CUST:1").order().at(later),
    ];
    let ids = enqueue(&site.rooms, &orders).await;

    let all = site.get_json("/jobs").await;
    assert_eq!(all["counts"], serde_json::json!({ "ready": 2, "delayed": 1, "running": 0, "dead": 1 }));
    let mut found = subjects(&all["jobs"]);
    found.sort_unstable();
    assert_eq!(found, ["EPIC06:CUST:1", "EPIC06:VEND:1", "EPIC06:VEND:2"]);
    for (query, wanted) in [
        ("state=ready", vec!["EPIC06:VEND:2", "EPIC06:VEND:1"]),
        ("state=delayed", vec!["EPIC06:CUST:1"]),
        ("state=running", vec![]),
        ("state=dead", vec!["EPIC06:VEND:9"]),
        ("lane=epicor-main", vec!["EPIC06:CUST:1"]),
        ("priority=person", vec!["EPIC06:VEND:2"]),
        ("subject=vend:1", vec!["EPIC06:VEND:1"]),
        ("kind=push_record", vec![]),
        ("state=dead&error=NO+NAME", vec!["EPIC06:VEND:9"]),
        ("state=dead&error=address", vec![]),
        (&format!("trace={}", ids[0]), vec!["EPIC06:VEND:1"]),
    ] {
        let list = site.get_json(&format!("/jobs?{query}")).await;
        assert_eq!(subjects(&list["jobs"]), wanted, "{query}");
        assert_eq!(list["looked_at_part"], false, "{query}");
    }
    let page = site.page("/jobs?lane=hubspot-main&subject=VEND").await;
    assert!(page.contains("EPIC06:VEND:1") && page.contains(&format!("/jobs/{}", ids[1])), "{page}");
    assert!(
        page.contains("state=ready&amp;") || page.contains("subject=VEND&amp;state=ready"),
        "tabs keep filters: {page}"
    );
    let one_lane = site.get_json("/jobs?lane=epicor-main").await;
    assert_eq!(one_lane["counts"]["delayed"], 1);
    assert_eq!(one_lane["counts"]["ready"], 0);
}

#[tokio::test]
async fn pages_of_jobs_hold_every_job_once() {
    let site = Site::start().await;
    let orders: Vec<_> = (0..23).map(|n| Errand::to("hubspot-main", &format!("R:{n:02}")).order()).collect();
    enqueue(&site.rooms, &orders).await;
    let (mut seen, mut after) = (Vec::new(), String::new());
    loop {
        let list = site.get_json(&format!("/jobs?limit=5&after={after}")).await;
        seen.extend(subjects(&list["jobs"]).into_iter().map(str::to_owned));
        match list["next"].as_str() {
            Some(next) => next.clone_into(&mut after),
            None => break,
        }
    }
    assert_eq!(seen, (0..23).map(|n| format!("R:{n:02}")).collect::<Vec<_>>());
    let page = site.page("/jobs?limit=5&state=ready").await;
    assert!(page.contains("rel=\"next\"") && page.contains("/jobs?limit=5&amp;state=ready&amp;after="), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_tells_its_attempts_and_what_it_waits_for() {
    let site = Site::start().await;
    let fault = Fault::new(FaultKind::Transient, System::Hubspot, "companies.batch_upsert", "no answer")
        .with_status(503)
        .with_correlation_id("c0ffee-2");
    let order = Errand::failing("hubspot-main", "EPIC06:VEND:5", fault).order();
    let id = enqueue(&site.rooms, &[order]).await.remove(0);
    let queue = site.rooms.queue.clone();
    work(&site.rooms, async || queue.job(&id).await.unwrap().is_some_and(|job| job.attempts > 0)).await;

    let json = site.get_json(&format!("/jobs/{id}")).await;
    let events: Vec<&str> =
        json["timeline"].as_array().unwrap().iter().filter_map(|event| event["what"].as_str()).collect();
    assert_eq!(events, ["accepted", "failed", "due"], "{json:#}");
    assert_eq!(json["timeline"][1]["fault"]["correlation_id"], "c0ffee-2");
    assert_eq!(json["job"]["state"], "delayed");
    let page = site.page(&format!("/jobs/{id}")).await;
    for wanted in
        ["EPIC06:VEND:5", "no answer", "HTTP 503", "c0ffee-2", "/records?key=EPIC06%3AVEND%3A5", "of this chain"]
    {
        assert!(page.contains(wanted), "{wanted}: {page}");
    }
    assert!(!page.contains("&quot;lane&quot;"), "the payload is not on this page: {page}");
}

#[tokio::test]
async fn a_payload_is_shown_behind_its_own_link_and_that_somebody_looked_is_recorded() {
    let site = Site::start().await;
    let id = enqueue(&site.rooms, &[Errand::to("hubspot-main", HOSTILE).order()]).await.remove(0);
    site.page(&format!("/jobs/{id}")).await;
    assert_eq!(actions(&site.rooms).await, []);
    let page = site.page(&format!("/jobs/{id}/payload")).await;
    assert!(page.contains("&quot;lane&quot;: &quot;hubspot-main&quot;") && !page.contains("<script>alert"), "{page}");
    assert_eq!(actions(&site.rooms).await, [("view_payload".to_owned(), id.to_string(), None, None)]);
    assert_eq!(site.get_json(&format!("/jobs/{id}/payload")).await["payload"]["lane"], "hubspot-main");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_ended_is_remembered_with_how_it_ended() {
    let site = Site::start().await;
    let id = enqueue(&site.rooms, &[Errand::to("hubspot-main", "EPIC06:VEND:3").order()]).await.remove(0);
    let queue = site.rooms.queue.clone();
    work(&site.rooms, async || queue.job(&id).await.unwrap().is_none()).await;
    let list = site.get_json("/jobs?state=ended&subject=vend:3").await;
    assert_eq!(
        (&list["ended"][0]["id"], &list["ended"][0]["outcome"]),
        (&Value::from(id.as_str()), &Value::from("done"))
    );
    assert_eq!(site.get_json("/jobs?state=ended&subject=vend:4").await["ended"], Value::Array(Vec::new()));
    let page = site.page(&format!("/jobs/{id}")).await;
    assert!(page.contains("It ended") && page.contains(">done<") && page.contains("/records?key="), "{page}");
}

#[tokio::test]
async fn what_is_no_job_and_no_filter_is_refused_in_a_sentence() {
    let site = Site::start().await;
    for (path, status, needle) in [
        ("/jobs?state=lost", 400, "state"),
        ("/jobs?priority=high", 400, "priority"),
        ("/jobs?limit=0", 400, "limit"),
        ("/jobs?limit=many", 400, ""),
        ("/jobs?after=nonsense", 400, "after"),
        ("/jobs?state=ended&after=nonsense", 400, "after"),
        ("/jobs?state=ended&error=timeout", 400, "error"),
        ("/jobs?state=ended&priority=normal", 400, "priority"),
        ("/jobs?lane=nowhere", 404, "nowhere"),
        ("/jobs?lane=%00%3Cb%3E", 404, "no connection"),
        ("/jobs/none", 404, "not here"),
        ("/jobs/%0a", 404, "no"),
        ("/jobs/none/payload", 404, "not here"),
    ] {
        for path in [path.to_owned(), format!("/api/v1{path}")] {
            let answer = site.get(&path).await;
            assert_eq!(answer.status, status, "{path}: {}", answer.text());
            assert!(answer.text().contains(needle), "{path}: {}", answer.text());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_texts_show_and_do_nothing() {
    let site = Site::start().await;
    let long = "ä".repeat(32_768);
    let mut fault = refusal(HOSTILE, HOSTILE);
    fault.message = format!("{HOSTILE}{long}");
    let errands = [
        Errand::failing("hubspot-main", HOSTILE, fault.clone()),
        Errand::failing("hubspot-main", &long, Fault { kind: FaultKind::Rejected, ..fault }),
    ];
    let ids = kill(&site.rooms, &errands).await;
    for path in ["/jobs?state=dead".to_owned(), format!("/jobs/{}", ids[0]), format!("/jobs/{}", ids[1])] {
        let page = site.page(&path).await;
        assert!(!page.contains("<script>alert") && !page.contains("\" onload=\""), "{path}");
        assert!(page.len() < 60_000, "{path}: {}", page.len());
        assert_eq!(page.contains("cut here"), path.len() > 20, "the reason is cut visibly: {path}");
    }
    let page = site.page("/jobs?subject=%3Cscript%3E%22+onload%3D%22x&trace=%22%3E%3Cimg%3E").await;
    assert!(!page.contains("<script>\"") && !page.contains("\" onload=\"") && !page.contains("<img>"), "{page}");
}

#[tokio::test]
async fn a_search_for_a_record_shows_the_batches_that_may_carry_it() {
    let site = Site::start().await;
    let batch = |first: u32, last: u32| format!("EPIC06:VEND:{first} … EPIC06:VEND:{last} (100)");
    let subjects_of = [batch(302, 401), batch(402, 501), "EPIC06:VEND:450".to_owned(), "EPIC06:VEND:4500".to_owned()];
    let orders: Vec<_> = subjects_of.iter().map(|subject| Errand::to("hubspot-main", subject).order()).collect();
    enqueue(&site.rooms, &orders).await;

    let list = site.get_json("/jobs?subject=epic06:vend:450").await;
    assert_eq!(subjects(&list["jobs"]), [&subjects_of[1], &subjects_of[2], &subjects_of[3]]);
    let may: Vec<bool> =
        list["jobs"].as_array().unwrap().iter().map(|job| job["may_carry"].as_bool().unwrap()).collect();
    assert_eq!(may, [true, false, false]);
    assert_eq!(list["moved"], false);
    let page = site.page("/jobs?subject=EPIC06:VEND:450").await;
    assert_eq!(page.matches("may carry it").count(), 1, "{page}");
    let unasked = site.page("/jobs").await;
    assert!(!unasked.contains("may carry it"), "{unasked}");
}

#[tokio::test]
async fn a_page_that_ended_at_a_job_that_has_started_since_says_that_the_list_moved() {
    let site = Site::start().await;
    let orders: Vec<_> = (0..9).map(|n| Errand::to("hubspot-main", &format!("R:{n}")).order()).collect();
    enqueue(&site.rooms, &orders).await;
    let first = site.get_json("/jobs?state=ready&limit=3").await;
    assert_eq!((&first["moved"], subjects(&first["jobs"]).len()), (&Value::Bool(false), 3));
    work(&site.rooms, async || site.rooms.queue.lanes().await.unwrap().iter().all(|lane| lane.ready == 0)).await;
    let orders: Vec<_> = (9..12).map(|n| Errand::to("hubspot-main", &format!("R:{n}")).order()).collect();
    enqueue(&site.rooms, &orders).await;

    let after = first["next"].as_str().unwrap();
    let second = site.get_json(&format!("/jobs?state=ready&limit=3&after={after}")).await;
    assert_eq!((&second["moved"], subjects(&second["jobs"])), (&Value::Bool(true), vec!["R:9", "R:10", "R:11"]));
    let page = site.page(&format!("/jobs?state=ready&limit=3&after={after}")).await;
    assert!(page.contains("some rows may be shown twice"), "{page}");
}
