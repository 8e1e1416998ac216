//! Rows of `APInvoices` as invoices.

use mlc_model::{ApInvoice, ApInvoiceLine, CompanyCode, GlCoding, PurchaseOrderRef, Version};

use crate::{
    Entity, Row, RowProblem,
    dates::ServerZone,
    nested::{Nested, newest_within},
    query::REVISION_COLUMN,
    record::extras,
};

/// A row of `APInvoices` with its nested lines, expenses and accounts as an invoice.
///
/// # Errors
/// [`RowProblem`] for a column of the wrong type anywhere in it, and for a level that was not sent: part of an invoice is a wrong invoice.
pub fn ap_invoice(
    row: &Row,
    company: &CompanyCode,
    zone: ServerZone,
    extra: &[String],
) -> Result<ApInvoice, RowProblem> {
    let place = row.place(Entity::ApInvoices);
    let header = Nested::header(place.clone(), &row.fields);
    let mut lines = header.children("APInvDtls", "line")?.iter().map(invoice_line).collect::<Result<Vec<_>, _>>()?;
    lines.sort_by_key(|line| line.number);
    Ok(ApInvoice {
        company: company.clone(),
        vendor_number: row.key.number,
        vendor_code: header.text("VendorNumVendorID")?,
        vendor_name: header.text("VendorNumName")?,
        number: row.key.document.clone().unwrap_or_default(),
        group: header.text("GroupID")?,
        posted: header.flag("Posted")?,
        open: header.flag("OpenPayable")?,
        debit_memo: header.flag("DebitMemo")?,
        correction: header.flag("CorrectionInv")? || header.flag("CancellationInv")?,
        held: header.flag("InvoiceHeld")? || header.flag("PayHold")?,
        invoiced: header.day("InvoiceDate", zone)?,
        applied: header.day("ApplyDate", zone)?,
        due: header.day("DueDate", zone)?,
        terms: header.text("TermsCode")?,
        description: header.text("Description")?,
        header_order: header.reference("REFPONum")?,
        currency: header.text("CurrencyCode")?.unwrap_or_default(),
        base_currency: header.text("BaseCurrencyID")?,
        exchange_rate: header.decimal("ExchangeRate")?,
        total: header.amount("DocInvoiceAmt", "InvoiceAmt")?,
        balance: header.amount("DocInvoiceBal", "InvoiceBal")?,
        tax: header.amount("DocTaxAmt", "TaxAmt")?,
        lines,
        changed_by: header.text("ChangedBy")?,
        version: newest_within(row, &place),
        extra: extras(&place, &row.fields, extra)?,
    })
}

fn invoice_line(line: &Nested<'_>) -> Result<ApInvoiceLine, RowProblem> {
    let mut gl = Vec::new();
    for expense in line.children("APInvExps", "expense")? {
        if let Some(coding) = expense_account(&expense)? {
            gl.push(GlCoding { amount: Some(expense.amount("DocExpAmt", "ExpAmt")?), ..coding });
        }
    }
    let purchase_order = match line.reference("PONum")? {
        None => None,
        Some(order) => Some(PurchaseOrderRef {
            order,
            line: line.optional_int("POLine")?.unwrap_or_default(),
            release: line.optional_int("PORelNum")?.unwrap_or_default(),
        }),
    };
    Ok(ApInvoiceLine {
        number: line.int("InvoiceLine")?,
        line_type: line.text("LineType")?,
        purchase_order,
        part: line.text("PartNum")?,
        vendor_part: line.text("VenPartNum")?,
        description: line.text("Description")?,
        quantity: line.decimal("VendorQty")?,
        unit: line.text("PUM")?,
        unit_cost: line.amount("DocUnitCost", "UnitCost")?,
        cost_per: line.cost_per()?,
        extended: line.amount("DocExtCost", "ExtCost")?,
        charges: line.amount("DocTotalMiscChrg", "TotalMiscChrg")?.doc,
        gl,
        version: Version(line.optional_int(REVISION_COLUMN)?.unwrap_or_default()),
    })
}

/// The account below the expense; where none is, the one on the expense itself.
fn expense_account(expense: &Nested<'_>) -> Result<Option<GlCoding>, RowProblem> {
    if let Some(coding) = expense.account("APInvExpTGLCs")? {
        return Ok(Some(coding));
    }
    let Some(account) = expense.text("GLAccount")? else { return Ok(None) };
    Ok(Some(GlCoding {
        account,
        display: expense.text("ExpDispGLAcct")?,
        description: expense.text("GLAccountDesc")?,
        ..GlCoding::default()
    }))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]
    use super::*;
    use crate::Page;

    #[test]
    fn an_invoice_over_two_orders_is_read_with_the_account_of_each_line() {
        let company = CompanyCode::parse("EPIC06").unwrap();
        let body = r#"{"value":[{"Company":"EPIC06","VendorNum":118,"InvoiceNum":"NB/2026-0455","Posted":true,"REFPONum":0,
            "InvoiceDate":"2026-04-22T00:00:00","CurrencyCode":"USD","InvoiceAmt":1275.10,"DocInvoiceAmt":1275.10,"SysRevID":48222001,
            "APInvDtls":[
              {"InvoiceLine":2,"LineType":"R","PONum":50232,"POLine":1,"PORelNum":1,"VendorQty":1,"CostPerCode":"E","ExtCost":0.10,"DocExtCost":0.10,
               "APInvExps":[{"InvExpSeq":1,"ExpAmt":0.10,"DocExpAmt":0.10,"GLAccount":"6200|10","APInvExpTGLCs":[]}]},
              {"InvoiceLine":1,"LineType":"R","PONum":50231,"POLine":1,"PORelNum":1,"VendorQty":5000.0,"CostPerCode":"C","UnitCost":25.5,
               "DocUnitCost":25.5,"ExtCost":1275.00,"DocExtCost":1275.00,
               "APInvExps":[{"InvExpSeq":1,"ExpAmt":1275.00,"DocExpAmt":1275.00,"APInvExpTGLCs":[
                 {"TGLCTranNum":1,"BookID":"MAIN","GLAccount":"6100|10|200","SegValue1":"6100"}]}]}]}]}"#;
        let page = Page::read(Entity::ApInvoices, &company, body.as_bytes()).unwrap();
        let invoice = ap_invoice(page.rows[0].as_ref().unwrap(), &company, ServerZone::default(), &[]).unwrap();
        assert_eq!(invoice.key().as_str(), "EPIC06:APINV:118/NB/2026-0455");
        assert_eq!(invoice.purchase_orders().into_iter().collect::<Vec<_>>(), [50_231, 50_232]);
        assert_eq!(invoice.lines_total().unwrap(), invoice.total);
        assert_eq!((invoice.header_order, invoice.lines[0].number), (None, 1));
        let gl = &invoice.lines[0].gl[0];
        assert_eq!((gl.account.as_str(), gl.amount.unwrap().doc.to_string().as_str()), ("6100|10|200", "1275.00"));
        assert_eq!(invoice.lines[1].gl[0].account, "6200|10");
    }

    #[test]
    fn an_invoice_without_a_number_is_a_row_problem() {
        let company = CompanyCode::parse("EPIC06").unwrap();
        let page =
            Page::read(Entity::ApInvoices, &company, br#"{"value":[{"VendorNum":1,"InvoiceNum":" ","SysRevID":1}]}"#);
        assert_eq!(page.unwrap().rows[0].as_ref().unwrap_err().field, "InvoiceNum");
    }
}
