#![doc = include_str!("README.md")]

mod addresses;
mod answers;
mod behaviour;
mod bulk;
mod clock;
mod columns;
mod control;
mod criteria;
mod faults;
mod gate;
mod ims;
mod invoice_calls;
mod invoicing;
mod log;
mod oauth;
mod operate;
mod order_actions;
mod order_save;
mod order_view;
mod outbox;
mod partners;
mod routes;
mod schema;
mod search;
mod shop;
mod sim;
mod store;
mod views;

use std::net::SocketAddr;

pub use behaviour::{Behaviour, Edition, InputLimits, PastTheEnd};
pub use faults::{Fault, FaultKind};
pub use log::{CallLog, LoggedCall};
pub use oauth::{Integration, SignatureSort};
pub use outbox::{BodyForm, Delivery, Reply, Scheme};
pub use shop::StoreView;
pub use sim::AdobeSim;
pub use views::{CommentView, CompanyView, CustomerView, InvoiceView, ItemView, OrderView, SourceView};

use crate::server::announce_and_wait;

/// Consumer key of the integration that a shop knows when none is named.
pub const DEFAULT_CONSUMER_KEY: &str = "c0nsumerkeyc0nsumerkeyc0nsumer01";
/// Its consumer secret.
pub const DEFAULT_CONSUMER_SECRET: &str = "c0nsumersecretc0nsumersecretc001";
/// Its access token.
pub const DEFAULT_TOKEN: &str = "acc3sst0kenacc3sst0kenacc3sst001";
/// Its access token secret.
pub const DEFAULT_TOKEN_SECRET: &str = "t0kensecrett0kensecrett0kensec01";
/// Client id of the SaaS edition when none is named.
pub const DEFAULT_CLIENT_ID: &str = "simulator-client";
/// Client secret of the SaaS edition when none is named.
pub const DEFAULT_CLIENT_SECRET: &str = "simulator-secret";
/// Tenant of the SaaS edition when none is named.
pub const DEFAULT_TENANT: &str = "q7Zt4nVbExampleTenant";

/// How a shop is set up. [`Default`] is PaaS that sorts as 2.4.8 does.
#[derive(Clone)]
pub struct AdobeConfig {
    /// Address to listen on; port 0 picks a free one.
    pub listen: SocketAddr,
    /// PaaS or SaaS.
    pub edition: Edition,
    /// How parameters are sorted before signing; also picks what else differs between 2.4.7 and 2.4.8.
    pub sort: SignatureSort,
    /// Integrations of the PaaS edition.
    pub integrations: Vec<Integration>,
    /// Client id of the SaaS edition.
    pub client_id: String,
    /// Client secret of the SaaS edition.
    pub client_secret: String,
    /// Life of a SaaS token, in seconds.
    pub expires_in_secs: u64,
    /// First segment of SaaS paths.
    pub tenant: String,
    /// Store views; orders of other stores are refused.
    pub stores: Vec<StoreView>,
    /// Switches; `None` takes those of edition and version.
    pub behaviour: Option<Behaviour>,
}

impl std::fmt::Debug for AdobeConfig {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("AdobeConfig")
            .field("edition", &self.edition)
            .field("sort", &self.sort)
            .finish_non_exhaustive()
    }
}

impl Default for AdobeConfig {
    fn default() -> Self {
        let integration =
            Integration::new(DEFAULT_CONSUMER_KEY, DEFAULT_CONSUMER_SECRET, DEFAULT_TOKEN, DEFAULT_TOKEN_SECRET);
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            edition: Edition::Paas,
            sort: SignatureSort::Decoded,
            integrations: vec![integration],
            client_id: DEFAULT_CLIENT_ID.to_owned(),
            client_secret: DEFAULT_CLIENT_SECRET.to_owned(),
            expires_in_secs: 86_399,
            tenant: DEFAULT_TENANT.to_owned(),
            stores: vec![StoreView::new(1, "default")],
            behaviour: None,
        }
    }
}

impl AdobeConfig {
    /// A SaaS shop.
    #[must_use]
    pub fn saas() -> Self {
        Self { edition: Edition::Saas, ..Self::default() }
    }
}

/// Command line of the Adobe Commerce simulator.
#[derive(clap::Args)]
#[command(after_help = control::HELP)]
pub struct AdobeArgs {
    /// Address to listen on; port 0 picks a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// PaaS or SaaS.
    #[arg(long, value_enum, default_value_t = Edition::Paas)]
    edition: Edition,
    /// How parameters are sorted before signing: `natural` as 2.4.7, `decoded` as 2.4.8.
    #[arg(long, value_enum, default_value_t = SignatureSort::Decoded)]
    sort: SignatureSort,
    /// Consumer key (PaaS), 32 characters.
    #[arg(long, default_value = DEFAULT_CONSUMER_KEY)]
    consumer_key: String,
    /// Consumer secret (PaaS).
    #[arg(long, default_value = DEFAULT_CONSUMER_SECRET)]
    consumer_secret: String,
    /// Access token (PaaS), 32 characters.
    #[arg(long, default_value = DEFAULT_TOKEN)]
    token: String,
    /// Access token secret (PaaS).
    #[arg(long, default_value = DEFAULT_TOKEN_SECRET)]
    token_secret: String,
    /// Client id (SaaS).
    #[arg(long, default_value = DEFAULT_CLIENT_ID)]
    client_id: String,
    /// Client secret (SaaS).
    #[arg(long, default_value = DEFAULT_CLIENT_SECRET)]
    client_secret: String,
    /// Life of a token (SaaS).
    #[arg(long, default_value_t = 86_399)]
    expires_in_secs: u64,
    /// First segment of paths (SaaS).
    #[arg(long, default_value = DEFAULT_TENANT)]
    tenant: String,
}

impl std::fmt::Debug for AdobeArgs {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("AdobeArgs").field("edition", &self.edition).finish_non_exhaustive()
    }
}

/// Serves until Ctrl-C or SIGTERM.
///
/// # Errors
/// When the address cannot be bound.
pub async fn run(args: AdobeArgs) -> anyhow::Result<()> {
    let integration = Integration::new(&args.consumer_key, &args.consumer_secret, &args.token, &args.token_secret);
    let sim = AdobeSim::start(AdobeConfig {
        listen: args.listen,
        edition: args.edition,
        sort: args.sort,
        integrations: vec![integration],
        client_id: args.client_id,
        client_secret: args.client_secret,
        expires_in_secs: args.expires_in_secs,
        tenant: args.tenant,
        ..AdobeConfig::default()
    })
    .await?;
    // As settings want them: `base_url`, and for SaaS `ims.token_url`.
    let base = match args.edition {
        Edition::Paas => sim.url(),
        Edition::Saas => sim.rest_url("default"),
    };
    announce_and_wait("adobe", sim.running(), &[("base", base), ("token_url", sim.token_url())]).await?;
    Ok(())
}
