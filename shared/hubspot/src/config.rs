//! What the settings and the vault say about one HubSpot connection.

use std::fmt;

use secrecy::SecretString;

/// How the connection proves who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HubspotAuth {
    /// A token of a private app or service key, which never expires.
    #[default]
    StaticToken,
    /// OAuth 2.0 with a refresh token.
    OAuth2,
}

/// The secrets of one connection, from the vault. Which ones must be there follows from [`HubspotAuth`].
#[derive(Debug, Clone, Default)]
pub struct HubspotSecrets {
    /// Static token, `pat-…`.
    pub token: Option<SecretString>,
    /// OAuth client id.
    pub client_id: Option<SecretString>,
    /// OAuth client secret.
    pub client_secret: Option<SecretString>,
    /// OAuth refresh token.
    pub refresh_token: Option<SecretString>,
}

/// Settings of one connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubspotConfig {
    /// Version of the API in every path.
    pub api_version: ApiVersion,
    /// Name of the unique company property that holds our key.
    pub key_property: String,
    /// Whether vendors get HubSpot's built-in `type`; then `VENDOR` must be one of its options.
    pub set_builtin_type: bool,
    /// How the connection proves who it is.
    pub auth: HubspotAuth,
    /// Company properties that the flows' extra mappings write. They must exist; those that start with `epicor_` are
    /// created as texts by the set-up.
    pub extra_properties: Vec<String>,
}

impl Default for HubspotConfig {
    fn default() -> Self {
        Self {
            api_version: ApiVersion::default(),
            key_property: "epicor_key".to_owned(),
            set_builtin_type: true,
            auth: HubspotAuth::default(),
            extra_properties: Vec::new(),
        }
    }
}

/// A version of the API that no path can be built from.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("HubSpot API version `{0}` is not known: use `v3` or a dated one such as `2026-03`")]
pub struct InvalidApiVersion(String);

/// Version of the API: the long-standing paths, or the dated ones, which HubSpot supports for 18 months each.
/// Source: HubSpot changelog, "Date-based versions".
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ApiVersion {
    /// `/crm/v3/…` for objects, `/crm/v4/…` for associations. Published end: 2027.
    #[default]
    Numbered,
    /// `/crm/objects/2026-03/…`, with the date.
    Dated(String),
}

impl ApiVersion {
    /// # Errors
    /// Anything but `v3`, `v4` or a year and month such as `2026-03`.
    pub fn parse(text: &str) -> Result<Self, InvalidApiVersion> {
        match text.trim() {
            "v3" | "v4" => Ok(Self::Numbered),
            date if is_year_and_month(date) => Ok(Self::Dated(date.to_owned())),
            _ => Err(InvalidApiVersion(text.chars().take(40).collect())),
        }
    }

    /// Path below `/crm` for objects: `objects_path("companies/batch/upsert")`.
    pub(crate) fn objects(&self, rest: &str) -> String {
        match self {
            Self::Numbered => format!("/crm/v3/objects/{rest}"),
            Self::Dated(date) => format!("/crm/objects/{date}/{rest}"),
        }
    }

    pub(crate) fn properties(&self, rest: &str) -> String {
        match self {
            Self::Numbered => format!("/crm/v3/properties/{rest}"),
            Self::Dated(date) => format!("/crm/properties/{date}/{rest}"),
        }
    }

    pub(crate) fn associations(&self, rest: &str) -> String {
        match self {
            Self::Numbered => format!("/crm/v4/associations/{rest}"),
            Self::Dated(date) => format!("/crm/associations/{date}/{rest}"),
        }
    }

    pub(crate) fn account(&self) -> String {
        match self {
            Self::Numbered => "/account-info/v3/details".to_owned(),
            Self::Dated(date) => format!("/account-info/{date}/details"),
        }
    }

    /// v1 of this endpoint ends in February 2027, so v3 it is.
    pub(crate) fn token(&self) -> String {
        match self {
            Self::Numbered => "/oauth/v3/token".to_owned(),
            Self::Dated(date) => format!("/oauth/{date}/token"),
        }
    }
}

impl fmt::Display for ApiVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Numbered => f.write_str("v3"),
            Self::Dated(date) => f.write_str(date),
        }
    }
}

fn is_year_and_month(text: &str) -> bool {
    text.split_once('-').is_some_and(|(year, month)| {
        year.len() == 4
            && month.len() == 2
            && year.parse::<u16>().is_ok_and(|year| year >= 2026)
            && month.parse::<u8>().is_ok_and(|month| (1..=12).contains(&month))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_moves_with_the_version() {
        let v3 = ApiVersion::parse("v3").unwrap_or_default();
        assert_eq!(v3.objects("companies/batch/upsert"), "/crm/v3/objects/companies/batch/upsert");
        assert_eq!(v3.associations("companies/contacts/x"), "/crm/v4/associations/companies/contacts/x");
        let dated = ApiVersion::parse("2026-09").unwrap_or_default();
        assert_eq!(dated.objects("companies/batch/upsert"), "/crm/objects/2026-09/companies/batch/upsert");
        assert_eq!(dated.properties("companies"), "/crm/properties/2026-09/companies");
        assert_eq!(dated.associations("companies/contacts/x"), "/crm/associations/2026-09/companies/contacts/x");
        assert_eq!(
            (dated.account().as_str(), dated.token().as_str()),
            ("/account-info/2026-09/details", "/oauth/2026-09/token")
        );
    }

    #[test]
    fn an_unknown_version_is_refused() {
        for text in ["v5", "", "2026", "2026-13", "2026-3", "2026-03/../x"] {
            assert!(ApiVersion::parse(text).is_err(), "{text}");
        }
    }
}
