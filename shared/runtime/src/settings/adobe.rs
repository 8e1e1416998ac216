//! Section `[connections.<name>]` with `system = "adobe"`.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};
use url::Url;

use super::duration;

/// A connection to one store of Adobe Commerce.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdobeConnection {
    /// Address. PaaS: the shop's, before `/rest`. SaaS: with the tenant, such as `https://na1.api.commerce.adobe.com/q7Zt4nVb`. Needed.
    pub base_url: Url,
    /// `paas` (cloud infrastructure or on-premises, OAuth 1.0a) or `saas` (Commerce as a Cloud Service, IMS). Needed.
    pub edition: AdobeEdition,
    /// Code of the store view that calls go to. Default `default`.
    #[serde(default = "default_store")]
    pub store: String,
    /// Id of that store. Orders are unique within it, so it must never change. Default 1, 1 to 65535.
    #[serde(default = "one")]
    pub store_id: i64,
    /// Id of the web site that customers belong to. Default 1, 1 to 65535.
    #[serde(default = "one")]
    pub website_id: i64,
    /// Where and how SaaS buys its tokens. Only for `saas`.
    #[serde(default)]
    pub ims: AdobeIms,
    /// PEM file with the certificate authority of a shop on your own premises. Default: the usual authorities.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// Requests in flight at once over all workers. Default 4, 1 to 64.
    #[serde(default = "default_concurrency")]
    pub concurrency: u32,
    /// Requests per second over all workers. Default: no limit beyond `concurrency`; above 0, at most 1000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests_per_second: Option<f64>,
    /// Longest wait for an answer. Default 60 s, 1 s to 10 min: a shop whose cache was emptied takes 10 s and more.
    #[serde(default = "default_timeout", with = "duration")]
    pub timeout: Duration,
    /// Rows per page of a search. Default 100, 1 to 300.
    #[serde(default = "default_page_size")]
    pub page_size: u32,
    /// What the shop may post to `/webhooks/adobe/<name>`. Default: nothing, the address does not exist.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook: Option<WebhookEndpoint>,
    /// Addresses under which people see a record there, by what it is, with `{id}`, `{key}`, `{number}`, `{company}`. Default: none.
    #[serde(default)]
    pub screens: BTreeMap<String, String>,
}

/// Which of Adobe's two systems it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AdobeEdition {
    /// Adobe Commerce on cloud infrastructure or on-premises, 2.4.4 and later: `consumer_key`, `consumer_secret`, `token` and
    /// `token_secret` from the vault.
    Paas,
    /// Adobe Commerce as a Cloud Service: `client_id` and `client_secret` from the vault.
    Saas,
}

/// Adobe's identity service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AdobeIms {
    /// Token address. Default `https://ims-na1.adobelogin.com/ims/token/v3`.
    pub token_url: Url,
    /// Scopes as the Developer Console shows them, with commas. Default: those of Commerce.
    pub scopes: String,
    /// Organisation, such as `1A2B3C@AdobeOrg`. Default: not sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub org_id: Option<String>,
}

impl Default for AdobeIms {
    fn default() -> Self {
        Self {
            token_url: Url::parse("https://ims-na1.adobelogin.com/ims/token/v3").expect("the address of IMS is one"),
            scopes: "openid,AdobeID,email,profile,additional_info.roles,additional_info.projectedProductContext,commerce.accs"
                .to_owned(),
            org_id: None,
        }
    }
}

/// Section `[connections.<name>.webhook]`: one endpoint with exactly one signature scheme.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookEndpoint {
    /// How deliveries prove where they come from. Needed: there is no unsigned endpoint.
    pub scheme: WebhookScheme,
    /// Header of the signature (`hmac_sha256`, default `x-adobe-signature`) or of the secret itself (`static_header`, needed).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// PEM files of the shop's public key, two while it is changed. Only for `commerce_rsa`, which needs one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub public_keys: Vec<PathBuf>,
    /// The client that deliveries must be meant for. Only for `io_events_rsa`, which needs it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipient: Option<String>,
    /// Where Adobe publishes the keys of I/O Events. Default `https://static.adobeioevents.com`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keys_url: Option<Url>,
    /// Longest body in bytes. Default 2 MiB, as long as the longest batch; 1 KiB to 64 MiB.
    #[serde(default = "default_body_limit")]
    pub body_limit: u64,
    /// How long a delivery is remembered, so that it counts once. Default 26 h, since Adobe repeats for 24 h; 1 h to 30 d.
    #[serde(default = "default_remember", with = "duration")]
    pub remember: Duration,
}

/// How a delivery proves where it comes from.
///
/// Source: Adobe Commerce reference, section 9.5.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WebhookScheme {
    /// HMAC-SHA256 of the body with `webhook_secret` (and `webhook_secret_next` while it is changed) from the vault, base64 or hex.
    HmacSha256,
    /// Commerce's own signature by its private key.
    CommerceRsa,
    /// The signatures of Adobe I/O Events.
    IoEventsRsa,
    /// A header that holds `webhook_secret` itself.
    StaticHeader,
}

impl std::fmt::Display for WebhookScheme {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::HmacSha256 => "hmac_sha256",
            Self::CommerceRsa => "commerce_rsa",
            Self::IoEventsRsa => "io_events_rsa",
            Self::StaticHeader => "static_header",
        })
    }
}

fn default_store() -> String {
    "default".to_owned()
}
fn one() -> i64 {
    1
}
fn default_concurrency() -> u32 {
    4
}
fn default_timeout() -> Duration {
    Duration::from_secs(60)
}
fn default_page_size() -> u32 {
    100
}
fn default_body_limit() -> u64 {
    2 << 20
}
fn default_remember() -> Duration {
    Duration::from_secs(26 * 3600)
}
