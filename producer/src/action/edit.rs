//! Another payload for a dead letter, by a person.
//!
//! The audit names the fields that changed. What stood in them before and after may be personal data: it is sealed, and only
//! those who may see payloads see it again.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use mlc_flow::check_edit;
use mlc_ledger::PersonAction;
use mlc_model::JobId;
use mlc_queue::{DeadLetter, Editable, Edited};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Failure, Rooms};

/// Fields that the audit names in clear.
const NAMED: usize = 20;

/// A field that differs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct FieldChange {
    /// Where it stands, such as `records[0].vendor.name`.
    pub(crate) path: String,
    /// What stood there; `None` = nothing did.
    pub(crate) before: Option<Value>,
    /// What stands there now; `None` = nothing does.
    pub(crate) after: Option<Value>,
}

impl fmt::Display for FieldChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)?;
        for (sign, value) in [("-", &self.before), ("+", &self.after)] {
            if let Some(value) = value {
                write!(f, "\n  {sign} {value}")?;
            }
        }
        Ok(())
    }
}

/// A dead letter whose payload was opened.
#[derive(Debug)]
pub(crate) struct Opened {
    /// The letter.
    pub(crate) letter: DeadLetter,
    /// Its payload, and the digest that [`edit`] wants back.
    pub(crate) editable: Editable,
}

/// An edit that was made.
#[derive(Debug)]
pub(crate) struct Edit {
    /// What changed. Holds business data.
    pub(crate) changes: Vec<FieldChange>,
    /// For the audit, in clear: how many fields.
    pub(crate) before: String,
    /// For the audit, in clear: which fields.
    pub(crate) after: String,
    /// For the audit: the changes, sealed.
    pub(crate) sealed: String,
}

/// The payload of a dead letter. That somebody looked must be recorded by the caller.
///
/// # Errors
/// `NothingMatched` when it is not on the shelf; `Wrong` when no key opens it; `Redis`.
pub(crate) async fn open(rooms: &Rooms, job: &JobId) -> Result<Opened, Failure> {
    let gone = || Failure::NothingMatched(format!("dead letter `{job}` is not on the shelf"));
    let letter = rooms.queue.dead_letter(job).await?.ok_or_else(gone)?;
    let editable = rooms.queue.editable(job).await?.ok_or_else(gone)?;
    Ok(Opened { letter, editable })
}

/// What an edit would change, when it is one that may be made.
///
/// # Errors
/// `Usage`: nothing changes, a worker could not read it, or it would be another job; the text names the field and no value.
pub(crate) fn review(opened: &Opened, after: &Value) -> Result<Vec<FieldChange>, Failure> {
    let Opened { letter, editable } = opened;
    let changes = differences(&editable.payload, after);
    if changes.is_empty() {
        return Err(Failure::Usage("the payload is the same as before; nothing was done".to_owned()));
    }
    let (lane, subject) = (&letter.job.lane, letter.job.subject.as_deref());
    check_edit(&editable.kind, &editable.payload, after, lane, subject).map_err(Failure::Usage)?;
    Ok(changes)
}

/// Gives the letter its new payload. It stays on the shelf. The caller records what comes back.
///
/// # Errors
/// As [`review`]; `NothingMatched` when the letter has left the shelf; `Wrong` when somebody else has edited it since it was
/// opened; `Full`; `Redis`.
pub(crate) async fn edit(rooms: &Rooms, opened: &Opened, after: &Value) -> Result<Edit, Failure> {
    let changes = review(opened, after)?;
    let job = &opened.letter.job.id;
    let edited = rooms.queue.edit_payload(job, after, &opened.editable.digest, rooms.person.as_str()).await;
    match edited.map_err(Failure::of_first_write)? {
        Edited::Changed => {}
        Edited::Gone => return Err(Failure::NothingMatched(format!("dead letter `{job}` has left the shelf"))),
        Edited::ChangedMeanwhile => {
            let text = format!("somebody has edited dead letter `{job}` meanwhile; look at it again");
            return Err(Failure::Wrong(text));
        }
    }
    let plain = serde_json::to_vec(&changes)
        .map_err(|error| Failure::Defect(format!("the changes cannot be written as JSON: {error}")))?;
    Ok(Edit {
        before: if changes.len() == 1 { "1 field".to_owned() } else { format!("{} fields", changes.len()) },
        after: format!("edited: {}", paths(&changes)),
        sealed: STANDARD.encode(rooms.sealer.seal(&context(job.as_str()), &plain)),
        changes,
    })
}

/// The changes of an edit that the audit keeps sealed; `None` for another action, and when no key opens them. That somebody
/// looked must be recorded by the caller.
pub(crate) fn unseal(rooms: &Rooms, action: &PersonAction) -> Option<Vec<FieldChange>> {
    let sealed = STANDARD.decode(action.sealed.as_deref()?).ok()?;
    let plain = rooms.sealer.open(&context(&action.subject), &sealed).ok()?;
    serde_json::from_slice(&plain).ok()
}

fn context(job: &str) -> Vec<u8> {
    format!("person_action/edit/{job}").into_bytes()
}

fn paths(changes: &[FieldChange]) -> String {
    let named: Vec<&str> = changes.iter().take(NAMED).map(|change| change.path.as_str()).collect();
    let more = changes.len().saturating_sub(NAMED);
    if more > 0 { format!("{} and {more} more", named.join(", ")) } else { named.join(", ") }
}

/// Fields that differ, in the order of the payload. Lists of another length differ item by item.
pub(crate) fn differences(before: &Value, after: &Value) -> Vec<FieldChange> {
    let mut changes = Vec::new();
    compare("", Some(before), Some(after), &mut changes);
    changes
}

fn compare(path: &str, before: Option<&Value>, after: Option<&Value>, changes: &mut Vec<FieldChange>) {
    let inner = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    match (before, after) {
        (Some(old), Some(new)) if old == new => {}
        (Some(Value::Object(old)), Some(Value::Object(new))) => {
            for (name, value) in old {
                compare(&inner(name), Some(value), new.get(name), changes);
            }
            for (name, value) in new.iter().filter(|(name, _)| !old.contains_key(*name)) {
                compare(&inner(name), None, Some(value), changes);
            }
        }
        (Some(Value::Array(old)), Some(Value::Array(new))) => {
            for place in 0..old.len().max(new.len()) {
                compare(&format!("{path}[{place}]"), old.get(place), new.get(place), changes);
            }
        }
        _ => {
            let path = if path.is_empty() { "(all)".to_owned() } else { path.to_owned() };
            changes.push(FieldChange { path, before: before.cloned(), after: after.cloned() });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_field_that_differs_is_named_with_both_sides() {
        let before = json!({"a": 1, "b": {"c": [1, {"d": "x"}]}, "gone": true});
        let after = json!({"a": 1, "b": {"c": [1, {"d": "y"}, 3]}, "new": null});
        let changes = differences(&before, &after);
        let change = |path: &str, before, after| FieldChange { path: path.to_owned(), before, after };
        assert_eq!(
            changes,
            [
                change("b.c[1].d", Some(json!("x")), Some(json!("y"))),
                change("b.c[2]", None, Some(json!(3))),
                change("gone", Some(json!(true)), None),
                change("new", None, Some(json!(null))),
            ]
        );
        assert!(differences(&before, &before).is_empty());
        assert_eq!(differences(&json!(1), &json!(2))[0].path, "(all)");
    }

    #[test]
    fn the_audit_names_a_bounded_number_of_fields() {
        let changes: Vec<FieldChange> =
            (0..25).map(|n| FieldChange { path: format!("f{n}"), before: None, after: None }).collect();
        assert!(paths(&changes).ends_with("f19 and 5 more"));
    }
}
