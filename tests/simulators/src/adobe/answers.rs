//! Answers and the shop's error shapes.

use axum::{body::Body, http::Response};
use serde_json::{Map, Value, json};

/// Why a call was not carried out, or what it answers.
pub(super) type Handled = Result<Answer, Box<Answer>>;
/// The same for a step that yields a value.
pub(super) type Step<T> = Result<T, Box<Answer>>;

/// An answer before it is written to the wire.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) content_type: &'static str,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Content,
}

/// The body of an answer.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Content {
    Json(Value),
    Text(String),
}

const JSON: &str = "application/json; charset=utf-8";

impl Answer {
    pub(super) fn json(status: u16, value: Value) -> Self {
        Self { status, content_type: JSON, headers: Vec::new(), body: Content::Json(value) }
    }

    pub(super) fn ok(value: Value) -> Self {
        Self::json(200, value)
    }

    pub(super) fn html(status: u16, title: &str) -> Self {
        let page = format!(
            "<!doctype html>\n<html xmlns=\"http://www.w3.org/1999/xhtml\" >\n<head>\n    <title>{title}</title>\n</head>\n<body><h1>{title}</h1></body>\n</html>\n"
        );
        Self { status, content_type: "text/html; charset=UTF-8", headers: Vec::new(), body: Content::Text(page) }
    }

    pub(super) fn text(status: u16, text: &str) -> Self {
        Self {
            status,
            content_type: "text/plain;charset=UTF-8",
            headers: Vec::new(),
            body: Content::Text(text.to_owned()),
        }
    }

    /// A PHP error: one line of text.
    pub(super) fn php_error() -> Self {
        Self::text(500, "An error has happened during application run. See exception log for details.\n")
    }

    /// An exception whose text is kept from the caller.
    pub(super) fn masked() -> Self {
        let report = format!("{:013x}", rand::random::<u64>() & 0xf_ffff_ffff_ffff);
        let text = format!("Internal Error. Details are available in Magento log file. Report ID: webapi-{report}");
        refusal(500, &text)
    }

    /// `"%fieldName" is required`, alone or as a list.
    pub(super) fn missing_fields(names: &[String]) -> Self {
        let text = "\"%fieldName\" is required. Enter and try again.";
        match names {
            [name] => refusal(400, text).with(json!({ "fieldName": name })),
            names => {
                let errors: Vec<Value> =
                    names.iter().map(|name| json!({ "message": text, "parameters": { "fieldName": name } })).collect();
                Self::json(400, json!({ "message": "One or more input exceptions have occurred.", "errors": errors }))
            }
        }
    }

    pub(super) fn missing(name: &str) -> Self {
        Self::missing_fields(&[name.to_owned()])
    }

    pub(super) fn not_found() -> Self {
        refusal(404, "The entity that was requested doesn't exist. Verify the entity and try again.")
    }

    pub(super) fn no_such(field: &str, value: &Value) -> Self {
        refusal(404, "No such entity with %fieldName = %fieldValue")
            .with(json!({ "fieldName": field, "fieldValue": value }))
    }

    pub(super) fn not_authorized(resource: &str) -> Self {
        refusal(401, "The consumer isn't authorized to access %resources.").with(json!({ "resources": resource }))
    }

    /// Adds the values of the template's places.
    pub(super) fn with(mut self, parameters: Value) -> Self {
        if let Content::Json(Value::Object(body)) = &mut self.body {
            body.insert("parameters".to_owned(), parameters);
        }
        self
    }

    pub(super) fn header(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }

    /// The template of an error answer, empty for anything else.
    pub(super) fn message(&self) -> &str {
        match &self.body {
            Content::Json(body) => body.get("message").and_then(Value::as_str).unwrap_or_default(),
            Content::Text(_) => "",
        }
    }

    pub(super) fn refuse<T>(self) -> Step<T> {
        Err(Box::new(self))
    }

    pub(super) fn into_bytes(self) -> (Response<Body>, Vec<u8>) {
        let bytes = match self.body {
            Content::Json(value) => value.to_string().into_bytes(),
            Content::Text(text) => text.into_bytes(),
        };
        let mut builder = Response::builder().status(self.status).header("content-type", self.content_type);
        for (name, value) in self.headers {
            builder = builder.header(name, value);
        }
        (builder.body(Body::empty()).unwrap_or_default(), bytes)
    }
}

/// An error with a template and no values yet.
pub(super) fn refusal(status: u16, template: &str) -> Answer {
    let mut body = Map::new();
    body.insert("message".to_owned(), Value::from(template));
    Answer::json(status, Value::Object(body))
}
