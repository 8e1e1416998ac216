//! Change columns, late commits, rows that move.

use mlc_simulators::epicor::{DateShape, EpicorConfig, Mutator, Phase, Profile, Visibility};
use serde_json::{Value, json};

use crate::site::{Site, VENDORS, numbers, read};

#[tokio::test]
async fn updated_on_exists_only_where_it_is_switched_on() {
    let site = Site::start(EpicorConfig { profile: Profile::UpdatedOn, ..EpicorConfig::default() }).await;
    site.seed_vendors(2);
    site.control("clock", json!({ "now": "2026-04-07T14:02:11Z" })).await;
    site.sim.store().update_vendor(2, &json!({ "City": "Erie" })).unwrap();
    let filter = [("$filter", "UpdatedOn le 2026-04-07T14:02:11Z and UpdatedOn gt 2026-04-07T16:02:10+02:00")];
    let rows = site.vendors(&filter).await;
    assert_eq!((numbers(&rows, "VendorNum"), &rows[0]["UpdatedOn"]), (vec![2], &json!("2026-04-07T14:02:11")));
    site.control("switches", json!({ "updated_on": ["Customers"] })).await;
    assert_eq!(site.get(VENDORS, &filter).await.0, 400);
    assert!(site.vendors(&[]).await[0].get("UpdatedOn").is_none());
    let metadata = |service: &str| site.request(&format!("{service}/$metadata"), &[]).send();
    assert!(!metadata("Erp.BO.VendorSvc").await.unwrap().text().await.unwrap().contains("UpdatedOn"));
    let customers = metadata("Erp.BO.CustomerSvc").await.unwrap().text().await.unwrap();
    assert!(customers.contains("<Property Name=\"UpdatedOn\" Type=\"Edm.DateTimeOffset\""));
}

#[tokio::test]
async fn change_columns_differ_by_table_and_follow_the_clock_and_the_server_zone() {
    let site = Site::stock().await;
    site.control("clock", json!({ "now": "2026-04-08T03:30:10Z" })).await;
    site.control("switches", json!({ "server_offset_minutes": -360 })).await;
    site.sim.store().insert_customer(&json!({ "Name": "Harbor" })).unwrap();
    site.sim.store().insert_customer_contact(&json!({ "CustNum": 1, "Name": "Eve" })).unwrap();
    let response = site.send("Erp.BO.CustomerSvc/Customers('EPIC06',1)", &[]).await;
    assert_eq!(response.headers()["date"], "Wed, 08 Apr 2026 03:30:10 GMT");
    let (_, row) = read(response).await;
    assert_eq!((&row["ChangeDate"], &row["ChangeTime"]), (&json!("2026-04-07T00:00:00"), &json!(77_410)));
    assert!(row["SysRevID"].as_i64().unwrap() > 1 << 31);
    assert!(row.get("Region_c").is_some() && row.get("SimNextRelease").is_some());
    let (_, contacts) = site.get("Erp.BO.CustCntSvc/CustCnts", &[]).await;
    assert_eq!(contacts["value"][0]["ChangeDate"], Value::Null);
    let mut seen = Vec::new();
    for shape in [DateShape::Z, DateShape::Offset, DateShape::Null] {
        site.switch(|switches| switches.dates = shape);
        seen.push(
            site.get("Erp.BO.CustomerSvc/Customers", &[("$select", "ChangeDate")]).await.1["value"][0]["ChangeDate"]
                .clone(),
        );
    }
    assert_eq!(seen, [json!("2026-04-07T00:00:00Z"), json!("2026-04-07T00:00:00-06:00"), Value::Null]);
    site.switch(|switches| switches.dates = DateShape::NoZone);
    for (filter, wanted) in [("ChangeDate ge 2026-04-07T06:00:00Z", 1), ("ChangeDate gt 2026-04-07T00:00:00", 0)] {
        let (_, body) = site.get("Erp.BO.CustomerSvc/Customers", &[("$filter", filter)]).await;
        assert_eq!(body["value"].as_array().unwrap().len(), wanted, "{filter}");
    }
}

#[tokio::test]
async fn a_late_commit_appears_below_revisions_already_served() {
    let site = Site::stock().await;
    site.seed_vendors(2);
    let hold = site
        .sim
        .store()
        .update_later("EPIC06", "Vendor", &json!(1), &json!({ "City": "Late" }), Visibility::OnCommit)
        .unwrap();
    site.sim.store().update_vendor(2, &json!({ "City": "Early" })).unwrap();
    let order = [("$orderby", "SysRevID"), ("$select", "VendorNum,City,SysRevID")];
    let seen = site.vendors(&order).await;
    let bookmark = seen[1]["SysRevID"].as_i64().unwrap();
    assert_eq!((&seen[0]["City"], &seen[1]["City"]), (&json!(""), &json!("Early")));
    site.control("commit", json!({ "hold": hold })).await;
    let seen = site.vendors(&order).await;
    assert_eq!((numbers(&seen, "VendorNum"), &seen[0]["City"]), (vec![1, 2], &json!("Late")));
    assert!(seen[0]["SysRevID"].as_i64().unwrap() < bookmark);
    site.control(
        "update",
        json!({ "table": "Vendor", "key": 1, "fields": { "City": "Paged" }, "visible_after_pages": 1 }),
    )
    .await;
    assert_eq!(site.vendors(&order).await[0]["City"], "Late");
    assert_eq!(site.vendors(&order).await[1]["City"], "Paged");
}

#[tokio::test]
async fn rows_change_between_pages_by_hook_and_by_mutator() {
    let site = Site::stock().await;
    site.seed_vendors(10);
    site.sim.on_page(|store, page| {
        if page.phase == Phase::Before && page.set == "Vendors" {
            let name = format!("Name at page {}", page.number);
            store.update_vendor(3, &json!({ "Name": name })).unwrap();
        }
    });
    for number in 0..2 {
        let rows = site.vendors(&[("$filter", "VendorNum eq 3")]).await;
        assert_eq!(rows[0]["Name"], format!("Name at page {number}"));
    }
    site.sim.mutate_per_page(Some(Mutator { rows: 4, inserts: 1, deletes: 1, held: 2, seed: 7, ..Mutator::default() }));
    let before = site.sim.store().max_rev();
    site.vendors(&[]).await;
    assert_eq!(site.sim.store().max_rev() - before, 6);
    assert_eq!(site.sim.store().len("EPIC06", "Vendor"), 10);
}
