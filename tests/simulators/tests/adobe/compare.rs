//! Compares an answer with a recorded one: shape everywhere, values where they do not depend on ids and clocks.

use serde_json::Value;

/// Values that differ from run to run.
const VOLATILE: [&str; 17] = [
    "entity_id",
    "item_id",
    "order_id",
    "parent_id",
    "billing_address_id",
    "shipping_address_id",
    "order_item_id",
    "increment_id",
    "created_at",
    "updated_at",
    "protect_code",
    "data_hash",
    "bulk_uuid",
    "bulk_id",
    "start_time",
    "total_count",
    "remote_ip",
];

/// The differences between two answers, each with its place.
pub(crate) fn differences(recorded: &Value, ours: &Value) -> Vec<String> {
    let mut found = Vec::new();
    walk("", "", recorded, ours, &mut found);
    found
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "text",
        Value::Array(_) => "list",
        Value::Object(_) => "object",
    }
}

fn walk(path: &str, name: &str, recorded: &Value, ours: &Value, found: &mut Vec<String>) {
    if kind(recorded) != kind(ours) {
        found.push(format!("{path}: {recorded} against {ours}"));
        return;
    }
    match (recorded, ours) {
        (Value::Object(left), Value::Object(right)) => {
            let is_list = left.contains_key("total_count");
            for (name, value) in left {
                match right.get(name) {
                    // The shop was asked again and again; only the first row is sure to be the same.
                    Some(other) if is_list && name == "items" => first_row(path, value, other, found),
                    Some(other) => walk(&format!("{path}.{name}"), name, value, other, found),
                    None => found.push(format!("{path}.{name} is missing, recorded {value}")),
                }
            }
            for (name, value) in right.iter().filter(|(name, _)| !left.contains_key(*name)) {
                found.push(format!("{path}.{name} is too much: {value}"));
            }
        }
        (Value::Array(left), Value::Array(right)) => {
            if left.len() != right.len() {
                found.push(format!("{path}: {} entries against {}", left.len(), right.len()));
            }
            for (at, (left, right)) in left.iter().zip(right).enumerate() {
                walk(&format!("{path}[{at}]"), name, left, right, found);
            }
        }
        (Value::Number(left), Value::Number(right)) => {
            if !VOLATILE.contains(&name) && left.as_f64() != right.as_f64() {
                found.push(format!("{path}: {left} against {right}"));
            }
        }
        (Value::String(left), Value::String(right)) => {
            let report = "Internal Error. Details are available";
            let address = name.starts_with("base_") || name.starts_with("secure_base_");
            let number = path.is_empty() && left.parse::<u64>().is_ok() && right.parse::<u64>().is_ok();
            let same = left == right || (left.starts_with(report) && right.starts_with(report));
            let may_differ = VOLATILE.contains(&name) || number || (address && left.starts_with("http"));
            if !same && !may_differ {
                found.push(format!("{path}: {left:?} against {right:?}"));
            }
        }
        (left, right) => {
            if left != right {
                found.push(format!("{path}: {left} against {right}"));
            }
        }
    }
}

fn first_row(path: &str, recorded: &Value, ours: &Value, found: &mut Vec<String>) {
    match (recorded.as_array(), ours.as_array()) {
        (Some(left), Some(right)) => match (left.first(), right.first()) {
            (Some(left), Some(right)) => walk(&format!("{path}.items[0]"), "", left, right, found),
            (None, None) => {}
            _ => found.push(format!("{path}.items: {} rows against {}", left.len(), right.len())),
        },
        _ => walk(&format!("{path}.items"), "", recorded, ours, found),
    }
}
