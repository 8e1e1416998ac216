//! What a flow's settings say about its records.

use mlc_flow::{Entity, Record, flow_kind};
use mlc_mapping::CompanyRules;
use mlc_model::{Fault, Fingerprint, FlowId, System};
use mlc_runtime::settings::FlowSettings;

use super::{epicor_to_adobe, epicor_to_hubspot};

/// The rules of one flow's target.
pub(crate) enum Rules {
    Hubspot(CompanyRules),
    Adobe(Box<epicor_to_adobe::ShopRules>),
}

impl Rules {
    /// The target of a flow.
    ///
    /// # Errors
    /// `Defect` for a kind that the catalogue does not have; the settings were checked against it.
    pub(crate) fn target(id: &FlowId, settings: &FlowSettings) -> Result<System, Fault> {
        let kind = flow_kind(settings.kind(id)).map_err(|problem| Fault::defect("flow.kind", problem.to_string()))?;
        Ok(kind.target)
    }

    /// Columns to read beside those that our model is made of. A list that is no firm's has not the same columns.
    pub(crate) fn extra_columns(&self, entity: Entity) -> Vec<String> {
        match (self, entity) {
            (Self::Hubspot(rules), Entity::Vendors | Entity::Customers) => rules.fields.values().cloned().collect(),
            (Self::Adobe(rules), Entity::Vendors) => rules.vendor_columns(),
            _ => Vec::new(),
        }
    }

    /// The fingerprint of what is written for a record. `None` means that it stays out on purpose.
    ///
    /// # Errors
    /// `Rejected` with the field that stops the record.
    pub(crate) fn judge(&self, record: &Record) -> Result<Option<Fingerprint>, Fault> {
        match self {
            Self::Hubspot(rules) => {
                Ok(epicor_to_hubspot::prepare(record.clone(), rules)?.map(|prepared| prepared.fingerprint))
            }
            Self::Adobe(rules) => epicor_to_adobe::judge(record, rules),
        }
    }
}
