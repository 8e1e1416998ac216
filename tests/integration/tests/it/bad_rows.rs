//! Rows that are wrong the way real rows are wrong: what a person reads about them, and what becomes of them.

use std::{collections::BTreeSet, time::Duration};

use mlc_flow::PushRecord;
use mlc_house::{CUSTOMERS, House, HouseConfig, VENDORS};
use mlc_queue::{DeadLetter, JobState, Order, Triage, TriageKey};
use mlc_simulators::epicor::{Broken, SeedCompany, Seeded};

use crate::trouble::{assert_no_dead_letters, delivered, jobs, replay_all, texts, the_waiting_job, until};

/// A company of which some rows are broken in every way that is known.
fn seed(house: &House) -> Seeded {
    let order = SeedCompany {
        vendors: 30,
        customers: 40,
        prospects: 5,
        contacts: true,
        broken: true,
        broken_each: 2,
        ..SeedCompany::default()
    };
    house.epicor.store().seed_company(&order).unwrap()
}

async fn sync_all(house: &House) {
    house.sync(VENDORS).await.unwrap();
    house.sync(CUSTOMERS).await.unwrap();
}

/// The record's key as the connector writes it.
fn key_of(broken: &Broken) -> String {
    let part = |index: usize| broken.key[index].to_string().trim_matches('"').to_owned();
    // The seeded persons sit at the firm itself, not at one of its places.
    let contact = |kind: &str| format!("EPIC06:{kind}:{}:{}", part(0), part(2));
    match broken.table.as_str() {
        "Vendor" => format!("EPIC06:VEND:{}", broken.key),
        "Customer" => format!("EPIC06:CUST:{}", broken.key),
        "VendCntMain" => contact("VENDCNT"),
        "CustCnt" => contact("CUSTCNT"),
        other => panic!("no record comes from {other}"),
    }
}

/// Ways of being broken that stop a record. A phone number that is none is carried over as it was typed; an address that several persons share makes
/// one contact of them; a row that comes twice is one row.
const STOPPING: [&str; 5] = ["name_empty", "name_too_long", "id_blank", "control_characters", "email_malformed"];

/// The text with the firm's own number left out.
fn without_number(letter: &DeadLetter) -> String {
    let subject = letter.job.subject.as_deref().unwrap();
    let number = subject.split(':').nth(2).unwrap();
    letter.fault.message.replace(&format!(":{number}"), ":#").replace(&format!(" {number}:"), " #:")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_broken_record_is_a_dead_letter_that_a_finance_person_understands() {
    let house = House::open().await.unwrap();
    let seeded = seed(&house);
    sync_all(&house).await;

    let letters = house.dead_letters().await.unwrap();
    // Persons of a broken firm wait for it on the shelf, and say so.
    let (waiting, broken): (Vec<_>, Vec<_>) =
        letters.iter().partition(|letter| letter.fault.code.as_deref() == Some("COMPANY_MISSING"));
    let shelved: BTreeSet<String> = broken.iter().filter_map(|letter| letter.job.subject.clone()).collect();
    let expected: BTreeSet<String> =
        seeded.broken.iter().filter(|broken| STOPPING.contains(&broken.reason)).map(key_of).collect();
    assert_eq!(shelved, expected, "{:#?}", texts(&house).await);
    assert_eq!(broken.len(), expected.len(), "each broken record stands on the shelf once");
    for letter in waiting {
        let firm = letter.fault.message.split(", ").nth(1).unwrap();
        assert!(expected.contains(firm), "{}", letter.fault);
    }

    let texts: BTreeSet<String> = letters.iter().map(without_number).collect();
    assert_eq!(
        texts.iter().map(String::as_str).collect::<Vec<_>>(),
        [
            "The contact's e-mail address is not a valid one. Correct it in Epicor, or empty it to leave the contact out, then replay this record.",
            "The customer has no name in Epicor. Enter one there, then replay this record.",
            "The firm of this contact, EPIC06:CUST:#, is not in HubSpot, so the contact cannot be linked. Put EPIC06:CUST:# right first, then replay this record.",
            "The firm of this contact, EPIC06:VEND:#, is not in HubSpot, so the contact cannot be linked. Put EPIC06:VEND:# right first, then replay this record.",
            "The name of this customer holds a line break, a tab or another character that cannot be shown. Type it again in Epicor, then replay this record.",
            "The vendor has no name in Epicor. Enter one there, then replay this record.",
            "The vendor has no supplier ID in Epicor. Enter one there, then replay this record.",
            "Vendor #: Name holds more than the 65,536 characters that HubSpot takes. Correct it in Epicor, then replay this record.",
        ],
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_the_fix_and_a_replay_none_is_left_and_everybody_is_there() {
    let house = House::open().await.unwrap();
    let seeded = seed(&house);
    sync_all(&house).await;
    assert!(!house.dead_letters().await.unwrap().is_empty());

    house.epicor.store().fix_broken();
    // Firms are read afresh before they go, so the persons who wait for them are there long before.
    house.epicor.set_latency(Duration::from_millis(1_500), Duration::ZERO);
    replay_all(&house).await;
    house.epicor.set_latency(Duration::ZERO, Duration::ZERO);
    assert_no_dead_letters(&house).await;
    let keys = delivered(&house);
    assert_eq!(keys.len(), seeded.vendors + seeded.customers);
    assert_eq!(keys.iter().collect::<BTreeSet<_>>().len(), keys.len(), "each company once");

    // The fix also touched rows that were odd but good, such as a shared address: a poll brings them. The one after it finds nothing to do.
    sync_all(&house).await;
    let before = house.hubspot.stats();
    sync_all(&house).await;
    assert_no_dead_letters(&house).await;
    let after = house.hubspot.stats();
    let writes = |stats: &mlc_simulators::hubspot::Stats| {
        [&stats.companies, &stats.contacts].map(|writes| (writes.created, writes.updated, writes.unchanged))
    };
    assert_eq!(writes(&after), writes(&before));
    let people = house.hubspot.contacts().len();
    let linked: BTreeSet<String> = house.hubspot.associations().into_iter().map(|link| link.contact).collect();
    assert_eq!(linked.len(), people, "every contact belongs to a company");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn persons_wait_for_a_firm_that_is_still_to_be_read_however_long_that_takes() {
    let house = House::open().await.unwrap();
    seed(&house);
    sync_all(&house).await;
    house.epicor.store().fix_broken();
    // The readings stand in the lane as behind hundreds of others.
    let (queue, epicor) = (&house.context.queue, house.lane("epicor-main").unwrap());
    queue.pause(&epicor, "otto", "a long queue").await.unwrap();
    let ids: Vec<_> = house.dead_letters().await.unwrap().into_iter().map(|letter| letter.job.id).collect();
    queue.replay(&ids, "otto").await.unwrap();
    until("the persons wait longer than for a firm that nobody reads", async || {
        let now = house.context.clock.now();
        let waiting = jobs(&house, "hubspot-main", JobState::Delayed).await;
        waiting.iter().any(|job| job.at.is_some_and(|at| at - now > chrono::TimeDelta::seconds(5)))
    })
    .await;
    assert_no_dead_letters(&house).await;
    queue.resume(&epicor, "otto").await.unwrap();
    house.settle().await.unwrap();
    assert_no_dead_letters(&house).await;
    let linked: BTreeSet<String> = house.hubspot.associations().into_iter().map(|link| link.contact).collect();
    assert_eq!(linked.len(), house.hubspot.contacts().len(), "every contact belongs to a company");
}

/// A lane may be paused for days. Whoever waits for what stands in it counts on through the waits that follow.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_waited_an_hour_for_a_reading_does_not_begin_anew() {
    let house = House::open().await.unwrap();
    seed(&house);
    sync_all(&house).await;
    let queue = &house.context.queue;
    let letters = house.dead_letters().await.unwrap();
    let person = letters.iter().find(|letter| letter.fault.code.as_deref() == Some("COMPANY_MISSING")).unwrap();
    let firm = person.fault.message.split(", ").nth(1).unwrap();
    let firm = letters.iter().find(|letter| letter.job.subject.as_deref() == Some(firm)).unwrap().job.id.clone();
    let mut push: PushRecord = serde_json::from_value(queue.payload(&person.job.id).await.unwrap().unwrap()).unwrap();
    queue.pause(&house.lane("epicor-main").unwrap(), "otto", "for days").await.unwrap();
    queue.replay(&[firm], "otto").await.unwrap();
    queue.discard(std::slice::from_ref(&person.job.id), "otto", "it is ordered below").await.unwrap();

    // As it stands after its last wait for the reading.
    push.readings = 62;
    queue.enqueue(&[Order::of(&push).unwrap()]).await.unwrap();
    let waiting = the_waiting_job(&house, "hubspot-main").await;
    let waits: PushRecord = serde_json::from_value(queue.payload(&waiting.id).await.unwrap().unwrap()).unwrap();
    assert_eq!((waits.waits, waits.readings), (1, 62));
    // As it stands after its last wait for the firm itself: back to the shelf, where it begins anew when somebody replays it.
    push.waits = 8;
    queue.enqueue(&[Order::of(&push).unwrap()]).await.unwrap();
    let is_back = async || {
        house.dead_letters().await.unwrap().into_iter().find(|letter| letter.job.subject == person.job.subject)
    };
    until("it is on the shelf", async || is_back().await.is_some()).await;
    let back = is_back().await.unwrap();
    let again: PushRecord = serde_json::from_value(queue.payload(&back.job.id).await.unwrap().unwrap()).unwrap();
    assert_eq!((again.waits, again.readings), (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_that_are_still_broken_go_back_to_the_shelf_with_their_history() {
    let house = House::open().await.unwrap();
    seed(&house);
    house.sync(VENDORS).await.unwrap();
    let before = texts(&house).await;
    for letter in house.dead_letters().await.unwrap() {
        let at = house.context.clock.now();
        let triage = Triage { assignee: Some("anna".to_owned()), note: None, by: "otto".to_owned(), at };
        assert!(house.context.queue.set_triage(&TriageKey::Letter(letter.job.id), triage).await.unwrap());
    }
    replay_all(&house).await;
    assert_eq!(texts(&house).await, before);
    for letter in house.dead_letters().await.unwrap() {
        let assignee = letter.triage.as_ref().and_then(|triage| triage.assignee.as_deref());
        assert_eq!((assignee, letter.came_back.map(|back| back.times)), (Some("anna"), Some(1)), "{:?}", letter.job);
    }
    // Persons who wait for their firm have gone through other jobs meanwhile.
    for letter in house.dead_letters().await.unwrap().iter().filter(|letter| letter.job.kind == "poll_page") {
        assert_eq!(letter.job.replays, 1, "{letter:?}");
        assert_eq!(letter.job.replayed[0].by, "tester");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn discarded_records_stay_away_until_somebody_changes_them() {
    // Without an overlap a poll reads only what has changed since.
    let house = House::open_with(HouseConfig { overlap: "0s", ..HouseConfig::default() }).await.unwrap();
    let seeded = seed(&house);
    sync_all(&house).await;
    let letters = house.dead_letters().await.unwrap();
    let discarded: Vec<_> = letters.iter().filter(|letter| letter.fault.field.as_deref() == Some("Name")).collect();
    assert!(!discarded.is_empty());
    let ids: Vec<_> = discarded.iter().map(|letter| letter.job.id.clone()).collect();
    assert_eq!(house.context.queue.discard(&ids, "tester", "no business with them").await.unwrap(), ids);

    sync_all(&house).await;
    assert_eq!(house.dead_letters().await.unwrap().len(), letters.len() - ids.len());
    replay_all(&house).await;
    let keys = delivered(&house);
    for letter in &discarded {
        assert!(!keys.contains(letter.job.subject.as_ref().unwrap()));
    }

    house.epicor.store().fix_broken();
    sync_all(&house).await;
    replay_all(&house).await;
    assert_no_dead_letters(&house).await;
    assert_eq!(delivered(&house).len(), seeded.vendors + seeded.customers);
}
