//! Which part of a batch was about one record, for people who want to see what was sent and answered.

use serde_json::Value;

/// A batch upsert as it was sent and answered, taken apart again.
#[derive(Debug)]
pub struct BatchParts {
    inputs: Vec<Value>,
    answer: Option<Value>,
}

impl BatchParts {
    /// Reads both bodies. An answer that is no JSON counts as none; a body that is none has no parts.
    pub fn read(sent: &[u8], answered: &[u8]) -> Self {
        let body: Value = serde_json::from_slice(sent).unwrap_or_default();
        let inputs = match body {
            Value::Object(mut body) => match body.remove("inputs") {
                Some(Value::Array(inputs)) => inputs,
                _ => Vec::new(),
            },
            _ => Vec::new(),
        };
        Self { inputs, answer: serde_json::from_slice(answered).ok() }
    }

    /// The input with this key (of a company) or address (of a contact), and what was answered to it: its entry of the results or of the
    /// errors; the whole answer where that refuses all of them; `None` where nothing of it is known to be about this record.
    pub fn of(&self, key: &str) -> Option<(&Value, Option<Value>)> {
        let input = self.inputs.iter().find(|input| is(&input["id"], key))?;
        Some((input, self.answer_to(input, key)))
    }

    fn answer_to(&self, input: &Value, key: &str) -> Option<Value> {
        let answer = self.answer.as_ref()?;
        let (results, errors) = (list(answer, "results"), list(answer, "errors"));
        if results.is_empty() && errors.is_empty() {
            return Some(answer.clone());
        }
        let trace = input["objectWriteTraceId"].as_str().unwrap_or_default();
        let by_property = input["idProperty"].as_str().unwrap_or_default();
        let alone = self.inputs.len() == 1;
        let result = results.iter().find(|result| {
            is(&result["objectWriteTraceId"], trace) || is(&result["properties"][by_property], key) || alone
        });
        let named = |error: &Value| {
            let names = |at: &str, name: &str| match &error["context"][at] {
                Value::Array(names) => names.iter().any(|found| is(found, name)),
                found => is(found, name),
            };
            names("objectWriteTraceId", trace) || names("ids", key)
        };
        let error = errors.iter().find(|error| named(error) || (alone && results.is_empty()));
        error.or(result).cloned()
    }
}

fn list<'a>(answer: &'a Value, name: &str) -> &'a [Value] {
    answer.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// HubSpot lower-cases addresses, and our keys are upper case: case tells nothing apart.
fn is(found: &Value, wanted: &str) -> bool {
    !wanted.is_empty()
        && found.as_str().is_some_and(|found| found.trim().to_lowercase() == wanted.trim().to_lowercase())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing unwrap fails the test")]
    use serde_json::json;

    use super::*;

    fn sent() -> Vec<u8> {
        let input = |item: u32, key: &str| json!({"id": key, "idProperty": "epicor_key", "objectWriteTraceId": format!("r{item}"), "properties": {"name": key}});
        json!({"inputs": [input(0, "E:VEND:1"), input(1, "E:VEND:2")]}).to_string().into_bytes()
    }

    #[test]
    fn a_record_finds_its_own_part_in_a_shuffled_answer_that_failed_in_part() {
        let answer = json!({"status": "COMPLETE",
            "results": [{"id": "9", "objectWriteTraceId": "r1", "properties": {}}],
            "errors": [{"message": "bad", "context": {"objectWriteTraceId": ["r0"]}}]});
        let parts = BatchParts::read(&sent(), answer.to_string().as_bytes());
        let (input, answered) = parts.of("e:vend:1").unwrap();
        assert_eq!((&input["properties"]["name"], &answered.unwrap()["message"]), (&json!("E:VEND:1"), &json!("bad")));
        assert_eq!(parts.of("E:VEND:2").unwrap().1.unwrap()["id"], "9");
        assert!(parts.of("E:VEND:3").is_none());
    }

    #[test]
    fn nothing_of_another_record_is_taken_for_its_own() {
        let answer = json!({"results": [{"id": "9", "properties": {"epicor_key": "E:VEND:2"}}]});
        let parts = BatchParts::read(&sent(), answer.to_string().as_bytes());
        assert_eq!(parts.of("E:VEND:1").unwrap().1, None);
        assert_eq!(parts.of("E:VEND:2").unwrap().1.unwrap()["id"], "9");
    }

    #[test]
    fn a_refusal_of_the_whole_batch_is_everybodys_answer() {
        let parts = BatchParts::read(&sent(), br#"{"status":"error","message":"no"}"#);
        assert_eq!(parts.of("E:VEND:1").unwrap().1.unwrap()["message"], "no");
        assert_eq!(BatchParts::read(&sent(), b"<html>").of("E:VEND:1").unwrap().1, None);
        assert!(BatchParts::read(b"[]", b"").of("E:VEND:1").is_none());
    }
}
