//! Workers that have nothing to do stop at once, wherever the signal meets them.

use std::time::{Duration, Instant};

use mlc_queue::QueueConfig;

use crate::{house::*, support};

const AT_ONCE: Duration = Duration::from_millis(500);

/// A wait for work lasts much longer than a stop may.
fn patient() -> QueueConfig {
    QueueConfig { lease: Duration::from_secs(30), slow_poll: Duration::from_secs(10), ..support::quick() }
}

async fn assert_stops_at_once(worker: Worker, state: &str) {
    let signalled = Instant::now();
    worker.stop().await;
    assert!(signalled.elapsed() < AT_ONCE, "a worker that {state} took {:?} to stop", signalled.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_worker_stops_at_once() {
    let server = support::OwnServer::start();
    let house = House::on(server.queue(patient()).await);
    let worker = house.work_simply(4);
    let mut connection = server.connection().await;
    eventually("it waits", async || {
        let clients: redis::InfoDict = redis::cmd("INFO").arg("clients").query_async(&mut connection).await.unwrap();
        clients.get::<u32>("blocked_clients") == Some(1)
    })
    .await;
    assert_stops_at_once(worker, "is idle").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_has_just_emptied_the_queue_stops_at_once() {
    let house = House::with(patient()).await;
    for round in 0..20 {
        house.enqueue(&errands(0..8)).await;
        let worker = house.work_simply(4);
        house.diary.wait_for(8 * (round + 1)).await;
        assert_stops_at_once(worker, "has just emptied the queue").await;
    }
    house.quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_stops_at_once_while_it_starts() {
    let house = House::with(patient()).await;
    for _ in 0..20 {
        assert_stops_at_once(house.work_simply(4), "starts").await;
    }
}
