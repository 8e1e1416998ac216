//! `Change*` and `Get*Info`: they fill columns of the row being edited and save nothing.

use serde_json::{Value, json};

use super::{
    errors::Refusal,
    methods::{Inputs, Method, parent},
    money::Amount,
    save::Desk,
    tableset::{Ds, Fields, current, int, text},
    value::KeyPart,
};

/// The method of that name, when it is one that changes a tableset in the client's hands.
pub(crate) fn find(service: &str, name: &str) -> Option<Method> {
    Some(match (service, name) {
        ("Erp.BO.VendorSvc", "ChangeVendCountry") => Method(&["i_CountryNum", "ds"], false, |_, _, inputs| {
            let number = inputs.int("i_CountryNum")?;
            if number <= 0 {
                return Err(Refusal::column("Vendor", "CountryNum", "Country is invalid."));
            }
            edit(inputs, "Vendor", json!({ "CountryNum": number }))
        }),
        ("Erp.BO.ReqSvc", "ChangeTranType") => Method(&["ipTranType", "ds"], false, |_, _, inputs| {
            let kind = inputs.text("ipTranType");
            if !["PUR-UKN", "PUR-STK", "PUR-MTL"].contains(&kind.as_str()) {
                return Err(Refusal::column("ReqDetail", "TranType", "Transaction type is invalid."));
            }
            edit(inputs, "ReqDetail", json!({ "TranType": kind }))
        }),
        // The simulator keeps no parts, so there is nothing to look up.
        ("Erp.BO.ReqSvc", "GetPartInfo") => {
            Method(&["ds", "uomCode"], false, |_, _, inputs| edit(inputs, "ReqDetail", json!({})))
        }
        ("Erp.BO.ReqSvc", "GetVendorInfo") => Method(&["ds"], false, |desk, _, inputs| {
            let mut ds = inputs.ds()?;
            let row = current(&mut ds, "ReqDetail")?;
            let wanted = text(row, "VendorID").to_owned();
            let vendor = match int(row, "VendorNum") {
                0 => desk.store.find_by_text(desk.company, "Vendor", "VendorID", &wanted),
                number => desk.row("Vendor", &[KeyPart::Int(number)]),
            };
            let vendor = vendor.ok_or_else(|| Refusal::column("ReqDetail", "VendorNum", "Supplier is invalid."))?;
            take(
                row,
                json!({
                    "VendorNum": vendor["VendorNum"], "VendorID": vendor["VendorID"], "VendorName": vendor["Name"],
                    "CurrencyCode": vendor["CurrencyCode"],
                }),
            );
            Ok(reply(ds))
        }),
        ("Erp.BO.ReqSvc", "GetQtyInfo") => Method(&["ds", "fieldName"], false, |_, _, inputs| {
            let from = inputs.text("fieldName");
            let to = if from == "XOrderQty" { "OrderQty" } else { "XOrderQty" };
            let mut ds = inputs.ds()?;
            let row = current(&mut ds, "ReqDetail")?;
            let quantity = row.get(if to == "OrderQty" { "XOrderQty" } else { "OrderQty" }).cloned();
            take(row, json!({ to: quantity }));
            Ok(reply(ds))
        }),
        ("Erp.BO.APInvoiceSvc", name) => return invoice(name),
        _ => return None,
    })
}

fn invoice(name: &str) -> Option<Method> {
    Some(match name {
        "ChangeVendorID" => Method(&["ProposedVendorID", "confirmCheck", "ds"], false, |desk, _, inputs| {
            let id = inputs.text("ProposedVendorID");
            let vendor = desk
                .store
                .find_by_text(desk.company, "Vendor", "VendorID", &id)
                .ok_or_else(|| Refusal::column("APInvHed", "VendorNumVendorID", "Supplier is invalid."))?;
            let mut ds = inputs.ds()?;
            take(current(&mut ds, "APInvHed")?, of_vendor(&vendor));
            Ok(json!({ "parameters": { "confirmMsg": "", "ds": ds } }))
        }),
        "ChangeRefPONum" => Method(&["ProposedRefPONum", "confirmCheck", "ds"], false, |desk, _, inputs| {
            let order = order(desk, inputs.int("ProposedRefPONum")?)?;
            let vendor = parent(desk, "Vendor", &[KeyPart::Int(int(&order, "VendorNum"))])?;
            let mut ds = inputs.ds()?;
            let row = current(&mut ds, "APInvHed")?;
            take(row, of_vendor(&vendor));
            take(
                row,
                json!({
                    "REFPONum": order["PONum"], "CurrencyCode": order["CurrencyCode"],
                    "ExchangeRate": order["ExchangeRate"], "TermsCode": order["TermsCode"],
                }),
            );
            Ok(json!({ "parameters": { "confirmMsg": "", "ds": ds } }))
        }),
        "ChangeInvoiceDateEx" => Method(&["ProposedInvoiceDate", "recalcAmts", "ds"], false, |_, _, inputs| {
            let date = inputs.text("ProposedInvoiceDate");
            let day = date.get(..10).and_then(|day| day.parse::<chrono::NaiveDate>().ok());
            let day = day.ok_or_else(|| Refusal::column("APInvHed", "InvoiceDate", "Invoice Date is invalid."))?;
            let at = |day: chrono::NaiveDate| day.format("%Y-%m-%dT00:00:00").to_string();
            let mut ds = inputs.ds()?;
            let due = at(day + chrono::Days::new(30));
            take(
                current(&mut ds, "APInvHed")?,
                json!({ "InvoiceDate": at(day), "ApplyDate": at(day), "DueDate": due }),
            );
            Ok(json!({ "parameters": { "cMessageText": "", "ds": ds } }))
        }),
        "ChangeInvoiceVendorAmt" => Method(&["ProposedInvoiceVendorAmt", "ds"], false, |_, _, inputs| {
            let doc = inputs.amount("ProposedInvoiceVendorAmt");
            let mut ds = inputs.ds()?;
            let row = current(&mut ds, "APInvHed")?;
            let base = doc.at(rate(row)).rounded_to(2);
            take(
                row,
                json!({
                    "DocInvoiceVendorAmt": doc.json(), "ScrDocInvoiceVendorAmt": doc.json(),
                    "InvoiceVendorAmt": base.json(), "ScrInvoiceVendorAmt": base.json(),
                }),
            );
            Ok(reply(ds))
        }),
        "ChangePartNum" => Method(&["ProposedPartNum", "ds"], false, |_, _, inputs| {
            let part = inputs.text("ProposedPartNum");
            edit(inputs, "APInvDtl", json!({ "PartNum": part }))
        }),
        "ChangePONum" => Method(&["ProposedPONum", "ds"], false, |desk, _, inputs| {
            let order = order(desk, inputs.int("ProposedPONum")?)?;
            let mut ds = inputs.ds()?;
            let row = current(&mut ds, "APInvDtl")?;
            if int(row, "VendorNum") != int(&order, "VendorNum") {
                return Err(Refusal::column("APInvDtl", "PONum", "PO is not for this Supplier."));
            }
            take(row, json!({ "PONum": order["PONum"], "POLine": 0, "PORelNum": 0 }));
            Ok(reply(ds))
        }),
        "ChangePOLine" => Method(&["ProposedPOLine", "ds"], false, |desk, _, inputs| {
            let line = inputs.int("ProposedPOLine")?;
            let mut ds = inputs.ds()?;
            from_order(desk, &mut ds, Some(line), 1)?;
            Ok(reply(ds))
        }),
        "ChangePORelNum" => Method(&["ProposedPORelNum", "ds"], false, |desk, _, inputs| {
            let release = inputs.int("ProposedPORelNum")?;
            let mut ds = inputs.ds()?;
            from_order(desk, &mut ds, None, release)?;
            Ok(reply(ds))
        }),
        "ChangeVendorQty" => Method(&["ProposedVendorQty", "ds"], false, |desk, _, inputs| {
            let quantity = inputs.amount("ProposedVendorQty").json();
            priced(desk, inputs, json!({ "VendorQty": quantity, "ScrVendorQty": quantity, "OurQty": quantity }))
        }),
        "ChangeUnitCost" => Method(&["ProposedUnitCost", "ds"], false, |desk, _, inputs| {
            let cost = inputs.amount("ProposedUnitCost").json();
            priced(desk, inputs, json!({ "DocUnitCost": cost }))
        }),
        "ChangeExtCost" => Method(&["ProposedExtCost", "ds"], false, |desk, _, inputs| {
            let doc = inputs.amount("ProposedExtCost");
            let mut ds = inputs.ds()?;
            let rate = line_rate(desk, &mut ds)?;
            extend(current(&mut ds, "APInvDtl")?, doc, doc.at(rate).rounded_to(2));
            Ok(reply(ds))
        }),
        _ => return None,
    })
}

fn reply(ds: Ds) -> Value {
    json!({ "parameters": { "ds": ds } })
}

fn take(row: &mut Fields, fields: Value) {
    if let Value::Object(fields) = fields {
        row.extend(fields);
    }
}

fn edit(inputs: &mut Inputs, table: &str, fields: Value) -> Result<Value, Refusal> {
    let mut ds = inputs.ds()?;
    take(current(&mut ds, table)?, fields);
    Ok(reply(ds))
}

fn rate(row: &Fields) -> Amount {
    let rate = Amount::of(row.get("ExchangeRate"));
    if rate.is_positive() { rate } else { Amount::whole(1) }
}

fn order(desk: &Desk<'_>, number: i64) -> Result<Fields, Refusal> {
    desk.row("POHeader", &[KeyPart::Int(number)])
        .ok_or_else(|| Refusal::column("APInvHed", "REFPONum", "PO Number is invalid."))
}

fn of_vendor(vendor: &Fields) -> Value {
    json!({
        "VendorNum": vendor["VendorNum"], "VendorNumVendorID": vendor["VendorID"], "VendorNumName": vendor["Name"],
        "TermsCode": vendor["TermsCode"], "CurrencyCode": vendor["CurrencyCode"],
    })
}

/// The rate of the invoice the line being edited belongs to.
fn line_rate(desk: &Desk<'_>, ds: &mut Ds) -> Result<Amount, Refusal> {
    let row = current(ds, "APInvDtl")?;
    let key = [KeyPart::Int(int(row, "VendorNum")), KeyPart::Text(text(row, "InvoiceNum").into())];
    Ok(rate(&parent(desk, "APInvHed", &key)?))
}

fn extend(row: &mut Fields, doc: Amount, base: Amount) {
    take(
        row,
        json!({
            "DocExtCost": doc.json(), "ScrDocExtCost": doc.json(), "ExtCost": base.json(), "ScrExtCost": base.json(),
        }),
    );
}

/// Takes quantity, price and texts over from a PO release.
fn from_order(desk: &Desk<'_>, ds: &mut Ds, line: Option<i64>, release: i64) -> Result<(), Refusal> {
    let rate = line_rate(desk, ds)?;
    let row = current(ds, "APInvDtl")?;
    let line = line.unwrap_or_else(|| int(row, "POLine"));
    let key = [int(row, "PONum"), line, release].map(KeyPart::Int);
    let missing = || Refusal::column("APInvDtl", "POLine", "PO Line does not exist.");
    let detail = desk.row("PODetail", &key[..2]).ok_or_else(missing)?;
    let release_row = desk.row("PORel", &key).ok_or_else(missing)?;
    let open = Amount::of(release_row.get("XRelQty")) - Amount::of(release_row.get("InvoicedQty"));
    let price = Amount::of(detail.get("DocUnitCost"));
    let doc = Amount::extended(open, price, text(&detail, "CostPerCode"));
    take(
        row,
        json!({
            "POLine": line, "PORelNum": release, "PartNum": detail["PartNum"], "VenPartNum": detail["VenPartNum"],
            "Description": detail["LineDesc"], "VendorQty": open.json(), "OurQty": open.json(), "PUM": detail["PUM"],
            "IUM": detail["IUM"], "CostPerCode": detail["CostPerCode"], "DocUnitCost": price.json(),
            "UnitCost": price.at(rate).rounded_to(5).json(), "TaxCatID": detail["TaxCatID"],
        }),
    );
    extend(row, doc, doc.at(rate).rounded_to(2));
    Ok(())
}

/// Sets columns that price a line, and its extended cost from them.
fn priced(desk: &Desk<'_>, inputs: &mut Inputs, fields: Value) -> Result<Value, Refusal> {
    let mut ds = inputs.ds()?;
    let rate = line_rate(desk, &mut ds)?;
    let row = current(&mut ds, "APInvDtl")?;
    take(row, fields);
    let price = Amount::of(row.get("DocUnitCost"));
    let doc = Amount::extended(Amount::of(row.get("VendorQty")), price, text(row, "CostPerCode"));
    row.insert("UnitCost".into(), price.at(rate).rounded_to(5).json());
    extend(row, doc, doc.at(rate).rounded_to(2));
    Ok(reply(ds))
}
