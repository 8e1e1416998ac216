//! What Epicor's refusals mean for the queue.
//!
//! Status alone does not tell: 401 has three meanings, a licence shortage is a 400 and a missing record may be a 500. So
//! the texts are looked at first, then `ErrorType`, then the status.
//!
//! Source: Epicor reference, section 2.5; documented error keys in Epicor's REST help, "Error handling".

use std::time::Duration;

use mlc_model::{Fault, FaultKind, System};
use serde_json::Value;

/// Codes of [`Fault::code`] that this room assigns itself. Other faults carry Epicor's own `ErrorType`.
pub mod code {
    /// User name, password or token refused.
    pub const BAD_LOGIN: &str = "bad_login";
    /// API key wrong, missing, expired, or of another environment.
    pub const BAD_API_KEY: &str = "bad_api_key";
    /// The user or key has no right to this method.
    pub const ACCESS_DENIED: &str = "access_denied";
    /// No free licence at the moment.
    pub const NO_LICENSE: &str = "no_license";
    /// A column that this Epicor does not have; `field` names it.
    pub const UNKNOWN_PROPERTY: &str = "unknown_property";
    /// Filters on lines or releases find nothing at this Epicor.
    pub const CHILD_FILTER_LOST: &str = "child_filter_lost";
    /// A vendor's country can be set by its number only.
    pub const COUNTRY_NOT_WRITABLE: &str = "country_not_writable";
    /// A method parameter was left out.
    pub const MISSING_PARAMETER: &str = "missing_parameter";
    /// No such record.
    pub const RECORD_NOT_FOUND: &str = "record_not_found";
    /// No such address: instance, company, service or set.
    pub const NOT_FOUND: &str = "not_found";
    /// The key exists already.
    pub const DUPLICATE: &str = "duplicate";
    /// A 200 that did not save: errors, an update that did not run, or a question for a person.
    pub const NOT_SAVED: &str = "not_saved";
    /// Somebody saved the row in between.
    pub const STALE_ROW: &str = "stale_row";
    /// The session is gone.
    pub const SESSION_EXPIRED: &str = "session_expired";
    /// An upgrade is in progress.
    pub const CONVERSIONS_PENDING: &str = "conversions_pending";
    /// The server asked for fewer requests.
    pub const TOO_MANY_REQUESTS: &str = "too_many_requests";
    /// Not JSON, cut short, or a web page.
    pub const NOT_JSON: &str = "answer.not_json";
    /// JSON of another shape than expected.
    pub const WRONG_SHAPE: &str = "answer.shape";
    /// A setting that does not fit the Epicor it is pointed at.
    pub const CONFIGURATION: &str = "configuration";
}

/// First wait after a licence shortage. A shipped integration starts with the same and doubles it.
///
/// Source: Epicor reference, section 2.4.
pub const LICENSE_WAIT: Duration = Duration::from_secs(30);

/// Wait while an upgrade converts the database, which takes minutes to hours.
pub const CONVERSION_WAIT: Duration = Duration::from_secs(300);

/// Wait after a 429 without `Retry-After`. Epicor documents none; a gateway before it may.
const TOO_MANY_WAIT: Duration = Duration::from_secs(10);

/// An answer that is no success, as far as it matters.
#[derive(Debug, Clone, Copy)]
pub struct Refusal<'a> {
    /// HTTP status.
    pub status: u16,
    /// `Retry-After`, where the server sent one.
    pub retry_after: Option<Duration>,
    /// Body, in whatever form.
    pub body: &'a [u8],
}

/// What a refusal means. The text is Epicor's where it helps, ours where Epicor's would repeat a secret; the caller
/// still runs it through the door's redaction.
pub fn classify(operation: &str, refusal: &Refusal<'_>) -> Fault {
    let body = ErrorBody::read(refusal.body);
    let verdict = judge(refusal.status, &body);
    let wait = refusal.retry_after.into_iter().chain(verdict.wait).max();
    let mut fault = Fault::new(verdict.kind, System::Epicor, operation, &verdict.message).with_status(refusal.status);
    if let Some(code) = verdict.code.or_else(|| body.short_type()) {
        fault = fault.with_code(code);
    }
    if let Some(field) = verdict.field.or_else(|| body.field.clone()) {
        fault = fault.with_field(field);
    }
    if let Some(id) = body.correlation_id {
        fault = fault.with_correlation_id(id);
    }
    match wait {
        Some(wait) => fault.with_retry_after(wait),
        None => fault,
    }
}

/// The error inside a body that came with a 200: OData servers that fail while they write the rows can only do that.
pub(crate) fn in_success(operation: &str, body: &str) -> Option<Fault> {
    let error = ErrorBody::read(body.as_bytes());
    (error.message.is_some() || error.error_type.is_some()).then(|| {
        let mut fault = classify(operation, &Refusal { status: 500, retry_after: None, body: body.as_bytes() });
        fault.status = Some(200);
        fault
    })
}

pub(crate) fn transient(operation: &str, status: u16, code: &str, message: &str) -> Fault {
    Fault::new(FaultKind::Transient, System::Epicor, operation, message).with_status(status).with_code(code)
}

/// A setting that does not fit: rejected, with what to do in the message.
pub(crate) fn configuration(operation: &str, field: &str, message: &str) -> Fault {
    Fault::new(FaultKind::Rejected, System::Epicor, operation, message).with_code(code::CONFIGURATION).with_field(field)
}

struct Judgement {
    kind: FaultKind,
    message: String,
    code: Option<String>,
    field: Option<String>,
    wait: Option<Duration>,
}

impl Judgement {
    fn new(kind: FaultKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), code: None, field: None, wait: None }
    }

    fn code(mut self, code: &str) -> Self {
        self.code = Some(code.to_owned());
        self
    }

    fn wait(mut self, wait: Duration) -> Self {
        self.wait = Some(wait);
        self
    }
}

fn judge(status: u16, body: &ErrorBody) -> Judgement {
    use FaultKind::{Defect, Limited, Rejected, Transient};
    if body.says("LicenseAccessException") || body.says("Maximum users exceeded") {
        let message = "Epicor has no free licence at the moment. It is tried again later; a WebService licence for the integration would end this.";
        return Judgement::new(Limited, message).code(code::NO_LICENSE).wait(LICENSE_WAIT);
    }
    if body.says("ConversionsPendingException") {
        let message = "Epicor is being upgraded: conversions are pending.";
        return Judgement::new(Transient, message).code(code::CONVERSIONS_PENDING).wait(CONVERSION_WAIT);
    }
    if matches!(status, 401 | 403) {
        return unauthorized(status, body);
    }
    // Server faults tell nothing about the record, so only these texts make them permanent.
    if body.is_type("RecordNotFoundException") {
        return Judgement::new(Rejected, body.text_or("Epicor has no such record.")).code(code::RECORD_NOT_FOUND);
    }
    if let Some(property) = body.unknown_property() {
        let message = format!(
            "Epicor has no column `{property}` here. Correct the change field or the extra columns in the settings. Epicor says: {}",
            body.text_or("")
        );
        let judgement = Judgement::new(Rejected, message).code(code::UNKNOWN_PROPERTY);
        return Judgement { field: Some(property), ..judgement };
    }
    if body.says("is not found in the input object") {
        return Judgement::new(Defect, body.text_or("")).code(code::MISSING_PARAMETER);
    }
    if body.says("modified by another user") {
        return Judgement::new(Transient, body.text_or("")).code(code::STALE_ROW);
    }
    if body.is_type("DuplicateRecordException") {
        return Judgement::new(Rejected, body.text_or("")).code(code::DUPLICATE);
    }
    if body.is_type("InvalidSessionException") {
        return Judgement::new(Transient, "Epicor's session is gone.").code(code::SESSION_EXPIRED);
    }
    if body.is_type("BusinessObjectException") || body.is_type("BLException") || body.is_type("ODataException") {
        return Judgement::new(Rejected, body.text_or("Epicor refused the request."));
    }
    match status {
        404 => Judgement::new(
            Rejected,
            body.text_or(
                "Epicor has nothing at this address. Check base_url and company in the settings of the connection.",
            ),
        )
        .code(code::NOT_FOUND),
        408 => Judgement::new(Transient, "Epicor took too long to read the request."),
        409 => Judgement::new(Rejected, body.text_or("Epicor reports a conflict.")).code(code::DUPLICATE),
        410 => Judgement::new(Transient, "Epicor's session is gone.").code(code::SESSION_EXPIRED),
        429 => Judgement::new(Limited, "Epicor, or a gateway before it, asks for fewer requests.")
            .code(code::TOO_MANY_REQUESTS)
            .wait(TOO_MANY_WAIT),
        502..=504 => Judgement::new(Transient, body.text_or("Epicor is not reachable behind its gateway.")),
        500..=599 => Judgement::new(Transient, body.text_or("Epicor had an internal error.")),
        300..=399 => Judgement::new(
            Rejected,
            "Epicor answered with a redirect, which is not followed. Check base_url in the settings of the connection.",
        )
        .code("answer.redirect"),
        _ => Judgement::new(Rejected, body.text_or("Epicor refused the request.")),
    }
}

/// Epicor's texts tell three refusals apart. A bad key's text repeats the key, so it is never passed on.
fn unauthorized(status: u16, body: &ErrorBody) -> Judgement {
    if body.says("api key") || body.says("apikey") || body.says("x-api-key") {
        let message =
            "Epicor refused the API key: it is missing, wrong, expired, or of another environment or company.";
        return Judgement::new(FaultKind::Unauthorized, message).code(code::BAD_API_KEY);
    }
    if body.says("access denied") || status == 403 {
        let method = body.denied_method().map(|method| format!(" to {method}")).unwrap_or_default();
        let message = format!(
            "Epicor's user or API key has no right{method}. Grant it in the access scope of the key or in the user's security groups."
        );
        return Judgement::new(FaultKind::Rejected, message).code(code::ACCESS_DENIED);
    }
    let message = "Epicor refused the login: user name, password or token is wrong, locked or expired.";
    Judgement::new(FaultKind::Unauthorized, message).code(code::BAD_LOGIN)
}

/// An error body in any of the shapes seen: Epicor's JSON, its XML, OData's JSON, a web page, plain text, nothing.
#[derive(Default)]
pub(crate) struct ErrorBody {
    message: Option<String>,
    error_type: Option<String>,
    field: Option<String>,
    correlation_id: Option<String>,
    /// The start of the body as it came, for texts that stand anywhere in it. Never passed on.
    raw: String,
}

/// How much of an error body is searched. Epicor's own are under a kilobyte.
const SEARCHED_BYTES: usize = 64 * 1024;

impl ErrorBody {
    pub(crate) fn read(body: &[u8]) -> Self {
        let raw = String::from_utf8_lossy(&body[..body.len().min(SEARCHED_BYTES)]).into_owned();
        let text = raw.trim_start_matches('\u{FEFF}').trim();
        let mut found = match text.as_bytes().first() {
            Some(b'{') => serde_json::from_str(text).map(|value| Self::of_json(&value)).unwrap_or_default(),
            Some(b'<') => Self::of_xml(text).unwrap_or_default(),
            _ => Self::default(),
        };
        found.raw = raw;
        found
    }

    fn of_json(value: &Value) -> Self {
        let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
        let odata = value.get("error");
        let odata_message = odata.and_then(|error| {
            let message = error.get("message")?;
            // OData 3 wraps it once more: `{"message":{"lang":"en","value":"..."}}`.
            text(Some(message)).or_else(|| text(message.get("value")))
        });
        let detail = value.get("ErrorDetails").and_then(|details| details.get(0));
        let inner_type = odata.and_then(|error| text(error.get("innererror").and_then(|inner| inner.get("type"))));
        Self {
            message: text(value.get("ErrorMessage")).or(odata_message).or_else(|| text(value.get("Message"))),
            error_type: text(value.get("ErrorType")).or(inner_type),
            field: text(detail.and_then(|detail| detail.get("Field"))).filter(|field| !field.is_empty()),
            correlation_id: text(value.get("CorrelationId")),
            raw: String::new(),
        }
    }

    fn of_xml(xml: &str) -> Option<Self> {
        let document = roxmltree::Document::parse(xml).ok()?;
        let text = |name: &str| {
            let node = document.descendants().find(|node| node.tag_name().name() == name)?;
            node.text().map(|text| text.trim().to_owned())
        };
        Some(Self {
            message: text("ErrorMessage"),
            error_type: text("ErrorType"),
            field: text("Field"),
            correlation_id: text("CorrelationId"),
            raw: String::new(),
        })
    }

    /// Whether the text stands anywhere in the body, without regard to case.
    fn says(&self, text: &str) -> bool {
        let wanted = text.as_bytes();
        self.raw.as_bytes().windows(wanted.len()).any(|window| window.eq_ignore_ascii_case(wanted))
    }

    pub(crate) fn is_type(&self, name: &str) -> bool {
        self.error_type.as_ref().is_some_and(|full| full.ends_with(name))
    }

    /// `Ice.Common.BusinessObjectException` → `BusinessObjectException`.
    fn short_type(&self) -> Option<String> {
        let full = self.error_type.as_ref()?;
        let short = full.rsplit('.').next().filter(|short| !short.is_empty())?;
        Some(short.chars().filter(char::is_ascii_alphanumeric).take(80).collect())
    }

    /// Epicor's own words on one line, else ours. Web pages and plain text are not quoted: nobody knows what is in them.
    fn text_or(&self, ours: &str) -> String {
        match self.message.as_ref().map(|message| message.split_whitespace().collect::<Vec<_>>().join(" ")) {
            Some(message) if !message.is_empty() => message,
            _ => ours.to_owned(),
        }
    }

    /// `X` of `Could not find a property named 'X' on type 'Erp.PO'`.
    fn unknown_property(&self) -> Option<String> {
        let (_, rest) = self.message.as_ref()?.split_once("ould not find a property named '")?;
        let (name, _) = rest.split_once('\'')?;
        let plain = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '/');
        plain.then(|| name.to_owned())
    }

    /// `Erp.BO.Company.GetRows` of `Access denied (Erp.BO.Company.GetRows).`
    fn denied_method(&self) -> Option<&str> {
        let (_, rest) = self.message.as_ref()?.split_once('(')?;
        let (method, _) = rest.split_once(')')?;
        method.chars().all(|c| c.is_ascii_alphanumeric() || c == '.' || c == '_').then_some(method)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(status: u16, body: &str) -> Fault {
        classify("vendors.read", &Refusal { status, retry_after: None, body: body.as_bytes() })
    }

    fn epicor(status: u16, error_type: &str, message: &str) -> Fault {
        let body = serde_json::json!({
            "HttpStatus": status, "ReasonPhrase": "REST API Exception", "ErrorMessage": message,
            "ErrorType": error_type, "CorrelationId": "7c1b3a90-52de-4c0e-9b57-1f0a6e2d4c88"
        });
        fault(status, &body.to_string())
    }

    #[test]
    fn every_row_of_the_status_table_has_its_kind() {
        use FaultKind::*;
        let unauthorized = "System.UnauthorizedAccessException";
        for (status, error_type, message, kind, code) in [
            (400, "Microsoft.OData.ODataException", "Syntax error at position 7", Rejected, "ODataException"),
            (
                400,
                "Ice.Common.BusinessObjectException",
                "Supplier Terms is invalid.",
                Rejected,
                "BusinessObjectException",
            ),
            (400, "Ice.BLException", "Refused by a BPM.", Rejected, "BLException"),
            (400, "X.Y", "Parameter ds is not found in the input object", Defect, code::MISSING_PARAMETER),
            (400, "Ice.Security.LicenseAccessException", "No licence", Limited, code::NO_LICENSE),
            (400, "X.Y", "Maximum users exceeded", Limited, code::NO_LICENSE),
            (401, unauthorized, "Invalid username or password.", Unauthorized, code::BAD_LOGIN),
            (401, unauthorized, "Invalid API Key k1.\r\nCompany EPIC06.", Unauthorized, code::BAD_API_KEY),
            (401, unauthorized, "Access denied (Erp.BO.Vendor.GetRows).", Rejected, code::ACCESS_DENIED),
            (403, unauthorized, "Forbidden", Rejected, code::ACCESS_DENIED),
            (404, "Ice.Lib.ApiException", "No such service", Rejected, code::NOT_FOUND),
            (404, "Ice.Common.RecordNotFoundException", "Record not found.", Rejected, code::RECORD_NOT_FOUND),
            (500, "Ice.Common.RecordNotFoundException", "Record not found.", Rejected, code::RECORD_NOT_FOUND),
            (405, "X.MethodNotAllowedException", "Verb", Rejected, "MethodNotAllowedException"),
            (409, "Ice.Common.DuplicateRecordException", "Exists", Rejected, code::DUPLICATE),
            (409, "X.Y", "Row has been Modified By Another User and couldn't be updated", Transient, code::STALE_ROW),
            (410, "Ice.Common.InvalidSessionException", "Gone", Transient, code::SESSION_EXPIRED),
            (500, "System.Exception", "An error occurred, details are hidden", Transient, "Exception"),
            (503, "Ice.ConversionsPendingException", "Conversions", Transient, code::CONVERSIONS_PENDING),
            (429, "X.Y", "Slow down", Limited, code::TOO_MANY_REQUESTS),
        ] {
            let fault = epicor(status, error_type, message);
            assert_eq!((fault.kind, fault.code.as_deref()), (kind, Some(code)), "{status} {error_type} {message}");
            assert_eq!(fault.correlation_id.as_deref(), Some("7c1b3a90-52de-4c0e-9b57-1f0a6e2d4c88"));
            assert_eq!(fault.status, Some(status));
        }
    }

    #[test]
    fn the_echoed_api_key_appears_nowhere() {
        let fault = epicor(401, "System.UnauthorizedAccessException", "Invalid API Key abc123.\r\nCompany EPIC06.");
        assert!(!format!("{fault} {fault:?}").contains("abc123"));
        let missing = fault_of_text(401, "The x-api-key header is required");
        assert_eq!(missing.code.as_deref(), Some(code::BAD_API_KEY));
    }

    fn fault_of_text(status: u16, text: &str) -> Fault {
        fault(status, text)
    }

    #[test]
    fn an_unknown_column_is_a_configuration_fault_with_its_name() {
        let fault = epicor(
            400,
            "Microsoft.OData.ODataException",
            "Could not find a property named 'UpdatedOn' on type 'Erp.Vendor'.",
        );
        assert_eq!((fault.kind, fault.field.as_deref()), (FaultKind::Rejected, Some("UpdatedOn")));
        assert_eq!(fault.code.as_deref(), Some(code::UNKNOWN_PROPERTY));
    }

    #[test]
    fn a_licence_shortage_waits_long_and_costs_no_attempt() {
        let fault = epicor(400, "Ice.LicenseAccessException", "Maximum users exceeded on license.");
        assert_eq!((fault.kind, fault.retry_after()), (FaultKind::Limited, Some(LICENSE_WAIT)));
    }

    #[test]
    fn the_servers_longer_wait_wins() {
        let refusal = Refusal { status: 429, retry_after: Some(Duration::from_secs(90)), body: b"" };
        assert_eq!(classify("x", &refusal).retry_after(), Some(Duration::from_secs(90)));
    }

    #[test]
    fn other_shapes_of_bodies_are_survived() {
        let odata = fault(
            400,
            r#"{"error":{"code":"","message":"The query is not valid.","innererror":{"type":"Microsoft.OData.ODataException"}}}"#,
        );
        assert_eq!((odata.kind, odata.message.as_str()), (FaultKind::Rejected, "The query is not valid."));
        let odata3 = fault(500, r#"{"error":{"message":{"lang":"en","value":"Broken."}}}"#);
        assert_eq!((odata3.kind, odata3.message.as_str()), (FaultKind::Transient, "Broken."));
        let html = fault(502, "<html><body>lena@nordbolt.example Bad gateway</body></html>");
        assert_eq!(html.kind, FaultKind::Transient);
        assert!(!html.message.contains("lena"));
        let unreadable = fault(504, "<html><br>upstream");
        assert_eq!(unreadable.kind, FaultKind::Transient);
        assert_eq!(fault(500, "").kind, FaultKind::Transient);
        assert_eq!(fault(400, "").kind, FaultKind::Rejected);
        assert_eq!(fault(500, r#"{"ErrorMessage":"#).kind, FaultKind::Transient);
        let xml = fault(
            401,
            "<Error><HttpStatus>401</HttpStatus><ErrorMessage>Access denied (Erp.BO.Vendor.GetRows).</ErrorMessage></Error>",
        );
        assert_eq!(xml.code.as_deref(), Some(code::ACCESS_DENIED));
        assert!(xml.message.contains("Erp.BO.Vendor.GetRows"));
    }

    #[test]
    fn the_field_of_a_refused_record_is_kept() {
        let body = r#"{"HttpStatus":400,"ErrorMessage":"Supplier Terms is invalid.","ErrorType":"Ice.Common.BusinessObjectException",
            "ErrorDetails":[{"Message":"Supplier Terms is invalid.","Type":"Error","Table":"Vendor","Field":"TermsCode"}]}"#;
        assert_eq!(fault(400, body).field.as_deref(), Some("TermsCode"));
    }
}
