//! The ticker against a real queue and ledger, with a clock that the test moves.
#![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]

mod private_redis;

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use mlc_flow::Extent;
use mlc_model::{Clock, FlowId, ManualClock};
use mlc_producer::{Rooms, Ticker, order_poll};
use mlc_queue::{JobFilter, Page, Priority};
use private_redis::PrivateRedis;

fn ticker(rooms: &Rooms, clock: &ManualClock, holder: &str) -> Ticker {
    let clock: Arc<dyn Clock> = Arc::new(clock.clone());
    Ticker::new(&rooms.settings, rooms.queue.clone(), rooms.ledger.clone(), clock, holder.to_owned()).unwrap()
}

async fn waiting(rooms: &Rooms) -> usize {
    rooms.queue.jobs(&JobFilter::default(), &Page::default()).await.unwrap().items.len()
}

fn noon() -> DateTime<Utc> {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

#[tokio::test]
async fn only_one_replica_ticks_and_what_was_missed_is_one_tick() {
    let redis = PrivateRedis::start();
    let rooms = redis.open().await;
    let clock = ManualClock::at(noon());
    let (one, two) = (ticker(&rooms, &clock, "one"), ticker(&rooms, &clock, "two"));
    assert!(one.tick().await.unwrap());
    assert!(!two.tick().await.unwrap());
    // Vendors for changes; customers and their contacts only have a full scan, which is due at once.
    assert_eq!(waiting(&rooms).await, 3);
    clock.advance(TimeDelta::days(3));
    assert!(one.tick().await.unwrap());
    assert_eq!(waiting(&rooms).await, 3, "nobody worked, so the orders of three days are one order");
    let vendors = FlowId::parse("epicor_to_hubspot::vendors").unwrap();
    assert_eq!(rooms.ledger.last_tick(&vendors).await.unwrap(), Some(noon() + TimeDelta::days(3)));
}

#[tokio::test]
async fn a_poll_on_the_shelf_does_not_silence_its_schedule() {
    let redis = PrivateRedis::start();
    let rooms = redis.open().await;
    let (id, flow) = rooms.flow("epicor_to_hubspot::vendors").unwrap();
    let order = || order_poll(&rooms.queue, &id, flow, Extent::Incremental, Priority::Normal, "schedule");
    let first = order().await.unwrap();
    assert!(first[0].new);
    assert!(!order().await.unwrap()[0].new, "it waits already");
    private_redis::kill_the_only_job(&rooms).await;
    assert!(rooms.queue.dead_letter(&first[0].job).await.unwrap().is_some());
    let again = order().await.unwrap();
    assert_eq!((again[0].new, &again[0].job), (true, &first[0].job));
    assert!(rooms.queue.dead_letter(&first[0].job).await.unwrap().is_none());
}
