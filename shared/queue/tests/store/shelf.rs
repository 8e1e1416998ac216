//! The dead-letter shelf.

use mlc_model::{Fault, FaultKind, JobId, System};
use mlc_queue::{DeadFilter, DeadLetter, Enqueued, Outcome, Page};

use crate::{house::*, support};

pub async fn letters(house: &House, filter: &DeadFilter) -> Vec<DeadLetter> {
    house.queue.dead_letters(filter, &Page::default()).await.unwrap().items
}

/// A house with errands 0 to n on its shelf: even ones lack a name, odd ones an e-mail address.
pub async fn with_dead(n: u32) -> House {
    let house = House::open().await;
    house.enqueue(&errands(0..n)).await;
    let worker = house.work(8, |errand, _| {
        let field = if errand.n % 2 == 0 { "name" } else { "email" };
        Box::pin(async move {
            Fault::rejected_field("vendor_to_company", field, format!("vendor {} lacks it", errand.n)).into()
        })
    });
    eventually("all are dead", async || house.lane().await.dead == u64::from(n)).await;
    worker.stop().await;
    house
}

#[tokio::test(flavor = "multi_thread")]
async fn letters_are_grouped_by_cause_and_filtered() {
    let house = with_dead(10).await;
    let causes = house.queue.causes().await.unwrap();
    let texts: Vec<_> = causes.iter().map(|cause| (cause.text.as_str(), cause.letters)).collect();
    assert_eq!(
        texts,
        [("connector/rejected/vendor_to_company/-/email", 5), ("connector/rejected/vendor_to_company/-/name", 5)]
    );
    assert!(causes[0].example.starts_with("vendor "));
    let count = async |filter: DeadFilter| letters(&house, &filter).await.len();
    assert_eq!(count(DeadFilter { cause: Some(causes[0].hash.clone()), ..DeadFilter::default() }).await, 5);
    assert_eq!(count(DeadFilter { subject: Some("ERRAND 7".to_owned()), ..DeadFilter::default() }).await, 1);
    assert_eq!(count(DeadFilter { fault: Some(FaultKind::Rejected), ..DeadFilter::default() }).await, 10);
    assert_eq!(count(DeadFilter { fault: Some(FaultKind::Defect), ..DeadFilter::default() }).await, 0);
    assert_eq!(count(DeadFilter { kind: Some("other".to_owned()), ..DeadFilter::default() }).await, 0);
    assert_eq!(count(DeadFilter { lane: Some(lane("other")), ..DeadFilter::default() }).await, 0);
    assert_eq!(count(DeadFilter { until: Some(chrono::DateTime::UNIX_EPOCH), ..DeadFilter::default() }).await, 0);
    assert_eq!(count(DeadFilter { since: Some(chrono::DateTime::UNIX_EPOCH), ..DeadFilter::default() }).await, 10);
    assert!(house.queue.stats().await.unwrap().dead["main"]["rejected"] == 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_knows_the_next_ones_of_its_cause() {
    let house = with_dead(6).await;
    let cause = house.queue.causes().await.unwrap().remove(0).hash;
    let filter = DeadFilter { cause: Some(cause.clone()), ..DeadFilter::default() };
    let ids: Vec<JobId> = letters(&house, &filter).await.into_iter().map(|letter| letter.job.id).collect();
    for (place, id) in ids.iter().enumerate() {
        let found = house.queue.neighbours(id, &cause).await.unwrap().unwrap();
        let newer = place.checked_sub(1).map(|place| &ids[place]);
        assert_eq!((found.place, found.letters), (place as u64 + 1, 3));
        assert_eq!((found.newer.as_ref(), found.older.as_ref()), (newer, ids.get(place + 1)));
    }
    house.queue.discard(&ids[1..2], "lena", "test").await.unwrap();
    assert_eq!(house.queue.neighbours(&ids[1], &cause).await.unwrap(), None);
    assert_eq!(house.queue.neighbours(&ids[0], &cause).await.unwrap().unwrap().older.as_ref(), Some(&ids[2]));
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_letters_hold_every_letter_once() {
    let house = with_dead(250).await;
    let mut seen: Vec<JobId> = Vec::new();
    let mut page = Page { after: None, limit: 7 };
    loop {
        let listing = house.queue.dead_letters(&DeadFilter::default(), &page).await.unwrap();
        seen.extend(listing.items.into_iter().map(|letter| letter.job.id));
        page.after = listing.next;
        if page.after.is_none() {
            break;
        }
    }
    let count = seen.len();
    seen.sort();
    seen.dedup();
    assert_eq!((count, seen.len()), (250, 250));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replayed_letter_keeps_its_id_and_its_past_and_starts_its_attempts_anew() {
    let house = with_dead(1).await;
    let letter = letters(&house, &DeadFilter::default()).await.remove(0);
    let replayed =
        house.queue.replay(&[letter.job.id.clone(), JobId::parse("unknown").unwrap()], "lena").await.unwrap();
    assert_eq!(replayed.jobs, [letter.job.id.clone()]);
    assert_eq!(house.lane().await.dead, 0);
    assert!(house.queue.causes().await.unwrap().is_empty());
    let view = house.queue.job(&letter.job.id).await.unwrap().unwrap();
    assert_eq!((view.attempts, view.replays, view.failed.len(), view.replayed[0].by.as_str()), (0, 1, 1, "lena"));
    let worker = house.work_simply(1);
    house.diary.wait_for(2).await;
    house.quiet().await;
    worker.stop().await;
    assert_eq!(house.diary.runs()[1].1.replays, 1);
    let left: Vec<String> = house.keys().await.into_iter().filter(|key| !key.ends_with(":stats")).collect();
    assert!(
        left.iter().filter(|key| !key.contains("}:pace")).all(|key| [
            "bytes",
            "running",
            "token",
            "dead_bytes",
            "ended",
            "ended_count"
        ]
        .iter()
        .any(|n| key.ends_with(n))),
        "{left:?}"
    );
    assert_eq!(house.queue.stats().await.unwrap().dead_bytes, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_keeps_its_unique_key_until_it_is_discarded() {
    let house = House::open().await;
    let dead = unique_errand(1, "k");
    house.enqueue(&[dead.clone()]).await;
    let worker = house.work(1, |_, _| Box::pin(async { fault(FaultKind::Rejected).into() }));
    eventually("it is dead", async || house.lane().await.dead == 1).await;
    worker.stop().await;
    let again = house.queue.enqueue(&[unique_errand(2, "k")]).await.unwrap();
    assert_eq!(again, [Enqueued::Duplicate(dead.id().clone())]);
    assert_eq!(house.queue.discard(&[dead.id().clone()], "lena", "wrong vendor").await.unwrap(), [dead.id().clone()]);
    assert!(house.queue.job(dead.id()).await.unwrap().is_none());
    assert!(matches!(house.queue.enqueue(&[unique_errand(3, "k")]).await.unwrap()[0], Enqueued::Accepted(_)));
    let key = format!("{{mlcq:{}}}:removed", house.namespace);
    let entries: redis::Value =
        redis::cmd("XRANGE").arg(key).arg("-").arg("+").query_async(&mut support::connection().await).await.unwrap();
    let text = format!("{entries:?}");
    for word in ["discarded", "lena", "wrong vendor", dead.id().as_str()] {
        assert!(text.contains(word), "{word} is missing in {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shelf_over_its_budget_lets_the_oldest_go_with_an_entry_each() {
    let mut config = support::quick();
    config.dead_letter_bytes = 4000;
    let house = House::with(config).await;
    house.enqueue(&errands(0..40)).await;
    let worker = house.work(1, |_, _| Box::pin(async { fault(FaultKind::Rejected).into() }));
    house.diary.wait_for(40).await;
    house.quiet().await;
    worker.stop().await;
    let stats = house.queue.stats().await.unwrap();
    let kept = letters(&house, &DeadFilter::default()).await;
    assert!(stats.dead_bytes <= 4000, "{}", stats.dead_bytes);
    assert_eq!(stats.total("evicted") + kept.len() as u64, 40);
    assert_eq!(kept[0].job.subject.as_deref(), Some("errand 39"));
    let removed: u64 = redis::cmd("XLEN")
        .arg(format!("{{mlcq:{}}}:removed", house.namespace))
        .query_async(&mut support::connection().await)
        .await
        .unwrap();
    assert_eq!(removed, stats.total("evicted"));
    let ended = house.queue.ended(&Page { after: None, limit: 1000 }).await.unwrap().items;
    let gone: Vec<_> = ended.into_iter().filter_map(|job| job.discarded).collect();
    assert_eq!(gone.len() as u64, removed);
    let budget = |told: &mlc_queue::Discarded| told.reason.as_deref().is_some_and(|why| why.contains("byte budget"));
    assert!(gone.iter().all(|told| told.by == "queue" && told.bulk.is_none() && budget(told)), "{gone:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_reason_is_kept_whole() {
    let house = House::open().await;
    let order = errand(1);
    house.enqueue(&[order.clone()]).await;
    let reason =
        Fault::new(FaultKind::Rejected, System::Hubspot, "companies.batch_upsert", "the \"domain\"\nis not valid: ä")
            .with_status(400)
            .with_code("INVALID_OPTION")
            .with_field("domain")
            .with_correlation_id("c-17");
    let told = reason.clone();
    let worker = house.work(1, move |_, _| {
        let told = told.clone();
        Box::pin(async move { Outcome::Failed(told) })
    });
    eventually("it is dead", async || house.lane().await.dead == 1).await;
    worker.stop().await;
    let letter = house.queue.dead_letter(order.id()).await.unwrap().unwrap();
    assert_eq!(letter.fault, reason);
    assert_eq!(letter.job.failed[0].fault, reason);
}
