//! The worker, both simulators and a namespace in Redis, opened together.

use std::{
    fmt::Write as _,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use mlc_flow::{Ask, Entity, Extent, PollPage, flow_kind};
use mlc_ledger::WindowRow;
use mlc_model::{Clock, ConnectionId, FlowId, SystemClock};
use mlc_queue::{DeadFilter, DeadLetter, Lane, Order, Page, Priority, Workers, WorkersConfig};
use mlc_runtime::{metrics::Metrics, readiness::Readiness, settings::Settings, shutdown::Shutdown};
use mlc_simulators::{
    epicor::{EpicorConfig, EpicorSim, Profile},
    hubspot::{HubspotConfig, HubspotSim},
};
use mlc_vault::{KeyRing, SecretStore, SecretString};
use mlc_worker::Context;
use tokio::task::JoinHandle;

use crate::shared_redis;

/// The flow of vendors.
pub const VENDORS: &str = "epicor_to_hubspot::vendors";
/// The flow of customers.
pub const CUSTOMERS: &str = "epicor_to_hubspot::customers";
/// The token that the simulated portal accepts.
pub const TOKEN: &str = "pat-eu1-house-canary-token";
/// The API key that the simulated Epicor accepts.
pub const API_KEY: &str = "house-canary-api-key-7391";
/// Its user.
pub const USER: &str = "house-canary-user";
/// That user's password.
pub const PASSWORD: &str = "house-canary-password-55";

/// What differs between houses.
#[derive(Debug, Clone)]
pub struct HouseConfig {
    /// Address of a Redis; the process's shared one when none is given.
    pub redis_url: Option<String>,
    /// Which change columns Epicor has.
    pub profile: Profile,
    /// Change mode for every entity, such as `auto` or `full_scan`.
    pub change_mode: &'static str,
    /// Rows per page.
    pub page_rows: u32,
    /// Overlap of windows, such as `2m`.
    pub overlap: &'static str,
    /// Lag behind the server's clock.
    pub lag: &'static str,
    /// Lease of the queue.
    pub lease: Duration,
    /// Portal limits.
    pub hubspot: HubspotConfig,
    /// Extra lines for the flows' sections.
    pub flow_lines: String,
    /// First delay between attempts.
    pub retry_base: &'static str,
    /// Longest delay between attempts.
    pub retry_cap: &'static str,
    /// Extra lines for the section of `hubspot-main`.
    pub hubspot_lines: String,
    /// Further sections of the settings; `{epicor}` stands for the simulator's address.
    pub more_sections: String,
    /// Whether the portal is set up as `mlc ping --set-up` does it.
    pub set_up: bool,
    /// Time as the worker sees it; the simulators keep their own.
    pub clock: Arc<dyn Clock>,
    /// Calls per 10 s that the worker's budget for HubSpot allows.
    pub burst: u32,
    /// Extra lines for the section of the queue.
    pub queue_lines: &'static str,
}

impl Default for HouseConfig {
    fn default() -> Self {
        Self {
            redis_url: None,
            profile: Profile::Stock,
            change_mode: "auto",
            page_rows: 100,
            overlap: "2m",
            lag: "0s",
            lease: Duration::from_secs(3),
            hubspot: HubspotConfig::without_limits(),
            flow_lines: String::new(),
            retry_base: "100ms",
            retry_cap: "5s",
            hubspot_lines: String::new(),
            more_sections: String::new(),
            set_up: true,
            clock: Arc::new(SystemClock),
            burst: 250,
            queue_lines: "",
        }
    }
}

/// Everything open.
pub struct House {
    /// The simulated Epicor.
    pub epicor: EpicorSim,
    /// The simulated HubSpot.
    pub hubspot: HubspotSim,
    /// What the worker works with: queue, ledger, settings, metrics.
    pub context: Context,
    /// The vault.
    pub secrets: SecretStore,
    /// Whether the worker claims to be consuming.
    pub readiness: Readiness,
    /// The settings as a file would hold them, for processes.
    pub settings_text: String,
    /// The vault's keys as `MLC_VAULT_KEYS` would hold them.
    pub vault_keys: String,
    running: Vec<(Shutdown, JoinHandle<()>)>,
}

impl House {
    /// A house with one worker running.
    ///
    /// # Errors
    /// When Redis or a simulator does not start.
    pub async fn open() -> anyhow::Result<Self> {
        Self::open_with(HouseConfig::default()).await
    }

    /// As [`House::open`], furnished differently.
    ///
    /// # Errors
    /// As [`House::open`].
    pub async fn open_with(config: HouseConfig) -> anyhow::Result<Self> {
        let mut house = Self::open_without_worker(config).await?;
        house.start_worker(8);
        Ok(house)
    }

    /// A house in which nobody works yet.
    ///
    /// # Errors
    /// As [`House::open`].
    pub async fn open_without_worker(config: HouseConfig) -> anyhow::Result<Self> {
        let epicor = EpicorSim::start(EpicorConfig {
            profile: config.profile,
            api_key: API_KEY.to_owned(),
            user: USER.to_owned(),
            password: PASSWORD.to_owned(),
            ..EpicorConfig::default()
        })
        .await?;
        let portal = HubspotConfig { token: TOKEN.to_owned(), ..config.hubspot.clone() };
        let hubspot = HubspotSim::start(portal).await?;
        let text = settings_text(&config, &epicor, &hubspot);
        let settings = Settings::parse("house.toml", &text, []).with_context(|| text.clone())?;
        let settings = Arc::new(settings);
        let vault_keys = KeyRing::generate_key();
        let keys = Arc::new(KeyRing::parse(&vault_keys)?);
        let context = mlc_worker::open_with_keys(
            Arc::clone(&settings),
            Arc::clone(&keys),
            Metrics::new(),
            Arc::clone(&config.clock),
        )
        .await?;
        let redis = mlc_runtime::redis::RedisHandle::connect(&settings.redis).await?;
        let secrets = SecretStore::new(redis, keys);
        for (connection, name, secret) in [
            ("epicor-main", "api_key", epicor.config().api_key.clone()),
            ("epicor-main", "user", epicor.config().user.clone()),
            ("epicor-main", "password", epicor.config().password.clone()),
            ("hubspot-main", "token", TOKEN.to_owned()),
            ("hubspot-main", "client_id", config.hubspot.client_id.clone()),
            ("hubspot-main", "client_secret", config.hubspot.client_secret.clone()),
            ("hubspot-main", "refresh_token", config.hubspot.refresh_token.clone()),
        ] {
            secrets.set(&ConnectionId::parse(connection)?, name, SecretString::from(secret)).await?;
        }
        let readiness = Readiness::default();
        let house =
            Self { epicor, hubspot, context, secrets, readiness, settings_text: text, vault_keys, running: Vec::new() };
        if config.set_up {
            house.set_up_hubspot().await?;
        }
        Ok(house)
    }

    /// Puts a secret into the vault, as `mlc connection set-secret` does.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn set_secret(&self, connection: &str, name: &str, secret: &str) -> anyhow::Result<()> {
        Ok(self.secrets.set(&ConnectionId::parse(connection)?, name, SecretString::from(secret)).await?)
    }

    /// What `mlc ping --set-up` does.
    ///
    /// # Errors
    /// When the portal refuses it.
    pub async fn set_up_hubspot(&self) -> anyhow::Result<()> {
        let client = self.context.connections.hubspot(&ConnectionId::parse("hubspot-main")?).await?;
        client.set_up().await?;
        self.hubspot.reset_stats();
        Ok(())
    }

    /// Starts one more worker inside this runtime.
    pub fn start_worker(&mut self, concurrency: usize) {
        let shutdown = Shutdown::new();
        let config = WorkersConfig {
            name: format!("house-{}", self.running.len()),
            concurrency,
            shutdown_deadline: Duration::from_secs(20),
        };
        let run = Workers::run(
            self.context.queue.clone(),
            mlc_worker::registry(&self.context),
            config,
            shutdown.waiting(),
            self.context.metrics.clone(),
            self.readiness.clone(),
        );
        let task = tokio::spawn(async move {
            let _ = run.await;
        });
        self.running.push((shutdown, task));
    }

    /// Tells all workers to stop and waits for them.
    pub async fn stop_workers(&mut self) {
        for (shutdown, task) in self.running.drain(..) {
            shutdown.trigger();
            let _ = task.await;
        }
    }

    /// Orders a poll of every entity of a flow, as the producer would.
    ///
    /// # Errors
    /// An unknown flow, or Redis.
    pub async fn order(&self, flow: &str, extent: Extent) -> anyhow::Result<()> {
        for entity in flow_kind(&FlowId::parse(flow)?)?.entities {
            let job = poll(flow, *entity, Ask::Plan(extent))?;
            self.context.queue.enqueue(&[Order::of(&job)?.priority(Priority::Person)]).await?;
        }
        Ok(())
    }

    /// Orders that windows are read again, as `mlc window replay` would.
    ///
    /// # Errors
    /// A window of another flow, or Redis.
    pub async fn order_replays(&self, flow: &str, windows: &[WindowRow]) -> anyhow::Result<()> {
        let mut orders = Vec::with_capacity(windows.len());
        for row in windows {
            let entity = Entity::parse(&row.entity).with_context(|| format!("entity {}", row.entity))?;
            let job = poll(flow, entity, Ask::Replay(row.window.id.clone()))?;
            orders.push(Order::of(&job)?.priority(Priority::Person));
        }
        self.context.queue.enqueue(&orders).await?;
        Ok(())
    }

    /// Orders a poll and waits until everything that follows from it is done.
    ///
    /// # Errors
    /// As [`House::order`] and [`House::settle`].
    pub async fn sync(&self, flow: &str) -> anyhow::Result<()> {
        self.order(flow, Extent::Incremental).await?;
        self.settle().await
    }

    /// Waits until no job is ready, running or waiting for its time.
    ///
    /// # Errors
    /// When that has not come after a minute: says what is left.
    pub async fn settle(&self) -> anyhow::Result<()> {
        let give_up = Instant::now() + Duration::from_secs(60);
        loop {
            let lanes = self.context.queue.lanes().await?;
            if lanes.iter().all(|lane| lane.ready + lane.delayed + lane.running == 0) {
                return Ok(());
            }
            if Instant::now() > give_up {
                bail!("jobs are left after a minute: {lanes:?}");
            }
            tokio::time::sleep(Duration::from_millis(15)).await;
        }
    }

    /// Everything on the dead-letter shelf.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn dead_letters(&self) -> anyhow::Result<Vec<DeadLetter>> {
        Ok(self
            .context
            .queue
            .dead_letters(&DeadFilter::default(), &Page { limit: 1000, ..Page::default() })
            .await?
            .items)
    }

    /// The lane of a connection.
    ///
    /// # Errors
    /// When the name is none.
    pub fn lane(&self, connection: &str) -> anyhow::Result<Lane> {
        Ok(Lane::parse(connection)?)
    }
}

impl Drop for House {
    fn drop(&mut self) {
        for (_, task) in &self.running {
            task.abort();
        }
    }
}

fn poll(flow: &str, entity: Entity, ask: Ask) -> anyhow::Result<PollPage> {
    Ok(PollPage {
        flow: FlowId::parse(flow)?,
        entity,
        from: ConnectionId::parse("epicor-main")?,
        to: ConnectionId::parse("hubspot-main")?,
        ask,
    })
}

fn settings_text(config: &HouseConfig, epicor: &EpicorSim, hubspot: &HubspotSim) -> String {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let namespace = format!("house-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
    let redis = config.redis_url.clone().unwrap_or_else(|| shared_redis().url());
    let unsafe_persistence = config.redis_url.is_none();
    let mut text = format!(
        r#"
[redis]
url = "{redis}"
namespace = "{namespace}"
allow_unsafe_persistence = {unsafe_persistence}

[queue]
lease = "{lease}s"
{queue_lines}

[retry]
base = "{retry_base}"
cap = "{retry_cap}"

[connections.epicor-main]
system = "epicor"
base_url = "{epicor}"
company = "EPIC06"
page_rows = {page_rows}
overlap = "{overlap}"
lag = "{lag}"
concurrency = 4

[connections.hubspot-main]
system = "hubspot"
base_url = "{hubspot}"
burst = {burst}
{hubspot_lines}
"#,
        lease = config.lease.as_secs(),
        retry_base = config.retry_base,
        retry_cap = config.retry_cap,
        hubspot_lines = config.hubspot_lines,
        burst = config.burst,
        queue_lines = config.queue_lines,
        epicor = epicor.base_url(),
        hubspot = hubspot.url(),
        page_rows = config.page_rows,
        overlap = config.overlap,
        lag = config.lag,
    );
    for entity in ["vendors", "customers", "customer_contacts"] {
        let _ = writeln!(text, "[connections.epicor-main.change_fields.{entity}]\nmode = \"{}\"", config.change_mode);
    }
    for flow in [VENDORS, CUSTOMERS] {
        let _ = writeln!(
            text,
            "[flows.\"{flow}\"]\nfrom = \"epicor-main\"\nto = \"hubspot-main\"\nevery = \"5m\"\n{}",
            config.flow_lines
        );
    }
    text.push_str(&config.more_sections.replace("{epicor}", &epicor.base_url()));
    text
}
