//! Writes, step by step, against the simulated Epicor.

use std::collections::BTreeMap;

use mlc_epicor::{ApInvoiceProgress, ColumnValue, RequisitionProgress, VendorEdit, VendorUpdate};
use mlc_model::{GlCoding, NewApInvoice, NewApInvoiceLine, Requisition, RequisitionLine};
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
    let edit = VendorEdit { number, columns };
    let VendorUpdate::Saved { version: Some(version), .. } = client.update_vendor(&edit).await.unwrap() else {
        panic!("not saved");
    };
    assert_eq!(client.update_vendor(&edit).await.unwrap(), VendorUpdate::Unchanged { version: Some(version) });
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
