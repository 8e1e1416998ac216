//! What a person may change about a job on the dead-letter shelf.

#![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]

use mlc_flow::{JOB_KINDS, check_edit, check_payload};
use mlc_queue::Lane;
use serde_json::{Value, json};

fn poll() -> Value {
    json!({"flow": "epicor_to_hubspot::vendors", "entity": "vendors", "from": "epicor-main", "to": "hubspot-main",
        "ask": {"records": {"keys": ["118"], "about": "EPIC06:VEND:118"}}})
}

fn company() -> Value {
    json!({"flow": "adobe_to_epicor::companies", "from": "shop", "to": "epicor-main", "company_id": 7, "step": {"write": {
        "vendor": "EPIC06:VEND:118", "values": {"name": "Lena's Garage"}, "read_at": "2026-11-22T00:00:00Z",
        "seen": "000102030405060708090a0b0c0d0e0f"}}})
}

fn lane(name: &str) -> Lane {
    Lane::parse(name).unwrap()
}

/// The edit of the shop's company that `change` makes.
fn edit(change: impl FnOnce(&mut Value)) -> Result<(), String> {
    let mut after = company();
    change(&mut after);
    check_edit("pull_company", &company(), &after, &lane("epicor-main"), Some("company 7"))
}

#[test]
fn content_may_change() {
    edit(|_| {}).unwrap();
    edit(|after| after["step"]["write"]["values"]["name"] = json!("Otto's Garage")).unwrap();
    edit(|after| drop(after["step"]["write"]["values"].as_object_mut().unwrap().remove("name"))).unwrap();
}

#[test]
fn which_job_it_is_may_not_change() {
    for (field, value) in [("flow", "adobe_to_epicor::others"), ("from", "other"), ("to", "other")] {
        let error = edit(|after| after[field] = json!(value)).unwrap_err();
        assert!(error.contains(&format!("`{field}`")), "{error}");
    }
    assert!(edit(|after| after["company_id"] = json!(8)).unwrap_err().contains("unique key"));
    assert!(edit(|after| after["step"] = json!("read")).unwrap_err().contains("lane"));
    let other = edit(|after| after["step"]["write"]["read_at"] = json!("2026-11-23T00:00:00Z"));
    assert!(other.unwrap_err().contains("unique key"));
}

#[test]
fn a_message_names_the_field_and_tells_no_value() {
    let wrong = edit(|after| after["company_id"] = json!("Lena Miller")).unwrap_err();
    assert!(wrong.starts_with("`company_id`: ") && !wrong.contains("Lena"), "{wrong}");
    let wrong = edit(|after| after["step"]["write"]["values"]["name"] = json!(["Lena Miller"])).unwrap_err();
    assert!(wrong.starts_with("`step.write.values") && !wrong.contains("Lena"), "{wrong}");
    let missing = edit(|after| drop(after.as_object_mut().unwrap().remove("step"))).unwrap_err();
    assert!(missing.contains("`step`"), "{missing}");
    let typo = edit(|after| after["step"]["write"]["vallues"] = json!({"name": "x"})).unwrap_err();
    assert!(typo.contains("`step.write.vallues`"), "{typo}");
    // What says nothing may be there, and what was there before may stay.
    edit(|after| after["more"] = json!(null)).unwrap();
    let mut old = company();
    old["retired"] = json!(1);
    check_edit("pull_company", &old, &old, &lane("epicor-main"), Some("company 7")).unwrap();
}

#[test]
fn a_payload_that_could_not_be_read_is_put_right_when_it_is_of_the_same_subject() {
    let mut broken = company();
    broken["step"]["write"]["read_at"] = json!("yesterday");
    let right = |subject| check_edit("pull_company", &broken, &company(), &lane("epicor-main"), Some(subject));
    right("company 7").unwrap();
    assert!(right("company 8").unwrap_err().contains("subject"));
}

#[test]
fn a_record_may_change_in_all_but_its_key_and_version() {
    let address = json!({"line1": "12 Quay Rd", "line2": null, "line3": null, "city": "Duluth", "state": "MN",
        "postal_code": "55802", "country": null});
    let vendor = json!({"company": "EPIC06", "number": 118, "code": "NORDBOLT", "name": "Nordic Bolt", "address": address,
        "phone": null, "email": null, "website": null, "terms": "N30", "group": null, "currency": "USD", "active": true,
        "contacts": [], "version": 48_210_377});
    let stored = json!({"flow": "epicor_to_hubspot::vendors", "from": "epicor-main", "to": "hubspot-main", "window": null,
        "records": [{ "vendor": vendor }], "waits": 0});
    let subject = "EPIC06:VEND:118";
    let edit = |change: &dyn Fn(&mut Value)| {
        let mut after = stored.clone();
        change(&mut after["records"][0]["vendor"]);
        check_edit("push_record", &stored, &after, &lane("hubspot-main"), Some(subject))
    };
    edit(&|vendor| vendor["name"] = json!("Another name")).unwrap();
    assert!(edit(&|vendor| vendor["version"] = json!(48_210_378)).unwrap_err().contains("version"));
    assert!(edit(&|vendor| vendor["number"] = json!(119)).unwrap_err().contains("records[0]"));
    let mut none = stored.clone();
    none["records"] = json!([]);
    assert!(check_payload("push_record", &none).unwrap_err().contains("records"));
}

#[test]
fn every_kind_of_job_is_checked_and_no_other() {
    for kind in JOB_KINDS {
        let error = check_payload(kind, &json!({})).unwrap_err();
        assert!(error.contains("missing field"), "{kind}: {error}");
    }
    assert!(check_payload("unheard_of", &poll()).unwrap_err().contains("unheard_of"));
    check_payload("poll_page", &poll()).unwrap();
}
