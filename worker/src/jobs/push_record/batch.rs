//! 1 to 100 records of one flow, to a target that takes them in one call.
//!
//! 1. Map (the settings may have changed since the record was read).
//! 2. Lease each record: two pushes of one record never overlap.
//! 3. Ask the ledger once more under the lease: a newer version seen ends this one as superseded.
//! 4. Write by unique key, so that repeating is harmless.
//! 5. Row and audit entry in one step, then the lease goes, then the job is finished together with its follow-ups.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use mlc_flow::{PushRecord, Record};
use mlc_ledger::{Action, Delivery, Row, Sighting, Verdict};
use mlc_model::{Fault, FaultKind, RecordKey, System};
use mlc_outbound::{Said, witnessed};
use mlc_queue::{Job as _, JobContext, Order, Outcome, UniqueKey};

use super::{note, read_afresh, reading};
use crate::{
    context::Context,
    exchanges::{BatchTold, Exchanges},
    flows::epicor_to_hubspot::{self, Prepared, Written},
    jobs::standing,
};

/// Longer than a job may run: a lease must not end while its holder still writes.
const LEASE: Duration = Duration::from_secs(240);
/// A person waits for the firm this often …
const MAX_WAITS: u32 = 8;
/// … at first this long, then twice as long each time, up to sixteen times.
const WAIT: chrono::TimeDelta = chrono::TimeDelta::milliseconds(500);
/// A person whose firm is kept out or was refused: the firm may be on its way at this moment, let in or put right. About 8 s.
const WAITS_FOR_A_CURE: u32 = 4;
/// A person whose firm is about to be read afresh waits this often before that, up to 64 s each time: about an hour.
const WAITS_FOR_A_READING: u32 = 62;
/// A record in another worker's hands is tried again after this time.
const BUSY: chrono::TimeDelta = chrono::TimeDelta::milliseconds(1500);
/// From this attempt on a batch that the server chokes on is taken apart.
const BISECT_FROM_ATTEMPT: u32 = 3;

/// Runs one job.
pub(super) async fn run(context: &Context, job: PushRecord, run: &JobContext) -> Result<Outcome, Fault> {
    let mut then = FollowUps::default();
    Box::pin(push(context, job, run, &mut then)).await?;
    Ok(Outcome::Done { then: then.orders, shelve: then.shelved })
}

#[derive(Default)]
struct FollowUps {
    orders: Vec<Order>,
    shelved: Vec<(Order, Fault)>,
}

async fn push(context: &Context, job: PushRecord, run: &JobContext, then: &mut FollowUps) -> Result<(), Fault> {
    let flow = context.flow(&job.flow)?;
    let rules = context.company_rules(&job.flow, &job.to)?;
    let mut prepared = Vec::with_capacity(job.records.len());
    for record in &job.records {
        match epicor_to_hubspot::prepare(record.clone(), &rules) {
            Ok(Some(one)) => prepared.push(one),
            Ok(None) => {}
            Err(fault) => then.shelved.push((read_afresh(&job, record)?, fault)),
        }
    }

    let keys: Vec<RecordKey> = prepared.iter().map(|one| one.record.key()).collect();
    let holder = format!("{}:{}", run.job_id, run.token);
    let held = context.ledger.lease(&job.flow, &keys, &holder, LEASE).await?;
    let (mine, busy): (Vec<_>, Vec<_>) = prepared.into_iter().zip(held).partition(|(_, held)| *held);
    let mine: Vec<Prepared> = mine.into_iter().map(|(one, _)| one).collect();
    if !busy.is_empty() {
        let records = busy.into_iter().map(|(one, _)| one.record).collect();
        then.orders.push(again(&job, records, job.waits)?.priority(run.priority).at(context.clock.now() + BUSY));
    }

    let leased: Vec<RecordKey> = mine.iter().map(|one| one.record.key()).collect();
    let written = Box::pin(write_leased(context, &job, run, mine, then)).await;
    // A lease that cannot be given back ends by itself; the records then wait that long, no more.
    let released = context.ledger.release(&job.flow, &leased, &holder).await;
    written?;
    released?;
    if flow.contacts {
        hand_on_contacts(&job, run, then)?;
    }
    Ok(())
}

async fn write_leased(
    context: &Context,
    job: &PushRecord,
    run: &JobContext,
    mine: Vec<Prepared>,
    then: &mut FollowUps,
) -> Result<(), Fault> {
    let sightings: Vec<Sighting> = mine.iter().map(sighting).collect();
    let verdicts = context.ledger.begin(&job.flow, &sightings).await?;
    let mut batch = Vec::with_capacity(mine.len());
    for (one, verdict) in mine.into_iter().zip(verdicts) {
        match verdict {
            Verdict::Changed => batch.push(one),
            Verdict::Unchanged => context.metrics.records(job.flow.as_str(), "unchanged", 1),
            Verdict::Superseded => {
                context.metrics.records(job.flow.as_str(), "superseded", 1);
                note(context, job, run, &one.record, Action::Superseded, None).await?;
            }
        }
    }
    let batch = with_companies(context, job, run, batch, then).await?;
    if batch.is_empty() {
        return Ok(());
    }

    let client = context.hubspot(&job.to).await?;
    let (written, said) = witnessed(Box::pin(epicor_to_hubspot::write(&client, &batch))).await;
    let outcomes = match written {
        Ok(outcomes) => outcomes,
        // One poisonous record can make the server fail for the whole batch: take it apart rather than give all of it up.
        Err(fault) if fault.status == Some(500) && batch.len() > 1 && run.attempt >= BISECT_FROM_ATTEMPT => {
            let mut halves = batch.into_iter().map(|one| one.record).collect::<Vec<_>>();
            let right = halves.split_off(halves.len() / 2);
            for half in [halves, right] {
                then.orders.push(again(job, half, job.waits)?.priority(run.priority));
            }
            return Ok(());
        }
        Err(fault) => return Err(fault),
    };
    settle(context, job, run, batch.into_iter().zip(outcomes), &said, then).await
}

/// Finds the company of each person. Persons whose firm is not at the target yet wait for it, a bounded time.
async fn with_companies(
    context: &Context,
    job: &PushRecord,
    run: &JobContext,
    batch: Vec<Prepared>,
    then: &mut FollowUps,
) -> Result<Vec<Prepared>, Fault> {
    let parents: Vec<RecordKey> = batch.iter().filter_map(Prepared::parent).collect();
    if parents.is_empty() {
        return Ok(batch);
    }
    let firms = context.ledger.row(&job.flow, &parents).await?;
    let to_be_read = to_be_read(context, job, &parents, &firms).await?;
    let mut ready = Vec::with_capacity(batch.len());
    let (mut waiting, mut waiting_for_reading) = (Vec::new(), Vec::new());
    for ((one, firm), parent) in batch.into_iter().zip(firms).zip(&parents) {
        // The page of a person can be read before that of the firm, so only now it may be known that the firm stays out. Or it is just being let in.
        let excluded = firm.as_ref().is_some_and(|firm| firm.excluded);
        // A refused firm comes only when somebody puts it right: the wait is for the case that both are being replayed, where the firm
        // is read afresh first.
        let is_refused = firm.as_ref().is_some_and(|firm| firm.refused && !firm.pending);
        let most_waits = if is_refused || excluded { WAITS_FOR_A_CURE } else { MAX_WAITS };
        match firm.and_then(|firm| firm.target) {
            Some(company) => ready.push(one.with_company(company)),
            // That takes as long as the queue before it, and only then the firm's own way begins.
            None if job.readings < WAITS_FOR_A_READING && to_be_read.contains(parent) => {
                waiting_for_reading.push(one.record);
            }
            None if job.waits < most_waits => waiting.push(one.record),
            None if excluded => {}
            None => {
                let fault = Fault::new(
                    FaultKind::Rejected,
                    System::Connector,
                    "contacts.wait_for_company",
                    format!(
                        "The firm of this contact, {parent}, is not in HubSpot, so the contact cannot be linked. \
                         Put {parent} right first, then replay this record."
                    ),
                )
                .with_code("COMPANY_MISSING");
                let order = anew(job, vec![one.record])?;
                then.shelved.push((order, fault));
            }
        }
    }
    let now = context.clock.now();
    if !waiting.is_empty() {
        let order = again(job, waiting, job.waits + 1)?;
        then.orders.push(order.priority(run.priority).at(now + WAIT * (1 << job.waits.min(4))));
    }
    if !waiting_for_reading.is_empty() {
        let order = PushRecord { readings: job.readings + 1, ..job.with_records(waiting_for_reading, 0) };
        then.orders.push(Order::of(&order)?.priority(run.priority).at(now + WAIT * (1 << job.readings.min(7))));
    }
    Ok(ready)
}

/// Those of the firms that are not at the target of which a reading waits or runs: somebody replayed them, or ordered it.
async fn to_be_read(
    context: &Context,
    job: &PushRecord,
    firms: &[RecordKey],
    rows: &[Option<Row>],
) -> Result<HashSet<RecordKey>, Fault> {
    let mut missing = HashMap::new();
    for (firm, row) in firms.iter().zip(rows) {
        if row.as_ref().is_none_or(|row| row.target.is_none())
            && let Some(key) = reading(job, firm.clone())?.unique_key()
        {
            missing.insert(firm, key);
        }
    }
    let (firms, keys): (Vec<&RecordKey>, Vec<UniqueKey>) = missing.into_iter().unzip();
    let under_way =
        context.queue.under_way(&keys).await.map_err(|problem| {
            Fault::new(FaultKind::Transient, System::Redis, "queue.under_way", problem.to_string())
        })?;
    Ok(firms.into_iter().zip(under_way).filter(|(_, is_one)| *is_one).map(|(firm, _)| firm.clone()).collect())
}

/// Writes down what happened, record by record; what failed goes alone.
async fn settle(
    context: &Context,
    job: &PushRecord,
    run: &JobContext,
    batch: impl ExactSizeIterator<Item = (Prepared, Result<Written, Fault>)> + Send,
    said: &[Said],
    then: &mut FollowUps,
) -> Result<(), Fault> {
    let now = context.clock.now();
    let mut deliveries = Vec::with_capacity(batch.len());
    let mut unsettled: Vec<(Record, Fault)> = Vec::new();
    let (told, mut exchanges) = (BatchTold::read(said), Exchanges::new(context, &job.flow, run));
    for (one, outcome) in batch {
        let about = told.of(one.target_key());
        match outcome {
            Ok(written) => {
                exchanges.add(one.record.key(), &one.record, about, Ok(Some(&written.target)));
                let action = if written.created { Action::Created } else { Action::Updated };
                context.metrics.records(job.flow.as_str(), action.as_str(), 1);
                deliveries.push(Delivery {
                    key: one.record.key(),
                    version: one.record.version(),
                    fingerprint: one.fingerprint,
                    target_id: Some(written.target),
                    action,
                    window: job.window.clone(),
                    job: Some(run.job_id.clone()),
                    at: now,
                });
            }
            Err(fault) if matches!(fault.kind, FaultKind::Rejected | FaultKind::Defect) => {
                context.metrics.records(job.flow.as_str(), "refused", 1);
                note(context, job, run, &one.record, Action::Refused, Some(&fault)).await?;
                exchanges.add(one.record.key(), &one.record, about, Err(&fault));
                then.shelved.push((after_the_cure(job, one.record, &fault)?, fault));
            }
            Err(fault) => unsettled.push((one.record, fault)),
        }
    }
    standing::before_delivery(context, job, &deliveries).await?;
    for key in context.ledger.deliver(&job.flow, &deliveries).await? {
        tracing::warn!(flow = %job.flow, record.key = %key, "A newer version of {key} was delivered while this one was being written");
    }
    exchanges.keep().await;
    if let Some((_, fault)) = unsettled.iter().find(|(_, fault)| fault.kind == FaultKind::Unauthorized) {
        // The lane is held and the job waits in it; what was delivered is unchanged by then.
        return Err(fault.clone());
    }
    if let Some((_, fault)) = unsettled.first() {
        if deliveries.is_empty() && then.shelved.is_empty() && then.orders.is_empty() {
            // Nothing was settled: the whole job goes again, with its attempts counted.
            return Err(fault.clone());
        }
        let wait =
            unsettled.iter().filter_map(|(_, fault)| fault.retry_after()).max().unwrap_or(Duration::from_secs(2));
        let at = now + chrono::TimeDelta::from_std(wait).unwrap_or(BUSY);
        let records = unsettled.into_iter().map(|(record, _)| record).collect();
        then.orders.push(again(job, records, job.waits)?.priority(run.priority).at(at));
    }
    Ok(())
}

/// Contacts that changed together with their vendor follow once the vendor is at the target.
fn hand_on_contacts(job: &PushRecord, run: &JobContext, then: &mut FollowUps) -> Result<(), Fault> {
    let contacts: Vec<Record> = job
        .records
        .iter()
        .filter_map(|record| match record {
            Record::Vendor(vendor) => Some(vendor.contacts.iter().cloned().map(Record::Contact)),
            _ => None,
        })
        .flatten()
        .collect();
    for chunk in contacts.chunks(100) {
        then.orders.push(anew(job, chunk.to_vec())?.priority(run.priority));
    }
    Ok(())
}

/// Goes on with both counts: who has waited long enough for a reading that never comes does not begin anew.
fn again(job: &PushRecord, records: Vec<Record>, waits: u32) -> Result<Order, Fault> {
    Order::of(&job.with_records(records, waits))
}

/// As if it had not waited yet.
fn anew(job: &PushRecord, records: Vec<Record>) -> Result<Order, Fault> {
    Order::of(&PushRecord { readings: 0, ..job.with_records(records, 0) })
}

/// The order that stands on the shelf for a record that the target refused. What is cured at the target goes as it is; a value is put right at the
/// source, where it has to be read again.
fn after_the_cure(job: &PushRecord, record: Record, fault: &Fault) -> Result<Order, Fault> {
    match fault.code.as_deref() {
        Some("PROPERTY_DOESNT_EXIST" | "KEY_NOT_UNIQUE" | "PATH_UNKNOWN") => anew(job, vec![record]),
        _ => read_afresh(job, &record),
    }
}

fn sighting(one: &Prepared) -> Sighting {
    Sighting { key: one.record.key(), version: one.record.version(), fingerprint: one.fingerprint }
}
