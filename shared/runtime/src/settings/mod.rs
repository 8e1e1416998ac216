//! Settings: one TOML file with overrides from the environment.
//!
//! Every section is plain data with defaults; `deploy/example.toml` shows every key. An override is an environment
//! variable `MLC__SECTION__KEY`, such as `MLC__REDIS__URL` or `MLC__CONNECTIONS__EPICOR_MAIN__BASE_URL`; in names of
//! connections and flows `_` also stands for `-` and `::`.

mod adobe;
mod adobe_checks;
mod alert_channels;
mod alert_checks;
mod alert_reading;
mod alerts;
mod audit;
mod bounds;
mod checks;
mod console;
mod document;
pub mod duration;
mod epicor;
mod errors;
mod field_names;
mod flow;
mod flow_checks;
mod flow_options;
mod hubspot;
mod listen;
mod log;
mod nearest;
mod needed;
mod nested;
mod network;
mod option_checks;
mod process_checks;
mod producer;
mod queue;
mod reading;
mod redis;
mod retry;
mod screens;
mod vault;
mod wording;
mod worker;

use std::{collections::BTreeMap, path::Path};

use mlc_model::{Clock as _, ConnectionId, FlowId, SystemClock};
use serde::Serialize;

pub use adobe::{AdobeConnection, AdobeEdition, AdobeIms, WebhookEndpoint, WebhookScheme};
pub use alert_channels::{AlertChannel, MailChannel, MailTls, SlackChannel, WebhookChannel};
pub use alerts::{AlertKind, AlertSeverity, AlertsSettings, QuietDay, QuietTime, TimeOfDay};
pub use audit::AuditSettings;
pub use console::{ConsoleLogin, ConsoleSettings};
pub use epicor::{
    CHANGE_ENTITIES, ChangeFieldSetting, ChangeModeSetting, EpicorAuth, EpicorConnection, EpicorLicense, EpicorOauth2,
    ServerTimeZone,
};
pub use errors::{SettingsError, SettingsErrors};
pub use flow::{FLOW_KINDS, FlowPriority, FlowSettings, Schedule};
pub use flow_options::{
    AccountRule, ApInvoiceOptions, CompanyOptions, GlOptions, InvoiceEntryOptions, PurchaseOrderOptions,
    RequisitionOptions, VendorOptions,
};
pub use hubspot::{HubspotApiVersion, HubspotAuth, HubspotConnection};
pub use listen::Listen;
pub use log::{LogFormat, LogSettings};
pub use network::Network;
pub use producer::ProducerSettings;
pub use queue::QueueSettings;
pub use redis::RedisSettings;
pub use retry::RetrySettings;
pub use screens::{SCREENS, ScreenOf};
pub use vault::VaultSettings;
pub use worker::WorkerSettings;

/// Everything that can be set, checked.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Settings {
    /// Where the queue and the ledger live.
    pub redis: RedisSettings,
    /// How the queue treats jobs.
    pub queue: QueueSettings,
    /// Worker processes.
    pub worker: WorkerSettings,
    /// Producer processes.
    pub producer: ProducerSettings,
    /// The console.
    pub console: ConsoleSettings,
    /// What is kept about records beside the trail.
    pub audit: AuditSettings,
    /// What people are told of by themselves.
    pub alerts: AlertsSettings,
    /// Where the keys come from.
    pub vault: VaultSettings,
    /// Log lines.
    pub log: LogSettings,
    /// Retry delays.
    pub retry: RetrySettings,
    /// Connections to business systems by name.
    pub connections: BTreeMap<ConnectionId, Connection>,
    /// Flows by name.
    pub flows: BTreeMap<FlowId, FlowSettings>,
}

/// A connection to one business system. The key `system` tells which.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "system", rename_all = "snake_case")]
pub enum Connection {
    /// Epicor Kinetic.
    Epicor(EpicorConnection),
    /// HubSpot.
    Hubspot(HubspotConnection),
    /// Adobe Commerce.
    Adobe(AdobeConnection),
}

impl Connection {
    /// The system's name as it stands in labels and settings.
    pub fn system(&self) -> mlc_model::System {
        match self {
            Self::Epicor(_) => mlc_model::System::Epicor,
            Self::Hubspot(_) => mlc_model::System::Hubspot,
            Self::Adobe(_) => mlc_model::System::Adobe,
        }
    }

    /// Where it leads, as people tell connections apart.
    pub fn address(&self) -> String {
        match self {
            Self::Epicor(epicor) => format!("{} company {}", epicor.base_url, epicor.company),
            Self::Hubspot(hubspot) => hubspot.base_url.to_string(),
            Self::Adobe(adobe) => format!("{} store {}", adobe.base_url, adobe.store),
        }
    }

    /// The connection, when it is one to Epicor.
    pub fn as_epicor(&self) -> Option<&EpicorConnection> {
        if let Self::Epicor(connection) = self { Some(connection) } else { None }
    }

    /// The connection, when it is one to HubSpot.
    pub fn as_hubspot(&self) -> Option<&HubspotConnection> {
        if let Self::Hubspot(connection) = self { Some(connection) } else { None }
    }

    /// The connection, when it is one to Adobe Commerce.
    pub fn as_adobe(&self) -> Option<&AdobeConnection> {
        if let Self::Adobe(connection) = self { Some(connection) } else { None }
    }

    /// Addresses under which the system shows records to people, by what they are: see [`SCREENS`] and [`ScreenOf::address`].
    pub fn screens(&self) -> &BTreeMap<String, String> {
        match self {
            Self::Epicor(connection) => &connection.screens,
            Self::Hubspot(connection) => &connection.screens,
            Self::Adobe(connection) => &connection.screens,
        }
    }

    /// Requests in flight at once over all workers.
    pub fn concurrency(&self) -> u32 {
        match self {
            Self::Epicor(connection) => connection.concurrency,
            Self::Hubspot(connection) => connection.concurrency,
            Self::Adobe(connection) => connection.concurrency,
        }
    }

    /// Jobs that run at once over all workers: the cap of the connection's lane. A job for a shop carries one document and spends a part of its
    /// time on leases and the ledger, so that more of them are needed to keep its requests in flight; the budget still counts the requests.
    pub fn lane_cap(&self) -> u32 {
        match self {
            Self::Epicor(_) | Self::Hubspot(_) => self.concurrency(),
            Self::Adobe(connection) => connection.concurrency.saturating_mul(2),
        }
    }
}

impl Settings {
    /// Reads and checks a settings file and the overrides in the environment.
    ///
    /// # Errors
    /// Everything that is wrong, found in one run.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, SettingsErrors> {
        let path = path.as_ref();
        let file = path.display().to_string();
        match std::fs::read_to_string(path) {
            Ok(text) => Self::parse(
                &file,
                &text,
                std::env::vars_os()
                    .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))),
            ),
            Err(error) => Err(SettingsErrors::of_file(&file, &format!("cannot be read: {error}"))),
        }
    }

    /// Reads and checks the text of a settings file. `file` only stands in errors; of `environment`, pairs of name and
    /// value, only names that start with `MLC__` count, and whether there is `MLC_VAULT_KEYS`. Files that the settings name must be there.
    ///
    /// # Errors
    /// Everything that is wrong, found in one run.
    pub fn parse(
        file: &str,
        text: &str,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, SettingsErrors> {
        let mut document = document::Document::parse(file, text)?;
        document.overlay(environment);
        let mut reading = reading::Reading::new(&document);
        let settings = reading.settings();
        checks::check(&settings, &mut reading, SystemClock.now());
        reading.finish(settings)
    }

    /// The connection of that name.
    pub fn connection(&self, id: &ConnectionId) -> Option<&Connection> {
        self.connections.get(id)
    }

    /// The flow of that name.
    pub fn flow(&self, id: &FlowId) -> Option<&FlowSettings> {
        self.flows.get(id)
    }
}

#[cfg(test)]
mod adobe_tests;
#[cfg(test)]
mod alert_tests;
#[cfg(test)]
mod refusal_tests;
#[cfg(test)]
mod tests;
