//! What the server said.

use std::{borrow::Cow, fmt, time::Duration};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use mlc_model::{Fault, FaultKind, System};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde::de::DeserializeOwned;

/// An answer of any status, with its whole body. `Debug` shows no content.
#[derive(Clone)]
pub struct Answer {
    pub(crate) system: System,
    pub(crate) operation: Cow<'static, str>,
    pub(crate) writes: bool,
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    /// An answer as a recording holds it, for tests of what is made of it. Malformed headers are left out.
    pub fn recorded(
        system: System,
        operation: &str,
        writes: bool,
        status: u16,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Self {
        let headers = headers
            .iter()
            .filter_map(|(name, value)| Some((HeaderName::try_from(*name).ok()?, HeaderValue::try_from(*value).ok()?)))
            .collect();
        Self { system, operation: Cow::Owned(operation.to_owned()), writes, status, headers, body: body.into() }
    }

    /// HTTP status.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Whether the status is 2xx. A 207 can hold failed entries all the same.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Whether the request may have changed something.
    pub fn is_write(&self) -> bool {
        self.writes
    }

    /// A header's first value, if it is visible ASCII.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body as it came.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// The body as text; bytes that are no UTF-8 are replaced.
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.body)
    }

    /// The server's clock, from the `Date` header (whole seconds).
    pub fn server_time(&self) -> Option<DateTime<Utc>> {
        http_date(self.header("date")?)
    }

    /// `Retry-After`, given in seconds or as a date. Whether to believe it is the connector's decision.
    pub fn retry_after(&self) -> Option<Duration> {
        let text = self.header("retry-after")?.trim();
        if let Ok(seconds) = text.parse::<u32>() {
            return Some(Duration::from_secs(u64::from(seconds)));
        }
        (http_date(text)? - self.server_time()?).to_std().ok()
    }

    /// Reads the body as JSON of a known shape.
    ///
    /// # Errors
    /// Text that is no JSON or ends early: `Transient`, after a write `Uncertain`, with the code `answer.not_json`.
    /// JSON of another shape: `Rejected`, code `answer.shape`. The message names the place, never the content.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Fault> {
        serde_json::from_slice(&self.body).map_err(|error| {
            // serde_json's own text quotes values, which may be personal data.
            let place = format!("line {}, column {}", error.line(), error.column());
            let (kind, code, problem) = match error.classify() {
                serde_json::error::Category::Data => {
                    (FaultKind::Rejected, "answer.shape", "the answer does not have the documented shape")
                }
                _ if self.writes => (FaultKind::Uncertain, "answer.not_json", "the answer is not complete JSON"),
                _ => (FaultKind::Transient, "answer.not_json", "the answer is not complete JSON"),
            };
            Fault::new(kind, self.system, self.operation.as_ref(), format!("{problem} ({place})"))
                .with_status(self.status)
                .with_code(code)
        })
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("operation", &self.operation)
            .field("status", &self.status)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

fn http_date(text: &str) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc2822(text).ok().map(|time| time.with_timezone(&Utc))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]
    use super::*;

    fn answer(writes: bool, headers: &[(&str, &str)], body: &'static str) -> Answer {
        Answer::recorded(System::Hubspot, "x", writes, 200, headers, body)
    }

    #[test]
    fn a_truncated_answer_to_a_write_is_uncertain() {
        assert_eq!(answer(true, &[], "{\"a\":").json::<serde_json::Value>().unwrap_err().kind, FaultKind::Uncertain);
        assert_eq!(answer(false, &[], "<html>").json::<serde_json::Value>().unwrap_err().kind, FaultKind::Transient);
    }

    #[test]
    fn a_wrong_shape_is_named_without_quoting_it() {
        let fault = answer(false, &[], "[\"anna@example.org\"]").json::<Vec<u32>>().unwrap_err();
        assert_eq!(fault.kind, FaultKind::Rejected);
        assert!(!fault.to_string().contains("anna"), "{fault}");
    }

    #[test]
    fn retry_after_is_read_in_both_forms() {
        assert_eq!(answer(false, &[("Retry-After", "7")], "").retry_after(), Some(Duration::from_secs(7)));
        let dated = [("Date", "Sun, 22 Nov 2026 03:56:20 GMT"), ("Retry-After", "Sun, 22 Nov 2026 03:57:20 GMT")];
        assert_eq!(answer(false, &dated, "").retry_after(), Some(Duration::from_secs(60)));
        assert_eq!(answer(false, &[("Retry-After", "soon")], "").retry_after(), None);
    }
}
