//! The shop as one thing: tables, door, switches, clock; and the calls about the shop itself.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    AdobeConfig,
    answers::{Answer, Handled},
    behaviour::{Behaviour, Edition},
    clock::Clock,
    columns::time_text,
    faults::FaultList,
    ims::Tokens,
    log::CallLog,
    oauth::Door,
    schema::Row,
    store::Tables,
};

/// A store view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreView {
    /// Its id, as orders carry it.
    pub id: i64,
    /// Its code, as paths and the `Store` header carry it.
    pub code: String,
    /// Its base currency.
    pub currency: String,
}

impl StoreView {
    /// A store view with base currency USD.
    #[must_use]
    pub fn new(id: i64, code: &str) -> Self {
        Self { id, code: code.to_owned(), currency: "USD".to_owned() }
    }
}

/// A shop.
#[derive(Debug)]
pub(super) struct Shop {
    pub(super) config: AdobeConfig,
    pub(super) edition: Edition,
    pub(super) stores: Vec<StoreView>,
    pub(super) behaviour: Behaviour,
    pub(super) tables: Tables,
    pub(super) door: Door,
    pub(super) tokens: Tokens,
    pub(super) clock: Clock,
    pub(super) faults: FaultList,
    pub(super) log: CallLog,
    pub(super) latency: Duration,
}

impl Shop {
    pub(super) fn new(config: AdobeConfig) -> Self {
        Self {
            edition: config.edition,
            stores: config.stores.clone(),
            behaviour: config.behaviour.clone().unwrap_or_else(|| Behaviour::of(config.edition, config.sort)),
            tables: Tables::new(),
            door: Door::new(config.integrations.clone(), config.sort),
            tokens: Tokens::new(&config.client_id, &config.client_secret, config.expires_in_secs),
            clock: Clock::default(),
            faults: FaultList::default(),
            log: CallLog::default(),
            latency: Duration::ZERO,
            config,
        }
    }

    pub(super) fn now_text(&self) -> String {
        time_text(self.clock.now())
    }

    /// `GET /V1/modules`.
    pub(super) fn modules(&self) -> Handled {
        let mut modules = vec!["Magento_Store", "Magento_Sales", "Magento_Customer", "Magento_Webapi"];
        let more: [(bool, &[&str]); 4] = [
            (
                self.behaviour.b2b,
                &["Magento_Company", "Magento_CompanyCredit", "Magento_NegotiableQuote", "Magento_SharedCatalog"],
            ),
            (self.behaviour.sources, &["Magento_Inventory", "Magento_InventoryApi", "Magento_InventorySales"]),
            (self.behaviour.custom_attributes, &["Magento_OutOfProcessCustomAttributes"]),
            (true, &["Magento_AdobeCommerceWebhooks", "Magento_AdobeCommerceEventsClient"]),
        ];
        for (installed, names) in more {
            if installed {
                modules.extend(names);
            }
        }
        Ok(Answer::ok(json!(modules)))
    }

    /// `GET /V1/store/storeViews`, `/websites`, `/storeGroups`, `/storeConfigs`.
    pub(super) fn stores(&self, what: &str, base_url: &str) -> Handled {
        let admin =
            json!({ "id": 0, "code": "admin", "name": "Admin", "website_id": 0, "store_group_id": 0, "is_active": 1 });
        let rows: Vec<Value> = match what {
            "websites" => vec![
                json!({ "id": 0, "code": "admin", "name": "Admin", "default_group_id": 0 }),
                json!({ "id": 1, "code": "base", "name": "Main Website", "default_group_id": 1 }),
            ],
            "storeGroups" => vec![
                json!({ "id": 1, "website_id": 1, "root_category_id": 2, "default_store_id": 1, "name": "Main Website Store", "code": "main_website_store" }),
            ],
            "storeViews" => std::iter::once(admin)
                .chain(self.stores.iter().map(|store| {
                    json!({ "id": store.id, "code": store.code, "name": store.code, "website_id": 1, "store_group_id": 1, "is_active": 1 })
                }))
                .collect(),
            _ => self
                .stores
                .iter()
                .map(|store| {
                    let mut row = json!({ "id": store.id, "code": store.code, "website_id": 1, "locale": "en_US",
                        "base_currency_code": store.currency, "default_display_currency_code": store.currency,
                        "timezone": "UTC", "weight_unit": "lbs" });
                    for (name, end) in [("url", "/"), ("link_url", "/"), ("static_url", "/static/version1/"), ("media_url", "/media/")] {
                        for prefix in ["base", "secure_base"] {
                            row[format!("{prefix}_{name}")] = format!("{base_url}{end}").into();
                        }
                    }
                    row
                })
                .collect(),
        };
        Ok(Answer::ok(Value::Array(rows)))
    }

    /// `GET /V1/order-statuses`, SaaS only.
    pub(super) fn order_statuses(&self) -> Handled {
        let pairs = [
            ("new", "pending"),
            ("processing", "processing"),
            ("complete", "complete"),
            ("closed", "closed"),
            ("canceled", "canceled"),
            ("holded", "holded"),
            ("payment_review", "payment_review"),
            ("pending_payment", "pending_payment"),
        ];
        let rows: Vec<Value> =
            pairs.iter().map(|(state, status)| json!({ "state": state, "status": status, "label": status })).collect();
        Ok(Answer::ok(Value::Array(rows)))
    }

    /// `POST /V1/webhooks/subscribe` and `/unsubscribe`, `POST /V1/eventing/eventSubscribe`.
    pub(super) fn subscribe(&mut self, what: &str, body: &Row) -> Handled {
        let wrapper = if what == "eventSubscribe" { "event" } else { "webhook" };
        let Some(sent) = body.get(wrapper) else {
            return Answer::missing(wrapper).refuse();
        };
        let key = |hook: &Value| {
            ["webhook_method", "webhook_type", "batch_name", "hook_name"].map(|name| hook.get(name).cloned())
        };
        match what {
            "eventSubscribe" => self.tables.subscriptions.push(sent.clone()),
            "subscribe" => {
                self.tables.webhooks.retain(|known| key(known) != key(sent));
                self.tables.webhooks.push(sent.clone());
            }
            _ => self.tables.webhooks.retain(|known| key(known) != key(sent)),
        }
        Ok(Answer::ok(json!([])))
    }
}
