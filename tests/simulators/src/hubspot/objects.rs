//! Calls about records: one at a time, in batches, in lists.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    answers::{Answer, Handled, RecordProblem, batch, correlation_id, invalid, not_found, unreadable},
    clock,
    store::{Kind, Record, Table},
    world::World,
    writes::{Claims, Mode, Reference, Text, WriteInput, check_key, written_json},
};

const BATCH_CEILING: usize = 100;
const LIST_CEILING: usize = 100;
const LIST_WITH_HISTORY_CEILING: usize = 50;

/// The decoded query of a call.
#[derive(Debug, Default)]
pub(super) struct Query(pub(super) Vec<(String, String)>);

impl Query {
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// A list, given once with commas or several times.
    fn list(&self, name: &str) -> Vec<String> {
        self.0
            .iter()
            .filter(|(known, _)| known == name)
            .flat_map(|(_, value)| value.split(','))
            .filter(|value| !value.is_empty())
            .map(str::to_owned)
            .collect()
    }

    fn archived(&self) -> bool {
        self.get("archived") == Some("true")
    }
}

#[derive(Deserialize)]
struct Inputs<T> {
    inputs: Vec<T>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BatchRead {
    inputs: Vec<Reference>,
    #[serde(default)]
    properties: Vec<String>,
    #[serde(default)]
    properties_with_history: Vec<String>,
    #[serde(default)]
    id_property: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Merge {
    primary_object_id: Text,
    object_id_to_merge: Text,
}

/// Reads a JSON body, or refuses it the way HubSpot does.
pub(super) fn read_body<T: serde::de::DeserializeOwned>(body: &[u8]) -> Result<T, Box<Answer>> {
    serde_json::from_slice(body).map_err(|error| Box::new(unreadable(&error)))
}

fn too_many() -> Answer {
    invalid(&format!(
        "The maximum number of inputs supported in a batch is {BATCH_CEILING}. Please reduce the number of items and try again"
    ))
}

fn refuse_duplicates<'a>(ids: impl Iterator<Item = &'a str>) -> Result<(), Box<Answer>> {
    let mut seen = BTreeSet::new();
    let mut twice = BTreeMap::new();
    for id in ids {
        if !seen.insert(id.to_lowercase()) {
            twice.insert(id.to_lowercase(), id.to_owned());
        }
    }
    if twice.is_empty() {
        return Ok(());
    }
    let ids: Vec<String> = twice.into_values().collect();
    let message = format!("Duplicate IDs found in batch input: [{}]. IDs must be unique", ids.join(", "));
    Answer::json(
        400,
        json!({"status": "error", "message": message, "correlationId": correlation_id(),
            "context": {"ids": ids}, "category": "VALIDATION_ERROR"}),
    )
    .refuse()
}

impl World {
    /// The record body with history and associations when asked for.
    fn full_json(&self, kind: Kind, record: &Record, query: &Query) -> Value {
        let table = self.table(kind);
        let mut asked = query.list("properties");
        if asked.is_empty() {
            asked.extend(kind.default_properties().iter().map(|name| (*name).to_owned()));
        }
        let mut body = table.to_json(record, asked.iter().map(String::as_str));
        add_history(table, record, &query.list("propertiesWithHistory"), &mut body);
        let mut links = Map::new();
        for name in query.list("associations") {
            let Some(other) = Kind::parse(&name) else {
                continue;
            };
            let results: Vec<Value> = self
                .links
                .of((kind, record.id), other)
                .map(|(end, _)| {
                    let name = format!("{}_to_{}", kind.singular(), other.singular());
                    json!({"id": end.1.to_string(), "type": name})
                })
                .collect();
            if !results.is_empty() {
                links.insert(other.plural().to_owned(), json!({ "results": results }));
            }
        }
        if !links.is_empty() {
            body.insert("associations".into(), links.into());
        }
        body.into()
    }

    fn find_one(&self, kind: Kind, id: &str, query: &Query) -> Result<&Record, Box<Answer>> {
        let table = self.table(kind);
        let found = match query.get("idProperty") {
            Some(key) if key != "hs_object_id" => {
                check_key(table, key)?;
                table.holder(key, id).and_then(|id| table.get(id))
            }
            _ => table.resolve(id, query.archived()),
        };
        found.ok_or_else(|| Box::new(not_found("resource not found")))
    }

    pub(super) fn read_one(&self, kind: Kind, id: &str, query: &Query) -> Handled {
        let record = self.find_one(kind, id, query)?;
        Ok(Answer::json(200, self.full_json(kind, record, query)))
    }

    pub(super) fn list(&self, kind: Kind, query: &Query) -> Handled {
        let ceiling =
            if query.get("propertiesWithHistory").is_some() { LIST_WITH_HISTORY_CEILING } else { LIST_CEILING };
        let limit = match query.get("limit").map(str::parse::<usize>) {
            None => 10,
            Some(Ok(limit)) if (1..=ceiling).contains(&limit) => limit,
            Some(_) => {
                let why = format!("limit must be between 1 and {ceiling}");
                return invalid(&why).refuse();
            }
        };
        let Ok(after) = query.get("after").unwrap_or("0").parse::<u64>() else {
            return invalid("invalid paging cursor").refuse();
        };
        let archived = query.archived();
        let mut records = self.table(kind).starting_at(after).filter(|record| record.archived_at.is_some() == archived);
        let page: Vec<&Record> = records.by_ref().take(limit).collect();
        let results: Vec<Value> = page.iter().map(|record| self.full_json(kind, record, query)).collect();
        let mut body = json!({ "results": results });
        if let Some(next) = records.next() {
            let link =
                format!("https://api.hubapi.com/crm/v3/objects/{}?limit={limit}&after={}", kind.plural(), next.id);
            body["paging"] = json!({"next": {"after": next.id.to_string(), "link": link}});
        }
        Ok(Answer::json(200, body))
    }

    pub(super) fn create_one(&mut self, kind: Kind, body: &[u8]) -> Handled {
        let input: WriteInput = read_body(body)?;
        self.write_one(kind, Mode::Create, &input, 201)
    }

    pub(super) fn update_one(&mut self, kind: Kind, id: &str, query: &Query, body: &[u8]) -> Handled {
        let input: WriteInput = read_body(body)?;
        // Resolving first lets ids of merged-away records work, as they do here only.
        let id = self.find_one(kind, id, query)?.id;
        let input = WriteInput { id: Some(Text(id.to_string())), id_property: None, associations: None, ..input };
        self.write_one(kind, Mode::Update, &input, 200)
    }

    fn write_one(&mut self, kind: Kind, mode: Mode, input: &WriteInput, status: u16) -> Handled {
        let planned =
            self.plan(kind, mode, input, &mut Claims::new()).map_err(|problem| Box::new(problem.refusal()))?;
        let written = self.carry_out(kind, planned);
        let asked: Vec<String> = input.properties.keys().cloned().collect();
        let body = written_json(self.table(kind), written, &asked).unwrap_or_default();
        Ok(Answer::json(status, body.into()))
    }

    pub(super) fn archive_one(&mut self, kind: Kind, id: &str) -> Handled {
        if let Ok(id) = id.parse() {
            self.archive(kind, id);
        }
        Ok(Answer::empty())
    }

    pub(super) fn batch_write(&mut self, kind: Kind, mode: Mode, body: &[u8]) -> Handled {
        let started = clock::now();
        let Inputs { inputs } = read_body::<Inputs<WriteInput>>(body)?;
        if inputs.len() > BATCH_CEILING {
            return too_many().refuse();
        }
        self.check_naming(kind, mode, &inputs)?;
        let per_record =
            !self.behaviour.ignore_trace_ids && inputs.iter().all(|input| input.object_write_trace_id.is_some());
        let mut claims = Claims::new();
        let mut planned = Vec::with_capacity(inputs.len());
        let mut errors = Vec::new();
        for input in &inputs {
            let trace_id = input.object_write_trace_id.as_deref();
            match self.plan(kind, mode, input, &mut claims) {
                Ok(plan) => planned.push((input, plan)),
                // Updates of records that are gone never hold back the others.
                Err(problem) if per_record || (mode == Mode::Update && problem.status == 404) => {
                    errors.push(problem.entry(trace_id));
                }
                Err(problem) => return problem.refusal().refuse(),
            }
        }
        let mut results = Vec::with_capacity(planned.len());
        for (input, plan) in planned {
            let written = self.carry_out(kind, plan);
            let asked: Vec<String> = match mode {
                // Upserts are known to answer with few properties.
                Mode::Upsert => input.id_property.iter().cloned().collect(),
                Mode::Create | Mode::Update => input.properties.keys().cloned().collect(),
            };
            let Some(mut body) = written_json(self.table(kind), written, &asked) else {
                continue;
            };
            if mode == Mode::Upsert {
                body.insert("new".into(), written.new.into());
            }
            if let Some(trace_id) = &input.object_write_trace_id {
                body.insert("objectWriteTraceId".into(), trace_id.as_str().into());
            }
            results.push(body.into());
        }
        self.shuffle(&mut results);
        let status = if mode == Mode::Create { 201 } else { 200 };
        Ok(batch(status, started, results, errors))
    }

    /// Refusals of the whole batch that no trace id turns into entries.
    fn check_naming(&self, kind: Kind, mode: Mode, inputs: &[WriteInput]) -> Result<(), Box<Answer>> {
        if mode == Mode::Create {
            return Ok(());
        }
        let id = |input: &WriteInput| input.id.as_ref().map(|id| id.0.clone());
        if inputs.iter().any(|input| id(input).is_none_or(|id| id.is_empty())) {
            return invalid("Some required fields were not set: [id]").refuse();
        }
        let keys: BTreeSet<&str> = inputs.iter().filter_map(|input| input.id_property.as_deref()).collect();
        for key in keys {
            check_key(self.table(kind), key)?;
        }
        refuse_duplicates(inputs.iter().filter_map(|input| input.id.as_ref().map(|id| id.0.as_str())))
    }

    pub(super) fn batch_read(&self, kind: Kind, query: &Query, body: &[u8]) -> Handled {
        let started = clock::now();
        let asked: BatchRead = read_body(body)?;
        if asked.inputs.len() > BATCH_CEILING {
            return too_many().refuse();
        }
        let table = self.table(kind);
        let archived = query.archived();
        let key = asked.id_property.as_deref().filter(|key| *key != "hs_object_id");
        if let Some(key) = key {
            check_key(table, key)?;
        }
        let mut names: Vec<&str> = asked.properties.iter().map(String::as_str).collect();
        if names.is_empty() {
            names.extend(kind.default_properties());
        }
        let mut results = Vec::with_capacity(asked.inputs.len());
        let mut missing = Vec::new();
        let mut seen = BTreeSet::new();
        for Reference { id } in asked.inputs {
            let id = id.into_id();
            let found = match key {
                Some(key) => table.holder(key, &id).and_then(|id| table.get(id)),
                None => table.exact(&id, archived),
            };
            match found {
                Some(record) if seen.insert(record.id) => {
                    let mut body = table.to_json(record, names.iter().copied());
                    add_history(table, record, &asked.properties_with_history, &mut body);
                    results.push(body.into());
                }
                Some(_) => {}
                None => missing.push(id),
            }
        }
        if missing.is_empty() {
            self.shuffle(&mut results);
            return Ok(batch(200, started, results, Vec::new()));
        }
        let problem = RecordProblem::missing(kind, "ids", &missing);
        if results.is_empty() && self.behaviour.read_of_nothing_is_404 {
            return problem.refusal().refuse();
        }
        self.shuffle(&mut results);
        Ok(batch(200, started, results, vec![problem.entry(None)]))
    }

    pub(super) fn batch_archive(&mut self, kind: Kind, body: &[u8]) -> Handled {
        let Inputs { inputs } = read_body::<Inputs<Reference>>(body)?;
        if inputs.len() > BATCH_CEILING {
            return too_many().refuse();
        }
        for Reference { id } in inputs {
            self.archive_one(kind, &id.into_id())?;
        }
        Ok(Answer::empty())
    }

    pub(super) fn merge_call(&mut self, kind: Kind, body: &[u8]) -> Handled {
        let merge: Merge = read_body(body)?;
        let survivor = merge.primary_object_id.into_id();
        let loser = merge.object_id_to_merge.into_id();
        let (Ok(survivor), Ok(loser)) = (survivor.parse(), loser.parse()) else {
            return invalid("Object ids must be numbers").refuse();
        };
        if !self.merge(kind, survivor, loser) {
            return not_found("One of the objects to merge does not exist").refuse();
        }
        self.read_one(kind, &survivor.to_string(), &Query::default())
    }
}

/// The simulator keeps no history: it tells the present value as the only entry.
fn add_history(table: &Table, record: &Record, asked: &[String], body: &mut Map<String, Value>) {
    if asked.is_empty() {
        return;
    }
    let history: Map<String, Value> = asked
        .iter()
        .filter_map(|name| {
            let value = table.value(record, name)?;
            let entry = json!([{"value": value, "timestamp": clock::iso(record.updated),
                "sourceType": "INTEGRATION"}]);
            Some((name.clone(), entry))
        })
        .collect();
    body.insert("propertiesWithHistory".into(), history.into());
}
