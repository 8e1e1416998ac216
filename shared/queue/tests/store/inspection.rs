//! Looking at the queue, and what must not be seen in it.

use std::time::Duration;

use mlc_model::FaultKind;
use mlc_queue::{DeadFilter, JobFilter, JobState, Order, Outcome, Page, Priority};

use crate::{house::*, support};

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_jobs_continues_where_the_last_one_ended() {
    let house = House::open().await;
    house.enqueue(&errands(0..500)).await;
    let mut subjects = Vec::new();
    let mut page = Page { after: None, limit: 30 };
    loop {
        let listing = house.queue.jobs(&JobFilter::default(), &page).await.unwrap();
        subjects.extend(listing.items.into_iter().filter_map(|job| job.subject));
        page.after = listing.next;
        if page.after.is_none() {
            break;
        }
    }
    assert_eq!(subjects, (0..500).map(|n| format!("errand {n}")).collect::<Vec<_>>());
    let some = JobFilter { subject: Some("errand 49".to_owned()), ..JobFilter::default() };
    assert_eq!(house.queue.jobs(&some, &Page::default()).await.unwrap().items.len(), 11);
    let cursor = Page { after: Some("not a cursor".to_owned()), limit: 1 };
    assert!(house.queue.jobs(&JobFilter::default(), &cursor).await.is_err());
}

async fn subjects(house: &House, filter: JobFilter) -> Vec<String> {
    let listing = house.queue.jobs(&filter, &Page::default()).await.unwrap();
    listing.items.into_iter().filter_map(|job| job.subject).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_are_found_by_class_chain_and_the_text_of_their_last_failure() {
    let house = House::open().await;
    house.queue.pause(&lane("other"), "test", "what follows stays there").await.unwrap();
    let first = errand(1);
    house.enqueue(&[first.clone(), errand(2), errand(3)]).await;
    let worker = house.work(1, |errand, _| {
        Box::pin(async move {
            match errand.n {
                1 => Outcome::then(vec![errand_in("other", 10).priority(Priority::Backfill), errand_in("other", 11)]),
                2 => fault(FaultKind::Rejected).with_code("PRICE_DIFFERS").into(),
                3 => Outcome::Failed(fault(FaultKind::Transient).with_retry_after(Duration::from_secs(60))),
                _ => Outcome::done(),
            }
        })
    });
    eventually("all have ended", async || {
        let lane = house.lane().await;
        (lane.ready, lane.running, lane.delayed, lane.dead) == (0, 0, 1, 1)
    })
    .await;
    worker.stop().await;
    let default = JobFilter::default;
    let error = |text: &str| JobFilter { error: Some(text.to_owned()), ..default() };
    assert_eq!(subjects(&house, error("THE SERVER said no")).await, ["errand 3"]);
    assert_eq!(subjects(&house, error("price_differs")).await, [""; 0], "it is on the shelf");
    let dead = JobFilter { state: Some(JobState::Dead), ..error("price_differs") };
    assert_eq!(subjects(&house, dead.clone()).await, ["errand 2"]);
    // A line of the log and a cause find it among jobs and on the shelf alike.
    let letter = house.queue.dead_letters(&DeadFilter::default(), &Page::default()).await.unwrap().items.remove(0);
    for text in [letter.fault.to_string(), letter.fault.cause(), "rejected".to_owned()] {
        let filter = DeadFilter { error: Some(text.clone()), ..DeadFilter::default() };
        assert_eq!(house.queue.dead_letters(&filter, &Page::default()).await.unwrap().items.len(), 1, "{text}");
        let wanted = JobFilter { error: Some(text), ..dead.clone() };
        assert_eq!(subjects(&house, wanted).await, ["errand 2"]);
    }
    assert_eq!(subjects(&house, JobFilter { error: Some("nothing like it".to_owned()), ..dead }).await, [""; 0]);
    let chain = JobFilter { trace: Some(first.id().to_string()), ..default() };
    let mut found = subjects(&house, chain).await;
    found.sort();
    assert_eq!(found, ["errand 10", "errand 11"]);
    let backfill = JobFilter { priority: Some(Priority::Backfill), ..default() };
    assert_eq!(subjects(&house, backfill).await, ["errand 10"]);
    let delayed = JobFilter { lane: Some(lane("other")), state: Some(JobState::Delayed), ..default() };
    assert_eq!(subjects(&house, delayed).await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_through_many_jobs_answers_soon_and_goes_on_where_it_stopped() {
    let house = House::open().await;
    house.enqueue(&[errand_in("z", 1)]).await;
    let mut connection = support::connection().await;
    // Ids without jobs: they are looked at like all others.
    let list = format!("{{mlcq:{}}}:ready:a:1", house.namespace);
    for piece in 0..60 {
        let ids: Vec<String> = (0..5000).map(|n| format!("gone{}", 5000 * piece + n)).collect();
        redis::cmd("RPUSH").arg(&list).arg(ids).exec_async(&mut connection).await.unwrap();
    }
    redis::cmd("HSET")
        .arg(format!("{{mlcq:{}}}:bytes", house.namespace))
        .arg(&["a", "0"])
        .exec_async(&mut connection)
        .await
        .unwrap();
    let filter = JobFilter { subject: Some("errand".to_owned()), ..JobFilter::default() };
    let (mut page, mut pages, mut found) = (Page::default(), 0, 0);
    loop {
        let begun = std::time::Instant::now();
        let listing = house.queue.jobs(&filter, &page).await.unwrap();
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
        (pages, found) = (pages + 1, found + listing.items.len());
        page.after = listing.next;
        if page.after.is_none() {
            break;
        }
    }
    assert_eq!(found, 1);
    assert!(pages > 1, "300,000 ids were read in one page");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_state_of_a_job_is_found_among_thousands_of_leases() {
    let house = House::open().await;
    let (running, waiting) = (errand(1), errand(2));
    house.enqueue(&[running.clone(), waiting.clone()]).await;
    let worker = house.work_with(
        house.registry(|_, _| Box::pin(std::future::pending::<Outcome>())),
        1,
        Duration::from_millis(50),
    );
    house.diary.wait_for(1).await;
    let mut pipe = redis::pipe();
    for n in 0..5000 {
        pipe.zadd(format!("{{mlcq:{}}}:leased", house.namespace), format!("other{n}:{n}"), i64::from(u32::MAX) * 1000);
    }
    pipe.exec_async(&mut support::connection().await).await.unwrap();
    assert_eq!(house.queue.job(running.id()).await.unwrap().unwrap().state, JobState::Running);
    assert_eq!(house.queue.job(waiting.id()).await.unwrap().unwrap().state, JobState::Ready);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_job_shows_as_running() {
    let house = House::open().await;
    let order = errand(1);
    house.enqueue(&[order.clone()]).await;
    let registry = house.registry(|_, _| Box::pin(std::future::pending::<Outcome>()));
    let worker = house.work_with(registry, 1, Duration::from_millis(50));
    house.diary.wait_for(1).await;
    assert_eq!(house.queue.job(order.id()).await.unwrap().unwrap().state, JobState::Running);
    let running = JobFilter { state: Some(JobState::Running), ..JobFilter::default() };
    assert_eq!(house.queue.jobs(&running, &Page::default()).await.unwrap().items.len(), 1);
    let status = house.lane().await;
    assert_eq!((status.running, status.ready), (1, 0));
    worker.stop().await;
    assert_eq!(house.queue.job(order.id()).await.unwrap().unwrap().state, JobState::Ready);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lane_tells_its_size_and_the_age_of_its_oldest_job() {
    let house = House::open().await;
    assert_eq!(house.lane().await.oldest_age, None);
    house.enqueue(&errands(0..10)).await;
    let status = house.lane().await;
    assert!(status.oldest_age.unwrap() < Duration::from_secs(10));
    assert_eq!(status.bytes, house.queue.lane_bytes(&lane("main")).await.unwrap());
    assert!((1000..5000).contains(&status.bytes), "{}", status.bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_a_payload_can_be_read_in_redis() {
    let house = House::open().await;
    let secret = "Canary Industries".repeat(40);
    let order = Order::of(&Errand { lane: "main".to_owned(), n: 1, unique: Some(secret.clone()) }).unwrap();
    house.enqueue(&[order.clone()]).await;
    let mut connection = support::connection().await;
    let tag = format!("{{mlcq:{}}}:", house.namespace);
    for hash in ["job", "unique"] {
        let all: Vec<Vec<u8>> =
            redis::cmd("HGETALL").arg(format!("{tag}{hash}")).query_async(&mut connection).await.unwrap();
        assert!(!all.iter().any(|bytes| String::from_utf8_lossy(bytes).contains("Canary")));
    }
    assert_eq!(house.queue.payload(order.id()).await.unwrap().unwrap()["unique"], secret);
}

/// How long the commands of an idle worker are counted.
const IDLE_SPAN: Duration = Duration::from_secs(4);

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_worker_costs_redis_next_to_nothing() {
    let server = support::OwnServer::start();
    let house = House::on(server.queue(mlc_queue::QueueConfig::default()).await);
    let worker = house.work_simply(32);
    let mut connection = server.connection().await;
    let count = async |connection: &mut redis::aio::MultiplexedConnection| -> u64 {
        let info: redis::InfoDict = redis::cmd("INFO").arg("stats").query_async(connection).await.unwrap();
        info.get("total_commands_processed").unwrap()
    };
    eventually("the worker waits for a wake-up", async || {
        let mut connection = server.connection().await;
        let info: redis::InfoDict = redis::cmd("INFO").arg("clients").query_async(&mut connection).await.unwrap();
        info.get::<u64>("blocked_clients").unwrap() >= 1
    })
    .await;
    // A rate needs a span of time: this one holds two slow polls. Nothing waits here for something to have happened by then.
    let before = count(&mut connection).await;
    tokio::time::sleep(IDLE_SPAN).await;
    let commands = count(&mut connection).await - before;
    worker.stop().await;
    assert!(commands <= 12 * IDLE_SPAN.as_secs(), "{commands} commands in {IDLE_SPAN:?}");
}
