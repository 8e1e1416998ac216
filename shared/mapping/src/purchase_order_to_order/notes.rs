//! What has no column in the shop: texts of the order's history.

use mlc_adobe::wire::StatusComment;
use mlc_model::{PurchaseOrder, Version};
use serde::Serialize;

use super::Adapting;
use crate::text::{filled, one_line};

/// Longest history text, in characters: with 3 bytes each it fits the shop's column.
const LONGEST: usize = 20_000;

/// One text of the history. It is written again only when it has changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Note {
    /// First line, which tells the notes of one order apart.
    pub heading: String,
    /// What follows.
    pub body: String,
}

impl Note {
    /// The text with the version it comes from.
    pub fn text(&self, version: Version) -> String {
        format!("{}\n{}\n[epicor {version}]", self.heading, self.body)
    }

    /// Whether the latest of an order's comments under this heading says the same.
    pub fn stands_in(&self, comments: &[StatusComment]) -> bool {
        let mine = comments.iter().filter_map(|comment| self.read(comment.comment.as_deref()?));
        let mut latest: Option<i64> = None;
        let mut says = false;
        for (version, body) in mine {
            let same = body == self.body;
            if latest.is_none_or(|latest| version > latest) {
                (latest, says) = (Some(version), same);
            } else if latest == Some(version) {
                says |= same;
            }
        }
        says
    }

    /// Version and body of a comment under this heading.
    fn read<'a>(&self, comment: &'a str) -> Option<(i64, &'a str)> {
        let rest = comment.trim().strip_prefix(self.heading.as_str())?.strip_prefix('\n')?;
        let (body, tag) = rest.rsplit_once("\n[epicor ")?;
        Some((tag.strip_suffix(']')?.parse().ok()?, body))
    }
}

/// Terms and the like, one per line.
pub(super) fn facts(order: &PurchaseOrder, remarks: &[String], adapting: &mut Adapting) -> Vec<String> {
    let code_and_words = |code: &Option<String>, words: &Option<String>| {
        let parts: Vec<String> =
            [words, code].into_iter().filter_map(|part| filled(part.as_deref())).map(one_line).collect();
        match parts.as_slice() {
            [words, code] if words != code => Some(format!("{words} ({code})")),
            [one, ..] => Some(one.clone()),
            [] => None,
        }
    };
    let one = |text: &Option<String>| filled(text.as_deref()).map(one_line);
    let told = [
        ("Supplier", code_and_words(&order.vendor.code, &order.vendor.name)),
        ("Terms", code_and_words(&order.terms, &order.terms_description)),
        ("Buyer", code_and_words(&order.buyer, &order.buyer_name)),
        ("Ship via", one(&order.ship_via)),
        ("FOB", one(&order.fob)),
        ("Supplier's reference", one(&order.vendor_reference)),
        ("Comment", one(&order.comment)),
    ];
    let mut facts: Vec<String> =
        told.into_iter().filter_map(|(name, value)| Some(format!("{name}: {}", value?))).collect();
    facts.extend(remarks.iter().map(|remark| format!("Note: {remark}")));
    facts.into_iter().map(|fact| adapting.fit(&fact, LONGEST / 4, "a fact of the order")).collect()
}

pub(super) fn notes(order: &PurchaseOrder, facts: &[String]) -> Vec<Note> {
    let about = Note { heading: format!("Epicor purchase order {}", order.number), body: facts.join("\n") };
    let dates = Note { heading: format!("Dates and receipts of purchase order {}", order.number), body: dates(order) };
    [about, dates].map(|note| Note { body: mlc_adobe::columns::fit(&note.body, LONGEST).text, ..note }).to_vec()
}

fn dates(order: &PurchaseOrder) -> String {
    let day = |name: &str, day: Option<chrono::NaiveDate>| day.map(|day| format!("{name} {day}"));
    let standing = [(!order.open, "closed in Epicor"), (order.held, "on hold in Epicor")];
    let whole = standing.into_iter().filter(|(is_so, _)| *is_so).map(|(_, text)| text.to_owned()).chain(
        [day("ordered", order.ordered), day("due", order.due), day("promised", order.promised)].into_iter().flatten(),
    );
    let mut lines = vec![listed("Order", whole)];
    for line in &order.lines {
        for release in &line.releases {
            let received = (!release.received.is_zero())
                .then(|| format!("received {} of {}", release.received.normalize(), release.quantity.normalize()));
            let parts = [
                (line.void || release.void).then(|| "void".to_owned()),
                day("due", release.due),
                day("promised", release.promised),
                received,
            ];
            lines
                .push(listed(&format!("Line {} release {}", line.number, release.number), parts.into_iter().flatten()));
        }
    }
    lines.join("\n")
}

fn listed(what: &str, parts: impl Iterator<Item = String>) -> String {
    let parts: Vec<String> = parts.collect();
    if parts.is_empty() { format!("{what}: no dates") } else { format!("{what}: {}", parts.join(", ")) }
}
