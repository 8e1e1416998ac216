//! The dead-letter shelf as `mlc dead-letters list` shows it.

use std::collections::BTreeMap;

use anyhow::Context as _;
use serde_json::Value;

use crate::{control::text, mlc::Mlc};

/// One dead letter.
#[derive(Debug, Clone)]
pub(crate) struct Letter {
    /// Key of the record, or what else the job was about.
    pub(crate) subject: String,
    /// Code and field: what the letters of one group have in common.
    pub(crate) cause: String,
    /// For people.
    pub(crate) reason: String,
}

/// All letters.
pub(crate) async fn read(mlc: &Mlc) -> anyhow::Result<Vec<Letter>> {
    let listed = mlc.json(&["dead-letters", "list", "--limit", "1000"]).await?;
    let letters = listed
        .as_array()
        .or_else(|| listed.get("items").and_then(Value::as_array))
        .or_else(|| listed.get("dead_letters").and_then(Value::as_array));
    letters.context("`mlc dead-letters list --json` holds no list")?.iter().map(letter).collect()
}

fn letter(value: &Value) -> anyhow::Result<Letter> {
    let job = value.get("job").unwrap_or(value);
    let fault = value.get("fault").filter(|fault| fault.is_object()).unwrap_or(value);
    let reason = text(fault, "message");
    anyhow::ensure!(!reason.is_empty(), "a dead letter has no reason: {value}");
    Ok(Letter {
        subject: text(job, "subject").to_owned(),
        cause: format!("{} {}", text(fault, "code"), text(fault, "field")).trim().to_owned(),
        reason: reason.to_owned(),
    })
}

/// Letters by cause, the most frequent first: how many, the cause, a reason as an example.
pub(crate) fn grouped(letters: &[Letter]) -> Vec<(usize, &str, &str)> {
    let mut groups: BTreeMap<&str, (usize, &str)> = BTreeMap::new();
    for letter in letters {
        groups.entry(&letter.cause).or_insert((0, &letter.reason)).0 += 1;
    }
    let mut groups: Vec<_> = groups.into_iter().map(|(cause, (count, reason))| (count, cause, reason)).collect();
    groups.sort_by_key(|(count, ..)| std::cmp::Reverse(*count));
    groups
}
