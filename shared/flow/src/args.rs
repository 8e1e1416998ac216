//! Arguments of the jobs: what is stored in the queue and on the dead-letter shelf.

use std::time::Duration;

use chrono::{DateTime, Utc};
use mlc_model::{
    ApInvoice, ConnectionId, Contact, Customer, Fingerprint, FlowId, PurchaseOrder, RecordKey, Vendor, Version, Window,
    WindowId,
};
use mlc_queue::{Job, Lane, UniqueKey};
use serde::{Deserialize, Serialize};

use crate::{CreateApInvoice, CreateRequisition, Entity, PullCompany};

/// Every kind of job there is; a worker must know them all.
pub const JOB_KINDS: [&str; 6] = [
    CloseWindow::KIND,
    CreateApInvoice::KIND,
    CreateRequisition::KIND,
    PollPage::KIND,
    PullCompany::KIND,
    PushRecord::KIND,
];

/// How far back a new window reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Extent {
    /// From the checkpoint on, or everything where there is none yet.
    Incremental,
    /// From an instant that a person named.
    Since(DateTime<Utc>),
    /// Every row, whatever the checkpoint says.
    Full,
}

/// Where a page starts inside its window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PageStart {
    /// Rows to skip, a multiple of the page size.
    Skip(u64),
    /// Key of the last row read before, none for the first page: the walk that shifting rows cannot disturb.
    After(Option<String>),
}

/// What a [`PollPage`] asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ask {
    /// Freeze a new window and read its first page.
    Plan(Extent),
    /// Read a window of the ledger again, with exactly its query.
    Replay(WindowId),
    /// One page of a frozen window.
    Page {
        /// Frozen when the poll was planned: a replay asks exactly the same question.
        window: Window,
        /// Which reading of the window this belongs to; an unstable pass is repeated.
        pass: u32,
        /// Where the page starts.
        start: PageStart,
        /// Rows the first page of the pass counted.
        expected_rows: u64,
    },
    /// Single rows, read afresh by their keys, after a person put them right at the source.
    Records {
        /// Key of each row as text: number of the firm, for contacts with place and number behind it.
        keys: Vec<String>,
        /// The record that was refused, where it is one: a row, or a contact inside a row.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        about: Option<RecordKey>,
    },
}

/// Read one page of changed rows and hand every changed record on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PollPage {
    /// The flow on whose behalf rows are read.
    pub flow: FlowId,
    /// Which list of rows.
    pub entity: Entity,
    /// Where to read.
    pub from: ConnectionId,
    /// Where changed records will be written.
    pub to: ConnectionId,
    /// What to ask.
    pub ask: Ask,
}

impl Job for PollPage {
    const KIND: &'static str = "poll_page";
    const TIMEOUT: Duration = Duration::from_secs(180);

    fn lane(&self) -> Lane {
        Lane::from(self.from.clone())
    }

    fn unique_key(&self) -> Option<UniqueKey> {
        let what = match &self.ask {
            Ask::Plan(Extent::Incremental) => "plan".to_owned(),
            Ask::Plan(Extent::Full) => "plan:full".to_owned(),
            Ask::Plan(Extent::Since(at)) => format!("plan:since:{}", at.timestamp_millis()),
            Ask::Replay(window) => format!("replay:{window}"),
            Ask::Page { window, pass, start, .. } => match start {
                PageStart::Skip(rows) => format!("page:{}:{pass}:{rows}", window.id),
                PageStart::After(key) => {
                    format!("page:{}:{pass}:after:{}", window.id, key.as_deref().unwrap_or_default())
                }
            },
            Ask::Records { about: Some(record), .. } => format!("record:{record}"),
            Ask::Records { keys, about: None } => format!("records:{}", keys.join(" ")),
        };
        Some(UniqueKey::of(&format!("poll_page/{}/{}/{what}", self.flow, self.entity)))
    }

    fn subject(&self) -> Option<String> {
        Some(match &self.ask {
            Ask::Plan(_) => format!("{} {}", self.flow, self.entity),
            Ask::Replay(window) => window.to_string(),
            Ask::Page { window, .. } => window.id.to_string(),
            Ask::Records { about: Some(record), .. } => record.to_string(),
            Ask::Records { keys, about: None } => format!("{} {}", self.entity, keys.join(" ")),
        })
    }
}

/// Close a window once every page of a pass has been read, or read it again when it was unstable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CloseWindow {
    /// The flow on whose behalf rows were read.
    pub flow: FlowId,
    /// Which list of rows.
    pub entity: Entity,
    /// Where it was read.
    pub from: ConnectionId,
    /// Where its records go.
    pub to: ConnectionId,
    /// The window.
    pub window: Window,
    /// The pass that is complete.
    pub pass: u32,
    /// Rows the first page of the pass counted.
    pub expected_rows: u64,
}

impl Job for CloseWindow {
    const KIND: &'static str = "close_window";
    const TIMEOUT: Duration = Duration::from_secs(120);

    fn lane(&self) -> Lane {
        Lane::from(self.from.clone())
    }

    fn unique_key(&self) -> Option<UniqueKey> {
        Some(UniqueKey::of(&format!("close_window/{}/{}", self.window.id, self.pass)))
    }

    fn subject(&self) -> Option<String> {
        Some(self.window.id.to_string())
    }
}

/// One record on its way to the target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Record {
    /// A vendor; its contacts are those that changed with it.
    Vendor(Vendor),
    /// A customer.
    Customer(Customer),
    /// A person at a vendor or customer.
    Contact(Contact),
    /// A purchase order, whole.
    PurchaseOrder(Box<PurchaseOrder>),
    /// An invoice of a supplier, whole.
    ApInvoice(Box<ApInvoice>),
}

impl Record {
    /// Key over all systems.
    pub fn key(&self) -> RecordKey {
        match self {
            Self::Vendor(vendor) => vendor.key(),
            Self::Customer(customer) => customer.key(),
            Self::Contact(contact) => contact.key(),
            Self::PurchaseOrder(order) => order.key(),
            Self::ApInvoice(invoice) => invoice.key(),
        }
    }

    /// Version at the source.
    pub fn version(&self) -> Version {
        match self {
            Self::Vendor(vendor) => vendor.version,
            Self::Customer(customer) => customer.version,
            Self::Contact(contact) => contact.version,
            Self::PurchaseOrder(order) => order.version,
            Self::ApInvoice(invoice) => invoice.version,
        }
    }
}

/// Write 1 to 100 records of one flow to its target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PushRecord {
    /// The flow the records belong to.
    pub flow: FlowId,
    /// Where they came from, to read one afresh.
    pub from: ConnectionId,
    /// Where to write.
    pub to: ConnectionId,
    /// The window that saw them change; none for single records read afresh.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<WindowId>,
    /// The records, all of one kind.
    pub records: Vec<Record>,
    /// How often these records have waited for the firm they belong to.
    #[serde(default)]
    pub waits: u32,
    /// How often they have waited for a firm of which a reading was ordered and not yet done.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub readings: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl PushRecord {
    /// The same order for other records: the rest stays as it is.
    #[must_use]
    pub fn with_records(&self, records: Vec<Record>, waits: u32) -> Self {
        Self {
            flow: self.flow.clone(),
            from: self.from.clone(),
            to: self.to.clone(),
            window: self.window.clone(),
            records,
            waits,
            readings: self.readings,
        }
    }
}

impl Job for PushRecord {
    const KIND: &'static str = "push_record";
    const TIMEOUT: Duration = Duration::from_secs(180);

    fn lane(&self) -> Lane {
        Lane::from(self.to.clone())
    }

    /// A record that goes alone (refused before, or read afresh) must not stand on the shelf twice.
    fn unique_key(&self) -> Option<UniqueKey> {
        match self.records.as_slice() {
            // One version can have two contents where the source forgot to count: both must go.
            [only] => Some(UniqueKey::of(&format!(
                "push_record/{}/{}/{}/{}/{}",
                self.flow,
                only.key(),
                only.version(),
                Fingerprint::of(only).map(|print| print.to_string()).unwrap_or_default(),
                self.waits
            ))),
            _ => None,
        }
    }

    fn subject(&self) -> Option<String> {
        match self.records.as_slice() {
            [] => None,
            [only] => Some(only.key().to_string()),
            [first, .., last] => Some(format!("{} … {} ({})", first.key(), last.key(), self.records.len())),
        }
    }
}
