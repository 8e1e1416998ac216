//! The company properties this product writes.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::{HubspotConfig, wire::PropertyDefinition};

/// Group in which HubSpot shows the properties.
pub(crate) const GROUP: &str = "epicor";
/// Only properties with this beginning are created; all others belong to the user.
pub(crate) const OWN_PREFIX: &str = "epicor_";

/// What a property must be like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// A text that no two companies share: the key.
    UniqueText,
    /// Any text.
    Text,
    /// `true` or `false`.
    Flag,
    /// One of these values.
    OneOf(&'static [(&'static str, &'static str)]),
    /// It has to be there, of whatever type: the user's own property.
    Any,
}

/// A property that must be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) name: String,
    pub(crate) label: String,
    pub(crate) description: &'static str,
    pub(crate) shape: Shape,
}

impl Wanted {
    fn new(name: &str, label: &str, description: &'static str, shape: Shape) -> Self {
        Self { name: name.to_owned(), label: label.to_owned(), description, shape }
    }

    /// Whether the set-up may create it. The key is created under any name, because the settings name it as ours.
    pub(crate) fn is_ours(&self) -> bool {
        self.shape == Shape::UniqueText || self.name.starts_with(OWN_PREFIX)
    }

    /// Body of the creating call.
    pub(crate) fn body(&self) -> Value {
        let (kind, field, options) = match self.shape {
            Shape::UniqueText | Shape::Text | Shape::Any => ("string", "text", Vec::new()),
            Shape::Flag => ("bool", "booleancheckbox", options(&[("true", "Yes"), ("false", "No")])),
            Shape::OneOf(values) => ("enumeration", "select", options(values)),
        };
        let mut body = json!({
            "name": self.name, "label": self.label, "groupName": GROUP, "type": kind, "fieldType": field,
            "description": self.description, "formField": false,
            "hasUniqueValue": self.shape == Shape::UniqueText,
        });
        if !options.is_empty() {
            body["options"] = Value::Array(options);
        }
        body
    }

    /// What is wrong with the property as it is in HubSpot, and what to do about it.
    pub(crate) fn complaint(&self, found: &PropertyDefinition) -> Option<(String, String)> {
        let name = &self.name;
        if found.archived {
            return Some((
                "is archived".to_owned(),
                format!("restore the company property `{name}` in HubSpot (Settings, Properties, Archived)"),
            ));
        }
        let kind = found.kind.as_deref().unwrap_or("unknown");
        let expected = match self.shape {
            Shape::UniqueText | Shape::Text => Some("string"),
            Shape::Flag => Some("bool"),
            Shape::OneOf(_) => Some("enumeration"),
            Shape::Any => None,
        };
        if let Some(expected) = expected.filter(|expected| *expected != kind) {
            let fix = format!("delete the company property `{name}` in HubSpot and run `mlc ping --set-up`");
            return Some((format!("has type {kind} instead of {expected}"), fix));
        }
        if self.shape == Shape::UniqueText && !found.has_unique_value {
            let fix = format!(
                "uniqueness cannot be added later: delete `{name}` in HubSpot and run `mlc ping --set-up`, \
                 or name another property as `key_property`"
            );
            return Some(("exists but is not unique, so companies cannot be found by it".to_owned(), fix));
        }
        if let Shape::OneOf(values) = self.shape {
            let lacking: Vec<&str> = values
                .iter()
                .map(|(value, _)| *value)
                .filter(|value| !found.options.iter().any(|option| option.value == *value))
                .collect();
            if !lacking.is_empty() {
                let lacking = lacking.join(", ");
                let fix = format!("add the option {lacking} to the company property `{name}` in HubSpot");
                return Some((format!("lacks the option {lacking}"), fix));
            }
        }
        None
    }
}

fn options(values: &[(&str, &str)]) -> Vec<Value> {
    values
        .iter()
        .enumerate()
        .map(
            |(order, (value, label))| json!({ "label": label, "value": value, "displayOrder": order, "hidden": false }),
        )
        .collect()
}

/// All properties that must be there under these settings.
pub(crate) fn wanted(config: &HubspotConfig) -> Vec<Wanted> {
    const KINDS: &[(&str, &str)] = &[("vendor", "Vendor"), ("customer", "Customer")];
    // HubSpot's own property. There is no option for a customer. Source: HubSpot, default company properties.
    const BUILT_IN: &[(&str, &str)] = &[("VENDOR", "Vendor")];
    let mut all = vec![
        Wanted::new(
            &config.key_property,
            "Epicor key",
            "Company segment, kind and number in Epicor",
            Shape::UniqueText,
        ),
        Wanted::new("epicor_record_type", "Epicor record type", "Vendor or customer in Epicor", Shape::OneOf(KINDS)),
        Wanted::new("epicor_id", "Epicor ID", "Supplier ID or customer ID in Epicor", Shape::Text),
        Wanted::new("epicor_terms", "Epicor terms", "Payment terms code in Epicor", Shape::Text),
        Wanted::new("epicor_currency", "Epicor currency", "Currency code in Epicor", Shape::Text),
        Wanted::new("epicor_group", "Epicor group", "Vendor group or customer group in Epicor", Shape::Text),
        Wanted::new("epicor_active", "Active in Epicor", "Whether the record is in use in Epicor", Shape::Flag),
        Wanted::new("epicor_territory", "Epicor territory", "Sales territory of the customer in Epicor", Shape::Text),
        Wanted::new(
            "epicor_credit_hold",
            "Epicor credit hold",
            "Whether the customer is on credit hold in Epicor",
            Shape::Flag,
        ),
    ];
    if config.set_builtin_type {
        all.push(Wanted::new("type", "Type", "", Shape::OneOf(BUILT_IN)));
    }
    let known: BTreeSet<String> = all.iter().map(|wanted| wanted.name.clone()).collect();
    let extra: BTreeSet<&String> = config.extra_properties.iter().filter(|name| !known.contains(*name)).collect();
    all.extend(extra.into_iter().map(|name| {
        let label = name.replace('_', " ");
        Wanted::new(name, label.trim(), "Filled from Epicor by an extra mapping", Shape::Any)
    }));
    all
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]
    use super::*;

    fn found(json: &str) -> PropertyDefinition {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn a_key_made_by_hand_and_not_unique_is_complained_about() {
        let key = &wanted(&HubspotConfig::default())[0];
        let complaint = |json: &str| key.complaint(&found(json)).map(|(what, _)| what);
        assert_eq!(complaint(r#"{"type":"string","hasUniqueValue":true,"archived":false}"#), None);
        assert!(complaint(r#"{"type":"string","hasUniqueValue":false}"#).unwrap().contains("not unique"));
        assert!(complaint(r#"{"type":"number","hasUniqueValue":true}"#).unwrap().contains("type number"));
        assert!(complaint(r#"{"type":"string","hasUniqueValue":true,"archived":true}"#).unwrap().contains("archived"));
    }

    #[test]
    fn an_edited_built_in_type_without_vendor_is_complained_about() {
        let all = wanted(&HubspotConfig::default());
        let built_in = all.iter().find(|wanted| wanted.name == "type").unwrap();
        assert!(!built_in.is_ours());
        assert_eq!(built_in.complaint(&found(r#"{"type":"enumeration","options":[{"value":"VENDOR"}]}"#)), None);
        let (what, _) =
            built_in.complaint(&found(r#"{"type":"enumeration","options":[{"value":"PARTNER"}]}"#)).unwrap();
        assert_eq!(what, "lacks the option VENDOR");
    }

    #[test]
    fn mapped_properties_are_wanted_once_and_created_only_under_our_prefix() {
        let config = HubspotConfig {
            extra_properties: ["epicor_tax", "tier", "epicor_id", "tier"].map(str::to_owned).to_vec(),
            ..HubspotConfig::default()
        };
        let all = wanted(&config);
        let ours =
            |name: &str| all.iter().filter(|wanted| wanted.name == name).map(Wanted::is_ours).collect::<Vec<_>>();
        assert_eq!((ours("epicor_tax"), ours("tier"), ours("epicor_id")), (vec![true], vec![false], vec![true]));
    }
}
