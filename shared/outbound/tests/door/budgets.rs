//! Budgets shared by doors that know nothing of each other but Redis.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use axum::{Router, routing::any};
use chrono::{FixedOffset, Timelike};
use mlc_model::{Clock, FaultKind, SystemClock};
use mlc_outbound::{BudgetConfig, BudgetKind, Credentials, Door, DoorConfig, Method, Request};

use crate::{
    support::{PrivateRedis, SlidingWindow, config, door, serve},
    transport::{AUTHORITY, tls_server},
};

fn get(family: &'static str) -> Request {
    Request::new(Method::GET, "/", "test.get").family(family)
}

async fn send(door: &Door, family: &'static str) -> Result<u16, mlc_model::Fault> {
    door.send(&get(family), &Credentials::none()).await.map(|answer| answer.status())
}

fn with(base_url: &str, budget: BudgetConfig) -> DoorConfig {
    DoorConfig { budgets: vec![budget], ..config(base_url) }
}

fn paced(limit: u32, window: Duration, margin: Duration) -> BudgetConfig {
    BudgetConfig { family: "burst", kind: BudgetKind::Paced { limit, window, margin } }
}

/// Sends from 16 tasks over four doors for a while, as jobs do: a refusal is slept over.
async fn sixteen_tasks_send(redis: &PrivateRedis, config: &DoorConfig, length: Duration) {
    let until = Instant::now() + length;
    let mut tasks = Vec::new();
    for _ in 0..4 {
        let door = door(redis, config.clone()).await;
        for _ in 0..4 {
            let door = door.clone();
            tasks.push(tokio::spawn(async move {
                while Instant::now() < until {
                    if let Err(fault) = send(&door, "burst").await {
                        assert_eq!(fault.kind, FaultKind::Limited, "{fault}");
                        tokio::time::sleep(fault.retry_after().unwrap()).await;
                    }
                }
            }));
        }
    }
    for task in tasks {
        task.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sixteen_tasks_over_four_workers_use_a_sliding_window_without_a_refusal() {
    let redis = PrivateRedis::start().await;
    let window = Duration::from_secs(2);
    let server = SlidingWindow::new(100, window);
    let budget = paced(100, window, Duration::from_millis(30));
    let config = with(&serve(server.router()).await, budget);
    sixteen_tasks_send(&redis, &config, Duration::from_millis(4_500)).await;
    assert_eq!(server.refused(), 0);
    let share = server.share_used(Duration::from_secs(4));
    assert!(share >= 0.98, "used only {:.1} % of the allowance", share * 100.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_connections_at_the_start_do_not_overfill_the_window() {
    let redis = PrivateRedis::start().await;
    let window = Duration::from_secs(1);
    let server = SlidingWindow::new(20, window);
    let counting = server.clone();
    let base = tls_server(Duration::from_millis(200), move || {
        counting.arrive();
    })
    .await;
    let mut config = with(&base, paced(20, window, Duration::from_millis(50)));
    config.ca_pem = Some(AUTHORITY.to_vec());
    sixteen_tasks_send(&redis, &config, Duration::from_millis(2_500)).await;
    assert_eq!(server.refused(), 0);
    assert!(server.accepted() > 30, "{}", server.accepted());
}

#[tokio::test(flavor = "multi_thread")]
async fn no_burst_follows_a_pause() {
    let redis = PrivateRedis::start().await;
    let window = Duration::from_secs(1);
    let server = SlidingWindow::new(1000, window);
    let config = with(&serve(server.router()).await, paced(20, window, Duration::from_millis(50)));
    sixteen_tasks_send(&redis, &config, Duration::from_millis(300)).await;
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    sixteen_tasks_send(&redis, &config, Duration::from_millis(600)).await;
    assert!(server.largest_count_within(window) <= 20, "{}", server.largest_count_within(window));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_worker_learns_paces_the_others_at_once() {
    let redis = PrivateRedis::start().await;
    let server = SlidingWindow::new(100_000, Duration::from_secs(1));
    let base = serve(server.router()).await;
    let slow = paced(2, Duration::from_secs(1), Duration::ZERO);
    let (one, other) = (door(&redis, with(&base, slow.clone())).await, door(&redis, with(&base, slow)).await);
    send(&one, "burst").await.unwrap();
    one.learn("burst", 1_000, Duration::from_secs(1));
    send(&one, "burst").await.unwrap();
    let started = Instant::now();
    for _ in 0..10 {
        send(&other, "burst").await.unwrap();
    }
    assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_refused_place_is_not_reserved() {
    let redis = PrivateRedis::start().await;
    let base = serve(SlidingWindow::new(1000, Duration::from_secs(1)).router()).await;
    let mut config = with(&base, paced(1, Duration::from_secs(3), Duration::ZERO));
    config.max_inline_wait = Duration::from_millis(100);
    let door = door(&redis, config).await;
    send(&door, "burst").await.unwrap();
    for _ in 0..20 {
        let fault = send(&door, "burst").await.unwrap_err();
        assert_eq!(fault.kind, FaultKind::Limited);
        assert_eq!(fault.code.as_deref(), Some("budget.burst"));
        assert!(fault.retry_after().unwrap() <= Duration::from_secs(3));
    }
}

#[tokio::test]
async fn a_block_stops_every_worker() {
    let redis = PrivateRedis::start().await;
    let server = SlidingWindow::new(1000, Duration::from_secs(1));
    let base = serve(server.router()).await;
    let budget = paced(1000, Duration::from_secs(1), Duration::ZERO);
    let (one, other) = (door(&redis, with(&base, budget.clone())).await, door(&redis, with(&base, budget)).await);
    one.block("burst", SystemClock.now() + chrono::Duration::seconds(60)).await.unwrap();
    one.block_for("burst", Duration::from_secs(1)).await.unwrap();
    let fault = send(&other, "burst").await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Limited);
    assert!(fault.retry_after().unwrap() > Duration::from_secs(58), "a later block must not be shortened");
    assert_eq!(other.remaining().await.unwrap()[0].remaining, 0);
    send(&other, "search").await.unwrap();
    assert_eq!(server.accepted(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_block_reaches_those_who_wait_for_their_place() {
    let redis = PrivateRedis::start().await;
    let server = SlidingWindow::new(1000, Duration::from_secs(1));
    let base = serve(server.router()).await;
    let budget = paced(1, Duration::from_secs(1), Duration::ZERO);
    let (one, other) = (door(&redis, with(&base, budget.clone())).await, door(&redis, with(&base, budget)).await);
    send(&one, "burst").await.unwrap();
    let waiting = tokio::spawn(async move { send(&other, "burst").await });
    while one.remaining().await.unwrap()[0].remaining > 0 {
        tokio::task::yield_now().await;
    }
    one.block_for("burst", Duration::from_secs(30)).await.unwrap();
    assert_eq!(waiting.await.unwrap().unwrap_err().kind, FaultKind::Limited);
    assert_eq!(server.accepted(), 1);
}

/// Answers after `pause`; the counter keeps the most requests seen at a time.
fn busy_server(pause: Duration, most: &Arc<AtomicUsize>) -> Router {
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::clone(most));
    Router::new().fallback(any(move || {
        let (now, most) = (Arc::clone(&now), Arc::clone(&most));
        async move {
            most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            tokio::time::sleep(pause).await;
            now.fetch_sub(1, Ordering::SeqCst);
        }
    }))
}

#[tokio::test(flavor = "multi_thread")]
async fn never_more_are_in_flight_than_allowed_however_long_they_take() {
    let redis = PrivateRedis::start().await;
    let most = Arc::new(AtomicUsize::new(0));
    let base = serve(busy_server(Duration::from_millis(500), &most)).await;
    // The lease is shorter than a request: it must be extended meanwhile.
    let kind = BudgetKind::Concurrency { max: 2, lease: Duration::from_millis(200) };
    let mut config = with(&base, BudgetConfig { family: "in_flight", kind });
    config.max_inline_wait = Duration::from_secs(10);
    let mut tasks = Vec::new();
    for _ in 0..3 {
        let door = door(&redis, config.clone()).await;
        for _ in 0..2 {
            let door = door.clone();
            tasks.push(tokio::spawn(async move { send(&door, "in_flight").await }));
        }
    }
    for task in tasks {
        assert_eq!(task.await.unwrap().unwrap(), 200);
    }
    assert_eq!(most.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_killed_worker_frees_its_place() {
    let redis = PrivateRedis::start().await;
    let base = serve(SlidingWindow::new(1000, Duration::from_secs(1)).router()).await;
    let door = door(&redis, with(&base, BudgetConfig::concurrency("in_flight", 1))).await;
    let handle = redis.connect().await;
    let mut connection = handle.manager.clone();
    // What a worker leaves behind that was killed 300 ms before its lease ends.
    let _: () = redis::cmd("ZADD")
        .arg("mlc:outbound:{hubspot-main}:in_flight:in_flight")
        .arg(SystemClock.now().timestamp_millis() + 300)
        .arg("killed")
        .query_async(&mut connection)
        .await
        .unwrap();
    let started = Instant::now();
    send(&door, "in_flight").await.unwrap();
    assert!(started.elapsed() > Duration::from_millis(200), "the place was not free yet");
}

#[tokio::test]
async fn a_cancelled_request_frees_its_place() {
    let redis = PrivateRedis::start().await;
    let most = Arc::new(AtomicUsize::new(0));
    let base = serve(busy_server(Duration::from_secs(30), &most)).await;
    let door = door(&redis, with(&base, BudgetConfig::concurrency("in_flight", 1))).await;
    let cancelled = tokio::time::timeout(Duration::from_millis(100), send(&door, "in_flight")).await;
    assert!(cancelled.is_err());
    while door.remaining().await.unwrap()[0].remaining == 0 {
        tokio::task::yield_now().await;
    }
}

/// A zone in which it is noon, so that no test runs over midnight.
fn noon() -> FixedOffset {
    let hour = i32::try_from(SystemClock.now().hour()).unwrap();
    FixedOffset::east_opt((12 - hour) * 3600).unwrap()
}

#[tokio::test]
async fn a_day_that_is_used_up_lasts_until_midnight() {
    let redis = PrivateRedis::start().await;
    let base = serve(SlidingWindow::new(1000, Duration::from_secs(1)).router()).await;
    let door = door(&redis, with(&base, BudgetConfig::daily("daily", Some(3), noon()))).await;
    for _ in 0..3 {
        send(&door, "daily").await.unwrap();
    }
    let fault = send(&door, "daily").await.unwrap_err();
    let wait = fault.retry_after().unwrap();
    assert!(wait > Duration::from_secs(11 * 3600 - 60) && wait < Duration::from_secs(12 * 3600 + 60), "{wait:?}");
    assert!(wait.abs_diff(door.until_midnight("daily")) < Duration::from_secs(5));
}

#[tokio::test]
async fn the_days_rest_is_learned_from_answers() {
    let redis = PrivateRedis::start().await;
    let base = serve(SlidingWindow::new(1000, Duration::from_secs(1)).router()).await;
    let config = with(&base, BudgetConfig::daily("daily", None, noon()));
    let (one, other) = (door(&redis, config.clone()).await, door(&redis, config).await);
    send(&one, "daily").await.unwrap();
    assert!(one.remaining().await.unwrap().is_empty(), "no limit is known yet");
    // Others use the account as well: two are left, whatever we counted.
    one.learn_daily("daily", 1000, 2);
    send(&one, "daily").await.unwrap();
    assert_eq!(other.remaining().await.unwrap()[0].remaining, 1);
    send(&other, "daily").await.unwrap();
    assert_eq!(send(&other, "daily").await.unwrap_err().code.as_deref(), Some("budget.daily"));
}

#[tokio::test]
async fn all_budgets_are_spent_or_none() {
    let redis = PrivateRedis::start().await;
    let base = serve(SlidingWindow::new(1000, Duration::from_secs(1)).router()).await;
    let mut config = config(&base);
    config.budgets = vec![
        paced(1000, Duration::from_secs(1), Duration::ZERO),
        BudgetConfig::daily("daily", Some(1), noon()),
        BudgetConfig::concurrency("in_flight", 5),
    ];
    let door = door(&redis, config).await;
    let request = get("burst").family("daily").family("in_flight").family("not_configured");
    door.send(&request, &Credentials::none()).await.unwrap();
    for _ in 0..5 {
        assert_eq!(door.send(&request, &Credentials::none()).await.unwrap_err().code.as_deref(), Some("budget.daily"));
    }
    while door.remaining().await.unwrap()[2].remaining < 5 {
        tokio::task::yield_now().await;
    }
    assert!(door.remaining().await.unwrap()[0].remaining >= 999);
}

#[tokio::test]
async fn a_budget_tells_its_limit_and_when_it_is_whole_again() {
    let redis = PrivateRedis::start().await;
    let base = serve(SlidingWindow::new(1000, Duration::from_secs(1)).router()).await;
    let mut config = config(&base);
    let minute = Duration::from_secs(60);
    config.budgets = vec![
        paced(60, minute, Duration::ZERO),
        BudgetConfig::daily("daily", Some(100), noon()),
        BudgetConfig::concurrency("in_flight", 5),
    ];
    let door = door(&redis, config).await;
    door.send(&get("burst").family("daily").family("in_flight"), &Credentials::none()).await.unwrap();
    let left = door.remaining().await.unwrap();
    assert_eq!(left.iter().map(|budget| budget.limit).collect::<Vec<_>>(), [60, 100, 5]);
    let day = Duration::from_secs(86_400);
    assert_eq!(left.iter().map(|budget| budget.per).collect::<Vec<_>>(), [minute, day, Duration::ZERO]);
    assert_eq!(left[1].remaining, 99);
    assert!(left[0].whole_in <= Duration::from_secs(1), "{left:?}");
    assert!(left[1].whole_in > Duration::from_secs(11 * 3600 - 60), "{left:?}");
    door.block_for("burst", minute).await.unwrap();
    let burst = door.remaining().await.unwrap()[0];
    assert_eq!(burst.remaining, 0);
    assert!(burst.blocked_for > Duration::from_secs(50) && burst.blocked_for <= minute, "{burst:?}");
}
