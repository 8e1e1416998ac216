//! Changes that only polls can find: Epicor does not touch the header when a line or release is edited.

use mlc_flow::{Ask, Entity, Extent, PollPage};
use mlc_house::{House, HouseConfig, SHOP_ORDERS};
use mlc_model::FlowId;
use mlc_queue::{Order, Priority};
use mlc_simulators::epicor::{NewOrder, NewOrderLine, Store};
use serde_json::json;

use super::{
    compare::assert_equal,
    rig::{COMPANY, config, line, vendor},
};

/// What the schedule orders: every entity of the flow.
async fn poll_all(house: &House) {
    let flow = FlowId::parse(SHOP_ORDERS).unwrap();
    let settings = house.context.settings.flow(&flow).unwrap();
    for entity in [Entity::PurchaseOrders, Entity::PurchaseOrderLines, Entity::PurchaseOrderReleases] {
        let (from, to) = (settings.from.clone(), settings.to.clone());
        let job = PollPage { from, to, flow: flow.clone(), entity, ask: Ask::Plan(Extent::Incremental) };
        house.context.queue.enqueue(&[Order::of(&job).unwrap().priority(Priority::Person)]).await.unwrap();
    }
    house.settle().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn edits_below_the_header_are_found_by_polls_alone() {
    for change_mode in ["auto", "full_scan"] {
        let config = config(HouseConfig { change_mode, ..HouseConfig::with_paas_shop() });
        let house = House::open_with(config).await.unwrap();
        let supplier = vendor(&house, "NORDBOLT");
        let lines = vec![
            NewOrderLine { releases: vec![10], ..line() },
            NewOrderLine { releases: vec![4, 6], price: "2.50".into(), account: "6210|00|100".into(), ..line() },
        ];
        let order = NewOrder { vendor: supplier, lines, ..NewOrder::default() };
        let number = house.epicor.store().add_order(COMPANY, &order).unwrap();
        poll_all(&house).await;
        assert_eq!(assert_equal(&house), 1);
        type Edit = fn(&mut Store, i64);
        let edits: [Edit; 6] = [
            |store, number| store.edit_line(COMPANY, number, 1, &json!({"DocUnitCost": "12.3456"})).unwrap(),
            |store, number| store.edit_release(COMPANY, number, 2, 1, &json!({"RelQty": 5})).unwrap(),
            |store, number| store.void_line(COMPANY, number, 1).unwrap(),
            |store, number| {
                assert_eq!(store.add_line(COMPANY, number, &NewOrderLine { releases: vec![1, 2], ..line() }), Ok(3))
            },
            |store, number| store.delete_line(COMPANY, number, 2).unwrap(),
            |store, number| {
                store.edit_order(COMPANY, number, &json!({"ExchangeRate": "1.25", "CurrencyCode": "EUR"})).unwrap()
            },
        ];
        for (round, edit) in edits.into_iter().enumerate() {
            edit(&mut house.epicor.store(), number);
            poll_all(&house).await;
            assert_eq!(assert_equal(&house), 1, "{change_mode}, round {round}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_edit_between_the_first_reading_of_the_orders_and_that_of_their_parts_is_found() {
    let house = House::open_with(config(HouseConfig::with_paas_shop())).await.unwrap();
    let order = NewOrder { vendor: vendor(&house, "NORDBOLT"), lines: vec![line()], ..NewOrder::default() };
    let number = house.epicor.store().add_order(COMPANY, &order).unwrap();
    super::rig::poll(&house).await;
    assert_eq!(assert_equal(&house), 1);
    house.epicor.store().edit_line(COMPANY, number, 1, &json!({"DocUnitCost": "12.3456"})).unwrap();
    poll_all(&house).await;
    assert_eq!(assert_equal(&house), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn edits_of_lines_that_a_restored_database_has_undone_are_undone_in_the_shop() {
    let house = House::open_with(config(HouseConfig::with_paas_shop())).await.unwrap();
    let order = NewOrder { vendor: vendor(&house, "NORDBOLT"), lines: vec![line()], ..NewOrder::default() };
    let (undone, other) = {
        let mut store = house.epicor.store();
        (store.add_order(COMPANY, &order).unwrap(), store.add_order(COMPANY, &order).unwrap())
    };
    poll_all(&house).await;
    let older = house.epicor.store().max_rev();
    let edit = |number: i64, price: &str| {
        house.epicor.store().edit_line(COMPANY, number, 1, &json!({"DocUnitCost": price})).unwrap();
    };
    edit(other, "20");
    for price in ["11", "12", "13", "14"] {
        edit(undone, price);
    }
    poll_all(&house).await;
    assert_eq!(assert_equal(&house), 2);
    // The copy was made after the first edit of each. No header has changed since.
    house.epicor.store().set_revision(older);
    edit(undone, "11");
    edit(other, "20");
    for _ in 0..2 {
        poll_all(&house).await;
    }
    assert_eq!(assert_equal(&house), 2);
    assert!(house.dead_letters().await.unwrap().is_empty());
}
