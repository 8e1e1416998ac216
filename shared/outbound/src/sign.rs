//! Signatures that are made anew for every try.

use chrono::{DateTime, Utc};
use mlc_model::Fault;
use reqwest::Method;
use secrecy::SecretString;
use url::Url;

/// Signs requests for systems that want a signature of each one, such as OAuth 1.0a.
pub trait RequestSigner: Send + Sync {
    /// Headers for one try of one request. Asked when the try is about to leave, after it has waited for its budget; a
    /// second try is signed again. `url` is the address as it goes out, with its query.
    ///
    /// # Errors
    /// A request that cannot be signed; it is not sent.
    fn sign(&self, method: &Method, url: &Url, now: DateTime<Utc>) -> Result<Vec<(&'static str, SecretString)>, Fault>;

    /// What must not show in texts for people: keys and secrets.
    fn secrets(&self) -> Vec<SecretString>;
}
