//! Records of one object type: values, the unique index, and what search can see of them.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap, VecDeque},
    time::{Duration, Instant},
};

use serde_json::{Map, Value, json};

use super::{built_in::LIFECYCLE, clock, properties::Definitions};

/// An object type the simulator keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Kind {
    /// `companies`, `0-2`.
    Company,
    /// `contacts`, `0-1`.
    Contact,
}

impl Kind {
    /// Singular, plural and numeric names are all understood.
    pub(super) fn parse(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "company" | "companies" | "0-2" => Some(Self::Company),
            "contact" | "contacts" | "0-1" => Some(Self::Contact),
            _ => None,
        }
    }

    pub(super) fn plural(self) -> &'static str {
        match self {
            Self::Company => "companies",
            Self::Contact => "contacts",
        }
    }

    pub(super) fn singular(self) -> &'static str {
        match self {
            Self::Company => "company",
            Self::Contact => "contact",
        }
    }

    pub(super) fn type_id(self) -> &'static str {
        match self {
            Self::Company => "0-2",
            Self::Contact => "0-1",
        }
    }

    pub(super) fn modified_property(self) -> &'static str {
        match self {
            Self::Company => "hs_lastmodifieddate",
            Self::Contact => "lastmodifieddate",
        }
    }

    pub(super) fn default_properties(self) -> &'static [&'static str] {
        match self {
            Self::Company => &["name", "domain"],
            Self::Contact => &["email", "firstname", "lastname"],
        }
    }

    /// A new record needs one of these.
    pub(super) fn identifying_properties(self) -> &'static [&'static str] {
        match self {
            Self::Company => &["name", "domain"],
            Self::Contact => &["email", "firstname", "lastname"],
        }
    }

    fn first_id(self) -> u64 {
        match self {
            Self::Company => 19_033_410_077,
            Self::Contact => 70_155,
        }
    }
}

type Values = Vec<(u16, Box<str>)>;

/// One company or contact.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) id: u64,
    values: Values,
    pub(super) created: i64,
    pub(super) updated: i64,
    pub(super) archived_at: Option<i64>,
    merged: Vec<u64>,
}

/// What search still believes about a record written a moment ago; `None` means nothing yet.
#[derive(Debug)]
struct Stale {
    believed: Option<(Values, i64)>,
    until: Instant,
}

/// What a write did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Written {
    pub(super) id: u64,
    pub(super) new: bool,
}

/// How often records were written.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct WriteCounts {
    pub(super) created: u64,
    pub(super) updated: u64,
    pub(super) unchanged: u64,
    pub(super) archived: u64,
}

/// All records of one object type, with their definitions.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) kind: Kind,
    pub(super) definitions: Definitions,
    pub(super) counts: WriteCounts,
    /// How long search lags behind writes.
    pub(super) search_lag: Duration,
    /// The property whose writes are kept in `history`.
    pub(super) watched: Option<String>,
    /// Every value the watched property was set to, in the order of the writes, with the record's id.
    pub(super) history: Vec<(u64, String)>,
    names: HashMap<String, u16>,
    records: BTreeMap<u64, Record>,
    unique: HashMap<String, HashMap<String, u64>>,
    stale: HashMap<u64, Stale>,
    stale_queue: VecDeque<(Instant, u64)>,
    merged_into: HashMap<u64, u64>,
    next_id: u64,
}

impl Table {
    pub(super) fn new(kind: Kind, search_lag: Duration) -> Self {
        Self {
            kind,
            definitions: Definitions::built_in(kind),
            counts: WriteCounts::default(),
            search_lag,
            watched: None,
            history: Vec::new(),
            names: HashMap::new(),
            records: BTreeMap::new(),
            unique: HashMap::new(),
            stale: HashMap::new(),
            stale_queue: VecDeque::new(),
            merged_into: HashMap::new(),
            next_id: kind.first_id(),
        }
    }

    fn name_id(&mut self, name: &str) -> u16 {
        if let Some(id) = self.names.get(name) {
            return *id;
        }
        let id = u16::try_from(self.names.len()).unwrap_or(u16::MAX);
        self.names.insert(name.to_owned(), id);
        id
    }

    /// A record by id, archived or not, without following merges.
    pub(super) fn get(&self, id: u64) -> Option<&Record> {
        self.records.get(&id)
    }

    /// A record by id text, following merges, and only if its archived flag is as wanted.
    pub(super) fn resolve(&self, id: &str, archived: bool) -> Option<&Record> {
        let mut id: u64 = id.parse().ok()?;
        while let Some(survivor) = self.merged_into.get(&id) {
            id = *survivor;
        }
        self.live(id, archived)
    }

    /// A record by id text, not following merges, and only if its archived flag is as wanted.
    pub(super) fn exact(&self, id: &str, archived: bool) -> Option<&Record> {
        self.live(id.parse().ok()?, archived)
    }

    fn live(&self, id: u64, archived: bool) -> Option<&Record> {
        self.records.get(&id).filter(|record| record.archived_at.is_some() == archived)
    }

    /// The unarchived record that holds `value` in a unique property.
    pub(super) fn holder(&self, property: &str, value: &str) -> Option<u64> {
        self.unique.get(property)?.get(&value.to_lowercase()).copied()
    }

    /// Records from `from` on, in the order of ids.
    pub(super) fn starting_at(&self, from: u64) -> impl Iterator<Item = &Record> {
        self.records.range(from..).map(|(_, record)| record)
    }

    /// Number of unarchived records.
    pub(super) fn live_count(&self) -> usize {
        let live = |record: &&Record| record.archived_at.is_none();
        self.records.values().filter(live).count()
    }

    /// A property's value; `None` when unset or undefined.
    pub(super) fn value<'a>(&'a self, record: &'a Record, name: &str) -> Option<Cow<'a, str>> {
        self.value_in(record, &record.values, record.updated, name)
    }

    fn value_in<'a>(&'a self, record: &Record, values: &'a Values, updated: i64, name: &str) -> Option<Cow<'a, str>> {
        match name {
            "hs_object_id" => return Some(Cow::Owned(record.id.to_string())),
            "createdate" => return Some(Cow::Owned(clock::iso(record.created))),
            "hs_merged_object_ids" => {
                let ids: Vec<String> = record.merged.iter().map(u64::to_string).collect();
                return (!ids.is_empty()).then(|| Cow::Owned(ids.join(";")));
            }
            _ if name == self.kind.modified_property() => {
                return Some(Cow::Owned(clock::iso(updated)));
            }
            _ => {}
        }
        let id = self.names.get(name)?;
        values.iter().find(|(known, _)| known == id).map(|(_, value)| Cow::Borrowed(&**value))
    }

    /// Creates (`id` is `None`) or changes a record. Values must be checked; `""` clears.
    pub(super) fn write(&mut self, id: Option<u64>, values: Vec<(String, String)>) -> Written {
        let now = clock::now();
        let new = id.is_none();
        let id = id.unwrap_or_else(|| {
            let id = self.next_id;
            self.next_id += 1;
            id
        });
        self.remember_for_search(id, new);
        let mut record = self.records.remove(&id).unwrap_or(Record {
            id,
            values: Vec::with_capacity(values.len()),
            created: now,
            updated: now,
            archived_at: None,
            merged: Vec::new(),
        });
        let mut changed = new;
        for (name, value) in values {
            changed |= self.set(&mut record, &name, &value);
            if self.watched.as_ref() == Some(&name) {
                self.history.push((id, value));
            }
        }
        if new
            && self.kind == Kind::Company
            && self.value(&record, "website").is_none()
            && let Some(domain) = self.value(&record, "domain").map(Cow::into_owned)
        {
            self.set(&mut record, "website", &domain);
        }
        if new {
            self.counts.created += 1;
        } else if changed {
            // Strictly later than before, so that the stamp tells two writes apart.
            record.updated = now.max(record.updated + 1);
            self.counts.updated += 1;
        } else {
            self.counts.unchanged += 1;
        }
        self.records.insert(id, record);
        Written { id, new }
    }

    /// Sets one value and keeps the unique index right; true when the value is another one now.
    fn set(&mut self, record: &mut Record, name: &str, value: &str) -> bool {
        let before = self.value(record, name).map(Cow::into_owned);
        if before.as_deref().unwrap_or("") == value
            || (name == "lifecyclestage" && moves_backward(before.as_deref(), value))
        {
            return false;
        }
        if self.definitions.get(name).is_some_and(|property| property.shape.has_unique_value) {
            let index = self.unique.entry(name.to_owned()).or_default();
            if let Some(before) = &before {
                index.remove(&before.to_lowercase());
            }
            if !value.is_empty() {
                index.insert(value.to_lowercase(), record.id);
            }
        }
        let id = self.name_id(name);
        match record.values.iter().position(|(known, _)| *known == id) {
            Some(at) if value.is_empty() => {
                record.values.swap_remove(at);
            }
            Some(at) => record.values[at].1 = value.into(),
            None if !value.is_empty() => record.values.push((id, value.into())),
            None => {}
        }
        true
    }

    /// Archives a record; unknown ids are no error.
    pub(super) fn archive(&mut self, id: u64) {
        let Some(record) = self.records.get_mut(&id) else {
            return;
        };
        if record.archived_at.is_none() {
            record.archived_at = Some(clock::now());
            self.counts.archived += 1;
            self.forget_unique(id);
        }
    }

    fn forget_unique(&mut self, id: u64) {
        let Some(record) = self.records.get(&id) else {
            return;
        };
        let held: Vec<(String, String)> = self
            .unique
            .keys()
            .filter_map(|name| Some((name.clone(), self.value(record, name)?.to_lowercase())))
            .collect();
        for (name, value) in held {
            if let Some(index) = self.unique.get_mut(&name) {
                index.remove(&value);
            }
        }
    }

    /// Merges `loser` into `survivor`, which keeps its own values. False when one is unknown.
    pub(super) fn merge(&mut self, survivor: u64, loser: u64) -> bool {
        if survivor == loser || self.live(survivor, false).is_none() || self.live(loser, false).is_none() {
            return false;
        }
        self.forget_unique(loser);
        self.records.remove(&loser);
        self.stale.remove(&loser);
        self.merged_into.insert(loser, survivor);
        if let Some(record) = self.records.get_mut(&survivor) {
            record.merged.push(loser);
            record.updated = clock::now().max(record.updated + 1);
        }
        true
    }

    /// Takes a property away, its definition and its values. False when it was not there.
    pub(super) fn remove_property(&mut self, name: &str) -> bool {
        let removed = self.definitions.remove(name);
        self.unique.remove(name);
        if let Some(id) = self.names.get(name).copied() {
            for record in self.records.values_mut() {
                record.values.retain(|(known, _)| *known != id);
            }
        }
        removed
    }

    fn remember_for_search(&mut self, id: u64, new: bool) {
        self.settle_search();
        if self.search_lag.is_zero() {
            return;
        }
        let until = Instant::now() + self.search_lag;
        self.stale_queue.push_back((until, id));
        if let Some(stale) = self.stale.get_mut(&id) {
            stale.until = until;
            return;
        }
        let believed = match self.records.get(&id) {
            Some(record) if !new => Some((record.values.clone(), record.updated)),
            _ => None,
        };
        self.stale.insert(id, Stale { believed, until });
    }

    /// Lets search see what has waited long enough.
    pub(super) fn settle_search(&mut self) {
        let now = Instant::now();
        while let Some((due, id)) = self.stale_queue.front().copied()
            && due <= now
        {
            self.stale_queue.pop_front();
            if self.stale.get(&id).is_some_and(|stale| stale.until <= now) {
                self.stale.remove(&id);
            }
        }
    }

    /// A value as search sees it: the outer `None` means the record is not indexed yet.
    pub(super) fn searched<'a>(&'a self, record: &'a Record, name: &str) -> Option<Option<Cow<'a, str>>> {
        match self.stale.get(&record.id) {
            None => Some(self.value(record, name)),
            Some(stale) => {
                stale.believed.as_ref().map(|(values, updated)| self.value_in(record, values, *updated, name))
            }
        }
    }

    /// All set values, computed ones included.
    pub(super) fn all_values(&self, record: &Record) -> BTreeMap<String, String> {
        let computed = ["hs_object_id", "createdate", "hs_merged_object_ids", self.kind.modified_property()];
        self.names
            .keys()
            .map(String::as_str)
            .chain(computed)
            .filter_map(|name| Some((name.to_owned(), self.value(record, name)?.into_owned())))
            .collect()
    }

    /// The answer body of a record with the asked properties (undefined ones are left out).
    pub(super) fn to_json<'n>(&self, record: &Record, asked: impl IntoIterator<Item = &'n str>) -> Map<String, Value> {
        let mut properties = Map::new();
        let always = ["createdate", self.kind.modified_property(), "hs_object_id"];
        for name in asked.into_iter().chain(always) {
            if self.definitions.get(name).is_some() {
                let value = self.value(record, name).map(Cow::into_owned);
                properties.insert(name.to_owned(), value.into());
            }
        }
        let mut body = Map::new();
        body.insert("id".into(), record.id.to_string().into());
        body.insert("properties".into(), properties.into());
        body.insert("createdAt".into(), clock::iso(record.created).into());
        body.insert("updatedAt".into(), clock::iso(record.updated).into());
        body.insert("archived".into(), record.archived_at.is_some().into());
        if let Some(at) = record.archived_at {
            body.insert("archivedAt".into(), json!(clock::iso(at)));
        }
        body
    }
}

/// Stages only move forward; clearing is allowed.
fn moves_backward(before: Option<&str>, after: &str) -> bool {
    let stage = |name: &str| LIFECYCLE.iter().position(|stage| *stage == name);
    match (before.and_then(stage), stage(after)) {
        (Some(before), Some(after)) => after < before,
        _ => false,
    }
}
