//! What a process or a Redis has used up.

use anyhow::Context as _;
use redis::aio::ConnectionLike;

/// Linux counts a process's time in hundredths of a second on every machine (`USER_HZ`).
const TICKS_PER_SECOND: f64 = 100.0;

/// Processor time of a process so far, user and system, in seconds.
///
/// # Errors
/// When there is no such process.
pub(crate) fn cpu_seconds(pid: u32) -> anyhow::Result<f64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).with_context(|| format!("process {pid}"))?;
    // The second field is the program's name in brackets and may hold anything; user and system time are fields 14 and 15.
    let after_name = text.rsplit_once(')').context("no program name")?.1;
    let ticks = after_name.split_whitespace().skip(11).take(2).map(str::parse::<f64>);
    Ok(ticks.sum::<Result<f64, _>>()? / TICKS_PER_SECOND)
}

/// The most memory a process ever held, in megabytes (10⁶ bytes).
///
/// # Errors
/// When there is no such process.
pub(crate) fn peak_megabytes(pid: u32) -> anyhow::Result<f64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).with_context(|| format!("process {pid}"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM")?;
    let kibibytes: f64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kibibytes * 1024.0 / 1e6)
}

/// Counters of a Redis.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RedisUsage {
    /// Processor time so far, without its background savers, in seconds.
    pub(crate) cpu_seconds: f64,
    /// Bytes that it holds.
    pub(crate) used_memory: f64,
    /// Commands so far; those inside scripts are not counted.
    pub(crate) commands: f64,
}

/// Asks a Redis for its counters: one command.
///
/// # Errors
/// When Redis does not answer.
pub(crate) async fn redis_usage(redis: &mut impl ConnectionLike) -> anyhow::Result<RedisUsage> {
    let info: redis::InfoDict = redis::cmd("INFO").arg("everything").query_async(redis).await?;
    let figure = |name: &str| info.get::<f64>(name).with_context(|| format!("INFO has no {name}"));
    Ok(RedisUsage {
        cpu_seconds: figure("used_cpu_sys")? + figure("used_cpu_user")?,
        used_memory: figure("used_memory")?,
        commands: figure("total_commands_processed")?,
    })
}
