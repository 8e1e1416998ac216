//! Persons at vendors and customers.

use serde::{Deserialize, Serialize};

use crate::{CompanyCode, RecordKey, RecordKind, Version};

/// A person at a vendor or customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    /// Epicor company.
    pub company: CompanyCode,
    /// [`RecordKind::VendorContact`] or [`RecordKind::CustomerContact`].
    pub kind: RecordKind,
    /// `VendorNum` or `CustNum` of the firm the person belongs to.
    pub parent_number: i64,
    /// `PurPoint` or `ShipToNum`; empty = the firm itself.
    pub place: String,
    /// `ConNum`.
    pub number: i64,
    /// Full name as typed.
    pub name: Option<String>,
    /// First name, where the source keeps it apart.
    pub first_name: Option<String>,
    /// Last name, where the source keeps it apart.
    pub last_name: Option<String>,
    /// E-mail address as typed. Without one the person cannot be found again at the target and stays out.
    pub email: Option<String>,
    /// Telephone.
    pub phone: Option<String>,
    /// Mobile telephone.
    pub mobile: Option<String>,
    /// Function at the firm.
    pub job_title: Option<String>,
    /// Whether the person is in use.
    pub active: bool,
    /// The row's version.
    pub version: Version,
}

impl Contact {
    /// The person's key over all systems.
    pub fn key(&self) -> RecordKey {
        let number = if self.place.is_empty() {
            format!("{}:{}", self.parent_number, self.number)
        } else {
            format!("{}:{}:{}", self.parent_number, self.place, self.number)
        };
        RecordKey::new(&self.company, self.kind, &number)
    }

    /// Key of the firm the person belongs to.
    pub fn parent_key(&self) -> RecordKey {
        let kind = if self.kind == RecordKind::VendorContact { RecordKind::Vendor } else { RecordKind::Customer };
        RecordKey::new(&self.company, kind, &self.parent_number.to_string())
    }
}
