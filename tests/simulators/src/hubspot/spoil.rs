//! Faults that spoil an answer after the call took effect.

use axum::{
    body::{Body as HttpBody, Bytes},
    http::{HeaderValue, Response, StatusCode, header},
};
use futures_util::stream;
use serde_json::{Value, json};

use super::{
    answers::{Answer, Body},
    faults::FaultKind,
};

/// Size of a `huge_body` answer.
const HUGE: usize = 64 << 20;

/// Spoils what an answer says.
pub(super) fn fields(mut answer: Answer, kind: Option<FaultKind>, extra_fields: bool) -> Answer {
    let Body::Json(body) = &mut answer.body else {
        return answer;
    };
    if extra_fields || kind == Some(FaultKind::ExtraFields) {
        add_fields(body);
    }
    match kind {
        Some(FaultKind::WithoutTraceIds) => drop_trace_ids(body),
        Some(FaultKind::WrongTypes) => retype(body),
        _ => {}
    }
    answer
}

/// Spoils the bytes of an answer.
pub(super) async fn bytes(response: Response<HttpBody>, kind: Option<FaultKind>) -> Response<HttpBody> {
    match kind {
        Some(FaultKind::TruncatedJson) => {
            let (parts, body) = response.into_parts();
            let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
            let half = bytes.slice(..bytes.len() / 2);
            Response::from_parts(parts, HttpBody::from(half))
        }
        Some(FaultKind::Html200) => {
            let page = "<!DOCTYPE html>\n<html><head><title>Sign in</title></head><body>Please sign in.</body></html>";
            let mut response = response;
            *response.status_mut() = StatusCode::OK;
            *response.body_mut() = HttpBody::from(page);
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html"));
            response
        }
        Some(FaultKind::HugeBody) => {
            let mut response = response;
            let piece = Bytes::from(vec![b'x'; 64 << 10]);
            let head = Bytes::from_static(b"{\"status\":\"COMPLETE\",\"results\":[],\"padding\":\"");
            let pieces = std::iter::once(head)
                .chain(std::iter::repeat_n(piece, HUGE / (64 << 10)))
                .chain(std::iter::once(Bytes::from_static(b"\"}")))
                .map(Ok::<_, std::io::Error>);
            *response.body_mut() = HttpBody::from_stream(stream::iter(pieces));
            response
        }
        _ => response,
    }
}

fn add_fields(body: &mut Value) {
    let extra = json!({"kept": [1, 2, {"deep": null}]});
    if let Some(results) = body.get_mut("results").and_then(Value::as_array_mut) {
        for result in results.iter_mut().filter_map(Value::as_object_mut) {
            result.insert("url".into(), "https://app-eu1.hubspot.com/record".into());
            result.insert("somethingNew".into(), extra.clone());
        }
    }
    if let Some(body) = body.as_object_mut() {
        body.insert("somethingNew".into(), extra);
    }
}

fn drop_trace_ids(body: &mut Value) {
    let errors = body.get_mut("errors").and_then(Value::as_array_mut);
    for error in errors.into_iter().flatten() {
        if let Some(context) = error.get_mut("context").and_then(Value::as_object_mut) {
            context.remove("objectWriteTraceId");
        }
    }
}

/// Numbers where texts are due, lists where objects are due.
fn retype(body: &mut Value) {
    let Some(fields) = body.as_object_mut() else {
        return;
    };
    for (name, value) in fields.iter_mut() {
        *value = match (name.as_str(), &value) {
            ("results", _) => json!({"id": 17, "properties": []}),
            ("properties" | "paging", _) => json!(["unexpected"]),
            (_, Value::String(_)) => json!(7),
            (_, Value::Number(_) | Value::Bool(_) | Value::Null) => json!({"unexpected": true}),
            _ => json!("unexpected"),
        };
    }
}
