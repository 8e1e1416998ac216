//! An Epicor customer as a HubSpot company.

use mlc_hubspot::CompanyInput;
use mlc_model::Customer;

use crate::{
    CompanyRules, MappingProblem,
    company::{RECORD_TYPE, put_address, put_website},
    properties::Properties,
};

/// An Epicor customer as a HubSpot company.
///
/// As for vendors, with key `{company}:CUST:{number}`, so that vendor 17 and customer 17 stay two companies. HubSpot's
/// built-in `type` has no value for a customer and is left alone; so is `lifecyclestage`, which only moves forward.
///
/// # Errors
/// No name or code, a name or code with unprintable characters, a value longer than HubSpot takes.
pub fn customer_to_company(customer: &Customer, rules: &CompanyRules) -> Result<CompanyInput, MappingProblem> {
    let mut properties = Properties::new("map.customer_to_company", "customer", rules);
    properties.required("name", "Name", "name", "NAME_MISSING", &customer.name)?;
    properties.required("epicor_id", "CustID", "customer ID", "CODE_MISSING", &customer.code)?;
    properties.fixed(RECORD_TYPE, "customer");
    properties.flag("epicor_active", customer.active);
    properties.flag("epicor_credit_hold", customer.credit_hold);
    put_address(&mut properties, &customer.address, "Zip")?;
    properties.optional("phone", "PhoneNum", customer.phone.as_deref())?;
    put_website(&mut properties, "CustURL", customer.website.as_deref())?;
    properties.optional("epicor_terms", "TermsCode", customer.terms.as_deref())?;
    properties.optional("epicor_currency", "CurrencyCode", customer.currency.as_deref())?;
    properties.optional("epicor_group", "GroupCode", customer.group.as_deref())?;
    properties.optional("epicor_territory", "TerritoryID", customer.territory.as_deref())?;
    properties.extra(&customer.extra)?;
    Ok(CompanyInput { key: customer.key(), properties: properties.into_values() })
}
