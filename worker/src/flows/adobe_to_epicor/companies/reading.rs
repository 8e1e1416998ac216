//! The step in the shop's lane: what does the company as it is now ask for?

use mlc_adobe::{AdobeClient, Company, fault::code};
use mlc_flow::{Ask, Entity, PollPage, PullCompany, PullStep};
use mlc_ledger::{Action, Sighting, Verdict};
use mlc_mapping::SharedValues;
use mlc_model::{Fault, RecordKey};
use mlc_queue::{JobContext, Order, Outcome};

use super::{delivered, leased, vendor_of, version};
use crate::{context::Context, flows::vendor_master};

pub(super) async fn read(context: &Context, job: &PullCompany, run: &JobContext) -> Result<Outcome, Fault> {
    context.flow(&job.flow)?;
    let client = context.adobe(&job.from).await?;
    let code = &context.epicor_settings(&job.to)?.company;
    // Read once to learn whose it is; what counts is read under the lease.
    let Some(company) = if_there(&client, job.company_id).await? else { return Ok(Outcome::done()) };
    let Some((number, vendor)) = vendor_of(&company, code) else { return Ok(Outcome::done()) };
    let look = Look { context, job, run, vendor: &vendor, number };
    if look.is_unchanged(&company).await? {
        context.metrics.records(job.flow.as_str(), "unchanged", 1);
        return Ok(Outcome::done());
    }
    leased(context, job, run, &vendor, async {
        let read_at = context.ledger.server_time().await?;
        match if_there(&client, job.company_id).await? {
            Some(company) if vendor_of(&company, code).is_some_and(|(_, now)| now == vendor) => {
                look.carry_out(&company, read_at).await
            }
            // Deleted or given to another vendor between the two readings.
            _ => Ok(Outcome::done()),
        }
    })
    .await
}

async fn if_there(client: &AdobeClient, id: i64) -> Result<Option<Company>, Fault> {
    match client.company(id).await {
        Ok(company) => Ok(Some(company)),
        Err(fault) if fault.code.as_deref() == Some(code::NOT_FOUND) => Ok(None),
        Err(fault) => Err(fault),
    }
}

struct Look<'a> {
    context: &'a Context,
    job: &'a PullCompany,
    run: &'a JobContext,
    vendor: &'a RecordKey,
    number: i64,
}

impl Look<'_> {
    fn values(&self, company: &Company) -> SharedValues {
        let placeholders = vendor_master::placeholders(&self.context.settings, &self.job.to, &self.job.from);
        SharedValues::of_company(company, self.number, &placeholders)
    }

    async fn row(&self) -> Result<Option<mlc_ledger::Row>, Fault> {
        Ok(self
            .context
            .ledger
            .row(&self.job.flow, std::slice::from_ref(self.vendor))
            .await?
            .into_iter()
            .next()
            .flatten())
    }

    /// Whether Epicor was given exactly this before, and nothing made us doubt since.
    async fn is_unchanged(&self, company: &Company) -> Result<bool, Fault> {
        let print = self.values(company).fingerprint(self.vendor)?;
        let row = self.row().await?;
        Ok(row.is_some_and(|row| !row.pending && row.delivered.is_some_and(|delivered| delivered.fingerprint == print)))
    }

    async fn carry_out(&self, company: &Company, read_at: chrono::DateTime<chrono::Utc>) -> Result<Outcome, Fault> {
        let Self { context, job, run, vendor, number } = self;
        let settings = &context.settings;
        let to_shop = vendor_master::to_shop(settings, &job.to, &job.from);
        if let Some((flow, _)) = to_shop {
            // Nothing in the shop keeps two companies from having one key: the one that is written to is the one that counts.
            let links = context.ledger.link(flow, std::slice::from_ref(*vendor)).await?;
            let linked = links.into_iter().next().flatten().and_then(|link| link.as_str().parse::<i64>().ok());
            if linked.is_some_and(|linked| linked != job.company_id) {
                tracing::warn!(flow = %job.flow, record.key = %vendor, "Company {} has the key of {vendor}, which is another company: it is left out", job.company_id);
                return Ok(Outcome::done());
            }
        }
        let owns = vendor_master::shop_owns(settings, &job.to, &job.from);
        let values = self.values(company);
        let seen = values.fingerprint(vendor)?;
        let doubtful = self.row().await?.is_some_and(|row| row.pending);
        let asks = vendor_master::agreed(context, &job.from, vendor).await?.look(&owns, &values, doubtful)?;
        let mut then = Vec::new();
        if let (true, Some((flow, _))) = (asks.restore, to_shop) {
            context.ledger.unsettle(flow, std::slice::from_ref(*vendor)).await?;
            let again = PollPage {
                flow: flow.clone(),
                entity: Entity::Vendors,
                from: job.to.clone(),
                to: job.from.clone(),
                ask: Ask::Records { keys: vec![number.to_string()], about: None },
            };
            then.push(Order::of(&again)?.priority(run.priority));
        }
        if asks.write {
            let step = PullStep::Write { vendor: (*vendor).clone(), values: values.only(&owns), read_at, seen };
            then.push(Order::of(&PullCompany { step, ..(*job).clone() })?.priority(run.priority));
        } else if then.is_empty() {
            // What is to be put right is not remembered as seen: should the order to do so be lost, the next walk finds it again.
            let sighting = Sighting { key: (*vendor).clone(), version: version(read_at), fingerprint: seen };
            if context.ledger.begin(&job.flow, &[sighting]).await?.first() == Some(&Verdict::Changed) {
                delivered(context, job, run, vendor, (version(read_at), seen), Action::Unchanged).await?;
            }
        }
        Ok(Outcome::then(then))
    }
}
