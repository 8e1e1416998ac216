//! Faults on order: which calls they hit and what they do.

use std::time::Duration;

use axum::{body::Body, http::Response};
use rand::{Rng, SeedableRng, rngs::StdRng};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::errors::{Refusal, answer, json_answer};

/// What happens to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it; the README has the list")]
pub enum FaultKind {
    #[serde(rename = "licence_400")]
    Licence400,
    #[serde(rename = "delay_20s")]
    Delay20s,
    #[serde(rename = "500_hidden")]
    Hidden500,
    #[serde(rename = "500_record_not_found")]
    RecordNotFound500,
    #[serde(rename = "500_duplicate")]
    Duplicate500,
    #[serde(rename = "400_business")]
    Business400,
    #[serde(rename = "400_stale")]
    Stale400,
    #[serde(rename = "410_session")]
    Session410,
    #[serde(rename = "429")]
    TooMany429,
    #[serde(rename = "502_html")]
    Html502,
    #[serde(rename = "503_conversions")]
    Conversions503,
    #[serde(rename = "504_empty")]
    Empty504,
    #[serde(rename = "401_login")]
    Login401,
    #[serde(rename = "401_key")]
    Key401,
    #[serde(rename = "401_access")]
    Access401,
    #[serde(rename = "odata_error_400")]
    ODataError400,
    ResetBefore,
    ResetAfter,
    HangAfter,
    TruncatedJson,
    WrongTypes,
    NullKeys,
    HugeString,
    DuplicateRows,
    #[serde(rename = "html_200")]
    Html200,
}

/// A fault waiting for calls.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Part of the path (`Vendors`, `TokenResource`, `$metadata`); `*` hits every call.
    #[serde(default = "every")]
    pub route: String,
    /// What it does.
    pub kind: FaultKind,
    /// How often it fires; without `probability` the default is once.
    #[serde(default)]
    pub times: Option<u64>,
    /// Chance to fire per matching call, 0 to 1.
    #[serde(default)]
    pub probability: Option<f64>,
    /// Matching calls that pass unharmed first.
    #[serde(default)]
    pub after: u64,
    /// Length of `delay_20s` and `hang_after` when not 20,000.
    #[serde(default)]
    pub delay_ms: Option<u64>,
    /// Characters of `huge_string` when not 10 MB.
    #[serde(default)]
    pub size: Option<usize>,
    /// Rows of a page that are damaged; the first one by default.
    #[serde(default)]
    pub rows: Option<usize>,
}

fn every() -> String {
    "*".into()
}

impl Fault {
    /// A fault that fires once on paths containing `route`.
    #[must_use]
    pub fn once(route: &str, kind: FaultKind) -> Self {
        Self {
            route: route.into(),
            kind,
            times: Some(1),
            probability: None,
            after: 0,
            delay_ms: None,
            size: None,
            rows: None,
        }
    }

    /// The same fault, firing `times` times.
    #[must_use]
    pub fn times(self, times: u64) -> Self {
        Self { times: Some(times), ..self }
    }

    /// The answer that replaces the real one, for kinds that never reach the database.
    pub(crate) fn replacement(&self, key: &str, company: &str, correlation: &str) -> Option<Response<Body>> {
        let refusal = match self.kind {
            FaultKind::Licence400 => Refusal::no_licence(),
            FaultKind::Hidden500 => Refusal::new(
                500,
                "System.Exception",
                "Sorry! Something went wrong. Please contact your system administrator.",
            ),
            FaultKind::RecordNotFound500 => {
                Refusal::new(500, "Ice.Common.RecordNotFoundException", "Record not found.")
            }
            FaultKind::Duplicate500 => {
                Refusal::new(500, "Ice.Common.DuplicateRecordException", "A duplicate record already exists.")
            }
            FaultKind::Business400 => {
                Refusal::new(400, "Ice.Common.BusinessObjectException", "Supplier Terms is invalid.")
            }
            FaultKind::Stale400 => Refusal::stale(400),
            FaultKind::Session410 => {
                Refusal::new(410, "Ice.Core.InvalidSessionException", "Your session is invalid or has been deleted.")
            }
            FaultKind::Conversions503 => Refusal::new(
                503,
                "Ice.ConversionsPendingException",
                "Server is unavailable: data conversions are pending.",
            ),
            FaultKind::Login401 => Refusal::bad_login(),
            FaultKind::Key401 => Refusal::bad_key(key, company),
            FaultKind::Access401 => Refusal::no_right("Erp.BO.Company.GetRows"),
            FaultKind::TooMany429 => {
                let mut response = answer(429, "text/plain", b"Too many requests".to_vec());
                response.headers_mut().insert("retry-after", axum::http::HeaderValue::from_static("2"));
                return Some(response);
            }
            FaultKind::Html502 => {
                return Some(answer(
                    502,
                    "text/html",
                    b"<html><head><title>502 Bad Gateway</title></head><body><center><h1>502 Bad Gateway</h1></center></body></html>".to_vec(),
                ));
            }
            FaultKind::Empty504 => return Some(answer(504, "text/plain", Vec::new())),
            FaultKind::Html200 => {
                return Some(answer(
                    200,
                    "text/html",
                    b"<html><body>Scheduled maintenance, back soon.</body></html>".to_vec(),
                ));
            }
            FaultKind::ODataError400 => {
                return Some(json_answer(
                    400,
                    &json!({ "error": { "code": "", "message": "The query specified in the URI is not valid.", "innererror": { "message": "", "type": "", "stacktrace": "" } } }),
                ));
            }
            _ => return None,
        };
        Some(refusal.response(false, correlation))
    }

    /// How long the answer is held back once the call took effect.
    pub(crate) fn hang(&self) -> Option<Duration> {
        (self.kind == FaultKind::HangAfter).then(|| Duration::from_millis(self.delay_ms.unwrap_or(20_000)))
    }

    /// How long the call waits first.
    pub(crate) fn delay(&self) -> Option<Duration> {
        (self.kind == FaultKind::Delay20s).then(|| Duration::from_millis(self.delay_ms.unwrap_or(20_000)))
    }

    /// Damages the body of a good answer.
    pub(crate) fn damage(&self, body: Vec<u8>) -> Vec<u8> {
        if self.kind == FaultKind::TruncatedJson {
            let keep = body.len() / 2;
            return body.into_iter().take(keep).collect();
        }
        let Ok(mut page) = serde_json::from_slice::<Value>(&body) else {
            return body;
        };
        let Some(rows) = page.get_mut("value").and_then(Value::as_array_mut) else {
            return body;
        };
        let hurt = self.rows.unwrap_or(1).min(rows.len());
        if self.kind == FaultKind::DuplicateRows {
            let copies: Vec<Value> = rows[..hurt].to_vec();
            rows.splice(0..0, copies);
            return page.to_string().into_bytes();
        }
        for row in rows[..hurt].iter_mut().filter_map(Value::as_object_mut) {
            match self.kind {
                FaultKind::WrongTypes => row.values_mut().for_each(|value| *value = other_type(value)),
                FaultKind::NullKeys => {
                    for (name, value) in row.iter_mut() {
                        if name == "Company" || name.ends_with("Num") || name == "SysRowID" {
                            *value = Value::Null;
                        }
                    }
                }
                FaultKind::HugeString => {
                    let name = if row.contains_key("Name") { "Name" } else { "Comment" };
                    row.insert(name.into(), "x".repeat(self.size.unwrap_or(10_000_000)).into());
                }
                _ => {}
            }
        }
        page.to_string().into_bytes()
    }
}

fn other_type(value: &Value) -> Value {
    match value {
        Value::String(_) => json!(42),
        Value::Number(_) => json!("not a number"),
        Value::Bool(_) => json!("maybe"),
        _ => json!({ "unexpected": [] }),
    }
}

/// The faults on order.
#[derive(Debug)]
pub struct Faults {
    waiting: Vec<Fault>,
    rng: StdRng,
}

impl Faults {
    pub(crate) fn new(seed: u64) -> Self {
        Self { waiting: Vec::new(), rng: StdRng::seed_from_u64(seed) }
    }

    /// Orders a fault.
    pub fn add(&mut self, fault: Fault) {
        self.waiting.push(fault);
    }

    /// Takes all orders back.
    pub fn clear(&mut self) {
        self.waiting.clear();
    }

    /// The faults that can still fire.
    #[must_use]
    pub fn waiting(&self) -> &[Fault] {
        &self.waiting
    }

    /// The fault that hits a call to `path`, if any; its count goes down.
    pub(crate) fn strike(&mut self, path: &str) -> Option<Fault> {
        let mut hit = None;
        for fault in &mut self.waiting {
            if fault.route != "*" && !path.contains(fault.route.as_str()) {
                continue;
            }
            if fault.after > 0 {
                fault.after -= 1;
                continue;
            }
            if fault.probability.is_some_and(|chance| self.rng.random::<f64>() >= chance) {
                continue;
            }
            let limit = fault.times.or(if fault.probability.is_some() { None } else { Some(1) });
            fault.times = limit.map(|left| left.saturating_sub(1));
            hit = Some(fault.clone());
            break;
        }
        self.waiting.retain(|fault| fault.times != Some(0));
        hit
    }
}
