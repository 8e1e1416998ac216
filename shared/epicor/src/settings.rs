//! What a client needs to know about one connection.

use std::{collections::BTreeMap, fmt, time::Duration};

use mlc_model::{ConnectionId, System};
use mlc_outbound::{BudgetConfig, DoorConfig};
use secrecy::SecretString;
use url::Url;

use crate::{Address, ChangeSetting, Entity, dates::ServerZone};

/// Budget of calls in flight. Every call takes a licence for its duration.
pub const CONCURRENCY: &str = "concurrency";
/// Budget of calls per second, where the settings ask for one.
pub const PACE: &str = "pace";

/// Longest wait for an answer unless the settings say otherwise. A shared licence alone adds 20 seconds to each call.
///
/// Source: Epicor reference, section 2.4.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(90);

/// Rows per page, which is also the server's own default.
///
/// Source: Epicor reference, section 3.1.
pub const DEFAULT_PAGE_ROWS: u32 = 100;

/// How the client proves who it is, besides the API key that every call carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EpicorAuth {
    /// User name and password with every call.
    Basic,
    /// User name and password once, for a token of `TokenResource.svc`.
    TokenResource,
    /// A token of Epicor's Identity Provider or of Microsoft Entra ID.
    OAuth2 {
        /// Where tokens are issued, such as `https://login.epicor.com/connect/token`.
        token_url: String,
        /// Such as `epicor_erp`, or `{application id URI}/.default` for Entra.
        scope: String,
        /// What the token is issued for.
        grant: OAuthGrant,
    },
}

/// What an OAuth2 token is issued for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OAuthGrant {
    /// The registered application, by client id and secret.
    #[default]
    ClientCredentials,
    /// A user, by name and password, through a registered application.
    Password,
}

/// Which licence a call claims. Without one it competes with people for theirs.
///
/// Source: Epicor reference, sections 2.1 and 2.4.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum License {
    /// No claim: the header is not sent.
    #[default]
    None,
    /// A web service licence, bought for integrations.
    WebService,
    /// A shared web service licence; each call is delayed by 20 seconds.
    WebServiceShared,
    /// A user's licence.
    Default,
}

impl License {
    /// Value of the `License` header.
    pub fn header(self) -> Option<String> {
        let guid = match self {
            Self::None => return None,
            Self::WebService => "00000003-9439-4B30-A6F4-6D2FD4B9FD0F",
            Self::WebServiceShared => "00000003-231B-4E2B-9B47-13F87EA9A0A3",
            Self::Default => "00000003-B615-4300-957B-34956697F040",
        };
        Some(format!(r#"{{"ClaimedLicense":"{guid}"}}"#))
    }
}

/// Settings of one connection.
#[derive(Debug, Clone)]
pub struct EpicorConfig {
    /// Server, instance and company.
    pub address: Address,
    /// How to log in.
    pub auth: EpicorAuth,
    /// Which licence to claim.
    pub license: License,
    /// Zone of the server.
    pub zone: ServerZone,
    /// Rows per page.
    pub page_rows: u32,
    /// Change field by entity; an entity that is not in it is on `auto`.
    pub change_fields: BTreeMap<Entity, ChangeSetting>,
    /// Columns that flows carry over besides ours, by entity: the connection test looks whether they are there.
    pub extra_columns: BTreeMap<Entity, Vec<String>>,
    /// Most calls in flight, over all workers.
    pub concurrency: u32,
    /// Most calls per second, over all workers; `None` = no limit but the one above.
    pub requests_per_second: Option<u32>,
    /// Longest wait for an answer.
    pub timeout: Duration,
}

impl EpicorConfig {
    /// Basic login, no licence claim, a server on UTC, pages of 100 rows, two calls in flight, 90 seconds.
    pub fn new(address: Address) -> Self {
        Self {
            address,
            auth: EpicorAuth::Basic,
            license: License::None,
            zone: ServerZone::default(),
            page_rows: DEFAULT_PAGE_ROWS,
            change_fields: BTreeMap::new(),
            extra_columns: BTreeMap::new(),
            concurrency: 2,
            requests_per_second: None,
            timeout: DEFAULT_TIMEOUT,
        }
    }

    /// The door this connection needs: its base address, the host that issues its tokens, its budgets. A certificate
    /// authority of one's own is added by the caller.
    pub fn door_config(&self, connection: ConnectionId) -> DoorConfig {
        let mut config = DoorConfig::new(connection, System::Epicor, self.address.root());
        config.timeout = self.timeout;
        if let EpicorAuth::OAuth2 { token_url, .. } = &self.auth
            && let Ok(url) = Url::parse(token_url)
            && let Some(host) = url.host_str()
        {
            config.allowed_hosts.push(host.to_owned());
        }
        config.budgets.push(BudgetConfig::concurrency(CONCURRENCY, self.concurrency.max(1)));
        if let Some(limit) = self.requests_per_second {
            config.budgets.push(BudgetConfig::paced(PACE, limit.max(1), Duration::from_secs(1)));
        }
        config
    }
}

/// Secrets of one connection, by the names the vault keeps them under. Which are needed depends on [`EpicorAuth`].
#[derive(Clone, Default)]
pub struct EpicorSecrets {
    /// Needed always.
    pub api_key: Option<SecretString>,
    /// Needed for Basic, TokenResource and the password grant.
    pub user: Option<SecretString>,
    /// Needed with `user`.
    pub password: Option<SecretString>,
    /// Needed for OAuth2.
    pub client_id: Option<SecretString>,
    /// Needed for OAuth2.
    pub client_secret: Option<SecretString>,
}

impl fmt::Debug for EpicorSecrets {
    /// Shows which secrets are there, never what they are.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |secret: &Option<SecretString>| if secret.is_some() { "[redacted]" } else { "none" };
        f.debug_struct("EpicorSecrets")
            .field("api_key", &shown(&self.api_key))
            .field("user", &shown(&self.user))
            .field("password", &shown(&self.password))
            .field("client_id", &shown(&self.client_id))
            .field("client_secret", &shown(&self.client_secret))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]
    use mlc_model::CompanyCode;

    use super::*;

    #[test]
    fn the_door_may_reach_the_token_issuer_and_nothing_else() {
        let address = Address::parse("https://erp.example.com/Live/", CompanyCode::parse("EPIC06").unwrap()).unwrap();
        let mut config = EpicorConfig::new(address);
        config.auth = EpicorAuth::OAuth2 {
            token_url: "https://login.epicor.com/connect/token".to_owned(),
            scope: "epicor_erp".to_owned(),
            grant: OAuthGrant::ClientCredentials,
        };
        let door = config.door_config(ConnectionId::parse("epicor-main").unwrap());
        assert_eq!(door.base_url, "https://erp.example.com/Live");
        assert_eq!(door.allowed_hosts, ["login.epicor.com"]);
    }

    #[test]
    fn secrets_do_not_show_in_debug_output() {
        let secrets = EpicorSecrets { api_key: Some("k-123".into()), ..EpicorSecrets::default() };
        assert!(!format!("{secrets:?}").contains("k-123"));
    }
}
