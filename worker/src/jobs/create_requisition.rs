//! One step on the way from the shop to Epicor.

use mlc_flow::CreateRequisition;
use mlc_queue::{Job as _, JobContext, Outcome};

use crate::{context::Context, flows::adobe_to_epicor::requisitions};

/// Runs one job.
pub(crate) async fn run(context: &Context, job: CreateRequisition, run: &JobContext) -> Outcome {
    match requisitions::step(context, &job, run).await {
        Ok(outcome) => outcome,
        Err(fault) => {
            context.note_refusal_in(&job.lane(), &fault).await;
            context.waits_for_redis(&fault).unwrap_or(Outcome::Failed(fault))
        }
    }
}
