//! Where the public keys of I/O Events lie.

use std::{
    fmt,
    sync::PoisonError,
    time::{Duration, Instant},
};

use mlc_model::{Fault, FaultKind, System};
use mlc_outbound::{Credentials, Method, Request};

use super::{DeliveryHeaders, EventKeys, PublicKey};
use crate::AdobeClient;

const OPERATION: &str = "event_keys.read";

/// How long a key may be kept. Source: I/O Events SDK guide.
const KEPT_FOR: Duration = Duration::from_secs(24 * 3_600);

/// Most keys kept: the gateway has a handful, and paths come from strangers.
const MOST_KEPT: usize = 32;

/// Path of a public key, such as `/prod/keys/pub-key-….pem`. Comes from a header that nobody has signed, so it can lead
/// nowhere else.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventKeyPath(String);

impl EventKeyPath {
    /// `None` for anything but `/{environment}/keys/{name}.pem` in plain letters, digits and hyphens.
    pub fn parse(text: &str) -> Option<Self> {
        let plain = |part: &str| {
            !part.is_empty() && part.len() <= 80 && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
        };
        let mut parts = text.strip_prefix('/')?.split('/');
        let (environment, keys, name) = (parts.next()?, parts.next()?, parts.next()?);
        let fits = plain(environment) && keys == "keys" && plain(name.strip_suffix(".pem")?) && parts.next().is_none();
        fits.then(|| Self(text.to_owned()))
    }
}

impl fmt::Display for EventKeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AdobeClient {
    /// The keys that the signatures of a delivery name, for [`super::Scheme::IoEventsRsa`]. Kept for a day.
    ///
    /// # Errors
    /// Any fault of fetching them. A key that the gateway does not have is simply not among them.
    pub async fn event_keys(&self, headers: &DeliveryHeaders) -> Result<EventKeys, Fault> {
        let mut keys = EventKeys::default();
        for name in ["x-adobe-public-key1-path", "x-adobe-public-key2-path"] {
            let Some(path) = headers.get(name).and_then(EventKeyPath::parse) else { continue };
            if let Some(key) = self.event_key(&path).await? {
                keys.insert(path, key);
            }
        }
        Ok(keys)
    }

    async fn event_key(&self, path: &EventKeyPath) -> Result<Option<PublicKey>, Fault> {
        let kept = self.inner.event_keys.lock().unwrap_or_else(PoisonError::into_inner).get(&path.0).cloned();
        if let Some((read, key)) = kept
            && read.elapsed() < KEPT_FOR
        {
            return Ok(Some(key));
        }
        let url = format!("{}{path}", self.config().event_keys_url.trim_end_matches('/'));
        let answer = self.inner.door.send(&Request::to(Method::GET, url, OPERATION), &Credentials::none()).await?;
        match answer.status() {
            200 => {}
            403 | 404 => return Ok(None),
            status => {
                let message = "Adobe does not hand out the public keys of its events.";
                return Err(Fault::new(FaultKind::Transient, System::Adobe, OPERATION, message).with_status(status));
            }
        }
        let key = PublicKey::from_pem(&answer.text())
            .map_err(|problem| Fault::new(FaultKind::Transient, System::Adobe, OPERATION, problem.to_string()))?;
        let mut keys = self.inner.event_keys.lock().unwrap_or_else(PoisonError::into_inner);
        if keys.len() >= MOST_KEPT {
            keys.clear();
        }
        keys.insert(path.0.clone(), (Instant::now(), key.clone()));
        Ok(Some(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_from_a_stranger_leads_nowhere_else() {
        assert!(EventKeyPath::parse("/prod/keys/pub-key-3fVj0Lv0QB.pem").is_some());
        for text in [
            "/prod/keys/../x.pem",
            "//evil.example/keys/a.pem",
            "/prod/keys/a.pem?x",
            "/a/keys/b/c.pem",
            "",
            "/prod/keys/.pem",
        ] {
            assert!(EventKeyPath::parse(text).is_none(), "{text}");
        }
    }
}
