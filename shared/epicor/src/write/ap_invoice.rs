//! A supplier's invoice, entered once: group, header, line by line, accounts.

use mlc_model::{Fault, FaultKind, GlCoding, NewApInvoice, NewApInvoiceLine, System};
use serde::{Deserialize, Serialize};

use super::{
    ColumnValue, DataRow, Dataset, RowMod,
    draft::{Draft, Save},
    method::{
        AP_CHANGE_DATE, AP_CHANGE_ORDER, AP_CHANGE_TOTAL, AP_CHANGE_VENDOR, AP_GET, AP_LINE_AMOUNT, AP_LINE_ORDER,
        AP_LINE_ORDER_LINE, AP_LINE_PART, AP_LINE_QUANTITY, AP_LINE_RELEASE, AP_NEW_HEAD, AP_NEW_ORDER_LINE,
        AP_NEW_OTHER_LINE, AP_UPDATE_MASTER, GROUP_GET, GROUP_NEW, GROUP_UNLOCK, GROUP_UPDATE,
    },
    wire::{Wire, call},
};
use crate::{EpicorClient, fault::code};

const HEADER: &str = "APInvHed";
const LINE: &str = "APInvDtl";
const ACCOUNT: &str = "APInvExpTGLC";

/// How far an invoice has come. Stored by the caller after each step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "at")]
pub enum ApInvoiceProgress {
    /// Nothing is known to be saved.
    Nothing,
    /// Its group is there.
    GroupReady,
    /// The header is there.
    HeaderSaved,
    /// The lines before this place are saved.
    LinesSaved {
        /// Number of lines saved.
        upto: usize,
    },
    /// All lines have their accounts.
    GlSaved,
    /// Everything is saved and the group is free for people.
    Done,
}

impl EpicorClient {
    /// Goes one step on: one save at most. Called again with what it returned, until that is [`ApInvoiceProgress::Done`]. Called again with
    /// an older value, it finds what is there and makes nothing twice.
    ///
    /// Accounts are set on the rows the server made with the line, through `UpdateMaster`.
    ///
    /// # Errors
    /// `Rejected` when Epicor refuses, when the invoice was entered by somebody else (code `duplicate`) or when a line has no account row;
    /// `Uncertain` when the end of a save is not known, and then the same call again is safe; the rest as reads.
    pub async fn next_ap_invoice_step(
        &self,
        invoice: &NewApInvoice,
        at: ApInvoiceProgress,
    ) -> Result<ApInvoiceProgress, Fault> {
        next_step(self, invoice, at).await
    }
}

async fn next_step<W: Wire>(
    wire: &W,
    invoice: &NewApInvoice,
    at: ApInvoiceProgress,
) -> Result<ApInvoiceProgress, Fault> {
    match at {
        ApInvoiceProgress::Nothing | ApInvoiceProgress::GroupReady => {
            if let Some(draft) = Draft::open_if_there(wire, &AP_GET, &key(invoice)).await? {
                return found(draft.dataset(), invoice);
            }
            if at == ApInvoiceProgress::Nothing {
                ready_group(wire, &invoice.group).await?;
                return Ok(ApInvoiceProgress::GroupReady);
            }
            save_header(wire, invoice).await?;
            Ok(ApInvoiceProgress::HeaderSaved)
        }
        ApInvoiceProgress::HeaderSaved | ApInvoiceProgress::LinesSaved { .. } => {
            let draft = Draft::open(wire, &AP_GET, &key(invoice)).await?;
            // The invoice stands in our own group, so its lines are ours, in our order.
            let saved = draft.dataset().rows(LINE).len();
            if let Some(line) = invoice.lines.get(saved) {
                save_line(draft, invoice, line).await?;
                return Ok(ApInvoiceProgress::LinesSaved { upto: saved + 1 });
            }
            save_accounts(draft, invoice).await?;
            Ok(ApInvoiceProgress::GlSaved)
        }
        ApInvoiceProgress::GlSaved => {
            call(wire, &GROUP_UNLOCK, &[("InGroupID", ColumnValue::text(&invoice.group))], None).await?;
            Ok(ApInvoiceProgress::Done)
        }
        ApInvoiceProgress::Done => Ok(at),
    }
}

fn key(invoice: &NewApInvoice) -> [(&'static str, ColumnValue); 2] {
    [("vendorNum", ColumnValue::Int(invoice.vendor_number)), ("invoiceNum", ColumnValue::text(&invoice.number))]
}

/// An invoice that is there is ours only within our group; any other was entered by a person.
fn found(dataset: &Dataset, invoice: &NewApInvoice) -> Result<ApInvoiceProgress, Fault> {
    let ours = |row: &DataRow| row.text("GroupID").eq_ignore_ascii_case(invoice.group.trim()) && !row.flag("Posted");
    if dataset.find(HEADER, ours).is_some() {
        return Ok(ApInvoiceProgress::HeaderSaved);
    }
    let message =
        format!("Invoice {} of this supplier is in Epicor already, posted or in another group.", invoice.number);
    Err(rejected(AP_GET.operation, code::DUPLICATE, &message))
}

async fn ready_group<W: Wire>(wire: &W, group: &str) -> Result<(), Fault> {
    if Draft::open_if_there(wire, &GROUP_GET, &[("groupID", ColumnValue::text(group))]).await?.is_some() {
        return Ok(());
    }
    let mut draft = Draft::empty(wire);
    draft.step(&GROUP_NEW, &[]).await?;
    draft.added("APInvGrp", &GROUP_NEW)?.set("GroupID", &ColumnValue::text(group));
    draft.save(Save::Update(&GROUP_UPDATE)).await?;
    Ok(())
}

async fn save_header<W: Wire>(wire: &W, invoice: &NewApInvoice) -> Result<(), Fault> {
    let no_questions = ("confirmCheck", ColumnValue::Flag(false));
    let mut draft = Draft::empty(wire);
    draft.step(&AP_NEW_HEAD, &[("cGroupID", ColumnValue::text(&invoice.group))]).await?;
    match invoice.header_order {
        Some(order) => {
            draft.step(&AP_CHANGE_ORDER, &[("ProposedRefPONum", ColumnValue::Int(order)), no_questions]).await?
        }
        None => {
            let code = ColumnValue::text(&invoice.vendor_code);
            draft.step(&AP_CHANGE_VENDOR, &[("ProposedVendorID", code), no_questions]).await?
        }
    };
    let date = [("ProposedInvoiceDate", ColumnValue::Day(invoice.invoiced)), ("recalcAmts", ColumnValue::text(""))];
    draft.step(&AP_CHANGE_DATE, &date).await?;
    draft.step(&AP_CHANGE_TOTAL, &[("ProposedInvoiceVendorAmt", ColumnValue::Decimal(invoice.total))]).await?;
    draft.added(HEADER, &AP_NEW_HEAD)?.set("InvoiceNum", &ColumnValue::text(&invoice.number));
    draft.save(update_master(invoice, HEADER)).await?;
    Ok(())
}

async fn save_line<W: Wire>(
    mut draft: Draft<'_, W>,
    invoice: &NewApInvoice,
    line: &NewApInvoiceLine,
) -> Result<(), Fault> {
    let key =
        [("iVendorNum", ColumnValue::Int(invoice.vendor_number)), ("cInvoiceNum", ColumnValue::text(&invoice.number))];
    let new = match line.purchase_order {
        Some(place) => {
            draft.step(&AP_NEW_ORDER_LINE, &key).await?;
            draft.step(&AP_LINE_ORDER, &[("ProposedPONum", ColumnValue::Int(place.order))]).await?;
            draft.step(&AP_LINE_ORDER_LINE, &[("ProposedPOLine", ColumnValue::Int(place.line))]).await?;
            if place.release > 0 {
                draft.step(&AP_LINE_RELEASE, &[("ProposedPORelNum", ColumnValue::Int(place.release))]).await?;
            }
            &AP_NEW_ORDER_LINE
        }
        None => {
            draft.step(&AP_NEW_OTHER_LINE, &key).await?;
            draft.step(&AP_LINE_PART, &[("ProposedPartNum", ColumnValue::text(&line.part))]).await?;
            &AP_NEW_OTHER_LINE
        }
    };
    if let Some(quantity) = line.quantity {
        draft.step(&AP_LINE_QUANTITY, &[("ProposedVendorQty", ColumnValue::Decimal(quantity))]).await?;
    }
    draft.step(&AP_LINE_AMOUNT, &[("ProposedExtCost", ColumnValue::Decimal(line.extended))]).await?;
    if !line.description.is_empty() {
        draft.added(LINE, new)?.set("Description", &ColumnValue::text(&line.description));
    }
    draft.save(update_master(invoice, LINE)).await?;
    Ok(())
}

async fn save_accounts<W: Wire>(mut draft: Draft<'_, W>, invoice: &NewApInvoice) -> Result<(), Fault> {
    let mut numbers: Vec<i64> = draft.dataset().rows(LINE).iter().filter_map(|row| row.int("InvoiceLine")).collect();
    numbers.sort_unstable();
    let mut changed = false;
    for (line, number) in invoice.lines.iter().zip(numbers) {
        if let Some(gl) = &line.gl {
            changed |= set_account(draft.dataset_mut(), number, gl)?;
        }
    }
    if changed {
        draft.save(update_master(invoice, ACCOUNT)).await?;
    }
    Ok(())
}

/// Puts the account on the main book's row of a line; where no book is marked as the main one, on the last row.
fn set_account(dataset: &mut Dataset, line: i64, gl: &GlCoding) -> Result<bool, Fault> {
    let of_line = |row: &&DataRow| row.int("InvoiceLine") == Some(line);
    let rows = || dataset.rows(ACCOUNT).iter().filter(of_line);
    let Some(row_id) = rows().find(|row| row.flag("IsMainBook")).or_else(|| rows().next_back()).map(DataRow::row_id)
    else {
        let message = format!("Epicor made no account for line {line}; check the GL controls of the company.");
        return Err(rejected(AP_UPDATE_MASTER.operation, "gl_row_missing", &message));
    };
    let meant = |row: &DataRow| row.int("InvoiceLine") == Some(line) && row.row_id() == row_id;
    let Some(row) = dataset.find_mut(ACCOUNT, meant) else { return Ok(false) };
    let account = if gl.account.is_empty() { GlCoding::account_of(&gl.segments) } else { gl.account.clone() };
    if account.is_empty() {
        return Ok(false);
    }
    let mut changed = row.set("GLAccount", &ColumnValue::Text(account));
    for (number, value) in &gl.segments {
        changed |= row.set(&format!("SegValue{number}"), &ColumnValue::text(value));
    }
    if changed {
        row.mark(RowMod::Update);
    }
    Ok(changed)
}

fn update_master<'a>(invoice: &'a NewApInvoice, table: &'static str) -> Save<'a> {
    Save::UpdateMaster { method: &AP_UPDATE_MASTER, group: &invoice.group, table }
}

fn rejected(operation: &str, code: &str, message: &str) -> Fault {
    Fault::new(FaultKind::Rejected, System::Epicor, operation, message).with_code(code)
}

#[cfg(test)]
#[path = "ap_invoice_tests.rs"]
mod tests;
