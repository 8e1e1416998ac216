//! Vendors at the shop.

use mlc_flow::PushRecord;
use mlc_model::{Fault, Fingerprint, Vendor};
use mlc_queue::JobContext;

use super::{Landed, ShopRules};
use crate::context::Context;

pub(super) fn judge(_vendor: &Vendor, _rules: &ShopRules) -> Result<Option<Fingerprint>, Fault> {
    Err(Fault::defect("epicor_to_adobe::vendors", "not built yet"))
}

pub(super) async fn write(
    _context: &Context,
    _job: &PushRecord,
    _run: &JobContext,
    _rules: &ShopRules,
    _vendor: &Vendor,
) -> Result<Landed, Fault> {
    Err(Fault::defect("epicor_to_adobe::vendors", "not built yet"))
}
