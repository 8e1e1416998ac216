//! Bodies of answers and refusals, word for word as HubSpot sends them.

use rand::Rng;
use serde_json::{Map, Value, json};

use super::{clock, limits::Exceeded, properties::ValueProblem};

/// The portal every token belongs to.
pub(super) const PORTAL: u64 = 48_112_233;

/// An answer before it becomes bytes.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Body,
    pub(super) headers: Vec<(&'static str, String)>,
}

/// The body of an answer.
#[derive(Debug)]
pub(super) enum Body {
    Json(Value),
    Html(String),
    Text(String),
    Empty,
}

/// An answer, or a refusal; both reach the client.
pub(super) type Handled = Result<Answer, Box<Answer>>;

impl Answer {
    pub(super) fn json(status: u16, body: Value) -> Self {
        Self { status, body: Body::Json(body), headers: Vec::new() }
    }

    pub(super) fn empty() -> Self {
        Self { status: 204, body: Body::Empty, headers: Vec::new() }
    }

    pub(super) fn html(status: u16, title: &str) -> Self {
        let page = format!(
            "<html>\n<head><title>{title}</title></head>\n<body>\n<center><h1>{title}</h1></center>\n<hr><center>cloudflare</center>\n</body>\n</html>\n"
        );
        Self { status, body: Body::Html(page), headers: Vec::new() }
    }

    pub(super) fn text(status: u16, text: &str) -> Self {
        Self { status, body: Body::Text(text.to_owned()), headers: Vec::new() }
    }

    pub(super) fn refuse<T>(self) -> Result<T, Box<Self>> {
        Err(Box::new(self))
    }
}

/// A fresh correlation id.
pub(super) fn correlation_id() -> String {
    let bits: u128 = rand::rng().random();
    let hex = format!("{bits:032x}");
    format!("{}-{}-4{}-8{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..])
}

/// An error body with a category.
pub(super) fn error(status: u16, category: &str, message: &str) -> Answer {
    Answer::json(
        status,
        json!({"status": "error", "message": message, "correlationId": correlation_id(), "category": category}),
    )
}

/// A 400 `VALIDATION_ERROR`.
pub(super) fn invalid(message: &str) -> Answer {
    error(400, "VALIDATION_ERROR", message)
}

/// A body that is not the JSON the call wants; it has no category.
pub(super) fn unreadable(error: &serde_json::Error) -> Answer {
    let why = error.to_string();
    let why = why.split(" at line ").next().unwrap_or_default();
    let message = format!("Invalid input JSON on line {}, column {}: {why}", error.line(), error.column());
    Answer::json(400, json!({"status": "error", "message": message, "correlationId": correlation_id()}))
}

/// An object type in the path that the portal does not have; no category.
pub(super) fn unknown_type(name: &str) -> Answer {
    Answer::json(
        400,
        json!({"status": "error", "message": format!("Unable to infer object type from: {name}"), "correlationId": correlation_id()}),
    )
}

/// A 404 for one object.
pub(super) fn not_found(message: &str) -> Answer {
    error(404, "OBJECT_NOT_FOUND", message)
}

/// 401 for a missing, unknown or revoked token.
pub(super) fn unauthenticated() -> Answer {
    error(
        401,
        "INVALID_AUTHENTICATION",
        "Authentication credentials not found. This API supports OAuth 2.0 authentication and you can find more details at https://developers.hubspot.com/docs/methods/auth/oauth-overview",
    )
}

/// 401 for an expired token.
pub(super) fn expired(at: i64) -> Answer {
    let ago = (clock::now() - at) / 1000;
    let message = format!("The OAuth token used to make this call expired {ago} second(s) ago.");
    Answer::json(
        401,
        json!({"status": "error", "message": message, "correlationId": correlation_id(),
            "category": "EXPIRED_AUTHENTICATION", "context": {"expire time": [clock::iso(at)]}}),
    )
}

/// 403 for missing scopes.
pub(super) fn missing_scopes(scopes: &[&str]) -> Answer {
    Answer::json(
        403,
        json!({"status": "error",
            "message": "This app hasn't been granted all required scopes to make this call. Read more about required scopes here: https://developers.hubspot.com/scopes.",
            "correlationId": correlation_id(),
            "errors": [{"message": "One or more of the following scopes are required.", "context": {"requiredGranularScopes": scopes}}],
            "links": {"scopes": "https://developers.hubspot.com/scopes"}, "category": "MISSING_SCOPES"}),
    )
}

/// 429 of one of the three policies.
pub(super) fn limited(exceeded: Exceeded) -> Answer {
    let (message, policy, group) = match exceeded {
        Exceeded::TenSecondly => (
            "You have reached your ten_secondly_rolling limit.",
            "TEN_SECONDLY_ROLLING",
            "publicapi:private-app-api-calls-ten-secondly",
        ),
        Exceeded::Daily => ("You have reached your daily limit.", "DAILY", "publicapi:private-app-api-calls-daily"),
        Exceeded::Secondly => ("You have reached your secondly limit.", "SECONDLY", "publicapi:crm:search"),
    };
    Answer::json(
        429,
        json!({"status": "error", "message": message, "errorType": "RATE_LIMIT",
            "correlationId": correlation_id(), "policyName": policy, "groupName": format!("{group}:{PORTAL}")}),
    )
}

/// 429 with the body recorded from search: no policy.
pub(super) fn limited_search() -> Answer {
    error(429, "RATE_LIMITS", "You have reached your secondly limit.")
}

/// Why one record of a call was refused.
#[derive(Debug, Clone)]
pub(super) struct RecordProblem {
    pub(super) status: u16,
    category: &'static str,
    message: String,
    errors: Vec<Value>,
    context: Map<String, Value>,
}

impl RecordProblem {
    pub(super) fn new(status: u16, category: &'static str, message: String) -> Self {
        Self { status, category, message, errors: Vec::new(), context: Map::new() }
    }

    /// Values that do not fit their definitions.
    pub(super) fn values(problems: &[ValueProblem]) -> Self {
        let inside: Vec<Value> = problems
            .iter()
            .map(|problem| {
                json!({"isValid": false, "message": problem.message, "error": problem.code,
                    "name": problem.name, "localizedErrorMessage": problem.message, "portalId": PORTAL})
            })
            .collect();
        let message = format!("Property values were not valid: {}", Value::from(inside));
        // The list is known to be shorter than the text inside the message.
        let listed = problems.len().min(3);
        let errors = problems[..listed]
            .iter()
            .map(|problem| {
                json!({"message": problem.message, "code": problem.code,
                    "context": {"propertyName": [problem.name]}})
            })
            .collect();
        Self { errors, ..Self::new(400, "VALIDATION_ERROR", message) }
    }

    /// A unique value that another record holds. `target` is the id of the record written to.
    pub(super) fn conflict(kind: super::store::Kind, property: &str, value: &str, target: &str, holder: u64) -> Self {
        let mut problem = if property == "email" {
            let message = format!("Contact already exists. Existing ID: {holder}");
            Self::new(409, "CONFLICT", message)
        } else {
            let message = format!(
                "Cannot set PropertyValueCoordinates{{portalId={PORTAL}, objectTypeId=ObjectTypeId{{legacyObjectType={}}}, propertyName={property}, value={value}}} on {target}. {holder} already has that value.",
                kind.singular().to_uppercase()
            );
            Self::new(400, "VALIDATION_ERROR", message)
        };
        if property == "email" {
            problem.context.insert("existingId".into(), json!([holder.to_string()]));
        }
        problem
    }

    /// Objects that are not there; `ids` stand in the context under `key`.
    pub(super) fn missing(kind: super::store::Kind, key: &str, ids: &[String]) -> Self {
        let message = format!(
            "Could not get some {} objects, they may be deleted or not exist. Check that ids are valid.",
            kind.singular().to_uppercase()
        );
        let mut problem = Self::new(404, "OBJECT_NOT_FOUND", message);
        problem.context.insert(key.to_owned(), json!(ids));
        problem
    }

    /// The whole call is refused because of this record.
    pub(super) fn refusal(&self) -> Answer {
        let mut body = json!({"status": "error", "message": self.message,
            "correlationId": correlation_id(), "category": self.category});
        if !self.errors.is_empty() {
            body["errors"] = self.errors.clone().into();
        }
        if !self.context.is_empty() {
            body["context"] = self.context.clone().into();
        }
        Answer::json(self.status, body)
    }

    /// An entry in the `errors` of a 207.
    pub(super) fn entry(&self, trace_id: Option<&str>) -> Value {
        let mut context = self.context.clone();
        if let Some(trace_id) = trace_id {
            context.insert("objectWriteTraceId".into(), json!([trace_id]));
        }
        json!({"status": "error", "category": self.category, "message": self.message,
            "context": context, "links": {}, "errors": []})
    }
}

/// The body of a batch answer: 207 when there are errors, else `status`.
pub(super) fn batch(status: u16, started: i64, results: Vec<Value>, errors: Vec<Value>) -> Answer {
    let mut body = json!({"status": "COMPLETE", "startedAt": clock::iso(started),
        "completedAt": clock::iso(clock::now()), "results": results});
    if errors.is_empty() {
        return Answer::json(status, body);
    }
    body["numErrors"] = errors.len().into();
    body["errors"] = errors.into();
    Answer::json(207, body)
}
