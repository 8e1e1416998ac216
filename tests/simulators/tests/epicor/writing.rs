//! Methods: new rows, saves, refusals, GL lines.

use mlc_simulators::epicor::{Fault, FaultKind, GlPost, MasterUpdate};
use serde_json::{Value, json};

use crate::site::Site;

const REQ: &str = "Erp.BO.ReqSvc";
const VENDOR: &str = "Erp.BO.VendorSvc";
const AP: &str = "Erp.BO.APInvoiceSvc";

/// Saves a requisition header with that comment; its number.
async fn requisition(site: &Site, comment: &str) -> i64 {
    let mut ds = site.ds(&format!("{REQ}/GetNewReqHead"), json!({ "ds": {} })).await;
    assert_eq!((&ds["ReqHead"][0]["RowMod"], &ds["ReqHead"][0]["ReqNum"]), (&json!("A"), &json!(0)));
    ds["ReqHead"][0]["CommentText"] = comment.into();
    let saved = site.ds(&format!("{REQ}/Update"), json!({ "ds": ds })).await;
    assert_eq!(saved["ReqHead"][0]["SysRowID"], ds["ReqHead"][0]["SysRowID"]);
    saved["ReqHead"][0]["ReqNum"].as_i64().unwrap()
}

/// An AP invoice with one miscellaneous line of 100.00; the tableset after the save of the line.
async fn invoice(site: &Site) -> Value {
    site.control("seed_purchasing", json!({ "pos": 5, "invoices": 2, "seed": 1 })).await;
    let vendor = site.sim.store().rows("EPIC06", "POHeader")[0]["VendorVendorID"].clone();
    let ds = site.ds(&format!("{AP}/GetNewAPInvHedInvoice"), json!({ "ds": {}, "cGroupID": "MLC0001" })).await;
    let body = json!({ "ProposedVendorID": vendor, "confirmCheck": false, "ds": ds });
    let ds = site.ds(&format!("{AP}/ChangeVendorID"), body).await;
    let body = json!({ "ProposedInvoiceDate": "2026-04-22T00:00:00", "recalcAmts": "", "ds": ds });
    let ds = site.ds(&format!("{AP}/ChangeInvoiceDateEx"), body).await;
    let body = json!({ "ProposedInvoiceVendorAmt": 100, "ds": ds });
    let mut ds = site.ds(&format!("{AP}/ChangeInvoiceVendorAmt"), body).await;
    ds["APInvHed"][0]["InvoiceNum"] = "NB/2026 #1".into();
    let ds = site.ds(&format!("{AP}/Update"), json!({ "ds": ds })).await;
    let number = ds["APInvHed"][0]["VendorNum"].clone();
    let body = json!({ "ds": ds, "iVendorNum": number, "cInvoiceNum": "NB/2026 #1" });
    let ds = site.ds(&format!("{AP}/GetNewAPInvDtlMiscellaneous"), body).await;
    let ds = site.ds(&format!("{AP}/ChangePartNum"), json!({ "ProposedPartNum": "HX", "ds": ds })).await;
    let mut ds = site.ds(&format!("{AP}/ChangeExtCost"), json!({ "ProposedExtCost": 100, "ds": ds })).await;
    ds["APInvDtl"][0]["Description"] = "Bolts".into();
    site.ds(&format!("{AP}/Update"), json!({ "ds": ds })).await
}

fn master(ds: &Value) -> Value {
    json!({
        "ds": ds, "cGroupID": "MLC0001", "cTableName": "APInvExpTGLC", "runChkCPay": false, "runChkBankRef": false,
        "runChkRevChrg": false, "suppressUserPrompts": true,
    })
}

#[tokio::test]
async fn a_requisition_gets_its_numbers_on_update_and_only_then() {
    let site = Site::stock().await;
    let number = requisition(&site, "Adobe order 000000412").await;
    let mut ds = site.ds(&format!("{REQ}/GetNewReqDetail"), json!({ "ds": {}, "reqNum": number })).await;
    assert_eq!(site.sim.store().len("EPIC06", "ReqDetail"), 0);
    let row = &mut ds["ReqDetail"][0];
    (row["LineDesc"], row["OrderQty"], row["UnitCost"]) = ("Bolt".into(), 3.into(), json!(2.505));
    (row["Colour_c"], row["RowMod"]) = ("red".into(), "A".into());
    let saved = site.ds(&format!("{REQ}/Update"), json!({ "ds": ds })).await;
    let line = &saved["ReqDetail"][0];
    assert_eq!((&line["ReqLine"], &line["RowMod"], &line["Colour_c"]), (&json!(1), &json!(""), &json!("red")));
    assert_eq!(line["ExtCost"], 7.52);
    let (_, found) = site.get(&format!("{REQ}/GetByID"), &[("reqNum", &number.to_string())]).await;
    assert_eq!(found["returnObj"]["ReqDetail"][0]["SysRevID"], line["SysRevID"]);
    let (_, posted) = site.post(&format!("{REQ}/GetByID"), &json!({ "reqNum": number })).await;
    assert_eq!(posted, found);
    let filter = [("$filter", "contains(CommentText,'000000412')"), ("$expand", "ReqDetails")];
    let (_, page) = site.get(&format!("{REQ}/Reqs"), &filter).await;
    assert_eq!(
        (&page["value"][0]["StatusType"], &page["value"][0]["ReqDetails"][0]["ReqLine"]),
        (&json!("P"), &json!(1))
    );
    let (status, _) = site.post(&format!("{REQ}/UpdateMaster"), &master(&ds)).await;
    assert_eq!(status, 404);
    let stats = site.sim.stats();
    assert_eq!((stats.by_method["Erp.BO.ReqSvc/Update"], stats.saved["ReqHead A"]), (2, 1));
}

#[tokio::test]
async fn missing_parameters_records_and_columns_are_refused_by_name() {
    let site = Site::stock().await;
    let number = requisition(&site, "x").await;
    for (path, body, status, text) in [
        ("Erp.BO.ReqSvc/Update", json!({}), 400, "Parameter ds is not found in the input object"),
        (
            "Erp.BO.ReqSvc/GetNewReqDetail",
            json!({ "ds": {} }),
            400,
            "Parameter reqNum is not found in the input object",
        ),
        ("Erp.BO.ReqSvc/GetNewReqDetail", json!({ "ds": {}, "reqNum": 99 }), 404, "Record not found."),
        ("Erp.BO.ReqSvc/GetByID", json!({ "reqNum": 99 }), 404, "Record not found."),
        (
            "Erp.BO.APInvoiceSvc/GetNewAPInvHedInvoice",
            json!({ "ds": {}, "cGroupID": "NO" }),
            400,
            "Group ID is invalid.",
        ),
        (
            "Erp.BO.ReqSvc/Update",
            json!({ "ds": { "ReqHead": [{ "RowMod": "X" }] } }),
            400,
            "RowMod \"X\" is not valid.",
        ),
        (
            "Erp.BO.ReqSvc/Update",
            json!({ "ds": { "ReqHead": [{ "RowMod": "U", "ReqNum": number }] } }),
            400,
            "SysRevID is required.",
        ),
        ("Erp.BO.ReqSvc/Update", json!({ "ds": { "ReqHead": [{ "RowMod": "A" }] } }), 400, "ReqNum is required."),
    ] {
        let (found, answer) = site.post(path, &body).await;
        assert_eq!((found, &answer["ErrorMessage"]), (status, &json!(text)), "{path} {body}");
    }
    let (status, _) = site.get(&format!("{REQ}/Update"), &[]).await;
    assert_eq!(status, 405);
}

#[tokio::test]
async fn a_vendor_is_added_once_changed_with_its_revision_and_refused_when_stale() {
    let site = Site::stock().await;
    let mut ds = site.ds(&format!("{VENDOR}/GetNewVendor"), json!({ "ds": {} })).await;
    (ds["Vendor"][0]["VendorID"], ds["Vendor"][0]["Name"]) = ("NORDBOLT".into(), "Nordic Bolt".into());
    ds["Vendor"][0]["TermsCode"] = "NOPE".into();
    let (status, refused) = site.post(&format!("{VENDOR}/Update"), &json!({ "ds": ds })).await;
    assert_eq!((status, &refused["ErrorDetails"][0]["Field"]), (400, &json!("TermsCode")));
    ds["Vendor"][0]["TermsCode"] = "N30".into();
    let saved = site.ds(&format!("{VENDOR}/Update"), json!({ "ds": ds })).await;
    let number = saved["Vendor"][0]["VendorNum"].clone();
    let (status, twice) = site.post(&format!("{VENDOR}/Update"), &json!({ "ds": ds })).await;
    assert_eq!((status, &twice["ErrorType"]), (409, &json!("Ice.Common.DuplicateRecordException")));
    let body = json!({ "ds": saved, "vendorNum": number, "purPoint": "" });
    let mut with_contact = site.ds(&format!("{VENDOR}/GetNewVendCntMain"), body).await;
    with_contact["VendCntMain"][0]["Name"] = "Ann".into();
    let after = site.ds(&format!("{VENDOR}/Update"), json!({ "ds": with_contact })).await;
    assert_eq!(after["VendCntMain"][0]["ConNum"], 1);
    let (_, mut found) = site.post(&format!("{VENDOR}/GetByID"), &json!({ "vendorNum": number })).await;
    let ds = &mut found["returnObj"];
    (ds["Vendor"][0]["City"], ds["Vendor"][0]["RowMod"]) = ("Erie".into(), "U".into());
    ds["Vendor"][0]["Region_c"] = "North".into();
    let before = ds["Vendor"][0]["SysRevID"].as_i64();
    let changed = site.ds(&format!("{VENDOR}/Update"), json!({ "ds": ds })).await;
    assert!(changed["Vendor"][0]["SysRevID"].as_i64() > before && changed["Vendor"][0]["Region_c"] == "North");
    for status in [400, 409] {
        site.switch(|switches| switches.stale_status = status);
        let (found, answer) = site.post(&format!("{VENDOR}/Update"), &json!({ "ds": ds })).await;
        let text = "Row has been modified by another user and couldn't be updated";
        assert_eq!((found, &answer["ErrorMessage"]), (status, &json!(text)));
    }
    let body = json!({ "ds": ds, "continueProcessingOnError": true, "rollbackParentOnChildError": true });
    let (status, answer) = site.post(&format!("{VENDOR}/UpdateExt"), &body).await;
    assert_eq!((status, &answer["parameters"]["errorsOccurred"]), (200, &json!(true)));
    assert_eq!(answer["returnObj"]["BOUpdError"][0]["TableName"], "Vendor");
    let patch = site.sending("PATCH", &format!("{VENDOR}/Vendors('EPIC06',{number})"), &json!({ "City": "Fargo" }));
    assert_eq!(patch.send().await.unwrap().status(), 204);
    assert_eq!(site.sim.store().row("EPIC06", "Vendor", &number).unwrap()["City"], "Fargo");
}

#[tokio::test]
async fn gl_lines_are_made_with_the_invoice_line_and_changed_through_update_master() {
    let site = Site::stock().await;
    let mut ds = invoice(&site).await;
    assert_eq!(ds["APInvHed"][0]["DocInvoiceAmt"], 100.0);
    let rows = ds["APInvExpTGLC"].as_array_mut().unwrap();
    assert_eq!(rows.len(), 2);
    let main = rows.iter_mut().find(|row| row["IsMainBook"] == true).unwrap();
    (main["GLAccount"], main["SegValue1"], main["RowMod"]) = ("6210|10|200".into(), "6210".into(), "U".into());
    for (mode, ran, asks) in [(MasterUpdate::AsksUser, false, true), (MasterUpdate::DoesNotRun, false, false)] {
        site.switch(|switches| switches.update_master = mode);
        let (status, answer) = site.post(&format!("{AP}/UpdateMaster"), &master(&ds)).await;
        let answer = &answer["parameters"];
        assert_eq!((status, &answer["lUpdateRan"], &answer["requiresUserInput"]), (200, &json!(ran), &json!(asks)));
    }
    site.switch(|switches| switches.update_master = MasterUpdate::Saves);
    for name in master(&ds).as_object().unwrap().keys() {
        let mut lacking = master(&ds);
        lacking.as_object_mut().unwrap().remove(name);
        let (status, answer) = site.post(&format!("{AP}/UpdateMaster"), &lacking).await;
        assert_eq!(status, 400);
        assert_eq!(answer["ErrorMessage"], format!("Parameter {name} is not found in the input object"));
    }
    assert!(site.sim.stats().gl_rows.is_empty());
    let (_, answer) = site.post(&format!("{AP}/UpdateMaster"), &master(&ds)).await;
    let saved = &answer["parameters"];
    assert_eq!((&saved["lUpdateRan"], &saved["grpTotalInvAmt"]), (&json!(true), &json!(100.0)));
    let stored = site.sim.store().rows("EPIC06", "APInvExpTGLC");
    let row = stored.iter().find(|row| row["GLAccount"] == "6210|10|200" && row["InvoiceNum"] == "NB/2026 #1").unwrap();
    assert_eq!((&row["GLAccountGLAcctDisp"], &row["SegValue2"]), (&json!("6210-10-200"), &json!("10")));
    let stats = site.sim.stats();
    assert_eq!((stats.gl_rows["POST Erp.BO.APInvoiceSvc/UpdateMaster"], stats.gl_paths.len()), (1, 0));
}

#[tokio::test]
async fn posting_gl_rows_to_their_own_set_misbehaves_and_is_counted() {
    let site = Site::stock().await;
    let ds = invoice(&site).await;
    let row = &ds["APInvExpTGLC"][0];
    let before = site.sim.store().len("EPIC06", "APInvExpTGLC");
    let (status, answer) = site.post(&format!("{AP}/APInvExpTGLCs"), row).await;
    assert_eq!((status, &answer["ErrorType"]), (500, &json!("Ice.Common.BusinessObjectException")));
    assert_eq!(site.sim.store().len("EPIC06", "APInvExpTGLC"), before);
    site.switch(|switches| switches.gl_post = GlPost::StrayDuplicate);
    let (status, stray) = site.post(&format!("{AP}/APInvExpTGLCs"), row).await;
    assert_eq!(status, 201, "{stray}");
    assert_ne!(stray["SysRowID"], row["SysRowID"]);
    assert_eq!(site.sim.store().len("EPIC06", "APInvExpTGLC"), before + 1);
    let stats = site.sim.stats();
    assert_eq!(stats.gl_paths["POST /Live/api/v2/odata/EPIC06/Erp.BO.APInvoiceSvc/APInvExpTGLCs"], 2);
}

#[tokio::test]
async fn a_locked_group_a_posted_invoice_and_a_second_invoice_of_a_number_are_refused() {
    let site = Site::stock().await;
    let ds = invoice(&site).await;
    let (status, locked) =
        site.post(&format!("{AP}/GetNewAPInvHedInvoice"), &json!({ "ds": {}, "cGroupID": "CLERK" })).await;
    assert_eq!((status, &locked["ErrorMessage"]), (400, &json!("Group CLERK is currently locked by user apclerk.")));
    let group =
        |site: &Site| site.sim.store().row("EPIC06", "APInvGrp", &json!("MLC0001")).unwrap()["ActiveUserID"].clone();
    assert_eq!(group(&site), "mlc");
    let (status, _) = site.post("Erp.BO.APInvGrpSvc/UnlockGroup", &json!({ "InGroupID": "MLC0001" })).await;
    assert_eq!((status, group(&site)), (200, Value::Null));
    let (status, _) = site.post("Erp.BO.APInvGrpSvc/APInvGrps", &json!({ "GroupID": "NEW1" })).await;
    assert_eq!(status, 201);
    let mut again = ds.clone();
    again["APInvHed"][0]["RowMod"] = "A".into();
    let (status, _) = site.post(&format!("{AP}/Update"), &json!({ "ds": again })).await;
    assert_eq!(status, 409);
    let key = json!([ds["APInvHed"][0]["VendorNum"], "NB/2026 #1"]);
    site.sim.store().update("EPIC06", "APInvHed", &key, &json!({ "Posted": true })).unwrap();
    let mut late = ds.clone();
    late["APInvDtl"][0]["RowMod"] = "D".into();
    let (status, answer) = site.post(&format!("{AP}/Update"), &json!({ "ds": late })).await;
    assert_eq!((status, &answer["ErrorMessage"]), (400, &json!("Invoice is posted and cannot be changed.")));
}

#[tokio::test]
async fn a_connection_cut_after_the_commit_leaves_the_row_to_be_found() {
    let site = Site::stock().await;
    let mut ds = site.ds(&format!("{REQ}/GetNewReqHead"), json!({ "ds": {} })).await;
    ds["ReqHead"][0]["CommentText"] = "Adobe order 7".into();
    for (kind, rows) in [(FaultKind::ResetBefore, 0), (FaultKind::ResetAfter, 1)] {
        site.sim.faults().add(Fault::once("ReqSvc/Update", kind));
        assert!(site.sending("POST", &format!("{REQ}/Update"), &json!({ "ds": ds })).send().await.is_err());
        assert_eq!(site.sim.store().len("EPIC06", "ReqHead"), rows);
    }
    site.sim.faults().add(Fault::once("ReqSvc/GetNewReqDetail", FaultKind::Stale400));
    let (status, _) = site.post(&format!("{REQ}/GetNewReqDetail"), &json!({ "ds": {}, "reqNum": 1 })).await;
    assert_eq!(status, 400);
}

#[tokio::test]
async fn an_unreceived_line_takes_price_and_account_from_its_purchase_order() {
    let site = Site::stock().await;
    site.control("seed_purchasing", json!({ "pos": 20, "invoices": 0, "seed": 5 })).await;
    let order = site.sim.store().rows("EPIC06", "POHeader")[0].clone();
    let detail = site.sim.store().rows("EPIC06", "PODetail")[0].clone();
    let number = order["PONum"].clone();
    let ds = site.ds(&format!("{AP}/GetNewAPInvHedInvoice"), json!({ "ds": {}, "cGroupID": "MLC0001" })).await;
    let body = json!({ "ProposedRefPONum": number, "confirmCheck": false, "ds": ds });
    let mut ds = site.ds(&format!("{AP}/ChangeRefPONum"), body).await;
    assert_eq!(ds["APInvHed"][0]["VendorNum"], order["VendorNum"]);
    ds["APInvHed"][0]["InvoiceNum"] = "U-1".into();
    let ds = site.ds(&format!("{AP}/Update"), json!({ "ds": ds })).await;
    let body = json!({ "ds": ds, "iVendorNum": order["VendorNum"], "cInvoiceNum": "U-1" });
    let ds = site.ds(&format!("{AP}/GetNewAPInvDtlUnreceived"), body).await;
    let ds = site.ds(&format!("{AP}/ChangePONum"), json!({ "ProposedPONum": number, "ds": ds })).await;
    let ds = site.ds(&format!("{AP}/ChangePOLine"), json!({ "ProposedPOLine": 1, "ds": ds })).await;
    let ds = site.ds(&format!("{AP}/Update"), json!({ "ds": ds })).await;
    let line = &ds["APInvDtl"][0];
    assert_eq!((&line["PORelNum"], &line["DocUnitCost"]), (&json!(1), &detail["DocUnitCost"]));
    assert_eq!(ds["APInvHed"][0]["DocInvoiceAmt"], line["DocExtCost"]);
    let account = site.sim.store().row("EPIC06", "PORelTGLC", &json!([number, 1, 1, "MAIN"])).unwrap();
    assert!(ds["APInvExpTGLC"].as_array().unwrap().iter().all(|row| row["GLAccount"] == account["GLAccount"]));
    let (status, found) = site
        .get(&format!("{AP}/GetByID"), &[("vendorNum", &order["VendorNum"].to_string()), ("invoiceNum", "U-1")])
        .await;
    assert_eq!((status, &found["returnObj"]["APInvDtl"][0]["SysRevID"]), (200, &line["SysRevID"]));
    let (_, document) = site.post("Erp.BO.POSvc/GetByID", &json!({ "poNum": number })).await;
    assert_eq!(document["returnObj"]["PODetail"][0]["PartNum"], detail["PartNum"]);
}

#[tokio::test]
async fn update_ext_saves_the_good_rows_and_says_which_ones_failed() {
    let site = Site::stock().await;
    let number = requisition(&site, "mixed").await;
    let mut ds = json!({});
    for quantity in [2, 0] {
        ds = site.ds(&format!("{REQ}/GetNewReqDetail"), json!({ "ds": ds, "reqNum": number })).await;
        let row = ds["ReqDetail"].as_array_mut().unwrap().last_mut().unwrap();
        (row["LineDesc"], row["OrderQty"], row["ReqLine"]) = ("Bolt".into(), quantity.into(), (quantity + 1).into());
    }
    let call = |keep_going: bool| {
        let body = json!({ "ds": ds, "continueProcessingOnError": keep_going, "rollbackParentOnChildError": false });
        async { site.post(&format!("{REQ}/UpdateExt"), &{ body }).await.1 }
    };
    for (keep_going, rows) in [(false, 0), (true, 1)] {
        let answer = call(keep_going).await;
        assert_eq!(answer["parameters"]["errorsOccurred"], true);
        let error = &answer["returnObj"]["BOUpdError"][0];
        assert_eq!(error["ErrorText"], "Order Quantity must be greater than zero.");
        assert_eq!(site.sim.store().len("EPIC06", "ReqDetail"), rows);
    }
}
