//! Where a row stands: the part of its key after the company.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Key of one row within its entity set and company. As text: `118`, `2041:3` and `2041:EAST:3` for a contact,
/// `118/NB-0455` for an invoice.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct RowKey {
    /// `VendorNum`, `CustNum` or `PONum`.
    pub number: i64,
    /// The rest of the key of a contact.
    pub contact: Option<ContactPart>,
    /// The rest of the key of an invoice: `InvoiceNum`, which is the supplier's and may hold any character.
    pub document: Option<String>,
}

/// The part of a contact's key after the firm's number.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContactPart {
    /// `ShipToNum`; empty = the firm itself. May hold any character.
    pub place: String,
    /// `ConNum`.
    pub number: i64,
}

/// A text that is not a row's key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not the key of an Epicor row: use `118`, `2041:3`, `2041:EAST:3` or `118/NB-0455`")]
pub struct InvalidRowKey;

impl RowKey {
    /// Key of a vendor, customer or purchase order.
    pub fn firm(number: i64) -> Self {
        Self { number, contact: None, document: None }
    }

    /// Key of an invoice.
    pub fn document(vendor: i64, number: impl Into<String>) -> Self {
        Self { document: Some(number.into()), ..Self::firm(vendor) }
    }

    /// Key of a customer's contact.
    pub fn contact(customer: i64, place: impl Into<String>, number: i64) -> Self {
        Self { contact: Some(ContactPart { place: place.into(), number }), ..Self::firm(customer) }
    }
}

impl fmt::Display for RowKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(document) = &self.document {
            return write!(f, "{}/{document}", self.number);
        }
        match &self.contact {
            None => write!(f, "{}", self.number),
            Some(part) if part.place.is_empty() => write!(f, "{}:{}", self.number, part.number),
            Some(part) => write!(f, "{}:{}:{}", self.number, part.place, part.number),
        }
    }
}

impl FromStr for RowKey {
    type Err = InvalidRowKey;

    fn from_str(text: &str) -> Result<Self, InvalidRowKey> {
        let number = |text: &str| text.parse::<i64>().map_err(|_| InvalidRowKey);
        if let Some((firm, document)) = text.split_once('/')
            && !firm.contains(':')
        {
            return if document.is_empty() { Err(InvalidRowKey) } else { Ok(Self::document(number(firm)?, document)) };
        }
        match (text.split_once(':'), text.rsplit_once(':')) {
            (Some((firm, contact)), Some((head, last))) => {
                // First and last colon bound the place, which may hold colons itself.
                let place = if head.len() == firm.len() { "" } else { &contact[..contact.len() - last.len() - 1] };
                Ok(Self::contact(number(firm)?, place, number(last)?))
            }
            _ => Ok(Self::firm(number(text)?)),
        }
    }
}

impl From<RowKey> for String {
    fn from(key: RowKey) -> Self {
        key.to_string()
    }
}

impl TryFrom<String> for RowKey {
    type Error = InvalidRowKey;

    fn try_from(text: String) -> Result<Self, InvalidRowKey> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_survives_being_written_and_read() {
        for key in [
            RowKey::firm(118),
            RowKey::contact(2041, "", 3),
            RowKey::contact(2041, "EAST", 3),
            RowKey::contact(2041, "a:b'c:", 3),
            RowKey::contact(2041, "a/b", 3),
            RowKey::document(118, "NB/2026:04 55"),
        ] {
            assert_eq!(key.to_string().parse(), Ok(key));
        }
    }

    #[test]
    fn a_text_that_is_no_key_is_refused() {
        for text in ["", ":", "x", "1:", ":1", "1:EAST:", "1:x", "1/", "/x"] {
            assert_eq!(text.parse::<RowKey>(), Err(InvalidRowKey), "{text}");
        }
    }
}
