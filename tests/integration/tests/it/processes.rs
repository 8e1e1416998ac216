//! The product as real processes: started, killed, told to stop, and read.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use mlc_house::House;
use tempfile::TempDir;

/// Once the input that the test holds open is gone, so is the test: nothing outlives one that was killed.
const GUARD: &str = r#"cat >/dev/null; kill -KILL "$0" 2>/dev/null"#;

/// A running program of the product. It is killed when this is dropped.
pub(crate) struct Process {
    child: Child,
    guard: Child,
    folder: TempDir,
}

impl Process {
    /// Starts a worker with the settings and keys of `house`; `variables` override settings, such as `MLC__LOG__LEVEL`.
    pub(crate) fn worker(house: &House, variables: &[(&str, &str)]) -> Self {
        Self::start(house, "mlc-worker", &[], variables)
    }

    /// Starts `mlc` with these arguments.
    pub(crate) fn mlc(house: &House, arguments: &[&str]) -> Self {
        Self::start(house, "mlc", arguments, &[])
    }

    /// Starts `mlc` with these arguments and variables.
    pub(crate) fn mlc_with(house: &House, arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        Self::start(house, "mlc", arguments, variables)
    }

    fn start(house: &House, name: &str, arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let folder = tempfile::Builder::new().prefix("mlc-process-").tempdir().unwrap();
        let config = folder.path().join("mlc.toml");
        std::fs::write(&config, &house.settings_text).unwrap();
        let output = |name: &str| File::create(folder.path().join(name)).unwrap();
        let child = Command::new(program(name))
            .args(arguments)
            .env_clear()
            .env("MLC_CONFIG", &config)
            .env("MLC_VAULT_KEYS", &house.vault_keys)
            .env("MLC__WORKER__LISTEN", "off")
            .env("MLC__PRODUCER__LISTEN", "off")
            .env("MLC__CONSOLE__LISTEN", "off")
            .env("MLC__LOG__LEVEL", "debug")
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(output("stdout"))
            .stderr(output("stderr"))
            .spawn()
            .unwrap();
        let guard = Command::new("/bin/sh")
            .args(["-c", GUARD, &child.id().to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { child, guard, folder }
    }

    /// Waits until it ends by itself. Panics after `most`.
    pub(crate) async fn ended(&mut self, most: Duration) -> ExitStatus {
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(started.elapsed() < most, "it still runs after {most:?}:\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// SIGKILL: the process has no last words.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM; waits for the end and says how long that took. Panics when it takes longer than `most`.
    pub(crate) async fn terminate(&mut self, most: Duration) -> (ExitStatus, Duration) {
        let asked = Instant::now();
        let pid = self.child.id().to_string();
        // The shell's own `kill`: the program of that name is missing on slim systems.
        assert!(Command::new("/bin/sh").args(["-c", "kill -TERM \"$0\"", &pid]).status().unwrap().success());
        (self.ended(most).await, asked.elapsed())
    }

    /// All it wrote, on both outputs.
    pub(crate) fn log(&self) -> String {
        let read = |name: &str| std::fs::read(self.folder.path().join(name)).unwrap_or_default();
        String::from_utf8_lossy(&[read("stdout"), read("stderr")].concat()).into_owned()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The guard first, so that it cannot hit another process that was given the same number.
        let _ = self.guard.kill();
        let _ = self.guard.wait();
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let log = self.log();
            let lines: Vec<&str> = log.lines().collect();
            let tail = lines[lines.len().saturating_sub(15)..].join("\n");
            #[expect(clippy::print_stderr, reason = "the end of its log helps to see why a test failed")]
            {
                eprintln!("--- process {}\n{tail}", self.child.id());
            }
        }
    }
}

/// One of the product's programs, which stand beside the folder of the test programs.
pub(crate) fn program(name: &str) -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let folder = tests.parent().and_then(Path::parent).unwrap();
    let program = folder.join(name);
    assert!(
        program.is_file(),
        "{name} is not in {}: `make test` builds it, so does `cargo build --bins`",
        folder.display()
    );
    program
}

/// Waits for a fact, asking every few milliseconds. Panics with `what` when it has not come after `within`.
pub(crate) async fn eventually(what: &str, within: Duration, mut fact: impl AsyncFnMut() -> bool) -> Duration {
    let started = Instant::now();
    loop {
        if fact().await {
            return started.elapsed();
        }
        assert!(started.elapsed() < within, "not within {within:?}: {what}");
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
}
