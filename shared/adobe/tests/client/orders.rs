//! Orders: made once, found, changed, canceled.

use mlc_adobe::{Condition, OrderLineWrite, OrderWrite, Search, StatusComment, fault};
use mlc_model::FaultKind;
use mlc_simulators::adobe::{Fault as SimFault, FaultKind as SimFaultKind, PastTheEnd};

use crate::support::{Site, amount, code, purchase_order};

#[tokio::test]
async fn an_order_is_made_once_under_our_number_in_every_edition() {
    for site in Site::all().await {
        let client = site.client().await;
        let made = client.create_order(&purchase_order("EPIC06-PO-1")).await.unwrap();
        let again = client.create_order(&purchase_order("EPIC06-PO-1")).await.unwrap_err();
        assert_eq!((again.kind, code(&again)), (FaultKind::Rejected, fault::code::DUPLICATE));
        let found = client.find_order("EPIC06-PO-1").await.unwrap().unwrap();
        assert_eq!(found.entity_id, made.entity_id);
        assert_eq!(found.grand_total, amount("262.5"));
        assert_eq!(found.line("EPIC06-PO-1/2/1").unwrap().open_quantity(), 5.into());
        assert!(client.find_order("EPIC06-PO-2").await.unwrap().is_none());
        assert_eq!(site.sim.orders().len(), 1);
    }
}

#[tokio::test]
async fn an_order_made_before_the_line_broke_is_uncertain_and_found() {
    let site = Site::paas().await;
    let client = site.client().await;
    for (number, kind) in [("P-1", SimFaultKind::ResetAfterWrite), ("P-2", SimFaultKind::TruncatedJson)] {
        site.sim.add_fault(SimFault::times("POST", kind, 1));
        let fault = client.create_order(&purchase_order(number)).await.unwrap_err();
        assert_eq!(fault.kind, FaultKind::Uncertain, "{fault}");
        assert!(client.find_order(number).await.unwrap().is_some());
    }
}

#[tokio::test]
async fn the_three_shapes_of_500_leave_a_write_uncertain_and_a_deadlock_is_tried_again() {
    let site = Site::paas().await;
    let client = site.client().await;
    for (kind, expected) in [
        (SimFaultKind::MaskedError, fault::code::INTERNAL_ERROR),
        (SimFaultKind::PhpError, fault::code::PHP_ERROR),
        (SimFaultKind::HtmlError, fault::code::WEB_PAGE),
        (SimFaultKind::ReportError, fault::code::INTERNAL_ERROR),
    ] {
        site.sim.add_fault(SimFault::times("POST", kind, 1));
        let fault = client.create_order(&purchase_order("P-1")).await.unwrap_err();
        assert_eq!((fault.kind, code(&fault)), (FaultKind::Uncertain, expected));
    }
    site.sim.add_fault(SimFault::times("POST", SimFaultKind::Deadlock, 1));
    let fault = client.create_order(&purchase_order("P-1")).await.unwrap_err();
    assert_eq!((fault.kind, code(&fault)), (FaultKind::Transient, fault::code::LOCKED));
}

#[tokio::test]
async fn lines_are_changed_in_place_and_added_and_a_foreign_line_is_refused() {
    for site in Site::all().await {
        let client = site.client().await;
        client.create_order(&purchase_order("P-1")).await.unwrap();
        client.create_order(&purchase_order("P-2")).await.unwrap();
        let first = client.find_order("P-1").await.unwrap().unwrap();
        let second = client.find_order("P-2").await.unwrap().unwrap();
        let line = |item_id| OrderLineWrite { item_id, qty_ordered: amount("7"), ..OrderLineWrite::default() };
        let own = first.line("P-1/1/1").unwrap().item_id;
        let foreign = second.line("P-2/1/1").unwrap().item_id;
        let with = |lines| OrderWrite { items: Some(lines), ..OrderWrite::default() };

        let added = OrderLineWrite { sku: Some("NEW-1".to_owned()), ..line(None) };
        client.update_order(&first, &with(vec![line(own), added])).await.unwrap();
        let read = client.order(first.entity_id.unwrap()).await.unwrap();
        assert_eq!(read.items.as_ref().unwrap().len(), 3);
        assert_eq!(read.line("P-1/1/1").unwrap().qty_ordered, amount("7"));
        assert_eq!(read.line("P-1/1/1").unwrap().additional_data, first.line("P-1/1/1").unwrap().additional_data);

        let calls = site.sim.request_log().count("POST");
        let fault = client.update_order(&first, &with(vec![line(foreign)])).await.unwrap_err();
        assert_eq!(fault.kind, FaultKind::Defect);
        assert_eq!(site.sim.request_log().count("POST"), calls, "nothing was sent");
    }
}

#[tokio::test]
async fn what_would_go_wrong_silently_is_not_sent() {
    let site = Site::paas().await;
    let client = site.client().await;
    let good = || purchase_order("P-1");
    let long = || Some("x".repeat(33));
    for (order, kind) in [
        (OrderWrite { increment_id: None, ..good() }, FaultKind::Defect),
        (OrderWrite { store_id: None, ..good() }, FaultKind::Defect),
        (OrderWrite { entity_id: Some(5), ..good() }, FaultKind::Defect),
        (OrderWrite { payment: None, ..good() }, FaultKind::Defect),
        (OrderWrite { ext_order_id: long(), ..good() }, FaultKind::Rejected),
        (OrderWrite { increment_id: Some("x".repeat(51)), ..good() }, FaultKind::Rejected),
    ] {
        assert_eq!(client.create_order(&order).await.unwrap_err().kind, kind);
    }
    assert_eq!(site.sim.request_log().count("POST"), 0);
}

#[tokio::test]
async fn an_order_is_commented_on_canceled_and_closed() {
    for site in Site::all().await {
        let client = site.client().await;
        let order = client.create_order(&purchase_order("P-1")).await.unwrap();
        let id = order.entity_id.unwrap();
        client.comment_order(id, &StatusComment::internal("Received 5 of 20", "pending")).await.unwrap();
        let comments = client.order_comments(id).await.unwrap();
        assert!(comments.iter().any(|comment| comment.comment.as_deref() == Some("Received 5 of 20")));
        assert!(client.cancel_order(id).await.unwrap());
        assert!(!client.cancel_order(id).await.unwrap(), "the second time nothing is left");

        let order = client.create_order(&purchase_order("P-2")).await.unwrap();
        client.close_order(&order).await.unwrap();
        let read = client.order(order.entity_id.unwrap()).await.unwrap();
        assert_eq!((read.state.as_deref(), read.status.as_deref()), (Some("closed"), Some("closed")));
        assert!(client.order_if_there(999_999).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn pages_end_by_the_total_even_where_a_shop_repeats_its_last_one() {
    let site = Site::paas().await;
    site.sim.change_behaviour(|behaviour| behaviour.past_the_end = PastTheEnd::LastPage);
    let client = site.client().await;
    for number in 0..5 {
        client.create_order(&purchase_order(&format!("P-{number}"))).await.unwrap();
    }
    let mut search = Search::by("entity_id").and("increment_id", Condition::Like, "P-%").page_size(2);
    let mut found = Vec::new();
    for number in 1..20 {
        search = search.page(number);
        let page = client.search_orders(&search).await.unwrap();
        let last = page.is_last(&search);
        found.extend(page.items.into_iter().filter_map(|order| order.increment_id));
        if last {
            break;
        }
    }
    assert_eq!(found, ["P-0", "P-1", "P-2", "P-3", "P-4"]);
}

#[tokio::test]
async fn more_than_ten_filters_find_what_they_should_in_every_edition() {
    for site in Site::all().await {
        let client = site.client().await;
        for number in 0..3 {
            client.create_order(&purchase_order(&format!("P-{number}"))).await.unwrap();
        }
        let filter = |number: u32| mlc_adobe::Filter::new("increment_id", Condition::Eq, format!("P-{number}"));
        let search = Search::by("entity_id").any_of((1..13).map(filter).collect());
        let search = (100..112).fold(search, |search, id: u32| search.and("entity_id", Condition::Neq, id.to_string()));
        let page = client.search_orders(&search).await.unwrap();
        assert_eq!((page.total_count, page.items.len()), (2, 2));
    }
}
