//! The company of a vendor: found, made, or changed in what Epicor owns.

use mlc_adobe::{Company, Customer, fault::code};
use mlc_flow::{PullCompany, PullStep};
use mlc_mapping::{Agreed, SharedValues, is_form_of, vendor_number};
use mlc_model::{Fault, FaultKind, SharedField, TargetId};
use mlc_queue::Order;

use super::{Landed, OPERATION, Push, rejected};
use crate::flows::vendor_master;

impl Push<'_> {
    pub(super) async fn company(&self) -> Result<Landed, Fault> {
        let (company, created, then) = match self.find().await? {
            Some(company) => self.update(company).await?,
            None => (self.create().await?, true, Vec::new()),
        };
        if !self.can.company_attributes {
            self.note_left_out_attributes().await?;
        } else {
            let missing = self.wanted.missing_attributes(&company);
            if !missing.is_empty() {
                self.client.set_company_attributes(id_of(&company)?, &missing).await?;
            }
        }
        let target = TargetId::parse(&id_of(&company)?.to_string())
            .map_err(|problem| Fault::defect(OPERATION, problem.to_string()))?;
        Ok(Landed::Written { target, created, then })
    }

    /// By the link that was made when it was written last, else by our key in it.
    async fn find(&self) -> Result<Option<Company>, Fault> {
        let key = self.vendor.key();
        let links = self.context.ledger.link(&self.job.flow, std::slice::from_ref(&key)).await?;
        if let Some(id) = links.first().and_then(Option::as_ref).and_then(|link| link.as_str().parse::<i64>().ok()) {
            match self.client.company(id).await {
                Ok(company) if self.is_not_anothers(&company) => return Ok(Some(company)),
                Ok(_) => {}
                Err(fault) if fault.code.as_deref() == Some(code::NOT_FOUND) => {}
                Err(fault) => return Err(fault),
            }
        }
        let Some(found) = self.client.find_company(&self.wanted.reseller_id).await? else { return Ok(None) };
        // A list may hold less than the company itself, and what is put back must be whole.
        self.client.company(id_of(&found)?).await.map(Some)
    }

    /// A key that somebody emptied is put back; a company that was given to another vendor is left alone.
    fn is_not_anothers(&self, company: &Company) -> bool {
        let number = vendor_number(company.reseller_id.as_deref().unwrap_or_default(), &self.vendor.company);
        number.is_none_or(|number| number == self.vendor.number)
    }

    async fn create(&self) -> Result<Company, Fault> {
        let customer = self.customer().await?;
        let super_user = customer.id.ok_or_else(|| Fault::defect(OPERATION, "the shop's customer has no id"))?;
        let new = self.wanted.new_company(&self.rules, super_user)?;
        let made = self.client.create_company(&new).await.map_err(|fault| admin_taken(fault, &customer))?;
        let stored = self.client.company(id_of(&made)?).await?;
        let mut agreed = vendor_master::agreed(self.context, &self.job.to, &self.vendor.key()).await?;
        self.settle(&mut agreed, &stored, SharedField::ALL.iter())?;
        vendor_master::keep(self.context, &self.job.to, &agreed).await?;
        self.note_shortened().await?;
        Ok(stored)
    }

    /// A company needs a customer. One who was made by an earlier try is found by the address.
    async fn customer(&self) -> Result<Customer, Fault> {
        let email = self.wanted.email(&self.rules)?;
        if let Some(customer) = self.client.find_customer(&email, self.rules.website_id).await? {
            return Ok(customer);
        }
        match self.client.create_customer(&self.wanted.customer(&self.rules)?).await {
            Err(fault) if fault.code.as_deref() == Some(code::CUSTOMER_EXISTS) => {
                // Made by somebody between the two calls, or accounts are shared by all web sites and it belongs to another one.
                self.client.find_customer(&email, self.rules.website_id).await?.ok_or(fault)
            }
            made => made,
        }
    }

    /// Reads what is there, and writes only what differs and is Epicor's. The shop has no check against two who write at once, so the time
    /// between its answer and our write is kept as short as it can be.
    async fn update(&self, read: Company) -> Result<(Company, bool, Vec<Order>), Fault> {
        let (context, shop, key) = (self.context, &self.job.to, self.vendor.key());
        let kept = vendor_master::agreed(context, shop, &key).await?;
        let mut agreed = kept.clone();
        let held = self.values_of(&read);
        let plan = agreed.plan_push(&self.rules.shop_owns, &self.wanted.values, &held)?;
        let changed = self.wanted.changed_company(&read, &self.rules, &plan.write)?;
        for field in &plan.lost {
            let lost = (*field, held.get(*field));
            vendor_master::list_lost_edit(context, &self.job.flow, self.run, &key, lost, "Adobe Commerce").await?;
        }
        let mut company = read;
        if let Some(changed) = changed {
            for field in &plan.write {
                agreed.sending(*field, self.wanted.values.get(*field))?;
            }
            if agreed != kept {
                vendor_master::keep(context, shop, &agreed).await?;
            }
            self.client.update_company(&changed).await?;
            company = self.client.company(id_of(&changed)?).await?;
            self.settle(&mut agreed, &company, &plan.write)?;
            self.note_shortened().await?;
        }
        if agreed != kept {
            vendor_master::keep(context, shop, &agreed).await?;
        }
        let then = if plan.pull { self.pull(&company).await? } else { Vec::new() };
        Ok((company, false, then))
    }

    fn values_of(&self, company: &Company) -> SharedValues {
        SharedValues::of_company(company, self.wanted.number, &self.rules.placeholders)
    }

    /// What the shop made of our text is remembered as its form of it; anything else is an edit that came right after, to be found later.
    fn settle<'a>(
        &self,
        agreed: &mut Agreed,
        stored: &Company,
        fields: impl IntoIterator<Item = &'a SharedField>,
    ) -> Result<(), Fault> {
        let stored = self.values_of(stored);
        for field in fields {
            let (sent, there) = (self.wanted.values.get(*field), stored.get(*field));
            agreed.settle(*field, sent, if is_form_of(*field, there, sent) { there } else { sent })?;
        }
        Ok(())
    }

    /// Epicor may hold another value of what the shop owns. Marked first, so that the next walk through the companies finds it even when the
    /// order is lost.
    async fn pull(&self, company: &Company) -> Result<Vec<Order>, Fault> {
        let (job, settings) = (self.job, &self.context.settings);
        let Some((flow, _)) = vendor_master::from_shop(settings, &job.from, &job.to) else { return Ok(Vec::new()) };
        self.context.ledger.unsettle(flow, &[self.vendor.key()]).await?;
        let order = Order::of(&PullCompany {
            flow: flow.clone(),
            from: job.to.clone(),
            to: job.from.clone(),
            company_id: id_of(company)?,
            step: PullStep::Read,
        })?;
        Ok(vec![order.priority(self.run.priority)])
    }
}

/// The text of this refusal is not documented, so a refusal for a customer who has a company counts as well.
fn admin_taken(fault: Fault, customer: &Customer) -> Fault {
    let company =
        customer.rest.get("extension_attributes").and_then(|all| all.get("company_attributes")?.get("company_id"));
    let has_company = company.and_then(serde_json::Value::as_i64).is_some_and(|id| id > 0);
    let says_so = fault.code.as_deref() == Some(code::COMPANY_ADMIN_TAKEN);
    if fault.kind != FaultKind::Rejected || !(says_so || has_company && fault.field.is_none()) {
        return fault;
    }
    let message = "The customer with this vendor's e-mail address administers another company of the shop already, and one customer can \
                   administer one only. Give the vendor an address of its own in Epicor, or give the other company another administrator.";
    rejected(code::COMPANY_ADMIN_TAKEN, message).with_field("EMailAddress")
}

fn id_of(company: &Company) -> Result<i64, Fault> {
    company.id.ok_or_else(|| Fault::defect(OPERATION, "the shop's company has no id"))
}
