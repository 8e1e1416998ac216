//! Windows: what they cost, and how they come to an end whatever happens.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use chrono::TimeDelta;
use mlc_flow::{Entity, Extent};
use mlc_house::{CUSTOMERS, House, HouseConfig, VENDORS};
use mlc_ledger::{Mark, NewWindow, PageMode, Purpose, WindowRow, WindowState};
use mlc_model::{ChangeMode, Clock as _, FlowId, ManualClock, SystemClock, WindowBounds};
use mlc_queue::{Enqueued, Order};
use mlc_simulators::{
    epicor::{Phase, Profile},
    hubspot::{Fault, FaultKind},
};
use serde_json::json;

use crate::trouble::{assert_delivered_once, assert_no_dead_letters, delivered, seed_customers, seed_vendors, until};

const COMPANY: &str = "EPIC06";

async fn windows(house: &House, flow: &str) -> Vec<WindowRow> {
    house.context.ledger.windows(&FlowId::parse(flow).unwrap(), 50).await.unwrap()
}

async fn newest_window(house: &House) -> WindowRow {
    windows(house, VENDORS).await.remove(0)
}

fn small_pages() -> HouseConfig {
    HouseConfig { page_rows: 3, ..HouseConfig::default() }
}

/// Requests to Epicor and HubSpot since the last reset.
fn requests(house: &House) -> (u64, u64) {
    (house.epicor.stats().requests, house.hubspot.stats().total_requests)
}

fn reset(house: &House) {
    house.epicor.reset_stats();
    house.hubspot.reset_stats();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unchanged_window_costs_one_request_per_entity_and_none_to_hubspot() {
    for (profile, lag) in [(Profile::Stock, "0s"), (Profile::UpdatedOn, "2s")] {
        let house = House::open_with(HouseConfig { profile, lag, ..HouseConfig::default() }).await.unwrap();
        seed_vendors(&house, 30);
        seed_customers(&house, 30);
        house
            .epicor
            .store()
            .insert_customer_contact(&json!({"CustNum": 1, "Name": "Ida Holm", "EMailAddress": "ida@holm.example"}))
            .unwrap();
        // Behind the lag, so that the first poll sees the rows.
        house.epicor.clock().advance(TimeDelta::seconds(10));
        for flow in [VENDORS, CUSTOMERS] {
            house.sync(flow).await.unwrap();
        }
        assert_eq!(delivered(&house).len(), 60, "{profile:?}");
        for _ in 0..3 {
            reset(&house);
            house.sync(VENDORS).await.unwrap();
            assert_eq!(requests(&house), (1, 0), "{profile:?}: {:?}", house.epicor.stats().log);
            reset(&house);
            house.sync(CUSTOMERS).await.unwrap();
            assert_eq!(requests(&house), (2, 0), "{profile:?}: {:?}", house.epicor.stats().log);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_died_right_after_it_opened_its_window_takes_it_up_again() {
    let mut house = House::open_without_worker(small_pages()).await.unwrap();
    let keys = seed_vendors(&house, 8);
    let flow = FlowId::parse(VENDORS).unwrap();
    house.order(VENDORS, Extent::Incremental).await.unwrap();
    let job = crate::trouble::jobs(&house, "epicor-main", mlc_queue::JobState::Ready).await.remove(0);
    // What the job had done when it died: change field pinned, window open, no page read.
    let field = mlc_model::ChangeField { mode: ChangeMode::Revision, column: "SysRevID".to_owned() };
    let ledger = &house.context.ledger;
    ledger.pin_change_field(&flow, "vendors", field.clone(), "test", SystemClock.now()).await.unwrap();
    let until = Some(house.epicor.store().max_rev());
    let new = NewWindow {
        flow,
        entity: "vendors".to_owned(),
        purpose: Purpose::Incremental,
        change_field: field,
        bounds: WindowBounds::Revision { since: None, until },
        query: String::new(),
        mode: PageMode::Skip,
        replay_of: None,
        opened_by: Some(job.id.clone()),
        at: SystemClock.now(),
    };
    let opened = ledger.open_window(new).await.unwrap().row().window.id.clone();

    house.start_worker(4);
    house.settle().await.unwrap();

    assert_delivered_once(&house, &keys).await;
    let row = newest_window(&house).await;
    assert_eq!((row.window.id, row.state), (opened, WindowState::Closed));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_caps_pages_below_what_was_asked_is_read_wholly() {
    for cap in [1, 2, 7] {
        let house = House::open().await.unwrap();
        house.epicor.store().switches_mut().max_top = Some(cap);
        let keys = seed_vendors(&house, 23);
        house.sync(VENDORS).await.unwrap();
        assert_delivered_once(&house, &keys).await;
        let row = newest_window(&house).await;
        assert_eq!((row.state, row.totals.read), (WindowState::Closed, 23), "cap {cap}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unstable_pass_is_repeated_and_then_walked_by_key() {
    let house = House::open_with(small_pages()).await.unwrap();
    let keys = seed_vendors(&house, 20);
    house.sync(VENDORS).await.unwrap();
    let number = AtomicI64::new(1);
    // All rows change, and go on changing while they are read: rows leave the window with every page.
    for vendor in 1..=20 {
        house.epicor.store().update_vendor(vendor, &json!({"City": "Tacoma"})).unwrap();
    }
    house.epicor.on_page(move |store, page| {
        if page.phase == Phase::After && page.query.iter().any(|(name, value)| name == "$top" && value == "3") {
            let vendor = number.fetch_add(1, Ordering::SeqCst) % 20 + 1;
            store.update_vendor(vendor, &json!({"City": format!("Town {vendor}")})).unwrap();
        }
    });
    house.sync(VENDORS).await.unwrap();

    let row = newest_window(&house).await;
    assert_eq!((row.pass, row.mode, row.state), (3, PageMode::Keyset, WindowState::Closed));
    house.sync(VENDORS).await.unwrap();
    assert_eq!(delivered(&house).len(), keys.len());
    assert_no_dead_letters(&house).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_leaves_and_one_that_enters_do_not_hide_a_gap() {
    let house = House::open_with(small_pages()).await.unwrap();
    seed_vendors(&house, 9);
    let done = AtomicI64::new(0);
    house.epicor.on_page(move |store, page| {
        let is_first = page.query.iter().any(|(name, _)| name == "$count");
        if page.phase == Phase::After && is_first && done.fetch_add(1, Ordering::SeqCst) == 0 {
            store.delete(COMPANY, "Vendor", &json!(1)).unwrap();
            store.insert_vendor(&json!({"VendorNum": 10, "VendorID": "V10", "Name": "Vendor 10 Ltd"})).unwrap();
        }
    });
    house.sync(VENDORS).await.unwrap();
    let keys = delivered(&house);
    assert!(keys.contains(&"EPIC06:VEND:4".to_owned()), "{keys:?}");
    assert!(newest_window(&house).await.pass > 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_window_whose_page_is_dead_is_given_up_after_a_quarter_of_an_hour() {
    let house = House::open_with(small_pages()).await.unwrap();
    let keys = seed_vendors(&house, 8);
    // Page two is answered with a refusal that no repetition helps against.
    let fault = mlc_simulators::epicor::Fault::once("Vendors", mlc_simulators::epicor::FaultKind::ODataError400);
    house.epicor.faults().add(mlc_simulators::epicor::Fault { after: 2, ..fault });
    house.sync(VENDORS).await.unwrap();
    assert_eq!(house.dead_letters().await.unwrap().len(), 1);
    assert_eq!(newest_window(&house).await.state, WindowState::Open);

    stood_still_for(&house, TimeDelta::minutes(14)).await;
    house.sync(VENDORS).await.unwrap();
    assert_eq!(windows(&house, VENDORS).await.len(), 1, "still waits for its page");
    stood_still_for(&house, TimeDelta::minutes(16)).await;
    house.sync(VENDORS).await.unwrap();

    let rows = windows(&house, VENDORS).await;
    assert_eq!((rows[0].state, rows[1].state), (WindowState::Closed, WindowState::Abandoned));
    assert_delivered_once(&house, &keys).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_counts_the_rows_of_the_page_hides_no_row() {
    let house = House::open_with(small_pages()).await.unwrap();
    let keys = seed_vendors(&house, 17);
    house.epicor.store().switches_mut().count_of_page = true;
    house.sync(VENDORS).await.unwrap();
    assert_delivered_once(&house, &keys).await;
    assert_no_dead_letters(&house).await;
}

/// Puts the last progress of the newest window back in time, by Redis' own clock.
async fn stood_still_for(house: &House, time: TimeDelta) {
    let row = newest_window(house).await;
    let redis = mlc_runtime::redis::RedisHandle::connect(&house.context.settings.redis).await.unwrap();
    let number = row.window.id.as_str().rsplit('.').next().unwrap();
    let key = format!("{{mlcl:{}:{}}}:win:{number}", redis.namespace, row.flow);
    let then = house.context.ledger.server_time().await.unwrap() - time;
    let field = redis::cmd("HSET").arg(key).arg("advanced_at").arg(then.timestamp_millis()).to_owned();
    let new_fields: u32 = field.query_async(&mut redis.manager.clone()).await.unwrap();
    assert_eq!(new_fields, 0, "the window has such a field");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_whose_clock_is_an_hour_ahead_gives_up_no_healthy_window() {
    let clock = ManualClock::at(SystemClock.now() + TimeDelta::hours(1));
    let config = HouseConfig { clock: Arc::new(clock), ..small_pages() };
    let house = House::open_with(config).await.unwrap();
    seed_vendors(&house, 30);
    house.epicor.set_latency(Duration::from_millis(30), Duration::ZERO);
    house.order(VENDORS, Extent::Incremental).await.unwrap();
    until("the window is open", async || !windows(&house, VENDORS).await.is_empty()).await;
    house.sync(VENDORS).await.unwrap();
    assert!(windows(&house, VENDORS).await.iter().all(|row| row.state == WindowState::Closed));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn since_reads_from_an_instant_and_full_reads_everything() {
    let config = HouseConfig { profile: Profile::UpdatedOn, overlap: "1s", ..HouseConfig::default() };
    let house = House::open_with(config).await.unwrap();
    let clock = house.epicor.clock();
    clock.freeze(SystemClock.now() - TimeDelta::hours(5));
    seed_vendors(&house, 4);
    clock.advance(TimeDelta::hours(3));
    let between = clock.now() - TimeDelta::hours(1);
    house.epicor.store().update_vendor(2, &json!({"City": "Tacoma"})).unwrap();
    clock.advance(TimeDelta::hours(1));
    house.sync(VENDORS).await.unwrap();
    let checkpoint = |house: &House| {
        let ledger = house.context.ledger.clone();
        async move { ledger.checkpoint(&FlowId::parse(VENDORS).unwrap(), Entity::Vendors.as_str()).await.unwrap() }
    };
    let before = checkpoint(&house).await.unwrap();

    house.order(VENDORS, Extent::Since(between)).await.unwrap();
    house.settle().await.unwrap();
    let since = newest_window(&house).await;
    assert_eq!((since.totals.read, since.purpose), (1, Purpose::Replay));
    assert_eq!(checkpoint(&house).await.unwrap(), before, "a question from an instant on does not move the checkpoint");

    clock.advance(TimeDelta::minutes(1));
    house.order(VENDORS, Extent::Full).await.unwrap();
    house.settle().await.unwrap();
    let full = newest_window(&house).await;
    assert_eq!((full.totals.read, full.totals.unchanged, full.purpose), (4, 4, Purpose::Full));
    let (Mark::Time(earlier), Mark::Time(later)) = (before.until, checkpoint(&house).await.unwrap().until) else {
        panic!("instants")
    };
    assert!(later > earlier);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_restored_from_an_older_copy_is_read_wholly_and_later_changes_arrive_by_revision() {
    a_restored_database_is_read_wholly_and_later_changes_arrive(small_pages()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_restored_from_an_older_copy_is_read_wholly_and_later_changes_arrive_by_timestamp() {
    let config = HouseConfig { profile: Profile::UpdatedOn, change_mode: "timestamp", ..small_pages() };
    a_restored_database_is_read_wholly_and_later_changes_arrive(config).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_restored_from_an_older_copy_is_read_wholly_and_later_changes_arrive_by_full_scan() {
    let config = HouseConfig { change_mode: "full_scan", ..small_pages() };
    a_restored_database_is_read_wholly_and_later_changes_arrive(config).await;
}

async fn a_restored_database_is_read_wholly_and_later_changes_arrive(config: HouseConfig) {
    let house = House::open_with(config).await.unwrap();
    let clock = house.epicor.clock();
    // In the past, so that every step stays behind the worker's own clock.
    clock.freeze(SystemClock.now() - TimeDelta::minutes(30));
    let older = house.epicor.store().max_rev();
    seed_vendors(&house, 8);
    for vendor in 1..=8 {
        house.epicor.store().update_vendor(vendor, &json!({"City": "Duluth"})).unwrap();
    }
    clock.advance(TimeDelta::minutes(1));
    house.sync(VENDORS).await.unwrap();
    {
        let mut store = house.epicor.store();
        store.set_revision(older);
        for vendor in 1..=8 {
            store.update_vendor(vendor, &json!({"City": "Erie"})).unwrap();
        }
    }
    clock.advance(TimeDelta::minutes(1));
    let count = |house: &House, city: &str| {
        house.hubspot.companies().iter().filter(|company| company.value("city") == city).count()
    };
    // The first poll after the clock has moved learns so from its answer; a later one knows.
    until("what the copy holds is what counts", async || {
        house.sync(VENDORS).await.unwrap();
        count(&house, "Erie") == 8
    })
    .await;

    house.epicor.store().update_vendor(3, &json!({"City": "Boise"})).unwrap();
    clock.advance(TimeDelta::minutes(1));
    reset(&house);
    until("the later change arrives", async || {
        house.sync(VENDORS).await.unwrap();
        count(&house, "Boise") == 1
    })
    .await;
    assert_eq!(house.hubspot.stats().companies.updated, 1);
    assert_no_dead_letters(&house).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_time_that_ran_a_day_ahead_for_a_while_hides_no_change() {
    let config =
        HouseConfig { profile: Profile::UpdatedOn, change_mode: "timestamp", overlap: "6s", ..HouseConfig::default() };
    let house = House::open_with(config).await.unwrap();
    let clock = house.epicor.clock();
    seed_vendors(&house, 4);
    clock.run_from(SystemClock.now() + TimeDelta::days(1));
    house.sync(VENDORS).await.unwrap();
    clock.reset();
    house.epicor.store().update_vendor(2, &json!({"City": "Erie"})).unwrap();
    // Times are told in whole seconds, so the change is inside a window a second later at the latest.
    until("the change is there", async || {
        house.sync(VENDORS).await.unwrap();
        house.hubspot.companies().iter().any(|company| company.value("city") == "Erie")
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_wait_while_the_targets_lane_is_full_and_everything_still_arrives() {
    let config = HouseConfig { queue_lines: "lane_bytes = 1048576", page_rows: 50, ..HouseConfig::default() };
    let mut house = House::open_without_worker(config).await.unwrap();
    // Text that does not compress: the lane counts bytes as they are stored.
    let mut seed = 1_u64;
    let mut noise = || {
        (0..20_000)
            .map(|_| {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                char::from(
                    b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"[(seed >> 33) as usize % 62],
                )
            })
            .collect::<String>()
    };
    for number in 1..=400 {
        let fields = json!({"VendorID": format!("V{number}"), "Name": format!("Vendor {number}"), "Address1": noise()});
        house.epicor.store().insert_vendor(&fields).unwrap();
    }
    let lane = house.lane("hubspot-main").unwrap();
    house.context.queue.pause(&lane, "test", "a slow target").await.unwrap();
    house.order(VENDORS, Extent::Incremental).await.unwrap();
    house.start_worker(8);
    until("a page waits for room", || async {
        let status = house.context.queue.lane(&house.lane("epicor-main").unwrap()).await.unwrap();
        status.delayed > 0 && status.running == 0 && status.ready == 0
    })
    .await;
    let held_back = house.context.queue.lane_bytes(&lane).await.unwrap();
    // One page per running job may come on top.
    assert!(held_back < 1_048_576 + 5 * 50 * 20_000, "{held_back} bytes are in the lane");
    assert!(newest_window(&house).await.state == WindowState::Open);

    house.context.queue.resume(&lane, "test").await.unwrap();
    house.settle().await.unwrap();
    assert_eq!(delivered(&house).len(), 400);
    assert_no_dead_letters(&house).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_workers_share_a_window_and_nothing_is_written_twice() {
    let mut house = House::open_with(HouseConfig { page_rows: 10, ..HouseConfig::default() }).await.unwrap();
    house.start_worker(8);
    let keys = seed_vendors(&house, 200);
    house.sync(VENDORS).await.unwrap();
    assert_delivered_once(&house, &keys).await;
    let written = house.hubspot.stats().companies;
    assert_eq!((written.created, written.updated, written.unchanged), (200, 0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_poll_of_an_entity_waits_for_nobody_and_does_nothing_twice() {
    let house = House::open_without_worker(HouseConfig::default()).await.unwrap();
    seed_vendors(&house, 3);
    house.order(VENDORS, Extent::Incremental).await.unwrap();
    let again = mlc_flow::PollPage {
        flow: FlowId::parse(VENDORS).unwrap(),
        entity: Entity::Vendors,
        from: mlc_model::ConnectionId::parse("epicor-main").unwrap(),
        to: mlc_model::ConnectionId::parse("hubspot-main").unwrap(),
        ask: mlc_flow::Ask::Plan(Extent::Incremental),
    };
    let answer = house.context.queue.enqueue(&[Order::of(&again).unwrap()]).await.unwrap();
    assert!(matches!(answer[..], [Enqueued::Duplicate(_)]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_commit_is_found_although_the_next_poll_comes_long_after_the_overlap() {
    let start = SystemClock.now() - TimeDelta::days(1);
    let clock = ManualClock::at(start);
    let config = HouseConfig { overlap: "60s", clock: Arc::new(clock.clone()), ..HouseConfig::default() };
    let house = House::open_with(config).await.unwrap();
    seed_vendors(&house, 3);
    house.sync(VENDORS).await.unwrap();
    for round in 1..=3 {
        clock.advance(TimeDelta::minutes(5));
        let city = format!("Town {round}");
        // A long transaction gets its version before another one that is visible at once.
        let hold = {
            let mut store = house.epicor.store();
            let later = mlc_simulators::epicor::Visibility::OnCommit;
            let hold = store.update_later(COMPANY, "Vendor", &json!(1), &json!({"City": city}), later).unwrap();
            store.update_vendor(2, &json!({"City": city})).unwrap();
            hold
        };
        house.sync(VENDORS).await.unwrap();
        house.epicor.store().commit_held(hold);
        clock.advance(TimeDelta::minutes(5));
        house.sync(VENDORS).await.unwrap();
        let company = house.hubspot.company_by("epicor_key", "EPIC06:VEND:1").unwrap();
        assert_eq!(company.value("city"), city);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_window_closes_although_its_records_still_wait_for_the_target() {
    let house = House::open().await.unwrap();
    let keys = seed_vendors(&house, 5);
    house.hubspot.faults().add(Fault::times("batch/upsert", FaultKind::Unavailable, 2));
    house.sync(VENDORS).await.unwrap();
    assert_eq!(newest_window(&house).await.state, WindowState::Closed);
    assert_delivered_once(&house, &keys).await;
}
