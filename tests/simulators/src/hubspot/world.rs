//! Everything the simulated portal knows, behind one lock.

use std::time::Duration;

use rand::Rng;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    HubspotConfig,
    faults::FaultList,
    limits::Limiter,
    links::Links,
    log::CallLog,
    store::{Kind, Table},
    tokens::Tokens,
};

/// Harmless differences between portals and versions, which clients must bear.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Behaviour {
    /// Batch results come in another order than the inputs.
    pub shuffle_results: bool,
    /// `toObjectId` is text, as the newest description says, not a number as recorded.
    pub to_object_id_as_text: bool,
    /// Records carry fields nobody documented.
    pub extra_fields: bool,
    /// Trace ids are ignored, as on older portals: one bad record refuses the batch.
    pub ignore_trace_ids: bool,
    /// A batch/read that finds nothing answers 404 instead of an empty 207.
    pub read_of_nothing_is_404: bool,
    /// Associations of one record on a page of a read.
    pub association_page: usize,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            shuffle_results: true,
            to_object_id_as_text: false,
            extra_fields: false,
            ignore_trace_ids: false,
            read_of_nothing_is_404: false,
            association_page: 500,
        }
    }
}

/// The state of a simulated portal.
#[derive(Debug)]
pub(super) struct World {
    pub(super) config: HubspotConfig,
    pub(super) companies: Table,
    pub(super) contacts: Table,
    pub(super) links: Links,
    pub(super) limiter: Limiter,
    pub(super) tokens: Tokens,
    pub(super) faults: FaultList,
    pub(super) log: CallLog,
    pub(super) behaviour: Behaviour,
    pub(super) latency: Duration,
}

impl World {
    pub(super) fn new(config: HubspotConfig) -> Self {
        Self {
            companies: Table::new(Kind::Company, config.search_lag),
            contacts: Table::new(Kind::Contact, config.search_lag),
            links: Links::new(),
            limiter: Limiter::new(config.limits.clone()),
            tokens: Tokens::new(&config.token, &config),
            faults: FaultList::default(),
            log: CallLog::default(),
            behaviour: Behaviour::default(),
            latency: Duration::ZERO,
            config,
        }
    }

    pub(super) fn table(&self, kind: Kind) -> &Table {
        match kind {
            Kind::Company => &self.companies,
            Kind::Contact => &self.contacts,
        }
    }

    pub(super) fn table_mut(&mut self, kind: Kind) -> &mut Table {
        match kind {
            Kind::Company => &mut self.companies,
            Kind::Contact => &mut self.contacts,
        }
    }

    /// Archives a record; its links go with it.
    pub(super) fn archive(&mut self, kind: Kind, id: u64) {
        self.table_mut(kind).archive(id);
        self.links.remove_all((kind, id));
    }

    /// Merges `loser` into `survivor`; false when one of them is unknown.
    pub(super) fn merge(&mut self, kind: Kind, survivor: u64, loser: u64) -> bool {
        let merged = self.table_mut(kind).merge(survivor, loser);
        if merged {
            self.links.merge((kind, survivor), (kind, loser));
        }
        merged
    }

    /// Puts results into another order, as HubSpot does.
    pub(super) fn shuffle(&self, results: &mut [Value]) {
        if !self.behaviour.shuffle_results {
            return;
        }
        let mut random = rand::rng();
        for last in (1..results.len()).rev() {
            results.swap(last, random.random_range(0..=last));
        }
    }
}
