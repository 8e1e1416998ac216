//! What a shop can do: editions, modules and rights differ from shop to shop.

use std::{collections::BTreeSet, sync::PoisonError};

use mlc_model::{Fault, FaultKind};
use mlc_outbound::Method;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{AdobeClient, AdobeEdition, Search, fault::code};

/// What a shop can do, as it was found out. Worth remembering: asking takes six calls.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capabilities {
    /// Names of the modules; `None` when the integration may not read them.
    pub modules: Option<BTreeSet<String>>,
    /// Companies exist (B2B).
    pub companies: bool,
    /// Companies take custom attributes.
    pub company_attributes: bool,
    /// Inventory sources exist.
    pub sources: bool,
    /// Orders, their lines and invoices take custom attributes. A guess from edition and modules until the first order
    /// was read back; a refusal is recognised by [`crate::fault::refuses_custom_attributes`].
    pub line_attributes: bool,
    /// The shop can call webhooks.
    pub webhooks: bool,
    /// The shop can send I/O Events.
    pub events: bool,
    /// The stores; empty when the integration may not read them.
    pub stores: Vec<ShopStore>,
}

impl Capabilities {
    /// The store with this id.
    pub fn store(&self, id: i64) -> Option<&ShopStore> {
        self.stores.iter().find(|store| store.id == id)
    }
}

/// A store view with its money and time.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ShopStore {
    /// Its id, which orders carry.
    pub id: i64,
    /// Its code, which addresses carry.
    pub code: String,
    /// Its website.
    pub website_id: i64,
    /// Currency of the `base_` amounts.
    pub base_currency_code: String,
    /// Currency customers see.
    pub default_display_currency_code: String,
    /// Zone people see; the API's times are UTC.
    pub timezone: String,
    /// Language of the messages. English ones are recognised.
    pub locale: String,
}

/// How a call looks from outside.
#[derive(Debug, Clone)]
pub(crate) enum Probe {
    /// It is there and may be used.
    Open,
    /// The shop does not offer it.
    Missing,
    /// It is there, but refused.
    Refused(Fault),
}

impl Probe {
    pub(crate) fn exists(&self) -> bool {
        !matches!(self, Self::Missing)
    }
}

impl AdobeClient {
    /// What the shop can do. Asked once per client, then kept.
    ///
    /// # Errors
    /// Any fault but a missing right, which only makes the answer less sure.
    pub async fn capabilities(&self) -> Result<Capabilities, Fault> {
        if let Some(known) = self.inner.capabilities.read().unwrap_or_else(PoisonError::into_inner).clone() {
            return Ok(known);
        }
        self.refresh_capabilities().await
    }

    /// What the shop can do, asked afresh: a module may have been installed or a right granted since.
    ///
    /// # Errors
    /// As [`AdobeClient::capabilities`].
    pub async fn refresh_capabilities(&self) -> Result<Capabilities, Fault> {
        let found = self.find_capabilities().await?;
        self.set_capabilities(found.clone());
        Ok(found)
    }

    /// Takes over what is known from elsewhere: remembered, or learned from an order that was read back.
    pub fn set_capabilities(&self, known: Capabilities) {
        *self.inner.capabilities.write().unwrap_or_else(PoisonError::into_inner) = Some(known);
    }

    async fn find_capabilities(&self) -> Result<Capabilities, Fault> {
        let modules = permitted(self.get::<Value>("/modules", "modules.read").await)?.map(|value| module_names(&value));
        let stores = permitted(self.get::<Vec<ShopStore>>("/store/storeConfigs", "stores.read").await)?;
        let has = |part: &str| modules.iter().flatten().any(|name| name.contains(part));
        let saas = matches!(self.config().edition, AdobeEdition::SaaS(_));
        let companies = self.probe_search("/company/", "companies.probe").await?.exists();
        let company_attributes =
            companies && self.probe_empty("/company/setCustomAttributes", "companies.probe_attributes").await?.exists();
        Ok(Capabilities {
            companies,
            company_attributes,
            sources: self.probe_sources().await?.exists(),
            line_attributes: saas || has("OutOfProcessCustomAttributes"),
            webhooks: saas || has("AdobeCommerceWebhooks"),
            events: saas || has("AdobeCommerceEventsClient"),
            modules,
            stores: stores.unwrap_or_default(),
        })
    }

    pub(crate) async fn probe_sources(&self) -> Result<Probe, Fault> {
        let search = Search::by("source_code").page_size(1).fields("total_count");
        let path = format!("/inventory/sources?{}", search.to_query());
        outcome(self.get::<Value>(&path, "sources.probe").await)
    }

    /// Asks for one row.
    pub(crate) async fn probe_search(&self, path: &str, operation: &'static str) -> Result<Probe, Fault> {
        let search = Search::by("entity_id").page_size(1).fields("total_count");
        outcome(self.get::<Value>(&format!("{path}?{}", search.to_query()), operation).await)
    }

    /// Sends an empty object, which the shop refuses for what is missing in it, but only after it has looked whether
    /// the call exists and whether we may use it. Nothing is written.
    ///
    /// Source: measured on 2.4.7-p3 and 2.4.8-p2: route, signature, right, then body.
    pub(crate) async fn probe_empty(&self, path: &str, operation: &'static str) -> Result<Probe, Fault> {
        let request = self.request(Method::POST, path, operation).json("{}").writes(false);
        outcome(self.send(request).await)
    }
}

fn outcome<T>(answered: Result<T, Fault>) -> Result<Probe, Fault> {
    match answered {
        Ok(_) => Ok(Probe::Open),
        Err(fault) => match (fault.kind, fault.code.as_deref()) {
            (FaultKind::Rejected, Some(code::NO_ROUTE)) => Ok(Probe::Missing),
            (FaultKind::Rejected, Some(code::NO_STORE | code::WEB_PAGE)) => Err(fault),
            (FaultKind::Rejected, _) if fault.status.is_some() => Ok(Probe::Open),
            (FaultKind::Unauthorized, Some(code::ACL)) => Ok(Probe::Refused(fault)),
            _ => Err(fault),
        },
    }
}

/// `None` where a right is missing or the call does not exist.
fn permitted<T>(read: Result<T, Fault>) -> Result<Option<T>, Fault> {
    match read {
        Ok(value) => Ok(Some(value)),
        Err(fault) if matches!(fault.code.as_deref(), Some(code::ACL | code::NO_ROUTE)) => Ok(None),
        Err(fault) => Err(fault),
    }
}

/// A list of names, bare or as `items`.
fn module_names(value: &Value) -> BTreeSet<String> {
    let list = value.as_array().or_else(|| value.get("items")?.as_array());
    list.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}
