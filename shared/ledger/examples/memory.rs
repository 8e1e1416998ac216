//! Measures what a record costs: `cargo run --release -p mlc-ledger --example memory -- [records] [rounds] [batch]`.
//!
//! Starts a private Redis without persistence, delivers the records in batches (100, as a full synchronisation does),
//! and prints one JSON line per round. From the second round on every record is updated: that adds audit entries only.
//!
//! `-- kept [subjects] [bytes]` measures one kept value of that many bytes per subject instead.
#![expect(clippy::print_stdout, reason = "it prints its result")]

use std::{
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use chrono::TimeDelta;
use mlc_ledger::{Action, Delivery, Ledger, Sighting};
use mlc_model::{Clock, Fingerprint, FlowId, JobId, RecordKey, SystemClock, TargetId, Version, WindowId};
use mlc_runtime::{redis::RedisHandle, settings::RedisSettings};

type Anything = Box<dyn std::error::Error>;

#[tokio::main]
async fn main() -> Result<(), Anything> {
    let mut texts = std::env::args().skip(1).peekable();
    let kept = texts.next_if(|text| text == "kept").is_some();
    let mut arguments = texts.map(|text| text.parse::<u64>());
    let records = arguments.next().transpose()?.unwrap_or(1_000_000);
    let second = arguments.next().transpose()?;
    let batch = arguments.next().transpose()?.unwrap_or(100).max(1);

    let directory = tempfile::tempdir()?;
    let socket = directory.path().join("redis.sock");
    let mut server = Command::new("redis-server")
        .args(["--port", "0", "--save", "", "--appendonly", "no", "--unixsocket"])
        .arg(&socket)
        .current_dir(directory.path())
        .stdout(Stdio::null())
        .spawn()?;
    let url = format!("redis+unix://{}", socket.display());
    let result = if kept {
        measure_kept(&url, records, usize::try_from(second.unwrap_or(256))?).await
    } else {
        measure(&url, records, second.unwrap_or(1), batch).await
    };
    server.kill()?;
    server.wait()?;
    result
}

async fn connect(url: &str) -> Result<RedisHandle, Anything> {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        match RedisHandle::connect(&RedisSettings::at(url)).await {
            Ok(handle) => return Ok(handle),
            Err(error) if Instant::now() > deadline => return Err(error.into()),
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

async fn measure_kept(url: &str, subjects: u64, bytes: usize) -> Result<(), Anything> {
    const WRITERS: usize = 64;
    let handle = connect(url).await?;
    let ledger = Ledger::new(handle.clone());
    let flow = FlowId::parse("adobe_to_epicor::companies")?;
    let (before, start) = (used_memory(&handle).await?, Instant::now());
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..WRITERS as u64 {
        let (ledger, flow, value) = (ledger.clone(), flow.clone(), "x".repeat(bytes));
        writers.spawn(async move {
            for number in (writer..subjects).step_by(WRITERS) {
                ledger.keep(&flow, &format!("EPIC06:VEND:{number}"), "agreed", &value).await?;
            }
            Ok::<_, mlc_ledger::LedgerError>(())
        });
    }
    for written in writers.join_all().await {
        written?;
    }
    println!(
        "{}",
        serde_json::json!({
            "subjects": subjects,
            "value_bytes": bytes,
            "bytes_per_subject": (used_memory(&handle).await? - before) / subjects,
            "seconds": start.elapsed().as_secs_f64(),
        })
    );
    Ok(())
}

async fn measure(url: &str, records: u64, rounds: u64, size: u64) -> Result<(), Anything> {
    let handle = connect(url).await?;
    let ledger = Ledger::new(handle.clone());
    let flow = FlowId::parse("epicor_to_hubspot::customers")?;
    let window = WindowId::parse("epicor_to_hubspot::customers.17")?;
    let empty = used_memory(&handle).await?;
    let began = SystemClock.now();
    for round in 1..=rounds {
        let (before, start) = (used_memory(&handle).await?, Instant::now());
        for batch in 0..records.div_ceil(size) {
            let numbers = batch * size..records.min(batch * size + size);
            let sightings = numbers.map(|number| sighting(round, number)).collect::<Result<Vec<_>, Anything>>()?;
            ledger.classify(&flow, &sightings).await?;
            ledger.begin(&flow, &sightings).await?;
            let job = JobId::parse(&format!("01{round:03x}{batch:014x}"))?;
            let at = began + TimeDelta::milliseconds(i64::try_from(batch)?);
            let deliveries: Vec<Delivery> = sightings
                .into_iter()
                .enumerate()
                .map(|(place, Sighting { key, version, fingerprint })| {
                    let target = 19_033_410_077 + batch * size + place as u64;
                    Ok(Delivery {
                        key,
                        version,
                        fingerprint,
                        target_id: Some(TargetId::parse(&target.to_string())?),
                        action: if round == 1 { Action::Created } else { Action::Updated },
                        window: Some(window.clone()),
                        job: Some(job.clone()),
                        at,
                    })
                })
                .collect::<Result<_, Anything>>()?;
            ledger.deliver(&flow, &deliveries).await?;
        }
        let after = used_memory(&handle).await?;
        let audit: Option<u64> = redis::cmd("MEMORY")
            .arg("USAGE")
            .arg(format!("{{mlcl:{}:{flow}}}:audit", handle.namespace))
            .arg("SAMPLES")
            .arg(0)
            .query_async(&mut handle.manager.clone())
            .await?;
        let per_record = |bytes: u64| bytes / records;
        println!(
            "{}",
            serde_json::json!({
                "round": round,
                "records": records,
                "batch": size,
                "bytes_per_record": per_record(after - empty),
                "added_this_round": per_record(after.saturating_sub(before)),
                "of_which_audit": per_record(audit.unwrap_or(0)),
                "seconds": start.elapsed().as_secs_f64(),
            })
        );
    }
    Ok(())
}

fn sighting(round: u64, number: u64) -> Result<Sighting, Anything> {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes());
    bytes[8..].copy_from_slice(&round.to_le_bytes());
    Ok(Sighting {
        key: RecordKey::from_text(&format!("EPIC06:CUST:{number}")),
        version: Version(i64::try_from(9_007_199_254_740_993 + round * records_apart() + number)?),
        fingerprint: Fingerprint(bytes),
    })
}

/// Versions are above 2^53 on purpose: there a double would mix up neighbours.
const fn records_apart() -> u64 {
    1 << 32
}

async fn used_memory(handle: &RedisHandle) -> Result<u64, Anything> {
    let info: redis::InfoDict = redis::cmd("INFO").arg("memory").query_async(&mut handle.manager.clone()).await?;
    info.get("used_memory").ok_or_else(|| "no used_memory in INFO".into())
}
