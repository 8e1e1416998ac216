//! Is a delivery genuine. One scheme per endpoint, and no way round it.

use std::{collections::BTreeMap, fmt};

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::Mac;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::{DeliveryHeaders, EventKeyPath, PublicKey};
use crate::oauth1::keyed;

/// Header of Commerce Webhooks' own signature.
const COMMERCE_SIGNATURE: &str = "x-adobe-commerce-webhook-signature";

/// Why a delivery is not taken. Says nothing that helps a forger beyond what the scheme is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The header of the signature is not there, or comes twice.
    #[error("the delivery has no signature")]
    NoSignature,
    /// The signature is none, or of another body, secret or key.
    #[error("the signature does not fit")]
    WrongSignature,
    /// No key or secret is known to hold it against: nothing is taken on trust.
    #[error("no key is known for the signature")]
    NoKey,
    /// The event is for another client of Adobe's gateway.
    #[error("the event is for another recipient")]
    WrongRecipient,
}

/// The keys that a delivery of I/O Events names, by their paths.
pub type EventKeys = BTreeMap<EventKeyPath, PublicKey>;

/// How deliveries of one endpoint prove that they are genuine.
#[derive(Clone)]
pub enum Scheme {
    /// HMAC-SHA256 over the raw body with a shared secret, Base64 or hex. Of I/O Events in their old mode, of relays, of
    /// shop modules that sign so.
    HmacSha256 {
        /// Header of the signature; `x-adobe-signature` by default.
        header: String,
        /// One secret, or two while one follows the other.
        secrets: Vec<SecretString>,
    },
    /// Commerce Webhooks: RSA with SHA-256 over the Base64 text of the raw body.
    CommerceRsa {
        /// The key from the shop's Admin; two while one follows the other.
        keys: Vec<PublicKey>,
    },
    /// I/O Events: RSA with SHA-256 over the raw body, keys fetched by the paths in the headers.
    IoEventsRsa {
        /// Our client id: events for other recipients are refused.
        client_id: String,
    },
    /// A secret in a header, which works with every version of the shop.
    StaticHeader {
        /// Header of the secret.
        header: String,
        /// One secret, or two while one follows the other.
        secrets: Vec<SecretString>,
    },
}

impl fmt::Debug for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Scheme {
    /// Default header of [`Scheme::HmacSha256`].
    pub const HMAC_HEADER: &'static str = "x-adobe-signature";

    /// The name in settings.
    pub fn name(&self) -> &'static str {
        match self {
            Self::HmacSha256 { .. } => "hmac_sha256",
            Self::CommerceRsa { .. } => "commerce_rsa",
            Self::IoEventsRsa { .. } => "io_events_rsa",
            Self::StaticHeader { .. } => "static_header",
        }
    }

    /// Holds a delivery against the scheme. `body` is as it was received, byte for byte. `event_keys` only matters for
    /// I/O Events, see [`crate::AdobeClient::event_keys`].
    ///
    /// # Errors
    /// [`Refused`]: answer 401 and forget it.
    pub fn verify(&self, headers: &DeliveryHeaders, body: &[u8], event_keys: &EventKeys) -> Result<(), Refused> {
        match self {
            Self::HmacSha256 { header, secrets } => {
                let given = signature(headers, header)?;
                any(secrets, |secret| {
                    let mut mac = keyed(secret.expose_secret().as_bytes());
                    mac.update(body);
                    mac.verify_slice(&given).is_ok()
                })
            }
            Self::StaticHeader { header, secrets } => {
                let given = headers.get(header).ok_or(Refused::NoSignature)?;
                any(secrets, |secret| same(secret.expose_secret(), given))
            }
            Self::CommerceRsa { keys } => {
                let given = signature(headers, COMMERCE_SIGNATURE)?;
                let text = STANDARD.encode(body);
                any(keys, |key| key.verifies(text.as_bytes(), &given))
            }
            Self::IoEventsRsa { client_id } => {
                verify_event(headers, body, event_keys)?;
                for_us(body, client_id)
            }
        }
    }
}

/// One valid signature of the two is enough: the gateway's keys follow one another.
fn verify_event(headers: &DeliveryHeaders, body: &[u8], keys: &EventKeys) -> Result<(), Refused> {
    let pairs = [
        ("x-adobe-digital-signature-1", "x-adobe-public-key1-path"),
        ("x-adobe-digital-signature-2", "x-adobe-public-key2-path"),
    ];
    let mut refused = Refused::NoSignature;
    for (signature_header, path_header) in pairs {
        let Ok(given) = signature(headers, signature_header) else { continue };
        match headers.get(path_header).and_then(EventKeyPath::parse).and_then(|path| keys.get(&path)) {
            Some(key) if key.verifies(body, &given) => return Ok(()),
            Some(_) => refused = Refused::WrongSignature,
            None if refused == Refused::NoSignature => refused = Refused::NoKey,
            None => {}
        }
    }
    Err(refused)
}

/// The gateway signs for all of its clients with the same keys, so each event must name us.
fn for_us(body: &[u8], client_id: &str) -> Result<(), Refused> {
    let value: Value = serde_json::from_slice(body).map_err(|_| Refused::WrongRecipient)?;
    let events = value.as_array().map_or_else(|| std::slice::from_ref(&value), Vec::as_slice);
    let recipient = |event: &Value| {
        let id = event.get("recipientclientid").or_else(|| event.get("recipient_client_id"))?;
        Some(id.as_str()? == client_id)
    };
    let ours = !events.is_empty() && events.iter().all(|event| recipient(event) == Some(true));
    if ours { Ok(()) } else { Err(Refused::WrongRecipient) }
}

/// Base64, or hex of 32 bytes.
fn signature(headers: &DeliveryHeaders, name: &str) -> Result<Vec<u8>, Refused> {
    let text = headers.get(name).ok_or(Refused::NoSignature)?;
    // Some senders write `sha256=` before it.
    let text = text.strip_prefix("sha256=").unwrap_or(text);
    let decoded = if text.len() == 64 { hex::decode(text).ok() } else { None };
    decoded.or_else(|| STANDARD.decode(text).ok()).ok_or(Refused::WrongSignature)
}

/// Tries all of them, so that the time does not tell which one was right.
fn any<K>(known: &[K], fits: impl Fn(&K) -> bool) -> Result<(), Refused> {
    if known.is_empty() {
        return Err(Refused::NoKey);
    }
    let right = known.iter().fold(false, |right, key| fits(key) | right);
    if right { Ok(()) } else { Err(Refused::WrongSignature) }
}

/// Equal texts, in constant time whatever their lengths: both go through a MAC.
fn same(secret: &str, given: &str) -> bool {
    if secret.is_empty() {
        return false;
    }
    let of = |text: &str| {
        let mut mac = keyed(b"ml-connector static header");
        mac.update(text.as_bytes());
        mac
    };
    of(secret).verify_slice(&of(given).finalize().into_bytes()).is_ok()
}

#[cfg(test)]
#[path = "scheme_tests.rs"]
mod tests;
