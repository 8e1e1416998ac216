//! Orders and lines as they are read.

use serde_json::{Map, Value, json};

use super::{
    answers::{Answer, Handled, Step},
    columns::{amount, copy, round},
    criteria::Criteria,
    schema::{self, Row, number},
    search,
    shop::Shop,
    store::Order,
};

/// Columns of a line that have a value from the start.
const ITEM_DEFAULTS: [&str; 26] = [
    "amount_refunded",
    "base_amount_refunded",
    "base_cost",
    "base_discount_amount",
    "base_discount_invoiced",
    "base_price",
    "base_row_invoiced",
    "base_row_total",
    "base_tax_amount",
    "base_tax_invoiced",
    "discount_amount",
    "discount_invoiced",
    "discount_percent",
    "free_shipping",
    "no_discount",
    "price",
    "qty_backordered",
    "qty_canceled",
    "qty_invoiced",
    "qty_ordered",
    "qty_refunded",
    "qty_shipped",
    "row_invoiced",
    "row_weight",
    "tax_percent",
    "weight",
];

/// Columns that make up the `total` of a shipping assignment.
const SHIPPING_TOTAL: [&str; 8] = [
    "base_shipping_amount",
    "base_shipping_discount_amount",
    "base_shipping_incl_tax",
    "base_shipping_tax_amount",
    "shipping_amount",
    "shipping_discount_amount",
    "shipping_incl_tax",
    "shipping_tax_amount",
];

/// What is still to be paid, at two decimals, never below zero.
pub(super) fn due(row: &Row, total: &str, paid: &str) -> Value {
    number(round(amount(row, total) - amount(row, paid), 2).max(0.0))
}

/// Values that a new line gets when it is sent without them.
pub(super) fn fill_new_item(row: &mut Row) {
    if let Some(price) = row.get("price").cloned() {
        row.entry("original_price").or_insert(price);
    }
    for column in ["row_total", "base_row_total"] {
        row.entry(column).or_insert(json!(0));
    }
    for (column, base, tax) in [
        ("row_total_incl_tax", "row_total", "tax_amount"),
        ("base_row_total_incl_tax", "base_row_total", "base_tax_amount"),
    ] {
        let with_tax = number(amount(row, base) + amount(row, tax));
        row.entry(column).or_insert(with_tax);
    }
}

/// Row totals as answers show them: less the discount. What is stored stays as sent.
pub(super) fn show_row_totals(shown: &mut Row) {
    for prefix in ["", "base_"] {
        let column = |name: &str| format!("{prefix}{name}");
        let discount = amount(shown, &column("discount_amount"));
        if discount != 0.0 {
            let row_total = round(amount(shown, &column("row_total")) - discount, 4);
            shown.insert(column("row_total"), number(row_total));
            let with_tax = round(row_total + amount(shown, &column("tax_amount")), 4);
            shown.insert(column("row_total_incl_tax"), number(with_tax));
        }
    }
}

/// A payment with the fields that are always shown.
pub(super) fn payment(row: &Row) -> Value {
    let mut shown = row.clone();
    shown.entry("account_status").or_insert(Value::Null);
    shown.entry("cc_last4").or_insert(Value::Null);
    shown.entry("additional_information").or_insert(json!([]));
    Value::Object(shown)
}

impl Shop {
    /// The lines of an order as the database has them.
    pub(super) fn shown_items(&self, id: u64) -> Vec<Value> {
        let Some(order) = self.tables.orders.get(&id) else { return Vec::new() };
        self.tables.lines(order).into_iter().map(|row| Value::Object(with_defaults(row))).collect()
    }

    pub(super) fn read_item(&self, row: &Row) -> Value {
        let mut shown = with_defaults(row);
        show_row_totals(&mut shown);
        if self.behaviour.unit_price_as_row_total {
            let quantity = amount(&shown, "qty_ordered");
            if quantity != 0.0 {
                let unit = number(round(amount(&shown, "row_total") / quantity, 4));
                shown.insert("row_total".to_owned(), unit);
            }
        }
        shown.insert("extension_attributes".to_owned(), json!({ "itemized_taxes": [] }));
        if let Some(sent) = row.get("extension_attributes").and_then(Value::as_object) {
            for (name, value) in sent {
                shown["extension_attributes"][name.as_str()] = value.clone();
            }
        }
        Value::Object(shown)
    }

    /// An order as a read shows it.
    pub(super) fn read_order(&self, order: &Order) -> Value {
        let mut shown = order.row.clone();
        for (name, field) in schema::fields("order") {
            if field.shown_as_null && !super::order_save::is_part(name) {
                shown.entry(name.clone()).or_insert(Value::Null);
            }
        }
        shown.insert("total_due".to_owned(), due(&order.row, "grand_total", "total_paid"));
        shown.insert("base_total_due".to_owned(), due(&order.row, "base_grand_total", "base_total_paid"));
        let items: Vec<Value> = self.tables.lines(order).into_iter().map(|row| self.read_item(row)).collect();
        if let Some(billing) = &order.billing {
            shown.insert("billing_address_id".to_owned(), billing.get("entity_id").cloned().unwrap_or_default());
            shown.insert("billing_address".to_owned(), Value::Object(billing.clone()));
        }
        shown.insert("payment".to_owned(), payment(&order.payment));
        shown.insert("status_histories".to_owned(), order.histories.iter().cloned().map(Value::Object).collect());
        let mut shipping = Map::new();
        if let Some(address) = &order.shipping {
            shipping.insert("address".to_owned(), Value::Object(address.clone()));
        }
        if let Some(method) = &order.shipping_method {
            shipping.insert("method".to_owned(), method.as_str().into());
        }
        let mut total = Row::new();
        copy(&order.row, &mut total, &SHIPPING_TOTAL);
        shipping.insert("total".to_owned(), if total.is_empty() { json!([]) } else { Value::Object(total) });
        let information = order.payment.get("additional_information").and_then(Value::as_array);
        let information: Vec<Value> = information
            .into_iter()
            .flatten()
            .enumerate()
            .map(|(at, value)| json!({ "key": at.to_string(), "value": value }))
            .collect();
        let mut extension = json!({
            "shipping_assignments": [{ "shipping": shipping, "items": items }],
            "payment_additional_info": information,
            "applied_taxes": [],
            "item_applied_taxes": [],
            "converting_from_quote": false,
            "taxes": [],
            "additional_itemized_taxes": [],
        });
        for (name, value) in &order.extension {
            extension[name.as_str()] = value.clone();
        }
        shown.insert("extension_attributes".to_owned(), extension);
        shown.insert("items".to_owned(), Value::Array(items));
        Value::Object(shown)
    }

    pub(super) fn get_order(&self, id: i64) -> Handled {
        if id == 0 {
            return super::answers::refusal(400, "An ID is needed. Set the ID and try again.").refuse();
        }
        let order = self.order(u64::try_from(id).unwrap_or_default())?;
        Ok(Answer::ok(self.read_order(order)))
    }

    pub(super) fn list_orders(&self, criteria: Criteria) -> Handled {
        let page = match criteria.wanted("increment_id").map(|number| self.tables.numbered(number)) {
            Some(ids) => {
                let rows = ids.into_iter().filter_map(|id| Some((id, &self.tables.orders.get(&id)?.row)));
                search::select("order", criteria, rows, &self.behaviour)?
            }
            None => {
                let rows = self.tables.orders.iter().map(|(id, order)| (*id, &order.row));
                search::select("order", criteria, rows, &self.behaviour)?
            }
        };
        let orders = page.keys.iter().filter_map(|id| self.tables.orders.get(id));
        Ok(page.answer(orders.map(|order| self.read_order(order)).collect()))
    }

    pub(super) fn list_items(&self, criteria: Criteria) -> Handled {
        let rows = self.tables.items.iter().map(|(id, row)| (*id, row));
        let page = search::select("order-item", criteria, rows, &self.behaviour)?;
        let items = page.keys.iter().filter_map(|id| self.tables.items.get(id));
        Ok(page.answer(items.map(|row| self.read_item(row)).collect()))
    }

    pub(super) fn get_item(&self, id: u64) -> Handled {
        let found: Step<&Row> = self.tables.items.get(&id).ok_or_else(|| Box::new(Answer::not_found()));
        Ok(Answer::ok(self.read_item(found?)))
    }
}

fn with_defaults(row: &Row) -> Row {
    let mut shown = row.clone();
    for column in ITEM_DEFAULTS.iter().chain(&["tax_amount", "tax_invoiced", "row_total"]) {
        shown.entry(*column).or_insert(json!(0));
    }
    shown.entry("sku").or_insert(Value::Null);
    shown
}
