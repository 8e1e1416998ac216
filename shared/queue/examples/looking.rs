//! Measures what people look at, on a queue that is full. Prints one JSON line per question, then Redis' slowest command.
//!
//! `looking --redis-url URL [--seed N] [--lanes L] [--rounds R]`: first puts N jobs and N dead letters into an empty Redis, by
//! raw writes (about 2 GB for a million of each), then asks every question R times.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use mlc_model::{JobId, SealBroken, Sealer};
use mlc_queue::{DeadFilter, JobFilter, JobState, Lane, Page, Priority, Queue, QueueConfig, QueueError};
use mlc_runtime::{redis::RedisHandle, settings::RedisSettings};
use redis::aio::MultiplexedConnection;

const PREFIX: &str = "{mlcq:looking}:";
/// Jobs per pipeline.
const BATCH: usize = 500;
const CAUSES: usize = 50;
const FAULTS: [&str; 3] = ["rejected", "defect", "transient"];

#[derive(Debug)]
struct Open;

impl Sealer for Open {
    fn seal(&self, _: &[u8], plain: &[u8]) -> Vec<u8> {
        plain.to_vec()
    }
    fn open(&self, _: &[u8], sealed: &[u8]) -> Result<Vec<u8>, SealBroken> {
        Ok(sealed.to_vec())
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let options: HashMap<&str, &str> =
        arguments.chunks(2).filter_map(|pair| Some((pair[0].strip_prefix("--")?, pair.get(1)?.as_str()))).collect();
    let number = |name: &str, default: usize| options.get(name).and_then(|text| text.parse().ok()).unwrap_or(default);
    let url = options.get("redis-url").unwrap_or(&"redis://127.0.0.1:6379").to_string();
    let (lanes, rounds) = (number("lanes", 100), number("rounds", 200));
    // Seeding may be slow for a moment: a pipeline of thousands, a hash that grows.
    let patient = redis::AsyncConnectionConfig::new().set_response_timeout(Some(Duration::from_secs(60)));
    let client = redis::Client::open(url.as_str())?;
    let mut connection = client.get_multiplexed_async_connection_with_config(&patient).await?;
    if let Some(n) = options.get("seed") {
        seed(&mut connection, n.parse()?, lanes).await?;
    }
    let settings = RedisSettings { url, namespace: "looking".to_owned(), ..RedisSettings::default() };
    let handle = RedisHandle::connect(&settings).await?;
    let queue = Queue::open(handle, Arc::new(Open), QueueConfig::default()).await?;
    redis::cmd("CONFIG").arg(&["SET", "slowlog-log-slower-than", "500"]).exec_async(&mut connection).await?;
    redis::cmd("SLOWLOG").arg("RESET").exec_async(&mut connection).await?;
    ask_everything(&mut connection, &queue, rounds).await?;
    report_slowlog(&mut connection).await
}

fn job_id(kind: char, n: usize) -> String {
    format!("{kind}{n:018}")
}

async fn seed(connection: &mut MultiplexedConnection, n: usize, lanes: usize) -> anyhow::Result<()> {
    let key = |name: &str| format!("{PREFIX}{name}");
    let now: (i64, i64) = redis::cmd("TIME").query_async(connection).await?;
    let now = now.0 * 1000;
    let payload = "p".repeat(240);
    for first in (0..n).step_by(BATCH) {
        let mut pipe = redis::pipe();
        for place in first..(first + BATCH).min(n) {
            let (lane, class) = (format!("lane-{}", place % lanes), place % 3);
            let id = job_id('j', place);
            let head = format!("1 {lane} {class} push_record - {} 12 60000 1 - {id} EPIC06:VEND:{place}", now - 60_000);
            pipe.hset(key("job"), &id, format!("{head}\n{payload}"));
            // One in a hundred waits for its time after a failure.
            if place % 100 == 7 {
                pipe.zadd(key("delayed"), format!("r:{class}:{lane}:{id}"), now + 3_600_000);
                pipe.hset(key("history"), &id, history(place)).hincr(key("waiting"), &lane, 1);
            } else {
                pipe.rpush(key(&format!("ready:{lane}:{class}")), &id);
            }
            let (dead, fault) = (job_id('x', place), FAULTS[place % 3]);
            let cause = format!("{:016x}", place % CAUSES);
            let (died, reason) = (now - 1000 * i64::try_from(n - place)?, reason(place));
            let size = head.len() + payload.len() + reason.len();
            let record = format!("1 {lane} push_record {cause} {fault} {size} - {class}\n{reason}");
            pipe.hset(key("job"), &dead, format!("{}\n{payload}", head.replace(&id, &dead)));
            pipe.hset(key("history"), &dead, history(place)).hset(key("dead_record"), &dead, record);
            pipe.zadd(key("dead"), &dead, died).zadd(key(&format!("dead_cause:{cause}")), &dead, died);
            pipe.hset(
                key("causes"),
                &cause,
                format!("hubspot/{fault}/companies.batch_upsert/-/field_{}", place % CAUSES),
            );
            pipe.hincr(key("dead_count"), format!("{lane}|{fault}"), 1).incr(key("dead_bytes"), size);
            pipe.hincr(key("bytes"), &lane, head.len() + payload.len());
        }
        pipe.exec_async(connection).await?;
    }
    seed_counters(connection, now, lanes).await
}

fn reason(place: usize) -> String {
    format!(
        r#"{{"kind":"{}","system":"hubspot","operation":"companies.batch_upsert","field":"field_{}","message":"vendor {place} is refused"}}"#,
        FAULTS[place % 3],
        place % CAUSES
    )
}

fn history(place: usize) -> String {
    format!(r#"1 1 0 0 0{}{{"failed":[{{"attempt":1,"at":"2025-11-22T08:26:40Z","fault":{}}}]}}"#, '\n', reason(place))
}

/// 35 days of counters, two hours of pace, 2,000 leases, ended jobs.
async fn seed_counters(connection: &mut MultiplexedConnection, now: i64, lanes: usize) -> anyhow::Result<()> {
    let key = |name: &str| format!("{PREFIX}{name}");
    let counters: Vec<u8> = (1..=9_i64).flat_map(|n| (n * 1000).to_be_bytes()).collect();
    let mut pipe = redis::pipe();
    for day in 0..35 {
        for kind in 0..15 {
            for outcome in ["enqueued", "duplicate", "done", "snoozed", "retried", "dead", "handed_back", "rescued"] {
                pipe.hset(key("stats"), format!("{}|kind_{kind}|{outcome}", now / 86_400_000 - day), 123_456);
            }
        }
    }
    for minute in 0..120 {
        let minute = now / 60_000 - minute;
        pipe.set(key(&format!("pace:{minute}")), &counters);
        for lane in 0..lanes {
            pipe.set(key(&format!("pace:{minute}:lane-{lane}")), &counters);
        }
    }
    for hour in 0..840 {
        pipe.set(key(&format!("pace_hour:{}", now / 3_600_000 - hour)), &counters);
    }
    for n in 0..2000 {
        let (id, lane) = (job_id('r', n), format!("lane-{}", n % lanes));
        pipe.hset(key("job"), &id, format!("1 {lane} 1 push_record - {now} 12 60000 1 - {id} EPIC06:VEND:r{n}\np"));
        pipe.zadd(key("leased"), format!("{id}:{n}"), now + 3_600_000).hincr(key("running"), &lane, 1);
    }
    for n in 0..2500 {
        let lines: Vec<String> = (0..4)
            .map(|line| {
                format!("1 d {} lane-1 push_record 1 12 34 {now} - t EPIC06:VEND:{n}", job_id('e', 4 * n + line))
            })
            .collect();
        pipe.lpush(key("ended"), format!("{}\n{}", 4 * n + 4, lines.join("\n")));
    }
    pipe.set(key("ended_count"), 10_000);
    pipe.exec_async(connection).await?;
    Ok(())
}

async fn ask_everything(redis: &mut MultiplexedConnection, queue: &Queue, rounds: usize) -> anyhow::Result<()> {
    let lane = Lane::parse("lane-42")?;
    let page = |after: Option<&str>| Page { after: after.map(str::to_owned), limit: 50 };
    let text = |text: &str| Some(text.to_owned());
    let all = JobFilter::default;
    measure(redis, "lanes", rounds, async || queue.lanes().await).await?;
    measure(redis, "lane", rounds, async || queue.lane(&lane).await).await?;
    measure(redis, "stats", rounds, async || queue.stats().await).await?;
    measure(redis, "causes", rounds, async || queue.causes().await).await?;
    measure(redis, "pace of all", rounds, async || queue.pace(None, 120).await).await?;
    measure(redis, "pace of a lane", rounds, async || queue.pace(Some(&lane), 120).await).await?;
    measure(redis, "pace by hours", rounds, async || queue.pace_hours(840).await).await?;
    measure(redis, "workers", rounds, async || queue.workers().await).await?;
    measure(redis, "unconsumed", rounds, async || queue.unconsumed().await).await?;
    measure(redis, "ended", rounds, async || queue.ended(&page(None)).await).await?;
    measure(redis, "ended, far down", rounds, async || queue.ended(&page(Some("1000"))).await).await?;
    for (what, id) in [("ready", job_id('j', 500_001)), ("running", job_id('r', 1999)), ("dead", job_id('x', 500_001))]
    {
        let id = JobId::parse(&id)?;
        measure(redis, &format!("job, {what}"), rounds, async || queue.job(&id).await).await?;
    }
    let searches = [
        ("jobs", all(), None),
        ("jobs, far down, place lost", all(), Some("ready,1,lane-42:3000:0:0:gone")),
        ("jobs, 140,000 down, place lost", all(), Some("ready,1,lane-0:140000:0:0:gone")),
        ("jobs, 400,000 down, place lost", all(), Some("ready,1,lane-0:400000:0:0:gone")),
        ("jobs, running", JobFilter { state: Some(JobState::Running), ..all() }, None),
        ("jobs, delayed, far down", all(), Some("delayed:9007199254740000:n")),
        ("jobs by record key", JobFilter { subject: text("EPIC06:VEND:4500001"), ..all() }, None),
        ("jobs of a lane, ready", JobFilter { lane: Some(lane.clone()), state: Some(JobState::Ready), ..all() }, None),
        ("jobs of a lane, any state", JobFilter { lane: Some(lane.clone()), ..all() }, None),
        ("jobs, delayed", JobFilter { state: Some(JobState::Delayed), ..all() }, None),
        ("jobs of a class", JobFilter { priority: Some(Priority::Backfill), ..all() }, None),
        ("jobs by subject, none", JobFilter { subject: text("no such"), ..all() }, None),
        ("jobs by chain, none", JobFilter { trace: text("no such"), ..all() }, None),
        ("jobs by error, some", JobFilter { error: text("is refused"), ..all() }, None),
        ("jobs by error, none", JobFilter { error: text("no such"), ..all() }, None),
        ("shelf by error, none", JobFilter { error: text("no such"), state: Some(JobState::Dead), ..all() }, None),
    ];
    for (what, filter, after) in searches {
        measure(redis, what, rounds.min(40), async || queue.jobs(&filter, &page(after)).await).await?;
    }
    measure(redis, "dead letters", rounds, async || queue.dead_letters(&DeadFilter::default(), &page(None)).await)
        .await?;
    let of_lane = DeadFilter { lane: Some(lane.clone()), ..DeadFilter::default() };
    measure(redis, "dead letters of a lane", rounds.min(40), async || queue.dead_letters(&of_lane, &page(None)).await)
        .await?;
    let by_subject = DeadFilter { subject: text("no such"), ..DeadFilter::default() };
    measure(redis, "dead letters by subject, none", rounds.min(40), async || {
        queue.dead_letters(&by_subject, &page(None)).await
    })
    .await
}

#[expect(clippy::print_stdout, reason = "the result of a measuring program")]
async fn measure<T>(
    redis: &mut MultiplexedConnection,
    what: &str,
    rounds: usize,
    mut ask: impl AsyncFnMut() -> Result<T, QueueError>,
) -> anyhow::Result<()> {
    let mut times = Vec::with_capacity(rounds);
    let before = redis_cpu_ms(redis).await?;
    for _ in 0..rounds {
        let begun = Instant::now();
        ask().await?;
        times.push(begun.elapsed());
    }
    // What Redis itself worked for one question: unlike times by the clock, the same on a busy machine.
    #[expect(clippy::cast_precision_loss, reason = "a few hundred rounds")]
    let redis_ms = (redis_cpu_ms(redis).await? - before) / rounds as f64;
    times.sort_unstable();
    let at = |percent: usize| ms(times[(times.len() - 1) * percent / 100]);
    println!(
        "{}",
        serde_json::json!({"asked": what, "p50_ms": at(50), "p95_ms": at(95), "max_ms": at(100),
        "redis_cpu_ms": (redis_ms * 100.0).round() / 100.0})
    );
    Ok(())
}

async fn redis_cpu_ms(redis: &mut MultiplexedConnection) -> anyhow::Result<f64> {
    let info: redis::InfoDict = redis::cmd("INFO").arg("cpu").query_async(redis).await?;
    let secs = |name: &str| info.get::<f64>(name).unwrap_or_default();
    Ok(1000.0 * (secs("used_cpu_user_main_thread") + secs("used_cpu_sys_main_thread")))
}

fn ms(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e5).round() / 100.0
}

#[expect(clippy::print_stdout, reason = "the result of a measuring program")]
async fn report_slowlog(connection: &mut MultiplexedConnection) -> anyhow::Result<()> {
    let entries: Vec<Vec<redis::Value>> = redis::cmd("SLOWLOG").arg("GET").arg(1000).query_async(connection).await?;
    let mut slowest: Vec<(i64, String)> = Vec::new();
    for entry in entries {
        let (Some(redis::Value::Int(micros)), Some(words)) = (entry.get(2), entry.get(3)) else { continue };
        let words: Vec<Vec<u8>> = redis::from_redis_value(words.clone()).unwrap_or_default();
        let start: Vec<_> = words.iter().take(2).map(|word| String::from_utf8_lossy(word).into_owned()).collect();
        slowest.push((*micros, start.join(" ")));
    }
    slowest.sort_unstable();
    slowest.reverse();
    slowest.truncate(5);
    println!("{}", serde_json::json!({"slowest_commands_in_microseconds": slowest}));
    Ok(())
}
