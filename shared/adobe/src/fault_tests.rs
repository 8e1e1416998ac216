use super::*;

fn fault_of(writes: bool, status: u16, headers: &[(&str, &str)], body: &str) -> Fault {
    classify(
        "orders.create",
        &Answer::recorded(System::Adobe, "orders.create", writes, status, headers, body.to_owned()),
    )
}

fn fault(status: u16, body: &str) -> Fault {
    fault_of(true, status, &[], body)
}

fn is(fault: &Fault, kind: FaultKind, code: &str) -> bool {
    fault.kind == kind && fault.code.as_deref() == Some(code)
}

#[test]
fn a_double_is_told_by_its_text() {
    let fault = fault(400, r#"{"message":"Unique constraint violation found"}"#);
    assert!(is(&fault, FaultKind::Rejected, code::DUPLICATE));
}

#[test]
fn a_missing_right_holds_the_connection_and_names_the_resource() {
    let body = r#"{"message":"The consumer isn't authorized to access %resources.","parameters":{"resources":"Magento_Sales::api_actions"}}"#;
    let fault = fault(401, body);
    assert!(is(&fault, FaultKind::Unauthorized, code::ACL));
    assert_eq!(fault.field.as_deref(), Some("Magento_Sales::api_actions"));
    assert!(fault.message.contains("Magento_Sales::api_actions"));
}

#[test]
fn refused_signatures_nonces_clocks_and_tokens_are_told_apart() {
    let of = |message: &str| fault(401, &format!(r#"{{"message":"{message}"}}"#));
    let signature = of("The signature is invalid. Verify and try again.");
    assert!(is(&signature, FaultKind::Unauthorized, code::BAD_SIGNATURE) && wants_new_signature(&signature));
    let nonce = of("The nonce is already being used by the consumer with ID %1");
    assert!(is(&nonce, FaultKind::Unauthorized, code::NONCE_USED) && wants_new_signature(&nonce));
    let clock = of("An error occurred validating the nonce");
    assert!(is(&clock, FaultKind::Unauthorized, code::CLOCK) && !wants_new_signature(&clock));
    assert!(is(&of("Access token has been revoked"), FaultKind::Unauthorized, code::BAD_LOGIN));
    assert!(is(&fault(401, ""), FaultKind::Unauthorized, code::BAD_LOGIN));
}

#[test]
fn credentials_that_the_shop_refuses_with_a_400_hold_the_connection_too() {
    for writes in [true, false] {
        let of = |body: &str| fault_of(writes, 400, &[], body);
        let length = of(r#"{"message":"The token length is invalid. Check the length and try again."}"#);
        assert!(is(&length, FaultKind::Unauthorized, code::BAD_LOGIN), "{length:?}");
        assert!(length.message.contains("`token`"), "{length}");
        let method = of(r#"{"message":"Signature method %1 is not supported","parameters":["HMAC-SHA256"]}"#);
        assert!(is(&method, FaultKind::Unauthorized, code::BAD_LOGIN), "{method:?}");
    }
}

#[test]
fn the_three_shapes_of_500_leave_a_write_uncertain_and_a_read_to_be_repeated() {
    let shapes = [
        (
            r#"{"message":"Internal Error. Details are available in Magento log file. Report ID: webapi-63c1d2e8a4f10"}"#,
            code::INTERNAL_ERROR,
        ),
        ("An error has happened during application run. See exception log for details.", code::PHP_ERROR),
        ("<!doctype html><html><body>", code::WEB_PAGE),
        (
            r#"{"messages":{"error":[{"code":500,"message":"Server internal error. See details in report api/12"}]}}"#,
            code::INTERNAL_ERROR,
        ),
    ];
    for (body, expected) in shapes {
        assert!(is(&fault_of(true, 500, &[], body), FaultKind::Uncertain, expected), "{body}");
        assert!(is(&fault_of(false, 500, &[], body), FaultKind::Transient, expected), "{body}");
    }
    assert_eq!(fault(500, shapes[0].0).correlation_id.as_deref(), Some("webapi-63c1d2e8a4f10"));
}

#[test]
fn an_order_that_is_invoiced_already_is_told_from_lines_that_cannot_be_invoiced() {
    let done = r#"{"message":"Invoice Document Validation Error(s):\nThe invoice can't be created without products. Add products and try again.\nThe order does not allow an invoice to be created."}"#;
    let none = r#"{"message":"Invoice Document Validation Error(s):\nThe invoice can't be created without products. Add products and try again."}"#;
    let state = r#"{"message":"Invoice Document Validation Error(s):\nAn invoice cannot be created when an order has a status of complete"}"#;
    let much = r#"{"message":"We found an invalid quantity to invoice item \"%1\".","parameters":["Widget one"]}"#;
    assert!(is(&fault(400, done), FaultKind::Rejected, code::NOTHING_TO_INVOICE));
    assert!(is(&fault(400, none), FaultKind::Rejected, code::NO_INVOICE_LINES));
    assert!(is(&fault(400, state), FaultKind::Rejected, code::ORDER_STATE));
    let much = fault(400, much);
    assert!(is(&much, FaultKind::Rejected, code::INVOICE_QUANTITY) && much.message.contains("Widget one"));
}

#[test]
fn a_shop_without_custom_attributes_is_recognised() {
    let body = |field: &str| {
        format!(
            r#"{{"message":"\"%fieldName\" is not supported. Correct the field name and try again.","parameters":{{"fieldName":"{field}"}}}}"#
        )
    };
    assert!(refuses_custom_attributes(&fault(400, &body("CustomAttributes"))));
    assert!(refuses_custom_attributes(&fault(400, &body("custom_attributes"))));
    let other = fault(400, &body("NoSuchField"));
    assert!(is(&other, FaultKind::Rejected, code::UNKNOWN_FIELD) && !refuses_custom_attributes(&other));
}

#[test]
fn a_missing_module_is_told_from_a_missing_record() {
    assert!(is(&fault(404, r#"{"message":"Request does not match any route."}"#), FaultKind::Rejected, code::NO_ROUTE));
    let record = r#"{"message":"The entity that was requested doesn't exist. Verify the entity and try again."}"#;
    assert!(is(&fault(404, record), FaultKind::Rejected, code::NOT_FOUND));
    assert!(is(
        &fault(400, r#"{"message":"Specified request cannot be processed."}"#),
        FaultKind::Rejected,
        code::NO_STORE
    ));
}

#[test]
fn fewer_requests_are_asked_for_in_seconds_or_not_at_all() {
    let body = r#"{"message":"Too Many Requests","trace":null}"#;
    let hinted = fault_of(true, 429, &[("retry-after", "7")], body);
    assert!(is(&hinted, FaultKind::Limited, code::TOO_MANY_REQUESTS));
    assert_eq!(hinted.retry_after(), Some(Duration::from_secs(7)));
    assert_eq!(fault(429, "<html>").retry_after(), Some(TOO_MANY_WAIT));
    let absurd = fault_of(true, 429, &[("retry-after", "999999")], body);
    assert_eq!(absurd.retry_after(), Some(LONGEST_WAIT));
}

#[test]
fn maintenance_is_waited_for() {
    let fault = fault_of(false, 503, &[], "<html>maintenance</html>");
    assert!(is(&fault, FaultKind::Transient, code::WEB_PAGE));
    assert_eq!(fault.retry_after(), Some(MAINTENANCE_WAIT));
    assert_eq!(fault_of(false, 403, &[], "<html>blocked</html>").kind, FaultKind::Transient);
}

#[test]
fn a_deadlock_is_tried_again() {
    let body = r#"{"message":"SQLSTATE[40001]: Serialization failure: 1213 Deadlock found when trying to get lock"}"#;
    assert!(is(&fault(400, body), FaultKind::Transient, code::LOCKED));
}

#[test]
fn a_source_that_is_not_valid_names_its_field() {
    let body = r#"{"message":"Validation Failed","errors":[{"message":"\"%field\" can not be empty.","parameters":{"field":"postcode"}}]}"#;
    let fault = fault(400, body);
    assert!(is(&fault, FaultKind::Rejected, code::MISSING_FIELD));
    assert_eq!(fault.field.as_deref(), Some("postcode"));
}
