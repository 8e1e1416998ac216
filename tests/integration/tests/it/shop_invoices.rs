//! AP invoices become invoices on the shop's orders: equal to the cent, or on the review list.

mod agreed;
mod from_epicor;
mod trouble;

use std::collections::BTreeSet;

use mlc_house::{House, HouseConfig, SHOP_INVOICES};
use mlc_ledger::{Action, ReviewKind, ReviewState};
use mlc_model::{Amount, ApInvoice};
use rust_decimal::Decimal;

use crate::invoice_rig::{
    Billing, ShopOrder, carry, column, dec, flow, house, invoice, marked, noted, push, release, reviews, same, shown,
    target, the_order, until,
};

pub(super) fn two_lines(number: i64) -> ShopOrder {
    ShopOrder::of(number, vec![release(1, 1, "20", "10.50"), release(2, 1, "5", "10.50")])
}

pub(super) async fn every_house() -> Vec<House> {
    let mut houses = Vec::new();
    for config in [HouseConfig::with_paas_shop(), HouseConfig::with_older_paas_shop(), HouseConfig::with_saas_shop()] {
        houses.push(house(config, "2s").await);
    }
    houses
}

/// The one invoice of the shop for it, equal in both currencies.
pub(super) fn assert_right(house: &House, order: &ShopOrder, wanted: &ApInvoice) -> mlc_simulators::adobe::InvoiceView {
    let found = marked(house.shop(), &the_order(house.shop(), order), wanted);
    assert_eq!(found.len(), 1, "{}: {found:#?}", wanted.number);
    let found = found.into_iter().next().unwrap();
    assert_eq!((shown(found.grand_total), shown(found.base_grand_total)), (wanted.total.doc, wanted.total.base));
    assert_eq!(found.transaction_id.as_deref(), Some(wanted.number.as_str()));
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_posted_invoice_becomes_one_invoice_on_its_order_in_every_edition() {
    for house in every_house().await {
        let order = two_lines(5001);
        order.place(house.shop());
        let ours = invoice("INV-88121").bills([5001, 1, 1], "20", "210").bills([5001, 2, 1], "5", "52.50");
        carry(&house, &ours).await;
        let found = assert_right(&house, &order, &ours);
        let text = &found.comments[0];
        assert!(text.contains("\nline 1: 5000-10-201 210") && text.contains("\nline 2: 5000-10-202 52.50"), "{text}");
        let view = the_order(house.shop(), &order);
        assert_eq!((shown(view.total_due), view.state.as_deref()), (Decimal::ZERO, Some("complete")));
        assert_eq!(target(&house, &ours).await, found.entity_id.to_string());
        // Every repeat finds it.
        for again in 1..4 {
            house.context.ledger.unsettle(&flow(), &[ours.key()]).await.unwrap();
            push(&house, &ours, again).await;
            house.settle().await.unwrap();
        }
        assert_eq!(house.shop().invoices().len(), 1);
        assert!(house.dead_letters().await.unwrap().is_empty() && reviews(&house, &ours).await.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gl_codes_stand_on_invoice_lines_where_the_shop_has_attributes() {
    let house = house(HouseConfig::with_saas_shop(), "2s").await;
    two_lines(5001).place(house.shop());
    let ours = invoice("INV-1").bills([5001, 1, 1], "20", "210").bills([5001, 2, 1], "5", "52.50");
    carry(&house, &ours).await;
    let found = assert_right(&house, &two_lines(5001), &ours);
    let accounts: BTreeSet<String> =
        found.items.iter().map(|item| item["custom_attributes"][0]["value"].as_str().unwrap().to_owned()).collect();
    assert_eq!(accounts, BTreeSet::from(["5000-10-201".to_owned(), "5000-10-202".to_owned()]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invoice_before_its_order_waits_for_it_without_using_attempts() {
    let house = house(HouseConfig::with_paas_shop(), "60s").await;
    let ours = invoice("EARLY").bills([5001, 1, 1], "20", "210");
    push(&house, &ours, 0).await;
    until(async || {
        let jobs = house.context.queue.jobs(&Default::default(), &Default::default()).await.unwrap().items;
        jobs.iter().any(|job| job.snoozes >= 2)
    })
    .await;
    two_lines(5001).place(house.shop());
    house.settle().await.unwrap();
    assert_right(&house, &two_lines(5001), &ours);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invoice_whose_order_never_comes_is_shelved_with_the_order_and_the_way_out() {
    let house = house(HouseConfig::with_paas_shop(), "1s").await;
    carry(&house, &invoice("LOST").bills([5001, 1, 1], "20", "210")).await;
    let letters = house.dead_letters().await.unwrap();
    assert_eq!(letters.len(), 1);
    let fault = &letters[0].fault;
    assert_eq!(fault.code.as_deref(), Some("ORDER_MISSING"));
    assert!(fault.message.contains("EPIC06-PO-5001") && fault.message.contains("replay"), "{}", fault.message);
    assert_eq!(letters[0].job.kind, "poll_page", "a replay reads the invoice afresh");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn partial_invoices_add_up_and_the_last_one_finishes_the_order() {
    for house in every_house().await {
        let order = ShopOrder { freight: dec("25"), tax: dec("7.77"), ..two_lines(5001) };
        order.place(house.shop());
        // Freight comes with the second one, and once more with the last.
        let all = [
            invoice("P-1").bills([5001, 1, 1], "7", "73.50").with_tax(same("2.22")),
            invoice("P-2").bills([5001, 1, 1], "3", "31.50").with_charges(same("25")),
            invoice("P-3")
                .bills([5001, 1, 1], "10", "105")
                .bills([5001, 2, 1], "5", "52.50")
                .with_tax(same("5.55"))
                .with_charges(same("1.10")),
        ];
        for (done, ours) in all.iter().enumerate() {
            carry(&house, ours).await;
            assert_right(&house, &order, ours);
            let view = the_order(house.shop(), &order);
            let invoiced: Decimal = all[..=done].iter().map(|ours| ours.total.doc).sum();
            assert_eq!(shown(view.total_invoiced), invoiced);
            if done == 0 {
                assert_eq!(
                    shown(view.grand_total),
                    dec("295.27"),
                    "what is open still counts at its price, with its freight"
                );
            }
        }
        let view = the_order(house.shop(), &order);
        assert_eq!((shown(view.total_due), shown(view.grand_total)), (Decimal::ZERO, dec("296.37")));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_further_partial_invoice_is_its_own_share_whatever_the_earlier_ones_cost() {
    for house in every_house().await {
        let order = two_lines(5001);
        order.place(house.shop());
        let all = [
            invoice("S-1").bills([5001, 1, 1], "7", "79.38").with_tax(same("3.33")),
            invoice("S-2").bills([5001, 1, 1], "5", "52.50").with_tax(same("1.11")),
            invoice("S-3").bills([5001, 1, 1], "4", "40.01"),
            invoice("S-4").bills([5001, 1, 1], "4", "42").bills([5001, 2, 1], "5", "52.50"),
        ];
        for ours in &all {
            carry(&house, ours).await;
            assert!(reviews(&house, ours).await.is_empty(), "{}", ours.number);
            assert_right(&house, &order, ours);
        }
        assert_eq!(shown(the_order(house.shop(), &order).total_due), Decimal::ZERO);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invoice_over_several_orders_becomes_one_per_order_and_they_add_up() {
    for house in every_house().await {
        let orders = [two_lines(5001), two_lines(5002), two_lines(5003)];
        orders[0].place(house.shop());
        orders[1].place(house.shop());
        let ours = invoice("WIDE")
            .bills([5001, 1, 1], "1", "10.50")
            .bills([5002, 1, 1], "1", "10.50")
            .bills([5003, 1, 1], "1", "10.50")
            .with_tax(same("1.00"))
            .with_charges(same("0.50"));
        push(&house, &ours, 0).await;
        // What has its order is there while the third is waited for.
        until(async || house.shop().invoices().len() == 2).await;
        orders[2].place(house.shop());
        house.settle().await.unwrap();
        let mut total = Decimal::ZERO;
        for order in &orders {
            let found = marked(house.shop(), &the_order(house.shop(), order), &ours);
            assert_eq!(found.len(), 1);
            total += shown(found[0].grand_total);
        }
        assert_eq!(total, ours.total.doc);
        assert_eq!(target(&house, &ours).await.split('+').count(), 3);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_price_that_differs_is_corrected_noted_and_put_back_for_what_is_open() {
    for house in every_house().await {
        let order = two_lines(5001);
        order.place(house.shop());
        // 10.50 ordered, 11 billed: under the limit of 10 percent.
        let ours = invoice("DEAR").bills([5001, 1, 1], "5", "55");
        carry(&house, &ours).await;
        let found = assert_right(&house, &order, &ours);
        assert_eq!(column(&found.items[0], "price"), dec("11"));
        let view = the_order(house.shop(), &order);
        assert_eq!((shown(view.items[0].price), shown(view.items[0].row_total)), (dec("10.50"), dec("212.50")));
        assert_eq!(shown(view.grand_total), dec("265"), "55 invoiced, 15 and 5 pieces open at 10.50");
        let details = noted(&house, &ours, Action::Corrected).await;
        assert_eq!(details.len(), 1);
        assert!(details[0].contains("5001/1/1: quantity 5, order 52.5, invoice 55"), "{details:?}");
        // A cent is corrected in silence.
        let cent = invoice("CENT").bills([5001, 1, 1], "15", "157.51").bills([5001, 2, 1], "5", "52.49");
        carry(&house, &cent).await;
        assert_right(&house, &order, &cent);
        assert_eq!(shown(the_order(house.shop(), &order).total_due), Decimal::ZERO);
        assert!(noted(&house, &cent, Action::Corrected).await.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_price_beyond_the_limit_waits_for_a_person_and_goes_through_once_accepted() {
    let house = house(HouseConfig::with_paas_shop(), "2s").await;
    let order = two_lines(5001);
    order.place(house.shop());
    let ours = invoice("FAR").bills([5001, 1, 1], "20", "310").bills([5001, 2, 1], "5", "52.50");
    carry(&house, &ours).await;
    assert!(house.shop().invoices().is_empty());
    assert_eq!(shown(the_order(house.shop(), &order).grand_total), dec("262.5"), "nothing was corrected");
    let listed = reviews(&house, &ours).await;
    assert_eq!((listed.len(), listed[0].kind), (1, ReviewKind::PriceDifference));
    assert_eq!(listed[0].facts["5001/1/1"], "quantity 20, order 210, invoice 310");
    // Another version is another question.
    let dearer = ApInvoice {
        version: mlc_model::Version(2),
        ..invoice("FAR").bills([5001, 1, 1], "20", "311").bills([5001, 2, 1], "5", "52.50")
    };
    let at = house.context.clock.now();
    house.context.ledger.decide_review(&listed[0].id, ReviewState::Accepted, None, "anna", None, at).await.unwrap();
    carry(&house, &dearer).await;
    assert!(house.shop().invoices().is_empty());
    let open = reviews(&house, &ours).await.into_iter().find(|item| item.state == ReviewState::Open).unwrap();
    house.context.ledger.decide_review(&open.id, ReviewState::Accepted, None, "anna", None, at).await.unwrap();
    push(&house, &dearer, 7).await;
    house.settle().await.unwrap();
    assert_right(&house, &order, &dearer);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_accepted_price_is_asked_about_anew_when_the_orders_price_changed_since() {
    let house = house(HouseConfig::with_paas_shop(), "2s").await;
    let (shop, ledger) = (house.shop(), &house.context.ledger);
    two_lines(5001).place(shop);
    let ours = invoice("FAR").bills([5001, 1, 1], "20", "310").bills([5001, 2, 1], "5", "52.50");
    carry(&house, &ours).await;
    let item = reviews(&house, &ours).await.remove(0);
    let at = house.context.clock.now();
    ledger.decide_review(&item.id, ReviewState::Accepted, Some(item.revision), "anna", None, at).await.unwrap();

    // What was agreed was 100 more than the order says; now it is 210 more.
    assert!(shop.drop_order(the_order(shop, &two_lines(5001)).entity_id));
    let cheaper = ShopOrder::of(5001, vec![release(1, 1, "20", "5"), release(2, 1, "5", "10.50")]);
    cheaper.place(shop);
    push(&house, &ours, 7).await;
    house.settle().await.unwrap();
    assert!(shop.invoices().is_empty());
    let asked = reviews(&house, &ours).await.remove(0);
    assert_eq!((asked.id, asked.state, asked.revision), (item.id, ReviewState::Open, 2));
    assert_eq!(asked.facts["5001/1/1"], "quantity 20, order 100, invoice 310");

    ledger.decide_review(&asked.id, ReviewState::Accepted, Some(2), "anna", None, at).await.unwrap();
    push(&house, &ours, 8).await;
    house.settle().await.unwrap();
    assert_right(&house, &cheaper, &ours);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_limits_of_the_settings_decide_what_is_noted_and_what_waits() {
    let lines =
        "ap_invoices = { order_wait = \"2s\", tolerance = \"1\", review_percent = \"50\", review_amount = \"20\" }";
    let mut house =
        House::open_without_worker(HouseConfig::with_paas_shop().shop_flow(SHOP_INVOICES, lines)).await.unwrap();
    house.start_worker(4);
    two_lines(5001).place(house.shop());
    let one = |number: &str, amount: &str, waits: bool| (invoice(number).bills([5001, 1, 1], "1", amount), waits);
    let (silent, clear, large) = (one("A", "11.50", false), one("B", "15", false), one("C", "31", true));
    for (ours, waits) in [&silent, &clear, &large] {
        carry(&house, ours).await;
        assert_eq!(!reviews(&house, ours).await.is_empty(), *waits, "{}", ours.number);
    }
    assert!(noted(&house, &silent.0, Action::Corrected).await.is_empty());
    assert_eq!(noted(&house, &clear.0, Action::Corrected).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lines_without_a_release_are_spread_and_lines_of_one_release_add_up() {
    let house = house(HouseConfig::with_paas_shop(), "1s").await;
    let order =
        ShopOrder::of(5001, vec![release(1, 1, "4", "10"), release(1, 2, "6", "10"), release(2, 0, "3", "1.25")]);
    order.place(house.shop());
    let ours = invoice("SPREAD")
        .bills([5001, 1, 0], "5", "50")
        .bills([5001, 1, 2], "2", "20")
        .bills([5001, 2, 9], "1", "1.25")
        .bills([5001, 2, 0], "2", "2.50");
    carry(&house, &ours).await;
    assert_right(&house, &order, &ours);
    let invoiced: Vec<f64> = the_order(house.shop(), &order).items.iter().map(|item| item.qty_invoiced).collect();
    assert_eq!(invoiced, [4.0, 3.0, 3.0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn amounts_without_a_quantity_become_lines_of_their_own() {
    for house in every_house().await {
        let order = two_lines(5001);
        order.place(house.shop());
        let ours = invoice("EXTRA")
            .bills([5001, 1, 1], "20", "210")
            .bills_amount(Some([5001, 1, 1]), Decimal::ZERO, same("-3.33"))
            .misc("12.34")
            .with_tax(same("4"));
        carry(&house, &ours).await;
        assert_right(&house, &order, &ours);
        let view = the_order(house.shop(), &order);
        let keys: Vec<_> = view.items.iter().filter_map(|item| item.ext_order_item_id.clone()).collect();
        assert_eq!(keys[2..], ["5001/apinv:118:EXTRA/2", "5001/apinv:118:EXTRA/3"]);
        // Also on an order that is complete.
        carry(&house, &invoice("REST").bills([5001, 2, 1], "5", "52.50")).await;
        assert_eq!(the_order(house.shop(), &order).state.as_deref(), Some("complete"));
        let late = invoice("LATE").bills_amount(Some([5001, 1, 1]), Decimal::ZERO, same("5"));
        carry(&house, &late).await;
        assert_right(&house, &order, &late);
        assert_eq!(shown(the_order(house.shop(), &order).total_due), Decimal::ZERO);
        // Whose it is cannot be told with two orders.
        two_lines(5002).place(house.shop());
        two_lines(5003).place(house.shop());
        let torn = invoice("TORN").bills([5002, 1, 1], "1", "10.50").bills([5003, 1, 1], "1", "10.50").misc("2");
        carry(&house, &torn).await;
        assert_eq!(reviews(&house, &torn).await[0].kind, ReviewKind::Unmatched);
        assert_eq!(house.shop().invoices().len(), 3);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fractions_and_foreign_currency_are_exact() {
    for house in every_house().await {
        let order = ShopOrder {
            currency: "EUR",
            rate: dec("1.0837"),
            ..ShopOrder::of(5001, vec![release(1, 1, "7.25", "3.3333"), release(2, 1, "100000", "0.00045")])
        };
        order.place(house.shop());
        let amount = |doc: &str, base: &str| Amount { doc: dec(doc), base: dec(base) };
        let ours = ApInvoice {
            currency: "EUR".to_owned(),
            ..invoice("FR-1").bills_amount(Some([5001, 1, 1]), dec("2.75"), amount("9.17", "9.94")).bills_amount(
                Some([5001, 2, 1]),
                dec("33333"),
                amount("15.00", "16.26"),
            )
        };
        carry(&house, &ours).await;
        assert_right(&house, &order, &ours);
        assert!(reviews(&house, &ours).await.is_empty(), "a price per thousand has more digits than the shop keeps");
    }
}
