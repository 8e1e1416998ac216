//! Lines and releases: what changed in an order although the order's own row did not.

use std::collections::BTreeSet;

use mlc_epicor::{Entity, EpicorClient, PageAsk, PageQuery, RowKey, page_query, purchase_order};
use mlc_model::{ChangeMode, CompanyCode, Verdict, Window, WindowBounds, WindowId};
use mlc_simulators::epicor::SeedPurchasing;
use serde_json::json;

use crate::support::Site;

async fn window(client: &EpicorClient, entity: Entity, since: i64) -> Window {
    let field = client.change_field(entity).await.unwrap().field;
    assert_eq!(field.mode, ChangeMode::Revision);
    let until = client.newest(entity).await.unwrap().revision.map(|newest| newest.max(since));
    Window::new(WindowId::parse("w1").unwrap(), field, WindowBounds::Revision { since: Some(since), until }).unwrap()
}

/// All keys of a window, walked by key in pages of three; checks that pages by skip and the count agree.
async fn keys(client: &EpicorClient, entity: Entity, window: &Window) -> Vec<RowKey> {
    let ask = |ask: PageAsk| PageQuery { top: 3, ..page_query(entity, Some(window), &ask, &client.shape(&[])) };
    let (mut by_key, mut by_skip) = (Vec::new(), Vec::new());
    let mut last = None;
    loop {
        let page = client.fetch_page(entity, &ask(PageAsk::After { key: last })).await.unwrap();
        by_key.extend(page.rows.iter().map(|row| row.as_ref().unwrap().key.clone()));
        last = page.last_key;
        if page.received == 0 {
            break;
        }
    }
    loop {
        let skip = u32::try_from(by_skip.len()).unwrap();
        let page = client.fetch_page(entity, &ask(PageAsk::Skip { skip })).await.unwrap();
        by_skip.extend(page.rows.iter().map(|row| row.as_ref().unwrap().key.clone()));
        if page.received == 0 {
            break;
        }
    }
    assert_eq!(by_key, by_skip);
    assert_eq!(client.count(entity, Some(window)).await.unwrap().rows, by_key.len() as u64);
    by_key
}

#[tokio::test]
async fn edits_that_leave_the_header_alone_lead_to_their_orders_even_where_child_sets_cannot_be_filtered() {
    let site = Site::open().await;
    let seeded = site.sim.store().seed_purchasing(&SeedPurchasing { pos: 30, ..Default::default() }).unwrap();
    let company = CompanyCode::parse("EPIC06").unwrap();
    for lost in [false, true] {
        site.sim.store().switches_mut().child_filter_empty = lost;
        let client = site.client(site.config()).await;
        let since = site.sim.store().max_rev();
        let edited: BTreeSet<i64> = seeded.orders.iter().copied().step_by(4).collect();
        for order in &edited {
            let mut store = site.sim.store();
            store
                .update("EPIC06", "PODetail", &json!([order, 1]), &json!({"LineDesc": format!("Edited {lost}")}))
                .unwrap();
            store.update("EPIC06", "PORel", &json!([order, 1, 1]), &json!({"DueDate": "2026-06-01T00:00:00"})).unwrap();
        }
        let headers = window(&client, Entity::PurchaseOrders, since).await;
        assert!(keys(&client, Entity::PurchaseOrders, &headers).await.is_empty(), "headers do not tell");
        for entity in Entity::ORDER_PARTS {
            let window = window(&client, entity, since).await;
            let found = keys(&client, entity, &window).await;
            let orders: BTreeSet<i64> = found.iter().filter_map(RowKey::order_number).collect();
            assert_eq!((found.len(), &orders), (edited.len(), &edited), "{entity}, lost {lost}");
            let read = client
                .fetch_records(
                    Entity::PurchaseOrders,
                    &orders.iter().map(|order| RowKey::firm(*order)).collect::<Vec<_>>(),
                    &client.shape(&[]),
                )
                .await
                .unwrap();
            assert_eq!(read.len(), orders.len());
            for row in read {
                let row = row.unwrap();
                let order = purchase_order(&row, &company, client.config().zone, &[]).unwrap();
                assert!(row.version.0 <= since && order.version.0 > since, "the order is newer than its header");
            }
        }
        let since = site.sim.store().max_rev();
        let quiet = window(&client, Entity::PurchaseOrderLines, since).await;
        assert!(keys(&client, Entity::PurchaseOrderLines, &quiet).await.is_empty());
    }
}

#[tokio::test]
async fn a_window_by_date_where_child_sets_cannot_be_filtered_is_refused_and_not_empty() {
    let site = Site::open().await;
    site.sim.store().seed_purchasing(&SeedPurchasing { pos: 3, ..Default::default() }).unwrap();
    site.sim.store().switches_mut().child_filter_empty = true;
    let client = site.client(site.config()).await;
    let field = mlc_model::ChangeField { mode: ChangeMode::Date, column: "ChangeDate".to_owned() };
    let (since, until) = ("2020-01-01T00:00:00Z".parse().unwrap(), "2030-01-01T00:00:00Z".parse().unwrap());
    let bounds = WindowBounds::Time { since: Some(since), until };
    let window = Window::new(WindowId::parse("w1").unwrap(), field, bounds).unwrap();
    let query = page_query(Entity::PurchaseOrderLines, Some(&window), &PageAsk::Skip { skip: 0 }, &client.shape(&[]));
    let fault = client.fetch_page(Entity::PurchaseOrderLines, &query).await.unwrap_err();
    assert_eq!(fault.code.as_deref(), Some(mlc_epicor::fault::code::CHILD_FILTER_LOST));
}

#[tokio::test]
async fn the_connection_test_covers_documents_and_says_where_filters_are_lost() {
    let site = Site::open().await;
    site.sim.store().seed_purchasing(&SeedPurchasing { pos: 5, invoices: 4, ..Default::default() }).unwrap();
    for (lost, verdict) in [(false, Verdict::Good), (true, Verdict::Warning)] {
        site.sim.store().switches_mut().child_filter_empty = lost;
        let report = site.client(site.config()).await.ping(&Entity::ALL).await;
        for entity in Entity::ALL {
            let what = format!("{entity}: change field");
            let line = report.lines.iter().find(|line| line.what == what).unwrap();
            let expected = if entity.is_order_part() { verdict } else { Verdict::Good };
            assert_eq!(line.verdict, expected, "{line:?}");
        }
        assert!(report.lines.iter().all(|line| line.verdict != Verdict::Bad), "{report:?}");
    }
}
