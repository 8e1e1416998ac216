//! Many orders on a bad day: answers lost after the write, broken lines, failing gateways, dying workers. Exactly one order each.

use std::time::{Duration, Instant};

use mlc_house::{House, HouseConfig, SHOP_ORDERS};
use mlc_ledger::Action;
use mlc_simulators::{
    adobe::{Fault, FaultKind},
    epicor::SeedPurchasing,
};

use super::{
    compare::assert_equal,
    rig::{COMPANY, ask, config, poll, trail},
};
use crate::processes::Process;

const ORDERS: usize = 300;
/// Workers that are killed without a word.
const KILLS: usize = 4;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_hundred_orders_on_a_bad_day_stand_once_each_and_to_the_cent_in_a_shop_on_premises() {
    bad_day(HouseConfig::with_paas_shop(), 11).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_hundred_orders_on_a_bad_day_stand_once_each_and_to_the_cent_in_a_shop_in_the_cloud() {
    bad_day(HouseConfig::with_saas_shop(), 12).await;
}

async fn bad_day(shop: HouseConfig, seed: u64) {
    let mut furnished = config(shop);
    furnished.shop_lines.push_str("timeout = \"1s\"\n");
    furnished.lease = Duration::from_secs(2);
    furnished.retry_cap = "1s";
    // Here the test kills the workers, not a job: an order that happened to run in three of them is no poison.
    furnished.queue_lines = "poison_after = 20";
    let mut house = House::open_without_worker(furnished).await.unwrap();
    house
        .epicor
        .store()
        .seed_purchasing(&SeedPurchasing { pos: ORDERS, vendors: 30, seed, ..SeedPurchasing::default() })
        .unwrap();
    trouble(&house);
    house.shop().set_latency(Duration::from_millis(10));
    ask(&house, mlc_flow::Ask::Plan(mlc_flow::Extent::Incremental)).await;
    for round in 0..KILLS {
        // One worker stops in good order, the other dies in the middle of what it does.
        let mut dying = Process::worker(&house, &[("MLC__LOG__LEVEL", "warn")]);
        house.start_worker(3);
        let orders = house.shop().orders().len();
        let begun = Instant::now();
        while house.shop().orders().len() < orders + 15 && begun.elapsed() < Duration::from_secs(4) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        dying.kill();
        if round % 2 == 0 {
            house.stop_workers().await;
        }
    }
    house.start_worker(8);
    house.settle().await.unwrap();
    let letters = house.dead_letters().await.unwrap();
    assert!(letters.is_empty(), "{letters:#?}");
    // Counted at the end: how far the killed workers got depends on the machine.
    let (committed, orders) = (house.shop().faults_committed(), house.shop().orders().len());
    assert!(committed > 20, "only {committed} faults were committed, with {orders} orders in the shop");
    house.shop().clear_faults();

    let compared = assert_equal(&house);
    assert!(compared > ORDERS / 2, "{compared}");
    let entries = trail(&house, SHOP_ORDERS).await;
    let made = entries.iter().filter(|entry| entry.action == Action::Created).count();
    assert_eq!(made, compared, "each order is told as made exactly once");
    let sum = |rows: Vec<serde_json::Value>| rows.len();
    assert_eq!(sum(house.epicor.store().rows(COMPANY, "POHeader")), ORDERS);

    // A quiet day later nothing is left to do.
    house.shop().reset_log();
    poll(&house).await;
    assert_eq!(house.shop().request_log().calls, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_identity_service_that_fails_for_a_while_costs_no_order_its_attempts() {
    let mut furnished = config(HouseConfig::with_saas_shop());
    // So short that attempts would be used up before the service is asked again.
    furnished.retry_base = "10ms";
    furnished.retry_cap = "50ms";
    let mut house = House::open_without_worker(furnished).await.unwrap();
    let purchasing = SeedPurchasing { pos: 30, vendors: 5, ..SeedPurchasing::default() };
    house.epicor.store().seed_purchasing(&purchasing).unwrap();
    house.shop().add_fault(Fault::times("POST /ims/token", FaultKind::GatewayTimeout, 2));
    ask(&house, mlc_flow::Ask::Plan(mlc_flow::Extent::Incremental)).await;
    house.start_worker(8);
    house.settle().await.unwrap();
    let letters = house.dead_letters().await.unwrap();
    assert!(letters.is_empty(), "{letters:#?}");
    assert_eq!(house.shop().faults_committed(), 2);
    assert!(assert_equal(&house) > 10);
}

/// About every fourth call goes wrong.
fn trouble(house: &House) {
    let slow = Fault { delay_ms: Some(1_500), ..Fault::sometimes("POST", FaultKind::Slow, 0.01) };
    let limited =
        Fault { retry_after: Some("1".to_owned()), ..Fault::sometimes("orders", FaultKind::TooManyRequests, 0.01) };
    for fault in [
        Fault::sometimes("POST", FaultKind::ResetAfterWrite, 0.08),
        Fault::sometimes("POST", FaultKind::TruncatedJson, 0.03),
        Fault::sometimes("POST", FaultKind::Html200, 0.02),
        Fault::sometimes("orders", FaultKind::ResetBefore, 0.03),
        Fault::sometimes("orders", FaultKind::MaskedError, 0.03),
        Fault::sometimes("orders", FaultKind::GatewayTimeout, 0.03),
        Fault::sometimes("orders", FaultKind::BadGateway, 0.02),
        Fault::sometimes("POST", FaultKind::Deadlock, 0.02),
        slow,
        limited,
    ] {
        house.shop().add_fault(fault);
    }
}
