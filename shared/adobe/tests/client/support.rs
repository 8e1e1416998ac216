//! A private Redis, a simulated shop, and a client between them.

use std::{
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use mlc_adobe::{AdobeClient, AdobeConfig, AdobeSecrets, Ims, OrderLineWrite, OrderWrite, Payment, wire::Amount};
use mlc_model::{ConnectionId, Fault, SystemClock};
use mlc_outbound::Door;
use mlc_runtime::{metrics::Metrics, redis::RedisHandle, settings::RedisSettings};
use mlc_simulators::adobe::{
    AdobeConfig as SimConfig, AdobeSim, DEFAULT_CLIENT_ID, DEFAULT_CLIENT_SECRET, DEFAULT_CONSUMER_KEY,
    DEFAULT_CONSUMER_SECRET, DEFAULT_TENANT, DEFAULT_TOKEN, DEFAULT_TOKEN_SECRET, Edition, SignatureSort,
};
use mlc_vault::KeyRing;
use tempfile::TempDir;

/// Ends with the value.
struct PrivateRedis {
    process: Child,
    url: String,
    _folder: TempDir,
}

impl PrivateRedis {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("redis.sock");
        let process = Command::new("redis-server")
            .args(["--port", "0", "--save", "", "--appendonly", "no", "--unixsocket"])
            .arg(&socket)
            .arg("--dir")
            .arg(folder.path())
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server must be installed");
        let redis = Self { process, url: format!("unix://{}", socket.display()), _folder: folder };
        let given_up = Instant::now() + Duration::from_secs(10);
        while std::os::unix::net::UnixStream::connect(&socket).is_err() {
            assert!(Instant::now() < given_up, "redis-server does not start");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        redis
    }
}

impl Drop for PrivateRedis {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

pub(crate) struct Site {
    pub(crate) sim: AdobeSim,
    edition: Edition,
    redis: PrivateRedis,
}

impl Site {
    /// Every shop we know: both orders of signing, and SaaS.
    pub(crate) async fn all() -> [Self; 3] {
        [
            Self::open(SimConfig { sort: SignatureSort::Natural, ..SimConfig::default() }).await,
            Self::open(SimConfig { sort: SignatureSort::Decoded, ..SimConfig::default() }).await,
            Self::open(SimConfig::saas()).await,
        ]
    }

    pub(crate) async fn paas() -> Self {
        Self::open(SimConfig::default()).await
    }

    pub(crate) async fn saas() -> Self {
        Self::open(SimConfig::saas()).await
    }

    pub(crate) async fn open(config: SimConfig) -> Self {
        let edition = config.edition;
        Self { sim: AdobeSim::start(config).await.unwrap(), edition, redis: PrivateRedis::start().await }
    }

    pub(crate) fn config(&self) -> AdobeConfig {
        match self.edition {
            Edition::Paas => AdobeConfig::paas(self.sim.url()),
            Edition::Saas => {
                let ims = Ims { token_url: self.sim.token_url(), ..Ims::default() };
                AdobeConfig::saas(format!("{}/{DEFAULT_TENANT}", self.sim.url()), ims)
            }
        }
    }

    pub(crate) fn secrets(&self) -> AdobeSecrets {
        AdobeSecrets {
            consumer_key: Some(DEFAULT_CONSUMER_KEY.into()),
            consumer_secret: Some(DEFAULT_CONSUMER_SECRET.into()),
            token: Some(DEFAULT_TOKEN.into()),
            token_secret: Some(DEFAULT_TOKEN_SECRET.into()),
            client_id: Some(DEFAULT_CLIENT_ID.into()),
            client_secret: Some(DEFAULT_CLIENT_SECRET.into()),
        }
    }

    pub(crate) async fn client(&self) -> AdobeClient {
        self.client_with(self.config(), self.secrets()).await.unwrap()
    }

    /// A client like another process': it shares nothing with others but Redis.
    pub(crate) async fn client_with(&self, config: AdobeConfig, secrets: AdobeSecrets) -> Result<AdobeClient, Fault> {
        let redis = RedisHandle::connect(&RedisSettings::at(&self.redis.url)).await.unwrap();
        let keys = Arc::new(KeyRing::parse("test:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=").unwrap());
        let connection = ConnectionId::parse("adobe-main").unwrap();
        let door =
            Door::open(config.door_config(connection), redis, keys, Metrics::new(), Arc::new(SystemClock)).unwrap();
        AdobeClient::new(door, config, secrets)
    }
}

pub(crate) fn amount(text: &str) -> Option<Amount> {
    Some(Amount::parse(text).unwrap())
}

/// A purchase order of two lines: 20 × 10.50 and 5 × 10.50.
pub(crate) fn purchase_order(number: &str) -> OrderWrite {
    let line = |suffix: &str, sku: &str, quantity: &str, total: &str| OrderLineWrite {
        sku: Some(sku.to_owned()),
        name: Some(format!("{sku} of the test")),
        product_type: Some("virtual".to_owned()),
        is_virtual: Some(1),
        ext_order_item_id: Some(format!("{number}/{suffix}")),
        additional_data: Some(r#"{"epicor":{"gl_account":"5000-10-200"}}"#.to_owned()),
        qty_ordered: amount(quantity),
        price: amount("10.5"),
        base_price: amount("10.5"),
        row_total: amount(total),
        base_row_total: amount(total),
        ..OrderLineWrite::default()
    };
    OrderWrite {
        customer_email: Some("ap@northwind-castings.example".to_owned()),
        increment_id: Some(number.to_owned()),
        store_id: Some(1),
        state: Some("new".to_owned()),
        status: Some("pending".to_owned()),
        is_virtual: Some(1),
        base_currency_code: Some("USD".to_owned()),
        order_currency_code: Some("USD".to_owned()),
        subtotal: amount("262.5"),
        base_subtotal: amount("262.5"),
        grand_total: amount("262.5"),
        base_grand_total: amount("262.5"),
        total_qty_ordered: amount("25"),
        items: Some(vec![line("1/1", "CAST-220", "20", "210"), line("2/1", "BOLT-M8", "5", "52.5")]),
        payment: Some(Payment { method: Some("purchaseorder".to_owned()), ..Payment::default() }),
        ..OrderWrite::default()
    }
}

pub(crate) fn code(fault: &Fault) -> &str {
    fault.code.as_deref().unwrap_or_default()
}
