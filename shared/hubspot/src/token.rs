//! OAuth 2.0: access tokens from the refresh token. Source: HubSpot, "Manage OAuth tokens".

use std::time::Duration;

use mlc_model::{FaultKind, Fingerprint};
use mlc_outbound::{
    Answer, BoxFuture, Credentials, Door, IssuedToken, Method, Request, TokenFault, TokenIssuer, oauth_refusal,
};
use secrecy::{ExposeSecret, SecretString};

use crate::{
    limits::LimitPolicy,
    wire::{ErrorBody, TokenAnswer},
};

const OPERATION: &str = "token.issue";

/// Issues access tokens. HubSpot's refresh token has no fixed end and comes back unchanged.
pub(crate) struct RefreshToken {
    pub(crate) path: String,
    pub(crate) client_id: SecretString,
    pub(crate) client_secret: SecretString,
    pub(crate) refresh_token: SecretString,
}

impl RefreshToken {
    /// Asks for an access token now.
    ///
    /// # Errors
    /// `Unauthorized` when the refresh token or the app's secret is refused: somebody has to connect again.
    pub(crate) async fn ask(&self, door: &Door) -> Result<TokenAnswer, TokenFault> {
        let request = Request::new(Method::POST, &self.path, OPERATION)
            .form(&[
                ("grant_type", "refresh_token"),
                ("refresh_token", self.refresh_token.expose_secret()),
                ("client_id", self.client_id.expose_secret()),
                ("client_secret", self.client_secret.expose_secret()),
            ])
            .writes(false);
        let answer = door.ask_for_token(&request, &Credentials::none()).await?;
        if answer.is_success() {
            return answer.token_json();
        }
        Err(refused(&answer))
    }
}

/// What a refusal of the token endpoint means. Its text may quote the token, so it is never passed on.
fn refused(answer: &Answer) -> TokenFault {
    let body = serde_json::from_slice::<ErrorBody>(answer.body()).unwrap_or_default();
    let fault = |kind, words: &'static str| TokenFault::of(kind, answer, &[words]);
    match answer.status() {
        429 => fault(FaultKind::Limited, "HubSpot's token endpoint asks for a pause")
            .with_retry_after(LimitPolicy::Unknown.wait(answer.retry_after(), None, 0.0)),
        500..=599 => fault(FaultKind::Transient, "HubSpot's token endpoint is out of order for a moment"),
        477 => fault(FaultKind::Limited, "HubSpot is moving this account to another data centre")
            .with_retry_after(crate::limits::moving_wait(answer.retry_after())),
        404 | 405 => fault(FaultKind::Unauthorized, "HubSpot has no token endpoint here: check `base_url` and `api_version`"),
        _ if body.status.as_deref() == Some("BAD_REFRESH_TOKEN") || refuses_refresh_token(&body) => fault(
            FaultKind::Unauthorized,
            "the refresh token is invalid, expired or revoked: connect the app to HubSpot again and set the new `refresh_token`",
        )
        .with_code("BAD_REFRESH_TOKEN"),
        status if status == 401 || oauth_refusal(answer).is_some() || names_the_app(&body) => fault(
            FaultKind::Unauthorized,
            "HubSpot refuses the OAuth app: check `client_id`, `client_secret` and `refresh_token`",
        )
        .with_code("TOKEN_REFUSED"),
        // A page of a proxy or a bad moment: nobody has to connect again.
        _ => fault(FaultKind::Transient, "HubSpot's token endpoint gives no token for a moment"),
    }
}

/// Older wordings have no status of their own.
fn refuses_refresh_token(body: &ErrorBody) -> bool {
    let reasons = ["missing", "invalid", "expired", "revoked", "unknown"];
    body.error_description
        .iter()
        .chain(&body.message)
        .map(|text| text.to_ascii_lowercase())
        .any(|text| text.contains("refresh token") && reasons.iter().any(|reason| text.contains(reason)))
}

/// HubSpot's own names for what OAuth calls `invalid_client` and `unsupported_grant_type`, should it leave OAuth's out.
fn names_the_app(body: &ErrorBody) -> bool {
    matches!(body.status.as_deref(), Some("BAD_CLIENT_ID" | "BAD_CLIENT_SECRET" | "BAD_GRANT_TYPE"))
}

impl TokenIssuer for RefreshToken {
    fn cache_key(&self) -> String {
        // Another refresh token is another identity, whose access tokens must not be mixed up with the old one's.
        let identity = (self.client_id.expose_secret(), self.refresh_token.expose_secret());
        match Fingerprint::of(&identity) {
            Ok(fingerprint) => format!("hubspot-{fingerprint}"),
            Err(_) => "hubspot".to_owned(),
        }
    }

    fn issue<'a>(&'a self, door: &'a Door) -> BoxFuture<'a, Result<IssuedToken, TokenFault>> {
        Box::pin(async move {
            let answer = self.ask(door).await?;
            Ok(IssuedToken {
                secret: SecretString::from(answer.access_token),
                expires_in: Duration::from_secs(answer.expires_in),
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use mlc_model::{Fault, System};

    use super::*;

    fn refused(status: u16, headers: &[(&str, &str)], body: &'static str) -> Fault {
        super::refused(&Answer::recorded(System::Hubspot, OPERATION, false, status, headers, body)).into()
    }

    #[test]
    fn a_revoked_refresh_token_asks_a_person_to_connect_again() {
        let body = r#"{"error":"invalid_grant","error_description":"refresh token is invalid, expired or revoked",
            "status":"BAD_REFRESH_TOKEN","message":"refresh token is invalid, expired or revoked"}"#;
        let fault = refused(400, &[], body);
        assert_eq!((fault.kind, fault.code.as_deref()), (FaultKind::Unauthorized, Some("BAD_REFRESH_TOKEN")));
        let older = refused(400, &[], r#"{"message":"missing or invalid refresh token"}"#);
        assert_eq!(older.code.as_deref(), Some("BAD_REFRESH_TOKEN"));
    }

    #[test]
    fn only_a_refused_app_or_token_and_a_wrong_address_hold_the_connection() {
        for (status, body) in [
            (401, "{}"),
            (400, r#"{"error":"invalid_client"}"#),
            (400, r#"{"status":"BAD_CLIENT_SECRET","message":"missing or unknown client secret"}"#),
            (404, "<html>"),
        ] {
            assert_eq!(refused(status, &[], body).kind, FaultKind::Unauthorized, "{status} {body}");
        }
        for (status, body) in [
            (400, "<html>"),
            (
                400,
                r#"{"error":"temporarily_unavailable","error_description":"the refresh token cannot be looked up now"}"#,
            ),
            (403, "<html>blocked: invalid_client"),
            (408, ""),
            (413, "<html>"),
            (425, ""),
        ] {
            assert_eq!(refused(status, &[], body).kind, FaultKind::Transient, "{status} {body}");
        }
    }

    #[test]
    fn the_token_endpoints_own_limit_and_bad_moments_are_no_refusal() {
        let limited = refused(429, &[("retry-after", "20")], r#"{"message":"You have reached your rate limit."}"#);
        assert_eq!((limited.kind, limited.retry_after_ms), (FaultKind::Limited, Some(20_000)));
        assert_eq!(refused(502, &[], "<html>").kind, FaultKind::Transient);
        assert_eq!(refused(401, &[], "{}").kind, FaultKind::Unauthorized);
    }
}
