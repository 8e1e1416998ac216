//! What tests see of the shop's tables.

use serde_json::Value;

use super::{
    columns::amount,
    schema::Row,
    shop::Shop,
    store::{Invoice, Order},
};

fn text(row: &Row, column: &str) -> Option<String> {
    row.get(column).and_then(Value::as_str).map(str::to_owned)
}

fn id(row: &Row, column: &str) -> u64 {
    row.get(column).and_then(Value::as_u64).unwrap_or_default()
}

/// The value of a custom attribute.
fn attribute(row: &Row, code: &str) -> Option<String> {
    let all = row.get("custom_attributes")?.as_array()?;
    let found = all.iter().find(|entry| entry.get("attribute_code").and_then(Value::as_str) == Some(code))?;
    found.get("value").map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
}

/// An order.
#[derive(Debug, Clone)]
pub struct OrderView {
    /// Id in paths.
    pub entity_id: u64,
    /// Number.
    pub increment_id: String,
    /// Store; null when the order names none.
    pub store_id: Option<i64>,
    /// State.
    pub state: Option<String>,
    /// Status.
    pub status: Option<String>,
    /// Total in the order's currency.
    pub grand_total: f64,
    /// Total in the base currency.
    pub base_grand_total: f64,
    /// What is still to be paid.
    pub total_due: f64,
    /// What was invoiced.
    pub total_invoiced: f64,
    /// Its lines.
    pub items: Vec<ItemView>,
    /// Texts of its history, oldest first.
    pub comments: Vec<String>,
    /// All columns as stored.
    pub row: Row,
    /// The billing address as stored.
    pub billing_address: Option<Row>,
    /// The payment as stored.
    pub payment: Row,
}

impl OrderView {
    pub(super) fn of(shop: &Shop, order: &Order) -> Self {
        let row = &order.row;
        Self {
            entity_id: id(row, "entity_id"),
            increment_id: text(row, "increment_id").unwrap_or_default(),
            store_id: row.get("store_id").and_then(Value::as_i64),
            state: text(row, "state"),
            status: text(row, "status"),
            grand_total: amount(row, "grand_total"),
            base_grand_total: amount(row, "base_grand_total"),
            total_due: super::order_view::due(row, "grand_total", "total_paid").as_f64().unwrap_or_default(),
            total_invoiced: amount(row, "total_invoiced"),
            items: shop.tables.lines(order).into_iter().map(ItemView::of).collect(),
            comments: order.histories.iter().filter_map(|history| text(history, "comment")).collect(),
            row: row.clone(),
            billing_address: order.billing.clone(),
            payment: order.payment.clone(),
        }
    }

    /// The value of a custom attribute.
    #[must_use]
    pub fn attribute(&self, code: &str) -> Option<String> {
        attribute(&self.row, code)
    }
}

/// An order line.
#[derive(Debug, Clone)]
pub struct ItemView {
    /// Id.
    pub item_id: u64,
    /// The order it belongs to now.
    pub order_id: u64,
    /// Part.
    pub sku: Option<String>,
    /// The caller's key.
    pub ext_order_item_id: Option<String>,
    /// The caller's text.
    pub additional_data: Option<String>,
    /// Quantity ordered.
    pub qty_ordered: f64,
    /// Quantity invoiced.
    pub qty_invoiced: f64,
    /// Quantity canceled.
    pub qty_canceled: f64,
    /// Unit price in the order's currency.
    pub price: f64,
    /// Row total in the order's currency.
    pub row_total: f64,
    /// Row total in the base currency.
    pub base_row_total: f64,
    /// All columns as stored.
    pub row: Row,
}

impl ItemView {
    pub(super) fn of(row: &Row) -> Self {
        Self {
            item_id: id(row, "item_id"),
            order_id: id(row, "order_id"),
            sku: text(row, "sku"),
            ext_order_item_id: text(row, "ext_order_item_id"),
            additional_data: text(row, "additional_data"),
            qty_ordered: amount(row, "qty_ordered"),
            qty_invoiced: amount(row, "qty_invoiced"),
            qty_canceled: amount(row, "qty_canceled"),
            price: amount(row, "price"),
            row_total: amount(row, "row_total"),
            base_row_total: amount(row, "base_row_total"),
            row: row.clone(),
        }
    }

    /// The value of a custom attribute.
    #[must_use]
    pub fn attribute(&self, code: &str) -> Option<String> {
        attribute(&self.row, code)
    }
}

/// An invoice.
#[derive(Debug, Clone)]
pub struct InvoiceView {
    /// Id in paths.
    pub entity_id: u64,
    /// Its order.
    pub order_id: u64,
    /// Number.
    pub increment_id: String,
    /// The caller's number.
    pub transaction_id: Option<String>,
    /// 1 open, 2 paid, 3 canceled.
    pub state: u64,
    /// Total in the order's currency.
    pub grand_total: f64,
    /// Total in the base currency.
    pub base_grand_total: f64,
    /// Lines: order line and quantity.
    pub lines: Vec<(u64, f64)>,
    /// Texts of its comments.
    pub comments: Vec<String>,
    /// All columns as stored.
    pub row: Row,
    /// All columns of its lines as stored.
    pub items: Vec<Row>,
}

impl InvoiceView {
    pub(super) fn of(invoice: &Invoice) -> Self {
        let row = &invoice.row;
        Self {
            entity_id: id(row, "entity_id"),
            order_id: id(row, "order_id"),
            increment_id: text(row, "increment_id").unwrap_or_default(),
            transaction_id: text(row, "transaction_id"),
            state: id(row, "state"),
            grand_total: amount(row, "grand_total"),
            base_grand_total: amount(row, "base_grand_total"),
            lines: invoice.items.iter().map(|item| (id(item, "order_item_id"), amount(item, "qty"))).collect(),
            comments: invoice.comments.iter().filter_map(|comment| text(comment, "comment")).collect(),
            row: row.clone(),
            items: invoice.items.clone(),
        }
    }
}

/// A comment of an invoice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommentView {
    /// The invoice.
    pub invoice_id: u64,
    /// The text.
    pub comment: String,
}

impl CommentView {
    pub(super) fn of(row: &Row) -> Self {
        Self { invoice_id: id(row, "parent_id"), comment: text(row, "comment").unwrap_or_default() }
    }
}

/// A company.
#[derive(Debug, Clone)]
pub struct CompanyView {
    /// Id in paths.
    pub id: u64,
    /// Name.
    pub company_name: String,
    /// The caller's key.
    pub reseller_id: Option<String>,
    /// 0 pending, 1 approved, 2 rejected, 3 blocked.
    pub status: u64,
    /// The customer who administers it.
    pub super_user_id: u64,
    /// All columns as stored.
    pub row: Row,
}

impl CompanyView {
    pub(super) fn of(row: &Row) -> Self {
        Self {
            id: id(row, "id"),
            company_name: text(row, "company_name").unwrap_or_default(),
            reseller_id: text(row, "reseller_id"),
            status: id(row, "status"),
            super_user_id: id(row, "super_user_id"),
            row: row.clone(),
        }
    }

    /// The value of a custom attribute.
    #[must_use]
    pub fn attribute(&self, code: &str) -> Option<String> {
        attribute(&self.row, code)
    }
}

/// A customer.
#[derive(Debug, Clone)]
pub struct CustomerView {
    /// Id in paths.
    pub id: u64,
    /// E-mail, unique per website.
    pub email: String,
    /// All columns as stored.
    pub row: Row,
}

impl CustomerView {
    pub(super) fn of(row: &Row) -> Self {
        Self { id: id(row, "id"), email: text(row, "email").unwrap_or_default(), row: row.clone() }
    }
}

/// An inventory source.
#[derive(Debug, Clone)]
pub struct SourceView {
    /// Code, its key for ever.
    pub source_code: String,
    /// Name.
    pub name: String,
    /// Whether it takes part in stock.
    pub enabled: bool,
    /// All columns as stored.
    pub row: Row,
}

impl SourceView {
    pub(super) fn of(row: &Row) -> Self {
        Self {
            source_code: text(row, "source_code").unwrap_or_default(),
            name: text(row, "name").unwrap_or_default(),
            enabled: row.get("enabled").and_then(Value::as_bool).unwrap_or(false),
            row: row.clone(),
        }
    }
}
