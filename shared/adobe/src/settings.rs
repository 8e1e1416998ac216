//! What a client needs to know about one shop.

use std::{fmt, time::Duration};

use mlc_model::{ConnectionId, System};
use mlc_outbound::{BudgetConfig, DoorConfig};
use secrecy::SecretString;
use url::Url;

/// Budget of calls in flight.
pub const CONCURRENCY: &str = "concurrency";
/// Budget of calls per second, where the settings ask for one.
pub const PACE: &str = "pace";

/// Longest wait for an answer. The first request after a shop's cache was emptied took ten seconds on a bare server.
///
/// Source: measured on 2.4.7-p3 and 2.4.8-p2.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);

/// Rows per page; safe even where a shop limits its pages (300 by default).
pub const DEFAULT_PAGE_SIZE: u32 = 100;

/// Where SaaS tokens are issued. Source: Adobe Developer Console guides.
pub const IMS_TOKEN_URL: &str = "https://ims-na1.adobelogin.com/ims/token/v3";

/// Scopes for Commerce. Source: Commerce web API guide, server-to-server authentication.
pub const IMS_SCOPES: &str =
    "openid,AdobeID,email,profile,additional_info.roles,additional_info.projectedProductContext,commerce.accs";

/// Where the public keys of I/O Events lie. Source: I/O Events SDK guide.
pub const EVENT_KEYS_URL: &str = "https://static.adobeioevents.com";

/// Which edition a shop is, with what only that edition needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AdobeEdition {
    /// Adobe Commerce on cloud infrastructure or on-premises, 2.4.x. Signed with OAuth 1.0a.
    PaaS,
    /// Adobe Commerce as a Cloud Service. Tokens of IMS.
    SaaS(Ims),
}

/// Adobe's identity service, as the Developer Console describes the credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ims {
    /// Where tokens are issued.
    pub token_url: String,
    /// Comma list.
    pub scopes: String,
    /// `...@AdobeOrg`; sent as `x-gw-ims-org-id` where it is set.
    pub org_id: Option<String>,
}

impl Default for Ims {
    fn default() -> Self {
        Self { token_url: IMS_TOKEN_URL.to_owned(), scopes: IMS_SCOPES.to_owned(), org_id: None }
    }
}

/// Settings of one connection.
#[derive(Debug, Clone)]
pub struct AdobeConfig {
    /// PaaS: the shop's address, without `/rest`. SaaS: the whole base with the tenant, as Adobe shows it.
    pub base_url: String,
    /// Which edition it is.
    pub edition: AdobeEdition,
    /// Store view code, `default` or `all`: a path segment on PaaS, the `Store` header on SaaS.
    pub store: String,
    /// `store_id` of every order we write. With another one the shop would not notice a double.
    pub store_id: i64,
    /// Website in which customers are looked up and created.
    pub website_id: i64,
    /// Rows per page.
    pub page_size: u32,
    /// Most calls in flight, over all workers.
    pub concurrency: u32,
    /// Most calls per second, over all workers; `None` = no limit but the one above.
    pub requests_per_second: Option<u32>,
    /// Longest wait for an answer.
    pub timeout: Duration,
    /// Where the public keys of I/O Events are fetched.
    pub event_keys_url: String,
}

impl AdobeConfig {
    /// A PaaS shop: store `default` with id 1, website 1, pages of 100, four calls in flight, 60 seconds.
    pub fn paas(base_url: impl Into<String>) -> Self {
        Self {
            base_url: base_url.into(),
            edition: AdobeEdition::PaaS,
            store: "default".to_owned(),
            store_id: 1,
            website_id: 1,
            page_size: DEFAULT_PAGE_SIZE,
            concurrency: 4,
            requests_per_second: None,
            timeout: DEFAULT_TIMEOUT,
            event_keys_url: EVENT_KEYS_URL.to_owned(),
        }
    }

    /// A SaaS shop with the same defaults.
    pub fn saas(base_url: impl Into<String>, ims: Ims) -> Self {
        Self { edition: AdobeEdition::SaaS(ims), ..Self::paas(base_url) }
    }

    /// The door this connection needs. A certificate authority of one's own is added by the caller.
    pub fn door_config(&self, connection: ConnectionId) -> DoorConfig {
        let mut config = DoorConfig::new(connection, System::Adobe, self.base_url.trim_end_matches('/'));
        config.timeout = self.timeout;
        let token_url = match &self.edition {
            AdobeEdition::SaaS(ims) => Some(ims.token_url.as_str()),
            AdobeEdition::PaaS => None,
        };
        for url in token_url.into_iter().chain([self.event_keys_url.as_str()]) {
            if let Some(host) = Url::parse(url).ok().as_ref().and_then(Url::host_str) {
                config.allowed_hosts.push(host.to_owned());
            }
        }
        config.budgets.push(BudgetConfig::concurrency(CONCURRENCY, self.concurrency.max(1)));
        if let Some(limit) = self.requests_per_second {
            config.budgets.push(BudgetConfig::paced(PACE, limit.max(1), Duration::from_secs(1)));
        }
        config
    }

    /// What stands before `/orders` and the like.
    pub(crate) fn root(&self) -> String {
        match self.edition {
            AdobeEdition::PaaS => format!("/rest/{}/V1", self.store),
            AdobeEdition::SaaS(_) => "/V1".to_owned(),
        }
    }

    /// # Errors
    /// What is wrong, for people. A store code becomes part of every address.
    pub fn check(&self) -> Result<(), String> {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if self.store.is_empty() || !self.store.chars().all(plain) {
            return Err("`store` must be a store view code, `default` or `all`".to_owned());
        }
        if self.base_url.trim_end_matches('/').ends_with("/rest") {
            return Err("`base_url` must not end with /rest".to_owned());
        }
        if self.page_size == 0 {
            return Err("`page_size` must not be 0: the shop would send everything at once".to_owned());
        }
        Ok(())
    }
}

/// Secrets of one connection, by the names the vault keeps them under. The first four are for PaaS, the others for SaaS.
#[derive(Clone, Default)]
pub struct AdobeSecrets {
    /// Consumer key of the integration.
    pub consumer_key: Option<SecretString>,
    /// Consumer secret of the integration.
    pub consumer_secret: Option<SecretString>,
    /// Access token of the integration.
    pub token: Option<SecretString>,
    /// Access token secret of the integration.
    pub token_secret: Option<SecretString>,
    /// Client id of the server-to-server credential.
    pub client_id: Option<SecretString>,
    /// Client secret of the server-to-server credential.
    pub client_secret: Option<SecretString>,
}

impl fmt::Debug for AdobeSecrets {
    /// Shows which secrets are there, never what they are.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |secret: &Option<SecretString>| if secret.is_some() { "[redacted]" } else { "none" };
        f.debug_struct("AdobeSecrets")
            .field("consumer_key", &shown(&self.consumer_key))
            .field("consumer_secret", &shown(&self.consumer_secret))
            .field("token", &shown(&self.token))
            .field("token_secret", &shown(&self.token_secret))
            .field("client_id", &shown(&self.client_id))
            .field("client_secret", &shown(&self.client_secret))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]
    use super::*;

    #[test]
    fn the_editions_differ_in_their_paths() {
        assert_eq!(AdobeConfig::paas("https://shop.example.com").root(), "/rest/default/V1");
        let saas = AdobeConfig::saas("https://na1.api.commerce.adobe.com/tenant", Ims::default());
        assert_eq!(saas.root(), "/V1");
    }

    #[test]
    fn the_door_may_reach_the_token_issuer_and_the_event_keys_and_nothing_else() {
        let saas = AdobeConfig::saas("https://na1.api.commerce.adobe.com/tenant/", Ims::default());
        let door = saas.door_config(ConnectionId::parse("shop").unwrap());
        assert_eq!(door.base_url, "https://na1.api.commerce.adobe.com/tenant");
        assert_eq!(door.allowed_hosts, ["ims-na1.adobelogin.com", "static.adobeioevents.com"]);
    }

    #[test]
    fn a_store_code_cannot_change_the_address() {
        let config =
            AdobeConfig { store: "default/../all".to_owned(), ..AdobeConfig::paas("https://shop.example.com") };
        assert!(config.check().is_err());
        assert!(AdobeConfig::paas("https://shop.example.com/rest/").check().is_err());
        assert!(AdobeConfig::paas("https://shop.example.com").check().is_ok());
    }

    #[test]
    fn secrets_do_not_show_in_debug_output() {
        let secrets = AdobeSecrets { token: Some("t-123".into()), ..AdobeSecrets::default() };
        assert!(!format!("{secrets:?}").contains("t-123"));
    }
}
