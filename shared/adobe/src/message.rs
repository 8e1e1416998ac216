//! The shop's error bodies: templates whose places the client fills in.
//!
//! `{"message": "\"%fieldName\" is required.", "parameters": {"fieldName": "sku"}, "errors": [..]}`; places are numbered
//! (`%1`, with a list) or named (with an object). The raw template tells what happened, the filled text is for people.
//!
//! Source: measured on 2.4.7-p3 and 2.4.8-p2; the second shape of a 500 is from the platform's source.

use serde_json::{Map, Value};

/// One message of the shop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The template as it came, for telling cases apart.
    pub template: String,
    parameters: Vec<(String, String)>,
}

impl Message {
    fn of(value: &Value) -> Option<Self> {
        let template = value.get("message")?.as_str()?.to_owned();
        let parameters = match value.get("parameters") {
            Some(Value::Array(list)) => {
                list.iter().enumerate().map(|(index, value)| ((index + 1).to_string(), text_of(value))).collect()
            }
            Some(Value::Object(named)) => named.iter().map(|(name, value)| (name.clone(), text_of(value))).collect(),
            _ => Vec::new(),
        };
        Some(Self { template, parameters })
    }

    /// The value of a place, such as `fieldName` or `1`.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The text for people, on one line. E-mail addresses among the values are left out: faults hold no personal data.
    pub fn filled(&self) -> String {
        let mut text = String::with_capacity(self.template.len() + 32);
        let mut rest = self.template.as_str();
        // One pass: a value that looks like a place stays as it is.
        while let Some(at) = rest.find('%') {
            let (before, place) = rest.split_at(at);
            text.push_str(before);
            let place = &place[1..];
            let known = self.parameters.iter().filter(|(name, _)| place.starts_with(name.as_str()));
            match known.max_by_key(|(name, _)| name.len()) {
                Some((name, value)) => {
                    text.push_str(if value.contains('@') { "[e-mail]" } else { value });
                    rest = &place[name.len()..];
                }
                None => {
                    text.push('%');
                    rest = place;
                }
            }
        }
        text.push_str(rest);
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// An error body in any of the shapes seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ErrorBody {
    /// The shop's JSON.
    Messages {
        /// The outer message.
        main: Message,
        /// Details, where there are several.
        details: Vec<Message>,
    },
    /// A web page: maintenance, a web cache, a firewall, or the wrong `Accept`.
    Page,
    /// A line of text: the shop's PHP failed.
    Text(String),
    /// Nothing.
    Empty,
}

/// How much of a body is read: the shop's own are under a kilobyte, traces of developer mode are not.
const READ_BYTES: usize = 256 * 1024;

impl ErrorBody {
    /// Reads whatever came. Never fails.
    pub fn read(body: &[u8]) -> Self {
        let text = String::from_utf8_lossy(&body[..body.len().min(READ_BYTES)]);
        let text = text.trim_start_matches('\u{FEFF}').trim();
        if text.is_empty() {
            return Self::Empty;
        }
        if text.starts_with('<') {
            return Self::Page;
        }
        match serde_json::from_str::<Value>(text) {
            Ok(Value::Object(object)) => Self::of_json(&object).unwrap_or_else(|| Self::Text(String::new())),
            // Other JSON and plain lines hold nothing to classify by.
            _ => Self::Text(text.chars().take(300).collect()),
        }
    }

    fn of_json(object: &Map<String, Value>) -> Option<Self> {
        let value = Value::Object(object.clone());
        if let Some(main) = Message::of(&value) {
            let details = object.get("errors").and_then(Value::as_array);
            let details = details.into_iter().flatten().filter_map(Message::of).collect();
            return Some(Self::Messages { main, details });
        }
        // `{"messages":{"error":[{"code":500,"message":".."}]}}`
        let errors = object.get("messages")?.get("error")?.as_array()?;
        let main = errors.first().and_then(Message::of)?;
        Some(Self::Messages { main, details: Vec::new() })
    }

    /// All messages, the outer one first.
    pub fn messages(&self) -> impl Iterator<Item = &Message> {
        let (main, details) = match self {
            Self::Messages { main, details } => (Some(main), details.as_slice()),
            _ => (None, [].as_slice()),
        };
        main.into_iter().chain(details)
    }

    /// Whether a raw template contains this text.
    pub fn says(&self, text: &str) -> bool {
        match self {
            Self::Text(line) => line.contains(text),
            _ => self.messages().any(|message| message.template.contains(text)),
        }
    }

    /// The first value of a place in any message.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.messages().find_map(|message| message.parameter(name))
    }

    /// The text for people; `None` where the shop said nothing of use.
    pub fn for_people(&self) -> Option<String> {
        let Self::Messages { main, details } = self else { return None };
        let mut text = main.filled();
        for detail in details.iter().take(10) {
            text.push(' ');
            text.push_str(&detail.filled());
        }
        (!text.trim().is_empty()).then_some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn people(body: &str) -> String {
        ErrorBody::read(body.as_bytes()).for_people().unwrap_or_default()
    }

    #[test]
    fn numbered_and_named_places_are_filled_in() {
        assert_eq!(
            people(
                r#"{"message":"We found an invalid quantity to invoice item \"%1\".","parameters":["Cast bracket"]}"#
            ),
            "We found an invalid quantity to invoice item \"Cast bracket\"."
        );
        assert_eq!(
            people(
                r#"{"message":"No such entity with %fieldName = %fieldValue","parameters":{"fieldName":"customerId","fieldValue":999}}"#
            ),
            "No such entity with customerId = 999"
        );
        // `%field` is the beginning of `%fieldName`: the longer name wins.
        assert_eq!(people(r#"{"message":"%fieldName %field","parameters":{"field":"a","fieldName":"b"}}"#), "b a");
    }

    #[test]
    fn a_value_that_looks_like_a_place_stays_as_it_is() {
        assert_eq!(people(r#"{"message":"%1 and %2","parameters":["%2","b"]}"#), "%2 and b");
        assert_eq!(people(r#"{"message":"100% of %3","parameters":["a"]}"#), "100% of %3");
    }

    #[test]
    fn several_errors_are_told_one_after_the_other_without_addresses_of_people() {
        let body = r#"{"message":"One or more input exceptions have occurred.","errors":[
            {"message":"\"%fieldName\" is required. Enter and try again.","parameters":{"fieldName":"firstname"}},
            {"message":"Invalid value of \"%value\" provided for the %fieldName field.","parameters":{"fieldName":"email","value":"ida@example.org"}}]}"#;
        let text = people(body);
        assert!(text.contains("\"firstname\" is required") && text.contains("the email field"), "{text}");
        assert!(!text.contains("ida@"), "{text}");
    }

    #[test]
    fn every_shape_is_read() {
        assert_eq!(ErrorBody::read(b""), ErrorBody::Empty);
        assert_eq!(ErrorBody::read(b"<!doctype html><html>"), ErrorBody::Page);
        assert!(ErrorBody::read(b"An error has happened during application run.").says("application run"));
        let second =
            br#"{"messages":{"error":[{"code":500,"message":"Server internal error. See details in report api/1"}]}}"#;
        assert!(ErrorBody::read(second).says("Server internal error"));
        assert_eq!(ErrorBody::read(b"[1]"), ErrorBody::Text("[1]".to_owned()));
        assert!(ErrorBody::read(b"{\"a\":").for_people().is_none());
    }
}
