//! Rows that are wrong the way real rows are wrong: what a person reads about them, and what becomes of them.

use std::collections::{BTreeMap, BTreeSet};

use mlc_house::{CUSTOMERS, House, HouseConfig, VENDORS};
use mlc_queue::DeadLetter;
use mlc_simulators::epicor::{Broken, SeedCompany, Seeded};

use crate::trouble::{assert_no_dead_letters, delivered, replay_all, texts};

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
    let contact = |kind: &str| match part(1).as_str() {
        "" => format!("EPIC06:{kind}:{}/{}", part(0), part(2)),
        place => format!("EPIC06:{kind}:{}/{place}/{}", part(0), part(2)),
    };
    match broken.table.as_str() {
        "Vendor" => format!("EPIC06:VEND:{}", broken.key),
        "Customer" => format!("EPIC06:CUST:{}", broken.key),
        "VendCntMain" => contact("VCNT"),
        "CustCnt" => contact("CCNT"),
        other => panic!("no record comes from {other}"),
    }
}

/// Ways of being broken that stop a record. A phone number that is none is carried over as it was typed; an address that several persons share makes
/// one contact of them; a row that comes twice is one row.
const STOPPING: [&str; 5] = ["name_empty", "name_too_long", "id_blank", "control_characters", "email_malformed"];

fn by_subject(letters: &[DeadLetter]) -> BTreeMap<String, &DeadLetter> {
    letters.iter().map(|letter| (letter.job.subject.clone().unwrap_or_default(), letter)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_broken_record_is_a_dead_letter_that_a_finance_person_understands() {
    let house = House::open().await.unwrap();
    let seeded = seed(&house);
    sync_all(&house).await;

    let letters = house.dead_letters().await.unwrap();
    let shelved: BTreeSet<String> = by_subject(&letters).into_keys().collect();
    let expected: BTreeSet<String> =
        seeded.broken.iter().filter(|broken| STOPPING.contains(&broken.reason)).map(key_of).collect();
    assert_eq!(shelved, expected, "{:#?}", texts(&house).await);
    assert_eq!(letters.len(), expected.len(), "each broken record stands on the shelf once");

    let distinct: BTreeSet<&str> = letters.iter().map(|letter| letter.fault.message.as_str()).collect();
    assert_eq!(
        distinct.into_iter().collect::<Vec<_>>(),
        [
            "Name is longer than the 65,536 characters that fit.",
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
    replay_all(&house).await;
    assert_no_dead_letters(&house).await;
    let keys = delivered(&house);
    assert_eq!(keys.len(), seeded.vendors + seeded.customers);
    assert_eq!(keys.iter().collect::<BTreeSet<_>>().len(), keys.len(), "each company once");

    // A later poll finds nothing more to do, and nothing is refused again.
    let before = house.hubspot.stats();
    sync_all(&house).await;
    assert_no_dead_letters(&house).await;
    let after = house.hubspot.stats();
    assert_eq!((after.companies.created, after.companies.total), (before.companies.created, before.companies.total));
    assert_eq!(after.contacts.total, before.contacts.total);
    let people = house.hubspot.contacts().len();
    let linked: BTreeSet<String> = house.hubspot.associations().into_iter().map(|link| link.contact).collect();
    assert_eq!(linked.len(), people, "every contact belongs to a company");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_that_are_still_broken_go_back_to_the_shelf_with_their_history() {
    let house = House::open().await.unwrap();
    seed(&house);
    house.sync(VENDORS).await.unwrap();
    let before = texts(&house).await;
    replay_all(&house).await;
    assert_eq!(texts(&house).await, before);
    for letter in house.dead_letters().await.unwrap() {
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
    replay_all(&house).await;
    sync_all(&house).await;
    assert_no_dead_letters(&house).await;
    assert_eq!(delivered(&house).len(), seeded.vendors + seeded.customers);
}
