//! An Epicor vendor as a HubSpot company.

use mlc_hubspot::CompanyInput;
use mlc_model::Vendor;

use crate::{
    CompanyRules, MappingProblem,
    company::{RECORD_TYPE, put_address, put_website},
    properties::Properties,
};

/// An Epicor vendor as a HubSpot company.
///
/// The key is `{company}:VEND:{number}`, the only one used to find the company again. A field that is empty in Epicor is
/// left out, so that it cannot wipe what sales typed in HubSpot, unless the rules say `clear_empty_fields`. A vendor that
/// is no longer in use stays, with `epicor_active` = `false`. The domain comes from the web site, never from the e-mail
/// address, which may be at a mail provider.
///
/// # Errors
/// No name or code, a name or code with unprintable characters, a value longer than HubSpot takes.
pub fn vendor_to_company(vendor: &Vendor, rules: &CompanyRules) -> Result<CompanyInput, MappingProblem> {
    let mut properties = Properties::new("map.vendor_to_company", "vendor", rules);
    properties.required("name", "Name", "name", "NAME_MISSING", &vendor.name)?;
    properties.required("epicor_id", "VendorID", "supplier ID", "CODE_MISSING", &vendor.code)?;
    properties.fixed(RECORD_TYPE, "vendor");
    if rules.set_builtin_type {
        properties.fixed("type", "VENDOR");
    }
    properties.flag("epicor_active", vendor.active);
    put_address(&mut properties, &vendor.address, "ZIP")?;
    properties.optional("phone", "PhoneNum", vendor.phone.as_deref())?;
    put_website(&mut properties, "VendURL", vendor.website.as_deref())?;
    properties.optional("epicor_terms", "TermsCode", vendor.terms.as_deref())?;
    properties.optional("epicor_currency", "CurrencyCode", vendor.currency.as_deref())?;
    properties.optional("epicor_group", "GroupCode", vendor.group.as_deref())?;
    properties.extra(&vendor.extra)?;
    Ok(CompanyInput { key: vendor.key(), properties: properties.into_values() })
}
