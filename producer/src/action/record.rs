//! One record: read afresh at its source, and what is on its way of it.

use mlc_flow::{
    Ask, CreateApInvoice, CreateRequisition, Entity, InvoiceStep, PollPage, PullCompany, PullStep, RequisitionStep,
    flow_kind,
};
use mlc_ledger::Row;
use mlc_model::{FlowId, JobId, RecordKey, System};
use mlc_queue::{DeadFilter, JobFilter, JobView, Order, Page, Priority, Queue, QueueError};

use crate::{Failure, Rooms};

/// Orders a record to be read afresh at its source, and to be written although it is unchanged; before all work that no person asked for.
/// `None` when no single record of this kind can be asked for: its key is of another company or kind, or nobody knows its company in the
/// shop yet. Ordering it again is harmless.
///
/// # Errors
/// `NothingMatched` for a flow that is not configured, `Wrong` for one of an unknown kind, `Full`, `Redis`.
pub(crate) async fn read_afresh(rooms: &Rooms, flow: &FlowId, key: &RecordKey) -> Result<Option<JobId>, Failure> {
    let (flow, settings) = rooms.flow(flow.as_str())?;
    let kind = flow_kind(settings.kind(&flow)).map_err(|unknown| Failure::Wrong(unknown.to_string()))?;
    let (from, to) = (settings.from.clone(), settings.to.clone());
    // The number alone would be another record in another company.
    let epicor = if kind.source == System::Epicor { &from } else { &to };
    let company = rooms.settings.connection(epicor).and_then(|connection| connection.as_epicor());
    let mut parts = key.as_str().splitn(3, ':');
    let (Some(of), Some(code), Some(number), Some(company)) = (parts.next(), parts.next(), parts.next(), company)
    else {
        return Ok(None);
    };
    if !company.company.as_str().eq_ignore_ascii_case(of) || !kind.kinds.iter().any(|kind| kind.code() == code) {
        return Ok(None);
    }
    let accepted_at = rooms.clock.now();
    let order = match (kind.source, code) {
        (System::Epicor, _) => {
            let Some((entity, row)) = mlc_epicor::Entity::of_record(key) else { return Ok(None) };
            let entity = Entity::parse(entity.as_str()).filter(|entity| kind.entities.contains(entity));
            let Some(entity) = entity else { return Ok(None) };
            let ask = Ask::Records { keys: vec![row.to_string()], about: Some(key.clone()) };
            Order::of(&PollPage { flow: flow.clone(), entity, from, to, ask })?
        }
        (_, "VEND") => {
            let Some(company_id) = company_in_shop(rooms, &flow, key).await? else { return Ok(None) };
            Order::of(&PullCompany { flow: flow.clone(), from, to, company_id, step: PullStep::Read })?
        }
        (_, "SHOPORD") => {
            let (increment_id, step) = (number.to_owned(), RequisitionStep::Confirm);
            Order::of(&CreateRequisition { flow: flow.clone(), from, to, increment_id, accepted_at, step })?
        }
        (_, "SHOPINV") => {
            let Ok(invoice_id) = number.parse() else { return Ok(None) };
            Order::of(&CreateApInvoice {
                flow: flow.clone(),
                from,
                to,
                invoice_id,
                accepted_at,
                step: InvoiceStep::Read,
            })?
        }
        _ => return Ok(None),
    };
    // Without this an equal fingerprint would end the reading as unchanged. What the shop announced is entered once, whatever it says later.
    let marked = match code {
        "SHOPORD" | "SHOPINV" => 0,
        _ => rooms.ledger.unsettle(&flow, std::slice::from_ref(key)).await.map_err(Failure::of_first_write)?,
    };
    let order = order.priority(Priority::Person);
    let answers = match rooms.queue.enqueue(std::slice::from_ref(&order)).await {
        Err(error) if marked == 0 => return Err(Failure::of_first_write(error)),
        answers => answers?,
    };
    Ok(answers.first().map(|answer| answer.id().clone()))
}

/// The company of a vendor in the shop: the other direction wrote it, and remembers its id.
pub(crate) async fn company_in_shop(rooms: &Rooms, flow: &FlowId, key: &RecordKey) -> Result<Option<i64>, Failure> {
    let Some(settings) = rooms.settings.flow(flow) else { return Ok(None) };
    for (id, other) in &rooms.settings.flows {
        let is_back = other.kind(id).as_str() == "epicor_to_adobe::vendors";
        if is_back && other.from == settings.to && other.to == settings.from {
            let links = rooms.ledger.link(id, std::slice::from_ref(key)).await?;
            return Ok(links.into_iter().flatten().next().and_then(|link| link.as_str().parse().ok()));
        }
    }
    Ok(None)
}

/// Jobs and letters of a record that are found by its name.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found {
    /// A job waits or runs.
    pub(crate) job: bool,
    /// A letter is on the shelf.
    pub(crate) letter: bool,
}

impl Found {
    /// Looks for them side by side, for about 60 ms each.
    ///
    /// # Errors
    /// Redis.
    pub(crate) async fn of(queue: &Queue, key: &RecordKey) -> Result<Self, QueueError> {
        let subject = subject_of(key);
        let jobs = JobFilter { subject: Some(subject.clone()), ..JobFilter::default() };
        let letters = DeadFilter { subject: Some(subject.clone()), ..DeadFilter::default() };
        let page = Page { after: None, limit: 50 };
        let (jobs, letters) = tokio::join!(queue.jobs(&jobs, &page), queue.dead_letters(&letters, &page));
        let is_its = |job: &JobView| job.subject.as_deref().is_some_and(|found| is_about(found, &subject));
        let job = jobs?.items.iter().any(is_its);
        Ok(Self { job, letter: letters?.items.iter().any(|letter| is_its(&letter.job)) })
    }

    /// What became of a push that did not come to a good end, as far as the ledger and the queue tell; `None` = there is none.
    pub(crate) fn told(self, row: &Row) -> Option<&'static str> {
        match self {
            _ if !row.pending && !row.refused => None,
            Self { job: true, .. } => Some("a push is on its way"),
            Self { letter: true, .. } => Some("the last push was given up and stands among the dead letters"),
            _ if row.refused => Some("the last push was refused; what became of it: see dead letters and ended jobs"),
            _ => Some(
                "a push was begun or is to come, and no job of its name was found: a batch may carry it, its next sighting writes it, \
                 or it was given up: see dead letters and ended jobs",
            ),
        }
    }
}

/// How jobs of a record are called. What only the shop announces bears the shop's number.
pub(crate) fn subject_of(key: &RecordKey) -> String {
    let mut parts = key.as_str().splitn(3, ':').skip(1);
    match (parts.next(), parts.next()) {
        (Some("SHOPORD"), Some(number)) => format!("shop order {number}"),
        (Some("SHOPINV"), Some(number)) => format!("shop invoice {number}"),
        _ => key.to_string(),
    }
}

/// A search for a key finds longer keys that begin with it too. A batch names its first and its last record.
pub(crate) fn is_about(found: &str, subject: &str) -> bool {
    let same = |part: &str| part.trim().eq_ignore_ascii_case(subject);
    let batch = found.rsplit_once(" (").map_or(found, |(names, _)| names);
    same(found) || batch.split(" … ").any(same)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_longer_key_is_another_record_and_a_batch_names_two() {
        assert!(is_about("EPIC06:VEND:1", "EPIC06:VEND:1"));
        assert!(!is_about("EPIC06:VEND:118", "EPIC06:VEND:1"));
        assert!(is_about("EPIC06:VEND:1 … EPIC06:VEND:9 (9)", "EPIC06:VEND:9"));
        assert!(!is_about("EPIC06:VEND:10 … EPIC06:VEND:19 (9)", "EPIC06:VEND:1"));
        assert!(is_about("shop order abc-1", &subject_of(&RecordKey::from_text("EPIC06:SHOPORD:abc-1"))));
    }
}
