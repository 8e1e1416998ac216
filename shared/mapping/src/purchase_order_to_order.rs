//! An Epicor purchase order as an order of a shop.
//!
//! One line of the order per release, so that every delivery keeps its own account, quantity and invoices. The shop works nothing out, so all
//! amounts are Epicor's: the lines' from `ExtCost`, shared by the releases to the cent, and they must add up to Epicor's total in both
//! currencies, or the order is refused.

mod create;
mod lines;
mod mirror;
mod notes;
mod party;
mod shares;
#[cfg(test)]
mod tests;

use mlc_adobe::columns;
use mlc_model::{Amount, Approval, OrderVendor, PurchaseOrder, Version};
use rust_decimal::Decimal;
use serde::Serialize;

pub use self::{
    lines::DraftLine,
    mirror::{Mirror, mirror, mirror_void},
    notes::Note,
};
use crate::MappingProblem;

const OPERATION: &str = "map.purchase_order_to_order";
/// Decimals that the shop keeps of an amount, price or quantity.
const DECIMALS: u32 = 4;

/// What the settings say about orders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderRules {
    /// Store that orders belong to.
    pub store_id: i64,
    /// Leave orders out that nobody has approved.
    pub approved_only: bool,
    /// Payment method of every order.
    pub payment_method: String,
    /// E-mail address of orders whose supplier has none; `None` refuses them.
    pub default_email: Option<String>,
    /// The company's currency, where Epicor does not tell it.
    pub base_currency: Option<String>,
    /// Numbers of the segments that make up an account; empty = as Epicor shows it.
    pub gl_segments: Vec<u8>,
    /// What stands between them.
    pub gl_separator: String,
    /// Custom attribute of lines that carries the account.
    pub gl_attribute: String,
}

/// A purchase order as the shop should show it. Equal contents serialise alike.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub enum OrderDraft {
    /// Called off: never made, and cancelled where it exists.
    Void(VoidOrder),
    /// All others.
    Live(Box<LiveOrder>),
}

/// An order that was called off.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct VoidOrder {
    /// The shop's number of it.
    pub increment_id: String,
    /// Ours beside that.
    pub ext_order_id: String,
}

/// An order that counts.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LiveOrder {
    /// The shop's number of it.
    pub increment_id: String,
    /// Company and number.
    pub ext_order_id: String,
    /// The vendor's number.
    pub ext_customer_id: String,
    /// Number of the purchase order.
    pub number: String,
    /// Store that it belongs to.
    pub store_id: i64,
    /// Payment method.
    pub payment_method: String,
    /// Closed in Epicor: nothing more is expected.
    pub closed: bool,
    /// The supplier as buyer of the shop's order.
    pub party: party::Party,
    /// Currency of the order.
    pub currency: String,
    /// The company's own.
    pub base_currency: String,
    /// Order currency per base currency.
    pub rate: Decimal,
    /// Lines, by line and release.
    pub lines: Vec<DraftLine>,
    /// Sum of the lines that count.
    pub subtotal: Amount,
    /// Taxes.
    pub tax: Amount,
    /// Charges beside the lines.
    pub shipping: Amount,
    /// All of it.
    pub total: Amount,
    /// Terms and the like, as they stand in the payment's information and in the history.
    pub facts: Vec<String>,
    /// Texts for the order's history.
    pub notes: Vec<Note>,
    /// Custom attribute of lines that carries the account.
    pub gl_attribute: String,
    /// What was changed so that the shop can keep it, without the text itself.
    #[serde(skip)]
    pub adapted: Vec<String>,
    /// What is odd about the order, but not wrong.
    #[serde(skip)]
    pub remarks: Vec<String>,
    /// The version at the source.
    #[serde(skip)]
    pub version: Version,
}

/// An Epicor purchase order as an order of a shop; `None` for one that nobody has approved, where only approved ones are wanted, unless it is
/// void.
///
/// # Errors
/// No supplier, no lines, a line without account, amounts that do not add up, a foreign currency without rate, no usable e-mail address, keys
/// that are too long: each names Epicor's column.
pub fn purchase_order_to_order(
    order: &PurchaseOrder,
    rules: &OrderRules,
) -> Result<Option<OrderDraft>, MappingProblem> {
    // An order loses its approval with its next edit, and voiding is one: what was sent before is called off all the same.
    if rules.approved_only && order.approval != Approval::Approved && !order.void {
        return Ok(None);
    }
    let increment_id = key("PONum", columns::INCREMENT_ID, order.increment_id())?;
    let ext_order_id = key("PONum", columns::EXT_ORDER_ID, format!("{}/{}", order.company, order.number))?;
    let nothing_counts = !order.lines.is_empty() && order.lines.iter().all(lines::is_void);
    if order.void || nothing_counts {
        return Ok(Some(OrderDraft::Void(VoidOrder { increment_id, ext_order_id })));
    }
    let ext_customer_id = key("VendorNum", columns::EXT_CUSTOMER_ID, vendor_number(&order.vendor)?.to_string())?;
    if order.lines.is_empty() {
        let message = "the order has no lines. Add its lines in Epicor, or void the order.";
        return Err(problem("LINES_MISSING", "PODetails", message));
    }
    let mut adapting = Adapting::default();
    let mut remarks = Vec::new();
    let (currency, base_currency) = currencies(order, rules)?;
    let mut drafted = lines::draft(order, rules, &mut adapting, &mut remarks)?;
    let subtotal = sum(drafted.iter().map(|line| line.row_total))?;
    let (tax, shipping) = (exact(order.tax, "TotalTax")?, exact(order.charges, "TotalMiscCharges")?);
    let total = sum([subtotal, tax, shipping])?;
    adds_up(order, total)?;
    lines::spread_tax(&mut drafted, tax);
    let party = party::party(order, rules, &mut adapting, &mut remarks)?;
    let facts = notes::facts(order, &remarks, &mut adapting);
    Ok(Some(OrderDraft::Live(Box::new(LiveOrder {
        increment_id,
        ext_order_id,
        ext_customer_id,
        number: key("PONum", columns::PO_NUMBER, order.number.to_string())?,
        store_id: rules.store_id,
        payment_method: rules.payment_method.clone(),
        closed: !order.open,
        party,
        rate: rate(order, total, currency == base_currency),
        currency,
        base_currency,
        lines: drafted,
        subtotal,
        tax,
        shipping,
        total,
        notes: notes::notes(order, &facts),
        facts,
        gl_attribute: rules.gl_attribute.clone(),
        adapted: adapting.told,
        remarks,
        version: order.version,
    }))))
}

fn vendor_number(vendor: &OrderVendor) -> Result<i64, MappingProblem> {
    match vendor.number {
        number if number > 0 => Ok(number),
        _ => Err(problem(
            "VENDOR_MISSING",
            "VendorNum",
            "the order has no supplier. Choose the supplier of the order in Epicor.",
        )),
    }
}

/// The currencies of order and company, checked against the amounts.
fn currencies(order: &PurchaseOrder, rules: &OrderRules) -> Result<(String, String), MappingProblem> {
    let currency = order.currency.trim().to_uppercase();
    if currency.is_empty() {
        return Err(problem("CURRENCY_MISSING", "CurrencyCode", "the order has no currency. Choose it in Epicor."));
    }
    let amounts = || {
        let lines = order.lines.iter().flat_map(|line| [line.extended, line.unit_cost]);
        lines.chain([order.tax, order.charges, order.total])
    };
    let told = order.base_currency.as_ref().or(rules.base_currency.as_ref()).map(|code| code.trim().to_uppercase());
    let base = match told.filter(|code| !code.is_empty()) {
        Some(code) => code,
        None if amounts().all(|amount| amount.doc == amount.base) => currency.clone(),
        None => {
            let message = "Epicor does not tell the company's own currency, and the order is in a foreign one. \
                           Set `base_currency` in the flow's section `purchase_orders`.";
            return Err(problem("BASE_CURRENCY_UNKNOWN", "BaseCurrencyID", message));
        }
    };
    if currency != base {
        let no_rate = order.exchange_rate <= Decimal::ZERO;
        let no_base = amounts().any(|amount| !amount.doc.is_zero() && amount.base.is_zero() && amount.doc >= CENT);
        if no_rate || no_base {
            let message = format!(
                "the order is in {currency} and has no {}, so its amounts in {base} are not known. \
                 Enter the exchange rate of the order in Epicor.",
                if no_rate { "exchange rate" } else { "amounts in the company's own currency" }
            );
            return Err(problem("RATE_MISSING", "ExchangeRate", message));
        }
    }
    Ok((currency, base))
}

/// Below it a converted amount may well be nothing.
const CENT: Decimal = Decimal::from_parts(1, 0, 0, false, 2);

/// Order currency per base currency, from the amounts: Epicor's own figure may be meant either way.
fn rate(order: &PurchaseOrder, total: Amount, same: bool) -> Decimal {
    let of_amounts = || total.doc.checked_div(total.base).filter(|rate| !rate.is_zero());
    let of_epicor = || Decimal::ONE.checked_div(order.exchange_rate);
    let rate = if same { None } else { of_amounts().or_else(of_epicor) };
    rate.map_or(Decimal::ONE, |rate| shares::round(rate, DECIMALS).normalize())
}

fn adds_up(order: &PurchaseOrder, total: Amount) -> Result<(), MappingProblem> {
    for (field, ours, theirs, in_currency) in [
        ("DocTotalOrder", total.doc, order.total.doc, "the order's currency"),
        ("TotalOrder", total.base, order.total.base, "the company's own currency"),
    ] {
        if ours != theirs {
            let message = format!(
                "lines, taxes and charges add up to {} in {in_currency}, but Epicor's total is {}. \
                 Let Epicor compute the order's totals anew.",
                ours.normalize(),
                theirs.normalize()
            );
            // One name for both: a person looks for the total.
            let code = if field == "TotalOrder" { "BASE_TOTAL_DIFFERS" } else { "TOTAL_DIFFERS" };
            return Err(problem(code, "TotalOrder", message));
        }
    }
    Ok(())
}

/// An amount that the shop can keep digit by digit.
fn exact(amount: Amount, field: &str) -> Result<Amount, MappingProblem> {
    for value in [amount.doc, amount.base] {
        if value.normalize().scale() > DECIMALS || value.abs() >= LARGEST {
            let message =
                format!("the amount has more digits than the shop keeps, which are {DECIMALS} after the point.");
            return Err(problem("AMOUNT_TOO_FINE", field, message));
        }
    }
    Ok(amount)
}

/// The shop keeps 16 digits before the point.
const LARGEST: Decimal = Decimal::from_parts(0x6FC1_0000, 0x0023_86F2, 0, false, 0);

fn sum(amounts: impl IntoIterator<Item = Amount>) -> Result<Amount, MappingProblem> {
    amounts.into_iter().try_fold(Amount::default(), Amount::checked_add).ok_or_else(|| {
        problem("AMOUNT_TOO_LARGE", "TotalOrder", "the order's amounts are larger than can be computed with.")
    })
}

/// Keys are never cut: a cut key is another key.
fn key(field: &str, limit: usize, text: String) -> Result<String, MappingProblem> {
    let fitted = columns::fit(&text, limit);
    if fitted.cut || fitted.replaced {
        let message =
            format!("the shop cannot keep this key: it has room for {limit} characters, and none beyond 3 bytes.");
        return Err(problem("KEY_TOO_LONG", field, message));
    }
    Ok(text)
}

fn problem(code: &'static str, field: &str, message: impl Into<String>) -> MappingProblem {
    MappingProblem { operation: OPERATION, code, field: field.to_owned(), message: message.into() }
}

/// Fits texts into the shop's columns and tells which, never what stood there.
#[derive(Debug, Default)]
struct Adapting {
    told: Vec<String>,
}

impl Adapting {
    fn fit(&mut self, text: &str, characters: usize, what: &str) -> String {
        let fitted = columns::fit(text, characters);
        if fitted.cut {
            self.told.push(format!("{what} was cut to {characters} characters"));
        }
        if fitted.replaced {
            self.told.push(format!("{what} had characters that the shop cannot keep: each became ?"));
        }
        fitted.text
    }
}
