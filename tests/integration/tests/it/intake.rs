//! The producer's intake of webhooks inside this process.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use mlc_accounts::Accounts;
use mlc_house::{House, HouseConfig};
use mlc_producer::{Person, Rooms, webhook};
use mlc_queue::{JobFilter, JobView, Page, Registry, Workers, WorkersConfig};
use mlc_runtime::{readiness::Readiness, redis::RedisHandle, shutdown::Shutdown};
use mlc_vault::KeyRing;
use serde_json::json;

use crate::sender::{Answer, SIGNATURE, send, signed};

pub(crate) const PATH: &str = "/webhooks/adobe/shop-main";
pub(crate) const SECRET: &str = "wh-canary-secret-4711";
pub(crate) const SUCCESS: &str = r#"{"op":"success"}"#;
pub(crate) const HMAC: &str = "[connections.shop-main.webhook]\nscheme = \"hmac_sha256\"\nbody_limit = 65536\n";
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// A house with an intake inside this process, and nobody who works.
pub(crate) struct Intake {
    pub(crate) house: House,
    pub(crate) address: SocketAddr,
    pub(crate) shutdown: Shutdown,
    pub(crate) task: tokio::task::JoinHandle<()>,
}

impl Intake {
    pub(crate) async fn with(config: HouseConfig) -> Self {
        let house = House::open_without_worker(config).await.unwrap();
        house.set_secret("shop-main", "webhook_secret", SECRET).await.unwrap();
        let shutdown = Shutdown::new();
        let serving = webhook::serve(rooms(&house).await, any_port(), shutdown.clone()).await.unwrap();
        Self { house, address: serving.address, shutdown, task: serving.task }
    }

    pub(crate) async fn open(webhook: &str) -> Self {
        Self::with(furnished(webhook)).await
    }

    pub(crate) async fn post(&self, headers: &[(&str, &str)], body: impl AsRef<[u8]>) -> Answer {
        send(self.address, "POST", PATH, headers, body.as_ref()).await.unwrap()
    }

    /// Signed as an endpoint with `hmac_sha256` wants it.
    pub(crate) async fn post_signed(&self, body: impl AsRef<[u8]>) -> Answer {
        self.post(&[(SIGNATURE, &signed(SECRET, body.as_ref()))], body).await
    }

    pub(crate) async fn jobs(&self) -> Vec<JobView> {
        let page = Page { limit: 1000, ..Page::default() };
        self.house.context.queue.jobs(&JobFilter::default(), &page).await.unwrap().items
    }

    pub(crate) async fn subjects(&self) -> Vec<String> {
        let mut subjects: Vec<String> = self.jobs().await.into_iter().filter_map(|job| job.subject).collect();
        subjects.sort();
        subjects
    }

    /// A worker that does what the test wants.
    pub(crate) fn work(&self, registry: Registry) -> tokio::task::JoinHandle<()> {
        let (config, context) = (WorkersConfig::default(), &self.house.context);
        let (queue, metrics) = (context.queue.clone(), context.metrics.clone());
        let run = Workers::run(queue, registry, config, std::future::pending(), metrics, Readiness::default());
        tokio::spawn(async move { drop(run.await) })
    }

    pub(crate) fn counted(&self, result: &str) -> u64 {
        let line = format!("mlc_webhook_deliveries_total{{connection=\"shop-main\",result=\"{result}\"}} ");
        let page = self.house.context.metrics.render();
        page.lines().find_map(|found| found.strip_prefix(&line)?.parse().ok()).unwrap_or(0)
    }
}

pub(crate) fn furnished(webhook: &str) -> HouseConfig {
    HouseConfig { shop_lines: webhook.to_owned(), ..HouseConfig::with_paas_shop() }
}

pub(crate) fn any_port() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

pub(crate) async fn rooms(house: &House) -> Rooms {
    let context = &house.context;
    let redis = RedisHandle::connect(&context.settings.redis).await.unwrap();
    Rooms {
        accounts: Accounts::new(redis, context.settings.console.session),
        settings: context.settings.clone(),
        queue: context.queue.clone(),
        ledger: context.ledger.clone(),
        secrets: house.secrets.clone(),
        sealer: Arc::new(KeyRing::parse(&house.vault_keys).unwrap()),
        active_key: "test".to_owned(),
        connections: context.connections.clone(),
        metrics: context.metrics.clone(),
        clock: context.clock.clone(),
        person: Person::named("test").unwrap(),
    }
}

/// A webhook in observer form.
pub(crate) fn placed(number: &str) -> String {
    json!({ "subject": [], "eventName": "sales_order_place_after", "data": { "order": { "increment_id": number } } })
        .to_string()
}
