//! The console over a queue with a million jobs and a million dead letters: time to each page and answer, memory, and how
//! long Redis was blocked.

use std::{
    net::{SocketAddr, TcpListener},
    os::unix::fs::OpenOptionsExt as _,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::{Context as _, ensure};
use mlc_model::{Clock as _, ConnectionId, Fault, FaultKind, System, SystemClock};
use mlc_queue::{Job, Lane, Order, Outcome, Page, Priority, Queue, QueueConfig, Registry, Workers, WorkersConfig};
use mlc_runtime::{metrics::Metrics, readiness::Readiness, redis::RedisHandle, settings::Settings};
use mlc_vault::KeyRing;
use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    process::Command,
    time::Instant,
};

use crate::{
    processes::{Process, Processes},
    redis_server::{Persistence, RedisServer},
    report::{Goal, Row},
    usage::peak_megabytes,
};

/// The issue's sizes.
const JOBS: u64 = 1_000_000;
const LETTERS: u64 = 1_000_000;
const LANES: u64 = 100;
/// Per path. The 95th percentile of fewer says little.
const CALLS: usize = 60;
const STEP: u64 = 1_000;
/// Enough for all letters: what is seeded must not be evicted.
const SHELF_BYTES: u64 = 8 << 30;
const READY_WITHIN: Duration = Duration::from_secs(60);
/// Redis' own unit, for commands that block it longer than the issue allows.
const BLOCKED_MICROS: u64 = 20_000;

/// A record on its way, as large as most.
#[derive(Debug, Serialize, Deserialize)]
struct Seeded {
    place: u64,
    filler: String,
}

impl Seeded {
    fn new(place: u64) -> Self {
        Self { place, filler: format!("{:032x}", place.wrapping_mul(0x9e37_79b9_7f4a_7c15)).repeat(8) }
    }
}

impl Job for Seeded {
    const KIND: &'static str = "push_record";
    const TIMEOUT: Duration = Duration::from_secs(30);

    fn lane(&self) -> Lane {
        lane(self.place)
    }

    fn subject(&self) -> Option<String> {
        Some(format!("EPIC06:VEND:{}", self.place))
    }
}

/// Puts a thousand letters on the shelf in the step that ends it.
#[derive(Debug, Serialize, Deserialize)]
struct Shelve {
    first: u64,
}

impl Job for Shelve {
    const KIND: &'static str = "shelve";
    const TIMEOUT: Duration = Duration::from_secs(60);

    fn lane(&self) -> Lane {
        lane(0)
    }
}

#[expect(clippy::expect_used, reason = "a constant that is a valid name")]
fn lane(place: u64) -> Lane {
    Lane(ConnectionId::parse(&format!("lane-{:03}", place % LANES)).expect("a valid name"))
}

/// Forty causes, as an installation with trouble has them.
fn fault(place: u64) -> Fault {
    let (kind, system) = match place % 4 {
        0 => (FaultKind::Rejected, System::Hubspot),
        1 => (FaultKind::Rejected, System::Adobe),
        2 => (FaultKind::Transient, System::Epicor),
        _ => (FaultKind::Uncertain, System::Adobe),
    };
    let operation = format!("operation.{}", place % 10);
    Fault::new(kind, system, operation, format!("The value of field {} is not taken: number {place}", place % 40))
}

/// Measures on a server of its own.
pub(crate) async fn measure(processes: &Processes) -> anyhow::Result<Vec<Row>> {
    let server = RedisServer::start(processes, Persistence::EverySecond).await?;
    let folder = processes.folder("console-")?;
    let keys_file = folder.path().join("vault.keys");
    let entry = KeyRing::generate_key();
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&keys_file)?;
    std::io::Write::write_all(&mut file, entry.as_bytes())?;
    let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let text = settings(&server.url(), &keys_file, address);
    let config = folder.path().join("mlc.toml");
    std::fs::write(&config, &text)?;
    let settings = Settings::parse("mlc.toml", &text, [])?;
    let redis = RedisHandle::connect(&settings.redis).await?;
    let queue_config = QueueConfig { dead_letter_bytes: SHELF_BYTES, ..QueueConfig::default() };
    let queue = Queue::open(redis.clone(), Arc::new(KeyRing::parse(&entry)?), queue_config).await?;
    let began = Instant::now();
    seed(&queue).await?;
    let seeded = format!("seeded in {:.0} s", began.elapsed().as_secs_f64());

    let mut connection = redis.manager.clone();
    redis::cmd("CONFIG")
        .arg("SET")
        .arg("slowlog-log-slower-than")
        .arg(BLOCKED_MICROS)
        .exec_async(&mut connection)
        .await?;
    let mut command = Command::new(processes.own("mlc")?);
    command.arg("--config").arg(&config).arg("produce");
    let mut process = processes.start(command, Some(&folder.path().join("produce.log")))?;
    ready(&mut process, address).await?;
    redis::cmd("SLOWLOG").arg("RESET").exec_async(&mut connection).await?;

    let mut rows = Vec::new();
    let (mut slowest_page, mut slowest_answer) = ((0.0, String::new()), (0.0, String::new()));
    for path in paths(&queue).await? {
        for (prefix, goal, slowest) in [("", 300.0, &mut slowest_page), ("/api/v1", 100.0, &mut slowest_answer)] {
            let path = format!("{prefix}{path}");
            let (p50, p95, bytes) = times(address, &path).await.with_context(|| path.clone())?;
            if p95 > slowest.0 {
                *slowest = (p95, path.clone());
            }
            if p95 > goal / 4.0 {
                let ratio = format!("p50 {p50:.1} ms; {} KB", bytes / 1_000);
                rows.push(Row::new(format!("{path}, p95"), p95, "ms").ratio(ratio).goal(Goal::AtMost(goal)));
            }
        }
    }
    let slowest = |what: &str, (p95, path): (f64, String), goal| {
        Row::new(format!("slowest {what}, p95"), p95, "ms").ratio(path).goal(Goal::AtMost(goal))
    };
    rows.insert(0, slowest("page", slowest_page, 300.0));
    rows.insert(1, slowest("answer of the API", slowest_answer, 100.0));
    let pid = process.pid();
    rows.push(
        Row::new("memory of the producer, peak", peak_megabytes(pid)?, "MB").ratio(seeded).goal(Goal::AtMost(150.0)),
    );
    let log: redis::Value = redis::cmd("SLOWLOG").arg("GET").arg(20).query_async(&mut connection).await?;
    let blocked: u64 = redis::cmd("SLOWLOG").arg("LEN").query_async(&mut connection).await?;
    let first: String = format!("{log:?}").chars().take(if blocked > 0 { 300 } else { 0 }).collect();
    #[expect(clippy::cast_precision_loss, reason = "a small count")]
    let blocked = blocked as f64;
    rows.push(
        Row::new("commands that blocked Redis for more than 20 ms", blocked, "").ratio(first).goal(Goal::Exactly(0.0)),
    );
    Ok(rows)
}

/// Jobs that wait in all lanes, some for later, and letters of forty causes.
async fn seed(queue: &Queue) -> anyhow::Result<()> {
    let feeders: Vec<Order> =
        (0..LETTERS / STEP).map(|n| Order::of(&Shelve { first: n * STEP })).collect::<Result<_, _>>()?;
    queue.enqueue(&feeders).await?;
    let done = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&done);
    let registry = Registry::new().on(move |job: Shelve, _context| {
        let counted = Arc::clone(&counted);
        async move {
            let letters = (job.first..job.first + STEP)
                .map(|place| Order::of(&Seeded::new(place)).map(|order| (order, fault(place))));
            counted.fetch_add(1, Ordering::Relaxed);
            match letters.collect::<Result<Vec<_>, _>>() {
                Ok(shelve) => Outcome::Done { then: Vec::new(), shelve },
                Err(fault) => Outcome::Failed(fault),
            }
        }
    });
    let config = WorkersConfig { name: "seed".to_owned(), concurrency: 4, shutdown_deadline: Duration::from_secs(60) };
    let total = LETTERS / STEP;
    let all_done = async move {
        while done.load(Ordering::Relaxed) < total {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    Workers::run(queue.clone(), registry, config, all_done, Metrics::new(), Readiness::default()).await?;
    let later = SystemClock.now() + chrono::Duration::hours(6);
    for first in (0..JOBS).step_by(usize::try_from(STEP)?) {
        let orders = (LETTERS + first..LETTERS + first + STEP).map(|place| {
            let order = Order::of(&Seeded::new(place))?;
            Ok::<_, Fault>(if place % 10 == 0 { order.at(later).priority(Priority::Backfill) } else { order })
        });
        queue.enqueue(&orders.collect::<Result<Vec<_>, _>>()?).await?;
    }
    Ok(())
}

/// Every kind of page, the long lists and the searches among them.
async fn paths(queue: &Queue) -> anyhow::Result<Vec<String>> {
    let page = Page { after: None, limit: 1 };
    let job = queue.jobs(&mlc_queue::JobFilter::default(), &page).await?.items;
    let job = &job.first().context("no job is there")?.id;
    let letters = queue.dead_letters(&mlc_queue::DeadFilter::default(), &page).await?.items;
    let letter = letters.first().context("no letter is there")?;
    let mut paths: Vec<String> = [
        "/",
        "/flows",
        "/flows/epicor_to_hubspot::vendors",
        "/jobs",
        "/jobs?state=ready",
        "/jobs?state=delayed",
        "/jobs?state=ended",
        "/jobs?lane=lane-042",
        "/jobs?subject=EPIC06:VEND:1999999",
        "/jobs?error=nobody+has+this",
        "/dead-letters",
        "/dead-letters/list",
        "/dead-letters/list?lane=lane-042",
        "/dead-letters/list?subject=EPIC06:VEND:77",
        "/dead-letters/list?error=nobody+has+this",
        "/bulk",
        "/records?key=EPIC06:VEND:118",
        "/records/epicor_to_hubspot::vendors/EPIC06:VEND:118",
        "/reviews",
        "/connections",
        "/connections/epicor-main",
        "/budgets",
        "/audit",
    ]
    .map(str::to_owned)
    .to_vec();
    paths.push(format!("/jobs/{job}"));
    paths.push(format!("/dead-letters/list?cause={}", letter.cause));
    paths.push(format!("/dead-letters/{}", letter.job.id));
    Ok(paths)
}

async fn ready(process: &mut Process<'_>, address: SocketAddr) -> anyhow::Result<()> {
    let give_up = Instant::now() + READY_WITHIN;
    while TcpStream::connect(address).await.is_err() {
        process.check_alive()?;
        ensure!(Instant::now() < give_up, "`mlc produce` does not listen");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}

/// Median and 95th percentile in milliseconds, and the size of the last answer.
async fn times(address: SocketAddr, path: &str) -> anyhow::Result<(f64, f64, usize)> {
    let mut times = Vec::with_capacity(CALLS);
    let mut size = 0;
    for call in 0..=CALLS {
        let began = Instant::now();
        let mut stream = TcpStream::connect(address).await?;
        let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        let head = String::from_utf8_lossy(&answer[..answer.len().min(200)]).into_owned();
        // A record that never moved has no page: that answer counts as well.
        ensure!(head.starts_with("HTTP/1.1 200") || head.starts_with("HTTP/1.1 404"), "{head}");
        size = answer.len();
        // The first call opens connections.
        if call > 0 {
            times.push(began.elapsed().as_secs_f64() * 1e3);
        }
    }
    times.sort_by(f64::total_cmp);
    Ok((times[CALLS / 2], times[CALLS * 95 / 100], size))
}

fn settings(redis: &str, keys: &std::path::Path, address: SocketAddr) -> String {
    let keys = keys.display();
    format!(
        r#"
[redis]
url = "{redis}"

[vault]
key_file = "{keys}"

[queue]
dead_letter_bytes = {SHELF_BYTES}

[producer]
listen = "off"

[console]
listen = "{address}"

[log]
level = "warn"

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
every = "1d"
"#
    )
}
