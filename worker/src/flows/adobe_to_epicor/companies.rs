//! Companies of the shop as vendors.

use mlc_flow::PullCompany;
use mlc_model::Fault;
use mlc_queue::{JobContext, Outcome};

use crate::context::Context;

/// Carries out one step.
///
/// # Errors
/// Any fault of a call; the same step may go again.
pub(crate) async fn step(_context: &Context, _job: &PullCompany, _run: &JobContext) -> Result<Outcome, Fault> {
    Err(Fault::defect("adobe_to_epicor::companies", "not built yet"))
}
