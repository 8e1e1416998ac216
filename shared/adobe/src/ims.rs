//! Access tokens of Adobe's identity service, for SaaS shops.

use std::{fmt, time::Duration};

use mlc_model::FaultKind;
use mlc_outbound::{
    Answer, BoxFuture, Credentials, Door, IssuedToken, Method, Request, TokenFault, TokenIssuer, oauth_refusal,
};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use crate::fault::{self, code};

const OPERATION: &str = "token.issue";

/// How long a token holds when the answer does not say. All samples say a day.
///
/// Source: Adobe Developer Console guides, server-to-server authentication.
const DEFAULT_LIFETIME: Duration = Duration::from_secs(3_600);

/// Client credentials at IMS. There is no refresh token: the same request is sent again.
///
/// Source: Adobe Developer Console guides, server-to-server authentication.
pub(crate) struct ImsLogin {
    pub(crate) token_url: String,
    pub(crate) client_id: SecretString,
    pub(crate) client_secret: SecretString,
    /// Comma list, as the Developer Console shows it for the credential.
    pub(crate) scopes: String,
}

impl fmt::Debug for ImsLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ImsLogin").field("token_url", &self.token_url).finish_non_exhaustive()
    }
}

impl TokenIssuer for ImsLogin {
    fn cache_key(&self) -> String {
        // With a changed secret a new token is asked for at once: the old one would hide for a day that the secret is wrong.
        let secret = hex::encode(&Sha256::digest(self.client_secret.expose_secret())[..8]);
        let identity = identity(&[&self.token_url, self.client_id.expose_secret(), &self.scopes]);
        format!("adobe-ims-{identity:016x}-{secret}")
    }

    fn issue<'a>(&'a self, door: &'a Door) -> BoxFuture<'a, Result<IssuedToken, TokenFault>> {
        Box::pin(async move {
            let request = Request::to(Method::POST, self.token_url.as_str(), OPERATION)
                .header("accept", "application/json")
                .form(&[
                    ("client_id", self.client_id.expose_secret()),
                    ("client_secret", self.client_secret.expose_secret()),
                    ("grant_type", "client_credentials"),
                    ("scope", &self.scopes),
                ])
                .timeout(Duration::from_secs(15))
                .writes(false);
            token_in(&door.ask_for_token(&request, &Credentials::none()).await?)
        })
    }
}

#[derive(Deserialize)]
struct Issued {
    access_token: Option<String>,
    expires_in: Option<u64>,
}

fn token_in(answer: &Answer) -> Result<IssuedToken, TokenFault> {
    if !answer.is_success() {
        return Err(refusal(answer));
    }
    let issued: Issued = answer.token_json()?;
    match issued.access_token.filter(|token| !token.is_empty()) {
        Some(token) => Ok(IssuedToken {
            secret: SecretString::from(token),
            expires_in: issued.expires_in.filter(|secs| *secs > 0).map_or(DEFAULT_LIFETIME, Duration::from_secs),
        }),
        None => Err(TokenFault::of(FaultKind::Transient, answer, &["Adobe's answer holds no token."])
            .with_code(code::WRONG_SHAPE)),
    }
}

/// IMS' texts may repeat what was sent; only its code is passed on.
fn refusal(answer: &Answer) -> TokenFault {
    let status = answer.status();
    if status == 429 {
        let wait = fault::too_many_wait(answer);
        return TokenFault::of(FaultKind::Limited, answer, &["Adobe's identity service asks for fewer requests."])
            .with_code(code::TOO_MANY_REQUESTS)
            .with_retry_after(wait);
    }
    let error = oauth_refusal(answer);
    // Anything else is a page of a proxy or a bad moment, which no person mends by entering secrets.
    if error.is_none() && !matches!(status, 401 | 404 | 405) {
        return TokenFault::of(
            FaultKind::Transient,
            answer,
            &["Adobe's identity service gives no token for a moment."],
        );
    }
    let fix = match error {
        _ if matches!(status, 404 | 405) => "Check ims.token_url in the settings: no tokens are given at this address.",
        Some("invalid_scope") => "Check the scopes in the settings against those the Developer Console shows.",
        Some("unauthorized_client") => "Allow server-to-server access for this credential in the Developer Console.",
        _ => "Check the secrets client_id and client_secret against the Developer Console.",
    };
    let words = ["Adobe gives no token: ", error.unwrap_or("the request is refused"), ". ", fix];
    TokenFault::of(FaultKind::Unauthorized, answer, &words).with_code(code::BAD_LOGIN)
}

/// Tells identities apart in a cache key without showing them: FNV-1a, the same in every process and release.
fn identity(parts: &[&str]) -> u64 {
    let bytes = parts.iter().flat_map(|part| part.bytes().chain([0]));
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]
    use mlc_model::{Fault, System};

    use super::*;

    fn refused(status: u16, body: &'static str) -> Fault {
        token_in(&answer(status, body)).err().unwrap().into()
    }

    fn answer(status: u16, body: &'static str) -> Answer {
        Answer::recorded(System::Adobe, OPERATION, false, status, &[], body.as_bytes())
    }

    #[test]
    fn a_token_holds_as_long_as_the_answer_says() {
        let body = r#"{"access_token":"t.o.k","token_type":"bearer","expires_in":86399}"#;
        let token = token_in(&answer(200, body)).unwrap();
        assert_eq!((token.secret.expose_secret(), token.expires_in.as_secs()), ("t.o.k", 86_399));
    }

    #[test]
    fn a_refused_client_holds_the_connection_and_shows_no_secret() {
        let body = r#"{"error":"invalid_client","error_description":"p8e-s3cret is wrong"}"#;
        let fault = refused(400, body);
        assert_eq!((fault.kind, fault.code.as_deref()), (FaultKind::Unauthorized, Some(code::BAD_LOGIN)));
        assert!(fault.message.contains("client_secret") && !fault.message.contains("s3cret"), "{fault}");
    }

    #[test]
    fn only_a_refused_credential_and_a_wrong_address_hold_the_connection() {
        for (status, body) in [
            (401, ""),
            (403, r#"{"error":"access_denied"}"#),
            (400, r#"{"error":"invalid_scope"}"#),
            (400, r#"{"error":"unauthorized_client"}"#),
            (404, "<html>"),
            (405, ""),
        ] {
            assert_eq!(refused(status, body).kind, FaultKind::Unauthorized, "{status} {body}");
        }
        for (status, body) in [
            (400, "<html>"),
            (400, r#"{"error":"temporarily_unavailable"}"#),
            (400, r#"{"error":"server_error"}"#),
            (403, "<html>blocked: invalid_client"),
            (408, ""),
            (413, "<html>"),
            (425, ""),
            (500, r#"{"error":"invalid_client"}"#),
        ] {
            let fault = refused(status, body);
            assert_eq!(fault.kind, FaultKind::Transient, "{status} {body}");
            assert!(!fault.message.contains("Check"), "{fault}");
        }
    }

    #[test]
    fn no_word_of_an_answer_is_passed_on() {
        for (status, body) in [
            (400, r#"{"error":"p8e-s3cret","error_description":"p8e-s3cret"}"#),
            (429, r#"{"error":"p8e-s3cret"}"#),
            (500, r#"{"message":"action is not available p8e-s3cret","trace":"p8e-s3cret"}"#),
            (500, r#"{"message":"Internal Error. Details are available in Magento log file. Report ID: p8e-s3cret"}"#),
            (503, "p8e-s3cret deadlock"),
            (200, r#"{"access_token":{"s3cret":1}}"#),
        ] {
            let fault = refused(status, body);
            assert!(!format!("{fault:?}").contains("s3cret"), "{status} {body}: {fault:?}");
        }
    }

    #[test]
    fn a_wrong_address_is_not_called_a_wrong_secret() {
        let fault = refused(404, "<html>");
        assert!(fault.message.contains("ims.token_url") && !fault.message.contains("client_secret"), "{fault}");
    }

    #[test]
    fn a_token_of_the_old_secret_does_not_stand_for_a_changed_one() {
        let login = |secret: &str| ImsLogin {
            token_url: "https://ims.example/token".to_owned(),
            client_id: "id".to_owned().into(),
            client_secret: secret.to_owned().into(),
            scopes: "commerce.accs".to_owned(),
        };
        assert_eq!(login("p8e-s3cret").cache_key(), login("p8e-s3cret").cache_key());
        assert_ne!(login("p8e-s3cret").cache_key(), login("p8e-changed").cache_key());
        assert!(!login("p8e-s3cret").cache_key().contains("s3cret"));
    }

    #[test]
    fn a_tired_identity_service_is_asked_again() {
        assert_eq!(refused(503, "<html>").kind, FaultKind::Transient);
        assert_eq!(refused(200, "{}").kind, FaultKind::Transient);
    }
}
