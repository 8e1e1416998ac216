//! The client: one call, and what every call has in common.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use mlc_model::{Fault, FaultKind, RecordKey, System, TargetId};
use mlc_outbound::{Answer, Credentials, Door, Method, Request};
use rand::Rng;
use serde_json::{Value, json};

use crate::{
    ApiVersion, CompanyInput, ContactInput, Entry, HubspotAuth, HubspotConfig, HubspotSecrets, StoredCompany,
    batch::BATCH,
    fault::{Refusal, refusal},
    limits::{ASSOCIATIONS, BURST, CONCURRENCY, DAILY, LimitPolicy, SEARCH, SeenPlan, offset_at_midnight},
    token::RefreshToken,
    upsert::{Object, upsert},
    wire::{AccountDetails, BatchAnswer},
};

/// Talks to one HubSpot account. Clones share everything.
#[derive(Clone)]
pub struct HubspotClient {
    inner: Arc<Inner>,
    split_on_500: bool,
}

struct Inner {
    door: Door,
    config: HubspotConfig,
    secrets: HubspotSecrets,
    credentials: Credentials,
    refresh: Option<Arc<RefreshToken>>,
    /// Whether the account's time zone was told to the door in this process.
    knows_zone: AtomicBool,
}

impl std::fmt::Debug for HubspotClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HubspotClient")
            .field("connection", self.inner.door.connection())
            .field("config", &self.inner.config)
            .field("split_on_500", &self.split_on_500)
            .finish_non_exhaustive()
    }
}

impl HubspotClient {
    /// A client for the account behind `door`, whose budgets should be [`crate::budgets`].
    ///
    /// # Errors
    /// `Unauthorized` when a secret that the configured way of authorisation needs is not in the vault; it is named.
    pub fn new(door: Door, config: HubspotConfig, secrets: HubspotSecrets) -> Result<Self, Fault> {
        let missing = |name: &str| {
            let connection = door.connection();
            let message =
                format!("the secret `{name}` is not set: run `mlc connection set-secret {connection} {name}`");
            Fault::new(FaultKind::Unauthorized, System::Hubspot, "credentials", message)
                .with_code("SECRET_MISSING")
                .with_field(name)
        };
        let (credentials, refresh) = match config.auth {
            HubspotAuth::StaticToken => {
                let token = secrets.token.clone().ok_or_else(|| missing("token"))?;
                (Credentials::bearer(&token), None)
            }
            HubspotAuth::OAuth2 => {
                let refresh = Arc::new(RefreshToken {
                    path: config.api_version.token(),
                    client_id: secrets.client_id.clone().ok_or_else(|| missing("client_id"))?,
                    client_secret: secrets.client_secret.clone().ok_or_else(|| missing("client_secret"))?,
                    refresh_token: secrets.refresh_token.clone().ok_or_else(|| missing("refresh_token"))?,
                });
                (Credentials::none().with_token(refresh.clone()), Some(refresh))
            }
        };
        let inner = Inner { door, config, secrets, credentials, refresh, knows_zone: AtomicBool::new(false) };
        Ok(Self { inner: Arc::new(inner), split_on_500: false })
    }

    /// The same client, which also halves a batch that HubSpot answers with 500, until a poisonous record is alone.
    /// Worth it only after the batch failed like that several times: mostly a 500 is a bad moment.
    #[must_use]
    pub fn split_on_500(&self) -> Self {
        Self { inner: Arc::clone(&self.inner), split_on_500: true }
    }

    /// Makes or updates companies by their key, any number, 100 in one call. One entry per input, in the same order;
    /// inputs with the same key are merged, the later one wins. Safe to repeat.
    ///
    /// # Errors
    /// The fault that stopped the call before a single record was decided. When it is stopped later, the undecided
    /// entries carry the fault.
    pub async fn upsert_companies(&self, companies: &[CompanyInput]) -> Result<Vec<Entry>, Fault> {
        let inputs = companies.iter().map(|company| (company.key.as_str().to_owned(), company.properties.clone()));
        upsert(self, Object::Company, inputs).await
    }

    /// Makes or updates contacts by their e-mail address, as [`Self::upsert_companies`] does companies.
    ///
    /// # Errors
    /// As [`Self::upsert_companies`].
    pub async fn upsert_contacts(&self, contacts: &[ContactInput]) -> Result<Vec<Entry>, Fault> {
        let inputs = contacts.iter().map(|contact| {
            let email = contact.email.trim().to_lowercase();
            let mut properties = contact.properties.clone();
            // HubSpot's documents want the address among the properties too.
            properties.insert("email".to_owned(), email.clone());
            (email, properties)
        });
        upsert(self, Object::Contact, inputs).await
    }

    /// Reads companies by their key, with these properties. A key that HubSpot does not know is simply not in the answer,
    /// and the order is HubSpot's. Reads the store, not the search index: what was just written is there.
    ///
    /// # Errors
    /// Any fault of a call; nothing is returned in part.
    pub async fn read_companies(&self, keys: &[RecordKey], properties: &[&str]) -> Result<Vec<StoredCompany>, Fault> {
        let key_property = self.inner.config.key_property.as_str();
        let texts: Vec<&str> = keys.iter().map(RecordKey::as_str).collect();
        let records = self.read(Object::Company, &texts, properties).await?;
        Ok(records
            .into_iter()
            .filter_map(|record| {
                let key = RecordKey::from_text(record.properties.get(key_property)?.as_str()?);
                let id = TargetId::parse(record.id.as_deref()?).ok()?;
                let asked = record.properties.into_iter().filter(|(name, _)| properties.contains(&name.as_str()));
                let properties: BTreeMap<_, _> = asked.map(|(name, value)| (name, text_of(value))).collect();
                Some(StoredCompany { key, id, properties })
            })
            .collect())
    }

    /// Ids by key.
    pub(crate) async fn read_ids(&self, object: Object, keys: &[&str]) -> Result<HashMap<String, TargetId>, Fault> {
        let id_property = self.id_property(object);
        let records = self.read(object, keys, &[]).await?;
        Ok(records
            .into_iter()
            .filter_map(|record| {
                let key = object.normal_key(record.properties.get(id_property)?.as_str()?);
                Some((key, TargetId::parse(record.id.as_deref()?).ok()?))
            })
            .collect())
    }

    async fn read(
        &self,
        object: Object,
        keys: &[&str],
        properties: &[&str],
    ) -> Result<Vec<crate::wire::Record>, Fault> {
        let id_property = self.id_property(object);
        let mut wanted = vec![id_property];
        wanted.extend(properties.iter().filter(|name| **name != id_property));
        let mut found = Vec::new();
        let mut keys: Vec<String> = keys.iter().map(|key| object.normal_key(key)).collect();
        keys.sort();
        keys.dedup();
        for chunk in keys.chunks(BATCH) {
            let inputs: Vec<Value> = chunk.iter().map(|key| json!({ "id": key })).collect();
            let body = json!({ "idProperty": id_property, "properties": wanted, "propertiesWithHistory": [], "inputs": inputs });
            let path = self.version().objects(&format!("{}/batch/read", object.path()));
            let request = ordinary(Request::new(Method::POST, path, object.read_operation()))
                .json(body.to_string())
                .writes(false);
            match self.call(request).await {
                // Entries of `errors` name the unknown keys: not there is no fault.
                Ok(answer) => found.extend(answer.json::<BatchAnswer>()?.results),
                // Some accounts answer 404 when every key is unknown.
                Err(refusal)
                    if refusal.fault.status == Some(404) && refusal.fault.code.as_deref() != Some("PATH_UNKNOWN") => {}
                Err(refusal) => return Err(refusal.fault),
            }
        }
        Ok(found)
    }

    /// Sends a request, learns from the answer, and keeps all workers away after a 429.
    ///
    /// # Errors
    /// Any answer without success, and what the door itself could not do.
    pub(crate) async fn call(&self, request: Request) -> Result<Answer, Box<Refusal>> {
        let operation = request.operation();
        let is_association = operation.starts_with("associations.");
        let answer =
            self.inner.door.send(&request, &self.inner.credentials).await.map_err(|fault| Box::new(fault.into()))?;
        if !is_association {
            SeenPlan::of(&answer).teach(&self.inner.door);
        }
        if answer.is_success() {
            return Ok(answer);
        }
        let mut refusal = Box::new(refusal(&answer, operation, &self.inner.config.key_property));
        self.keep_away(&answer, &mut refusal, if is_association { ASSOCIATIONS } else { BURST }).await;
        tracing::debug!(
            connection.id = %self.inner.door.connection(), system = "hubspot", operation, status = answer.status(),
            fault.kind = %refusal.fault.kind, "HubSpot refused a call"
        );
        Err(refusal)
    }

    /// After a 429 or 477: how long, and for which budget.
    async fn keep_away(&self, answer: &Answer, refusal: &mut Refusal, ordinary_family: &'static str) {
        let (family, wait) = match (refusal.limit, answer.status()) {
            (Some(policy), _) => {
                let family = match policy {
                    LimitPolicy::Daily => DAILY,
                    LimitPolicy::Secondly => SEARCH,
                    LimitPolicy::TenSecondly | LimitPolicy::Unknown => ordinary_family,
                };
                let midnight = if policy == LimitPolicy::Daily { self.until_midnight().await } else { None };
                (family, policy.wait(answer.retry_after(), midnight, rand::rng().random()))
            }
            (None, 477) => (ordinary_family, refusal.fault.retry_after().unwrap_or_default()),
            _ => return,
        };
        refusal.fault = refusal.fault.clone().with_retry_after(wait);
        // Redis out of reach: the fault's own wait still holds for this job.
        if let Err(fault) = self.inner.door.block_for(family, wait).await {
            tracing::debug!(connection.id = %self.inner.door.connection(), %fault, "Could not block a budget for all workers");
        }
    }

    /// Time left of the account's day; `None` while its zone is not known.
    async fn until_midnight(&self) -> Option<std::time::Duration> {
        // Asked again each time: the zone's offset changes twice a year, and a spent day is rare.
        let request = Request::new(Method::GET, self.version().account(), "account.read").family(BURST);
        if let Ok(answer) = self.inner.door.send(&request, &self.inner.credentials).await
            && answer.is_success()
            && let Ok(account) = answer.json::<AccountDetails>()
        {
            self.learn_zone(&account, &answer);
        }
        self.inner.knows_zone.load(Ordering::Relaxed).then(|| self.inner.door.until_midnight(DAILY))
    }

    pub(crate) fn learn_zone(&self, account: &AccountDetails, answer: &Answer) {
        let Some(now) = answer.server_time() else { return };
        if let Some(offset) = offset_at_midnight(account, now) {
            self.inner.door.learn_day_offset(DAILY, offset);
            self.inner.knows_zone.store(true, Ordering::Relaxed);
        }
    }

    pub(crate) fn id_property(&self, object: Object) -> &str {
        match object {
            Object::Company => &self.inner.config.key_property,
            Object::Contact => "email",
        }
    }

    pub(crate) fn version(&self) -> &ApiVersion {
        &self.inner.config.api_version
    }

    pub(crate) fn config(&self) -> &HubspotConfig {
        &self.inner.config
    }

    pub(crate) fn secrets(&self) -> &HubspotSecrets {
        &self.inner.secrets
    }

    pub(crate) fn refresh(&self) -> Option<&RefreshToken> {
        self.inner.refresh.as_deref()
    }

    pub(crate) fn door(&self) -> &Door {
        &self.inner.door
    }

    pub(crate) fn splits_on_500(&self) -> bool {
        self.split_on_500
    }
}

/// Spends in the budgets of an ordinary call.
pub(crate) fn ordinary(request: Request) -> Request {
    request.family(BURST).family(DAILY).family(CONCURRENCY)
}

/// HubSpot's values are texts or null; an odd number or flag is taken as its text.
fn text_of(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        Value::Null => None,
        other => Some(other.to_string()),
    }
}
