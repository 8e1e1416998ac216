//! Keys of rows: read from JSON, written as JSON, numbered, and turned into row ids.

use serde_json::Value;

use super::{
    schema::{Edm, Table},
    store::{Company, Row, TableData},
    value::{Key, KeyPart},
};

/// A stable GUID for a row, from where it lives.
pub(crate) fn row_id(company: &Company, table: &Table, row: &Row) -> u128 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let half = |salt: u8| {
        let mut hasher = DefaultHasher::new();
        (salt, &company.code, table.name, &row.key).hash(&mut hasher);
        u128::from(hasher.finish())
    };
    (half(1) << 64) | half(2)
}

pub(crate) fn next_number(data: &TableData, prefix: &[KeyPart]) -> i64 {
    let mut end = prefix.to_vec();
    end.push(KeyPart::Int(i64::MAX));
    let last = data.by_key.range(..=Key::from(end)).next_back();
    match last {
        Some((key, _)) if key.starts_with(prefix) => match key.get(prefix.len()) {
            Some(KeyPart::Int(number)) => number + 1,
            _ => 1,
        },
        _ => 1,
    }
}

pub(crate) fn key_part(value: &Value, edm: Edm, name: &str) -> Result<KeyPart, String> {
    match (edm, value) {
        (Edm::Int32 | Edm::Int64, value) => value
            .as_i64()
            .or_else(|| value.as_str()?.parse().ok())
            .map(KeyPart::Int)
            .ok_or_else(|| format!("{name} must be an integer")),
        (_, Value::String(text)) => Ok(KeyPart::Text(text.as_str().into())),
        _ => Err(format!("{name} must be a string")),
    }
}

/// Reads a key given as its only part, an array in key order, or an object.
pub(crate) fn key_of(table: &Table, key: &Value) -> Result<Key, String> {
    let edm = |name: &str| table.column(name).map_or(Edm::Text, |column| table.columns[usize::from(column)].edm);
    let part = |at: usize, name: &&'static str| match key {
        Value::Array(parts) => parts.get(at),
        Value::Object(parts) => parts.get(*name),
        single if table.keys.len() == 1 => Some(single),
        _ => None,
    };
    table
        .keys
        .iter()
        .enumerate()
        .map(|(at, name)| {
            let value = part(at, name).ok_or_else(|| format!("the key of {} is {:?}", table.name, table.keys))?;
            key_part(value, edm(name), name)
        })
        .collect()
}

/// A key as JSON: the only part, or an array in key order.
pub(crate) fn key_json(key: &[KeyPart]) -> Value {
    let mut parts: Vec<Value> = key
        .iter()
        .map(|part| match part {
            KeyPart::Int(number) => Value::from(*number),
            KeyPart::Text(text) => Value::from(&**text),
        })
        .collect();
    if parts.len() == 1 { parts.remove(0) } else { Value::Array(parts) }
}
