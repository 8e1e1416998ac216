//! An invoice cut into one part per purchase order.

use std::collections::{BTreeMap, BTreeSet};

use mlc_adobe::columns;
use mlc_model::{Amount, ApInvoice, ApInvoiceLine, PurchaseOrderRef};
use rust_decimal::Decimal;

use super::{
    amounts::{add, minus, share, sum},
    problem,
};
use crate::MappingProblem;

/// An invoice line that bills a quantity of an order line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartLine {
    /// Number within the invoice.
    pub number: i64,
    /// What it bills.
    pub at: PurchaseOrderRef,
    /// Pieces, above 0.
    pub quantity: Decimal,
    /// Amount of the line.
    pub extended: Amount,
}

/// An amount that no quantity of the order stands for: it becomes a line of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExtraLine {
    /// `ext_order_item_id` of that line.
    pub key: String,
    /// Number within the invoice; `None` for charges.
    pub number: Option<i64>,
    /// Product number to show.
    pub sku: String,
    /// What people read.
    pub name: String,
    /// Amount.
    pub amount: Amount,
}

/// What an invoice bills of one purchase order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvoicePart {
    /// Number of the purchase order.
    pub order: i64,
    /// Key of the line that charges become when the order's shipping has been invoiced before.
    pub charges_key: String,
    /// Lines with a quantity.
    pub lines: Vec<PartLine>,
    /// Lines without one.
    pub extras: Vec<ExtraLine>,
    /// Tax.
    pub tax: Amount,
    /// Charges beside the lines.
    pub charges: Amount,
}

impl InvoicePart {
    /// The sum of its lines.
    pub fn lines_total(&self) -> Amount {
        let lines = self.lines.iter().map(|line| line.extended);
        sum(lines.chain(self.extras.iter().map(|extra| extra.amount)))
    }

    /// What the shop's invoice has to come to.
    pub fn total(&self) -> Amount {
        add(add(self.lines_total(), self.tax), self.charges)
    }

    /// Numbers of the invoice lines in it.
    pub fn line_numbers(&self) -> BTreeSet<i64> {
        self.lines.iter().map(|line| line.number).chain(self.extras.iter().filter_map(|extra| extra.number)).collect()
    }
}

/// Why an invoice cannot be cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unfit {
    /// Its numbers contradict each other.
    Problem(MappingProblem),
    /// A person has to say where an amount belongs.
    Unmatched {
        /// In words.
        summary: String,
        /// Numbers and amounts.
        facts: BTreeMap<String, String>,
    },
}

/// Cuts an invoice. Tax and charges are shared by the parts' sums; the sum of the parts is the invoice's total in both currencies.
///
/// # Errors
/// See [`Unfit`].
pub fn split_invoice(invoice: &ApInvoice) -> Result<Vec<InvoicePart>, Unfit> {
    let orders = invoice.purchase_orders();
    let only = match orders.first() {
        Some(first) if orders.len() == 1 => Some(*first),
        _ => None,
    };
    let mut parts: BTreeMap<i64, InvoicePart> = orders.iter().map(|order| (*order, empty(invoice, *order))).collect();
    for line in &invoice.lines {
        in_cents("ExtCost", line.number, line.extended)?;
        let worthless = line.extended == Amount::default();
        let order = line.purchase_order.map(|at| at.order).or(only);
        match (line.purchase_order, order) {
            _ if line.quantity < Decimal::ZERO => return Err(returned(line)),
            (Some(at), _) if line.quantity > Decimal::ZERO => {
                let part = PartLine { number: line.number, at, quantity: line.quantity, extended: line.extended };
                parts.entry(at.order).or_insert_with(|| empty(invoice, at.order)).lines.push(part);
            }
            _ if worthless => {}
            (_, Some(order)) => {
                parts.entry(order).or_insert_with(|| empty(invoice, order)).extras.push(extra(invoice, line, order));
            }
            (_, None) => return Err(homeless(line, &orders)),
        }
    }
    // An order of which nothing is billed needs no invoice; with nothing at all the last one carries tax and charges.
    let mut kept: Vec<InvoicePart> =
        parts.into_values().filter(|part| !part.lines.is_empty() || !part.extras.is_empty()).collect();
    if kept.is_empty() {
        let summary = format!("Invoice {} bills no quantity and no amount of its orders", invoice.number);
        return Err(Unfit::Unmatched { summary, facts: BTreeMap::new() });
    }
    let (charges, rounding) = beside_lines(invoice)?;
    spread_rounding(&mut kept, rounding);
    let weights: Vec<Amount> = kept.iter().map(InvoicePart::lines_total).collect();
    let taxes = share(invoice.tax, &weights);
    let charges = share(charges, &weights);
    for ((part, tax), charges) in kept.iter_mut().zip(taxes).zip(charges) {
        (part.tax, part.charges) = (tax, charges);
    }
    let parts_total = sum(kept.iter().map(InvoicePart::total));
    if parts_total == invoice.total { Ok(kept) } else { Err(contradiction(invoice, parts_total)) }
}

fn empty(invoice: &ApInvoice, order: i64) -> InvoicePart {
    InvoicePart {
        order,
        charges_key: format!("{order}/apinv:{}:{}/charges", invoice.vendor_number, invoice.number),
        lines: Vec::new(),
        extras: Vec::new(),
        tax: Amount::default(),
        charges: Amount::default(),
    }
}

fn extra(invoice: &ApInvoice, line: &ApInvoiceLine, order: i64) -> ExtraLine {
    let text = |text: &Option<String>, default: &str| {
        let text = text.as_deref().map(str::trim).filter(|text| !text.is_empty()).unwrap_or(default);
        columns::fit(text, columns::TEXT).text
    };
    ExtraLine {
        key: format!("{order}/apinv:{}:{}/{}", invoice.vendor_number, invoice.number, line.number),
        number: Some(line.number),
        sku: text(&line.part, "AP-MISC"),
        name: text(&line.description, "Adjustment"),
        amount: line.extended,
    }
}

/// The shop rounds to two decimals; a third one could not be right in it.
fn in_cents(field: &str, line: i64, amount: Amount) -> Result<(), Unfit> {
    if amount.doc.normalize().scale() <= 2 && amount.base.normalize().scale() <= 2 {
        return Ok(());
    }
    let message = format!(
        "line {line} is {} ({} in base currency): the shop computes with two decimals, so it cannot be invoiced to the last one",
        amount.doc.normalize(),
        amount.base.normalize()
    );
    Err(Unfit::Problem(problem("TOO_MANY_DECIMALS", field, message)))
}

/// Charges of header and lines: what the total has beside lines and tax. And by how much the base amounts are off from rounding alone.
fn beside_lines(invoice: &ApInvoice) -> Result<(Amount, Decimal), Unfit> {
    let lines = sum(invoice.lines.iter().map(|line| line.extended));
    let rest = minus(minus(invoice.total, lines), invoice.tax);
    let of_lines: Decimal = invoice.lines.iter().map(|line| line.charges).sum();
    let told = add(lines, invoice.tax);
    let told = add(told, Amount { doc: of_lines, base: Decimal::ZERO });
    if rest.doc.is_zero() {
        let most = Decimal::new(1, 2) * Decimal::from(invoice.lines.len() + 1);
        return if rest.base.abs() <= most && of_lines.is_zero() {
            Ok((Amount::default(), rest.base))
        } else {
            Err(contradiction(invoice, told))
        };
    }
    if rest.doc < of_lines || rest.doc < Decimal::ZERO || rest.base < Decimal::ZERO {
        return Err(contradiction(invoice, told));
    }
    Ok((rest, Decimal::ZERO))
}

/// Epicor rounds each base amount by itself. The cent goes to the largest line, so that the total is right.
fn spread_rounding(parts: &mut [InvoicePart], rounding: Decimal) {
    let amounts = parts.iter_mut().flat_map(|part| {
        let lines = part.lines.iter_mut().map(|line| &mut line.extended);
        lines.chain(part.extras.iter_mut().map(|extra| &mut extra.amount))
    });
    if let Some(largest) = amounts.max_by_key(|amount| amount.base.abs()) {
        largest.base += rounding;
    }
}

fn contradiction(invoice: &ApInvoice, told: Amount) -> Unfit {
    let message = format!(
        "the invoice's total is {} ({} in base currency), but its lines, charges and tax come to {} ({}): correct it in Epicor, then replay",
        invoice.total.doc.normalize(),
        invoice.total.base.normalize(),
        told.doc.normalize(),
        told.base.normalize()
    );
    Unfit::Problem(problem("TOTAL_DIFFERS", "InvoiceAmt", message))
}

fn returned(line: &ApInvoiceLine) -> Unfit {
    let facts = BTreeMap::from([
        ("line".to_owned(), line.number.to_string()),
        ("quantity".to_owned(), line.quantity.normalize().to_string()),
        ("amount".to_owned(), line.extended.doc.normalize().to_string()),
    ]);
    let summary = format!("Line {} takes a quantity back, which an invoice of the shop cannot", line.number);
    Unfit::Unmatched { summary, facts }
}

fn homeless(line: &ApInvoiceLine, orders: &BTreeSet<i64>) -> Unfit {
    let names = orders.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let facts = BTreeMap::from([
        ("line".to_owned(), line.number.to_string()),
        ("amount".to_owned(), line.extended.doc.normalize().to_string()),
        ("purchase_orders".to_owned(), names),
    ]);
    let summary = format!(
        "Line {} names no purchase order, and the invoice bills several: it cannot be told whose it is",
        line.number
    );
    Unfit::Unmatched { summary, facts }
}
