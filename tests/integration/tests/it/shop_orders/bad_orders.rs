//! Orders that cannot be carried over: each stands on the shelf with a reason that a person can act on, and goes once it is put right.

use mlc_house::{House, HouseConfig, SHOP_ORDERS};
use mlc_ledger::Action;
use mlc_model::FaultKind;
use mlc_simulators::epicor::{NewOrder, NewOrderLine, Store};
use serde_json::json;

use super::{
    compare::assert_equal,
    rig::{COMPANY, config, letter, line, poll, shown, trail, vendor},
};

async fn with_order(order: NewOrder, spoil: impl FnOnce(&mut Store, i64)) -> (House, i64) {
    let house = House::open_with(config(HouseConfig::with_paas_shop())).await.unwrap();
    let supplier = vendor(&house, "NORDBOLT");
    let number = {
        let mut store = house.epicor.store();
        let number = store.add_order(COMPANY, &NewOrder { vendor: supplier, ..order }).unwrap();
        spoil(&mut store, number);
        number
    };
    poll(&house).await;
    (house, number)
}

/// The order is refused for this field with these words, and nothing of it is in the shop.
async fn assert_refused(
    order: NewOrder,
    field: &str,
    words: &[&str],
    spoil: impl FnOnce(&mut Store, i64),
) -> (House, i64) {
    let (house, number) = with_order(order, spoil).await;
    let letter = letter(&house).await;
    assert_eq!((letter.fault.kind, letter.fault.field.as_deref()), (FaultKind::Rejected, Some(field)), "{letter:#?}");
    for word in words {
        assert!(letter.fault.message.contains(word), "{word} is not in {}", letter.fault.message);
    }
    assert!(house.shop().orders().is_empty());
    (house, number)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_without_supplier_is_refused_and_goes_once_it_has_one() {
    let (house, number) = assert_refused(NewOrder::default(), "VendorNum", &["supplier"], |store, number| {
        store.edit_order(COMPANY, number, &json!({"VendorNum": 0})).unwrap();
    })
    .await;
    let supplier = vendor(&house, "SECOND");
    house.epicor.store().edit_order(COMPANY, number, &json!({"VendorNum": supplier})).unwrap();
    let id = letter(&house).await.job.id;
    house.context.queue.replay(&[id], "test").await.unwrap();
    house.settle().await.unwrap();
    assert_eq!(assert_equal(&house), 1);
    assert!(house.dead_letters().await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_without_lines_is_refused() {
    assert_refused(NewOrder { lines: Vec::new(), ..NewOrder::default() }, "PODetails", &["no lines"], |_, _| {}).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_foreign_currency_without_rate_is_refused() {
    let order = NewOrder { currency: Some("EUR".into()), rate: "1.10".into(), ..NewOrder::default() };
    assert_refused(order.clone(), "ExchangeRate", &["EUR", "USD", "exchange rate"], |store, number| {
        store.update(COMPANY, "POHeader", &number.into(), &json!({"ExchangeRate": "0"})).unwrap();
    })
    .await;
    assert_refused(order, "ExchangeRate", &["EUR"], |store, number| {
        store.update(COMPANY, "PODetail", &json!([number, 1]), &json!({"ExtCost": "0", "UnitCost": "0"})).unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_without_account_is_refused_and_named() {
    let lines = vec![line(), NewOrderLine { releases: vec![1, 1], ..line() }];
    let order = NewOrder { lines, ..NewOrder::default() };
    assert_refused(order, "PORelTGLCs", &["line 2 release 2", "account"], |store, number| {
        assert!(store.delete(COMPANY, "PORelTGLC", &json!([number, 2, 2, "MAIN"])).unwrap());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn amounts_that_do_not_add_up_are_refused_with_both_numbers() {
    assert_refused(NewOrder::default(), "TotalOrder", &["10", "10.01"], |store, number| {
        store
            .update(COMPANY, "POHeader", &number.into(), &json!({"TotalOrder": "10.01", "DocTotalOrder": "10.01"}))
            .unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unknown_price_unit_is_refused() {
    assert_refused(NewOrder::default(), "CostPerCode", &["line 1"], |store, number| {
        store.update(COMPANY, "PODetail", &json!([number, 1]), &json!({"CostPerCode": "Q"})).unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_the_shop_cannot_keep_is_refused_and_never_cut() {
    let lines = vec![NewOrderLine { part: "BOLT-🔩".into(), ..line() }];
    assert_refused(NewOrder { lines, ..NewOrder::default() }, "PartNum", &["line 1"], |_, _| {}).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn emoji_and_long_texts_are_fitted_and_told_without_the_text() {
    let text = format!("🚀 Bearing {}", "very long ".repeat(40));
    let lines = vec![NewOrderLine { text, ..line() }];
    let (house, number) = with_order(NewOrder { lines, ..NewOrder::default() }, |_, _| {}).await;
    let name = shown(&house, number).items[0].row["name"].as_str().unwrap().to_owned();
    assert!(name.starts_with("? Bearing very long") && name.ends_with('…') && name.chars().count() == 255, "{name}");
    let told: Vec<String> = trail(&house, SHOP_ORDERS)
        .await
        .into_iter()
        .filter(|entry| entry.action == Action::Corrected)
        .filter_map(|entry| entry.detail)
        .collect();
    assert!(told.iter().any(|text| text.contains("name of line 1 was cut to 255 characters")), "{told:?}");
    assert!(told.iter().all(|text| !text.contains("Bearing")), "{told:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_that_nobody_can_be_written_about_is_refused() {
    let house = House::open_with(HouseConfig::with_paas_shop()).await.unwrap();
    let supplier = vendor(&house, "NORDBOLT");
    house.epicor.store().add_order(COMPANY, &NewOrder { vendor: supplier, ..NewOrder::default() }).unwrap();
    poll(&house).await;
    let letter = letter(&house).await;
    assert_eq!(letter.fault.field.as_deref(), Some("VendorCntEmailAddress"));
    assert!(letter.fault.message.contains("default_email"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_amount_of_epicor_that_is_not_quantity_times_price_counts_and_is_told() {
    let (house, number) = with_order(NewOrder::default(), |store, number| {
        store
            .update(COMPANY, "PODetail", &json!([number, 1]), &json!({"ExtCost": "9.50", "DocExtCost": "9.50"}))
            .unwrap();
        let totals =
            json!({"TotalOrder": "9.50", "DocTotalOrder": "9.50", "TotalCharges": "9.50", "DocTotalCharges": "9.50"});
        store.update(COMPANY, "POHeader", &number.into(), &totals).unwrap();
    })
    .await;
    assert_eq!(assert_equal(&house), 1);
    assert!(
        shown(&house, number)
            .comments
            .iter()
            .any(|text| text.contains("DocExtCost is 9.5, quantity and price give 10"))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_of_our_number_that_somebody_else_made_is_not_touched() {
    let house = House::open_with(config(HouseConfig::with_paas_shop())).await.unwrap();
    let supplier = vendor(&house, "NORDBOLT");
    let number =
        house.epicor.store().add_order(COMPANY, &NewOrder { vendor: supplier, ..NewOrder::default() }).unwrap();
    let theirs = json!({
        "increment_id": format!("EPIC06-PO-{number}"), "store_id": 1, "ext_order_id": "other/1", "grand_total": 5,
        "payment": {"method": "checkmo"}, "items": []
    });
    house.shop().place_order(&theirs).unwrap();
    poll(&house).await;
    let letter = letter(&house).await;
    assert_eq!(letter.fault.code.as_deref(), Some("NOT_OURS"));
    assert_eq!(shown(&house, number).grand_total, 5.0);
}
