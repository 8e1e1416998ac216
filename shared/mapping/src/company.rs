//! What vendors and customers have in common as companies.

use std::collections::BTreeMap;

use mlc_model::Address;
use serde::{Deserialize, Serialize};

use crate::{MappingProblem, properties::Properties, text::filled, website::Website};

/// Property that tells vendors and customers apart. HubSpot's own `type` has no value for a customer.
pub(crate) const RECORD_TYPE: &str = "epicor_record_type";

/// What the settings say about companies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompanyRules {
    /// HubSpot property with the unique key. No mapping may write it; the client sends the key itself.
    pub key_property: String,
    /// Whether a field that is empty in Epicor wipes what HubSpot holds. Normally it does not.
    pub clear_empty_fields: bool,
    /// Whether vendors also get HubSpot's built-in `type` = `VENDOR`.
    pub set_builtin_type: bool,
    /// Extra mappings: HubSpot property to Epicor column.
    pub fields: BTreeMap<String, String>,
}

impl Default for CompanyRules {
    fn default() -> Self {
        Self {
            key_property: "epicor_key".to_owned(),
            clear_empty_fields: false,
            set_builtin_type: true,
            fields: BTreeMap::new(),
        }
    }
}

/// The address: lines two and three share a property, because HubSpot has only two.
pub(crate) fn put_address(
    properties: &mut Properties<'_>,
    address: &Address,
    postal_code_column: &str,
) -> Result<(), MappingProblem> {
    let further: Vec<&str> =
        [&address.line2, &address.line3].into_iter().filter_map(|line| filled(line.as_deref())).collect();
    properties.optional("address", "Address1", address.line1.as_deref())?;
    properties.optional("address2", "Address2", Some(&further.join(", ")))?;
    properties.optional("city", "City", address.city.as_deref())?;
    properties.optional("state", "State", address.state.as_deref())?;
    properties.optional("zip", postal_code_column, address.postal_code.as_deref())?;
    properties.optional("country", "Country", address.country.as_deref())
}

/// Web site and domain. A site that is none ("n/a") is treated as unknown: it neither writes nor wipes.
pub(crate) fn put_website(
    properties: &mut Properties<'_>,
    column: &str,
    typed: Option<&str>,
) -> Result<(), MappingProblem> {
    let Some(typed) = filled(typed) else {
        properties.optional("website", column, None)?;
        return properties.optional("domain", column, None);
    };
    if let Some(website) = Website::read(typed) {
        properties.optional("website", column, Some(&website.address))?;
        if let Some(domain) = &website.domain {
            properties.optional("domain", column, Some(domain))?;
        }
    }
    Ok(())
}
