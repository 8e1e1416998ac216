//! The two-way vendor master, without systems: what is written where, and which edits are lost.

#![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]

use std::collections::{BTreeMap, BTreeSet};

use mlc_adobe::{Company, Source};
use mlc_mapping::{
    Agreed, Placeholders, PullPlan, PushPlan, Seen, SharedValues, ShopVendorRules, is_form_of, reseller_id,
    value_print, vendor_columns, vendor_number, vendor_to_shop,
};
use mlc_model::{Address, CompanyCode, RecordKey, RecordKind, SharedField, Vendor, Version};

fn code() -> CompanyCode {
    CompanyCode::parse("EPIC06").unwrap()
}

fn key() -> RecordKey {
    RecordKey::new(&code(), RecordKind::Vendor, "118")
}

fn vendor() -> Vendor {
    let some = |text: &str| Some(text.to_owned());
    Vendor {
        company: code(),
        number: 118,
        code: "NOORD".to_owned(),
        name: "Noordzee  Pompen BV".to_owned(),
        address: Address {
            line1: some("Kaai 4"),
            line2: None,
            line3: some("Gate B"),
            city: some("Oostende"),
            state: None,
            postal_code: some(" 8400 "),
            country: some("Belgium"),
        },
        phone: some("+32 59 55 01 42"),
        email: some("AP@Noordzee.Example"),
        website: None,
        terms: some("N30"),
        group: None,
        currency: None,
        tax_id: None,
        comment: some("Ask for Lena \r\n not on Friday"),
        active: true,
        contacts: vec![],
        version: Version(1),
        extra: BTreeMap::from([("GLDim_c".to_owned(), "4100".to_owned())]),
    }
}

fn rules() -> ShopVendorRules {
    ShopVendorRules {
        placeholders: Placeholders {
            email: Some("V-{number}@shop.example".to_owned()),
            phone: "-".to_owned(),
            postal_code: "-".to_owned(),
        },
        customer_group_id: 1,
        sales_representative_id: 1,
        website_id: 1,
        store_id: 1,
        attributes: BTreeMap::from([("epicor_gl_dimension".to_owned(), "GLDim_c".to_owned())]),
        shop_owns: BTreeSet::from([SharedField::Phone]),
    }
}

/// The values of a vendor with this telephone (the shop's) and tax number (Epicor's).
fn values(phone: &str, tax_id: &str) -> SharedValues {
    let vendor = Vendor { phone: Some(phone.to_owned()), tax_id: Some(tax_id.to_owned()), ..vendor() };
    SharedValues::of_vendor(&vendor)
}

/// Both sides held these once.
fn agreed(phone: &str, tax_id: &str) -> Agreed {
    let mut agreed = Agreed::read(key(), None).unwrap();
    let both = values(phone, tax_id);
    assert_eq!(agreed.plan_push(&rules().shop_owns, &both, &both).unwrap(), PushPlan::default());
    Agreed::read(key(), Some(&agreed.text().unwrap())).unwrap()
}

fn push(agreed: &mut Agreed, epicor: &SharedValues, shop: &SharedValues) -> PushPlan {
    agreed.plan_push(&rules().shop_owns, epicor, shop).unwrap()
}

fn pull(agreed: &mut Agreed, epicor: &SharedValues, shop: &SharedValues) -> PullPlan {
    let owns = rules().shop_owns;
    agreed.plan_pull(&owns, epicor, &shop.only(&owns)).unwrap()
}

const TAX: [SharedField; 1] = [SharedField::TaxId];
const PHONE: [SharedField; 1] = [SharedField::Phone];

#[test]
fn a_company_made_from_a_vendor_means_the_same_values() {
    let wanted = vendor_to_shop(&vendor(), &rules()).unwrap();
    let company = wanted.new_company(&rules(), 7).unwrap();
    assert_eq!(SharedValues::of_company(&company, 118, &rules().placeholders), wanted.values);
    assert_eq!(
        (company.street.as_deref(), company.region.as_deref()),
        (Some(["Kaai 4".to_owned(), "Gate B".to_owned()].as_slice()), Some("-"))
    );
    assert_eq!((company.country_id.as_deref(), company.reseller_id.as_deref()), (Some("BE"), Some("EPIC06-V-118")));
    assert_eq!(company.comment.as_deref(), Some("Ask for Lena\nnot on Friday"));
    assert_eq!(wanted.attributes["epicor_gl_dimension"], "4100");
    let nothing = wanted.changed_company(&company, &rules(), &SharedField::ALL.into()).unwrap();
    assert_eq!(nothing, None, "what was just written needs no writing");
}

#[test]
fn a_vendor_with_next_to_nothing_fills_the_shops_demands_and_counts_as_empty() {
    let bare = Vendor {
        address: Address { country: Some("BE".to_owned()), ..Address::default() },
        phone: None,
        email: None,
        comment: None,
        ..vendor()
    };
    let wanted = vendor_to_shop(&bare, &rules()).unwrap();
    let company = wanted.new_company(&rules(), 7).unwrap();
    assert_eq!(company.company_email.as_deref(), Some("v-118@shop.example"));
    assert_eq!((company.telephone.as_deref(), company.postcode.as_deref()), (Some("-"), Some("-")));
    assert_eq!(SharedValues::of_company(&company, 118, &rules().placeholders), SharedValues::of_vendor(&bare));
}

#[test]
fn only_the_fields_that_are_asked_for_change_and_what_is_not_ours_stays() {
    let wanted = vendor_to_shop(&vendor(), &rules()).unwrap();
    let mut read = wanted.new_company(&rules(), 7).unwrap();
    read.telephone = Some("1".to_owned());
    read.city = Some("Gent".to_owned());
    read.customer_group_id = Some(9);
    read.legal_name = Some("N.P.".to_owned());
    let changed = wanted.changed_company(&read, &rules(), &BTreeSet::from([SharedField::Address])).unwrap().unwrap();
    assert_eq!(changed, Company { city: Some("Oostende".to_owned()), ..read });
}

#[test]
fn a_source_is_written_only_when_it_differs() {
    let wanted = vendor_to_shop(&Vendor { name: "A ${b} C".to_owned(), ..vendor() }, &rules()).unwrap();
    let source = wanted.source(None, &rules()).unwrap().unwrap();
    assert_eq!((source.source_code.as_deref(), source.enabled), (Some("epic06-v-118"), Some(true)));
    assert_eq!(source.name.as_deref(), Some("A $ {b} C"), "the shop refuses what looks like a template");
    assert_eq!(wanted.source(Some(&source), &rules()).unwrap(), None);
    let read = Source { city: Some("Gent".to_owned()), fax: Some("1".to_owned()), ..source.clone() };
    let changed = wanted.source(Some(&read), &rules()).unwrap().unwrap();
    assert_eq!(changed, Source { fax: Some("1".to_owned()), ..source });
}

#[test]
fn a_key_of_another_company_or_another_shape_is_no_vendor_of_ours() {
    assert_eq!(vendor_number(&reseller_id(&code(), 118), &code()), Some(118));
    assert_eq!(vendor_number(" epic06-v-118 ", &code()), Some(118));
    for other in [
        "EPIC07-V-118",
        "EPIC06-V-",
        "EPIC06-V-1x",
        "EPIC06-V--1",
        "EPIC06-V-0",
        "118",
        "",
        "EPIC06-V-99999999999999999999",
    ] {
        assert_eq!(vendor_number(other, &code()), None, "{other}");
    }
}

#[test]
fn the_address_of_the_shop_fills_the_columns_of_epicor_and_empties_the_third_line() {
    let text = SharedValues::of_vendor(&vendor()).get(SharedField::Address).to_owned();
    let columns = vendor_columns(SharedField::Address, &text);
    let meant = [
        ("Address1", "Kaai 4"),
        ("Address2", "Gate B"),
        ("Address3", ""),
        ("City", "Oostende"),
        ("State", ""),
        ("ZIP", "8400"),
    ];
    assert_eq!(columns, meant.map(|(column, text)| (column, text.to_owned())).into());
}

#[test]
fn epicors_new_value_is_written_and_nothing_is_lost() {
    let mut agreed = agreed("1", "A");
    let plan = push(&mut agreed, &values("1", "B"), &values("1", "A"));
    assert_eq!(plan, PushPlan { write: TAX.into(), ..PushPlan::default() });
}

#[test]
fn an_edit_in_the_shop_of_what_epicor_owns_is_overwritten_and_lost() {
    let mut agreed = agreed("1", "A");
    let seen = agreed.look(&rules().shop_owns, &values("1", "X"), false).unwrap();
    assert_eq!(seen, Seen { write: false, restore: true });
    let plan = push(&mut agreed, &values("1", "A"), &values("1", "X"));
    assert_eq!(plan, PushPlan { write: TAX.into(), lost: TAX.into(), pull: false });
}

#[test]
fn an_edit_in_epicor_of_what_the_shop_owns_is_overwritten_and_lost() {
    let mut agreed = agreed("1", "A");
    let plan = push(&mut agreed, &values("X", "A"), &values("1", "A"));
    assert_eq!(plan, PushPlan { pull: true, ..PushPlan::default() }, "the pull decides, by what Epicor holds then");
    assert_eq!(
        pull(&mut agreed, &values("X", "A"), &values("1", "A")),
        PullPlan { write: PHONE.into(), lost: PHONE.into() }
    );
}

#[test]
fn the_same_edit_on_both_sides_is_agreement() {
    let mut agreed = agreed("1", "A");
    assert_eq!(push(&mut agreed, &values("2", "B"), &values("2", "B")), PushPlan::default());
    assert_eq!(pull(&mut agreed, &values("2", "B"), &values("2", "B")), PullPlan::default());
    assert_eq!(agreed.look(&rules().shop_owns, &values("2", "B"), false).unwrap(), Seen::default());
}

#[test]
fn a_value_that_was_sent_without_an_answer_is_nobodys_edit() {
    let mut to_shop = agreed("1", "A");
    to_shop.sending(SharedField::TaxId, "B").unwrap();
    let plan = push(&mut to_shop, &values("1", "C"), &values("1", "B"));
    assert_eq!(plan, PushPlan { write: TAX.into(), ..PushPlan::default() });
    assert_eq!(to_shop.look(&rules().shop_owns, &values("1", "B"), false).unwrap(), Seen::default());

    let mut to_epicor = agreed("1", "A");
    to_epicor.sending(SharedField::Phone, "2").unwrap();
    let plan = pull(&mut to_epicor, &values("2", "A"), &values("3", "A"));
    assert_eq!(plan, PullPlan { write: PHONE.into(), ..PullPlan::default() });
}

#[test]
fn an_old_copy_of_a_vendor_settles_nothing_about_what_the_shop_owns() {
    let mut agreed = agreed("1", "A");
    // The shop's 2 has been brought to Epicor; the copy in hand was read before, and the shop went back to 1 meanwhile.
    agreed.settle(SharedField::Phone, "2", "2").unwrap();
    assert_eq!(push(&mut agreed, &values("1", "A"), &values("1", "A")), PushPlan::default());
    assert!(agreed.look(&rules().shop_owns, &values("1", "A"), false).unwrap().write, "Epicor still holds 2");
}

#[test]
fn what_a_system_made_of_our_text_is_left_as_it_is_until_somebody_edits() {
    let mut agreed = agreed("1", "A");
    agreed.settle(SharedField::TaxId, "BE 0411.905.847", "BE0411905847").unwrap();
    assert_eq!(push(&mut agreed, &values("1", "BE 0411.905.847"), &values("1", "BE0411905847")), PushPlan::default());
    assert_eq!(push(&mut agreed, &values("1", "C"), &values("1", "BE0411905847")).lost, BTreeSet::new());
    let edited = push(&mut agreed, &values("1", "BE 0411.905.847"), &values("1", "BE0411905848"));
    assert_eq!((edited.write, edited.lost), (TAX.into(), TAX.into()));
}

#[test]
fn a_cut_or_reformatted_text_is_a_form_of_what_was_sent_and_an_edit_is_not() {
    let address = |street: &str, region: &str| format!("{street}\n\nDuluth\n{region}\n55802");
    for (field, stored, sent) in [
        (SharedField::Name, "Nordic Bolt Sup", "Nordic Bolt Supply AB"),
        (SharedField::Phone, "2185550142", "(218) 555-0142"),
        (SharedField::Address, address("12 quay rd", "Minnesota").as_str(), address("12 Quay Rd.", "MN").as_str()),
    ] {
        assert!(is_form_of(field, stored, sent), "{stored}");
    }
    for (field, stored, sent) in [
        (SharedField::Name, "Nordic Nut Supply AB", "Nordic Bolt Supply AB"),
        (SharedField::Phone, "", "(218) 555-0142"),
        (SharedField::Address, address("13 Quay Rd", "MN").as_str(), address("12 Quay Rd", "MN").as_str()),
    ] {
        assert!(!is_form_of(field, stored, sent), "{stored}");
    }
}

#[test]
fn fingerprints_of_equal_texts_differ_by_vendor_and_field() {
    let other = RecordKey::new(&code(), RecordKind::Vendor, "119");
    let print = |key: &RecordKey, field| value_print(key, field, "x").unwrap();
    assert_ne!(print(&key(), SharedField::Phone), print(&other, SharedField::Phone));
    assert_ne!(print(&key(), SharedField::Phone), print(&key(), SharedField::Name));
    assert!(!agreed("218-555-0142", "A").text().unwrap().contains("218"), "no values in clear");
}
