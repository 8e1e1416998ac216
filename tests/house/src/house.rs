//! The worker, both simulators and a namespace in Redis, opened together.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use mlc_flow::{Ask, Entity, Extent, PollPage, flow_kind};
use mlc_ledger::WindowRow;
use mlc_model::{Clock as _, ConnectionId, FlowId, SystemClock};
use mlc_queue::{DeadFilter, DeadLetter, JobFilter, JobView, Lane, Order, Page, Priority, Workers, WorkersConfig};
use mlc_runtime::{metrics::Metrics, readiness::Readiness, settings::Settings, shutdown::Shutdown};
use mlc_simulators::{
    adobe::{AdobeConfig, AdobeSim},
    epicor::{EpicorConfig, EpicorSim},
    hubspot::{HubspotConfig, HubspotSim},
};
use mlc_vault::{KeyRing, SecretStore, SecretString};
use mlc_worker::Context;
use tokio::task::JoinHandle;

use crate::{API_KEY, HouseConfig, PASSWORD, TOKEN, USER, settings_text::settings_text};

/// Looks in a row that have to find nothing to do.
const QUIET_LOOKS: usize = 2;

/// Everything open.
pub struct House {
    /// The simulated Epicor.
    pub epicor: EpicorSim,
    /// The simulated HubSpot.
    pub hubspot: HubspotSim,
    /// The simulated shop, where the house has one; see [`House::shop`].
    pub shop: Option<AdobeSim>,
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
        let shop = match &config.shop {
            Some(shop) => Some(AdobeSim::start(shop.clone()).await?),
            None => None,
        };
        let text = settings_text(&config, &epicor, &hubspot, shop.as_ref());
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
        let mut entries = vec![
            ("epicor-main", "api_key", epicor.config().api_key.clone()),
            ("epicor-main", "user", epicor.config().user.clone()),
            ("epicor-main", "password", epicor.config().password.clone()),
            ("hubspot-main", "token", TOKEN.to_owned()),
            ("hubspot-main", "client_id", config.hubspot.client_id.clone()),
            ("hubspot-main", "client_secret", config.hubspot.client_secret.clone()),
            ("hubspot-main", "refresh_token", config.hubspot.refresh_token.clone()),
        ];
        entries.extend(config.shop.iter().flat_map(shop_secrets));
        for (connection, name, secret) in entries {
            secrets.set(&ConnectionId::parse(connection)?, name, SecretString::from(secret)).await?;
        }
        let readiness = Readiness::default();
        let running = Vec::new();
        let house =
            Self { epicor, hubspot, shop, context, secrets, readiness, settings_text: text, vault_keys, running };
        if config.set_up {
            house.set_up_hubspot().await?;
        }
        Ok(house)
    }

    /// The simulated shop.
    ///
    /// # Panics
    /// When the house was furnished without one.
    #[must_use]
    pub fn shop(&self) -> &AdobeSim {
        self.shop
            .as_ref()
            .expect("this house has no shop: open it with HouseConfig::with_paas_shop() or with_saas_shop()")
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

    /// Orders a poll of every entity of a flow, as the producer would. A flow that is announced by webhook has none: use its
    /// jobs, or the intake.
    ///
    /// # Errors
    /// An unknown flow, one that is not configured or polls nothing, or Redis.
    pub async fn order(&self, flow: &str, extent: Extent) -> anyhow::Result<()> {
        let id = FlowId::parse(flow)?;
        let kind = self.context.settings.flow(&id).map_or(&id, |settings| settings.kind(&id));
        let entities = flow_kind(kind)?.entities;
        if entities.is_empty() {
            bail!("{flow} polls nothing: it is announced by webhook");
        }
        for entity in entities {
            let job = self.poll(flow, *entity, Ask::Plan(extent))?;
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
            let job = self.poll(flow, entity, Ask::Replay(row.window.id.clone()))?;
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
        let mut quiet = 0;
        loop {
            // Lanes are looked at one after another: a job that moves on to a lane already looked at hides from one look.
            let lanes = self.context.queue.lanes().await?;
            let is_quiet = lanes.iter().all(|lane| lane.ready + lane.delayed + lane.running == 0);
            quiet = if is_quiet { quiet + 1 } else { 0 };
            if quiet == QUIET_LOOKS {
                return Ok(());
            }
            if Instant::now() > give_up {
                bail!("jobs are left after a minute: {lanes:?}");
            }
            tokio::time::sleep(Duration::from_millis(15)).await;
        }
    }

    /// Waits until no job is ready or running and none is due within `horizon`; answers those that wait longer, such as an
    /// invoice for its order.
    ///
    /// # Errors
    /// When that has not come after a minute: says what is left.
    pub async fn settle_but_for_waiting(&self, horizon: Duration) -> anyhow::Result<Vec<JobView>> {
        let give_up = Instant::now() + Duration::from_secs(60);
        let mut quiet = 0;
        loop {
            let page = Page { limit: 10_000, ..Page::default() };
            let jobs = self.context.queue.jobs(&JobFilter::default(), &page).await?.items;
            let lanes = self.context.queue.lanes().await?;
            let busy: u64 = lanes.iter().map(|lane| lane.ready + lane.running).sum();
            let delayed: u64 = lanes.iter().map(|lane| lane.delayed).sum();
            // The queue goes by real time, whatever clock the house has.
            let soon = SystemClock.now() + horizon;
            let is_quiet =
                busy == 0 && delayed == jobs.len() as u64 && jobs.iter().all(|job| job.at.is_some_and(|at| at > soon));
            quiet = if is_quiet { quiet + 1 } else { 0 };
            if quiet == QUIET_LOOKS {
                return Ok(jobs);
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
        let (mut letters, mut page) = (Vec::new(), Page { limit: 1000, ..Page::default() });
        loop {
            let listing = self.context.queue.dead_letters(&DeadFilter::default(), &page).await?;
            letters.extend(listing.items);
            page.after = listing.next;
            if page.after.is_none() {
                return Ok(letters);
            }
        }
    }

    /// The lane of a connection.
    ///
    /// # Errors
    /// When the name is none.
    pub fn lane(&self, connection: &str) -> anyhow::Result<Lane> {
        Ok(Lane::parse(connection)?)
    }

    fn poll(&self, flow: &str, entity: Entity, ask: Ask) -> anyhow::Result<PollPage> {
        let flow = FlowId::parse(flow)?;
        let settings = self.context.settings.flow(&flow).with_context(|| format!("{flow} is not configured"))?;
        Ok(PollPage { from: settings.from.clone(), to: settings.to.clone(), flow, entity, ask })
    }
}

impl Drop for House {
    fn drop(&mut self) {
        for (_, task) in &self.running {
            task.abort();
        }
    }
}

/// What the vault holds for `shop-main`.
fn shop_secrets(shop: &AdobeConfig) -> Vec<(&'static str, &'static str, String)> {
    let mut secrets = vec![("client_id", shop.client_id.clone()), ("client_secret", shop.client_secret.clone())];
    if let Some(integration) = shop.integrations.first() {
        secrets.extend([
            ("consumer_key", integration.consumer_key.clone()),
            ("consumer_secret", integration.consumer_secret.clone()),
            ("token", integration.token.clone()),
            ("token_secret", integration.token_secret.clone()),
        ]);
    }
    secrets.into_iter().map(|(name, secret)| ("shop-main", name, secret)).collect()
}
