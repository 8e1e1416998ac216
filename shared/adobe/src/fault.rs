//! What a shop's refusals mean for the queue.
//!
//! Status alone does not tell: a missing right is a 401, an unknown filter field a 500, a double a 400. The raw templates
//! are looked at first, then the status. Texts can be translated by a store's locale, so the store should be English.
//!
//! Source: measured on 2.4.7-p3 and 2.4.8-p2; Adobe Commerce reference, sections 2.3, 5.1 and 7.

use std::time::Duration;

use mlc_model::{Fault, FaultKind, System};
use mlc_outbound::Answer;

use crate::message::ErrorBody;

/// Codes of [`Fault::code`].
pub mod code {
    /// The order number, invoice number or other key exists already: fetch it and compare.
    pub const DUPLICATE: &str = "duplicate";
    /// A customer with this e-mail address exists already.
    pub const CUSTOMER_EXISTS: &str = "customer_exists";
    /// No such record.
    pub const NOT_FOUND: &str = "not_found";
    /// No such call here: a module is missing, or the address is wrong.
    pub const NO_ROUTE: &str = "no_route";
    /// The store code in the address is not known.
    pub const NO_STORE: &str = "no_store";
    /// The integration lacks a right, or is inactive; `field` names the resource.
    pub const ACL: &str = "acl";
    /// Keys, tokens or client secret refused.
    pub const BAD_LOGIN: &str = "bad_login";
    /// The signature is refused: secrets, or a proxy that changes host, port or scheme.
    pub const BAD_SIGNATURE: &str = "bad_signature";
    /// The nonce was used before: sign again.
    pub const NONCE_USED: &str = "nonce_used";
    /// Our clock is more than ten minutes ahead of the shop's.
    pub const CLOCK: &str = "clock";
    /// An address that shops of different versions sign differently; nothing was sent.
    pub const UNSIGNABLE: &str = "request.unsignable";
    /// Everything of the order is invoiced already.
    pub const NOTHING_TO_INVOICE: &str = "nothing_to_invoice";
    /// None of the lines given can be invoiced.
    pub const NO_INVOICE_LINES: &str = "no_invoice_lines";
    /// More is to be invoiced than is left of a line.
    pub const INVOICE_QUANTITY: &str = "invoice_quantity";
    /// The state of the order does not allow it.
    pub const ORDER_STATE: &str = "order_state";
    /// A field the shop does not know; `field` names it as the shop does, in CamelCase.
    pub const UNKNOWN_FIELD: &str = "unknown_field";
    /// A field that must be there; `field` names it.
    pub const MISSING_FIELD: &str = "missing_field";
    /// A value of the wrong type.
    pub const WRONG_TYPE: &str = "wrong_type";
    /// The customer administers another company already.
    pub const COMPANY_ADMIN_TAKEN: &str = "company_admin_taken";
    /// A limit of the shop on page size or list length; `field` is not set.
    pub const INPUT_LIMIT: &str = "input_limit";
    /// Another request held the row.
    pub const LOCKED: &str = "locked";
    /// The shop failed and says no more than that. Often bad data, so it is not tried for ever.
    pub const INTERNAL_ERROR: &str = "internal_error";
    /// The shop's PHP failed.
    pub const PHP_ERROR: &str = "php_error";
    /// A web page instead of an answer: maintenance, a web cache, a firewall.
    pub const WEB_PAGE: &str = "web_page";
    /// The shop, or a gateway before it, asks for fewer requests.
    pub const TOO_MANY_REQUESTS: &str = "too_many_requests";
    /// We would lose a part of a key: it is longer than the shop's column.
    pub const KEY_TOO_LONG: &str = "key_too_long";
    /// An answer that does not fit the question.
    pub const WRONG_SHAPE: &str = "answer.shape";
}

/// Wait after a 429 without `Retry-After`. Source: Commerce web API guide, server-to-server authentication.
const TOO_MANY_WAIT: Duration = Duration::from_secs(5);
/// Longest hint believed: past it a gateway's nonsense would stop a connection for days.
const LONGEST_WAIT: Duration = Duration::from_secs(3_600);
/// Wait while a shop is in maintenance, which takes minutes.
const MAINTENANCE_WAIT: Duration = Duration::from_secs(60);

struct Verdict {
    kind: FaultKind,
    code: &'static str,
    message: String,
    field: Option<String>,
    wait: Option<Duration>,
}

fn verdict(kind: FaultKind, code: &'static str, message: impl Into<String>) -> Verdict {
    Verdict { kind, code, message: message.into(), field: None, wait: None }
}

/// What an answer without success means. The text is the shop's, filled in, where it helps; the caller still runs it
/// through the door's redaction.
pub fn classify(operation: &str, answer: &Answer) -> Fault {
    let body = ErrorBody::read(answer.body());
    let verdict = judge(answer, &body);
    let mut fault = Fault::new(verdict.kind, System::Adobe, operation, &verdict.message)
        .with_status(answer.status())
        .with_code(verdict.code);
    if let Some(field) = verdict.field {
        fault = fault.with_field(field);
    }
    if let Some(report) = report_id(&body) {
        fault = fault.with_correlation_id(report);
    }
    match verdict.wait {
        Some(wait) => fault.with_retry_after(wait),
        None => fault,
    }
}

/// Whether a shop refused custom attributes: it lacks the module for them.
pub fn refuses_custom_attributes(fault: &Fault) -> bool {
    fault.code.as_deref() == Some(code::UNKNOWN_FIELD)
        && fault.field.as_deref().is_some_and(|field| field.replace('_', "").eq_ignore_ascii_case("customattributes"))
}

/// Whether the request should be signed again and sent once more.
pub(crate) fn wants_new_signature(fault: &Fault) -> bool {
    fault.status == Some(401) && matches!(fault.code.as_deref(), Some(code::NONCE_USED | code::BAD_SIGNATURE))
}

/// A key that would be cut without a word. It is refused instead: a cut key is another key.
pub(crate) fn key_too_long(operation: &str, field: &str, limit: usize) -> Fault {
    let message = format!("{field} is longer than the {limit} characters that the shop keeps");
    Fault::new(FaultKind::Rejected, System::Adobe, operation, message).with_code(code::KEY_TOO_LONG).with_field(field)
}

pub(crate) fn wrong_shape(answer: &Answer, operation: &str, problem: &str) -> Fault {
    let kind = if answer.is_write() { FaultKind::Uncertain } else { FaultKind::Rejected };
    Fault::new(kind, System::Adobe, operation, problem).with_status(answer.status()).with_code(code::WRONG_SHAPE)
}

/// How long to keep away after a 429.
pub(crate) fn too_many_wait(answer: &Answer) -> Duration {
    answer.retry_after().unwrap_or(TOO_MANY_WAIT).clamp(Duration::from_secs(1), LONGEST_WAIT)
}

fn judge(answer: &Answer, body: &ErrorBody) -> Verdict {
    let status = answer.status();
    match status {
        401 => return unauthorized(body),
        429 => {
            let wait = too_many_wait(answer);
            let message = "The shop, or a gateway before it, asks for fewer requests.";
            return Verdict { wait: Some(wait), ..verdict(FaultKind::Limited, code::TOO_MANY_REQUESTS, message) };
        }
        403 if *body != ErrorBody::Page => {
            let message = "Adobe refuses the credential: wrong organisation, or a product profile or scope is missing.";
            return verdict(FaultKind::Unauthorized, code::ACL, message);
        }
        408 | 500..=599 => return server_failed(answer, body),
        _ => {}
    }
    let text = |ours: &str| body.for_people().unwrap_or_else(|| ours.to_owned());
    if *body == ErrorBody::Page {
        let message = "A web page came instead of an answer: a firewall, a web cache, or the wrong address.";
        // 403 and 413 of a firewall come and go with its rules; any other page means that there is no shop.
        let kind = if status == 403 { FaultKind::Transient } else { FaultKind::Rejected };
        return verdict(kind, code::WEB_PAGE, message);
    }
    known_text(status, body).unwrap_or_else(|| match status {
        404 => verdict(FaultKind::Rejected, code::NOT_FOUND, text("The shop has no such record.")),
        405 => verdict(FaultKind::Rejected, code::NO_ROUTE, text("The shop does not offer this call.")),
        _ => verdict(FaultKind::Rejected, "refused", text("The shop refused the request.")),
    })
}

/// Texts that decide whatever the status is.
fn known_text(status: u16, body: &ErrorBody) -> Option<Verdict> {
    use FaultKind::{Rejected, Transient, Unauthorized};
    let text = || body.for_people().unwrap_or_default();
    let lower = |needle: &str| body.messages().any(|message| message.template.to_ascii_lowercase().contains(needle));
    let named = |code, message: String, place: &str| {
        Some(Verdict { field: body.parameter(place).map(str::to_owned), ..verdict(Rejected, code, message) })
    };
    if body.says("Unique constraint violation found") {
        return Some(verdict(Rejected, code::DUPLICATE, "The shop has this key already."));
    }
    if body.says("token length is invalid") {
        let message = "The shop refuses the credentials: the access token has not 32 characters. Enter the secret `token` again, whole and without quotes or blanks.";
        return Some(verdict(Unauthorized, code::BAD_LOGIN, message));
    }
    if body.says("Signature method") {
        let message = "The shop does not know the signature method HMAC-SHA256: it is older than 2.4.4.";
        return Some(verdict(Unauthorized, code::BAD_LOGIN, message));
    }
    if body.says("Request does not match any route") {
        let message = "The shop does not offer this call: a module is missing there, or the address is wrong.";
        return Some(verdict(Rejected, code::NO_ROUTE, message));
    }
    if body.says("Specified request cannot be processed") {
        let message = "The shop does not know the store code in the address, or the address is wrong.";
        return Some(verdict(Rejected, code::NO_STORE, message));
    }
    if body.says("customer with the same email") {
        let message = "A customer with this e-mail address exists already.";
        return Some(verdict(Rejected, code::CUSTOMER_EXISTS, message));
    }
    if lower("deadlock") || lower("lock wait timeout") {
        return Some(verdict(Transient, code::LOCKED, "Another request held the record in the shop."));
    }
    if body.says("order does not allow an invoice") {
        return Some(verdict(Rejected, code::NOTHING_TO_INVOICE, text()));
    }
    if body.says("invoice cannot be created when an order has a status") {
        return Some(verdict(Rejected, code::ORDER_STATE, text()));
    }
    if body.says("can't be created without products") {
        return Some(verdict(Rejected, code::NO_INVOICE_LINES, text()));
    }
    if body.says("invalid quantity to invoice") || body.says("must not be greater than the uninvoiced quantity") {
        return Some(verdict(Rejected, code::INVOICE_QUANTITY, text()));
    }
    if body.says("action is not available") {
        return Some(verdict(Rejected, code::ORDER_STATE, text()));
    }
    if body.says("is not supported. Correct the field name") {
        return named(code::UNKNOWN_FIELD, text(), "fieldName");
    }
    if body.says("does not have accessor method") {
        return Some(verdict(Rejected, code::UNKNOWN_FIELD, text()));
    }
    if body.says("is required. Enter and try again") {
        return named(code::MISSING_FIELD, text(), "fieldName");
    }
    if body.says("can not be empty") || body.says("can not contain whitespaces") {
        return named(code::MISSING_FIELD, text(), "field");
    }
    if body.says("value's type is invalid") {
        return Some(verdict(Rejected, code::WRONG_TYPE, text()));
    }
    if body.says("Maximum SearchCriteria pageSize") || body.says("Maximum items of type") {
        return Some(verdict(Rejected, code::INPUT_LIMIT, text()));
    }
    // No source has the exact text.
    if lower("company admin") || lower("administers another company") || lower("admin of another company") {
        return Some(verdict(Rejected, code::COMPANY_ADMIN_TAKEN, text()));
    }
    let not_found = status == 404 && (body.says("No such entity") || body.says("entity that was requested"));
    (not_found || body.says("An ID is needed")).then(|| verdict(Rejected, code::NOT_FOUND, text()))
}

fn unauthorized(body: &ErrorBody) -> Verdict {
    let held = |code, message: &str| verdict(FaultKind::Unauthorized, code, message);
    if let Some(resource) = body.parameter("resources") {
        let message = format!(
            "The integration has no right to {resource}, is inactive, or its credentials are not accepted. Grant the resource in the shop's Admin under System, Integrations, and activate again."
        );
        return Verdict { field: Some(resource.to_owned()), ..held(code::ACL, &message) };
    }
    if body.says("isn't authorized to access") {
        return held(code::ACL, "The integration has no right to this call, or is inactive.");
    }
    if body.says("signature is invalid") {
        let message = "The shop refuses the signature: a secret is wrong, or a proxy before the shop changes host, port or scheme. Check consumer_secret and token_secret, and that base_url is the address the shop itself knows.";
        return held(code::BAD_SIGNATURE, message);
    }
    if body.says("nonce is already being used") {
        return held(code::NONCE_USED, "The shop has seen this nonce before.");
    }
    if body.says("error occurred validating the nonce") {
        let message = "The shop refuses the time of the request: this machine's clock is more than ten minutes ahead of the shop's. Let it take its time from a time server (NTP).";
        return held(code::CLOCK, message);
    }
    let message = match body.for_people() {
        Some(text) => format!("The shop refuses the credentials: {text}"),
        None => "The shop refuses the credentials.".to_owned(),
    };
    held(code::BAD_LOGIN, &message)
}

/// After a write nobody knows what a failing server has done: read back before writing again.
fn server_failed(answer: &Answer, body: &ErrorBody) -> Verdict {
    let kind = if answer.is_write() { FaultKind::Uncertain } else { FaultKind::Transient };
    if let Some(known) = known_text(answer.status(), body) {
        return Verdict { kind: if known.kind == FaultKind::Transient { kind } else { known.kind }, ..known };
    }
    let wait = match answer.status() {
        503 => Some(answer.retry_after().unwrap_or(MAINTENANCE_WAIT).min(LONGEST_WAIT)),
        _ => None,
    };
    let (code, message) = match body {
        ErrorBody::Page if answer.status() == 503 => (code::WEB_PAGE, "The shop is in maintenance or overloaded."),
        ErrorBody::Page => (code::WEB_PAGE, "A web page came instead of an answer; the shop is not reachable."),
        ErrorBody::Text(_) => (code::PHP_ERROR, "The shop's program failed; its exception log tells more."),
        _ => (code::INTERNAL_ERROR, "The shop failed and says no more than that; its log tells more."),
    };
    Verdict { wait, ..verdict(kind, code, message) }
}

/// `webapi-63c1d2e8a4f10` of `Internal Error. … Report ID: webapi-63c1d2e8a4f10`.
fn report_id(body: &ErrorBody) -> Option<String> {
    let text = body.messages().next()?.template.as_str();
    let (_, id) = text.split_once("Report ID:")?;
    let id: String = id.trim().chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '-').take(60).collect();
    (!id.is_empty()).then_some(id)
}

#[cfg(test)]
#[path = "fault_tests.rs"]
mod tests;
