//! Invoices.

use std::collections::BTreeMap;

use mlc_model::Fault;
use mlc_outbound::Method;
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    AdobeClient, Condition, CustomAttribute, Invoice, InvoiceAsk, InvoiceComment, Page, Search,
    client::{defect, fits},
    columns, fault,
    wire::Amount,
};

/// What makes an invoice's number in another system searchable. Lines are not repeated: the shop keeps its own.
#[derive(Serialize)]
struct TransactionEntity<'a> {
    entity: Transaction<'a>,
}

#[derive(Serialize)]
struct Transaction<'a> {
    entity_id: i64,
    order_id: i64,
    total_qty: Amount,
    items: Vec<MarkedItem<'a>>,
    transaction_id: &'a str,
}

/// Never without its own id: the shop would add a line.
#[derive(Serialize)]
struct MarkedItem<'a> {
    entity_id: i64,
    order_item_id: i64,
    sku: &'a str,
    qty: Amount,
    custom_attributes: &'a [CustomAttribute],
}

impl AdobeClient {
    /// All invoices of an order, with their lines. Look here before each [`AdobeClient::create_invoice`].
    ///
    /// # Errors
    /// Any fault of a call.
    pub async fn invoices_of_order(&self, order_id: i64) -> Result<Vec<Invoice>, Fault> {
        let search = Search::by("entity_id").and("order_id", Condition::Eq, order_id.to_string());
        let invoices: Vec<Invoice> = self.all("/invoices", "invoices.of_order", search).await?;
        Ok(invoices.into_iter().filter(|invoice| invoice.order_id == Some(order_id)).collect())
    }

    /// One invoice by its id.
    ///
    /// # Errors
    /// `Rejected` with [`fault::code::NOT_FOUND`] when there is none.
    pub async fn invoice(&self, entity_id: i64) -> Result<Invoice, Fault> {
        self.get(&format!("/invoices/{entity_id}"), "invoices.read").await
    }

    /// Comments of an invoice, for shops whose lists leave them out.
    ///
    /// # Errors
    /// Any fault of a call.
    pub async fn invoice_comments(&self, entity_id: i64) -> Result<Vec<InvoiceComment>, Fault> {
        let page: Page<InvoiceComment> =
            self.get(&format!("/invoices/{entity_id}/comments"), "invoices.comments").await?;
        Ok(page.items)
    }

    /// One page of invoices.
    ///
    /// # Errors
    /// Any fault of a call.
    pub async fn search_invoices(&self, search: &Search) -> Result<Page<Invoice>, Fault> {
        self.page("/invoices", "invoices.search", search).await
    }

    /// Makes an invoice and gives its id. The shop knows no key for it: never repeat it blindly, and never two at once
    /// for one order.
    ///
    /// # Errors
    /// `Rejected` with [`fault::code::NOTHING_TO_INVOICE`] when all is invoiced already, with
    /// [`fault::code::INVOICE_QUANTITY`] for more than is left. `Uncertain` when nobody knows: look it up.
    pub async fn create_invoice(&self, order_id: i64, ask: &InvoiceAsk) -> Result<i64, Fault> {
        const OPERATION: &str = "invoices.create";
        if ask.items.iter().any(|item| item.qty <= Amount::default()) {
            return Err(defect(OPERATION, "an invoice line needs a quantity above 0"));
        }
        let answer = self.write(Method::POST, &format!("/order/{order_id}/invoice"), OPERATION, ask).await?;
        // `"731"` on the servers measured, 731 by the schema.
        let id = match answer.json::<Value>()? {
            Value::String(text) => text.trim().parse().ok(),
            Value::Number(number) => number.as_i64(),
            _ => None,
        };
        id.ok_or_else(|| fault::wrong_shape(&answer, OPERATION, "the shop's answer holds no invoice number"))
    }

    /// Writes another system's number to an invoice that was just read, so that it can be searched by. Safe to repeat.
    ///
    /// # Errors
    /// `Rejected` with [`fault::code::KEY_TOO_LONG`] before anything is sent.
    pub async fn set_invoice_transaction(&self, invoice: &Invoice, transaction_id: &str) -> Result<(), Fault> {
        self.mark_invoice(invoice, transaction_id, &BTreeMap::new()).await
    }

    /// The same, with custom attributes for lines, by the id of the invoice's line. Only where the shop has them.
    ///
    /// # Errors
    /// As [`AdobeClient::set_invoice_transaction`]; `Defect` for a line that the invoice does not have.
    pub async fn mark_invoice(
        &self,
        invoice: &Invoice,
        transaction_id: &str,
        line_attributes: &BTreeMap<i64, Vec<CustomAttribute>>,
    ) -> Result<(), Fault> {
        const OPERATION: &str = "invoices.mark";
        fits(OPERATION, "transaction_id", Some(transaction_id), columns::TRANSACTION_ID)?;
        // Without all three the shop fails in PHP or stores half a row.
        let (Some(entity_id), Some(order_id)) = (invoice.entity_id, invoice.order_id) else {
            return Err(defect(OPERATION, "the invoice has no id or no order"));
        };
        let mut items = Vec::new();
        for (line_id, custom_attributes) in line_attributes {
            let line = invoice.items.iter().flatten().find(|line| line.entity_id == Some(*line_id));
            let Some((line, order_item_id)) = line.and_then(|line| Some((line, line.order_item_id?))) else {
                return Err(defect(OPERATION, "the invoice does not have this line"));
            };
            let sku = line.sku.as_deref().unwrap_or_default();
            let qty = line.qty.unwrap_or_default();
            items.push(MarkedItem { entity_id: *line_id, order_item_id, sku, qty, custom_attributes });
        }
        let total_qty = invoice.total_qty.unwrap_or_default();
        let entity = Transaction { entity_id, order_id, total_qty, items, transaction_id };
        self.write(Method::POST, "/invoices/", OPERATION, &TransactionEntity { entity }).await?;
        Ok(())
    }

    /// Adds a comment to an invoice. Not safe to repeat: read the comments first.
    ///
    /// # Errors
    /// Any fault of a call.
    pub async fn comment_invoice(&self, invoice_id: i64, comment: &str) -> Result<(), Fault> {
        let body = json!({"entity": {"parent_id": invoice_id, "comment": comment,
            "is_customer_notified": 0, "is_visible_on_front": 0}});
        self.write(Method::POST, "/invoices/comments", "invoices.comment", &body).await?;
        Ok(())
    }
}
