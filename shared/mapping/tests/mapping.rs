//! The mappings as a whole: tables, snapshots, and the law that no input makes them panic.
#![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]

use std::collections::BTreeMap;

use mlc_mapping::{CompanyRules, MappingProblem, contact_to_contact, customer_to_company, vendor_to_company};
use mlc_model::{Address, CompanyCode, Contact, Customer, Fault, FaultKind, RecordKind, System, Vendor, Version};
use proptest::prelude::*;

fn company() -> CompanyCode {
    CompanyCode::parse("EPIC06").unwrap()
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn address() -> Address {
    Address {
        line1: some("Havenlaan 12"),
        line2: some("Kaai 4"),
        line3: some(" Poort B "),
        city: some("Oostende"),
        state: None,
        postal_code: some("8400"),
        country: some("Belgium"),
    }
}

fn vendor() -> Vendor {
    Vendor {
        company: company(),
        number: 1042,
        code: "NOORD".to_owned(),
        name: " Noordzee Pompen BV ".to_owned(),
        address: address(),
        phone: some("+32 (0)59 00 00 00"),
        email: some("info@mailprovider.example"),
        website: some("www.NoordzeePompen.example/"),
        terms: some("N30"),
        group: None,
        currency: some("EUR"),
        tax_id: None,
        comment: None,
        active: true,
        contacts: Vec::new(),
        version: Version(7),
        extra: BTreeMap::from([("TaxPayerID".to_owned(), "BE0123".to_owned())]),
    }
}

fn customer() -> Customer {
    Customer {
        company: company(),
        number: 1042,
        code: "BRUN".to_owned(),
        name: "Atelier Brun".to_owned(),
        address: Address::default(),
        phone: None,
        email: None,
        website: some("n/a"),
        terms: some(""),
        group: some("RETAIL"),
        currency: some("USD"),
        territory: some("EAST"),
        customer_type: some("CUS"),
        credit_hold: true,
        active: false,
        version: Version(9),
        extra: BTreeMap::new(),
    }
}

fn contact() -> Contact {
    Contact {
        company: company(),
        kind: RecordKind::VendorContact,
        parent_number: 1042,
        place: String::new(),
        number: 1,
        name: some("Lena Verhaeghe"),
        first_name: None,
        last_name: None,
        email: some(" Lena.V@Noordzee.Example "),
        phone: some("+32 59 00 00 01"),
        mobile: None,
        job_title: some("Buyer"),
        active: true,
        version: Version(3),
    }
}

fn rules() -> CompanyRules {
    CompanyRules::default()
}

fn shown(properties: &BTreeMap<String, String>) -> String {
    properties.iter().map(|(name, value)| format!("{name} = {value:?}\n")).collect()
}

#[test]
fn a_vendor_becomes_a_company() {
    let company = vendor_to_company(&vendor(), &rules()).unwrap();
    assert_eq!(company.key.as_str(), "EPIC06:VEND:1042");
    insta::assert_snapshot!(shown(&company.properties), @r#"
    address = "Havenlaan 12"
    address2 = "Kaai 4, Poort B"
    city = "Oostende"
    country = "Belgium"
    domain = "noordzeepompen.example"
    epicor_active = "true"
    epicor_currency = "EUR"
    epicor_id = "NOORD"
    epicor_record_type = "vendor"
    epicor_terms = "N30"
    name = "Noordzee Pompen BV"
    phone = "+32 (0)59 00 00 00"
    type = "VENDOR"
    website = "https://www.noordzeepompen.example"
    zip = "8400"
    "#);
}

#[test]
fn a_customer_out_of_use_stays_and_is_marked() {
    let company = customer_to_company(&customer(), &rules()).unwrap();
    assert_eq!(company.key.as_str(), "EPIC06:CUST:1042");
    insta::assert_snapshot!(shown(&company.properties), @r#"
    epicor_active = "false"
    epicor_credit_hold = "true"
    epicor_currency = "USD"
    epicor_group = "RETAIL"
    epicor_id = "BRUN"
    epicor_record_type = "customer"
    epicor_territory = "EAST"
    name = "Atelier Brun"
    "#);
}

#[test]
fn a_contact_with_an_address_becomes_a_contact() {
    let person = contact_to_contact(&contact(), &rules()).unwrap().unwrap();
    assert_eq!(person.email, "lena.v@noordzee.example");
    insta::assert_snapshot!(shown(&person.properties), @r#"
    firstname = "Lena"
    jobtitle = "Buyer"
    lastname = "Verhaeghe"
    phone = "+32 59 00 00 01"
    "#);
}

#[test]
fn a_vendor_and_a_customer_with_one_number_stay_two_companies() {
    let vendor = vendor_to_company(&vendor(), &rules()).unwrap();
    let customer = customer_to_company(&customer(), &rules()).unwrap();
    assert_ne!(vendor.key, customer.key);
}

#[test]
fn a_person_without_an_address_stays_out_without_a_complaint() {
    for email in [None, some(""), some("  ")] {
        assert_eq!(contact_to_contact(&Contact { email, ..contact() }, &rules()), Ok(None));
    }
}

#[test]
fn empty_fields_wipe_only_when_the_settings_say_so() {
    let clearing = CompanyRules { clear_empty_fields: true, ..rules() };
    let kept = vendor_to_company(&vendor(), &rules()).unwrap();
    let cleared = vendor_to_company(&vendor(), &clearing).unwrap();
    assert_eq!(kept.properties.get("epicor_group"), None);
    assert_eq!(cleared.properties["epicor_group"], "");
    assert_eq!(cleared.properties["state"], "");
    // "n/a" is not an empty web site: it says nothing, so it wipes nothing either.
    let unknown = customer_to_company(&customer(), &clearing).unwrap();
    assert_eq!(unknown.properties.get("website"), None);
}

#[test]
fn a_name_in_which_nothing_can_be_seen_is_missing() {
    let unseen = vendor_to_company(&Vendor { name: "\u{200B}\u{FEFF}".to_owned(), ..vendor() }, &rules()).unwrap_err();
    assert_eq!(unseen.code, "NAME_MISSING");
    let unseen = customer_to_company(&Customer { code: " \u{2060}".to_owned(), ..customer() }, &rules()).unwrap_err();
    assert_eq!(unseen.code, "CODE_MISSING");
    let person = Contact { first_name: some("\u{200B}"), last_name: some("\u{200B}"), ..contact() };
    let person = contact_to_contact(&person, &rules()).unwrap().unwrap();
    assert_eq!(
        (person.properties["firstname"].as_str(), person.properties["lastname"].as_str()),
        ("Lena", "Verhaeghe")
    );
    assert_eq!(contact_to_contact(&Contact { email: some("\u{200B}"), ..contact() }, &rules()), Ok(None));
}

#[test]
fn control_characters_are_not_sent() {
    let address = Address { line1: some("Havenlaan 12\r\nBus 3"), city: some("Oost\0ende"), ..address() };
    let odd = Vendor { address, phone: some("+32\t59\u{7}00\0"), group: some("\0"), ..vendor() };
    let company = vendor_to_company(&odd, &rules()).unwrap();
    assert_eq!(company.properties["address"], "Havenlaan 12 Bus 3");
    assert_eq!(company.properties["city"], "Oost ende");
    assert_eq!(company.properties["phone"], "+32 59 00");
    assert!(!company.properties.contains_key("epicor_group"));
    let person = Contact { phone: some("+32\u{0}59"), job_title: some("Buyer\nAP"), ..contact() };
    let person = contact_to_contact(&person, &rules()).unwrap().unwrap();
    assert_eq!((person.properties["phone"].as_str(), person.properties["jobtitle"].as_str()), ("+32 59", "Buyer AP"));
}

#[test]
fn an_extra_mapping_wins_except_over_key_and_record_type() {
    let map = [
        ("tax_id", "TaxPayerID"),
        ("phone", "TaxPayerID"),
        ("epicor_key", "TaxPayerID"),
        ("epicor_record_type", "TaxPayerID"),
        ("gone", "NoSuch"),
    ];
    let fields = map.map(|(property, column)| (property.to_owned(), column.to_owned())).into();
    let company = vendor_to_company(&vendor(), &CompanyRules { fields, ..rules() }).unwrap();
    assert_eq!(company.properties["tax_id"], "BE0123");
    assert_eq!(company.properties["phone"], "BE0123");
    assert_eq!(company.properties["epicor_record_type"], "vendor");
    assert!(!company.properties.contains_key("epicor_key"));
    assert!(!company.properties.contains_key("gone"));
}

#[test]
fn the_built_in_type_is_left_alone_when_the_settings_say_so() {
    let company = vendor_to_company(&vendor(), &CompanyRules { set_builtin_type: false, ..rules() }).unwrap();
    assert!(!company.properties.contains_key("type"));
}

#[test]
fn every_refusal_names_the_field_and_says_what_to_do() {
    let long = "x".repeat(65_537);
    let vendors = [
        Vendor { name: "  ".to_owned(), ..vendor() },
        Vendor { code: String::new(), ..vendor() },
        Vendor { name: "Noord\tzee".to_owned(), ..vendor() },
        Vendor { name: long.clone(), ..vendor() },
        Vendor { phone: Some(long), ..vendor() },
    ];
    let mut problems: Vec<MappingProblem> =
        vendors.iter().map(|vendor| vendor_to_company(vendor, &rules()).unwrap_err()).collect();
    problems.push(customer_to_company(&Customer { code: " ".to_owned(), ..customer() }, &rules()).unwrap_err());
    let contacts = [
        Contact { email: some("lena at noordzee"), ..contact() },
        Contact { email: some("a@x.example; b@x.example"), ..contact() },
        Contact { email: some("lena@"), kind: RecordKind::CustomerContact, ..contact() },
        Contact { name: some("Le\nna"), first_name: some("Le\nna"), ..contact() },
    ];
    problems.extend(contacts.iter().map(|contact| contact_to_contact(contact, &rules()).unwrap_err()));
    let table: String =
        problems.iter().map(|p| format!("{} | {} | {} | {}\n", p.operation, p.code, p.field, p.message)).collect();
    insta::assert_snapshot!(table);
    for problem in problems {
        let fault = Fault::from(problem);
        assert_eq!((fault.kind, fault.system), (FaultKind::Rejected, System::Connector));
        assert!(!fault.to_string().contains("lena at"), "{fault}");
    }
}

proptest! {
    #[test]
    fn a_mapping_never_panics_and_keeps_hubspots_limits(
        texts in proptest::collection::vec(proptest::option::of(".{0,40}"), 12),
        number in any::<i64>(),
        clear in any::<bool>(),
    ) {
        let text = |at: usize| texts[at].clone();
        let rules = CompanyRules { clear_empty_fields: clear, fields: [("extra".to_owned(), "X".to_owned())].into(), ..rules() };
        let address = Address { line1: text(0), line2: text(1), line3: text(2), city: text(3), ..Address::default() };
        let extra: BTreeMap<String, String> = text(4).map(|value| ("X".to_owned(), value)).into_iter().collect();
        let vendor = Vendor {
            number, code: text(5).unwrap_or_default(), name: text(6).unwrap_or_default(), address: address.clone(),
            phone: text(7), website: text(8), extra: extra.clone(), ..vendor()
        };
        let customer = Customer {
            number, code: text(5).unwrap_or_default(), name: text(6).unwrap_or_default(), address, website: text(8), extra,
            ..customer()
        };
        let contact = Contact { email: text(9), name: text(10), first_name: text(11), ..contact() };
        for company in [vendor_to_company(&vendor, &rules), customer_to_company(&customer, &rules)].into_iter().flatten() {
            prop_assert!(!company.properties["name"].is_empty());
            prop_assert!(company.properties.values().all(|value| value.trim() == value && !value.contains(char::is_control)));
            prop_assert!(clear || company.properties.values().all(|value| !value.is_empty()));
        }
        if let Ok(Some(person)) = contact_to_contact(&contact, &rules) {
            prop_assert_eq!(person.email.to_lowercase(), person.email.clone());
            prop_assert_eq!(person.email.matches('@').count(), 1);
        }
    }

    #[test]
    fn an_address_typed_like_one_is_split_or_refused_but_never_panics(email in "[a-zA-Z0-9.@ ;é<>-]{0,30}", site in "[a-zA-Z0-9./:@?#éß-]{0,30}") {
        let _ = contact_to_contact(&Contact { email: Some(email), ..contact() }, &rules());
        let _ = vendor_to_company(&Vendor { website: Some(site), ..vendor() }, &rules());
    }
}
