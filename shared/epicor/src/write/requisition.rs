//! A requisition, created once: header, then line by line.

use mlc_model::{Fault, FaultKind, Requisition, RequisitionLine, System};
use serde::{Deserialize, Serialize};

use super::{
    ColumnValue, DataRow, Dataset,
    draft::{Draft, Save},
    method::{REQ_GET, REQ_NEW_DETAIL, REQ_NEW_HEAD, REQ_UPDATE},
    wire::Wire,
};
use crate::{
    Cell, EpicorClient,
    fault::{self, Refusal, code},
    filter::text_literal,
    query::encode,
};

const HEAD: &str = "ReqHead";
const DETAIL: &str = "ReqDetail";
const SEARCH: &str = "requisitions.search";
const SEARCH_ROWS: usize = 50;

/// How far a requisition has come. Stored by the caller after each step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "at")]
pub enum RequisitionProgress {
    /// Nothing is known to be saved.
    Nothing,
    /// The header has its number.
    HeaderSaved {
        /// `ReqNum`.
        req_num: i64,
    },
    /// The lines before this place are saved.
    LinesSaved {
        /// `ReqNum`.
        req_num: i64,
        /// Number of lines saved.
        upto: usize,
    },
    /// Everything is saved.
    Done {
        /// `ReqNum`.
        req_num: i64,
    },
}

impl EpicorClient {
    /// Goes one step on: one save at most. Called again with what it returned, until that is [`RequisitionProgress::Done`]. Called again
    /// with an older value, it finds what is there and makes nothing twice.
    ///
    /// # Errors
    /// `Rejected` when Epicor refuses; `Uncertain` when the end of a save is not known, and then the same call again is safe; the rest as
    /// reads.
    pub async fn next_requisition_step(
        &self,
        requisition: &Requisition,
        at: RequisitionProgress,
    ) -> Result<RequisitionProgress, Fault> {
        next_step(self, requisition, at).await
    }

    /// The number of the requisition that carries this marker, and every other line of its comment, on lines of their own; the lowest,
    /// should there be several.
    ///
    /// # Errors
    /// As reads.
    pub async fn find_requisition(&self, requisition: &Requisition) -> Result<Option<i64>, Fault> {
        find(self, requisition).await
    }
}

async fn next_step<W: Wire>(
    wire: &W,
    requisition: &Requisition,
    at: RequisitionProgress,
) -> Result<RequisitionProgress, Fault> {
    match at {
        RequisitionProgress::Nothing => {
            let req_num = match find(wire, requisition).await? {
                Some(req_num) => req_num,
                None => save_header(wire, requisition).await?,
            };
            Ok(RequisitionProgress::HeaderSaved { req_num })
        }
        RequisitionProgress::HeaderSaved { req_num } | RequisitionProgress::LinesSaved { req_num, .. } => {
            let draft = Draft::open(wire, &REQ_GET, &[("reqNum", ColumnValue::Int(req_num))]).await?;
            let missing = requisition.lines.iter().position(|line| !holds(draft.dataset(), &line.reference));
            let Some(place) = missing else { return Ok(RequisitionProgress::Done { req_num }) };
            save_line(draft, req_num, &requisition.lines[place]).await?;
            Ok(RequisitionProgress::LinesSaved { req_num, upto: place + 1 })
        }
        RequisitionProgress::Done { .. } => Ok(at),
    }
}

async fn save_header<W: Wire>(wire: &W, requisition: &Requisition) -> Result<i64, Fault> {
    let mut draft = Draft::empty(wire);
    draft.step(&REQ_NEW_HEAD, &[]).await?;
    let row = draft.added(HEAD, &REQ_NEW_HEAD)?;
    row.set("RequestorID", &ColumnValue::text(&requisition.requestor));
    row.set("RequestDate", &ColumnValue::Day(requisition.requested));
    row.set("CommentText", &ColumnValue::text(requisition.header_comment()));
    if let Some(name) = &requisition.ship_name {
        row.set("ShipName", &ColumnValue::text(name));
    }
    let row_id = row.row_id();
    let saved = draft.save(Save::Update(&REQ_UPDATE)).await?;
    let number = saved.as_ref().and_then(|dataset| dataset.same_row(HEAD, &row_id)).and_then(|row| row.int("ReqNum"));
    number.filter(|number| *number > 0).ok_or_else(|| {
        let message = "Epicor saved the requisition, but did not tell its number. It is searched for on the next try.";
        Fault::new(FaultKind::Uncertain, System::Epicor, REQ_UPDATE.operation, message).with_code(code::WRONG_SHAPE)
    })
}

async fn save_line<W: Wire>(mut draft: Draft<'_, W>, req_num: i64, line: &RequisitionLine) -> Result<(), Fault> {
    draft.step(&REQ_NEW_DETAIL, &[("reqNum", ColumnValue::Int(req_num))]).await?;
    let row = draft.added(DETAIL, &REQ_NEW_DETAIL)?;
    if let Some(part) = &line.part {
        row.set("PartNum", &ColumnValue::text(part));
    }
    row.set("LineDesc", &ColumnValue::text(&line.description));
    row.set("OrderQty", &ColumnValue::Decimal(line.quantity));
    row.set("XOrderQty", &ColumnValue::Decimal(line.quantity));
    if let Some(unit) = &line.unit {
        row.set("IUM", &ColumnValue::text(unit));
        row.set("RUM", &ColumnValue::text(unit));
    }
    if let Some(cost) = line.unit_cost {
        row.set("UnitCost", &ColumnValue::Decimal(cost));
    }
    if let Some(number) = line.vendor_number {
        row.set("VendorNum", &ColumnValue::Int(number));
    }
    if let Some(due) = line.due {
        row.set("DueDate", &ColumnValue::Day(due));
    }
    row.set("CommentText", &ColumnValue::text(&line.reference));
    draft.save(Save::Update(&REQ_UPDATE)).await?;
    Ok(())
}

fn holds(dataset: &Dataset, reference: &str) -> bool {
    dataset.find(DETAIL, |row| is_line_of(reference, row)).is_some()
}

/// Whether the reference stands alone on a line of the row's comment: `order 12` is not `order 123`.
fn is_line_of(reference: &str, row: &DataRow) -> bool {
    match row.cell("CommentText") {
        Cell::Text(text) => text.lines().any(|line| line.trim() == reference.trim()),
        _ => false,
    }
}

/// Whether a requisition is this one: two shops number their orders alike, and then the rest of the comment says whose it is.
fn is_it(requisition: &Requisition, row: &DataRow) -> bool {
    requisition.header_comment().lines().all(|line| is_line_of(line, row))
}

async fn find<W: Wire>(wire: &W, requisition: &Requisition) -> Result<Option<i64>, Fault> {
    #[derive(Deserialize)]
    struct Found {
        value: Vec<DataRow>,
    }
    let mut after = 0;
    loop {
        let filter = format!("contains(CommentText,{}) and ReqNum gt {after}", text_literal(&requisition.marker));
        let mut tail = "Erp.BO.ReqSvc/Reqs?$filter=".to_owned();
        encode(&filter, &mut tail);
        tail.push_str(&format!("&$orderby=ReqNum&$top={SEARCH_ROWS}&$select=Company,ReqNum,CommentText"));
        let answer = wire.get(tail, SEARCH).await?;
        if !answer.is_success() {
            let refusal = Refusal { status: answer.status(), retry_after: answer.retry_after(), body: answer.body() };
            return Err(wire.redacted(fault::classify(SEARCH, &refusal)));
        }
        let found: Found = answer.json()?;
        if let Some(row) = found.value.iter().find(|row| is_it(requisition, row)) {
            return Ok(row.int("ReqNum"));
        }
        // A page may be shorter than asked for; only an empty one is the last.
        match found.value.iter().filter_map(|row| row.int("ReqNum")).max() {
            Some(last) if last > after => after = last,
            _ => return Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]
    use super::*;
    use crate::write::script::Script;

    fn requisition() -> Requisition {
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
        Requisition {
            marker: "Adobe order 12".to_owned(),
            requestor: "MLC".to_owned(),
            requested: "2026-04-23".parse().unwrap(),
            comment: String::new(),
            ship_name: None,
            lines: vec![line("item 1"), line("item 2")],
        }
    }

    const NONE: &str = r#"{"value":[]}"#;
    const NEW_HEAD: &str = r#"{"parameters":{"ds":{"ReqHead":[{"ReqNum":0,"CommentText":"","SysRevID":0,"SysRowID":"5F2C","New_c":1.10,"RowMod":"A"}],"ReqDetail":[]}}}"#;
    const SAVED_HEAD: &str =
        r#"{"parameters":{"ds":{"ReqHead":[{"ReqNum":3107,"SysRowID":"5f2c","RowMod":""}],"ReqDetail":[]}}}"#;

    fn there(lines: &[&str]) -> String {
        let lines: Vec<_> = lines.iter().map(|line| format!(r#"{{"CommentText":"{line}","RowMod":""}}"#)).collect();
        format!(r#"{{"returnObj":{{"ReqHead":[{{"ReqNum":3107,"RowMod":""}}],"ReqDetail":[{}]}}}}"#, lines.join(","))
    }

    const NEW_LINE: &str = r#"{"parameters":{"ds":{"ReqHead":[{"ReqNum":3107,"RowMod":""}],"ReqDetail":[{"CommentText":"item 1","RowMod":""},{"ReqNum":3107,"ReqLine":0,"RowMod":"A"}]}}}"#;

    #[tokio::test]
    async fn header_and_lines_are_saved_one_by_one() {
        let script = Script::new();
        script.answer("Reqs", 200, NONE);
        script.answer("GetNewReqHead", 200, NEW_HEAD);
        script.answer("Update", 200, SAVED_HEAD);
        let header = next_step(&script, &requisition(), RequisitionProgress::Nothing).await.unwrap();
        assert_eq!(header, RequisitionProgress::HeaderSaved { req_num: 3107 });
        assert!(script.sent("Update")[0].contains(r#""CommentText":"Adobe order 12""#));
        assert!(script.sent("Update")[0].contains(r#""New_c":1.10"#));

        script.answer("GetByID", 200, &there(&["item 1"]));
        script.answer("GetNewReqDetail", 200, NEW_LINE);
        script.answer("Update", 200, SAVED_HEAD);
        let stored = serde_json::to_string(&header).unwrap();
        let header: RequisitionProgress = serde_json::from_str(&stored).unwrap();
        let lines = next_step(&script, &requisition(), header).await.unwrap();
        assert_eq!(lines, RequisitionProgress::LinesSaved { req_num: 3107, upto: 2 }, "line 1 was there already");
        let sent = &script.sent("Update")[1];
        assert!(sent.contains(r#""OrderQty":12.50"#) && sent.contains(r#""CommentText":"item 2""#), "{sent}");

        script.answer("GetByID", 200, &there(&["item 1", "item 2"]));
        let done = next_step(&script, &requisition(), lines).await.unwrap();
        assert_eq!(done, RequisitionProgress::Done { req_num: 3107 });
        assert!(script.is_played());
    }

    #[tokio::test]
    async fn a_header_whose_save_was_lost_is_found_and_not_made_again() {
        let script = Script::new();
        script.answer("Reqs", 200, NONE);
        script.answer("GetNewReqHead", 200, NEW_HEAD);
        script.answer("Update", 502, "<html>");
        let fault = next_step(&script, &requisition(), RequisitionProgress::Nothing).await.unwrap_err();
        assert_eq!(fault.kind, FaultKind::Uncertain);

        script.answer("Reqs", 200, r#"{"value":[{"ReqNum":3000,"CommentText":"Adobe order 123"}]}"#);
        script.answer("Reqs", 200, r#"{"value":[{"ReqNum":3107,"CommentText":"Adobe order 12\r\nfor the yard"}]}"#);
        let header = next_step(&script, &requisition(), RequisitionProgress::Nothing).await.unwrap();
        assert_eq!(header, RequisitionProgress::HeaderSaved { req_num: 3107 });
        assert_eq!(script.sent("GetNewReqHead").len(), 1);
    }
}
