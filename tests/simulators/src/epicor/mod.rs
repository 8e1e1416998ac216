#![doc = include_str!("README.md")]

mod access;
mod auth;
mod change;
mod clock;
mod config;
mod control;
mod errors;
mod fault;
mod filter;
mod invoice_edits;
mod keys;
mod metadata;
mod methods;
mod money;
mod mutate;
mod options;
mod order_edits;
mod purchasing;
mod purchasing_control;
mod query;
mod render;
mod rules;
mod save;
mod schema;
mod seed;
mod serve;
mod sim;
mod stats;
mod store;
mod tableset;
mod value;

use std::{
    net::SocketAddr,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

pub use clock::Clock;
pub use config::{DateShape, EpicorConfig, GlPost, MasterUpdate, Profile, Switches};
pub use fault::{Fault, FaultKind, Faults};
pub use invoice_edits::{NewInvoice, NewInvoiceLine};
pub use mutate::Mutator;
pub use order_edits::{NewOrder, NewOrderLine};
pub use purchasing::{SeedPurchasing, SeededPurchasing};
pub use seed::{Broken, SeedCompany, Seeded};
pub use sim::{EpicorSim, PageRequest, Phase};
pub use stats::Stats;
pub use store::{Store, Visibility};

/// Command line of the stand-alone simulator.
#[derive(Clone, clap::Args)]
#[command(after_help = CONTROL_HELP)]
pub struct EpicorArgs {
    /// Where to listen; port 0 picks a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,
    /// Company code; may be given several times.
    #[arg(long = "company", default_value = "EPIC06")]
    pub companies: Vec<String>,
    /// Path of the instance.
    #[arg(long, default_value = "/Live")]
    pub instance: String,
    /// Which change columns the instance has.
    #[arg(long, value_enum, default_value = "stock")]
    pub profile: Profile,
    /// API key every v2 call needs.
    #[arg(long, default_value = "sim-api-key")]
    pub api_key: String,
    /// User of Basic and of TokenResource.svc.
    #[arg(long, default_value = "mlc")]
    pub user: String,
    /// Password of that user.
    #[arg(long, default_value = "sim-password")]
    pub password: String,
    /// Client of /connect/token.
    #[arg(long, default_value = "mlc-client")]
    pub client_id: String,
    /// Secret of that client.
    #[arg(long, default_value = "mlc-secret")]
    pub client_secret: String,
    /// Lifetime of bearer tokens in seconds.
    #[arg(long, default_value_t = 3600)]
    pub token_lifetime_secs: u64,
    /// Seed of everything that is random.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

const CONTROL_HELP: &str = "\
Control API (JSON in and out, no login; company defaults to the first one):
  POST   /__control/seed              {company?, table, rows:[..]}   add or change rows
  POST   /__control/seed_company      {company?, vendors, customers, contacts, prospects, broken, seed}
  POST   /__control/seed_purchasing   {company?, pos, invoices, vendors, seed}
  POST   /__control/purchasing        {do: edit_line, order, line, fields} | {do: add_order, new} | void_order, ..
  GET    /__control/broken            broken rows that are left, with reasons
  POST   /__control/fix_broken        {company?}                     repair them
  POST   /__control/touch             {company?, table, rows, seed}  change that many good rows
  POST   /__control/update            {company?, table, key, fields, visible_after_pages?|hold?}
  POST   /__control/commit            {hold?}                        make held writes visible
  POST   /__control/delete            {company?, table, key}
  POST   /__control/revision          {set}                          move the revision counter
  GET    /__control/rows              ?table=&company=&key=&limit=&offset=
  GET    /__control/stats             DELETE resets the counters
  POST   /__control/faults            {route, kind, times?|probability?, after?, ..} or an array
  GET    /__control/faults            DELETE takes them back
  POST   /__control/latency           {ms, jitter_ms?}
  POST   /__control/mutate_per_page   {rows, inserts?, deletes?, held?, seed?, limit?}
  GET    /__control/clock             POST {now, running?} | {advance_ms} | {real: true}
  GET    /__control/switches          POST any of them: updated_on, max_top, dates, scope, max_in_flight, ..
  POST   /__control/expire_tokens
  POST   /__control/reset             everything back to the start";

impl From<EpicorArgs> for EpicorConfig {
    fn from(args: EpicorArgs) -> Self {
        let instance = args.instance.trim_matches('/');
        Self {
            listen: args.listen,
            instance: if instance.is_empty() { String::new() } else { format!("/{instance}") },
            companies: args.companies,
            profile: args.profile,
            api_key: args.api_key,
            user: args.user,
            password: args.password,
            client_id: args.client_id,
            client_secret: args.client_secret,
            token_lifetime: Duration::from_secs(args.token_lifetime_secs),
            seed: args.seed,
            ..Self::default()
        }
    }
}

/// Serves until Ctrl-C or SIGTERM. Prints one JSON line when ready.
///
/// # Errors
/// When the address cannot be bound or signals cannot be listened to.
#[expect(clippy::print_stdout, reason = "the ready line is the output of the program")]
pub async fn run(args: EpicorArgs) -> anyhow::Result<()> {
    let sim = EpicorSim::start(args.into()).await?;
    let line = serde_json::json!({ "listening": sim.origin(), "base": sim.base_url(), "system": "epicor" });
    println!("{line}");
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted?,
        _ = terminate.recv() => {}
    }
    Ok(())
}

/// Locks a mutex; a panic elsewhere must not turn every later answer into one.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
