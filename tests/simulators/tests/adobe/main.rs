//! The Adobe Commerce stand-in, seen through HTTP as a client sees it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::disallowed_methods, reason = "a simulator is tested without any room of the product")]

mod client;
mod compare;
mod exchanges;
mod invoices;
mod orders;
mod partners;
mod replay;
mod saas;
mod trouble;
mod vectors;
mod webhooks;
