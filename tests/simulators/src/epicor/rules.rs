//! Business rules of the tables that are written: what is required, what must exist, what follows.

use serde_json::{Value, json};

use super::{
    errors::Refusal,
    money::Amount,
    save::{Desk, Edit, Mark},
    schema::{self, Table, tables},
    tableset::{Fields, flag, int, text},
    value::{Key, KeyPart},
};

/// Columns a row must carry, those that may not be blank first.
fn required(table: &str) -> (&'static [&'static str], &'static [&'static str]) {
    match table {
        "Vendor" => (&["VendorID", "Name"], &["TermsCode", "CurrencyCode", "Address1", "City", "Country"]),
        "VendCntMain" => (&["Name"], &["EmailAddress", "PhoneNum"]),
        "ReqHead" => (&["RequestorID"], &["RequestDate", "CommentText", "StatusType"]),
        "ReqDetail" => (&[], &["PartNum", "LineDesc", "OrderQty", "UnitCost"]),
        "APInvHed" => (&["InvoiceNum", "GroupID", "InvoiceDate"], &["TermsCode", "CurrencyCode", "DebitMemo"]),
        "APInvDtl" => (&["LineType"], &["PartNum", "Description", "ExtCost", "DocExtCost"]),
        "APInvExp" => (&[], &["ExpAmt", "DocExpAmt"]),
        "APInvExpTGLC" => (&["GLAccount"], &["BookID", "COACode", "SegValue1"]),
        _ => (&[], &[]),
    }
}

/// Refuses a row the business logic would refuse.
pub(crate) fn check(desk: &Desk<'_>, edit: &Edit, stored: Option<&Fields>) -> Result<(), Refusal> {
    let table = &tables()[edit.at];
    let row = &edit.row;
    if edit.mark != Mark::Delete {
        let (filled, present) = required(table.name);
        for column in filled.iter().chain(present) {
            let value = row.get(*column);
            let is_blank =
                value.is_none_or(|value| value.is_null() || value.as_str().is_some_and(|s| s.trim().is_empty()));
            if value.is_none() || (is_blank && filled.contains(column)) {
                return Err(Refusal::column(table.name, column, format!("{column} is required.")));
            }
        }
    }
    let changed = |column: &str| stored.is_none_or(|stored| stored.get(column) != row.get(column));
    match table.name {
        "Vendor" if edit.mark != Mark::Delete => check_vendor(desk, edit, &changed),
        "ReqDetail" | "ReqHead" => check_requisition(desk, edit),
        "APInvHed" | "APInvDtl" | "APInvExp" | "APInvExpTGLC" => check_invoice(desk, edit, &changed),
        _ => Ok(()),
    }
}

fn check_vendor(desk: &Desk<'_>, edit: &Edit, changed: &dyn Fn(&str) -> bool) -> Result<(), Refusal> {
    let row = &edit.row;
    let switches = &desk.store.switches;
    let known = |list: &[String], column| {
        let code = text(row, column);
        code.is_empty() || !changed(column) || list.iter().any(|known| known == code)
    };
    if !known(&switches.terms_codes, "TermsCode") {
        return Err(Refusal::column("Vendor", "TermsCode", "Supplier Terms is invalid."));
    }
    if !known(&switches.currency_codes, "CurrencyCode") {
        return Err(Refusal::column("Vendor", "CurrencyCode", "Currency is invalid."));
    }
    if changed("VendorID") {
        let other = desk.store.find_by_text(desk.company, "Vendor", "VendorID", text(row, "VendorID"));
        if other.is_some_and(|other| edit.mark == Mark::Add || int(&other, "VendorNum") != int(row, "VendorNum")) {
            return Err(Refusal::duplicate(desk.store.switches.duplicate_status));
        }
    }
    Ok(())
}

fn check_requisition(desk: &Desk<'_>, edit: &Edit) -> Result<(), Refusal> {
    let row = &edit.row;
    let head = desk.row("ReqHead", &edit.key[..1]);
    if head.is_some_and(|head| ["O", "C"].contains(&text(&head, "StatusType"))) {
        return Err(Refusal::business("Requisition is closed, changes are not allowed."));
    }
    if tables()[edit.at].name == "ReqHead" || edit.mark == Mark::Delete {
        return Ok(());
    }
    if text(row, "PartNum").is_empty() && text(row, "LineDesc").is_empty() {
        return Err(Refusal::column("ReqDetail", "LineDesc", "Part Number or Description is required."));
    }
    if !Amount::of(row.get("OrderQty")).is_positive() {
        return Err(Refusal::column("ReqDetail", "OrderQty", "Order Quantity must be greater than zero."));
    }
    let vendor = int(row, "VendorNum");
    if vendor != 0 && desk.row("Vendor", &[KeyPart::Int(vendor)]).is_none() {
        return Err(Refusal::column("ReqDetail", "VendorNum", "Supplier is invalid."));
    }
    Ok(())
}

fn check_invoice(desk: &Desk<'_>, edit: &Edit, changed: &dyn Fn(&str) -> bool) -> Result<(), Refusal> {
    let row = &edit.row;
    let table = tables()[edit.at].name;
    if desk.row("APInvHed", &edit.key[..2]).is_some_and(|head| flag(&head, "Posted")) {
        return Err(Refusal::business("Invoice is posted and cannot be changed."));
    }
    if edit.mark == Mark::Delete {
        return Ok(());
    }
    if table == "APInvHed" {
        group(desk, text(row, "GroupID"))?;
        if desk.row("Vendor", &edit.key[..1]).is_none() {
            return Err(Refusal::column("APInvHed", "VendorNum", "Supplier is invalid."));
        }
    }
    if table == "APInvDtl" && int(row, "PONum") != 0 {
        let key = [int(row, "PONum"), int(row, "POLine"), int(row, "PORelNum").max(1)].map(KeyPart::Int);
        if desk.row("PORel", &key).is_none() {
            return Err(Refusal::column("APInvDtl", "POLine", "PO Line does not exist."));
        }
    }
    if table == "APInvExpTGLC" && changed("GLAccount") && desk.store.len(&desk.code, "GLAccount") > 0 {
        let key = [text(row, "COACode"), text(row, "GLAccount")].map(|part| KeyPart::Text(part.into()));
        if desk.row("GLAccount", &key).is_none_or(|account| !flag(&account, "Active")) {
            return Err(Refusal::column("APInvExpTGLC", "GLAccount", "GL Account is invalid or inactive."));
        }
    }
    Ok(())
}

/// The group of an invoice, which must exist and not be open in front of somebody else.
pub(crate) fn group(desk: &Desk<'_>, id: &str) -> Result<Fields, Refusal> {
    let group = desk
        .row("APInvGrp", &[KeyPart::Text(id.into())])
        .ok_or_else(|| Refusal::column("APInvGrp", "GroupID", "Group ID is invalid."))?;
    let holder = text(&group, "ActiveUserID");
    if !holder.is_empty() && holder != desk.user {
        return Err(Refusal::business(format!("Group {id} is currently locked by user {holder}.")));
    }
    Ok(group)
}

/// Columns the server fills in on a new row.
pub(crate) fn complete(desk: &Desk<'_>, table: &Table, fields: &mut Fields) {
    let mut fill = |name: &str, value: Value| {
        let is_blank = fields.get(name).is_none_or(|old| old.is_null() || *old == "" || *old == 0);
        if is_blank {
            fields.insert(name.into(), value);
        }
    };
    match table.name {
        "ReqHead" => {
            fill("StatusType", "P".into());
            fill("CreatedBy", desk.user.clone().into());
            fill("CreatedOn", desk.store.clock().now().to_rfc3339().into());
            fields.insert("OpenReq".into(), true.into());
        }
        "ReqDetail" => {
            fields.insert("OpenLine".into(), true.into());
        }
        "APInvHed" => {
            fill("EntryPerson", desk.user.clone().into());
            fill("ExchangeRate", json!(1.0));
            fields.insert("Posted".into(), false.into());
            fields.insert("OpenPayable".into(), true.into());
        }
        _ => {}
    }
}

/// What the server does after a row is written; returns the rows it touched besides.
pub(crate) fn after(desk: &mut Desk<'_>, at: usize, key: &[KeyPart], mark: Mark) -> Vec<(usize, Key)> {
    let mut touched = Vec::new();
    match tables()[at].name {
        "ReqDetail" if mark != Mark::Delete => {
            if let Some(row) = desk.row("ReqDetail", key) {
                let extended = |price| {
                    let quantity = Amount::of(row.get("OrderQty"));
                    Amount::extended(quantity, Amount::of(row.get(price)), text(&row, "CostPerCode")).text(2)
                };
                let fields = json!({ "ExtCost": extended("UnitCost"), "DocExtCost": extended("DocUnitCost") });
                desk.patch("ReqDetail", key, &fields);
            }
        }
        "APInvDtl" => {
            if mark != Mark::Delete {
                expense(desk, key, &mut touched);
            }
            retotal(desk, &key[..2], &mut touched);
        }
        "APInvHed" if mark != Mark::Delete => retotal(desk, key, &mut touched),
        "APInvExpTGLC" if mark != Mark::Delete => describe(desk, key, &mut touched),
        _ => {}
    }
    touched
}

/// The expense of a line and its GL rows: made on the first save, kept equal to the line afterwards.
fn expense(desk: &mut Desk<'_>, line: &[KeyPart], touched: &mut Vec<(usize, Key)>) {
    let Some(row) = desk.row("APInvDtl", line) else { return };
    let amounts = json!({
        "ExpAmt": Amount::of(row.get("ExtCost")).text(2), "DocExpAmt": Amount::of(row.get("DocExtCost")).text(2),
    });
    let mut expense = line.to_vec();
    expense.push(KeyPart::Int(1));
    touch(touched, "APInvExp", &expense);
    if desk.row("APInvExp", &expense).is_some() {
        desk.patch("APInvExp", &expense, &amounts);
    } else {
        let gl = gl_of_line(desk, &row);
        let second = desk.store.switches.second_book;
        let _ = desk.store.insert_tree(&desk.code, "APInvExp", &expense_tree(&expense, &amounts, &gl, second));
    }
    for key in desk.store.keys_below(desk.company, "APInvExpTGLC", &expense) {
        desk.patch("APInvExpTGLC", &key, &json!({ "TransAmt": amounts["ExpAmt"], "DebitAmount": amounts["ExpAmt"] }));
        touch(touched, "APInvExpTGLC", &key);
    }
}

fn touch(touched: &mut Vec<(usize, Key)>, table: &str, key: &[KeyPart]) {
    if let Some(at) = schema::find(table) {
        touched.push((at, key.into()));
    }
}

/// The account of a line: that of its PO release, or the one for purchases without an order.
fn gl_of_line(desk: &Desk<'_>, row: &Fields) -> String {
    let release = [int(row, "PONum"), int(row, "POLine"), int(row, "PORelNum").max(1)].map(KeyPart::Int);
    let rows = desk.store.rows_below(desk.company, "PORelTGLC", &release);
    let main = rows.iter().find(|row| flag(row, "IsMainBook")).or(rows.first());
    main.map_or_else(|| DEFAULT_ACCOUNT.to_owned(), |row| text(row, "GLAccount").to_owned())
}

/// Where expenses without a PO release go.
pub(crate) const DEFAULT_ACCOUNT: &str = "6900|00|000";

/// An expense with its GL rows, as [`super::Store::insert_tree`] takes it.
pub(crate) fn expense_tree(key: &[KeyPart], amounts: &Value, account: &str, second_book: bool) -> Value {
    let mut books = vec![gl_row(account, "MAIN", "MAINCOA", 1, amounts)];
    if second_book {
        books.push(gl_row(account, "IFRS", "IFRSCOA", 2, amounts));
    }
    let mut tree = json!({
        "ExpAmt": amounts["ExpAmt"], "DocExpAmt": amounts["DocExpAmt"], "GLAccount": account,
        "ExpDispGLAcct": account.replace('|', "-"), "BookID": "MAIN", "COACode": "MAINCOA", "APInvExpTGLCs": books,
    });
    for (name, part) in ["VendorNum", "InvoiceNum", "InvoiceLine", "InvExpSeq"].iter().zip(key) {
        tree[*name] = super::keys::key_json(std::slice::from_ref(part));
    }
    tree
}

/// The account columns of a GL row in one book.
pub(crate) fn gl_row(account: &str, book: &str, chart: &str, number: i64, amounts: &Value) -> Value {
    let mut row = json!({
        "TGLCTranNum": number, "GLAcctContext": "Expense", "BookID": book, "COACode": chart, "GLAccount": account,
        "GLAccountGLAcctDisp": account.replace('|', "-"), "GLAccountAccountDesc": super::purchasing::describe(account),
        "UserCanModify": true, "IsMainBook": book == "MAIN", "RecordType": "R",
        "TransAmt": amounts["ExpAmt"], "DebitAmount": amounts["ExpAmt"],
    });
    for (number, segment) in account.split('|').enumerate() {
        row[format!("SegValue{}", number + 1)] = segment.into();
    }
    row
}

/// Shown text and segments of a GL row follow its account; the expense shows the main book's.
fn describe(desk: &mut Desk<'_>, key: &[KeyPart], touched: &mut Vec<(usize, Key)>) {
    let Some(row) = desk.row("APInvExpTGLC", key) else { return };
    let account = text(&row, "GLAccount").to_owned();
    let shown = account.replace('|', "-");
    let chart = [text(&row, "COACode"), &account].map(|part| KeyPart::Text(part.into()));
    let known = desk.row("GLAccount", &chart).map(|account| text(&account, "AccountDesc").to_owned());
    let description = known.unwrap_or_else(|| super::purchasing::describe(&account));
    let mut fields =
        json!({ "GLAccountGLAcctDisp": shown, "GLAccountAccountDesc": description, "IsModifiedByUser": true });
    for (number, segment) in account.split('|').enumerate() {
        fields[format!("SegValue{}", number + 1)] = segment.into();
    }
    desk.patch("APInvExpTGLC", key, &fields);
    if flag(&row, "IsMainBook") {
        desk.patch("APInvExp", &key[..4], &json!({ "GLAccount": account, "ExpDispGLAcct": shown }));
        touch(touched, "APInvExp", &key[..4]);
    }
}

/// Header amounts are the sum of the lines, their charges and the tax.
fn retotal(desk: &mut Desk<'_>, key: &[KeyPart], touched: &mut Vec<(usize, Key)>) {
    let Some(head) = desk.row("APInvHed", key) else { return };
    let lines = desk.store.rows_below(desk.company, "APInvDtl", key);
    let sum = |column: &str| lines.iter().map(|line| Amount::of(line.get(column))).sum::<Amount>();
    let base = sum("ExtCost") + sum("TotalMiscChrg") + Amount::of(head.get("TaxAmt"));
    let doc = sum("DocExtCost") + sum("DocTotalMiscChrg") + Amount::of(head.get("DocTaxAmt"));
    if base == Amount::of(head.get("InvoiceAmt")) && doc == Amount::of(head.get("DocInvoiceAmt")) {
        return;
    }
    let variance = Amount::of(head.get("DocInvoiceVendorAmt")) - doc;
    desk.patch(
        "APInvHed",
        key,
        &json!({
            "InvoiceAmt": base.text(2), "InvoiceBal": base.text(2), "DocInvoiceAmt": doc.text(2),
            "DocInvoiceBal": doc.text(2), "DocInvoiceVariance": variance.text(2),
        }),
    );
    touch(touched, "APInvHed", key);
}
