//! The secrets of connections, sealed in Redis.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    sync::Arc,
};

use chrono::{DateTime, Utc};
use mlc_model::{ChannelId, ConnectionId, Sealer as _};
use mlc_runtime::redis::RedisHandle;
use redis::{AsyncCommands as _, Script};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;

use crate::{KeyRing, VaultError, keys};

/// What may be told about a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SecretInfo {
    /// Its name, such as `api_key`.
    pub name: String,
    /// When it was last set.
    pub updated_at: DateTime<Utc>,
    /// Key it is sealed with; empty when the stored bytes are not a sealed text.
    pub key_id: String,
}

/// Keeps secrets by connection and name. Clones share everything.
#[derive(Clone)]
pub struct SecretStore {
    redis: RedisHandle,
    ring: Arc<KeyRing>,
}

impl SecretStore {
    /// A store in `redis`, sealed with `ring`.
    pub fn new(redis: RedisHandle, ring: Arc<KeyRing>) -> Self {
        Self { redis, ring }
    }

    /// Seals and stores a secret, replacing an earlier one.
    ///
    /// # Errors
    /// [`VaultError::BadName`], [`VaultError::Redis`].
    ///
    /// # Cancel safety
    /// Either stored or not, never in part.
    pub async fn set(&self, connection: &ConnectionId, name: &str, secret: SecretString) -> Result<(), VaultError> {
        self.set_field(keys::field(connection, checked(name)?), secret).await
    }

    /// As [`SecretStore::set`], for a channel of alerts.
    ///
    /// # Errors
    /// Those of [`SecretStore::set`].
    pub async fn set_of_channel(
        &self,
        channel: &ChannelId,
        name: &str,
        secret: SecretString,
    ) -> Result<(), VaultError> {
        self.set_field(keys::channel_field(channel, checked(name)?), secret).await
    }

    async fn set_field(&self, field: String, secret: SecretString) -> Result<(), VaultError> {
        let sealed = self.ring.seal(&keys::context(&field), secret.expose_secret().as_bytes());
        let script = Script::new(include_str!("set_secret.lua"));
        let mut call = script.key(self.key());
        let _: String = call.arg(field).arg(sealed).invoke_async(&mut self.redis.manager.clone()).await?;
        Ok(())
    }

    /// Reads a secret. `Ok(None)` = never set.
    ///
    /// # Errors
    /// [`VaultError::Broken`] when it does not open, [`VaultError::Redis`] when it could not be looked up.
    pub async fn get(&self, connection: &ConnectionId, name: &str) -> Result<Option<SecretString>, VaultError> {
        self.get_field(&keys::field(connection, checked(name)?)).await
    }

    /// As [`SecretStore::get`], for a channel of alerts.
    ///
    /// # Errors
    /// Those of [`SecretStore::get`].
    pub async fn get_of_channel(&self, channel: &ChannelId, name: &str) -> Result<Option<SecretString>, VaultError> {
        self.get_field(&keys::channel_field(channel, checked(name)?)).await
    }

    async fn get_field(&self, field: &str) -> Result<Option<SecretString>, VaultError> {
        let stored: Option<Vec<u8>> = self.redis.manager.clone().hget(self.key(), field).await?;
        stored.map(|value| self.open(field, &value)).transpose()
    }

    /// What secrets a connection has, by name.
    ///
    /// # Errors
    /// [`VaultError::Redis`].
    pub async fn list(&self, connection: &ConnectionId) -> Result<Vec<SecretInfo>, VaultError> {
        Ok(self.list_all().await?.remove(connection).unwrap_or_default())
    }

    /// What secrets all connections have, by connection and name.
    ///
    /// # Errors
    /// [`VaultError::Redis`].
    pub async fn list_all(&self) -> Result<BTreeMap<ConnectionId, Vec<SecretInfo>>, VaultError> {
        let mut found = BTreeMap::new();
        for (owner, secrets) in self.list_by_owner().await? {
            if let Ok(connection) = ConnectionId::parse(&owner) {
                found.insert(connection, secrets);
            }
        }
        Ok(found)
    }

    /// What secrets a channel of alerts has, by name.
    ///
    /// # Errors
    /// [`VaultError::Redis`].
    pub async fn list_of_channel(&self, channel: &ChannelId) -> Result<Vec<SecretInfo>, VaultError> {
        Ok(self.list_by_owner().await?.remove(&keys::channel_owner(channel)).unwrap_or_default())
    }

    async fn list_by_owner(&self) -> Result<BTreeMap<String, Vec<SecretInfo>>, VaultError> {
        let mut found: BTreeMap<String, Vec<SecretInfo>> = BTreeMap::new();
        for (field, value) in &self.all().await? {
            let Some((owner, name)) = field.split_once('/') else { continue };
            let (updated_at, sealed) = split(value).unwrap_or_default();
            let key_id = KeyRing::key_id(sealed).unwrap_or_default().to_owned();
            found.entry(owner.to_owned()).or_default().push(SecretInfo { name: name.to_owned(), updated_at, key_id });
        }
        for secrets in found.values_mut() {
            secrets.sort_by(|a, b| a.name.cmp(&b.name));
        }
        Ok(found)
    }

    /// Removes a secret. False = there was none.
    ///
    /// # Errors
    /// [`VaultError::BadName`], [`VaultError::Redis`].
    pub async fn delete(&self, connection: &ConnectionId, name: &str) -> Result<bool, VaultError> {
        let field = keys::field(connection, checked(name)?);
        Ok(self.redis.manager.clone().hdel(self.key(), field).await?)
    }

    /// As [`SecretStore::delete`], for a channel of alerts.
    ///
    /// # Errors
    /// Those of [`SecretStore::delete`].
    pub async fn delete_of_channel(&self, channel: &ChannelId, name: &str) -> Result<bool, VaultError> {
        let field = keys::channel_field(channel, checked(name)?);
        Ok(self.redis.manager.clone().hdel(self.key(), field).await?)
    }

    /// Seals everything anew that is not sealed with the active key, and tells how many that were. A secret that somebody
    /// sets meanwhile keeps its new value. Run again after an error: what was done stays done.
    ///
    /// # Errors
    /// [`VaultError::Broken`] when a secret does not open, after all others are done; [`VaultError::Redis`].
    pub async fn rotate(&self) -> Result<usize, VaultError> {
        let script = Script::new(include_str!("reseal_secret.lua"));
        let mut connection = self.redis.manager.clone();
        let (mut done, mut broken) = (0, None);
        for (field, value) in self.all().await? {
            let sealed = split(&value).map(|(_, sealed)| sealed).unwrap_or_default();
            if !self.ring.needs_reseal(sealed) {
                continue;
            }
            match self.open(&field, &value) {
                Ok(secret) => {
                    let mut fresh = value[..value.len() - sealed.len()].to_vec();
                    fresh.extend(self.ring.seal(&keys::context(&field), secret.expose_secret().as_bytes()));
                    let mut call = script.key(self.key());
                    done += call.arg(&field).arg(&value).arg(fresh).invoke_async::<usize>(&mut connection).await?;
                }
                Err(error) => broken = Some(error),
            }
        }
        broken.map_or(Ok(done), Err)
    }

    fn key(&self) -> String {
        keys::secrets(&self.redis.namespace)
    }

    async fn all(&self) -> Result<HashMap<String, Vec<u8>>, VaultError> {
        Ok(self.redis.manager.clone().hgetall(self.key()).await?)
    }

    fn open(&self, field: &str, value: &[u8]) -> Result<SecretString, VaultError> {
        let broken = |reason: String| VaultError::Broken { name: field.to_owned(), reason };
        let (_, sealed) = split(value).ok_or_else(|| broken("stored in an unknown form".into()))?;
        let plain = self.ring.open(&keys::context(field), sealed).map_err(|error| broken(error.reason))?;
        String::from_utf8(plain).map(SecretString::from).map_err(|_| broken("not a text".into()))
    }
}

impl fmt::Debug for SecretStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretStore([redacted])")
    }
}

fn split(value: &[u8]) -> Option<(DateTime<Utc>, &[u8])> {
    let colon = value.iter().position(|byte| *byte == b':')?;
    let millis = std::str::from_utf8(&value[..colon]).ok()?.parse().ok()?;
    Some((DateTime::from_timestamp_millis(millis)?, &value[colon + 1..]))
}

fn checked(name: &str) -> Result<&str, VaultError> {
    let allowed = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'_';
    if name.is_empty() || name.len() > 64 || !name.bytes().all(allowed) {
        // Somebody may have typed the secret where the name belongs: shown short, never whole.
        return Err(VaultError::BadName(name.chars().take(4).chain(['…']).collect()));
    }
    Ok(name)
}
