//! Collects the properties of one record and holds them against HubSpot's limits.

use std::collections::BTreeMap;

use crate::{
    CompanyRules, MappingProblem,
    text::{filled, one_line},
};

/// Longest text value in characters. Source: HubSpot, properties guide.
pub(crate) const LONGEST_VALUE: usize = 65_536;

/// The properties of one record on their way to HubSpot.
pub(crate) struct Properties<'a> {
    operation: &'static str,
    record: &'static str,
    rules: &'a CompanyRules,
    values: BTreeMap<String, String>,
}

impl<'a> Properties<'a> {
    /// `record` is the word for people: `vendor`, `customer` or `contact`.
    pub(crate) fn new(operation: &'static str, record: &'static str, rules: &'a CompanyRules) -> Self {
        Self { operation, record, rules, values: BTreeMap::new() }
    }

    /// A value that the record cannot do without: there, printable and not too long.
    pub(crate) fn required(
        &mut self,
        property: &str,
        field: &str,
        what: &str,
        missing: &'static str,
        value: &str,
    ) -> Result<(), MappingProblem> {
        let Some(value) = filled(Some(value)) else {
            let record = self.record;
            return Err(self.problem(
                missing,
                field,
                format!("The {record} has no {what} in Epicor. Enter one there, then replay this record."),
            ));
        };
        self.printable(field, what, value)?;
        self.optional(property, field, Some(value))
    }

    /// A value that may be empty. Empty is left out, or clears what HubSpot holds when the settings say so. Line breaks
    /// and other control characters become spaces.
    pub(crate) fn optional(&mut self, property: &str, field: &str, value: Option<&str>) -> Result<(), MappingProblem> {
        match filled(value).map(one_line) {
            Some(value) => {
                self.short_enough(field, &value)?;
                self.values.insert(property.to_owned(), value);
            }
            None if self.rules.clear_empty_fields => {
                self.values.insert(property.to_owned(), String::new());
            }
            None => {}
        }
        Ok(())
    }

    /// A value of our own making: a classification.
    pub(crate) fn fixed(&mut self, property: &str, value: &str) {
        self.values.insert(property.to_owned(), value.to_owned());
    }

    /// A yes or no.
    pub(crate) fn flag(&mut self, property: &str, value: bool) {
        self.fixed(property, if value { "true" } else { "false" });
    }

    /// The extra mappings of the settings. They win over the built-in ones, except over key and record type:
    /// those decide which company it is.
    pub(crate) fn extra(&mut self, columns: &BTreeMap<String, String>) -> Result<(), MappingProblem> {
        let rules = self.rules;
        for (property, column) in &rules.fields {
            if *property != rules.key_property && property != crate::company::RECORD_TYPE {
                self.optional(property, column, columns.get(column).map(String::as_str))?;
            }
        }
        Ok(())
    }

    pub(crate) fn printable(&self, field: &str, what: &str, value: &str) -> Result<(), MappingProblem> {
        if value.chars().any(char::is_control) {
            let record = self.record;
            return Err(self.problem(
                "UNPRINTABLE_CHARACTER",
                field,
                format!(
                    "The {what} of this {record} holds a line break, a tab or another character that cannot be shown. \
                     Type it again in Epicor, then replay this record."
                ),
            ));
        }
        Ok(())
    }

    pub(crate) fn problem(&self, code: &'static str, field: &str, message: String) -> MappingProblem {
        MappingProblem { operation: self.operation, code, field: field.to_owned(), message }
    }

    pub(crate) fn into_values(self) -> BTreeMap<String, String> {
        self.values
    }

    fn short_enough(&self, field: &str, value: &str) -> Result<(), MappingProblem> {
        // Bytes first: counting the characters of a short text is not needed.
        if value.len() > LONGEST_VALUE && value.chars().count() > LONGEST_VALUE {
            let record = self.record;
            return Err(self.problem(
                "VALUE_TOO_LONG",
                field,
                format!(
                    "The field {field} of this {record} is longer than the {LONGEST_VALUE} characters HubSpot takes. \
                     Shorten it in Epicor, then replay this record."
                ),
            ));
        }
        Ok(())
    }
}
