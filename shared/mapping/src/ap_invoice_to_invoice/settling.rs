//! Putting an order back to its own prices once the invoice exists.

use mlc_adobe::{Order, OrderLine, OrderLineWrite, OrderWrite, wire::Amount as Number};
use mlc_model::Amount;
use rust_decimal::Decimal;

use super::{
    amounts::{LineState, add, larger, pair, ratio, rounded, sum},
    before::OrderBefore,
    plan::numbers,
};

/// What to change on an order that was just read, after its invoice was made. `None`: it stands as it should.
pub fn settle_order(order: &Order, before: &OrderBefore) -> Option<OrderWrite> {
    let mut items = Vec::new();
    for (line, was) in before.to_put_back(order) {
        let row = add(LineState::of(line).row_invoiced, open_part(was.row, line));
        let [price, base_price] = numbers(was.price);
        let [row_total, base_row_total] = numbers(row);
        items.push(OrderLineWrite {
            item_id: line.item_id,
            price,
            base_price,
            row_total,
            base_row_total,
            ..OrderLineWrite::default()
        });
    }
    let lines = order.items.iter().flatten();
    let open = lines.clone().any(|line| LineState::of(line).open > Decimal::ZERO);
    let present = pair(order.shipping_amount, order.base_shipping_amount);
    let invoiced = pair(order.shipping_invoiced, order.base_shipping_invoiced);
    let shipping = before.shipping.as_ref().filter(|shipping| open && shipping.may_be(present));
    let shipping = shipping.filter(|_| invoiced == Amount::default()).map(|shipping| shipping.was);
    let shipping = shipping.filter(|was| *was != present);
    let taxed = pair(order.tax_amount, order.base_tax_amount);
    // It never falls below what is invoiced.
    let tax = before.tax.as_ref().filter(|tax| open && tax.may_be(taxed));
    let tax = tax.map(|tax| larger(tax.was, pair(order.tax_invoiced, order.base_tax_invoiced)));
    let tax = tax.filter(|tax| *tax != taxed);
    let state = before.state.clone().filter(|(state, _)| order.state.as_ref() != Some(state));
    if items.is_empty() && shipping.is_none() && tax.is_none() && state.is_none() {
        return None;
    }
    let mut change = OrderWrite { items: (!items.is_empty()).then_some(items), ..OrderWrite::default() };
    if let Some((state, status)) = state {
        (change.state, change.status) = (Some(state), Some(status));
    }
    if change.items.is_some() || shipping.is_some() || tax.is_some() {
        let rest = sum(lines.map(|line| open_part(before.row_of(line), line)));
        let subtotal = add(pair(order.subtotal_invoiced, order.base_subtotal_invoiced), rest);
        let tax = tax.unwrap_or(taxed);
        let shipping = shipping.unwrap_or(present);
        let set = |slots: [&mut Option<Number>; 2], amount: Amount| {
            for (slot, number) in slots.into_iter().zip(numbers(amount)) {
                *slot = number;
            }
        };
        set([&mut change.subtotal, &mut change.base_subtotal], subtotal);
        set([&mut change.subtotal_incl_tax, &mut change.base_subtotal_incl_tax], add(subtotal, tax));
        set([&mut change.tax_amount, &mut change.base_tax_amount], tax);
        set([&mut change.shipping_amount, &mut change.base_shipping_amount], shipping);
        set([&mut change.grand_total, &mut change.base_grand_total], add(add(subtotal, tax), shipping));
    }
    Some(change)
}

/// What of a line's total is not invoiced.
fn open_part(row: Amount, line: &OrderLine) -> Amount {
    let state = LineState::of(line);
    rounded(ratio(row, state.open.max(Decimal::ZERO), state.ordered), 2)
}
