//! Epicor Kinetic → Adobe Commerce: one record at a time, by calls that are each safe to repeat or looked up before they are.

mod ap_invoices;
mod purchase_orders;
mod vendors;

use std::collections::BTreeSet;

use chrono::TimeDelta;
use mlc_flow::{PushRecord, Record};
use mlc_model::{Fault, Fingerprint, RecordKey, SharedField, TargetId};
use mlc_queue::{JobContext, Order};
use mlc_runtime::settings::{AdobeConnection, FlowSettings};

use crate::context::Context;

/// What the settings say about the records of one flow into a shop.
#[derive(Debug, Clone)]
pub(crate) struct ShopRules {
    pub(crate) settings: FlowSettings,
    pub(crate) connection: AdobeConnection,
    /// Fields of vendors whose value in the shop counts.
    pub(crate) shop_owns: BTreeSet<SharedField>,
}

impl ShopRules {
    pub(super) fn vendor_columns(&self) -> Vec<String> {
        let columns = self.settings.fields.values().chain(&self.settings.vendors.gl_dimension_column);
        columns.cloned().collect()
    }
}

/// What became of one record at the target.
pub(crate) enum Landed {
    /// It is there as it should be.
    Written {
        /// The record's id there.
        target: TargetId,
        /// Made by this job; otherwise it existed.
        created: bool,
        /// What has to follow.
        then: Vec<Order>,
    },
    /// Something else has to be there first. The job comes again; no attempt is used.
    Waits {
        /// What, for people.
        thing: String,
        /// How long until the next look.
        pause: TimeDelta,
    },
    /// A person has to decide: it stands on the review list.
    OnReview,
    /// Nothing is to be written, for a reason that was noted.
    LeftOut,
}

/// The fingerprint of what is written for a record. `None` means that it stays out on purpose.
///
/// # Errors
/// `Rejected` with the field that stops the record.
pub(crate) fn judge(record: &Record, rules: &ShopRules) -> Result<Option<Fingerprint>, Fault> {
    match record {
        Record::Vendor(vendor) => vendors::judge(vendor, rules),
        Record::PurchaseOrder(order) => purchase_orders::judge(order, rules),
        Record::ApInvoice(invoice) => ap_invoices::judge(invoice, rules),
        Record::Customer(_) | Record::Contact(_) => Ok(None),
    }
}

/// The orders or companies of the shop that are touched, by their keys: nobody else may write them meanwhile.
pub(crate) fn touched_orders(record: &Record) -> Vec<RecordKey> {
    match record {
        Record::PurchaseOrder(order) => vec![order.key()],
        Record::ApInvoice(invoice) => ap_invoices::touched_orders(invoice),
        // What the other direction does to the same company must not happen meanwhile.
        Record::Vendor(vendor) => vec![vendor.key()],
        Record::Customer(_) | Record::Contact(_) => Vec::new(),
    }
}

/// The calls that tell what became of a record; what else is written on the way only serves them.
pub(crate) fn telling(record: &Record) -> &'static [&'static str] {
    match record {
        Record::Vendor(_) => &["companies.create", "companies.update", "sources.create", "sources.update"],
        Record::PurchaseOrder(_) => &["orders.create", "orders.update", "orders.cancel"],
        Record::ApInvoice(_) => &["invoices.create", "invoices.mark"],
        Record::Customer(_) | Record::Contact(_) => &[],
    }
}

/// Writes one record.
///
/// # Errors
/// Any fault of a call; the same job may go again.
pub(crate) async fn write(
    context: &Context,
    job: &PushRecord,
    run: &JobContext,
    rules: &ShopRules,
    record: &Record,
) -> Result<Landed, Fault> {
    // On the heap: the frames of all three would add up on the worker's stack.
    match record {
        Record::Vendor(vendor) => Box::pin(vendors::write(context, job, run, rules, vendor)).await,
        Record::PurchaseOrder(order) => Box::pin(purchase_orders::write(context, job, run, rules, order)).await,
        Record::ApInvoice(invoice) => Box::pin(ap_invoices::write(context, job, run, rules, invoice)).await,
        Record::Customer(_) | Record::Contact(_) => Ok(Landed::LeftOut),
    }
}
