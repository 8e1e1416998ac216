//! A private Redis per test process, a namespace per test.

use std::{
    process::{Command, Stdio},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use mlc_model::{SealBroken, Sealer};
use mlc_queue::{Queue, QueueConfig};
use mlc_runtime::{redis::RedisHandle, settings::RedisSettings};

struct Server {
    socket: String,
    // Its shell waits for the end of its input: when this process ends, however it ends, the server goes and its folder too.
    _shell: std::process::Child,
}

static SERVER: OnceLock<Server> = OnceLock::new();
static TESTS: AtomicUsize = AtomicUsize::new(0);

fn server() -> &'static Server {
    SERVER.get_or_init(|| start_server("--save '' --appendonly no"))
}

fn start_server(options: &str) -> Server {
    let folder = tempfile::tempdir().unwrap().keep();
    let folder = folder.to_str().unwrap();
    let socket = format!("{folder}/redis.sock");
    let script = format!(
        "redis-server --port 0 --unixsocket {socket} --dir {folder} {options} --enable-debug-command yes >/dev/null 2>&1 & \
         server=$!; cat >/dev/null; kill -9 $server; wait $server 2>/dev/null; rm -rf {folder}"
    );
    let shell = Command::new("sh").args(["-c", &script]).stdin(Stdio::piped()).spawn().unwrap();
    let start = Instant::now();
    while !std::path::Path::new(&socket).exists() {
        assert!(start.elapsed() < Duration::from_secs(20), "redis-server does not start");
        std::thread::sleep(Duration::from_millis(5));
    }
    Server { socket, _shell: shell }
}

/// Seals visibly: a payload that was moved to another job does not open.
#[derive(Debug)]
pub struct TestSealer;

impl Sealer for TestSealer {
    fn seal(&self, context: &[u8], plain: &[u8]) -> Vec<u8> {
        let hidden: Vec<u8> = plain.iter().map(|byte| byte ^ 0x5a).collect();
        [&[u8::try_from(context.len()).unwrap()], context, &hidden].concat()
    }

    fn open(&self, context: &[u8], sealed: &[u8]) -> Result<Vec<u8>, SealBroken> {
        let broken = |reason: &str| SealBroken { reason: reason.to_owned() };
        let length = usize::from(*sealed.first().ok_or_else(|| broken("empty"))?);
        if sealed.get(1..=length) != Some(context) {
            return Err(broken("made for something else"));
        }
        Ok(sealed[length + 1..].iter().map(|byte| byte ^ 0x5a).collect())
    }
}

/// Quick enough for tests: lease 1 s, retries from 20 ms.
pub fn quick() -> QueueConfig {
    QueueConfig {
        lease: Duration::from_secs(1),
        slow_poll: Duration::from_millis(500),
        retry: mlc_runtime::backoff::RetryPolicy::new(Duration::from_millis(20), Duration::from_millis(100)),
        ..QueueConfig::default()
    }
}

pub fn settings(namespace: &str) -> RedisSettings {
    RedisSettings {
        url: format!("unix://{}", server().socket),
        namespace: namespace.to_owned(),
        ..RedisSettings::default()
    }
}

pub fn fresh_namespace() -> String {
    format!("test-{}", TESTS.fetch_add(1, Ordering::Relaxed))
}

pub async fn queue_named(namespace: &str, config: QueueConfig) -> Queue {
    let handle = RedisHandle::connect(&settings(namespace)).await.unwrap();
    Queue::open(handle, Arc::new(TestSealer), config).await.unwrap()
}

/// A connection beside the queue's.
pub async fn connection() -> redis::aio::MultiplexedConnection {
    let client = redis::Client::open(settings("x").url).unwrap();
    client.get_multiplexed_async_connection().await.unwrap()
}

/// A server of its own, for tests that disturb all connections.
pub struct OwnServer(Server);

impl OwnServer {
    pub fn start() -> Self {
        Self(start_server("--save '' --appendonly no"))
    }

    pub async fn queue(&self, config: QueueConfig) -> Queue {
        let settings = RedisSettings { url: self.url(), namespace: "own".to_owned(), ..RedisSettings::default() };
        let handle = RedisHandle::connect(&settings).await.unwrap();
        Queue::open(handle, Arc::new(TestSealer), config).await.unwrap()
    }

    pub async fn connection(&self) -> redis::aio::MultiplexedConnection {
        redis::Client::open(self.url()).unwrap().get_multiplexed_async_connection().await.unwrap()
    }

    fn url(&self) -> String {
        format!("unix://{}", self.0.socket)
    }
}
