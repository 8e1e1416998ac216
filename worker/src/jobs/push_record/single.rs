//! One record that goes by itself, to a target that takes one at a time.
//!
//! The steps are those of a batch: map, lease, ask the ledger once more, write, record, give the lease back. Documents of one order
//! lease that order too, whichever flow they belong to.

use std::time::Duration;

use chrono::TimeDelta;
use mlc_flow::{PushRecord, Record};
use mlc_ledger::{Action, Delivery, Sighting, Verdict};
use mlc_model::{Fault, FaultKind, Fingerprint, RecordKey};
use mlc_outbound::witnessed;
use mlc_queue::{JobContext, Outcome, SnoozeReason};

use super::{note, read_afresh};
use crate::{
    context::Context,
    exchanges::{Exchanges, Told},
    flows::epicor_to_adobe::{self, Landed, ShopRules},
    shop_scope::order_lock,
};

/// Longer than a job may run: a lease must not end while its holder still writes.
const LEASE: Duration = Duration::from_secs(240);
/// A record or an order in another worker's hands is tried again after this time.
const BUSY: TimeDelta = TimeDelta::milliseconds(250);

pub(super) async fn run(context: &Context, job: PushRecord, run: &JobContext) -> Result<Outcome, Fault> {
    let [record] = job.records.as_slice() else {
        return Err(Fault::defect("push_record.single", "a job for this target carries exactly one record"));
    };
    let rules = context.shop_rules(&job.flow, &job.from, &job.to)?;
    let fingerprint = match epicor_to_adobe::judge(record, &rules) {
        Ok(Some(fingerprint)) => fingerprint,
        Ok(None) => return Ok(Outcome::done()),
        Err(fault) => return refused(context, &job, run, record, fault).await,
    };
    let (key, holder) = (record.key(), format!("{}:{}", run.job_id, run.token));
    let (lock, orders) = (order_lock(&job.to)?, epicor_to_adobe::touched_orders(record));
    let mine = context.ledger.lease(&job.flow, std::slice::from_ref(&key), &holder, LEASE).await?;
    if mine.contains(&false) {
        return Ok(busy(context));
    }
    let outcome = with_orders(context, &job, run, &rules, record, fingerprint, (&lock, &orders, &holder)).await;
    // A lease that cannot be given back ends by itself; the record then waits that long, no more.
    let released = context.ledger.release(&job.flow, std::slice::from_ref(&key), &holder).await;
    let outcome = outcome?;
    released?;
    Ok(outcome)
}

/// Leases the orders in the order of their keys; with less than all of them nothing is done.
async fn with_orders(
    context: &Context,
    job: &PushRecord,
    run: &JobContext,
    rules: &ShopRules,
    record: &Record,
    fingerprint: Fingerprint,
    (lock, orders, holder): (&mlc_model::FlowId, &[RecordKey], &str),
) -> Result<Outcome, Fault> {
    let mine = context.ledger.lease(lock, orders, holder, LEASE).await?;
    let outcome = if mine.contains(&false) {
        Ok(busy(context))
    } else {
        write(context, job, run, rules, record, fingerprint).await
    };
    let held: Vec<RecordKey> =
        orders.iter().zip(mine).filter(|(_, mine)| *mine).map(|(order, _)| order.clone()).collect();
    let released = context.ledger.release(lock, &held, holder).await;
    let outcome = outcome?;
    released?;
    Ok(outcome)
}

async fn write(
    context: &Context,
    job: &PushRecord,
    run: &JobContext,
    rules: &ShopRules,
    record: &Record,
    fingerprint: Fingerprint,
) -> Result<Outcome, Fault> {
    let (key, version) = (record.key(), record.version());
    let sighting = Sighting { key: key.clone(), version, fingerprint };
    match context.ledger.begin(&job.flow, &[sighting]).await?.first() {
        Some(Verdict::Changed) => {}
        Some(Verdict::Superseded) => {
            context.metrics.records(job.flow.as_str(), "superseded", 1);
            note(context, job, run, record, Action::Superseded, None).await?;
            return Ok(Outcome::done());
        }
        Some(Verdict::Unchanged) | None => {
            context.metrics.records(job.flow.as_str(), "unchanged", 1);
            return Ok(Outcome::done());
        }
    }
    let (landed, said) = witnessed(Box::pin(epicor_to_adobe::write(context, job, run, rules, record))).await;
    let told = Told::last(&said, epicor_to_adobe::telling(record));
    let mut exchanges = Exchanges::new(context, &job.flow, run);
    match landed {
        Ok(Landed::Written { target, created, then }) => {
            let action = if created { Action::Created } else { Action::Updated };
            context.metrics.records(job.flow.as_str(), action.as_str(), 1);
            exchanges.add(key.clone(), record, told, Ok(Some(&target)));
            let delivery = Delivery {
                key,
                version,
                fingerprint,
                target_id: Some(target),
                action,
                window: job.window.clone(),
                job: Some(run.job_id.clone()),
                at: context.clock.now(),
            };
            context.ledger.deliver(&job.flow, &[delivery]).await?;
            exchanges.keep().await;
            Ok(Outcome::then(then))
        }
        Ok(Landed::Waits { thing, pause }) => {
            Ok(Outcome::Snooze { until: context.clock.now() + pause, why: SnoozeReason::WaitsFor(thing) })
        }
        Ok(Landed::OnReview | Landed::LeftOut) => Ok(Outcome::done()),
        Err(fault) if matches!(fault.kind, FaultKind::Rejected | FaultKind::Defect) => {
            exchanges.add(key, record, told, Err(&fault));
            let outcome = refused(context, job, run, record, fault).await?;
            exchanges.keep().await;
            Ok(outcome)
        }
        Err(fault) => Err(fault),
    }
}

/// What stands on the shelf is an order to read the record afresh: a value is put right at the source.
async fn refused(
    context: &Context,
    job: &PushRecord,
    run: &JobContext,
    record: &Record,
    fault: Fault,
) -> Result<Outcome, Fault> {
    context.metrics.records(job.flow.as_str(), "refused", 1);
    note(context, job, run, record, Action::Refused, Some(&fault)).await?;
    Ok(Outcome::Done { then: Vec::new(), shelve: vec![(read_afresh(job, record)?, fault)] })
}

fn busy(context: &Context) -> Outcome {
    Outcome::Snooze { until: context.clock.now() + BUSY, why: SnoozeReason::RecordBusy }
}
