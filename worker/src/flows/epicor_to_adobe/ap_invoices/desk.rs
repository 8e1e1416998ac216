//! What one run knows of its invoice, and what it tells people.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use mlc_adobe::AdobeClient;
use mlc_flow::PushRecord;
use mlc_ledger::{Action, AuditNote, NewReview, ReviewKind};
use mlc_mapping::{InvoiceDifference, InvoiceRules, Memo, PriceDifference};
use mlc_model::{ApInvoice, Fault, FaultKind, System};
use mlc_queue::JobContext;

use super::{
    FIRST_PAUSE, LONGEST_PAUSE, OPERATION, ORDER_MISSING,
    differences::{Differences, in_words},
};
use crate::context::Context;

/// Facts of one item are bounded; an invoice may have a thousand lines.
const FACTS_LIMIT: usize = 100;

pub(super) struct Desk<'a> {
    pub(super) context: &'a Context,
    pub(super) client: AdobeClient,
    pub(super) job: &'a PushRecord,
    pub(super) run: &'a JobContext,
    pub(super) rules: InvoiceRules,
    pub(super) invoice: &'a ApInvoice,
    /// The fingerprint of what is written: a decision is bound to it.
    pub(super) version: String,
}

impl Desk<'_> {
    pub(super) fn order_wait(&self) -> TimeDelta {
        let settings = self.context.flow(&self.job.flow).map(|flow| flow.ap_invoices.order_wait);
        settings.ok().and_then(|wait| TimeDelta::from_std(wait).ok()).unwrap_or_default()
    }

    /// How long until the next look; `None` when it has waited long enough.
    pub(super) fn pause(&self) -> Option<TimeDelta> {
        let left = self.order_wait() - (self.context.clock.now() - self.run.enqueued_at);
        if left <= TimeDelta::zero() {
            return None;
        }
        let doubled = FIRST_PAUSE * 2_i32.saturating_pow(self.run.snoozes.min(16));
        // The last look is at the end of the wait.
        Some(doubled.min(LONGEST_PAUSE).min(left.max(TimeDelta::milliseconds(50))))
    }

    pub(super) fn order_missing(&self, numbers: &[String]) -> Fault {
        let message = format!(
            "order {} is not in the shop after {} s: see that the purchase order is approved and carried over, then replay, which reads \
             the invoice afresh",
            numbers.join(", "),
            self.order_wait().num_seconds()
        );
        Fault::new(FaultKind::Rejected, System::Connector, OPERATION, message)
            .with_code(ORDER_MISSING)
            .with_field("PONum")
    }

    /// Puts it on the review list; the same once more only counts.
    pub(super) async fn raise(
        &self,
        kind: ReviewKind,
        what: &str,
        summary: String,
        facts: BTreeMap<String, String>,
    ) -> Result<(), Fault> {
        // An accepted price difference is asked for by the version, and compared by its facts.
        let about = if what.is_empty() { self.version.clone() } else { format!("{} {what}", self.version) };
        let mut facts: BTreeMap<String, String> = facts.into_iter().take(FACTS_LIMIT).collect();
        facts.insert("invoice".to_owned(), self.invoice.number.clone());
        facts.insert("vendor".to_owned(), self.invoice.vendor_number.to_string());
        let review = NewReview {
            flow: self.job.flow.clone(),
            key: self.invoice.key(),
            kind,
            about,
            summary,
            facts,
            job: Some(self.run.job_id.clone()),
            at: self.context.clock.now(),
        };
        let raised = self.context.ledger.raise_review(&review).await?;
        self.context.metrics.records(self.job.flow.as_str(), "review", 1);
        if raised.times <= 1 {
            self.note(Action::Reviewed, format!("review {}: {}", raised.id, raised.summary)).await?;
        }
        Ok(())
    }

    pub(super) async fn raise_memo(&self, memo: Memo) -> Result<(), Fault> {
        let invoice = self.invoice;
        let (kind, word) = match memo {
            Memo::DebitMemo => (ReviewKind::DebitMemo, "debit memo"),
            Memo::Correction => (ReviewKind::Correction, "correction"),
        };
        let orders = invoice.purchase_orders().iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let facts = BTreeMap::from([
            ("total".to_owned(), invoice.doc_total().to_string()),
            ("base_total".to_owned(), invoice.total.base.normalize().to_string()),
            ("purchase_orders".to_owned(), orders),
        ]);
        let summary =
            format!("Invoice {} is a {word}, which the shop does not have: enter it there by hand", invoice.number);
        self.raise(kind, "", summary, facts).await
    }

    /// Lines that differ too much. `false`: a person has let this version through, with these amounts.
    pub(super) async fn raise_prices(&self, differences: &[&PriceDifference]) -> Result<bool, Fault> {
        let (flow, key) = (&self.job.flow, self.invoice.key());
        let accepted =
            self.context.ledger.accepted_review(flow, &key, ReviewKind::PriceDifference, &self.version).await?;
        let count = differences.len();
        let differences = Differences::of(differences)?;
        if accepted.is_some_and(|item| differences.are_in(&item.facts)) {
            return Ok(false);
        }
        let summary = format!(
            "Invoice {} differs from its orders' prices by more than the limit on {count} line(s)",
            self.invoice.number
        );
        self.raise(ReviewKind::PriceDifference, "", summary, differences.facts()).await?;
        Ok(true)
    }

    /// The shop's invoice is there, and is not what it should be.
    pub(super) async fn raise_differing(
        &self,
        order: &str,
        invoice: i64,
        differences: &[InvoiceDifference],
    ) -> Result<(), Fault> {
        let words = |difference: &InvoiceDifference| {
            (difference.what.clone(), format!("Epicor {}, shop {}", difference.wanted, difference.found))
        };
        let mut facts: BTreeMap<String, String> = differences.iter().map(words).collect();
        facts.insert("shop_invoice".to_owned(), invoice.to_string());
        let summary = format!(
            "The shop's invoice {invoice} of order {order} is not equal to Epicor's invoice {}: correct it in the shop",
            self.invoice.number
        );
        self.raise(ReviewKind::Unmatched, order, summary, facts).await
    }

    pub(super) async fn note_prices(&self, order: &str, differences: &[&PriceDifference]) -> Result<(), Fault> {
        let lines = differences.iter().map(|difference| format!("{}: {}", difference.line, in_words(difference)));
        let lines = lines.collect::<Vec<_>>().join("; ");
        self.note(Action::Corrected, format!("order {order} corrected before invoicing; {lines}")).await
    }

    async fn note(&self, action: Action, detail: String) -> Result<(), Fault> {
        let note = AuditNote {
            version: Some(self.invoice.version),
            window: self.job.window.clone(),
            job: Some(self.run.job_id.clone()),
            detail: Some(detail),
            ..AuditNote::new(self.invoice.key(), action, self.context.clock.now())
        };
        Ok(self.context.ledger.note(&self.job.flow, &[note]).await?)
    }
}
