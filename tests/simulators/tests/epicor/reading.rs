//! Filters, pages, children.

use std::collections::BTreeSet;

use serde_json::json;

use crate::site::{Site, VENDORS, numbers};

#[tokio::test]
async fn filters_select_what_they_say() {
    let site = Site::stock().await;
    {
        let mut store = site.sim.store();
        for (name, city, inactive) in
            [("O'Brien Steel", "Duluth", false), ("Nordic Bolt", "Tacoma", true), ("Harbor Bolt", "Duluth", false)]
        {
            store
                .insert_vendor(&json!({ "Name": name, "City": city, "Inactive": inactive, "MinOrderValue": 12.5 }))
                .unwrap();
        }
    }
    let first = site.sim.store().row("EPIC06", "Vendor", &json!(1)).unwrap();
    let (revision, guid) = (first["SysRevID"].as_i64().unwrap(), first["SysRowID"].as_str().unwrap().to_owned());
    let cases = [
        ("Name eq 'O''Brien Steel'".to_owned(), vec![1]),
        ("City eq 'Duluth' and not (VendorNum gt 1)".into(), vec![1]),
        ("Inactive or VendorNum eq 3".into(), vec![2, 3]),
        ("Inactive eq false and contains(Name,'Bolt')".into(), vec![3]),
        ("startswith(Name,'Nord') or endswith(Name,'Steel')".into(), vec![1, 2]),
        ("contains(Name,'Bolt') eq false".into(), vec![1]),
        ("VendorNum ge 2 and VendorNum le 3 and VendorNum ne 2".into(), vec![3]),
        ("2 lt VendorNum".into(), vec![3]),
        ("MinOrderValue gt 12.4".into(), vec![1, 2, 3]),
        (format!("SysRevID gt {revision}"), vec![2, 3]),
        (format!("SysRowID eq {guid}"), vec![1]),
        ("TaxValidationDate eq null and VendorNum lt 2".into(), vec![1]),
        ("Company eq 'EPIC06' and City ne 'Duluth'".into(), vec![2]),
    ];
    for (filter, wanted) in cases {
        let rows = site.vendors(&[("$filter", &filter), ("$orderby", "VendorNum"), ("$select", "VendorNum")]).await;
        assert_eq!(numbers(&rows, "VendorNum"), wanted, "{filter}");
        let (_, count) = site.get("Erp.BO.VendorSvc/Vendors/$count", &[("$filter", &filter)]).await;
        assert_eq!(count, json!(wanted.len()), "{filter}");
    }
}

#[tokio::test]
async fn wrong_questions_are_odata_errors() {
    let site = Site::stock().await;
    let cases = [
        (
            "$filter",
            "UpdatedOn ge 2025-01-31T00:00:00Z",
            "Could not find a property named 'UpdatedOn' on type 'Erp.Vendor'.",
        ),
        ("$select", "Nme", "Could not find a property named 'Nme' on type 'Erp.Vendor'."),
        ("$orderby", "Nme", "Could not find a property named 'Nme' on type 'Erp.Vendor'."),
        ("$expand", "PODetails", "Could not find a property named 'PODetails' on type 'Erp.Vendor'."),
        ("$filter", "VendorNum eq '12'", "A binary operator with incompatible types was detected."),
        ("$filter", "TaxValidationDate ge datetime'2025-01-31T00:00:00'", "Unrecognized 'Edm.String' literal"),
        ("$filter", "VendorNum gtt 1", "Syntax error at position"),
        ("$filter", "Name eq 'open", "There is an unterminated string literal"),
        ("$filter", "tolower(Name) eq 'x'", "An unknown function with name 'tolower'"),
        ("$top", "-1", "Invalid value '-1' for $top"),
        ("$inlinecount", "allpages", "The query parameter '$inlinecount' is not supported."),
    ];
    for (option, value, wanted) in cases {
        let (status, body) = site.get(VENDORS, &[(option, value)]).await;
        let message = body["ErrorMessage"].as_str().unwrap_or_default();
        assert!(status == 400 && message.starts_with(wanted), "{option}={value}: {status} {body}");
        assert_eq!(body["ErrorType"], "Microsoft.OData.ODataException");
    }
    let deep = format!("{}Inactive{}", "(".repeat(100), ")".repeat(100));
    assert_eq!(site.get(VENDORS, &[("$filter", &deep)]).await.0, 400);
    let long = format!("Name eq '{}'", "x".repeat(2_050));
    let response = site.send(VENDORS, &[("$filter", &long)]).await;
    assert_eq!(response.status(), 404);
    assert!(response.text().await.unwrap().contains("404.15"));
}

#[tokio::test]
async fn a_page_has_100_rows_and_no_next_link_and_the_cap_wins_over_top() {
    let site = Site::stock().await;
    site.seed_vendors(250);
    let (_, body) = site.get(VENDORS, &[("$count", "true")]).await;
    assert_eq!((body["value"].as_array().unwrap().len(), &body["@odata.count"]), (100, &json!(250)));
    assert!(body.get("@odata.nextLink").is_none());
    assert_eq!(site.vendors(&[("$top", "200")]).await.len(), 200);
    site.control("switches", json!({ "max_top": 50 })).await;
    assert_eq!(site.vendors(&[("$top", "200")]).await.len(), 50);
    assert_eq!(site.vendors(&[("$skip", "240"), ("$orderby", "VendorNum")]).await.len(), 10);
}

#[tokio::test]
async fn without_an_order_every_call_deals_the_rows_anew() {
    let site = Site::stock().await;
    site.seed_vendors(90);
    let one = numbers(&site.vendors(&[]).await, "VendorNum");
    let two = numbers(&site.vendors(&[]).await, "VendorNum");
    assert_ne!(one, two);
    assert_eq!(BTreeSet::from_iter(one), BTreeSet::from_iter(two));
}

#[tokio::test]
async fn keyset_and_skip_walks_both_see_every_row_of_a_still_table() {
    let site = Site::stock().await;
    site.seed_vendors(730);
    let bound = site.sim.store().max_rev();
    for order in ["VendorNum", "SysRevID", "Name,VendorNum", "VendorNum desc"] {
        let (mut skipped, mut walked) = (Vec::new(), Vec::new());
        let mut last = if order.ends_with("desc") { i64::MAX } else { 0 };
        let window = format!("SysRevID le {bound}");
        loop {
            let skip = skipped.len().to_string();
            let page = site
                .vendors(&[
                    ("$filter", &window),
                    ("$orderby", order),
                    ("$skip", &skip),
                    ("$select", "VendorNum,SysRevID"),
                ])
                .await;
            if page.is_empty() {
                break;
            }
            skipped.extend(numbers(&page, "VendorNum"));
        }
        let column = order.split([',', ' ']).next().unwrap();
        // Names are no key: their walk has no bound that moves.
        let moving = (column != "Name").then_some(column);
        while let Some(column) = moving {
            let operator = if order.ends_with("desc") { "lt" } else { "gt" };
            let filter = format!("{window} and {column} {operator} {last}");
            let page =
                site.vendors(&[("$filter", &filter), ("$orderby", order), ("$select", "VendorNum,SysRevID")]).await;
            let Some(end) = page.last() else { break };
            last = end[column].as_i64().unwrap();
            walked.extend(numbers(&page, "VendorNum"));
        }
        assert_eq!(BTreeSet::from_iter(&skipped).len(), 730, "{order}");
        assert_eq!(skipped.len(), 730, "{order}");
        assert!(column == "Name" || walked == skipped, "{order}");
    }
}

#[tokio::test]
async fn contacts_come_by_expand_and_nested_path_but_not_by_a_child_filter() {
    let site = Site::stock().await;
    site.seed_vendors(2);
    let before = site.sim.store().row("EPIC06", "Vendor", &json!(1)).unwrap()["SysRevID"].clone();
    for name in ["Ann", "Bob"] {
        site.sim
            .store()
            .insert_vendor_contact(
                &json!({ "VendorNum": 1, "PurPoint": "", "Name": name, "EmailAddress": "x@y.example" }),
            )
            .unwrap();
    }
    let query = [
        ("$select", "VendorNum,SysRevID"),
        ("$expand", "VendCntMains($select=ConNum,Name;$orderby=Name desc)"),
        ("$orderby", "VendorNum"),
    ];
    let rows = site.vendors(&query).await;
    assert_eq!(rows[0]["VendCntMains"], json!([{ "ConNum": 2, "Name": "Bob" }, { "ConNum": 1, "Name": "Ann" }]));
    assert_eq!((&rows[1]["VendCntMains"], &rows[0]["SysRevID"]), (&json!([]), &before));
    let (_, nested) =
        site.get("Erp.BO.VendorSvc/Vendors('EPIC06',1)/VendCntMains", &[("$filter", "Name eq 'Bob'")]).await;
    assert_eq!(numbers(nested["value"].as_array().unwrap(), "ConNum"), [2]);
    let (status, direct) = site.get("Erp.BO.VendorSvc/VendCntMains", &[("$filter", "VendorNum eq 1")]).await;
    assert_eq!((status, &direct["value"]), (200, &json!([])));
    site.control("switches", json!({ "child_filter_empty": false })).await;
    let (_, direct) = site.get("Erp.BO.VendorSvc/VendCntMains", &[("$filter", "VendorNum eq 1")]).await;
    assert_eq!(direct["value"].as_array().unwrap().len(), 2);
}
