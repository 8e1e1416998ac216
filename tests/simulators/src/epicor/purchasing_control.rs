//! `POST /__control/purchasing`: what buyers and clerks do, for programs that are not in this process.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    invoice_edits::NewInvoice,
    order_edits::{NewOrder, NewOrderLine},
    store::Store,
};

/// One deed, such as `{"do":"edit_line","order":50001,"line":1,"fields":{"DocUnitCost":"4.50"}}`.
#[derive(Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Deed {
    AddOrder { new: NewOrder },
    AddLine { order: i64, new: NewOrderLine },
    EditLine { order: i64, line: i64, fields: Value },
    EditRelease { order: i64, line: i64, release: i64, fields: Value },
    VoidLine { order: i64, line: i64 },
    CloseLine { order: i64, line: i64 },
    DeleteLine { order: i64, line: i64 },
    EditOrder { order: i64, fields: Value },
    VoidOrder { order: i64 },
    CloseOrder { order: i64 },
    SetApproval { order: i64, status: String },
    AddInvoice { new: NewInvoice },
    PostInvoice { vendor: i64, number: String },
    EditInvoice { vendor: i64, number: String, fields: Value },
    EditInvoiceLine { vendor: i64, number: String, line: i64, fields: Value },
}

impl Store {
    /// Does it in the first company; answers the key of what was added.
    pub(crate) fn purchasing(&mut self, deed: &Deed) -> Result<Value, String> {
        let company = &self.default_company();
        match deed {
            Deed::AddOrder { new } => return self.add_order(company, new).map(|key| json!({ "key": key })),
            Deed::AddLine { order, new } => {
                return self.add_line(company, *order, new).map(|line| json!({ "key": [order, line] }));
            }
            Deed::AddInvoice { new } => return self.add_invoice(company, new).map(|key| json!({ "key": key })),
            Deed::EditLine { order, line, fields } => self.edit_line(company, *order, *line, fields),
            Deed::EditRelease { order, line, release, fields } => {
                self.edit_release(company, *order, *line, *release, fields)
            }
            Deed::VoidLine { order, line } => self.void_line(company, *order, *line),
            Deed::CloseLine { order, line } => self.close_line(company, *order, *line),
            Deed::DeleteLine { order, line } => self.delete_line(company, *order, *line),
            Deed::EditOrder { order, fields } => self.edit_order(company, *order, fields),
            Deed::VoidOrder { order } => self.void_order(company, *order),
            Deed::CloseOrder { order } => self.close_order(company, *order),
            Deed::SetApproval { order, status } => self.set_approval(company, *order, status),
            Deed::PostInvoice { vendor, number } => self.post_invoice(company, *vendor, number),
            Deed::EditInvoice { vendor, number, fields } => self.edit_invoice(company, *vendor, number, fields),
            Deed::EditInvoiceLine { vendor, number, line, fields } => {
                self.edit_invoice_line(company, *vendor, number, *line, fields)
            }
        }?;
        Ok(json!({}))
    }
}
