//! What a person agreed to, and what stands half done while somebody is asked.

use mlc_house::{House, HouseConfig};
use mlc_ledger::{ReviewItem, ReviewKind, ReviewState};
use mlc_model::{ApInvoice, Version};
use mlc_simulators::adobe::{Fault, FaultKind};

use crate::invoice_rig::{
    Billing, ShopOrder, carry, dec, flow, house, invoice, push, release, reviews, shown, the_order,
};

async fn decide(house: &House, item: &ReviewItem, state: ReviewState) {
    let at = house.context.clock.now();
    house.context.ledger.decide_review(&item.id, state, Some(item.revision), "anna", None, at).await.unwrap();
}

async fn quick() -> House {
    house(HouseConfig { retry_base: "20ms", retry_cap: "60ms", ..HouseConfig::with_paas_shop() }, "2s").await
}

/// Twenty pieces of one line.
fn order_of(number: i64, price: &str) -> ShopOrder {
    ShopOrder::of(number, vec![release(1, 1, "20", price)])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_more_lines_than_are_shown_each_is_bound_to_what_was_agreed() {
    let house = house(HouseConfig::with_paas_shop(), "2s").await;
    let shop = house.shop();
    let order = |last: &'static str| {
        ShopOrder::of(5001, (1..=120).map(|line| release(line, 1, "2", if line == 120 { last } else { "5" })).collect())
    };
    order("5").place(shop);
    let ours = (1..=120).fold(invoice("MANY"), |ours, line| ours.bills([5001, line, 1], "2", "20"));
    carry(&house, &ours).await;
    let item = reviews(&house, &ours).await.remove(0);
    assert!(!item.facts.contains_key("5001/120/1"), "{:?}", item.facts);
    decide(&house, &item, ReviewState::Accepted).await;

    assert!(shop.drop_order(the_order(shop, &order("5")).entity_id));
    order("1").place(shop);
    push(&house, &ours, 7).await;
    house.settle().await.unwrap();
    assert!(shop.invoices().is_empty(), "nobody agreed to a difference of 18");
    let asked = reviews(&house, &ours).await.remove(0);
    assert_eq!((asked.id, asked.state, asked.revision), (item.id, ReviewState::Open, 2));
    decide(&house, &asked, ReviewState::Accepted).await;
    push(&house, &ours, 8).await;
    house.settle().await.unwrap();
    assert_eq!(shop.invoices().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_made_of_an_invoice_is_completed_while_the_rest_waits_for_a_person() {
    let house = quick().await;
    let shop = house.shop();
    let (one, two) = (order_of(5001, "10.50"), order_of(5002, "10.50"));
    one.place(shop);
    two.place(shop);
    let ours = invoice("HALF").bills([5001, 1, 1], "7", "99.99").bills([5002, 1, 1], "7", "99.97");
    carry(&house, &ours).await;
    decide(&house, &reviews(&house, &ours).await.remove(0), ReviewState::Accepted).await;
    // The first order's invoice is made and not marked; then the other order gets another price.
    let unmarked = Fault::times("*", FaultKind::TooLarge, 1);
    shop.add_fault(Fault { body_contains: Some("\"transaction_id\":\"HALF\"".to_owned()), ..unmarked });
    push(&house, &ours, 7).await;
    house.settle().await.unwrap();
    assert_eq!((shop.invoices().len(), house.dead_letters().await.unwrap().len()), (1, 1));
    assert!(shop.drop_order(the_order(shop, &two).entity_id));
    order_of(5002, "5").place(shop);

    push(&house, &ours, 8).await;
    house.settle().await.unwrap();
    let asked = reviews(&house, &ours).await.remove(0);
    assert_eq!((asked.kind, asked.state), (ReviewKind::PriceDifference, ReviewState::Open));
    let order = the_order(shop, &one);
    assert_eq!(shown(order.items[0].price), dec("10.50"), "what is open of it costs what it did");
    assert_eq!(shop.invoices_of(order.entity_id)[0].transaction_id.as_deref(), Some("HALF"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_that_was_corrected_for_an_invoice_which_became_a_memo_gets_its_own_price_again() {
    let house = quick().await;
    let shop = house.shop();
    let order = order_of(5001, "10.50");
    order.place(shop);
    let id = the_order(shop, &order).entity_id;
    let ours = invoice("MEMO").bills([5001, 1, 1], "7", "99.99");
    carry(&house, &ours).await;
    decide(&house, &reviews(&house, &ours).await.remove(0), ReviewState::Accepted).await;
    shop.add_fault(Fault::always(&format!("order/{id}/invoice"), FaultKind::ResetBefore));
    push(&house, &ours, 7).await;
    house.settle().await.unwrap();
    shop.clear_faults();
    assert_ne!(shown(the_order(shop, &order).items[0].price), dec("10.50"), "it stands corrected");

    let memo = ApInvoice { version: Version(2), correction: true, ..ours };
    push(&house, &memo, 9).await;
    house.settle().await.unwrap();
    assert_eq!(shown(the_order(shop, &order).items[0].price), dec("10.50"));
    assert!(shop.invoices().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_open_of_an_order_of_many_lines_keeps_its_own_prices_and_is_judged_by_them() {
    let house = house(HouseConfig::with_paas_shop(), "2s").await;
    let shop = house.shop();
    let order = ShopOrder::of(5001, (1..=130).map(|line| release(line, 1, "2", "5")).collect());
    order.place(shop);
    let first = (1..=130).fold(invoice("FIRST"), |ours, line| ours.bills([5001, line, 1], "1", "10"));
    carry(&house, &first).await;
    decide(&house, &reviews(&house, &first).await.remove(0), ReviewState::Accepted).await;
    push(&house, &first, 7).await;
    house.settle().await.unwrap();
    assert_eq!(shop.invoices().len(), 1);
    let dear = the_order(shop, &order).items.into_iter().filter(|item| shown(item.price) != dec("5"));
    assert_eq!(dear.count(), 0, "lines left at the invoice's price");

    let second = invoice("SECOND").bills([5001, 130, 1], "1", "10");
    carry(&house, &second).await;
    assert_eq!(reviews(&house, &second).await.len(), 1, "twice the order's price is for a person");
    assert_eq!(shop.invoices().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn own_prices_of_orders_of_any_length_outlive_two_invoices_that_come_at_once_and_fail_half_way() {
    let house = quick().await;
    let shop = house.shop();
    for (number, lines) in [(5001, 1), (5002, 30), (5003, 31), (5004, 100), (5005, 900), (5006, 1_020)] {
        let order = ShopOrder::of(number, (1..=lines).map(|line| release(line, 1, "4", "5")).collect());
        order.place(shop);
        let id = the_order(shop, &order).entity_id;
        let bill = |name: &str, amount: &str| {
            (1..=lines)
                .fold(invoice(&format!("{name}-{lines}")), |ours, line| ours.bills([number, line, 1], "1", amount))
        };
        let (one, two) = (bill("ONE", "5.01"), bill("TWO", "5.02"));
        // Each time the order stands corrected for one of them.
        shop.add_fault(Fault::times(&format!("order/{id}/invoice"), FaultKind::ResetBefore, 4));
        push(&house, &one, 1).await;
        push(&house, &two, 1).await;
        house.settle().await.unwrap();
        assert_eq!(house.dead_letters().await.unwrap().len(), 0, "{lines} lines");
        let made: Vec<_> = shop.invoices_of(id).iter().map(|made| shown(made.grand_total)).collect();
        let wanted = |cents: i64| rust_decimal::Decimal::new(cents * lines, 2);
        assert!(made.len() == 2 && made.contains(&wanted(501)) && made.contains(&wanted(502)), "{lines}: {made:?}");
        let items = the_order(shop, &order).items;
        let strange = items.iter().filter(|item| shown(item.price) != dec("5")).count();
        assert_eq!((items.len() as i64, strange), (lines, 0), "{lines} lines");
        for piece in 0..34 {
            let name = if piece == 0 { "before_invoice".to_owned() } else { format!("before_invoice_{piece}") };
            let kept = house.context.ledger.kept(&flow(), &order.increment_id(), &name).await.unwrap();
            assert_eq!(kept, None, "{lines} lines, {name}");
        }
    }
}
