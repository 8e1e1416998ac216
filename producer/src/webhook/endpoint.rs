//! One endpoint: how its deliveries prove where they come from.

use std::{
    collections::{HashMap, HashSet},
    path::Path,
    sync::{Arc, PoisonError},
    time::{Duration, Instant},
};

use mlc_adobe::webhook::{DeliveryHeaders, EventKeyPath, EventKeys, PublicKey, Refused, Scheme};
use mlc_connections::Connections;
use mlc_model::ConnectionId;
use mlc_runtime::settings::{AdobeConnection, Settings, WebhookEndpoint, WebhookScheme};
use mlc_vault::SecretStore;

use super::adobe::Routes;
use crate::Failure;

/// How long a changed secret may take to count here.
const SECRETS_FRESH_FOR: Duration = Duration::from_secs(5);
const SECRET: &str = "webhook_secret";
/// Counts beside the first one while senders change from one to the other.
const NEXT_SECRET: &str = "webhook_secret_next";

/// How long a key that Adobe does not have is not asked for again.
const UNKNOWN_KEY_FOR: Duration = Duration::from_secs(60);
/// Keys asked for in vain within that time; beyond it somebody invents paths and none is asked for.
const MOST_UNKNOWN_KEYS: usize = 128;

/// Why a delivery is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotTaken {
    /// It does not prove where it comes from.
    Refused(Refused),
    /// It cannot be told now. The text is for the log.
    Unknown(&'static str),
}

#[derive(Debug)]
enum Proof {
    /// Needs nothing but itself.
    Whole(Arc<Scheme>),
    /// Needs secrets from the vault.
    Hmac {
        header: String,
    },
    Static {
        header: String,
    },
    /// Needs keys from Adobe.
    IoEvents(Arc<Scheme>),
}

/// One endpoint.
#[derive(Debug)]
pub(super) struct Endpoint {
    pub(super) connection: ConnectionId,
    pub(super) settings: WebhookEndpoint,
    pub(super) routes: Routes,
    proof: Proof,
    kept: tokio::sync::Mutex<Option<(Instant, Arc<Scheme>)>>,
    key_paths: std::sync::Mutex<KeyPaths>,
}

/// What became of asking for Adobe's keys.
#[derive(Debug, Default)]
struct KeyPaths {
    /// Keys that were there. Bounded by what Adobe has.
    known: HashSet<EventKeyPath>,
    /// Keys that were not, and when we asked.
    unknown: HashMap<EventKeyPath, Instant>,
}

impl Endpoint {
    /// The endpoint of a connection.
    ///
    /// # Errors
    /// `Wrong`, naming the key, for settings that are not enough for the scheme, and for files that hold no key.
    pub(super) fn new(
        settings: &Settings,
        connection: &ConnectionId,
        adobe: &AdobeConnection,
        endpoint: &WebhookEndpoint,
    ) -> Result<Self, Failure> {
        let at = |key: &str| format!("connections.{connection}.webhook.{key}");
        let needed = |key: &str, what: &str| Failure::Wrong(format!("{}: {what}", at(key)));
        let header = endpoint.header.clone().filter(|header| !header.trim().is_empty());
        let proof = match endpoint.scheme {
            WebhookScheme::HmacSha256 => {
                Proof::Hmac { header: header.unwrap_or_else(|| Scheme::HMAC_HEADER.to_owned()) }
            }
            WebhookScheme::StaticHeader => Proof::Static {
                header: header.ok_or_else(|| needed("header", "missing; name the header that holds the secret"))?,
            },
            WebhookScheme::CommerceRsa => {
                if endpoint.public_keys.is_empty() {
                    let what = "missing; name the PEM file of the shop's public key, as its Admin shows it";
                    return Err(needed("public_keys", what));
                }
                let keys = endpoint.public_keys.iter().map(|file| public_key(&at("public_keys"), file));
                Proof::Whole(Arc::new(Scheme::CommerceRsa { keys: keys.collect::<Result<_, _>>()? }))
            }
            WebhookScheme::IoEventsRsa => {
                let client_id = endpoint.recipient.clone().filter(|id| !id.trim().is_empty());
                let client_id = client_id.ok_or_else(|| {
                    needed("recipient", "missing; name the client id that Adobe's events are registered under")
                })?;
                Proof::IoEvents(Arc::new(Scheme::IoEventsRsa { client_id }))
            }
        };
        Ok(Self {
            connection: connection.clone(),
            settings: endpoint.clone(),
            routes: Routes::of(settings, connection, adobe.store_id),
            proof,
            kept: tokio::sync::Mutex::default(),
            key_paths: std::sync::Mutex::default(),
        })
    }

    /// Whether Adobe's event gateway may ask here for proof that the address is ours.
    pub(super) fn answers_challenges(&self) -> bool {
        matches!(self.proof, Proof::IoEvents(_))
    }

    /// Holds a delivery against the scheme: the bytes as they came.
    ///
    /// # Errors
    /// [`NotTaken`].
    pub(super) async fn verify(
        &self,
        headers: &DeliveryHeaders,
        body: &[u8],
        vault: &SecretStore,
        connections: &Connections,
    ) -> Result<(), NotTaken> {
        let nothing = EventKeys::new();
        match &self.proof {
            Proof::Whole(scheme) => scheme.verify(headers, body, &nothing).map_err(NotTaken::Refused),
            Proof::Hmac { .. } | Proof::Static { .. } => {
                let scheme = self.with_secrets(vault).await?;
                scheme.verify(headers, body, &nothing).map_err(NotTaken::Refused)
            }
            Proof::IoEvents(scheme) => {
                // Keys are only fetched for a delivery that needs nothing else.
                match scheme.verify(headers, body, &nothing) {
                    Err(Refused::NoKey) => {}
                    other => return other.map_err(NotTaken::Refused),
                }
                let keys = self.event_keys(headers, connections).await?;
                scheme.verify(headers, body, &keys).map_err(NotTaken::Refused)
            }
        }
    }

    async fn with_secrets(&self, vault: &SecretStore) -> Result<Arc<Scheme>, NotTaken> {
        let mut kept = self.kept.lock().await;
        if let Some((read, scheme)) = kept.as_ref()
            && read.elapsed() < SECRETS_FRESH_FOR
        {
            return Ok(Arc::clone(scheme));
        }
        let mut secrets = Vec::new();
        for name in [SECRET, NEXT_SECRET] {
            let secret = vault.get(&self.connection, name).await;
            secrets.extend(secret.map_err(|_| NotTaken::Unknown("the vault cannot be read"))?);
        }
        if secrets.is_empty() {
            return Err(NotTaken::Unknown(
                "its secret is missing: `mlc connection set-secret <connection> webhook_secret`",
            ));
        }
        let scheme = Arc::new(match &self.proof {
            Proof::Static { header } => Scheme::StaticHeader { header: header.clone(), secrets },
            Proof::Hmac { header } => Scheme::HmacSha256 { header: header.clone(), secrets },
            Proof::Whole(scheme) | Proof::IoEvents(scheme) => return Ok(Arc::clone(scheme)),
        });
        *kept = Some((Instant::now(), Arc::clone(&scheme)));
        Ok(scheme)
    }

    /// The keys that a delivery names. The paths come from somebody who has proved nothing yet, so what Adobe does not have is
    /// remembered for a while.
    async fn event_keys(&self, headers: &DeliveryHeaders, connections: &Connections) -> Result<EventKeys, NotTaken> {
        let named = ["x-adobe-public-key1-path", "x-adobe-public-key2-path"]
            .map(|name| (name, headers.get(name).and_then(EventKeyPath::parse)));
        let mut wanted: Vec<(&str, EventKeyPath)> =
            named.into_iter().filter_map(|(name, path)| Some((name, path?))).collect();
        {
            let mut paths = self.key_paths.lock().unwrap_or_else(PoisonError::into_inner);
            paths.unknown.retain(|_, asked| asked.elapsed() < UNKNOWN_KEY_FOR);
            wanted.retain(|(_, path)| !paths.unknown.contains_key(path));
            if wanted.is_empty() {
                return Ok(EventKeys::new());
            }
            if paths.unknown.len() >= MOST_UNKNOWN_KEYS {
                wanted.retain(|(_, path)| paths.known.contains(path));
            }
            if wanted.is_empty() {
                return Err(NotTaken::Unknown("deliveries name too many keys that Adobe does not have"));
            }
        }
        let only_wanted = DeliveryHeaders::new(wanted.iter().map(|(name, path)| (*name, path.to_string())));
        let client = connections.adobe(&self.connection).await;
        let client = client.map_err(|_| NotTaken::Unknown("the connection cannot be opened: `mlc ping` says why"))?;
        let keys = client.event_keys(&only_wanted).await;
        let keys = keys.map_err(|_| NotTaken::Unknown("Adobe's public keys cannot be fetched"))?;
        let mut paths = self.key_paths.lock().unwrap_or_else(PoisonError::into_inner);
        for (_, path) in wanted {
            if keys.contains_key(&path) {
                paths.known.insert(path);
            } else {
                paths.unknown.insert(path, Instant::now());
            }
        }
        Ok(keys)
    }
}

fn public_key(key: &str, file: &Path) -> Result<PublicKey, Failure> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| Failure::Wrong(format!("{key}: {} cannot be read: {error}", file.display())))?;
    PublicKey::from_pem(&text).map_err(|error| Failure::Wrong(format!("{key}: {}: {error}", file.display())))
}
