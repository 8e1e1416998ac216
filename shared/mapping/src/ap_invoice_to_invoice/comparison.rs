//! Whether the shop's invoice is what was asked for: it ignores lines it does not know and cuts quantities, without a word.

use std::collections::BTreeMap;

use mlc_adobe::{Invoice, Order};
use mlc_model::{Amount, round_half_up};
use rust_decimal::Decimal;

use super::{
    amounts::{add, number},
    parts::InvoicePart,
};

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvoiceDifference {
    /// Line or column.
    pub what: String,
    /// As Epicor has it.
    pub wanted: Decimal,
    /// As the shop has it.
    pub found: Decimal,
}

/// Compares an invoice of the shop with the part it was made for, by lines of the purchase order and by totals.
pub fn compare_invoice(part: &InvoicePart, order: &Order, invoice: &Invoice) -> Vec<InvoiceDifference> {
    let found = lines_of(order, invoice);
    // Charges are shipping, unless earlier charges had been.
    let charged = found.contains_key(&part.charges_key);
    let mut wanted: BTreeMap<String, (Decimal, Amount)> = BTreeMap::new();
    let mut want = |key: String, quantity: Decimal, amount: Amount| {
        let entry = wanted.entry(key).or_default();
        *entry = (entry.0 + quantity, add(entry.1, amount));
    };
    for line in &part.lines {
        want(format!("{}/{}", line.at.order, line.at.line), line.quantity, line.extended);
    }
    for extra in &part.extras {
        want(extra.key.clone(), Decimal::ONE, extra.amount);
    }
    if charged {
        want(part.charges_key.clone(), Decimal::ONE, part.charges);
    }
    let mut differences = Vec::new();
    let mut compare = |what: String, wanted: Decimal, found: Decimal| {
        let found = round_half_up(found, 4);
        if wanted != found {
            differences.push(InvoiceDifference { what, wanted: wanted.normalize(), found: found.normalize() });
        }
    };
    let keys: std::collections::BTreeSet<&String> = wanted.keys().chain(found.keys()).collect();
    for key in keys {
        let (quantity, amount) = wanted.get(key).copied().unwrap_or_default();
        let (found_quantity, found_amount) = found.get(key).copied().unwrap_or_default();
        compare(format!("quantity of line {key}"), quantity, found_quantity);
        compare(format!("amount of line {key}"), amount.doc, found_amount.doc);
        compare(format!("base amount of line {key}"), amount.base, found_amount.base);
    }
    let shipping = if charged { Decimal::ZERO } else { part.charges.doc };
    let total = part.total();
    compare("tax_amount".to_owned(), part.tax.doc, number(invoice.tax_amount));
    compare("shipping_amount".to_owned(), shipping, number(invoice.shipping_amount));
    compare("grand_total".to_owned(), total.doc, number(invoice.grand_total));
    compare("base_grand_total".to_owned(), total.base, number(invoice.base_grand_total));
    differences
}

/// The same for an invoice that was made in the shop and entered in Epicor from there: its shipping and tax became lines of the AP invoice,
/// so they count within the totals only.
pub fn compare_entered_invoice(part: &InvoicePart, order: &Order, invoice: &Invoice) -> Vec<InvoiceDifference> {
    let extras: Vec<&str> = part.extras.iter().map(|extra| extra.key.as_str()).collect();
    let beside = |what: &str| {
        matches!(what, "tax_amount" | "shipping_amount")
            || extras.iter().any(|key| what.ends_with(&format!(" line {key}")))
    };
    compare_invoice(part, order, invoice).into_iter().filter(|difference| !beside(&difference.what)).collect()
}

/// Quantities and amounts by line of the purchase order; of lines that are none of ours by what the shop calls them.
fn lines_of(order: &Order, invoice: &Invoice) -> BTreeMap<String, (Decimal, Amount)> {
    let mut lines: BTreeMap<String, (Decimal, Amount)> = BTreeMap::new();
    for item in invoice.items.iter().flatten() {
        let line = order.items.iter().flatten().find(|line| line.item_id == item.order_item_id);
        let key = line.and_then(|line| line.ext_order_item_id.as_deref());
        let key = match key {
            Some(extra) if extra.contains("/apinv:") => extra.to_owned(),
            Some(release) => release.rsplit_once('/').map_or(release, |(line, _)| line).to_owned(),
            None => format!("item {}", item.order_item_id.unwrap_or_default()),
        };
        let amount = Amount { doc: number(item.row_total), base: number(item.base_row_total) };
        let entry = lines.entry(key).or_default();
        *entry = (entry.0 + number(item.qty), add(entry.1, amount));
    }
    lines.retain(|_, (quantity, amount)| !quantity.is_zero() || *amount != Amount::default());
    lines
}
