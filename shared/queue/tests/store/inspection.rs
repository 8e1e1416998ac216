//! Looking at the queue, and what must not be seen in it.

use std::time::Duration;

use mlc_queue::{JobFilter, JobState, Order, Outcome, Page};

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
