//! What a record costs in the ledger, with everything that is kept about it: row, link, fingerprint, version, audit.

use anyhow::Context as _;
use chrono::{DateTime, TimeDelta, Utc};
use mlc_ledger::{Action, Delivery, Ledger, Sighting};
use mlc_model::{Clock as _, Fingerprint, FlowId, JobId, RecordKey, SystemClock, TargetId, Version, WindowId};

use crate::{
    processes::Processes,
    redis_server::{Persistence, RedisServer},
    report::{Goal, Row},
    usage::redis_usage,
};

const RECORDS: u64 = 1_000_000;
const FLOW: &str = "epicor_to_hubspot::customers";
/// Records of one call, as a page has them.
const PAGE: u64 = 100;
/// Pages under way at once.
const WRITERS: u64 = 4;
/// Versions stand above 2^53: there a double would mix up neighbours.
const FIRST_VERSION: u64 = 9_007_199_254_740_993;

/// Delivers a million records page by page, as a first sync does, and a million one by one, the dearest way there is.
pub(crate) async fn measure(processes: &Processes) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (name, together) in [("delivered by 100", PAGE), ("delivered one by one", 1)] {
        let (bytes, seconds) = fill(processes, together).await?;
        rows.push(
            Row::new(format!("Redis per record, 1,000,000 records {name}"), bytes, "bytes")
                .ratio(format!("{:.0} MB in all; written in {seconds:.0} s", bytes * RECORDS as f64 / 1e6))
                .goal(Goal::AtMost(200.0)),
        );
    }
    Ok(rows)
}

/// Bytes per record, and how long it took.
async fn fill(processes: &Processes, together: u64) -> anyhow::Result<(f64, f64)> {
    let server = RedisServer::start(processes, Persistence::Memory).await?;
    let handle = server.handle("mlc").await?;
    let ledger = Ledger::new(handle.clone());
    let mut redis = handle.manager.clone();
    let (empty, began) = (redis_usage(&mut redis).await?.used_memory, std::time::Instant::now());
    let at = SystemClock.now();
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let ledger = ledger.clone();
            tokio::spawn(async move {
                for page in (writer..RECORDS / PAGE).step_by(usize::try_from(WRITERS)?) {
                    deliver(&ledger, page, together, at).await?;
                }
                anyhow::Ok(())
            })
        })
        .collect();
    for writer in writers {
        writer.await??;
    }
    let bytes = redis_usage(&mut redis).await?.used_memory - empty;
    Ok((bytes / RECORDS as f64, began.elapsed().as_secs_f64()))
}

/// One page: seen, begun, delivered.
async fn deliver(ledger: &Ledger, page: u64, together: u64, start: DateTime<Utc>) -> anyhow::Result<()> {
    let flow = FlowId::parse(FLOW)?;
    let window = WindowId::parse("epicor_to_hubspot::customers.17")?;
    let sightings = (page * PAGE..page * PAGE + PAGE).map(sighting).collect::<anyhow::Result<Vec<_>>>()?;
    ledger.classify(&flow, &sightings).await?;
    ledger.begin(&flow, &sightings).await?;
    let calls = sightings.chunks(usize::try_from(together)?).enumerate().map(|(call, sightings)| {
        let first = page * PAGE + call as u64 * together;
        let job = JobId::parse(&format!("01{first:017x}"))?;
        let at = start + TimeDelta::milliseconds(i64::try_from(first)?);
        let deliveries = sightings.iter().zip(first..).map(|(sighting, number)| {
            Ok(Delivery {
                key: sighting.key.clone(),
                version: sighting.version,
                fingerprint: sighting.fingerprint,
                target_id: Some(TargetId::parse(&(19_033_410_077 + number).to_string())?),
                action: Action::Created,
                window: Some(window.clone()),
                job: Some(job.clone()),
                at,
            })
        });
        deliveries.collect::<anyhow::Result<Vec<_>>>()
    });
    for deliveries in calls {
        let late = ledger.deliver(&flow, &deliveries?).await?;
        anyhow::ensure!(late.is_empty(), "the ledger calls a first delivery late");
    }
    Ok(())
}

fn sighting(number: u64) -> anyhow::Result<Sighting> {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes());
    bytes[8..].copy_from_slice(&(!number).wrapping_mul(0xbf58_476d_1ce4_e5b9).to_le_bytes());
    Ok(Sighting {
        key: RecordKey::from_text(&format!("EPIC06:CUST:{number}")),
        version: Version(i64::try_from(FIRST_VERSION + number).context("a version")?),
        fingerprint: Fingerprint(bytes),
    })
}
