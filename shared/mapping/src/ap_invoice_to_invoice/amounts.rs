//! How the shop computes amounts of an invoice from its order, and which order makes it compute what we want.
//!
//! Source: measured, observed section 4: a partial invoice takes the row totals of its lines, the invoice that finishes the order what the
//! order's totals have left. And the platform's source (`Order\Invoice\Item::calcRowTotal`, `Total\Tax`, from 2.0 on): a line's part is
//! `(row_total - row_invoiced) / (qty_ordered - qty_invoiced) * qty`, and all that is left for the last quantity that is not cancelled.

use mlc_adobe::{OrderLine, wire::Amount as Number};
use mlc_model::{Amount, round_half_up};
use rust_decimal::Decimal;

use super::LARGEST_AMOUNT;

/// A number of the shop. What lies beyond its own columns is cut, so that no arithmetic overflows.
pub(super) fn number(sent: Option<Number>) -> Decimal {
    sent.unwrap_or_default().0.clamp(-LARGEST_AMOUNT, LARGEST_AMOUNT)
}

pub(super) fn pair(doc: Option<Number>, base: Option<Number>) -> Amount {
    Amount { doc: number(doc), base: number(base) }
}

pub(super) fn add(a: Amount, b: Amount) -> Amount {
    Amount { doc: a.doc + b.doc, base: a.base + b.base }
}

pub(super) fn minus(a: Amount, b: Amount) -> Amount {
    Amount { doc: a.doc - b.doc, base: a.base - b.base }
}

pub(super) fn larger(a: Amount, b: Amount) -> Amount {
    Amount { doc: a.doc.max(b.doc), base: a.base.max(b.base) }
}

pub(super) fn rounded(amount: Amount, decimals: u32) -> Amount {
    Amount { doc: round_half_up(amount.doc, decimals), base: round_half_up(amount.base, decimals) }
}

pub(super) fn sum(amounts: impl IntoIterator<Item = Amount>) -> Amount {
    amounts.into_iter().fold(Amount::default(), add)
}

/// `amount * part / whole`; 0 when there is no whole.
pub(super) fn ratio(amount: Amount, part: Decimal, whole: Decimal) -> Amount {
    let of = |amount: Decimal| (amount * part).checked_div(whole).unwrap_or_default();
    Amount { doc: of(amount.doc), base: of(amount.base) }
}

/// Shares an amount by weights, to the cent; the last share takes what is left. Without weights the last one takes all. None takes more than
/// is left: many small shares rounded up would leave less than nothing for the last.
pub(super) fn share(amount: Amount, weights: &[Amount]) -> Vec<Amount> {
    let whole = sum(weights.iter().copied());
    let Some(last) = weights.len().checked_sub(1) else { return Vec::new() };
    let mut left = amount;
    let mut shares = Vec::with_capacity(weights.len());
    for weight in &weights[..last] {
        let of = |amount: Decimal, weight: Decimal, whole: Decimal| {
            round_half_up((amount * weight).checked_div(whole).unwrap_or_default(), 2)
        };
        let part = no_more_than(
            left,
            Amount { doc: of(amount.doc, weight.doc, whole.doc), base: of(amount.base, weight.base, whole.base) },
        );
        left = minus(left, part);
        shares.push(part);
    }
    shares.push(left);
    shares
}

/// `part`, or what is left where that is less.
pub(super) fn no_more_than(left: Amount, part: Amount) -> Amount {
    let of = |left: Decimal, part: Decimal| if part.abs() > left.abs() { left } else { part };
    Amount { doc: of(left.doc, part.doc), base: of(left.base, part.base) }
}

/// A line's numbers that decide what an invoice of it costs.
#[derive(Debug, Clone, Copy)]
pub(super) struct LineState {
    pub(super) ordered: Decimal,
    pub(super) canceled: Decimal,
    pub(super) open: Decimal,
    pub(super) price: Amount,
    pub(super) row_invoiced: Amount,
    pub(super) tax_invoiced: Amount,
}

impl LineState {
    pub(super) fn of(line: &OrderLine) -> Self {
        let (ordered, canceled) = (number(line.qty_ordered), number(line.qty_canceled));
        Self {
            ordered,
            canceled,
            open: ordered - canceled - number(line.qty_invoiced),
            price: pair(line.price, line.base_price),
            row_invoiced: pair(line.row_invoiced, line.base_row_invoiced),
            tax_invoiced: pair(line.tax_invoiced, line.base_tax_invoiced),
        }
    }

    /// The line's total for which an invoice over `quantity` comes to exactly `wanted`.
    pub(super) fn total_for(&self, wanted: Amount, quantity: Decimal, invoiced: Amount) -> Amount {
        if quantity == self.open {
            add(invoiced, wanted)
        } else {
            // Four decimals are kept; quantity is at most what is not invoiced, so the share is exact at two.
            add(invoiced, rounded(ratio(wanted, self.open + self.canceled, quantity), 4))
        }
    }
}

/// The whole line's total at the order's present price. The price has four decimals only, so a total that agrees with it counts more: the one
/// that the purchase order flow left in the line's data, else what a read shows (2.4.8 shows the unit price there).
pub(super) fn present_row(line: &OrderLine) -> Amount {
    let state = LineState::of(line);
    let shown = pair(line.row_total, line.base_row_total);
    let noted = noted_row(line);
    let off = state.ordered * Decimal::new(5, 5) + Decimal::new(1, 2);
    let of = |price: Decimal, noted: Option<Decimal>, shown: Decimal| {
        let computed = price * state.ordered;
        let agrees = |total: &Decimal| (total - computed).abs() <= off;
        noted.filter(agrees).or(Some(shown).filter(agrees)).unwrap_or_else(|| round_half_up(computed, 4))
    };
    Amount {
        doc: of(state.price.doc, noted.map(|noted| noted.doc), shown.doc),
        base: of(state.price.base, noted.map(|noted| noted.base), shown.base),
    }
}

/// Whether the purchase order flow noted the present price, and not `other`.
pub(super) fn noted_is_present(line: &OrderLine, other: Amount) -> bool {
    let state = LineState::of(line);
    let off = state.ordered * Decimal::new(5, 5) + Decimal::new(1, 2);
    noted_row(line).is_some_and(|noted| {
        let agrees = |price: Decimal, total: Decimal| (total - price * state.ordered).abs() <= off;
        agrees(state.price.doc, noted.doc) && !agrees(other.doc, noted.doc)
    })
}

fn noted_row(line: &OrderLine) -> Option<Amount> {
    let data: serde_json::Value = serde_json::from_str(line.additional_data.as_deref()?).ok()?;
    let amount = |name: &str| {
        let noted: Decimal = data.get("epicor")?.get(name)?.as_str()?.parse().ok()?;
        Some(noted.clamp(-LARGEST_AMOUNT, LARGEST_AMOUNT))
    };
    Some(Amount { doc: amount("ext_cost")?, base: amount("base_ext_cost")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn amount(doc: i64, base: i64) -> Amount {
        Amount { doc: Decimal::new(doc, 2), base: Decimal::new(base, 2) }
    }

    #[test]
    fn shares_add_up_to_the_cent_and_the_last_takes_the_rest() {
        let shares = share(amount(1000, 1000), &[amount(100, 100), amount(100, 100), amount(100, 100)]);
        assert_eq!(shares, [amount(333, 333), amount(333, 333), amount(334, 334)]);
        assert_eq!(share(amount(500, 0), &[amount(0, 0), amount(0, 0)]), [amount(0, 0), amount(500, 0)]);
        let few = share(amount(5, 5), &[amount(100, 100); 10]);
        assert_eq!(sum(few.iter().copied()), amount(5, 5));
        assert!(few.iter().all(|share| share.doc >= Decimal::ZERO && share.base >= Decimal::ZERO), "{few:?}");
    }

    #[test]
    fn the_total_of_a_line_makes_a_partial_invoice_exact() {
        let state = LineState {
            ordered: Decimal::from(7),
            canceled: Decimal::ZERO,
            open: Decimal::from(7),
            price: Amount::default(),
            row_invoiced: Amount::default(),
            tax_invoiced: Amount::default(),
        };
        for cents in [1, 99, 12_345] {
            let row = state.total_for(amount(cents, cents), Decimal::from(3), Amount::default());
            assert_eq!(rounded(ratio(row, Decimal::from(3), Decimal::from(7)), 2), amount(cents, cents));
        }
        assert_eq!(
            state.total_for(amount(500, 600), Decimal::from(7), amount(1, 2)),
            amount(501, 602),
            "the last takes the rest"
        );
        // Two of seven were invoiced for 24.00 and one is cancelled: what is left counts for the five that are not invoiced.
        let begun = LineState { open: Decimal::from(4), canceled: Decimal::ONE, ..state };
        assert_eq!(begun.total_for(amount(1000, 1100), Decimal::from(2), amount(2400, 2400)), amount(4900, 5150));
        assert_eq!(begun.total_for(amount(4000, 4400), Decimal::from(4), amount(2400, 2400)), amount(6400, 6800));
    }
}
