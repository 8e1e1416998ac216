//! What travels to and from the shop, with numbers as exact decimals.
//!
//! A null column is left out of the shop's answers, so every field is optional on reading; fields that are `None` are
//! not sent. Forms that are read, changed and put back keep what they do not know in `rest`.
//!
//! Source: Adobe Commerce REST schemas 2.4.6, 2.4.9 and SaaS; measured on 2.4.7-p3 and 2.4.8-p2.

mod amount;
mod invoice;
mod order;
mod order_write;
mod party;
mod source;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use amount::Amount;
pub use invoice::{Invoice, InvoiceAsk, InvoiceComment, InvoiceItem, InvoiceItemAsk};
pub use order::{Order, OrderLine, Shipping};
pub use order_write::{OrderLineWrite, OrderWrite, Payment, ShippingAssignment, StatusComment};
pub use party::{Address, Company, Customer};
pub use source::Source;

/// A value the shop keeps for others, such as a GL account on a line. On PaaS only with the module for it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomAttribute {
    /// Its name.
    pub attribute_code: String,
    /// A text when we write it; the shop may give another type.
    pub value: Value,
}

impl CustomAttribute {
    /// A text under a name.
    pub fn new(attribute_code: &str, value: impl Into<String>) -> Self {
        Self { attribute_code: attribute_code.to_owned(), value: Value::String(value.into()) }
    }
}

/// A struct of optional fields: `None` is not sent, what is missing or null is read as `None`.
macro_rules! sparse_form {
    ($(#[$meta:meta])* pub struct $name:ident { $( $(#[$field_meta:meta])* $field:ident: $type:ty, )* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(default)]
        pub struct $name {
            $( $(#[$field_meta])* #[serde(skip_serializing_if = "Option::is_none")] pub $field: Option<$type>, )*
        }
    };
    ($(#[$meta:meta])* pub struct $name:ident { $( $(#[$field_meta:meta])* $field:ident: $type:ty, )* ..rest }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(default)]
        pub struct $name {
            $( $(#[$field_meta])* #[serde(skip_serializing_if = "Option::is_none")] pub $field: Option<$type>, )*
            /// What the shop sent besides. It goes back as it came.
            #[serde(flatten)]
            pub rest: serde_json::Map<String, serde_json::Value>,
        }
    };
}
pub(crate) use sparse_form;
