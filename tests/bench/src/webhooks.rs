//! The producer's webhook intake on loopback: paced, and as fast as it goes.

use std::{
    net::{SocketAddr, TcpListener},
    os::unix::fs::OpenOptionsExt as _,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::{Context as _, bail, ensure};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, Mac as _};
use mlc_model::ConnectionId;
use mlc_runtime::{redis::RedisHandle, settings::Settings};
use mlc_vault::{KeyRing, SecretStore, SecretString};
use sha2::Sha256;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    process::Command,
    time::{Instant, sleep_until},
};

use crate::{
    processes::{Process, Processes},
    redis_server::{Persistence, RedisServer},
    report::{Goal, Row},
};

const SECRET: &str = "bench-webhook-secret";
/// The issue's rate.
const PER_SECOND: u64 = 500;
const PACED_SECONDS: u64 = 10;
/// Enough that a slow answer holds nobody else back.
const PACED_SENDERS: u64 = 50;
const FLAT_OUT_SECONDS: u64 = 5;
const FLAT_OUT_SENDERS: u64 = 32;
const READY_WITHIN: Duration = Duration::from_secs(20);

/// Measures on servers of its own.
pub(crate) async fn measure(processes: &Processes) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for persistence in [Persistence::EverySecond, Persistence::Always] {
        let server = RedisServer::start(processes, persistence).await?;
        let version = version(&server).await?;
        let (_producer, address, _folder) = producer(processes, &server).await?;
        let numbers = Arc::new(AtomicU64::new(0));
        // Connections, the secret and the scripts are there when the clock starts.
        flat_out(address, &numbers, Duration::from_secs(1)).await?;

        let paced = paced(address, &numbers).await?;
        let name = persistence.name();
        let row = |what: &str, value: f64| Row::new(format!("{PER_SECOND}/s → answer, {what} [{name}]"), value, "ms");
        rows.push(row("p50", paced.at(0.5)).ratio(format!("{} deliveries, Redis {version}", paced.0.len())));
        let worst = format!("worst {:.2} ms; counted from when it was due", paced.at(1.0));
        rows.push(row("p99", paced.at(0.99)).ratio(worst).goal(Goal::AtMost(10.0)));

        let span = Duration::from_secs(FLAT_OUT_SECONDS);
        let flat = flat_out(address, &numbers, span).await?;
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        let rate = flat.0.len() as f64 / span.as_secs_f64();
        let ratio = format!("{FLAT_OUT_SENDERS} senders; p50 {:.2} ms, p99 {:.2} ms", flat.at(0.5), flat.at(0.99));
        rows.push(Row::new(format!("accepted per second, flat out [{name}]"), rate, "/s").ratio(ratio));
    }
    Ok(rows)
}

/// Times to the answer in milliseconds, sorted.
struct Times(Vec<f64>);

impl Times {
    fn of(mut times: Vec<f64>) -> anyhow::Result<Self> {
        ensure!(!times.is_empty(), "nothing was answered");
        times.sort_by(f64::total_cmp);
        Ok(Self(times))
    }

    fn at(&self, share: f64) -> f64 {
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "an index of a list"
        )]
        let place = ((self.0.len() - 1) as f64 * share).round() as usize;
        self.0[place]
    }
}

/// Deliveries at fixed instants. The time counts from when one was due, so that a slow answer cannot hide those behind it.
async fn paced(address: SocketAddr, numbers: &Arc<AtomicU64>) -> anyhow::Result<Times> {
    let start = Instant::now() + Duration::from_millis(100);
    let gap = Duration::from_secs(1) * u32::try_from(PACED_SENDERS)? / u32::try_from(PER_SECOND)?;
    let tasks: Vec<_> = (0..PACED_SENDERS)
        .map(|sender| {
            let numbers = Arc::clone(numbers);
            tokio::spawn(async move {
                let mut connection = TcpStream::connect(address).await?;
                connection.set_nodelay(true)?;
                let mut times = Vec::new();
                let mut due = start + gap * u32::try_from(sender)? / u32::try_from(PACED_SENDERS)?;
                while due < start + Duration::from_secs(PACED_SECONDS) {
                    let request = request(numbers.fetch_add(1, Ordering::Relaxed))?;
                    sleep_until(due).await;
                    post(&mut connection, &request).await?;
                    times.push(due.elapsed().as_secs_f64() * 1e3);
                    due += gap;
                }
                anyhow::Ok(times)
            })
        })
        .collect();
    collect(tasks).await
}

async fn flat_out(address: SocketAddr, numbers: &Arc<AtomicU64>, span: Duration) -> anyhow::Result<Times> {
    let end = Instant::now() + span;
    let tasks: Vec<_> = (0..FLAT_OUT_SENDERS)
        .map(|_| {
            let numbers = Arc::clone(numbers);
            tokio::spawn(async move {
                let mut connection = TcpStream::connect(address).await?;
                connection.set_nodelay(true)?;
                let mut times = Vec::new();
                while Instant::now() < end {
                    let request = request(numbers.fetch_add(1, Ordering::Relaxed))?;
                    let began = Instant::now();
                    post(&mut connection, &request).await?;
                    times.push(began.elapsed().as_secs_f64() * 1e3);
                }
                anyhow::Ok(times)
            })
        })
        .collect();
    collect(tasks).await
}

async fn collect(tasks: Vec<tokio::task::JoinHandle<anyhow::Result<Vec<f64>>>>) -> anyhow::Result<Times> {
    let mut all = Vec::new();
    for task in tasks {
        all.extend(task.await??);
    }
    Times::of(all)
}

/// A place hook as a shop sends it, 1.2 KiB, each of another order.
fn request(number: u64) -> anyhow::Result<Vec<u8>> {
    let items: Vec<serde_json::Value> = (0..5)
        .map(|item| serde_json::json!({ "sku": format!("SKU-{item}"), "name": "Hex bolt M8 x 40 zinc plated", "qty_ordered": "12.0000",
            "price": "10.5000", "base_price": "10.5000", "row_total": "126.0000", "product_type": "simple" }))
        .collect();
    let body = serde_json::json!({ "subject": [], "eventName": "sales_order_place_after", "data": { "order": {
        "increment_id": format!("{number:09}"), "store_id": "1", "grand_total": "630.0000", "items": items } } });
    let body = body.to_string();
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes())?;
    mac.update(body.as_bytes());
    let signature = STANDARD.encode(mac.finalize().into_bytes());
    Ok(format!(
        "POST /webhooks/adobe/shop-main HTTP/1.1\r\nhost: intake\r\nx-adobe-signature: {signature}\r\n\
         x-adobe-commerce-request-id: {number:032x}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes())
}

async fn post(connection: &mut TcpStream, request: &[u8]) -> anyhow::Result<()> {
    connection.write_all(request).await?;
    let mut answer = [0; 1024];
    let mut read = 0;
    while !answer[..read].ends_with(br#"{"op":"success"}"#) {
        let more = connection.read(&mut answer[read..]).await?;
        read += more;
        if more == 0 || (read >= 12 && !answer.starts_with(b"HTTP/1.1 200")) {
            bail!("answered: {}", String::from_utf8_lossy(&answer[..read]));
        }
    }
    Ok(())
}

/// A real `mlc produce`, ready for deliveries.
async fn producer<'a>(
    processes: &'a Processes,
    server: &RedisServer<'_>,
) -> anyhow::Result<(Process<'a>, SocketAddr, tempfile::TempDir)> {
    let folder = processes.folder("webhooks-")?;
    let keys_file = folder.path().join("vault.keys");
    let entry = KeyRing::generate_key();
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&keys_file)?;
    std::io::Write::write_all(&mut file, entry.as_bytes())?;
    let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let text = settings(&server.url(), &keys_file, address);
    let config = folder.path().join("mlc.toml");
    std::fs::write(&config, &text)?;
    let settings = Settings::parse("mlc.toml", &text, [])?;
    let keys = Arc::new(KeyRing::parse(&entry)?);
    let secrets = SecretStore::new(RedisHandle::connect(&settings.redis).await?, keys);
    secrets.set(&ConnectionId::parse("shop-main")?, "webhook_secret", SecretString::from(SECRET)).await?;

    let mut command = Command::new(processes.own("mlc")?);
    command.arg("--config").arg(&config).arg("produce");
    let mut process = processes.start(command, Some(&folder.path().join("produce.log")))?;
    let give_up = Instant::now() + READY_WITHIN;
    while TcpStream::connect(address).await.is_err() {
        process
            .check_alive()
            .with_context(|| std::fs::read_to_string(folder.path().join("produce.log")).unwrap_or_default())?;
        ensure!(Instant::now() < give_up, "`mlc produce` does not listen");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok((process, address, folder))
}

async fn version(server: &RedisServer<'_>) -> anyhow::Result<String> {
    let mut connection = server.handle("mlc-bench").await?.manager;
    let info: String = redis::cmd("INFO").arg("server").query_async(&mut connection).await?;
    let version = info.lines().find_map(|line| line.strip_prefix("redis_version:"));
    Ok(version.context("Redis does not tell its version")?.to_owned())
}

fn settings(redis: &str, keys: &std::path::Path, address: SocketAddr) -> String {
    let keys = keys.display();
    format!(
        r#"
[redis]
url = "{redis}"

[vault]
key_file = "{keys}"

[producer]
listen = "off"
webhooks = "{address}"

[console]
listen = "off"

[log]
level = "warn"

[connections.epicor-main]
system = "epicor"
base_url = "http://127.0.0.1:9"
company = "EPIC06"

[connections.shop-main]
system = "adobe"
base_url = "http://127.0.0.1:9"
edition = "paas"

[connections.shop-main.webhook]
scheme = "hmac_sha256"

[flows."adobe_to_epicor::requisitions"]
from = "shop-main"
to = "epicor-main"
"#
    )
}
