//! Fields of a vendor that both sides keep.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A field of the vendor master that Epicor and Adobe Commerce both hold. Each is owned by one side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SharedField {
    /// Name of the firm.
    Name,
    /// Street, town, state and post code together; the country stays Epicor's.
    Address,
    /// Telephone.
    Phone,
    /// E-mail address of the firm.
    Email,
    /// Tax number.
    TaxId,
    /// Comment.
    Comment,
}

impl SharedField {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Name, Self::Address, Self::Phone, Self::Email, Self::TaxId, Self::Comment];

    /// The name in settings and stored forms.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Address => "address",
            Self::Phone => "phone",
            Self::Email => "email",
            Self::TaxId => "tax_id",
            Self::Comment => "comment",
        }
    }
}

impl fmt::Display for SharedField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
