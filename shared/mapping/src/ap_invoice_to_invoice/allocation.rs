//! Which lines of the order an invoice bills, and by how much.

use std::collections::BTreeMap;

use mlc_adobe::{Order, OrderLine};
use mlc_model::{Amount, round_half_up};
use rust_decimal::Decimal;

use super::{
    amounts::{LineState, add, minus, no_more_than},
    parts::{InvoicePart, PartLine},
};

/// An invoice line that the shop's order has no room for. Its order may simply not be up to date yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// In words.
    pub summary: String,
    /// Numbers and amounts.
    pub facts: BTreeMap<String, String>,
}

/// What is billed of one line of the order.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Billed {
    pub(super) quantity: Decimal,
    pub(super) amount: Amount,
}

/// A line of the order with the release it stands for.
struct Place<'a> {
    release: i64,
    item_id: i64,
    line: &'a OrderLine,
}

/// Finds the lines. Those that name a release come first, so that the others only take what is left; quantities of one line add up.
pub(super) fn allocate(part: &InvoicePart, order: &Order) -> Result<BTreeMap<i64, Billed>, Mismatch> {
    let mut billed = BTreeMap::new();
    let mut unnamed = Vec::new();
    for line in &part.lines {
        let mut places = places(order, part.order, line.at.line);
        if places.is_empty() {
            return Err(mismatch(line, "the order in the shop has no such line", None));
        }
        if line.at.release != 0 && places.iter().any(|place| place.release == line.at.release) {
            places.retain(|place| place.release == line.at.release);
            fill(&mut billed, line, &places)?;
        } else {
            unnamed.push((line, places));
        }
    }
    for (line, places) in unnamed {
        fill(&mut billed, line, &places)?;
    }
    Ok(billed)
}

fn places(order: &Order, number: i64, line: i64) -> Vec<Place<'_>> {
    let prefix = format!("{number}/{line}/");
    let place = |line: &'_ OrderLine| {
        let release = line.ext_order_item_id.as_deref()?.strip_prefix(&prefix)?.parse().ok()?;
        Some((release, line.item_id?))
    };
    let mut places: Vec<Place<'_>> = order
        .items
        .iter()
        .flatten()
        .filter_map(|line| place(line).map(|(release, item_id)| Place { release, item_id, line }))
        .collect();
    places.sort_by_key(|place| (place.release, place.item_id));
    places
}

/// Takes what is open, release by release. The amount goes along with the quantity; the last release takes what is left of it.
fn fill(billed: &mut BTreeMap<i64, Billed>, line: &PartLine, places: &[Place<'_>]) -> Result<(), Mismatch> {
    let mut taken = Vec::new();
    let mut left = line.quantity;
    let mut room = Decimal::ZERO;
    for place in places {
        let already = billed.get(&place.item_id).map_or(Decimal::ZERO, |billed| billed.quantity);
        let open = (LineState::of(place.line).open - already).max(Decimal::ZERO);
        room += open;
        let quantity = open.min(left);
        if quantity > Decimal::ZERO {
            left -= quantity;
            taken.push((place.item_id, quantity));
        }
    }
    if left > Decimal::ZERO {
        return Err(mismatch(line, "more is billed than the order in the shop has open", Some(room)));
    }
    let last = taken.len().saturating_sub(1);
    let mut rest = line.extended;
    for (at, (item_id, quantity)) in taken.into_iter().enumerate() {
        let of = |amount: Decimal| round_half_up((amount * quantity).checked_div(line.quantity).unwrap_or_default(), 2);
        let part = Amount { doc: of(line.extended.doc), base: of(line.extended.base) };
        let amount = if at == last { rest } else { no_more_than(rest, part) };
        rest = minus(rest, amount);
        let billed: &mut Billed = billed.entry(item_id).or_default();
        billed.quantity += quantity;
        billed.amount = add(billed.amount, amount);
    }
    Ok(())
}

fn mismatch(line: &PartLine, why: &str, open: Option<Decimal>) -> Mismatch {
    let at = format!("{}/{}/{}", line.at.order, line.at.line, line.at.release);
    let mut facts = BTreeMap::from([
        ("line".to_owned(), line.number.to_string()),
        ("purchase_order_line".to_owned(), at.clone()),
        ("quantity".to_owned(), line.quantity.normalize().to_string()),
        ("amount".to_owned(), line.extended.doc.normalize().to_string()),
    ]);
    if let Some(open) = open {
        facts.insert("open".to_owned(), open.normalize().to_string());
    }
    Mismatch { summary: format!("Invoice line {} bills {at}: {why}", line.number), facts }
}
