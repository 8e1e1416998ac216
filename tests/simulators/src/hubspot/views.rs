//! What tests and the control API see of the portal.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{
    limits::BurstUse,
    links::Links,
    store::{Kind, Record, Table},
    world::World,
};

/// A company or contact with every set value, computed ones included.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RecordView {
    /// HubSpot's id.
    pub id: String,
    /// Set properties. An unset one is absent.
    pub properties: BTreeMap<String, String>,
    /// Whether the record was archived.
    pub archived: bool,
}

impl RecordView {
    /// The value of a property, `""` when unset.
    #[must_use]
    pub fn value(&self, property: &str) -> &str {
        self.properties.get(property).map_or("", String::as_str)
    }
}

/// A link between a company and a contact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LinkView {
    /// Id of the company.
    pub company: String,
    /// Id of the contact.
    pub contact: String,
    /// Type ids seen from the company, ascending; 280 is the plain one.
    pub type_ids: Vec<u32>,
    /// Labels of those types that have one.
    pub labels: Vec<String>,
}

/// Writes of one object type.
#[derive(Debug, Clone, Default, Serialize)]
pub struct WriteStats {
    /// Unarchived records now.
    pub total: u64,
    /// Records created.
    pub created: u64,
    /// Writes to an existing record that changed a value.
    pub updated: u64,
    /// Writes to an existing record that changed nothing.
    pub unchanged: u64,
    /// Records archived.
    pub archived: u64,
}

/// Counters since the start or the last reset.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Stats {
    /// Answered calls by route and status; status 0 is a cut line.
    pub requests: BTreeMap<String, BTreeMap<u16, u64>>,
    /// All answered calls.
    pub total_requests: u64,
    /// Answers with 429, by limiter or fault.
    pub answers_429: u64,
    /// Writes to companies.
    pub companies: WriteStats,
    /// Writes to contacts.
    pub contacts: WriteStats,
    /// Links between companies and contacts now.
    pub associations: u64,
    /// Use of the allowance per 10 s.
    pub burst: BurstUse,
    /// Calls counted against the daily allowance.
    pub used_today: u64,
    /// Access tokens issued.
    pub tokens_granted: u64,
    /// Faults committed.
    pub faults_committed: u64,
}

pub(super) fn stats(world: &World) -> Stats {
    let writes = |table: &Table| WriteStats {
        total: table.live_count() as u64,
        created: table.counts.created,
        updated: table.counts.updated,
        unchanged: table.counts.unchanged,
        archived: table.counts.archived,
    };
    Stats {
        requests: world.log.by_route().clone(),
        total_requests: world.log.count(""),
        answers_429: world.log.count_with_status("", 429),
        companies: writes(&world.companies),
        contacts: writes(&world.contacts),
        associations: world.links.all(Kind::Company, Kind::Contact).count() as u64,
        burst: world.limiter.burst_use(),
        used_today: world.limiter.used_today(),
        tokens_granted: world.tokens.granted,
        faults_committed: world.faults.committed,
    }
}

pub(super) fn view(table: &Table, record: &Record) -> RecordView {
    RecordView {
        id: record.id.to_string(),
        properties: table.all_values(record),
        archived: record.archived_at.is_some(),
    }
}

/// Unarchived records in the order of ids, all or those with a value.
pub(super) fn records(table: &Table, limit: usize, wanted: Option<(&str, &str)>) -> Vec<RecordView> {
    table
        .starting_at(0)
        .filter(|record| record.archived_at.is_none())
        .filter(|record| wanted.is_none_or(|(name, value)| table.value(record, name).as_deref() == Some(value)))
        .take(limit)
        .map(|record| view(table, record))
        .collect()
}

/// Company-contact links.
pub(super) fn links(links: &Links) -> Vec<LinkView> {
    links
        .all(Kind::Company, Kind::Contact)
        .map(|(company, contact, types)| LinkView {
            company: company.to_string(),
            contact: contact.to_string(),
            type_ids: types.iter().copied().collect(),
            labels: types.iter().filter_map(|id| links.find_type(*id)?.label.clone()).collect(),
        })
        .collect()
}
