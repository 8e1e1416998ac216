//! The tables of the shop.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

use super::{
    columns::{amount, fold},
    schema::Row,
};

/// An order with what hangs on it.
#[derive(Debug, Clone, Default)]
pub(super) struct Order {
    pub(super) row: Row,
    pub(super) items: Vec<u64>,
    pub(super) billing: Option<Row>,
    pub(super) shipping: Option<Row>,
    pub(super) shipping_method: Option<String>,
    pub(super) payment: Row,
    pub(super) histories: Vec<Row>,
    /// Extension attributes that are kept as sent.
    pub(super) extension: Row,
}

/// An invoice with its lines and comments.
#[derive(Debug, Clone, Default)]
pub(super) struct Invoice {
    pub(super) row: Row,
    pub(super) items: Vec<Row>,
    pub(super) comments: Vec<Row>,
}

/// An asynchronous call: what was asked, and what came of it.
#[derive(Debug, Clone)]
pub(super) struct Bulk {
    pub(super) topic: String,
    pub(super) start_time: String,
    pub(super) operations: Vec<BulkOperation>,
}

/// One member of an asynchronous call.
#[derive(Debug, Clone)]
pub(super) struct BulkOperation {
    pub(super) path: Vec<String>,
    pub(super) body: Value,
    /// 1 done, 3 failed for good, 4 open.
    pub(super) status: u8,
    pub(super) message: Option<String>,
}

/// Everything the shop keeps.
#[derive(Debug, Default)]
pub(super) struct Tables {
    pub(super) orders: BTreeMap<u64, Order>,
    pub(super) items: BTreeMap<u64, Row>,
    pub(super) invoices: BTreeMap<u64, Invoice>,
    pub(super) invoices_of: HashMap<u64, Vec<u64>>,
    pub(super) shipments: u64,
    pub(super) customers: BTreeMap<u64, Row>,
    pub(super) companies: BTreeMap<u64, Row>,
    pub(super) groups: BTreeMap<u64, Row>,
    pub(super) sources: BTreeMap<String, Row>,
    pub(super) bulks: BTreeMap<String, Bulk>,
    /// Webhooks and event subscriptions, as sent.
    pub(super) webhooks: Vec<Value>,
    pub(super) subscriptions: Vec<Value>,
    /// Orders by folded number.
    by_number: HashMap<String, Vec<u64>>,
    ids: HashMap<&'static str, u64>,
}

impl Tables {
    pub(super) fn new() -> Self {
        let mut tables = Self::default();
        for (id, code) in [(0, "NOT LOGGED IN"), (1, "General"), (2, "Wholesale"), (3, "Retailer")] {
            let mut group = Row::new();
            group.insert("id".to_owned(), id.into());
            group.insert("code".to_owned(), code.into());
            group.insert("tax_class_id".to_owned(), 3.into());
            group.insert("tax_class_name".to_owned(), "Retail Customer".into());
            group.insert("customer_group_id".to_owned(), id.into());
            group.insert("customer_group_code".to_owned(), code.into());
            tables.groups.insert(id, group);
        }
        tables.ids.insert("group", 3);
        let mut source = Row::new();
        for (name, value) in
            [("source_code", "default"), ("name", "Default Source"), ("country_id", "US"), ("postcode", "00000")]
        {
            source.insert(name.to_owned(), value.into());
        }
        source.insert("enabled".to_owned(), true.into());
        tables.sources.insert("default".to_owned(), source);
        tables
    }

    /// The next id of a table.
    pub(super) fn next(&mut self, table: &'static str) -> u64 {
        let id = self.ids.entry(table).or_default();
        *id += 1;
        *id
    }

    /// The next id of `table` will be `id`.
    pub(super) fn continue_at(&mut self, table: &'static str, id: u64) {
        self.ids.insert(table, id.saturating_sub(1));
    }

    /// Orders with this number in any store, to the collation.
    pub(super) fn numbered(&self, number: &str) -> Vec<u64> {
        self.by_number.get(&fold(number)).cloned().unwrap_or_default()
    }

    /// Whether another order of the same store has this number. The key does not bite without a store.
    pub(super) fn number_taken(&self, row: &Row, own: Option<u64>) -> bool {
        let (Some(store), Some(number)) = (row.get("store_id"), row.get("increment_id").and_then(Value::as_str)) else {
            return false;
        };
        self.numbered(number).iter().any(|id| {
            Some(*id) != own && self.orders.get(id).is_some_and(|order| order.row.get("store_id") == Some(store))
        })
    }

    /// Keeps an order, new or changed.
    pub(super) fn keep(&mut self, id: u64, order: Order) {
        let number = |order: &Order| order.row.get("increment_id").and_then(Value::as_str).map(fold);
        let (before, after) = (self.orders.get(&id).and_then(number), number(&order));
        if before != after {
            if let Some(ids) = before.and_then(|before| self.by_number.get_mut(&before)) {
                ids.retain(|known| *known != id);
            }
            if let Some(after) = after {
                self.by_number.entry(after).or_default().push(id);
            }
        }
        self.orders.insert(id, order);
    }

    /// Removes an order from the table and the index.
    pub(super) fn forget(&mut self, id: u64) {
        if let Some(order) = self.orders.remove(&id)
            && let Some(ids) = order
                .row
                .get("increment_id")
                .and_then(Value::as_str)
                .and_then(|number| self.by_number.get_mut(&fold(number)))
        {
            ids.retain(|known| *known != id);
        }
    }

    /// What of a line can still be invoiced.
    pub(super) fn open(item: &Row) -> f64 {
        let open = amount(item, "qty_ordered") - amount(item, "qty_invoiced") - amount(item, "qty_canceled");
        open.max(0.0)
    }

    /// The rows of an order's lines.
    pub(super) fn lines(&self, order: &Order) -> Vec<&Row> {
        order.items.iter().filter_map(|id| self.items.get(id)).collect()
    }
}
