//! `/records`: a record found, shown, opened and read afresh.

use chrono::TimeDelta;
use mlc_ledger::{Action, AuditNote, Delivery, Exchange, NewReview, ReviewKind, Sighting};
use mlc_model::{Fingerprint, FlowId, JobId, RecordKey, TargetId, Version, WindowId};
use mlc_queue::{JobFilter, Lane, Page};
use serde_json::{Value, json};

use crate::{
    errands::{Errand, enqueue, kill, refusal},
    site::Site,
};

const VENDORS: &str = "epicor_to_hubspot::vendors";
const KEY: &str = "EPIC06:VEND:118";
const PATH: &str = "/records/epicor_to_hubspot::vendors/EPIC06:VEND:118";

fn flow() -> FlowId {
    FlowId::parse(VENDORS).unwrap()
}

fn key() -> RecordKey {
    RecordKey::from_text(KEY)
}

async fn deliver(site: &Site, version: i64) {
    let delivery = Delivery {
        key: key(),
        version: Version(version),
        fingerprint: Fingerprint([7; 16]),
        target_id: Some(TargetId::parse("19033410077").unwrap()),
        action: if version == 1 { Action::Created } else { Action::Updated },
        window: Some(WindowId::parse("epicor_to_hubspot::vendors.42").unwrap()),
        job: Some(JobId::parse("job-1").unwrap()),
        at: site.rooms.clock.now() - TimeDelta::minutes(5),
    };
    site.rooms.ledger.deliver(&flow(), &[delivery]).await.unwrap();
}

async fn exchange(site: &Site, source: Value) {
    let exchange = Exchange {
        source: Some(source),
        sent: Some(json!({"id": KEY, "properties": {"name": "Nordic Bolt Supply AB"}})),
        answered: Some(json!({"id": "19033410077"})),
        operation: "companies.batch_upsert".to_owned(),
        status: Some(200),
        target_id: Some(TargetId::parse("19033410077").unwrap()),
        at: site.rooms.clock.now(),
        job: Some(JobId::parse("job-1").unwrap()),
    };
    let sealed = exchange.seal(site.rooms.sealer.as_ref(), &flow(), &key());
    site.rooms.ledger.keep_exchanges(&flow(), vec![(key(), sealed)]).await.unwrap();
}

#[tokio::test]
async fn a_record_is_found_by_its_key_and_by_parts_of_it() {
    let site = Site::start().await;
    deliver(&site, 1).await;
    for typed in ["EPIC06:VEND:118", "vend:118", "118", "EPIC06-V-118", "%20118%20"] {
        let found = site.get_json(&format!("/records?key={typed}")).await;
        let keys: Vec<&str> = found["items"].as_array().unwrap().iter().filter_map(|hit| hit["key"].as_str()).collect();
        assert_eq!(keys, [KEY], "{typed}");
    }
    let page = site.page("/records?key=118").await;
    assert!(page.contains(&format!("href=\"{PATH}\"")), "{page}");
    assert!(site.page("/records?key=999").await.contains("No flow has seen"));
    assert!(site.page("/records").await.contains("<form"));
    assert_eq!(site.get(&format!("/records?key={}", "x".repeat(300))).await.status, 400);
}

#[tokio::test]
async fn a_record_shows_its_state_trail_reviews_and_links() {
    let screens = "screens = { vendors = \"https://app.hubspot.com/contacts/1/record/0-2/{id}\" }\n";
    let site =
        Site::with(|text| text.replace("system = \"hubspot\"\n", &format!("system = \"hubspot\"\n{screens}"))).await;
    deliver(&site, 1).await;
    deliver(&site, 2).await;
    let now = site.rooms.clock.now();
    let review = NewReview {
        flow: flow(),
        key: key(),
        kind: ReviewKind::Conflict,
        about: "phone".to_owned(),
        summary: "The phone was edited <b>twice</b>".to_owned(),
        facts: [].into(),
        job: None,
        at: now,
    };
    site.rooms.ledger.raise_review(&review).await.unwrap();
    let record = site.get_json(PATH).await;
    assert_eq!(record["state"], json!(["delivered"]));
    assert_eq!((&record["delivered_version"], &record["target_id"]), (&json!(2), &json!("19033410077")));
    let actions: Vec<&Value> = record["trail"].as_array().unwrap().iter().map(|entry| &entry["action"]).collect();
    assert_eq!(actions, ["updated", "created"]);
    assert_eq!(record["trail"][0]["before"], record["trail"][0]["after"]);
    assert_eq!(record["screens"][0]["address"], "https://app.hubspot.com/contacts/1/record/0-2/19033410077");
    assert_eq!(record["exchange"]["state"], "none");
    let page = site.page(PATH).await;
    for link in
        ["/jobs/job-1", "/windows/epicor_to_hubspot::vendors.42", "/reviews/1", "https://app.hubspot.com/contacts/1"]
    {
        assert!(page.contains(&format!("href=\"{link}")), "{link} is missing: {page}");
    }
    assert!(page.contains("edited &lt;b&gt;twice"), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_record_is_on_its_way_only_while_a_job_of_it_is_there() {
    let site = Site::start().await;
    let version = Version(3);
    site.rooms
        .ledger
        .begin(&flow(), &[Sighting { key: key(), version, fingerprint: Fingerprint([3; 16]) }])
        .await
        .unwrap();
    let note = AuditNote { version: Some(version), ..AuditNote::new(key(), Action::Refused, site.rooms.clock.now()) };
    let record = async || site.get_json(PATH).await;
    let told = |record: &Value| (record["state"].clone(), record["push"].as_str().unwrap_or_default().to_owned());
    let begun = record().await;
    assert!(begun["state"] == json!(["pending"]) && told(&begun).1.contains("no job of its name"), "{begun}");
    site.rooms.ledger.note(&flow(), &[note]).await.unwrap();
    let refused = told(&record().await);
    assert_eq!(refused.0, json!(["refused"]));
    assert!(refused.1.starts_with("the last push was refused") && refused.1.contains("ended jobs"), "{refused:?}");
    let letter = kill(&site.rooms, &[Errand::failing("hubspot-main", KEY, refusal("name", "no name"))]).await.remove(0);
    assert!(told(&record().await).1.contains("among the dead letters"));
    site.rooms.queue.replay(std::slice::from_ref(&letter), "lena").await.unwrap();
    assert_eq!(told(&record().await).1, "a push is on its way");
    let page = site.page(PATH).await;
    assert!(
        page.contains("a push is on its way") && page.contains("/jobs?state=ended&amp;subject=EPIC06%3AVEND%3A118"),
        "{page}"
    );
}

#[tokio::test]
async fn a_trail_is_gone_on_with_where_it_ended() {
    let site = Site::start().await;
    for version in 1..=60 {
        deliver(&site, version).await;
    }
    let first = site.get_json(PATH).await;
    assert_eq!(first["trail"].as_array().map(Vec::len), Some(50));
    let next = first["next"].as_str().unwrap();
    let second = site.get_json(&format!("{PATH}?after={next}")).await;
    let versions: Vec<i64> =
        second["trail"].as_array().unwrap().iter().filter_map(|entry| entry["version"].as_i64()).collect();
    assert_eq!(versions, (1..=10).rev().collect::<Vec<_>>());
    assert!(second["next"].is_null());
    assert_eq!(site.get(&format!("{PATH}?after=x")).await.status, 400);
}

#[tokio::test]
async fn an_exchange_is_opened_only_when_asked_for_and_that_is_recorded() {
    let site = Site::start().await;
    deliver(&site, 1).await;
    exchange(&site, json!({"vendor": {"name": "Nordic Bolt Supply AB"}})).await;
    let closed = site.page(PATH).await;
    assert!(closed.contains("companies.batch_upsert") && !closed.contains("Nordic Bolt"), "{closed}");
    assert!(site.actions().await.is_empty(), "the outline alone is not looking");
    let open = site.page(&format!("{PATH}?content=1")).await;
    assert!(open.contains("Nordic Bolt"), "{open}");
    assert_eq!(site.actions().await, [format!("open_exchange {VENDORS} {KEY}")]);
    let json = site.get_json(&format!("{PATH}?content=1")).await;
    assert_eq!(json["exchange"]["source"]["vendor"]["name"], "Nordic Bolt Supply AB");
    assert_eq!(json["exchange"]["call"]["status"], 200);
    assert_eq!(site.actions().await.len(), 2);
}

#[tokio::test]
async fn an_exchange_that_no_key_opens_says_so() {
    let site = Site::start().await;
    deliver(&site, 1).await;
    site.rooms.ledger.keep_exchanges(&flow(), vec![(key(), b"sealed elsewhere".to_vec())]).await.unwrap();
    let page = site.page(&format!("{PATH}?content=1")).await;
    assert!(page.contains("no key of the vault opens it"), "{page}");
    assert!(site.actions().await.is_empty());
}

#[tokio::test]
async fn hostile_texts_show_and_do_nothing() {
    let site = Site::start().await;
    let name = format!("<script>alert(1)</script>\u{202e}gnp{}", "ä".repeat(32_768));
    deliver(&site, 1).await;
    exchange(&site, json!({"vendor": {"name": name, "</pre><img src=x onerror=alert(1)>": "x"}})).await;
    let note = AuditNote {
        detail: Some("<img src=x onerror=alert(1)>\u{202e}".to_owned()),
        ..AuditNote::new(key(), Action::Refused, site.rooms.clock.now())
    };
    site.rooms.ledger.note(&flow(), &[note]).await.unwrap();
    let page = site.page(&format!("{PATH}?content=1")).await;
    assert!(page.len() < 200_000, "{}", page.len());
    for harm in ["<script>alert", "<img", "</pre><img"] {
        assert!(!page.contains(harm), "{harm}");
    }
    assert!(page.contains("&lt;script&gt;alert(1)") && page.contains("\\u202egnp"), "it is shown all the same");
    assert!(page.contains("bytes)"), "what was cut says so");
    let strange = "/records/epicor_to_hubspot::vendors/%3Cscript%3Ealert(1)%3C%2Fscript%3E";
    let missing = site.get(strange).await;
    assert_eq!(missing.status, 404);
    assert!(!missing.text().contains("<script>alert") && !missing.text().contains("<SCRIPT>ALERT"));
    assert!(!site.page("/records?key=%3Cscript%3Ealert(1)%3C/script%3E").await.contains("<script>alert"));
}

#[tokio::test]
async fn reading_afresh_orders_one_job_and_is_recorded() {
    let site = Site::start().await;
    deliver(&site, 1).await;
    let done = site.post_form(&format!("{PATH}/read"), &[]).await;
    assert_eq!((done.status, done.header("location")), (303, PATH));
    assert!(done.message().contains("is being read afresh by job"), "{}", done.message());
    let again = site.post_json(&format!("{PATH}/read"), &json!({})).await;
    assert_eq!(again.status, 200, "{}", again.text());
    let jobs = site.rooms.queue.jobs(&JobFilter::default(), &Page::default()).await.unwrap().items;
    assert_eq!(jobs.len(), 1, "equal orders coalesce");
    assert_eq!((jobs[0].lane.clone(), jobs[0].subject.as_deref()), (Lane::parse("epicor-main").unwrap(), Some(KEY)));
    assert_eq!(again.json()["job"], jobs[0].id.to_string());
    let row = site.rooms.ledger.row(&flow(), &[key()]).await.unwrap().remove(0).unwrap();
    assert!(row.pending, "an equal content would end the reading otherwise");
    let page = site.get_json(PATH).await;
    assert_eq!(page["work"]["jobs"][0]["id"], jobs[0].id.to_string());
    assert_eq!(site.actions().await[0], format!("read_record {VENDORS} {KEY}"));
}

#[tokio::test]
async fn what_cannot_be_read_by_itself_is_refused_and_leaves_nothing() {
    let site = Site::start().await;
    for key in ["OTHER1:VEND:118", "EPIC06:PO:7", "nonsense", "EPIC06:VEND:x"] {
        let answer = site.post_json(&format!("/records/{VENDORS}/{key}/read"), &json!({})).await;
        assert_eq!(answer.status, 409, "{key}: {}", answer.text());
    }
    assert_eq!(site.post_json("/records/no::flow/EPIC06:VEND:1/read", &json!({})).await.status, 404);
    assert_eq!(site.get("/records/epicor_to_hubspot::vendors/EPIC06:VEND:999").await.status, 404);
    assert!(site.actions().await.is_empty());
    assert!(site.rooms.queue.jobs(&JobFilter::default(), &Page::default()).await.unwrap().items.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_shows_the_batches_that_may_carry_it() {
    let site = Site::start().await;
    deliver(&site, 1).await;
    let batch = |first: u32, last: u32| format!("EPIC06:VEND:{first} … EPIC06:VEND:{last} (100)");
    let dead = Errand::failing("hubspot-main", &batch(100, 199), refusal("name", "no name"));
    let letter = kill(&site.rooms, &[dead]).await.remove(0);
    let waiting = [batch(101, 200), batch(201, 300), "EPIC06:VEND:1180".to_owned()];
    let orders: Vec<_> = waiting.iter().map(|subject| Errand::to("hubspot-main", subject).order()).collect();
    let jobs = enqueue(&site.rooms, &orders).await;

    let work = &site.get_json(PATH).await["work"];
    let row = |row: &Value| (row["id"].as_str().unwrap().to_owned(), row["may_carry"].as_bool().unwrap());
    assert_eq!(work["jobs"].as_array().unwrap().iter().map(row).collect::<Vec<_>>(), [(jobs[0].to_string(), true)]);
    assert_eq!(work["letters"].as_array().unwrap().iter().map(row).collect::<Vec<_>>(), [(letter.to_string(), true)]);
    let page = site.page(PATH).await;
    assert_eq!(page.matches("may carry it").count(), 2, "{page}");
}
