//! A Redis of the measurement's own, and what `redis-benchmark` gets out of it.

use std::{path::PathBuf, process::Stdio, time::Duration};

use anyhow::{Context as _, bail};
use mlc_runtime::{redis::RedisHandle, settings::RedisSettings};
use tokio::process::Command;

use crate::processes::{Process, Processes};

/// What Redis does before it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Persistence {
    /// Nothing is kept.
    Memory,
    /// Append-only file, on disk once a second.
    EverySecond,
    /// Append-only file, on disk before the answer.
    Always,
}

impl Persistence {
    /// For headings.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Memory => "no AOF",
            Self::EverySecond => "AOF everysec",
            Self::Always => "AOF always",
        }
    }
}

/// A private server on a unix socket.
pub(crate) struct RedisServer<'a> {
    // Ended before its folder goes.
    process: Process<'a>,
    folder: tempfile::TempDir,
}

impl<'a> RedisServer<'a> {
    /// Starts one and waits until it answers.
    pub(crate) async fn start(processes: &'a Processes, persistence: Persistence) -> anyhow::Result<Self> {
        let folder = processes.folder("redis-")?;
        let (append, fsync) = match persistence {
            Persistence::Memory => ("no", "no"),
            Persistence::EverySecond => ("yes", "everysec"),
            Persistence::Always => ("yes", "always"),
        };
        let mut command = Command::new("redis-server");
        command.args(["--port", "0", "--save", "", "--maxmemory-policy", "noeviction", "--daemonize", "no"]);
        command.args(["--appendonly", append, "--appendfsync", fsync, "--logfile", "redis.log"]);
        // A rewrite of the file in the midst of one measurement and not of another would make them different.
        command.args(["--auto-aof-rewrite-percentage", "0"]);
        command.arg("--unixsocket").arg(folder.path().join("redis.sock")).arg("--dir").arg(folder.path());
        let process = processes.start(command, None).context("is redis-server installed? `make deps` does it")?;
        let mut server = Self { process, folder };
        for _ in 0..1_000 {
            server.process.check_alive()?;
            if let Ok(client) = redis::Client::open(server.url())
                && let Ok(mut connection) = client.get_multiplexed_async_connection().await
                && redis::cmd("PING").query_async::<String>(&mut connection).await.is_ok()
            {
                return Ok(server);
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        bail!("redis-server did not come up")
    }

    /// Address.
    pub(crate) fn url(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    /// A connection as our programs open it.
    pub(crate) async fn handle(&self, namespace: &str) -> anyhow::Result<RedisHandle> {
        Ok(RedisHandle::connect(&RedisSettings { namespace: namespace.to_owned(), ..RedisSettings::at(self.url()) })
            .await?)
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("redis.sock")
    }

    /// Commands per second that `redis-benchmark` reaches with as many calls, in pipelines of 100 on 4 connections.
    pub(crate) async fn benchmark(&self, calls: u64, bytes: u64, command: &[&str]) -> anyhow::Result<f64> {
        let mut benchmark = Command::new("redis-benchmark");
        benchmark.arg("-s").arg(self.socket()).args(["--csv", "-P", "100", "-c", "4"]);
        benchmark.args(["-n", &calls.to_string(), "-d", &bytes.to_string()]).args(command);
        let output = benchmark.stderr(Stdio::null()).output().await.context("redis-benchmark cannot be started")?;
        let text = String::from_utf8_lossy(&output.stdout);
        // "test","rps","avg_latency_ms",… and one line per test; a command with quotes cannot stand in the first column.
        let line = text.lines().rfind(|line| line.starts_with('"')).context("redis-benchmark printed nothing")?;
        let figure = line.rsplit(',').nth(6).unwrap_or_default().trim_matches('"');
        figure.parse().with_context(|| format!("redis-benchmark printed {line}"))
    }
}
