//! What each shop can do: found out once, remembered in the ledger for all workers, asked again every day.

use std::{collections::HashMap, sync::Arc};

use chrono::{DateTime, TimeDelta, Utc};
use mlc_adobe::Capabilities;
use mlc_model::{ConnectionId, Fault};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use crate::{Context, shop_scope::shop_facts};

/// A module may be installed or a right granted at any time: after so long the shop is asked again.
const FRESH_FOR: TimeDelta = TimeDelta::hours(24);
/// Another worker may learn something: the ledger is looked into again after so long.
const BELIEVED_FOR: TimeDelta = TimeDelta::seconds(20);
/// Name of the kept value.
const NAME: &str = "capabilities";

/// What this process knows of the shops. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct KnownShops {
    shops: Arc<Mutex<HashMap<ConnectionId, Place>>>,
}

/// Where one shop is looked up: whoever holds it asks, the others wait for the answer.
type Place = Arc<Mutex<Option<Known>>>;

#[derive(Debug, Clone)]
struct Known {
    looked_at: DateTime<Utc>,
    shop: Remembered,
}

/// As it is kept in the ledger.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Remembered {
    found_at: DateTime<Utc>,
    capabilities: Capabilities,
    /// Whether lines keep custom attributes, as an order that was read back has shown; `None` = not known yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    line_attributes_kept: Option<bool>,
}

impl Remembered {
    /// As others want it: what was learned counts more than the guess from edition and modules.
    fn capabilities(&self) -> Capabilities {
        let guess = self.capabilities.line_attributes;
        Capabilities { line_attributes: self.line_attributes_kept.unwrap_or(guess), ..self.capabilities.clone() }
    }
}

impl Context {
    /// What a shop can do. The names of its modules are left out, and of its stores all but the connection's own. `line_attributes` is what an
    /// order that was read back has shown, as soon as one was.
    ///
    /// The client of the connection knows the same afterwards.
    ///
    /// # Errors
    /// Any fault of the calls that find it out; a missing right only makes the answer less sure.
    pub(crate) async fn shop_capabilities(&self, shop: &ConnectionId) -> Result<Capabilities, Fault> {
        Ok(self.remembered(shop).await?.capabilities())
    }

    /// Whether lines of this shop keep custom attributes, as an order that was read back has shown. `None`: nobody has looked yet today.
    ///
    /// # Errors
    /// As [`Context::shop_capabilities`].
    pub(crate) async fn line_attributes_kept(&self, shop: &ConnectionId) -> Result<Option<bool>, Fault> {
        Ok(self.remembered(shop).await?.line_attributes_kept)
    }

    /// Remembers whether lines of this shop keep custom attributes: a shop without the module refuses them, or takes them and loses them.
    ///
    /// # Errors
    /// As [`Context::shop_capabilities`].
    pub(crate) async fn learn_line_attributes(&self, shop: &ConnectionId, kept: bool) -> Result<(), Fault> {
        let mut remembered = self.remembered(shop).await?;
        if remembered.line_attributes_kept == Some(kept) {
            return Ok(());
        }
        remembered.line_attributes_kept = Some(kept);
        let place = self.shops.place(shop).await;
        let mut known = place.lock().await;
        self.remember(shop, &remembered).await?;
        *known = Some(Known { looked_at: self.clock.now(), shop: remembered });
        Ok(())
    }

    async fn remembered(&self, shop: &ConnectionId) -> Result<Remembered, Fault> {
        // One question at a time per shop and process: jobs that start together do not all ask.
        let place = self.shops.place(shop).await;
        let mut known = place.lock().await;
        let now = self.clock.now();
        if let Some(known) = known.as_ref().filter(|known| now - known.looked_at < BELIEVED_FOR) {
            return Ok(known.shop.clone());
        }
        let client = self.adobe(shop).await?;
        let kept = self.ledger.kept(&shop_facts(shop)?, shop.as_str(), NAME).await?;
        // What an older program kept may read otherwise: it is found out anew.
        let kept = kept.and_then(|text| serde_json::from_str::<Remembered>(&text).ok());
        let found = match kept.filter(|kept| now - kept.found_at < FRESH_FOR) {
            Some(kept) => {
                client.set_capabilities(kept.capabilities());
                kept
            }
            None => {
                let capabilities = thinned(client.refresh_capabilities().await?, client.config().store_id);
                let found = Remembered { found_at: now, capabilities, line_attributes_kept: None };
                self.remember(shop, &found).await?;
                tracing::info!(connection = %shop, companies = found.capabilities.companies, sources = found.capabilities.sources,
                    line_attributes = found.capabilities.line_attributes, "What shop {shop} can do was found out");
                found
            }
        };
        *known = Some(Known { looked_at: now, shop: found.clone() });
        Ok(found)
    }

    async fn remember(&self, shop: &ConnectionId, remembered: &Remembered) -> Result<(), Fault> {
        let text = serde_json::to_string(remembered).map_err(|problem| defect(problem.to_string()))?;
        self.ledger.keep(&shop_facts(shop)?, shop.as_str(), NAME, &text).await?;
        self.adobe(shop).await?.set_capabilities(remembered.capabilities());
        Ok(())
    }
}

impl KnownShops {
    async fn place(&self, shop: &ConnectionId) -> Place {
        Arc::clone(self.shops.lock().await.entry(shop.clone()).or_default())
    }
}

/// A shop has hundreds of modules, and kept values have a limit: only what is decided by is kept.
fn thinned(mut found: Capabilities, store_id: i64) -> Capabilities {
    found.modules = None;
    found.stores.retain(|store| store.id == store_id);
    found
}

fn defect(problem: String) -> Fault {
    Fault::defect("capabilities", problem)
}
