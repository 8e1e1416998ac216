//! A private Redis, a simulated Epicor, and a client between them.

use std::{
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use mlc_epicor::{Address, EpicorAuth, EpicorClient, EpicorConfig, EpicorSecrets, OAuthGrant};
use mlc_model::{CompanyCode, ConnectionId, SystemClock};
use mlc_outbound::Door;
use mlc_runtime::{metrics::Metrics, redis::RedisHandle, settings::RedisSettings};
use mlc_simulators::epicor::{EpicorConfig as SimConfig, EpicorSim, Fault, FaultKind, SeedCompany};
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
    pub(crate) sim: EpicorSim,
    redis: PrivateRedis,
}

impl Site {
    /// A company with vendors, customers and contacts, 60 and 30 of them.
    pub(crate) async fn open() -> Self {
        let sim = EpicorSim::start(SimConfig::default()).await.unwrap();
        let order = SeedCompany { vendors: 60, customers: 30, contacts: true, ..SeedCompany::default() };
        sim.store().seed_company(&order).unwrap();
        Self { sim, redis: PrivateRedis::start().await }
    }

    pub(crate) fn config(&self) -> EpicorConfig {
        self.config_of("EPIC06")
    }

    pub(crate) fn config_of(&self, company: &str) -> EpicorConfig {
        // With the slash that people leave at the end.
        let base = format!("{}/", self.sim.base_url());
        EpicorConfig::new(Address::parse(&base, CompanyCode::parse(company).unwrap()).unwrap())
    }

    pub(crate) fn token_resource(&self) -> EpicorConfig {
        EpicorConfig { auth: EpicorAuth::TokenResource, ..self.config() }
    }

    pub(crate) fn oauth2(&self) -> EpicorConfig {
        let token_url = format!("{}/connect/token", self.sim.origin());
        let auth =
            EpicorAuth::OAuth2 { token_url, scope: "epicor_erp".to_owned(), grant: OAuthGrant::ClientCredentials };
        EpicorConfig { auth, ..self.config() }
    }

    pub(crate) fn secrets(&self) -> EpicorSecrets {
        let of = self.sim.config();
        EpicorSecrets {
            api_key: Some(of.api_key.clone().into()),
            user: Some(of.user.clone().into()),
            password: Some(of.password.clone().into()),
            client_id: Some(of.client_id.clone().into()),
            client_secret: Some(of.client_secret.clone().into()),
        }
    }

    pub(crate) async fn client(&self, config: EpicorConfig) -> EpicorClient {
        self.client_with(config, self.secrets()).await
    }

    /// A client like another process': it shares nothing with others but Redis.
    pub(crate) async fn client_with(&self, config: EpicorConfig, secrets: EpicorSecrets) -> EpicorClient {
        let redis = RedisHandle::connect(&RedisSettings::at(&self.redis.url)).await.unwrap();
        let keys = Arc::new(KeyRing::parse("test:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=").unwrap());
        let connection = ConnectionId::parse("epicor-main").unwrap();
        let door =
            Door::open(config.door_config(connection), redis, keys, Metrics::new(), Arc::new(SystemClock)).unwrap();
        EpicorClient::new(door, config, secrets).unwrap()
    }

    pub(crate) fn fault(&self, route: &str, kind: FaultKind) {
        self.sim.faults().add(Fault::once(route, kind));
    }
}
