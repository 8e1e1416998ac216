#![doc = include_str!("../README.md")]

mod associate;
mod batch;
mod client;
mod config;
mod definitions;
mod fault;
mod inputs;
mod limits;
mod messages;
mod parts;
mod ping;
mod set_up;
mod token;
mod upsert;
mod wire;

pub use associate::Association;
pub use client::HubspotClient;
pub use config::{ApiVersion, HubspotAuth, HubspotConfig, HubspotSecrets, InvalidApiVersion};
pub use inputs::{CompanyInput, ContactInput, Entry, StoredCompany, Upserted};
pub use limits::{ASSOCIATIONS, BURST, CONCURRENCY, DAILY, SEARCH, budgets};
pub use parts::BatchParts;
pub use set_up::{PropertyProblem, SetUpReport};
