//! Fairness, caps, pauses.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use mlc_queue::{Order, Outcome};

use crate::house::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_lane_with_a_long_backlog_does_not_hold_up_another() {
    let house = House::open().await;
    house.enqueue(&errands(0..2000)).await;
    house.enqueue(&[errand_in("other", 9999)]).await;
    let worker = house.work_simply(4);
    house.diary.wait_for(2001).await;
    worker.stop().await;
    let place = house.diary.numbers().iter().position(|n| *n == 9999).unwrap();
    assert!(place < 50, "started as number {place}");
}

#[tokio::test(flavor = "multi_thread")]
async fn lanes_take_turns() {
    let house = House::open().await;
    let mut orders = Vec::new();
    for n in 0..100 {
        orders.extend(["a", "b", "c"].map(|lane| errand_in(lane, n)));
    }
    house.enqueue(&orders).await;
    let worker = house.work_simply(3);
    house.diary.wait_for(300).await;
    worker.stop().await;
    let lanes: Vec<String> = house.diary.runs().iter().map(|(_, context)| context.lane.to_string()).collect();
    for lane in ["a", "b", "c"] {
        let early = lanes[..150].iter().filter(|other| *other == lane).count();
        assert!((35..=65).contains(&early), "lane {lane} got {early} of the first 150");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_lanes_are_all_served() {
    let house = House::open().await;
    let orders: Vec<Order> = (0..5000).map(|n| errand_in(&format!("lane-{}", n % 1000), n)).collect();
    house.enqueue(&orders).await;
    let worker = house.work_simply(64);
    house.diary.wait_for(5000).await;
    eventually("all are done", async || house.total("done").await == 5000).await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lane_never_exceeds_its_cap_over_two_workers() {
    let house = House::open().await;
    house.queue.set_cap(&lane("main"), Some(2)).await.unwrap();
    house.enqueue(&errands(0..30)).await;
    house.enqueue(&[errand_in("free", 100), errand_in("free", 101), errand_in("free", 102)]).await;
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let script = {
        let (now, most) = (Arc::clone(&now), Arc::clone(&most));
        move |errand: Errand, _| -> futures_util::future::BoxFuture<'static, Outcome> {
            let (now, most) = (Arc::clone(&now), Arc::clone(&most));
            Box::pin(async move {
                if errand.n < 100 {
                    most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    tokio::time::sleep(Duration::from_millis(10)).await;
                    now.fetch_sub(1, Ordering::SeqCst);
                }
                Outcome::done()
            })
        }
    };
    let (first, second) = (house.work(8, script.clone()), house.work(8, script));
    house.diary.wait_for(33).await;
    house.quiet().await;
    first.stop().await;
    second.stop().await;
    assert_eq!(most.load(Ordering::SeqCst), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_raised_cap_takes_effect_at_once() {
    let house = House::open().await;
    house.queue.set_cap(&lane("main"), Some(0)).await.unwrap();
    house.enqueue(&errands(0..3)).await;
    let worker = house.work_simply(4);
    eventually("the worker has looked", async || house.lane().await.ready == 3).await;
    house.queue.set_cap(&lane("main"), None).await.unwrap();
    house.diary.wait_for(3).await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_lane_waits_and_goes_on_when_resumed() {
    let house = House::open().await;
    assert!(house.queue.pause(&lane("main"), "lena", "month end").await.unwrap());
    assert!(!house.queue.pause(&lane("main"), "otto", "again").await.unwrap());
    house.enqueue(&errands(0..3)).await;
    house.enqueue(&[errand_in("other", 50)]).await;
    let worker = house.work_simply(4);
    house.diary.wait_for(1).await;
    let status = house.lane().await;
    assert_eq!((status.ready, status.paused.unwrap().reason.as_str()), (3, "again"));
    assert!(house.queue.resume(&lane("main"), "lena").await.unwrap());
    assert!(!house.queue.resume(&lane("main"), "lena").await.unwrap());
    house.diary.wait_for(4).await;
    worker.stop().await;
    assert_eq!(house.diary.numbers()[0], 50);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_switch_is_opened_alone_and_jobs_go_out_when_both_are() {
    let house = House::open().await;
    let main = lane("main");
    house.queue.pause(&main, "lena", "month end").await.unwrap();
    house.queue.hold(&main, "refused").await.unwrap();
    house.enqueue(&errands(0..2)).await;
    house.enqueue(&[errand_in("other", 50)]).await;
    let worker = house.work_simply(4);
    assert!(house.queue.release(&main, "lena").await.unwrap());
    assert!(!house.queue.release(&main, "lena").await.unwrap());
    house.diary.wait_for(1).await;
    let status = house.lane().await;
    assert_eq!((status.ready, status.held.is_some(), status.paused.is_some()), (2, false, true));
    assert!(house.queue.unpause(&main, "lena").await.unwrap());
    assert!(!house.queue.unpause(&main, "lena").await.unwrap());
    house.diary.wait_for(3).await;
    worker.stop().await;
    assert_eq!(house.diary.numbers()[0], 50);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_never_leases_more_jobs_than_it_may_run() {
    let house = House::open().await;
    house.enqueue(&errands(0..4000)).await;
    let worker = house.work_simply(64);
    let mut connection = crate::support::connection().await;
    let (mut most, mut ended) = (0, 0);
    while ended < 4000 {
        let leased: usize = redis::cmd("ZCARD")
            .arg(format!("{{mlcq:{}}}:leased", house.namespace))
            .query_async(&mut connection)
            .await
            .unwrap();
        most = most.max(leased);
        ended = house.total("done").await;
    }
    worker.stop().await;
    assert!((1..=64).contains(&most), "{most} jobs were leased at once");
    assert!(house.diary.times().values().all(|times| *times == 1));
    assert_eq!(house.diary.runs().len(), 4000);
}
