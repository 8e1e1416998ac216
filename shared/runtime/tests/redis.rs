//! The connection against a real Redis.
#![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]

use std::{
    path::Path,
    process::{Child, Command, Stdio},
};

use mlc_runtime::{redis::RedisHandle, settings::RedisSettings};

struct PrivateRedis(Child);

impl PrivateRedis {
    fn start(folder: &Path) -> Self {
        let process = Command::new("redis-server")
            .args(["--port", "0", "--save", "", "--appendonly", "no", "--unixsocket"])
            .arg(folder.join("redis.sock"))
            .current_dir(folder)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        Self(process)
    }
}

impl Drop for PrivateRedis {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn settings(folder: &Path) -> RedisSettings {
    RedisSettings::at(format!("unix://{}", folder.join("redis.sock").display()))
}

#[tokio::test]
async fn a_server_that_could_lose_work_is_refused_unless_allowed() {
    let folder = tempfile::tempdir().unwrap();
    let _redis = PrivateRedis::start(folder.path());
    let handle = RedisHandle::connect(&settings(folder.path())).await.unwrap();
    let refused = handle.check_persistence(false).await.unwrap_err().to_string();
    assert!(refused.contains("appendonly yes"), "{refused}");
    let facts = handle.check_persistence(true).await.unwrap();
    assert!(!facts.aof && facts.appendfsync.is_some() && facts.maxmemory_policy == "noeviction");
    let mut connection = handle.manager.clone();
    let () = redis::cmd("CONFIG").arg("SET").arg("appendonly").arg("yes").query_async(&mut connection).await.unwrap();
    assert!(handle.check_persistence(false).await.unwrap().aof);
}

#[tokio::test]
async fn the_shared_connection_comes_back_after_the_server_did() {
    let folder = tempfile::tempdir().unwrap();
    let redis = PrivateRedis::start(folder.path());
    let handle = RedisHandle::connect(&settings(folder.path())).await.unwrap();
    let mut dedicated = handle.dedicated().await.unwrap();
    drop(redis);
    assert!(redis::cmd("PING").query_async::<String>(&mut dedicated).await.is_err());
    let _redis = PrivateRedis::start(folder.path());
    let mut answers = Vec::new();
    // The first command may meet the dead connection; its error starts the reconnection, which the next ones wait for.
    while answers.last() != Some(&true) && answers.len() < 4 {
        answers.push(redis::cmd("PING").query_async::<String>(&mut handle.manager.clone()).await.is_ok());
    }
    assert_eq!(answers.last(), Some(&true), "{answers:?}");
}

#[tokio::test]
async fn a_missing_server_is_told_in_words_without_the_password() {
    let settings = RedisSettings::at("redis://:canary@127.0.0.1:1");
    let error = RedisHandle::connect(&settings).await.unwrap_err();
    let text = format!("{error} {error:?} {settings:?}");
    assert!(error.to_string().starts_with("Redis at redis://127.0.0.1:1 is not available"), "{error}");
    assert!(!text.contains("canary"), "{text}");
}
