//! Property definitions and groups of one object type, and the check of a value against them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{built_in, clock};

/// At most this many properties of one object type may be unique.
const UNIQUE_CEILING: usize = 10;
/// Longest text HubSpot stores in a property.
const LONGEST_TEXT: usize = 65_536;

/// One choice of an enumeration.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Choice {
    pub(super) label: String,
    pub(super) value: String,
    #[serde(default)]
    pub(super) display_order: i64,
    #[serde(default)]
    pub(super) hidden: bool,
    #[serde(default)]
    pub(super) description: Option<String>,
}

/// A property group.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Group {
    pub(super) name: String,
    pub(super) label: String,
    #[serde(default = "last")]
    pub(super) display_order: i64,
    #[serde(default)]
    pub(super) archived: bool,
}

fn last() -> i64 {
    -1
}

/// A property definition, as sent when creating one.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct NewProperty {
    pub(super) name: String,
    pub(super) label: String,
    pub(super) group_name: String,
    pub(super) r#type: String,
    pub(super) field_type: String,
    #[serde(default)]
    pub(super) description: String,
    #[serde(default)]
    pub(super) options: Vec<Choice>,
    #[serde(default = "last")]
    pub(super) display_order: i64,
    #[serde(default)]
    pub(super) has_unique_value: bool,
    #[serde(default)]
    pub(super) hidden: bool,
    #[serde(default)]
    pub(super) form_field: bool,
    #[serde(default)]
    pub(super) external_options: bool,
}

/// The parts of a definition that may change later.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct PropertyChange {
    label: Option<String>,
    group_name: Option<String>,
    r#type: Option<String>,
    field_type: Option<String>,
    description: Option<String>,
    options: Option<Vec<Choice>>,
    display_order: Option<i64>,
    hidden: Option<bool>,
    form_field: Option<bool>,
}

/// A property definition as HubSpot keeps it.
#[derive(Debug, Clone)]
pub(super) struct Property {
    pub(super) shape: NewProperty,
    pub(super) built_in: bool,
    pub(super) read_only: bool,
    pub(super) archived: bool,
    pub(super) created: i64,
    pub(super) updated: i64,
}

impl Property {
    /// The answer body of a definition.
    pub(super) fn to_json(&self) -> Value {
        let shape = &self.shape;
        json!({
            "name": shape.name, "label": shape.label, "type": shape.r#type,
            "fieldType": shape.field_type, "description": shape.description,
            "groupName": shape.group_name,
            "options": shape.options.iter().map(|choice| json!({
                "label": choice.label, "value": choice.value, "displayOrder": choice.display_order,
                "hidden": choice.hidden, "description": choice.description.clone().unwrap_or_default(),
            })).collect::<Vec<_>>(),
            "displayOrder": shape.display_order, "calculated": false,
            "externalOptions": shape.external_options, "hasUniqueValue": shape.has_unique_value,
            "hidden": shape.hidden, "hubspotDefined": self.built_in, "formField": shape.form_field,
            "dataSensitivity": "non_sensitive", "archived": self.archived,
            "modificationMetadata": {
                "archivable": !self.built_in, "readOnlyDefinition": self.built_in,
                "readOnlyOptions": self.read_only, "readOnlyValue": self.read_only,
            },
            "createdAt": clock::iso(self.created), "updatedAt": clock::iso(self.updated),
        })
    }

    /// The value as HubSpot would store it, or what is wrong with it.
    pub(super) fn check(&self, value: &str) -> Result<String, ValueProblem> {
        let name = &self.shape.name;
        let problem = |code: &'static str, message: String| ValueProblem { name: name.clone(), code, message };
        if self.read_only {
            let message = format!("\"{name}\" is a read only property; its value cannot be set.");
            return Err(problem("READ_ONLY_VALUE", message));
        }
        if value.is_empty() {
            return Ok(String::new());
        }
        match self.shape.r#type.as_str() {
            "enumeration" | "bool" => self.check_choice(value),
            "number" => match value.trim().parse::<f64>() {
                Ok(number) if number.is_finite() => Ok(value.trim().to_owned()),
                _ => Err(problem("INVALID_NUMBER", format!("{value} was not a valid number."))),
            },
            "date" => clock::date_value(value)
                .ok_or_else(|| problem("INVALID_DATE", format!("{value} was not a valid date."))),
            "datetime" => clock::datetime_value(value)
                .ok_or_else(|| problem("INVALID_DATE", format!("{value} was not a valid date."))),
            _ if value.len() > LONGEST_TEXT && value.chars().count() > LONGEST_TEXT => {
                Err(problem("VALUE_TOO_LONG", format!("Property values may have at most {LONGEST_TEXT} characters.")))
            }
            _ if name == "email" => {
                if looks_like_email(value) {
                    Ok(value.to_lowercase())
                } else {
                    let message = format!("Email address {value} is invalid");
                    Err(problem("INVALID_EMAIL", message))
                }
            }
            _ => Ok(value.to_owned()),
        }
    }

    fn check_choice(&self, value: &str) -> Result<String, ValueProblem> {
        let known = |wanted: &str| self.shape.options.iter().any(|choice| choice.value == wanted);
        // Check boxes hold several choices; a leading semicolon means "add to what is there".
        let good = if self.shape.field_type == "checkbox" {
            value.trim_start_matches(';').split(';').all(known)
        } else {
            known(value)
        };
        if good {
            return Ok(value.to_owned());
        }
        let allowed: Vec<&str> = self.shape.options.iter().map(|choice| choice.value.as_str()).collect();
        Err(ValueProblem {
            name: self.shape.name.clone(),
            code: "INVALID_OPTION",
            message: format!("{value} was not one of the allowed options: [{}]", allowed.join(", ")),
        })
    }
}

fn looks_like_email(value: &str) -> bool {
    let Some((local, domain)) = value.split_once('@') else {
        return false;
    };
    !local.is_empty()
        && domain.contains('.')
        && !domain.starts_with('.')
        && !domain.ends_with('.')
        && !value.contains([' ', ',', ';'])
        && !domain.contains('@')
}

/// Why one value was refused.
#[derive(Debug, Clone)]
pub(super) struct ValueProblem {
    pub(super) name: String,
    pub(super) code: &'static str,
    pub(super) message: String,
}

impl ValueProblem {
    /// A value for a property nobody defined.
    pub(super) fn undefined(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            code: "PROPERTY_DOESNT_EXIST",
            message: format!("Property \"{name}\" does not exist"),
        }
    }
}

/// Why a definition call was refused.
#[derive(Debug)]
pub(super) enum DefinitionProblem {
    Exists,
    GroupExists,
    Unknown,
    Invalid(String),
    BuiltIn,
    GroupInUse,
}

/// All definitions of one object type.
#[derive(Debug)]
pub(super) struct Definitions {
    properties: BTreeMap<String, Property>,
    groups: BTreeMap<String, Group>,
}

impl Definitions {
    /// The built-in definitions of an object type.
    pub(super) fn built_in(kind: super::store::Kind) -> Self {
        let now = clock::now();
        let (groups, shapes) = built_in::of(kind);
        Self {
            properties: shapes
                .into_iter()
                .map(|(shape, read_only)| {
                    let property =
                        Property { shape, built_in: true, read_only, archived: false, created: now, updated: now };
                    (property.shape.name.clone(), property)
                })
                .collect(),
            groups: groups.into_iter().map(|group| (group.name.clone(), group)).collect(),
        }
    }

    /// A live definition.
    pub(super) fn get(&self, name: &str) -> Option<&Property> {
        self.properties.get(name).filter(|property| !property.archived)
    }

    /// Live or archived definitions.
    pub(super) fn list(&self, archived: bool) -> impl Iterator<Item = &Property> {
        self.properties.values().filter(move |property| property.archived == archived)
    }

    /// Names of the live unique properties.
    pub(super) fn unique_names(&self) -> impl Iterator<Item = &str> {
        self.list(false).filter(|property| property.shape.has_unique_value).map(|property| property.shape.name.as_str())
    }

    /// Adds a definition; an archived one of the same name comes back to life.
    pub(super) fn create(&mut self, shape: NewProperty) -> Result<&Property, DefinitionProblem> {
        if self.get(&shape.name).is_some() {
            return Err(DefinitionProblem::Exists);
        }
        self.check_shape(&shape)?;
        let now = clock::now();
        let name = shape.name.clone();
        let unique = self.properties.get(&name).map_or(shape.has_unique_value, |old| old.shape.has_unique_value);
        let created = self.properties.get(&name).map_or(now, |old| old.created);
        let property = Property {
            shape: NewProperty { has_unique_value: unique, ..shape },
            built_in: false,
            read_only: false,
            archived: false,
            created,
            updated: now,
        };
        self.properties.insert(name.clone(), property);
        Ok(&self.properties[&name])
    }

    fn check_shape(&self, shape: &NewProperty) -> Result<(), DefinitionProblem> {
        let invalid = |why: String| Err(DefinitionProblem::Invalid(why));
        let mut letters = shape.name.chars();
        if !letters.next().is_some_and(|first| first.is_ascii_lowercase())
            || !letters.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        {
            return invalid(format!(
                "Property name '{}' is not valid: lower case letters, digits and underscores, starting with a letter.",
                shape.name
            ));
        }
        if !self.groups.contains_key(&shape.group_name) {
            return invalid(format!("Property group '{}' does not exist.", shape.group_name));
        }
        let fits = match shape.r#type.as_str() {
            "bool" => ["booleancheckbox"].as_slice(),
            "date" | "datetime" => &["date"],
            "enumeration" => &["select", "radio", "checkbox", "booleancheckbox"],
            "number" => &["number", "calculation_equation"],
            "phone_number" => &["phonenumber"],
            "string" => &["text", "textarea", "html", "file", "phonenumber"],
            other => return invalid(format!("Invalid property type: {other}")),
        };
        if !fits.contains(&shape.field_type.as_str()) {
            return invalid(format!("Field type {} does not fit type {}", shape.field_type, shape.r#type));
        }
        if shape.r#type == "enumeration" && shape.options.is_empty() && !shape.external_options {
            return invalid("Enumeration properties need options.".to_owned());
        }
        if shape.has_unique_value && !["string", "number"].contains(&shape.r#type.as_str()) {
            return invalid("Only text and number properties can have unique values.".to_owned());
        }
        let custom_unique = self.list(false).filter(|property| property.shape.has_unique_value && !property.built_in);
        if shape.has_unique_value && custom_unique.count() >= UNIQUE_CEILING {
            return invalid(format!("The maximum number of unique value properties is {UNIQUE_CEILING}."));
        }
        Ok(())
    }

    /// Changes a definition. Built-in ones take new options and nothing else.
    pub(super) fn change(&mut self, name: &str, change: PropertyChange) -> Result<&Property, DefinitionProblem> {
        let groups = &self.groups;
        let property =
            self.properties.get_mut(name).filter(|property| !property.archived).ok_or(DefinitionProblem::Unknown)?;
        if let Some(group) = &change.group_name
            && !groups.contains_key(group)
        {
            let why = format!("Property group '{group}' does not exist.");
            return Err(DefinitionProblem::Invalid(why));
        }
        let shape = &mut property.shape;
        replace(&mut shape.options, change.options);
        if !property.built_in {
            replace(&mut shape.label, change.label);
            replace(&mut shape.group_name, change.group_name);
            replace(&mut shape.r#type, change.r#type);
            replace(&mut shape.field_type, change.field_type);
            replace(&mut shape.description, change.description);
            replace(&mut shape.display_order, change.display_order);
            replace(&mut shape.hidden, change.hidden);
            replace(&mut shape.form_field, change.form_field);
        }
        property.updated = clock::now();
        Ok(property)
    }

    /// Archives a definition; unknown names are no error.
    pub(super) fn archive(&mut self, name: &str) -> Result<(), DefinitionProblem> {
        match self.properties.get_mut(name) {
            Some(property) if property.built_in => Err(DefinitionProblem::BuiltIn),
            Some(property) => {
                property.archived = true;
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Takes a definition away for good, built-in or not.
    pub(super) fn remove(&mut self, name: &str) -> bool {
        self.properties.remove(name).is_some()
    }

    /// A group by name.
    pub(super) fn group(&self, name: &str) -> Option<&Group> {
        self.groups.get(name)
    }

    /// All groups.
    pub(super) fn groups(&self) -> impl Iterator<Item = &Group> {
        self.groups.values()
    }

    /// Adds a group.
    pub(super) fn create_group(&mut self, group: Group) -> Result<&Group, DefinitionProblem> {
        let name = group.name.clone();
        if self.groups.contains_key(&name) {
            return Err(DefinitionProblem::GroupExists);
        }
        self.groups.insert(name.clone(), group);
        Ok(&self.groups[&name])
    }

    /// Renames a group's label.
    pub(super) fn change_group(&mut self, name: &str, label: Option<String>) -> Option<&Group> {
        let group = self.groups.get_mut(name)?;
        replace(&mut group.label, label);
        Some(group)
    }

    /// Removes a group without live properties.
    pub(super) fn archive_group(&mut self, name: &str) -> Result<(), DefinitionProblem> {
        if self.list(false).any(|property| property.shape.group_name == name) {
            return Err(DefinitionProblem::GroupInUse);
        }
        self.groups.remove(name);
        Ok(())
    }
}

fn replace<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}
