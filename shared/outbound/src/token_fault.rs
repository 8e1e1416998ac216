//! Why there is no token, and what of it may be told.

use std::time::Duration;

use mlc_model::{Fault, FaultKind, System};
use serde::{Deserialize, de::DeserializeOwned};

use crate::{Answer, token::FAILURE_REMEMBERED};

const OPERATION: &str = "token.issue";

/// Longest hint passed on to who asked: past it a gateway's nonsense would stop a job for days.
const LONGEST_BELIEVED: Duration = Duration::from_secs(3_600);

/// Longest a failed renewal is remembered, whatever the endpoint asks for: then one worker asks whether it still says so.
const LONGEST_REMEMBERED: Duration = Duration::from_secs(60);

/// Code of faults that say: a renewal failed a moment ago, the next comes in seconds.
pub const TOKEN_PAUSE: &str = "token.pause";

/// Code of faults that say: the token endpoint did not do its work, which says nothing about the login.
pub const TOKEN_UNAVAILABLE: &str = "token.unavailable";

/// Codes with which an issuer refuses a login, so that a person has to do something. `temporarily_unavailable`, `server_error` and
/// `slow_down` pass by themselves and are none.
///
/// Source: RFC 6749, sections 4.1.2.1 and 5.2; the last three: Microsoft identity platform, "Error codes for token endpoint errors".
const REFUSALS: [&str; 10] = [
    "invalid_client",
    "invalid_grant",
    "invalid_scope",
    "invalid_request",
    "unauthorized_client",
    "unsupported_grant_type",
    "access_denied",
    "invalid_resource",
    "consent_required",
    "interaction_required",
];

/// A [`Fault`] of an issuer, in words of ours only. Endpoints repeat in their answers what they were sent, and what they were sent are
/// passwords; the fault is stored, shown and told to every job that waits. So there is no way to put another's text into one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenFault(Fault);

impl TokenFault {
    /// A fault without an answer; the words are set one after the other.
    pub fn new(kind: FaultKind, system: System, words: &[&'static str]) -> Self {
        Self(Fault::new(kind, system, OPERATION, words.concat())).with_code_of(kind)
    }

    /// What an answer means, with its status and its `Retry-After`.
    pub fn of(kind: FaultKind, answer: &Answer, words: &[&'static str]) -> Self {
        let fault = Self(Self::new(kind, answer.system, words).0.with_status(answer.status));
        match answer.retry_after() {
            Some(wait) if kind != FaultKind::Unauthorized => fault.with_retry_after(wait.min(LONGEST_BELIEVED)),
            _ => fault,
        }
    }

    /// What the door says when no answer came: it takes the words from its own rooms, not from a body.
    pub(crate) fn unanswered(fault: Fault) -> Self {
        Self(fault)
    }

    /// Adds a code, one of ours or a documented one.
    #[must_use]
    pub fn with_code(self, code: &'static str) -> Self {
        Self(self.0.with_code(code))
    }

    /// Another wait than the answer's `Retry-After`, where the vendor documents one.
    #[must_use]
    pub fn with_retry_after(self, wait: Duration) -> Self {
        Self(self.0.with_retry_after(wait))
    }

    /// What the job is told that asked. An answer that cannot be used (a redirect to a page of maintenance, one without end, another
    /// shape) says nothing about the job's record, and no write of the job was sent: it may be tried again, and the words stay for those
    /// who have to mend a setting.
    pub(crate) fn for_who_asked(self) -> Fault {
        let kind = match self.0.kind {
            FaultKind::Rejected | FaultKind::Defect | FaultKind::Uncertain => FaultKind::Transient,
            kind @ (FaultKind::Transient | FaultKind::Limited | FaultKind::Unauthorized) => kind,
        };
        Fault { kind, ..self.0 }
    }

    fn with_code_of(self, kind: FaultKind) -> Self {
        if kind == FaultKind::Transient { self.with_code(TOKEN_UNAVAILABLE) } else { self }
    }
}

impl From<TokenFault> for Fault {
    fn from(fault: TokenFault) -> Self {
        fault.0
    }
}

impl Answer {
    /// As [`Answer::json`], for an issuer.
    ///
    /// # Errors
    /// The same ones; they name the place in the answer, not what stands there.
    pub fn token_json<T: DeserializeOwned>(&self) -> Result<T, TokenFault> {
        self.json().map_err(TokenFault)
    }
}

/// What those are told who come while a failed renewal is remembered, for `left` more: a passing fault is a pause for them. As a fault it
/// would cost every job an attempt each time it comes back, and all of a lane's jobs would die of one bad minute of the endpoint.
pub(crate) fn for_who_comes_later(fault: Fault, left: Duration) -> Fault {
    match fault.kind {
        FaultKind::Transient => {}
        FaultKind::Limited => return fault.with_retry_after(left),
        _ => return fault,
    }
    let message = format!("no token for the moment: {}", fault.message);
    Fault::new(FaultKind::Limited, fault.system, fault.operation, message).with_code(TOKEN_PAUSE).with_retry_after(left)
}

/// How long nobody asks again. A refused login is looked at again soon: a person may mend it at any moment.
pub(crate) fn remembered_for(fault: &Fault) -> Duration {
    match fault.retry_after() {
        Some(wait) if fault.kind != FaultKind::Unauthorized => wait.clamp(FAILURE_REMEMBERED, LONGEST_REMEMBERED),
        _ => FAILURE_REMEMBERED,
    }
}

#[derive(Deserialize)]
struct Refused {
    error: String,
}

/// The code with which an OAuth issuer refuses a login, if the answer is such a refusal; `None` for pages of proxies, passing troubles
/// and codes that nobody documents.
pub fn oauth_refusal(answer: &Answer) -> Option<&'static str> {
    if !(400..500).contains(&answer.status) || answer.status == 429 {
        return None;
    }
    let refused: Refused = serde_json::from_slice(&answer.body).ok()?;
    REFUSALS.into_iter().find(|code| *code == refused.error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(status: u16, body: &'static str) -> Option<&'static str> {
        oauth_refusal(&Answer::recorded(System::Adobe, OPERATION, false, status, &[], body))
    }

    #[test]
    fn what_an_endpoint_asks_for_is_remembered_between_five_seconds_and_a_minute() {
        let fault = |kind, hint: &str| {
            let answer = Answer::recorded(System::Adobe, OPERATION, false, 503, &[("retry-after", hint)], "");
            Fault::from(TokenFault::of(kind, &answer, &["x"]))
        };
        for (kind, hint, remembered, told) in [
            (FaultKind::Transient, "", 5, None),
            (FaultKind::Transient, "1", 5, Some(1)),
            (FaultKind::Transient, "20", 20, Some(20)),
            (FaultKind::Limited, "600", 60, Some(600)),
            (FaultKind::Transient, "4000000000", 60, Some(3_600)),
            (FaultKind::Unauthorized, "600", 5, None),
        ] {
            let fault = fault(kind, hint);
            assert_eq!(remembered_for(&fault).as_secs(), remembered, "{kind} {hint}");
            assert_eq!(fault.retry_after().map(|wait| wait.as_secs()), told, "{kind} {hint}");
        }
    }

    #[test]
    fn only_the_documented_refusals_of_a_login_are_one() {
        assert_eq!(refusal(400, r#"{"error":"invalid_client","error_description":"x"}"#), Some("invalid_client"));
        assert_eq!(refusal(403, r#"{"error":"access_denied"}"#), Some("access_denied"));
        for (status, body) in [
            (400, r#"{"error":"temporarily_unavailable"}"#),
            (400, r#"{"error":"server_error"}"#),
            (400, r#"{"error":"slow_down"}"#),
            (400, r#"{"error":"s3cret"}"#),
            (400, r#"{"error":{"message":"invalid_client"}}"#),
            (403, "<html>invalid_client</html>"),
            (429, r#"{"error":"invalid_client"}"#),
            (503, r#"{"error":"invalid_client"}"#),
        ] {
            assert_eq!(refusal(status, body), None, "{status} {body}");
        }
    }
}
