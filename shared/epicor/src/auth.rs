//! Logins: what every call carries, and where tokens come from.

use std::{sync::Arc, time::Duration};

use mlc_model::{Fault, FaultKind, System};
use mlc_outbound::{Answer, BoxFuture, Credentials, Door, IssuedToken, Method, Request, TokenFault, TokenIssuer};
use secrecy::{ExposeSecret, SecretString};

use crate::{Address, EpicorAuth, EpicorSecrets, OAuthGrant, fault::code, token_refusal};

/// Header of the key that every v2 call carries besides its login.
///
/// Source: Epicor reference, section 2.1.
pub(crate) const API_KEY_HEADER: &str = "x-api-key";

/// How long a token is good for when the answer does not say.
///
/// Source: Epicor reference, section 2.2.
const DEFAULT_LIFETIME: Duration = Duration::from_secs(3_600);

const OPERATION: &str = "token.issue";

/// What the calls of a connection carry.
///
/// # Errors
/// `Unauthorized` naming the secret that is missing.
pub(crate) fn credentials(address: &Address, auth: &EpicorAuth, secrets: &EpicorSecrets) -> Result<Credentials, Fault> {
    let api_key = required(&secrets.api_key, "api_key")?;
    let credentials = match auth {
        EpicorAuth::Basic => Credentials::basic(user(secrets)?.expose_secret(), &password(secrets)?),
        EpicorAuth::TokenResource => Credentials::none().with_token(Arc::new(TokenResource {
            path: address.token_resource_path(),
            root: address.root().to_owned(),
            user: user(secrets)?,
            password: password(secrets)?,
            api_key: api_key.clone(),
        })),
        EpicorAuth::OAuth2 { token_url, scope, grant } => Credentials::none().with_token(Arc::new(OAuth2 {
            token_url: token_url.clone(),
            scope: scope.clone(),
            client_id: required(&secrets.client_id, "client_id")?,
            client_secret: required(&secrets.client_secret, "client_secret")?,
            login: match grant {
                OAuthGrant::ClientCredentials => None,
                OAuthGrant::Password => Some((user(secrets)?, password(secrets)?)),
            },
        })),
    };
    Ok(credentials.with_header(API_KEY_HEADER, api_key))
}

fn user(secrets: &EpicorSecrets) -> Result<SecretString, Fault> {
    required(&secrets.user, "user")
}

fn password(secrets: &EpicorSecrets) -> Result<SecretString, Fault> {
    required(&secrets.password, "password")
}

fn required(secret: &Option<SecretString>, name: &'static str) -> Result<SecretString, Fault> {
    match secret {
        Some(secret) if !secret.expose_secret().trim().is_empty() => Ok(secret.clone()),
        _ => {
            // The client, which knows the connection's name, adds what to do.
            let message = format!("The secret `{name}` is not set.");
            Err(refused(&message)
                .with_code(if name == "api_key" { code::BAD_API_KEY } else { code::BAD_LOGIN })
                .with_field(name))
        }
    }
}

fn refused(message: &str) -> Fault {
    Fault::new(FaultKind::Unauthorized, System::Epicor, OPERATION, message)
}

/// Epicor's own token service.
///
/// Request and reply are as in the Epicor reference, section 2.2: user and password in plain headers, an empty body; the
/// reply is PascalCase JSON, or XML where the server ignores `Accept`.
#[derive(Debug)]
struct TokenResource {
    path: &'static str,
    root: String,
    user: SecretString,
    password: SecretString,
    api_key: SecretString,
}

impl TokenIssuer for TokenResource {
    fn cache_key(&self) -> String {
        format!("epicor-token-resource-{:016x}", identity(&[&self.root, self.user.expose_secret()]))
    }

    fn issue<'a>(&'a self, door: &'a Door) -> BoxFuture<'a, Result<IssuedToken, TokenFault>> {
        Box::pin(async move {
            let login = Credentials::none()
                .with_header("username", self.user.clone())
                .with_header("password", self.password.clone())
                .with_header(API_KEY_HEADER, self.api_key.clone());
            // No budget: the call that waits for this token already holds a place in it.
            let request =
                Request::new(Method::POST, self.path, OPERATION).header("accept", "application/json").writes(false);
            let answer = door.ask_for_token(&request, &login).await?;
            if answer.is_success() {
                return token_in(&answer);
            }
            Err(token_refusal::of_token_resource(&answer))
        })
    }
}

/// An OAuth2 issuer: Epicor's Identity Provider or Microsoft Entra ID.
///
/// Source: Epicor reference, section 2.3.
#[derive(Debug)]
struct OAuth2 {
    token_url: String,
    scope: String,
    client_id: SecretString,
    client_secret: SecretString,
    login: Option<(SecretString, SecretString)>,
}

impl TokenIssuer for OAuth2 {
    fn cache_key(&self) -> String {
        let user = self.login.as_ref().map_or("", |(user, _)| user.expose_secret());
        let parts = [self.token_url.as_str(), &self.scope, self.client_id.expose_secret(), user];
        format!("epicor-oauth2-{:016x}", identity(&parts))
    }

    fn issue<'a>(&'a self, door: &'a Door) -> BoxFuture<'a, Result<IssuedToken, TokenFault>> {
        Box::pin(async move {
            let mut form = vec![
                ("client_id", self.client_id.expose_secret()),
                ("client_secret", self.client_secret.expose_secret()),
                ("scope", self.scope.as_str()),
            ];
            match &self.login {
                None => form.push(("grant_type", "client_credentials")),
                Some((user, password)) => form.extend([
                    ("grant_type", "password"),
                    ("username", user.expose_secret()),
                    ("password", password.expose_secret()),
                ]),
            }
            let request = Request::to(Method::POST, self.token_url.as_str(), OPERATION)
                .header("accept", "application/json")
                .form(&form)
                .writes(false);
            let answer = door.ask_for_token(&request, &Credentials::none()).await?;
            if answer.is_success() {
                return token_in(&answer);
            }
            Err(token_refusal::of_oauth(&answer))
        })
    }
}

/// The token in a reply of either service: PascalCase JSON, snake_case JSON, or XML.
fn token_in(answer: &Answer) -> Result<IssuedToken, TokenFault> {
    let body = answer.text();
    let body = body.trim_start_matches('\u{FEFF}').trim();
    let (token, lifetime) = if body.starts_with('<') { of_xml(body) } else { of_json(body) };
    match token.map(|token| token.trim().to_owned()).filter(|token| !token.is_empty()) {
        Some(token) => Ok(IssuedToken {
            secret: SecretString::from(token),
            expires_in: lifetime.filter(|secs| *secs > 0).map_or(DEFAULT_LIFETIME, Duration::from_secs),
        }),
        None => Err(TokenFault::of(FaultKind::Transient, answer, &["The token issuer's answer holds no token."])
            .with_code(code::WRONG_SHAPE)),
    }
}

fn of_json(body: &str) -> (Option<String>, Option<u64>) {
    let Ok(value) = serde_json::from_str::<serde_json::Value>(body) else { return (None, None) };
    let either = |pascal: &str, snake: &str| value.get(pascal).or_else(|| value.get(snake)).cloned();
    let token = either("AccessToken", "access_token").and_then(|token| token.as_str().map(str::to_owned));
    let lifetime = either("ExpiresIn", "expires_in")
        .and_then(|secs| secs.as_u64().or_else(|| secs.as_str().and_then(|text| text.trim().parse().ok())));
    (token, lifetime)
}

fn of_xml(body: &str) -> (Option<String>, Option<u64>) {
    let Ok(document) = roxmltree::Document::parse(body) else { return (None, None) };
    let text = |name: &str| {
        let node = document.descendants().find(|node| node.tag_name().name() == name)?;
        node.text().map(str::to_owned)
    };
    (text("AccessToken"), text("ExpiresIn").and_then(|secs| secs.trim().parse().ok()))
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

    fn token_in(body: &'static str) -> Result<IssuedToken, Fault> {
        let answer = Answer::recorded(System::Epicor, OPERATION, false, 200, &[], body);
        super::token_in(&answer).map_err(Fault::from)
    }

    #[test]
    fn a_token_is_read_in_all_three_spellings() {
        for (body, lifetime) in [
            (r#"{"AccessToken":"t.o.k","ExpiresIn":60000,"TokenType":"Bearer"}"#, 60_000),
            (r#"{"AccessToken":"t.o.k","ExpiresIn":"28800"}"#, 28_800),
            (r#"{"access_token":"t.o.k","token_type":"Bearer"}"#, 3_600),
            (
                "<?xml version=\"1.0\"?><Token xmlns=\"urn:x\"><AccessToken>t.o.k</AccessToken><ExpiresIn>120</ExpiresIn></Token>",
                120,
            ),
        ] {
            let token = token_in(body).unwrap();
            assert_eq!((token.secret.expose_secret(), token.expires_in.as_secs()), ("t.o.k", lifetime), "{body}");
        }
    }

    #[test]
    fn an_answer_without_a_token_is_a_passing_trouble_that_quotes_nothing() {
        for body in ["", "<html>Sign in", r#"{"AccessToken":""}"#, r#"{"AccessTok":"secret"}"#, "[1]"] {
            let fault = token_in(body).err().unwrap();
            assert_eq!(fault.kind, FaultKind::Transient);
            assert!(!fault.message.contains("secret"));
        }
    }

    #[test]
    fn a_missing_secret_is_named() {
        let address =
            Address::parse("https://erp.example.com/Live", mlc_model::CompanyCode::parse("EPIC06").unwrap()).unwrap();
        let secrets = EpicorSecrets { api_key: Some("k".into()), user: Some("u".into()), ..EpicorSecrets::default() };
        let fault = credentials(&address, &EpicorAuth::Basic, &secrets).err().unwrap();
        assert_eq!((fault.kind, fault.field.as_deref()), (FaultKind::Unauthorized, Some("password")));
        let fault = credentials(&address, &EpicorAuth::Basic, &EpicorSecrets::default()).err().unwrap();
        assert_eq!(fault.field.as_deref(), Some("api_key"));
    }

    #[test]
    fn identities_differ_by_every_part() {
        assert_ne!(identity(&["a", "bc"]), identity(&["ab", "c"]));
        assert_eq!(identity(&["a"]), identity(&["a"]));
    }
}
