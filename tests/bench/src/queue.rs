//! Enqueue and drain, as shares of what redis-benchmark gets out of the same server.

use anyhow::Context as _;
use serde_json::Value;

use crate::{
    no_op_job,
    processes::Processes,
    redis_server::{Persistence, RedisServer},
    report::{Goal, Row, median},
    usage::redis_usage,
};

/// Jobs of a round, all waiting before the drain begins.
const BACKLOG: u64 = 100_000;
/// To be compared with: a long queue must not be slower.
const SHORT_BACKLOG: u64 = 10_000;
const ROUNDS: usize = 3;
const NAMESPACE: &str = "mlc-bench";

/// One round's figures.
#[derive(Debug, Default)]
struct Round {
    enqueue: f64,
    enqueue_cpu: f64,
    short: f64,
    one: f64,
    one_cpu: f64,
    one_redis_cpu: f64,
    two: f64,
    two_cpu: f64,
    left_bytes: f64,
    left_keys: f64,
    lpush: f64,
    evalsha: f64,
}

/// Measures on one server of its own.
pub(crate) async fn measure(processes: &Processes, persistence: Persistence) -> anyhow::Result<Vec<Row>> {
    let server = RedisServer::start(processes, persistence).await?;
    let bench = Bench { processes, server: &server, url: server.url() };
    // Scripts, connections and tables exist from here on, for us as for redis-benchmark.
    bench.enqueue(1_000).await?;
    bench.drain(1_000).await?;
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        rounds.push(bench.round().await?);
    }
    Ok(rows(&rounds, persistence))
}

fn rows(rounds: &[Round], persistence: Persistence) -> Vec<Row> {
    let middle = |figure: fn(&Round) -> f64| median(rounds.iter().map(figure).collect());
    let (lpush, evalsha) = (middle(|round| round.lpush), middle(|round| round.evalsha));
    let shares = |value: f64| format!("{:.3} of LPUSH, {:.3} of EVALSHA", value / lpush, value / evalsha);
    let one = middle(|round| round.one);
    let named = |what: &str| format!("{what} [{}]", persistence.name());
    // The goals are set for the safest setting.
    let goal = |row: Row, goal: Goal| if persistence == Persistence::Always { row.goal(goal) } else { row };
    let speed = |what: &str, value: f64| Row::new(named(what), value, "/s").ratio(shares(value));
    let enqueue = middle(|round| round.enqueue);
    let two = middle(|round| round.two);
    let cpu = Row::new(named("CPU s per 1,000 drained, worker + Redis"), middle(|round| round.one_cpu), "s");
    let cpu = cpu.ratio(format!("of which Redis {:.4} s", middle(|round| round.one_redis_cpu)));
    let two_cpu = Row::new(named("  the same, two processes"), middle(|round| round.two_cpu), "s");
    let left = Row::new(named("memory left after a drained round"), middle(|round| round.left_bytes), "bytes");
    let left = left.ratio(format!(
        "{:.3} bytes per job, {} keys more",
        middle(|round| round.left_bytes) / BACKLOG as f64,
        middle(|round| round.left_keys)
    ));
    vec![
        Row::new(named("redis-benchmark LPUSH, -P 100 -c 4"), lpush, "/s"),
        Row::new(named("redis-benchmark EVALSHA of one RPOP"), evalsha, "/s")
            .ratio(format!("{:.3} of LPUSH", evalsha / lpush)),
        goal(speed("enqueue by 100", enqueue), Goal::AtLeast(100_000.0)),
        Row::new(named("  CPU s per 1,000 enqueued, sender + Redis"), middle(|round| round.enqueue_cpu), "s"),
        goal(speed("drain, 1 process, backlog 100,000", one), Goal::AtLeast(50_000.0)),
        Row::new(named("  the same, backlog 10,000"), middle(|round| round.short), "/s")
            .ratio(format!("{:.2} of the long one's", middle(|round| round.short) / one)),
        goal(speed("drain, 2 processes, backlog 100,000", two), Goal::AtLeast(70_000.0)),
        goal(cpu, Goal::AtMost(0.03)),
        goal(two_cpu, Goal::AtMost(0.03)),
        left,
    ]
}

struct Bench<'a> {
    processes: &'a Processes,
    server: &'a RedisServer<'a>,
    url: String,
}

impl Bench<'_> {
    async fn round(&self) -> anyhow::Result<Round> {
        let mut round = Round::default();
        let mut redis = self.server.handle(NAMESPACE).await?.manager;
        self.enqueue(SHORT_BACKLOG).await?;
        round.short = number(&self.drain(SHORT_BACKLOG).await?, "per_second")?;

        let keys: f64 = redis::cmd("DBSIZE").query_async(&mut redis).await?;
        let before = redis_usage(&mut redis).await?;
        let enqueued = self.enqueue(BACKLOG).await?;
        round.enqueue = number(&enqueued, "per_second")?;
        round.enqueue_cpu = cpu_per_thousand(&enqueued)?;
        let (queue, _) = no_op_job::open(&self.url, NAMESPACE).await?;
        let stored = queue.lane(&no_op_job::lane()).await?;
        drop(queue);
        let drained = self.drain(BACKLOG).await?;
        round.one = number(&drained, "per_second")?;
        round.one_cpu = cpu_per_thousand(&drained)?;
        round.one_redis_cpu = number(&drained, "redis_cpu_seconds")? * 1e3 / BACKLOG as f64;
        // An empty queue before, an empty queue after.
        round.left_bytes = redis_usage(&mut redis).await?.used_memory - before.used_memory;
        round.left_keys = redis::cmd("DBSIZE").query_async::<f64>(&mut redis).await? - keys;

        self.enqueue(BACKLOG).await?;
        self.drain_by_two(&mut round).await?;

        let bytes = stored.bytes / stored.ready.max(1);
        round.lpush = self.server.benchmark(BACKLOG, bytes, &["-t", "lpush"]).await?;
        let script = "return redis.call('RPOP', KEYS[1])";
        let sha: String = redis::cmd("SCRIPT").arg("LOAD").arg(script).query_async(&mut redis).await?;
        round.evalsha = self.server.benchmark(BACKLOG, bytes, &["EVALSHA", &sha, "1", "mylist"]).await?;
        redis::cmd("DEL").arg("mylist").exec_async(&mut redis).await?;
        Ok(round)
    }

    async fn enqueue(&self, jobs: u64) -> anyhow::Result<Value> {
        self.run("--enqueue", jobs, &["--batch", "100"]).await
    }

    async fn drain(&self, jobs: u64) -> anyhow::Result<Value> {
        let result = self.run("--drain", jobs, &["--concurrency", "200"]).await?;
        anyhow::ensure!(
            number(&result, "jobs")? as u64 == jobs,
            "{jobs} jobs were enqueued and {} drained",
            result["jobs"]
        );
        Ok(result)
    }

    async fn drain_by_two(&self, round: &mut Round) -> anyhow::Result<()> {
        let mut redis = self.server.handle(NAMESPACE).await?.manager;
        let redis_cpu = redis_usage(&mut redis).await?.cpu_seconds;
        // Either may take all: who is faster takes more, and both end when nothing is left.
        let extra = &["--concurrency", "200", "--patience", "500"];
        let (first, second) =
            tokio::try_join!(self.run("--drain", BACKLOG, extra), self.run("--drain", BACKLOG, extra))?;
        // From the first one's start to the last one's end.
        let mut span = (f64::INFINITY, 0.0_f64);
        let (mut jobs, mut cpu) = (0.0, redis_usage(&mut redis).await?.cpu_seconds - redis_cpu);
        for result in [&first, &second] {
            let began = number(result, "began_at")?;
            span = (span.0.min(began), span.1.max(began + number(result, "seconds")?));
            jobs += number(result, "jobs")?;
            cpu += number(result, "cpu_seconds")?;
        }
        anyhow::ensure!(jobs as u64 == BACKLOG, "{BACKLOG} jobs were enqueued and two processes drained {jobs}");
        round.two = jobs / (span.1 - span.0);
        round.two_cpu = cpu * 1e3 / jobs;
        Ok(())
    }

    async fn run(&self, operation: &str, jobs: u64, extra: &[&str]) -> anyhow::Result<Value> {
        let mut command = self.processes.myself(&["--redis-url", &self.url, "--namespace", NAMESPACE])?;
        command.args([operation, &jobs.to_string()]).args(extra);
        self.processes.start(command, None)?.result().await
    }
}

fn number(result: &Value, name: &str) -> anyhow::Result<f64> {
    result.get(name).and_then(Value::as_f64).with_context(|| format!("a result has no `{name}`: {result}"))
}

fn cpu_per_thousand(result: &Value) -> anyhow::Result<f64> {
    let seconds = number(result, "cpu_seconds")? + number(result, "redis_cpu_seconds")?;
    Ok(seconds * 1e3 / number(result, "jobs")?)
}
