//! The flows this product knows.

use mlc_model::{FlowId, RecordKind, System};
use serde::{Deserialize, Serialize};

/// One list of rows at the source that a flow reads with its own windows and checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Entity {
    /// Vendors, with their contacts expanded.
    Vendors,
    /// Customers, without contacts.
    Customers,
    /// Contacts of customers; Epicor keeps them in a service of their own.
    CustomerContacts,
    /// Purchase orders, with lines, releases and accounts expanded.
    PurchaseOrders,
    /// Lines of purchase orders, only to learn which orders changed: an edit of a line does not raise the order's own change field.
    PurchaseOrderLines,
    /// Releases of purchase orders, for the same reason.
    PurchaseOrderReleases,
    /// Invoices of suppliers, with lines, expenses and accounts expanded.
    ApInvoices,
    /// Companies of the shop, which have no change field.
    Companies,
}

impl Entity {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Vendors,
        Self::Customers,
        Self::CustomerContacts,
        Self::PurchaseOrders,
        Self::PurchaseOrderLines,
        Self::PurchaseOrderReleases,
        Self::ApInvoices,
        Self::Companies,
    ];

    /// The name in the ledger, in settings and on screens.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Vendors => "vendors",
            Self::Customers => "customers",
            Self::CustomerContacts => "customer_contacts",
            Self::PurchaseOrders => "purchase_orders",
            Self::PurchaseOrderLines => "purchase_order_lines",
            Self::PurchaseOrderReleases => "purchase_order_releases",
            Self::ApInvoices => "ap_invoices",
            Self::Companies => "companies",
        }
    }

    /// The entity of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|entity| entity.as_str() == name)
    }
}

impl std::fmt::Display for Entity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a flow is, apart from where it is configured to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FlowKind {
    /// Name with direction, such as `epicor_to_hubspot::vendors`.
    pub name: &'static str,
    /// The system it reads.
    pub source: System,
    /// The system it writes.
    pub target: System,
    /// What it polls, in this order: a firm before its contacts. Empty for what is only announced by webhook.
    pub entities: &'static [Entity],
    /// The record kinds it owns at the target.
    pub kinds: &'static [RecordKind],
    /// One line for people.
    pub summary: &'static str,
}

static CATALOGUE: [FlowKind; 8] = [
    FlowKind {
        name: "epicor_to_hubspot::vendors",
        source: System::Epicor,
        target: System::Hubspot,
        entities: &[Entity::Vendors],
        kinds: &[RecordKind::Vendor, RecordKind::VendorContact],
        summary: "Epicor vendors become HubSpot companies of type vendor, with their contacts",
    },
    FlowKind {
        name: "epicor_to_hubspot::customers",
        source: System::Epicor,
        target: System::Hubspot,
        entities: &[Entity::Customers, Entity::CustomerContacts],
        kinds: &[RecordKind::Customer, RecordKind::CustomerContact],
        summary: "Epicor customers become HubSpot companies of type customer, with their contacts",
    },
    FlowKind {
        name: "epicor_to_adobe::vendors",
        source: System::Epicor,
        target: System::Adobe,
        entities: &[Entity::Vendors],
        kinds: &[RecordKind::Vendor],
        summary: "Epicor vendors become companies of the shop, with a customer, and inventory sources where configured",
    },
    FlowKind {
        name: "epicor_to_adobe::purchase_orders",
        source: System::Epicor,
        target: System::Adobe,
        entities: &[Entity::PurchaseOrders, Entity::PurchaseOrderLines, Entity::PurchaseOrderReleases],
        kinds: &[RecordKind::PurchaseOrder],
        summary: "Epicor purchase orders become orders of the shop, with accounts on every line; later changes follow",
    },
    FlowKind {
        name: "epicor_to_adobe::ap_invoices",
        source: System::Epicor,
        target: System::Adobe,
        entities: &[Entity::ApInvoices],
        kinds: &[RecordKind::ApInvoice],
        summary: "Posted AP invoices become invoices on the orders that their lines name",
    },
    FlowKind {
        name: "adobe_to_epicor::companies",
        source: System::Adobe,
        target: System::Epicor,
        entities: &[Entity::Companies],
        kinds: &[RecordKind::Vendor],
        summary: "Companies changed in the shop change their Epicor vendor, in the fields that the shop owns",
    },
    FlowKind {
        name: "adobe_to_epicor::requisitions",
        source: System::Adobe,
        target: System::Epicor,
        entities: &[],
        kinds: &[RecordKind::ShopOrder],
        summary: "Orders placed in the shop become purchase requisitions, announced by webhook",
    },
    FlowKind {
        name: "adobe_to_epicor::invoices",
        source: System::Adobe,
        target: System::Epicor,
        entities: &[],
        kinds: &[RecordKind::ShopInvoice],
        summary: "Invoices made in the shop on mirrored purchase orders become AP invoices, announced by webhook",
    },
];

/// Every flow this product knows.
pub fn catalogue() -> &'static [FlowKind] {
    &CATALOGUE
}

/// A flow that is not in the catalogue.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown flow `{0}`; known are {known}", known = catalogue().iter().map(|kind| kind.name).collect::<Vec<_>>().join(", "))]
pub struct UnknownFlow(pub String);

/// The kind of a flow.
///
/// # Errors
/// [`UnknownFlow`] with the list of those that exist.
pub fn flow_kind(flow: &FlowId) -> Result<&'static FlowKind, UnknownFlow> {
    CATALOGUE.iter().find(|kind| kind.name == flow.as_str()).ok_or_else(|| UnknownFlow(flow.to_string()))
}
