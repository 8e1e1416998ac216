//! A record together with what it becomes: mapped once, fingerprinted, ready to be compared and written.

use mlc_flow::Record;
use mlc_hubspot::{CompanyInput, ContactInput};
use mlc_mapping::{CompanyRules, contact_to_contact, customer_to_company, vendor_to_company};
use mlc_model::{Fault, Fingerprint, RecordKey, TargetId};

/// What is written for one record.
#[derive(Debug, Clone)]
pub(crate) enum Target {
    Company(CompanyInput),
    Contact {
        input: ContactInput,
        /// The company's id at the target; filled in when the batch is about to be written.
        company: Option<TargetId>,
    },
}

/// A record that can be written.
#[derive(Debug, Clone)]
pub(crate) struct Prepared {
    pub(crate) record: Record,
    pub(crate) target: Target,
    /// Of what is written, not of what was read: a change of mapping shows, a change in a column that is not moved does not.
    pub(crate) fingerprint: Fingerprint,
}

/// Maps a record. `None` means that it stays out on purpose: a person without an e-mail address.
///
/// # Errors
/// `Rejected` with the field that stops the record.
pub(crate) fn prepare(record: Record, rules: &CompanyRules) -> Result<Option<Prepared>, Fault> {
    let (target, fingerprint) = match &record {
        Record::Vendor(vendor) => company(vendor_to_company(vendor, rules)?)?,
        Record::Customer(customer) => company(customer_to_company(customer, rules)?)?,
        Record::Contact(contact) => {
            let Some(input) = contact_to_contact(contact, rules)? else { return Ok(None) };
            // A person who moves to another firm is written again although nothing about the person changed.
            let fingerprint = fingerprint(&(&input, contact.parent_key()))?;
            (Target::Contact { input, company: None }, fingerprint)
        }
        // HubSpot keeps no documents.
        Record::PurchaseOrder(_) | Record::ApInvoice(_) => return Ok(None),
    };
    Ok(Some(Prepared { record, target, fingerprint }))
}

fn company(input: CompanyInput) -> Result<(Target, Fingerprint), Fault> {
    let fingerprint = fingerprint(&input)?;
    Ok((Target::Company(input), fingerprint))
}

fn fingerprint(value: &impl serde::Serialize) -> Result<Fingerprint, Fault> {
    Fingerprint::of(value).map_err(|problem| Fault::defect("flow.fingerprint", problem.to_string()))
}

impl Prepared {
    /// What HubSpot knows the record by: our key of a firm, the address of a person.
    pub(crate) fn target_key(&self) -> &str {
        match &self.target {
            Target::Company(input) => input.key.as_str(),
            Target::Contact { input, .. } => &input.email,
        }
    }

    /// Key of the firm a person belongs to; `None` for firms.
    pub(crate) fn parent(&self) -> Option<RecordKey> {
        match &self.record {
            Record::Contact(contact) => Some(contact.parent_key()),
            _ => None,
        }
    }

    /// The same person, with the company found.
    pub(crate) fn with_company(mut self, found: TargetId) -> Self {
        if let Target::Contact { company, .. } = &mut self.target {
            *company = Some(found);
        }
        self
    }
}
