//! One request, before it is authorised.

use std::{fmt, time::Duration};

use bytes::Bytes;
use reqwest::Method;

/// Where a request goes.
#[derive(Clone)]
pub(crate) enum Target {
    /// Path and query below the connection's base address.
    Below(String),
    /// Absolute address, such as a token endpoint's.
    Absolute(String),
}

/// One request to a business system. Holds no credentials except in the body of a token request; `Debug` shows neither
/// body, nor query, nor header values.
#[derive(Clone)]
pub struct Request {
    pub(crate) method: Method,
    pub(crate) target: Target,
    pub(crate) operation: &'static str,
    pub(crate) families: Vec<&'static str>,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Option<Bytes>,
    pub(crate) writes: bool,
    pub(crate) timeout: Option<Duration>,
}

impl Request {
    /// A request to `path_and_query`, which begins with a slash and is appended to the base address.
    /// `operation` names it in faults, spans and metrics, such as `companies.batch_upsert`.
    pub fn new(method: Method, path_and_query: impl Into<String>, operation: &'static str) -> Self {
        Self::with_target(method, Target::Below(path_and_query.into()), operation)
    }

    /// A request to an absolute address, whose host must be on the connection's list.
    pub fn to(method: Method, url: impl Into<String>, operation: &'static str) -> Self {
        Self::with_target(method, Target::Absolute(url.into()), operation)
    }

    fn with_target(method: Method, target: Target, operation: &'static str) -> Self {
        let writes = !matches!(method, Method::GET | Method::HEAD | Method::OPTIONS);
        Self { method, target, operation, families: Vec::new(), headers: Vec::new(), body: None, writes, timeout: None }
    }

    /// Spends one unit of this budget too. Families that the door was not configured with are free.
    #[must_use]
    pub fn family(mut self, family: &'static str) -> Self {
        if !self.families.contains(&family) {
            self.families.push(family);
        }
        self
    }

    /// Adds a header that is no secret.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Sets a JSON body.
    #[must_use]
    pub fn json(mut self, body: impl Into<Bytes>) -> Self {
        self.body = Some(body.into());
        self.header("content-type", "application/json")
    }

    /// Sets a form-encoded body.
    #[must_use]
    pub fn form(mut self, fields: &[(&str, &str)]) -> Self {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.body = Some(Bytes::from(body));
        self.header("content-type", "application/x-www-form-urlencoded")
    }

    /// Whether an unanswered try may have changed something. Default: yes for all but GET, HEAD and OPTIONS.
    /// A search by POST says `false`.
    #[must_use]
    pub fn writes(mut self, writes: bool) -> Self {
        self.writes = writes;
        self
    }

    /// Another time limit for the whole request than the connection's.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Its name in faults, spans and metrics.
    pub fn operation(&self) -> &'static str {
        self.operation
    }

    /// Whether an unanswered try may have changed something.
    pub fn is_write(&self) -> bool {
        self.writes
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Target::Below(address) | Target::Absolute(address)) = &self.target;
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("operation", &self.operation)
            .field("path", &address.split(['?', '#']).next().unwrap_or_default())
            .field("headers", &self.headers.iter().map(|(name, _)| *name).collect::<Vec<_>>())
            .field("body_bytes", &self.body.as_ref().map(Bytes::len))
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_neither_query_nor_header_values_nor_body() {
        let request =
            Request::new(Method::POST, "/a/b?email=anna", "x").header("x-note", "anna").form(&[("p", "anna")]);
        let shown = format!("{request:?}");
        assert!(!shown.contains("anna"), "{shown}");
        assert!(shown.contains("/a/b"));
    }

    #[test]
    fn a_post_writes_unless_told_otherwise() {
        assert!(Request::new(Method::POST, "/", "x").is_write());
        assert!(!Request::new(Method::GET, "/", "x").is_write());
        assert!(!Request::new(Method::POST, "/", "x").writes(false).is_write());
    }
}
