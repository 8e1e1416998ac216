//! The error bodies of section 2.5.

use axum::{
    body::Body,
    http::{Response, StatusCode, header::CONTENT_TYPE},
};
use serde_json::{Value, json};

/// An answer that is not a success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) kind: &'static str,
    pub(crate) message: String,
    /// Table and column the message is about.
    pub(crate) place: Option<(&'static str, &'static str)>,
}

pub(crate) const UNAUTHORIZED: &str = "System.UnauthorizedAccessException";

impl Refusal {
    pub(crate) fn new(status: u16, kind: &'static str, message: impl Into<String>) -> Self {
        Self { status, kind, message: message.into(), place: None }
    }

    /// A business rule said no.
    pub(crate) fn business(message: impl Into<String>) -> Self {
        Self::new(400, "Ice.Common.BusinessObjectException", message)
    }

    /// A business rule said no to a column.
    pub(crate) fn column(table: &'static str, column: &'static str, message: impl Into<String>) -> Self {
        Self { place: Some((table, column)), ..Self::business(message) }
    }

    pub(crate) fn stale(status: u16) -> Self {
        let message = "Row has been modified by another user and couldn't be updated";
        Self::new(status, "Ice.Common.BusinessObjectException", message)
    }

    pub(crate) fn duplicate(status: u16) -> Self {
        Self::new(status, "Ice.Common.DuplicateRecordException", "A duplicate record already exists.")
    }

    pub(crate) fn missing_parameter(name: &str) -> Self {
        Self::new(
            400,
            "Epicor.RESTApi.ErrorHandler.ApiException",
            format!("Parameter {name} is not found in the input object"),
        )
    }

    pub(crate) fn odata(message: String) -> Self {
        Self::new(400, "Microsoft.OData.ODataException", message)
    }

    pub(crate) fn bad_login() -> Self {
        Self::new(401, UNAUTHORIZED, "Invalid username or password.")
    }

    /// The real server echoes the key; clients have to redact it.
    pub(crate) fn bad_key(key: &str, company: &str) -> Self {
        Self::new(401, UNAUTHORIZED, format!("Invalid API Key {key}.\r\nCompany {company}."))
    }

    pub(crate) fn no_right(method: &str) -> Self {
        Self::new(401, UNAUTHORIZED, format!("Access denied ({method})."))
    }

    pub(crate) fn no_licence() -> Self {
        Self::new(
            400,
            "Ice.Core.LicenseAccessException",
            "Maximum users exceeded on license type. No more users of this type can log in.",
        )
    }

    pub(crate) fn no_resource(path: &str) -> Self {
        Self::new(
            404,
            "Epicor.RESTApi.ErrorHandler.ApiException",
            format!("Resource not found for the segment '{path}'."),
        )
    }

    pub(crate) fn no_record() -> Self {
        Self::new(404, "Ice.Common.RecordNotFoundException", "Record not found.")
    }

    pub(crate) fn wrong_verb() -> Self {
        Self::new(
            405,
            "Epicor.RESTApi.ErrorHandler.ApiException",
            "The requested resource does not support this http method.",
        )
    }

    /// The answer, as JSON or, when the client asked for it, as XML.
    pub(crate) fn response(&self, xml: bool, correlation: &str) -> Response<Body> {
        let Self { status, kind, message, place } = self;
        let reason = "REST API Exception";
        if xml {
            let text = format!(
                "<Error><HttpStatus>{status}</HttpStatus><ReasonPhrase>{reason}</ReasonPhrase><ErrorMessage>{}</ErrorMessage><ErrorType>{kind}</ErrorType><CorrelationId>{correlation}</CorrelationId></Error>",
                escape_xml(message)
            );
            return answer(*status, "application/xml; charset=utf-8", text.into());
        }
        let body = json!({
            "HttpStatus": status,
            "ReasonPhrase": reason,
            "ErrorMessage": message,
            "ErrorType": kind,
            "ErrorDetails": [match place {
                Some((table, field)) => json!({ "Message": message, "Type": "Error", "Table": table, "Field": field }),
                None => json!({ "Message": message, "Type": "Error" }),
            }],
            "CorrelationId": correlation,
        });
        json_answer(*status, &body)
    }
}

/// An answer with a body of any kind.
pub(crate) fn answer(status: u16, content_type: &'static str, body: Vec<u8>) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(CONTENT_TYPE, axum::http::HeaderValue::from_static(content_type));
    response
}

pub(crate) fn json_answer(status: u16, body: &Value) -> Response<Body> {
    answer(status, "application/json; charset=utf-8", body.to_string().into_bytes())
}

pub(crate) fn escape_xml(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// What IIS answers before Epicor sees the request: the query string is too long.
pub(crate) fn query_too_long() -> Response<Body> {
    let page = "<!DOCTYPE html PUBLIC \"-//W3C//DTD XHTML 1.0 Strict//EN\">\r\n<html><head><title>IIS 10.0 Detailed Error - 404.15 - Not Found</title></head><body><h2>HTTP Error 404.15 - Not Found</h2><h3>The request filtering module is configured to deny a request where the query string is too long.</h3></body></html>";
    answer(404, "text/html; charset=utf-8", page.into())
}
