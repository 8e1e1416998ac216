//! Access tokens of Adobe's identity service, for SaaS shops.

use std::{fmt, time::Duration};

use mlc_model::{Fault, FaultKind, System};
use mlc_outbound::{Answer, BoxFuture, Credentials, Door, IssuedToken, Method, Request, TokenIssuer};
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

    fn issue<'a>(&'a self, door: &'a Door) -> BoxFuture<'a, Result<IssuedToken, Fault>> {
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
            token_in(&door.send(&request, &Credentials::none()).await?)
        })
    }
}

#[derive(Deserialize)]
struct Issued {
    access_token: Option<String>,
    expires_in: Option<u64>,
}

#[derive(Deserialize)]
struct Refused {
    error: Option<String>,
}

fn token_in(answer: &Answer) -> Result<IssuedToken, Fault> {
    if !answer.is_success() {
        return Err(refusal(answer));
    }
    let issued: Issued = answer.json()?;
    match issued.access_token.filter(|token| !token.is_empty()) {
        Some(token) => Ok(IssuedToken {
            secret: SecretString::from(token),
            expires_in: issued.expires_in.filter(|secs| *secs > 0).map_or(DEFAULT_LIFETIME, Duration::from_secs),
        }),
        None => Err(Fault::new(FaultKind::Transient, System::Adobe, OPERATION, "Adobe's answer holds no token.")
            .with_code("answer.shape")),
    }
}

/// IMS' description may repeat what was sent; only its code is passed on.
fn refusal(answer: &Answer) -> Fault {
    if answer.status() == 429 || answer.status() >= 500 {
        return fault::classify(OPERATION, answer);
    }
    let error = serde_json::from_slice::<Refused>(answer.body()).ok().and_then(|refused| refused.error);
    let known = ["invalid_client", "invalid_scope", "unauthorized_client", "unsupported_grant_type", "invalid_grant"];
    let name = known.into_iter().find(|known| error.as_deref() == Some(known)).unwrap_or("the request is refused");
    let fix = match name {
        _ if matches!(answer.status(), 404 | 405) => {
            "Check ims.token_url in the settings: no tokens are given at this address."
        }
        "invalid_scope" => "Check the scopes in the settings against those the Developer Console shows.",
        "unauthorized_client" => "Allow server-to-server access for this credential in the Developer Console.",
        _ => "Check the secrets client_id and client_secret against the Developer Console.",
    };
    Fault::new(FaultKind::Unauthorized, System::Adobe, OPERATION, format!("Adobe gives no token: {name}. {fix}"))
        .with_status(answer.status())
        .with_code(code::BAD_LOGIN)
}

/// Tells identities apart in a cache key without showing them: FNV-1a, the same in every process and release.
fn identity(parts: &[&str]) -> u64 {
    let bytes = parts.iter().flat_map(|part| part.bytes().chain([0]));
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]
    use super::*;

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
        let fault = token_in(&answer(400, body)).err().unwrap();
        assert_eq!((fault.kind, fault.code.as_deref()), (FaultKind::Unauthorized, Some(code::BAD_LOGIN)));
        assert!(fault.message.contains("client_secret") && !fault.message.contains("s3cret"), "{fault}");
    }

    #[test]
    fn a_wrong_address_is_not_called_a_wrong_secret() {
        let fault = token_in(&answer(404, "<html>")).err().unwrap();
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
        assert_eq!(token_in(&answer(503, "<html>")).err().unwrap().kind, FaultKind::Transient);
        assert_eq!(token_in(&answer(200, "{}")).err().unwrap().kind, FaultKind::Transient);
    }
}
