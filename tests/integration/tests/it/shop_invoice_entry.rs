//! Invoices made in the shop on mirrored purchase orders become AP invoices: once each, booked where the order's lines say.

use std::time::Duration;

use mlc_house::{House, HouseConfig, INVOICES_IN, SHOP_INVOICES, SHOP_ORDERS};
use mlc_model::Fault;
use mlc_simulators::{
    adobe,
    epicor::{MasterUpdate, NewOrder, NewOrderLine, SeedPurchasing},
};
use serde_json::{Value, json};

use crate::{
    processes::eventually,
    shopper::{announce_invoice, ap_invoices, ap_rows, audit, invoice, mirror, order, piece, place},
};

const SOON: Duration = Duration::from_secs(20);
const ACCOUNT: &str = "6210|20|100";

/// Lines for the flow's section `invoices`.
async fn house(lines: &str) -> House {
    let config = HouseConfig::with_paas_shop();
    let config = config.shop_flow(INVOICES_IN, &format!("[flows.\"{INVOICES_IN}\".invoices]\n{lines}"));
    let address =
        format!("[flows.\"{SHOP_ORDERS}\".purchase_orders]\ndefault_email = \"purchasing@distributor.example\"");
    let house = House::open_with(config.shop_flow(SHOP_ORDERS, &address)).await.unwrap();
    house.epicor.store().seed_purchasing(&SeedPurchasing { vendors: 5, ..SeedPurchasing::default() }).unwrap();
    house
}

/// A purchase order of 3 × 12.50, and 4 and 6 × 2.25 in two releases.
fn purchase_order(house: &House) -> i64 {
    let vendor = vendor(house);
    let line = |part: &str, price: &str, releases: &[i64]| NewOrderLine {
        part: part.to_owned(),
        text: format!("{part} in words"),
        price: price.to_owned(),
        releases: releases.to_vec(),
        ..NewOrderLine::default()
    };
    let lines = vec![line("BRG-6204", "12.50", &[3]), line("OIL-46", "2.25", &[4, 6])];
    house.epicor.store().add_order("EPIC06", &NewOrder { vendor, lines, ..NewOrder::default() }).unwrap()
}

fn vendor(house: &House) -> i64 {
    let vendors = house.epicor.store().rows("EPIC06", "Vendor");
    vendors.iter().find(|row| row["Inactive"] != true).unwrap()["VendorNum"].as_i64().unwrap()
}

async fn entered(house: &House, invoice_id: u64) {
    announce_invoice(house, invoice_id).await;
    house.settle().await.unwrap();
}

fn number(house: &House, invoice_id: u64) -> String {
    let invoices = house.shop().invoices();
    format!("ADB-{}", invoices.iter().find(|view| view.entity_id == invoice_id).unwrap().increment_id)
}

async fn only_letter(house: &House) -> Fault {
    let mut letters = house.dead_letters().await.unwrap();
    assert_eq!(letters.len(), 1, "{letters:#?}");
    letters.remove(0).fault
}

async fn replay_all(house: &House) {
    let ids: Vec<_> = house.dead_letters().await.unwrap().into_iter().map(|letter| letter.job.id).collect();
    house.context.queue.replay(&ids, "tester").await.unwrap();
    house.settle().await.unwrap();
}

fn amounts(rows: &[Value], column: &str) -> Vec<f64> {
    rows.iter().map(|row| row[column].as_f64().unwrap()).collect()
}

/// Accounts of the main book by line.
fn accounts(house: &House, number: &str) -> Vec<String> {
    let rows = ap_rows(house, "APInvExpTGLC", number);
    let main = rows.iter().filter(|row| row["IsMainBook"] == true);
    main.map(|row| row["GLAccount"].as_str().unwrap().to_owned()).collect()
}

/// No path that names the set of accounts was ever called, and accounts came in through `UpdateMaster` alone.
fn assert_only_update_master(house: &House) {
    let stats = house.epicor.stats();
    assert!(stats.gl_paths.is_empty(), "{:?}", stats.gl_paths);
    assert!(stats.gl_rows.keys().all(|path| path == "POST Erp.BO.APInvoiceSvc/UpdateMaster"), "{:?}", stats.gl_rows);
}

fn assert_group_is_free(house: &House) {
    let group = house.epicor.store().row("EPIC06", "APInvGrp", &json!("MLC")).unwrap();
    assert_eq!(group["ActiveUserID"].as_str().unwrap_or_default(), "", "{group}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invoice_made_in_the_shop_becomes_an_ap_invoice_booked_where_the_lines_say() {
    let house = house("").await;
    let po = purchase_order(&house);
    let made = invoice(&house, mirror(&house, po, ACCOUNT), &[2, 4, 1]);
    entered(&house, made).await;

    let number = number(&house, made);
    let found = ap_invoices(&house, &number);
    assert_eq!(found.len(), 1);
    assert_eq!(
        (&found[0]["VendorNum"], &found[0]["REFPONum"], &found[0]["GroupID"]),
        (&json!(vendor(&house)), &json!(po), &json!("MLC"))
    );
    assert_eq!(amounts(&found, "DocInvoiceVendorAmt"), [36.25]);
    assert_eq!(amounts(&found, "DocInvoiceAmt"), [36.25], "lines and total agree");
    let lines = ap_rows(&house, "APInvDtl", &number);
    let place = |row: &Value| (row["PONum"].clone(), row["POLine"].clone(), row["PORelNum"].clone());
    let places: Vec<_> = lines.iter().map(place).collect();
    let meant = [(1, 1), (2, 1), (2, 2)].map(|(line, release)| (json!(po), json!(line), json!(release)));
    assert_eq!(places, meant);
    assert_eq!(amounts(&lines, "VendorQty"), [2.0, 4.0, 1.0]);
    assert_eq!(amounts(&lines, "DocExtCost"), [25.0, 9.0, 2.25]);
    assert_eq!(accounts(&house, &number), [ACCOUNT; 3]);
    let others: Vec<Value> = ap_rows(&house, "APInvExpTGLC", &number);
    assert!(others.iter().filter(|row| row["IsMainBook"] != true).all(|row| row["GLAccount"] != ACCOUNT));
    assert_only_update_master(&house);
    assert_eq!(house.epicor.stats().gl_rows.len(), 1, "accounts were written");
    assert_group_is_free(&house);

    let marked = house.shop().invoices().remove(0);
    assert_eq!(marked.transaction_id.as_deref(), Some(number.as_str()));
    assert_eq!(marked.comments, [format!("Epicor AP invoice {number} (vendor {}, company EPIC06)", vendor(&house))]);
    assert_eq!(marked.lines.len(), 3, "marking adds no lines");
    assert_eq!(audit(&house, INVOICES_IN, ":SHOPINV:1").await, [("created".to_owned(), String::new())]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn accounts_come_from_the_line_else_from_the_rules_else_from_the_default_else_from_epicor() {
    let rules = "accounts = [{ sku = \"OIL*\", segments = [\"6300\", \"10\", \"000\"] }, { sku = \"shipping\", segments = [\"6450\", \"00\", \"000\"] }]";
    for (lines, meant) in [
        (
            format!("{rules}\ndefault_account = [\"1300\", \"20\", \"200\"]"),
            ["1300|20|200", "6300|10|000", "6450|00|000"],
        ),
        (rules.to_owned(), ["6100|10|200", "6300|10|000", "6450|00|000"]),
    ] {
        let house = house(&lines).await;
        let po = purchase_order(&house);
        let id = mirror(&house, po, "");
        let edit = json!({"entity_id": id, "increment_id": format!("EPIC06-PO-{po}"), "store_id": 1, "shipping_amount": 5,
            "base_shipping_amount": 5, "grand_total": 65, "base_grand_total": 65});
        house.shop().place_order(&edit).unwrap();
        let made = invoice(&house, id, &[1, 1]);
        entered(&house, made).await;
        let number = number(&house, made);
        assert_eq!(accounts(&house, &number), meant);
        let rows = ap_rows(&house, "APInvDtl", &number);
        assert_eq!(amounts(&rows, "DocExtCost"), [12.5, 2.25, 5.0]);
        assert_eq!((&rows[2]["LineType"], rows[2]["PONum"].as_i64().unwrap_or(0)), (&json!("M"), 0));
        assert_only_update_master(&house);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invoice_to_a_shopper_is_left_out_with_a_note() {
    let house = house("").await;
    let id = place(&house, &order("000000412", &[piece("HX", 5, "1")]));
    let made = invoice(&house, id, &[5]);
    entered(&house, made).await;
    assert_eq!(house.epicor.stats().requests, 0);
    let trail = audit(&house, INVOICES_IN, ":SHOPINV:1").await;
    assert!(trail.len() == 1 && trail[0].0 == "excluded" && trail[0].1.contains("bills a shopper"), "{trail:?}");
    assert!(house.dead_letters().await.unwrap().is_empty());
    assert_eq!(house.shop().invoices()[0].transaction_id, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invoices_that_came_from_epicor_are_not_entered_again() {
    let house = house("").await;
    let id = mirror(&house, purchase_order(&house), ACCOUNT);
    let marker = json!({"comment": "Epicor AP invoice INV-7 (vendor 3, company EPIC06)\nline 1: 6100-10-200 12.50", "is_visible_on_front": 0});
    let item = house.shop().items()[0].item_id;
    house.shop().place_invoice(id, &json!({"items": [{"order_item_id": item, "qty": 1}], "comment": marker})).unwrap();
    let made = house.shop().invoices()[0].entity_id;
    for _ in 0..3 {
        entered(&house, made).await;
    }
    assert_eq!(house.epicor.stats().requests, 0);
    assert!(house.dead_letters().await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invoice_announced_before_it_is_saved_is_waited_for_and_one_that_never_comes_is_dropped() {
    let house = house("invoice_wait = \"3s\"").await;
    let id = mirror(&house, purchase_order(&house), ACCOUNT);
    announce_invoice(&house, 1).await;
    announce_invoice(&house, 99).await;
    eventually("both were looked for", SOON, async || house.shop().request_log().count("GET") >= 2).await;
    let made = invoice(&house, id, &[1]);
    house.settle().await.unwrap();
    assert_eq!((made, ap_invoices(&house, &number(&house, made)).len()), (1, 1));
    assert_eq!(audit(&house, INVOICES_IN, ":SHOPINV:99").await[0].0, "dropped");
    assert!(house.dead_letters().await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invoice_announced_again_and_again_is_entered_and_marked_once() {
    let house = house("").await;
    let id = mirror(&house, purchase_order(&house), ACCOUNT);
    let made = [invoice(&house, id, &[1]), invoice(&house, id, &[2, 4]), invoice(&house, id, &[0, 0, 6])];
    for _ in 0..4 {
        for invoice in made {
            announce_invoice(&house, invoice).await;
        }
    }
    house.settle().await.unwrap();
    for invoice in made {
        entered(&house, invoice).await;
    }
    let stats = house.epicor.stats();
    assert_eq!((stats.saved["APInvHed A"], stats.saved["APInvDtl A"]), (3, 4));
    for view in house.shop().invoices() {
        assert_eq!(view.comments.len(), 1);
        let found = ap_invoices(&house, view.transaction_id.as_deref().unwrap());
        assert_eq!(amounts(&found, "DocInvoiceAmt"), [view.grand_total]);
    }
    assert_group_is_free(&house);
    assert!(house.dead_letters().await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_that_somebody_works_in_is_told_with_the_cure_and_a_replay_enters_the_invoice() {
    let house = house("").await;
    let id = mirror(&house, purchase_order(&house), ACCOUNT);
    let group = json!({"GroupID": "MLC", "ActiveUserID": "nina", "CreatedBy": "nina"});
    house.epicor.store().insert("EPIC06", "APInvGrp", &group).unwrap();
    let made = invoice(&house, id, &[1]);
    entered(&house, made).await;
    let fault = only_letter(&house).await;
    assert!(
        fault.message.contains("locked by user nina") && fault.message.contains("Let that person leave"),
        "{fault}"
    );
    let held = house.epicor.store().row("EPIC06", "APInvGrp", &json!("MLC")).unwrap();
    assert_eq!(held["ActiveUserID"], "nina", "her lock is left alone");

    house.epicor.store().update("EPIC06", "APInvGrp", &json!("MLC"), &json!({"ActiveUserID": ""})).unwrap();
    replay_all(&house).await;
    assert_eq!(ap_invoices(&house, &number(&house, made)).len(), 1);
    assert!(house.dead_letters().await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_200_that_did_not_save_is_a_dead_letter_and_a_replay_makes_no_second_header() {
    for mode in [MasterUpdate::AsksUser, MasterUpdate::DoesNotRun] {
        let house = house("").await;
        let id = mirror(&house, purchase_order(&house), ACCOUNT);
        house.epicor.store().switches_mut().update_master = mode;
        let made = invoice(&house, id, &[1, 2]);
        entered(&house, made).await;
        let fault = only_letter(&house).await;
        assert!(fault.message.contains("did not save") && fault.message.contains("then replay"), "{fault}");
        assert_group_is_free(&house);
        assert_eq!(house.shop().invoices()[0].transaction_id, None, "it is not in Epicor, so it is not marked");

        house.epicor.store().switches_mut().update_master = MasterUpdate::Saves;
        replay_all(&house).await;
        let number = number(&house, made);
        assert_eq!((ap_invoices(&house, &number).len(), ap_rows(&house, "APInvDtl", &number).len()), (1, 2));
        assert_eq!(accounts(&house, &number), [ACCOUNT; 2]);
        assert_only_update_master(&house);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_closed_account_holds_the_invoice_back_and_a_replay_goes_on_where_it_ended() {
    let house = house("").await;
    let id = mirror(&house, purchase_order(&house), "9999|20|100");
    let made = invoice(&house, id, &[1, 2]);
    entered(&house, made).await;
    let fault = only_letter(&house).await;
    assert!(fault.message.contains("GL Account is invalid") && fault.message.contains("Open the account"), "{fault}");
    assert_group_is_free(&house);
    let number = number(&house, made);
    let before = ap_rows(&house, "APInvDtl", &number);
    assert_eq!(before.len(), 2);

    let account = json!({"COACode": "MAINCOA", "GLAccount1": "9999|20|100", "Active": true, "SegValue1": "9999"});
    house.epicor.store().insert("EPIC06", "GLAccount", &account).unwrap();
    replay_all(&house).await;
    assert_eq!((ap_invoices(&house, &number).len(), ap_rows(&house, "APInvDtl", &number).len()), (1, 2));
    assert_eq!(accounts(&house, &number), ["9999|20|100"; 2]);
    assert!(house.dead_letters().await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invoice_that_somebody_entered_already_is_not_touched() {
    let house = house("").await;
    let id = mirror(&house, purchase_order(&house), ACCOUNT);
    let made = invoice(&house, id, &[1]);
    let theirs =
        json!({"VendorNum": vendor(&house), "InvoiceNum": number(&house, made), "GroupID": "CLERK", "Posted": false});
    house.epicor.store().insert("EPIC06", "APInvHed", &theirs).unwrap();
    entered(&house, made).await;
    let fault = only_letter(&house).await;
    assert_eq!(fault.code.as_deref(), Some("duplicate"), "{fault}");
    assert!(!house.epicor.stats().saved.contains_key("APInvDtl A"));
    assert_eq!(house.shop().invoices()[0].transaction_id, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invoice_that_bills_something_else_than_the_purchase_order_goes_to_the_shelf() {
    let house = house("").await;
    let po = purchase_order(&house);
    let id = mirror(&house, po, ACCOUNT);
    let line = house.shop().items()[1].item_id;
    // A line that somebody added in the shop.
    let stranger = json!({"entity_id": id, "increment_id": format!("EPIC06-PO-{po}"), "store_id": 1,
        "items": [{"item_id": line, "order_id": id, "ext_order_item_id": "70001/1/1"}]});
    house.shop().place_order(&stranger).unwrap();
    let made = invoice(&house, id, &[0, 2]);
    entered(&house, made).await;
    let fault = only_letter(&house).await;
    assert_eq!(fault.code.as_deref(), Some("LINE_WITHOUT_PURCHASE_ORDER"));
    assert!(fault.message.contains(&po.to_string()), "{fault}");
    assert_eq!(house.epicor.stats().requests, 0);
}

/// The whole circle: a purchase order comes to the shop, is invoiced there, the invoice is entered in Epicor, posted, and comes back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invoice_that_went_to_epicor_is_known_when_it_comes_back_and_makes_no_second_one() {
    for marked in [true, false] {
        let house = house("").await;
        let po = purchase_order(&house);
        house.sync(SHOP_ORDERS).await.unwrap();
        assert!(house.dead_letters().await.unwrap().is_empty(), "{:?}", house.dead_letters().await.unwrap());
        let order = house.shop().orders_numbered(&format!("EPIC06-PO-{po}")).remove(0).entity_id;
        // A part only: what is left could be invoiced a second time.
        let made = invoice(&house, order, &[1, 4]);
        if !marked {
            // The mark is refused, and stays on the shelf.
            house.shop().add_fault(adobe::Fault::always("POST /rest/default/V1/invoices", adobe::FaultKind::TooLarge));
        }
        entered(&house, made).await;
        let number = number(&house, made);
        assert_eq!(house.shop().invoices()[0].transaction_id.is_some(), marked);
        let booked = ap_invoices(&house, &number).remove(0);
        assert_eq!(
            accounts(&house, &number),
            ["6100|10|200"; 2],
            "the account of the purchase order went to the shop and back"
        );
        let before = house.shop().orders_numbered(&format!("EPIC06-PO-{po}")).remove(0);
        house.shop().clear_faults();

        let supplier = vendor(&house);
        house.epicor.store().post_invoice("EPIC06", supplier, &number).unwrap();
        for _ in 0..2 {
            house.sync(SHOP_INVOICES).await.unwrap();
        }
        let invoices = house.shop().invoices();
        assert_eq!(invoices.len(), 1, "{marked}");
        assert_eq!(Some(invoices[0].grand_total), booked["DocInvoiceAmt"].as_f64());
        assert_eq!(invoices[0].transaction_id.as_deref(), Some(number.as_str()));
        let after = house.shop().orders_numbered(&format!("EPIC06-PO-{po}")).remove(0);
        assert_eq!((after.total_invoiced, after.grand_total), (before.total_invoiced, before.grand_total));
        // The shop announces what the way back wrote; nothing is entered a second time.
        entered(&house, made).await;
        assert_eq!(house.epicor.stats().saved["APInvHed A"], 1);
        assert_eq!(house.context.ledger.review_count(None).await.unwrap(), 0);
        assert_only_update_master(&house);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shipping_and_tax_that_were_entered_as_lines_are_known_when_the_invoice_comes_back() {
    let house = house("").await;
    let line = NewOrderLine { price: "12.50".to_owned(), releases: vec![3], ..NewOrderLine::default() };
    let order = NewOrder {
        vendor: vendor(&house),
        freight: "7.00".to_owned(),
        tax: "3.33".to_owned(),
        lines: vec![line],
        ..NewOrder::default()
    };
    let po = house.epicor.store().add_order("EPIC06", &order).unwrap();
    house.sync(SHOP_ORDERS).await.unwrap();
    let order = house.shop().orders_numbered(&format!("EPIC06-PO-{po}")).remove(0).entity_id;
    let made = invoice(&house, order, &[3]);
    entered(&house, made).await;
    let number = number(&house, made);
    assert_eq!(amounts(&ap_invoices(&house, &number), "DocInvoiceVendorAmt"), [47.83]);
    let supplier = vendor(&house);
    house.epicor.store().post_invoice("EPIC06", supplier, &number).unwrap();
    house.sync(SHOP_INVOICES).await.unwrap();
    assert_eq!(house.shop().invoices().len(), 1);
    assert!(house.dead_letters().await.unwrap().is_empty(), "{:#?}", house.dead_letters().await.unwrap());
    let listed = house.context.ledger.review_count(None).await.unwrap();
    assert_eq!(listed, 0, "it is what the shop has made itself");
}
