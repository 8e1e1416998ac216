//! Which fields the shop knows, and how values are taken: the checks between JSON and the services.
//!
//! `fields.csv` is cut from Adobe's published REST schemas (2.4.9 and SaaS).
//! Source: `AdobeDocs/commerce-webapi`, folder `src/openapi`, Apache License 2.0.

use std::{
    collections::{BTreeMap, HashMap},
    sync::LazyLock,
};

use serde_json::{Map, Number, Value, json};

use super::answers::{Answer, Step, refusal};

/// A row of some table, or an object of the API.
pub(super) type Row = Map<String, Value>;

/// What a field holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    Int,
    Float,
    Text,
    Bool,
    Any,
    Object(String),
    List(Box<Kind>),
}

/// A field of a type.
#[derive(Debug, Clone)]
pub(super) struct Field {
    pub(super) kind: Kind,
    /// Shown as null when there is no value; other fields are left out.
    pub(super) shown_as_null: bool,
}

/// The fields of a type by name.
pub(super) type Fields = BTreeMap<String, Field>;

static TYPES: LazyLock<HashMap<String, Fields>> = LazyLock::new(|| {
    let mut types: HashMap<String, Fields> = HashMap::new();
    for line in include_str!("fields.csv").lines().skip(1) {
        let mut cells = line.split(',');
        let mut next = || cells.next().unwrap_or_default();
        let (kind, name) = (next(), next());
        let field = Field { kind: parse_kind(next()), shown_as_null: next() == "1" };
        types.entry(kind.to_owned()).or_default().insert(name.to_owned(), field);
    }
    types
});

fn parse_kind(text: &str) -> Kind {
    if let Some(inner) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return Kind::List(Box::new(parse_kind(inner)));
    }
    if let Some(inner) = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
        return Kind::Object(inner.to_owned());
    }
    match text {
        "int" => Kind::Int,
        "float" => Kind::Float,
        "string" => Kind::Text,
        "bool" => Kind::Bool,
        _ => Kind::Any,
    }
}

/// The fields of `name`; empty for an unknown type.
pub(super) fn fields(name: &str) -> &'static Fields {
    static NONE: Fields = BTreeMap::new();
    TYPES.get(name).unwrap_or(&NONE)
}

/// `no_such_field` and `noSuchField` become `NoSuchField`.
pub(super) fn camel(name: &str) -> String {
    name.split('_')
        .map(|word| {
            let mut letters = word.chars();
            letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
        })
        .collect()
}

/// `baseGrandTotal` becomes `base_grand_total`.
pub(super) fn snake(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 4);
    for (at, letter) in name.chars().enumerate() {
        if letter.is_uppercase() {
            if at > 0 && !out.ends_with('_') {
                out.push('_');
            }
            out.extend(letter.to_lowercase());
        } else {
            out.push(letter);
        }
    }
    out
}

/// A number as the shop writes it: whole ones without a point.
pub(super) fn number(value: f64) -> Value {
    if value.fract() == 0.0 && value.abs() < 1e15 {
        #[expect(clippy::cast_possible_truncation, reason = "whole and below 1e15")]
        return Value::from(value as i64);
    }
    Number::from_f64(value).map_or(Value::Null, Value::Number)
}

/// How strict the shop is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Strictness {
    /// Whether `custom_attributes` is a known field of orders, lines and invoices.
    pub(super) custom_attributes: bool,
}

impl Strictness {
    /// Takes an object of type `name`: known fields only, names in snake case, values in their types.
    pub(super) fn object(self, name: &str, value: &Value) -> Step<Row> {
        let known = fields(name);
        let mut row = Row::new();
        for (sent, value) in value.as_object().into_iter().flatten() {
            let field_name = snake(sent);
            let field = known.get(&field_name).filter(|_| self.knows(name, &field_name));
            let Some(field) = field else {
                return refusal(400, "\"%fieldName\" is not supported. Correct the field name and try again.")
                    .with(json!({ "fieldName": camel(sent) }))
                    .refuse();
            };
            if value.is_null() {
                continue;
            }
            let taken = self.value(&field.kind, value).map_err(|refused| within(sent, refused))?;
            if let Some(taken) = taken {
                row.insert(field_name, taken);
            }
        }
        Ok(row)
    }

    fn knows(self, name: &str, field: &str) -> bool {
        field != "custom_attributes"
            || self.custom_attributes
            || !matches!(name.split('-').next(), Some("order" | "invoice"))
    }

    /// `None` when the shop passes over the value.
    fn value(self, kind: &Kind, value: &Value) -> Step<Option<Value>> {
        Ok(Some(match kind {
            Kind::Any => value.clone(),
            Kind::Object(name) if value.is_object() => Value::Object(self.object(name, value)?),
            Kind::Object(_) => return Ok(None),
            Kind::List(inner) => match (value, inner.as_ref()) {
                (Value::Array(values), _) => self.list(inner, values.iter())?,
                // PHP knows one kind of array: an object's keys are lost.
                (Value::Object(values), _) => self.list(inner, values.values())?,
                (_, Kind::Object(_)) => return Ok(None),
                (other, inner) => return wrong_type(php_type(other), &format!("{}[]", label(inner))),
            },
            scalar => take(scalar, value)?,
        }))
    }

    fn list<'a>(self, inner: &Kind, values: impl Iterator<Item = &'a Value>) -> Step<Value> {
        let mut out = Vec::new();
        for value in values {
            out.extend(self.value(inner, value)?);
        }
        Ok(Value::Array(out))
    }
}

fn take(kind: &Kind, value: &Value) -> Step<Value> {
    if value.is_array() || value.is_object() {
        return wrong_type("array", label(kind));
    }
    let shown = match value {
        Value::String(text) => text.clone(),
        Value::Bool(true) => "1".to_owned(),
        Value::Bool(false) | Value::Null => String::new(),
        other => other.to_string(),
    };
    let parsed = match kind {
        Kind::Text => Some(Value::from(shown.clone())),
        Kind::Bool => match shown.as_str() {
            "1" | "true" => Some(Value::Bool(true)),
            "" | "0" | "false" => Some(Value::Bool(false)),
            _ => None,
        },
        Kind::Int => {
            let whole = shown.trim().parse::<f64>().ok().filter(|number| number.fract() == 0.0);
            whole.map(number)
        }
        _ => shown.trim().parse::<f64>().ok().filter(|number| number.is_finite()).map(number),
    };
    match parsed {
        Some(value) => Ok(value),
        None => wrong_type(&shown, label(kind)),
    }
}

/// The text for an integer in a path.
pub(super) fn path_int(text: &str) -> Step<i64> {
    match text.parse() {
        Ok(number) => Ok(number),
        Err(_) => wrong_type(text, "int"),
    }
}

pub(super) fn wrong_type<T>(value: &str, expected: &str) -> Step<T> {
    let text =
        format!("The \"{value}\" value's type is invalid. The \"{expected}\" type was expected. Verify and try again.");
    refusal(400, &text).refuse()
}

/// Names the field in which a type error arose; other refusals pass unchanged.
pub(super) fn within(name: &str, refused: Box<Answer>) -> Box<Answer> {
    let message = refused.message();
    if message.contains("type was expected") {
        return Box::new(refusal(400, &format!("Error occurred during \"{name}\" processing. {message}")));
    }
    refused
}

fn label(kind: &Kind) -> &'static str {
    match kind {
        Kind::Int => "int",
        Kind::Float => "float",
        Kind::Bool => "boolean",
        _ => "string",
    }
}

fn php_type(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "string",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "double",
        Value::Number(_) => "integer",
        _ => "array",
    }
}
