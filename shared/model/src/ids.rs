//! Identifiers: one newtype each, checked where they are built.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A text that cannot be the identifier it was meant to be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} `{text}` is not valid: {expected}")]
pub struct InvalidId {
    what: &'static str,
    text: String,
    expected: &'static str,
}

fn simple_name(what: &'static str, text: &str, extra: &str) -> Result<String, InvalidId> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || extra.contains(c);
    if text.is_empty() || text.len() > 64 || !text.chars().all(allowed) {
        return Err(InvalidId {
            what,
            text: text.chars().take(80).collect(),
            expected: "use 1 to 64 lower-case letters, digits, `_` or `-`",
        });
    }
    Ok(text.to_owned())
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The identifier as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }
        impl TryFrom<String> for $name {
            type Error = InvalidId;
            fn try_from(text: String) -> Result<Self, InvalidId> {
                Self::parse(&text)
            }
        }
        impl std::str::FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Self::parse(text)
            }
        }
    };
}

text_id! {
    /// Name of one configured connection to a business system, such as `epicor-main`.
    /// Each connection is one lane of the queue.
    ConnectionId
}
text_id! {
    /// Name of one configured channel that alerts go out by, such as `on-call`.
    ChannelId
}
text_id! {
    /// Name of a flow with its direction, such as `epicor_to_hubspot::vendors`.
    FlowId
}
text_id! {
    /// Epicor's Company segment, such as `EPIC06` or `19593`. Mandatory in every REST v2 address.
    CompanyCode
}
text_id! {
    /// A job in the queue. Sorts in the order of enqueuing.
    JobId
}
text_id! {
    /// One frozen window of one flow's entity.
    WindowId
}
text_id! {
    /// The record's own identifier at the target, such as HubSpot's company id `19033410077`.
    TargetId
}

impl ConnectionId {
    /// # Errors
    /// Anything but 1 to 64 lower-case letters, digits, `_` and `-`: the name becomes part of Redis keys and metrics.
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        simple_name("connection", text, "_-").map(Self)
    }
}

impl ChannelId {
    /// # Errors
    /// Anything but 1 to 64 lower-case letters, digits, `_` and `-`: the name becomes part of metrics.
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        simple_name("channel", text, "_-").map(Self)
    }
}

impl FlowId {
    /// # Errors
    /// A name that is not `direction::what` in lower-case letters and `_`.
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        match text.split_once("::") {
            Some((direction, what)) if !direction.is_empty() && !what.is_empty() && !what.contains(':') => {
                simple_name("flow", text, "_:").map(Self)
            }
            _ => Err(InvalidId {
                what: "flow",
                text: text.chars().take(80).collect(),
                expected: "use `direction::what`, such as `epicor_to_hubspot::vendors`",
            }),
        }
    }
}

impl CompanyCode {
    /// # Errors
    /// An empty text, more than 32 characters, or anything but letters, digits, `_` and `-`.
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if text.is_empty() || text.len() > 32 || !text.chars().all(allowed) {
            return Err(InvalidId {
                what: "Epicor company",
                text: text.chars().take(80).collect(),
                expected: "use the company id as Epicor shows it, such as `EPIC06`",
            });
        }
        Ok(Self(text.to_owned()))
    }
}

fn opaque(what: &'static str, text: &str) -> Result<String, InvalidId> {
    if text.is_empty() || text.len() > 128 || !text.chars().all(|c| c.is_ascii_graphic()) {
        return Err(InvalidId {
            what,
            text: text.chars().take(80).collect(),
            expected: "use 1 to 128 visible ASCII characters",
        });
    }
    Ok(text.to_owned())
}

impl JobId {
    /// # Errors
    /// An empty text, more than 128 characters, or anything but visible ASCII.
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        opaque("job id", text).map(Self)
    }
}

impl WindowId {
    /// # Errors
    /// An empty text, more than 128 characters, or anything but visible ASCII.
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        opaque("window id", text).map(Self)
    }
}

impl TargetId {
    /// # Errors
    /// An empty text, more than 128 characters, or anything but visible ASCII.
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        opaque("target id", text).map(Self)
    }
}

/// What a record is. Part of its key, so that vendor 17 and customer 17 stay two records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordKind {
    /// A supplier in Epicor.
    Vendor,
    /// A customer in Epicor.
    Customer,
    /// A person at a vendor.
    VendorContact,
    /// A person at a customer.
    CustomerContact,
    /// An order to a supplier.
    PurchaseOrder,
    /// An invoice of a supplier.
    ApInvoice,
    /// An order that was placed in the shop.
    ShopOrder,
    /// An invoice that was made in the shop.
    ShopInvoice,
}

impl RecordKind {
    /// The middle part of a [`RecordKey`].
    pub fn code(self) -> &'static str {
        match self {
            Self::Vendor => "VEND",
            Self::Customer => "CUST",
            Self::VendorContact => "VENDCNT",
            Self::CustomerContact => "CUSTCNT",
            Self::PurchaseOrder => "PO",
            Self::ApInvoice => "APINV",
            Self::ShopOrder => "SHOPORD",
            Self::ShopInvoice => "SHOPINV",
        }
    }
}

/// Key of one record over all systems: `{company}:{kind}:{number}`, such as `EPIC06:VEND:118`.
/// It is the value of HubSpot's unique property, upper case, and never changes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RecordKey(String);

impl RecordKey {
    /// Builds the key. Upper case throughout, because HubSpot's handling of case in unique texts is not documented.
    pub fn new(company: &CompanyCode, kind: RecordKind, number: &str) -> Self {
        Self(format!("{company}:{}:{number}", kind.code()).to_uppercase())
    }

    /// A key as it was stored or typed.
    pub fn from_text(text: &str) -> Self {
        Self(text.trim().to_uppercase())
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RecordKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]
    use super::*;

    #[test]
    fn a_vendor_and_a_customer_with_one_number_have_two_keys() {
        let company = CompanyCode::parse("EPIC06").unwrap();
        let vendor = RecordKey::new(&company, RecordKind::Vendor, "17");
        let customer = RecordKey::new(&company, RecordKind::Customer, "17");
        assert_ne!(vendor, customer);
        assert_eq!(vendor.as_str(), "EPIC06:VEND:17");
    }

    #[test]
    fn an_identifier_that_would_break_a_redis_key_is_refused() {
        assert!(ConnectionId::parse("epicor main").is_err());
        assert!(ConnectionId::parse("").is_err());
        assert!(FlowId::parse("vendors").is_err());
        assert!(CompanyCode::parse("EPIC/06").is_err());
    }
}
