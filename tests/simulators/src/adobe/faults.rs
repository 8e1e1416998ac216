//! Faults the shop commits on request.

use std::time::Duration;

use rand::Rng;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::answers::{Answer, refusal};

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// 429 with the shop's own JSON.
    TooManyRequests,
    /// 429 with the JSON of the SaaS gateway.
    GatewayTooManyRequests,
    /// 503 as an HTML page, as in maintenance.
    Unavailable,
    /// 403 as an HTML page, as a firewall answers.
    Firewall,
    /// 502 as an HTML page.
    BadGateway,
    /// 504 as an HTML page.
    GatewayTimeout,
    /// 413 as an HTML page.
    TooLarge,
    /// 500 in JSON with a report id.
    MaskedError,
    /// 500 as one line of text.
    PhpError,
    /// 500 as an HTML page.
    HtmlError,
    /// 500 with `messages.error[]`.
    ReportError,
    /// 400 that names a deadlock.
    Deadlock,
    /// 401 that says the right `Magento_Sales::actions_view` is missing.
    NotAuthorized,
    /// 401 that says the signature is invalid.
    SignatureInvalid,
    /// 401 that says the nonce is in use.
    NonceUsed,
    /// 401 as the SaaS gateway refuses a token.
    TokenRefused,
    /// 403 as the SaaS gateway refuses an organisation.
    Forbidden,
    /// The answer comes late; what the call did took effect at once.
    Slow,
    /// The line breaks before the call is looked at.
    ResetBefore,
    /// The call takes effect, then the line breaks.
    ResetAfterWrite,
    /// The call takes effect, its JSON ends in the middle.
    TruncatedJson,
    /// The call takes effect, its answer is 200 with HTML.
    Html200,
    /// The call takes effect, its answer is a JSON text of 64 MB.
    HugeBody,
}

/// One fault switch.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Part of `METHOD path`, or `*` for every call.
    #[serde(default = "every_route")]
    pub route: String,
    /// What goes wrong.
    pub kind: FaultKind,
    /// How often; `None` is without end.
    #[serde(default)]
    pub times: Option<u32>,
    /// Chance of each matching call, 0 to 1; `None` is always.
    #[serde(default)]
    pub probability: Option<f64>,
    /// Only calls whose body holds this text.
    #[serde(default)]
    pub body_contains: Option<String>,
    /// Matching calls that pass before the fault begins.
    #[serde(default)]
    pub skip: u32,
    /// Value of the Retry-After header of the kinds with 429 and 503.
    #[serde(default)]
    pub retry_after: Option<String>,
    /// Delay of the answer, for `slow` (10 s without it) and any other kind.
    #[serde(default)]
    pub delay_ms: Option<u64>,
}

fn every_route() -> String {
    "*".to_owned()
}

impl Fault {
    /// A fault that hits every matching call.
    #[must_use]
    pub fn always(route: &str, kind: FaultKind) -> Self {
        Self {
            route: route.to_owned(),
            kind,
            times: None,
            probability: None,
            body_contains: None,
            skip: 0,
            retry_after: None,
            delay_ms: None,
        }
    }

    /// A fault that hits the next `times` matching calls.
    #[must_use]
    pub fn times(route: &str, kind: FaultKind, times: u32) -> Self {
        Self { times: Some(times), ..Self::always(route, kind) }
    }

    /// A fault that hits matching calls with this chance, 0 to 1.
    #[must_use]
    pub fn sometimes(route: &str, kind: FaultKind, probability: f64) -> Self {
        Self { probability: Some(probability), ..Self::always(route, kind) }
    }

    fn matches(&self, call: &str, body: &[u8]) -> bool {
        let holds = |text: &String| text.is_empty() || body.windows(text.len()).any(|part| part == text.as_bytes());
        (self.route == "*" || call.contains(&self.route)) && self.body_contains.as_ref().is_none_or(holds)
    }

    pub(super) fn delay(&self) -> Option<Duration> {
        let default = (self.kind == FaultKind::Slow).then_some(10_000);
        self.delay_ms.or(default).map(Duration::from_millis)
    }

    /// The answer that stands in for the shop's; `None` for faults that let the call through.
    pub(super) fn instead(&self) -> Option<Answer> {
        let answer = match self.kind {
            FaultKind::TooManyRequests => Answer::json(429, json!({ "message": "Too Many Requests", "trace": null })),
            FaultKind::GatewayTooManyRequests => {
                Answer::json(429, json!({ "error_code": "429050", "message": "Too many requests" }))
            }
            FaultKind::Unavailable => Answer::html(503, "Error 503: Service Unavailable"),
            FaultKind::Firewall => Answer::html(403, "403 Forbidden"),
            FaultKind::BadGateway => Answer::html(502, "502 Bad Gateway"),
            FaultKind::GatewayTimeout => Answer::html(504, "504 Gateway Time-out"),
            FaultKind::TooLarge => Answer::html(413, "413 Request Entity Too Large"),
            FaultKind::MaskedError => Answer::masked(),
            FaultKind::PhpError => Answer::php_error(),
            FaultKind::HtmlError => Answer::html(500, "There has been an error processing your request"),
            FaultKind::ReportError => Answer::json(
                500,
                json!({ "messages": { "error": [{ "code": 500, "message": "Server internal error. See details in report api/1795311258" }] } }),
            ),
            FaultKind::Deadlock => refusal(
                400,
                "SQLSTATE[40001]: Serialization failure: 1213 Deadlock found when trying to get lock; try restarting transaction",
            ),
            FaultKind::NotAuthorized => Answer::not_authorized("Magento_Sales::actions_view"),
            FaultKind::SignatureInvalid => refusal(401, "The signature is invalid. Verify and try again."),
            FaultKind::NonceUsed => {
                refusal(401, "The nonce is already being used by the consumer with ID %1").with(json!(["1"]))
            }
            FaultKind::TokenRefused => {
                Answer::json(401, json!({ "error_code": "401013", "message": "Oauth token is not valid" }))
            }
            FaultKind::Forbidden => {
                Answer::json(403, json!({ "error_code": "403203", "message": "User profile is not valid" }))
            }
            FaultKind::ResetBefore => Answer::text(500, ""),
            FaultKind::Slow
            | FaultKind::ResetAfterWrite
            | FaultKind::TruncatedJson
            | FaultKind::Html200
            | FaultKind::HugeBody => return None,
        };
        Some(match &self.retry_after {
            Some(after) => answer.header("retry-after", after.clone()),
            None => answer,
        })
    }
}

/// The switches that are on, oldest first.
#[derive(Debug, Default)]
pub(super) struct FaultList {
    pub(super) switches: Vec<Fault>,
    pub(super) committed: u64,
}

impl FaultList {
    /// The fault to commit on this call (`METHOD path`), if any; it is counted.
    pub(super) fn strike(&mut self, call: &str, body: &[u8]) -> Option<Fault> {
        let at = self.switches.iter_mut().position(|fault| {
            if !fault.matches(call, body) {
                return false;
            }
            if fault.skip > 0 {
                fault.skip -= 1;
                return false;
            }
            fault.probability.is_none_or(|chance| rand::rng().random::<f64>() < chance)
        })?;
        let fault = self.switches[at].clone();
        if let Some(times) = &mut self.switches[at].times {
            *times = times.saturating_sub(1);
            if *times == 0 {
                self.switches.remove(at);
            }
        }
        self.committed += 1;
        Some(fault)
    }
}
