//! A `redis-server` of the test's own.

use std::{
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::OnceLock,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use tempfile::TempDir;

/// Whether the server keeps what it is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Persistence {
    /// Nothing on disk: for tests that do not kill the server.
    Memory,
    /// Append-only file, synced at every write.
    AofAlways,
}

/// A private server on a unix socket. It dies with this value, and with this process.
#[derive(Debug)]
pub struct PrivateRedis {
    folder: TempDir,
    persistence: Persistence,
    child: Option<Child>,
}

impl PrivateRedis {
    /// Starts one and waits until it answers.
    ///
    /// # Errors
    /// When `redis-server` is not installed or does not come up.
    pub fn start(persistence: Persistence) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("mlc-redis-").tempdir()?;
        let mut redis = Self { folder, persistence, child: None };
        redis.restart()?;
        Ok(redis)
    }

    /// Starts it again on the same data.
    ///
    /// # Errors
    /// As [`PrivateRedis::start`].
    pub fn restart(&mut self) -> anyhow::Result<()> {
        self.kill();
        let (append, fsync) = match self.persistence {
            Persistence::Memory => ("no", "no"),
            Persistence::AofAlways => ("yes", "always"),
        };
        // The shell ends the server when this process is gone, however it went: nothing is left over after a test that is killed.
        let child = Command::new("sh")
            .args(["-c", "redis-server \"$@\" & server=$!; cat >/dev/null; kill -KILL $server; wait $server", "redis"])
            .args(["--port", "0", "--save", "", "--maxmemory-policy", "noeviction", "--daemonize", "no"])
            .args(["--appendonly", append, "--appendfsync", fsync])
            .arg("--unixsocket")
            .arg(self.socket())
            .arg("--dir")
            .arg(self.folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("redis-server cannot be started; is it installed?")?;
        self.child = Some(child);
        let give_up = Instant::now() + Duration::from_secs(20);
        while !self.answers() {
            if Instant::now() > give_up {
                bail!("redis-server did not come up within 20 s");
            }
            // The server tells nobody when it is ready; the test waits for the fact, not for a time.
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// SIGKILL, as a dying machine would.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            drop(child.stdin.take());
            let _ = child.wait();
        }
    }

    /// Address for settings.
    pub fn url(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    /// Where it keeps its files.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Where the socket stands.
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("redis.sock")
    }

    fn answers(&self) -> bool {
        use std::io::{Read as _, Write as _};
        let Ok(mut stream) = UnixStream::connect(self.socket()) else { return false };
        let _ = stream.set_read_timeout(Some(Duration::from_secs(1)));
        let mut answer = [0; 5];
        stream.write_all(b"PING\r\n").is_ok() && stream.read_exact(&mut answer).is_ok() && &answer == b"+PONG"
    }
}

impl Drop for PrivateRedis {
    fn drop(&mut self) {
        self.kill();
    }
}

/// One server for all tests of a process that keep to namespaces of their own.
///
/// # Panics
/// When it cannot be started: no test could run.
pub fn shared_redis() -> &'static PrivateRedis {
    static SHARED: OnceLock<PrivateRedis> = OnceLock::new();
    #[expect(clippy::expect_used, reason = "without a Redis no test can run; the message says so")]
    SHARED.get_or_init(|| PrivateRedis::start(Persistence::Memory).expect("a private Redis starts"))
}
