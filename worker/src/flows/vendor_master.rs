//! The two-way vendor master: what both directions share. Each of the two flows finds the other by its connections.

use std::collections::BTreeSet;

use mlc_ledger::{NewReview, ReviewKind};
use mlc_mapping::{Agreed, Placeholders, value_print};
use mlc_model::{ConnectionId, Fault, Fingerprint, FlowId, RecordKey, SharedField};
use mlc_queue::JobContext;
use mlc_runtime::settings::{FlowSettings, Settings, VendorOptions};

use crate::context::Context;

const TO_SHOP: &str = "epicor_to_adobe::vendors";
const FROM_SHOP: &str = "adobe_to_epicor::companies";
/// Name of the kept value.
const NAME: &str = "agreed";

/// The flow that brings vendors from this Epicor to this shop.
pub(crate) fn to_shop<'a>(
    settings: &'a Settings,
    epicor: &ConnectionId,
    shop: &ConnectionId,
) -> Option<(&'a FlowId, &'a FlowSettings)> {
    flow_of(settings, TO_SHOP, epicor, shop)
}

/// The flow that brings companies from this shop to this Epicor.
pub(crate) fn from_shop<'a>(
    settings: &'a Settings,
    epicor: &ConnectionId,
    shop: &ConnectionId,
) -> Option<(&'a FlowId, &'a FlowSettings)> {
    flow_of(settings, FROM_SHOP, shop, epicor).filter(|(_, flow)| flow.enabled)
}

fn flow_of<'a>(
    settings: &'a Settings,
    kind: &str,
    from: &ConnectionId,
    to: &ConnectionId,
) -> Option<(&'a FlowId, &'a FlowSettings)> {
    settings.flows.iter().find(|(id, flow)| flow.kind(id).as_str() == kind && flow.from == *from && flow.to == *to)
}

/// Fields whose value in the shop counts. None while the flow that brings them to Epicor does not run: then all is Epicor's.
pub(crate) fn shop_owns(settings: &Settings, epicor: &ConnectionId, shop: &ConnectionId) -> BTreeSet<SharedField> {
    from_shop(settings, epicor, shop).map(|(_, flow)| flow.companies.adobe_owns.clone()).unwrap_or_default()
}

/// What stands in the shop for what a vendor does not have.
pub(crate) fn placeholders(settings: &Settings, epicor: &ConnectionId, shop: &ConnectionId) -> Placeholders {
    let defaults = VendorOptions::default();
    placeholders_of(to_shop(settings, epicor, shop).map_or(&defaults, |(_, flow)| &flow.vendors))
}

pub(crate) fn placeholders_of(options: &VendorOptions) -> Placeholders {
    Placeholders {
        email: options.default_email.clone(),
        phone: options.default_phone.clone(),
        postal_code: options.default_postal_code.clone(),
    }
}

/// What both sides last agreed on about a vendor. Read and kept under the lease of the vendor only.
pub(crate) async fn agreed(context: &Context, shop: &ConnectionId, vendor: &RecordKey) -> Result<Agreed, Fault> {
    let kept = context.ledger.kept(&kept_under(shop)?, vendor.as_str(), NAME).await?;
    Agreed::read(vendor.clone(), kept.as_deref())
}

/// Keeps what both sides agree on.
pub(crate) async fn keep(context: &Context, shop: &ConnectionId, agreed: &Agreed) -> Result<(), Fault> {
    Ok(context.ledger.keep(&kept_under(shop)?, agreed.vendor().as_str(), NAME, &agreed.text()?).await?)
}

/// Both directions read it, so it belongs to neither flow.
fn kept_under(shop: &ConnectionId) -> Result<FlowId, Fault> {
    let defect = |problem: String| Fault::defect("vendor_master", problem);
    // A connection's name may hold what a flow's may not.
    let print = Fingerprint::of(&shop.as_str()).map_err(|problem| defect(problem.to_string()))?;
    FlowId::parse(&format!("vendor_master::{print}")).map_err(|problem| defect(problem.to_string()))
}

/// Puts an edit that is about to be overwritten on the review list. The value itself is not told, only its fingerprint.
pub(crate) async fn list_lost_edit(
    context: &Context,
    flow: &FlowId,
    run: &JobContext,
    vendor: &RecordKey,
    (field, lost): (SharedField, &str),
    edited_in: &str,
) -> Result<(), Fault> {
    let owner = if edited_in == "Epicor" { "Adobe Commerce" } else { "Epicor" };
    let print = value_print(vendor, field, lost)?;
    let item = NewReview {
        flow: flow.clone(),
        key: vendor.clone(),
        kind: ReviewKind::Conflict,
        about: format!("{field}:{print}"),
        summary: format!(
            "The {field} of {vendor} was edited in {edited_in}, but {owner} owns it: the value of {owner} was put back. \
             If the edit was right, repeat it in {owner}."
        ),
        facts: [("field", field.as_str()), ("edited_in", edited_in), ("owner", owner)]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
        job: Some(run.job_id.clone()),
        at: context.clock.now(),
    };
    context.ledger.raise_review(&item).await?;
    tracing::info!(flow = %flow, record.key = %vendor, "An edit of {field} in {edited_in} is overwritten by its owner and listed");
    Ok(())
}
