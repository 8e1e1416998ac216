//! Everything that has to stand before the story begins: Redis, the simulators, a company, settings, secrets.

#![expect(clippy::print_stdout, reason = "a demo prints")]

use std::{os::unix::fs::OpenOptionsExt as _, path::Path, time::Duration};

use anyhow::{Context as _, bail};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::UnixStream,
    process::Command,
};

use crate::{
    control::{Server, number, text},
    mlc::Mlc,
    processes::Processes,
    settings::{self, COMPANY, EPICOR, HUBSPOT},
    shop::Shop,
};

/// Credentials of the simulated systems; worth nothing elsewhere.
const API_KEY: &str = "demo-api-key";
const USER: &str = "demo";
const PASSWORD: &str = "demo-password";
const TOKEN: &str = "pat-eu1-demo";

/// How many of each; the issue's "believable company".
const VENDORS: usize = 2_000;
const CUSTOMERS: usize = 5_000;
const PROSPECTS: usize = 150;
/// Rows of each way of being broken.
const BROKEN_EACH: usize = 3;

const WORKERS: usize = 2;

/// What stands, and how to reach it.
pub(crate) struct House {
    pub(crate) epicor: Server,
    pub(crate) hubspot: Server,
    pub(crate) producer: Server,
    pub(crate) workers: [Server; WORKERS],
    pub(crate) mlc: Mlc,
    /// Where shops post their webhooks.
    pub(crate) webhooks: Server,
    directory: std::path::PathBuf,
    worker_program: std::path::PathBuf,
    ports: [u16; WORKERS],
    console_url: String,
}

impl House {
    pub(crate) async fn open(processes: &mut Processes) -> anyhow::Result<Self> {
        let directory = processes.directory().to_owned();
        println!("Private directory {}", directory.display());
        start_redis(processes, &directory).await?;
        println!("Redis with an append-only file, synced at every write, on its own socket");

        let simulators = processes.own("mlc-simulators");
        let mut epicor = Command::new(&simulators);
        epicor.args(["epicor", "--listen", "127.0.0.1:0", "--company", COMPANY, "--profile", "stock"]);
        epicor.args(["--api-key", API_KEY, "--user", USER, "--password", PASSWORD]);
        let ready = processes.start_until_line("epicor", &mut epicor).await?;
        let epicor_base = address(&ready, "base")?;
        let epicor = Server::at(&epicor_base)?;

        let mut hubspot = Command::new(&simulators);
        hubspot.args(["hubspot", "--listen", "127.0.0.1:0", "--token", TOKEN, "--plan", "professional"]);
        let ready = processes.start_until_line("hubspot", &mut hubspot).await?;
        let hubspot_base = address(&ready, "listening")?;
        let hubspot = Server::at(&hubspot_base)?;
        seed(&epicor).await?;

        let [producer, webhooks, console, ports @ ..] = settings::free_ports::<{ WORKERS + 3 }>()?;
        let config = directory.join("mlc.toml");
        std::fs::write(
            &config,
            settings::file(&directory, &epicor_base, &hubspot_base, [producer, webhooks, console]),
        )?;
        let on_loopback = |port: u16| Server::at(&format!("http://127.0.0.1:{port}"));
        let [first, second] = ports;
        let house = Self {
            epicor,
            hubspot,
            producer: on_loopback(producer)?,
            workers: [on_loopback(first)?, on_loopback(second)?],
            webhooks: on_loopback(webhooks)?,
            mlc: Mlc::new(processes.own("mlc"), config),
            worker_program: processes.own("mlc-worker"),
            directory,
            ports,
            console_url: format!("http://127.0.0.1:{console}/"),
        };
        house.set_secrets().await?;
        house.check_and_ping().await?;
        Ok(house)
    }

    async fn set_secrets(&self) -> anyhow::Result<()> {
        let printed = self.mlc.run(&["vault", "generate-key"]).await?;
        let entry = printed.lines().map(str::trim).rfind(|line| line.contains(':') && !line.contains(' '));
        let entry = entry.context("`mlc vault generate-key` printed no key")?;
        let mut file = std::fs::OpenOptions::new();
        let mut file = file.write(true).create_new(true).mode(0o600).open(self.directory.join("vault.keys"))?;
        std::io::Write::write_all(&mut file, format!("{entry}\n").as_bytes())?;
        let secrets = [
            (EPICOR, "api_key", API_KEY),
            (EPICOR, "user", USER),
            (EPICOR, "password", PASSWORD),
            (HUBSPOT, "token", TOKEN),
        ];
        self.seal(&secrets).await?;
        println!("A new vault key; {} secrets sealed with it", secrets.len());
        Ok(())
    }

    /// Hands secrets in: connection, name, secret.
    pub(crate) async fn seal(&self, secrets: &[(&str, &str, &str)]) -> anyhow::Result<()> {
        for (connection, name, secret) in secrets {
            self.mlc.run_with(&["connection", "set-secret", connection, name, "--stdin"], Some(secret)).await?;
        }
        Ok(())
    }

    async fn check_and_ping(&self) -> anyhow::Result<()> {
        for arguments in [&["check"][..], &["ping", EPICOR], &["ping", HUBSPOT, "--set-up"]] {
            self.show(arguments).await?;
        }
        println!();
        Ok(())
    }

    /// Runs a command of `mlc` and shows it with what it printed.
    pub(crate) async fn show(&self, arguments: &[&str]) -> anyhow::Result<()> {
        println!("\n$ mlc {}", arguments.join(" "));
        let printed = self.mlc.run(arguments).await?;
        printed.trim_end().lines().for_each(|line| println!("  {line}"));
        Ok(())
    }

    /// Adds to the settings file, as an operator does.
    pub(crate) fn extend_settings(&self, sections: &str) -> anyhow::Result<()> {
        let mut file = std::fs::OpenOptions::new().append(true).open(self.directory.join("mlc.toml"))?;
        Ok(std::io::Write::write_all(&mut file, sections.as_bytes())?)
    }

    /// Ends producer and workers politely and starts them again, so that they read the settings anew.
    pub(crate) async fn restart_product(&self, processes: &mut Processes) -> anyhow::Result<()> {
        for index in 1..=WORKERS {
            processes.stop(&format!("worker-{index}")).await;
        }
        processes.stop("producer").await;
        self.start_product(processes).await
    }

    /// Starts the producer and the workers and waits until they are ready for work.
    pub(crate) async fn start_product(&self, processes: &mut Processes) -> anyhow::Result<()> {
        processes.start("producer", &mut self.mlc.command(&["produce"]))?;
        for (index, port) in self.ports.iter().enumerate() {
            let name = format!("worker-{}", index + 1);
            let mut worker = Command::new(&self.worker_program);
            worker.args(["--name", &name]);
            worker.env("MLC_CONFIG", self.directory.join("mlc.toml"));
            worker.env("MLC__WORKER__LISTEN", format!("127.0.0.1:{port}"));
            processes.start(&name, &mut worker)?;
        }
        let servers: Vec<&Server> = std::iter::once(&self.producer).chain(&self.workers).collect();
        for attempt in 0.. {
            processes.check_alive()?;
            let mut ready = 0;
            for server in &servers {
                ready += usize::from(matches!(server.page("/readyz").await, Ok((200, _))));
            }
            if ready == servers.len() {
                break;
            }
            if attempt > 200 {
                bail!("producer and workers are not ready: {ready} of {} say so", servers.len());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        println!("The producer and {WORKERS} workers are ready");
        Ok(())
    }

    /// What a person can look at and try while the demo stays up.
    pub(crate) fn show_addresses(&self, shop: &Shop) {
        let mlc = self.mlc.program().display();
        let directory = self.directory.display();
        println!("\nEverything stays up until Ctrl-C. Look at the console: {}\n", self.console_url);
        println!("  Epicor   {}  (/__control/stats, …)", self.epicor.url());
        println!("  HubSpot  {}  (/__control/companies?limit=3, …)", self.hubspot.url());
        println!("  shop     {}  (/__control/orders, /__control/invoices, …)", shop.server.url());
        println!("  producer {}/metrics", self.producer.url());
        println!("  webhooks {}", shop.webhook_url);
        for worker in &self.workers {
            println!("  worker   {}/metrics", worker.url());
        }
        println!("  Redis    redis-cli -s {directory}/redis.sock");
        println!("  logs     {directory}/*.log");
        println!("\nTo try by hand:\n\n  export MLC_CONFIG={directory}/mlc.toml");
        println!("  {mlc} ping");
        println!("  {mlc} audit record {} {COMPANY}:VEND:1", settings::VENDORS);
        println!("  {mlc} window list {}", settings::VENDORS);
        println!("  curl -s -d '{{\"table\":\"Vendor\",\"rows\":5}}' {}/__control/touch", self.epicor.url());
        println!("  {mlc} sync {}", settings::VENDORS);
        println!("  {mlc} dead-letters list");
        println!("  {mlc} review list");
        println!("  {mlc} audit record {} {COMPANY}:PO:50001", settings::SHOP_ORDERS);
        let edit = r#"{"do":"edit_line","order":50001,"line":1,"fields":{"DocUnitCost":"99.50"}}"#;
        println!("  curl -s -d '{edit}' {}/__control/purchasing", self.epicor.url());
        println!("  {mlc} sync {}", settings::SHOP_ORDERS);
        println!("  {mlc} sync {}\n", settings::SHOP_INVOICES);
    }
}

async fn start_redis(processes: &mut Processes, directory: &Path) -> anyhow::Result<()> {
    let socket = directory.join("redis.sock");
    let mut redis = Command::new("redis-server");
    redis.args(["--port", "0", "--save", "", "--appendonly", "yes", "--appendfsync", "always"]);
    redis.args(["--maxmemory-policy", "noeviction", "--daemonize", "no"]);
    redis.arg("--unixsocket").arg(&socket).args(["--unixsocketperm", "700"]).arg("--dir").arg(directory);
    processes.start("redis", &mut redis).context("is redis-server installed? `make deps` does it")?;
    for _ in 0..100 {
        processes.check_alive()?;
        if answers(&socket).await.is_ok() {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    bail!("Redis did not start")
}

async fn answers(socket: &Path) -> anyhow::Result<()> {
    let mut stream = UnixStream::connect(socket).await?;
    stream.write_all(b"PING\r\n").await?;
    let mut answer = [0; 5];
    stream.read_exact(&mut answer).await?;
    if &answer == b"+PONG" { Ok(()) } else { bail!("Redis is loading") }
}

pub(crate) fn address(ready_line: &str, field: &str) -> anyhow::Result<String> {
    let line: Value = serde_json::from_str(ready_line).context("the simulator's ready line is no JSON")?;
    let address = text(&line, field);
    if address.is_empty() { bail!("the simulator's ready line has no `{field}`") } else { Ok(address.to_owned()) }
}

async fn seed(epicor: &Server) -> anyhow::Result<()> {
    let order = json!({ "vendors": VENDORS, "customers": CUSTOMERS, "prospects": PROSPECTS, "contacts": true,
        "broken": true, "broken_each": BROKEN_EACH, "seed": 6 });
    let seeded = epicor.post("/__control/seed_company", &order).await?;
    println!(
        "Epicor holds {} vendors, {} customers, {} prospects and {} contacts ({} with an e-mail address); {} rows are odd or broken",
        number(&seeded, "/vendors"),
        number(&seeded, "/customers"),
        number(&seeded, "/prospects"),
        number(&seeded, "/vendor_contacts") + number(&seeded, "/customer_contacts"),
        number(&seeded, "/vendor_contacts_with_email") + number(&seeded, "/customer_contacts_with_email"),
        seeded.get("broken").and_then(Value::as_array).map_or(0, Vec::len),
    );
    Ok(())
}
