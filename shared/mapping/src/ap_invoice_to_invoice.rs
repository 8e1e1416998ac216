//! AP invoice → one invoice per order of the shop, planned so that the shop computes Epicor's amounts to the cent.
//!
//! The shop takes no amounts with an invoice: it works them out from the order. So the order is corrected first, by rules that were
//! measured, and the result is compared.

mod allocation;
mod amounts;
mod before;
mod comparison;
mod parts;
mod plan;
mod settling;
mod words;

use mlc_model::{ApInvoice, Fingerprint};
use rust_decimal::Decimal;
use serde::Serialize;

use crate::MappingProblem;

pub use allocation::Mismatch;
pub use before::OrderBefore;
pub use comparison::{InvoiceDifference, compare_entered_invoice, compare_invoice};
pub use parts::{ExtraLine, InvoicePart, PartLine, Unfit, split_invoice};
pub use plan::{InvoicePlan, PriceDifference, plan_invoice};
pub use settling::settle_order;
pub use words::{accounts_by_line, invoice_comment, invoice_marker, is_ours};

const OPERATION: &str = "map.ap_invoice_to_invoice";
/// The shop keeps amounts in `decimal(20,4)` and quantities in `decimal(12,4)`.
///
/// Source: database schema of the platform.
const LARGEST_AMOUNT: Decimal = Decimal::from_parts(1_316_134_911, 2_328, 0, false, 0);
const LARGEST_QUANTITY: Decimal = Decimal::from_parts(99_999_999, 0, 0, false, 0);

/// What the settings say about invoices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvoiceRules {
    /// A line may differ by this much from the order's price without a note, in the order's currency.
    pub tolerance: Decimal,
    /// A line that differs by more than this share of its amount, in percent, is for a person to decide.
    pub review_percent: Decimal,
    /// A line that differs by more than this amount is for a person to decide. `None` = no such limit.
    pub review_amount: Option<Decimal>,
    /// Segments that make up an account, in their order; empty = the account as people read it.
    pub gl_segments: Vec<u8>,
    /// What stands between them.
    pub gl_separator: String,
}

/// An invoice that never becomes one in the shop, but is for a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Memo {
    /// It takes money back.
    DebitMemo,
    /// It corrects or cancels another one, or its total is below zero.
    Correction,
}

/// Whether a person has to enter it in the shop, since the shop has no such thing.
pub fn memo_of(invoice: &ApInvoice) -> Option<Memo> {
    if invoice.debit_memo {
        return Some(Memo::DebitMemo);
    }
    let negative = invoice.total.doc < Decimal::ZERO || invoice.total.base < Decimal::ZERO;
    (invoice.correction || negative).then_some(Memo::Correction)
}

/// What is written for an invoice; nothing else decides whether it is written again.
#[derive(Serialize)]
struct Written<'a> {
    key: String,
    currency: &'a str,
    memo: bool,
    total: [Decimal; 2],
    tax: [Decimal; 2],
    lines: Vec<WrittenLine>,
}

#[derive(Serialize)]
struct WrittenLine {
    number: i64,
    order: Option<(i64, i64, i64)>,
    quantity: Decimal,
    extended: [Decimal; 2],
    accounts: Vec<String>,
}

/// The fingerprint of what is written for an invoice. `None`: it is not booked yet, or bills no purchase order.
///
/// # Errors
/// The field that stops it: no currency, a number that the shop cannot keep as it is, numbers beyond its columns.
pub fn invoice_fingerprint(invoice: &ApInvoice, rules: &InvoiceRules) -> Result<Option<Fingerprint>, MappingProblem> {
    if !invoice.posted || invoice.purchase_orders().is_empty() {
        return Ok(None);
    }
    let memo = memo_of(invoice).is_some();
    if !memo {
        check(invoice)?;
    }
    let both = |amount: mlc_model::Amount| [amount.doc.normalize(), amount.base.normalize()];
    let written = Written {
        key: invoice.key().to_string(),
        currency: invoice.currency.trim(),
        memo,
        total: both(invoice.total),
        tax: both(invoice.tax),
        lines: invoice
            .lines
            .iter()
            .map(|line| WrittenLine {
                number: line.number,
                order: line.purchase_order.map(|at| (at.order, at.line, at.release)),
                quantity: line.quantity.normalize(),
                extended: both(line.extended),
                accounts: line.gl.iter().map(|gl| gl.joined(&rules.gl_segments, &rules.gl_separator)).collect(),
            })
            .collect(),
    };
    Fingerprint::of(&written)
        .map(Some)
        .map_err(|defect| problem("NOT_JSON", "InvoiceNum", format!("the invoice cannot be stored: {defect}")))
}

fn check(invoice: &ApInvoice) -> Result<(), MappingProblem> {
    if invoice.currency.trim().is_empty() {
        return Err(problem(
            "CURRENCY_MISSING",
            "CurrencyCode",
            "the invoice has no currency: set it in Epicor, then replay",
        ));
    }
    let number = &invoice.number;
    let unkept = |c: char| c.is_control() || c.len_utf8() > 3;
    if number.trim().is_empty() || number.chars().any(unkept) {
        let message = "the shop cannot keep this invoice number as it is (empty, control characters or emoji), and would not find it \
            again: enter the invoice under a plain number in Epicor";
        return Err(problem("KEY_NOT_KEPT", "InvoiceNum", message));
    }
    let too_large = |amount: mlc_model::Amount| amount.doc.abs().max(amount.base.abs()) > LARGEST_AMOUNT;
    if too_large(invoice.total) || too_large(invoice.tax) {
        return Err(problem("TOO_LARGE", "InvoiceAmt", "the amount is beyond what the shop can hold"));
    }
    for line in &invoice.lines {
        if too_large(line.extended) || line.quantity.abs() > LARGEST_QUANTITY {
            let message = format!("amount or quantity of line {} is beyond what the shop can hold", line.number);
            return Err(problem("TOO_LARGE", "ExtCost", message));
        }
    }
    Ok(())
}

fn problem(code: &'static str, field: &str, message: impl Into<String>) -> MappingProblem {
    MappingProblem { operation: OPERATION, code, field: field.to_owned(), message: message.into() }
}
