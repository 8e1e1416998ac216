//! What to send so that the shop's invoice comes to Epicor's amounts.

use std::collections::BTreeMap;

use mlc_adobe::{Invoice, InvoiceItemAsk, Order, OrderLine, OrderLineWrite, OrderWrite, wire::Amount as Number};
use mlc_model::{Amount, round_half_up};
use rust_decimal::Decimal;

use super::{
    InvoiceRules,
    allocation::{Billed, Mismatch, allocate},
    amounts::{LineState, add, larger, pair, ratio, rounded, share, sum},
    before::{LineBefore, OrderBefore, SumBefore},
    parts::{ExtraLine, InvoicePart},
};

/// A line whose invoice amount is not what its order says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PriceDifference {
    /// `ext_order_item_id` of the line.
    pub line: String,
    /// Pieces.
    pub quantity: Decimal,
    /// At the order's price.
    pub ordered: Amount,
    /// As invoiced.
    pub invoiced: Amount,
}

impl PriceDifference {
    /// How much, in the order's currency.
    pub fn difference(&self) -> Decimal {
        (self.invoiced.doc - self.ordered.doc).abs()
    }

    /// Whether it is worth a note.
    pub fn is_noted(&self, rules: &InvoiceRules) -> bool {
        self.difference() > rules.tolerance
    }

    /// Whether a person has to decide.
    pub fn is_for_review(&self, rules: &InvoiceRules) -> bool {
        let share = self.ordered.doc.abs() * rules.review_percent / Decimal::ONE_HUNDRED;
        self.is_noted(rules)
            && (self.difference() > share || rules.review_amount.is_some_and(|most| self.difference() > most))
    }
}

/// What to send for one part.
#[derive(Debug, Clone, PartialEq)]
pub struct InvoicePlan {
    /// The correction of the order, sent first.
    pub change: OrderWrite,
    /// Whether it adds lines. Their ids are not known before: read the order again and plan anew.
    pub adds_lines: bool,
    /// Lines and quantities to invoice.
    pub ask: Vec<InvoiceItemAsk>,
    /// Lines that differ from the order's price at all.
    pub differences: Vec<PriceDifference>,
    /// Whether nothing is left to invoice afterwards.
    pub finishes: bool,
    /// What to keep until the invoice exists.
    pub before: OrderBefore,
}

/// Plans the invoice of one part from an order that was just read, with its invoices. The same again gives the same, also after half of it
/// was done.
///
/// # Errors
/// The order has no room for it.
pub fn plan_invoice(
    part: &InvoicePart,
    order: &Order,
    invoices: &[Invoice],
    before: &OrderBefore,
) -> Result<InvoicePlan, Mismatch> {
    let shipped = invoices.iter().any(|invoice| {
        invoice.state != Some(Invoice::CANCELED) && !super::amounts::number(invoice.shipping_amount).is_zero()
    });
    let mut draft = Draft::of(part, order, before)?;
    let mut extras = part.extras.clone();
    if shipped && part.charges != Amount::default() {
        extras.push(ExtraLine {
            key: part.charges_key.clone(),
            number: None,
            sku: "AP-CHARGES".to_owned(),
            name: "Charges".to_owned(),
            amount: part.charges,
        });
    }
    for extra in &extras {
        draft.add_extra(extra);
    }
    Ok(draft.finish(part, if shipped { None } else { Some(part.charges) }))
}

struct Draft<'a> {
    order: &'a Order,
    before: OrderBefore,
    after: OrderBefore,
    billed: BTreeMap<i64, Billed>,
    /// Lines of their own that stood twice because a call was carried out late.
    doubled: Vec<i64>,
    new_lines: Vec<OrderLineWrite>,
    new_total: Amount,
}

impl<'a> Draft<'a> {
    fn of(part: &InvoicePart, order: &'a Order, before: &OrderBefore) -> Result<Self, Mismatch> {
        // What an invoice that did not come about has changed is still to be put back.
        Ok(Self {
            order,
            before: before.clone(),
            after: OrderBefore { lines: before.still_of_use(order), ..OrderBefore::default() },
            billed: allocate(part, order)?,
            doubled: Vec::new(),
            new_lines: Vec::new(),
            new_total: Amount::default(),
        })
    }

    fn add_extra(&mut self, extra: &ExtraLine) {
        let order = self.order;
        let mut open = order.items.iter().flatten().filter(|line| {
            line.ext_order_item_id.as_deref() == Some(extra.key.as_str()) && LineState::of(line).open >= Decimal::ONE
        });
        if let Some(item_id) = open.next().and_then(|line| line.item_id) {
            self.billed.insert(item_id, Billed { quantity: Decimal::ONE, amount: extra.amount });
            self.doubled.extend(open.filter_map(|line| line.item_id));
            return;
        }
        self.new_total = add(self.new_total, extra.amount);
        let [doc, base] = numbers(extra.amount);
        self.new_lines.push(OrderLineWrite {
            sku: Some(extra.sku.clone()),
            name: Some(extra.name.clone()),
            product_type: Some("virtual".to_owned()),
            is_virtual: Some(1),
            store_id: order.store_id,
            ext_order_item_id: Some(extra.key.clone()),
            qty_ordered: Some(Number(Decimal::ONE)),
            price: doc,
            base_price: base,
            row_total: doc,
            base_row_total: base,
            row_total_incl_tax: doc,
            base_row_total_incl_tax: base,
            ..OrderLineWrite::default()
        });
    }

    /// `shipping`: what this invoice takes as shipping; `None` when an earlier one took it.
    fn finish(mut self, part: &InvoicePart, shipping: Option<Amount>) -> InvoicePlan {
        let lines: Vec<&OrderLine> = self.order.items.iter().flatten().collect();
        let left = |line: &OrderLine| {
            let billed =
                line.item_id.and_then(|id| self.billed.get(&id)).map_or(Decimal::ZERO, |billed| billed.quantity);
            let doubled = line.item_id.is_some_and(|id| self.doubled.contains(&id));
            if doubled { Decimal::ZERO } else { (LineState::of(line).open - billed).max(Decimal::ZERO) }
        };
        let finishes = lines.iter().all(|line| left(line).is_zero());
        let rest = sum(lines.iter().map(|line| {
            let ordered = LineState::of(line).ordered;
            rounded(ratio(self.before.row_of(line), left(line), ordered), 2)
        }));
        let mut items = Vec::new();
        let mut ask = Vec::new();
        let mut differences = Vec::new();
        let weights: Vec<Amount> = self.billed.values().map(|billed| billed.amount).collect();
        let taxes = share(part.tax, &weights);
        let billed: Vec<(i64, Billed)> = self.billed.iter().map(|(id, billed)| (*id, *billed)).collect();
        for ((item_id, billed), tax) in billed.into_iter().zip(taxes) {
            let Some(line) = lines.iter().find(|line| line.item_id == Some(item_id)) else { continue };
            differences.extend(self.difference(line, billed));
            items.push(self.corrected(line, billed, tax));
            ask.push(InvoiceItemAsk { order_item_id: item_id, qty: Number(billed.quantity) });
        }
        for item_id in &self.doubled {
            let ordered = lines.iter().find(|line| line.item_id == Some(*item_id)).and_then(|line| line.qty_ordered);
            items.push(OrderLineWrite { item_id: Some(*item_id), qty_canceled: ordered, ..OrderLineWrite::default() });
        }
        let adds_lines = !self.new_lines.is_empty();
        items.append(&mut self.new_lines);
        let change = self.header(part, shipping, rest, finishes, items);
        InvoicePlan { change, adds_lines, ask, differences, finishes, before: self.after }
    }

    fn difference(&self, line: &OrderLine, billed: Billed) -> Option<PriceDifference> {
        let key = line.ext_order_item_id.clone().unwrap_or_default();
        // A line of our own has no price but the invoice's.
        if key.contains("/apinv:") {
            return None;
        }
        let ordered = rounded(ratio(self.before.row_of(line), billed.quantity, LineState::of(line).ordered), 2);
        (ordered.doc != billed.amount.doc).then_some(PriceDifference {
            line: key,
            quantity: billed.quantity,
            ordered,
            invoiced: billed.amount,
        })
    }

    fn corrected(&mut self, line: &OrderLine, billed: Billed, tax: Amount) -> OrderLineWrite {
        let state = LineState::of(line);
        let row = state.total_for(billed.amount, billed.quantity, state.row_invoiced);
        let tax = state.total_for(tax, billed.quantity, state.tax_invoiced);
        let price = rounded(ratio(billed.amount, Decimal::ONE, billed.quantity), 4);
        // Also where nothing of the line stays open: the invoice may not come about.
        if let Some(item_id) = line.item_id {
            let known = self.before.known(line);
            if known.is_some() || price != state.price {
                let was = known.unwrap_or_else(|| LineBefore::of(line));
                self.after.lines.insert(item_id, was.given(state.price, price, billed.quantity >= state.open));
            }
        }
        let [price, base_price] = numbers(price);
        let [row_total, base_row_total] = numbers(row);
        let [tax_amount, base_tax_amount] = numbers(tax);
        let [row_total_incl_tax, base_row_total_incl_tax] = numbers(add(row, tax));
        let discount = (!super::amounts::number(line.discount_amount).is_zero()).then(Number::default);
        let fraction = !billed.quantity.fract().is_zero() && line.is_qty_decimal != Some(1);
        OrderLineWrite {
            item_id: line.item_id,
            // Without it the shop cuts the quantity to a whole number.
            is_qty_decimal: fraction.then_some(1),
            price,
            base_price,
            row_total,
            base_row_total,
            row_total_incl_tax,
            base_row_total_incl_tax,
            tax_amount,
            base_tax_amount,
            discount_amount: discount,
            base_discount_amount: discount,
            ..OrderLineWrite::default()
        }
    }

    fn header(
        &mut self,
        part: &InvoicePart,
        shipping: Option<Amount>,
        rest: Amount,
        finishes: bool,
        items: Vec<OrderLineWrite>,
    ) -> OrderWrite {
        let order = self.order;
        let invoiced = pair(order.subtotal_invoiced, order.base_subtotal_invoiced);
        let billed = add(sum(self.billed.values().map(|billed| billed.amount)), self.new_total);
        let subtotal = add(add(invoiced, billed), rest);
        let taxed = add(pair(order.tax_invoiced, order.base_tax_invoiced), part.tax);
        // What the order still expects as tax is not known by line; it never falls below what is invoiced.
        let expected = SumBefore::of(self.before.tax.as_ref(), pair(order.tax_amount, order.base_tax_amount));
        let tax = if finishes { taxed } else { larger(taxed, expected.was) };
        self.after.tax = expected.given(tax);
        let present = pair(order.shipping_amount, order.base_shipping_amount);
        let shipping = match shipping {
            Some(shipping) => {
                self.after.shipping = SumBefore::of(self.before.shipping.as_ref(), present).given(shipping);
                shipping
            }
            None => pair(order.shipping_invoiced, order.base_shipping_invoiced),
        };
        let total = add(add(subtotal, tax), shipping);
        let discount = (!super::amounts::number(order.discount_amount).is_zero()).then(Number::default);
        let (state, status) = self.reopened();
        let [subtotal_incl_tax, base_subtotal_incl_tax] = numbers(add(subtotal, tax));
        let [subtotal, base_subtotal] = numbers(subtotal);
        let [tax_amount, base_tax_amount] = numbers(tax);
        let [shipping_amount, base_shipping_amount] = numbers(shipping);
        let [grand_total, base_grand_total] = numbers(total);
        OrderWrite {
            state,
            status,
            subtotal,
            base_subtotal,
            subtotal_incl_tax,
            base_subtotal_incl_tax,
            tax_amount,
            base_tax_amount,
            shipping_amount,
            base_shipping_amount,
            discount_amount: discount,
            base_discount_amount: discount,
            grand_total,
            base_grand_total,
            items: (!items.is_empty()).then_some(items),
            ..OrderWrite::default()
        }
    }

    /// A closed or completed order takes no invoice.
    fn reopened(&mut self) -> (Option<String>, Option<String>) {
        let state = self.order.state.as_deref().unwrap_or_default();
        if !matches!(state, "closed" | "complete") {
            self.after.state.clone_from(&self.before.state);
            return (None, None);
        }
        if state == "closed" {
            let status = self.order.status.clone().unwrap_or_else(|| state.to_owned());
            self.after.state = Some((state.to_owned(), status));
        }
        let open = || Some("processing".to_owned());
        (open(), open())
    }
}

/// Both currencies as the shop takes them.
pub(super) fn numbers(amount: Amount) -> [Option<Number>; 2] {
    let number = |amount: Decimal| Some(Number(round_half_up(amount, 4)));
    [number(amount.doc), number(amount.base)]
}
