//! What ought to be in HubSpot, worked out from Epicor's rows alone and by this file's own reading of the rules.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::{
    control::{Server, number, text},
    settings::COMPANY,
};

/// Rows asked for at once.
const PAGE: usize = 1_000;
/// HubSpot's longest text.
const LONGEST: usize = 65_536;

/// Vendor or customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Firm {
    /// `vendor` or `customer`.
    pub(crate) record_type: &'static str,
    pub(crate) name: String,
    pub(crate) phone: String,
    /// Can be carried over as it stands.
    pub(crate) good: bool,
}

/// A contact with something in its e-mail field, at a firm that is to be carried over.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    pub(crate) key: String,
    pub(crate) firm: String,
    pub(crate) email: String,
    /// The address is one.
    pub(crate) good: bool,
}

/// Epicor's side.
#[derive(Debug, Default)]
pub(crate) struct Truth {
    /// By key, such as `EPIC06:VEND:118`.
    pub(crate) firms: BTreeMap<String, Firm>,
    pub(crate) people: Vec<Person>,
    /// Keys of customers of another type (prospects, suspects).
    pub(crate) others: BTreeSet<String>,
    /// Rows of all tables.
    pub(crate) rows: usize,
}

impl Truth {
    pub(crate) async fn read(epicor: &Server) -> anyhow::Result<Self> {
        let mut truth = Self::default();
        for row in rows(epicor, "Vendor").await? {
            let key = format!("{COMPANY}:VEND:{}", number(&row, "/VendorNum"));
            truth.firms.insert(key, firm(&row, "vendor", "VendorID"));
            truth.rows += 1;
        }
        for row in rows(epicor, "Customer").await? {
            let key = format!("{COMPANY}:CUST:{}", number(&row, "/CustNum"));
            if text(&row, "CustomerType") == "CUS" {
                truth.firms.insert(key, firm(&row, "customer", "CustID"));
            } else {
                truth.others.insert(key);
            }
            truth.rows += 1;
        }
        for (table, kind, firm_kind, firm_number, place, email) in [
            ("VendCntMain", "VENDCNT", "VEND", "VendorNum", "PurPoint", "EmailAddress"),
            ("CustCnt", "CUSTCNT", "CUST", "CustNum", "ShipToNum", "EMailAddress"),
        ] {
            for row in rows(epicor, table).await? {
                truth.rows += 1;
                let firm_number = number(&row, &format!("/{firm_number}"));
                let firm = format!("{COMPANY}:{firm_kind}:{firm_number}");
                let email = text(&row, email).trim().to_lowercase();
                if email.is_empty() || !truth.firms.contains_key(&firm) {
                    continue;
                }
                let place = match text(&row, place) {
                    "" => String::new(),
                    place => format!("{place}:"),
                };
                let key = format!("{COMPANY}:{kind}:{firm_number}:{place}{}", number(&row, "/ConNum")).to_uppercase();
                truth.people.push(Person { key, firm, good: is_address(&email), email });
            }
        }
        Ok(truth)
    }

    fn firm_is_good(&self, key: &str) -> bool {
        self.firms.get(key).is_some_and(|firm| firm.good)
    }

    /// Firms that HubSpot must hold.
    pub(crate) fn good_firms(&self) -> impl Iterator<Item = (&String, &Firm)> {
        self.firms.iter().filter(|(_, firm)| firm.good)
    }

    /// Contacts that HubSpot must hold, each linked to its firm.
    pub(crate) fn good_people(&self) -> impl Iterator<Item = &Person> {
        self.people.iter().filter(|person| person.good && self.firm_is_good(&person.firm))
    }

    /// Records that must stand on the dead-letter shelf: broken ones, and the contacts whose firm cannot go.
    pub(crate) fn held_back(&self) -> BTreeSet<String> {
        let firms = self.firms.iter().filter(|(_, firm)| !firm.good).map(|(key, _)| key.clone());
        let people = self.people.iter().filter(|person| !person.good || !self.firm_is_good(&person.firm));
        firms.chain(people.map(|person| person.key.clone())).collect()
    }
}

fn firm(row: &Value, record_type: &'static str, code: &str) -> Firm {
    let name = text(row, "Name").trim();
    let printable = |text: &str| !text.is_empty() && !text.chars().any(char::is_control);
    let good = printable(name) && name.chars().count() <= LONGEST && printable(text(row, code).trim());
    Firm { record_type, name: name.to_owned(), phone: text(row, "PhoneNum").trim().to_owned(), good }
}

/// Whether a text looks like one e-mail address: enough for what a company like this one holds.
fn is_address(text: &str) -> bool {
    let parts: Vec<&str> = text.split('@').collect();
    let [local, host] = parts[..] else { return false };
    !local.is_empty()
        && host.contains('.')
        && host.split('.').all(|label| !label.is_empty())
        && !text.contains(char::is_whitespace)
}

/// All rows of a table.
pub(crate) async fn rows(epicor: &Server, table: &str) -> anyhow::Result<Vec<Value>> {
    let mut all = Vec::new();
    loop {
        let path = format!("/__control/rows?table={table}&limit={PAGE}&offset={}", all.len());
        let mut answer = epicor.get(&path).await?;
        let Some(Value::Array(rows)) = answer.get_mut("rows").map(Value::take) else {
            anyhow::bail!("Epicor's control API did not list {table}")
        };
        let last = rows.len() < PAGE;
        all.extend(rows);
        if last {
            return Ok(all);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broken_rows_are_told_from_good_ones() {
        let row = |name: &str, code: &str| serde_json::json!({ "Name": name, "VendorID": code });
        assert!(firm(&row("Nordic Bolt", "N1"), "vendor", "VendorID").good);
        for (name, code) in [(" ", "N1"), ("Tab\tbell", "N1"), ("Nordic Bolt", "")] {
            assert!(!firm(&row(name, code), "vendor", "VendorID").good, "{name:?} {code:?}");
        }
        assert!(is_address("lena.obrien1@nordic.example"));
        for text in ["not-an-email", "two@@signs.example", "a.b@", "name with space@x.example", "a@x", "a@x."] {
            assert!(!is_address(text), "{text}");
        }
    }
}
