//! Arguments of the jobs that bring something from the shop to Epicor.
//!
//! Each goes by steps, one job per step, because a job may only touch the connection whose lane it waits in: refused credentials
//! hold that lane and no other.

use std::{collections::BTreeMap, time::Duration};

use chrono::{DateTime, Utc};
use mlc_model::{ConnectionId, Fingerprint, FlowId, NewApInvoice, RecordKey, Requisition, SharedField};
use mlc_queue::{Job, Lane, UniqueKey};
use serde::{Deserialize, Serialize};

/// An order that was placed in the shop becomes a purchase requisition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateRequisition {
    /// The flow.
    pub flow: FlowId,
    /// The shop.
    pub from: ConnectionId,
    /// Epicor.
    pub to: ConnectionId,
    /// The shop's number of the order.
    pub increment_id: String,
    /// When the announcement was accepted: the wait for the order counts from here.
    pub accepted_at: DateTime<Utc>,
    /// What is to be done.
    pub step: RequisitionStep,
}

/// Step of a [`CreateRequisition`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RequisitionStep {
    /// Read the order back from the shop: it was announced before it was saved, and may never come to exist.
    Confirm,
    /// Write it to Epicor, going on where an earlier try ended.
    Write(Box<Requisition>),
}

impl Job for CreateRequisition {
    const KIND: &'static str = "create_requisition";
    const TIMEOUT: Duration = Duration::from_secs(180);

    fn lane(&self) -> Lane {
        match self.step {
            RequisitionStep::Confirm => Lane::from(self.from.clone()),
            RequisitionStep::Write(_) => Lane::from(self.to.clone()),
        }
    }

    fn unique_key(&self) -> Option<UniqueKey> {
        let step = match self.step {
            RequisitionStep::Confirm => "confirm",
            RequisitionStep::Write(_) => "write",
        };
        Some(UniqueKey::of(&format!("create_requisition/{}/{}/{step}", self.flow, self.increment_id)))
    }

    fn subject(&self) -> Option<String> {
        Some(format!("shop order {}", self.increment_id))
    }
}

/// An invoice that was made in the shop on a mirrored purchase order becomes an AP invoice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateApInvoice {
    /// The flow.
    pub flow: FlowId,
    /// The shop.
    pub from: ConnectionId,
    /// Epicor.
    pub to: ConnectionId,
    /// The shop's id of the invoice.
    pub invoice_id: i64,
    /// When the announcement was accepted.
    pub accepted_at: DateTime<Utc>,
    /// What is to be done.
    pub step: InvoiceStep,
}

/// Step of a [`CreateApInvoice`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InvoiceStep {
    /// Read invoice and order from the shop.
    Read,
    /// Write it to Epicor, going on where an earlier try ended.
    Write(Box<NewApInvoice>),
    /// Write Epicor's number on the shop's invoice, by which the other direction knows that it is there already.
    Mark {
        /// Supplier's number of the invoice in Epicor.
        number: String,
        /// Number of the supplier.
        vendor_number: i64,
    },
}

impl Job for CreateApInvoice {
    const KIND: &'static str = "create_ap_invoice";
    const TIMEOUT: Duration = Duration::from_secs(180);

    fn lane(&self) -> Lane {
        match self.step {
            InvoiceStep::Read | InvoiceStep::Mark { .. } => Lane::from(self.from.clone()),
            InvoiceStep::Write(_) => Lane::from(self.to.clone()),
        }
    }

    fn unique_key(&self) -> Option<UniqueKey> {
        let step = match self.step {
            InvoiceStep::Read => "read",
            InvoiceStep::Write(_) => "write",
            InvoiceStep::Mark { .. } => "mark",
        };
        Some(UniqueKey::of(&format!("create_ap_invoice/{}/{}/{step}", self.flow, self.invoice_id)))
    }

    fn subject(&self) -> Option<String> {
        Some(format!("shop invoice {}", self.invoice_id))
    }
}

/// A company that may have changed in the shop changes its vendor in Epicor, in the fields that the shop owns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PullCompany {
    /// The flow.
    pub flow: FlowId,
    /// The shop.
    pub from: ConnectionId,
    /// Epicor.
    pub to: ConnectionId,
    /// The shop's id of the company.
    pub company_id: i64,
    /// What is to be done.
    pub step: PullStep,
}

/// Step of a [`PullCompany`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PullStep {
    /// Read the company and see what differs from what both sides last agreed on.
    Read,
    /// Write the fields that the shop owns to the vendor.
    Write {
        /// The vendor.
        vendor: RecordKey,
        /// Values by field, as the shop has them. An address is its parts joined by line feeds, in the order of
        /// street, second street, town, state, post code.
        values: BTreeMap<SharedField, String>,
        /// When the company was read: a later reading wins.
        read_at: DateTime<Utc>,
        /// Fingerprint of all that both sides keep, as it was read.
        seen: Fingerprint,
    },
}

impl Job for PullCompany {
    const KIND: &'static str = "pull_company";
    const TIMEOUT: Duration = Duration::from_secs(180);

    fn lane(&self) -> Lane {
        match self.step {
            PullStep::Read => Lane::from(self.from.clone()),
            PullStep::Write { .. } => Lane::from(self.to.clone()),
        }
    }

    fn unique_key(&self) -> Option<UniqueKey> {
        let step = match &self.step {
            PullStep::Read => "read".to_owned(),
            // Two readings are two orders: the later one must not vanish in an earlier one that is being carried out.
            PullStep::Write { read_at, .. } => format!("write/{}", read_at.timestamp_millis()),
        };
        Some(UniqueKey::of(&format!("pull_company/{}/{}/{step}", self.flow, self.company_id)))
    }

    fn subject(&self) -> Option<String> {
        Some(format!("company {}", self.company_id))
    }
}
