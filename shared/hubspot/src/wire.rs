//! HubSpot's JSON as it comes: loose, optional, spelled their way. Fields that are not listed are ignored.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

/// An error body, or one entry of a batch answer's `errors`. Every field can be missing.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct ErrorBody {
    #[serde(deserialize_with = "text_or_nothing")]
    pub(crate) status: Option<String>,
    #[serde(deserialize_with = "text_or_nothing")]
    pub(crate) message: Option<String>,
    #[serde(deserialize_with = "text_or_nothing")]
    pub(crate) correlation_id: Option<String>,
    #[serde(deserialize_with = "text_or_nothing")]
    pub(crate) category: Option<String>,
    #[serde(deserialize_with = "text_or_nothing")]
    pub(crate) sub_category: Option<String>,
    #[serde(deserialize_with = "text_or_nothing")]
    pub(crate) policy_name: Option<String>,
    /// Code of an entry of `errors`.
    #[serde(deserialize_with = "text_or_nothing")]
    pub(crate) code: Option<String>,
    pub(crate) context: Context,
    #[serde(deserialize_with = "list_or_nothing")]
    pub(crate) errors: Vec<ErrorBody>,
    /// OAuth's own key.
    #[serde(deserialize_with = "text_or_nothing")]
    pub(crate) error_description: Option<String>,
    /// Older place of the missing scopes.
    pub(crate) required_scopes: Value,
}

/// `context`: lists of texts, and sometimes a bare text.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(transparent)]
pub(crate) struct Context(Value);

impl Context {
    /// The texts under `key`; empty when it is not there.
    pub(crate) fn texts(&self, key: &str) -> Vec<String> {
        self.0.get(key).map(texts).unwrap_or_default()
    }

    pub(crate) fn first(&self, key: &str) -> Option<String> {
        self.texts(key).into_iter().next()
    }
}

/// A text, or the texts of a list; numbers are taken as texts.
pub(crate) fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Number(number) => vec![number.to_string()],
        Value::Array(values) => values.iter().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}

fn text_or_nothing<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    Ok(match Value::deserialize(from)? {
        Value::String(text) => Some(text),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    })
}

fn list_or_nothing<'de, D: Deserializer<'de>, T: serde::de::DeserializeOwned>(from: D) -> Result<Vec<T>, D::Error> {
    Ok(match Value::deserialize(from)? {
        Value::Array(values) => values.into_iter().filter_map(|value| serde_json::from_value(value).ok()).collect(),
        _ => Vec::new(),
    })
}

/// Answer of any batch call. Whether it failed in part is told by `errors`, not by the status.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct BatchAnswer {
    #[serde(default, deserialize_with = "list_or_nothing")]
    pub(crate) results: Vec<Record>,
    #[serde(default, deserialize_with = "list_or_nothing")]
    pub(crate) errors: Vec<ErrorBody>,
}

/// One record of an answer.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Record {
    /// A decimal text; a number is taken too.
    #[serde(default, deserialize_with = "text_or_nothing")]
    pub(crate) id: Option<String>,
    /// Whether an upsert made it.
    #[serde(default)]
    pub(crate) new: Option<bool>,
    #[serde(default, deserialize_with = "text_or_nothing")]
    pub(crate) object_write_trace_id: Option<String>,
    #[serde(default)]
    pub(crate) properties: BTreeMap<String, Value>,
}

/// Answer of an association batch.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct AssociationAnswer {
    #[serde(default, deserialize_with = "list_or_nothing")]
    pub(crate) results: Vec<AssociationResult>,
    #[serde(default, deserialize_with = "list_or_nothing")]
    pub(crate) errors: Vec<ErrorBody>,
}

/// A made association. Different versions name the ends differently.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct AssociationResult {
    pub(crate) from: IdOnly,
    pub(crate) to: IdOnly,
    #[serde(deserialize_with = "text_or_nothing")]
    pub(crate) from_object_id: Option<String>,
    #[serde(deserialize_with = "text_or_nothing")]
    pub(crate) to_object_id: Option<String>,
}

/// `{"id": …}`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct IdOnly {
    #[serde(deserialize_with = "text_or_nothing")]
    pub(crate) id: Option<String>,
}

/// Body of a batch upsert.
#[derive(Debug, Serialize)]
pub(crate) struct UpsertBody<'a> {
    pub(crate) inputs: Vec<UpsertInput<'a>>,
}

/// One input of a batch upsert. The key property stands in every input, in the body.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UpsertInput<'a> {
    pub(crate) id: &'a str,
    pub(crate) id_property: &'a str,
    /// Makes HubSpot answer per record instead of refusing the whole batch.
    pub(crate) object_write_trace_id: String,
    pub(crate) properties: &'a BTreeMap<String, String>,
}

/// Account details.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct AccountDetails {
    pub(crate) portal_id: Value,
    #[serde(deserialize_with = "text_or_nothing")]
    pub(crate) time_zone: Option<String>,
    #[serde(deserialize_with = "text_or_nothing")]
    pub(crate) account_type: Option<String>,
    pub(crate) utc_offset_milliseconds: Option<i64>,
}

/// What a token may do. OAuth introspection and private apps spell it alike.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct TokenInfo {
    pub(crate) scopes: Value,
    pub(crate) scope: Value,
}

/// Answer of the token endpoint.
#[derive(Deserialize)]
pub(crate) struct TokenAnswer {
    pub(crate) access_token: String,
    /// Seconds: 1800 today, but to be read and not assumed.
    pub(crate) expires_in: u64,
    /// Only told by version 3 and later.
    #[serde(flatten)]
    pub(crate) info: TokenInfo,
}

/// Definition of a property.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct PropertyDefinition {
    #[serde(rename = "type", deserialize_with = "text_or_nothing")]
    pub(crate) kind: Option<String>,
    pub(crate) has_unique_value: bool,
    pub(crate) archived: bool,
    #[serde(deserialize_with = "list_or_nothing")]
    pub(crate) options: Vec<PropertyOption>,
}

/// One allowed value of an enumeration.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct PropertyOption {
    pub(crate) value: String,
}
