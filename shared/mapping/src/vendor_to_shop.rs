//! An Epicor vendor as company, customer, attributes and inventory source of the shop.

use std::collections::{BTreeMap, BTreeSet};

use mlc_adobe::{
    Company, CustomAttribute, Customer, Source,
    columns::{TEXT, fit},
};
use mlc_model::{CompanyCode, SharedField, Vendor};

use serde::Serialize;

use crate::{
    MappingProblem,
    country::country_code,
    email::{EmailProblem, email},
    shared_values::{PLACEHOLDER, Placeholders, SharedValues},
    text::filled,
};

const OPERATION: &str = "map.vendor_to_shop";
/// Attribute that tells suppliers from buyers.
const RECORD_TYPE: &str = "record_type";

/// What the settings say about vendors in the shop.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ShopVendorRules {
    /// What stands for what a vendor does not have.
    pub placeholders: Placeholders,
    /// Group of companies made by us.
    pub customer_group_id: i64,
    /// Admin user who looks after companies made by us.
    pub sales_representative_id: i64,
    /// Web site of customers made by us.
    pub website_id: i64,
    /// Store of customers made by us.
    pub store_id: i64,
    /// Further company attributes: name = Epicor column.
    pub attributes: BTreeMap<String, String>,
    /// Fields whose value in the shop counts.
    pub shop_owns: BTreeSet<SharedField>,
}

/// The key of a vendor's company in the shop, `{COMPANY}-V-{number}`.
pub fn reseller_id(company: &CompanyCode, number: i64) -> String {
    format!("{company}-V-{number}").to_uppercase()
}

/// The number of the vendor that a company of the shop stands for. `None` for a company that is not ours.
pub fn vendor_number(reseller_id: &str, company: &CompanyCode) -> Option<i64> {
    let upper = reseller_id.trim().to_uppercase();
    let digits = upper.strip_prefix(&format!("{company}-V-").to_uppercase())?;
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|number: &i64| plain && *number > 0)
}

/// A vendor as the shop wants it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ShopVendor {
    /// Its number in Epicor.
    pub number: i64,
    /// Key of the company.
    pub reseller_id: String,
    /// Key of the source.
    pub source_code: String,
    /// What both sides keep, as Epicor has it.
    pub values: SharedValues,
    /// Two letters.
    pub country: String,
    /// Whether it is in use.
    pub active: bool,
    /// Attributes of the company, by name.
    pub attributes: BTreeMap<String, String>,
    code: String,
}

/// A vendor as the shop wants it.
///
/// # Errors
/// No country that has a code; a name or an e-mail address that is missing or none, where Epicor's value counts.
pub fn vendor_to_shop(vendor: &Vendor, rules: &ShopVendorRules) -> Result<ShopVendor, MappingProblem> {
    let written = filled(vendor.address.country.as_deref()).ok_or_else(|| {
        problem("COUNTRY_MISSING", "Country", "The vendor has no country, and the shop demands one. Set it in Epicor.")
    })?;
    let country = country_code(written).ok_or_else(|| {
        let message = "The shop takes countries as two letters, and this text names none that we know. Write the English name or the ISO code in Epicor.";
        problem("COUNTRY_UNKNOWN", "Country", message)
    })?;
    let values = SharedValues::of_vendor(vendor);
    let mut attributes: BTreeMap<String, String> = rules
        .attributes
        .iter()
        .filter_map(|(name, column)| {
            Some((name.clone(), filled(vendor.extra.get(column).map(String::as_str))?.to_owned()))
        })
        .collect();
    for (name, value) in [
        ("epicor_vendor_num", Some(vendor.number.to_string())),
        ("epicor_vendor_code", filled(Some(&vendor.code)).map(str::to_owned)),
        ("epicor_terms", filled(vendor.terms.as_deref()).map(str::to_owned)),
        (RECORD_TYPE, Some("supplier".to_owned())),
    ] {
        if let Some(value) = value {
            attributes.entry(name.to_owned()).or_insert(value);
        }
    }
    let reseller_id = reseller_id(&vendor.company, vendor.number);
    let wanted = ShopVendor {
        number: vendor.number,
        source_code: reseller_id.to_lowercase(),
        reseller_id,
        values,
        country,
        active: vendor.active,
        attributes: attributes.into_iter().map(|(name, text)| (name, fit(&text, TEXT).text)).collect(),
        code: vendor.code.trim().to_owned(),
    };
    if !rules.shop_owns.contains(&SharedField::Name) {
        wanted.name()?;
    }
    if !rules.shop_owns.contains(&SharedField::Email) {
        wanted.email(rules)?;
    }
    Ok(wanted)
}

impl ShopVendor {
    fn name(&self) -> Result<&str, MappingProblem> {
        filled(Some(self.values.get(SharedField::Name)))
            .ok_or_else(|| problem("NAME_MISSING", "Name", "The vendor has no name. Give it one in Epicor."))
    }

    /// Its e-mail address, or the one that the settings make for it.
    ///
    /// # Errors
    /// It has none and the settings make none, or it is none.
    pub fn email(&self, rules: &ShopVendorRules) -> Result<String, MappingProblem> {
        const FIELD: &str = "EMailAddress";
        let Some(typed) = filled(Some(self.values.get(SharedField::Email))) else {
            return rules.placeholders.email_of(self.number).ok_or_else(|| {
                let message = "The vendor has no e-mail address, and the shop demands one. Set it in Epicor, or set vendors.default_email of this flow.";
                problem("EMAIL_MISSING", FIELD, message)
            });
        };
        email(typed).map_err(|wrong| match wrong {
            EmailProblem::Several => {
                let message = "There are several e-mail addresses in one field, and the shop takes one. Leave one of them in Epicor.";
                problem("EMAIL_SEVERAL", FIELD, message)
            }
            EmailProblem::Malformed => {
                problem("EMAIL_INVALID", FIELD, "This is not an e-mail address that the shop takes. Put it right in Epicor.")
            }
        })
    }

    /// The customer that a company needs. Made without a password, so that the shop may mail a link to set one.
    ///
    /// # Errors
    /// As [`ShopVendor::email`]; no name.
    pub fn customer(&self, rules: &ShopVendorRules) -> Result<Customer, MappingProblem> {
        let first = person_name(self.name()?);
        let last = person_name(&self.code);
        Ok(Customer {
            email: Some(self.email(rules)?),
            firstname: Some(first.unwrap_or_else(|| "Supplier".to_owned())),
            lastname: Some(last.unwrap_or_else(|| self.number.to_string())),
            website_id: Some(rules.website_id),
            store_id: Some(rules.store_id),
            ..Customer::default()
        })
    }

    /// The company, new, administered by this customer.
    ///
    /// # Errors
    /// As [`ShopVendor::customer`].
    pub fn new_company(&self, rules: &ShopVendorRules, super_user_id: i64) -> Result<Company, MappingProblem> {
        let mut company = Company {
            reseller_id: Some(self.reseller_id.clone()),
            status: Some(self.status()),
            country_id: Some(self.country.clone()),
            customer_group_id: Some(rules.customer_group_id),
            sales_representative_id: Some(rules.sales_representative_id),
            super_user_id: Some(super_user_id),
            ..Company::default()
        };
        self.put(&mut company, rules, SharedField::ALL.iter())?;
        Ok(company)
    }

    /// The company as it was read, with what is ours changed: these shared fields, status, country and key. `None` when nothing differs.
    ///
    /// # Errors
    /// As [`ShopVendor::customer`].
    pub fn changed_company(
        &self,
        read: &Company,
        rules: &ShopVendorRules,
        fields: &BTreeSet<SharedField>,
    ) -> Result<Option<Company>, MappingProblem> {
        let mut company = read.clone();
        self.put(&mut company, rules, fields)?;
        company.status = Some(self.status());
        if read.country_id.as_deref().is_none_or(|there| !there.trim().eq_ignore_ascii_case(&self.country)) {
            company.country_id = Some(self.country.clone());
        }
        if read.reseller_id.as_deref().is_none_or(|there| !there.trim().eq_ignore_ascii_case(&self.reseller_id)) {
            company.reseller_id = Some(self.reseller_id.clone());
        }
        Ok((company != *read).then_some(company))
    }

    fn status(&self) -> i64 {
        if self.active { Company::APPROVED } else { Company::BLOCKED }
    }

    fn put<'a>(
        &self,
        company: &mut Company,
        rules: &ShopVendorRules,
        fields: impl IntoIterator<Item = &'a SharedField>,
    ) -> Result<(), MappingProblem> {
        let or = |text: &str, placeholder: &str| Some(if text.is_empty() { placeholder } else { text }.to_owned());
        for field in fields {
            let text = self.values.get(*field);
            match field {
                SharedField::Name => company.company_name = Some(self.name()?.to_owned()),
                SharedField::Email => company.company_email = Some(self.email(rules)?),
                SharedField::Phone => company.telephone = or(text, &rules.placeholders.phone),
                SharedField::TaxId => put_optional(&mut company.vat_tax_id, text),
                SharedField::Comment => put_optional(&mut company.comment, text),
                SharedField::Address => {
                    let [street, second, city, state, post_code] = self.values.address_parts();
                    let lines = [or(street, PLACEHOLDER), Some(second.to_owned())];
                    company.street = Some(lines.into_iter().flatten().filter(|line| !line.is_empty()).collect());
                    company.city = or(city, PLACEHOLDER);
                    company.region = or(state, PLACEHOLDER);
                    // The shop's own number of the region would contradict the new name.
                    company.region_id = None;
                    company.postcode = or(post_code, &rules.placeholders.postal_code);
                }
            }
        }
        Ok(())
    }

    /// Attributes that the company lacks or has otherwise.
    pub fn missing_attributes(&self, company: &Company) -> Vec<CustomAttribute> {
        let there = |name: &str| {
            let held = company.custom_attributes.iter().flatten().find(|held| held.attribute_code == name)?;
            Some(held.value.as_str().map_or_else(|| held.value.to_string(), str::to_owned))
        };
        let lacking = self.attributes.iter().filter(|(name, value)| there(name).as_deref() != Some(value.as_str()));
        lacking.map(|(name, value)| CustomAttribute::new(name, value.as_str())).collect()
    }

    /// The source as it should be, from the one that was read or new. `None` when nothing differs. Epicor's values count here: a source is no
    /// part of the two-way vendor master.
    ///
    /// # Errors
    /// No name.
    pub fn source(&self, read: Option<&Source>, rules: &ShopVendorRules) -> Result<Option<Source>, MappingProblem> {
        let [street, second, city, state, post_code] = self.values.address_parts();
        // The shop refuses what looks like a template. Source: Adobe Commerce reference, section 6.3.
        let text = |text: &str| Some(text.replace("${", "$ {")).filter(|text| !text.is_empty());
        let mut source = read.cloned().unwrap_or_default();
        source.source_code = Some(self.source_code.clone());
        source.name = text(self.name()?);
        source.enabled = Some(self.active);
        let street: Vec<&str> = [street, second].into_iter().filter(|line| !line.is_empty()).collect();
        source.street = text(&street.join(", "));
        source.city = text(city);
        source.region = text(state);
        if read.is_some_and(|read| read.region != source.region) {
            source.region_id = None;
        }
        source.postcode = text(if post_code.is_empty() { &rules.placeholders.postal_code } else { post_code });
        source.country_id = Some(self.country.clone());
        source.phone = text(self.values.get(SharedField::Phone));
        source.email = text(self.values.get(SharedField::Email));
        Ok((Some(&source) != read).then_some(source))
    }
}

fn problem(code: &'static str, field: &str, message: &str) -> MappingProblem {
    MappingProblem { operation: OPERATION, code, field: field.to_owned(), message: message.to_owned() }
}

/// An empty text empties what is there; where nothing is, nothing is sent.
fn put_optional(place: &mut Option<String>, text: &str) {
    if !text.is_empty() {
        *place = Some(text.to_owned());
    } else if place.as_deref().is_some_and(|there| !there.trim().is_empty()) {
        *place = Some(String::new());
    }
}

/// What the shop takes as part of a person's name: letters, digits, blanks and `, - _ . '`.
fn person_name(text: &str) -> Option<String> {
    let kept: String = text.chars().map(|c| if c.is_alphanumeric() || ",-_.'".contains(c) { c } else { ' ' }).collect();
    let words = kept.split_whitespace().collect::<Vec<_>>().join(" ");
    let fitted: String = words.chars().take(TEXT).collect();
    fitted.chars().any(char::is_alphanumeric).then_some(fitted)
}
