//! One call to a shop, and what every call has in common.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, RwLock},
    time::Instant,
};

use mlc_model::{Fault, FaultKind, System};
use mlc_outbound::{Answer, Credentials, Door, Method, Request};
use secrecy::{ExposeSecret, SecretString};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    AdobeConfig, AdobeEdition, AdobeSecrets, Capabilities, IntegrationKeys, OAuth1Signer, Page, Search,
    fault::{self, code},
    ims::ImsLogin,
    settings::{CONCURRENCY, PACE},
    webhook::PublicKey,
};

/// Most pages read in one go. Beyond it the caller's search is too wide.
const MOST_PAGES: u32 = 1_000;

/// Talks to one shop, of either edition. Clones share everything.
#[derive(Clone)]
pub struct AdobeClient {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) door: Door,
    pub(crate) config: AdobeConfig,
    credentials: Credentials,
    root: String,
    pub(crate) capabilities: RwLock<Option<Capabilities>>,
    pub(crate) event_keys: Mutex<HashMap<String, (Instant, PublicKey)>>,
}

impl fmt::Debug for AdobeClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdobeClient").field("config", &self.inner.config).finish_non_exhaustive()
    }
}

impl AdobeClient {
    /// A client that goes out through `door`, which [`AdobeConfig::door_config`] describes.
    ///
    /// # Errors
    /// `Unauthorized`, with its name in `field`, when a secret that the edition needs is not there; `Rejected` for
    /// settings that cannot work.
    pub fn new(door: Door, config: AdobeConfig, secrets: AdobeSecrets) -> Result<Self, Fault> {
        config.check().map_err(|problem| {
            Fault::new(FaultKind::Rejected, System::Connector, "settings", problem).with_code("settings")
        })?;
        let credentials = credentials(&door, &config, &secrets)?;
        let root = config.root();
        let inner =
            Inner { door, config, credentials, root, capabilities: RwLock::default(), event_keys: Mutex::default() };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The settings it was made with.
    pub fn config(&self) -> &AdobeConfig {
        &self.inner.config
    }

    /// Reads something.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str, operation: &'static str) -> Result<T, Fault> {
        self.send(self.request(Method::GET, path, operation)).await?.json()
    }

    /// Writes something and reads what came back.
    pub(crate) async fn put_body<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        operation: &'static str,
        body: &impl Serialize,
    ) -> Result<T, Fault> {
        self.write(method, path, operation, body).await?.json()
    }

    /// Writes something; the answer is of no interest, such as `[]` or `true`.
    pub(crate) async fn write(
        &self,
        method: Method,
        path: &str,
        operation: &'static str,
        body: &impl Serialize,
    ) -> Result<Answer, Fault> {
        let body = serde_json::to_vec(body).map_err(|_| {
            Fault::new(FaultKind::Defect, System::Adobe, operation, "the request cannot be written as JSON")
        })?;
        self.send(self.request(method, path, operation).json(body)).await
    }

    /// One page of a search.
    pub(crate) async fn page<T: DeserializeOwned>(
        &self,
        path: &str,
        operation: &'static str,
        search: &Search,
    ) -> Result<Page<T>, Fault> {
        self.get(&format!("{path}?{}", search.to_query()), operation).await
    }

    /// All pages of a search, by the total. For small results: the lines of one order, the invoices of one order.
    pub(crate) async fn all<T: DeserializeOwned>(
        &self,
        path: &str,
        operation: &'static str,
        search: Search,
    ) -> Result<Vec<T>, Fault> {
        let mut search = search.page_size(self.config().page_size);
        let mut found = Vec::new();
        for number in 1..=MOST_PAGES {
            search = search.page(number);
            let page: Page<T> = self.page(path, operation, &search).await?;
            let last = page.is_last(&search);
            found.extend(page.items);
            if last {
                return Ok(found);
            }
        }
        let problem = format!("the search finds more than {MOST_PAGES} pages");
        Err(Fault::new(FaultKind::Rejected, System::Adobe, operation, problem).with_code(code::WRONG_SHAPE))
    }

    /// A request in this shop's form, not yet authorised.
    pub(crate) fn request(&self, method: Method, path: &str, operation: &'static str) -> Request {
        let config = self.config();
        let request = Request::new(method, format!("{}{path}", self.inner.root), operation)
            .family(CONCURRENCY)
            .family(PACE)
            .header("accept", "application/json");
        match &config.edition {
            AdobeEdition::PaaS => request,
            AdobeEdition::SaaS(ims) => {
                let request = request.header("store", &config.store);
                match &ims.org_id {
                    Some(org) => request.header("x-gw-ims-org-id", org),
                    None => request,
                }
            }
        }
    }

    /// Sends a request; a refused signature or nonce is made anew once.
    pub(crate) async fn send(&self, request: Request) -> Result<Answer, Fault> {
        let answer = self.once(&request).await;
        match answer {
            // A 401 comes before the shop looks at the body: nothing was done.
            Err(refused) if fault::wants_new_signature(&refused) => self.once(&request).await,
            other => other,
        }
    }

    async fn once(&self, request: &Request) -> Result<Answer, Fault> {
        let inner = &self.inner;
        let answer = inner.door.send(request, &inner.credentials).await?;
        if answer.is_success() {
            return Ok(answer);
        }
        let fault = fault::classify(request.operation(), &answer);
        if let Some(wait) = fault.retry_after().filter(|_| fault.kind == FaultKind::Limited) {
            // Redis out of reach: the fault's own wait still holds for this job.
            if let Err(unblocked) = inner.door.block_for(CONCURRENCY, wait).await {
                tracing::debug!(connection.id = %inner.door.connection(), %unblocked, "Could not block a budget for all workers");
            }
        }
        Err(self.redacted(fault))
    }

    pub(crate) fn redacted(&self, fault: Fault) -> Fault {
        let message = self.inner.door.redact(&fault.message, &self.inner.credentials);
        Fault { message, ..fault }
    }
}

/// `None` for a record that is not there.
pub(crate) fn found<T>(read: Result<T, Fault>) -> Result<Option<T>, Fault> {
    match read {
        Ok(record) => Ok(Some(record)),
        Err(fault) if fault.code.as_deref() == Some(code::NOT_FOUND) && fault.status == Some(404) => Ok(None),
        Err(fault) => Err(fault),
    }
}

/// Refuses a key that the shop would cut.
pub(crate) fn fits(operation: &str, field: &str, key: Option<&str>, limit: usize) -> Result<(), Fault> {
    match key {
        Some(key) if key.chars().count() > limit => Err(fault::key_too_long(operation, field, limit)),
        _ => Ok(()),
    }
}

/// A mistake of ours: nothing is sent.
pub(crate) fn defect(operation: &str, problem: &str) -> Fault {
    Fault::new(FaultKind::Defect, System::Adobe, operation, problem)
}

fn credentials(door: &Door, config: &AdobeConfig, secrets: &AdobeSecrets) -> Result<Credentials, Fault> {
    let required = |secret: &Option<SecretString>, name: &'static str| match secret {
        Some(secret) if !secret.expose_secret().trim().is_empty() => Ok(secret.clone()),
        _ => {
            let connection = door.connection();
            let message =
                format!("The secret `{name}` is not set. Run `mlc connection set-secret {connection} {name}`.");
            Err(Fault::new(FaultKind::Unauthorized, System::Adobe, "credentials", message)
                .with_code("secret_missing")
                .with_field(name))
        }
    };
    match &config.edition {
        AdobeEdition::PaaS => {
            let keys = IntegrationKeys {
                consumer_key: required(&secrets.consumer_key, "consumer_key")?,
                consumer_secret: required(&secrets.consumer_secret, "consumer_secret")?,
                token: required(&secrets.token, "token")?,
                token_secret: required(&secrets.token_secret, "token_secret")?,
            };
            Ok(Credentials::none().with_signer(Arc::new(OAuth1Signer::new(keys))))
        }
        AdobeEdition::SaaS(ims) => {
            let client_id = required(&secrets.client_id, "client_id")?;
            let login = ImsLogin {
                token_url: ims.token_url.clone(),
                client_id: client_id.clone(),
                client_secret: required(&secrets.client_secret, "client_secret")?,
                scopes: ims.scopes.clone(),
            };
            Ok(Credentials::none().with_token(Arc::new(login)).with_header("x-api-key", client_id))
        }
    }
}
