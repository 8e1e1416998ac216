//! A private Redis and a server that counts like HubSpot: a sliding window, judged at the time of arrival.
#![allow(clippy::unwrap_used, dead_code, unreachable_pub, missing_docs, reason = "shared by tests and the example")]

use std::{
    collections::VecDeque,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use axum::{Router, routing::any};
use mlc_model::{ConnectionId, System, SystemClock};
use mlc_outbound::{Door, DoorConfig};
use mlc_runtime::{metrics::Metrics, redis::RedisHandle, settings::RedisSettings};
use mlc_vault::KeyRing;
use tempfile::TempDir;

/// Ends with the value.
pub struct PrivateRedis {
    process: Child,
    pub url: String,
    _folder: TempDir,
}

impl PrivateRedis {
    pub async fn start() -> Self {
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

    /// A connection of its own, like another worker's.
    pub async fn connect(&self) -> RedisHandle {
        RedisHandle::connect(&RedisSettings::at(&self.url)).await.unwrap()
    }
}

impl Drop for PrivateRedis {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

/// All doors of a test seal with one key.
pub const KEY: &str = "test:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

pub fn config(base_url: &str) -> DoorConfig {
    DoorConfig::new(ConnectionId::parse("hubspot-main").unwrap(), System::Hubspot, base_url)
}

/// A door like another worker's: it shares nothing with others but Redis.
pub async fn door(redis: &PrivateRedis, config: DoorConfig) -> Door {
    let keys = Arc::new(KeyRing::parse(KEY).unwrap());
    Door::open(config, redis.connect().await, keys, Metrics::new(), Arc::new(SystemClock)).unwrap()
}

/// Serves `router` on a free port; the address comes back.
pub async fn serve(router: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}

/// Counts arrivals in a sliding window; what is too many gets 429 and is not counted.
#[derive(Clone)]
pub struct SlidingWindow {
    limit: usize,
    window: Duration,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    window: VecDeque<Instant>,
    accepted: Vec<Instant>,
    refused: usize,
}

impl SlidingWindow {
    pub fn new(limit: usize, window: Duration) -> Self {
        Self { limit, window, seen: Arc::default() }
    }

    pub fn router(&self) -> Router {
        let this = self.clone();
        Router::new().fallback(any(move || {
            let status = this.arrive();
            async move { axum::http::StatusCode::from_u16(status).unwrap() }
        }))
    }

    pub fn arrive(&self) -> u16 {
        let now = Instant::now();
        let mut seen = self.seen.lock().unwrap();
        while seen.window.front().is_some_and(|first| now.duration_since(*first) >= self.window) {
            seen.window.pop_front();
        }
        if seen.window.len() >= self.limit {
            seen.refused += 1;
            return 429;
        }
        seen.window.push_back(now);
        seen.accepted.push(now);
        200
    }

    pub fn refused(&self) -> usize {
        self.seen.lock().unwrap().refused
    }

    pub fn accepted(&self) -> usize {
        self.seen.lock().unwrap().accepted.len()
    }

    /// Share of the allowance used in the stretch of `length` that began with the first request.
    pub fn share_used(&self, length: Duration) -> f64 {
        let seen = self.seen.lock().unwrap();
        let first = seen.accepted[0];
        let used = seen.accepted.iter().filter(|at| at.duration_since(first) < length).count();
        let allowed = self.limit as f64 * length.as_secs_f64() / self.window.as_secs_f64();
        used as f64 / allowed
    }

    /// Most arrivals in any stretch of a length.
    pub fn largest_count_within(&self, stretch: Duration) -> usize {
        let seen = self.seen.lock().unwrap();
        let all = &seen.accepted;
        (0..all.len())
            .map(|start| all[start..].iter().take_while(|at| at.duration_since(all[start]) < stretch).count())
            .max()
            .unwrap_or(0)
    }
}
