//! A private Redis per test, and short ways to build values.

use std::{
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use mlc_ledger::{Action, Delivery, Ledger, Sighting};
use mlc_model::{Fingerprint, FlowId, JobId, RecordKey, TargetId, Version};
use mlc_runtime::{redis::RedisHandle, settings::RedisSettings};

pub(crate) struct Server {
    process: Child,
    _directory: tempfile::TempDir,
    pub(crate) handle: RedisHandle,
}

impl Server {
    pub(crate) async fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("redis.sock");
        let process = Command::new("redis-server")
            .args(["--port", "0", "--save", "", "--appendonly", "no", "--unixsocket"])
            .arg(&socket)
            .current_dir(directory.path())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let settings = RedisSettings::at(format!("redis+unix://{}", socket.display()));
        let deadline = Instant::now() + Duration::from_secs(20);
        let handle = loop {
            match RedisHandle::connect(&settings).await {
                Ok(handle) => break handle,
                Err(error) if Instant::now() > deadline => panic!("private Redis did not start: {error}"),
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        };
        Self { process, _directory: directory, handle }
    }

    pub(crate) fn ledger(&self) -> Ledger {
        Ledger::new(self.handle.clone())
    }

    pub(crate) async fn keys(&self, pattern: &str) -> Vec<String> {
        redis::cmd("KEYS").arg(pattern).query_async(&mut self.handle.manager.clone()).await.unwrap()
    }
}

impl Server {
    /// Nobody answers any more.
    pub(crate) fn stop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

pub(crate) fn flow() -> FlowId {
    FlowId::parse("epicor_to_hubspot::vendors").unwrap()
}

pub(crate) fn key(number: u32) -> RecordKey {
    RecordKey::from_text(&format!("EPIC06:VEND:{number}"))
}

pub(crate) fn print(byte: u8) -> Fingerprint {
    Fingerprint([byte; 16])
}

pub(crate) fn at(ms: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(1_764_000_000_000 + ms).unwrap()
}

pub(crate) fn sighting(number: u32, version: i64, content: u8) -> Sighting {
    Sighting { key: key(number), version: Version(version), fingerprint: print(content) }
}

pub(crate) fn delivery(sighting: &Sighting, target: &str) -> Delivery {
    Delivery {
        key: sighting.key.clone(),
        version: sighting.version,
        fingerprint: sighting.fingerprint,
        target_id: Some(TargetId::parse(target).unwrap()),
        action: Action::Created,
        window: None,
        job: Some(JobId::parse("job-1").unwrap()),
        at: at(0),
    }
}
