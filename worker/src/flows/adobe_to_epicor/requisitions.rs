//! Orders placed in the shop as requisitions.
//!
//! An order is announced before it is saved, and may never come to exist. So it is read back first, and waited for; only then a
//! requisition is written, one save at a time, each kept before the next.

use chrono::TimeDelta;
use mlc_epicor::{RequisitionProgress, fault::code};
use mlc_flow::{CreateRequisition, RequisitionStep};
use mlc_ledger::Action;
use mlc_mapping::{RequisitionRules, shop_order_to_requisition};
use mlc_model::{CompanyCode, Fault, FaultKind, FlowId, RecordKey, RecordKind, Requisition, System, TargetId};
use mlc_queue::{JobContext, Order, Outcome, SnoozeReason};
use mlc_runtime::settings::{Connection, FlowSettings};

use super::entry::{Entry, with_cure};
use crate::context::Context;

/// The name under which the progress of a requisition is kept.
const KEPT: &str = "requisition";
/// The calls that tell what became of it.
const TELLING: [&str; 1] = ["requisitions.update"];
/// While Epicor's lane is full.
const BACKPRESSURE_PAUSE: TimeDelta = TimeDelta::seconds(5);
/// What people are told to look at.
const SECTION: &str = "the section `requisitions` of the flow";

/// Carries out one step.
///
/// # Errors
/// Any fault of a call; the same step may go again.
pub(crate) async fn step(context: &Context, job: &CreateRequisition, run: &JobContext) -> Result<Outcome, Fault> {
    let company = &context.epicor_settings(&job.to)?.company;
    let key = RecordKey::new(company, RecordKind::ShopOrder, job.increment_id.trim());
    let entry = Entry::new(context, &job.flow, run, key);
    let outcome = match &job.step {
        RequisitionStep::Confirm => confirm(&entry, job).await,
        RequisitionStep::Write(requisition) => {
            let work = async || entry.told(requisition, &TELLING, Box::pin(write(&entry, job, requisition))).await;
            entry.leased(&[], work).await
        }
    };
    entry.settled(outcome).await
}

async fn confirm(entry: &Entry<'_>, job: &CreateRequisition) -> Result<Outcome, Fault> {
    let context = entry.context;
    if is_ours(context, job).await? {
        entry.count("echo");
        return Ok(Outcome::done());
    }
    if entry.is_there().await? {
        entry.count("unchanged");
        return Ok(Outcome::done());
    }
    let options = &context.flow(&job.flow)?.requisitions;
    if context.lane_is_full(&job.to).await? {
        return Ok(entry.again(BACKPRESSURE_PAUSE, SnoozeReason::Backpressure));
    }
    let client = context.adobe(&job.from).await?;
    let Some(order) = client.find_order(job.increment_id.trim()).await? else {
        if let Some(waiting) = entry.waits("the order in the shop", job.accepted_at, options.order_wait) {
            return Ok(waiting);
        }
        let store = client.config().store_id;
        let wait = options.order_wait.as_secs();
        return entry.dropped(format!("announced, but not found in store {store} within {wait} s")).await;
    };
    let state = order.state.as_deref().unwrap_or_default().trim().to_lowercase();
    if matches!(state.as_str(), "canceled" | "closed") {
        return entry.dropped(format!("the order is {state} in the shop")).await;
    }
    if !options.order_states.iter().any(|known| known.trim().eq_ignore_ascii_case(&state)) {
        let thing = format!("the order to leave state {state}");
        return match entry.waits(&thing, job.accepted_at, options.order_wait) {
            Some(waiting) => Ok(waiting),
            None => Err(held_back(job, &state, &options.order_states)),
        };
    }
    let rules = RequisitionRules {
        requestor: options.requestor.clone(),
        vendor_number: options.vendor_number,
        due_in_days: options.due_in_days,
        shop: is_one_of_several(context, job).then(|| job.from.to_string()),
    };
    let Some(mapped) = shop_order_to_requisition(&order, &rules, context.clock.now().date_naive())? else {
        return entry.dropped("every line of the order is cancelled in the shop").await;
    };
    if !mapped.notes.is_empty() {
        entry.note(Action::Corrected, mapped.notes.join("; ")).await?;
    }
    let next = CreateRequisition { step: RequisitionStep::Write(Box::new(mapped.requisition)), ..job.clone() };
    Ok(Outcome::then(vec![Order::of(&next)?.priority(entry.run.priority)]))
}

/// Whether other shops order in the same Epicor: each counts its orders from 1.
fn is_one_of_several(context: &Context, job: &CreateRequisition) -> bool {
    let kind = |id: &FlowId, flow: &FlowSettings| flow.kind(id).as_str() == "adobe_to_epicor::requisitions";
    context.settings.flows.iter().any(|(id, flow)| kind(id, flow) && flow.to == job.to && flow.from != job.from)
}

/// Orders that we made ourselves out of purchase orders: they bear the name of a configured company, or one that the ledger remembers.
async fn is_ours(context: &Context, job: &CreateRequisition) -> Result<bool, Fault> {
    let Some((company, number)) = purchase_order(&job.increment_id) else { return Ok(false) };
    let mut companies = context.settings.connections.values().filter_map(Connection::as_epicor);
    if companies.any(|epicor| epicor.company.as_str().eq_ignore_ascii_case(company.as_str())) {
        return Ok(true);
    }
    let key = RecordKey::new(&company, RecordKind::PurchaseOrder, number);
    for (id, flow) in &context.settings.flows {
        if flow.kind(id).as_str() == "epicor_to_adobe::purchase_orders" && flow.to == job.from {
            let links = context.ledger.link(id, std::slice::from_ref(&key)).await?;
            if links.iter().any(Option::is_some) {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// `EPIC06-PO-50231` → company and number.
fn purchase_order(increment_id: &str) -> Option<(CompanyCode, &str)> {
    let text = increment_id.trim();
    let at = text.to_ascii_uppercase().rfind("-PO-")?;
    let (company, number) = (text.get(..at)?, text.get(at + "-PO-".len()..)?);
    let is_number = !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit());
    Some((CompanyCode::parse(company).ok().filter(|_| is_number)?, number))
}

fn held_back(job: &CreateRequisition, state: &str, states: &[String]) -> Fault {
    let message = format!(
        "Order {} is still in state `{state}`; requisitions are made of orders in {}. Replay it once it is in one of these, or add \
         the state to order_states in {SECTION}.",
        job.increment_id,
        states.join(", ")
    );
    Fault::new(FaultKind::Rejected, System::Connector, "requisitions.confirm", message)
        .with_code("ORDER_STATE")
        .with_field("state")
}

async fn write(entry: &Entry<'_>, job: &CreateRequisition, requisition: &Requisition) -> Result<Outcome, Fault> {
    if entry.is_there().await? || !entry.begin().await? {
        entry.count("unchanged");
        return Ok(Outcome::done());
    }
    let client = entry.context.epicor(&job.to).await?;
    let kept = entry.progress::<RequisitionProgress>(KEPT).await?;
    let mut at = kept.unwrap_or(RequisitionProgress::Nothing);
    let number = loop {
        at = match client.next_requisition_step(requisition, at).await {
            Ok(next) => next,
            Err(fault) if is_gone(&fault, at) => {
                // A replay must not look for it again.
                entry.forget(KEPT).await?;
                let message =
                    "The requisition was removed in Epicor while it was being written. A replay makes it anew.";
                return Err(Fault { message: message.to_owned(), ..fault });
            }
            Err(fault) => return Err(with_cure(fault, SECTION)),
        };
        entry.keep(KEPT, &at).await?;
        if let RequisitionProgress::Done { req_num } = at {
            break req_num;
        }
        if entry.is_long() {
            return Ok(entry.again(TimeDelta::zero(), SnoozeReason::WaitsFor("its next lines".to_owned())));
        }
    };
    entry.delivered(TargetId::parse(&number.to_string()).ok()).await?;
    entry.forget(KEPT).await?;
    Ok(Outcome::done())
}

fn is_gone(fault: &Fault, at: RequisitionProgress) -> bool {
    at != RequisitionProgress::Nothing
        && fault.operation == "requisitions.get"
        && fault.code.as_deref() == Some(code::RECORD_NOT_FOUND)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_name_of_ours_is_a_purchase_order() {
        let read = |text| purchase_order(text).map(|(company, number)| (company.to_string(), number));
        assert_eq!(read("EPIC06-PO-50231"), Some(("EPIC06".to_owned(), "50231")));
        assert_eq!(read(" my-po-x-po-7 "), Some(("my-po-x".to_owned(), "7")));
        for other in ["000000412", "EPIC06-PO-", "EPIC06-PO-5a", "-PO-5", "PO-5", "é-PO-5"] {
            assert_eq!(read(other), None, "{other}");
        }
    }
}
