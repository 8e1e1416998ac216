//! Whether a payload that a person edited is still a payload, and still the same job.

use mlc_queue::{Job, Lane};
use serde_json::Value;

use crate::{CloseWindow, CreateApInvoice, CreateRequisition, PollPage, PullCompany, PushRecord, Record};

/// What a target takes in one call.
const MOST_RECORDS: usize = 100;
/// Longer subjects are cut where they are stored.
const SUBJECT_KEPT: usize = 150;

/// Whether a worker could read `payload` as the arguments of a job of this kind.
///
/// # Errors
/// What is wrong, naming the field. Holds no value of the payload.
pub fn check_payload(kind: &str, payload: &Value) -> Result<(), String> {
    with_kind(kind, payload, Checked::Alone)
}

/// Whether an edit of a job's payload leaves it the same job: same flow and connections, same lane, same subject, same unique
/// key. The content of a record may change, its key and version may not. `lane` and `subject` are those that the job is stored
/// with: they decide where `before` cannot be read itself.
///
/// # Errors
/// What is wrong, naming the field. Holds no value of the payload.
pub fn check_edit(kind: &str, before: &Value, after: &Value, lane: &Lane, subject: Option<&str>) -> Result<(), String> {
    with_kind(kind, after, Checked::Against { before, lane, subject })?;
    match unknown_field(before, after, &written(kind, after)?) {
        Some(path) => Err(format!("`{path}` is no field of a {kind} job: it would be dropped")),
        None => Ok(()),
    }
}

#[derive(Clone, Copy)]
enum Checked<'a> {
    Alone,
    Against { before: &'a Value, lane: &'a Lane, subject: Option<&'a str> },
}

fn with_kind(kind: &str, payload: &Value, checked: Checked<'_>) -> Result<(), String> {
    match kind {
        CloseWindow::KIND => check::<CloseWindow>(payload, checked, same_key),
        CreateApInvoice::KIND => check::<CreateApInvoice>(payload, checked, same_key),
        CreateRequisition::KIND => check::<CreateRequisition>(payload, checked, same_key),
        PollPage::KIND => check::<PollPage>(payload, checked, same_key),
        PullCompany::KIND => check::<PullCompany>(payload, checked, same_key),
        PushRecord::KIND => {
            one_sort_of_records(&read::<PushRecord>(payload)?.records)?;
            check::<PushRecord>(payload, checked, same_records)
        }
        _ => Err(unknown_kind(kind)),
    }
}

/// The payload as a worker understands it, written again.
fn written(kind: &str, payload: &Value) -> Result<Value, String> {
    fn again<J: Job>(payload: &Value) -> Result<Value, String> {
        serde_json::to_value(read::<J>(payload)?).map_err(|error| error.to_string())
    }
    match kind {
        CloseWindow::KIND => again::<CloseWindow>(payload),
        CreateApInvoice::KIND => again::<CreateApInvoice>(payload),
        CreateRequisition::KIND => again::<CreateRequisition>(payload),
        PollPage::KIND => again::<PollPage>(payload),
        PullCompany::KIND => again::<PullCompany>(payload),
        PushRecord::KIND => again::<PushRecord>(payload),
        _ => Err(unknown_kind(kind)),
    }
}

fn unknown_kind(kind: &str) -> String {
    format!("`{kind}` is no kind of job that this version knows")
}

fn check<J: Job>(payload: &Value, checked: Checked<'_>, same: fn(&J, &J) -> Result<(), String>) -> Result<(), String> {
    let after: J = read(payload)?;
    let Checked::Against { before, lane, subject } = checked else { return Ok(()) };
    for field in ["flow", "from", "to", "entity"] {
        if before.get(field).is_some_and(|value| payload.get(field) != Some(value)) {
            return Err(another_job(field));
        }
    }
    if after.lane() != *lane {
        return Err(format!("it would be another job: it would belong to the lane of `{}`", after.lane()));
    }
    let Ok(before) = read::<J>(before) else {
        let stored = subject.unwrap_or_default();
        let same = stored.len() > SUBJECT_KEPT || after.subject().unwrap_or_default() == stored;
        return if same { Ok(()) } else { Err(another_job("subject")) };
    };
    same(&before, &after)?;
    if before.subject() == after.subject() { Ok(()) } else { Err(another_job("subject")) }
}

fn same_key<J: Job>(before: &J, after: &J) -> Result<(), String> {
    if before.unique_key() == after.unique_key() { Ok(()) } else { Err(another_job("unique key")) }
}

/// The unique key of a single record holds its content, which is what people correct.
fn same_records(before: &PushRecord, after: &PushRecord) -> Result<(), String> {
    if before.window != after.window {
        return Err(another_job("window"));
    }
    if before.records.len() != after.records.len() {
        return Err(another_job("records"));
    }
    for (place, (before, after)) in before.records.iter().zip(&after.records).enumerate() {
        if before.key() != after.key() {
            return Err(another_job(&format!("records[{place}]: the key of the record")));
        }
        if before.version() != after.version() {
            return Err(another_job(&format!("records[{place}]: the version of the record")));
        }
    }
    Ok(())
}

fn one_sort_of_records(records: &[Record]) -> Result<(), String> {
    if records.is_empty() || records.len() > MOST_RECORDS {
        return Err(format!("`records`: a job has 1 to {MOST_RECORDS} records"));
    }
    let sort = std::mem::discriminant(&records[0]);
    match records.iter().position(|record| std::mem::discriminant(record) != sort) {
        Some(place) => {
            Err(format!("`records[{place}]` is of another sort than the first; a job has records of one sort"))
        }
        None => Ok(()),
    }
}

fn another_job(field: &str) -> String {
    format!("`{field}` may not change: it would be another job")
}

fn read<J: Job>(payload: &Value) -> Result<J, String> {
    serde_path_to_error::deserialize(payload).map_err(|error| {
        let (path, reason) = (error.path().to_string(), without_values(&error.inner().to_string()));
        if path == "." { reason } else { format!("`{path}`: {reason}") }
    })
}

/// Messages of serde quote texts that do not fit; they may be names or addresses.
fn without_values(message: &str) -> String {
    match (message.find('"'), message.rfind('"')) {
        (Some(first), Some(last)) if first < last => format!("{}…{}", &message[..first], &message[last + 1..]),
        _ => message.to_owned(),
    }
}

/// A field of `after` that reading drops, and that was not there before. An empty one says nothing and may go.
fn unknown_field(before: &Value, after: &Value, written: &Value) -> Option<String> {
    fn find(path: &str, before: Option<&Value>, after: &Value, written: Option<&Value>) -> Option<String> {
        let says_nothing = match after {
            Value::Null => true,
            Value::Array(items) => items.is_empty(),
            Value::Object(fields) => fields.is_empty(),
            Value::String(text) => text.is_empty(),
            _ => false,
        };
        let Some(written) = written else {
            return (before.is_none() && !says_nothing).then(|| path.to_owned());
        };
        match after {
            Value::Object(fields) => fields.iter().find_map(|(name, value)| {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                find(&path, before.and_then(|before| before.get(name)), value, written.get(name))
            }),
            Value::Array(items) => items.iter().enumerate().find_map(|(place, value)| {
                let before = before.and_then(|before| before.get(place));
                find(&format!("{path}[{place}]"), before, value, written.get(place))
            }),
            _ => None,
        }
    }
    find("", Some(before), after, Some(written))
}
