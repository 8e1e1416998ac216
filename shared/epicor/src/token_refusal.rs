//! What it means when there is no token, told without a word of the answer: Epicor repeats what it was sent, and here that is a password.

use std::time::Duration;

use mlc_model::{Fault, FaultKind};
use mlc_outbound::{Answer, TokenFault, oauth_refusal};

use crate::fault::{self, ErrorBody, Refusal, code};

/// Longest hint of an issuer that is passed on. Epicor's own waits are minutes.
const LONGEST_BELIEVED: Duration = Duration::from_secs(3_600);

const OPERATION: &str = "token.issue";

/// A refusal of `TokenResource.svc`.
pub(crate) fn of_token_resource(answer: &Answer) -> TokenFault {
    let refused = |words| TokenFault::of(FaultKind::Unauthorized, answer, &[words]);
    // By its type a refusal of Epicor's own is known from a page of a proxy; 403 is the documented one for menus and scopes.
    let is_refused = answer.status() == 401
        || (400..500).contains(&answer.status())
            && ErrorBody::read(answer.body()).is_type("UnauthorizedAccessException");
    if let Some(fault) = passing(answer, is_refused) {
        return fault;
    }
    match (answer.status(), classified(answer).code.as_deref()) {
        (404 | 405, _) => refused(
            "Epicor gives no tokens at this address. Check base_url in the settings of the connection.",
        )
        .with_code(code::NOT_FOUND),
        (_, Some(code::BAD_API_KEY)) => refused(
            "Epicor refused the API key: it is missing, wrong, expired, or of another environment or company.",
        )
        .with_code(code::BAD_API_KEY),
        (_, Some(code::ACCESS_DENIED)) => refused(
            "Epicor's user or API key has no right to a token. Grant it in the access scope of the key or in the user's security groups.",
        )
        .with_code(code::ACCESS_DENIED),
        _ => refused("Epicor refused the login: user name or password is wrong, locked or expired.")
            .with_code(code::BAD_LOGIN),
    }
}

/// A refusal of an OAuth2 issuer.
pub(crate) fn of_oauth(answer: &Answer) -> TokenFault {
    let name = oauth_refusal(answer);
    if let Some(fault) = passing(answer, answer.status() == 401 || name.is_some()) {
        return fault;
    }
    let fix = match name {
        _ if matches!(answer.status(), 404 | 405) => {
            "Check token_url in the settings of the connection: no tokens are given at this address."
        }
        Some("invalid_scope") => "Check the scope in the settings of the connection.",
        Some("unauthorized_client" | "unsupported_grant_type") => "Allow the grant for this application at the issuer.",
        _ => "Check the secrets client_id and client_secret, and whether the application is enabled.",
    };
    let words = ["The token issuer refused the login: ", name.unwrap_or("it gives no reason"), ". ", fix];
    let is_elsewhere = matches!(answer.status(), 404 | 405);
    TokenFault::of(FaultKind::Unauthorized, answer, &words).with_code(if is_elsewhere {
        code::NOT_FOUND
    } else {
        code::BAD_LOGIN
    })
}

/// What says nothing about the login: all that is neither a refusal nor a wrong address, such as a proxy's page.
fn passing(answer: &Answer, is_refused: bool) -> Option<TokenFault> {
    let told = |kind, words| TokenFault::of(kind, answer, &[words]);
    let judged = classified(answer);
    let fault = match (answer.status(), judged.code.as_deref()) {
        (_, Some(code::NO_LICENSE)) => {
            told(FaultKind::Limited, "Epicor has no free licence for a token at the moment.")
                .with_code(code::NO_LICENSE)
        }
        (_, Some(code::CONVERSIONS_PENDING)) => {
            told(FaultKind::Transient, "Epicor is being upgraded: conversions are pending.")
                .with_code(code::CONVERSIONS_PENDING)
        }
        (429, _) => told(FaultKind::Limited, "The token issuer, or a gateway before it, asks for fewer requests.")
            .with_code(code::TOO_MANY_REQUESTS),
        (404 | 405, _) => return None,
        _ if is_refused => return None,
        _ => told(FaultKind::Transient, "The token issuer gives no token for a moment."),
    };
    // A gateway's nonsense would otherwise put the job off for a week.
    Some(match judged.retry_after() {
        Some(wait) => fault.with_retry_after(wait.min(LONGEST_BELIEVED)),
        None => fault,
    })
}

/// How the same answer would be taken from any other service; only its code and its wait are used.
fn classified(answer: &Answer) -> Fault {
    let refusal = Refusal { status: answer.status(), retry_after: answer.retry_after(), body: answer.body() };
    fault::classify(OPERATION, &refusal)
}

#[cfg(test)]
mod tests {
    use mlc_model::System;

    use super::*;

    fn answer(status: u16, body: &'static str) -> Answer {
        Answer::recorded(System::Epicor, OPERATION, false, status, &[], body)
    }

    fn of_both(status: u16, body: &'static str) -> [Fault; 2] {
        [of_token_resource(&answer(status, body)).into(), of_oauth(&answer(status, body)).into()]
    }

    #[test]
    fn a_refused_client_holds_the_connection_and_says_what_to_do() {
        let refused = answer(400, r#"{"error":"invalid_client","error_description":"s3cret"}"#);
        let fault = Fault::from(of_oauth(&refused));
        assert_eq!(fault.kind, FaultKind::Unauthorized);
        assert!(fault.message.contains("invalid_client. Check the secrets client_id and client_secret"), "{fault}");
        for fault in of_both(404, "") {
            assert_eq!(fault.kind, FaultKind::Unauthorized);
            assert!(fault.message.contains("in the settings") && !fault.message.contains("client_secret"), "{fault}");
        }
        for fault in of_both(503, "<html>") {
            assert_eq!(fault.kind, FaultKind::Transient);
        }
    }

    #[test]
    fn only_a_refused_login_and_a_wrong_address_hold_the_connection() {
        let denied = r#"{"ErrorMessage":"Access denied.","ErrorType":"System.UnauthorizedAccessException"}"#;
        for (status, body) in [(401, ""), (401, denied), (403, denied), (404, "<html>"), (405, "")] {
            let fault = Fault::from(of_token_resource(&answer(status, body)));
            assert_eq!(fault.kind, FaultKind::Unauthorized, "{status} {body}");
        }
        for (status, body) in [
            (401, ""),
            (400, r#"{"error":"invalid_grant"}"#),
            (403, r#"{"error":"access_denied"}"#),
            (400, r#"{"error":"unsupported_grant_type"}"#),
        ] {
            assert_eq!(Fault::from(of_oauth(&answer(status, body))).kind, FaultKind::Unauthorized, "{status} {body}");
        }
        for (status, body) in [
            (400, ""),
            (400, r#"{"error":"temporarily_unavailable"}"#),
            (400, r#"{"error":"server_error"}"#),
            (400, r#"{"error":"slow_down"}"#),
            (403, "<html>blocked, see your api key"),
            (408, ""),
            (413, "<html>"),
            (425, ""),
            (500, r#"{"error":"invalid_client","ErrorType":"System.UnauthorizedAccessException"}"#),
        ] {
            for fault in of_both(status, body) {
                assert_eq!(fault.kind, FaultKind::Transient, "{status} {body}");
                assert!(!fault.message.contains("Check"), "{fault}");
            }
        }
        for fault in of_both(429, "<html>") {
            assert_eq!(fault.kind, FaultKind::Limited);
        }
    }

    #[test]
    fn a_wait_beyond_an_hour_is_not_believed() {
        for status in [429, 503] {
            for (asked, told) in [("20", 20), ("4000000000", 3_600)] {
                let hint = [("retry-after", asked)];
                let answer = Answer::recorded(System::Epicor, OPERATION, false, status, &hint, "<html>");
                for fault in [Fault::from(of_token_resource(&answer)), Fault::from(of_oauth(&answer))] {
                    assert_eq!(fault.retry_after().map(|wait| wait.as_secs()), Some(told), "{status} {asked}");
                }
            }
        }
    }

    #[test]
    fn no_word_of_an_answer_is_passed_on() {
        for (status, body) in [
            (400, r#"{"error":"s3cret","error_description":"s3cret"}"#),
            (
                400,
                r#"{"ErrorMessage":"s3cret","ErrorType":"Ice.s3cret","CorrelationId":"s3cret","ErrorDetails":[{"Field":"s3cret"}]}"#,
            ),
            (400, r#"{"ErrorMessage":"Could not find a property named 's3cret' on type","ErrorType":"x"}"#),
            (401, r#"{"ErrorMessage":"Access denied (s3cret).","ErrorType":"System.UnauthorizedAccessException"}"#),
            (401, r#"{"ErrorMessage":"Invalid API Key s3cret.","ErrorType":"System.UnauthorizedAccessException"}"#),
            (500, r#"{"ErrorMessage":"Could not validate password: s3cret","ErrorType":"s3cret"}"#),
            (502, r#"{"error":{"message":"client_secret=s3cret"}}"#),
        ] {
            for fault in of_both(status, body) {
                assert!(!format!("{fault:?}").contains("s3cret"), "{status} {body}: {fault:?}");
            }
        }
    }
}
