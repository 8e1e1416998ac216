#![doc = include_str!("../README.md")]

mod address;
mod ap_invoice;
mod auth;
mod cell;
mod change_field;
mod client;
pub mod dates;
mod document;
mod entity;
pub mod fault;
pub mod filter;
mod metadata;
mod nested;
mod order_parts;
mod page;
mod ping;
mod purchase_order;
pub mod query;
mod record;
mod row;
mod row_key;
pub mod settings;
mod token_refusal;
mod write;

pub use address::{Address, AddressProblem};
pub use ap_invoice::ap_invoice;
pub use cell::{Cell, Fields, TEXT_LIMIT};
pub use change_field::{ChangeChoice, ChangeSetting, InvalidMode, ModeSetting, UPDATED_ON, choose_change_field};
pub use client::{Counted, EpicorClient, Newest};
pub use entity::Entity;
pub use metadata::EntityColumns;
pub use order_parts::PartWindow;
pub use page::Page;
pub use purchase_order::purchase_order;
pub use query::{PageAsk, PageQuery, QueryShape, page_query, split_keys};
pub use record::{contact, customer, maybe_changed, vendor, vendor_contact_problems};
pub use row::{Row, RowProblem};
pub use row_key::{ContactPart, InvalidRowKey, OrderPart, RowKey};
pub use settings::{EpicorAuth, EpicorConfig, EpicorSecrets, License, OAuthGrant};
pub use write::{
    ApInvoiceProgress, ColumnValue, DataRow, Dataset, RequisitionProgress, RowMod, VendorEdit, VendorUpdate,
};
