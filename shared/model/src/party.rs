//! The firms that move: vendors and customers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{CompanyCode, Contact, RecordKey, RecordKind, Version};

/// A postal address without structure beyond its lines. Empty in the source = `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    /// First line.
    pub line1: Option<String>,
    /// Second line.
    pub line2: Option<String>,
    /// Third line.
    pub line3: Option<String>,
    /// Town.
    pub city: Option<String>,
    /// State or region.
    pub state: Option<String>,
    /// Post code, as a text.
    pub postal_code: Option<String>,
    /// Country as the source writes it.
    pub country: Option<String>,
}

/// A vendor of one Epicor company.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vendor {
    /// Epicor company that owns the vendor.
    pub company: CompanyCode,
    /// Number the system assigned; the key.
    pub number: i64,
    /// Code people use. Empty in broken data, which the mapping refuses.
    pub code: String,
    /// Name; empty in broken data, which the mapping refuses.
    pub name: String,
    /// Where it is.
    pub address: Address,
    /// Telephone.
    pub phone: Option<String>,
    /// E-mail address of the firm.
    pub email: Option<String>,
    /// Web site as typed.
    pub website: Option<String>,
    /// Payment terms code, such as `N30`.
    pub terms: Option<String>,
    /// Group code.
    pub group: Option<String>,
    /// ISO currency code.
    pub currency: Option<String>,
    /// Tax number. Empty in the source = `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tax_id: Option<String>,
    /// Comment, which may have several lines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// Whether it is in use: not `Inactive`.
    pub active: bool,
    /// Persons at the vendor itself.
    pub contacts: Vec<Contact>,
    /// The row's version; contacts have their own.
    pub version: Version,
    /// Columns asked for by extra mappings in the settings, as texts. Null = left out.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub extra: BTreeMap<String, String>,
}

impl Vendor {
    /// The vendor's key over all systems.
    pub fn key(&self) -> RecordKey {
        RecordKey::new(&self.company, RecordKind::Vendor, &self.number.to_string())
    }
}

/// A customer of one Epicor company.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Customer {
    /// Epicor company that owns the customer.
    pub company: CompanyCode,
    /// Number the system assigned; the key.
    pub number: i64,
    /// Code people use.
    pub code: String,
    /// Name.
    pub name: String,
    /// Where it is.
    pub address: Address,
    /// Telephone.
    pub phone: Option<String>,
    /// E-mail address of the firm.
    pub email: Option<String>,
    /// Web site as typed.
    pub website: Option<String>,
    /// Payment terms code.
    pub terms: Option<String>,
    /// Group code.
    pub group: Option<String>,
    /// ISO currency code.
    pub currency: Option<String>,
    /// Sales territory.
    pub territory: Option<String>,
    /// `CUS`, `PRO` or `SUS`: customer, prospect, suspect. Source: Epicor reference, section 5.2.
    pub customer_type: Option<String>,
    /// Whether deliveries are stopped for credit reasons.
    pub credit_hold: bool,
    /// Whether it is in use: not `Inactive`.
    pub active: bool,
    /// The row's version.
    pub version: Version,
    /// Columns asked for by extra mappings in the settings, as texts. Null = left out.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub extra: BTreeMap<String, String>,
}

impl Customer {
    /// The customer's key over all systems.
    pub fn key(&self) -> RecordKey {
        RecordKey::new(&self.company, RecordKind::Customer, &self.number.to_string())
    }
}
