//! What buyers and accountants do in Epicor: a purchasing history, and changes to orders that stand in the shop already.

use std::collections::BTreeSet;

use anyhow::Context as _;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use crate::{
    control::{Server, number},
    documents::{Account, Documents, Order},
    shop_verify::{Fate, fate},
};

/// Orders that are invoiced, and some that are not yet. Some of both are void or not approved: 300 are good.
const INVOICED_ORDERS: u64 = 364;
const QUIET_ORDERS: u64 = 26;
/// Invoices, some of them not posted: 250 are.
const INVOICES: u64 = 286;
/// Invoices whose supplier asks for a quarter more than was agreed.
const OVERPRICED: usize = 3;
/// Orders on which somebody forgot an account.
const UNCODED: usize = 3;
/// Orders that change later.
const CHANGED: usize = 10;

/// What was seeded.
pub(crate) struct Seeded {
    pub(crate) orders: usize,
    pub(crate) invoices: u64,
    pub(crate) debit_memos: u64,
    pub(crate) spanning: u64,
    pub(crate) partial: u64,
    /// Prices that differ by cents, and by a quarter.
    pub(crate) differing: u64,
    pub(crate) overpriced: usize,
    /// Accounts that were taken away, with the release they belong to.
    pub(crate) uncoded: Vec<Uncoded>,
}

/// A release that lost its account.
pub(crate) struct Uncoded {
    pub(crate) order: i64,
    rows: Vec<Value>,
}

/// Seeds orders and invoices, and takes the account off a few orders that nobody has invoiced.
pub(crate) async fn seed(epicor: &Server) -> anyhow::Result<Seeded> {
    let order = json!({ "pos": INVOICED_ORDERS, "invoices": INVOICES, "seed": 6 });
    let answer = epicor.post("/__control/seed_purchasing", &order).await?;
    let more = json!({ "pos": QUIET_ORDERS, "seed": 7 });
    epicor.post("/__control/seed_purchasing", &more).await?;
    let count = |name: &str| answer.get(name).and_then(Value::as_array).map_or(0, |list| list.len() as u64);
    let documents = Documents::read(epicor).await?;
    let overpriced = overprice(epicor, &documents).await?;
    let mut uncoded = Vec::new();
    for (number, order) in quiet_orders(&documents).take(UNCODED) {
        let (line, release, _) = order.standing().next().context("an order without lines was chosen")?;
        let mut rows = Vec::new();
        for row in crate::truth::rows(epicor, "PORelTGLC").await? {
            let of = |column: &str| crate::documents::int(&row, column);
            if (of("PONum"), of("POLine"), of("PORelNum")) == (number, line, release) {
                let key = row.get("__key").cloned().unwrap_or_default();
                epicor.post("/__control/delete", &json!({ "table": "PORelTGLC", "key": key })).await?;
                rows.push(row);
            }
        }
        uncoded.push(Uncoded { order: number, rows });
    }
    Ok(Seeded {
        orders: documents.orders.len(),
        invoices: count("invoices"),
        debit_memos: count("debit_memos"),
        spanning: count("spanning"),
        partial: count("partial"),
        differing: count("price_differs"),
        overpriced,
        uncoded,
    })
}

async fn overprice(epicor: &Server, documents: &Documents) -> anyhow::Result<usize> {
    let good = documents.wanted_invoices().filter(|(_, invoice)| fate(invoice) == Fate::Delivered);
    let lines = good.filter_map(|(id, invoice)| Some((id, invoice.lines.first()?)));
    let mut done = 0;
    for ((vendor, number), line) in lines.step_by(20).take(OVERPRICED) {
        let ordered = documents.orders.get(&line.release.0).and_then(|order| order.lines.get(&line.release.1));
        let price = ordered.map_or(Decimal::ONE, |line| line.price) * Decimal::new(125, 2);
        let edit = json!({ "do": "edit_invoice_line", "vendor": vendor, "number": number, "line": line.number,
            "fields": { "DocUnitCost": price.round_dp(2).to_string() } });
        epicor.post("/__control/purchasing", &edit).await?;
        done += 1;
    }
    Ok(done)
}

/// Good orders that no invoice names, so that a change shows nothing but itself.
fn quiet_orders(documents: &Documents) -> impl Iterator<Item = (i64, &Order)> {
    let invoiced = documents.invoiced_orders();
    documents.wanted_orders().filter(move |(number, _)| !invoiced.contains(number))
}

/// Puts the accounts back that [`seed`] took away.
pub(crate) async fn code_again(epicor: &Server, uncoded: &[Uncoded]) -> anyhow::Result<()> {
    for one in uncoded {
        for row in &one.rows {
            let mut row = row.clone();
            if let Value::Object(columns) = &mut row {
                columns.retain(|name, _| !name.starts_with("__") && !name.starts_with("Sys"));
            }
            epicor.post("/__control/seed", &json!({ "table": "PORelTGLC", "rows": [row] })).await?;
        }
    }
    Ok(())
}

/// A change that a buyer made, for people.
pub(crate) struct Change {
    pub(crate) order: i64,
    pub(crate) what: String,
}

/// Ten orders change, each in another way, and one more is called off: it comes last.
pub(crate) async fn change(epicor: &Server, documents: &Documents, except: &[Uncoded]) -> anyhow::Result<Vec<Change>> {
    let except: BTreeSet<i64> = except.iter().map(|one| one.order).collect();
    let quiet: Vec<(i64, &Order)> = quiet_orders(documents).filter(|(number, _)| !except.contains(number)).collect();
    // Voiding the only line of an order would call off the order.
    let voidable = |order: &Order| order.lines.values().filter(|line| !line.void).count() > 1;
    let (several, single): (Vec<_>, Vec<_>) = quiet.into_iter().partition(|(_, order)| voidable(order));
    let mut several = several.into_iter();
    let mut any = single.into_iter();
    let mut changes = Vec::new();
    for kind in 0..CHANGED {
        let next = if kind % 5 == 3 { several.next() } else { any.next().or_else(|| several.next()) };
        let (number, order) = next.context("too few orders without an invoice")?;
        let (line, release, row) = order.standing().next().context("an order without lines was chosen")?;
        let price = order.lines.get(&line).map_or(Decimal::ONE, |line| line.price);
        let quantity = row.quantity + Decimal::from(5);
        let (edit, what) = match kind % 5 {
            0 => (
                json!({ "do": "edit_line", "order": number, "line": line,
                    "fields": { "DocUnitCost": (price * Decimal::new(11, 1)).round_dp(2).to_string() } }),
                format!("price of line {line} raised by a tenth"),
            ),
            1 => (
                json!({ "do": "edit_release", "order": number, "line": line, "release": release,
                    "fields": { "RelQty": quantity.normalize().to_string() } }),
                format!("5 more of line {line}"),
            ),
            2 => (
                json!({ "do": "add_line", "order": number, "new": { "part": "GL-NIT-L", "text": "Nitrile gloves L",
                    "price": "12.50", "cost_per": "C", "releases": [250, 50], "account": "6300|20|100" } }),
                "a line added, in two releases".to_owned(),
            ),
            3 => (json!({ "do": "void_line", "order": number, "line": line }), format!("line {line} voided")),
            _ => (
                json!({ "do": "edit_release", "order": number, "line": line, "release": release,
                    "fields": { "DueDate": "2026-12-18T00:00:00", "PromiseDt": "2026-12-21T00:00:00" } }),
                format!("line {line} due on 18 December"),
            ),
        };
        epicor.post("/__control/purchasing", &edit).await?;
        changes.push(Change { order: number, what });
    }
    let (number, _) = several.next().or_else(|| any.next()).context("too few orders without an invoice")?;
    epicor.post("/__control/purchasing", &json!({ "do": "void_order", "order": number })).await?;
    changes.push(Change { order: number, what: "called off".to_owned() });
    Ok(changes)
}

/// The invoice line of the trace: on an order, with an account, the first by supplier and number.
pub(crate) fn traced(documents: &Documents, delivered: impl Fn(i64, &str) -> bool) -> Option<Traced<'_>> {
    let invoices = documents.wanted_invoices().filter(|((vendor, id), _)| delivered(*vendor, id));
    invoices.flat_map(|(id, invoice)| invoice.lines.iter().map(move |line| (id, line))).find_map(|(id, line)| {
        let order = documents.orders.get(&line.release.0)?;
        let release = order.lines.get(&line.release.1)?.releases.get(&line.release.2)?;
        Some(Traced {
            vendor: id.0,
            invoice: &id.1,
            line: line.number,
            release: line.release,
            ordered: release.account.as_ref()?,
            invoiced: line.account.as_ref()?,
        })
    })
}

/// One invoice line with the accounts that Epicor has for it.
pub(crate) struct Traced<'a> {
    pub(crate) vendor: i64,
    pub(crate) invoice: &'a str,
    pub(crate) line: i64,
    pub(crate) release: crate::documents::ReleaseId,
    /// Of the release.
    pub(crate) ordered: &'a Account,
    /// Of the invoice line.
    pub(crate) invoiced: &'a Account,
}

/// Requests whose path names the table that must never be written by itself, and GL rows by the call that wrote them.
pub(crate) async fn gl_paths(epicor: &Server) -> anyhow::Result<Vec<String>> {
    let stats = epicor.get("/__control/stats").await?;
    let paths = stats.get("gl_paths").and_then(Value::as_object).into_iter().flatten();
    Ok(paths
        .map(|(path, _)| {
            format!(
                "{path} ({} times)",
                number(&stats["gl_paths"], &format!("/{}", path.replace('~', "~0").replace('/', "~1")))
            )
        })
        .collect())
}
