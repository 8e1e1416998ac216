//! What the control APIs of all simulators have in common: JSON in, JSON out, clear refusals.

use axum::{
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// The prefix under which a simulator takes orders. The real systems have no such path.
pub const PREFIX: &str = "/__control";

/// Reads the body of a control call. An empty body counts as `{}`.
///
/// # Errors
/// A ready 400 answer that names what is wrong with the body.
pub fn body<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Response> {
    let bytes = if bytes.is_empty() { b"{}" } else { bytes };
    serde_json::from_slice(bytes).map_err(|error| refusal(400, &error.to_string()))
}

/// An answer of the control API.
#[must_use]
pub fn answer(value: &Value) -> Response {
    ([(CONTENT_TYPE, "application/json")], format!("{value}\n")).into_response()
}

/// A refusal of the control API.
#[must_use]
pub fn refusal(status: u16, why: &str) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, [(CONTENT_TYPE, "application/json")], format!("{}\n", json!({ "error": why }))).into_response()
}
