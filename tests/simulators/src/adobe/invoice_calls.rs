//! Reading invoices, and `POST /V1/invoices/`, which only stores rows.

use serde_json::{Value, json};

use super::{
    answers::{Answer, Handled, Step},
    columns,
    criteria::Criteria,
    schema::Row,
    search,
    shop::Shop,
    store::Invoice,
};

/// An invoice as a read shows it.
pub(super) fn show(invoice: &Invoice) -> Value {
    let mut shown = invoice.row.clone();
    shown.insert("items".to_owned(), invoice.items.iter().cloned().map(Value::Object).collect());
    shown.insert("comments".to_owned(), invoice.comments.iter().cloned().map(Value::Object).collect());
    Value::Object(shown)
}

impl Shop {
    fn invoice(&self, id: u64) -> Step<&Invoice> {
        self.tables.invoices.get(&id).ok_or_else(|| Box::new(Answer::not_found()))
    }

    pub(super) fn get_invoice(&self, id: u64) -> Handled {
        Ok(Answer::ok(show(self.invoice(id)?)))
    }

    pub(super) fn list_invoices(&self, criteria: Criteria) -> Handled {
        let of_order = criteria.wanted("order_id").and_then(|id| id.parse::<u64>().ok());
        let ids: Option<Vec<u64>> = of_order.map(|id| self.tables.invoices_of.get(&id).cloned().unwrap_or_default());
        let page = match ids {
            Some(ids) => {
                let rows = ids.into_iter().filter_map(|id| Some((id, &self.tables.invoices.get(&id)?.row)));
                search::select("invoice", criteria, rows, &self.behaviour)?
            }
            None => {
                let rows = self.tables.invoices.iter().map(|(id, invoice)| (*id, &invoice.row));
                search::select("invoice", criteria, rows, &self.behaviour)?
            }
        };
        let invoices = page.keys.iter().filter_map(|id| self.tables.invoices.get(id));
        Ok(page.answer(invoices.map(show).collect()))
    }

    pub(super) fn invoice_comments(&self, id: u64) -> Handled {
        let invoice = self.invoice(id)?;
        let comments: Vec<Value> = invoice.comments.iter().cloned().map(Value::Object).collect();
        let count = comments.len();
        Ok(Answer::ok(json!({ "items": comments, "search_criteria": { "filter_groups": [{ "filters": [
            { "field": "parent_id", "value": id.to_string(), "condition_type": "eq" }] }] }, "total_count": count })))
    }

    pub(super) fn add_invoice_comment(&mut self, body: &Row) -> Handled {
        let Some(entity) = body.get("entity") else {
            return Answer::missing("entity").refuse();
        };
        let sent = self.strictness().object("invoice-comment", entity)?;
        let parent = sent.get("parent_id").and_then(Value::as_u64).unwrap_or_default();
        self.invoice(parent)?;
        Ok(Answer::ok(Value::Object(self.comment_invoice(parent, &Value::Object(sent)))))
    }

    /// Stores an invoice row. The order does not move, and nothing stops over-invoicing.
    pub(super) fn save_invoice(&mut self, body: &Row) -> Handled {
        let Some(entity) = body.get("entity") else {
            return Answer::missing("entity").refuse();
        };
        let mut sent = self.strictness().object("invoice", entity)?;
        let items = sent.remove("items");
        let comments = sent.remove("comments");
        let known = sent.get("entity_id").and_then(Value::as_u64).filter(|id| self.tables.invoices.contains_key(id));
        let order = sent.get("order_id").and_then(Value::as_u64).filter(|id| self.tables.orders.contains_key(id));
        if order.is_none() {
            return Answer::php_error().refuse();
        }
        let id = known.unwrap_or_else(|| self.tables.next("invoice"));
        let now = self.now_text();
        let mut invoice = self.tables.invoices.get(&id).cloned().unwrap_or_default();
        invoice.row.extend(columns::store("invoice", &sent));
        invoice.row.insert("entity_id".to_owned(), id.into());
        invoice.row.insert("updated_at".to_owned(), now.clone().into());
        if known.is_none() {
            let number = self.tables.next("invoice number");
            invoice.row.entry("increment_id").or_insert_with(|| format!("{number:09}").into());
            invoice.row.entry("created_at").or_insert(now.into());
            invoice.row.entry("state").or_insert(json!(1));
            self.tables.invoices_of.entry(order.unwrap_or_default()).or_default().push(id);
        }
        for item in items.as_ref().and_then(Value::as_array).into_iter().flatten() {
            let Some(item) = item.as_object() else { continue };
            let kept = columns::store("invoice-item", item);
            let line = kept.get("entity_id").cloned();
            match invoice.items.iter_mut().find(|known| line.is_some() && known.get("entity_id") == line.as_ref()) {
                Some(known) => known.extend(kept),
                // Lines without their id are added once more.
                None => {
                    let mut kept = kept;
                    kept.insert("entity_id".to_owned(), self.tables.next("invoice item").into());
                    kept.insert("parent_id".to_owned(), id.into());
                    invoice.items.push(kept);
                }
            }
        }
        self.tables.invoices.insert(id, invoice);
        for comment in comments.as_ref().and_then(Value::as_array).into_iter().flatten() {
            if comment.get("entity_id").is_none() {
                self.comment_invoice(id, comment);
            }
        }
        self.get_invoice(id)
    }
}
