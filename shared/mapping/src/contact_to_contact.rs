//! A person in Epicor as a HubSpot contact.

use mlc_hubspot::ContactInput;
use mlc_model::{Contact, RecordKind};

use crate::{
    CompanyRules, MappingProblem,
    email::{EmailProblem, email},
    properties::Properties,
    text::filled,
};

/// A person in Epicor as a HubSpot contact.
///
/// `Ok(None)` for a person without an e-mail address: it is the only key by which HubSpot finds a person again, so he or
/// she stays out, which is no mistake. The full name is split where Epicor keeps no first and last name.
///
/// # Errors
/// An e-mail address that is none, or several in one field; a name with unprintable characters; a value longer than
/// HubSpot takes.
pub fn contact_to_contact(contact: &Contact, rules: &CompanyRules) -> Result<Option<ContactInput>, MappingProblem> {
    let mut properties = Properties::new("map.contact_to_contact", "contact", rules);
    let Some(typed) = filled(contact.email.as_deref()) else {
        return Ok(None);
    };
    let email_column = if contact.kind == RecordKind::VendorContact { "EmailAddress" } else { "EMailAddress" };
    let email = email(typed).map_err(|problem| match problem {
        EmailProblem::Several => properties.problem(
            "EMAIL_SEVERAL",
            email_column,
            "The contact has more than one e-mail address in one field. \
             Keep one in Epicor and make further contacts for the others, then replay this record."
                .to_owned(),
        ),
        EmailProblem::Malformed => properties.problem(
            "EMAIL_MALFORMED",
            email_column,
            "The contact's e-mail address is not a valid one. Correct it in Epicor, or empty it to leave the contact \
             out, then replay this record."
                .to_owned(),
        ),
    })?;
    let (first, last) = match (filled(contact.first_name.as_deref()), filled(contact.last_name.as_deref())) {
        (None, None) => split_name(contact.name.as_deref().unwrap_or_default()),
        apart => apart,
    };
    for name in [first, last].into_iter().flatten() {
        properties.printable("Name", "name", name)?;
    }
    properties.optional("firstname", "Name", first)?;
    properties.optional("lastname", "Name", last)?;
    properties.optional("phone", "PhoneNum", contact.phone.as_deref())?;
    properties.optional("mobilephone", "CellPhoneNum", contact.mobile.as_deref())?;
    properties.optional("jobtitle", "Func", contact.job_title.as_deref())?;
    Ok(Some(ContactInput { email, properties: properties.into_values() }))
}

/// First and last name. `Verhaeghe, Lena` is taken at its comma; else the first word is the first name and the rest the
/// last one, which keeps `van der Berg` together. A single word is a first name.
fn split_name(full: &str) -> (Option<&str>, Option<&str>) {
    if let Some((last, first)) = full.split_once(',') {
        return (filled(Some(first)), filled(Some(last)));
    }
    match full.trim().split_once(char::is_whitespace) {
        Some((first, last)) => (filled(Some(first)), filled(Some(last))),
        None => (filled(Some(full)), None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_name_is_split_where_people_would_split_it() {
        assert_eq!(split_name("Lena Verhaeghe"), (Some("Lena"), Some("Verhaeghe")));
        assert_eq!(split_name("Jan  van der Berg"), (Some("Jan"), Some("van der Berg")));
        assert_eq!(split_name("Verhaeghe, Lena"), (Some("Lena"), Some("Verhaeghe")));
        assert_eq!(split_name(" Lena "), (Some("Lena"), None));
        assert_eq!(split_name("  "), (None, None));
    }
}
