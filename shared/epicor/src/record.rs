//! Rows as records of our own model.

use std::collections::BTreeMap;

use mlc_model::{Address, ChangeMode, CompanyCode, Contact, Customer, RecordKind, Vendor, Version, Window};

use crate::{
    Cell, Entity, Fields, Row, RowKey, RowProblem,
    dates::{self, ServerZone},
    filter::surely_before,
    query::{CHANGE_TIME_COLUMN, REVISION_COLUMN},
    row::Place,
};

/// The children of a vendor that are persons at the vendor itself.
const VENDOR_CONTACTS: &str = "VendCntMains";

/// A row of `Vendors` as a vendor. Contacts that cannot be read are left out; see [`vendor_contact_problems`].
///
/// # Errors
/// [`RowProblem`] for a column of the wrong type.
pub fn vendor(row: &Row, company: &CompanyCode, extra: &[String]) -> Result<Vendor, RowProblem> {
    let (place, fields) = (row.place(Entity::Vendors), &row.fields);
    let text = |field: &str| place.text(fields, field);
    Ok(Vendor {
        company: company.clone(),
        number: row.key.number,
        code: text("VendorID")?.unwrap_or_default(),
        name: text("Name")?.unwrap_or_default(),
        address: address(&place, fields, "ZIP")?,
        phone: text("PhoneNum")?,
        email: text("EMailAddress")?,
        website: text("VendURL")?,
        terms: text("TermsCode")?,
        group: text("GroupCode")?,
        currency: text("CurrencyCode")?,
        tax_id: text("TaxPayerID")?,
        comment: text("Comment")?,
        active: !place.flag(fields, "Inactive")?,
        contacts: contacts(row, company)?.into_iter().filter_map(Result::ok).collect(),
        version: row.version,
        extra: extras(&place, fields, extra)?,
    })
}

/// The contacts that [`vendor`] left out, each with its reason.
pub fn vendor_contact_problems(row: &Row, company: &CompanyCode) -> Vec<RowProblem> {
    match contacts(row, company) {
        Ok(contacts) => contacts.into_iter().filter_map(Result::err).collect(),
        Err(_) => Vec::new(),
    }
}

/// A row of `Customers` as a customer.
///
/// # Errors
/// [`RowProblem`] for a column of the wrong type.
pub fn customer(row: &Row, company: &CompanyCode, extra: &[String]) -> Result<Customer, RowProblem> {
    let (place, fields) = (row.place(Entity::Customers), &row.fields);
    let text = |field: &str| place.text(fields, field);
    Ok(Customer {
        company: company.clone(),
        number: row.key.number,
        code: text("CustID")?.unwrap_or_default(),
        name: text("Name")?.unwrap_or_default(),
        address: address(&place, fields, "Zip")?,
        phone: text("PhoneNum")?,
        email: text("EMailAddress")?,
        website: text("CustURL")?,
        terms: text("TermsCode")?,
        group: text("GroupCode")?,
        currency: text("CurrencyCode")?,
        territory: text("TerritoryID")?,
        customer_type: text("CustomerType")?,
        credit_hold: place.flag(fields, "CreditHold")?,
        active: !place.flag(fields, "Inactive")?,
        version: row.version,
        extra: extras(&place, fields, extra)?,
    })
}

/// A row of `CustCnts` as a person at a customer.
///
/// # Errors
/// [`RowProblem`] for a column of the wrong type.
pub fn contact(row: &Row, company: &CompanyCode) -> Result<Contact, RowProblem> {
    let place = row.place(Entity::CustomerContacts);
    // `CustCnt` spells it with a capital M, `VendCnt` does not.
    person(&place, &row.fields, company, &row.key, row.version, "EMailAddress")
}

/// Whether a row may have changed after the window's `since`, judged by `ChangeDate` and `ChangeTime`. `false` only
/// when it surely did not; always `true` in modes whose filter is exact or that tell changes apart by fingerprint only.
///
/// Source: Epicor reference, section 4: `ChangeTime` is whole seconds since the server's midnight.
pub fn maybe_changed(row: &Row, window: &Window, zone: ServerZone) -> bool {
    if window.change_field.mode != ChangeMode::DatePlusSeconds {
        return true;
    }
    let Some(Cell::Text(date)) = row.fields.get(&window.change_field.column) else { return true };
    let seconds = match row.fields.get(CHANGE_TIME_COLUMN) {
        Some(Cell::Number(text) | Cell::Text(text)) => text.trim().parse::<u32>().ok(),
        _ => None,
    };
    let (Ok(Some(day)), Some(seconds)) = (dates::day(date, zone), seconds) else { return true };
    let Some(time) = chrono::NaiveTime::from_num_seconds_from_midnight_opt(seconds, 0) else { return true };
    // The column holds whole seconds: a change may have happened anywhere within that second.
    let changed = zone.instant(day.and_time(time)) + chrono::Duration::seconds(1);
    !surely_before(changed, window)
}

fn address(place: &Place, fields: &Fields, post_code: &str) -> Result<Address, RowProblem> {
    let text = |field: &str| place.text(fields, field);
    Ok(Address {
        line1: text("Address1")?,
        line2: text("Address2")?,
        line3: text("Address3")?,
        city: text("City")?,
        state: text("State")?,
        postal_code: text(post_code)?,
        country: text("Country")?,
    })
}

pub(crate) fn extras(place: &Place, fields: &Fields, names: &[String]) -> Result<BTreeMap<String, String>, RowProblem> {
    let mut extra = BTreeMap::new();
    for name in names {
        if let Some(text) = place.any_text(fields, name)? {
            extra.insert(name.clone(), text);
        }
    }
    Ok(extra)
}

fn contacts(row: &Row, company: &CompanyCode) -> Result<Vec<Result<Contact, RowProblem>>, RowProblem> {
    let of_vendor = row.place(Entity::Vendors);
    match row.fields.get(VENDOR_CONTACTS) {
        None | Some(Cell::Null) => Ok(Vec::new()),
        Some(Cell::List(children)) => Ok(children
            .iter()
            .enumerate()
            .map(|(index, child)| vendor_contact(row, index + 1, child, company))
            .collect()),
        Some(other) => {
            let what = format!("holds {} where contacts belong", other.shape());
            Err(of_vendor.problem(VENDOR_CONTACTS, "row.wrong_type", &what))
        }
    }
}

fn vendor_contact(row: &Row, position: usize, child: &Cell, company: &CompanyCode) -> Result<Contact, RowProblem> {
    let vendor = row.key.number;
    let nowhere = Place { entity: Entity::Vendors, kind: RecordKind::VendorContact, key: None, position };
    let unnamed = |problem: RowProblem| RowProblem {
        reason: format!("Contact {position} of vendor {vendor}: {} {}", problem.field, "cannot be read."),
        ..problem
    };
    let Cell::Object(fields) = child else {
        let mut problem = nowhere.problem(VENDOR_CONTACTS, "row.not_an_object", "");
        problem.reason = format!("Contact {position} of vendor {vendor} is {} instead of a row.", child.shape());
        return Err(problem);
    };
    let number = nowhere.int(fields, "ConNum").map_err(unnamed)?;
    // Empty for the vendor's own contacts; some releases leave it out.
    let place_code = nowhere.text(fields, "PurPoint").map_err(unnamed)?.unwrap_or_default();
    let key = RowKey::contact(vendor, place_code, number);
    let place = Place { key: Some(key.clone()), ..nowhere };
    // Without one of its own the vendor's version stands in: at zero the contact would pass for older than what was sent.
    let version = place.optional_int(fields, REVISION_COLUMN)?.map_or(row.version, Version);
    person(&place, fields, company, &key, version, "EmailAddress")
}

fn person(
    place: &Place,
    fields: &Fields,
    company: &CompanyCode,
    key: &RowKey,
    version: Version,
    email: &str,
) -> Result<Contact, RowProblem> {
    let text = |field: &str| place.text(fields, field);
    let (at, number) = key.contact.as_ref().map_or(("", 0), |part| (part.place.as_str(), part.number));
    Ok(Contact {
        company: company.clone(),
        kind: place.kind,
        parent_number: key.number,
        place: at.to_owned(),
        number,
        name: text("Name")?,
        first_name: text("FirstName")?,
        last_name: text("LastName")?,
        email: text(email)?,
        phone: text("PhoneNum")?,
        mobile: text("CellPhoneNum")?,
        // `Func` is what the person does, `ContactTitle` how they are addressed at work; most sites fill one of them.
        job_title: match text("ContactTitle")? {
            Some(title) => Some(title),
            None => text("Func")?,
        },
        active: !place.flag(fields, "Inactive")?,
        version,
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]
    use mlc_model::{ChangeField, WindowBounds, WindowId};

    use super::*;
    use crate::Page;

    fn company() -> CompanyCode {
        CompanyCode::parse("EPIC06").unwrap()
    }

    fn row(entity: Entity, json: &str) -> Row {
        let body = format!(r#"{{"value":[{json}]}}"#);
        Page::read(entity, &company(), body.as_bytes()).unwrap().rows.remove(0).unwrap()
    }

    #[test]
    fn a_vendor_is_read_with_its_contacts_and_extra_columns() {
        let row = row(
            Entity::Vendors,
            r#"{"Company":"EPIC06","VendorNum":118,"VendorID":" NORDBOLT ","Name":"Nordic Bolt Supply AB","Address1":"12 Quay Rd",
                "Address2":"  ","City":"Duluth","ZIP":55802,"TermsCode":"N30","Inactive":"false","SysRevID":48210377,
                "CreditLimit":1275.00,"Tier_c":null,"Approved":true,
                "VendCntMains":[
                  {"VendorNum":118,"PurPoint":"","ConNum":1,"Name":"Lena Berg","EmailAddress":"lena@nordbolt.example","Func":"AP","SysRevID":48210400},
                  {"VendorNum":118,"PurPoint":"","ConNum":null,"Name":"Otto","SysRevID":1},
                  "rubbish",
                  {"VendorNum":118,"PurPoint":"","ConNum":3,"Name":{"x":1},"SysRevID":1}]}"#,
        );
        let extra = ["CreditLimit".to_owned(), "Tier_c".to_owned(), "Approved".to_owned()];
        let vendor = vendor(&row, &company(), &extra).unwrap();
        assert_eq!(vendor.key().as_str(), "EPIC06:VEND:118");
        assert_eq!((vendor.code.as_str(), vendor.address.line2, vendor.active), ("NORDBOLT", None, true));
        assert_eq!(vendor.address.postal_code.as_deref(), Some("55802"));
        assert_eq!(vendor.version, Version(48_210_377));
        assert_eq!(vendor.extra.get("CreditLimit").map(String::as_str), Some("1275.00"));
        assert_eq!(vendor.extra.get("Approved").map(String::as_str), Some("true"));
        assert!(!vendor.extra.contains_key("Tier_c"));
        assert_eq!(vendor.contacts.len(), 1);
        assert_eq!(vendor.contacts[0].key().as_str(), "EPIC06:VENDCNT:118:1");
        assert_eq!(vendor.contacts[0].job_title.as_deref(), Some("AP"));

        let problems = vendor_contact_problems(&row, &company());
        assert_eq!(problems.len(), 3);
        assert_eq!(problems[2].record_key(&company()).unwrap().as_str(), "EPIC06:VENDCNT:118:3");
        assert!(problems.iter().all(|problem| !problem.reason.contains("Otto")));
    }

    #[test]
    fn a_vendor_contact_without_a_version_takes_that_of_its_vendor() {
        let row = row(
            Entity::Vendors,
            r#"{"VendorNum":118,"SysRevID":70,"VendCntMains":[{"ConNum":1},{"ConNum":2,"SysRevID":null},{"ConNum":3,"SysRevID":9}]}"#,
        );
        let contacts = vendor(&row, &company(), &[]).unwrap().contacts;
        let versions: Vec<Version> = contacts.iter().map(|contact| contact.version).collect();
        assert_eq!(versions, [Version(70), Version(70), Version(9)]);
    }

    #[test]
    fn a_customer_and_its_contact_are_read() {
        let row_of_customer = row(
            Entity::Customers,
            r#"{"Company":"EPIC06","CustNum":2041,"CustID":"HARBOR","Name":"Harbor","CustomerType":"CUS","Zip":"98402","CreditHold":1,
                "Inactive":true,"SysRevID":48209911}"#,
        );
        let customer = customer(&row_of_customer, &company(), &[]).unwrap();
        assert!(customer.credit_hold && !customer.active);
        assert_eq!(customer.customer_type.as_deref(), Some("CUS"));

        let row_of_contact = row(
            Entity::CustomerContacts,
            r#"{"Company":"EPIC06","CustNum":2041,"ShipToNum":"EAST","ConNum":2,"EMailAddress":"joe@harbor.example","SysRevID":5}"#,
        );
        let contact = contact(&row_of_contact, &company()).unwrap();
        assert_eq!(contact.key().as_str(), "EPIC06:CUSTCNT:2041:EAST:2");
        assert_eq!(contact.parent_key().as_str(), "EPIC06:CUST:2041");
        assert!(contact.email.is_some() && contact.active);
    }

    #[test]
    fn a_column_of_the_wrong_type_names_itself_and_not_its_value() {
        let row = row(Entity::Vendors, r#"{"VendorNum":118,"SysRevID":1,"Name":["Lena"],"Inactive":"perhaps"}"#);
        let problem = vendor(&row, &company(), &[]).unwrap_err();
        assert_eq!(problem.reason, "Vendor 118: Name holds a list where a text belongs.");
        assert_eq!(problem.field, "Name");
    }

    #[test]
    fn seconds_since_midnight_refine_a_read_by_day() {
        let window = |since: &str| {
            let field = ChangeField { mode: ChangeMode::DatePlusSeconds, column: "ChangeDate".to_owned() };
            let since = Some(since.parse().unwrap());
            let until = "2027-01-01T00:00:00Z".parse().unwrap();
            Window::new(WindowId::parse("w").unwrap(), field, WindowBounds::Time { since, until }).unwrap()
        };
        let changed = |json: &str, since: &str| {
            let zone = "America/Los_Angeles".parse().unwrap();
            maybe_changed(&row(Entity::Customers, json), &window(since), zone)
        };
        // 14:30:14 in Los Angeles is 21:30:14 UTC.
        let dated = r#"{"CustNum":1,"SysRevID":1,"ChangeDate":"2026-04-07T00:00:00","ChangeTime":52214}"#;
        assert!(changed(dated, "2026-04-07T21:30:13Z"));
        assert!(changed(dated, "2026-04-07T21:30:14.5Z"), "within the same second");
        assert!(!changed(dated, "2026-04-07T21:30:15Z"));
        let doubtful = r#"{"CustNum":1,"SysRevID":1,"ChangeDate":null,"ChangeTime":52214}"#;
        assert!(changed(doubtful, "2026-12-01T00:00:00Z"));
    }
}
