//! Child processes: ended with the program, however it ends.

use std::{
    io::Write as _,
    path::{Path, PathBuf},
    process::{ChildStdin, Stdio},
    sync::Mutex,
    time::Duration,
};

use anyhow::{Context as _, bail};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
    time::timeout,
};

/// Longest time a program may take to say that it is ready.
const READY_WITHIN: Duration = Duration::from_secs(30);
/// Longest time a worker may take to stop.
const STOP_WITHIN: Duration = Duration::from_secs(30);

/// Reads which processes run. When its input ends before `done`, this program was killed: it ends them and their folder.
const GUARD: &str = r#"trap '' HUP INT TERM
pids=' '
while read -r word pid; do case $word in
  pid) pids="$pids$pid " ;;
  gone) pids=$(printf '%s' "$pids" | sed "s/ $pid / /") ;;
  done) pids=' ' ;;
esac; done
[ "$pids" = ' ' ] || kill -KILL $pids 2>/dev/null
rm -rf -- "$1""#;

/// Starts processes and watches over them.
pub(crate) struct Processes {
    guard_input: Mutex<ChildStdin>,
    guard: std::process::Child,
    folder: tempfile::TempDir,
    programs: PathBuf,
}

impl Processes {
    /// Starts the guard over a private folder.
    pub(crate) fn new() -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("mlc-bench-").tempdir().context("no private folder")?;
        let mut guard = std::process::Command::new("/bin/sh");
        guard.args(["-c", GUARD, "mlc-bench-guard"]).arg(folder.path());
        // A group of its own: Ctrl-C must not reach it.
        std::os::unix::process::CommandExt::process_group(&mut guard, 0);
        let mut guard =
            guard.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().context("the guard cannot be started")?;
        let guard_input = Mutex::new(guard.stdin.take().context("the guard has no input")?);
        let programs = std::env::current_exe()?.parent().context("this program's folder is not known")?.to_owned();
        Ok(Self { guard_input, guard, folder, programs })
    }

    /// A new folder, gone with the program.
    pub(crate) fn folder(&self, name: &str) -> anyhow::Result<tempfile::TempDir> {
        Ok(tempfile::Builder::new().prefix(name).tempdir_in(self.folder.path())?)
    }

    /// A program built beside this one.
    pub(crate) fn own(&self, name: &str) -> anyhow::Result<PathBuf> {
        let program = self.programs.join(name);
        if program.is_file() {
            Ok(program)
        } else {
            bail!("{name} is not in {}: `make bench` builds it", self.programs.display())
        }
    }

    /// This program, to be started again with other arguments.
    pub(crate) fn myself(&self, arguments: &[&str]) -> anyhow::Result<Command> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(arguments);
        Ok(command)
    }

    /// Starts a process that writes to a log, or to nothing.
    pub(crate) fn start(&self, mut command: Command, log: Option<&Path>) -> anyhow::Result<Process<'_>> {
        let name = command.as_std().get_program().to_string_lossy().into_owned();
        let errors = match log {
            Some(path) => std::fs::File::create(path)?.into(),
            None => Stdio::inherit(),
        };
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(errors)
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("{name} cannot be started"))?;
        let pid = child.id().context("a process without a number")?;
        self.tell(&format!("pid {pid}"));
        Ok(Process { owner: self, name, pid, child })
    }

    fn tell(&self, line: &str) {
        // A guard that is gone cannot be told anything; the children still end with this program's normal end.
        if let Ok(mut input) = self.guard_input.lock() {
            let _ = writeln!(input, "{line}");
        }
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        self.tell("done");
        // The guard waits for its input's end, which comes only after this: it removes the folder then.
        let _ = self.guard.try_wait();
    }
}

/// A running process; killed when dropped.
pub(crate) struct Process<'a> {
    owner: &'a Processes,
    name: String,
    pid: u32,
    child: Child,
}

impl Process<'_> {
    /// Its number.
    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// Waits for the JSON line that a simulator prints when it is ready.
    pub(crate) async fn ready_line(&mut self) -> anyhow::Result<Value> {
        let output = self.child.stdout.take().context("no output")?;
        let mut line = String::new();
        match timeout(READY_WITHIN, BufReader::new(output).read_line(&mut line)).await {
            Ok(Ok(1..)) => Ok(serde_json::from_str(&line)?),
            _ => bail!("{} did not say that it is ready", self.name),
        }
    }

    /// Waits for the end and returns the one JSON line it printed.
    pub(crate) async fn result(mut self) -> anyhow::Result<Value> {
        let mut output = self.child.stdout.take().context("no output")?;
        let mut text = String::new();
        tokio::io::AsyncReadExt::read_to_string(&mut output, &mut text).await?;
        let status = self.child.wait().await?;
        if !status.success() {
            bail!("{} ended with {status}", self.name);
        }
        serde_json::from_str(text.trim()).with_context(|| format!("{} printed no JSON line: {text}", self.name))
    }

    /// Errs when it has ended by itself.
    pub(crate) fn check_alive(&mut self) -> anyhow::Result<()> {
        match self.child.try_wait()? {
            Some(status) => bail!("{} ended by itself: {status}", self.name),
            None => Ok(()),
        }
    }

    /// Asks it to stop and waits; kills it when that takes too long.
    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        let mut kill = Command::new("/bin/sh");
        kill.args(["-c", "kill -TERM \"$0\"", &self.pid.to_string()]).status().await?;
        if timeout(STOP_WITHIN, self.child.wait()).await.is_err() {
            self.child.kill().await?;
        }
        Ok(())
    }
}

impl Drop for Process<'_> {
    fn drop(&mut self) {
        // Killed and reaped before the guard forgets the number.
        let _ = self.child.start_kill();
        for _ in 0..200 {
            if !matches!(self.child.try_wait(), Ok(None)) {
                break;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        self.owner.tell(&format!("gone {}", self.pid));
    }
}
