//! What the shop holds, by its own tables.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde_json::Value;

use crate::{
    control::{Server, number, text},
    documents::{Pair, ReleaseId, decimal},
};

/// A line of an order, as it is stored.
#[derive(Debug, Clone)]
pub(crate) struct ShopLine {
    pub(crate) item_id: u64,
    /// What we named it: order, line and release in Epicor.
    pub(crate) reference: Option<ReleaseId>,
    pub(crate) sku: String,
    /// Ordered and not cancelled.
    pub(crate) open: Decimal,
    pub(crate) row_total: Pair,
    /// JSON as text.
    pub(crate) additional_data: String,
    pub(crate) attributes: BTreeMap<String, String>,
}

#[derive(Debug, Clone)]
pub(crate) struct ShopOrder {
    pub(crate) entity_id: u64,
    pub(crate) number: String,
    pub(crate) state: String,
    pub(crate) currency: String,
    pub(crate) base_currency: String,
    pub(crate) subtotal: Pair,
    pub(crate) shipping: Pair,
    pub(crate) tax: Pair,
    pub(crate) total: Pair,
    pub(crate) lines: Vec<ShopLine>,
    /// Texts of its history.
    pub(crate) history: Vec<String>,
}

impl ShopOrder {
    /// Lines that are not cancelled.
    pub(crate) fn standing(&self) -> impl Iterator<Item = &ShopLine> {
        self.lines.iter().filter(|line| line.open > Decimal::ZERO)
    }
}

#[derive(Debug, Clone)]
pub(crate) struct ShopInvoice {
    pub(crate) order_id: u64,
    pub(crate) number: String,
    /// The supplier's number, put there by us.
    pub(crate) transaction: String,
    pub(crate) total: Pair,
    /// Lines of the order that it invoices.
    pub(crate) items: Vec<u64>,
    pub(crate) comments: Vec<String>,
}

/// The whole shop.
#[derive(Debug, Default)]
pub(crate) struct Contents {
    pub(crate) orders: Vec<ShopOrder>,
    pub(crate) invoices: Vec<ShopInvoice>,
    /// Companies as their table holds them.
    pub(crate) companies: Vec<Value>,
}

impl Contents {
    pub(crate) async fn read(shop: &Server) -> anyhow::Result<Self> {
        let mut lines: BTreeMap<u64, Vec<ShopLine>> = BTreeMap::new();
        for row in list(shop.get("/__control/lines").await?) {
            lines.entry(number(&row, "/order_id")).or_default().push(line(&row));
        }
        let orders = list(shop.get("/__control/orders").await?);
        let invoices = list(shop.get("/__control/invoices").await?);
        Ok(Self {
            orders: orders.iter().map(|row| order(row, &mut lines)).collect(),
            invoices: invoices.iter().map(invoice).collect(),
            companies: list(shop.get("/__control/companies").await?),
        })
    }

    /// Orders with this number; there should be one.
    pub(crate) fn numbered(&self, number: &str) -> Vec<&ShopOrder> {
        self.orders.iter().filter(|order| order.number.eq_ignore_ascii_case(number)).collect()
    }
}

fn list(answer: Value) -> Vec<Value> {
    if let Value::Array(rows) = answer { rows } else { Vec::new() }
}

fn order(row: &Value, lines: &mut BTreeMap<u64, Vec<ShopLine>>) -> ShopOrder {
    let entity_id = number(row, "/entity_id");
    let history = row.get("status_histories").and_then(Value::as_array).into_iter().flatten();
    ShopOrder {
        entity_id,
        number: text(row, "increment_id").to_owned(),
        state: text(row, "state").to_owned(),
        currency: text(row, "order_currency_code").to_owned(),
        base_currency: text(row, "base_currency_code").to_owned(),
        subtotal: Pair::of(row, "subtotal", "base_subtotal"),
        shipping: Pair::of(row, "shipping_amount", "base_shipping_amount"),
        tax: Pair::of(row, "tax_amount", "base_tax_amount"),
        total: Pair::of(row, "grand_total", "base_grand_total"),
        lines: lines.remove(&entity_id).unwrap_or_default(),
        history: history.map(|entry| text(entry, "comment").to_owned()).collect(),
    }
}

fn line(row: &Value) -> ShopLine {
    let attributes = row.get("custom_attributes").and_then(Value::as_array).into_iter().flatten();
    ShopLine {
        item_id: number(row, "/item_id"),
        reference: reference(text(row, "ext_order_item_id")),
        sku: text(row, "sku").to_owned(),
        open: decimal(row, "qty_ordered") - decimal(row, "qty_canceled"),
        row_total: Pair::of(row, "row_total", "base_row_total"),
        additional_data: text(row, "additional_data").to_owned(),
        attributes: attributes
            .map(|one| (text(one, "attribute_code").to_owned(), text(one, "value").to_owned()))
            .collect(),
    }
}

/// `50231/1/2`.
fn reference(text: &str) -> Option<ReleaseId> {
    let parts: Vec<i64> = text.split('/').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    if let [order, line, release] = parts[..] { Some((order, line, release)) } else { None }
}

fn invoice(row: &Value) -> ShopInvoice {
    let rows = |name: &str| row.get(name).and_then(Value::as_array).into_iter().flatten();
    ShopInvoice {
        order_id: number(row, "/order_id"),
        number: text(row, "increment_id").to_owned(),
        transaction: text(row, "transaction_id").to_owned(),
        total: Pair::of(row, "grand_total", "base_grand_total"),
        items: rows("items").map(|item| number(item, "/order_item_id")).collect(),
        comments: rows("comments").map(|comment| text(comment, "comment").to_owned()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_known_by_order_line_and_release() {
        assert_eq!(reference("50231/1/2"), Some((50_231, 1, 2)));
        for other in ["", "50231/1", "50231/1/2/3", "A/1/2"] {
            assert_eq!(reference(other), None, "{other:?}");
        }
    }
}
