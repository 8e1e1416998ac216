//! Closes a window once a stable pass has read all of it, and moves the checkpoint.

use mlc_flow::{Ask, CloseWindow, PageStart, PollPage};
use mlc_ledger::{CloseOutcome, CloseRequest, Mark, PageMode, Purpose, WindowRow};
use mlc_model::{Fault, Window, WindowBounds};
use mlc_queue::{JobContext, Order, Outcome};

use crate::{context::Context, entities::epicor_entity};

/// An unstable pass is repeated once by skipping; the next one walks by key.
const SKIPPING_PASSES: u32 = 2;

/// Runs one job.
pub(crate) async fn run(context: &Context, job: CloseWindow, run: &JobContext) -> Outcome {
    match close(context, &job, run).await {
        Ok(outcome) => outcome,
        Err(fault) => {
            context.note_refusal(&job.from, &fault).await;
            context.waits_for_redis(&fault).unwrap_or(Outcome::Failed(fault))
        }
    }
}

async fn close(context: &Context, job: &CloseWindow, run: &JobContext) -> Result<Outcome, Fault> {
    let Some(row) = context.ledger.window(&job.window.id).await? else { return Ok(Outcome::done()) };
    if row.mode == PageMode::Skip && row.pass == job.pass && row.totals.read < job.expected_rows {
        // Pages came back shorter than the first one promised: rows were skipped over.
        return another_pass(context, job, run).await;
    }
    let request = CloseRequest {
        pass: job.pass,
        rows_after: rows_after(context, job, &row).await?,
        mark: (row.purpose != Purpose::Replay).then(|| mark(&row.window)).flatten(),
        at: context.clock.now(),
    };
    match context.ledger.close_window(&job.window.id, request).await? {
        CloseOutcome::Closed { .. } => {
            tracing::info!(flow = %job.flow, entity = %job.entity, window = %job.window.id, read = row.totals.read, changed = row.totals.changed,
                "Closed window {}: {} rows read, {} changed", job.window.id, row.totals.read, row.totals.changed);
            Ok(Outcome::done())
        }
        CloseOutcome::Unstable { .. } => another_pass(context, job, run).await,
        // Another run of this job, another pass or a person was faster.
        CloseOutcome::AlreadyClosed
        | CloseOutcome::Abandoned
        | CloseOutcome::StalePass { .. }
        | CloseOutcome::Incomplete { .. } => Ok(Outcome::done()),
    }
}

/// Rows in the window now. One page was one consistent answer, and a walk by key cannot be shifted: neither needs a second count.
async fn rows_after(context: &Context, job: &CloseWindow, row: &WindowRow) -> Result<Option<u64>, Fault> {
    if row.mode == PageMode::Keyset {
        return Ok(None);
    }
    if row.totals.pages <= 1 {
        return Ok(Some(job.expected_rows));
    }
    let client = context.epicor(&job.from).await?;
    Ok(Some(client.count(epicor_entity(job.entity)?, Some(&job.window)).await?.rows))
}

/// Where the checkpoint goes: the window's upper bound, in the unit of its change field.
fn mark(window: &Window) -> Option<Mark> {
    match window.bounds {
        WindowBounds::Time { until, .. } | WindowBounds::Everything { until } => Some(Mark::Time(until)),
        WindowBounds::Revision { until, .. } => until.map(Mark::Revision),
    }
}

async fn another_pass(context: &Context, job: &CloseWindow, run: &JobContext) -> Result<Outcome, Fault> {
    let pass = job.pass + 1;
    let (mode, start) = if pass <= SKIPPING_PASSES {
        (PageMode::Skip, PageStart::Skip(0))
    } else {
        (PageMode::Keyset, PageStart::After(None))
    };
    tracing::info!(flow = %job.flow, window = %job.window.id, pass, "Rows moved while window {} was read: reading it again", job.window.id);
    if !context.ledger.start_pass(&job.window.id, pass, mode).await? {
        return Ok(Outcome::done());
    }
    let order = Order::of(&PollPage {
        flow: job.flow.clone(),
        entity: job.entity,
        from: job.from.clone(),
        to: job.to.clone(),
        ask: Ask::Page { window: job.window.clone(), pass, start, expected_rows: 0 },
    })?;
    Ok(Outcome::then(vec![order.priority(run.priority)]))
}
