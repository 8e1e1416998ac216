//! What happens to an order after it was sent.

use mlc_house::{House, HouseConfig, SHOP_ORDERS};
use mlc_ledger::Action;
use mlc_model::ConnectionId;
use mlc_simulators::{
    adobe::{Fault, FaultKind, ItemView},
    epicor::{NewOrder, NewOrderLine},
};
use serde_json::{Value, json};

use super::{
    compare::assert_equal,
    rig::{COMPANY, config, line, poll, reread, shown, trail, vendor},
};

/// A house with one order of two lines, 10 x 10.00 and 4 + 6 at 2.50.
async fn with_order(shop: HouseConfig) -> (House, i64) {
    let house = House::open_with(config(shop)).await.unwrap();
    let supplier = vendor(&house, "NORDBOLT");
    let lines = vec![
        NewOrderLine { releases: vec![10], ..line() },
        NewOrderLine { releases: vec![4, 6], price: "2.50".into(), account: "6210|00|100".into(), ..line() },
    ];
    let order = NewOrder { vendor: supplier, freight: "7.00".into(), tax: "3.33".into(), lines, ..NewOrder::default() };
    let number = house.epicor.store().add_order(COMPANY, &order).unwrap();
    poll(&house).await;
    assert_eq!(assert_equal(&house), 1);
    (house, number)
}

fn item(house: &House, number: i64, line: &str) -> ItemView {
    let key = format!("{number}/{line}");
    let mut found = shown(house, number).items;
    found.retain(|item| item.ext_order_item_id.as_deref() == Some(key.as_str()));
    assert_eq!(found.len(), 1, "line {key} stands {} times", found.len());
    found.remove(0)
}

async fn corrections(house: &House) -> Vec<String> {
    let entries = trail(house, SHOP_ORDERS).await;
    entries
        .into_iter()
        .filter(|entry| matches!(entry.action, Action::Corrected | Action::Cancelled))
        .filter_map(|entry| entry.detail)
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn prices_quantities_added_and_voided_lines_are_mirrored_in_both_editions() {
    for shop in [HouseConfig::with_paas_shop(), HouseConfig::with_older_paas_shop(), HouseConfig::with_saas_shop()] {
        let (house, number) = with_order(shop).await;
        type Edit = fn(&mut mlc_simulators::epicor::Store, i64);
        let edits: [Edit; 7] = [
            |store, number| store.edit_line(COMPANY, number, 1, &json!({"DocUnitCost": "12.3456"})).unwrap(),
            |store, number| store.edit_line(COMPANY, number, 1, &json!({"OrderQty": 7})).unwrap(),
            |store, number| store.edit_release(COMPANY, number, 2, 1, &json!({"RelQty": 5})).unwrap(),
            |store, number| {
                assert_eq!(store.add_line(COMPANY, number, &NewOrderLine { releases: vec![1, 2], ..line() }), Ok(3))
            },
            |store, number| store.void_line(COMPANY, number, 1).unwrap(),
            |store, number| store.delete_line(COMPANY, number, 2).unwrap(),
            |store, number| {
                store.edit_order(COMPANY, number, &json!({"ExchangeRate": "1.25", "CurrencyCode": "EUR"})).unwrap()
            },
        ];
        let mut told = 0;
        for (round, edit) in edits.into_iter().enumerate() {
            edit(&mut house.epicor.store(), number);
            reread(&house, number).await;
            assert_eq!(house.dead_letters().await.unwrap().len(), 0, "round {round}");
            assert_eq!(assert_equal(&house), 1, "round {round}");
            let entries = corrections(&house).await;
            assert!(entries.len() >= told + 2, "round {round}: before and after: {entries:#?}");
            told = entries.len();
            house.shop().reset_log();
            reread(&house, number).await;
            assert_eq!(house.shop().request_log().count("POST"), 0, "round {round}: nothing differs any more");
        }
        let all = corrections(&house).await.join("\n");
        for amounts in
            ["price 10 -> 12.3456", "quantity 10 -> 7", "added: 1 for 10", "voided: open 7 -> 0", "grand total"]
        {
            assert!(all.contains(amounts), "{amounts} is not told in {all}");
        }
        assert!(all.contains("before: ") && all.contains("after: "));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dates_and_receipts_become_one_comment_each_and_the_status_stays() {
    let (house, number) = with_order(HouseConfig::with_paas_shop()).await;
    let before = shown(&house, number).comments.len();
    let edits = [
        json!({"DueDate": "2026-06-01T00:00:00"}),
        json!({"ReceivedQty": 3}),
        json!({"DueDate": "2026-05-04T00:00:00"}),
    ];
    for (round, edit) in edits.iter().enumerate() {
        house.epicor.store().edit_release(COMPANY, number, 1, 1, edit).unwrap();
        reread(&house, number).await;
        reread(&house, number).await;
        let order = shown(&house, number);
        assert_eq!(order.comments.len(), before + round + 1, "{:#?}", order.comments);
        assert_eq!((order.state.as_deref(), order.status.as_deref()), (Some("new"), Some("pending")));
    }
    let last = shown(&house, number).comments.pop().unwrap();
    assert!(last.contains("Line 1 release 1: due 2026-05-04, promised 2026-05-04, received 3 of 10"), "{last}");
    assert!(last.lines().last().unwrap().starts_with("[epicor "), "{last}");
    assert!(corrections(&house).await.is_empty(), "a comment is no correction");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_comment_whose_answer_was_lost_is_not_written_twice() {
    let (house, number) = with_order(HouseConfig::with_paas_shop()).await;
    let before = shown(&house, number).comments.len();
    house.shop().add_fault(Fault::times("/comments", FaultKind::ResetAfterWrite, 2));
    house.epicor.store().edit_release(COMPANY, number, 1, 1, &json!({"ReceivedQty": 1})).unwrap();
    reread(&house, number).await;
    assert_eq!(shown(&house, number).comments.len(), before + 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_whose_answer_was_lost_is_added_once() {
    for kind in [FaultKind::ResetAfterWrite, FaultKind::TruncatedJson, FaultKind::ResetBefore] {
        let (house, number) = with_order(HouseConfig::with_paas_shop()).await;
        let fault = Fault { body_contains: Some("ext_order_item_id".into()), ..Fault::times("/V1/orders", kind, 1) };
        house.shop().add_fault(fault);
        house.epicor.store().add_line(COMPANY, number, &line()).unwrap();
        reread(&house, number).await;
        assert_eq!(house.shop().faults_committed(), 1);
        assert_eq!(assert_equal(&house), 1, "{kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_that_was_added_twice_after_all_counts_once_from_the_next_change_on() {
    let (house, number) = with_order(HouseConfig::with_paas_shop()).await;
    let order = shown(&house, number);
    let double = json!({
        "entity_id": order.entity_id, "increment_id": order.increment_id, "store_id": 1,
        "items": [{"sku": "BRG-6204", "qty_ordered": 10, "price": 10, "row_total": 100, "ext_order_item_id": format!("{number}/1/1")}]
    });
    house.shop().place_order(&double).unwrap();
    house.epicor.store().edit_line(COMPANY, number, 1, &json!({"DocUnitCost": "11.00"})).unwrap();
    reread(&house, number).await;
    assert_eq!(assert_equal(&house), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_others_keep_in_additional_data_stays() {
    let (house, number) = with_order(HouseConfig::with_paas_shop()).await;
    let (order, first) = (shown(&house, number), item(&house, number, "1/1"));
    let mut data: Value = serde_json::from_str(first.additional_data.as_deref().unwrap()).unwrap();
    data["warehouse"] = json!({"bin": "A-7"});
    let entity = json!({
        "entity_id": order.entity_id, "increment_id": order.increment_id, "store_id": 1,
        "items": [{"item_id": first.item_id, "order_id": order.entity_id, "additional_data": data.to_string()}]
    });
    house.shop().place_order(&entity).unwrap();
    house.epicor.store().edit_line(COMPANY, number, 1, &json!({"DocUnitCost": "11.00"})).unwrap();
    reread(&house, number).await;
    let kept: Value = serde_json::from_str(item(&house, number, "1/1").additional_data.as_deref().unwrap()).unwrap();
    assert_eq!(kept["warehouse"]["bin"], "A-7");
    assert_eq!((&kept["epicor"]["gl_account"], &kept["epicor"]["ext_cost"]), (&json!("6100-10-200"), &json!("110")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_partly_invoiced_order_keeps_what_is_invoiced_and_can_be_invoiced_to_its_end() {
    for shop in [HouseConfig::with_paas_shop(), HouseConfig::with_older_paas_shop()] {
        let (house, number) = with_order(shop).await;
        let (order, first) = (shown(&house, number), item(&house, number, "1/1"));
        // 4 of 10 at 10.00; the freight goes with the first invoice.
        house
            .shop()
            .place_invoice(order.entity_id, &json!({"items": [{"order_item_id": first.item_id, "qty": 4}]}))
            .unwrap();
        house.epicor.store().edit_line(COMPANY, number, 1, &json!({"DocUnitCost": "12.00"})).unwrap();
        reread(&house, number).await;
        let changed = item(&house, number, "1/1");
        assert_eq!((changed.price, changed.row_total, changed.qty_ordered), (12.0, 40.0 + 6.0 * 12.0, 10.0));
        let header = shown(&house, number);
        assert_eq!(header.row["subtotal"], 40.0 + 72.0 + 25.0);
        // Less than what is invoiced cannot be ordered any more, and what is left of a voided line is cancelled.
        house.epicor.store().edit_line(COMPANY, number, 1, &json!({"OrderQty": 3})).unwrap();
        reread(&house, number).await;
        let reduced = item(&house, number, "1/1");
        assert_eq!((reduced.qty_ordered, reduced.row_total), (4.0, 40.0));
        house.shop().place_invoice(order.entity_id, &json!({})).unwrap();
        let end = shown(&house, number);
        assert_eq!((end.state.as_deref(), end.total_due), (Some("complete"), 0.0));
        assert_eq!(end.row["total_paid"], end.row["grand_total"]);
        // A line that comes late opens the order again, or it could never be invoiced.
        house.epicor.store().add_line(COMPANY, number, &line()).unwrap();
        reread(&house, number).await;
        assert_eq!(shown(&house, number).state.as_deref(), Some("processing"));
        house.shop().place_invoice(order.entity_id, &json!({})).unwrap();
        assert_eq!((shown(&house, number).total_due, shown(&house, number).state.as_deref()), (0.0, Some("complete")));
        assert!(house.dead_letters().await.unwrap().is_empty());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_voided_order_is_cancelled_once_even_when_it_is_on_hold_in_the_shop() {
    let (house, number) = with_order(HouseConfig::with_saas_shop()).await;
    let client = house.context.connections.adobe(&ConnectionId::parse("shop-main").unwrap()).await.unwrap();
    let entity_id = i64::try_from(shown(&house, number).entity_id).unwrap();
    assert!(client.hold_order(entity_id).await.unwrap());
    house.epicor.store().void_order(COMPANY, number).unwrap();
    house.shop().add_fault(Fault::times("/cancel", FaultKind::ResetAfterWrite, 1));
    reread(&house, number).await;
    let order = shown(&house, number);
    assert_eq!(order.state.as_deref(), Some("canceled"));
    assert!(order.items.iter().all(|item| item.qty_canceled == item.qty_ordered));
    assert_eq!(order.comments.iter().filter(|text| text.contains("called off")).count(), 1);
    reread(&house, number).await;
    assert_eq!(shown(&house, number).comments.len(), order.comments.len());
    let told = corrections(&house).await;
    assert!(
        told.iter().any(|text| text == "after: order cancelled: it was for 135.33")
            || told.iter().any(|text| text.starts_with("before: order cancelled")),
        "{told:?}"
    );
    assert!(house.dead_letters().await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_voided_order_that_is_partly_invoiced_keeps_what_is_invoiced() {
    let (house, number) = with_order(HouseConfig::with_paas_shop()).await;
    let (order, first) = (shown(&house, number), item(&house, number, "1/1"));
    house
        .shop()
        .place_invoice(order.entity_id, &json!({"items": [{"order_item_id": first.item_id, "qty": 4}]}))
        .unwrap();
    house.epicor.store().void_order(COMPANY, number).unwrap();
    reread(&house, number).await;
    let end = shown(&house, number);
    assert_eq!((item(&house, number, "1/1").qty_canceled, item(&house, number, "2/2").qty_canceled), (6.0, 6.0));
    assert_eq!((end.row["grand_total"].as_f64(), end.total_due), (end.row["total_paid"].as_f64(), 0.0));
    assert_eq!(end.state.as_deref(), Some("complete"));
    assert!(house.dead_letters().await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_closed_order_is_closed_when_nothing_is_left_to_invoice_and_told_else() {
    let (house, number) = with_order(HouseConfig::with_paas_shop()).await;
    house.epicor.store().close_order(COMPANY, number).unwrap();
    reread(&house, number).await;
    let order = shown(&house, number);
    assert_eq!(order.state.as_deref(), Some("new"), "invoices may still come");
    assert!(order.comments.last().unwrap().contains("closed in Epicor"));
    house.shop().place_invoice(order.entity_id, &json!({})).unwrap();
    house.epicor.store().edit_order(COMPANY, number, &json!({"CommentText": "All done"})).unwrap();
    reread(&house, number).await;
    let order = shown(&house, number);
    assert_eq!(
        (order.state.as_deref(), order.status.as_deref(), order.total_due),
        (Some("closed"), Some("closed"), 0.0)
    );
    // Opened again, with something to come.
    house.epicor.store().edit_order(COMPANY, number, &json!({"OpenOrder": true})).unwrap();
    house.epicor.store().add_line(COMPANY, number, &line()).unwrap();
    reread(&house, number).await;
    assert_eq!(shown(&house, number).state.as_deref(), Some("processing"));
}
