//! The simulator inside a test's own process.

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use axum::Router;

use super::{
    HubspotConfig,
    faults::Fault,
    gate::{self, Shared, lock},
    limits::Limits,
    log::CallLog,
    store::Kind,
    views::{self, LinkView, RecordView, Stats},
    world::{Behaviour, World},
    writes::Text,
};
use crate::server::Running;

/// A simulated portal, served on loopback until dropped.
#[derive(Debug)]
pub struct HubspotSim {
    world: Shared,
    running: Running,
}

/// The fault switches of a portal.
#[derive(Debug)]
pub struct FaultSwitches<'a>(&'a HubspotSim);

impl HubspotSim {
    /// Starts an empty portal.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub async fn start(config: HubspotConfig) -> io::Result<Self> {
        let listen = config.listen;
        let world: Shared = Arc::new(Mutex::new(World::new(config)));
        let router = Router::new().fallback(gate::handle).with_state(Arc::clone(&world));
        let running = Running::start(router, listen).await?;
        Ok(Self { world, running })
    }

    fn world(&self) -> MutexGuard<'_, World> {
        lock(&self.world)
    }

    pub(super) fn running(&self) -> &Running {
        &self.running
    }

    /// The base address, without a trailing slash.
    #[must_use]
    pub fn url(&self) -> String {
        self.running.url()
    }

    /// Unarchived companies in the order of ids.
    #[must_use]
    pub fn companies(&self) -> Vec<RecordView> {
        views::records(&self.world().companies, usize::MAX, None)
    }

    /// Unarchived companies whose property has exactly this value.
    #[must_use]
    pub fn companies_with(&self, property: &str, value: &str) -> Vec<RecordView> {
        let wanted = Some((property, value));
        views::records(&self.world().companies, usize::MAX, wanted)
    }

    /// The unarchived company that holds this value in a unique property.
    #[must_use]
    pub fn company_by(&self, unique_property: &str, value: &str) -> Option<RecordView> {
        let world = self.world();
        let record = world.companies.get(world.companies.holder(unique_property, value)?)?;
        Some(views::view(&world.companies, record))
    }

    /// Unarchived contacts in the order of ids.
    #[must_use]
    pub fn contacts(&self) -> Vec<RecordView> {
        views::records(&self.world().contacts, usize::MAX, None)
    }

    /// Links between companies and contacts.
    #[must_use]
    pub fn associations(&self) -> Vec<LinkView> {
        views::links(&self.world().links)
    }

    /// From now on every value written to this company property is kept; what was kept before is forgotten.
    pub fn watch_company_property(&self, name: &str) {
        let companies = &mut self.world().companies;
        companies.watched = Some(name.to_owned());
        companies.history.clear();
    }

    /// Every value that was written to the watched property, in the order of the writes, with the company's id.
    #[must_use]
    pub fn watched_writes(&self) -> Vec<(String, String)> {
        self.world().companies.history.iter().map(|(id, value)| (id.to_string(), value.clone())).collect()
    }

    /// Counts of calls by route and status.
    #[must_use]
    pub fn request_log(&self) -> CallLog {
        self.world().log.clone()
    }

    /// All counters.
    #[must_use]
    pub fn stats(&self) -> Stats {
        views::stats(&self.world())
    }

    /// Sets all counters back; records, definitions, tokens and switches stay.
    pub fn reset_stats(&self) {
        self.world().reset_counters();
    }

    /// The fault switches.
    #[must_use]
    pub fn faults(&self) -> FaultSwitches<'_> {
        FaultSwitches(self)
    }

    /// Changes the limits while running; use so far still counts.
    pub fn set_limits(&self, limits: Limits) {
        self.world().limiter.settings = limits;
    }

    /// Sets the number of calls already made today.
    pub fn set_used_today(&self, used: u64) {
        self.world().limiter.set_used_today(used);
    }

    /// Changes the harmless differences.
    pub fn set_behaviour(&self, behaviour: Behaviour) {
        self.world().behaviour = behaviour;
    }

    /// Adds this delay to every answer.
    pub fn set_latency(&self, latency: Duration) {
        self.world().latency = latency;
    }

    /// Changes how long search lags behind writes.
    pub fn set_search_lag(&self, lag: Duration) {
        let mut world = self.world();
        world.companies.search_lag = lag;
        world.contacts.search_lag = lag;
    }

    /// Revokes an access or refresh token. False when it is unknown.
    pub fn revoke_token(&self, token: &str) -> bool {
        self.world().tokens.revoke(token)
    }

    /// Adds a token, or makes a known one good again; `None` gives it every scope.
    pub fn add_token(&self, token: &str, scopes: Option<&[&str]>) {
        let all = super::tokens::ALL_SCOPES;
        let scopes = scopes.unwrap_or(&all);
        let token_rights = super::tokens::Token {
            scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
            oauth: false,
            expires: None,
            revoked: false,
        };
        self.world().tokens.put(token, token_rights);
    }

    /// Ends the life of every OAuth access token now.
    pub fn expire_oauth_tokens(&self) {
        self.world().tokens.expire_oauth();
    }

    /// A sales user edits a company in the portal.
    ///
    /// # Errors
    /// When the company is unknown or a value is not allowed; the text says why.
    pub fn edit_company(&self, id: &str, properties: &[(&str, &str)]) -> Result<(), String> {
        let properties: BTreeMap<String, Text> =
            properties.iter().map(|(name, value)| ((*name).to_owned(), Text((*value).to_owned()))).collect();
        self.world().edit(Kind::Company, id, properties)
    }

    /// A user links a company and a contact; with a label, the pair gets that label too.
    /// False when the company or the contact is unknown.
    pub fn link_as_user(&self, company: &str, contact: &str, label: Option<&str>) -> bool {
        let (Ok(company), Ok(contact)) = (company.parse(), contact.parse()) else {
            return false;
        };
        let mut world = self.world();
        let type_id = label.map(|label| world.label_id(label));
        world.link(company, contact, type_id)
    }

    /// A user merges two companies. False when one is unknown.
    pub fn merge_companies(&self, survivor: &str, loser: &str) -> bool {
        let (Ok(survivor), Ok(loser)) = (survivor.parse(), loser.parse()) else {
            return false;
        };
        self.world().merge(Kind::Company, survivor, loser)
    }

    /// A user deletes a company.
    pub fn archive_company(&self, id: &str) {
        if let Ok(id) = id.parse() {
            self.world().archive(Kind::Company, id);
        }
    }

    /// An admin removes a company property with all its values. False when it was not there.
    pub fn remove_company_property(&self, name: &str) -> bool {
        self.world().companies.remove_property(name)
    }

    /// Empties the portal and sets everything back to the start, switches included.
    pub fn reset(&self) {
        let mut world = self.world();
        *world = World::new(world.config.clone());
    }
}

impl FaultSwitches<'_> {
    /// Switches a fault on.
    pub fn add(&self, fault: Fault) {
        self.0.world().faults.switches.push(fault);
    }

    /// Switches all faults off.
    pub fn clear(&self) {
        self.0.world().faults.switches.clear();
    }

    /// Faults committed so far.
    #[must_use]
    pub fn committed(&self) -> u64 {
        self.0.world().faults.committed
    }

    /// Switches that are still on.
    #[must_use]
    pub fn pending(&self) -> Vec<Fault> {
        self.0.world().faults.switches.clone()
    }
}
