//! A Redis of the test's own, gone with it, and the settings that name it.
#![allow(dead_code, reason = "each test binary uses its part")]
#![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]

use std::{
    path::PathBuf,
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use mlc_producer::{Person, Rooms};
use mlc_runtime::settings::Settings;
use tempfile::TempDir;

/// Sealing key of the tests; it protects nothing.
pub(crate) const KEYS: &str = "test:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

pub(crate) struct PrivateRedis {
    folder: TempDir,
    server: Child,
}

impl PrivateRedis {
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = Command::new("redis-server")
            .args(["--port", "0", "--unixsocket"])
            .arg(folder.path().join("redis.sock"))
            .args(["--save", "", "--appendonly", "no", "--dir"])
            .arg(folder.path())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let redis = Self { folder, server };
        std::fs::write(redis.settings_file(), redis.settings()).unwrap();
        std::fs::write(redis.folder.path().join("keys"), KEYS).unwrap();
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(redis.folder.path().join("keys"), std::fs::Permissions::from_mode(0o600)).unwrap();
        let started = Instant::now();
        while std::os::unix::net::UnixStream::connect(redis.folder.path().join("redis.sock")).is_err() {
            assert!(started.elapsed() < Duration::from_secs(10), "redis-server did not start");
            std::thread::yield_now();
        }
        redis
    }

    /// Lets it be full, or not.
    pub(crate) async fn full(&self, full: bool) {
        let url = format!("unix://{}/redis.sock", self.folder.path().display());
        let mut connection = redis::Client::open(url).unwrap().get_multiplexed_async_connection().await.unwrap();
        let most = if full { "1" } else { "0" };
        redis::cmd("CONFIG").arg("SET").arg("maxmemory").arg(most).exec_async(&mut connection).await.unwrap();
    }

    /// Refuses a command of Redis to everybody, in scripts too, or allows it again.
    pub(crate) async fn forbid(&self, command: &str, forbidden: bool) {
        let url = format!("unix://{}/redis.sock", self.folder.path().display());
        let mut connection = redis::Client::open(url).unwrap().get_multiplexed_async_connection().await.unwrap();
        let rule = format!("{}{command}", if forbidden { '-' } else { '+' });
        redis::cmd("ACL").arg("SETUSER").arg("default").arg(rule).exec_async(&mut connection).await.unwrap();
    }

    pub(crate) fn settings_file(&self) -> PathBuf {
        self.folder.path().join("mlc.toml")
    }

    pub(crate) fn settings(&self) -> String {
        let folder = self.folder.path().display();
        format!(
            r#"
[redis]
url = "unix://{folder}/redis.sock"
allow_unsafe_persistence = true
[vault]
key_file = "{folder}/keys"
[producer]
listen = "127.0.0.1:0"
[console]
listen = "127.0.0.1:0"
[connections.epicor-main]
system = "epicor"
base_url = "http://127.0.0.1:9/kinetic"
company = "EPIC06"
[connections.hubspot-main]
system = "hubspot"
base_url = "http://127.0.0.1:9"
[flows."epicor_to_hubspot::vendors"]
from = "epicor-main"
to = "hubspot-main"
every = "5m"
[flows."epicor_to_hubspot::customers"]
from = "epicor-main"
to = "hubspot-main"
full_every = "1d"
"#
        )
    }

    /// The rooms as a command opens them.
    pub(crate) async fn open(&self) -> Rooms {
        let none: [(String, String); 0] = [];
        let settings = Settings::parse("mlc.toml", &self.settings(), none).unwrap();
        mlc_producer::open(settings, Person::named("test").unwrap()).await.unwrap()
    }

    /// `mlc` with these arguments, not yet started.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = mlc(arguments);
        command.arg("--config").arg(self.settings_file()).args(["--as", "lena"]);
        command
    }

    /// Runs `mlc` with these arguments.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).stdin(Stdio::null()).output().unwrap()
    }

    /// Runs `mlc … --json`, which must succeed with `code`, and reads its answer.
    pub(crate) fn json(&self, code: i32, arguments: &[&str]) -> serde_json::Value {
        let output = self.command(arguments).arg("--json").stdin(Stdio::null()).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", stderr(&output));
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

impl Drop for PrivateRedis {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// The binary, without anything of this machine's environment that could change its answer.
pub(crate) fn mlc(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mlc"));
    command.args(arguments).env_remove("MLC_CONFIG").env_remove("MLC_VAULT_KEYS");
    command
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// One line, one code: what every failure must look like.
pub(crate) fn assert_fails(output: &Output, code: i32, needles: &[&str]) {
    let text = stderr(output);
    assert_eq!(output.status.code(), Some(code), "{text}");
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(text.starts_with("mlc: ") && !text.contains("panicked") && !text.contains("backtrace"), "{text}");
    for needle in needles {
        assert!(text.contains(needle), "`{needle}` is missing in: {text}");
    }
}

/// Carries the one job that waits to the dead-letter shelf.
pub(crate) async fn kill_the_only_job(rooms: &Rooms) {
    use mlc_queue::{Outcome, Registry, Workers, WorkersConfig};
    use mlc_runtime::{metrics::Metrics, readiness::Readiness, shutdown::Shutdown};
    let stop = Shutdown::new();
    let died = stop.clone();
    let registry = Registry::new().on::<mlc_flow::PollPage, _, _>(move |_, _| {
        let died = died.clone();
        async move {
            died.trigger();
            Outcome::Failed(mlc_model::Fault::defect("test", "dies"))
        }
    });
    let config = WorkersConfig { name: "w".to_owned(), concurrency: 1, shutdown_deadline: Duration::from_secs(5) };
    let queue = rooms.queue.clone();
    Workers::run(queue, registry, config, stop.waiting(), Metrics::new(), Readiness::default()).await.unwrap();
}
