//! Clients of the configured connections, made once and kept.

use std::{
    collections::HashMap,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use mlc_adobe::AdobeClient;
use mlc_epicor::EpicorClient;
use mlc_hubspot::HubspotClient;
use mlc_model::{Clock, ConnectionId, Fault, FaultKind, Sealer, System};
use mlc_outbound::{BudgetLeft, Door, DoorConfig};
use mlc_runtime::{
    metrics::Metrics,
    redis::RedisHandle,
    settings::{AdobeConnection, Connection, EpicorConnection, HubspotConnection, Settings},
};
use mlc_vault::{KeyRing, SecretStore};
use tokio::sync::Mutex;

use crate::{adobe, epicor, hubspot, secrets::Secrets};

/// How long a changed secret may take to reach running workers.
const SECRETS_FRESH_FOR: Duration = Duration::from_secs(5);

/// Hands out clients. Clones share them.
#[derive(Clone)]
pub struct Connections {
    shared: Arc<Shared>,
}

struct Shared {
    settings: Arc<Settings>,
    redis: RedisHandle,
    keys: Arc<KeyRing>,
    store: SecretStore,
    metrics: Metrics,
    clock: Arc<dyn Clock>,
    doors: Mutex<HashMap<ConnectionId, Door>>,
    epicor: Mutex<HashMap<ConnectionId, Kept<EpicorClient>>>,
    hubspot: Mutex<HashMap<ConnectionId, Kept<HubspotClient>>>,
    adobe: Mutex<HashMap<ConnectionId, Kept<AdobeClient>>>,
}

struct Kept<C> {
    client: C,
    secrets: Secrets,
    read: Instant,
    /// The secrets were refused: perhaps there are better ones by now.
    stale: bool,
}

impl<C: Clone> Kept<C> {
    fn fresh(&self) -> Option<C> {
        (!self.stale && self.read.elapsed() < SECRETS_FRESH_FOR).then(|| self.client.clone())
    }
}

impl std::fmt::Debug for Connections {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connections").field("names", &self.shared.settings.connections.keys()).finish_non_exhaustive()
    }
}

impl Connections {
    /// Nothing is opened yet.
    pub fn new(
        settings: Arc<Settings>,
        redis: RedisHandle,
        keys: Arc<KeyRing>,
        metrics: Metrics,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let store = SecretStore::new(redis.clone(), Arc::clone(&keys));
        Self {
            shared: Arc::new(Shared {
                settings,
                redis,
                keys,
                store,
                metrics,
                clock,
                doors: Mutex::default(),
                epicor: Mutex::default(),
                hubspot: Mutex::default(),
                adobe: Mutex::default(),
            }),
        }
    }

    /// The settings of an Epicor connection.
    ///
    /// # Errors
    /// `Rejected` when the connection is not configured or is another system's.
    pub fn epicor_settings(&self, id: &ConnectionId) -> Result<&EpicorConnection, Fault> {
        match self.shared.settings.connections.get(id) {
            Some(Connection::Epicor(settings)) => Ok(settings),
            other => Err(wrong_connection(id, other.is_some(), System::Epicor)),
        }
    }

    /// The settings of a HubSpot connection.
    ///
    /// # Errors
    /// As [`Connections::epicor_settings`].
    pub fn hubspot_settings(&self, id: &ConnectionId) -> Result<&HubspotConnection, Fault> {
        match self.shared.settings.connections.get(id) {
            Some(Connection::Hubspot(settings)) => Ok(settings),
            other => Err(wrong_connection(id, other.is_some(), System::Hubspot)),
        }
    }

    /// The settings of a connection to Adobe Commerce.
    ///
    /// # Errors
    /// As [`Connections::epicor_settings`].
    pub fn adobe_settings(&self, id: &ConnectionId) -> Result<&AdobeConnection, Fault> {
        match self.shared.settings.connections.get(id) {
            Some(Connection::Adobe(settings)) => Ok(settings),
            other => Err(wrong_connection(id, other.is_some(), System::Adobe)),
        }
    }

    /// The client of an Epicor connection, with its present secrets.
    ///
    /// # Errors
    /// `Unauthorized` naming the secret that is missing, `Rejected` for settings that cannot be used, `Transient` when the vault cannot be read.
    pub async fn epicor(&self, id: &ConnectionId) -> Result<EpicorClient, Fault> {
        let settings = self.epicor_settings(id)?;
        let mut kept = self.shared.epicor.lock().await;
        if let Some(client) = kept.get(id).and_then(Kept::fresh) {
            return Ok(client);
        }
        let secrets = Secrets::read(&self.shared.store, id, &epicor::SECRET_NAMES).await?;
        let client = match kept.get(id) {
            Some(known) if known.secrets.same_as(&secrets) => known.client.clone(),
            _ => {
                let config = epicor::config(id, settings, &self.shared.settings)?;
                let mut door = config.door_config(id.clone());
                door.ca_pem = read_ca(id, settings.ca_file.as_deref())?;
                let door = self.door(id, door).await?;
                EpicorClient::new(door, config, epicor::secrets(&secrets))?
            }
        };
        kept.insert(id.clone(), Kept { client: client.clone(), secrets, read: Instant::now(), stale: false });
        Ok(client)
    }

    /// The client of a HubSpot connection, with its present secrets.
    ///
    /// # Errors
    /// As [`Connections::epicor`].
    pub async fn hubspot(&self, id: &ConnectionId) -> Result<HubspotClient, Fault> {
        let settings = self.hubspot_settings(id)?;
        let mut kept = self.shared.hubspot.lock().await;
        if let Some(client) = kept.get(id).and_then(Kept::fresh) {
            return Ok(client);
        }
        let secrets = Secrets::read(&self.shared.store, id, &hubspot::SECRET_NAMES).await?;
        let client = match kept.get(id) {
            Some(known) if known.secrets.same_as(&secrets) => known.client.clone(),
            _ => {
                let config = hubspot::config(id, settings, &self.shared.settings)?;
                let door = self.door(id, hubspot::door_config(id, settings)).await?;
                HubspotClient::new(door, config, hubspot::secrets(&secrets))?
            }
        };
        kept.insert(id.clone(), Kept { client: client.clone(), secrets, read: Instant::now(), stale: false });
        Ok(client)
    }

    /// The client of a connection to Adobe Commerce, with its present secrets.
    ///
    /// # Errors
    /// As [`Connections::epicor`].
    pub async fn adobe(&self, id: &ConnectionId) -> Result<AdobeClient, Fault> {
        let settings = self.adobe_settings(id)?;
        let mut kept = self.shared.adobe.lock().await;
        if let Some(client) = kept.get(id).and_then(Kept::fresh) {
            return Ok(client);
        }
        let secrets = Secrets::read(&self.shared.store, id, &adobe::SECRET_NAMES).await?;
        let client = match kept.get(id) {
            Some(known) if known.secrets.same_as(&secrets) => known.client.clone(),
            _ => {
                let config = adobe::config(id, settings)?;
                let mut door = config.door_config(id.clone());
                door.ca_pem = read_ca(id, settings.ca_file.as_deref())?;
                let door = self.door(id, door).await?;
                AdobeClient::new(door, config, adobe::secrets(&secrets))?
            }
        };
        kept.insert(id.clone(), Kept { client: client.clone(), secrets, read: Instant::now(), stale: false });
        Ok(client)
    }

    /// Reads the connection's secrets again before its next use: those in hand were refused. Without this a worker would go on with the old
    /// ones for some seconds after a person has put them right, and hold the lane again.
    pub async fn forget_secrets(&self, id: &ConnectionId) {
        if let Some(kept) = self.shared.epicor.lock().await.get_mut(id) {
            kept.stale = true;
        }
        if let Some(kept) = self.shared.hubspot.lock().await.get_mut(id) {
            kept.stale = true;
        }
        if let Some(kept) = self.shared.adobe.lock().await.get_mut(id) {
            kept.stale = true;
        }
    }

    /// How far the server's clock is ahead of ours, as its answers taught us; `None` before the first answer.
    pub async fn server_skew(&self, id: &ConnectionId) -> Option<chrono::Duration> {
        let door = self.shared.doors.lock().await.get(id).cloned()?;
        door.server_skew().await
    }

    /// What is left of the budgets of the connections that were used, as connection, family and number.
    pub async fn budgets_left(&self) -> Vec<(ConnectionId, System, &'static str, u64)> {
        let doors: Vec<Door> = self.shared.doors.lock().await.values().cloned().collect();
        let mut left = Vec::new();
        for door in doors {
            for budget in door.remaining().await.unwrap_or_default() {
                left.push((door.connection().clone(), door.system(), budget.family, budget.remaining));
            }
        }
        left
    }

    /// What is left of one connection's budgets.
    ///
    /// # Errors
    /// As [`Connections::epicor`]: a connection without its secrets has no budgets yet. `Transient` if Redis does not answer.
    pub async fn budgets(&self, id: &ConnectionId) -> Result<Vec<BudgetLeft>, Fault> {
        // The clients open the door.
        match self.shared.settings.connections.get(id) {
            Some(Connection::Epicor(_)) => drop(self.epicor(id).await?),
            Some(Connection::Hubspot(_)) => drop(self.hubspot(id).await?),
            Some(Connection::Adobe(_)) => drop(self.adobe(id).await?),
            None => return Err(wrong_connection(id, false, System::Connector)),
        }
        let door = self.shared.doors.lock().await.get(id).cloned();
        match door {
            Some(door) => door.remaining().await,
            None => Ok(Vec::new()),
        }
    }

    async fn door(&self, id: &ConnectionId, config: DoorConfig) -> Result<Door, Fault> {
        let mut doors = self.shared.doors.lock().await;
        if let Some(door) = doors.get(id) {
            return Ok(door.clone());
        }
        let system = config.system;
        let sealer: Arc<dyn Sealer> = self.shared.keys.clone();
        let shared = &self.shared;
        let door = Door::open(config, shared.redis.clone(), sealer, shared.metrics.clone(), Arc::clone(&shared.clock))
            .map_err(|problem| {
                Fault::new(FaultKind::Rejected, system, "settings", format!("connections.{id}: {problem}"))
            })?;
        doors.insert(id.clone(), door.clone());
        Ok(door)
    }
}

fn wrong_connection(id: &ConnectionId, exists: bool, wanted: System) -> Fault {
    let problem = if exists {
        format!("connections.{id} is not of system {wanted}")
    } else {
        format!("connections.{id} is not configured")
    };
    Fault::new(
        FaultKind::Rejected,
        System::Connector,
        "settings",
        format!("{problem}: correct the settings, then replay"),
    )
    .with_code("SETTINGS")
}

fn read_ca(id: &ConnectionId, file: Option<&Path>) -> Result<Option<Vec<u8>>, Fault> {
    let Some(path) = file else { return Ok(None) };
    std::fs::read(path).map(Some).map_err(|problem| {
        let message = format!("connections.{id}.ca_file {}: {problem}", path.display());
        Fault::new(FaultKind::Rejected, System::Connector, "settings", message).with_code("SETTINGS")
    })
}
