//! Section `[console]`.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Listen, Network, duration};

/// The console that people use, served by `mlc produce`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ConsoleSettings {
    /// Where the console is served. Default `127.0.0.1:9467`. Any address but a loopback one demands login: put a proxy with TLS in
    /// front of it.
    pub listen: Listen,
    /// Who has to log in.
    pub login: ConsoleLogin,
    /// How long a login lasts without being used. Default 12 h, 5 min to 30 d.
    #[serde(with = "duration")]
    pub session: Duration,
    /// Proxies before the console: of a request from there, the last address in `X-Forwarded-For` counts as the caller's. Default
    /// the loopback addresses.
    pub proxies: Vec<Network>,
}

/// Who has to log in to the console.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConsoleLogin {
    /// Everybody, unless the console listens at a loopback address.
    #[default]
    Auto,
    /// Everybody.
    Always,
}

impl Default for ConsoleSettings {
    fn default() -> Self {
        Self {
            listen: Listen::loopback(9467),
            login: ConsoleLogin::Auto,
            session: Duration::from_secs(12 * 60 * 60),
            proxies: loopback(),
        }
    }
}

impl ConsoleSettings {
    /// Whether people must log in.
    pub fn demands_login(&self) -> bool {
        let loopback = self.listen.address().is_none_or(|address| address.ip().is_loopback());
        self.login == ConsoleLogin::Always || !loopback
    }
}

fn loopback() -> Vec<Network> {
    ["127.0.0.0/8", "::1/128"].into_iter().filter_map(|text| Network::try_from(text.to_owned()).ok()).collect()
}
