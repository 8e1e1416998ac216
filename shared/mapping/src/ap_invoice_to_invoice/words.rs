//! Texts on an invoice of the shop: what it is found by, and its accounts.

use std::collections::BTreeMap;

use mlc_adobe::{Invoice, columns};
use mlc_model::{ApInvoice, ApInvoiceLine};

use super::{InvoiceRules, parts::InvoicePart};

/// Comments are kept in 65,535 bytes; what is longer is cut visibly.
const COMMENT_CHARACTERS: usize = 16_000;

/// The first line of the comment that every invoice of ours bears.
pub fn invoice_marker(invoice: &ApInvoice) -> String {
    format!("Epicor AP invoice {} (vendor {}, company {})", invoice.number, invoice.vendor_number, invoice.company)
}

/// Marker and accounts of the lines in this part, such as `line 1: 5000-10-200 105.00`.
pub fn invoice_comment(invoice: &ApInvoice, part: &InvoicePart, rules: &InvoiceRules) -> String {
    let numbers = part.line_numbers();
    let mut text = invoice_marker(invoice);
    for line in invoice.lines.iter().filter(|line| numbers.contains(&line.number)) {
        for gl in &line.gl {
            let amount = gl.amount.unwrap_or(line.extended).doc;
            let account = gl.joined(&rules.gl_segments, &rules.gl_separator);
            text.push_str(&format!("\nline {}: {account} {amount}", line.number));
        }
    }
    columns::fit(&text, COMMENT_CHARACTERS).text
}

/// Whether an invoice of the shop is the one of this number. The supplier's number alone is unique within that supplier only, so a comment
/// of ours that names another one counts against it.
pub fn is_ours(found: &Invoice, invoice: &ApInvoice) -> bool {
    let marker = invoice_marker(invoice);
    let first_lines =
        || found.comments.iter().flatten().filter_map(|comment| comment.comment.as_deref()?.lines().next());
    if first_lines().any(|line| line.trim_end() == marker.trim_end()) {
        return true;
    }
    let others = format!("Epicor AP invoice {} (vendor ", invoice.number);
    found.transaction_id.as_deref() == Some(invoice.number.as_str())
        && !first_lines().any(|line| line.starts_with(&others))
}

/// The accounts of what an invoice bills, by line of the purchase order and by key of the lines of their own.
pub fn accounts_by_line(invoice: &ApInvoice, part: &InvoicePart, rules: &InvoiceRules) -> BTreeMap<String, String> {
    let mut accounts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let coded = |number: i64| invoice.lines.iter().find(|line| line.number == number);
    let mut note = |key: String, line: Option<&ApInvoiceLine>| {
        for gl in line.iter().flat_map(|line| &line.gl) {
            let account = gl.joined(&rules.gl_segments, &rules.gl_separator);
            let known = accounts.entry(key.clone()).or_default();
            if !account.is_empty() && !known.contains(&account) {
                known.push(account);
            }
        }
    };
    for line in &part.lines {
        note(format!("{}/{}", line.at.order, line.at.line), coded(line.number));
    }
    for extra in &part.extras {
        note(extra.key.clone(), extra.number.and_then(coded));
    }
    accounts.into_iter().filter(|(_, all)| !all.is_empty()).map(|(key, all)| (key, all.join(", "))).collect()
}
