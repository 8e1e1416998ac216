//! Section `[connections.<name>]` with `system = "epicor"`.

use std::{collections::BTreeMap, fmt, path::PathBuf, time::Duration};

use chrono::{DateTime, FixedOffset, NaiveDateTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use mlc_model::{ChangeMode, CompanyCode};
use serde::{Deserialize, Serialize};
use url::Url;

use super::duration;

/// Entities whose change field can be set.
pub const CHANGE_ENTITIES: [&str; 7] = [
    "vendors",
    "customers",
    "customer_contacts",
    "purchase_orders",
    "purchase_order_lines",
    "purchase_order_releases",
    "ap_invoices",
];

/// A connection to one company of an Epicor Kinetic installation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EpicorConnection {
    /// Address up to and with the instance, such as `https://erp.example.com/EpicorERP`. Needed.
    pub base_url: Url,
    /// Company id, part of every REST v2 address. Needed.
    pub company: CompanyCode,
    /// How to log in; the API key is sent always. Default `basic`.
    #[serde(default)]
    pub auth: EpicorAuth,
    /// Licence that calls take. Default `none`: no header is sent, and Epicor takes a user's licence for each call.
    #[serde(default)]
    pub license: EpicorLicense,
    /// PEM file with the certificate authority of a server on your own premises. Default: the usual authorities.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// Requests in flight at once over all workers. Default 2, 1 to 64. Each takes a licence.
    #[serde(default = "default_concurrency")]
    pub concurrency: u32,
    /// Longest wait for an answer. Default 90 s, 1 s to 10 min. Epicor waits up to 20 s for a licence by itself.
    #[serde(default = "default_timeout", with = "duration")]
    pub timeout: Duration,
    /// Zone of dates that carry none: IANA name or offset such as `+02:00`. Default `UTC`.
    #[serde(default)]
    pub server_time_zone: ServerTimeZone,
    /// How each entity tells what has changed, by entity: `vendors`, `customers`, `customer_contacts`. Default: `auto` for all.
    #[serde(default)]
    pub change_fields: BTreeMap<String, ChangeFieldSetting>,
    /// A window ends this long before the server's time, so that transactions in progress are not missed.
    /// Default 5 s, 0 s to 10 min.
    #[serde(default = "default_lag", with = "duration")]
    pub lag: Duration,
    /// A window starts this long before the last one's end. Costs reads, not writes. Default 2 min, 0 s to 1 d.
    #[serde(default = "default_overlap", with = "duration")]
    pub overlap: Duration,
    /// Rows per page. Default 100, 1 to 1000.
    #[serde(default = "default_page_rows")]
    pub page_rows: u32,
    /// Requests per second over all workers. Default: no limit beyond `concurrency`; above 0, at most 1000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests_per_second: Option<f64>,
    /// Addresses under which people see a record there, by what it is, with `{id}`, `{key}`, `{number}`, `{company}`. Default: none.
    #[serde(default)]
    pub screens: BTreeMap<String, String>,
}

/// How to log in at Epicor. Written as `"basic"`, `"token_resource"` or `{ oauth2 = { token_url = "…" } }`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EpicorAuth {
    /// `user` and `password` from the vault with every call.
    #[default]
    Basic,
    /// `user` and `password` buy a token at Epicor's own TokenResource.
    TokenResource,
    /// `client_id` and `client_secret` buy a token at an identity provider.
    Oauth2(EpicorOauth2),
}

/// OAuth2 client credentials.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EpicorOauth2 {
    /// Token address: Epicor's `https://login.epicor.com/connect/token`, or Entra's. Needed.
    pub token_url: Url,
    /// Scope to ask for. Default `epicor_erp`; Entra wants `{application id URI}/.default`.
    #[serde(default = "default_scope")]
    pub scope: String,
}

/// Licence that REST calls claim. Source: Epicor reference, section 2.1, header `License`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EpicorLicense {
    /// Sends no header.
    #[default]
    None,
    /// WebService.
    WebService,
    /// WebServiceShared.
    WebServiceShared,
    /// Default: a user's licence.
    Default,
}

/// How an entity tells what has changed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChangeFieldSetting {
    /// `auto`, `timestamp`, `date`, `date_plus_seconds`, `revision` or `full_scan`. Default `auto`.
    #[serde(default)]
    pub mode: ChangeModeSetting,
    /// The column, where it is not the usual one of the mode. Not allowed with `auto` and `full_scan`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
}

/// A change mode, or the choice of the best one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeModeSetting {
    /// The best that the entity has, `UpdatedOn` first.
    #[default]
    Auto,
    /// A date and time.
    Timestamp,
    /// A day.
    Date,
    /// A day and seconds since midnight.
    DatePlusSeconds,
    /// A row version.
    Revision,
    /// Every row, every time.
    FullScan,
}

impl ChangeModeSetting {
    /// The mode that is asked for; `None` = choose.
    pub fn fixed(self) -> Option<ChangeMode> {
        match self {
            Self::Auto => None,
            Self::Timestamp => Some(ChangeMode::Timestamp),
            Self::Date => Some(ChangeMode::Date),
            Self::DatePlusSeconds => Some(ChangeMode::DatePlusSeconds),
            Self::Revision => Some(ChangeMode::Revision),
            Self::FullScan => Some(ChangeMode::FullScan),
        }
    }
}

/// The zone that a server's bare dates are in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum ServerTimeZone {
    /// A fixed offset.
    Fixed(FixedOffset),
    /// A zone with its rules, such as `Europe/Berlin`.
    Named(Tz),
}

impl ServerTimeZone {
    /// The instant that a bare date and time of the server means. Of two (clocks set back) the earlier one; a time that
    /// was left out (clocks set forward) counts as if they had not been.
    pub fn instant(&self, local: NaiveDateTime) -> DateTime<Utc> {
        match self {
            Self::Fixed(offset) => earliest(offset, local),
            Self::Named(zone) => earliest(zone, local),
        }
    }

    /// The server's date and time at an instant.
    pub fn local(&self, instant: DateTime<Utc>) -> NaiveDateTime {
        match self {
            Self::Fixed(offset) => instant.with_timezone(offset).naive_local(),
            Self::Named(zone) => instant.with_timezone(zone).naive_local(),
        }
    }
}

fn earliest<Z: TimeZone>(zone: &Z, local: NaiveDateTime) -> DateTime<Utc> {
    let at = |local: NaiveDateTime| local.and_local_timezone(zone.clone()).earliest().map(|time| time.to_utc());
    let hour = TimeDelta::hours(1);
    at(local).or_else(|| at(local - hour).map(|time| time + hour)).unwrap_or_else(|| local.and_utc())
}

impl Default for ServerTimeZone {
    fn default() -> Self {
        Self::Named(Tz::UTC)
    }
}

impl TryFrom<String> for ServerTimeZone {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let fixed = || text.parse().map(Self::Fixed);
        text.parse().map(Self::Named).or_else(|_| fixed()).map_err(|_| {
            let shown: String = text.chars().take(60).collect();
            format!("`{shown}` is neither a zone such as \"Europe/Berlin\" nor an offset such as \"+02:00\"")
        })
    }
}

impl From<ServerTimeZone> for String {
    fn from(zone: ServerTimeZone) -> Self {
        zone.to_string()
    }
}

impl fmt::Display for ServerTimeZone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(offset) => offset.fmt(f),
            Self::Named(zone) => zone.fmt(f),
        }
    }
}

fn default_concurrency() -> u32 {
    2
}
fn default_timeout() -> Duration {
    Duration::from_secs(90)
}
fn default_lag() -> Duration {
    Duration::from_secs(5)
}
fn default_overlap() -> Duration {
    Duration::from_secs(120)
}
fn default_page_rows() -> u32 {
    100
}
fn default_scope() -> String {
    "epicor_erp".to_owned()
}
