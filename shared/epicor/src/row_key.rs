//! Where a row stands: the part of its key after the company.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Key of one row within its entity set and company. As text: `118`, `2041:3` and `2041:EAST:3` for a contact,
/// `118/NB-0455` for an invoice, `50231.1` for a line of an order and `50231.1.2` for a release of that line.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct RowKey {
    /// `VendorNum`, `CustNum` or `PONum`.
    pub number: i64,
    /// The rest of the key of a contact.
    pub contact: Option<ContactPart>,
    /// The rest of the key of an invoice: `InvoiceNum`, which is the supplier's and may hold any character.
    pub document: Option<String>,
    /// The rest of the key of a line or release of an order.
    pub part: Option<OrderPart>,
}

/// The part of a line's or a release's key after the order's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrderPart {
    /// `POLine`.
    pub line: i64,
    /// `PORelNum`; `None` = the line itself.
    pub release: Option<i64>,
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
#[error("not the key of an Epicor row: use `118`, `2041:3`, `2041:EAST:3`, `118/NB-0455`, `50231.1` or `50231.1.2`")]
pub struct InvalidRowKey;

impl RowKey {
    /// Key of a vendor, customer or purchase order.
    pub fn firm(number: i64) -> Self {
        Self { number, contact: None, document: None, part: None }
    }

    /// Key of an invoice.
    pub fn document(vendor: i64, number: impl Into<String>) -> Self {
        Self { document: Some(number.into()), ..Self::firm(vendor) }
    }

    /// Key of a customer's contact.
    pub fn contact(customer: i64, place: impl Into<String>, number: i64) -> Self {
        Self { contact: Some(ContactPart { place: place.into(), number }), ..Self::firm(customer) }
    }

    /// Key of a line of a purchase order.
    pub fn order_line(order: i64, line: i64) -> Self {
        Self { part: Some(OrderPart { line, release: None }), ..Self::firm(order) }
    }

    /// Key of a release of a line.
    pub fn release(order: i64, line: i64, release: i64) -> Self {
        Self { part: Some(OrderPart { line, release: Some(release) }), ..Self::firm(order) }
    }

    /// The purchase order that a line or release belongs to, or that a plain number may be. `None` for contacts and invoices.
    pub fn order_number(&self) -> Option<i64> {
        (self.contact.is_none() && self.document.is_none()).then_some(self.number)
    }
}

impl fmt::Display for RowKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(document) = &self.document {
            return write!(f, "{}/{document}", self.number);
        }
        match &self.contact {
            None => {
                write!(f, "{}", self.number)?;
                let Some(part) = &self.part else { return Ok(()) };
                write!(f, ".{}", part.line)?;
                part.release.map_or(Ok(()), |release| write!(f, ".{release}"))
            }
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
            _ => match text.split('.').collect::<Vec<_>>().as_slice() {
                [order, line] => Ok(Self::order_line(number(order)?, number(line)?)),
                [order, line, release] => Ok(Self::release(number(order)?, number(line)?, number(release)?)),
                _ => Ok(Self::firm(number(text)?)),
            },
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
            RowKey::document(118, "1.2/O'Hare #7 100%"),
            RowKey::contact(2041, "1.2", 3),
            RowKey::order_line(50231, 1),
            RowKey::release(50231, 1, 2),
        ] {
            assert_eq!(key.to_string().parse(), Ok(key));
        }
    }

    #[test]
    fn a_line_and_a_release_lead_to_their_order() {
        for key in [RowKey::firm(7), RowKey::order_line(7, 1), RowKey::release(7, 1, 2)] {
            assert_eq!(key.order_number(), Some(7));
        }
        assert_eq!(RowKey::document(7, "X").order_number(), None);
        assert_eq!(RowKey::contact(7, "", 1).order_number(), None);
        let mut keys = [RowKey::release(7, 2, 1), RowKey::release(7, 10, 1), RowKey::release(7, 2, 10)];
        keys.sort();
        assert_eq!(keys.map(|key| key.to_string()), ["7.2.1", "7.2.10", "7.10.1"], "by number, not by text");
    }

    #[test]
    fn a_text_that_is_no_key_is_refused() {
        for text in ["", ":", "x", "1:", ":1", "1:EAST:", "1:x", "1/", "/x", "1.", ".1", "1.2.", "1.2.3.4"] {
            assert_eq!(text.parse::<RowKey>(), Err(InvalidRowKey), "{text}");
        }
    }
}
