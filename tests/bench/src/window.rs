//! What a window costs in which nothing has changed.

use serde_json::json;

use crate::{
    control::count,
    processes::Processes,
    report::{Goal, Row},
    stage::{CUSTOMERS, Stage, VENDORS},
};

const ROWS: u64 = 500;

/// Syncs a small company with contacts twice and counts the second time's requests.
pub(crate) async fn measure(processes: &Processes) -> anyhow::Result<Vec<Row>> {
    let stage = Stage::open(processes).await?;
    stage
        .epicor
        .post("seed_company", &json!({ "vendors": ROWS, "customers": ROWS, "contacts": true, "seed": 7 }))
        .await?;
    let mut worker = stage.worker()?;
    for flow in [VENDORS, CUSTOMERS] {
        stage.order(flow).await?;
    }
    stage.settle(&mut worker).await?;
    let first = requests(&stage).await?;
    let mut rows = Vec::new();
    for (flow, entities) in [(VENDORS, 1), (CUSTOMERS, 2)] {
        let before = requests(&stage).await?;
        stage.order(flow).await?;
        stage.settle(&mut worker).await?;
        let after = requests(&stage).await?;
        let row =
            |system: &str, n: u64| Row::new(format!("{system} requests, unchanged window [{flow}]"), n as f64, "");
        rows.push(
            row("Epicor", after.0 - before.0)
                .ratio(format!("{entities} entities; the first sync of both flows took {}", first.0))
                .goal(Goal::Exactly(f64::from(entities))),
        );
        rows.push(
            row("HubSpot", after.1 - before.1)
                .ratio(format!("the first sync of both flows took {}", first.1))
                .goal(Goal::Exactly(0.0)),
        );
    }
    worker.stop().await?;
    Ok(rows)
}

async fn requests(stage: &Stage<'_>) -> anyhow::Result<(u64, u64)> {
    let (epicor, hubspot) = (stage.epicor.stats().await?, stage.hubspot.stats().await?);
    Ok((count(&epicor, "/requests")?, count(&hubspot, "/total_requests")?))
}
