//! Walks the companies of a shop, which have no change field, and orders a look at those that differ from what was seen last.

use mlc_flow::PollPage;
use mlc_model::Fault;
use mlc_queue::{JobContext, Outcome};

use crate::context::Context;

pub(crate) async fn run(_context: &Context, _job: &PollPage, _run: &JobContext) -> Result<Outcome, Fault> {
    Err(Fault::defect("poll_companies", "not built yet"))
}
