//! Companies of the shop as vendors: read the company, and write to the vendor what the shop owns.
//!
//! A reading becomes a sighting of the ledger whose version is the time of the reading, by Redis' clock, which all workers share: of two
//! readings the later one counts.

mod reading;
mod writing;

pub(crate) use self::writing::REFUSED;

use std::time::Duration;

use chrono::TimeDelta;
use mlc_adobe::Company;
use mlc_flow::{PullCompany, PullStep};
use mlc_ledger::{Action, Delivery};
use mlc_mapping::vendor_number;
use mlc_model::{CompanyCode, Fault, Fingerprint, RecordKey, RecordKind, TargetId, Version};
use mlc_queue::{JobContext, Outcome, SnoozeReason};

use crate::{context::Context, shop_scope::order_lock};

const OPERATION: &str = "adobe_to_epicor.companies";
/// Longer than a job may run: a lease must not end while its holder still writes.
const LEASE: Duration = Duration::from_secs(240);
/// A vendor in another worker's hands is tried again after this time.
const BUSY: TimeDelta = TimeDelta::milliseconds(250);

/// Carries out one step.
///
/// # Errors
/// Any fault of a call; the same step may go again.
pub(crate) async fn step(context: &Context, job: &PullCompany, run: &JobContext) -> Result<Outcome, Fault> {
    match &job.step {
        PullStep::Read => reading::read(context, job, run).await,
        PullStep::Write { vendor, values, read_at, seen } => {
            let write = writing::Write { context, job, run, vendor, values, version: version(*read_at), seen: *seen };
            write.carry_out().await
        }
    }
}

/// The vendor that a company stands for. `None` for one that is not ours.
pub(crate) fn vendor_of(company: &Company, code: &CompanyCode) -> Option<(i64, RecordKey)> {
    let number = vendor_number(company.reseller_id.as_deref()?, code)?;
    Some((number, RecordKey::new(code, RecordKind::Vendor, &number.to_string())))
}

fn version(read_at: chrono::DateTime<chrono::Utc>) -> Version {
    Version(read_at.timestamp_millis())
}

/// Does something while nobody else reads or writes this vendor in either direction.
async fn leased<F>(
    context: &Context,
    job: &PullCompany,
    run: &JobContext,
    vendor: &RecordKey,
    work: F,
) -> Result<Outcome, Fault>
where
    F: Future<Output = Result<Outcome, Fault>>,
{
    let (lock, holder) = (order_lock(&job.from)?, format!("{}:{}", run.job_id, run.token));
    let mine = context.ledger.lease(&lock, std::slice::from_ref(vendor), &holder, LEASE).await?;
    if mine.contains(&false) {
        return Ok(Outcome::Snooze { until: context.clock.now() + BUSY, why: SnoozeReason::RecordBusy });
    }
    let outcome = work.await;
    let released = context.ledger.release(&lock, std::slice::from_ref(vendor), &holder).await;
    let outcome = outcome?;
    released?;
    Ok(outcome)
}

/// A vendor's id in Epicor is its number.
fn target_of(vendor: &RecordKey) -> Result<TargetId, Fault> {
    let number = vendor.as_str().rsplit(':').next().unwrap_or_default();
    TargetId::parse(number).map_err(|problem| Fault::defect(OPERATION, problem.to_string()))
}

/// Epicor holds what the shop had when it was read.
async fn delivered(
    context: &Context,
    job: &PullCompany,
    run: &JobContext,
    vendor: &RecordKey,
    (version, fingerprint): (Version, Fingerprint),
    action: Action,
) -> Result<(), Fault> {
    let target = target_of(vendor)?;
    let delivery = Delivery {
        key: vendor.clone(),
        version,
        fingerprint,
        target_id: Some(target),
        action,
        window: None,
        job: Some(run.job_id.clone()),
        at: context.clock.now(),
    };
    context.ledger.deliver(&job.flow, &[delivery]).await?;
    context.metrics.records(job.flow.as_str(), action.as_str(), 1);
    Ok(())
}
