//! The step in Epicor's lane: the vendor is read, compared field by field, and written where it differs.

use std::collections::BTreeMap;

use mlc_epicor::{ColumnValue, Entity, EpicorClient, RowKey, VendorEdit, fault::code};
use mlc_flow::{PullCompany, PullStep};
use mlc_ledger::{Action, AuditNote, Sighting, Verdict};
use mlc_mapping::{SharedValues, is_form_of, vendor_columns};
use mlc_model::{Fault, FaultKind, Fingerprint, RecordKey, SharedField, System, Vendor, Version};
use mlc_outbound::witnessed;
use mlc_queue::{JobContext, Order, Outcome, UniqueKey};

use super::{OPERATION, delivered, leased, target_of};
use crate::{
    context::Context,
    exchanges::{Exchanges, Told},
    flows::vendor_master,
};

/// Readings after somebody saved the vendor in between.
const TRIES: usize = 4;
/// Name of the kept fingerprint that Epicor refused: the walk through the companies does not order it again and again.
pub(crate) const REFUSED: &str = "refused";

pub(super) struct Write<'a> {
    pub(super) context: &'a Context,
    pub(super) job: &'a PullCompany,
    pub(super) run: &'a JobContext,
    pub(super) vendor: &'a RecordKey,
    pub(super) values: &'a BTreeMap<SharedField, String>,
    pub(super) version: Version,
    pub(super) seen: Fingerprint,
}

impl Write<'_> {
    pub(super) async fn carry_out(&self) -> Result<Outcome, Fault> {
        self.context.flow(&self.job.flow)?;
        leased(self.context, self.job, self.run, self.vendor, Box::pin(self.write())).await
    }

    async fn write(&self) -> Result<Outcome, Fault> {
        let (context, flow) = (self.context, &self.job.flow);
        let sighting = Sighting { key: self.vendor.clone(), version: self.version, fingerprint: self.seen };
        match context.ledger.begin(flow, &[sighting]).await?.first() {
            Some(Verdict::Changed) => {}
            Some(Verdict::Superseded) => {
                context.metrics.records(flow.as_str(), "superseded", 1);
                return Ok(Outcome::done());
            }
            Some(Verdict::Unchanged) | None => return Ok(Outcome::done()),
        }
        let (agreed, said) = witnessed(Box::pin(self.agree())).await;
        let told = Told::last(&said, &["vendors.update"]);
        let mut exchanges = Exchanges::new(context, flow, self.run);
        match agreed {
            Ok(action) => {
                delivered(context, self.job, self.run, self.vendor, (self.version, self.seen), action).await?;
                let target = target_of(self.vendor)?;
                exchanges.add(self.vendor.clone(), self.values, told, Ok(Some(&target)));
                exchanges.keep().await;
                Ok(Outcome::done())
            }
            Err(fault) if matches!(fault.kind, FaultKind::Rejected | FaultKind::Defect) => {
                exchanges.add(self.vendor.clone(), self.values, told, Err(&fault));
                let outcome = self.refused(fault).await?;
                exchanges.keep().await;
                Ok(outcome)
            }
            Err(fault) => Err(fault),
        }
    }

    /// Brings the vendor into agreement. Nothing is written when it agrees.
    async fn agree(&self) -> Result<Action, Fault> {
        let client = self.context.epicor(&self.job.to).await?;
        let mut tries = TRIES;
        loop {
            match self.try_once(&client).await {
                // Somebody saved the vendor between our reading and our write: what he did is looked at first.
                Err(fault) if fault.code.as_deref() == Some(code::STALE_ROW) && tries > 1 => tries -= 1,
                end => return end,
            }
        }
    }

    async fn try_once(&self, client: &EpicorClient) -> Result<Action, Fault> {
        let (context, shop) = (self.context, &self.job.from);
        let owns = vendor_master::shop_owns(&context.settings, &self.job.to, shop);
        let vendor = self.read(client).await?;
        let held = SharedValues::of_vendor(&vendor);
        let kept = vendor_master::agreed(context, shop, self.vendor).await?;
        let mut agreed = kept.clone();
        let plan = agreed.plan_pull(&owns, &held, self.values)?;
        for field in &plan.lost {
            let lost = (*field, held.get(*field));
            vendor_master::list_lost_edit(context, &self.job.flow, self.run, self.vendor, lost, "Epicor").await?;
        }
        let mut columns = BTreeMap::new();
        for field in &plan.write {
            let text = self.text(*field);
            agreed.sending(*field, text)?;
            let meant = vendor_columns(*field, text).into_iter();
            columns.extend(meant.map(|(column, text)| (column.to_owned(), ColumnValue::text(text))));
        }
        if agreed != kept {
            vendor_master::keep(context, shop, &agreed).await?;
        }
        if columns.is_empty() {
            return Ok(Action::Unchanged);
        }
        let edit = VendorEdit { number: vendor.number, columns, expected: Some(vendor.version) };
        client.update_vendor(&edit).await?;
        let stored = SharedValues::of_vendor(&self.read(client).await?);
        for field in &plan.write {
            // What Epicor made of it is its form of it; anything else is an edit that came right after, to be found later.
            let (sent, there) = (self.text(*field), stored.get(*field));
            agreed.settle(*field, if is_form_of(*field, there, sent) { there } else { sent }, sent)?;
        }
        vendor_master::keep(context, shop, &agreed).await?;
        Ok(Action::Updated)
    }

    fn text(&self, field: SharedField) -> &str {
        self.values.get(&field).map_or("", String::as_str)
    }

    async fn read(&self, client: &EpicorClient) -> Result<Vendor, Fault> {
        let number = self.vendor.as_str().rsplit(':').next().and_then(|number| number.parse().ok());
        let number: i64 = number.ok_or_else(|| Fault::defect(OPERATION, "the key of a vendor has no number"))?;
        let rows = client.fetch_records(Entity::Vendors, &[RowKey::firm(number)], &client.shape(&[])).await?;
        let Some(row) = rows.into_iter().next() else {
            let message = format!(
                "Epicor has no vendor {number}, but a company of the shop has its key. Empty the company's reseller_id in the shop, or discard \
                 this; vendors are only made in Epicor."
            );
            return Err(Fault::new(FaultKind::Rejected, System::Epicor, OPERATION, message).with_code("VENDOR_GONE"));
        };
        Ok(mlc_epicor::vendor(&row?, &self.context.epicor_settings(&self.job.to)?.company, &[])?)
    }

    /// What stands on the shelf is an order to look at the company afresh, once per company: what Epicor refuses is put right in the shop.
    async fn refused(&self, fault: Fault) -> Result<Outcome, Fault> {
        let (context, job) = (self.context, self.job);
        context.metrics.records(job.flow.as_str(), "refused", 1);
        let note = AuditNote {
            version: Some(self.version),
            job: Some(self.run.job_id.clone()),
            detail: Some(fault.cause()),
            ..AuditNote::new(self.vendor.clone(), Action::Refused, context.clock.now())
        };
        context.ledger.note(&job.flow, &[note]).await?;
        context.ledger.keep(&job.flow, self.vendor.as_str(), REFUSED, &self.seen.to_string()).await?;
        let again = Order::of(&PullCompany { step: PullStep::Read, ..job.clone() })?;
        // With its usual key it would stand in the way of every later look at this company.
        let key = UniqueKey::of(&format!("pull_company/{}/{}/refused", job.flow, job.company_id));
        Ok(Outcome::Done { then: Vec::new(), shelve: vec![(again.unique(key), fault)] })
    }
}
