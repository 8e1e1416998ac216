#![doc = include_str!("../README.md")]

mod address;
mod auth;
mod cell;
mod change_field;
mod client;
pub mod dates;
mod entity;
pub mod fault;
pub mod filter;
mod metadata;
mod page;
mod ping;
pub mod query;
mod record;
mod row;
mod row_key;
pub mod settings;

pub use address::{Address, AddressProblem};
pub use cell::{Cell, Fields, TEXT_LIMIT};
pub use change_field::{ChangeChoice, ChangeSetting, InvalidMode, ModeSetting, UPDATED_ON, choose_change_field};
pub use client::{Counted, EpicorClient, Newest};
pub use entity::Entity;
pub use metadata::EntityColumns;
pub use page::Page;
pub use query::{PageAsk, PageQuery, QueryShape, page_query, split_keys};
pub use record::{contact, customer, maybe_changed, vendor, vendor_contact_problems};
pub use row::{Row, RowProblem};
pub use row_key::{ContactPart, InvalidRowKey, RowKey};
pub use settings::{EpicorAuth, EpicorConfig, EpicorSecrets, License, OAuthGrant};
