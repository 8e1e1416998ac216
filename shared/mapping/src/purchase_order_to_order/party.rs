//! The supplier as the buyer of the shop's order.

use mlc_adobe::{columns, wire::Address};
use mlc_model::PurchaseOrder;
use serde::Serialize;

use super::{Adapting, MappingProblem, OrderRules, problem};
use crate::{
    country::country_code,
    email::email,
    text::{filled, one_line},
};

/// Who the order is with. Personal data.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Party {
    /// E-mail address.
    pub email: String,
    /// First name.
    pub first_name: String,
    /// Last name.
    pub last_name: String,
    /// Billing address; `None` when a part is missing that the shop demands.
    pub address: Option<Address>,
}

pub(super) fn party(
    order: &PurchaseOrder,
    rules: &OrderRules,
    adapting: &mut Adapting,
    remarks: &mut Vec<String>,
) -> Result<Party, MappingProblem> {
    let vendor = &order.vendor;
    let told = filled(vendor.email.as_deref());
    let usable = told.and_then(|typed| email(typed).ok());
    if told.is_some() && usable.is_none() && rules.default_email.is_some() {
        remarks.push("the supplier's e-mail address is not usable; the one from the settings is used".to_owned());
    }
    let Some(email) = usable.or_else(|| rules.default_email.clone()) else {
        let what = if told.is_some() { "is not one e-mail address" } else { "is empty" };
        let message = format!(
            "the e-mail address of the supplier's contact {what}, and the shop wants one. Enter it in Epicor, or set \
             `default_email` in the flow's section `purchase_orders`."
        );
        return Err(problem("EMAIL_UNUSABLE", "VendorCntEmailAddress", message));
    };
    let name = filled(vendor.name.as_deref()).map(one_line);
    let (first, last) = match filled(vendor.contact.as_deref()).map(one_line) {
        Some(person) => match person.rsplit_once(' ') {
            Some((first, last)) => (first.to_owned(), last.to_owned()),
            None => (person, "-".to_owned()),
        },
        None => (name.clone().unwrap_or_else(|| "Vendor".to_owned()), format!("({})", vendor.number)),
    };
    let first_name = adapting.fit(&first, columns::TEXT, "the buyer's first name");
    let last_name = adapting.fit(&last, columns::TEXT, "the buyer's last name");
    let company = name.map(|name| adapting.fit(&name, columns::TEXT, "the supplier's name"));

    let mut missing = Vec::new();
    let mut part = |text: Option<&str>, what: &'static str| {
        let text = filled(text).map(|text| adapting.fit(&one_line(text), columns::TEXT, what));
        if text.is_none() {
            missing.push(what);
        }
        text
    };
    let from = &vendor.address;
    let lines = [&from.line1, &from.line2, &from.line3];
    let lines: Vec<&str> = lines.into_iter().filter_map(|line| filled(line.as_deref())).collect();
    let street =
        part(Some(&lines.join("\n").replace('\n', ", ")).filter(|_| !lines.is_empty()).map(String::as_str), "street");
    let city = part(from.city.as_deref(), "city");
    let postcode = part(from.postal_code.as_deref(), "post code");
    let telephone = part(vendor.phone.as_deref(), "telephone");
    let country_id = filled(from.country.as_deref()).and_then(country_code);
    if country_id.is_none() {
        missing.push("a country that is known");
    }
    let address = if missing.is_empty() {
        Some(Address {
            address_type: Some("billing".to_owned()),
            firstname: Some(first_name.clone()),
            lastname: Some(last_name.clone()),
            company,
            street: street.map(|street| vec![street]),
            city,
            region: filled(from.state.as_deref()).map(|state| adapting.fit(&one_line(state), columns::TEXT, "region")),
            postcode,
            country_id,
            telephone,
            email: Some(email.clone()),
            ..Address::default()
        })
    } else {
        remarks.push(format!("no billing address, since Epicor lacks: {}", missing.join(", ")));
        None
    };
    Ok(Party { email, first_name, last_name, address })
}
