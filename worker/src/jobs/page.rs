//! What a page of rows becomes: records compared with what was delivered, orders for those that changed, and the shelf for those that cannot go.

use std::collections::{BTreeSet, HashSet};

use mlc_epicor::{Row, RowKey, RowProblem, dates::ServerZone};
use mlc_flow::{Ask, Entity, PollPage, PushRecord, Record};
use mlc_ledger::{Action, AuditNote, Sighting, Verdict};
use mlc_model::{CompanyCode, Fault, Fingerprint, RecordKey, System, Version, WindowId};
use mlc_queue::{JobContext, Order, UniqueKey};
use mlc_runtime::settings::FlowSettings;

use crate::{context::Context, entities, flows::Rules};

/// As many records as HubSpot takes in one call. Source: HubSpot reference, section 4.
const BATCH: usize = 100;
/// Orders read afresh by one job because a line or release of them changed.
const PARENTS: usize = 20;

/// Whose rows these are and where their records go.
pub(crate) struct Scope<'a> {
    pub(crate) job: &'a PollPage,
    pub(crate) run: &'a JobContext,
    pub(crate) settings: &'a FlowSettings,
    pub(crate) rules: Rules,
    pub(crate) company: CompanyCode,
    /// Where the server's bare dates are.
    pub(crate) zone: ServerZone,
    pub(crate) window: Option<WindowId>,
    /// How often row versions have begun anew at the source.
    pub(crate) epoch: i64,
}

impl Scope<'_> {
    /// Records per push.
    fn batch(&self) -> usize {
        match self.target() {
            System::Adobe => 1,
            _ => BATCH,
        }
    }

    fn target(&self) -> System {
        match self.rules {
            Rules::Hubspot(_) => System::Hubspot,
            Rules::Adobe(_) => System::Adobe,
        }
    }

    /// Persons are only carried to a target that keeps them.
    fn wants_contacts(&self) -> bool {
        self.settings.contacts && self.target() == System::Hubspot
    }

    /// A row version that is newer than every one of an earlier epoch. The versions themselves stay far below 2^48.
    fn versioned(&self, version: Version) -> Version {
        Version(version.0.saturating_add(self.epoch.saturating_mul(1 << 48)))
    }
}

/// What a page came to.
#[derive(Default)]
pub(crate) struct Digest {
    pub(crate) changed: u64,
    pub(crate) unchanged: u64,
    /// Read now, and yet older than what was seen before.
    pub(crate) superseded: Vec<RecordKey>,
    pub(crate) refused: u64,
    pub(crate) excluded: u64,
    pub(crate) then: Vec<Order>,
    pub(crate) shelve: Vec<(Order, Fault)>,
    /// The record behind each entry of `shelve`, where one is known.
    about: Vec<Option<RecordKey>>,
}

/// Compares a page's rows with the ledger and writes the orders that follow from them.
///
/// # Errors
/// Only when the ledger cannot be asked: a broken row is a dead letter of its own and does not hold back its page.
pub(crate) async fn digest(
    context: &Context,
    scope: &Scope<'_>,
    rows: Vec<Result<Row, RowProblem>>,
) -> Result<Digest, Fault> {
    let mut digest = Digest::default();
    let mut sorted = Sorted::default();
    for row in rows {
        let sort = row.and_then(|row| sorted.take(scope, &row));
        if let Err(problem) = sort {
            refuse_row(scope, problem, &mut digest)?;
        }
    }
    for problem in std::mem::take(&mut sorted.problems) {
        refuse_row(scope, problem, &mut digest)?;
    }
    let parents: Vec<i64> = std::mem::take(&mut sorted.parents).into_iter().collect();
    for numbers in parents.chunks(PARENTS) {
        let keys = numbers.iter().map(|number| RowKey::firm(*number).to_string()).collect();
        let ask = Ask::Records { keys, about: None };
        let order = Order::of(&PollPage { entity: Entity::PurchaseOrders, ask, ..scope.job.clone() })?;
        digest.then.push(order.priority(scope.run.priority));
        digest.changed += numbers.len() as u64;
    }
    digest.excluded = sorted.excluded.len() as u64;
    if !sorted.excluded.is_empty() {
        context.ledger.exclude(&scope.job.flow, &sorted.excluded).await?;
    }
    digest.then.extend(contacts_of_admitted(context, scope, &sorted.records).await?);
    let records = without_persons_of_excluded_firms(context, scope, sorted.records).await?;

    let mut judged: Vec<(Record, Fingerprint)> = Vec::with_capacity(records.len());
    for record in records {
        match scope.rules.judge(&record) {
            Ok(Some(fingerprint)) => judged.push((record, fingerprint)),
            // Not posted or not approved yet: read, and none of this flow's now.
            Ok(None) => digest.excluded += 1,
            Err(fault) => refuse(scope, Some(record.key()), None, fault, &mut digest)?,
        }
    }
    note_refused(context, scope, &digest).await?;

    let sightings: Vec<Sighting> = judged
        .iter()
        .map(|(record, fingerprint)| Sighting {
            key: record.key(),
            version: record.version(),
            fingerprint: *fingerprint,
        })
        .collect();
    let verdicts = context.ledger.classify(&scope.job.flow, &sightings).await?;
    let mut changed = Vec::new();
    for ((record, _), verdict) in judged.into_iter().zip(verdicts) {
        match verdict {
            Verdict::Changed => changed.push(record),
            Verdict::Unchanged => digest.unchanged += 1,
            Verdict::Superseded => digest.superseded.push(record.key()),
        }
    }
    digest.changed += changed.len() as u64;
    for records in batches(changed, scope.batch()) {
        let order = Order::of(&PushRecord {
            flow: scope.job.flow.clone(),
            from: scope.job.from.clone(),
            to: scope.job.to.clone(),
            window: scope.window.clone(),
            records,
            waits: 0,
            readings: 0,
        })?;
        digest.then.push(order.priority(scope.run.priority));
    }
    let superseded = digest.superseded.len() as u64;
    for (action, count) in [("unchanged", digest.unchanged), ("superseded", superseded), ("refused", digest.refused)] {
        if count > 0 {
            context.metrics.records(scope.job.flow.as_str(), action, count);
        }
    }
    Ok(digest)
}

/// Rows, turned into records at the door.
#[derive(Default)]
struct Sorted {
    records: Vec<Record>,
    problems: Vec<RowProblem>,
    excluded: Vec<RecordKey>,
    /// Orders whose lines or releases changed.
    parents: BTreeSet<i64>,
}

impl Sorted {
    fn take(&mut self, scope: &Scope<'_>, row: &Row) -> Result<(), RowProblem> {
        let extra = scope.rules.extra_columns(scope.job.entity);
        match scope.job.entity {
            Entity::Vendors => {
                let mut vendor = mlc_epicor::vendor(row, &scope.company, &extra)?;
                let contacts = std::mem::take(&mut vendor.contacts);
                vendor.version = scope.versioned(vendor.version);
                self.records.push(Record::Vendor(vendor));
                if scope.wants_contacts() {
                    let versioned = contacts.into_iter().map(|mut contact| {
                        contact.version = scope.versioned(contact.version);
                        Record::Contact(contact)
                    });
                    self.records.extend(versioned);
                    self.problems.extend(mlc_epicor::vendor_contact_problems(row, &scope.company));
                }
            }
            Entity::Customers => {
                let mut customer = mlc_epicor::customer(row, &scope.company, &extra)?;
                customer.version = scope.versioned(customer.version);
                let wanted =
                    customer.customer_type.as_ref().is_none_or(|kind| scope.settings.customer_types.contains(kind));
                if wanted { self.records.push(Record::Customer(customer)) } else { self.excluded.push(customer.key()) }
            }
            Entity::CustomerContacts => {
                let mut contact = mlc_epicor::contact(row, &scope.company)?;
                contact.version = scope.versioned(contact.version);
                self.records.push(Record::Contact(contact));
            }
            Entity::PurchaseOrders => {
                let mut order = mlc_epicor::purchase_order(row, &scope.company, scope.zone, &extra)?;
                order.version = scope.versioned(order.version);
                self.records.push(Record::PurchaseOrder(Box::new(order)));
            }
            Entity::ApInvoices => {
                let mut invoice = mlc_epicor::ap_invoice(row, &scope.company, scope.zone, &extra)?;
                invoice.version = scope.versioned(invoice.version);
                self.records.push(Record::ApInvoice(Box::new(invoice)));
            }
            Entity::PurchaseOrderLines | Entity::PurchaseOrderReleases => {
                self.parents.insert(row.key.number);
            }
            // Read from the shop, by another job.
            Entity::Companies => {}
        }
        Ok(())
    }
}

/// A customer that was kept out so far (a prospect, say) has contacts that were kept out with it, and nothing will make them change: they are read by
/// name. The orders become durable together with the page that sees the customer, while its row still says that it is kept out.
async fn contacts_of_admitted(context: &Context, scope: &Scope<'_>, records: &[Record]) -> Result<Vec<Order>, Fault> {
    if !scope.wants_contacts() {
        return Ok(Vec::new());
    }
    let customers: Vec<_> = records
        .iter()
        .filter_map(|record| match record {
            Record::Customer(customer) => Some(customer),
            _ => None,
        })
        .collect();
    let keys: Vec<RecordKey> = customers.iter().map(|customer| customer.key()).collect();
    let rows = context.ledger.row(&scope.job.flow, &keys).await?;
    customers
        .into_iter()
        .zip(rows)
        .filter(|(_, row)| row.as_ref().is_some_and(|row| row.excluded))
        .map(|(customer, _)| {
            let ask = Ask::Records { keys: vec![RowKey::firm(customer.number).to_string()], about: None };
            let order = Order::of(&PollPage { entity: Entity::CustomerContacts, ask, ..scope.job.clone() })?;
            Ok(order.priority(scope.run.priority))
        })
        .collect()
}

/// A prospect's contacts would wait for a company that never comes.
async fn without_persons_of_excluded_firms(
    context: &Context,
    scope: &Scope<'_>,
    records: Vec<Record>,
) -> Result<Vec<Record>, Fault> {
    // Rows asked for by name are wanted: their firm may be on its way out of the excluded.
    let by_name = matches!(scope.job.ask, Ask::Records { .. });
    if scope.job.entity != Entity::CustomerContacts || by_name || records.is_empty() {
        return Ok(records);
    }
    let parents: Vec<RecordKey> = records.iter().filter_map(parent).collect();
    let rows = context.ledger.row(&scope.job.flow, &parents).await?;
    let excluded: HashSet<RecordKey> = parents
        .into_iter()
        .zip(rows)
        .filter(|(_, row)| row.as_ref().is_some_and(|row| row.excluded))
        .map(|(key, _)| key)
        .collect();
    Ok(records.into_iter().filter(|record| parent(record).is_none_or(|key| !excluded.contains(&key))).collect())
}

fn parent(record: &Record) -> Option<RecordKey> {
    match record {
        Record::Contact(contact) => Some(contact.parent_key()),
        _ => None,
    }
}

/// Firms in batches, with the contacts that changed together with them inside, to follow once the firm is there. Contacts whose firm did not
/// change travel in batches of their own.
fn batches(changed: Vec<Record>, size: usize) -> Vec<Vec<Record>> {
    let mut firms: Vec<Record> = Vec::new();
    let mut persons: Vec<Record> = Vec::new();
    for record in changed {
        match record {
            // The page puts a vendor's contacts right behind it.
            Record::Contact(contact) => match firms.last_mut() {
                Some(Record::Vendor(vendor)) if vendor.key() == contact.parent_key() => vendor.contacts.push(contact),
                _ => persons.push(Record::Contact(contact)),
            },
            firm => firms.push(firm),
        }
    }
    [firms, persons].iter().flat_map(|records| records.chunks(size)).map(<[Record]>::to_vec).collect()
}

fn refuse_row(scope: &Scope<'_>, problem: RowProblem, digest: &mut Digest) -> Result<(), Fault> {
    let about = problem.record_key(&scope.company);
    let row = problem.key.clone();
    refuse(scope, about, row, Fault::from(problem), digest)
}

/// Puts an order to read the row afresh on the shelf: replay after a correction then reads what stands there.
fn refuse(
    scope: &Scope<'_>,
    about: Option<RecordKey>,
    row: Option<RowKey>,
    fault: Fault,
    digest: &mut Digest,
) -> Result<(), Fault> {
    digest.refused += 1;
    let found = match (row, about.as_ref().and_then(entities::row_of)) {
        (_, Some(found)) => Some(found),
        (Some(row), None) => Some((scope.job.entity, row)),
        (None, None) => None,
    };
    let order = match found {
        Some((entity, row)) => {
            let ask = Ask::Records { keys: vec![row.to_string()], about: about.clone() };
            Order::of(&PollPage { entity, ask, ..scope.job.clone() })?
        }
        // A row without a readable key can only be found again by reading its window again.
        None => {
            let ask = scope.window.clone().map_or_else(|| scope.job.ask.clone(), Ask::Replay);
            let window = scope.window.as_ref().map_or_else(|| scope.run.job_id.to_string(), ToString::to_string);
            let key = UniqueKey::of(&format!("row_without_key/{}/{}/{window}", scope.job.flow, scope.job.entity));
            Order::of(&PollPage { ask, ..scope.job.clone() })?.unique(key)
        }
    };
    digest.shelve.push((order, fault));
    digest.about.push(about);
    Ok(())
}

async fn note_refused(context: &Context, scope: &Scope<'_>, digest: &Digest) -> Result<(), Fault> {
    let notes: Vec<AuditNote> = digest
        .shelve
        .iter()
        .zip(&digest.about)
        .filter_map(|((_, fault), about)| {
            Some(AuditNote {
                window: scope.window.clone(),
                job: Some(scope.run.job_id.clone()),
                detail: Some(fault.cause()),
                ..AuditNote::new(about.clone()?, Action::Refused, context.clock.now())
            })
        })
        .collect();
    Ok(context.ledger.note(&scope.job.flow, &notes).await?)
}
