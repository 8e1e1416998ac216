//! Secrets against a real Redis.
#![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]

use std::{
    process::{Child, Command, Stdio},
    sync::Arc,
};

use mlc_model::{ChannelId, ConnectionId};
use mlc_runtime::{redis::RedisHandle, settings::RedisSettings};
use mlc_vault::{ExposeSecret as _, KeyRing, SecretStore, VaultError};
use redis::AsyncCommands as _;

struct PrivateRedis {
    process: Child,
    folder: tempfile::TempDir,
}

impl PrivateRedis {
    async fn start() -> (Self, RedisHandle) {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("redis.sock");
        let process = Command::new("redis-server")
            .args(["--port", "0", "--save", "", "--appendonly", "no", "--unixsocket"])
            .arg(&socket)
            .current_dir(folder.path())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let redis = Self { process, folder };
        // Connecting retries for about three seconds, which is what the server may take to open its socket.
        let handle = RedisHandle::connect(&redis.settings()).await.unwrap();
        (redis, handle)
    }

    fn settings(&self) -> RedisSettings {
        RedisSettings::at(format!("unix://{}", self.folder.path().join("redis.sock").display()))
    }
}

impl Drop for PrivateRedis {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn connection(name: &str) -> ConnectionId {
    ConnectionId::parse(name).unwrap()
}

#[tokio::test]
async fn a_secret_is_stored_sealed_and_only_its_own_connection_opens_it() {
    let (_redis, handle) = PrivateRedis::start().await;
    let store = SecretStore::new(handle.clone(), Arc::new(KeyRing::parse(&KeyRing::generate_key()).unwrap()));
    let epicor = connection("epicor-main");
    assert!(store.get(&epicor, "api_key").await.unwrap().is_none());
    store.set(&epicor, "api_key", "canary-4711".to_owned().into()).await.unwrap();
    store.set(&epicor, "user", "svc".to_owned().into()).await.unwrap();
    assert_eq!(store.get(&epicor, "api_key").await.unwrap().unwrap().expose_secret(), "canary-4711");

    let listed = store.list(&epicor).await.unwrap();
    assert_eq!(listed.iter().map(|info| info.name.as_str()).collect::<Vec<_>>(), ["api_key", "user"]);
    assert!(listed[0].updated_at.timestamp() > 1_600_000_000);
    assert!(store.list(&connection("epicor")).await.unwrap().is_empty());

    let raw: Vec<u8> = handle.manager.clone().hget("mlc:{vault}:secrets", "epicor-main/api_key").await.unwrap();
    assert!(!raw.windows(6).any(|part| part == b"canary"));
    let _: () = handle.manager.clone().hset("mlc:{vault}:secrets", "other/api_key", raw).await.unwrap();
    let moved = store.get(&connection("other"), "api_key").await.unwrap_err();
    assert!(matches!(moved, VaultError::Broken { .. }), "{moved}");
    assert!(!format!("{moved:?}{store:?}{listed:?}").contains("canary"));

    assert!(store.delete(&epicor, "api_key").await.unwrap());
    assert!(!store.delete(&epicor, "api_key").await.unwrap());
    assert!(store.get(&epicor, "api_key").await.unwrap().is_none());
    assert!(matches!(store.set(&epicor, "API KEY", "x".to_owned().into()).await, Err(VaultError::BadName(_))));
}

#[tokio::test]
async fn a_channel_and_a_connection_of_one_name_do_not_see_each_others_secrets() {
    let (_redis, handle) = PrivateRedis::start().await;
    let store = SecretStore::new(handle.clone(), Arc::new(KeyRing::parse(&KeyRing::generate_key()).unwrap()));
    let (channel, namesake) = (ChannelId::parse("ops").unwrap(), connection("ops"));
    store.set_of_channel(&channel, "url", "https://canary".to_owned().into()).await.unwrap();
    assert!(store.get(&namesake, "url").await.unwrap().is_none() && store.list(&namesake).await.unwrap().is_empty());
    assert_eq!(store.get_of_channel(&channel, "url").await.unwrap().unwrap().expose_secret(), "https://canary");
    assert_eq!(store.list_of_channel(&channel).await.unwrap()[0].name, "url");
    let raw: Vec<u8> = handle.manager.clone().hget("mlc:{vault}:secrets", "alerts:ops/url").await.unwrap();
    let _: () = handle.manager.clone().hset("mlc:{vault}:secrets", "ops/url", raw).await.unwrap();
    assert!(matches!(store.get(&namesake, "url").await, Err(VaultError::Broken { .. })));
    assert!(store.delete_of_channel(&channel, "url").await.unwrap());
    assert!(store.get_of_channel(&channel, "url").await.unwrap().is_none());
}

#[tokio::test]
async fn rotation_seals_everything_anew_and_keeps_every_secret() {
    let (_redis, handle) = PrivateRedis::start().await;
    let (old, new) = (KeyRing::generate_key(), KeyRing::generate_key());
    let before = SecretStore::new(handle.clone(), Arc::new(KeyRing::parse(&old).unwrap()));
    let hubspot = connection("hubspot-main");
    for name in ["client_id", "client_secret", "refresh_token"] {
        before.set(&hubspot, name, format!("value of {name}").into()).await.unwrap();
    }
    let changed_at = before.list(&hubspot).await.unwrap()[0].updated_at;

    let during = SecretStore::new(handle.clone(), Arc::new(KeyRing::parse(&format!("{new},{old}")).unwrap()));
    assert_eq!(during.rotate().await.unwrap(), 3);
    assert_eq!(during.rotate().await.unwrap(), 0);

    let after = SecretStore::new(handle, Arc::new(KeyRing::parse(&new).unwrap()));
    assert_eq!(after.get(&hubspot, "client_id").await.unwrap().unwrap().expose_secret(), "value of client_id");
    let listed = after.list(&hubspot).await.unwrap();
    assert!(listed.iter().all(|info| new.starts_with(&info.key_id)));
    assert_eq!(listed[0].updated_at, changed_at);
    assert!(matches!(before.get(&hubspot, "client_id").await, Err(VaultError::Broken { .. })));
}
