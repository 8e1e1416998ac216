//! Sums to the cent, whatever the order looks like, and mirroring that comes to rest.

#![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]

use std::collections::BTreeMap;

use mlc_adobe::{
    Order,
    wire::{Amount as Wire, OrderWrite, StatusComment},
};
use mlc_model::{
    Address, Amount, Approval, CompanyCode, CostPer, GlCoding, OrderLine, OrderVendor, PurchaseOrder, Release, Version,
    round_half_up,
};
use proptest::prelude::*;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::{LiveOrder, OrderDraft, OrderRules, mirror, mirror_void, purchase_order_to_order, shares};

fn rules() -> OrderRules {
    OrderRules {
        store_id: 1,
        approved_only: true,
        payment_method: "purchaseorder".to_owned(),
        default_email: Some("purchasing@distributor.example".to_owned()),
        base_currency: None,
        gl_segments: Vec::new(),
        gl_separator: "-".to_owned(),
        gl_attribute: "epicor_gl_account".to_owned(),
    }
}

fn release(number: i64, quantity: Decimal) -> Release {
    let segments = BTreeMap::from([(1, "6100".to_owned()), (2, "10".to_owned()), (3, format!("{number}00"))]);
    let gl = GlCoding { account: GlCoding::account_of(&segments), segments, ..GlCoding::default() };
    Release {
        number,
        quantity,
        received: Decimal::ZERO,
        invoiced: Decimal::ZERO,
        due: None,
        promised: None,
        plant: None,
        warehouse: None,
        open: true,
        void: false,
        status: None,
        requisition: None,
        requisition_line: None,
        gl: Some(gl),
    }
}

fn line(number: i64, quantities: &[Decimal], price: Decimal, cost_per: CostPer, rate: Decimal) -> OrderLine {
    let quantity = quantities.iter().sum();
    let unit_cost = Amount { doc: price, base: round_half_up(price * rate, 5) };
    let mut line = OrderLine {
        number,
        part: Some(format!("PART-{number}")),
        vendor_part: None,
        description: "Hex bolt".to_owned(),
        quantity,
        unit: None,
        unit_cost,
        cost_per,
        extended: Amount::default(),
        due: None,
        comment: None,
        open: true,
        void: false,
        releases: quantities.iter().zip(1..).map(|(quantity, number)| release(number, *quantity)).collect(),
        version: Version(1),
    };
    line.extended = line.computed(2).unwrap();
    line
}

fn order(lines: Vec<OrderLine>, rate: Decimal, tax: Decimal, charges: Decimal) -> PurchaseOrder {
    let both = |doc: Decimal| Amount { doc, base: round_half_up(doc * rate, 2) };
    let mut order = PurchaseOrder {
        company: CompanyCode::parse("EPIC06").unwrap(),
        number: 50231,
        open: true,
        void: false,
        held: false,
        approval: Approval::Approved,
        ordered: None,
        due: None,
        promised: None,
        vendor: OrderVendor { number: 118, name: Some("Nordic Bolt".to_owned()), ..OrderVendor::default() },
        ship_to: Address::default(),
        ship_name: None,
        buyer: None,
        buyer_name: None,
        terms: None,
        terms_description: None,
        ship_via: None,
        fob: None,
        comment: None,
        currency: if rate == Decimal::ONE { "USD" } else { "EUR" }.to_owned(),
        base_currency: Some("USD".to_owned()),
        exchange_rate: rate,
        vendor_reference: None,
        charges: both(charges),
        tax: both(tax),
        total: Amount::default(),
        lines,
        changed_by: None,
        version: Version(48_219_999),
        extra: BTreeMap::new(),
    };
    retotal(&mut order);
    order
}

fn retotal(order: &mut PurchaseOrder) {
    let parts = [order.lines_total().unwrap(), order.tax, order.charges];
    order.total = parts.into_iter().try_fold(Amount::default(), Amount::checked_add).unwrap();
}

fn live(order: &PurchaseOrder) -> LiveOrder {
    match purchase_order_to_order(order, &rules()).unwrap().unwrap() {
        OrderDraft::Live(live) => *live,
        OrderDraft::Void(void) => panic!("void: {void:?}"),
    }
}

/// What a shop shows after a write: sent columns replace those that are there, lines without id are added.
fn shop(before: Option<&Order>, write: &OrderWrite) -> Order {
    let text = |value: &dyn Fn() -> String| serde_json::from_str::<Value>(&value()).unwrap();
    let sent = text(&|| serde_json::to_string(write).unwrap());
    let mut stands =
        before.map_or_else(|| json!({"entity_id": 7}), |order| text(&|| serde_json::to_string(order).unwrap()));
    for (name, value) in sent.as_object().unwrap().iter().filter(|(name, _)| *name != "items") {
        stands[name] = value.clone();
    }
    let mut items: Vec<Value> = stands["items"].as_array().cloned().unwrap_or_default();
    for line in sent["items"].as_array().into_iter().flatten() {
        let known = items.iter_mut().find(|item| line.get("item_id").is_some() && item["item_id"] == line["item_id"]);
        match known {
            Some(item) => line.as_object().unwrap().iter().for_each(|(name, value)| item[name] = value.clone()),
            None => {
                let mut line = line.clone();
                line["item_id"] = json!(9_000 + items.len());
                items.push(line);
            }
        }
    }
    stands["items"] = items.into();
    serde_json::from_str(&stands.to_string()).unwrap()
}

fn number(amount: Option<Wire>) -> Decimal {
    amount.unwrap_or_default().0
}

fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

/// Quantities with up to four decimals, prices with up to five.
fn any_line() -> impl Strategy<Value = (Vec<Decimal>, Decimal, CostPer)> {
    let quantity = (1_i64..60_000, 0_u32..5).prop_map(|(digits, scale)| Decimal::new(digits, scale));
    let price = (0_i64..900_000, 0_u32..6).prop_map(|(digits, scale)| Decimal::new(digits, scale));
    let per = prop_oneof![Just(CostPer::Each), Just(CostPer::PerHundred), Just(CostPer::PerThousand)];
    (proptest::collection::vec(quantity, 1..6), price, per)
}

fn any_order() -> impl Strategy<Value = PurchaseOrder> {
    let rate = prop_oneof![Just(Decimal::ONE), (5_000_i64..30_000).prop_map(|digits| Decimal::new(digits, 4))];
    let cents = || (0_i64..50_000).prop_map(|cents| Decimal::new(cents, 2));
    (proptest::collection::vec(any_line(), 1..6), rate, cents(), cents()).prop_map(|(lines, rate, tax, charges)| {
        let line = |((quantities, price, per), number): (&(Vec<Decimal>, Decimal, CostPer), i64)| {
            line(number, quantities, *price, *per, rate)
        };
        order(lines.iter().zip(1..).map(line).collect(), rate, tax, charges)
    })
}

/// Whether an amount so small that its conversion vanishes makes the order one that is refused.
fn is_refused(order: &PurchaseOrder) -> bool {
    purchase_order_to_order(order, &rules()).is_err()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn shares_add_up_and_none_changes_sign(total in -100_000_i64..100_000, weights in proptest::collection::vec(0_i64..1_000, 1..40)) {
        let total = Decimal::new(total, 2);
        let weights: Vec<Decimal> = weights.into_iter().map(Decimal::from).collect();
        let shares = shares::split(total, &weights);
        prop_assert_eq!(shares.iter().sum::<Decimal>(), total);
        prop_assert!(shares.iter().all(|share| share.is_zero() || share.is_sign_negative() == total.is_sign_negative()));
        prop_assert_eq!(shares.len(), weights.len());
    }

    #[test]
    fn lines_taxes_and_totals_of_a_new_order_add_up_to_epicors_in_both_currencies(order in any_order()) {
        prop_assume!(!is_refused(&order));
        let live = live(&order);
        for line in &order.lines {
            let mine = live.lines.iter().filter(|drafted| drafted.line == line.number);
            let sum = mine.map(|drafted| drafted.row_total).try_fold(Amount::default(), Amount::checked_add).unwrap();
            prop_assert_eq!(sum, line.extended);
        }
        let taxes = live.lines.iter().map(|line| line.tax).try_fold(Amount::default(), Amount::checked_add).unwrap();
        prop_assert_eq!(taxes, order.tax);
        let new = live.to_new(true).unwrap();
        let parts = [new.subtotal, new.tax_amount, new.shipping_amount].map(number).iter().sum::<Decimal>();
        prop_assert_eq!((parts, number(new.grand_total)), (order.total.doc, order.total.doc));
        let base = [new.base_subtotal, new.base_tax_amount, new.base_shipping_amount].map(number).iter().sum::<Decimal>();
        prop_assert_eq!((base, number(new.base_grand_total)), (order.total.base, order.total.base));
        let rows = new.items.iter().flatten().map(|line| number(line.row_total)).sum::<Decimal>();
        prop_assert_eq!(rows, number(new.subtotal));
        prop_assert!(new.items.iter().flatten().all(|line| number(line.price).scale() <= 4 && line.is_qty_decimal == Some(1)));
    }

    #[test]
    fn an_order_that_was_just_made_needs_no_change_even_where_row_totals_lie(order in any_order(), lies in any::<bool>()) {
        prop_assume!(!is_refused(&order));
        let live = live(&order);
        let mut read = shop(None, &live.to_new(true).unwrap());
        if lies {
            for line in read.items.iter_mut().flatten() {
                (line.row_total, line.base_row_total) = (line.price, line.base_price);
            }
        }
        let mirrored = mirror(&live, &read, true).unwrap();
        prop_assert!(mirrored.change.is_none(), "{:?}", mirrored.differences);
    }

    #[test]
    fn a_changed_order_is_in_step_after_one_change(before in any_order(), after in any_order(), voids in proptest::collection::vec(any::<bool>(), 6)) {
        let mut after = after;
        for (line, void) in after.lines.iter_mut().zip(voids) {
            line.void = void;
        }
        retotal(&mut after);
        prop_assume!(!is_refused(&before) && !is_refused(&after));
        prop_assume!(after.lines.iter().any(|line| !line.void));
        let there = shop(None, &live(&before).to_new(false).unwrap());
        let wanted = live(&after);
        let first = mirror(&wanted, &there, false).unwrap();
        let now = match &first.change { Some(change) => shop(Some(&there), change), None => there };
        let second = mirror(&wanted, &now, false).unwrap();
        prop_assert!(second.change.is_none(), "{:?}", second.differences);
        prop_assert_eq!((number(now.grand_total), number(now.base_grand_total)), (after.total.doc, after.total.base));
        let open = now.items.iter().flatten().filter(|line| line.open_quantity() > Decimal::ZERO);
        prop_assert_eq!(open.map(|line| number(line.row_total)).sum::<Decimal>(), number(now.subtotal));
    }

    #[test]
    fn what_is_invoiced_stays_and_the_header_is_invoiced_plus_open(order in any_order(), quarters in 1_u32..4, price in 1_i64..90_000) {
        prop_assume!(!is_refused(&order));
        let mut there = shop(None, &live(&order).to_new(false).unwrap());
        let mut sums = [Decimal::ZERO; 2];
        for line in there.items.iter_mut().flatten() {
            // Invoiced in part, at whatever price.
            let done = round_half_up(number(line.qty_ordered) * Decimal::from(quarters) / Decimal::from(4), 4);
            let row = round_half_up(done * Decimal::new(price, 2), 2);
            line.qty_invoiced = Some(Wire(done));
            (line.row_invoiced, line.base_row_invoiced) = (Some(Wire(row)), Some(Wire(row)));
            sums = [sums[0] + row, sums[1] + row];
        }
        (there.subtotal_invoiced, there.base_subtotal_invoiced) = (Some(Wire(sums[0])), Some(Wire(sums[1])));
        there.state = Some("processing".to_owned());
        let wanted = live(&order);
        let now = match mirror(&wanted, &there, false).unwrap().change { Some(change) => shop(Some(&there), &change), None => there };
        let again = mirror(&wanted, &now, false).unwrap();
        prop_assert!(again.change.is_none(), "{:?}", again.differences);
        let rows = now.items.iter().flatten().map(|line| number(line.row_total)).sum::<Decimal>();
        prop_assert_eq!(rows, number(now.subtotal), "{:?}", now.items);
        for line in now.items.iter().flatten() {
            prop_assert!(number(line.row_total) >= number(line.row_invoiced));
        }
    }
}

#[test]
fn the_price_of_one_piece_is_the_line_s_price_by_its_unit_and_the_row_total_is_exact() {
    let lines =
        vec![line(1, &[decimal("3000"), decimal("2000")], decimal("25.67"), CostPer::PerThousand, Decimal::ONE)];
    let live = live(&order(lines, Decimal::ONE, Decimal::ZERO, Decimal::ZERO));
    let shown: Vec<_> =
        live.lines.iter().map(|line| (line.price.doc.to_string(), line.row_total.doc.to_string())).collect();
    assert_eq!(shown, [("0.0257".to_owned(), "77.01".to_owned()), ("0.0257".to_owned(), "51.34".to_owned())]);
}

#[test]
fn a_voided_release_is_left_out_and_the_others_share_its_line() {
    let mut order = order(
        vec![line(1, &[decimal("1"), decimal("2")], decimal("10"), CostPer::Each, Decimal::ONE)],
        Decimal::ONE,
        Decimal::ZERO,
        Decimal::ZERO,
    );
    order.lines[0].releases[0].void = true;
    order.lines[0].releases[0].gl = None;
    let live = live(&order);
    assert_eq!(live.to_new(false).unwrap().items.unwrap().len(), 1);
    assert_eq!(live.lines[1].row_total.doc, decimal("30"));
}

#[test]
fn additional_data_keeps_what_is_not_ours_and_has_a_limit() {
    let live = live(&order(
        vec![line(1, &[decimal("1")], decimal("10"), CostPer::Each, Decimal::ONE)],
        Decimal::ONE,
        Decimal::ZERO,
        Decimal::ZERO,
    ));
    let line = &live.lines[0];
    let text = line.additional_data(Some(r#"{"other":{"a":[1,2]},"epicor":{"gl_account":"old"}}"#)).unwrap();
    let read: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(read["other"]["a"], json!([1, 2]));
    assert_eq!(read["epicor"]["gl_segments"], json!({"1": "6100", "2": "10", "3": "100"}));
    assert_eq!((&read["epicor"]["gl_account"], &read["epicor"]["vendor_num"]), (&json!("6100-10-100"), &json!(118)));
    assert!(line.is_told(Some(&text)) && !line.is_told(Some("no json")) && !line.is_told(None));
    let full = json!({"other": "x".repeat(65_500)}).to_string();
    assert_eq!(line.additional_data(Some(&full)).unwrap_err().code, "ADDITIONAL_DATA_FULL");
}

#[test]
fn segments_are_joined_as_the_settings_say() {
    let rules = OrderRules { gl_segments: vec![3, 1], gl_separator: ".".to_owned(), ..rules() };
    let order = order(
        vec![line(1, &[decimal("1")], decimal("10"), CostPer::Each, Decimal::ONE)],
        Decimal::ONE,
        Decimal::ZERO,
        Decimal::ZERO,
    );
    let Some(OrderDraft::Live(live)) = purchase_order_to_order(&order, &rules).unwrap() else { panic!("not live") };
    assert_eq!(live.lines[0].gl_account, "100.6100");
}

#[test]
fn equal_orders_of_another_version_are_equal_in_the_ledger() {
    let mut order = order(
        vec![line(1, &[decimal("1")], decimal("10"), CostPer::Each, Decimal::ONE)],
        Decimal::ONE,
        Decimal::ZERO,
        Decimal::ZERO,
    );
    let print =
        |order: &PurchaseOrder| mlc_model::Fingerprint::of(&purchase_order_to_order(order, &rules()).unwrap()).unwrap();
    let before = print(&order);
    order.version = Version(48_220_000);
    assert_eq!(print(&order), before);
    order.lines[0].releases[0].received = Decimal::ONE;
    assert_ne!(print(&order), before, "receipts are told in the history");
}

#[test]
fn a_note_is_written_again_only_when_the_latest_of_its_kind_says_something_else() {
    let live = live(&order(
        vec![line(1, &[decimal("1")], decimal("10"), CostPer::Each, Decimal::ONE)],
        Decimal::ONE,
        Decimal::ZERO,
        Decimal::ZERO,
    ));
    let note = &live.notes[1];
    let comment = |text: String| StatusComment::internal(text, "pending");
    assert!(!note.stands_in(&[]));
    assert!(!note.stands_in(&[comment("Somebody asked for these goods".to_owned())]));
    let mine = comment(note.text(Version(10)));
    assert!(note.stands_in(std::slice::from_ref(&mine)));
    let other = super::Note { body: "Order: due 2026-06-01".to_owned(), ..note.clone() };
    let later = comment(other.text(Version(11)));
    assert!(!note.stands_in(&[later.clone(), mine.clone()]), "the dates went back to what they were");
    assert!(other.stands_in(&[mine, later]), "whichever way the shop sorts");
}

#[test]
fn an_order_whose_lines_are_all_voided_is_called_off() {
    let mut order = order(
        vec![line(1, &[decimal("4")], decimal("10"), CostPer::Each, Decimal::ONE)],
        Decimal::ONE,
        Decimal::ZERO,
        Decimal::ZERO,
    );
    let there = shop(None, &live(&order).to_new(false).unwrap());
    order.lines[0].void = true;
    let Some(OrderDraft::Void(void)) = purchase_order_to_order(&order, &rules()).unwrap() else { panic!("not void") };
    let mirrored = mirror_void(&void, &there);
    assert!(mirrored.cancel && mirrored.change.is_none());
    assert_eq!(mirrored.differences, ["order cancelled: it was for 40"]);
}

#[test]
fn taxes_of_an_order_without_amounts_stand_on_a_line_that_counts() {
    let free = |number| line(number, &[decimal("1")], Decimal::ZERO, CostPer::Each, Decimal::ONE);
    let mut order = order(vec![free(1), free(2)], Decimal::ONE, decimal("0.01"), Decimal::ZERO);
    order.lines[0].void = true;
    let taxes: Vec<_> = live(&order).lines.iter().map(|line| line.tax.doc).collect();
    assert_eq!(taxes, [Decimal::ZERO, decimal("0.01")]);
}

#[test]
fn an_order_that_lost_its_approval_before_it_was_voided_is_called_off_all_the_same() {
    let lines = vec![line(1, &[decimal("4")], decimal("10"), CostPer::Each, Decimal::ONE)];
    let approved = order(lines, Decimal::ONE, Decimal::ZERO, Decimal::ZERO);
    for approval in [Approval::Unsubmitted, Approval::Pending, Approval::Rejected] {
        let unapproved = PurchaseOrder { approval, ..approved.clone() };
        assert_eq!(purchase_order_to_order(&unapproved, &rules()).unwrap(), None);
        let void = PurchaseOrder { void: true, ..unapproved };
        assert!(matches!(purchase_order_to_order(&void, &rules()).unwrap(), Some(OrderDraft::Void(_))), "{approval:?}");
    }
}

#[test]
fn the_company_s_currency_may_come_from_the_settings() {
    let mut order = order(
        vec![line(1, &[decimal("4")], decimal("10"), CostPer::Each, decimal("1.1"))],
        decimal("1.1"),
        Decimal::ZERO,
        Decimal::ZERO,
    );
    order.base_currency = None;
    assert_eq!(purchase_order_to_order(&order, &rules()).unwrap_err().code, "BASE_CURRENCY_UNKNOWN");
    let told = OrderRules { base_currency: Some("usd".to_owned()), ..rules() };
    let Some(OrderDraft::Live(live)) = purchase_order_to_order(&order, &told).unwrap() else { panic!("not live") };
    assert_eq!((live.base_currency.as_str(), live.rate), ("USD", decimal("0.9091")));
}

#[test]
fn numbers_beyond_what_can_be_kept_are_refused_and_never_panic() {
    for quantity in [Decimal::MAX, decimal("-1"), decimal("10000000000000000")] {
        let mut order = order(
            vec![line(1, &[decimal("1")], decimal("1"), CostPer::Each, Decimal::ONE)],
            Decimal::ONE,
            Decimal::ZERO,
            Decimal::ZERO,
        );
        order.lines[0].releases[0].quantity = quantity;
        assert_eq!(purchase_order_to_order(&order, &rules()).unwrap_err().field, "OrderQty", "{quantity}");
    }
    let mut order = order(
        vec![line(1, &[decimal("1")], decimal("1"), CostPer::Each, Decimal::ONE)],
        Decimal::ONE,
        Decimal::ZERO,
        Decimal::ZERO,
    );
    order.lines[0].extended = Amount { doc: Decimal::MAX, base: Decimal::MAX };
    assert_eq!(purchase_order_to_order(&order, &rules()).unwrap_err().field, "ExtCost");
}
