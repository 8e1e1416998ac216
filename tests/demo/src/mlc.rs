//! Runs `mlc`, the command line that people use, and hands back what it printed.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context as _, bail};
use serde_json::Value;
use tokio::{io::AsyncWriteExt as _, process::Command, time::timeout};

use crate::processes::clean;

/// No command of the demo takes longer.
const PATIENCE: Duration = Duration::from_secs(120);

/// The command line with the demo's settings.
#[derive(Debug, Clone)]
pub(crate) struct Mlc {
    program: PathBuf,
    config: PathBuf,
}

impl Mlc {
    pub(crate) fn new(program: PathBuf, config: PathBuf) -> Self {
        Self { program, config }
    }

    /// The program itself.
    pub(crate) fn program(&self) -> &Path {
        &self.program
    }

    /// A command of it, ready to be started.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(arguments).env("MLC_CONFIG", &self.config);
        command
    }

    /// What a command printed.
    pub(crate) async fn run(&self, arguments: &[&str]) -> anyhow::Result<String> {
        self.run_with(arguments, None).await
    }

    /// What a command answered for scripts.
    pub(crate) async fn json(&self, arguments: &[&str]) -> anyhow::Result<Value> {
        let printed = self.run(&[arguments, &["--json"]].concat()).await?;
        if printed.trim().is_empty() {
            return Ok(Value::Array(Vec::new()));
        }
        serde_json::from_str(&printed).with_context(|| format!("`mlc {}` did not print JSON", arguments.join(" ")))
    }

    /// Runs a command that reads a secret from its standard input.
    pub(crate) async fn run_with(&self, arguments: &[&str], input: Option<&str>) -> anyhow::Result<String> {
        let shown = format!("mlc {}", arguments.join(" "));
        let mut command = self.command(arguments);
        clean(&mut command)
            .stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("`{shown}` cannot be started"))?;
        if let (Some(input), Some(mut pipe)) = (input, child.stdin.take()) {
            pipe.write_all(format!("{input}\n").as_bytes()).await?;
        }
        let output = timeout(PATIENCE, child.wait_with_output())
            .await
            .with_context(|| format!("`{shown}` did not end within {} seconds", PATIENCE.as_secs()))??;
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        match output.status.code() {
            Some(0) => Ok(printed),
            // Exit code 3: nothing matched.
            Some(3) => Ok(String::new()),
            code => {
                let told = String::from_utf8_lossy(&output.stderr);
                bail!("`{shown}` ended with {code:?}:\n{}{}", printed, told.trim())
            }
        }
    }
}
