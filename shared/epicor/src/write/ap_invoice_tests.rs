#![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]
use std::collections::BTreeMap;

use mlc_model::PurchaseOrderRef;

use super::*;
use crate::write::script::Script;

fn invoice() -> NewApInvoice {
    let segments = BTreeMap::from([(1, "6100".to_owned()), (2, "10".to_owned())]);
    NewApInvoice {
        vendor_number: 118,
        vendor_code: "NORDBOLT".to_owned(),
        number: "NB/2026-0455".to_owned(),
        group: "MLC0001".to_owned(),
        header_order: None,
        invoiced: "2026-04-22".parse().unwrap(),
        total: "1275.00".parse().unwrap(),
        lines: vec![NewApInvoiceLine {
            purchase_order: Some(PurchaseOrderRef { order: 50_231, line: 1, release: 1 }),
            part: "HX".to_owned(),
            description: "Hex bolt".to_owned(),
            quantity: None,
            extended: "1275.00".parse().unwrap(),
            gl: Some(GlCoding { segments, ..GlCoding::default() }),
        }],
    }
}

const NOT_THERE: &str = r#"{"ErrorMessage":"Record not found.","ErrorType":"Ice.Common.RecordNotFoundException"}"#;
const NEW_HEAD: &str = r#"{"parameters":{"ds":{"APInvHed":[{"GroupID":"MLC0001","InvoiceNum":"","RowMod":"A"}]}}}"#;
const SAVED: &str =
    r#"{"parameters":{"ds":{"APInvHed":[{"InvoiceNum":"NB/2026-0455"}]},"lUpdateRan":true,"requiresUserInput":false}}"#;
const NEW_LINE: &str =
    r#"{"parameters":{"ds":{"APInvHed":[{"RowMod":""}],"APInvDtl":[{"InvoiceLine":0,"RowMod":"A"}]}}}"#;

fn there(lines: &str, accounts: &str) -> String {
    format!(
        r#"{{"returnObj":{{"APInvHed":[{{"GroupID":"MLC0001","Posted":false}}],"APInvDtl":[{lines}],"APInvExpTGLC":[{accounts}]}}}}"#
    )
}

#[tokio::test]
async fn an_invoice_is_entered_step_by_step_and_its_account_goes_through_update_master() {
    let script = Script::new();
    let invoice = invoice();
    for (name, status, body) in [
        ("GetByID", 404, NOT_THERE),
        ("GetByID", 404, NOT_THERE),
        ("GetNewAPInvGrp", 200, r#"{"parameters":{"ds":{"APInvGrp":[{"GroupID":"","RowMod":"A"}]}}}"#),
        ("Update", 200, r#"{"parameters":{"ds":{"APInvGrp":[{"GroupID":"MLC0001"}]}}}"#),
        ("GetByID", 404, NOT_THERE),
        ("GetNewAPInvHedInvoice", 200, NEW_HEAD),
        ("ChangeVendorID", 200, NEW_HEAD),
        ("ChangeInvoiceDateEx", 200, NEW_HEAD),
        ("ChangeInvoiceVendorAmt", 200, NEW_HEAD),
        ("UpdateMaster", 200, SAVED),
        ("GetByID", 200, &there("", "")),
        ("GetNewAPInvDtlUnreceived", 200, NEW_LINE),
        ("ChangePONum", 200, NEW_LINE),
        ("ChangePOLine", 200, NEW_LINE),
        ("ChangePORelNum", 200, NEW_LINE),
        ("ChangeExtCost", 200, NEW_LINE),
        ("UpdateMaster", 200, SAVED),
        (
            "GetByID",
            200,
            &there(
                r#"{"InvoiceLine":1}"#,
                r#"{"InvoiceLine":1,"SysRowID":"a","IsMainBook":true,"GLAccount":"","TransAmt":1275.000},{"InvoiceLine":1,"SysRowID":"b","IsMainBook":false}"#,
            ),
        ),
        ("UpdateMaster", 200, SAVED),
        ("UnlockGroup", 200, "{}"),
    ] {
        script.answer(name, status, body);
    }
    let mut at = ApInvoiceProgress::Nothing;
    let mut steps = Vec::new();
    while at != ApInvoiceProgress::Done {
        at = next_step(&script, &invoice, at).await.unwrap();
        steps.push(at);
    }
    use ApInvoiceProgress::{Done, GlSaved, GroupReady, HeaderSaved, LinesSaved};
    assert_eq!(steps, [GroupReady, HeaderSaved, LinesSaved { upto: 1 }, GlSaved, Done]);
    assert!(script.is_played());
    let saves = script.sent("UpdateMaster");
    assert!(saves[0].contains(r#""InvoiceNum":"NB/2026-0455""#) && saves[0].contains(r#""cTableName":"APInvHed""#));
    for part in [
        r#""cTableName":"APInvExpTGLC""#,
        r#""cGroupID":"MLC0001""#,
        r#""suppressUserPrompts":true"#,
        r#""GLAccount":"6100|10""#,
        r#""SegValue2":"10""#,
        r#""TransAmt":1275.000"#,
    ] {
        assert!(saves[2].contains(part), "{part} is not in {}", saves[2]);
    }
    assert_eq!(saves[2].matches(r#""RowMod":"U""#).count(), 1, "only the main book's row");
    assert!(script.sent("ChangeInvoiceVendorAmt")[0].contains(r#""ProposedInvoiceVendorAmt":1275.00"#));
    assert!(script.calls().iter().all(|name| !name.contains("TGLC")));
}

#[tokio::test]
async fn an_invoice_that_a_person_entered_is_left_alone() {
    let script = Script::new();
    script.answer("GetByID", 200, r#"{"returnObj":{"APInvHed":[{"GroupID":"APR26","Posted":false}]}}"#);
    let fault = next_step(&script, &invoice(), ApInvoiceProgress::Nothing).await.unwrap_err();
    assert_eq!(fault.code.as_deref(), Some(code::DUPLICATE));
}

#[tokio::test]
async fn a_header_that_was_saved_before_the_crash_is_gone_on_with() {
    let script = Script::new();
    script.answer("GetByID", 200, &there("", ""));
    let at = next_step(&script, &invoice(), ApInvoiceProgress::GroupReady).await.unwrap();
    assert_eq!(at, ApInvoiceProgress::HeaderSaved);
}

#[tokio::test]
async fn an_update_that_did_not_run_and_a_line_without_account_are_refused() {
    let script = Script::new();
    script.answer("GetByID", 200, &there(r#"{"InvoiceLine":1}"#, ""));
    let fault = next_step(&script, &invoice(), ApInvoiceProgress::HeaderSaved).await.unwrap_err();
    assert_eq!(fault.code.as_deref(), Some("gl_row_missing"));

    script.answer("GetByID", 200, &there(r#"{"InvoiceLine":1}"#, r#"{"InvoiceLine":1,"SysRowID":"a"}"#));
    script.answer(
        "UpdateMaster",
        200,
        r#"{"parameters":{"ds":{},"lUpdateRan":false,"opMessage":"Account 6100|10 is not active."}}"#,
    );
    let fault = next_step(&script, &invoice(), ApInvoiceProgress::HeaderSaved).await.unwrap_err();
    assert_eq!(fault.code.as_deref(), Some(code::NOT_SAVED));
    assert!(fault.message.contains("not active"), "{fault}");
}
