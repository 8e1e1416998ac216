//! Workers that die, leases that run out.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use mlc_model::FaultKind;
use mlc_queue::{DeadFilter, Outcome, Page, QueueConfig, Registry, Workers, WorkersConfig};
use mlc_runtime::{metrics::Metrics, readiness::Readiness};

use crate::{house::*, support};

/// Runs a worker in a runtime of its own until `runs` jobs hang in it, then ends the runtime: nothing is told to Redis.
fn worker_that_dies(namespace: &str, diary: &Diary, concurrency: usize, runs: usize) {
    let (namespace, diary) = (namespace.to_owned(), diary.clone());
    let die = move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        runtime.block_on(async {
            let queue = support::queue_named(&namespace, support::quick()).await;
            let before = diary.runs().len();
            let noted = diary.clone();
            let registry = Registry::new().on(move |errand: Errand, context| {
                noted.note(errand.n, context);
                std::future::pending::<Outcome>()
            });
            let config =
                WorkersConfig { name: "mortal".to_owned(), concurrency, shutdown_deadline: Duration::from_secs(1) };
            let metrics = Metrics::new();
            tokio::spawn(Workers::run(queue, registry, config, std::future::pending(), metrics, Readiness::default()));
            diary.wait_for(before + runs).await;
        });
        runtime.shutdown_background();
    };
    std::thread::spawn(die).join().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_of_a_dead_worker_run_elsewhere_within_10_s_without_an_attempt_burned() {
    let house = House::open().await;
    house.enqueue(&errands(0..10)).await;
    worker_that_dies(&house.namespace, &house.diary, 10, 10);
    let start = Instant::now();
    let worker = house.work_simply(4);
    house.diary.wait_for(20).await;
    assert!(start.elapsed() < Duration::from_secs(10));
    house.quiet().await;
    worker.stop().await;
    assert!(house.diary.times().values().all(|times| *times == 2), "{:?}", house.diary.times());
    assert!(house.diary.runs().iter().all(|(_, context)| context.attempt == 1));
    assert_eq!((house.total("rescued").await, house.total("done").await), (10, 10));
}

#[tokio::test(flavor = "multi_thread")]
async fn rescued_jobs_go_to_the_front_of_their_lane() {
    let house = House::open().await;
    house.enqueue(&errands(0..3)).await;
    worker_that_dies(&house.namespace, &house.diary, 3, 3);
    house.enqueue(&errands(3..6)).await;
    house.queue.pause(&lane("main"), "test", "until the leases are over").await.unwrap();
    let worker = house.work_simply(1);
    eventually("they are rescued", async || house.lane().await.ready == 6).await;
    house.queue.resume(&lane("main"), "test").await.unwrap();
    house.diary.wait_for(9).await;
    worker.stop().await;
    assert_eq!(house.diary.numbers()[3..], [0, 1, 2, 3, 4, 5]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_kills_its_worker_three_times_goes_to_the_shelf() {
    let house = House::open().await;
    let order = errand(1);
    house.enqueue(&[order.clone()]).await;
    for _ in 0..3 {
        worker_that_dies(&house.namespace, &house.diary, 1, 1);
    }
    let worker = house.work_simply(1);
    eventually("it is dead", async || house.lane().await.dead == 1).await;
    worker.stop().await;
    let letter = house.queue.dead_letter(order.id()).await.unwrap().unwrap();
    assert_eq!(
        (letter.fault.kind, letter.fault.message.as_str()),
        (FaultKind::Defect, "killed its worker three times")
    );
    assert_eq!((letter.job.crashes, house.diary.runs().len(), house.lane().await.bytes), (3, 3, 0));
    house.queue.replay(&[order.id().clone()], "lena").await.unwrap();
    assert_eq!(house.queue.job(order.id()).await.unwrap().unwrap().crashes, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_lease_stops_the_run_and_its_job_runs_elsewhere() {
    let house = House::open().await;
    let order = errand(1);
    house.enqueue(&[order.clone()]).await;
    let dropped = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&dropped);
    let worker = house.work(1, move |_, context| {
        struct OnDrop(Arc<AtomicUsize>);
        impl Drop for OnDrop {
            fn drop(&mut self) {
                self.0.fetch_add(1, Ordering::SeqCst);
            }
        }
        let guard = OnDrop(Arc::clone(&counted));
        Box::pin(async move {
            if context.token == 1 {
                std::future::pending::<()>().await;
            }
            drop(guard);
            Outcome::done()
        })
    });
    house.diary.wait_for(1).await;
    // As if the lease had run out and somebody had claimed the job.
    let mut connection = support::connection().await;
    let tag = format!("{{mlcq:{}}}:", house.namespace);
    redis::pipe()
        .atomic()
        .zrem(format!("{tag}leased"), format!("{}:1", order.id()))
        .zadd(format!("{tag}leased"), format!("{}:999", order.id()), 0)
        .query_async::<()>(&mut connection)
        .await
        .unwrap();
    house.diary.wait_for(2).await;
    house.quiet().await;
    worker.stop().await;
    assert_eq!(dropped.load(Ordering::SeqCst), 2);
    assert_eq!(house.total("done").await, 1);
    let tokens: Vec<u64> = house.diary.runs().iter().map(|(_, context)| context.token).collect();
    assert!(tokens[1] > tokens[0], "{tokens:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_result_is_refused_and_counted() {
    // So long a lease is not extended while the test runs: that would tell the run of its loss before it ends.
    let house = House::with(QueueConfig { lease: Duration::from_secs(60), ..support::quick() }).await;
    let order = errand(1);
    house.enqueue(&[order.clone()]).await;
    let namespace = house.namespace.clone();
    let worker = house.work(1, move |_, context| {
        let tag = format!("{{mlcq:{namespace}}}:");
        Box::pin(async move {
            // The lease goes to somebody else at the last moment.
            redis::pipe()
                .zrem(format!("{tag}leased"), format!("{}:{}", context.job_id, context.token))
                .zadd(format!("{tag}leased"), format!("{}:999", context.job_id), i64::from(u32::MAX) * 1000)
                .query_async::<()>(&mut support::connection().await)
                .await
                .unwrap();
            Outcome::done()
        })
    });
    house.diary.wait_for(1).await;
    eventually("it is counted", async || {
        house.metrics.render().lines().any(|line| line.contains("late") && line.ends_with(" 1"))
    })
    .await;
    worker.stop().await;
    assert!(house.queue.job(order.id()).await.unwrap().is_some(), "the job still belongs to the other holder");
    assert_eq!(house.total("done").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn emptied_script_caches_do_no_harm() {
    let server = support::OwnServer::start();
    let house = House::on(server.queue(support::quick()).await);
    let worker = house.work_simply(4);
    let mut connection = server.connection().await;
    for n in 0..5 {
        redis::cmd("SCRIPT").arg("FLUSH").query_async::<()>(&mut connection).await.unwrap();
        house.enqueue(&errands([n])).await;
        house.diary.wait_for(n as usize + 1).await;
    }
    worker.stop().await;
    assert!(house.queue.dead_letters(&DeadFilter::default(), &Page::default()).await.unwrap().items.is_empty());
}
