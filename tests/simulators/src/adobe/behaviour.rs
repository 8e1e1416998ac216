//! Switches: where versions, editions and shops differ.

use serde::{Deserialize, Serialize};

use super::oauth::SignatureSort;

/// Which edition is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Edition {
    /// On cloud infrastructure or on premises: `/rest/{store}/V1`, OAuth 1.0a.
    Paas,
    /// As a cloud service: `/{tenant}/V1`, `Store` header, bearer from IMS.
    Saas,
}

/// What a page past the end holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PastTheEnd {
    /// Nothing, as from 2.4.0.
    Empty,
    /// The last page again, as before 2.4.0.
    LastPage,
}

/// The shop's input limits, off by default in the real one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputLimits {
    /// Larger pages are refused.
    pub max_page_size: i64,
    /// Page size of searches that name none.
    pub default_page_size: i64,
}

impl Default for InputLimits {
    fn default() -> Self {
        Self { max_page_size: 300, default_page_size: 20 }
    }
}

/// How this shop behaves where shops differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Behaviour {
    /// Orders, lines and invoices take `custom_attributes` and give them back.
    pub custom_attributes: bool,
    /// The B2B modules are installed: companies exist.
    pub b2b: bool,
    /// `POST /V1/company/setCustomAttributes` exists.
    pub company_attributes: bool,
    /// The inventory modules are installed: sources exist.
    pub sources: bool,
    /// `POST /V1/customers` exists.
    pub create_customers: bool,
    /// Two sources may not have the same name.
    pub unique_source_names: bool,
    /// The invoice call answers an integer, not a string.
    pub invoice_id_as_integer: bool,
    /// An order read shows the unit price as `row_total` of its lines, as 2.4.8-p2 does.
    pub unit_price_as_row_total: bool,
    /// The right that saving an order needs.
    pub order_save_resource: String,
    /// What a page past the end holds.
    pub past_the_end: PastTheEnd,
    /// Searches without sort keys come in another order each time.
    pub random_order: bool,
    /// The shop's input limits.
    pub input_limits: Option<InputLimits>,
    /// The consumers that carry out asynchronous calls run.
    pub consumers_running: bool,
    /// Every call is answered with 503 and an HTML page.
    pub maintenance: bool,
    /// The access token may be used as a bearer.
    pub bearer_allowed: bool,
}

impl Behaviour {
    /// A shop of this edition and version.
    #[must_use]
    pub fn of(edition: Edition, sort: SignatureSort) -> Self {
        let saas = edition == Edition::Saas;
        let older = sort == SignatureSort::Natural && !saas;
        Self {
            custom_attributes: saas,
            b2b: true,
            company_attributes: saas,
            sources: true,
            create_customers: true,
            unique_source_names: false,
            invoice_id_as_integer: false,
            unit_price_as_row_total: !older && !saas,
            order_save_resource: (if older { "Magento_Sales::create" } else { "Magento_Sales::api_actions" })
                .to_owned(),
            past_the_end: PastTheEnd::Empty,
            random_order: true,
            input_limits: None,
            consumers_running: true,
            maintenance: false,
            bearer_allowed: false,
        }
    }
}
