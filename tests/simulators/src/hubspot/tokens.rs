//! Access tokens, their scopes, and the grants of the OAuth token endpoint.

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    time::{Duration, Instant},
};

use rand::{Rng, distr::Alphanumeric};

use super::clock;

/// Everything the product may ask for.
pub(super) const ALL_SCOPES: [&str; 9] = [
    "oauth",
    "crm.objects.companies.read",
    "crm.objects.companies.write",
    "crm.objects.contacts.read",
    "crm.objects.contacts.write",
    "crm.schemas.companies.read",
    "crm.schemas.companies.write",
    "crm.schemas.contacts.read",
    "crm.schemas.contacts.write",
];

/// What a bearer token may do.
#[derive(Debug, Clone)]
pub(super) struct Token {
    pub(super) scopes: BTreeSet<String>,
    /// OAuth tokens have their own allowance and expire.
    pub(super) oauth: bool,
    pub(super) expires: Option<i64>,
    pub(super) revoked: bool,
}

/// Why a bearer token was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TokenRefusal {
    Unknown,
    /// When it expired.
    Expired(i64),
}

/// A grant of the token endpoint.
#[derive(Debug)]
pub(super) struct Granted {
    pub(super) access_token: String,
    pub(super) refresh_token: String,
}

/// All tokens of a portal.
#[derive(Debug)]
pub(super) struct Tokens {
    known: HashMap<String, Token>,
    refresh_tokens: BTreeSet<String>,
    pub(super) client_id: String,
    pub(super) client_secret: String,
    pub(super) code: String,
    pub(super) expires_in: u64,
    /// Grants allowed in 10 s.
    pub(super) grants_allowed: u32,
    grants: VecDeque<Instant>,
    pub(super) granted: u64,
}

impl Tokens {
    pub(super) fn new(static_token: &str, settings: &super::HubspotConfig) -> Self {
        let all = ALL_SCOPES.map(str::to_owned).into();
        let token = Token { scopes: all, oauth: false, expires: None, revoked: false };
        Self {
            known: HashMap::from([(static_token.to_owned(), token)]),
            refresh_tokens: BTreeSet::from([settings.refresh_token.clone()]),
            client_id: settings.client_id.clone(),
            client_secret: settings.client_secret.clone(),
            code: settings.authorization_code.clone(),
            expires_in: settings.expires_in_secs,
            grants_allowed: settings.token_calls_per_10_s,
            grants: VecDeque::new(),
            granted: 0,
        }
    }

    /// The token's rights.
    pub(super) fn check(&self, token: &str) -> Result<&Token, TokenRefusal> {
        let known = self.known.get(token).filter(|known| !known.revoked).ok_or(TokenRefusal::Unknown)?;
        match known.expires {
            Some(expires) if expires <= clock::now() => Err(TokenRefusal::Expired(expires)),
            _ => Ok(known),
        }
    }

    /// A token whether good or not.
    pub(super) fn find(&self, token: &str) -> Option<&Token> {
        self.known.get(token)
    }

    /// Adds or replaces a token.
    pub(super) fn put(&mut self, name: &str, token: Token) {
        self.known.insert(name.to_owned(), token);
    }

    /// Revokes an access or refresh token. False when it is unknown.
    pub(super) fn revoke(&mut self, token: &str) -> bool {
        if let Some(known) = self.known.get_mut(token) {
            known.revoked = true;
            return true;
        }
        self.refresh_tokens.remove(token)
    }

    /// Whether a refresh token is good.
    pub(super) fn refreshes(&self, refresh_token: &str) -> bool {
        self.refresh_tokens.contains(refresh_token)
    }

    /// Makes a refresh token good.
    pub(super) fn add_refresh_token(&mut self, refresh_token: &str) {
        self.refresh_tokens.insert(refresh_token.to_owned());
    }

    /// Ends the life of every OAuth access token now.
    pub(super) fn expire_oauth(&mut self) {
        let now = clock::now();
        for token in self.known.values_mut().filter(|token| token.oauth) {
            token.expires = Some(now);
        }
    }

    /// Counts a call of the token endpoint; false when there were too many.
    pub(super) fn may_grant(&mut self) -> bool {
        let now = Instant::now();
        while self.grants.front().is_some_and(|grant| now.duration_since(*grant) >= Duration::from_secs(10)) {
            self.grants.pop_front();
        }
        if self.grants.len() >= self.grants_allowed as usize {
            return false;
        }
        self.grants.push_back(now);
        true
    }

    /// Issues an access token for a refresh token (a fresh one when `None`).
    pub(super) fn grant(&mut self, refresh_token: Option<String>) -> Granted {
        let refresh_token = refresh_token.unwrap_or_else(|| random_text(36));
        self.refresh_tokens.insert(refresh_token.clone());
        // Real tokens vary in length and grow.
        let length = rand::rng().random_range(90..300);
        let access_token = format!("CKq{}", random_text(length));
        let token = Token {
            scopes: ALL_SCOPES.map(str::to_owned).into(),
            oauth: true,
            expires: Some(clock::now() + i64::try_from(self.expires_in * 1000).unwrap_or(i64::MAX)),
            revoked: false,
        };
        self.known.insert(access_token.clone(), token);
        self.granted += 1;
        Granted { access_token, refresh_token }
    }
}

fn random_text(length: usize) -> String {
    rand::rng().sample_iter(Alphanumeric).take(length).map(char::from).collect()
}
