//! The review list as `mlc review list` shows it.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context as _;
use serde_json::Value;

use crate::{control::text, documents::InvoiceId, mlc::Mlc, settings::COMPANY, shelf::Letter};

/// Something that waits for a person.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    pub(crate) id: String,
    pub(crate) kind: String,
    /// Key of the record.
    pub(crate) key: String,
    /// For people.
    pub(crate) summary: String,
}

impl Item {
    /// The invoice it is about.
    pub(crate) fn invoice(&self) -> Option<InvoiceId> {
        invoice_of(&self.key)
    }
}

/// What is open.
pub(crate) async fn open(mlc: &Mlc) -> anyhow::Result<Vec<Item>> {
    let listed = mlc.json(&["review", "list", "--limit", "500"]).await?;
    // Nothing at all is an empty list.
    let items = listed.get("items").unwrap_or(&listed);
    let items = items.as_array().context("`mlc review list --json` holds no list")?;
    Ok(items.iter().map(item).collect())
}

fn item(value: &Value) -> Item {
    let of = |name: &str| text(value, name).to_owned();
    Item { id: of("id"), kind: of("kind"), key: of("key"), summary: of("summary") }
}

/// Items by kind: how many, and one as an example.
pub(crate) fn grouped(items: &[Item]) -> BTreeMap<&str, (usize, &Item)> {
    let mut groups: BTreeMap<&str, (usize, &Item)> = BTreeMap::new();
    for item in items {
        groups.entry(&item.kind).or_insert((0, item)).0 += 1;
    }
    groups
}

/// Invoices that are held back, by list and shelf.
pub(crate) fn held(items: &[Item], letters: &[Letter]) -> BTreeSet<InvoiceId> {
    let keys = items.iter().map(|item| item.key.as_str()).chain(letters.iter().map(|letter| letter.subject.as_str()));
    keys.filter_map(invoice_of).collect()
}

/// From `EPIC06:APINV:118/INV-7`. The supplier's number may hold slashes itself.
fn invoice_of(key: &str) -> Option<InvoiceId> {
    let (vendor, number) = key.strip_prefix(&format!("{COMPANY}:APINV:"))?.split_once('/')?;
    Some((vendor.parse().ok()?, number.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invoice_is_told_by_its_key() {
        assert_eq!(invoice_of("EPIC06:APINV:118/INV/2026-7"), Some((118, "INV/2026-7".to_owned())));
        assert_eq!(invoice_of("EPIC06:PO:50231"), None);
    }
}
