//! What cannot be right, calls that half succeed, and what goes to a person.

use mlc_house::HouseConfig;
use mlc_ledger::ReviewKind;
use mlc_model::{ApInvoice, ConnectionId};
use mlc_simulators::adobe::{Fault, FaultKind};
use serde_json::json;

use super::{assert_right, two_lines};
use crate::invoice_rig::{Billing, ShopOrder, carry, dec, house, invoice, push, reviews, same, shown, the_order};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drafts_and_invoices_without_purchase_order_stay_out() {
    let house = house(HouseConfig::with_paas_shop(), "2s").await;
    two_lines(5001).place(house.shop());
    let draft = ApInvoice { posted: false, ..invoice("DRAFT").bills([5001, 1, 1], "1", "10.50") };
    carry(&house, &draft).await;
    carry(&house, &invoice("RENT").misc("900")).await;
    assert!(house.shop().invoices().is_empty() && house.dead_letters().await.unwrap().is_empty());
    assert_eq!(house.shop().request_log().calls, 0, "the shop is not even asked");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn debit_memos_and_corrections_go_to_the_review_list_and_never_to_the_shop() {
    let house = house(HouseConfig::with_paas_shop(), "2s").await;
    two_lines(5001).place(house.shop());
    let memo = ApInvoice { debit_memo: true, ..invoice("MEMO").bills([5001, 1, 1], "-2", "-21") };
    let correction = ApInvoice { correction: true, ..invoice("CORR").bills([5001, 1, 1], "2", "21") };
    let negative = invoice("NEG").bills([5001, 1, 1], "1", "-21");
    for (ours, kind) in
        [(&memo, ReviewKind::DebitMemo), (&correction, ReviewKind::Correction), (&negative, ReviewKind::Correction)]
    {
        carry(&house, ours).await;
        let listed = reviews(&house, ours).await;
        assert_eq!((listed.len(), listed[0].kind), (1, kind), "{}", ours.number);
        assert!(listed[0].facts.contains_key("total"));
    }
    assert!(house.shop().invoices().is_empty() && house.dead_letters().await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_than_is_open_waits_for_the_order_and_then_for_a_person() {
    let house = house(HouseConfig::with_paas_shop(), "1s").await;
    two_lines(5001).place(house.shop());
    let much = invoice("MUCH").bills([5001, 1, 1], "21", "220.50");
    let unknown = invoice("UNKNOWN").bills([5001, 9, 1], "1", "10.50");
    for ours in [&much, &unknown] {
        carry(&house, ours).await;
        let listed = reviews(&house, ours).await;
        assert_eq!((listed.len(), listed[0].kind), (1, ReviewKind::Unmatched));
        assert!(listed[0].facts.contains_key("quantity"), "{:?}", listed[0].facts);
    }
    assert!(house.shop().invoices().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_currency_than_the_orders_is_for_a_person() {
    let house = house(HouseConfig::with_paas_shop(), "2s").await;
    two_lines(5001).place(house.shop());
    let ours = ApInvoice { currency: "EUR".to_owned(), ..invoice("EUR-1").bills([5001, 1, 1], "1", "10.50") };
    carry(&house, &ours).await;
    assert_eq!(reviews(&house, &ours).await[0].kind, ReviewKind::Unmatched);
    assert!(house.shop().invoices().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_right_is_refused_with_the_field_and_both_numbers() {
    let house = house(HouseConfig::with_paas_shop(), "2s").await;
    two_lines(5001).place(house.shop());
    let plain = |number: &str| invoice(number).bills([5001, 1, 1], "1", "10.50");
    for (ours, field, part) in [
        (ApInvoice { currency: " ".to_owned(), ..plain("BARE") }, "CurrencyCode", "no currency"),
        (ApInvoice { number: "INV 🚀".to_owned(), ..plain("") }, "InvoiceNum", "emoji"),
        (
            ApInvoice { total: same("9"), ..plain("SUM") },
            "InvoiceAmt",
            "is 9 (9 in base currency), but its lines, charges and tax come to 10.5",
        ),
        (invoice("DEC").bills([5001, 1, 1], "1", "10.505"), "ExtCost", "10.505"),
        (invoice("HUGE").bills([5001, 1, 1], "1", "79228162514264337593543950335"), "InvoiceAmt", "beyond"),
    ] {
        let before = house.dead_letters().await.unwrap().len();
        carry(&house, &ours).await;
        let letters = house.dead_letters().await.unwrap();
        assert_eq!(letters.len(), before + 1, "{field}");
        let told = letters
            .iter()
            .any(|letter| letter.fault.field.as_deref() == Some(field) && letter.fault.message.contains(part));
        assert!(told, "{letters:#?}");
    }
    assert!(house.shop().invoices().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_create_that_came_through_unseen_is_found_and_not_made_again() {
    for kind in [FaultKind::ResetAfterWrite, FaultKind::TruncatedJson, FaultKind::Html200] {
        let config = HouseConfig { retry_base: "20ms", retry_cap: "100ms", ..HouseConfig::with_paas_shop() };
        let house = house(config, "2s").await;
        let order = two_lines(5001);
        order.place(house.shop());
        // The body of the create, and of nothing else, holds our marker.
        let fault = Fault { body_contains: Some("Epicor AP invoice ONCE".to_owned()), ..Fault::times("*", kind, 2) };
        house.shop().add_fault(fault);
        let ours = invoice("ONCE").bills([5001, 1, 1], "5", "55").misc("3");
        carry(&house, &ours).await;
        assert_eq!(house.shop().faults_committed(), 1, "it is not sent again");
        assert_right(&house, &order, &ours);
        assert_eq!(house.shop().invoices().len(), 1, "{kind:?}");
        assert!(house.dead_letters().await.unwrap().is_empty());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_added_unseen_is_used_and_not_added_again() {
    let house = house(HouseConfig::with_paas_shop(), "2s").await;
    let order = two_lines(5001);
    order.place(house.shop());
    house.shop().add_fault(Fault::times("POST /rest/default/V1/orders", FaultKind::ResetAfterWrite, 2));
    let ours = invoice("ONCE").bills([5001, 1, 1], "5", "55").misc("3");
    carry(&house, &ours).await;
    assert_eq!(house.shop().faults_committed(), 2);
    assert_right(&house, &order, &ours);
    assert_eq!(the_order(house.shop(), &order).items.len(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invoice_that_differs_in_the_shop_is_listed_and_never_made_again() {
    let house = house(HouseConfig::with_paas_shop(), "2s").await;
    let order = two_lines(5001);
    order.place(house.shop());
    let id = the_order(house.shop(), &order);
    let body = json!({ "items": [{ "order_item_id": id.items[0].item_id, "qty": 3 }],
        "comment": { "comment": "Epicor AP invoice HAND (vendor 118, company EPIC06)" } });
    house.shop().place_invoice(id.entity_id, &body).unwrap();
    let ours = invoice("HAND").bills([5001, 1, 1], "4", "42");
    carry(&house, &ours).await;
    let listed = reviews(&house, &ours).await;
    assert_eq!((listed.len(), listed[0].kind), (1, ReviewKind::Unmatched));
    assert_eq!(listed[0].facts["grand_total"], "Epicor 42, shop 31.5");
    assert_eq!(house.shop().invoices().len(), 1);
    // The same number of another supplier is another invoice.
    let theirs = ApInvoice { vendor_number: 119, ..invoice("HAND").bills([5001, 2, 1], "1", "10.50") };
    carry(&house, &theirs).await;
    assert_right(&house, &order, &theirs);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_closed_order_takes_its_late_invoice_and_is_closed_again() {
    let house = house(HouseConfig::with_paas_shop(), "2s").await;
    let order = two_lines(5001);
    order.place(house.shop());
    let client = house.context.connections.adobe(&ConnectionId::parse("shop-main").unwrap()).await.unwrap();
    let read = client.find_order(&order.increment_id()).await.unwrap().unwrap();
    client.close_order(&read).await.unwrap();
    let ours = invoice("AFTER").bills([5001, 1, 1], "3", "31.50");
    carry(&house, &ours).await;
    assert_right(&house, &order, &ours);
    let view = the_order(house.shop(), &order);
    assert_eq!((view.state.as_deref(), view.status.as_deref()), (Some("closed"), Some("closed")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn long_and_strange_texts_do_no_harm() {
    let house = house(HouseConfig::with_paas_shop(), "2s").await;
    let order = two_lines(5001);
    order.place(house.shop());
    let mut ours = invoice("Ä/日本 'x' \"y\" %_1").bills([5001, 1, 1], "1", "10.50").misc("1");
    for line in &mut ours.lines {
        line.description = Some("🚀 é ".repeat(400));
        line.gl[0].display = Some("5000-".repeat(6000));
    }
    carry(&house, &ours).await;
    let found = assert_right(&house, &order, &ours);
    assert!(found.comments[0].ends_with('…') && found.comments[0].len() < 65_535);
    let added = the_order(house.shop(), &order).items.remove(2);
    assert!(added.row["name"].as_str().unwrap().ends_with('…'));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_corrected_for_an_invoice_that_does_not_come_about_gets_its_own_prices_again() {
    let house = house(HouseConfig::with_paas_shop(), "1s").await;
    let order = ShopOrder { freight: dec("25"), ..two_lines(5001) };
    order.place(house.shop());
    let id = the_order(house.shop(), &order).entity_id;
    house.shop().add_fault(Fault::always(&format!("order/{id}/invoice"), FaultKind::TooLarge));
    let ours =
        invoice("REFUSED").bills([5001, 1, 1], "20", "220").bills([5001, 2, 1], "2", "22.40").with_charges(same("10"));
    carry(&house, &ours).await;
    assert_eq!((house.shop().invoices().len(), house.dead_letters().await.unwrap().len()), (0, 1));
    let view = the_order(house.shop(), &order);
    let prices: Vec<_> = view.items.iter().map(|item| (shown(item.price), shown(item.row_total))).collect();
    assert_eq!(prices, [(dec("10.50"), dec("210")), (dec("10.50"), dec("52.50"))]);
    assert_eq!(shown(view.grand_total), dec("287.50"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_orders_own_prices_outlive_two_invoices_that_fail_one_after_the_other() {
    let config = HouseConfig { retry_base: "10ms", retry_cap: "30ms", ..HouseConfig::with_paas_shop() };
    let house = house(config, "2s").await;
    let order = ShopOrder { freight: dec("25"), tax: dec("3"), ..two_lines(5001) };
    order.place(house.shop());
    let id = the_order(house.shop(), &order).entity_id;
    let first = invoice("FIRST").bills([5001, 1, 1], "5", "53").with_charges(same("10")).with_tax(same("9"));
    let second = invoice("SECOND").bills([5001, 1, 1], "3", "31.50").bills([5001, 2, 1], "2", "21.50");
    // The first corrects the order and is not made; the second means to correct it further, which never arrives.
    house.shop().add_fault(Fault::always(&format!("order/{id}/invoice"), FaultKind::ResetBefore));
    carry(&house, &first).await;
    assert_eq!(shown(the_order(house.shop(), &order).items[0].price), dec("10.60"));
    house.shop().clear_faults();
    house.shop().add_fault(Fault::always("POST /rest/default/V1/orders", FaultKind::ResetBefore));
    carry(&house, &second).await;
    assert!(house.shop().invoices().is_empty());
    house.shop().clear_faults();
    // One that cannot be made at all puts all back, whoever changed it.
    house.shop().add_fault(Fault::always(&format!("order/{id}/invoice"), FaultKind::TooLarge));
    carry(&house, &invoice("REFUSED").bills([5001, 2, 1], "1", "10.60").with_charges(same("12"))).await;
    let view = the_order(house.shop(), &order);
    let prices: Vec<_> = view.items.iter().map(|item| (shown(item.price), shown(item.row_total))).collect();
    assert_eq!(prices, [(dec("10.50"), dec("210")), (dec("10.50"), dec("52.50"))]);
    assert_eq!(shown(view.grand_total), dec("290.50"), "with its own freight and tax");
    house.shop().clear_faults();
    for ours in [&second, &first] {
        push(&house, ours, 1).await;
        house.settle().await.unwrap();
        assert_right(&house, &order, ours);
    }
    let view = the_order(house.shop(), &order);
    assert!(view.items.iter().all(|item| shown(item.price) == dec("10.50")), "{view:#?}");
}
