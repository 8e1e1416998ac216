//! What the tests about faults have in common: rows to move, waiting for a state, and what must be true in the end.

use std::{
    future::Future,
    time::{Duration, Instant},
};

use mlc_house::House;
use mlc_model::{Clock as _, SystemClock};
use mlc_queue::{JobFilter, JobState, JobView, Lane, Page};
use serde_json::json;

/// Adds good vendors and gives the keys of the companies they must become.
pub(crate) fn seed_vendors(house: &House, count: usize) -> Vec<String> {
    (1..=count).map(|number| seed_vendor(house, &format!("Vendor {number} Ltd"))).collect()
}

/// Adds one vendor and gives its key.
pub(crate) fn seed_vendor(house: &House, name: &str) -> String {
    let mut store = house.epicor.store();
    let code = format!("V{}", store.len("EPIC06", "Vendor") + 1);
    let number = store.insert_vendor(&json!({"VendorID": code, "Name": name})).unwrap();
    format!("EPIC06:VEND:{number}")
}

/// Adds good customers and gives their keys.
pub(crate) fn seed_customers(house: &House, count: usize) -> Vec<String> {
    let mut store = house.epicor.store();
    (1..=count)
        .map(|number| {
            let row =
                json!({"CustID": format!("C{number}"), "Name": format!("Customer {number} Inc"), "CustomerType": "CUS"});
            format!("EPIC06:CUST:{}", store.insert_customer(&row).unwrap())
        })
        .collect()
}

/// Keys of the companies in HubSpot, sorted: a company that is there twice shows twice.
pub(crate) fn delivered(house: &House) -> Vec<String> {
    let mut keys: Vec<String> =
        house.hubspot.companies().iter().map(|company| company.value("epicor_key").to_owned()).collect();
    keys.sort();
    keys
}

/// Each of these companies is in HubSpot, once, and no other is.
pub(crate) async fn assert_delivered_once(house: &House, keys: &[String]) {
    let mut expected = keys.to_vec();
    expected.sort();
    assert_eq!(delivered(house), expected, "dead letters: {:#?}", texts(house).await);
}

/// No record was given up on the way.
pub(crate) async fn assert_no_dead_letters(house: &House) {
    assert_eq!(texts(house).await, Vec::<String>::new());
}

/// Dead letters as a person reads them: record and reason, sorted.
pub(crate) async fn texts(house: &House) -> Vec<String> {
    let letters = house.dead_letters().await.unwrap();
    let mut texts: Vec<String> = letters
        .iter()
        .map(|letter| format!("{}: {}", letter.job.subject.as_deref().unwrap_or("?"), letter.fault))
        .collect();
    texts.sort();
    texts
}

/// Replays everything on the shelf, as `mlc dead-letters replay` does, and waits for the end of it.
pub(crate) async fn replay_all(house: &House) {
    let ids: Vec<_> = house.dead_letters().await.unwrap().into_iter().map(|letter| letter.job.id).collect();
    house.context.queue.replay(&ids, "tester").await.unwrap();
    house.settle().await.unwrap();
}

/// Waits for a fact, not for a time.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, mut fact: impl FnMut() -> F) {
    let give_up = Instant::now() + Duration::from_secs(30);
    while !fact().await {
        assert!(Instant::now() < give_up, "has not come about after 30 s: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Jobs of a lane in one state.
pub(crate) async fn jobs(house: &House, lane: &str, state: JobState) -> Vec<JobView> {
    let filter = JobFilter { lane: Some(Lane::parse(lane).unwrap()), state: Some(state), ..JobFilter::default() };
    house.context.queue.jobs(&filter, &Page::default()).await.unwrap().items
}

/// Waits until the only job of a lane waits for its time, and shows it.
pub(crate) async fn the_waiting_job(house: &House, lane: &str) -> JobView {
    let name = house.lane(lane).unwrap();
    until("one job of the lane waits, none is at work", || async {
        let lane = house.context.queue.lane(&name).await.unwrap();
        (lane.delayed, lane.ready, lane.running) == (1, 0, 0)
    })
    .await;
    let [job] = <[JobView; 1]>::try_from(jobs(house, lane, JobState::Delayed).await).unwrap();
    // The full view, with what the job has been through.
    house.context.queue.job(&job.id).await.unwrap().unwrap()
}

/// The job waits because the server wanted it to: that must not cost it anything.
pub(crate) fn assert_snoozed_without_cost(job: &JobView) {
    assert_eq!((job.attempts, job.snoozes, job.failed.len()), (0, 1, 0), "{job:?}");
}

/// Seconds until the job is due.
pub(crate) fn due_in(job: &JobView) -> i64 {
    (job.at.unwrap() - SystemClock.now()).num_seconds()
}

/// Waits until a lane is held and tells the reason.
pub(crate) async fn held(house: &House, lane: &str) -> String {
    let lane = house.lane(lane).unwrap();
    until("the lane is held and at rest", || async {
        let lane = house.context.queue.lane(&lane).await.unwrap();
        lane.held.is_some() && lane.running == 0
    })
    .await;
    house.context.queue.lane(&lane).await.unwrap().held.unwrap().reason
}

/// Ends a hold, as `mlc resume` does.
pub(crate) async fn resume(house: &House, lane: &str) {
    assert!(house.context.queue.resume(&house.lane(lane).unwrap(), "tester").await.unwrap());
}
