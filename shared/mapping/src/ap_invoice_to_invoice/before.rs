//! How an order stood before it was corrected.
//!
//! A correction is kept first and sent then; the call may be lost, and another invoice of the order may be next to find it. So every price
//! that may stand there counts, not the one that was meant last alone.

use std::collections::BTreeMap;

use mlc_adobe::{Order, OrderLine};
use mlc_model::Amount;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::amounts::{LineState, noted_is_present, pair, present_row};

/// Earlier corrections that are told apart. A call carried out late beyond that is not known any more.
const EARLIER: usize = 4;

/// How an order stood before it was corrected for an invoice: kept until the order stands so again, since it no longer tells.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderBefore {
    /// Lines whose price was changed, by their id.
    #[serde(default)]
    pub lines: BTreeMap<i64, LineBefore>,
    /// Shipping that nobody has invoiced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shipping: Option<SumBefore>,
    /// Tax of the whole order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tax: Option<SumBefore>,
    /// State and status of a closed order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<(String, String)>,
}

/// A line before it was corrected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineBefore {
    /// Price of one piece.
    pub price: Amount,
    /// Total of the whole line.
    pub row: Amount,
    /// The price it was given: one that is neither this nor an earlier one means that the order has changed since.
    pub set: Amount,
    /// Prices it was given before and that may still stand there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<Amount>,
    /// The invoice takes all that is open: once it exists nothing is to be put back.
    #[serde(default)]
    pub whole: bool,
}

/// A sum of the order's header before it was corrected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SumBefore {
    /// What it was.
    pub was: Amount,
    /// What it was set to.
    pub set: Amount,
    /// What it was set to before and may still be.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<Amount>,
}

impl OrderBefore {
    /// Whether there is nothing to put back.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The whole line at the order's own price, whatever an invoice has made of it.
    pub(super) fn row_of(&self, line: &OrderLine) -> Amount {
        self.corrected(line).map_or_else(|| present_row(line), |before| before.row)
    }

    /// What a line was that stands corrected.
    fn corrected(&self, line: &OrderLine) -> Option<&LineBefore> {
        let price = LineState::of(line).price;
        let before = self.lines.get(&line.item_id?)?;
        let stands = before.price != price && (before.set == price || before.earlier.contains(&price));
        // The purchase order may have come to the invoice's price in the meantime.
        (stands && !noted_is_present(line, before.price)).then_some(before)
    }

    /// What is known of a line: that it stands corrected, or that a correction was sent which does not show.
    pub(super) fn known(&self, line: &OrderLine) -> Option<LineBefore> {
        if let Some(before) = self.corrected(line) {
            return Some(before.clone());
        }
        let before = self.lines.get(&line.item_id?)?;
        let is_own = before.price == LineState::of(line).price;
        // The quantity may be another one by now.
        is_own.then(|| LineBefore { row: present_row(line), ..before.clone() })
    }

    /// What is to be kept on, whatever comes next.
    pub(super) fn still_of_use(&self, order: &Order) -> BTreeMap<i64, LineBefore> {
        let open = order.items.iter().flatten().filter(|line| LineState::of(line).open > Decimal::ZERO);
        open.filter_map(|line| Some((line.item_id?, self.known(line)?))).collect()
    }

    /// The lines that stand corrected and are still open, with what they were.
    pub(super) fn to_put_back<'a>(&'a self, order: &'a Order) -> impl Iterator<Item = (&'a OrderLine, &'a LineBefore)> {
        let known = order.items.iter().flatten().filter_map(|line| Some((line, self.corrected(line)?)));
        known.filter(|(line, _)| LineState::of(line).open > Decimal::ZERO)
    }
}

impl LineBefore {
    pub(super) fn of(line: &OrderLine) -> Self {
        let price = pair(line.price, line.base_price);
        Self { price, row: present_row(line), set: price, earlier: Vec::new(), whole: false }
    }

    /// It is about to be given another price; until that is seen, `present` stands there.
    pub(super) fn given(self, present: Amount, set: Amount, whole: bool) -> Self {
        let earlier = others(present, self.set, self.earlier, [set, self.price]);
        Self { set, earlier, whole, ..self }
    }
}

impl SumBefore {
    /// `present` stands there now.
    pub(super) fn of(known: Option<&Self>, present: Amount) -> Self {
        match known {
            Some(known) if known.was == present || known.may_be(present) => {
                Self { earlier: others(present, known.set, known.earlier.clone(), [known.was; 2]), ..known.clone() }
            }
            _ => Self { was: present, set: present, earlier: Vec::new() },
        }
    }

    /// It is about to be set. `None`: it was and is so.
    pub(super) fn given(&self, set: Amount) -> Option<Self> {
        let earlier: Vec<Amount> = self.earlier.iter().copied().filter(|amount| *amount != set).collect();
        (self.was != set || !earlier.is_empty()).then_some(Self { was: self.was, set, earlier })
    }

    /// Whether a correction made it what it is.
    pub(super) fn may_be(&self, present: Amount) -> bool {
        self.set == present || self.earlier.contains(&present)
    }
}

/// What may stand there beside `known`, the likeliest first.
fn others(present: Amount, set: Amount, earlier: Vec<Amount>, known: [Amount; 2]) -> Vec<Amount> {
    let mut found: Vec<Amount> = Vec::new();
    for amount in [present, set].into_iter().chain(earlier) {
        if !known.contains(&amount) && !found.contains(&amount) {
            found.push(amount);
        }
    }
    found.truncate(EARLIER);
    found
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]

    use super::{
        super::{InvoicePart, InvoicePlan, PartLine, plan_invoice, settle_order},
        *,
    };

    fn both(text: &str) -> Amount {
        let number: Decimal = text.parse().unwrap();
        Amount { doc: number, base: number }
    }

    /// 10 pieces of line 1 at `price`.
    fn order(price: &str) -> Order {
        serde_json::from_value(serde_json::json!({ "entity_id": 5, "state": "processing", "subtotal": 100, "base_subtotal": 100,
            "items": [{ "item_id": 7, "ext_order_item_id": "5001/1/1", "qty_ordered": 10, "price": price, "base_price": price }] }))
        .unwrap()
    }

    fn plan(order: &Order, before: &OrderBefore, amount: &str) -> InvoicePlan {
        let at = mlc_model::PurchaseOrderRef { order: 5001, line: 1, release: 1 };
        let line = PartLine { number: 1, at, quantity: Decimal::TWO, extended: both(amount) };
        let part = InvoicePart {
            order: 5001,
            lines: vec![line],
            extras: Vec::new(),
            charges: Amount::default(),
            charges_key: "5001/apinv:118:A/charges".to_owned(),
            tax: Amount::default(),
        };
        plan_invoice(&part, order, &[], before).unwrap()
    }

    fn settled_price(order: &Order, before: &OrderBefore) -> Option<Decimal> {
        let line = settle_order(order, before)?.items?.remove(0);
        line.price.map(|price| price.0.normalize())
    }

    #[test]
    fn whichever_correction_arrived_the_own_price_is_known() {
        let first = plan(&order("10"), &OrderBefore::default(), "22").before;
        // Found at the first one's price, the second is at the order's own, the third at another.
        for amount in ["20", "24", "22"] {
            let second = plan(&order("11"), &first, amount).before;
            assert_eq!(second.row_of(&order("11").items.unwrap()[0]), both("100"), "{amount}");
            assert_eq!(settled_price(&order("11"), &second), Some(Decimal::TEN), "{amount}: the second is lost");
            assert_eq!(settled_price(&order("10"), &second), None, "{amount}");
            let again = plan(&order("11"), &second, "26").before;
            for stands in ["11", "13"] {
                assert_eq!(settled_price(&order(stands), &again), Some(Decimal::TEN), "{amount}, {stands}");
            }
        }
        assert_eq!(settled_price(&order("12"), &first), None, "the purchase order has changed");
    }

    #[test]
    fn a_correction_carried_out_late_is_known_too() {
        let first = plan(&order("10"), &OrderBefore::default(), "22").before;
        for amount in ["20", "24"] {
            let second = plan(&order("10"), &first, amount).before;
            assert_eq!(settled_price(&order("11"), &second), Some(Decimal::TEN), "{amount}");
        }
    }

    #[test]
    fn a_purchase_order_that_came_to_the_invoices_price_keeps_it() {
        let first = plan(&order("10"), &OrderBefore::default(), "22").before;
        let mut raised = order("11");
        let noted = r#"{"epicor":{"ext_cost":"110","base_ext_cost":"110"}}"#;
        raised.items.as_mut().unwrap()[0].additional_data = Some(noted.to_owned());
        assert_eq!(settled_price(&raised, &first), None);
        assert!(plan(&raised, &first, "22").before.is_empty());
    }

    #[test]
    fn sums_of_the_header_outlive_two_corrections_likewise() {
        let set =
            |known: Option<&SumBefore>, present: &str, set: &str| SumBefore::of(known, both(present)).given(both(set));
        let first = set(None, "25", "10").unwrap();
        for sum in ["25", "12", "10"] {
            let second = set(Some(&first), "10", sum).unwrap();
            assert!(second.was == both("25") && second.may_be(both("10")) && second.may_be(both(sum)), "{second:?}");
        }
        assert_eq!(set(None, "25", "25"), None);
        assert_eq!(set(Some(&first), "7", "9").unwrap().was, both("7"), "the order has changed");
    }
}
