//! One fixture per status and body. The bodies follow recorded ones, with invented data.
#![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]

use super::*;

fn of_with(status: u16, headers: &[(&str, &str)], body: &'static str) -> Refusal {
    let answer = Answer::recorded(System::Hubspot, "companies.batch_upsert", true, status, headers, body);
    refusal(&answer, "companies.batch_upsert", "epicor_key")
}

fn of(status: u16, body: &'static str) -> Refusal {
    of_with(status, &[], body)
}

const UNKNOWN_TOKEN: &str = r#"{"status":"error","message":"Authentication credentials not found. This API supports OAuth 2.0 authentication and you can find more details at https://developers.hubspot.com/docs/methods/auth/oauth-overview",
 "correlationId":"5d0c9a0e-3a8e-4b7f-9d0a-1f6b1c1b7a10","category":"INVALID_AUTHENTICATION"}"#;
const EXPIRED_TOKEN: &str = r#"{"status":"error","message":"The OAuth token used to make this call expired 42 second(s) ago.","correlationId":"c",
 "category":"EXPIRED_AUTHENTICATION","context":{"expire time":["2026-11-20T09:14:03.120Z"]}}"#;
const SCOPES_IN_ERRORS: &str = r#"{"status":"error","message":"This app hasn't been granted all required scopes to make this call.","correlationId":"c",
 "errors":[{"message":"One or more of the following scopes are required.","context":{"requiredGranularScopes":["crm.schemas.companies.write"]}}],
 "links":{"scopes":"https://developers.hubspot.com/scopes"},"category":"MISSING_SCOPES"}"#;
const SCOPES_ON_TOP: &str = r#"{"status":"error","message":"…","category":"MISSING_SCOPES","context":{"requiredScopes":["crm.objects.companies.write"]}}"#;
const UNKNOWN_PROPERTY: &str = r#"{"status":"error","message":"Property values were not valid: [{\"isValid\":false,\"message\":\"Property \\\"epicor_key\\\" does not exist\",\"error\":\"PROPERTY_DOESNT_EXIST\",\"name\":\"epicor_key\",\"localizedErrorMessage\":\"x\",\"portalId\":48112233}]",
 "correlationId":"c","errors":[{"message":"Property \"epicor_key\" does not exist","code":"PROPERTY_DOESNT_EXIST","context":{"propertyName":["epicor_key"]}}],"category":"VALIDATION_ERROR"}"#;
const BAD_OPTION: &str = r#"{"status":"error","message":"Property values were not valid: [{\"isValid\":false,\"message\":\"Lena Verhaeghe was not one of the allowed options: [vendor, customer]\",\"error\":\"INVALID_OPTION\",\"name\":\"epicor_record_type\"}]","correlationId":"c","category":"VALIDATION_ERROR"}"#;
const NOT_UNIQUE: &str = r#"{"status":"error","message":"Unable to perform update/upsert by non-unique 0-2 property epicor_key in portal ID 48112233","correlationId":"c"}"#;
const CONFLICT: &str = r#"{"status":"error","message":"Cannot set PropertyValueCoordinates{portalId=48112233, objectTypeId=ObjectTypeId{legacyObjectType=COMPANY}, propertyName=epicor_key, value=EPIC06:VEND:1042} on 19033419999. 19033410077 already has that value.","correlationId":"c","category":"VALIDATION_ERROR"}"#;
const DUPLICATES: &str = r#"{"status":"error","message":"Duplicate IDs found in batch input: [EPIC06:VEND:1042]. IDs must be unique","correlationId":"c","context":{"ids":["EPIC06:VEND:1042"]},"category":"VALIDATION_ERROR"}"#;
const TEN_SECONDLY: &str = r#"{"status":"error","message":"You have reached your ten_secondly_rolling limit.","errorType":"RATE_LIMIT","correlationId":"c","policyName":"TEN_SECONDLY_ROLLING","groupName":"publicapi:private-app-api-calls-ten-secondly:48112233"}"#;
const DAILY: &str = r#"{"status":"error","message":"You have reached your daily limit.","errorType":"RATE_LIMIT","correlationId":"c","policyName":"DAILY"}"#;
const SEARCH_LIMIT: &str = r#"{"status":"error","message":"You have reached your secondly limit.","correlationId":"c","category":"RATE_LIMITS"}"#;
const INTERNAL: &str = r#"{"status":"error","message":"internal error","correlationId":"c"}"#;
const CLOUDFLARE: &str = "<html><head><title>522: Connection timed out</title></head><body>cloudflare</body></html>";
const HTML_404: &str = "<html><body><h2>HTTP ERROR 404</h2></body></html>";

#[test]
fn every_fixture_becomes_the_kind_that_says_what_to_do() {
    use FaultKind::{Limited, Rejected, Transient, Unauthorized};
    let table = [
        (401, UNKNOWN_TOKEN, Unauthorized, Some("INVALID_AUTHENTICATION")),
        (401, EXPIRED_TOKEN, Unauthorized, Some("EXPIRED_AUTHENTICATION")),
        (403, SCOPES_IN_ERRORS, Unauthorized, Some("MISSING_SCOPES")),
        (403, SCOPES_ON_TOP, Unauthorized, Some("MISSING_SCOPES")),
        (403, "<html>", Unauthorized, Some("FORBIDDEN")),
        (400, UNKNOWN_PROPERTY, Rejected, Some("PROPERTY_DOESNT_EXIST")),
        (400, BAD_OPTION, Rejected, Some("INVALID_OPTION")),
        (400, NOT_UNIQUE, Rejected, Some("KEY_NOT_UNIQUE")),
        (400, CONFLICT, Transient, Some("KEY_RACE")),
        (400, DUPLICATES, Rejected, Some("VALIDATION_ERROR")),
        (400, "", Rejected, None),
        (404, HTML_404, Rejected, Some("PATH_UNKNOWN")),
        (404, r#"{"category":"OBJECT_NOT_FOUND"}"#, Rejected, Some("OBJECT_NOT_FOUND")),
        (408, "", Transient, None),
        (423, r#"{"message":"locked"}"#, Transient, Some("LOCKED")),
        (429, TEN_SECONDLY, Limited, Some("TEN_SECONDLY")),
        (429, DAILY, Limited, Some("DAILY")),
        (429, SEARCH_LIMIT, Limited, Some("SECONDLY")),
        (429, "error code: 1015", Limited, Some("RATE_LIMIT")),
        (477, "{}", Limited, Some("ACCOUNT_MOVING")),
        (500, INTERNAL, Transient, Some("INTERNAL_ERROR")),
        (502, "<html>", Transient, None),
        (504, "<html>", Transient, None),
        (522, CLOUDFLARE, Transient, None),
        (526, CLOUDFLARE, Transient, Some("EDGE_TLS")),
        (418, "[]", Rejected, None),
    ];
    for (status, body, kind, code) in table {
        let fault = of(status, body).fault;
        assert_eq!((fault.kind, fault.code.as_deref()), (kind, code), "{status} {body}");
        assert_eq!((fault.system, fault.status), (System::Hubspot, Some(status)));
        assert!(!fault.message.is_empty() && !fault.message.contains('<'), "{}", fault.message);
    }
}

#[test]
fn a_missing_scope_is_named_in_both_variants() {
    assert!(of(403, SCOPES_IN_ERRORS).fault.message.contains("crm.schemas.companies.write"));
    assert!(of(403, SCOPES_ON_TOP).fault.message.contains("crm.objects.companies.write"));
}

#[test]
fn our_own_key_that_vanished_stops_the_whole_batch_and_asks_for_the_set_up() {
    let refusal = of(400, UNKNOWN_PROPERTY);
    assert_eq!(refusal.blame, Blame::TheWhole);
    assert_eq!(refusal.fault.field.as_deref(), Some("epicor_key"));
    assert!(refusal.fault.message.contains("mlc ping --set-up"), "{}", refusal.fault.message);
    assert_eq!(of(400, NOT_UNIQUE).blame, Blame::TheWhole);
}

#[test]
fn a_bad_value_is_explained_without_quoting_it() {
    let refusal = of(400, BAD_OPTION);
    assert_eq!(refusal.blame, Blame::SomeRecord);
    assert_eq!(refusal.fault.field.as_deref(), Some("epicor_record_type"));
    assert!(!refusal.fault.to_string().contains("Lena"), "{}", refusal.fault);
}

#[test]
fn waits_follow_the_servers_word_within_reason() {
    let wait = |status, headers: &[(&str, &str)]| of_with(status, headers, "{}").fault.retry_after().unwrap();
    assert_eq!(wait(423, &[]), Duration::from_secs(2));
    assert_eq!(wait(423, &[("Retry-After", "5")]), Duration::from_secs(5));
    assert_eq!(wait(477, &[("Retry-After", "7200")]), Duration::from_secs(7200));
    assert_eq!(wait(477, &[("Retry-After", "999999")]), Duration::from_secs(86_400));
}

#[test]
fn the_correlation_id_comes_from_the_body_or_from_the_header() {
    assert_eq!(of(500, INTERNAL).fault.correlation_id.as_deref(), Some("c"));
    let from_header = of_with(502, &[("X-HubSpot-Correlation-Id", "h-1")], "<html>").fault;
    assert_eq!(from_header.correlation_id.as_deref(), Some("h-1"));
}

#[test]
fn an_entry_of_a_207_becomes_a_fault_of_its_record() {
    let entry = |json: &str| entry_fault(&serde_json::from_str(json).unwrap(), "companies.batch_upsert", "epicor_key");
    let bad = entry(BAD_OPTION);
    assert_eq!((bad.kind, bad.code.as_deref()), (FaultKind::Rejected, Some("INVALID_OPTION")));
    assert_eq!(entry(SEARCH_LIMIT).kind, FaultKind::Limited);
    assert_eq!(entry(INTERNAL).kind, FaultKind::Transient);
    assert_eq!(entry(CONFLICT).kind, FaultKind::Transient);
    assert_eq!(entry("{}").kind, FaultKind::Rejected);
    let taken =
        entry(r#"{"category":"CONFLICT","message":"Contact already exists","context":{"existingId":["70155"]}}"#);
    assert_eq!((taken.kind, taken.code.as_deref()), (FaultKind::Rejected, Some("CONFLICT")));
}
