//! Section `[flows."<direction>::<what>"]`.

use std::{collections::BTreeMap, time::Duration};

use mlc_model::{ConnectionId, FlowId};
use serde::{Deserialize, Serialize};

use super::{
    ApInvoiceOptions, CompanyOptions, InvoiceEntryOptions, PurchaseOrderOptions, RequisitionOptions, VendorOptions,
    duration,
};

/// Kinds of flows that exist.
pub const FLOW_KINDS: [&str; 8] = [
    "epicor_to_hubspot::vendors",
    "epicor_to_hubspot::customers",
    "epicor_to_adobe::vendors",
    "epicor_to_adobe::purchase_orders",
    "epicor_to_adobe::ap_invoices",
    "adobe_to_epicor::companies",
    "adobe_to_epicor::requisitions",
    "adobe_to_epicor::invoices",
];

/// One flow between two connections.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FlowSettings {
    /// What kind of flow it is. Default: its own name. Needed when one kind runs twice, for example for two companies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<FlowId>,
    /// Connection that is read. Needed.
    pub from: ConnectionId,
    /// Connection that is written. Needed.
    pub to: ConnectionId,
    /// Whether it runs by itself; `mlc sync` runs it all the same. Default true.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Time between polls, 1 s to 31 d. Not together with `cron`. With neither, it only runs when a person
    /// asks. A flow that is announced by webhook has none of the keys of schedules.
    #[serde(default, with = "duration::option", skip_serializing_if = "Option::is_none")]
    pub every: Option<Duration>,
    /// Times of polls as a cron pattern in UTC, such as `*/10 6-20 * * MON-FRI`. Not together with `every`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cron: Option<String>,
    /// A poll comes up to this much later, so that flows do not all start at once. Default 5 s, 0 s to 1 h, and less
    /// than `every`.
    #[serde(default = "default_jitter", with = "duration")]
    pub jitter: Duration,
    /// Time between full scans, which find what change detection missed; 1 min to 366 d. Not together with `full_cron`.
    #[serde(default, with = "duration::option", skip_serializing_if = "Option::is_none")]
    pub full_every: Option<Duration>,
    /// Times of full scans as a cron pattern in UTC. Not together with `full_every`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub full_cron: Option<String>,
    /// An alert says that the flow is late when a poll that was due is not completely handed on after this long; 1 min to 31 d. Default:
    /// `alerts.lag`.
    #[serde(default, with = "duration::option", skip_serializing_if = "Option::is_none")]
    pub lag_limit: Option<Duration>,
    /// Epicor's types of customers that are carried over: `CUS` customer, `PRO` prospect, `SUS` suspect.
    /// Default `["CUS"]`. Only for customers to HubSpot.
    #[serde(default = "default_customer_types")]
    pub customer_types: Vec<String>,
    /// A field that is empty in Epicor empties its property at the target too. Default false: what sales typed stays. Only to
    /// HubSpot.
    #[serde(default)]
    pub clear_empty_fields: bool,
    /// Further fields: company property in HubSpot, or company attribute in Adobe Commerce = Epicor column. Default: none. Not for documents.
    #[serde(default)]
    pub fields: BTreeMap<String, String>,
    /// Carry persons over too, where they have an e-mail address. Default true. Only to HubSpot.
    #[serde(default = "yes")]
    pub contacts: bool,
    /// Place in the queue: `normal` or `backfill`, which lets others pass. Default `normal`.
    #[serde(default)]
    pub priority: FlowPriority,
    /// Only for `epicor_to_adobe::vendors`.
    #[serde(default)]
    pub vendors: VendorOptions,
    /// Only for `epicor_to_adobe::purchase_orders`.
    #[serde(default)]
    pub purchase_orders: PurchaseOrderOptions,
    /// Only for `epicor_to_adobe::ap_invoices`.
    #[serde(default)]
    pub ap_invoices: ApInvoiceOptions,
    /// Only for `adobe_to_epicor::companies`.
    #[serde(default)]
    pub companies: CompanyOptions,
    /// Only for `adobe_to_epicor::requisitions`.
    #[serde(default)]
    pub requisitions: RequisitionOptions,
    /// Only for `adobe_to_epicor::invoices`.
    #[serde(default)]
    pub invoices: InvoiceEntryOptions,
}

/// Place of a flow's jobs in the queue. People's orders come before both.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FlowPriority {
    /// In order of arrival.
    #[default]
    Normal,
    /// When nothing else waits.
    Backfill,
}

/// When something runs by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Schedule<'a> {
    /// Only when a person asks.
    OnDemand,
    /// At a fixed interval.
    Every(Duration),
    /// By a cron pattern, in UTC.
    Cron(&'a str),
}

impl FlowSettings {
    /// The kind of the flow that stands under the name `id`.
    pub fn kind<'a>(&'a self, id: &'a FlowId) -> &'a FlowId {
        self.kind.as_ref().unwrap_or(id)
    }

    /// When changes are polled; a disabled flow only runs on demand.
    pub fn schedule(&self) -> Schedule<'_> {
        self.schedule_of(self.every, self.cron.as_deref())
    }

    /// When everything is scanned; a disabled flow only runs on demand.
    pub fn full_schedule(&self) -> Schedule<'_> {
        self.schedule_of(self.full_every, self.full_cron.as_deref())
    }

    fn schedule_of<'a>(&self, every: Option<Duration>, cron: Option<&'a str>) -> Schedule<'a> {
        match (every, cron) {
            _ if !self.enabled => Schedule::OnDemand,
            (Some(every), _) => Schedule::Every(every),
            (None, Some(cron)) => Schedule::Cron(cron),
            (None, None) => Schedule::OnDemand,
        }
    }
}

fn yes() -> bool {
    true
}
fn default_jitter() -> Duration {
    Duration::from_secs(5)
}
fn default_customer_types() -> Vec<String> {
    vec!["CUS".to_owned()]
}
