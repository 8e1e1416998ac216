//! Calls about property definitions and groups.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    answers::{Answer, Handled, batch, correlation_id, error, invalid, not_found},
    clock,
    objects::{Query, read_body},
    properties::{DefinitionProblem, Group, NewProperty, Property, PropertyChange},
    routes::Operation,
    store::Kind,
    world::World,
};

#[derive(Deserialize)]
struct Definitions {
    inputs: Vec<NewProperty>,
}

#[derive(Deserialize)]
struct Names {
    inputs: Vec<Name>,
}

#[derive(Deserialize)]
struct Name {
    name: String,
}

#[derive(Deserialize)]
struct GroupChange {
    #[serde(default)]
    label: Option<String>,
}

impl World {
    /// Answers a call about definitions; `None` when it is about something else.
    pub(super) fn definition_call(
        &mut self,
        kind: Kind,
        operation: &Operation,
        query: &Query,
        body: &[u8],
    ) -> Option<Handled> {
        use Operation as O;
        let definitions = &mut self.table_mut(kind).definitions;
        Some(match operation {
            O::PropertyList => {
                let archived = query.get("archived") == Some("true");
                let results: Vec<Value> = definitions.list(archived).map(Property::to_json).collect();
                Ok(Answer::json(200, json!({ "results": results })))
            }
            O::PropertyRead(name) => match definitions.get(name) {
                Some(property) => Ok(Answer::json(200, property.to_json())),
                None => refusal(&DefinitionProblem::Unknown, kind, name).refuse(),
            },
            O::PropertyCreate => self.create_property(kind, body),
            O::PropertyChange(name) => {
                read_body::<PropertyChange>(body).and_then(|change| match definitions.change(name, change) {
                    Ok(property) => Ok(Answer::json(200, property.to_json())),
                    Err(problem) => refusal(&problem, kind, name).refuse(),
                })
            }
            O::PropertyArchive(name) => match definitions.archive(name) {
                Ok(()) => Ok(Answer::empty()),
                Err(problem) => refusal(&problem, kind, name).refuse(),
            },
            O::PropertyBatchCreate => self.create_properties(kind, body),
            O::PropertyBatchRead => self.read_properties(kind, body),
            O::PropertyBatchArchive => read_body::<Names>(body).and_then(|names| {
                for Name { name } in names.inputs {
                    if let Err(problem) = definitions.archive(&name) {
                        return refusal(&problem, kind, &name).refuse();
                    }
                }
                Ok(Answer::empty())
            }),
            O::GroupList => {
                let results: Vec<Value> = definitions.groups().map(group_json).collect();
                Ok(Answer::json(200, json!({ "results": results })))
            }
            O::GroupCreate => read_body::<Group>(body).and_then(|group| {
                let name = group.name.clone();
                match definitions.create_group(group) {
                    Ok(group) => Ok(Answer::json(201, group_json(group))),
                    Err(problem) => refusal(&problem, kind, &name).refuse(),
                }
            }),
            O::GroupRead(name) => match definitions.group(name) {
                Some(group) => Ok(Answer::json(200, group_json(group))),
                None => not_found("resource not found").refuse(),
            },
            O::GroupChange(name) => {
                read_body::<GroupChange>(body).and_then(|change| match definitions.change_group(name, change.label) {
                    Some(group) => Ok(Answer::json(200, group_json(group))),
                    None => not_found("resource not found").refuse(),
                })
            }
            O::GroupArchive(name) => match definitions.archive_group(name) {
                Ok(()) => Ok(Answer::empty()),
                Err(problem) => refusal(&problem, kind, name).refuse(),
            },
            _ => return None,
        })
    }

    fn create_property(&mut self, kind: Kind, body: &[u8]) -> Handled {
        let shape: NewProperty = read_body(body)?;
        let name = shape.name.clone();
        match self.table_mut(kind).definitions.create(shape) {
            Ok(property) => Ok(Answer::json(201, property.to_json())),
            Err(problem) => refusal(&problem, kind, &name).refuse(),
        }
    }

    fn create_properties(&mut self, kind: Kind, body: &[u8]) -> Handled {
        let started = clock::now();
        let mut results = Vec::new();
        let mut errors = Vec::new();
        for shape in read_body::<Definitions>(body)?.inputs {
            let name = shape.name.clone();
            match self.table_mut(kind).definitions.create(shape) {
                Ok(property) => results.push(property.to_json()),
                Err(problem) => errors.push(entry(&refusal(&problem, kind, &name), &name)),
            }
        }
        Ok(batch(201, started, results, errors))
    }

    fn read_properties(&self, kind: Kind, body: &[u8]) -> Handled {
        let started = clock::now();
        let mut results = Vec::new();
        let mut errors = Vec::new();
        for Name { name } in read_body::<Names>(body)?.inputs {
            match self.table(kind).definitions.get(&name) {
                Some(property) => results.push(property.to_json()),
                None => {
                    let unknown = refusal(&DefinitionProblem::Unknown, kind, &name);
                    errors.push(entry(&unknown, &name));
                }
            }
        }
        Ok(batch(200, started, results, errors))
    }
}

/// A refusal as an entry of a 207.
fn entry(refusal: &Answer, name: &str) -> Value {
    let super::answers::Body::Json(body) = &refusal.body else {
        return Value::Null;
    };
    json!({"status": "error", "category": body["category"], "message": body["message"],
        "context": {"name": [name]}, "links": {}, "errors": []})
}

fn group_json(group: &Group) -> Value {
    json!({"name": group.name, "label": group.label, "displayOrder": group.display_order,
        "archived": group.archived})
}

fn refusal(problem: &DefinitionProblem, kind: Kind, name: &str) -> Answer {
    let with_sub_category = |status: u16, category: &str, sub: &str, message: String| {
        Answer::json(
            status,
            json!({"status": "error", "message": message, "correlationId": correlation_id(),
                "category": category, "subCategory": sub}),
        )
    };
    match problem {
        DefinitionProblem::Exists => with_sub_category(
            409,
            "OBJECT_ALREADY_EXISTS",
            "Properties.PROPERTY_WITH_NAME_EXISTS",
            format!("A property named '{name}' already exists."),
        ),
        DefinitionProblem::GroupExists => with_sub_category(
            409,
            "OBJECT_ALREADY_EXISTS",
            "Properties.PROPERTY_GROUP_WITH_NAME_EXISTS",
            format!("A property group named '{name}' already exists."),
        ),
        DefinitionProblem::GroupInUse => with_sub_category(
            400,
            "VALIDATION_ERROR",
            "PropertyGroupError.GROUP_WITH_ACTIVE_PROPERTIES",
            format!("The property group '{name}' still has properties."),
        ),
        DefinitionProblem::BuiltIn => with_sub_category(
            400,
            "VALIDATION_ERROR",
            "PropertyValidationError.CANNOT_DELETE_PROPERTY_IN_USE",
            format!("The property '{name}' is in use and cannot be deleted."),
        ),
        DefinitionProblem::Invalid(why) => invalid(why),
        DefinitionProblem::Unknown => error(
            404,
            "OBJECT_NOT_FOUND",
            &format!("Property {name} of object type {} does not exist.", kind.type_id()),
        ),
    }
}
