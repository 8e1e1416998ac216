//! A full Redis: what frees memory, or stops work, goes on.

use std::time::Duration;

use mlc_model::{FaultKind, JobId};
use mlc_queue::{BulkState, BulkVerb, DeadFilter, NewBulk, Queue, QueueError};
use redis::aio::MultiplexedConnection;

use crate::{house::*, shelf::*, support};

async fn set(connection: &mut MultiplexedConnection, name: &str, value: &str) {
    redis::cmd("CONFIG").arg("SET").arg(name).arg(value).query_async::<()>(connection).await.unwrap();
}

fn discard(filter: DeadFilter) -> NewBulk {
    let reason = Some("closed for good".to_owned());
    NewBulk { verb: BulkVerb::Discard, filter, per_second: None, by: "lena".to_owned(), reason }
}

fn subject(text: &str) -> DeadFilter {
    DeadFilter { subject: Some(text.to_owned()), ..DeadFilter::default() }
}

async fn drive(queue: &Queue) {
    while let Some(wait) = queue.advance_bulks().await.unwrap() {
        tokio::time::sleep(wait.max(Duration::from_millis(1))).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_full_redis_letters_are_discarded_and_operations_and_lanes_are_stopped_all_the_same() {
    let server = support::OwnServer::start();
    let house = House::on(server.queue(support::quick()).await);
    house.enqueue(&errands(0..300)).await;
    let worker = house.work(8, |_, _| Box::pin(async { fault(FaultKind::Rejected).into() }));
    eventually("all are dead", async || house.lane().await.dead == 300).await;
    worker.stop().await;
    let mut connection = server.connection().await;
    set(&mut connection, "maxmemory-policy", "noeviction").await;
    set(&mut connection, "maxmemory", "1mb").await;
    let refused = house.queue.enqueue(&errands(500..501)).await;
    assert!(
        matches!(&refused, Err(QueueError::Redis(error)) if error.to_string().contains("maxmemory")),
        "{refused:?}"
    );

    // Chosen letters.
    let all = letters(&house, &DeadFilter::default()).await;
    let chosen: Vec<JobId> = all.iter().take(3).map(|letter| letter.job.id.clone()).collect();
    assert_eq!(house.queue.discard(&chosen, "lena", "closed").await.unwrap(), chosen);
    // A letter takes less in its lane than on the shelf: its reason goes.
    let replayed = house.queue.replay(&[all[3].job.id.clone()], "lena").await.unwrap().jobs;
    assert_eq!(replayed, [all[3].job.id.clone()]);
    // All that match: those of the first stretches do not.
    let bulk = house.queue.start_bulk(discard(subject("errand 15"))).await.unwrap();
    assert!(house.queue.pause_bulk(&bulk.id, "lena").await.unwrap());
    assert!(house.queue.resume_bulk(&bulk.id, "lena").await.unwrap());
    drive(&house.queue).await;
    let done = house.queue.bulk(&bulk.id).await.unwrap().unwrap();
    assert_eq!((done.state, Some(done.acted)), (BulkState::Done, done.matched));
    assert!(done.acted >= 10, "{}", done.acted);
    let slow = NewBulk { per_second: Some(0.001), ..discard(DeadFilter::default()) };
    let slow = house.queue.start_bulk(slow).await.unwrap();
    assert!(house.queue.advance_bulks().await.unwrap().is_some());
    assert!(house.queue.abort_bulk(&slow.id, "lena").await.unwrap());
    // What takes memory must be able to stop.
    house.queue.pause(&lane("main"), "lena", "Redis is full").await.unwrap();
    assert!(house.lane().await.paused.is_some());
    house.queue.resume(&lane("main"), "lena").await.unwrap();
    drive(&house.queue).await;
    let bulk = house.queue.start_bulk(discard(DeadFilter::default())).await.unwrap();
    drive(&house.queue).await;
    assert_eq!(house.queue.bulk(&bulk.id).await.unwrap().unwrap().state, BulkState::Done);
    assert!(letters(&house, &DeadFilter::default()).await.is_empty());
    // Still full, and a queue that opens now knows how to do all this.
    assert!(house.queue.enqueue(&errands(501..502)).await.is_err());
    server.queue(support::quick()).await.lanes().await.unwrap();
}
