//! A portal, a Redis and a client for one test.

use std::{process::Stdio, sync::Arc, time::Duration};

use mlc_hubspot::{CompanyInput, ContactInput, HubspotAuth, HubspotClient, HubspotConfig, HubspotSecrets, budgets};
use mlc_model::{CompanyCode, ConnectionId, RecordKey, RecordKind, System, SystemClock};
use mlc_outbound::{Door, DoorConfig};
use mlc_runtime::{metrics::Metrics, redis::RedisHandle, settings::RedisSettings};
use mlc_simulators::hubspot::{DEFAULT_TOKEN, HubspotSim, Limits};
use mlc_vault::{KeyRing, SecretString};

/// Everything one test needs; gone when dropped.
pub(crate) struct Portal {
    pub(crate) sim: HubspotSim,
    pub(crate) client: HubspotClient,
    pub(crate) door: Door,
    _redis: tokio::process::Child,
    _directory: tempfile::TempDir,
}

impl Portal {
    /// A portal with all properties in place, a static token, and room for many calls.
    pub(crate) async fn open() -> Self {
        let portal = Self::empty(HubspotConfig::default(), static_token(DEFAULT_TOKEN)).await;
        portal.client.set_up().await.unwrap();
        portal.sim.reset_stats();
        portal
    }

    /// The same with OAuth.
    pub(crate) async fn open_with_oauth() -> Self {
        let defaults = mlc_simulators::hubspot::HubspotConfig::default();
        let secrets = HubspotSecrets {
            client_id: Some(SecretString::from(defaults.client_id)),
            client_secret: Some(SecretString::from(defaults.client_secret)),
            refresh_token: Some(SecretString::from(defaults.refresh_token)),
            ..HubspotSecrets::default()
        };
        let portal =
            Self::empty(HubspotConfig { auth: HubspotAuth::OAuth2, ..HubspotConfig::default() }, secrets).await;
        portal.client.set_up().await.unwrap();
        portal.sim.reset_stats();
        portal
    }

    /// A portal without any of our properties.
    pub(crate) async fn empty(config: HubspotConfig, secrets: HubspotSecrets) -> Self {
        let limits = Limits { burst: Some(50_000), ..Limits::default() };
        let portal = mlc_simulators::hubspot::HubspotConfig { limits, ..Default::default() };
        let sim = HubspotSim::start(portal).await.unwrap();
        let directory = tempfile::tempdir().unwrap();
        let (redis, handle) = redis(&directory).await;
        let connection = ConnectionId::parse("hubspot-main").unwrap();
        let mut door = DoorConfig::new(connection, System::Hubspot, sim.url());
        door.timeout = Duration::from_secs(5);
        door.budgets = budgets(Some(50_000), 8);
        let ring = Arc::new(KeyRing::parse(&KeyRing::generate_key()).unwrap());
        let door = Door::open(door, handle, ring, Metrics::new(), Arc::new(SystemClock)).unwrap();
        let client = HubspotClient::new(door.clone(), config, secrets).unwrap();
        Self { sim, client, door, _redis: redis, _directory: directory }
    }

    /// The same portal and budgets with another token.
    pub(crate) fn client_with(&self, token: &str) -> HubspotClient {
        HubspotClient::new(self.door.clone(), HubspotConfig::default(), static_token(token)).unwrap()
    }

    /// Batch upserts that reached the portal, by number of inputs, in order.
    pub(crate) fn upserts(&self) -> Vec<usize> {
        let log = self.sim.request_log();
        log.last_calls().filter(|call| call.route.contains("batch/upsert")).map(|call| call.inputs).collect()
    }
}

pub(crate) fn static_token(token: &str) -> HubspotSecrets {
    HubspotSecrets { token: Some(SecretString::from(token)), ..HubspotSecrets::default() }
}

async fn redis(directory: &tempfile::TempDir) -> (tokio::process::Child, RedisHandle) {
    let socket = directory.path().join("redis.sock");
    let child = tokio::process::Command::new("redis-server")
        .args(["--port", "0", "--save", "", "--appendonly", "no", "--unixsocket"])
        .arg(&socket)
        .current_dir(directory.path())
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("redis-server is installed");
    let started = std::time::Instant::now();
    while tokio::net::UnixStream::connect(&socket).await.is_err() {
        assert!(started.elapsed() < Duration::from_secs(20), "redis-server does not come up");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let settings = RedisSettings::at(format!("unix://{}", socket.display()));
    (child, RedisHandle::connect(&settings).await.unwrap())
}

pub(crate) fn key(number: usize) -> RecordKey {
    RecordKey::new(&CompanyCode::parse("EPIC06").unwrap(), RecordKind::Vendor, &number.to_string())
}

pub(crate) fn vendor(number: usize) -> CompanyInput {
    let properties = [("name", format!("Vendor {number}")), ("epicor_record_type", "vendor".to_owned())];
    CompanyInput { key: key(number), properties: properties.map(|(name, value)| (name.to_owned(), value)).into() }
}

/// A vendor that HubSpot refuses: its record type is none of the options.
pub(crate) fn bad_vendor(number: usize) -> CompanyInput {
    let mut bad = vendor(number);
    bad.properties.insert("epicor_record_type".to_owned(), "supplier".to_owned());
    bad
}

pub(crate) fn person(name: &str) -> ContactInput {
    let properties = [("firstname".to_owned(), name.to_owned())].into();
    ContactInput { email: format!("{name}@noordzee.example"), properties }
}
