//! A stand-in for HubSpot's CRM API: companies, contacts, properties, associations, OAuth, limits.
//!
//! In a test: [`HubspotSim::start`]. As a program: `mlc-simulators hubspot --help`.

mod answers;
mod built_in;
mod clock;
mod definition_calls;
mod faults;
mod gate;
mod limits;
mod link_calls;
mod links;
mod log;
mod oauth;
mod objects;
mod orders;
mod properties;
mod routes;
mod search;
mod sim;
mod spoil;
mod store;
mod tokens;
mod views;
mod world;
mod writes;

use std::{net::SocketAddr, time::Duration};

pub use faults::{Fault, FaultKind};
pub use limits::{BurstUse, Limits, Plan};
pub use log::{CallLog, LoggedCall};
pub use sim::{FaultSwitches, HubspotSim};
pub use views::{LinkView, RecordView, Stats, WriteStats};
pub use world::Behaviour;

use crate::server::announce_and_wait;

/// The token a portal knows when none is named.
pub const DEFAULT_TOKEN: &str = "pat-eu1-simulator";

/// How a portal is set up. [`Default`] is Professional with a search lag of 3 s.
#[derive(Debug, Clone)]
pub struct HubspotConfig {
    /// Address to listen on; port 0 picks a free one.
    pub listen: SocketAddr,
    /// The private app's token. It has every scope the product may ask for.
    pub token: String,
    /// Rate limits.
    pub limits: Limits,
    /// How long search lags behind writes.
    pub search_lag: Duration,
    /// OAuth client id.
    pub client_id: String,
    /// OAuth client secret.
    pub client_secret: String,
    /// The refresh token that is good from the start.
    pub refresh_token: String,
    /// The code a user's consent yields.
    pub authorization_code: String,
    /// Life of an issued access token, in seconds.
    pub expires_in_secs: u64,
    /// Calls of the token endpoint allowed in 10 s.
    pub token_calls_per_10_s: u32,
}

impl Default for HubspotConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            token: DEFAULT_TOKEN.to_owned(),
            limits: Limits::default(),
            search_lag: Duration::from_secs(3),
            client_id: "simulator-client".to_owned(),
            client_secret: "simulator-secret".to_owned(),
            refresh_token: "simulator-refresh".to_owned(),
            authorization_code: "simulator-code".to_owned(),
            expires_in_secs: 1800,
            token_calls_per_10_s: 50,
        }
    }
}

impl HubspotConfig {
    /// No limit refuses anything and search is up to date: for tests about something else.
    #[must_use]
    pub fn without_limits() -> Self {
        Self { limits: Limits { lifted: true, ..Limits::default() }, search_lag: Duration::ZERO, ..Self::default() }
    }
}

/// Command line of the HubSpot simulator.
#[derive(Debug, clap::Args)]
#[command(after_help = orders::HELP)]
pub struct HubspotArgs {
    /// Address to listen on; port 0 picks a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// The bearer token of the private app.
    #[arg(long, default_value = DEFAULT_TOKEN)]
    token: String,
    /// The subscription, which sets the rate limits.
    #[arg(long, value_enum, default_value_t = Plan::Professional)]
    plan: Plan,
    /// Calls per 10 s, instead of the plan's.
    #[arg(long)]
    burst: Option<u32>,
    /// Calls a day, instead of the plan's.
    #[arg(long)]
    daily: Option<u64>,
    /// Count calls but refuse none.
    #[arg(long)]
    no_limits: bool,
    /// How long search lags behind writes (0 to 60000).
    #[arg(long, default_value_t = 3000, value_parser = clap::value_parser!(u64).range(..=60_000))]
    search_lag_ms: u64,
    /// OAuth client id.
    #[arg(long, default_value = "simulator-client")]
    client_id: String,
    /// OAuth client secret.
    #[arg(long, default_value = "simulator-secret")]
    client_secret: String,
    /// The refresh token that is good from the start.
    #[arg(long, default_value = "simulator-refresh")]
    refresh_token: String,
    /// Life of an issued access token.
    #[arg(long, default_value_t = 1800)]
    expires_in_secs: u64,
}

/// Serves until Ctrl-C or SIGTERM.
///
/// # Errors
/// When the address cannot be bound.
pub async fn run(args: HubspotArgs) -> anyhow::Result<()> {
    let sim = HubspotSim::start(HubspotConfig {
        listen: args.listen,
        token: args.token,
        limits: Limits { plan: args.plan, burst: args.burst, daily: args.daily, lifted: args.no_limits },
        search_lag: Duration::from_millis(args.search_lag_ms),
        client_id: args.client_id,
        client_secret: args.client_secret,
        refresh_token: args.refresh_token,
        expires_in_secs: args.expires_in_secs,
        ..HubspotConfig::default()
    })
    .await?;
    announce_and_wait("hubspot", sim.running(), &[]).await?;
    Ok(())
}
