//! Calls about associations (v4 and dated paths).

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    answers::{Answer, Handled, batch, invalid},
    clock,
    links::{End, Links},
    objects::{Query, read_body},
    routes::LinkOperation,
    store::Kind,
    world::World,
    writes::{Reference, Text, TypeReference},
};

const CREATE_CEILING: usize = 2_000;
const READ_CEILING: usize = 1_000;

#[derive(Deserialize)]
struct Inputs<T> {
    inputs: Vec<T>,
}

#[derive(Deserialize)]
struct Pair {
    from: Reference,
    to: Reference,
    #[serde(default)]
    types: Vec<TypeReference>,
}

#[derive(Deserialize)]
struct Fan {
    from: Reference,
    to: Vec<Reference>,
}

#[derive(Deserialize)]
struct ReadInput {
    id: Text,
    #[serde(default)]
    after: Option<Text>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NewLabel {
    label: String,
    #[serde(default)]
    inverse_label: Option<String>,
}

impl World {
    /// Answers a call about associations from `from` to `to`.
    pub(super) fn link_call(
        &mut self,
        from: Kind,
        to: Kind,
        operation: &LinkOperation,
        dated: bool,
        query: &Query,
        body: &[u8],
    ) -> Handled {
        match operation {
            LinkOperation::BatchAssociateDefault => self.associate_batch(from, to, body),
            LinkOperation::BatchCreate => self.label_batch(from, to, dated, body),
            LinkOperation::BatchRead => self.read_links(from, to, body),
            LinkOperation::BatchArchive => {
                let Inputs { inputs } = read_body::<Inputs<Fan>>(body)?;
                for fan in inputs {
                    for other in fan.to {
                        if let (Some(a), Some(b)) = (self.end(from, &fan.from), self.end(to, &other)) {
                            self.links.remove(a, b);
                        }
                    }
                }
                Ok(removed(dated))
            }
            LinkOperation::BatchArchiveLabels => {
                let Inputs { inputs } = read_body::<Inputs<Pair>>(body)?;
                for pair in inputs {
                    if let (Some(a), Some(b)) = (self.end(from, &pair.from), self.end(to, &pair.to)) {
                        for named in pair.types {
                            self.links.remove_type(a, b, named.association_type_id);
                        }
                    }
                }
                Ok(removed(dated))
            }
            LinkOperation::Labels => {
                let results: Vec<Value> =
                    self.links.types(from, to).map(|known| type_json(&self.links, known.id)).collect();
                Ok(Answer::json(200, json!({ "results": results })))
            }
            LinkOperation::CreateLabel => {
                let new: NewLabel = read_body(body)?;
                let (id, inverse) = self.links.add_label(from, to, &new.label, new.inverse_label.as_deref());
                let ids: BTreeSet<u32> = [id, inverse].into();
                let results: Vec<Value> = ids.iter().map(|id| type_json(&self.links, *id)).collect();
                Ok(Answer::json(200, json!({ "results": results })))
            }
            LinkOperation::PutDefault(a, b) => {
                let (a, b) = self.both_ends(from, a, to, b)?;
                self.links.associate(a, b);
                let results: Vec<Value> = default_results(a, b).into();
                Ok(batch(200, clock::now(), results, Vec::new()))
            }
            LinkOperation::Put(a, b) => {
                let types: Vec<TypeReference> = read_body(body)?;
                self.check_types(from, to, &types)?;
                let (a, b) = self.both_ends(from, a, to, b)?;
                self.links.replace_labels(a, b, &ids_of(&types));
                Ok(Answer::json(201, self.labelled(a, b, &types)))
            }
            LinkOperation::Delete(a, b) => {
                if let (Ok(a), Ok(b)) = (a.parse(), b.parse()) {
                    self.links.remove((from, a), (to, b));
                }
                Ok(Answer::empty())
            }
            LinkOperation::ListOf(id) => {
                let Some(record) = self.table(from).resolve(id, false) else {
                    return super::answers::not_found("resource not found").refuse();
                };
                let limit = query.get("limit").and_then(|limit| limit.parse().ok());
                let after = query.get("after").and_then(|after| after.parse().ok());
                let (results, next) = self.page_of((from, record.id), to, after, limit.unwrap_or(500));
                let mut body = json!({ "results": results });
                if let Some(next) = next {
                    body["paging"] = json!({"next": {"after": next.to_string()}});
                }
                Ok(Answer::json(200, body))
            }
        }
    }

    fn end(&self, kind: Kind, named: &Reference) -> Option<End> {
        let record = self.table(kind).exact(&named.id.0, false)?;
        Some((kind, record.id))
    }

    fn both_ends(&self, from: Kind, a: &str, to: Kind, b: &str) -> Result<(End, End), Box<Answer>> {
        let end = |kind: Kind, id: &str| {
            let reference = Reference { id: Text(id.to_owned()) };
            self.end(kind, &reference).ok_or_else(|| {
                let message = format!("{} with id {id} does not exist", kind.singular());
                Box::new(super::answers::not_found(&message))
            })
        };
        Ok((end(from, a)?, end(to, b)?))
    }

    /// The id of a type must fit the direction of the path.
    fn check_types(&self, from: Kind, to: Kind, types: &[TypeReference]) -> Result<(), Box<Answer>> {
        let unfit = types
            .iter()
            .find(|named| self.links.fitting(named.association_type_id, from, to).is_none())
            .map(|named| named.association_type_id);
        match unfit {
            None => Ok(()),
            Some(id) => {
                invalid(&format!("association type {id} is not valid from {} to {}", from.type_id(), to.type_id()))
                    .refuse()
            }
        }
    }

    fn associate_batch(&mut self, from: Kind, to: Kind, body: &[u8]) -> Handled {
        let started = clock::now();
        let Inputs { inputs } = read_body::<Inputs<Pair>>(body)?;
        refuse_too_many(inputs.len(), CREATE_CEILING)?;
        let mut results = Vec::with_capacity(inputs.len());
        let mut errors = Vec::new();
        for pair in inputs {
            if let (Some(a), Some(b)) = (self.end(from, &pair.from), self.end(to, &pair.to)) {
                self.links.associate(a, b);
                results.extend(default_results(a, b));
            } else {
                errors.push(missing_end(from, to, &pair));
            }
        }
        Ok(batch(200, started, results, errors))
    }

    fn label_batch(&mut self, from: Kind, to: Kind, dated: bool, body: &[u8]) -> Handled {
        let started = clock::now();
        let Inputs { inputs } = read_body::<Inputs<Pair>>(body)?;
        refuse_too_many(inputs.len(), CREATE_CEILING)?;
        for pair in &inputs {
            if pair.types.is_empty() {
                return invalid("Some required fields were not set: [types]").refuse();
            }
            self.check_types(from, to, &pair.types)?;
        }
        let mut results = Vec::with_capacity(inputs.len());
        let mut errors = Vec::new();
        for pair in inputs {
            if let (Some(a), Some(b)) = (self.end(from, &pair.from), self.end(to, &pair.to)) {
                self.links.replace_labels(a, b, &ids_of(&pair.types));
                results.push(self.labelled(a, b, &pair.types));
            } else {
                errors.push(missing_end(from, to, &pair));
            }
        }
        Ok(batch(if dated { 200 } else { 201 }, started, results, errors))
    }

    fn labelled(&self, a: End, b: End, types: &[TypeReference]) -> Value {
        let labels: Vec<&str> = types
            .iter()
            .filter_map(|named| self.links.find_type(named.association_type_id))
            .filter_map(|known| known.label.as_deref())
            .collect();
        json!({"fromObjectTypeId": a.0.type_id(), "fromObjectId": a.1.to_string(),
            "toObjectTypeId": b.0.type_id(), "toObjectId": b.1.to_string(), "labels": labels})
    }

    fn read_links(&self, from: Kind, to: Kind, body: &[u8]) -> Handled {
        let started = clock::now();
        let Inputs { inputs } = read_body::<Inputs<ReadInput>>(body)?;
        refuse_too_many(inputs.len(), READ_CEILING)?;
        let mut results = Vec::new();
        let mut errors = Vec::new();
        for input in inputs {
            let id = input.id.into_id();
            let after = input.after.and_then(|after| after.0.parse().ok());
            let record = self.table(from).exact(&id, false);
            let (page, next) = record.map_or_else(Default::default, |record| {
                self.page_of((from, record.id), to, after, self.behaviour.association_page)
            });
            if page.is_empty() {
                errors.push(json!({"status": "error", "category": "OBJECT_NOT_FOUND",
                    "subCategory": "crm.associations.NO_ASSOCIATIONS_FOUND",
                    "message": format!("No {} is associated with {} {id}.", to.singular(), from.singular()),
                    "context": {"fromObjectId": [id], "fromObjectType": [from.singular()], "toObjectType": [to.singular()]},
                    "links": {}, "errors": []}));
                continue;
            }
            let mut result = json!({"from": {"id": id}, "to": page});
            if let Some(next) = next {
                result["paging"] = json!({"next": {"after": next.to_string()}});
            }
            results.push(result);
        }
        self.shuffle(&mut results);
        Ok(batch(200, started, results, errors))
    }

    /// Links of one record from the id `after` on, and the id the next page begins with.
    fn page_of(&self, end: End, to: Kind, after: Option<u64>, limit: usize) -> (Vec<Value>, Option<u64>) {
        let after = after.unwrap_or(0);
        let mut others = self.links.of(end, to).filter(|((_, id), _)| *id >= after);
        let page = others
            .by_ref()
            .take(limit)
            .map(|((_, id), types)| {
                let id = if self.behaviour.to_object_id_as_text { json!(id.to_string()) } else { json!(id) };
                let types: Vec<Value> = types.iter().map(|known| type_json(&self.links, *known)).collect();
                json!({"toObjectId": id, "associationTypes": types})
            })
            .collect();
        (page, others.next().map(|((_, id), _)| id))
    }
}

fn refuse_too_many(count: usize, ceiling: usize) -> Result<(), Box<Answer>> {
    if count <= ceiling {
        return Ok(());
    }
    invalid(&format!(
        "The maximum number of inputs supported in a batch is {ceiling}. Please reduce the number of items and try again"
    ))
    .refuse()
}

fn removed(dated: bool) -> Answer {
    if dated { Answer::json(200, json!({})) } else { Answer::empty() }
}

fn ids_of(types: &[TypeReference]) -> Vec<u32> {
    types.iter().map(|named| named.association_type_id).collect()
}

fn default_results(a: End, b: End) -> [Value; 1] {
    [json!({"from": {"id": a.1.to_string()}, "to": {"id": b.1.to_string()},
        "associationSpec": {"associationCategory": "HUBSPOT_DEFINED",
            "associationTypeId": Links::plain(a.0, b.0)}})]
}

fn type_json(links: &Links, id: u32) -> Value {
    links
        .find_type(id)
        .map_or(Value::Null, |known| json!({"category": known.category(), "typeId": id, "label": known.label}))
}

fn missing_end(from: Kind, to: Kind, pair: &Pair) -> Value {
    let (a, b) = (&pair.from.id.0, &pair.to.id.0);
    json!({"status": "error", "category": "VALIDATION_ERROR",
        "subCategory": "crm.associations.INVALID_OBJECT_IDS",
        "message": format!("{} {a} or {} {b} is not valid.", from.singular(), to.singular()),
        "context": {"fromObjectId": [a], "toObjectId": [b]}, "links": {}, "errors": []})
}
