//! Vendors on their way to the shop, and companies back: the two-way vendor master.

use mlc_flow::{Extent, PullCompany, PullStep};
use mlc_house::{COMPANIES, House, HouseConfig, SHOP_VENDORS};
use mlc_ledger::{Action, ReviewItem, ReviewState};
use mlc_model::{CompanyCode, ConnectionId, FlowId, RecordKey, RecordKind};
use mlc_queue::{Order, Priority};
use mlc_simulators::{
    adobe::{CompanyView, Edition, Fault, FaultKind},
    epicor,
};
use serde_json::{Value, json};

/// Name and telephone are the shop's, the rest is Epicor's.
const OWNED: &str = r#"companies = { adobe_owns = ["name", "phone"] }"#;

fn editions() -> [HouseConfig; 2] {
    [HouseConfig::with_paas_shop(), HouseConfig::with_saas_shop()]
}

pub(crate) fn vendor(extra: &Value) -> Value {
    let mut vendor = json!({
        "VendorID": "NORDBOLT", "Name": "Nordic Bolt Supply AB", "Address1": "12 Quay Rd", "Address2": "Gate B", "City": "Duluth",
        "State": "MN", "ZIP": "55802", "Country": "United States", "PhoneNum": "218-555-0142", "EMailAddress": "ap@nordbolt.example",
        "TermsCode": "N30", "CurrencyCode": "USD", "TaxPayerID": "41-7723911", "Comment": "Ask for Lena",
    });
    for (name, value) in extra.as_object().unwrap() {
        vendor[name] = value.clone();
    }
    vendor
}

fn insert(house: &House, extra: &Value) -> i64 {
    house.epicor.store().insert_vendor(&vendor(extra)).unwrap()
}

fn edit_in_epicor(house: &House, number: i64, changes: &Value) {
    house.epicor.store().update_vendor(number, changes).unwrap();
}

fn in_epicor(house: &House, number: i64, column: &str) -> String {
    let row = house.epicor.store().row("EPIC06", "Vendor", &json!([number])).unwrap();
    row.get(column).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn company(house: &House, number: i64) -> CompanyView {
    let key = format!("EPIC06-V-{number}");
    let mut found: Vec<CompanyView> = house.shop().companies();
    found.retain(|company| company.reseller_id.as_deref() == Some(&key));
    assert_eq!(found.len(), 1, "one company per vendor");
    found.remove(0)
}

fn in_shop(house: &House, number: i64, column: &str) -> String {
    company(house, number).row.get(column).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn shop_writes(house: &House) -> usize {
    let log = house.shop().request_log();
    log.count("PUT ") + log.count("POST ")
}

fn epicor_writes(house: &House) -> u64 {
    house.epicor.stats().by_method.get("Erp.BO.VendorSvc/Update").copied().unwrap_or(0)
}

async fn conflicts(house: &House) -> Vec<ReviewItem> {
    house.context.ledger.reviews(Some(ReviewState::Open), 1_000, None).await.unwrap()
}

fn key(number: i64) -> RecordKey {
    RecordKey::new(&CompanyCode::parse("EPIC06").unwrap(), RecordKind::Vendor, &number.to_string())
}

async fn assert_shelf_is_empty(house: &House) {
    let letters = house.dead_letters().await.unwrap();
    assert!(letters.is_empty(), "{letters:#?}");
}

async fn the_only_letter(house: &House) -> mlc_model::Fault {
    let mut letters = house.dead_letters().await.unwrap();
    assert_eq!(letters.len(), 1, "{letters:#?}");
    letters.remove(0).fault
}

/// Announces a company as a webhook would.
async fn announce(house: &House, company_id: u64) {
    let pull = PullCompany {
        flow: FlowId::parse(COMPANIES).unwrap(),
        from: ConnectionId::parse("shop-main").unwrap(),
        to: ConnectionId::parse("epicor-main").unwrap(),
        company_id: i64::try_from(company_id).unwrap(),
        step: PullStep::Read,
    };
    house.context.queue.enqueue(&[Order::of(&pull).unwrap().priority(Priority::Person)]).await.unwrap();
}

/// Both directions until nothing is left to do.
async fn sync_both(house: &House) {
    for _ in 0..2 {
        house.sync(SHOP_VENDORS).await.unwrap();
        house.sync(COMPANIES).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vendor_becomes_a_company_with_its_customer_its_attributes_and_a_source() {
    for config in editions() {
        let keeps_attributes = config.shop.as_ref().unwrap().edition == Edition::Saas;
        let lines = "vendors = { sources = true, gl_dimension_column = \"Region_c\" }\nfields = { epicor_group = \"GroupCode\" }";
        let house = House::open_with(config.shop_flow(SHOP_VENDORS, lines)).await.unwrap();
        let number = insert(&house, &json!({"Region_c": "North", "GroupCode": "RAW"}));

        house.sync(SHOP_VENDORS).await.unwrap();

        assert_shelf_is_empty(&house).await;
        let company = company(&house, number);
        let row = |column: &str| company.row[column].clone();
        assert_eq!(company.company_name, "Nordic Bolt Supply AB");
        assert_eq!(company.status, 1);
        assert_eq!((row("street"), row("city")), (json!(["12 Quay Rd", "Gate B"]), json!("Duluth")));
        assert_eq!((row("region"), row("postcode"), row("country_id")), (json!("MN"), json!("55802"), json!("US")));
        assert_eq!((row("telephone"), row("vat_tax_id")), (json!("218-555-0142"), json!("41-7723911")));
        assert_eq!(row("comment"), "Ask for Lena");
        let customers = house.shop().customers();
        assert_eq!(customers.len(), 1);
        assert_eq!((customers[0].email.as_str(), customers[0].id), ("ap@nordbolt.example", company.super_user_id));
        let sources = house.shop().sources();
        let source = sources.iter().find(|source| source.source_code == format!("epic06-v-{number}")).unwrap();
        assert_eq!((&source.row["name"], &source.row["enabled"]), (&json!("Nordic Bolt Supply AB"), &json!(true)));
        if keeps_attributes {
            for (name, value) in [
                ("epicor_vendor_num", number.to_string().as_str()),
                ("epicor_vendor_code", "NORDBOLT"),
                ("epicor_terms", "N30"),
                ("record_type", "supplier"),
                ("epicor_gl_dimension", "North"),
                ("epicor_group", "RAW"),
            ] {
                assert_eq!(company.attribute(name).as_deref(), Some(value), "{name}");
            }
        } else {
            assert!(company.row.get("custom_attributes").is_none());
        }

        // Nothing changed: nothing is written, not even after everything is read again.
        house.shop().reset_log();
        house.order(SHOP_VENDORS, Extent::Full).await.unwrap();
        house.settle().await.unwrap();
        assert_eq!(shop_writes(&house), 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_in_epicor_changes_only_what_is_ours_in_the_company() {
    for config in editions() {
        let house = House::open_with(config).await.unwrap();
        let number = insert(&house, &json!({}));
        house.sync(SHOP_VENDORS).await.unwrap();
        let before = company(&house, number);
        house.shop().edit_company(
            before.id,
            &json!({"legal_name": "Nordic Bolt Supply AB (publ)", "sales_representative_id": 7}),
        );
        edit_in_epicor(&house, number, &json!({"City": "Superior", "State": "WI", "ZIP": "54880", "Comment": ""}));
        house.shop().reset_log();

        house.sync(SHOP_VENDORS).await.unwrap();

        assert_shelf_is_empty(&house).await;
        let after = company(&house, number);
        assert_eq!((&after.row["city"], &after.row["region"]), (&json!("Superior"), &json!("WI")));
        assert_eq!(in_shop(&house, number, "comment"), "");
        assert_eq!(after.row["legal_name"], "Nordic Bolt Supply AB (publ)");
        assert_eq!(after.row["sales_representative_id"], 7);
        assert_eq!(house.shop().request_log().count("PUT "), 1);
        assert!(conflicts(&house).await.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vendor_out_of_use_is_blocked_with_its_source_and_approved_again() {
    for config in editions() {
        let house = House::open_with(config.shop_flow(SHOP_VENDORS, "vendors = { sources = true }")).await.unwrap();
        let number = insert(&house, &json!({}));
        house.sync(SHOP_VENDORS).await.unwrap();
        for (inactive, status) in [(true, 3), (false, 1)] {
            edit_in_epicor(&house, number, &json!({"Inactive": inactive}));
            house.sync(SHOP_VENDORS).await.unwrap();
            assert_eq!(company(&house, number).status, status);
            let sources = house.shop().sources();
            let source = sources.iter().find(|source| source.source_code == format!("epic06-v-{number}")).unwrap();
            assert_eq!(source.row["enabled"], json!(!inactive));
        }
        assert_shelf_is_empty(&house).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_shop_owns_goes_to_epicor_and_comes_back_as_no_write() {
    for config in editions() {
        let house = House::open_with(config.shop_flow(COMPANIES, OWNED)).await.unwrap();
        let number = insert(&house, &json!({}));
        sync_both(&house).await;
        let company = company(&house, number);
        house.shop().edit_company(company.id, &json!({"telephone": "218-555-0199", "company_name": "Nordic Bolt AB"}));
        house.shop().reset_log();

        announce(&house, company.id).await;
        announce(&house, company.id).await;
        house.settle().await.unwrap();

        assert_eq!(in_epicor(&house, number, "PhoneNum"), "218-555-0199");
        assert_eq!(in_epicor(&house, number, "Name"), "Nordic Bolt AB");
        assert_eq!(in_epicor(&house, number, "City"), "Duluth");
        assert_eq!(epicor_writes(&house), 1);
        sync_both(&house).await;
        announce(&house, company.id).await;
        house.settle().await.unwrap();
        assert_eq!((shop_writes(&house), epicor_writes(&house)), (0, 1), "no echo in either direction");
        assert!(conflicts(&house).await.is_empty());
        assert_shelf_is_empty(&house).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_walk_through_the_companies_finds_what_no_webhook_told() {
    for mut config in editions() {
        config.shop_lines.push_str("page_size = 3\n");
        let house = House::open_with(config.shop_flow(COMPANIES, OWNED)).await.unwrap();
        let numbers: Vec<i64> = (0..8)
            .map(|at| {
                insert(&house, &json!({"VendorID": format!("V{at}"), "EMailAddress": format!("ap@v{at}.example")}))
            })
            .collect();
        sync_both(&house).await;
        for number in [numbers[1], numbers[7]] {
            house.shop().edit_company(company(&house, number).id, &json!({"telephone": format!("1-{number}")}));
        }
        house.sync(COMPANIES).await.unwrap();
        for number in &numbers {
            let changed = [numbers[1], numbers[7]].contains(number);
            let expected = if changed { format!("1-{number}") } else { "218-555-0142".to_owned() };
            assert_eq!(in_epicor(&house, *number, "PhoneNum"), expected);
        }
        assert_eq!(epicor_writes(&house), 2);
        let flow = FlowId::parse(COMPANIES).unwrap();
        let window = house.context.ledger.windows(&flow, 1).await.unwrap().remove(0);
        assert_eq!((window.totals.read, window.totals.pages, window.totals.changed), (8, 3, 2), "{window:?}");
        assert!(house.context.ledger.open_windows(&flow).await.unwrap().is_empty());
        assert_shelf_is_empty(&house).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_edit_in_epicor_of_what_the_shop_owns_is_put_back_and_listed() {
    for config in editions() {
        let house = House::open_with(config.shop_flow(COMPANIES, OWNED)).await.unwrap();
        let number = insert(&house, &json!({}));
        sync_both(&house).await;
        edit_in_epicor(&house, number, &json!({"PhoneNum": "000", "City": "Superior"}));
        house.shop().reset_log();

        house.sync(SHOP_VENDORS).await.unwrap();

        assert_eq!(in_epicor(&house, number, "PhoneNum"), "218-555-0142");
        assert_eq!(in_shop(&house, number, "city"), "Superior");
        let listed = conflicts(&house).await;
        assert_eq!(listed.len(), 1, "{listed:#?}");
        assert_eq!((listed[0].facts["field"].as_str(), listed[0].facts["edited_in"].as_str()), ("phone", "Epicor"));
        assert!(!listed[0].summary.contains("000") && !listed[0].about.contains("000:"));
        sync_both(&house).await;
        assert_eq!((house.shop().request_log().count("PUT "), epicor_writes(&house)), (1, 1));
        assert_eq!(conflicts(&house).await.len(), 1);
        assert_shelf_is_empty(&house).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_edit_in_the_shop_of_what_epicor_owns_is_put_back_and_listed() {
    for config in editions() {
        let house = House::open_with(config.shop_flow(COMPANIES, OWNED)).await.unwrap();
        let number = insert(&house, &json!({}));
        sync_both(&house).await;
        let company = company(&house, number);
        house.shop().edit_company(company.id, &json!({"city": "Elsewhere"}));
        house.shop().reset_log();

        house.sync(COMPANIES).await.unwrap();

        assert_eq!(in_shop(&house, number, "city"), "Duluth");
        assert_eq!(in_epicor(&house, number, "City"), "Duluth");
        let listed = conflicts(&house).await;
        assert_eq!(listed.len(), 1, "{listed:#?}");
        assert_eq!(
            (listed[0].facts["field"].as_str(), listed[0].facts["edited_in"].as_str()),
            ("address", "Adobe Commerce")
        );
        assert_eq!(listed[0].key, key(number));
        sync_both(&house).await;
        assert_eq!((house.shop().request_log().count("PUT "), epicor_writes(&house)), (1, 0));
        assert_shelf_is_empty(&house).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_whose_answer_was_lost_is_neither_repeated_nor_taken_for_an_edit() {
    for config in editions() {
        let house = House::open_with(config.shop_flow(COMPANIES, OWNED)).await.unwrap();
        house.shop().add_fault(Fault::times("POST /", FaultKind::ResetAfterWrite, 2));
        let number = insert(&house, &json!({}));
        sync_both(&house).await;
        assert_eq!((house.shop().companies().len(), house.shop().customers().len()), (1, 1));
        let company = company(&house, number);

        house.shop().clear_faults();
        house.shop().add_fault(Fault::times("PUT /", FaultKind::ResetAfterWrite, 1));
        house.epicor.faults().add(epicor::Fault::once("VendorSvc/Update", epicor::FaultKind::ResetAfter));
        house.shop().reset_log();
        edit_in_epicor(&house, number, &json!({"City": "Superior"}));
        house.shop().edit_company(company.id, &json!({"telephone": "218-555-0199"}));
        sync_both(&house).await;

        assert_eq!(
            (in_epicor(&house, number, "PhoneNum").as_str(), in_shop(&house, number, "city").as_str()),
            ("218-555-0199", "Superior")
        );
        assert_eq!((house.shop().request_log().count("PUT "), epicor_writes(&house)), (1, 1));
        assert!(conflicts(&house).await.is_empty());
        assert_shelf_is_empty(&house).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn texts_longer_than_the_shops_column_are_cut_visibly_told_and_never_come_back_cut() {
    for config in editions() {
        let house =
            House::open_with(config.shop_flow(COMPANIES, r#"companies = { adobe_owns = ["tax_id"] }"#)).await.unwrap();
        let long = format!("{} 🚀", "Bolts and ".repeat(40));
        let number = insert(&house, &json!({"Address1": long, "TaxPayerID": "🚀 41"}));
        sync_both(&house).await;
        let street = company(&house, number).row["street"][0].as_str().unwrap().to_owned();
        assert!(street.chars().count() <= 255 && street.ends_with('…'));
        assert_eq!(in_shop(&house, number, "vat_tax_id"), "? 41");
        house.shop().reset_log();
        edit_in_epicor(&house, number, &json!({"TermsCode": "N45"}));
        sync_both(&house).await;
        assert_eq!(in_epicor(&house, number, "Address1"), long.trim());
        assert_eq!((house.shop().request_log().count("PUT "), epicor_writes(&house)), (0, 0));
        assert!(conflicts(&house).await.is_empty());
        let trail =
            house.context.ledger.audit_record(&FlowId::parse(SHOP_VENDORS).unwrap(), &key(number), 20).await.unwrap();
        assert!(
            trail.iter().any(|entry| entry.detail.as_deref().is_some_and(|detail| detail.ends_with("address, tax_id"))),
            "{trail:#?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vendor_that_the_shop_cannot_take_is_refused_with_the_field_and_the_fix() {
    for (wrong, code, field) in [
        (json!({"Country": "Bavaria"}), "COUNTRY_UNKNOWN", "Country"),
        (json!({"Country": ""}), "COUNTRY_MISSING", "Country"),
        (json!({"EMailAddress": ""}), "EMAIL_MISSING", "EMailAddress"),
        (json!({"EMailAddress": "a@b.example; c@d.example"}), "EMAIL_SEVERAL", "EMailAddress"),
    ] {
        let house = House::open_with(HouseConfig::with_saas_shop()).await.unwrap();
        let number = insert(&house, &wrong);
        house.sync(SHOP_VENDORS).await.unwrap();
        let fault = the_only_letter(&house).await;
        assert_eq!((fault.code.as_deref(), fault.field.as_deref()), (Some(code), Some(field)), "{wrong}");
        assert!(fault.message.contains("Epicor"), "{}", fault.message);
        assert!(house.shop().companies().is_empty() && house.shop().customers().is_empty());
        assert_eq!(number, 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vendor_without_an_address_of_its_own_gets_the_one_that_the_settings_make() {
    let lines = r#"vendors = { default_email = "vendor-{number}@shop.example" }"#;
    for config in editions() {
        let house = House::open_with(config.shop_flow(SHOP_VENDORS, lines).shop_flow(COMPANIES, OWNED)).await.unwrap();
        let number = insert(
            &house,
            &json!({"EMailAddress": "", "PhoneNum": "", "ZIP": "", "Address1": "", "Address2": "", "State": ""}),
        );
        sync_both(&house).await;
        assert_eq!(in_shop(&house, number, "company_email"), format!("vendor-{number}@shop.example"));
        assert_eq!(
            (in_shop(&house, number, "telephone").as_str(), in_shop(&house, number, "postcode").as_str()),
            ("-", "-")
        );
        assert_eq!(
            (in_epicor(&house, number, "EMailAddress").as_str(), in_epicor(&house, number, "PhoneNum").as_str()),
            ("", "")
        );
        assert_eq!(epicor_writes(&house), 0);
        assert_shelf_is_empty(&house).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_vendors_with_one_address_need_two_administrators() {
    let house = House::open_with(HouseConfig::with_paas_shop()).await.unwrap();
    insert(&house, &json!({}));
    house.sync(SHOP_VENDORS).await.unwrap();
    insert(&house, &json!({"VendorID": "SECOND"}));
    house.sync(SHOP_VENDORS).await.unwrap();
    let fault = the_only_letter(&house).await;
    assert_eq!(fault.field.as_deref(), Some("EMailAddress"));
    assert!(fault.message.contains("administers another company"), "{}", fault.message);
    assert_eq!(house.shop().companies().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shop_without_companies_says_so() {
    let house = House::open_with(HouseConfig::with_paas_shop()).await.unwrap();
    house.shop().change_behaviour(|behaviour| behaviour.b2b = false);
    insert(&house, &json!({}));
    house.sync(SHOP_VENDORS).await.unwrap();
    let fault = the_only_letter(&house).await;
    assert_eq!((fault.code.as_deref(), fault.field.as_deref()), (Some("NO_B2B"), Some("vendors.companies")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_company_that_is_there_already_is_taken_over_by_its_key() {
    for config in editions() {
        let house = House::open_with(config.shop_flow(COMPANIES, OWNED)).await.unwrap();
        let number = insert(&house, &json!({}));
        sync_both(&house).await;
        let old = company(&house, number);
        // The ledger forgets: as after a move to another Redis.
        house.shop().edit_company(old.id, &json!({"telephone": "1", "city": "Elsewhere"}));
        let flow = FlowId::parse(SHOP_VENDORS).unwrap();
        house.context.ledger.unsettle(&flow, &[key(number)]).await.unwrap();
        house.order(SHOP_VENDORS, Extent::Full).await.unwrap();
        house.settle().await.unwrap();
        sync_both(&house).await;
        assert_eq!(company(&house, number).id, old.id);
        assert_eq!(
            (in_epicor(&house, number, "PhoneNum").as_str(), in_shop(&house, number, "city").as_str()),
            ("1", "Duluth")
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn companies_that_are_no_vendors_are_left_alone_and_one_whose_vendor_is_gone_is_told() {
    let house = House::open_with(HouseConfig::with_saas_shop().shop_flow(COMPANIES, OWNED)).await.unwrap();
    let number = insert(&house, &json!({}));
    let other = insert(&house, &json!({"VendorID": "OTHER", "EMailAddress": "o@other.example"}));
    sync_both(&house).await;
    let stranger = company(&house, other);
    house.shop().edit_company(stranger.id, &json!({"reseller_id": "B2B-1", "telephone": "7"}));
    house.sync(COMPANIES).await.unwrap();
    assert_eq!(in_epicor(&house, other, "PhoneNum"), "218-555-0142");
    assert_eq!(epicor_writes(&house), 0);
    assert_shelf_is_empty(&house).await;

    house.shop().edit_company(stranger.id, &json!({"reseller_id": "EPIC06-V-4711"}));
    house.sync(COMPANIES).await.unwrap();
    let fault = the_only_letter(&house).await;
    assert_eq!(fault.code.as_deref(), Some("VENDOR_GONE"));
    house.sync(COMPANIES).await.unwrap();
    assert_eq!(house.dead_letters().await.unwrap().len(), 1, "it is not tried again and again");
    let trail = house.context.ledger.audit_record(&FlowId::parse(COMPANIES).unwrap(), &key(4711), 20).await.unwrap();
    assert_eq!(trail.iter().filter(|entry| entry.action == Action::Refused).count(), 1);
    assert_eq!(number, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_edit_in_epicor_right_before_our_write_is_listed_and_not_just_gone() {
    let house = House::open_with(HouseConfig::with_paas_shop().shop_flow(COMPANIES, OWNED)).await.unwrap();
    let number = insert(&house, &json!({}));
    sync_both(&house).await;
    let company = company(&house, number);
    house.shop().edit_company(company.id, &json!({"telephone": "218-555-0199"}));
    let armed = std::sync::atomic::AtomicBool::new(true);
    house.epicor.on_page(move |store, page| {
        let is_read = page.phase == epicor::Phase::After && page.set == "Vendors";
        if is_read && armed.swap(false, std::sync::atomic::Ordering::SeqCst) {
            store.update_vendor(number, &json!({"PhoneNum": "typed meanwhile", "City": "Superior"})).unwrap();
        }
    });

    announce(&house, company.id).await;
    house.settle().await.unwrap();

    assert_eq!(in_epicor(&house, number, "PhoneNum"), "218-555-0199");
    assert_eq!(in_epicor(&house, number, "City"), "Superior");
    let listed = conflicts(&house).await;
    assert_eq!(listed.len(), 1, "{listed:#?}");
    assert_eq!((listed[0].facts["field"].as_str(), listed[0].facts["edited_in"].as_str()), ("phone", "Epicor"));
    assert_eq!(epicor_writes(&house), 1);
    assert_shelf_is_empty(&house).await;
}
