//! What the database does to values: cut texts, four decimals, no four-byte characters, its collation.

use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use serde_json::Value;

use super::schema::{self, Kind, Row};

/// Text columns hold this many bytes.
const TEXT_BYTES: usize = 65_535;

/// Characters a column holds.
fn width(table: &str, column: &str) -> Option<usize> {
    Some(match (table, column) {
        (_, "increment_id") => 50,
        ("order", "ext_order_id" | "ext_customer_id" | "status" | "state") => 32,
        ("order-payment", "po_number") => 32,
        ("order-payment", "method") | ("order", "customer_email" | "customer_firstname" | "customer_lastname") => 128,
        ("group", "code") => 32,
        ("order-item", "ext_order_item_id" | "sku" | "name")
        | ("invoice", "transaction_id")
        | ("order", "coupon_code" | "shipping_description")
        | ("order-payment", "last_trans_id")
        | ("source", "source_code" | "name")
        | ("order-address", _) => 255,
        _ => return None,
    })
}

/// A text as its column keeps it. Nothing tells the caller what was lost.
fn store_text(table: &str, column: &str, text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter.len_utf8() == 4 { kept.push_str("????") } else { kept.push(letter) }
    }
    if let Some(width) = width(table, column) {
        if let Some((end, _)) = kept.char_indices().nth(width) {
            kept.truncate(end);
        }
    } else if kept.len() > TEXT_BYTES {
        let end = (0..=TEXT_BYTES).rev().find(|at| kept.is_char_boundary(*at)).unwrap_or(0);
        kept.truncate(end);
    }
    kept
}

/// A row as its table keeps it: empty texts become null, numbers have four decimals, lists stay.
pub(super) fn store(table: &str, row: &Row) -> Row {
    let mut kept = Row::new();
    for (column, value) in row {
        let value = match value {
            Value::String(text) => {
                let text = store_text(table, column, text);
                if text.is_empty() {
                    continue;
                }
                Value::from(text)
            }
            Value::Number(number) => schema::number(round(number.as_f64().unwrap_or_default(), 4)),
            Value::Array(values) => Value::Array(
                values
                    .iter()
                    .map(|value| match value {
                        Value::String(text) => Value::from(store_text(table, column, text)),
                        other => other.clone(),
                    })
                    .collect(),
            ),
            other => other.clone(),
        };
        kept.insert(column.clone(), value);
    }
    kept
}

/// Rounds half away from zero, at `places` decimals.
pub(super) fn round(value: f64, places: i32) -> f64 {
    let scale = 10f64.powi(places);
    // Binary fractions just below a half must count as the half they were written as.
    let scaled = value * scale;
    (scaled + scaled.signum() * 1e-7).round() / scale
}

/// The number in a column; 0 when there is none.
pub(super) fn amount(row: &Row, column: &str) -> f64 {
    row.get(column).and_then(Value::as_f64).unwrap_or_default()
}

/// Adds to the number in a column, kept at four decimals.
pub(super) fn add(row: &mut Row, column: &str, more: f64) {
    let sum = round(amount(row, column) + more, 4);
    row.insert(column.to_owned(), schema::number(sum));
}

/// Copies the columns that have a value.
pub(super) fn copy(from: &Row, to: &mut Row, columns: &[&str]) {
    for column in columns {
        if let Some(value) = from.get(*column) {
            to.insert((*column).to_owned(), value.clone());
        }
    }
}

/// A time as the shop writes it: UTC without a zone.
pub(super) fn time_text(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M:%S").to_string()
}

/// A time in any of the forms the shop takes; `None` for anything else.
pub(super) fn read_time(text: &str) -> Option<String> {
    let plain = text.trim().trim_end_matches('Z').replace('T', " ");
    let plain = plain.split('.').next().unwrap_or_default();
    let at = NaiveDateTime::parse_from_str(plain, "%Y-%m-%d %H:%M:%S")
        .ok()
        .or_else(|| NaiveDate::parse_from_str(plain, "%Y-%m-%d").ok().and_then(|date| date.and_hms_opt(0, 0, 0)))?;
    Some(at.format("%Y-%m-%d %H:%M:%S").to_string())
}

/// A text as the collation compares it: without case, accents and trailing blanks.
pub(super) fn fold(text: &str) -> String {
    text.trim_end_matches(' ').chars().flat_map(|letter| plain(letter).to_lowercase()).collect()
}

/// Whether two texts are the same to the collation.
pub(super) fn same_text(left: &str, right: &str) -> bool {
    if left.is_ascii() && right.is_ascii() {
        return left.trim_end_matches(' ').eq_ignore_ascii_case(right.trim_end_matches(' '));
    }
    fold(left) == fold(right)
}

fn plain(letter: char) -> char {
    match letter {
        'À'..='Å' | 'à'..='å' => 'a',
        'Ç' | 'ç' => 'c',
        'È'..='Ë' | 'è'..='ë' => 'e',
        'Ì'..='Ï' | 'ì'..='ï' => 'i',
        'Ñ' | 'ñ' => 'n',
        'Ò'..='Ö' | 'ò'..='ö' => 'o',
        'Ù'..='Ü' | 'ù'..='ü' => 'u',
        'Ý' | 'ý' | 'ÿ' => 'y',
        other => other,
    }
}

/// How a column is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Number,
    Time,
    Text,
}

/// How a column of `table` is compared; `None` when the table has no such column.
pub(super) fn comparison(table: &str, column: &str) -> Option<Comparison> {
    if column.ends_with("_at") && schema::fields(table).contains_key(column) {
        return Some(Comparison::Time);
    }
    match (table, column) {
        ("company" | "customer", "entity_id") | ("group", "customer_group_id") => return Some(Comparison::Number),
        ("group", "customer_group_code") => return Some(Comparison::Text),
        ("company" | "customer", "id") => return None,
        _ => {}
    }
    match schema::fields(table).get(column)?.kind {
        Kind::Int | Kind::Float | Kind::Bool => Some(Comparison::Number),
        Kind::Text => Some(Comparison::Text),
        Kind::Any | Kind::Object(_) | Kind::List(_) => None,
    }
}
