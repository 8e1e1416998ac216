//! The entity sets this room reads, with their keys and the columns our model is made of.

use std::fmt;

use mlc_model::{RecordKey, RecordKind};
use serde::{Deserialize, Serialize};

use crate::{RowKey, document};

/// One readable entity set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Entity {
    /// Suppliers, with their own contacts (`VendCntMains`) as children.
    Vendors,
    /// Customers, prospects and suspects.
    Customers,
    /// Persons at customers: a service of its own, not a child of `Customers`.
    CustomerContacts,
    /// Purchase orders, with lines, releases and their accounts nested.
    PurchaseOrders,
    /// Invoices of suppliers, with lines, expenses and their accounts nested.
    ApInvoices,
    /// Lines of purchase orders, by key and version only: they tell which orders to read, because an edit of a line does not raise its order.
    PurchaseOrderLines,
    /// Releases of those lines, by key and version only.
    PurchaseOrderReleases,
}

impl Entity {
    /// Every entity, in the order a connection test shows them.
    pub const ALL: [Self; 7] = [
        Self::Vendors,
        Self::Customers,
        Self::CustomerContacts,
        Self::PurchaseOrders,
        Self::PurchaseOrderLines,
        Self::PurchaseOrderReleases,
        Self::ApInvoices,
    ];

    /// The entities that are firms and persons, without documents.
    pub const PARTIES: [Self; 3] = [Self::Vendors, Self::Customers, Self::CustomerContacts];

    /// The documents, read whole.
    pub const DOCUMENTS: [Self; 2] = [Self::PurchaseOrders, Self::ApInvoices];

    /// The parts of purchase orders that are asked for changes of their own.
    pub const ORDER_PARTS: [Self; 2] = [Self::PurchaseOrderLines, Self::PurchaseOrderReleases];

    /// Whether its rows are parts of purchase orders; they become no records.
    pub fn is_order_part(self) -> bool {
        Self::ORDER_PARTS.contains(&self)
    }

    /// The name used in settings, checkpoints and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Vendors => "vendors",
            Self::Customers => "customers",
            Self::CustomerContacts => "customer_contacts",
            Self::PurchaseOrders => "purchase_orders",
            Self::ApInvoices => "ap_invoices",
            Self::PurchaseOrderLines => "purchase_order_lines",
            Self::PurchaseOrderReleases => "purchase_order_releases",
        }
    }

    /// The entity with that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|entity| entity.as_str() == name)
    }

    /// Name of the entity set in the address. Irregular and case-sensitive.
    ///
    /// Source: Epicor reference, sections 5.1 to 5.4.
    pub fn set(self) -> &'static str {
        match self {
            Self::Vendors => "Vendors",
            Self::Customers => "Customers",
            Self::CustomerContacts => "CustCnts",
            Self::PurchaseOrders => "POes",
            Self::ApInvoices => "APInvoices",
            Self::PurchaseOrderLines => "PODetails",
            Self::PurchaseOrderReleases => "PORels",
        }
    }

    /// Service that publishes the set.
    pub fn service(self) -> &'static str {
        match self {
            Self::Vendors => "Erp.BO.VendorSvc",
            Self::Customers => "Erp.BO.CustomerSvc",
            Self::CustomerContacts => "Erp.BO.CustCntSvc",
            Self::PurchaseOrders | Self::PurchaseOrderLines | Self::PurchaseOrderReleases => "Erp.BO.POSvc",
            Self::ApInvoices => "Erp.BO.APInvoiceSvc",
        }
    }

    /// Table behind the set; the usual name of its type in `$metadata`.
    pub fn table(self) -> &'static str {
        match self {
            Self::Vendors => "Vendor",
            Self::Customers => "Customer",
            Self::CustomerContacts => "CustCnt",
            Self::PurchaseOrders => "POHeader",
            Self::ApInvoices => "APInvHed",
            Self::PurchaseOrderLines => "PODetail",
            Self::PurchaseOrderReleases => "PORel",
        }
    }

    /// Key columns after `Company`, in key order. They never change, so pages are ordered by them.
    pub fn key_columns(self) -> &'static [&'static str] {
        match self {
            Self::Vendors => &["VendorNum"],
            Self::Customers => &["CustNum"],
            Self::CustomerContacts => &["CustNum", "ShipToNum", "ConNum"],
            Self::PurchaseOrders => &["PONum"],
            Self::ApInvoices => &["VendorNum", "InvoiceNum"],
            Self::PurchaseOrderLines => &["PONUM", "POLine"],
            Self::PurchaseOrderReleases => &["PONum", "POLine", "PORelNum"],
        }
    }

    /// Columns our model is made of, beside `Company`, the key and `SysRevID`.
    ///
    /// Spelled as the schema spells them: `Vendor.ZIP` but `Customer.Zip`, `POHeader.PONum` but `PODetail.PONUM`.
    pub fn columns(self) -> &'static [&'static str] {
        match self {
            Self::Vendors => &[
                "VendorID",
                "Name",
                "Address1",
                "Address2",
                "Address3",
                "City",
                "State",
                "ZIP",
                "Country",
                "PhoneNum",
                "EMailAddress",
                "VendURL",
                "TermsCode",
                "GroupCode",
                "CurrencyCode",
                "TaxPayerID",
                "Comment",
                "Inactive",
            ],
            Self::Customers => &[
                "CustID",
                "Name",
                "Address1",
                "Address2",
                "Address3",
                "City",
                "State",
                "Zip",
                "Country",
                "PhoneNum",
                "EMailAddress",
                "CustURL",
                "CustomerType",
                "TerritoryID",
                "TermsCode",
                "GroupCode",
                "CurrencyCode",
                "CreditHold",
                "Inactive",
            ],
            Self::CustomerContacts => &[
                "Name",
                "FirstName",
                "LastName",
                "Func",
                "ContactTitle",
                "EMailAddress",
                "PhoneNum",
                "CellPhoneNum",
                "Inactive",
            ],
            Self::PurchaseOrders => document::ORDER,
            Self::ApInvoices => document::INVOICE,
            Self::PurchaseOrderLines | Self::PurchaseOrderReleases => &[],
        }
    }

    /// Child sets read with each row, by plain `$expand`: the nested `$select` form was never seen to work. Documents nest `$expand`, which
    /// the standard has and nobody reported; the client reads a document by `GetByID` where it does not work.
    ///
    /// Source: Epicor reference, section 3.1.
    pub fn expand(self) -> &'static [&'static str] {
        match self {
            Self::Vendors => &["VendCntMains"],
            Self::Customers | Self::CustomerContacts | Self::PurchaseOrderLines | Self::PurchaseOrderReleases => &[],
            Self::PurchaseOrders => &["PODetails($expand=PORels($expand=PORelTGLCs))"],
            Self::ApInvoices => &["APInvDtls($expand=APInvExps($expand=APInvExpTGLCs))"],
        }
    }

    /// Columns of those children that our model is made of.
    pub fn child_columns(self) -> &'static [&'static str] {
        match self {
            Self::Vendors => &[
                "PurPoint",
                "ConNum",
                "Name",
                "FirstName",
                "LastName",
                "Func",
                "ContactTitle",
                "EmailAddress",
                "PhoneNum",
                "CellPhoneNum",
                "Inactive",
                "SysRevID",
            ],
            Self::Customers | Self::CustomerContacts | Self::PurchaseOrderLines | Self::PurchaseOrderReleases => &[],
            Self::PurchaseOrders => document::ORDER_CHILDREN,
            Self::ApInvoices => document::INVOICE_CHILDREN,
        }
    }

    /// What a row of the set is in our own words; a part of an order is the order.
    pub fn record_kind(self) -> RecordKind {
        match self {
            Self::Vendors => RecordKind::Vendor,
            Self::Customers => RecordKind::Customer,
            Self::CustomerContacts => RecordKind::CustomerContact,
            Self::PurchaseOrders | Self::PurchaseOrderLines | Self::PurchaseOrderReleases => RecordKind::PurchaseOrder,
            Self::ApInvoices => RecordKind::ApInvoice,
        }
    }

    /// Label of reads in faults and metrics.
    pub fn read_operation(self) -> &'static str {
        match self {
            Self::Vendors => "vendors.read",
            Self::Customers => "customers.read",
            Self::CustomerContacts => "customer_contacts.read",
            Self::PurchaseOrders => "purchase_orders.read",
            Self::ApInvoices => "ap_invoices.read",
            Self::PurchaseOrderLines => "purchase_order_lines.read",
            Self::PurchaseOrderReleases => "purchase_order_releases.read",
        }
    }

    /// Label of `$metadata` reads in faults and metrics.
    pub fn metadata_operation(self) -> &'static str {
        match self {
            Self::Vendors => "vendors.metadata",
            Self::Customers => "customers.metadata",
            Self::CustomerContacts => "customer_contacts.metadata",
            Self::PurchaseOrders => "purchase_orders.metadata",
            Self::ApInvoices => "ap_invoices.metadata",
            Self::PurchaseOrderLines => "purchase_order_lines.metadata",
            Self::PurchaseOrderReleases => "purchase_order_releases.metadata",
        }
    }

    /// The row to read again for a record: `EPIC06:VEND:118` is row 118 of `Vendors`, and a vendor's contact is read
    /// with its vendor. `None` for a key that is not one of ours.
    ///
    /// A record key is upper case throughout, so a ship-to number comes back in upper case; Epicor's databases compare
    /// texts without regard to case.
    pub fn of_record(key: &RecordKey) -> Option<(Self, RowKey)> {
        let mut parts = key.as_str().splitn(3, ':').skip(1);
        let (code, number) = (parts.next()?, parts.next()?);
        let row: RowKey = number.parse().ok()?;
        let plain = row.document.is_none() && row.part.is_none();
        match (code, &row.contact) {
            ("APINV", None) if row.document.is_some() => Some((Self::ApInvoices, row)),
            _ if !plain => None,
            ("PO", None) => Some((Self::PurchaseOrders, row)),
            ("VEND", None) => Some((Self::Vendors, row)),
            ("CUST", None) => Some((Self::Customers, row)),
            ("VENDCNT", Some(_)) => Some((Self::Vendors, RowKey::firm(row.number))),
            ("CUSTCNT", Some(_)) => Some((Self::CustomerContacts, row)),
            _ => None,
        }
    }
}

impl fmt::Display for Entity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_key_leads_back_to_its_row() {
        let row = |text: &str| Entity::of_record(&RecordKey::from_text(text));
        assert_eq!(row("EPIC06:VEND:118"), Some((Entity::Vendors, RowKey::firm(118))));
        assert_eq!(row("EPIC06:VENDCNT:118:2"), Some((Entity::Vendors, RowKey::firm(118))));
        assert_eq!(row("EPIC06:CUSTCNT:7:EAST:2"), Some((Entity::CustomerContacts, RowKey::contact(7, "EAST", 2))));
        assert_eq!(row("EPIC06:PO:50231"), Some((Entity::PurchaseOrders, RowKey::firm(50231))));
        let invoice = RowKey::document(118, "NB/2026:0455");
        assert_eq!(row("EPIC06:APINV:118/NB/2026:0455"), Some((Entity::ApInvoices, invoice)));
        assert_eq!(row("EPIC06:APINV:118"), None);
        assert_eq!(row("EPIC06:PO:50231.1"), None);
        assert_eq!(row("EPIC06:VEND:118/X"), None);
        assert_eq!(row("EPIC06:CUSTCNT:7"), None);
        assert_eq!(row("nonsense"), None);
    }
}
