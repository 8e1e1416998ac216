//! `/dead-letters`: groups, lists, one letter, and what can be done about them.

use mlc_flow::{Ask, Entity, PollPage};
use mlc_model::{ConnectionId, FlowId, JobId, RecordKey};
use mlc_queue::Order;
use serde_json::{Value, json};

use crate::{
    errands::{Errand, HOSTILE, actions, dead, enqueue, kill, refusal, work},
    private_redis::{assert_fails, kill_the_only_job},
    site::Site,
};

/// Three letters of two causes in two lanes: their ids.
async fn three(site: &Site) -> Vec<JobId> {
    let errands = [
        Errand::failing("hubspot-main", "EPIC06:VEND:1", refusal("name", "vendor 1 has no name")),
        Errand::failing("hubspot-main", "EPIC06:VEND:2", refusal("name", "vendor 2 has no name")),
        Errand::failing("epicor-main", "EPIC06:CUST:3", refusal("email", "customer 3 has no address")),
    ];
    let mut ids = Vec::new();
    for errand in errands {
        // One by one, so that they die in this order.
        ids.extend(kill(&site.rooms, &[errand]).await);
    }
    ids
}

fn ids(list: &Value) -> Vec<&str> {
    list["letters"].as_array().unwrap().iter().filter_map(|letter| letter["id"].as_str()).collect()
}

/// A letter whose payload a worker could read: its id.
pub(crate) async fn readable(site: &Site) -> JobId {
    let connection = |name: &str| ConnectionId::parse(name).unwrap();
    let job = PollPage {
        flow: FlowId::parse("epicor_to_hubspot::vendors").unwrap(),
        entity: Entity::Vendors,
        from: connection("epicor-main"),
        to: connection("hubspot-main"),
        ask: Ask::Records { keys: vec!["17".to_owned()], about: Some(RecordKey::from_text("EPIC06:VEND:17")) },
    };
    let id = enqueue(&site.rooms, &[Order::of(&job).unwrap()]).await.remove(0);
    kill_the_only_job(&site.rooms).await;
    id
}

#[tokio::test(flavor = "multi_thread")]
async fn letters_are_grouped_by_what_a_person_can_read() {
    let site = Site::start().await;
    assert!(site.page("/dead-letters").await.contains("The dead-letter shelf is empty"));
    three(&site).await;
    let json = site.get_json("/dead-letters").await;
    assert_eq!(json["letters"], 3);
    let group = &json["groups"][0];
    let told = ["system", "fault", "operation", "code", "field"].map(|name| group[name].as_str().unwrap());
    assert_eq!(told, ["hubspot", "rejected", "companies.batch_upsert", "INVALID_OPTION", "name"]);
    assert_eq!((&group["letters"], &group["example"]), (&json!(2), &json!("vendor 2 has no name")));
    let lanes: Vec<_> =
        json["lanes"].as_array().unwrap().iter().map(|lane| (&lane["lane"], &lane["letters"])).collect();
    assert_eq!(lanes, [(&json!("epicor-main"), &json!(1)), (&json!("hubspot-main"), &json!(2))]);
    let page = site.page("/dead-letters").await;
    let cause = group["cause"].as_str().unwrap();
    for wanted in [
        format!("/dead-letters/list?cause={cause}"),
        format!("/dead-letters/replay-matching?cause={cause}"),
        "field <bdi>name</bdi>".to_owned(),
        "vendor 2 has no name".to_owned(),
        "lane=epicor-main&amp;fault=rejected".to_owned(),
    ] {
        assert!(page.contains(&wanted), "{wanted}: {page}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_filter_narrows_the_list_and_its_preview() {
    let site = Site::start().await;
    let letters = three(&site).await;
    let cause = site.get_json("/dead-letters").await["groups"][0]["cause"].as_str().unwrap().to_owned();
    for (query, wanted) in [
        (String::new(), vec![2, 1, 0]),
        (format!("cause={cause}"), vec![1, 0]),
        ("lane=epicor-main".to_owned(), vec![2]),
        ("kind=errand".to_owned(), vec![2, 1, 0]),
        ("kind=push_record".to_owned(), vec![]),
        ("fault=rejected&lane=hubspot-main".to_owned(), vec![1, 0]),
        ("fault=defect".to_owned(), vec![]),
        ("subject=vend:1".to_owned(), vec![0]),
        ("error=ADDRESS".to_owned(), vec![2]),
        ("older_than=2h".to_owned(), vec![]),
        ("assignee=lena".to_owned(), vec![]),
    ] {
        let list = site.get_json(&format!("/dead-letters/list?{query}")).await;
        let wanted: Vec<&str> = wanted.into_iter().map(|n: usize| letters[n].as_str()).collect();
        assert_eq!(ids(&list), wanted, "{query}");
        let hits = &list["hits"];
        assert_eq!((&hits["letters"], &hits["complete"]), (&json!(wanted.len()), &json!(true)), "{query}");
    }
    let hits = site.get_json("/dead-letters/list").await["hits"].clone();
    assert_eq!(
        hits["by_lane"],
        json!([{ "name": "epicor-main", "letters": 1 }, { "name": "hubspot-main", "letters": 2 }])
    );
    assert_eq!(hits["by_kind"], json!([{ "name": "errand", "letters": 3 }]));
    let page = site.page(&format!("/dead-letters/list?cause={cause}&limit=1")).await;
    for wanted in ["2 letters", "Choose ", "name=\"ids\"", "rel=\"next\"", "Replay all that match"] {
        assert!(page.contains(wanted), "{wanted}: {page}");
    }
    let first = site.get_json("/dead-letters/list?limit=2").await;
    let second = site.get_json(&format!("/dead-letters/list?limit=2&after={}", first["next"].as_str().unwrap())).await;
    assert_eq!(ids(&second), [letters[0].as_str()]);
    assert_eq!((&second["next"], &second["hits"]), (&Value::Null, &Value::Null));
}

#[tokio::test(flavor = "multi_thread")]
async fn chosen_letters_are_replayed_and_the_page_says_so() {
    let site = Site::start().await;
    let letters = three(&site).await;
    let fields = [
        ("ids", letters[0].as_str()),
        ("ids", letters[2].as_str()),
        ("ids", "gone"),
        ("back", "/dead-letters/list?fault=rejected"),
    ];
    let answer = site.post_form("/dead-letters/replay", &fields).await;
    assert_eq!((answer.status, answer.header("location")), (303, "/dead-letters/list?fault=rejected"));
    assert_eq!(answer.message(), "2 letters replayed. 1 letter not on the shelf any more.");
    assert_eq!(dead(&site.rooms).await, 1);
    let subject = format!("{} {}", letters[0], letters[2]);
    let entry = ("replay_dead_letters".to_owned(), subject, None, Some("2 replayed".to_owned()));
    assert_eq!(actions(&site.rooms).await, [entry]);
    let again = site.post_json("/dead-letters/replay", &json!({ "ids": [letters[0].as_str()] })).await;
    assert_eq!((again.status, &again.json()["error"]["kind"]), (404, &json!("not_found")));
    assert_eq!(actions(&site.rooms).await.len(), 1, "what changed nothing leaves no entry");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_is_discarded_with_a_reason_after_its_page_asked() {
    let site = Site::start().await;
    let letters = three(&site).await;
    let asked =
        site.page(&format!("/dead-letters/chosen?ids={}&ids={}&back=/dead-letters/list", letters[0], letters[1])).await;
    for wanted in
        ["Discard 2 letters?", "EPIC06:VEND:1", "EPIC06:VEND:2", "name=\"reason\" required", letters[0].as_str()]
    {
        assert!(asked.contains(wanted), "{wanted}: {asked}");
    }
    let without = site.post_form("/dead-letters/discard", &[("ids", letters[0].as_str()), ("reason", " ")]).await;
    assert_eq!(without.status, 400);
    assert!(without.text().contains("reason"), "{}", without.text());
    assert_eq!((dead(&site.rooms).await, actions(&site.rooms).await.len()), (3, 0));
    let fields = [("ids", letters[0].as_str()), ("ids", letters[1].as_str()), ("reason", "entered twice")];
    let answer = site.post_form("/dead-letters/discard", &fields).await;
    assert_eq!((answer.status, answer.message()), (303, "2 letters discarded.".to_owned()));
    assert_eq!(dead(&site.rooms).await, 1);
    let (what, subject, _, after) = actions(&site.rooms).await.remove(0);
    assert_eq!((what.as_str(), after.as_deref()), ("discard_dead_letters", Some("2 discarded: entered twice")));
    assert_eq!(subject, format!("{} {}", letters[0], letters[1]));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_discarded_a_letter_and_why_is_found_by_its_id() {
    let site = Site::start().await;
    let errands: Vec<Errand> = (0..31)
        .map(|n| Errand::failing("hubspot-main", &format!("EPIC06:VEND:{n}"), refusal("name", "no name")))
        .collect();
    let letters = kill(&site.rooms, &errands).await;
    let chosen: Vec<&str> = letters[..30].iter().map(JobId::as_str).collect();
    let order = json!({ "ids": chosen, "reason": "entered twice" });
    assert_eq!(site.post_json("/dead-letters/discard", &order).await.status, 200);
    let order = json!({ "verb": "discard", "subject": "VEND:30", "reason": "closed" });
    let bulk = site.post_json("/bulk", &order).await.json()["id"].as_str().unwrap().to_owned();
    while site.rooms.queue.advance_bulks().await.unwrap().is_some() {}
    assert_eq!(dead(&site.rooms).await, 0);
    for (id, by) in [(&letters[29], json!({ "by": "test", "bulk": null, "reason": "entered twice" }))] {
        let audit = site.get_json(&format!("/audit?subject={id}")).await;
        assert_eq!(audit["items"][0]["what"], "discard_dead_letters", "{audit}");
        assert_eq!(site.get_json(&format!("/jobs/{id}")).await["ended"]["discarded"], by);
        let page = site.page(&format!("/jobs/{id}")).await;
        assert!(page.contains("Discarded by") && page.contains("entered twice"), "{page}");
    }
    let last = format!("/jobs/{}", letters[30]);
    let by = json!({ "by": "test", "bulk": bulk, "reason": null });
    assert_eq!(site.get_json(&last).await["ended"]["discarded"], by);
    assert!(site.page(&last).await.contains(&format!("href=\"/bulk/{bulk}\"")));
    let ended = site.page("/jobs?state=ended").await;
    assert!(ended.contains("entered twice") && ended.contains(&format!("/bulk/{bulk}")), "{ended}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_letter_tells_why_and_leads_through_its_group() {
    let site = Site::start().await;
    let letters = three(&site).await;
    let page = site.page(&format!("/dead-letters/{}", letters[1])).await;
    for wanted in [
        "vendor 2 has no name",
        "INVALID_OPTION",
        "c0ffee-1",
        "<dd>400</dd>",
        "1 of 2 with this cause",
        &format!("rel=\"next\" href=\"/dead-letters/{}\"", letters[0]),
        "/records?key=EPIC06%3AVEND%3A2",
        "Replay this letter",
        "Discard this letter",
    ] {
        assert!(page.contains(wanted), "{wanted}: {page}");
    }
    assert!(!page.contains("rel=\"prev\""), "the newest has no newer one");
    let json = site.get_json(&format!("/dead-letters/{}", letters[0])).await;
    assert_eq!(json["group"], json!({ "place": 2, "letters": 2, "newer": letters[1].as_str(), "older": null }));
    assert_eq!(json["timeline"].as_array().unwrap().last().unwrap()["what"], "died");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_looks_after_a_letter_or_a_group_is_kept_shown_and_found() {
    let site = Site::start().await;
    let letters = three(&site).await;
    let path = format!("/dead-letters/{}/triage", letters[2]);
    let fields = [("assignee", "lena"), ("note", "asks Otto Meier for the address")];
    assert_eq!(site.post_form(&path, &fields).await.status, 303);
    assert_eq!(site.post_form(&path, &fields).await.status, 409, "the same again changes nothing");
    let page = site.page(&format!("/dead-letters/{}", letters[2])).await;
    assert!(page.contains("asks Otto Meier") && page.contains("value=\"lena\""), "{page}");
    let cause = site.get_json("/dead-letters").await["groups"][0]["cause"].as_str().unwrap().to_owned();
    let group = site.post_json(&format!("/dead-letters/causes/{cause}/triage"), &json!({ "assignee": "otto" })).await;
    assert_eq!(group.status, 200, "{}", group.text());
    assert!(site.page("/dead-letters").await.contains("value=\"otto\""));
    assert_eq!(ids(&site.get_json("/dead-letters/list?assignee=lena").await), [letters[2].as_str()]);
    assert_eq!(ids(&site.get_json("/dead-letters/list?assignee=otto").await).len(), 2);
    let entries = actions(&site.rooms).await;
    let told: Vec<&str> = entries.iter().map(|(what, ..)| what.as_str()).collect();
    assert_eq!(told, ["assign_dead_letters", "assign_dead_letters"]);
    assert_eq!(entries[1].3.as_deref(), Some("looked after by lena, with a note"), "the note itself is not audited");
    for (field, most) in [("assignee", 100), ("note", 2_000)] {
        let long = "ä".repeat(most + 1);
        let answer = site.post_json(&path, &json!({ field: long })).await;
        let told = format!("`{field}` has {} characters: use at most {most}", most + 1);
        assert!(answer.status == 400 && answer.text().contains(&told), "{}", answer.text());
        let option = if field == "note" { "--note" } else { "--to" };
        let output = site.redis.run(&["dead-letters", "assign", letters[2].as_str(), option, &long]);
        assert_fails(&output, 2, &[&format!("`{option}` has {} characters", most + 1)]);
        assert_eq!(site.post_json(&path, &json!({ field: "ä".repeat(most) })).await.status, 200, "{field}");
    }
    let cleared = site.post_form(&path, &[]).await;
    assert_eq!(cleared.status, 303, "{}", cleared.text());
    assert_eq!(ids(&site.get_json("/dead-letters/list?assignee=lena").await), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_that_comes_back_keeps_who_looks_after_it_and_leads_to_the_job_before() {
    let site = Site::start().await;
    let errand = Errand::ordering("hubspot-main", "EPIC06:VEND:1", refusal("name", "vendor 1 has no name"));
    let first = kill(&site.rooms, &[errand]).await.remove(0);
    let fields = [("assignee", "lena"), ("note", "asks Otto Meier for the name")];
    assert_eq!(site.post_form(&format!("/dead-letters/{first}/triage"), &fields).await.status, 303);
    assert_eq!(site.get_json(&format!("/dead-letters/{first}")).await["letter"]["came_back"], Value::Null);
    assert_eq!(site.post_json("/dead-letters/replay", &json!({ "ids": [first.as_str()] })).await.status, 200);
    work(&site.rooms, async || dead(&site.rooms).await == 1).await;

    let list = site.get_json("/dead-letters/list?assignee=lena").await;
    let letter = &list["letters"][0];
    assert_ne!(letter["id"], first.as_str(), "another job's, of the same record");
    assert_eq!(letter["came_back"], json!({ "times": 1, "previous": first.as_str() }));
    assert_eq!(letter["triage"]["note"], "asks Otto Meier for the name");
    let path = format!("/dead-letters/{}", letter["id"].as_str().unwrap());
    assert_eq!(&site.get_json(&path).await["letter"], letter);
    assert!(site.page("/dead-letters/list").await.contains("came back"));
    let page = site.page(&path).await;
    for wanted in ["came back</span> once", &format!("href=\"/jobs/{first}\""), "asks Otto Meier", "value=\"lena\""] {
        assert!(page.contains(wanted), "{wanted}: {page}");
    }
    // What the link leads to still has the job that is done.
    assert!(site.page(&format!("/jobs/{first}")).await.contains("EPIC06:VEND:1"));
    let shown = site.redis.run(&["dead-letters", "show", letter["id"].as_str().unwrap()]);
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(shown.contains(&format!("came back   once, last from job {first}")), "{shown}");
    let as_json = site.redis.run(&["dead-letters", "show", letter["id"].as_str().unwrap(), "--json"]);
    let as_json: Value = serde_json::from_slice(&as_json.stdout).unwrap();
    assert_eq!(as_json["letter"]["came_back"], letter["came_back"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payload_is_edited_after_its_difference_was_shown() {
    let site = Site::start().await;
    let id = readable(&site).await;
    let opened = site.get_json(&format!("/dead-letters/{id}/edit")).await;
    let digest = opened["digest"].as_str().unwrap();
    let page = site.page(&format!("/dead-letters/{id}/edit")).await;
    assert!(page.contains("<textarea") && page.contains("Look at the difference"), "{page}");
    let edited = format!("{:#}", opened["payload"]).replace("\"17\"", "\"18\"");

    let review =
        site.post_form(&format!("/dead-letters/{id}/review"), &[("payload", &edited), ("digest", digest)]).await;
    let text = review.text();
    assert_eq!(review.status, 200, "{text}");
    for wanted in ["<del>", "<ins>", "ask.records.keys[0]", "Apply and replay the letter"] {
        assert!(text.contains(wanted), "{wanted}: {text}");
    }
    assert_eq!(site.get_json(&format!("/dead-letters/{id}/edit")).await["digest"], digest, "nothing is changed yet");

    let answer = site
        .post_form(
            &format!("/dead-letters/{id}/edit"),
            &[("payload", &edited), ("digest", digest), ("replay", "false")],
        )
        .await;
    assert_eq!(
        (answer.status, answer.header("location")),
        (303, format!("/dead-letters/{id}").as_str()),
        "{}",
        answer.text()
    );
    let stored = site.get_json(&format!("/dead-letters/{id}/edit")).await;
    assert_eq!(stored["payload"]["ask"]["records"]["keys"], json!(["18"]));
    let (what, subject, before, after) =
        actions(&site.rooms).await.into_iter().find(|(what, ..)| what == "edit_dead_letter").unwrap();
    assert_eq!((what.as_str(), subject.as_str()), ("edit_dead_letter", id.as_str()));
    assert_eq!((before, after), (Some("1 field".to_owned()), Some("edited: ask.records.keys[0]".to_owned())));
    assert!(site.page(&format!("/dead-letters/{id}")).await.contains("Payload edited by test"));

    let digest = stored["digest"].as_str().unwrap();
    let mut payload = stored["payload"].clone();
    payload["ask"]["records"]["keys"] = json!(["19"]);
    let input = json!({ "payload": payload, "digest": digest, "replay": true });
    let answer = site.post_json(&format!("/dead-letters/{id}/edit"), &input).await;
    assert_eq!(answer.json(), json!({ "fields": ["ask.records.keys[0]"], "replayed": true }));
    let told: Vec<String> = actions(&site.rooms).await.into_iter().map(|(what, ..)| what).take(2).collect();
    assert_eq!(told, ["edit_dead_letter", "replay_dead_letters"]);
    let job = site.get_json(&format!("/jobs/{id}")).await;
    assert_eq!((&job["job"]["state"], &job["job"]["replays"]), (&json!("ready"), &json!(1)));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_that_cannot_be_taken_is_refused_and_not_lost() {
    let site = Site::start().await;
    let id = readable(&site).await;
    let opened = site.get_json(&format!("/dead-letters/{id}/edit")).await;
    let (digest, payload) = (opened["digest"].as_str().unwrap(), format!("{:#}", opened["payload"]));
    let other = payload.replace("hubspot-main", "hubspot-test");
    let broken = payload.replace("\"17\"", "\"17\",");
    let unread = payload.replace("[\n", "[7, \n");
    for (typed, seen, status, needle) in [
        (broken.as_str(), digest, 400, "line "),
        (other.as_str(), digest, 400, "`to` may not change"),
        (unread.as_str(), digest, 400, "keys"),
        (payload.as_str(), digest, 400, "same as before"),
        (unread.as_str(), "0123", 409, "meanwhile"),
    ] {
        let fields = [("payload", typed), ("digest", seen)];
        let review = site.post_form(&format!("/dead-letters/{id}/review"), &fields).await;
        let text = review.text();
        assert_eq!(review.status, status, "{needle}: {text}");
        assert!(text.contains(needle) && text.contains("<textarea"), "{needle}: {text}");
        let kept = typed.lines().find(|line| line.contains("\"from\"")).unwrap().replace('"', "&quot;");
        assert!(text.contains(&kept), "what was typed is shown again: {text}");
        let apply = site.post_form(&format!("/dead-letters/{id}/edit"), &fields).await;
        assert_eq!(apply.status, status, "{needle}: {}", apply.text());
        let api =
            site.post_json(&format!("/dead-letters/{id}/review"), &json!({ "payload": typed, "digest": seen })).await;
        assert_eq!(api.status, status);
        assert!(api.json()["error"]["message"].as_str().unwrap().contains(needle), "{}", api.text());
    }
    let missing = site.post_form(&format!("/dead-letters/{id}/edit"), &[("payload", &payload)]).await;
    assert_eq!(missing.status, 400, "{}", missing.text());
    assert_eq!(site.get_json(&format!("/dead-letters/{id}/edit")).await["digest"], digest);
    assert!(actions(&site.rooms).await.iter().all(|(what, ..)| what == "view_payload"));
}

#[tokio::test]
async fn what_is_no_letter_and_no_filter_is_refused_in_a_sentence() {
    let site = Site::start().await;
    for (path, status, needle) in [
        ("/dead-letters/list?fault=odd", 400, "fault"),
        ("/dead-letters/list?older_than=2", 400, "older_than"),
        ("/dead-letters/list?until=yesterday", 400, ""),
        ("/dead-letters/list?lanes=hubspot-main", 400, "lanes"),
        ("/dead-letters/list?after=nonsense", 400, "after"),
        ("/dead-letters/list?limit=201", 400, "limit"),
        ("/dead-letters/list?lane=nowhere", 404, "nowhere"),
        ("/dead-letters/discard-matching?fault=odd", 400, "fault"),
        ("/dead-letters/chosen", 400, "No letter is chosen"),
        ("/dead-letters/chosen?ids=none", 404, "shelf"),
        ("/dead-letters/none", 404, "not on the shelf"),
        ("/dead-letters/none/edit", 404, "not on the shelf"),
        ("/dead-letters/%00", 404, ""),
    ] {
        for path in [path.to_owned(), format!("/api/v1{path}")] {
            let answer = site.get(&path).await;
            assert_eq!(answer.status, status, "{path}: {}", answer.text());
            assert!(answer.text().contains(needle), "{path}: {}", answer.text());
        }
    }
    for (path, body, status) in [
        ("/dead-letters/replay", json!({}), 400),
        ("/dead-letters/replay", json!({ "ids": ["a\n"] }), 400),
        ("/dead-letters/replay", json!({ "ids": vec!["x"; 201] }), 400),
        ("/dead-letters/replay", json!({ "id": ["x"] }), 400),
        ("/dead-letters/discard", json!({ "ids": ["x"] }), 400),
        ("/dead-letters/discard", json!({ "ids": ["x"], "reason": "r".repeat(501) }), 400),
        ("/dead-letters/none/triage", json!({ "assignee": "lena" }), 404),
        ("/dead-letters/causes/none/triage", json!({ "assignee": "lena" }), 404),
        ("/dead-letters/none/edit", json!({ "payload": {}, "digest": "x" }), 404),
        ("/dead-letters/none/review", json!({ "payload": {}, "digest": "x" }), 404),
    ] {
        let answer = site.post_json(path, &body).await;
        assert_eq!(answer.status, status, "{path} {body}: {}", answer.text());
    }
    assert_eq!(actions(&site.rooms).await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_letters_show_and_do_nothing() {
    let site = Site::start().await;
    let mut fault = refusal(HOSTILE, HOSTILE);
    fault.message = format!("{HOSTILE}{}", "ä".repeat(32_768));
    fault.operation = HOSTILE.to_owned();
    let id = kill(&site.rooms, &[Errand::failing("hubspot-main", HOSTILE, fault)]).await.remove(0);
    let note = [("assignee", HOSTILE), ("note", HOSTILE)];
    assert_eq!(site.post_form(&format!("/dead-letters/{id}/triage"), &note).await.status, 303);
    for path in [
        "/dead-letters".to_owned(),
        "/dead-letters/list".to_owned(),
        format!("/dead-letters/{id}"),
        format!("/dead-letters/{id}/edit"),
        format!("/dead-letters/chosen?ids={id}&back=%2Fdead-letters%22%3E%3Cscript%3Ealert"),
        "/dead-letters/discard-matching?subject=%3Cscript%3Ealert%28%27x".to_owned(),
        "/dead-letters/list?subject=%22%3E%3Cscript%3Ealert&error=%22+onload%3D%22x".to_owned(),
    ] {
        let page = site.page(&path).await;
        assert!(!page.contains("<script>alert") && !page.contains("\" onload=\""), "{path}: {page}");
        assert!(page.len() < 150_000, "{path}: {}", page.len());
    }
    let back = [("ids", id.as_str()), ("back", "//evil.example/")];
    assert_eq!(site.post_form("/dead-letters/replay", &back).await.header("location"), "/dead-letters");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_may_carry_the_record_is_shown_and_told_of_but_not_hit() {
    let site = Site::start().await;
    let batch = "EPIC06:VEND:402 … EPIC06:VEND:501 (100)";
    let failing = |subject: &str| Errand::failing("hubspot-main", subject, refusal("name", "no name"));
    let ids = kill(&site.rooms, &[failing(batch), failing("EPIC06:VEND:450")]).await;

    let list = site.get_json("/dead-letters/list?subject=EPIC06:VEND:450").await;
    let mut found: Vec<(&str, bool)> = list["letters"]
        .as_array()
        .unwrap()
        .iter()
        .map(|letter| (letter["subject"].as_str().unwrap(), letter["may_carry"].as_bool().unwrap()))
        .collect();
    found.sort_unstable();
    assert_eq!(found, [(batch, true), ("EPIC06:VEND:450", false)]);
    assert_eq!((&list["hits"]["letters"], &list["hits"]["may_carry"]), (&json!(1), &json!(1)));
    for page in ["/dead-letters/list", "/dead-letters/discard-matching", "/dead-letters/replay-matching"] {
        let page = site.page(&format!("{page}?subject=EPIC06:VEND:450")).await;
        assert!(page.contains("Not hit: 1 letter of batches that may carry the record"), "{page}");
    }
    let none = site.page("/dead-letters/discard-matching?subject=EPIC06:VEND:451").await;
    assert!(none.contains("there is nothing to do") && none.contains("Not hit: 1 letter"), "{none}");

    let order = json!({ "verb": "discard", "subject": "EPIC06:VEND:450", "reason": "entered twice" });
    let answer = site.post_json("/bulk", &order).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let queue = site.rooms.queue.clone();
    while queue.dead_letter(&ids[1]).await.unwrap().is_some() {
        queue.advance_bulks().await.unwrap();
    }
    let left = queue.dead_letter(&ids[0]).await.unwrap().unwrap();
    assert_eq!(left.job.subject.as_deref(), Some(batch), "the batch is left alone");
}
