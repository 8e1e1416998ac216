//! Purchase orders and supplier invoices as Epicor's tables hold them, read by this file's own understanding of the columns.

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::{Decimal, RoundingStrategy};
use serde_json::Value;

use crate::{
    control::{Server, text},
    settings::COMPANY,
    truth::rows,
};

/// An amount in the document's currency and in the company's own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Pair {
    pub(crate) doc: Decimal,
    pub(crate) base: Decimal,
}

impl Pair {
    /// Of two columns, at two decimals.
    pub(crate) fn of(row: &Value, doc: &str, base: &str) -> Self {
        Self { doc: cents(decimal(row, doc)), base: cents(decimal(row, base)) }
    }
}

impl std::ops::AddAssign for Pair {
    fn add_assign(&mut self, other: Self) {
        self.doc += other.doc;
        self.base += other.base;
    }
}

impl std::fmt::Display for Pair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.2} ({:.2} in the company's currency)", self.doc, self.base)
    }
}

/// A release: order, line, release.
pub(crate) type ReleaseId = (i64, i64, i64);

/// An account as it stands on a release or an invoice line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Account {
    /// `6100|10|200`.
    pub(crate) internal: String,
    /// `6100-10-200`.
    pub(crate) shown: String,
    pub(crate) description: String,
    pub(crate) segments: Vec<String>,
}

#[derive(Debug, Clone)]
pub(crate) struct Release {
    pub(crate) quantity: Decimal,
    pub(crate) void: bool,
    pub(crate) account: Option<Account>,
}

#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) part: String,
    /// In the order's currency, for `per` pieces.
    pub(crate) price: Decimal,
    pub(crate) per: Decimal,
    pub(crate) amount: Pair,
    pub(crate) void: bool,
    pub(crate) releases: BTreeMap<i64, Release>,
}

#[derive(Debug, Clone)]
pub(crate) struct Order {
    pub(crate) currency: String,
    pub(crate) base_currency: String,
    pub(crate) approved: bool,
    pub(crate) void: bool,
    pub(crate) charges: Pair,
    pub(crate) tax: Pair,
    pub(crate) total: Pair,
    pub(crate) lines: BTreeMap<i64, Line>,
}

impl Order {
    /// Releases that count.
    pub(crate) fn standing(&self) -> impl Iterator<Item = (i64, i64, &Release)> {
        self.lines.iter().filter(|(_, line)| !line.void).flat_map(|(number, line)| {
            let releases = line.releases.iter().filter(|(_, release)| !release.void);
            releases.map(move |(release, row)| (*number, *release, row))
        })
    }

    /// Every release that counts says which account it is for.
    pub(crate) fn is_coded(&self) -> bool {
        self.standing().all(|(_, _, release)| release.account.is_some())
    }
}

#[derive(Debug, Clone)]
pub(crate) struct InvoiceLine {
    pub(crate) number: i64,
    /// The release it is for.
    pub(crate) release: ReleaseId,
    pub(crate) amount: Pair,
    /// What the order's price would have made of it.
    pub(crate) expected: Decimal,
    pub(crate) account: Option<Account>,
}

#[derive(Debug, Clone)]
pub(crate) struct Invoice {
    pub(crate) posted: bool,
    pub(crate) debit_memo: bool,
    pub(crate) total: Pair,
    pub(crate) lines: Vec<InvoiceLine>,
}

impl Invoice {
    /// Amounts by order.
    pub(crate) fn by_order(&self) -> BTreeMap<i64, Pair> {
        let mut sums: BTreeMap<i64, Pair> = BTreeMap::new();
        for line in &self.lines {
            *sums.entry(line.release.0).or_default() += line.amount;
        }
        sums
    }
}

/// Supplier and the supplier's number.
pub(crate) type InvoiceId = (i64, String);

/// Epicor's side.
#[derive(Debug, Default)]
pub(crate) struct Documents {
    pub(crate) orders: BTreeMap<i64, Order>,
    pub(crate) invoices: BTreeMap<InvoiceId, Invoice>,
}

impl Documents {
    pub(crate) async fn read(epicor: &Server) -> anyhow::Result<Self> {
        let mut all = Self::default();
        for row in rows(epicor, "POHeader").await? {
            let order = Order {
                currency: text(&row, "CurrencyCode").to_owned(),
                base_currency: text(&row, "BaseCurrencyID").to_owned(),
                approved: text(&row, "ApprovalStatus") == "A",
                void: flag(&row, "VoidOrder"),
                charges: Pair::of(&row, "DocTotalMisc", "TotalMiscCharges"),
                tax: Pair::of(&row, "DocTotalTax", "TotalTax"),
                total: Pair::of(&row, "DocTotalOrder", "TotalOrder"),
                lines: BTreeMap::new(),
            };
            all.orders.insert(int(&row, "PONum"), order);
        }
        for row in rows(epicor, "PODetail").await? {
            let line = Line {
                part: text(&row, "PartNum").to_owned(),
                price: decimal(&row, "DocUnitCost"),
                per: per(&row),
                amount: Pair::of(&row, "DocExtCost", "ExtCost"),
                void: flag(&row, "VoidLine"),
                releases: BTreeMap::new(),
            };
            if let Some(order) = all.orders.get_mut(&int(&row, "PONUM")) {
                order.lines.insert(int(&row, "POLine"), line);
            }
        }
        let accounts = accounts(epicor, "PORelTGLC", &["PONum", "POLine", "PORelNum"]).await?;
        for row in rows(epicor, "PORel").await? {
            let id = (int(&row, "PONum"), int(&row, "POLine"), int(&row, "PORelNum"));
            let release = Release {
                quantity: decimal(&row, "RelQty"),
                void: flag(&row, "VoidRelease"),
                account: accounts.get(&key(&row, &["PONum", "POLine", "PORelNum"])).cloned(),
            };
            if let Some(line) = all.orders.get_mut(&id.0).and_then(|order| order.lines.get_mut(&id.1)) {
                line.releases.insert(id.2, release);
            }
        }
        for order in all.orders.values_mut() {
            // With every line called off the order is, too.
            let nothing_counts = order.standing().next().is_none();
            order.void |= nothing_counts;
        }
        all.read_invoices(epicor).await?;
        Ok(all)
    }

    async fn read_invoices(&mut self, epicor: &Server) -> anyhow::Result<()> {
        for row in rows(epicor, "APInvHed").await? {
            let invoice = Invoice {
                posted: flag(&row, "Posted"),
                debit_memo: flag(&row, "DebitMemo"),
                total: Pair::of(&row, "DocInvoiceAmt", "InvoiceAmt"),
                lines: Vec::new(),
            };
            self.invoices.insert((int(&row, "VendorNum"), text(&row, "InvoiceNum").to_owned()), invoice);
        }
        let of_line = ["VendorNum", "InvoiceNum", "InvoiceLine"];
        let accounts = accounts(epicor, "APInvExpTGLC", &of_line).await?;
        for row in rows(epicor, "APInvDtl").await? {
            let release = (int(&row, "PONum"), int(&row, "POLine"), int(&row, "PORelNum"));
            let ordered = self.orders.get(&release.0).and_then(|order| order.lines.get(&release.1));
            let at_order_price = |line: &Line| cents(decimal(&row, "VendorQty") * line.price / line.per);
            let line = InvoiceLine {
                number: int(&row, "InvoiceLine"),
                release,
                amount: Pair::of(&row, "DocExtCost", "ExtCost"),
                expected: ordered.map_or(Decimal::ZERO, at_order_price),
                account: accounts.get(&key(&row, &of_line)).cloned(),
            };
            let id = (int(&row, "VendorNum"), text(&row, "InvoiceNum").to_owned());
            if let Some(invoice) = self.invoices.get_mut(&id) {
                invoice.lines.push(line);
            }
        }
        Ok(())
    }

    /// Orders that must stand in the shop.
    pub(crate) fn wanted_orders(&self) -> impl Iterator<Item = (i64, &Order)> {
        self.orders.iter().filter(|(_, order)| order.approved && !order.void).map(|(number, order)| (*number, order))
    }

    /// Invoices that are the shop's business: posted, and no debit memo.
    pub(crate) fn wanted_invoices(&self) -> impl Iterator<Item = (&InvoiceId, &Invoice)> {
        self.invoices.iter().filter(|(_, invoice)| invoice.posted && !invoice.debit_memo)
    }

    /// Orders that an invoice names, posted or not.
    pub(crate) fn invoiced_orders(&self) -> BTreeSet<i64> {
        self.invoices.values().flat_map(|invoice| invoice.lines.iter().map(|line| line.release.0)).collect()
    }
}

/// Number that an order has in the shop.
pub(crate) fn shop_number(order: i64) -> String {
    format!("{COMPANY}-PO-{order}")
}

/// Accounts of the main book by the key of what they belong to.
async fn accounts(epicor: &Server, table: &str, columns: &[&str]) -> anyhow::Result<BTreeMap<String, Account>> {
    let mut found = BTreeMap::new();
    for row in rows(epicor, table).await? {
        if !flag(&row, "IsMainBook") {
            continue;
        }
        let segments = (1..=20).map(|number| text(&row, &format!("SegValue{number}")).to_owned());
        let account = Account {
            internal: text(&row, "GLAccount").to_owned(),
            shown: text(&row, "GLAccountGLAcctDisp").to_owned(),
            description: text(&row, "GLAccountAccountDesc").to_owned(),
            segments: segments.filter(|segment| !segment.is_empty()).collect(),
        };
        found.insert(key(&row, columns), account);
    }
    Ok(found)
}

fn key(row: &Value, columns: &[&str]) -> String {
    let part = |column: &&str| match row.get(*column) {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => String::new(),
    };
    columns.iter().map(part).collect::<Vec<_>>().join("\u{1f}")
}

fn per(row: &Value) -> Decimal {
    match text(row, "CostPerCode") {
        "C" => Decimal::ONE_HUNDRED,
        "M" => Decimal::ONE_THOUSAND,
        _ => Decimal::ONE,
    }
}

pub(crate) fn int(row: &Value, column: &str) -> i64 {
    row.get(column).and_then(Value::as_i64).unwrap_or_default()
}

fn flag(row: &Value, column: &str) -> bool {
    row.get(column).and_then(Value::as_bool).unwrap_or_default()
}

/// A number as it is written, in JSON as number or text; 0 where there is none.
pub(crate) fn decimal(row: &Value, column: &str) -> Decimal {
    let written = match row.get(column) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        _ => return Decimal::ZERO,
    };
    written.parse().or_else(|_| Decimal::from_scientific(&written)).unwrap_or_default()
}

/// Rounded half away from zero at two decimals.
pub(crate) fn cents(amount: Decimal) -> Decimal {
    amount.round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero)
}
