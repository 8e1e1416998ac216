//! Rows of `POes` as purchase orders.

use mlc_model::{Address, Approval, CompanyCode, OrderLine, OrderVendor, PurchaseOrder, Release, Version};

use crate::{
    Entity, Row, RowProblem,
    dates::ServerZone,
    nested::{Nested, newest_within},
    query::REVISION_COLUMN,
    record::extras,
};

/// A row of `POes` with its nested lines, releases and accounts as a purchase order.
///
/// # Errors
/// [`RowProblem`] for a column of the wrong type anywhere in it, and for a level that was not sent: part of an order is a wrong order.
pub fn purchase_order(
    row: &Row,
    company: &CompanyCode,
    zone: ServerZone,
    extra: &[String],
) -> Result<PurchaseOrder, RowProblem> {
    let place = row.place(Entity::PurchaseOrders);
    let header = Nested::header(place.clone(), &row.fields);
    let mut lines = header
        .children("PODetails", "line")?
        .iter()
        .map(|line| order_line(line, zone))
        .collect::<Result<Vec<_>, _>>()?;
    lines.sort_by_key(|line| line.number);
    Ok(PurchaseOrder {
        company: company.clone(),
        number: row.key.number,
        open: header.flag("OpenOrder")?,
        void: header.flag("VoidOrder")?,
        held: header.flag("OrderHeld")?,
        approval: approval(&header)?,
        ordered: header.day("OrderDate", zone)?,
        due: header.day("DueDate", zone)?,
        promised: header.day("PromiseDate", zone)?,
        vendor: vendor(&header)?,
        ship_to: address(&header, "Ship")?,
        ship_name: header.text("ShipName")?,
        buyer: header.text("BuyerID")?,
        buyer_name: header.text("BuyerIDName")?,
        terms: header.text("TermsCode")?,
        terms_description: header.text("TermsCodeDescription")?,
        ship_via: header.text("ShipViaCode")?,
        fob: header.text("FOB")?,
        comment: header.text("CommentText")?,
        currency: header.text("CurrencyCode")?.unwrap_or_default(),
        base_currency: header.text("BaseCurrencyID")?,
        exchange_rate: header.decimal("ExchangeRate")?,
        vendor_reference: header.text("VendorRefNum")?,
        charges: header.amount("DocTotalMisc", "TotalMiscCharges")?,
        tax: header.amount("DocTotalTax", "TotalTax")?,
        total: header.amount("DocTotalOrder", "TotalOrder")?,
        lines,
        changed_by: header.text("ChangedBy")?,
        version: newest_within(row, &place),
        extra: extras(&place, &row.fields, extra)?,
    })
}

fn approval(header: &Nested<'_>) -> Result<Approval, RowProblem> {
    match header.text("ApprovalStatus")? {
        // Sites without approval rules leave the status empty and set the switch.
        None => Ok(if header.flag("Approve")? { Approval::Approved } else { Approval::Unsubmitted }),
        Some(code) => Approval::from_code(&code)
            .ok_or_else(|| header.problem("ApprovalStatus", "row.unknown_code", "is none of U, P, A and R")),
    }
}

fn vendor(header: &Nested<'_>) -> Result<OrderVendor, RowProblem> {
    Ok(OrderVendor {
        number: header.optional_int("VendorNum")?.unwrap_or_default(),
        code: header.text("VendorVendorID")?,
        name: header.text("VendorName")?,
        purchase_point: header.text("PurPoint")?,
        address: address(header, "Vendor")?,
        contact: header.text("VendorCntName")?,
        email: header.text("VendorCntEmailAddress")?,
        phone: header.text("VendorCntPhoneNum")?,
    })
}

fn address(header: &Nested<'_>, prefix: &str) -> Result<Address, RowProblem> {
    let text = |field: &str| header.text(&format!("{prefix}{field}"));
    Ok(Address {
        line1: text("Address1")?,
        line2: text("Address2")?,
        line3: text("Address3")?,
        city: text("City")?,
        state: text("State")?,
        postal_code: text("ZIP")?,
        country: text("Country")?,
    })
}

fn order_line(line: &Nested<'_>, zone: ServerZone) -> Result<OrderLine, RowProblem> {
    let mut releases =
        line.children("PORels", "release")?.iter().map(|one| release(one, zone)).collect::<Result<Vec<_>, _>>()?;
    releases.sort_by_key(|release| release.number);
    Ok(OrderLine {
        number: line.int("POLine")?,
        part: line.text("PartNum")?,
        vendor_part: line.text("VenPartNum")?,
        description: line.text("LineDesc")?.unwrap_or_default(),
        quantity: line.decimal("OrderQty")?,
        unit: line.text("PUM")?,
        unit_cost: line.amount("DocUnitCost", "UnitCost")?,
        cost_per: line.cost_per()?,
        extended: line.amount("DocExtCost", "ExtCost")?,
        due: line.day("DueDate", zone)?,
        comment: line.text("CommentText")?,
        open: line.flag("OpenLine")?,
        void: line.flag("VoidLine")?,
        releases,
        version: Version(line.optional_int(REVISION_COLUMN)?.unwrap_or_default()),
    })
}

fn release(release: &Nested<'_>, zone: ServerZone) -> Result<Release, RowProblem> {
    Ok(Release {
        number: release.int("PORelNum")?,
        quantity: release.decimal("RelQty")?,
        received: release.decimal("ReceivedQty")?,
        invoiced: release.decimal("InvoicedQty")?,
        due: release.day("DueDate", zone)?,
        promised: release.day("PromiseDt", zone)?,
        plant: release.text("Plant")?,
        warehouse: release.text("WarehouseCode")?,
        open: release.flag("OpenRelease")?,
        void: release.flag("VoidRelease")?,
        status: release.text("Status")?,
        requisition: release.reference("ReqNum")?,
        requisition_line: release.reference("ReqLine")?,
        gl: release.account("PORelTGLCs")?,
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]
    use super::*;
    use crate::Page;

    fn read(json: &str) -> Result<PurchaseOrder, RowProblem> {
        let company = CompanyCode::parse("EPIC06").unwrap();
        let body = format!(r#"{{"value":[{json}]}}"#);
        let row = Page::read(Entity::PurchaseOrders, &company, body.as_bytes()).unwrap().rows.remove(0)?;
        purchase_order(&row, &company, ServerZone::default(), &[])
    }

    const ORDER: &str = r#"{"Company":"EPIC06","PONum":50231,"OpenOrder":true,"VoidOrder":false,"Approve":true,"ApprovalStatus":"A",
        "OrderDate":"2026-04-06T00:00:00","VendorNum":118,"VendorVendorID":"NORDBOLT","VendorName":"Nordic Bolt","VendorZIP":"55802",
        "CurrencyCode":"EUR","BaseCurrencyID":"USD","ExchangeRate":1.10,"TotalOrder":1402.50,"DocTotalOrder":1275.00,"SysRevID":48208800,
        "PODetails":[{"PONUM":50231,"POLine":1,"OpenLine":true,"LineDesc":"Hex bolt","OrderQty":5000.0,"UnitCost":28.05,"DocUnitCost":25.5,
          "CostPerCode":"C","ExtCost":1402.50,"DocExtCost":1275.00,"SysRevID":48208801,"New_c":1,
          "PORels":[{"PONum":50231,"POLine":1,"PORelNum":2,"RelQty":2000,"ReqNum":0,"OpenRelease":true,"PORelTGLCs":[]},
            {"PONum":50231,"POLine":1,"PORelNum":1,"RelQty":3000.000,"PORelTGLCs":[
              {"BookID":"TAX","GLAccount":"9|9","IsMainBook":false},
              {"BookID":"MAIN","COACode":"MAINCOA","GLAccount":"6100|10|200","SegValue1":"6100","SegValue2":"10","SegValue3":"200",
               "SegValue4":"","GLAccountGLAcctDisp":"6100-10-200","IsMainBook":true}]}]}]}"#;

    #[test]
    fn an_order_is_read_with_lines_releases_and_accounts_to_the_last_digit() {
        let order = read(ORDER).unwrap();
        assert_eq!(order.key().as_str(), "EPIC06:PO:50231");
        assert_eq!(order.approval, Approval::Approved);
        assert_eq!(order.doc_total().to_string(), "1275.00 EUR");
        assert_eq!(order.exchange_rate.to_string(), "1.10");
        let line = &order.lines[0];
        assert_eq!(line.computed(2).unwrap(), line.extended);
        assert_eq!(order.lines_total().unwrap(), order.total);
        let numbers: Vec<_> = line.releases.iter().map(|release| release.number).collect();
        assert_eq!((numbers.as_slice(), line.releases[1].requisition), ([1, 2].as_slice(), None));
        let gl = line.gl().unwrap();
        assert_eq!((gl.account.as_str(), gl.book.as_deref(), gl.segments.len()), ("6100|10|200", Some("MAIN"), 3));
    }

    #[test]
    fn an_edit_of_a_line_a_release_or_an_account_raises_the_version_of_the_order() {
        let version = |json: &str| read(json).unwrap().version.0;
        assert_eq!(version(ORDER), 48_208_801, "the line is newer than its header");
        let release = ORDER.replace("\"RelQty\":2000", "\"RelQty\":2000,\"SysRevID\":48208900");
        assert_eq!(version(&release), 48_208_900);
        let account = release.replace("\"BookID\":\"MAIN\"", "\"BookID\":\"MAIN\",\"SysRevID\":48209000");
        assert_eq!((version(&account), read(&account).unwrap().lines[0].version.0), (48_209_000, 48_208_801));
        assert_eq!(version(&ORDER.replace("\"SysRevID\":48208800", "\"SysRevID\":48208999")), 48_208_999);
    }

    #[test]
    fn a_broken_line_is_named_and_stops_its_order() {
        let problem = read(&ORDER.replace("\"DocUnitCost\":25.5", "\"DocUnitCost\":\"cheap\"")).unwrap_err();
        let expected =
            "Purchase order 50231: line 1, DocUnitCost holds something that is not an amount of at most 28 digits.";
        assert_eq!(problem.reason, expected);
        let unknown = read(&ORDER.replace(r#""CostPerCode":"C""#, r#""CostPerCode":"Q""#)).unwrap_err();
        assert_eq!(unknown.field, "CostPerCode");
    }

    #[test]
    fn a_level_that_was_not_sent_is_not_taken_for_empty() {
        let problem = read(r#"{"PONum":7,"SysRevID":1,"PODetails":[{"POLine":1}]}"#).unwrap_err();
        assert_eq!((problem.code, problem.field.as_str()), ("row.children_missing", "PORels"));
    }
}
