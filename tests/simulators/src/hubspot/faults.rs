//! Faults the simulator commits on request.

use rand::Rng;
use serde::{Deserialize, Serialize};

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// 429 with policy `TEN_SECONDLY_ROLLING`.
    #[serde(rename = "429_ten_secondly")]
    TenSecondly,
    /// 429 with policy `DAILY`.
    #[serde(rename = "429_daily")]
    Daily,
    /// 429 with policy `SECONDLY`.
    #[serde(rename = "429_secondly")]
    Secondly,
    /// 429 as search answers it: category `RATE_LIMITS` and no policy.
    #[serde(rename = "429_search")]
    SearchRecorded,
    /// 429 from the edge in plain text, code 1015.
    #[serde(rename = "429_edge")]
    Edge,
    /// 423 record locked.
    #[serde(rename = "423")]
    Locked,
    /// 477 account being moved, with Retry-After.
    #[serde(rename = "477")]
    Moving,
    /// 500 internal error.
    #[serde(rename = "500")]
    Internal,
    /// 502 with an HTML body.
    #[serde(rename = "502_html")]
    BadGateway,
    /// 503.
    #[serde(rename = "503")]
    Unavailable,
    /// 504 with an HTML body.
    #[serde(rename = "504_html")]
    GatewayTimeout,
    /// 521 with an HTML body.
    #[serde(rename = "521_html")]
    EdgeDown,
    /// The answer comes late; what the call did took effect at once.
    Slow,
    /// The line breaks before the call is looked at.
    ResetBefore,
    /// The call takes effect, then the line breaks.
    ResetAfterWrite,
    /// 401 `EXPIRED_AUTHENTICATION`.
    ExpiredToken,
    /// 401 `INVALID_AUTHENTICATION`.
    RevokedToken,
    /// 403 `MISSING_SCOPES`.
    MissingScope,
    /// The call takes effect, its JSON answer ends in the middle.
    TruncatedJson,
    /// The call takes effect, its answer has other JSON types than documented.
    WrongTypes,
    /// The call takes effect, its answer is 200 with HTML.
    #[serde(rename = "html_200")]
    Html200,
    /// The call takes effect, its answer is a JSON text of 64 MB.
    HugeBody,
    /// Error entries of a 207 lack their trace ids.
    #[serde(rename = "207_without_trace_ids")]
    WithoutTraceIds,
    /// Objects in the answer carry fields nobody documented.
    ExtraFields,
}

/// One fault switch.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Fault {
    /// Part of `METHOD path`, or `*` for every call, for example `batch/upsert`.
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
    /// Only calls whose body holds this text: a record that the server chokes on in whatever batch it comes.
    #[serde(default)]
    pub body_contains: Option<String>,
    /// Matching calls that pass before the fault begins.
    #[serde(default)]
    pub skip: u32,
    /// Value of the Retry-After header of the kinds 429, 477 and 503.
    #[serde(default)]
    pub retry_after: Option<u64>,
    /// Delay of the answer, for `slow` (which waits 5 s without it) and any other kind.
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

    fn matches(&self, call: &str, body: &[u8]) -> bool {
        let holds = |text: &String| text.is_empty() || body.windows(text.len()).any(|part| part == text.as_bytes());
        (self.route == "*" || call.contains(&self.route)) && self.body_contains.as_ref().is_none_or(holds)
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
