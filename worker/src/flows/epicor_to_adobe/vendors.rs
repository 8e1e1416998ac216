//! Vendors at the shop: company with its customer, attributes, inventory source.

mod company;

use mlc_adobe::{AdobeClient, Capabilities};
use mlc_flow::PushRecord;
use mlc_ledger::{Action, AuditNote};
use mlc_mapping::{SharedValues, ShopVendor, ShopVendorRules, vendor_to_shop};
use mlc_model::{Fault, FaultKind, Fingerprint, System, TargetId, Vendor};
use mlc_queue::JobContext;

use super::{Landed, ShopRules};
use crate::{context::Context, flows::vendor_master, shop_scope::shop_facts};

const OPERATION: &str = "epicor_to_adobe.vendors";

pub(super) fn judge(vendor: &Vendor, rules: &ShopRules) -> Result<Option<Fingerprint>, Fault> {
    let options = &rules.settings.vendors;
    if !options.companies && !options.sources {
        return Ok(None);
    }
    let wanted = vendor_to_shop(vendor, &mapping_rules(rules))?;
    let whole = Fingerprint::of(&(wanted, options.companies, options.sources));
    whole.map(Some).map_err(|problem| Fault::defect(OPERATION, problem.to_string()))
}

fn mapping_rules(rules: &ShopRules) -> ShopVendorRules {
    let options = &rules.settings.vendors;
    let mut attributes = rules.settings.fields.clone();
    if let Some(column) = &options.gl_dimension_column {
        attributes.insert(options.gl_dimension_attribute.clone(), column.clone());
    }
    ShopVendorRules {
        placeholders: vendor_master::placeholders_of(options),
        customer_group_id: options.customer_group_id,
        sales_representative_id: options.sales_representative_id,
        website_id: rules.connection.website_id,
        store_id: rules.connection.store_id,
        attributes,
        shop_owns: rules.shop_owns.clone(),
    }
}

/// One vendor on its way.
struct Push<'a> {
    context: &'a Context,
    job: &'a PushRecord,
    run: &'a JobContext,
    client: AdobeClient,
    can: Capabilities,
    rules: ShopVendorRules,
    vendor: &'a Vendor,
    wanted: ShopVendor,
}

pub(super) async fn write(
    context: &Context,
    job: &PushRecord,
    run: &JobContext,
    rules: &ShopRules,
    vendor: &Vendor,
) -> Result<Landed, Fault> {
    let options = &rules.settings.vendors;
    let rules = mapping_rules(rules);
    let wanted = vendor_to_shop(vendor, &rules)?;
    let can = context.shop_capabilities(&job.to).await?;
    if options.companies && !can.companies {
        let message = "The shop has no companies: its B2B modules are not installed. Install them, or set vendors.companies = false and \
                       vendors.sources = true of this flow.";
        return Err(rejected("NO_B2B", message).with_field("vendors.companies"));
    }
    if options.sources && !can.sources {
        let message = "The shop has no inventory sources: its inventory modules are not installed. Install them, or set vendors.sources = false.";
        return Err(rejected("NO_SOURCES", message).with_field("vendors.sources"));
    }
    let push = Push { context, job, run, client: context.adobe(&job.to).await?, can, rules, vendor, wanted };
    let source_created = if options.sources { push.source().await? } else { false };
    if options.companies {
        return push.company().await;
    }
    let target =
        TargetId::parse(&push.wanted.source_code).map_err(|problem| Fault::defect(OPERATION, problem.to_string()))?;
    Ok(Landed::Written { target, created: source_created, then: Vec::new() })
}

impl Push<'_> {
    /// The supplier record. True when it was made. The code is the key, so that a repetition finds what it made.
    async fn source(&self) -> Result<bool, Fault> {
        let read = self.client.source(&self.wanted.source_code).await?;
        match self.wanted.source(read.as_ref(), &self.rules)? {
            None => {}
            Some(source) if read.is_some() => self.client.update_source(&source).await?,
            Some(source) => self.client.create_source(&source).await?,
        }
        Ok(read.is_none())
    }

    /// Attributes are left out where the shop cannot keep them. That is said once per shop.
    async fn note_left_out_attributes(&self) -> Result<(), Fault> {
        let (shop, ledger) = (&self.job.to, &self.context.ledger);
        if ledger.keep_if(&shop_facts(shop)?, shop.as_str(), "company_attributes", None, "left out").await? {
            tracing::warn!(connection = %shop, "Shop {shop} keeps no attributes of companies (no module for them): epicor_vendor_num, terms, GL dimension and configured fields are left out");
            self.note(
                Action::Updated,
                "attributes of companies are left out: the shop has no module for them".to_owned(),
            )
            .await?;
        }
        Ok(())
    }

    /// What the shop's columns do not hold is cut, and told.
    async fn note_shortened(&self) -> Result<(), Fault> {
        let names: Vec<&str> = SharedValues::shortened(self.vendor).into_iter().map(|field| field.as_str()).collect();
        if names.is_empty() {
            return Ok(());
        }
        self.note(Action::Updated, format!("cut or characters replaced for the shop: {}", names.join(", "))).await
    }

    async fn note(&self, action: Action, detail: String) -> Result<(), Fault> {
        let note = AuditNote {
            version: Some(self.vendor.version),
            window: self.job.window.clone(),
            job: Some(self.run.job_id.clone()),
            detail: Some(detail),
            ..AuditNote::new(self.vendor.key(), action, self.context.clock.now())
        };
        Ok(self.context.ledger.note(&self.job.flow, &[note]).await?)
    }
}

fn rejected(code: &str, message: &str) -> Fault {
    Fault::new(FaultKind::Rejected, System::Adobe, OPERATION, message).with_code(code)
}
