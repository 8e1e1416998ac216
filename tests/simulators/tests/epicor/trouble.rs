//! Faults and seeded data, good and broken.

use std::collections::BTreeSet;

use mlc_simulators::epicor::{Fault, FaultKind};
use serde_json::{Value, json};

use crate::site::{Site, VENDORS};

#[tokio::test]
async fn faults_answer_as_ordered_and_then_the_call_works_again() {
    let site = Site::stock().await;
    site.seed_vendors(3);
    let statuses = [
        ("licence_400", 400, "LicenseAccessException"),
        ("500_hidden", 500, "Something went wrong"),
        ("502_html", 502, "Bad Gateway"),
        ("503_conversions", 503, "ConversionsPendingException"),
        ("401_login", 401, "Invalid username or password."),
        ("401_key", 401, "Invalid API Key sim-api-key."),
        ("401_access", 401, "Access denied (Erp.BO.Company.GetRows)."),
        ("html_200", 200, "<html>"),
        ("delay_20s", 200, "Vendor 3"),
        ("truncated_json", 200, "@odata.context"),
        ("wrong_types", 200, "not a number"),
        ("null_keys", 200, "\"VendorNum\":null"),
        ("huge_string", 200, "xxxxxxxx"),
    ];
    for (kind, wanted, text) in statuses {
        site.control("faults", json!({ "route": "Vendors", "kind": kind, "delay_ms": 30 })).await;
        let response = site.send(VENDORS, &[]).await;
        let status = response.status().as_u16();
        let body = response.text().await.unwrap();
        assert!(status == wanted && body.contains(text), "{kind}: {status} {}", &body[..body.len().min(300)]);
        assert!(kind != "huge_string" || body.len() > 10_000_000);
        assert!(kind != "truncated_json" || serde_json::from_str::<Value>(&body).is_err());
        assert_eq!(site.vendors(&[]).await.len(), 3, "{kind}");
    }
    for kind in [FaultKind::ResetBefore, FaultKind::ResetAfter] {
        site.sim.faults().add(Fault::once("Vendors", kind).times(2));
        assert!(site.request(VENDORS, &[]).send().await.is_err());
        assert!(site.request(VENDORS, &[]).send().await.is_err());
    }
    site.sim.faults().add(Fault::once("*", FaultKind::DuplicateRows));
    assert_eq!(site.vendors(&[]).await.len(), 4);
    let stats = site.sim.stats();
    assert_eq!((stats.by_status[&0], stats.faults["reset_after"], stats.by_set["Vendors"]), (4, 2, 18 + 2 + 1));
}

#[tokio::test]
async fn a_seeded_company_is_repeatable_and_its_broken_rows_can_be_fixed() {
    let site = Site::stock().await;
    let order = json!({ "vendors": 200, "customers": 300, "contacts": true, "seed": 1, "broken": true });
    let seeded = site.control("seed_company", order.clone()).await;
    let broken = seeded["broken"].as_array().unwrap().clone();
    assert_eq!((&seeded["vendors"], &seeded["customers"], broken.len()), (&json!(200), &json!(300), 20));
    let reasons: BTreeSet<_> = broken.iter().map(|row| row["reason"].as_str().unwrap()).collect();
    assert_eq!(reasons.len(), 8);
    let twice = broken.iter().find(|row| row["reason"] == "served_twice").unwrap();
    let filter = format!("VendorNum eq {}", twice["key"]);
    assert_eq!(site.vendors(&[("$filter", &filter)]).await.len(), 2);
    assert_eq!(site.vendors(&[("$filter", "Name eq ''")]).await.len(), 2);
    let fixed = site.control("fix_broken", json!({})).await;
    assert_eq!(fixed["fixed"].as_array().unwrap().len(), 20);
    assert_eq!(site.vendors(&[("$filter", &filter)]).await.len(), 1);
    assert_eq!(site.vendors(&[("$filter", "Name eq ''")]).await.len(), 0);
    let touched = site.control("touch", json!({ "table": "Vendor", "rows": 50 })).await;
    assert_eq!(touched["keys"].as_array().unwrap().len(), 50);
    site.control("reset", json!({})).await;
    assert_eq!(site.control("seed_company", order).await["broken"], json!(broken));
}

#[tokio::test]
async fn decimals_keep_their_digits_and_wrong_types_are_served_as_seeded() {
    let site = Site::stock().await;
    let rows =
        json!([{ "VendorNum": 5, "Name": "Odd", "MinOrderValue": "1275.00", "PhoneNum": 12, "Unknown": { "a": 1 } }]);
    site.control("seed", json!({ "table": "Vendors", "rows": rows })).await;
    let text = site.send(VENDORS, &[]).await.text().await.unwrap();
    assert!(text.contains("\"MinOrderValue\":1275.00,"), "{text}");
    assert!(text.contains("\"PhoneNum\":12,") && text.contains("\"Unknown\":{\"a\":1}"), "{text}");
}
