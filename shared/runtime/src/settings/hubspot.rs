//! Section `[connections.<name>]` with `system = "hubspot"`.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};
use url::Url;

use super::duration;

/// A connection to one HubSpot account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HubspotConnection {
    /// Address of the API. Default `https://api.hubapi.com`.
    pub base_url: Url,
    /// How to log in. Default `static_token`.
    pub auth: HubspotAuth,
    /// Version in the addresses: `v3`, `2026-03` or `2026-09`. Default `v3`.
    pub api_version: HubspotApiVersion,
    /// Unique company property that holds our key. `mlc ping --set-up` creates it. Default `epicor_key`; 1 to 100
    /// lower-case letters, digits and `_`, a letter first.
    pub key_property: String,
    /// Requests per 10 seconds of the plan. Default: learned from HubSpot's answers, 100 until then; 1 to 1000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub burst: Option<u32>,
    /// Requests in flight at once over all workers. Default 8, 1 to 64.
    pub concurrency: u32,
    /// Longest wait for an answer. Default 30 s, 1 s to 5 min.
    #[serde(with = "duration")]
    pub timeout: Duration,
    /// Also set HubSpot's own company property `type` to `VENDOR` for vendors, besides our classification. It has no option for
    /// customers. Default true.
    pub set_builtin_type: bool,
    /// Addresses under which people see a record there, by what it is, with `{id}`, `{key}`, `{number}`, `{company}`. Default: none.
    pub screens: BTreeMap<String, String>,
}

impl Default for HubspotConnection {
    fn default() -> Self {
        Self {
            base_url: Url::parse("https://api.hubapi.com").expect("the address of HubSpot's API is one"),
            auth: HubspotAuth::StaticToken,
            api_version: HubspotApiVersion::V3,
            key_property: "epicor_key".to_owned(),
            burst: None,
            concurrency: 8,
            timeout: Duration::from_secs(30),
            set_builtin_type: true,
            screens: BTreeMap::new(),
        }
    }
}

/// How to log in at HubSpot.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HubspotAuth {
    /// `token` from the vault: the access token of a private app.
    #[default]
    StaticToken,
    /// `client_id`, `client_secret` and `refresh_token` from the vault buy short-lived tokens.
    Oauth2,
}

/// Version in HubSpot's addresses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum HubspotApiVersion {
    /// The long-standing addresses.
    #[default]
    #[serde(rename = "v3")]
    V3,
    /// Dated version of March 2026.
    #[serde(rename = "2026-03")]
    March2026,
    /// Dated version of September 2026.
    #[serde(rename = "2026-09")]
    September2026,
}

impl HubspotApiVersion {
    /// The version as settings and addresses spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V3 => "v3",
            Self::March2026 => "2026-03",
            Self::September2026 => "2026-09",
        }
    }
}
