//! AP invoices at the shop: one invoice per purchase order that the lines name.
//!
//! Everything is looked at before anything is written; what cannot be right goes to a person. Each part can be repeated: an invoice that
//! bears our marker is never made a second time.

mod before;
mod desk;
mod differences;
mod part;

use chrono::TimeDelta;
use mlc_adobe::{Invoice, Order};
use mlc_flow::PushRecord;
use mlc_ledger::ReviewKind;
use mlc_mapping::{
    InvoicePart, InvoicePlan, InvoiceRules, Mismatch, PriceDifference, Unfit, invoice_fingerprint, memo_of,
    split_invoice,
};
use mlc_model::{ApInvoice, Fault, Fingerprint, TargetId};
use mlc_queue::JobContext;

use self::desk::Desk;
use super::{Landed, ShopRules};
use crate::context::Context;

const OPERATION: &str = "epicor_to_adobe.ap_invoices";
/// Code of the dead letter of an invoice whose order never came.
const ORDER_MISSING: &str = "ORDER_MISSING";
/// First look after so long; each further one waits twice as long, up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: TimeDelta = TimeDelta::milliseconds(500);
const LONGEST_PAUSE: TimeDelta = TimeDelta::minutes(5);
/// Ids at a target have at most 128 characters.
const TARGET_LENGTH: usize = 110;

pub(super) fn judge(invoice: &ApInvoice, rules: &ShopRules) -> Result<Option<Fingerprint>, Fault> {
    Ok(invoice_fingerprint(invoice, &invoice_rules(rules))?)
}

/// The purchase orders that an invoice's lines name.
pub(super) fn touched_orders(invoice: &ApInvoice) -> Vec<mlc_model::RecordKey> {
    let key = |number: i64| {
        mlc_model::RecordKey::new(&invoice.company, mlc_model::RecordKind::PurchaseOrder, &number.to_string())
    };
    invoice.purchase_orders().into_iter().map(key).collect()
}

/// How one part stands before anything is written.
pub(super) enum Standing {
    /// Its invoice is there and right.
    There { order: Box<Order>, invoice: Box<Invoice> },
    /// Its invoice can be made.
    Ready { order: Box<Order>, plan: Box<InvoicePlan> },
    /// Its order is not there.
    NoOrder { number: String },
    /// Its order has no room for it; it may not be up to date yet.
    NoRoom { order_id: i64, number: String, mismatch: Mismatch },
    /// A person has to decide; it was noted.
    OnReview,
}

pub(super) async fn write(
    context: &Context,
    job: &PushRecord,
    run: &JobContext,
    rules: &ShopRules,
    invoice: &ApInvoice,
) -> Result<Landed, Fault> {
    let invoice_rules = invoice_rules(rules);
    let Some(fingerprint) = invoice_fingerprint(invoice, &invoice_rules)? else { return Ok(Landed::LeftOut) };
    let client = context.adobe(&job.to).await?;
    let desk = Desk { context, client, job, run, rules: invoice_rules, invoice, version: fingerprint.to_string() };
    if let Some(memo) = memo_of(invoice) {
        desk.put_back_all().await?;
        desk.raise_memo(memo).await?;
        return Ok(Landed::OnReview);
    }
    let parts = match split_invoice(invoice) {
        Ok(parts) => parts,
        Err(Unfit::Problem(problem)) => {
            desk.put_back_all().await?;
            return Err(problem.into());
        }
        Err(Unfit::Unmatched { summary, facts }) => {
            desk.put_back_all().await?;
            desk.raise(ReviewKind::Unmatched, "lines", summary, facts).await?;
            return Ok(Landed::OnReview);
        }
    };
    let mut standings = Vec::with_capacity(parts.len());
    for part in &parts {
        standings.push(Box::pin(desk.look(part)).await?);
    }
    if standings.iter().any(|standing| matches!(standing, Standing::OnReview)) {
        Box::pin(leave(&desk, &parts, &standings)).await?;
        return Ok(Landed::OnReview);
    }
    let large: Vec<&PriceDifference> = standings
        .iter()
        .filter_map(|standing| if let Standing::Ready { plan, .. } = standing { Some(&plan.differences) } else { None })
        .flatten()
        .filter(|difference| difference.is_for_review(&desk.rules))
        .collect();
    if !large.is_empty() && desk.raise_prices(&large).await? {
        Box::pin(leave(&desk, &parts, &standings)).await?;
        return Ok(Landed::OnReview);
    }
    // On the heap, as every larger step here: their frames would add up on the worker's stack.
    Box::pin(carry_out(&desk, &parts, standings)).await
}

/// Nothing half done is left while a person decides: an earlier run may have made some of the invoices, an earlier version may have
/// corrected orders.
async fn leave(desk: &Desk<'_>, parts: &[InvoicePart], standings: &[Standing]) -> Result<(), Fault> {
    for (part, standing) in parts.iter().zip(standings) {
        match standing {
            Standing::There { order, invoice } => drop(Box::pin(desk.complete(part, order, invoice)).await?),
            Standing::Ready { order, .. } => desk.put_back_of(part, order).await?,
            Standing::NoRoom { order_id, number, .. } => desk.put_back(*order_id, number).await?,
            Standing::NoOrder { .. } | Standing::OnReview => {}
        }
    }
    Ok(())
}

async fn carry_out(desk: &Desk<'_>, parts: &[InvoicePart], standings: Vec<Standing>) -> Result<Landed, Fault> {
    let (mut ids, mut created) = (Vec::new(), false);
    let (mut missing, mut no_room) = (Vec::new(), Vec::new());
    for (part, standing) in parts.iter().zip(standings) {
        match standing {
            Standing::There { order, invoice } => ids.push(Box::pin(desk.complete(part, &order, &invoice)).await?),
            Standing::Ready { order, plan } => {
                ids.push(Box::pin(desk.invoice(part, *order, *plan)).await?);
                created = true;
            }
            Standing::NoOrder { number } => missing.push(number),
            Standing::NoRoom { order_id, number, mismatch } => no_room.push((order_id, number, mismatch)),
            Standing::OnReview => return Ok(Landed::OnReview),
        }
    }
    let waited_for = missing.first().or(no_room.first().map(|(_, number, _)| number));
    let Some(thing) = waited_for else {
        return Ok(Landed::Written { target: target_of(&ids)?, created, then: Vec::new() });
    };
    if let Some(pause) = desk.pause() {
        return Ok(Landed::Waits { thing: format!("order {thing}"), pause });
    }
    if !missing.is_empty() {
        return Err(desk.order_missing(&missing));
    }
    for (order_id, number, Mismatch { summary, mut facts }) in no_room {
        // There may have been room when the order was corrected for it.
        desk.put_back(order_id, &number).await?;
        facts.insert("order".to_owned(), number.clone());
        desk.raise(ReviewKind::Unmatched, &number, summary, facts).await?;
    }
    Ok(Landed::OnReview)
}

/// The shop's invoices, joined by `+`. An id at the target has a limit: of very many, the number of the rest stands at the end.
fn target_of(ids: &[i64]) -> Result<TargetId, Fault> {
    let mut text = String::new();
    for (at, id) in ids.iter().enumerate() {
        let more = format!("{}{id}", if at == 0 { "" } else { "+" });
        if text.len() + more.len() > TARGET_LENGTH {
            text.push_str(&format!("+{}-more", ids.len() - at));
            break;
        }
        text.push_str(&more);
    }
    TargetId::parse(&text).map_err(|defect| Fault::defect(OPERATION, defect.to_string()))
}

fn invoice_rules(rules: &ShopRules) -> InvoiceRules {
    let options = &rules.settings.ap_invoices;
    InvoiceRules {
        tolerance: options.tolerance,
        review_percent: options.review_percent,
        review_amount: options.review_amount,
        gl_segments: options.gl.segments.clone(),
        gl_separator: options.gl.separator.clone(),
    }
}
