//! Invoices made in the shop on mirrored purchase orders as AP invoices.
//!
//! Read the shop's invoice, enter it in Epicor one save at a time, then mark the shop's invoice with Epicor's number: by that the other
//! direction knows it when it is posted, and makes no second one.

use chrono::TimeDelta;
use mlc_adobe::{AdobeClient, Invoice, fault::code};
use mlc_epicor::{ApInvoiceProgress, EpicorClient};
use mlc_flow::{CreateApInvoice, InvoiceStep};
use mlc_ledger::Action;
use mlc_mapping::{
    InvoiceEntryRules, ap_invoice_marker, is_ap_invoice_marker, mirrored_purchase_order, shop_invoice_to_ap_invoice,
};
use mlc_model::{CompanyCode, Fault, FaultKind, NewApInvoice, RecordKey, RecordKind, TargetId};
use mlc_queue::{JobContext, Order, Outcome, SnoozeReason};
use mlc_runtime::settings::InvoiceEntryOptions;

use super::entry::{Entry, with_cure};
use crate::{context::Context, shop_invoices::entered_from_shop};

/// The name under which the progress of an invoice is kept.
const KEPT: &str = "ap_invoice";
/// The calls that tell what became of it.
const TELLING: [&str; 1] = ["ap_invoices.update_master"];
/// While Epicor's lane is full.
const BACKPRESSURE_PAUSE: TimeDelta = TimeDelta::seconds(5);
/// What people are told to look at.
const SECTION: &str = "the section `invoices` of the flow";

/// Carries out one step.
///
/// # Errors
/// Any fault of a call; the same step may go again.
pub(crate) async fn step(context: &Context, job: &CreateApInvoice, run: &JobContext) -> Result<Outcome, Fault> {
    let company = &context.epicor_settings(&job.to)?.company;
    let key = RecordKey::new(company, RecordKind::ShopInvoice, &job.invoice_id.to_string());
    let entry = Entry::new(context, &job.flow, run, key);
    let outcome = match &job.step {
        InvoiceStep::Read => read(&entry, job, company).await,
        InvoiceStep::Write(invoice) => {
            // Epicor locks a group for whoever works in it, and one end of work frees it: two invoices side by side would disturb each other.
            let group = RecordKey::from_text(&format!("{company}:APGROUP:{}", invoice.group.trim()));
            let work = async || entry.told(invoice, &TELLING, Box::pin(write(&entry, job, company, invoice))).await;
            entry.leased(&[group], work).await
        }
        InvoiceStep::Mark { number, vendor_number } => {
            entry.leased(&[], async || mark(&entry, job, company, number, *vendor_number).await).await
        }
    };
    entry.settled(outcome).await
}

async fn read(entry: &Entry<'_>, job: &CreateApInvoice, company: &CompanyCode) -> Result<Outcome, Fault> {
    let context = entry.context;
    if entry.is_there().await? {
        entry.count("unchanged");
        return Ok(Outcome::done());
    }
    let options = &context.flow(&job.flow)?.invoices;
    if context.lane_is_full(&job.to).await? {
        return Ok(entry.again(BACKPRESSURE_PAUSE, SnoozeReason::Backpressure));
    }
    let client = context.adobe(&job.from).await?;
    let invoice = match client.invoice(job.invoice_id).await {
        Ok(invoice) => invoice,
        Err(fault) if fault.code.as_deref() == Some(code::NOT_FOUND) => {
            if let Some(waiting) = entry.waits("the invoice in the shop", job.accepted_at, options.invoice_wait) {
                return Ok(waiting);
            }
            let wait = options.invoice_wait.as_secs();
            return entry.dropped(format!("announced, but not found in the shop within {wait} s")).await;
        }
        Err(fault) => return Err(fault),
    };
    if is_in_epicor(&client, job.invoice_id, &invoice).await? {
        entry.count("echo");
        return Ok(Outcome::done());
    }
    if invoice.state == Some(Invoice::CANCELED) {
        return entry.dropped("the invoice is canceled in the shop").await;
    }
    let order = match invoice.order_id {
        Some(order_id) => client.order_if_there(order_id).await?,
        None => None,
    };
    let mirrored = order.as_ref().and_then(|order| mirrored_purchase_order(order.increment_id.as_deref()?, company));
    let (Some(order), Some(purchase_order)) = (order, mirrored) else {
        entry.note(Action::Excluded, "its order mirrors no purchase order of this company: it bills a shopper").await?;
        entry.count("excluded");
        return Ok(Outcome::done());
    };
    let today = context.clock.now().date_naive();
    let entered = shop_invoice_to_ap_invoice(&invoice, &order, purchase_order, &rules(options), today)?;
    follow(entry, job, InvoiceStep::Write(Box::new(entered)))
}

fn rules(options: &InvoiceEntryOptions) -> InvoiceEntryRules {
    InvoiceEntryRules {
        group: options.group.clone(),
        number_prefix: options.number_prefix.clone(),
        accounts: options.accounts.iter().map(|rule| (rule.sku.clone(), rule.segments.clone())).collect(),
        default_account: options.default_account.clone(),
    }
}

/// Whether it came from Epicor, or went there: it bears a number or a marker.
async fn is_in_epicor(client: &AdobeClient, invoice_id: i64, invoice: &Invoice) -> Result<bool, Fault> {
    if invoice.transaction_id.as_deref().is_some_and(|number| !number.trim().is_empty()) {
        return Ok(true);
    }
    Ok(comments(client, invoice_id, invoice).await?.iter().any(|comment| is_ap_invoice_marker(comment)))
}

/// Some versions leave comments out of the invoice.
async fn comments(client: &AdobeClient, invoice_id: i64, invoice: &Invoice) -> Result<Vec<String>, Fault> {
    let comments = match &invoice.comments {
        Some(comments) if !comments.is_empty() => comments.clone(),
        _ => client.invoice_comments(invoice_id).await?,
    };
    Ok(comments.into_iter().filter_map(|comment| comment.comment).collect())
}

async fn write(
    entry: &Entry<'_>,
    job: &CreateApInvoice,
    company: &CompanyCode,
    invoice: &NewApInvoice,
) -> Result<Outcome, Fault> {
    let then = InvoiceStep::Mark { number: invoice.number.clone(), vendor_number: invoice.vendor_number };
    // Written before, and perhaps not marked: marking looks before it writes.
    if entry.is_there().await? || !entry.begin().await? {
        entry.count("unchanged");
        return follow(entry, job, then);
    }
    let context = entry.context;
    // From its posting on the other direction may meet it before the mark stands in the shop.
    let number = format!("{}/{}", invoice.vendor_number, invoice.number);
    let posted = RecordKey::new(company, RecordKind::ApInvoice, &number);
    entered_from_shop(context, (&job.to, &job.from), &posted, job.invoice_id).await?;
    let client = context.epicor(&job.to).await?;
    let mut at = entry.progress::<ApInvoiceProgress>(KEPT).await?.unwrap_or(ApInvoiceProgress::Nothing);
    while at != ApInvoiceProgress::Done {
        at = match client.next_ap_invoice_step(invoice, at).await {
            Ok(next) => next,
            Err(fault) => {
                free_group(&client, invoice, at, &fault).await;
                return Err(with_cure(fault, SECTION));
            }
        };
        entry.keep(KEPT, &at).await?;
        if entry.is_long() && at != ApInvoiceProgress::Done {
            return Ok(entry.again(TimeDelta::zero(), SnoozeReason::WaitsFor("its next lines".to_owned())));
        }
    }
    entry.delivered(TargetId::parse(&number).ok()).await?;
    entry.forget(KEPT).await?;
    follow(entry, job, then)
}

/// A refused invoice may wait for days; people need the group meanwhile. Freeing it is a courtesy, so its failure is not told.
async fn free_group(client: &EpicorClient, invoice: &NewApInvoice, at: ApInvoiceProgress, fault: &Fault) {
    let is_final = matches!(fault.kind, FaultKind::Rejected | FaultKind::Defect);
    let is_theirs = fault.message.to_lowercase().contains("locked");
    if is_final && !is_theirs && at != ApInvoiceProgress::Nothing {
        let _ = client.next_ap_invoice_step(invoice, ApInvoiceProgress::GlSaved).await;
    }
}

async fn mark(
    entry: &Entry<'_>,
    job: &CreateApInvoice,
    company: &CompanyCode,
    number: &str,
    vendor_number: i64,
) -> Result<Outcome, Fault> {
    let client = entry.context.adobe(&job.from).await?;
    let invoice = client.invoice(job.invoice_id).await?;
    let marker = ap_invoice_marker(company, vendor_number, number);
    if !comments(&client, job.invoice_id, &invoice).await?.contains(&marker) {
        client.comment_invoice(job.invoice_id, &marker).await?;
    }
    if invoice.transaction_id.as_deref() != Some(number) {
        client.set_invoice_transaction(&invoice, number).await?;
    }
    Ok(Outcome::done())
}

fn follow(entry: &Entry<'_>, job: &CreateApInvoice, step: InvoiceStep) -> Result<Outcome, Fault> {
    let next = CreateApInvoice { step, ..job.clone() };
    Ok(Outcome::then(vec![Order::of(&next)?.priority(entry.run.priority)]))
}
