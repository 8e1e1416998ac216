//! What stands in queues and on shelves out there. A change that breaks one of these texts would make it unreadable: give the new field a default, or
//! make a new kind.

#![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]

use mlc_flow::{CloseWindow, CreateApInvoice, CreateRequisition, PollPage, PullCompany, PushRecord};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

/// Reads the stored text and writes it again unchanged.
fn survives<J: Serialize + DeserializeOwned>(stored: Value) {
    let job: J = serde_json::from_value(stored.clone()).unwrap();
    assert_eq!(serde_json::to_value(&job).unwrap(), stored);
}

fn poll(ask: Value) -> Value {
    json!({"flow": "epicor_to_hubspot::vendors", "entity": "vendors", "from": "epicor-main", "to": "hubspot-main", "ask": ask})
}

fn window() -> Value {
    json!({
        "id": "epicor_to_hubspot::vendors.42",
        "change_field": {"mode": "revision", "column": "SysRevID"},
        "bounds": {"by": "revision", "since": 48_210_000, "until": 48_219_999}
    })
}

#[test]
fn a_poll_page_of_every_form_is_read_as_it_was_stored() {
    survives::<PollPage>(poll(json!({"plan": "incremental"})));
    survives::<PollPage>(poll(json!({"plan": "full"})));
    survives::<PollPage>(poll(json!({"plan": {"since": "2026-11-22T00:00:00Z"}})));
    survives::<PollPage>(poll(json!({"replay": "epicor_to_hubspot::vendors.42"})));
    survives::<PollPage>(poll(json!({"records": {"keys": ["118"], "about": "EPIC06:VEND:118"}})));
    survives::<PollPage>(poll(json!({"records": {"keys": ["118", "119"]}})));
    for start in [json!({"skip": 200}), json!({"after": "118"}), json!({"after": null})] {
        survives::<PollPage>(poll(
            json!({"page": {"window": window(), "pass": 2, "start": start, "expected_rows": 512}}),
        ));
    }
}

#[test]
fn windows_of_every_kind_are_read_as_they_were_stored() {
    for bounds in [
        json!({"by": "time", "since": null, "until": "2026-11-22T00:00:00Z"}),
        json!({"by": "everything", "until": "2026-11-22T00:00:00Z"}),
        json!({"by": "revision", "since": null, "until": null}),
    ] {
        let mut window = window();
        window["bounds"] = bounds;
        survives::<PollPage>(poll(
            json!({"page": {"window": window, "pass": 1, "start": {"skip": 0}, "expected_rows": 0}}),
        ));
    }
}

#[test]
fn a_close_window_is_read_as_it_was_stored() {
    survives::<CloseWindow>(json!({
        "flow": "epicor_to_hubspot::customers", "entity": "customer_contacts", "from": "epicor-main", "to": "hubspot-main",
        "window": window(), "pass": 1, "expected_rows": 512
    }));
}

#[test]
fn a_push_record_of_every_record_is_read_as_it_was_stored() {
    let address = json!({"line1": "12 Quay Rd", "line2": null, "line3": null, "city": "Duluth", "state": "MN", "postal_code": "55802", "country": null});
    let contact = json!({
        "company": "EPIC06", "kind": "vendor_contact", "parent_number": 118, "place": "", "number": 1, "name": "Lena Berg", "first_name": null,
        "last_name": null, "email": "lena@nordbolt.example", "phone": null, "mobile": null, "job_title": null, "active": true, "version": 48_210_400
    });
    let vendor = json!({
        "company": "EPIC06", "number": 118, "code": "NORDBOLT", "name": "Nordic Bolt Supply AB", "address": address, "phone": null, "email": null,
        "website": null, "terms": "N30", "group": null, "currency": "USD", "active": true, "contacts": [contact], "version": 48_210_377
    });
    let customer = json!({
        "company": "EPIC06", "number": 2041, "code": "HARBOR", "name": "Harbor Fasteners Inc", "address": address, "phone": null, "email": null,
        "website": null, "terms": "N30", "group": null, "currency": "USD", "territory": "WEST", "customer_type": "CUS", "credit_hold": false,
        "active": true, "version": 48_209_911, "extra": {"Tier_c": "gold"}
    });
    for record in [json!({"vendor": vendor}), json!({"customer": customer}), json!({"contact": contact})] {
        survives::<PushRecord>(json!({
            "flow": "epicor_to_hubspot::vendors", "from": "epicor-main", "to": "hubspot-main", "window": "epicor_to_hubspot::vendors.42",
            "records": [record], "waits": 0
        }));
    }
    survives::<PushRecord>(json!({
        "flow": "epicor_to_hubspot::vendors", "from": "epicor-main", "to": "hubspot-main", "records": [{"contact": contact}], "waits": 0,
        "readings": 3
    }));
}

#[test]
fn a_pull_company_of_every_step_is_read_as_it_was_stored() {
    let write = json!({"write": {
        "vendor": "EPIC06:VEND:118",
        "values": {"name": "Nordic Bolt Supply AB", "address": "12 Quay Rd\n\nDuluth\nMN\n55802", "phone": ""},
        "read_at": "2026-11-22T00:00:00.125Z", "seen": "000102030405060708090a0b0c0d0e0f"
    }});
    for step in [json!("read"), write] {
        survives::<PullCompany>(json!({
            "flow": "adobe_to_epicor::companies", "from": "shop-main", "to": "epicor-main", "company_id": 57, "step": step
        }));
    }
}

/// A job on the way from the shop.
fn from_shop(rest: &Value, step: Value) -> Value {
    let mut job =
        json!({"from": "shop-main", "to": "epicor-main", "accepted_at": "2026-11-22T07:15:00Z", "step": step});
    let of = |value: &Value| value.as_object().cloned().unwrap_or_default();
    job.as_object_mut().unwrap().extend(of(rest));
    job
}

#[test]
fn a_requisition_of_every_step_is_read_as_it_was_stored() {
    let about = json!({"flow": "adobe_to_epicor::requisitions", "increment_id": "000000412"});
    survives::<CreateRequisition>(from_shop(&about, json!("confirm")));
    let line = json!({
        "reference": "adobe item 9301", "part": "HX-M8-40", "description": "Hex bolt M8x40", "quantity": "250", "unit": null,
        "unit_cost": "0.255", "vendor_number": null, "due": "2026-12-06"
    });
    survives::<CreateRequisition>(from_shop(
        &about,
        json!({"write": {
            "marker": "Adobe order 000000412", "requestor": "MLC", "requested": "2026-11-22", "comment": "", "ship_name": null, "lines": [line]
        }}),
    ));
}

#[test]
fn an_invoice_of_every_step_is_read_as_it_was_stored() {
    let about = json!({"flow": "adobe_to_epicor::invoices", "invoice_id": 731});
    survives::<CreateApInvoice>(from_shop(&about, json!("read")));
    let gl = json!({
        "account": "6210|20|100", "display": null, "description": null, "segments": {"1": "6210", "2": "20", "3": "100"}, "chart": null,
        "book": null, "context": null, "amount": null
    });
    let billed = json!({
        "purchase_order": {"order": 50231, "line": 1, "release": 1}, "part": "HX-M8-40", "description": "Hex bolt M8x40", "quantity": "250",
        "extended": "63.75", "gl": gl
    });
    let other = json!({
        "purchase_order": null, "part": "shipping", "description": "Shipping", "quantity": null, "extended": "5.00", "gl": null
    });
    survives::<CreateApInvoice>(from_shop(
        &about,
        json!({"write": {
            "vendor_number": 1042, "vendor_code": "", "number": "ADB-000000731", "group": "MLC", "header_order": 50231,
            "invoiced": "2026-11-22", "total": "68.75", "lines": [billed, other]
        }}),
    ));
    survives::<CreateApInvoice>(from_shop(&about, json!({"mark": {"number": "ADB-000000731", "vendor_number": 1042}})));
}

fn amount(doc: &str, base: &str) -> Value {
    json!({"doc": doc, "base": base})
}

fn account() -> Value {
    json!({
        "account": "6100|10|200", "display": "6100-10-200", "description": "Shop supplies",
        "segments": {"1": "6100", "2": "10", "3": "200"}, "chart": "MAINCOA", "book": "MAIN", "context": null,
        "amount": amount("1275.00", "1402.50")
    })
}

#[test]
fn a_purchase_order_and_an_ap_invoice_are_read_as_they_were_stored() {
    let address = json!({"line1": "12 Quay Rd", "line2": null, "line3": null, "city": "Duluth", "state": "MN", "postal_code": "55802", "country": null});
    let release = json!({
        "number": 1, "quantity": "5000", "received": "120.5", "invoiced": "0", "due": "2026-05-04", "promised": null, "plant": "MfgSys",
        "warehouse": "MAIN", "open": true, "void": false, "status": "O", "requisition": 77, "requisition_line": 1, "gl": account()
    });
    let line = json!({
        "number": 1, "part": "HX-M8-40", "vendor_part": null, "description": "Hex bolt M8x40", "quantity": "5000", "unit": "EA",
        "unit_cost": amount("25.50000", "28.05000"), "cost_per": "per_hundred", "extended": amount("1275.00", "1402.50"),
        "due": "2026-05-04", "comment": null, "open": true, "void": false, "releases": [release], "version": 48_219_001
    });
    let order = json!({
        "company": "EPIC06", "number": 50_231, "open": true, "void": false, "held": false, "approval": "approved", "ordered": "2026-04-20",
        "due": null, "promised": null,
        "vendor": {
            "number": 118, "code": "NORDBOLT", "name": "Nordic Bolt Supply AB", "purchase_point": null, "address": address,
            "contact": "Lena Berg", "email": "lena@nordbolt.example", "phone": null
        },
        "ship_to": address, "ship_name": null, "buyer": "BUY1", "buyer_name": "Bea Buyer", "terms": "N30", "terms_description": "Net 30",
        "ship_via": "BEST", "fob": "ORIG", "comment": null, "currency": "EUR", "base_currency": "USD", "exchange_rate": "1.10",
        "vendor_reference": null, "charges": amount("0", "0"), "tax": amount("0.00", "0.00"), "total": amount("1275.00", "1402.50"),
        "lines": [line], "changed_by": "buy1", "version": 48_219_999
    });
    let billed = json!({
        "number": 1, "line_type": "R", "purchase_order": {"order": 50_231, "line": 1, "release": 1}, "part": "HX-M8-40", "vendor_part": null,
        "description": null, "quantity": "5000", "unit": "EA", "unit_cost": amount("25.50000", "28.05000"), "cost_per": "per_hundred",
        "extended": amount("1275.00", "1402.50"), "charges": "0", "gl": [account()], "version": 48_220_101
    });
    let invoice = json!({
        "company": "EPIC06", "vendor_number": 118, "vendor_code": "NORDBOLT", "vendor_name": null, "number": "INV/2026-0001", "group": "APR26",
        "posted": true, "open": true, "debit_memo": false, "correction": false, "held": false, "invoiced": "2026-04-22",
        "applied": "2026-04-22", "due": null, "terms": "N30", "description": null, "header_order": 50_231, "currency": "EUR",
        "base_currency": "USD", "exchange_rate": "1.10", "total": amount("1275.00", "1402.50"), "balance": amount("1275.00", "1402.50"),
        "tax": amount("0", "0"), "lines": [billed], "changed_by": null, "version": 48_220_102, "extra": {"Tier_c": "gold"}
    });
    for (flow, record) in [
        ("epicor_to_adobe::purchase_orders", json!({"purchase_order": order})),
        ("epicor_to_adobe::ap_invoices", json!({"ap_invoice": invoice})),
    ] {
        survives::<PushRecord>(json!({
            "flow": flow, "from": "epicor-main", "to": "shop-main", "records": [record], "waits": 0
        }));
    }
}
