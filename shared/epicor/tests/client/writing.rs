//! Writes, step by step, against the simulated Epicor.

use std::collections::BTreeMap;

use mlc_epicor::{
    ApInvoiceProgress, ColumnValue, Entity, RequisitionProgress, RowKey, VendorEdit, VendorUpdate, vendor,
};
use mlc_model::{CompanyCode, GlCoding, NewApInvoice, NewApInvoiceLine, Requisition, RequisitionLine};
use mlc_simulators::epicor::{FaultKind, SeedPurchasing};

use crate::support::Site;

#[tokio::test]
async fn a_requisition_is_made_once_from_whatever_step_it_is_taken_up_again() {
    let site = Site::open().await;
    let client = site.client(site.config()).await;
    let line = |reference: &str| RequisitionLine {
        reference: reference.to_owned(),
        part: None,
        description: "Hex bolt".to_owned(),
        quantity: "12.50".parse().unwrap(),
        unit: None,
        unit_cost: Some("0.255".parse().unwrap()),
        vendor_number: None,
        due: None,
    };
    let wanted = Requisition {
        marker: "Adobe order 000000412".to_owned(),
        requestor: "MLC".to_owned(),
        requested: "2026-04-23".parse().unwrap(),
        comment: "for the yard".to_owned(),
        ship_name: None,
        lines: vec![line("item 1"), line("item 2")],
    };
    let mut at = RequisitionProgress::Nothing;
    while !matches!(at, RequisitionProgress::Done { .. }) {
        let next = client.next_requisition_step(&wanted, at).await.unwrap();
        // The worker died before it stored the step: from the stored one it goes on, and from the very beginning too.
        client.next_requisition_step(&wanted, at).await.unwrap();
        client.next_requisition_step(&wanted, RequisitionProgress::Nothing).await.unwrap();
        at = next;
    }
    assert_eq!(site.sim.store().len("EPIC06", "ReqHead"), 1);
    assert_eq!(site.sim.store().len("EPIC06", "ReqDetail"), 2);
}

#[tokio::test]
async fn a_vendor_is_changed_and_an_equal_one_is_not_written() {
    let site = Site::open().await;
    let client = site.client(site.config()).await;
    let columns = BTreeMap::from([("Address2".to_owned(), ColumnValue::text("Gate 7"))]);
    let number = site.sim.store().rows("EPIC06", "Vendor")[0]["VendorNum"].as_i64().unwrap();
    let edit = VendorEdit { number, columns, expected: None };
    let VendorUpdate::Saved { version: Some(version), .. } = client.update_vendor(&edit).await.unwrap() else {
        panic!("not saved");
    };
    assert_eq!(client.update_vendor(&edit).await.unwrap(), VendorUpdate::Unchanged { version: Some(version) });
}

#[tokio::test]
async fn every_shared_field_of_a_vendor_is_written_and_read_back_with_the_extra_columns() {
    let site = Site::open().await;
    let client = site.client(site.config()).await;
    let company = CompanyCode::parse("EPIC06").unwrap();
    let number = site.sim.store().rows("EPIC06", "Vendor")[0]["VendorNum"].as_i64().unwrap();
    site.sim.store().update_vendor(number, &serde_json::json!({"Region_c": "West", "GroupCode": "RAW"})).unwrap();
    let texts = [
        ("Name", "O'Hare & Söhne"),
        ("Address1", "Gate 7"),
        ("Address2", "Hall B"),
        ("Address3", "Dock 3"),
        ("City", "Gent"),
        ("State", "VOV"),
        ("ZIP", "9000"),
        ("PhoneNum", "+32 9 000 00 00"),
        ("EMailAddress", "ap@ohare.example"),
        ("TaxPayerID", "BE0123456789"),
        ("Comment", "Closed in August.\nCall first."),
    ];
    let mut columns: BTreeMap<String, ColumnValue> =
        texts.iter().map(|(name, text)| ((*name).to_owned(), ColumnValue::text(*text))).collect();
    columns.insert("Inactive".to_owned(), ColumnValue::Flag(true));
    columns.insert("CountryNum".to_owned(), ColumnValue::Int(2));
    let edit = VendorEdit { number, columns, expected: None };
    let VendorUpdate::Saved { version: Some(version), before } = client.update_vendor(&edit).await.unwrap() else {
        panic!("not saved");
    };
    assert!(before.contains_key("Comment") && before.contains_key("CountryNum"));
    let extra = ["Region_c".to_owned(), "GroupCode".to_owned()];
    let rows = client.fetch_records(Entity::Vendors, &[RowKey::firm(number)], &client.shape(&extra)).await.unwrap();
    let read = vendor(rows[0].as_ref().unwrap(), &company, &extra).unwrap();
    assert_eq!((read.version, read.active), (version, false));
    let some = |text: &Option<String>| text.clone().unwrap_or_default();
    let address = &read.address;
    let found = [
        read.name.clone(),
        some(&address.line1),
        some(&address.line2),
        some(&address.line3),
        some(&address.city),
        some(&address.state),
        some(&address.postal_code),
        some(&read.phone),
        some(&read.email),
        some(&read.tax_id),
        some(&read.comment),
    ];
    assert_eq!(found, texts.map(|(_, text)| text));
    assert_eq!((read.extra["Region_c"].as_str(), read.extra["GroupCode"].as_str()), ("West", "RAW"));
    let plain = serde_json::to_value(mlc_model::Vendor { tax_id: None, comment: None, ..read }).unwrap();
    assert!(plain.get("tax_id").is_none() && plain.get("comment").is_none(), "stored forms stay as they were");
}

#[tokio::test]
async fn an_invoice_gets_its_account_through_update_master_only() {
    let site = Site::open().await;
    site.sim.store().seed_purchasing(&SeedPurchasing { pos: 3, invoices: 0, ..Default::default() }).unwrap();
    let client = site.client(site.config()).await;
    let order = site.sim.store().rows("EPIC06", "POHeader")[0].clone();
    let segments = BTreeMap::from([(1, "6100".to_owned()), (2, "10".to_owned()), (3, "200".to_owned())]);
    let invoice = NewApInvoice {
        vendor_number: order["VendorNum"].as_i64().unwrap(),
        vendor_code: order["VendorVendorID"].as_str().unwrap().to_owned(),
        number: "A/B #1 'x'".to_owned(),
        group: "MLC0001".to_owned(),
        header_order: None,
        invoiced: "2026-04-22".parse().unwrap(),
        total: "100.10".parse().unwrap(),
        lines: vec![NewApInvoiceLine {
            purchase_order: None,
            part: "HX".to_owned(),
            description: "Bolts".to_owned(),
            quantity: None,
            extended: "100.10".parse().unwrap(),
            gl: Some(GlCoding { segments, ..GlCoding::default() }),
        }],
    };
    let mut at = ApInvoiceProgress::Nothing;
    while at != ApInvoiceProgress::Done {
        at = client.next_ap_invoice_step(&invoice, at).await.unwrap();
    }
    assert_eq!(site.sim.store().len("EPIC06", "APInvHed"), 1);
    assert_eq!(site.sim.store().len("EPIC06", "APInvDtl"), 1);
    let accounts = site.sim.store().rows("EPIC06", "APInvExpTGLC");
    assert!(accounts.iter().any(|row| row["GLAccount"] == "6100|10|200"), "{accounts:?}");
    assert!(site.sim.stats().by_set.keys().all(|set| !set.contains("APInvExpTGLCs")));
}

#[tokio::test]
async fn a_save_whose_answer_was_lost_is_not_repeated() {
    let site = Site::open().await;
    let client = site.client(site.config()).await;
    let line = RequisitionLine {
        reference: "item 1".to_owned(),
        part: None,
        description: "Hex bolt".to_owned(),
        quantity: "3".parse().unwrap(),
        unit: None,
        unit_cost: None,
        vendor_number: None,
        due: None,
    };
    let wanted = Requisition {
        marker: "Adobe order 000000413".to_owned(),
        requestor: "MLC".to_owned(),
        requested: "2026-04-23".parse().unwrap(),
        comment: String::new(),
        ship_name: None,
        lines: vec![line],
    };
    let mut at = RequisitionProgress::Nothing;
    for _ in 0..2 {
        site.fault("ReqSvc/Update", FaultKind::ResetAfter);
        let fault = client.next_requisition_step(&wanted, at).await.unwrap_err();
        assert_eq!(fault.kind, mlc_model::FaultKind::Uncertain, "{fault}");
        at = client.next_requisition_step(&wanted, at).await.unwrap();
    }
    assert!(matches!(at, RequisitionProgress::Done { .. }));
    assert_eq!(site.sim.store().len("EPIC06", "ReqHead"), 1);
    assert_eq!(site.sim.store().len("EPIC06", "ReqDetail"), 1);
}
