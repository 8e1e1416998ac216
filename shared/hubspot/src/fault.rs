//! From an answer's status *and* body to a fault. Source: HubSpot, "Error handling" and "Usage guidelines";
//! the bodies in the tests follow recorded ones.

use std::time::Duration;

use mlc_model::{Fault, FaultKind, System};
use mlc_outbound::Answer;

use crate::{
    limits::{LimitPolicy, moving_wait},
    messages::{Problem, in_words, problems, without_values},
    wire::{ErrorBody, texts},
};

/// A lock lasts two seconds. Source: HubSpot, "Error handling", 423.
const LOCK: Duration = Duration::from_secs(2);

/// How much of a batch a refusal is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Blame {
    /// Some record of the batch: halve it until the bad one is alone.
    SomeRecord,
    /// Perhaps a record, perhaps the server (500): halve only when asked to.
    PerhapsARecord,
    /// All of it: no part would fare better.
    TheWhole,
}

/// A request that was not granted.
#[derive(Debug, Clone)]
pub(crate) struct Refusal {
    pub(crate) fault: Fault,
    pub(crate) blame: Blame,
    /// Properties that HubSpot does not know.
    pub(crate) unknown_properties: Vec<String>,
    /// Which allowance is spent; only for a 429.
    pub(crate) limit: Option<LimitPolicy>,
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        Self { fault, blame: Blame::TheWhole, unknown_properties: Vec::new(), limit: None }
    }
}

/// What an answer without success means. The wait of a 429 is left to the client, which knows the account's midnight.
pub(crate) fn refusal(answer: &Answer, operation: &'static str, key_property: &str) -> Refusal {
    let status = answer.status();
    // Unrouted paths and Cloudflare answer in HTML or plain text; then the body says nothing.
    let parsed = serde_json::from_slice::<ErrorBody>(answer.body()).ok();
    let is_json = parsed.is_some();
    let body = parsed.unwrap_or_default();
    let mut refusal = match status {
        401 => whole(unauthorized(operation, &body)),
        403 => whole(forbidden(operation, &body)),
        408 => whole(fault(FaultKind::Transient, operation, "HubSpot waited too long for the request")),
        404 | 405 if !is_json => whole(
            fault(
                FaultKind::Rejected,
                operation,
                "HubSpot does not know this address: check `base_url` and `api_version`",
            )
            .with_code("PATH_UNKNOWN"),
        ),
        423 => whole(
            fault(
                FaultKind::Transient,
                operation,
                "HubSpot has locked the record for a moment, which happens in bulk updates",
            )
            .with_code("LOCKED")
            .with_retry_after(LOCK.max(answer.retry_after().unwrap_or_default().min(Duration::from_secs(120)))),
        ),
        429 => {
            let policy = LimitPolicy::of(&body);
            let message = format!("HubSpot's allowance is spent ({})", policy.code());
            let limited = fault(FaultKind::Limited, operation, &message).with_code(policy.code());
            Refusal { limit: Some(policy), ..whole(limited) }
        }
        477 => whole(
            fault(FaultKind::Limited, operation, "HubSpot is moving this account to another data centre")
                .with_code("ACCOUNT_MOVING")
                .with_retry_after(moving_wait(answer.retry_after())),
        ),
        500 => Refusal {
            blame: Blame::PerhapsARecord,
            ..whole(fault(FaultKind::Transient, operation, "HubSpot had an internal error").with_code("INTERNAL_ERROR"))
        },
        525 | 526 => whole(
            fault(
                FaultKind::Transient,
                operation,
                "the encryption between HubSpot and its own edge is broken; if it stays so, report it to HubSpot",
            )
            .with_code("EDGE_TLS"),
        ),
        501..=599 => whole(fault(
            FaultKind::Transient,
            operation,
            "HubSpot or its edge is overloaded or out of reach for a moment",
        )),
        _ => refused(operation, &body, key_property),
    };
    refusal.fault.status = Some(status);
    refusal.fault.correlation_id = body
        .correlation_id
        .clone()
        .or_else(|| answer.header("x-hubspot-correlation-id").map(str::to_owned))
        .map(|id| id.chars().take(80).collect());
    refusal
}

/// What an entry of a partly failed batch means.
pub(crate) fn entry_fault(entry: &ErrorBody, operation: &'static str, key_property: &str) -> Fault {
    let category = entry.category.as_deref().unwrap_or_default();
    let sentence = entry.message.as_deref().unwrap_or_default().to_ascii_lowercase();
    match category {
        "MISSING_SCOPES" => forbidden(operation, entry),
        "RATE_LIMITS" => {
            let policy = LimitPolicy::of(entry);
            fault(FaultKind::Limited, operation, "HubSpot's allowance was spent in the middle of a batch")
                .with_code(policy.code())
                .with_retry_after(policy.wait(None, None, 0.0))
        }
        _ if sentence.contains("internal error") || sentence.contains(" locked") || sentence.contains("timed out") => {
            fault(FaultKind::Transient, operation, "HubSpot could not write this record at this moment")
                .with_code("ENTRY_NOT_WRITTEN")
                .with_retry_after(LOCK)
        }
        _ => refused(operation, entry, key_property).fault,
    }
}

fn refused(operation: &'static str, body: &ErrorBody, key_property: &str) -> Refusal {
    let found = problems(body);
    let sentence = body.message.as_deref().unwrap_or_default();
    let unknown_properties: Vec<String> =
        found.iter().filter(|p| p.code == "PROPERTY_DOESNT_EXIST").filter_map(|p| p.property.clone()).collect();
    if unknown_properties.iter().any(|property| property == key_property) {
        let message = format!(
            "HubSpot has no company property `{key_property}` any more, which holds our key: run `mlc ping --set-up`, then replay"
        );
        let gone =
            fault(FaultKind::Rejected, operation, &message).with_code("PROPERTY_DOESNT_EXIST").with_field(key_property);
        return Refusal { unknown_properties, ..whole(gone) };
    }
    if sentence.contains("by non-unique") {
        let message = format!(
            "the company property `{key_property}` is not unique in HubSpot, so records cannot be found by it: \
             choose another `key_property` and run `mlc ping --set-up`"
        );
        return whole(
            fault(FaultKind::Rejected, operation, &message).with_code("KEY_NOT_UNIQUE").with_field(key_property),
        );
    }
    // Two jobs that make one new key at the same instant: the other one has won, and a repetition updates its record.
    if is_conflict_on(sentence, key_property) {
        let race = fault(FaultKind::Transient, operation, "another job wrote this record at the same instant")
            .with_code("KEY_RACE")
            .with_retry_after(LOCK);
        return Refusal { blame: Blame::SomeRecord, ..whole(race) };
    }
    let message = if found.is_empty() {
        match without_values(sentence) {
            words if words.is_empty() => "HubSpot refused the request without a reason".to_owned(),
            words => format!("HubSpot refused the record: {words}"),
        }
    } else {
        found.iter().map(in_words).collect::<Vec<_>>().join("; ")
    };
    let mut rejected = fault(FaultKind::Rejected, operation, &message);
    if let Some(Problem { code, property }) = found.first() {
        rejected = rejected.with_code(short(code));
        rejected.field = property.as_deref().map(short);
    } else if let Some(code) = body.sub_category.as_deref().or(body.category.as_deref()) {
        rejected = rejected.with_code(short(code));
    }
    Refusal { fault: rejected, blame: Blame::SomeRecord, unknown_properties, limit: None }
}

fn unauthorized(operation: &'static str, body: &ErrorBody) -> Fault {
    let category = body.category.as_deref().unwrap_or("UNAUTHORIZED");
    let message = match category {
        "EXPIRED_AUTHENTICATION" => {
            "HubSpot says that the token has expired: set a new one with `mlc connection set-secret`"
        }
        _ => {
            "HubSpot does not accept the token; it may be mistyped or revoked: set a new one with `mlc connection set-secret`"
        }
    };
    fault(FaultKind::Unauthorized, operation, message).with_code(short(category))
}

fn forbidden(operation: &'static str, body: &ErrorBody) -> Fault {
    let scopes = missing_scopes(body);
    if scopes.is_empty() {
        let category = body.category.as_deref().unwrap_or("FORBIDDEN");
        return fault(
            FaultKind::Unauthorized,
            operation,
            "HubSpot forbids this call to the token: check the app's scopes and the account's plan",
        )
        .with_code(short(category));
    }
    let message = format!(
        "the HubSpot token lacks the scope {}: add it to the private app or service key (an OAuth app must be connected again)",
        scopes.join(", ")
    );
    fault(FaultKind::Unauthorized, operation, &message).with_code("MISSING_SCOPES").with_field(scopes.join(","))
}

/// The scopes that a 403 names. They stand inside `errors` or on top, under one of two keys.
fn missing_scopes(body: &ErrorBody) -> Vec<String> {
    let mut scopes = texts(&body.required_scopes);
    for context in body.errors.iter().map(|error| &error.context).chain([&body.context]) {
        for key in ["requiredGranularScopes", "requiredScopes"] {
            scopes.extend(context.texts(key));
        }
    }
    scopes.iter_mut().for_each(|scope| *scope = short(scope));
    scopes.sort();
    scopes.dedup();
    scopes
}

/// `Cannot set PropertyValueCoordinates{…, propertyName=epicor_key, …} on 1. 2 already has that value.`
fn is_conflict_on(sentence: &str, key_property: &str) -> bool {
    sentence.contains("already has that value") && sentence.contains(&format!("propertyName={key_property},"))
}

fn whole(fault: Fault) -> Refusal {
    Refusal::from(fault)
}

fn fault(kind: FaultKind, operation: &'static str, message: &str) -> Fault {
    Fault::new(kind, System::Hubspot, operation, message)
}

/// Codes and names come from outside: nobody needs more than this of one.
fn short(text: &str) -> String {
    text.chars().take(120).collect()
}

#[cfg(test)]
mod tests;
