//! Pure: which jobs follow from what a shop tells.

use std::time::Duration;

use chrono::{DateTime, Utc};
use mlc_adobe::{
    columns,
    webhook::{EventKind, ShopEvent},
};
use mlc_flow::{CreateApInvoice, CreateRequisition, InvoiceStep, PullCompany, PullStep, RequisitionStep};
use mlc_model::{ConnectionId, Fault, FlowId, order_increment_prefix};
use mlc_queue::{Job, JobState, JobView, Order, Priority, UniqueKey};
use mlc_runtime::settings::{Connection, FlowSettings, Settings};
use serde_json::Value;

/// Longest time that a requisition's job may have stood to stand for another announcement of its order.
const YOUNG: Duration = Duration::from_secs(60);

/// What a flow makes of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Makes {
    Requisitions { order_wait: Duration },
    ApInvoices,
    VendorEdits,
}

#[derive(Debug)]
struct Route {
    flow: FlowId,
    to: ConnectionId,
    makes: Makes,
}

/// Where the events of one connection go.
#[derive(Debug)]
pub(super) struct Routes {
    from: ConnectionId,
    store_id: i64,
    /// What the numbers of orders begin with that we have written ourselves.
    our_prefixes: Vec<String>,
    routes: Vec<Route>,
}

/// A job to be ordered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wanted {
    Requisition { job: CreateRequisition, order_wait: Duration },
    ApInvoice(CreateApInvoice),
    VendorEdit(PullCompany),
}

/// What the events of one delivery come to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Sorted {
    pub(super) wanted: Vec<Wanted>,
    /// Events that tell of orders we have written ourselves.
    pub(super) echoes: usize,
    /// Events that no flow is for.
    pub(super) ignored: usize,
    /// Why events that a flow is for cannot be used.
    pub(super) unusable: Vec<&'static str>,
}

impl Routes {
    /// From the flows that read `from` and are enabled.
    pub(super) fn of(settings: &Settings, from: &ConnectionId, store_id: i64) -> Self {
        let companies = settings.connections.values().filter_map(|connection| match connection {
            Connection::Epicor(epicor) => Some(order_increment_prefix(&epicor.company)),
            _ => None,
        });
        let route = |(id, flow): (&FlowId, &FlowSettings)| {
            let makes = match flow.kind(id).as_str() {
                "adobe_to_epicor::requisitions" => Makes::Requisitions { order_wait: flow.requisitions.order_wait },
                "adobe_to_epicor::invoices" => Makes::ApInvoices,
                "adobe_to_epicor::companies" => Makes::VendorEdits,
                _ => return None,
            };
            Some(Route { flow: id.clone(), to: flow.to.clone(), makes })
        };
        let flows = settings.flows.iter().filter(|(_, flow)| flow.enabled && flow.from == *from);
        Self {
            from: from.clone(),
            store_id,
            our_prefixes: companies.collect(),
            routes: flows.filter_map(route).collect(),
        }
    }

    /// Whether no flow takes anything.
    pub(super) fn is_empty(&self) -> bool {
        self.routes.is_empty()
    }

    /// Sorts the events of one delivery, accepted at `now`.
    pub(super) fn sort(&self, events: &[ShopEvent], now: DateTime<Utc>) -> Sorted {
        let mut sorted = Sorted::default();
        for event in events {
            match event.kind {
                EventKind::OrderPlaced | EventKind::OrderSaved => self.sort_order(event, now, &mut sorted),
                EventKind::InvoiceSaved => self.sort_record(event, Makes::ApInvoices, now, &mut sorted),
                EventKind::CompanySaved => self.sort_record(event, Makes::VendorEdits, now, &mut sorted),
                EventKind::CustomerSaved | EventKind::Other => sorted.ignored += 1,
            }
        }
        sorted
    }

    /// Without regard to case, as the shop's database compares.
    fn is_ours(&self, increment_id: &str) -> bool {
        let starts =
            |prefix: &String| increment_id.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
        self.our_prefixes.iter().any(starts)
    }

    fn sort_order(&self, event: &ShopEvent, now: DateTime<Utc>, sorted: &mut Sorted) {
        if event.increment_id.as_deref().is_some_and(|id| self.is_ours(id)) {
            sorted.echoes += 1;
            return;
        }
        let wanted = self.routes.iter().filter(|route| matches!(route.makes, Makes::Requisitions { .. }));
        let routes: Vec<&Route> = wanted.collect();
        // Numbers are unique within a store only, so an order of another store is not ours to look up.
        let elsewhere = event.value.get("store_id").is_some() && event.store_id.is_some_and(|id| id != self.store_id);
        if routes.is_empty() || elsewhere {
            sorted.ignored += 1;
            return;
        }
        if event.kind == EventKind::OrderSaved {
            match creation(event) {
                Some(true) => {}
                Some(false) => {
                    sorted.ignored += 1;
                    return;
                }
                // Taken on trust, an edit of an order from last year would be bought again.
                None => {
                    sorted.unusable.push(
                        "a saved order does not say whether it is new: send `created_at` and `updated_at` with the event, \
                         or announce placed orders",
                    );
                    return;
                }
            }
        }
        let Some(increment_id) = event.increment_id.as_deref().filter(|id| is_number(id)) else {
            sorted.unusable.push("an order has no usable `increment_id`: send it with the event");
            return;
        };
        for route in routes {
            let Makes::Requisitions { order_wait } = route.makes else { continue };
            let job = CreateRequisition {
                flow: route.flow.clone(),
                from: self.from.clone(),
                to: route.to.clone(),
                increment_id: increment_id.to_owned(),
                accepted_at: now,
                step: RequisitionStep::Confirm,
            };
            sorted.wanted.push(Wanted::Requisition { job, order_wait });
        }
    }

    /// Invoices and companies, which jobs read by their ids.
    fn sort_record(&self, event: &ShopEvent, makes: Makes, now: DateTime<Utc>, sorted: &mut Sorted) {
        let routes: Vec<&Route> = self.routes.iter().filter(|route| route.makes == makes).collect();
        if routes.is_empty() {
            sorted.ignored += 1;
            return;
        }
        let Some(id) = event.entity_id.filter(|id| *id > 0) else {
            sorted.unusable.push("an invoice or company has no usable `entity_id`: send it with the event");
            return;
        };
        for Route { flow, to, .. } in routes {
            let (flow, from, to) = (flow.clone(), self.from.clone(), to.clone());
            sorted.wanted.push(match makes {
                Makes::ApInvoices => Wanted::ApInvoice(CreateApInvoice {
                    flow,
                    from,
                    to,
                    invoice_id: id,
                    accepted_at: now,
                    step: InvoiceStep::Read,
                }),
                _ => Wanted::VendorEdit(PullCompany { flow, from, to, company_id: id, step: PullStep::Read }),
            });
        }
    }
}

/// Whether a saved order is a new one; `None` when the event does not tell.
///
/// Source: Adobe Commerce reference, section 9.7: the starter kit compares the two instants.
fn creation(event: &ShopEvent) -> Option<bool> {
    match event.value.get("_isNew") {
        Some(Value::Bool(new)) => return Some(*new),
        Some(Value::String(text)) if text == "1" => return Some(true),
        Some(Value::Number(number)) if number.as_i64() == Some(1) => return Some(true),
        _ => {}
    }
    let instant = |name: &str| event.value.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    Some(instant("created_at")? == instant("updated_at")?)
}

/// Whether it can be the number of an order: it goes into a search and into labels.
fn is_number(text: &str) -> bool {
    text.chars().count() <= columns::INCREMENT_ID && text.chars().all(|c| c.is_ascii_graphic() || c == ' ')
}

impl Wanted {
    /// The order under the job's own unique key.
    pub(super) fn order(&self) -> Result<Order, Fault> {
        let order = match self {
            Self::Requisition { job, .. } => Order::of(job),
            Self::ApInvoice(job) => Order::of(job),
            Self::VendorEdit(job) => Order::of(job),
        };
        Ok(order?.priority(Priority::Normal))
    }

    /// The order under a key of this delivery's own, which only the delivery's repetitions share.
    pub(super) fn order_apart(&self, delivery: &str) -> Result<Order, Fault> {
        let subject = match self {
            Self::Requisition { job, .. } => (&job.flow, job.subject()),
            Self::ApInvoice(job) => (&job.flow, job.subject()),
            Self::VendorEdit(job) => (&job.flow, job.subject()),
        };
        let key = format!("webhook/{}/{}/{delivery}", subject.0, subject.1.unwrap_or_default());
        Ok(self.order()?.unique(UniqueKey::of(&key)))
    }

    /// Whether the open job with our unique key does what is wanted now, so that no second one is needed.
    ///
    /// A job that runs has perhaps read its record before the change that we were just told of; one on the dead-letter shelf does
    /// nothing. And a requisition's job counts its wait for the order from its own announcement: a shopper whose payment fails
    /// first and goes through minutes later is announced twice under one number, and the first wait may end in between.
    pub(super) fn is_done_by(&self, open: &JobView, now: DateTime<Utc>) -> bool {
        let will_start = matches!(open.state, JobState::Ready | JobState::Delayed);
        let Self::Requisition { order_wait, .. } = self else { return will_start };
        let age = (now - open.enqueued_at).to_std().unwrap_or_default();
        will_start && age <= YOUNG.min(*order_wait / 2)
    }
}

#[cfg(test)]
#[path = "adobe_tests.rs"]
mod tests;
