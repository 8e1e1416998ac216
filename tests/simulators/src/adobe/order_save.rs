//! `POST /V1/orders`: stored as sent, nothing worked out.

use serde_json::{Value, json};

use super::{
    addresses,
    answers::{Answer, Handled, Step, refusal},
    columns::{self, copy, read_time},
    order_view::{self, due},
    schema::{self, Row, Strictness},
    shop::Shop,
    store::Order,
};

/// Item fields that are taken, shown in the answer, and not kept.
const LOST_ITEM_FIELDS: [&str; 2] = ["event_id", "qty_returned"];
/// Order fields that the shop sets itself.
const OWN_FIELDS: [&str; 6] =
    ["protect_code", "store_name", "total_due", "base_total_due", "updated_at", "total_item_count"];
/// Parts of an order that are tables of their own.
const PARTS: [&str; 5] = ["items", "billing_address", "payment", "status_histories", "extension_attributes"];

/// An order as sent, taken apart.
struct Sent {
    row: Row,
    items: Option<Vec<Row>>,
    billing: Option<Row>,
    payment: Option<Row>,
    histories: Option<Vec<Row>>,
    extension: Option<Row>,
}

impl Sent {
    fn take(mut row: Row) -> Self {
        Self {
            items: row.remove("items").map(rows),
            billing: row.remove("billing_address").and_then(object),
            payment: row.remove("payment").and_then(object),
            histories: row.remove("status_histories").map(rows),
            extension: row.remove("extension_attributes").and_then(object).filter(|row| !row.is_empty()),
            row,
        }
    }

    fn shipping(&self) -> Option<&Row> {
        let assignments = self.extension.as_ref()?.get("shipping_assignments")?.as_array()?;
        assignments.first()?.get("shipping")?.as_object()
    }
}

fn object(value: Value) -> Option<Row> {
    if let Value::Object(row) = value { Some(row) } else { None }
}

fn rows(value: Value) -> Vec<Row> {
    let Value::Array(values) = value else { return Vec::new() };
    values.into_iter().filter_map(object).collect()
}

impl Shop {
    /// Saves an order and answers it as it was sent, with what the shop added.
    pub(super) fn save_order(&mut self, body: &Row) -> Handled {
        let Some(entity) = body.get("entity") else {
            return Answer::missing("entity").refuse();
        };
        let sent = Sent::take(self.strictness().object("order", entity)?);
        let known = sent.row.get("entity_id").and_then(Value::as_u64).filter(|id| self.tables.orders.contains_key(id));
        self.check_store(&sent.row)?;
        match known {
            Some(id) => self.update_order(id, sent),
            None => self.create_order(sent),
        }
    }

    pub(super) fn strictness(&self) -> Strictness {
        Strictness { custom_attributes: self.behaviour.custom_attributes }
    }

    fn check_store(&self, row: &Row) -> Step<()> {
        let known = row
            .get("store_id")
            .and_then(Value::as_i64)
            .is_none_or(|id| id == 0 || self.stores.iter().any(|store| store.id == id));
        if known {
            return Ok(());
        }
        refusal(404, "The store that was requested wasn't found. Verify the store and try again.").refuse()
    }

    fn create_order(&mut self, sent: Sent) -> Handled {
        let Some(payment) = &sent.payment else {
            return refusal(400, "Please provide payment for the order.").refuse();
        };
        if payment.get("method").and_then(Value::as_str).is_none_or(str::is_empty) {
            return refusal(400, "The payment method you requested is not available.").refuse();
        }
        let customer = sent.row.get("customer_id").and_then(Value::as_u64);
        if customer.is_some_and(|id| id != 0 && !self.tables.customers.contains_key(&id)) {
            return Answer::masked().refuse();
        }
        let mut row = sent.row.clone();
        row.remove("entity_id");
        if row.get("increment_id").and_then(Value::as_str).is_none_or(str::is_empty) {
            let number = self.tables.next("order number");
            row.insert("increment_id".to_owned(), format!("{number:09}").into());
        }
        let stored = columns::store("order", &row);
        if self.tables.number_taken(&stored, None) {
            return refusal(400, "Unique constraint violation found").refuse();
        }
        self.check_addresses(&sent)?;
        let id = self.tables.next("order");
        let now = self.now_text();
        let created = row.get("created_at").and_then(Value::as_str).and_then(read_time).unwrap_or_else(|| now.clone());
        row.insert("entity_id".to_owned(), id.into());
        row.insert("created_at".to_owned(), created.into());
        row.insert("updated_at".to_owned(), now.into());
        row.insert("protect_code".to_owned(), format!("{:032x}", rand::random::<u128>()).into());
        row.insert("store_name".to_owned(), "Main Website\nMain Website Store\nDefault Store View".into());
        row.insert("total_item_count".to_owned(), sent.items.as_ref().map_or(0, Vec::len).into());
        if !row.contains_key("customer_email")
            && let Some(email) = sent.shipping().and_then(|shipping| shipping.get("address")?.get("email"))
        {
            row.insert("customer_email".to_owned(), email.clone());
        }
        let order = Order { row: columns::store("order", &row), ..Order::default() };
        self.tables.keep(id, order);
        let echo = self.save_parts(id, row, sent, true);
        Ok(Answer::ok(echo))
    }

    fn update_order(&mut self, id: u64, sent: Sent) -> Handled {
        let mut merged = self.order(id)?.row.clone();
        for (column, value) in columns::store("order", &sent.row) {
            if !OWN_FIELDS.contains(&column.as_str()) && column != "entity_id" {
                merged.insert(column, value);
            }
        }
        if self.tables.number_taken(&merged, Some(id)) {
            return refusal(400, "Unique constraint violation found").refuse();
        }
        self.check_addresses(&sent)?;
        let now = self.now_text();
        merged.insert("updated_at".to_owned(), now.clone().into());
        let mut row = sent.row.clone();
        copy(&merged, &mut row, &["created_at"]);
        row.insert("updated_at".to_owned(), now.into());
        let mut order = self.order(id)?.clone();
        order.row = merged;
        self.tables.keep(id, order);
        self.settle_state(id);
        let echo = self.save_parts(id, row, sent, false);
        Ok(Answer::ok(echo))
    }

    fn check_addresses(&self, sent: &Sent) -> Step<()> {
        let email = sent.row.get("customer_email").and_then(Value::as_str);
        let shipping = sent.shipping().and_then(|shipping| shipping.get("address")?.as_object());
        for address in [sent.billing.as_ref(), shipping].into_iter().flatten() {
            addresses::check(address, email)?;
        }
        if sent.extension.as_ref().is_some_and(|extension| extension.contains_key("gift_message")) {
            return refusal(400, "The gift message couldn't be added to the \"%1\" order.")
                .with(json!(["The gift message isn't available."]))
                .refuse();
        }
        Ok(())
    }

    /// Saves lines, addresses, payment and history, and builds the answer.
    fn save_parts(&mut self, id: u64, mut echo: Row, sent: Sent, new: bool) -> Value {
        let now = self.now_text();
        for column in ["base_grand_total", "grand_total", "customer_email"] {
            echo.entry(column).or_insert(Value::Null);
        }
        echo.insert("total_due".to_owned(), due(&echo, "grand_total", "total_paid"));
        echo.insert("base_total_due".to_owned(), due(&echo, "base_grand_total", "base_total_paid"));
        let items = match sent.items {
            Some(items) => items.into_iter().map(|item| self.save_item(id, item, &now)).collect(),
            None if new => Vec::new(),
            None => self.shown_items(id),
        };
        echo.insert("items".to_owned(), Value::Array(items));
        let shipping = sent.extension.as_ref().map(|extension| Value::Object(extension.clone()));
        let billing = sent.billing.map(|address| self.new_address(id, address, echo.get("customer_email")));
        let shipping_part = shipping
            .as_ref()
            .and_then(|extension| extension["shipping_assignments"][0]["shipping"].as_object().cloned());
        let shipping_address = shipping_part
            .as_ref()
            .and_then(|shipping| shipping.get("address")?.as_object().cloned())
            .map(|address| self.new_address(id, address, echo.get("customer_email")));
        let payment = sent.payment.map(|payment| self.new_payment(id, payment));
        let histories: Option<Vec<Row>> =
            sent.histories.map(|all| all.into_iter().map(|history| self.new_history(id, history)).collect());
        let Some(order) = self.tables.orders.get_mut(&id) else { return Value::Object(echo) };
        // The first address, payment and assignment stay; later ones only show in the answer.
        if order.billing.is_none() {
            order.billing = billing.as_ref().map(|address| columns::store("order-address", address));
        }
        if order.shipping.is_none() {
            order.shipping = shipping_address.as_ref().map(|address| columns::store("order-address", address));
            order.shipping_method =
                shipping_part.as_ref().and_then(|part| Some(part.get("method")?.as_str()?.to_owned()));
        }
        if order.payment.is_empty() {
            order.payment =
                payment.as_ref().map(|payment| columns::store("order-payment", payment)).unwrap_or_default();
        }
        for history in histories.iter().flatten() {
            let mut kept = columns::store("order-status-history", history);
            kept.insert("created_at".to_owned(), now.clone().into());
            order.histories.push(kept);
        }
        for (name, value) in sent.extension.iter().flatten() {
            // Taken and not kept, as seen.
            if name != "shipping_assignments" && name != "applied_taxes" && name != "item_applied_taxes" {
                order.extension.insert(name.clone(), value.clone());
            }
        }
        let billing = billing.or_else(|| order.billing.clone());
        if let Some(billing) = billing {
            echo.insert("billing_address_id".to_owned(), billing.get("entity_id").cloned().unwrap_or_default());
            echo.insert("billing_address".to_owned(), Value::Object(billing));
        }
        let payment = payment.unwrap_or_else(|| order.payment.clone());
        echo.insert("payment".to_owned(), order_view::payment(&payment));
        let histories = histories.unwrap_or_else(|| order.histories.clone());
        echo.insert("status_histories".to_owned(), histories.into_iter().map(Value::Object).collect());
        if let Some(mut extension) = shipping {
            if let Some(address) = shipping_address {
                extension["shipping_assignments"][0]["shipping"]["address"] = Value::Object(address);
            }
            echo.insert("extension_attributes".to_owned(), extension);
        }
        Value::Object(echo)
    }

    /// Saves a line. A known `item_id` is updated in place, whichever order it belongs to.
    fn save_item(&mut self, order: u64, sent: Row, now: &str) -> Value {
        let mut kept = columns::store("order-item", &sent);
        kept.retain(|column, _| {
            !LOST_ITEM_FIELDS.contains(&column.as_str()) && !column.starts_with("gw_") && column != "parent_item"
        });
        let known = sent.get("item_id").and_then(Value::as_u64).filter(|id| self.tables.items.contains_key(id));
        let id = known.unwrap_or_else(|| self.tables.next("item"));
        let mut echo = sent;
        for (row, whole) in [(&mut echo, false), (&mut kept, true)] {
            row.insert("item_id".to_owned(), id.into());
            row.insert("order_id".to_owned(), order.into());
            row.insert("updated_at".to_owned(), now.into());
            if known.is_none() {
                row.entry("created_at").or_insert(now.into());
                order_view::fill_new_item(row);
            } else if !whole {
                row.insert("created_at".to_owned(), now.into());
            }
        }
        if known.is_none() {
            self.tables.items.remove(&id);
        }
        let row = self.tables.items.entry(id).or_default();
        let former = row.get("order_id").and_then(Value::as_u64);
        row.extend(kept);
        // An item of another order moves here, without a word.
        if let Some(former) =
            former.filter(|former| *former != order).and_then(|former| self.tables.orders.get_mut(&former))
        {
            former.items.retain(|known| *known != id);
        }
        if let Some(order) = self.tables.orders.get_mut(&order)
            && !order.items.contains(&id)
        {
            order.items.push(id);
        }
        order_view::show_row_totals(&mut echo);
        Value::Object(echo)
    }

    fn new_address(&mut self, order: u64, mut address: Row, email: Option<&Value>) -> Row {
        address.insert("entity_id".to_owned(), self.tables.next("address").into());
        address.insert("parent_id".to_owned(), order.into());
        addresses::complete(&mut address, email.filter(|email| email.is_string()));
        address
    }

    fn new_payment(&mut self, order: u64, mut payment: Row) -> Row {
        payment.insert("entity_id".to_owned(), self.tables.next("payment").into());
        payment.insert("parent_id".to_owned(), order.into());
        payment
    }

    pub(super) fn new_history(&mut self, order: u64, mut history: Row) -> Row {
        for (name, _) in schema::fields("order-status-history").iter().filter(|(_, field)| field.shown_as_null) {
            history.entry(name.clone()).or_insert(Value::Null);
        }
        history.insert("entity_id".to_owned(), self.tables.next("history").into());
        history.insert("parent_id".to_owned(), order.into());
        history
    }

    /// Changes a column set outside `POST /V1/orders`.
    pub(super) fn touch(&mut self, id: u64) {
        let now = self.now_text();
        if let Some(order) = self.tables.orders.get_mut(&id) {
            order.row.insert("updated_at".to_owned(), now.into());
        }
    }

    /// An order by its id.
    pub(super) fn order(&self, id: u64) -> Step<&Order> {
        match self.tables.orders.get(&id) {
            Some(order) => Ok(order),
            None => Answer::not_found().refuse(),
        }
    }
}

/// Names that are no columns of the order table.
pub(super) fn is_part(name: &str) -> bool {
    PARTS.contains(&name)
}
