//! Writing records: every input is planned first, then all, or the good ones, are carried out.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Deserializer, de};
use serde_json::{Map, Value};

use super::{
    answers::{Answer, RecordProblem, invalid},
    links::End,
    properties::ValueProblem,
    store::{Kind, Table, Written},
    world::World,
};

/// A property value: HubSpot takes text, numbers, truth values and null.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Text(pub(super) String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::String(text) => Ok(Self(text)),
            Value::Null => Ok(Self(String::new())),
            Value::Bool(truth) => Ok(Self(truth.to_string())),
            Value::Number(number) => Ok(Self(number.to_string())),
            Value::Array(_) | Value::Object(_) => Err(de::Error::custom("Cannot deserialize value of type String")),
        }
    }
}

impl Text {
    /// For ids in requests, which come as text or number.
    pub(super) fn into_id(self) -> String {
        self.0
    }
}

/// An association given along with a new record.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct InlineLink {
    to: Reference,
    types: Vec<TypeReference>,
}

/// A record named by its id.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Reference {
    pub(super) id: Text,
}

/// An association type as requests name it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TypeReference {
    pub(super) association_type_id: u32,
}

/// One record of a write.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WriteInput {
    #[serde(default)]
    pub(super) id: Option<Text>,
    #[serde(default)]
    pub(super) id_property: Option<String>,
    #[serde(default)]
    pub(super) properties: BTreeMap<String, Text>,
    #[serde(default)]
    pub(super) object_write_trace_id: Option<String>,
    #[serde(default)]
    pub(super) associations: Option<Vec<InlineLink>>,
}

/// How the inputs of a write name their records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Create,
    Update,
    Upsert,
}

/// An input that may be carried out.
#[derive(Debug)]
pub(super) struct Planned {
    target: Option<u64>,
    values: Vec<(String, String)>,
    links: Vec<(End, Vec<u32>)>,
}

/// Unique values that inputs of the same call have spoken for: property, value → input.
pub(super) type Claims = HashMap<(String, String), Option<u64>>;

impl World {
    /// Plans one input without writing anything.
    pub(super) fn plan(
        &self,
        kind: Kind,
        mode: Mode,
        input: &WriteInput,
        claims: &mut Claims,
    ) -> Result<Planned, RecordProblem> {
        let table = self.table(kind);
        let mut values = checked(table, &input.properties)?;
        let target = match mode {
            Mode::Create => None,
            Mode::Update | Mode::Upsert => find_target(table, mode, input, &mut values)?,
        };
        if target.is_none() {
            require_identity(table, &values)?;
        }
        claim_unique(table, target, &values, claims)?;
        let links = self.plan_links(kind, input.associations.as_deref().unwrap_or_default())?;
        Ok(Planned { target, values, links })
    }

    fn plan_links(&self, kind: Kind, links: &[InlineLink]) -> Result<Vec<(End, Vec<u32>)>, RecordProblem> {
        let mut planned = Vec::with_capacity(links.len());
        for link in links {
            let ids: Vec<u32> = link.types.iter().map(|named| named.association_type_id).collect();
            let known = ids.first().and_then(|id| self.links.find_type(*id));
            let other = known.filter(|known| known.from == kind).map(|known| known.to);
            let fits = other.is_some_and(|to| ids.iter().all(|id| self.links.fitting(*id, kind, to).is_some()));
            let (Some(other), true) = (other, fits) else {
                let message = format!("Invalid association types {ids:?} for {}", kind.type_id());
                return Err(RecordProblem::new(400, "VALIDATION_ERROR", message));
            };
            let id = link.to.id.clone().into_id();
            let Some(record) = self.table(other).exact(&id, false) else {
                return Err(RecordProblem::missing(other, "ids", &[id]));
            };
            planned.push(((other, record.id), ids));
        }
        Ok(planned)
    }

    /// Carries out what was planned.
    pub(super) fn carry_out(&mut self, kind: Kind, planned: Planned) -> Written {
        let written = self.table_mut(kind).write(planned.target, planned.values);
        for (other, types) in planned.links {
            self.links.replace_labels((kind, written.id), other, &types);
        }
        written
    }
}

fn checked(table: &Table, properties: &BTreeMap<String, Text>) -> Result<Vec<(String, String)>, RecordProblem> {
    let mut values = Vec::with_capacity(properties.len() + 1);
    let mut problems = Vec::new();
    for (name, Text(value)) in properties {
        let checked = table
            .definitions
            .get(name)
            .ok_or_else(|| ValueProblem::undefined(name))
            .and_then(|property| property.check(value));
        match checked {
            Ok(value) => values.push((name.clone(), value)),
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() { Ok(values) } else { Err(RecordProblem::values(&problems)) }
}

fn find_target(
    table: &Table,
    mode: Mode,
    input: &WriteInput,
    values: &mut Vec<(String, String)>,
) -> Result<Option<u64>, RecordProblem> {
    let id = input.id.as_ref().map_or("", |id| id.0.as_str());
    let Some(key) = input.id_property.as_deref() else {
        // The plain record id; merged-away ids do not work here.
        return match table.exact(id, false) {
            Some(record) => Ok(Some(record.id)),
            None => Err(RecordProblem::missing(table.kind, "ids", &[id.to_owned()])),
        };
    };
    if let Some(holder) = table.holder(key, id) {
        return Ok(Some(holder));
    }
    if mode == Mode::Update {
        let keys = [format!("{key}={id}")];
        let context = "missingObjectPropertyValueCoordinates";
        return Err(RecordProblem::missing(table.kind, context, &keys));
    }
    if !values.iter().any(|(name, _)| name == key) {
        let key_value = BTreeMap::from([(key.to_owned(), Text(id.to_owned()))]);
        values.extend(checked(table, &key_value)?);
    }
    Ok(None)
}

fn require_identity(table: &Table, values: &[(String, String)]) -> Result<(), RecordProblem> {
    let needed = table.kind.identifying_properties();
    let has_one = values.iter().any(|(name, value)| needed.contains(&name.as_str()) && !value.is_empty());
    if has_one {
        return Ok(());
    }
    let message = format!(
        "One of the following properties must be set to create a {}: [{}]",
        table.kind.singular(),
        needed.join(", ")
    );
    Err(RecordProblem::new(400, "VALIDATION_ERROR", message))
}

fn claim_unique(
    table: &Table,
    target: Option<u64>,
    values: &[(String, String)],
    claims: &mut Claims,
) -> Result<(), RecordProblem> {
    let mut claimed = Vec::new();
    for name in table.definitions.unique_names() {
        let Some((_, value)) = values.iter().find(|(known, _)| known == name) else {
            continue;
        };
        if value.is_empty() {
            continue;
        }
        let target_text = target.map_or_else(|| "a new record".to_owned(), |id| id.to_string());
        let other = table.holder(name, value).filter(|holder| Some(*holder) != target);
        if let Some(holder) = other {
            return Err(RecordProblem::conflict(table.kind, name, value, &target_text, holder));
        }
        let claim = (name.to_owned(), value.to_lowercase());
        if claims.get(&claim).is_some_and(|other| other.is_none() || *other != target) {
            let holder = claims.get(&claim).copied().flatten().unwrap_or(0);
            return Err(RecordProblem::conflict(table.kind, name, value, &target_text, holder));
        }
        claimed.push((claim, target));
    }
    claims.extend(claimed);
    Ok(())
}

/// A key property that cannot name records refuses the whole call.
pub(super) fn check_key(table: &Table, key: &str) -> Result<(), Box<Answer>> {
    let Some(property) = table.definitions.get(key) else {
        return RecordProblem::values(&[ValueProblem::undefined(key)]).refusal().refuse();
    };
    if property.shape.has_unique_value {
        return Ok(());
    }
    invalid(&format!(
        "Unable to perform update/upsert by non-unique {} property {key} in portal ID {}",
        table.kind.type_id(),
        super::answers::PORTAL
    ))
    .refuse()
}

/// The body of a written record.
pub(super) fn written_json(table: &Table, written: Written, asked: &[String]) -> Option<Map<String, Value>> {
    let record = table.get(written.id)?;
    let defaults = table.kind.default_properties().iter().copied();
    let asked = asked.iter().map(String::as_str);
    Some(table.to_json(record, asked.chain(defaults)))
}
