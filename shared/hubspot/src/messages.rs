//! What HubSpot complains about, gathered from all the places where it says so.

use serde_json::Value;

use crate::wire::ErrorBody;

/// One complaint about one property.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    /// Such as `INVALID_OPTION`.
    pub(crate) code: String,
    /// The property it is about.
    pub(crate) property: Option<String>,
}

/// All complaints of a body: `errors` may list fewer than the JSON text inside `message`, so both are read.
/// Source: HubSpot reference, section 5.3 (four against three in a recording).
pub(crate) fn problems(body: &ErrorBody) -> Vec<Problem> {
    let mut found: Vec<Problem> = Vec::new();
    let mut add = |problem: Problem| {
        if !found.contains(&problem) {
            found.push(problem);
        }
    };
    for error in &body.errors {
        if let Some(code) = &error.code {
            add(Problem { code: code.clone(), property: error.context.first("propertyName") });
        }
    }
    for text in body.message.iter().chain(body.errors.iter().filter_map(|error| error.message.as_ref())) {
        inside(text).into_iter().for_each(&mut add);
    }
    found
}

/// Complaints in a text such as `Property values were not valid: [{"error":"INVALID_OPTION","name":"industry"}]`.
fn inside(message: &str) -> Vec<Problem> {
    let Some(start) = message.find("[{") else { return Vec::new() };
    // A stream takes the first value and does not mind the words that may follow it.
    let first = serde_json::Deserializer::from_str(&message[start..]).into_iter::<Value>().next();
    let Some(Ok(Value::Array(entries))) = first else { return Vec::new() };
    entries
        .iter()
        .filter_map(|entry| {
            let text = |key: &str| entry.get(key).and_then(Value::as_str).map(str::to_owned);
            Some(Problem { code: text("error")?, property: text("name").or_else(|| text("property")) })
        })
        .collect()
}

/// The reason for people, in our words: HubSpot's own quote the value, which may be personal data.
pub(crate) fn in_words(problem: &Problem) -> String {
    let property = problem.property.as_deref().unwrap_or("a property");
    match problem.code.as_str() {
        "PROPERTY_DOESNT_EXIST" if property.starts_with("epicor_") => {
            format!("HubSpot has no company property `{property}` any more: run `mlc ping --set-up`, then replay")
        }
        "PROPERTY_DOESNT_EXIST" => format!(
            "HubSpot has no property `{property}`: create it in HubSpot or take it out of the flow's `fields`, then replay"
        ),
        "INVALID_OPTION" => {
            format!(
                "the value of `{property}` is not one of the options that HubSpot allows there: add the option or change the value"
            )
        }
        "INVALID_INTEGER" | "INVALID_LONG" | "INVALID_NUMBER" => format!("the value of `{property}` is not a number"),
        "INVALID_EMAIL" => format!("HubSpot does not take the e-mail address in `{property}`: correct it in Epicor"),
        "INVALID_DATE" => format!("the value of `{property}` is not a date"),
        "READ_ONLY_VALUE" => format!("HubSpot fills `{property}` itself: take it out of the flow's `fields`"),
        "MISSING_REQUIRED_PROPERTY" | "MISSING_CONDITIONAL_REQUIRED_PROPERTY" => {
            format!("a rule of your HubSpot account requires `{property}`: fill it in, or relax the rule")
        }
        "CONFLICTING_UNIQUE_VALUE" => format!("another record in HubSpot already has this value of `{property}`"),
        code => format!("HubSpot refuses the value of `{property}` ({code})"),
    }
}

/// HubSpot's own sentence with everything taken out that may be a value: quoted texts that are no names of properties,
/// whatever holds an `@`, and JSON.
pub(crate) fn without_values(message: &str) -> String {
    let before_json = message.find("[{").map_or(message, |at| message[..at].trim_end().trim_end_matches(':'));
    let mut clean = String::with_capacity(before_json.len());
    for (position, part) in before_json.split('"').enumerate() {
        let is_name =
            !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        match position % 2 {
            1 if is_name => {
                clean.push('`');
                clean.push_str(part);
                clean.push('`');
            }
            1 => clean.push('…'),
            _ => clean.push_str(part),
        }
    }
    let words: Vec<&str> =
        clean.split_whitespace().map(|word| if word.contains('@') { "[address]" } else { word }).collect();
    words.join(" ").chars().take(400).collect()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]
    use super::*;

    fn problem(code: &str, property: &str) -> Problem {
        Problem { code: code.to_owned(), property: Some(property.to_owned()) }
    }

    #[test]
    fn complaints_inside_the_message_are_added_to_those_in_errors() {
        let body: ErrorBody = serde_json::from_str(
            r#"{"message":"Property values were not valid: [{\"isValid\":false,\"error\":\"INVALID_OPTION\",\"name\":\"industry\"},{\"error\":\"INVALID_DATE\",\"name\":\"x\"}] sorry",
                "errors":[{"message":"no","code":"INVALID_OPTION","context":{"propertyName":["industry"]}},{"code":"NEW_ONE"}]}"#,
        )
        .unwrap();
        let expected = [
            problem("INVALID_OPTION", "industry"),
            Problem { code: "NEW_ONE".to_owned(), property: None },
            problem("INVALID_DATE", "x"),
        ];
        assert_eq!(problems(&body), expected);
    }

    #[test]
    fn a_sentence_keeps_its_sense_and_loses_its_values() {
        assert_eq!(
            without_values(r#"Property "city" of "Atelier Brun" has lena@x.example in it: [{"a":1}]"#),
            "Property `city` of … has [address] in it"
        );
    }

    #[test]
    fn our_own_property_that_vanished_points_to_the_set_up() {
        assert!(in_words(&problem("PROPERTY_DOESNT_EXIST", "epicor_key")).contains("mlc ping --set-up"));
        assert!(!in_words(&problem("PROPERTY_DOESNT_EXIST", "tier")).contains("--set-up"));
    }
}
