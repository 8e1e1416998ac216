#![doc = include_str!("../README.md")]

mod capabilities;
mod client;
pub mod columns;
mod companies;
mod customers;
pub mod fault;
mod ims;
mod invoices;
pub mod message;
pub mod oauth1;
mod orders;
mod ping;
mod search;
pub mod settings;
mod signer;
mod sources;
pub mod webhook;
pub mod wire;

pub use capabilities::{Capabilities, ShopStore};
pub use client::AdobeClient;
pub use ping::AdobeNeeds;
pub use search::{Condition, Filter, Page, Search};
pub use settings::{AdobeConfig, AdobeEdition, AdobeSecrets, Ims};
pub use signer::{IntegrationKeys, OAuth1Signer};
pub use wire::{
    Address, Company, CustomAttribute, Customer, Invoice, InvoiceAsk, InvoiceComment, InvoiceItem, InvoiceItemAsk,
    Order, OrderLine, OrderLineWrite, OrderWrite, Payment, Source, StatusComment,
};
