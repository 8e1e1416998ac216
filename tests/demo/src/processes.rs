//! Child processes and the private directory: started here, and gone with the demo whatever happens.

use std::{
    fs::File,
    io::{BufRead as _, Write as _},
    path::{Path, PathBuf},
    process::{ChildStdin, ExitStatus, Stdio},
    time::Duration,
};

use anyhow::{Context as _, bail};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
    time::timeout,
};

/// Longest time a process may take to say that it is ready.
const READY_WITHIN: Duration = Duration::from_secs(15);
/// Longest time a process may take to end after SIGTERM; a worker's own deadline is shorter.
const END_WITHIN: Duration = Duration::from_secs(12);
/// Lines of a log shown when something went wrong.
const TAIL: usize = 25;

/// What makes a line of a log worth showing.
const LOUD: [&str; 3] = [" WARN ", " ERROR ", "panicked"];

/// Waits for the end of the demo, which closes its standard input, then ends what is left and removes the directory.
const GUARD: &str = r#"trap '' HUP INT TERM
pids=' '
while read -r word pid; do case $word in
  pid) pids="$pids$pid " ;;
  gone) pids=$(printf '%s' "$pids" | sed "s/ $pid / /") ;;
  done) pids=' ' ;;
esac; done
[ "$pids" = ' ' ] || kill -KILL $pids 2>/dev/null
rm -rf -- "$1""#;

/// One process and where its log goes.
struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Process {
    async fn stop(mut self) {
        if let Some(pid) = self.child.id() {
            // The shell's own `kill`: the program of that name is missing on slim systems.
            let mut kill = Command::new("/bin/sh");
            let _ = kill.args(["-c", "kill -TERM \"$0\"", &pid.to_string()]).stderr(Stdio::null()).status().await;
        }
        if timeout(END_WITHIN, self.child.wait()).await.is_err() {
            let _ = self.child.kill().await;
        }
    }
}

/// All processes of a demo, with the directory they live in.
pub(crate) struct Processes {
    // Dropped in this order: processes end before their directory goes.
    running: Vec<Process>,
    guard: std::process::Child,
    guard_input: Option<ChildStdin>,
    directory: tempfile::TempDir,
    programs: PathBuf,
    /// Printed when everything has ended.
    pub(crate) last_line: Option<String>,
}

impl Processes {
    /// Makes the directory and the guard.
    pub(crate) fn new() -> anyhow::Result<Self> {
        let programs = std::env::current_exe()?.parent().context("the demo's own folder is not known")?.to_owned();
        for program in ["mlc", "mlc-worker", "mlc-simulators"] {
            if !programs.join(program).is_file() {
                bail!("{program} is not in {}: start the demo with `make demo`, which builds it", programs.display());
            }
        }
        let directory = tempfile::Builder::new().prefix("mlc-demo-").tempdir().context("no private directory")?;
        let mut guard = std::os::unix::process::CommandExt::process_group(
            std::process::Command::new("/bin/sh").args(["-c", GUARD, "mlc-demo-guard"]).arg(directory.path()),
            0,
        )
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .context("the guard cannot be started")?;
        let guard_input = guard.stdin.take();
        Ok(Self { running: Vec::new(), guard, guard_input, directory, programs, last_line: None })
    }

    /// The private directory.
    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// One of our own programs, found beside the demo.
    pub(crate) fn own(&self, program: &str) -> PathBuf {
        self.programs.join(program)
    }

    /// Starts a process that logs into the private directory.
    pub(crate) fn start(&mut self, name: &str, command: &mut Command) -> anyhow::Result<()> {
        self.spawn(name, command, false).map(drop)
    }

    /// Starts a process and waits for the line it prints when it is ready.
    pub(crate) async fn start_until_line(&mut self, name: &str, command: &mut Command) -> anyhow::Result<String> {
        let process = self.spawn(name, command, true)?;
        let output = process.child.stdout.take().with_context(|| format!("{name} has no output"))?;
        let mut line = String::new();
        let read = timeout(READY_WITHIN, BufReader::new(output).read_line(&mut line)).await;
        if !matches!(read, Ok(Ok(1..))) {
            bail!("{name} did not say that it is ready");
        }
        Ok(line)
    }

    fn spawn(&mut self, name: &str, command: &mut Command, with_output: bool) -> anyhow::Result<&mut Process> {
        let log = self.directory().join(format!("{name}.log"));
        // A process that is started again goes on in its log.
        let file = File::options().create(true).append(true).open(&log)?;
        let output = if with_output { Stdio::piped() } else { file.try_clone()?.into() };
        let child = clean(command)
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(file)
            .spawn()
            .with_context(|| format!("{name} cannot be started"))?;
        if let (Some(pid), Some(guard)) = (child.id(), &mut self.guard_input) {
            writeln!(guard, "pid {pid}").context("the guard is gone")?;
        }
        self.running.push(Process { name: name.to_owned(), child, log });
        self.running.last_mut().context("just pushed")
    }

    /// Errs when a process has ended by itself.
    pub(crate) fn check_alive(&mut self) -> anyhow::Result<()> {
        for process in &mut self.running {
            if let Some(status) = process.child.try_wait()? {
                bail!("{} ended by itself ({})", process.name, describe(status));
            }
        }
        Ok(())
    }

    /// Prints the end of each log that has something to say: of processes that ended, and of those that warned.
    #[expect(clippy::print_stdout, reason = "a demo prints")]
    pub(crate) fn show_troubled_logs(&mut self) {
        for process in &mut self.running {
            let ended = process.child.try_wait().ok().flatten().is_some();
            let Ok(file) = File::open(&process.log) else { continue };
            let lines: Vec<String> = std::io::BufReader::new(file).lines().map_while(Result::ok).collect();
            let shown: Vec<&String> = if ended {
                lines.iter().collect()
            } else {
                // A dead letter is part of the story and was shown; Redis warns about the host, which is not ours to change.
                let loud = |line: &&String| {
                    !line.contains("is on the dead-letter shelf") && LOUD.iter().any(|word| line.contains(word))
                };
                lines.iter().filter(loud).collect()
            };
            if !shown.is_empty() {
                println!("\n--- {} {}", process.name, if ended { "(ended): end of its log" } else { "warned" });
                shown[shown.len().saturating_sub(TAIL)..].iter().for_each(|line| println!("{line}"));
            }
        }
    }

    /// Ends one process politely. Started again under the same name, it goes on in its log.
    pub(crate) async fn stop(&mut self, name: &str) {
        let Some(at) = self.running.iter().position(|process| process.name == name) else { return };
        let process = self.running.remove(at);
        let pid = process.child.id();
        process.stop().await;
        // Its number may be given to somebody else now.
        if let (Some(pid), Some(guard)) = (pid, &mut self.guard_input) {
            let _ = writeln!(guard, "gone {pid}");
        }
    }

    /// Ends everything politely, the last one started first, then the guard, then the directory.
    pub(crate) async fn stop_all(mut self) {
        while let Some(process) = self.running.pop() {
            process.stop().await;
        }
        if let Some(mut guard) = self.guard_input.take() {
            let _ = writeln!(guard, "done");
        }
        let _ = self.guard.wait();
    }
}

/// A child sees nothing of the host's environment that could point it elsewhere (settings, proxies), gets no Ctrl-C of
/// the terminal, and dies with the demo.
pub(crate) fn clean(command: &mut Command) -> &mut Command {
    let own: Vec<(std::ffi::OsString, std::ffi::OsString)> =
        command.as_std().get_envs().filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned()))).collect();
    command.env_clear().envs(own);
    if let Some(path) = std::env::var_os("PATH") {
        command.env("PATH", path);
    }
    command.process_group(0).kill_on_drop(true)
}

fn describe(status: ExitStatus) -> String {
    status.code().map_or_else(|| "by a signal".to_owned(), |code| format!("exit code {code}"))
}
