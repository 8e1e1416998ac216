//! An invoice made in the shop on a mirrored purchase order as an AP invoice.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use mlc_adobe::{Invoice, Order, OrderLine, wire::Amount};
use mlc_model::{
    CompanyCode, GlCoding, NewApInvoice, NewApInvoiceLine, PurchaseOrderRef, order_increment_prefix, round_half_up,
};
use rust_decimal::Decimal;
use serde::Deserialize;

use crate::{
    MappingProblem,
    shop_order_to_requisition::day,
    text::{cut, filled, one_line},
};

const OPERATION: &str = "map.shop_invoice_to_ap_invoice";
/// `APInvHed.InvoiceNum`, in characters. A key, so it is never cut.
const INVOICE_NUMBER: usize = 50;
/// `APInvDtl.Description`, in characters.
const DESCRIPTION: usize = 1000;
/// Decimals of amounts in a document.
const DECIMALS: u32 = 2;

/// What the settings say about invoices to enter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InvoiceEntryRules {
    /// Group to enter them in.
    pub group: String,
    /// What stands before the shop's number.
    pub number_prefix: String,
    /// Accounts by product number, or its beginning with a `*` behind it; the first that fits counts. The words `shipping` and `tax`
    /// stand for those two lines.
    pub accounts: Vec<(String, Vec<String>)>,
    /// Account of lines that carry none and that no rule fits; empty = what Epicor's GL controls give.
    pub default_account: Vec<String>,
}

/// What we wrote on a line of the order when it was mirrored, as far as it matters here.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct LineData {
    epicor: LineFacts,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct LineFacts {
    vendor_number: Option<i64>,
    gl_segments: Segments,
}

/// Segments by their number, or in their order.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Segments {
    ByNumber(BTreeMap<String, String>),
    InOrder(Vec<String>),
}

impl Default for Segments {
    fn default() -> Self {
        Self::InOrder(Vec::new())
    }
}

/// The AP invoice for an invoice of the shop on the mirrored purchase order `purchase_order`. `today` is only for an invoice that the shop
/// does not date.
///
/// Each line bills the release that its order line stands for. Shipping and tax become lines without purchase order. Accounts come from the
/// order's line, else from the rules, else from Epicor.
///
/// # Errors
/// [`MappingProblem`] for a line that stands for no release of the purchase order, a supplier that nobody names, a number beyond Epicor's
/// column (keys are never cut), and amounts that do not add up to the total.
pub fn shop_invoice_to_ap_invoice(
    invoice: &Invoice,
    order: &Order,
    purchase_order: i64,
    rules: &InvoiceEntryRules,
    today: NaiveDate,
) -> Result<NewApInvoice, MappingProblem> {
    let number = ap_invoice_number(invoice, rules)?;
    let items = invoice.items.as_deref().unwrap_or_default();
    let mut lines = Vec::with_capacity(items.len() + 2);
    let mut vendor_number = vendor_of_order(order);
    for item in items {
        let quantity = item.qty.unwrap_or_default().0;
        if quantity.is_zero() {
            continue;
        }
        let ordered = item.order_item_id.and_then(|id| line_of(order, id));
        let place = ordered.and_then(|line| place(line.ext_order_item_id.as_deref()?));
        let (Some(ordered), Some(place)) = (ordered, place.filter(|place| place.order == purchase_order)) else {
            let id = item.order_item_id.unwrap_or_default();
            let text = format!(
                "order line {id} of the invoice stands for no line of purchase order {purchase_order}. Enter this invoice in Epicor by hand"
            );
            return Err(problem("LINE_WITHOUT_PURCHASE_ORDER", "items.ext_order_item_id", text));
        };
        let facts = facts(ordered);
        vendor_number = vendor_number.or(facts.vendor_number);
        let sku = filled(item.sku.as_deref()).or(filled(ordered.sku.as_deref())).unwrap_or_default();
        let name = filled(item.name.as_deref()).or(filled(ordered.name.as_deref())).unwrap_or(sku);
        let Some(extended) = amount_of(item) else {
            return Err(problem(
                "AMOUNT_MISSING",
                "items.row_total",
                "a line of the invoice has no amount in the shop",
            ));
        };
        lines.push(NewApInvoiceLine {
            purchase_order: Some(place),
            part: one_line(sku),
            description: cut(&one_line(name), DESCRIPTION).0,
            quantity: Some(quantity.normalize()),
            extended,
            gl: account(&facts.gl_segments).or_else(|| ruled(sku, rules)),
        });
    }
    if lines.is_empty() {
        return Err(problem("NO_ITEMS", "items", "the invoice has no lines in the shop: nothing can be entered"));
    }
    for (word, name, amount) in [("shipping", "Shipping", invoice.shipping_amount), ("tax", "Tax", invoice.tax_amount)]
    {
        let extended = rounded(amount);
        if !extended.is_zero() {
            lines.push(NewApInvoiceLine {
                purchase_order: None,
                part: word.to_owned(),
                description: name.to_owned(),
                quantity: None,
                extended,
                gl: ruled(word, rules),
            });
        }
    }
    let total = rounded(invoice.grand_total);
    let sum = lines.iter().try_fold(Decimal::ZERO, |sum, line| sum.checked_add(line.extended));
    if sum != Some(total) {
        let text = format!(
            "lines, shipping and tax of the shop's invoice add up to {}, its total says {total}, such as with a discount. Enter this \
             invoice in Epicor by hand",
            sum.unwrap_or_default()
        );
        return Err(problem("TOTAL_DIFFERS", "grand_total", text));
    }
    let Some(vendor_number) = vendor_number else {
        let text = "neither the order nor its lines name the supplier's number in Epicor. Let the purchase order be carried over again, then replay";
        return Err(problem("VENDOR_MISSING", "ext_customer_id", text));
    };
    Ok(NewApInvoice {
        vendor_number,
        // The purchase order on the header brings its supplier with it.
        vendor_code: String::new(),
        number,
        group: rules.group.clone(),
        header_order: Some(purchase_order),
        invoiced: day(invoice.created_at.as_deref()).unwrap_or(today),
        total,
        lines,
    })
}

/// The supplier's number of an invoice of the shop.
///
/// # Errors
/// [`MappingProblem`] for an invoice without number, or one that is too long with the prefix.
pub fn ap_invoice_number(invoice: &Invoice, rules: &InvoiceEntryRules) -> Result<String, MappingProblem> {
    let number = filled(invoice.increment_id.as_deref())
        .ok_or_else(|| problem("INVOICE_NUMBER_MISSING", "increment_id", "the invoice has no number in the shop"))?;
    let number = format!("{}{number}", rules.number_prefix);
    if number.chars().count() > INVOICE_NUMBER {
        let text = format!(
            "`{number}` is longer than the {INVOICE_NUMBER} characters that Epicor keeps. Make number_prefix shorter in the settings and replay"
        );
        return Err(problem("NUMBER_TOO_LONG", "increment_id", text));
    }
    Ok(number)
}

/// The comment by which an invoice of the shop shows which AP invoice it is.
pub fn ap_invoice_marker(company: &CompanyCode, vendor_number: i64, number: &str) -> String {
    format!("Epicor AP invoice {number} (vendor {vendor_number}, company {company})")
}

/// Whether a comment is such a marker, whatever invoice it names.
pub fn is_ap_invoice_marker(comment: &str) -> bool {
    comment.trim_start().starts_with("Epicor AP invoice ") && comment.contains("(vendor ")
}

/// The purchase order that an order of the shop mirrors: `EPIC06-PO-50231` → 50231.
pub fn mirrored_purchase_order(increment_id: &str, company: &CompanyCode) -> Option<i64> {
    let prefix = order_increment_prefix(company);
    let text = increment_id.trim();
    let (start, number) = text.split_at_checked(prefix.len())?;
    let is_number = !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit());
    (start.eq_ignore_ascii_case(&prefix) && is_number).then(|| number.parse().ok()).flatten()
}

fn line_of(order: &Order, item_id: i64) -> Option<&OrderLine> {
    order.items.iter().flatten().find(|line| line.item_id == Some(item_id))
}

/// `50231/1/2` → order, line, release.
fn place(key: &str) -> Option<PurchaseOrderRef> {
    let mut parts = key.trim().split('/').map(|part| part.parse::<i64>().ok());
    let place = PurchaseOrderRef { order: parts.next()??, line: parts.next()??, release: parts.next()?? };
    (parts.next().is_none() && place.line > 0 && place.release >= 0).then_some(place)
}

/// `1042`, or `EPIC06-V-1042`.
fn vendor_of_order(order: &Order) -> Option<i64> {
    let text = order.ext_customer_id.as_deref()?.trim();
    let number = text.rsplit_once("-V-").map_or(text, |(_, number)| number);
    number.parse().ok().filter(|number| *number > 0)
}

/// A text that is not ours says nothing.
fn facts(line: &OrderLine) -> LineFacts {
    let text = line.additional_data.as_deref().unwrap_or_default();
    serde_json::from_str::<LineData>(text).unwrap_or_default().epicor
}

/// Of the invoice, not of the order: there, some versions show the unit price instead.
fn amount_of(item: &mlc_adobe::wire::InvoiceItem) -> Option<Decimal> {
    let computed = || item.price?.0.checked_mul(item.qty?.0);
    Some(round_half_up(item.row_total.map(|amount| amount.0).or_else(computed)?, DECIMALS))
}

fn rounded(amount: Option<Amount>) -> Decimal {
    round_half_up(amount.unwrap_or_default().0, DECIMALS)
}

fn account(segments: &Segments) -> Option<GlCoding> {
    let segments: BTreeMap<u8, String> = match segments {
        Segments::ByNumber(map) => {
            map.iter().filter_map(|(number, value)| Some((number.parse().ok()?, value.clone()))).collect()
        }
        Segments::InOrder(list) => (1..).zip(list.iter().cloned()).collect(),
    };
    let filled: BTreeMap<u8, String> = segments.into_iter().filter(|(_, value)| !value.trim().is_empty()).collect();
    (!filled.is_empty()).then(|| GlCoding {
        account: GlCoding::account_of(&filled),
        segments: filled,
        ..GlCoding::default()
    })
}

fn ruled(sku: &str, rules: &InvoiceEntryRules) -> Option<GlCoding> {
    let fits = |pattern: &str| match pattern.strip_suffix('*') {
        Some(start) => sku.get(..start.len()).is_some_and(|head| head.eq_ignore_ascii_case(start)),
        None => sku.eq_ignore_ascii_case(pattern),
    };
    let rule = rules.accounts.iter().find(|(pattern, _)| fits(pattern.trim())).map(|(_, segments)| segments);
    account(&Segments::InOrder(rule.unwrap_or(&rules.default_account).clone()))
}

fn problem(code: &'static str, field: &str, message: impl Into<String>) -> MappingProblem {
    MappingProblem { operation: OPERATION, code, field: field.to_owned(), message: message.into() }
}
