//! The simulator inside a test's own process.

use std::{
    io,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use axum::Router;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value};

use super::{
    AdobeConfig,
    answers::Content,
    behaviour::Behaviour,
    faults::Fault,
    gate::{self, Shared, lock},
    log::CallLog,
    oauth::Integration,
    outbox::{self, Delivery, Reply},
    shop::Shop,
    views::{CommentView, CompanyView, CustomerView, InvoiceView, ItemView, OrderView, SourceView},
};
use crate::server::Running;

/// A simulated shop, served on loopback until dropped.
#[derive(Debug)]
pub struct AdobeSim {
    shop: Shared,
    running: Running,
}

impl AdobeSim {
    /// Starts an empty shop.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub async fn start(config: AdobeConfig) -> io::Result<Self> {
        let listen = config.listen;
        let shop: Shared = Arc::new(Mutex::new(Shop::new(config)));
        let router = Router::new().fallback(gate::handle).with_state(Arc::clone(&shop));
        let running = Running::start(router, listen).await?;
        Ok(Self { shop, running })
    }

    fn shop(&self) -> MutexGuard<'_, Shop> {
        lock(&self.shop)
    }

    pub(super) fn running(&self) -> &Running {
        &self.running
    }

    /// The server's address, without edition or store.
    #[must_use]
    pub fn url(&self) -> String {
        self.running.url()
    }

    /// The base of REST calls, as a connection would be configured: with `/rest/{store}` on PaaS, with the tenant on SaaS.
    #[must_use]
    pub fn rest_url(&self, store: &str) -> String {
        let shop = self.shop();
        match shop.edition {
            super::Edition::Paas => format!("{}/rest/{store}", self.running.url()),
            super::Edition::Saas => format!("{}/{}", self.running.url(), shop.config.tenant),
        }
    }

    /// The token endpoint of the SaaS edition.
    #[must_use]
    pub fn token_url(&self) -> String {
        format!("{}{}", self.running.url(), super::ims::TOKEN_PATH)
    }

    /// Orders in the order of ids.
    #[must_use]
    pub fn orders(&self) -> Vec<OrderView> {
        let shop = self.shop();
        shop.tables.orders.values().map(|order| OrderView::of(&shop, order)).collect()
    }

    /// Orders with this number, in any store.
    #[must_use]
    pub fn orders_numbered(&self, increment_id: &str) -> Vec<OrderView> {
        let shop = self.shop();
        let ids = shop.tables.numbered(increment_id);
        ids.iter().filter_map(|id| shop.tables.orders.get(id)).map(|order| OrderView::of(&shop, order)).collect()
    }

    /// Order lines in the order of ids.
    #[must_use]
    pub fn items(&self) -> Vec<ItemView> {
        self.shop().tables.items.values().map(ItemView::of).collect()
    }

    /// Invoices in the order of ids.
    #[must_use]
    pub fn invoices(&self) -> Vec<InvoiceView> {
        self.shop().tables.invoices.values().map(InvoiceView::of).collect()
    }

    /// Invoices of one order.
    #[must_use]
    pub fn invoices_of(&self, order: u64) -> Vec<InvoiceView> {
        self.invoices().into_iter().filter(|invoice| invoice.order_id == order).collect()
    }

    /// Comments of all invoices.
    #[must_use]
    pub fn comments(&self) -> Vec<CommentView> {
        let shop = self.shop();
        shop.tables.invoices.values().flat_map(|invoice| &invoice.comments).map(CommentView::of).collect()
    }

    /// Companies in the order of ids.
    #[must_use]
    pub fn companies(&self) -> Vec<CompanyView> {
        self.shop().tables.companies.values().map(CompanyView::of).collect()
    }

    /// Customers in the order of ids.
    #[must_use]
    pub fn customers(&self) -> Vec<CustomerView> {
        self.shop().tables.customers.values().map(CustomerView::of).collect()
    }

    /// Inventory sources in the order of codes, the shop's own `default` among them.
    #[must_use]
    pub fn sources(&self) -> Vec<SourceView> {
        self.shop().tables.sources.values().map(SourceView::of).collect()
    }

    /// Places an order as a shopper would: `entity` as for `POST /V1/orders`. Answers its id.
    ///
    /// # Errors
    /// The shop's refusal as text.
    pub fn place_order(&self, entity: &Value) -> Result<u64, String> {
        let mut body = Map::new();
        body.insert("entity".to_owned(), entity.clone());
        let saved = self.shop().save_order(&body).map_err(|refused| refused.message().to_owned())?;
        let Content::Json(order) = saved.body else { return Err("not saved".to_owned()) };
        order.get("entity_id").and_then(Value::as_u64).ok_or_else(|| "not saved".to_owned())
    }

    /// A person invoices an order in the shop: `body` as for `POST /V1/order/{id}/invoice`.
    ///
    /// # Errors
    /// The shop's refusal as text.
    pub fn place_invoice(&self, order: u64, body: &Value) -> Result<(), String> {
        self.shop().invoice_order(order, body).map(drop).map_err(|refused| refused.message().to_owned())
    }

    /// Takes orders asynchronously; answers the bulk's uuid.
    #[must_use]
    pub fn place_bulk(&self, bodies: &[Value]) -> String {
        let taken = self.shop().take_bulk(&["orders".to_owned()], bodies.to_vec());
        let Content::Json(answer) = taken.body else { return String::new() };
        answer.get("bulk_uuid").and_then(Value::as_str).unwrap_or_default().to_owned()
    }

    /// An admin edits a company: the columns named in `changes`.
    /// False when it is unknown.
    pub fn edit_company(&self, id: u64, changes: &Value) -> bool {
        let mut shop = self.shop();
        let Some(row) = shop.tables.companies.get_mut(&id) else { return false };
        for (name, value) in changes.as_object().into_iter().flatten() {
            row.insert(name.clone(), value.clone());
        }
        true
    }

    /// Removes an order as if it had never been saved. False when it is unknown.
    pub fn drop_order(&self, id: u64) -> bool {
        let mut shop = self.shop();
        let Some(order) = shop.tables.orders.get(&id).cloned() else { return false };
        for item in &order.items {
            shop.tables.items.remove(item);
        }
        shop.tables.forget(id);
        true
    }

    /// The next order gets this id, its lines continue at `item`, and the shop's own numbering at `number`.
    pub fn continue_ids(&self, order: u64, item: Option<u64>, number: Option<u64>) {
        let mut shop = self.shop();
        shop.tables.continue_at("order", order);
        if let Some(item) = item {
            shop.tables.continue_at("item", item);
        }
        if let Some(number) = number {
            shop.tables.continue_at("order number", number);
        }
    }

    /// What was asked so far.
    #[must_use]
    pub fn request_log(&self) -> CallLog {
        self.shop().log.clone()
    }

    /// Sets the counters back.
    pub fn reset_log(&self) {
        self.shop().log.reset();
    }

    /// Switches a fault on.
    pub fn add_fault(&self, fault: Fault) {
        self.shop().faults.switches.push(fault);
    }

    /// Switches all faults off.
    pub fn clear_faults(&self) {
        self.shop().faults.switches.clear();
    }

    /// Faults committed so far.
    #[must_use]
    pub fn faults_committed(&self) -> u64 {
        self.shop().faults.committed
    }

    /// Delays every answer.
    pub fn set_latency(&self, latency: Duration) {
        self.shop().latency = latency;
    }

    /// Changes switches.
    pub fn change_behaviour(&self, change: impl FnOnce(&mut Behaviour)) {
        change(&mut self.shop().behaviour);
    }

    /// Changes an integration; the first has index 0.
    pub fn change_integration(&self, index: usize, change: impl FnOnce(&mut Integration)) {
        if let Some(integration) = self.shop().door.integrations.get_mut(index) {
            change(integration);
        }
    }

    /// Stops the shop's clock at this time.
    pub fn freeze_clock(&self, at: DateTime<Utc>) {
        self.shop().clock.freeze(at);
    }

    /// Moves the shop's clock.
    pub fn advance_clock(&self, step: TimeDelta) {
        self.shop().clock.advance(step);
    }

    /// SaaS: every token given so far is refused from now on.
    pub fn expire_tokens(&self) {
        self.shop().tokens.expire_all();
    }

    /// SaaS: tokens given so far.
    #[must_use]
    pub fn tokens_issued(&self) -> u64 {
        self.shop().tokens.issued
    }

    /// Carries out asynchronous calls that are open.
    pub fn run_consumers(&self) {
        self.shop().run_consumers();
    }

    /// Sends a webhook or an event. Sent twice it is a duplicate; with the same `id` a retry.
    ///
    /// # Errors
    /// When the receiver cannot be reached or does not answer in time.
    pub async fn deliver(&self, delivery: &Delivery) -> io::Result<Reply> {
        let (body, headers) = {
            let shop = self.shop();
            (delivery.body(&shop), delivery.headers(&shop))
        };
        outbox::send("POST", &delivery.url, &body, &headers, delivery.timeout()).await
    }

    /// Registers an address for I/O events: a GET with `?challenge=..` that must be answered with the same text.
    /// True when it was.
    ///
    /// # Errors
    /// When the receiver cannot be reached or does not answer in time.
    pub async fn challenge(&self, url: &str) -> io::Result<bool> {
        let challenge = format!("{:032x}", rand::random::<u128>());
        let join = if url.contains('?') { '&' } else { '?' };
        let asked = format!("{url}{join}challenge={challenge}");
        let reply = outbox::send("GET", &asked, &[], &[], Duration::from_secs(10)).await?;
        let in_json =
            serde_json::from_str::<Value>(&reply.body).is_ok_and(|body| body["challenge"] == challenge.as_str());
        Ok(reply.status == 200 && (reply.body.trim() == challenge || in_json))
    }
}
