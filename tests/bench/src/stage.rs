//! Both simulators, a Redis with an append-only file synced at every write, and real worker processes.

use std::{
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, ensure};
use mlc_flow::{Ask, Extent, PollPage, flow_kind};
use mlc_model::{ConnectionId, FlowId, SystemClock};
use mlc_queue::Order;
use mlc_runtime::{metrics::Metrics, redis::RedisHandle, settings::Settings};
use mlc_vault::{KeyRing, SecretStore, SecretString};
use mlc_worker::Context;
use tokio::process::Command;

use crate::{
    control::Control,
    processes::{Process, Processes},
    redis_server::{Persistence, RedisServer},
    usage::cpu_seconds,
};

/// The flow of vendors.
pub(crate) const VENDORS: &str = "epicor_to_hubspot::vendors";
/// The flow of customers.
pub(crate) const CUSTOMERS: &str = "epicor_to_hubspot::customers";
/// The connection to Epicor.
pub(crate) const EPICOR: &str = "epicor-main";
const HUBSPOT: &str = "hubspot-main";
const API_KEY: &str = "bench-api-key";
const USER: &str = "bench";
const PASSWORD: &str = "bench-password";
const TOKEN: &str = "pat-eu1-bench";

/// Everything but the workers.
pub(crate) struct Stage<'a> {
    processes: &'a Processes,
    /// Queue, ledger and clients, as the worker sees them.
    pub(crate) context: Context,
    pub(crate) redis: RedisServer<'a>,
    pub(crate) epicor: Control,
    pub(crate) hubspot: Control,
    simulators: [Process<'a>; 2],
    folder: tempfile::TempDir,
}

impl<'a> Stage<'a> {
    /// Starts servers, writes settings and secrets, and sets HubSpot up. Rate limits are lifted.
    pub(crate) async fn open(processes: &'a Processes) -> anyhow::Result<Self> {
        let folder = processes.folder("stage-")?;
        let redis = RedisServer::start(processes, Persistence::Always).await?;
        let program = processes.own("mlc-simulators")?;
        let mut epicor = Command::new(&program);
        epicor.args(["epicor", "--listen", "127.0.0.1:0", "--company", "EPIC06", "--profile", "stock"]);
        epicor.args(["--api-key", API_KEY, "--user", USER, "--password", PASSWORD]);
        let mut epicor = processes.start(epicor, None)?;
        let epicor_base = text(&epicor.ready_line().await?, "base")?;
        let mut hubspot = Command::new(&program);
        hubspot.args(["hubspot", "--listen", "127.0.0.1:0", "--token", TOKEN, "--plan", "enterprise"]);
        // Lifted by telling a high limit: the client paces itself by what it is told, and by 10 calls a second when it is
        // told nothing or more than it believes.
        hubspot.args(["--burst", "100000", "--daily", "1000000000"]);
        let mut hubspot = processes.start(hubspot, None)?;
        let hubspot_base = text(&hubspot.ready_line().await?, "listening")?;

        let keys_file = folder.path().join("vault.keys");
        let entry = KeyRing::generate_key();
        let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&keys_file)?;
        std::io::Write::write_all(&mut file, entry.as_bytes())?;
        let settings = settings(&redis.url(), &keys_file, &epicor_base, &hubspot_base);
        std::fs::write(folder.path().join("mlc.toml"), &settings)?;
        let settings = Settings::parse("mlc.toml", &settings, [])?;
        let keys = Arc::new(KeyRing::parse(&entry)?);
        let secrets = SecretStore::new(RedisHandle::connect(&settings.redis).await?, Arc::clone(&keys));
        for (connection, name, secret) in [
            (EPICOR, "api_key", API_KEY),
            (EPICOR, "user", USER),
            (EPICOR, "password", PASSWORD),
            (HUBSPOT, "token", TOKEN),
        ] {
            secrets.set(&ConnectionId::parse(connection)?, name, SecretString::from(secret)).await?;
        }
        let context =
            mlc_worker::open_with_keys(Arc::new(settings), keys, Metrics::new(), Arc::new(SystemClock)).await?;
        // What `mlc ping --set-up` does.
        context.connections.hubspot(&ConnectionId::parse(HUBSPOT)?).await?.set_up().await?;
        Ok(Self {
            processes,
            context,
            redis,
            epicor: Control::of(&epicor_base)?,
            hubspot: Control::of(&hubspot_base)?,
            simulators: [epicor, hubspot],
            folder,
        })
    }

    /// Starts a worker process.
    pub(crate) fn worker(&self) -> anyhow::Result<Process<'a>> {
        let mut command = Command::new(self.processes.own("mlc-worker")?);
        command.arg("--config").arg(self.folder.path().join("mlc.toml"));
        self.processes.start(command, Some(&self.log()))
    }

    /// Processor time of the Epicor and the HubSpot simulator so far, in seconds.
    pub(crate) fn simulators_cpu(&self) -> anyhow::Result<[f64; 2]> {
        let [epicor, hubspot] = &self.simulators;
        Ok([cpu_seconds(epicor.pid())?, cpu_seconds(hubspot.pid())?])
    }

    /// Orders the next incremental poll of every entity of a flow, as the producer does.
    pub(crate) async fn order(&self, flow: &str) -> anyhow::Result<()> {
        let flow = FlowId::parse(flow)?;
        for entity in flow_kind(&flow)?.entities {
            let job = PollPage {
                flow: flow.clone(),
                entity: *entity,
                from: ConnectionId::parse(EPICOR)?,
                to: ConnectionId::parse(HUBSPOT)?,
                ask: Ask::Plan(Extent::Incremental),
            };
            self.context.queue.enqueue(&[Order::of(&job)?]).await?;
        }
        Ok(())
    }

    /// Waits until no job is ready, waiting or running. Errs when a worker has ended or anything was refused.
    pub(crate) async fn settle(&self, worker: &mut Process<'_>) -> anyhow::Result<()> {
        settle(&self.context, worker, &self.log()).await
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("worker.log")
    }
}

/// Waits until no job is ready, waiting or running. Errs with the end of the log when a worker has ended or anything was refused.
pub(crate) async fn settle(context: &Context, worker: &mut Process<'_>, log: &Path) -> anyhow::Result<()> {
    let tail = || {
        let text = std::fs::read_to_string(log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        format!("the worker's log ends: {}", lines[lines.len().saturating_sub(3)..].join(" / "))
    };
    loop {
        let lanes = context.queue.lanes().await?;
        if lanes.iter().all(|lane| lane.ready + lane.delayed + lane.running == 0) {
            let dead: u64 = lanes.iter().map(|lane| lane.dead).sum();
            ensure!(dead == 0, "{dead} jobs are on the dead-letter shelf; {}", tail());
            return Ok(());
        }
        worker.check_alive().with_context(tail)?;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn settings(redis: &str, keys: &std::path::Path, epicor: &str, hubspot: &str) -> String {
    let keys = keys.display();
    format!(
        r#"
[redis]
url = "{redis}"

[vault]
key_file = "{keys}"

[worker]
listen = "off"

[log]
level = "warn"

[connections.{EPICOR}]
system = "epicor"
base_url = "{epicor}"
company = "EPIC06"

[connections.{HUBSPOT}]
system = "hubspot"
base_url = "{hubspot}"

[flows."{VENDORS}"]
from = "{EPICOR}"
to = "{HUBSPOT}"

[flows."{CUSTOMERS}"]
from = "{EPICOR}"
to = "{HUBSPOT}"
"#
    )
}

/// A text of a ready line.
pub(crate) fn text(line: &serde_json::Value, field: &str) -> anyhow::Result<String> {
    Ok(line.get(field).and_then(serde_json::Value::as_str).with_context(|| format!("no `{field}`"))?.to_owned())
}
