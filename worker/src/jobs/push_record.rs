//! Writes records of one flow to their target: in batches where the target takes them, else one at a time.

mod batch;
mod single;

use mlc_flow::{Ask, PollPage, PushRecord, Record};
use mlc_ledger::{Action, AuditNote};
use mlc_model::{Fault, RecordKey, System};
use mlc_queue::{JobContext, Order, Outcome};

use crate::{context::Context, entities, flows::Rules};

/// Runs one job.
pub(crate) async fn run(context: &Context, job: PushRecord, run: &JobContext) -> Outcome {
    let connection = job.to.clone();
    let target = context.flow(&job.flow).and_then(|settings| Rules::target(&job.flow, settings));
    let outcome = match target {
        Ok(System::Adobe) => single::run(context, job, run).await,
        Ok(_) => batch::run(context, job, run).await,
        Err(fault) => Err(fault),
    };
    match outcome {
        Ok(outcome) => outcome,
        Err(fault) => {
            context.note_refusal(&connection, &fault).await;
            context.waits_for_redis(&fault).unwrap_or(Outcome::Failed(fault))
        }
    }
}

/// The order that stands on the shelf for a record that cannot be mapped: read it again at the source, where it will have been put right.
fn read_afresh(job: &PushRecord, record: &Record) -> Result<Order, Fault> {
    Order::of(&reading(job, record.key())?)
}

/// The job that reads one record of this flow afresh, whoever orders it.
fn reading(job: &PushRecord, key: RecordKey) -> Result<PollPage, Fault> {
    let (entity, row) = entities::row_of(&key)
        .ok_or_else(|| Fault::defect("push_record.read_afresh", format!("{key} is no key of a row at the source")))?;
    Ok(PollPage {
        flow: job.flow.clone(),
        entity,
        from: job.from.clone(),
        to: job.to.clone(),
        ask: Ask::Records { keys: vec![row.to_string()], about: Some(key) },
    })
}

async fn note(
    context: &Context,
    job: &PushRecord,
    run: &JobContext,
    record: &Record,
    action: Action,
    fault: Option<&Fault>,
) -> Result<(), Fault> {
    let note = AuditNote {
        version: Some(record.version()),
        window: job.window.clone(),
        job: Some(run.job_id.clone()),
        detail: fault.map(Fault::cause),
        ..AuditNote::new(record.key(), action, context.clock.now())
    };
    Ok(context.ledger.note(&job.flow, &[note]).await?)
}
