//! The definitions a fresh portal has.

use super::{
    properties::{Choice, Group, NewProperty},
    store::Kind,
};

type Shapes = Vec<(NewProperty, bool)>;

/// Groups and definitions of an object type; the flag marks read-only values.
pub(super) fn of(kind: Kind) -> (Vec<Group>, Shapes) {
    let (group, label, mut shapes) = match kind {
        Kind::Company => ("companyinformation", "Company information", company()),
        Kind::Contact => ("contactinformation", "Contact information", contact()),
    };
    let modified = kind.modified_property();
    shapes.extend([
        read_only("createdate", "Create date", "datetime", "date"),
        read_only(modified, "Last modified date", "datetime", "date"),
        read_only("hs_object_id", "Record ID", "number", "number"),
        read_only("hs_merged_object_ids", "Merged record IDs", "enumeration", "checkbox"),
        read_only("hs_num_child_companies", "Number of child companies", "number", "number"),
        plain("hubspot_owner_id", "Owner", "string", "text"),
        plain("lifecyclestage", "Lifecycle stage", "enumeration", "radio"),
    ]);
    for (shape, _) in &mut shapes {
        group.clone_into(&mut shape.group_name);
        if shape.name == "lifecyclestage" {
            shape.options = choices(&LIFECYCLE);
        }
    }
    let group = Group { name: group.to_owned(), label: label.to_owned(), display_order: 0, archived: false };
    (vec![group], shapes)
}

/// Lifecycle stages in the order in which a record may move.
pub(super) const LIFECYCLE: [&str; 8] = [
    "subscriber",
    "lead",
    "marketingqualifiedlead",
    "salesqualifiedlead",
    "opportunity",
    "customer",
    "evangelist",
    "other",
];

fn company() -> Shapes {
    let mut shapes = texts(&[
        ("name", "Company name"),
        ("domain", "Company domain name"),
        ("website", "Website URL"),
        ("phone", "Phone number"),
        ("address", "Street address"),
        ("address2", "Street address 2"),
        ("city", "City"),
        ("state", "State/Region"),
        ("zip", "Postal code"),
        ("country", "Country/Region"),
        ("timezone", "Time zone"),
        ("linkedin_company_page", "LinkedIn company page"),
        ("twitterhandle", "Twitter handle"),
        ("founded_year", "Year founded"),
    ]);
    shapes.push(plain("description", "Description", "string", "textarea"));
    shapes.push(plain("numberofemployees", "Number of employees", "number", "number"));
    shapes.push(plain("annualrevenue", "Annual revenue", "number", "number"));
    shapes.push(plain("is_public", "Is public", "bool", "booleancheckbox"));
    shapes.push(with_choices("type", "Type", &["PROSPECT", "PARTNER", "RESELLER", "VENDOR", "OTHER"]));
    shapes.push(with_choices("industry", "Industry", &INDUSTRIES));
    shapes.push(with_choices("hs_lead_status", "Lead status", &LEAD_STATUS));
    shapes.push(with_choices("hs_analytics_source", "Original source", &["OFFLINE"]));
    shapes
}

fn contact() -> Shapes {
    let mut shapes = texts(&[
        ("email", "Email"),
        ("firstname", "First name"),
        ("lastname", "Last name"),
        ("phone", "Phone number"),
        ("mobilephone", "Mobile phone number"),
        ("fax", "Fax number"),
        ("jobtitle", "Job title"),
        ("company", "Company name"),
        ("salutation", "Salutation"),
        ("website", "Website URL"),
        ("address", "Street address"),
        ("city", "City"),
        ("state", "State/Region"),
        ("zip", "Postal code"),
        ("country", "Country/Region"),
        ("hs_language", "Preferred language"),
        ("hs_additional_emails", "Additional email addresses"),
    ]);
    for (shape, _) in &mut shapes {
        shape.has_unique_value = shape.name == "email";
    }
    shapes.push(with_choices("hs_lead_status", "Lead status", &LEAD_STATUS));
    shapes
}

fn texts(names: &[(&str, &str)]) -> Shapes {
    names.iter().map(|(name, label)| plain(name, label, "string", "text")).collect()
}

fn plain(name: &str, label: &str, r#type: &str, field_type: &str) -> (NewProperty, bool) {
    let options = if r#type == "bool" { choices(&["true", "false"]) } else { Vec::new() };
    let shape = NewProperty {
        name: name.to_owned(),
        label: label.to_owned(),
        group_name: String::new(),
        r#type: r#type.to_owned(),
        field_type: field_type.to_owned(),
        description: String::new(),
        options,
        display_order: -1,
        has_unique_value: false,
        hidden: false,
        form_field: false,
        external_options: false,
    };
    (shape, false)
}

fn read_only(name: &str, label: &str, r#type: &str, field_type: &str) -> (NewProperty, bool) {
    (plain(name, label, r#type, field_type).0, true)
}

fn with_choices(name: &str, label: &str, values: &[&str]) -> (NewProperty, bool) {
    let (mut shape, read_only) = plain(name, label, "enumeration", "select");
    shape.options = choices(values);
    (shape, read_only)
}

fn choices(values: &[&str]) -> Vec<Choice> {
    values
        .iter()
        .zip(0..)
        .map(|(value, display_order)| Choice {
            label: (*value).to_owned(),
            value: (*value).to_owned(),
            display_order,
            hidden: false,
            description: None,
        })
        .collect()
}

const LEAD_STATUS: [&str; 4] = ["NEW", "OPEN", "IN_PROGRESS", "CONNECTED"];

const INDUSTRIES: [&str; 24] = [
    "ACCOUNTING",
    "AUTOMOTIVE",
    "BANKING",
    "BUILDING_MATERIALS",
    "CHEMICALS",
    "COMPUTER_SOFTWARE",
    "CONSTRUCTION",
    "CONSUMER_GOODS",
    "ELECTRICAL_ELECTRONIC_MANUFACTURING",
    "FOOD_PRODUCTION",
    "FURNITURE",
    "INDUSTRIAL_AUTOMATION",
    "INFORMATION_TECHNOLOGY_AND_SERVICES",
    "LOGISTICS_AND_SUPPLY_CHAIN",
    "MACHINERY",
    "MARITIME",
    "MECHANICAL_OR_INDUSTRIAL_ENGINEERING",
    "MINING_METALS",
    "OIL_ENERGY",
    "PACKAGE_FREIGHT_DELIVERY",
    "PLASTICS",
    "RETAIL",
    "TRANSPORTATION_TRUCKING_RAILROAD",
    "WHOLESALE",
];
